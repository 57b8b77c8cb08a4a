"""The script that merges a table of sites into the catalog."""

import importlib.util
import sys
from pathlib import Path

import pytest

from bot.config import catalog
from bot.domain.agenda import Certainty, Place
from bot.domain.agendas.bodies import body_of

PATH = Path(__file__).parents[2] / "scripts" / "merge_sources.py"
COMMITTED = Path(__file__).parents[2] / "config" / "sources"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("merge_sources", PATH)
    made = importlib.util.module_from_spec(spec)
    sys.modules["merge_sources"] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    yield made
    del sys.modules["merge_sources"]


def row(state, place, address, how="answered 200", seen="2021", kind="", platform="civicplus"):
    return {"state": state, "place": place, "type": kind, "platform": platform, "address": address, "seen": seen, "how": how}  # fmt: skip


GUESSED = "found by trying the name; the place is likely, not certain"


def merge(script, *rows, known=()):
    sources, fates = script.merged(known, [script.Site.of(each) for each in rows])
    return sources, [fate for _, fate in fates]


def test_a_county_gets_its_fips_and_a_town_its_county_and_both_say_whence(script):
    sources, fates = merge(
        script,
        row("AL", "coffeecounty", "http://al-coffeecounty.civicplus.com/AgendaCenter", kind="county"),
        row("AL", "gulfshores", "https://www.gulfshoresal.gov/AgendaCenter"),
    )
    assert fates == ["added", "added"]
    coffee, shores = sources["Coffee County, AL"], sources["Gulf Shores, AL"]
    assert (coffee.fips, coffee.county, coffee.origin, coffee.seen) == ("01031", "Coffee", "civic-scraper", 2021)
    assert (shores.fips, shores.county, shores.sure, shores.zone) == (
        "",
        "Baldwin",
        Certainty.ANSWERED,
        "America/Chicago",
    )


@pytest.mark.parametrize(
    ("address", "state", "place", "platform"),
    [
        ("https://newkent.novusagenda.com", "OH", "Kent", "novusagenda"),
        ("https://mi-adrianlibrary.civicplus.com", "MI", "Adrian", "civicplus"),
        ("https://nj-morristownship.civicplus.com", "NJ", "Morristown", "civicplus"),
        ("https://columbusoh.legistar.com", "GA", "Columbus", "legistar"),
        ("https://wilmington.legistar.com", "DE", "Wilmington", "legistar"),
        ("https://tulsa.granicus.com", "OK", "Tulsa", "granicus"),
    ],
)
def test_a_guess_that_may_be_another_bodys_or_cannot_be_read_is_left_out(script, address, state, place, platform):
    sources, (fate,) = merge(script, row(state, place, address, GUESSED, "2025", platform=platform))
    assert sources == {}
    assert fate not in {"", "added"}


@pytest.mark.parametrize(
    ("state", "place", "kind"),
    [
        ("CO", "southgatewsd", ""),
        ("CA", "San Francisco Bay Area Rapid Transit District", "transportation"),
        ("AK", "North Pacific Fishery Management Council", "fishery management council"),
        ("CA", "San Bernardino County Employees' Retirement Assoc.", "retirement"),
        ("IL", "itascaparkdistrict", ""),
        ("TX", "Dallas Independent School District", "school district"),
    ],
)
def test_a_body_that_cannot_decide_about_policing_is_left_out(script, state, place, kind):
    sources, _ = merge(script, row(state, place, "https://x.civicplus.com/AgendaCenter", kind=kind))
    assert sources == {}


def test_a_town_whose_name_has_such_a_word_and_a_countys_sheriff_and_clerk_stay(script):
    assert body_of("IA", "waterloo").name == "Waterloo"
    assert all(script.decides_on_policing(name) for name in ("Escambia County Clerk", "Pueblo County Sheriff"))


def test_two_sites_of_one_body_are_one_source_and_the_one_that_someone_read_wins(script):
    known = Place(name="Tacoma, WA", kind="civicplus", address="http://wa-tacoma.civicplus.com/AgendaCenter", state="WA", zone="America/Los_Angeles")  # fmt: skip
    sources, fates = merge(
        script,
        row(
            "WA",
            "Tacoma",
            "https://cityoftacoma.legistar.com/Calendar.aspx",
            "read by Agenda Watch",
            platform="legistar",
        ),
        row("WA", "tacoma", "https://www.cityoftacoma.org/AgendaCenter"),
        known=[known],
    )
    assert [(place.name, place.kind) for place in sources.values()] == [("Tacoma, WA", "legistar")]
    assert fates == ["replaces the source", "its body has a source"]


def test_merging_again_changes_nothing(script):
    rows = [row("AL", "boaz", "https://www.cityofboaz.org/AgendaCenter"), row("GA", "Rome", "https://romega.legistar.com", GUESSED, "2025", platform="legistar")]  # fmt: skip
    sources, _ = merge(script, *rows)
    again, fates = merge(script, *rows, known=sources.values())
    assert again == sources
    assert "added" not in fates


def test_writing_the_committed_catalog_again_gives_the_same_bytes(tmp_path):
    catalog.write(catalog.places(COMMITTED).values(), tmp_path)
    for path in COMMITTED.glob("*.toml"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_table_with_a_wrong_code_year_or_certainty_says_so(tmp_path):
    table = '["Nash County"]\nkind = "page"\naddress = "https://x.gov/a"\ncounty = "Nash"\n{}\n'
    for line, why in (('fips = "37147"', "is Pitt and not Nash"), ("seen = 1066", "seen must be a year"), ('sure = "maybe"', "must be read, answered or guessed")):  # fmt: skip
        (tmp_path / "NC.toml").write_text('zone = "America/New_York"\n' + table.format(line))
        with pytest.raises(Exception, match=why):
            catalog.places(tmp_path)
