import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.config import catalog
from bot.domain.agenda import Place
from bot.domain.geography.counties import county_names
from bot.domain.geography.fold import exact_county
from bot.domain.geography.states import STATES
from bot.errors import ConfigError, UsageError
from bot.sources.local.recognize import recognize

COMMITTED = Path(__file__).parents[2] / "config" / "sources"
GOOD = 'zone = "America/New_York"\n\n["Nash County"]\nkind = "civicplus"\naddress = "https://www.nashcountync.gov/AgendaCenter"\ncounty = "nash"\n'


def written(folder: Path, **files: str) -> Path:
    for state, text in files.items():
        (folder / f"{state}.toml").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as fault:
        catalog.places(folder)
    return [problem.replace(f"{folder}/", "") for problem in fault.value.problems]


def test_every_committed_table_is_valid_and_none_is_marked_as_verified():
    places = catalog.places(COMMITTED)
    assert len(places) > 1_300
    for name, place in places.items():
        assert name == place.name
        assert name.endswith(f", {place.state}")
        assert ZoneInfo(place.zone)
        assert not place.county or exact_county(place.state, place.county) is not None
        assert place.verified is None


def test_every_committed_address_is_recognized_as_its_platform():
    wrong = [place for place in catalog.places(COMMITTED).values() if recognize(place.address).kind != place.kind]
    assert wrong == []


def test_a_county_outside_its_states_usual_zone_has_its_own_zone():
    places = catalog.places(COMMITTED)
    assert places["Bay County, FL"].zone == "America/Chicago"
    assert places["Miami-Dade County, FL"].zone == "America/New_York"


def test_a_town_in_its_states_other_zone_says_so():
    places = catalog.places(COMMITTED)
    central = ("Pensacola, FL", "Panama city, FL", "Valparaiso, IN", "East Chicago, IN", "Henderson, KY")
    assert {places[name].zone for name in central} == {"America/Chicago"}
    assert places["Bristol, TN"].zone == "America/New_York"
    assert places["Moscow, ID"].zone == "America/Los_Angeles"
    assert places["Lawrence County, SD"].zone == "America/Denver"


def test_a_source_named_for_a_county_lies_in_that_county():
    places = catalog.places(COMMITTED)
    for place in places.values():
        named = re.match(r"(.+?) County\b", place.name)
        if named and named[1] in county_names(place.state):
            assert place.county == named[1], place.name
    assert places["Escambia County Clerk, FL"].county == "Escambia"


def test_a_table_takes_its_files_zone_and_the_usual_values(tmp_path):
    (place,) = catalog.places(written(tmp_path, NC=GOOD)).values()
    assert (place.name, place.state, place.county) == ("Nash County, NC", "NC", "Nash")
    assert (place.zone, place.every_hours, place.verified) == ("America/New_York", 6.0, None)


@pytest.mark.parametrize(
    ("state", "typed", "county"),
    [
        ("LA", "Saint Landry Parish", "St. Landry"),
        ("FL", "De Soto", "DeSoto"),
        ("MD", "Baltimore", "Baltimore"),
        ("MD", "Baltimore city", "Baltimore City"),
        ("VA", "Alexandria", "Alexandria"),
        ("SD", "Shannon", "Oglala Lakota"),
    ],
)
def test_a_county_is_kept_under_its_real_name(tmp_path, state, typed, county):
    folder = written(tmp_path, **{state: GOOD.replace('"nash"', f'"{typed}"')})
    (place,) = catalog.places(folder).values()
    assert place.county == county


def test_every_problem_of_every_file_is_listed_at_once_with_its_line(tmp_path):
    bad = GOOD + (
        '\n[Wilson]\nkind = "civicpluss"\naddress = "https://wilson.example/AgendaCenter"\n'
        '\n[Durham]\nkind = "page"\naddress = "ftp://durham.example"\n'
        '\n[Wake]\nkind = "page"\naddress = "https://wake.example"\nzone = "America/New_Yrok"\n'
        '\n[Clay]\nkind = "page"\naddress = "https://clay.example"\ncounty = "Cley"\n'
        '\n[Pitt]\nkind = "page"\naddress = "https://pitt.example"\nevery_hours = 0\n'
        '\n[Hoke]\nkind = "page"\nadress = "https://hoke.example"\n'
        '\n[Lee]\nkind = "page"\naddress = "https://lee.example"\nverified = "2026-12-01"\n'
        '\n[Again]\nkind = "civicplus"\naddress = "https://www.nashcountync.gov/AgendaCenter"\n'
    )
    assert problems(written(tmp_path, NC=bad, XQ="", VA="[half")) == [
        "NC.toml:9: Wilson: kind 'civicpluss' isn't a platform; did you mean civicplus?",
        "NC.toml:14: Durham: address must start with https:// or http:// and must not contain a password",
        "NC.toml:19: Wake: zone 'America/New_Yrok' isn't a time zone; did you mean America/New_York?",
        "NC.toml:24: Clay: county 'Cley' isn't a county in North Carolina; did you mean Clay?",
        "NC.toml:29: Pitt: every_hours must be a number of hours from 0.25 to 168",
        "NC.toml:33: Hoke: adress isn't a key of a source; did you mean address?",
        "NC.toml:38: Lee: verified must be a date without quotes, like 2026-12-01",
        "NC.toml:40: Again: has the same address as Nash County, NC; keep one of the two",
        "VA.toml: Expected ']' at the end of a table declaration (at end of document)",
        "XQ.toml: name the file for a state's postal code, as in FL.toml",
    ]


def test_every_problem_of_one_table_is_listed(tmp_path):
    bad = '[A]\nkind = "pages"\naddress = "x"\ncounty = "Cley"\nevery_hours = true\nverified = 2026\nbody = 1\n[B]\n'
    assert [problem.split(": ")[2].split()[0] for problem in problems(written(tmp_path, NC=bad))] == [
        "kind", "address", "county", "zone", "body", "every_hours", "verified", "kind", "address", "zone"
    ]  # fmt: skip


def test_two_spellings_of_one_address_are_one_address(tmp_path):
    twins = 'zone = "America/New_York"\n[A]\nkind = "page"\naddress = "http://Lee.example/"\n[B]\nkind = "page"\naddress = "https://lee.example"\n'
    assert problems(written(tmp_path, VA=twins)) == ["VA.toml:5: B: has the same address as A, VA; keep one of the two"]


def test_every_state_has_its_usual_zone_and_the_committed_files_agree():
    assert catalog.USUAL_ZONE.keys() == STATES.keys()
    for path in COMMITTED.glob("*.toml"):
        assert f'\nzone = "{catalog.USUAL_ZONE[path.stem]}"\n' in path.read_text(encoding="utf-8"), path.name


def test_a_source_is_found_by_its_name_or_a_part_of_it_and_never_guessed(tmp_path):
    two = 'zone = "America/New_York"\n["Lee County"]\nkind = "page"\naddress = "https://lee.example"\n["Leesburg"]\nkind = "page"\naddress = "https://leesburg.example"\n'
    places = catalog.places(written(tmp_path, NC=GOOD, VA=two))
    assert catalog.named(places, "nash").name == "Nash County, NC"
    assert catalog.named(places, "Lee County").name == "Lee County, VA"
    with pytest.raises(UsageError, match=r"2 sources match 'lee': Lee County, VA; Leesburg, VA"):
        catalog.named(places, "lee")
    for typed in ("Nosh County, NC", "nosh county"):
        with pytest.raises(UsageError, match="Did you mean 'Nash County"):
            catalog.named(places, typed)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("every_hours = nan", "every_hours must be a number of hours from 0.25 to 168"),
        ("every_hours = true", "every_hours must be a number of hours from 0.25 to 168"),
        ("every_hours = 169", "every_hours must be a number of hours from 0.25 to 168"),
        ("verified = 2026-12-01T08:00:00", "verified must be a date without quotes, like 2026-12-01"),
        ("body = 3", "body must be text in quotes, not 3"),
        ('zone = ""', "zone '' isn't a time zone"),
        ("count = 3", "count isn't a key of a source; did you mean county?"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write_instead(tmp_path, line, problem):
    assert problems(written(tmp_path, NC=f"{GOOD}{line}\n")) == [f"NC.toml:7: Nash County: {problem}"]


def test_the_word_county_alone_is_not_a_county(tmp_path):
    bad = GOOD.replace('county = "nash"', 'county = "County"')
    assert problems(written(tmp_path, NC=bad)) == [
        "NC.toml:6: Nash County: county 'County' isn't a county in North Carolina"
    ]


def test_a_wrong_zone_at_the_top_of_a_file_is_one_problem_however_many_tables_use_it(tmp_path):
    bad = GOOD.replace("New_York", "New_Yrok") + '\n[Wake]\nkind = "page"\naddress = "https://wake.example"\n'
    assert problems(written(tmp_path, NC=f"# mine\n{bad}")) == [
        "NC.toml:2: zone 'America/New_Yrok' isn't a time zone; did you mean America/New_York?"
    ]


def test_a_value_outside_the_tables_is_refused(tmp_path):
    assert problems(written(tmp_path, NC=f'zoen = "America/Chicago"\n{GOOD}')) == [
        'NC.toml:1: zoen: isn\'t a table; each source starts with a line like ["Nash County"]'
    ]


def test_a_problem_has_the_line_of_its_table_however_the_name_is_quoted(tmp_path):
    for header in ("['Wake']", '["Wake"]  # the capital', "[ Wake ]", '["\\u0057ake"]'):
        bad = f'{GOOD}\n{header}\nkind = "page"\naddress = "wake.example"\n'
        assert problems(written(tmp_path, NC=bad)) == [
            "NC.toml:10: Wake: address must start with https:// or http:// and must not contain a password"
        ]


NEW = Place(
    name='The "Old" Town\\, NC',
    state="NC",
    kind="feed",
    address="https://old.example/feed.rss",
    county="Nash",
    zone="America/New_York",
    every_hours=2.0,
    selector="#agenda",
    body="Board of Aldermen",
    verified=date(2026, 12, 1),
)


@pytest.mark.parametrize(
    "old", ["# mine\n" + GOOD, GOOD.rstrip() + "  # mine", (GOOD + "\n# end\n").replace("\n", "\r\n")]
)
def test_an_added_table_loads_as_the_same_place_and_the_rest_stays_as_written(tmp_path, old):
    (tmp_path / "NC.toml").write_bytes(old.encode())
    assert catalog.add(NEW, tmp_path) == tmp_path / "NC.toml"
    assert (tmp_path / "NC.toml").read_bytes().startswith(old.encode())
    assert catalog.places(tmp_path).keys() == {"Nash County, NC", NEW.name}
    assert catalog.places(tmp_path)[NEW.name] == NEW
    with pytest.raises(UsageError, match="is already in the catalog"):
        catalog.add(NEW, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["NC.toml"]


def test_a_file_with_a_byte_order_mark_is_read_and_added_to(tmp_path):
    (tmp_path / "NC.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert catalog.places(tmp_path).keys() == {"Nash County, NC"}
    catalog.add(NEW, tmp_path)
    assert catalog.places(tmp_path).keys() == {"Nash County, NC", NEW.name}


def test_the_first_source_of_a_state_begins_its_file(tmp_path):
    catalog.add(NEW, tmp_path / "sources")
    assert (tmp_path / "sources" / "NC.toml").read_text() == catalog.table(NEW) + "\n"
    assert catalog.places(tmp_path / "sources") == {NEW.name: NEW}


def test_every_committed_source_can_be_written_and_read_back(tmp_path):
    for path in COMMITTED.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.splitlines()[3])
    for place in catalog.places(COMMITTED).values():
        (tmp_path / f"{place.state}.toml").open("a").write(f"\n{catalog.table(place)}\n")
    assert catalog.places(tmp_path) == catalog.places(COMMITTED)


def test_a_place_that_the_catalog_would_refuse_is_refused_with_every_reason(tmp_path):
    bad = replace(NEW, kind="feeds", county="Nosh")
    with pytest.raises(UsageError) as fault:
        catalog.checked(bad, tmp_path)
    assert str(fault.value) == (
        "The \"Old\" Town\\: kind 'feeds' isn't a platform; did you mean feed?; "
        "county 'Nosh' isn't a county in North Carolina; did you mean Nash?"
    )
    with pytest.raises(UsageError, match="can't be called zone"):
        catalog.checked(replace(NEW, name="zone, NC"), tmp_path)
    assert catalog.checked(replace(NEW, county="nash county"), tmp_path) == NEW
