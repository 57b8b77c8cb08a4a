import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.config import catalog
from bot.domain.geography.counties import county_names
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


def test_every_source_that_is_committed_is_well_described_and_nobody_claims_to_have_read_it():
    places = catalog.places(COMMITTED)
    assert len(places) > 1_300
    for name, place in places.items():
        assert name == place.name
        assert name.endswith(f", {place.state}")
        assert ZoneInfo(place.zone)
        assert not place.county or place.county in county_names(place.state)
        assert place.verified is None


def test_the_platform_of_every_committed_address_is_recognised():
    wrong = [place for place in catalog.places(COMMITTED).values() if recognize(place.address).kind != place.kind]
    assert wrong == []


def test_a_county_in_another_zone_than_most_of_its_state_has_its_own():
    places = catalog.places(COMMITTED)
    assert places["Bay County, FL"].zone == "America/Chicago"
    assert places["Miami-Dade County, FL"].zone == "America/New_York"


def test_a_town_that_is_known_to_lie_in_the_other_zone_of_its_state_says_so():
    places = catalog.places(COMMITTED)
    central = ("Pensacola, FL", "Panama city, FL", "Valparaiso, IN", "East Chicago, IN", "Henderson, KY")
    assert {places[name].zone for name in central} == {"America/Chicago"}
    assert places["Bristol, TN"].zone == "America/New_York"
    assert places["Moscow, ID"].zone == "America/Los_Angeles"
    assert places["Lawrence County, SD"].zone == "America/Denver"


def test_a_source_that_is_called_after_a_county_lies_in_it():
    places = catalog.places(COMMITTED)
    for place in places.values():
        named = re.match(r"(.+?) County\b", place.name)
        if named and named[1] in county_names(place.state):
            assert place.county == named[1], place.name
    assert places["Escambia County Clerk, FL"].county == "Escambia"


def test_a_table_has_what_its_file_says_and_the_usual_for_the_rest(tmp_path):
    (place,) = catalog.places(written(tmp_path, NC=GOOD)).values()
    assert (place.name, place.state, place.county) == ("Nash County, NC", "NC", "Nash")
    assert (place.zone, place.every_hours, place.verified) == ("America/New_York", 6.0, None)


def test_everything_that_is_wrong_is_said_at_once_with_its_line(tmp_path):
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
        "NC.toml:9: Wilson: kind 'civicpluss' is no platform; did you mean civicplus?",
        "NC.toml:14: Durham: address must begin with https:// (or http://) and hold no password",
        "NC.toml:19: Wake: zone 'America/New_Yrok' is no time zone; did you mean America/New_York?",
        "NC.toml:24: Clay: county 'Cley' is no county of North Carolina; did you mean Clay?",
        "NC.toml:29: Pitt: every_hours must be a number of hours from 0.25 to 168",
        "NC.toml:33: Hoke: adress is no key of a source; did you mean address?",
        "NC.toml:38: Lee: verified must be a day, as in 2026-12-01 without quotes",
        "NC.toml:40: Again: has the address of Nash County, NC; keep one of the two",
        "VA.toml: Expected ']' at the end of a table declaration (at end of document)",
        "XQ.toml: a file is called after a state's postal code, as in FL.toml",
    ]


def test_everything_that_is_wrong_with_one_table_is_said_too(tmp_path):
    bad = '[A]\nkind = "pages"\naddress = "x"\ncounty = "Cley"\nevery_hours = true\nverified = 2026\nbody = 1\n[B]\n'
    assert [problem.split(": ")[2].split()[0] for problem in problems(written(tmp_path, NC=bad))] == [
        "kind", "address", "zone", "every_hours", "body", "verified", "county", "kind", "address", "zone"
    ]  # fmt: skip


def test_two_addresses_of_one_place_are_one(tmp_path):
    twins = 'zone = "America/New_York"\n[A]\nkind = "page"\naddress = "http://Lee.example/"\n[B]\nkind = "page"\naddress = "https://lee.example"\n'
    assert problems(written(tmp_path, VA=twins)) == ["VA.toml:5: B: has the address of A, VA; keep one of the two"]


def test_every_state_has_its_usual_zone_and_the_committed_files_agree():
    assert catalog.USUAL_ZONE.keys() == STATES.keys()
    for path in COMMITTED.glob("*.toml"):
        assert f'\nzone = "{catalog.USUAL_ZONE[path.stem]}"\n' in path.read_text(encoding="utf-8"), path.name


def test_a_source_is_found_by_its_name_or_a_part_and_never_guessed(tmp_path):
    two = 'zone = "America/New_York"\n["Lee County"]\nkind = "page"\naddress = "https://lee.example"\n["Leesburg"]\nkind = "page"\naddress = "https://leesburg.example"\n'
    places = catalog.places(written(tmp_path, NC=GOOD, VA=two))
    assert catalog.named(places, "nash").name == "Nash County, NC"
    assert catalog.named(places, "Lee County").name == "Lee County, VA"
    with pytest.raises(UsageError, match=r"2 sources are called something like 'lee': Lee County, VA; Leesburg, VA"):
        catalog.named(places, "lee")
    with pytest.raises(UsageError, match="Did you mean 'Nash County, NC'"):
        catalog.named(places, "Nosh County, NC")


def test_a_table_that_is_added_loads_as_it_was_and_leaves_the_rest_as_written(tmp_path):
    folder = written(tmp_path, NC="# mine\n" + GOOD)
    place = catalog.places(folder)["Nash County, NC"]
    from dataclasses import replace

    new = replace(
        place, name='The "Old" Town\\, NC', address="https://old.example/feed.rss", kind="feed", every_hours=2.0
    )
    assert catalog.add(new, folder) == tmp_path / "NC.toml"
    assert (tmp_path / "NC.toml").read_text().startswith("# mine\n" + GOOD)
    assert catalog.places(folder)[new.name] == new
    with pytest.raises(UsageError, match="is in the catalogue already"):
        catalog.add(new, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["NC.toml"]
