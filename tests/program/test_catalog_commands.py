"""Coverage, export and the proposals for new sources, as an operator types them."""

import csv
import io
import json
import shlex
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from support.loopback.local import LoopbackLegistar, LoopbackWeb, page
from support.program import typed_in

pytestmark = pytest.mark.slow

NASH = '["Nash County"]\nkind = "{kind}"\naddress = "{address}"\ncounty = "Nash"\nfips = "37127"\norigin = "Agenda Watch"\nseen = 2021\nsure = "read"\n'


@pytest.fixture
def countersign(tmp_path):
    """The program as a person runs it, in its own folder."""
    (tmp_path / "config" / "sources").mkdir(parents=True)
    return partial(typed_in, tmp_path)


def written(tmp_path, kind, address):
    path = tmp_path / "config" / "sources" / "NC.toml"
    path.write_text('zone = "America/New_York"\n' + NASH.format(kind=kind, address=address))


def test_coverage_counts_by_state_as_text_json_and_csv(countersign, tmp_path):
    written(tmp_path, "civicplus", "https://www.nashcountync.gov/AgendaCenter")
    shown = countersign("sources", "coverage")
    assert "NC\t100\t1\t0\t0\t0\t0" in shown.stdout
    assert "US\t3143\t1\t0\t0\t0\t0" in shown.stdout
    assert "ICE's list hasn't been read yet" in shown.stderr
    (nc,) = [
        json.loads(line) for line in countersign("sources", "coverage", "--state", "NC", "--json").stdout.splitlines()
    ]
    assert (nc["counties"], nc["counties_with_source"]) == (100, 1)
    rows = list(csv.DictReader(io.StringIO(countersign("sources", "coverage", "--csv").stdout)))
    assert (rows[-1]["state"], len(rows)) == ("US", 52)


def test_a_source_that_was_read_well_is_exported_with_the_day(countersign, tmp_path):
    with LoopbackLegistar().run_in_thread() as server:
        server.event(1, "Board", f"{datetime.now(UTC).date() + timedelta(days=3)}")
        written(tmp_path, "legistar", server.address)
        assert "0 sources of 1." in countersign("sources", "export").stderr
        countersign("sources", "check", "Nash County")
        shown = countersign("sources", "export")
        rows = list(csv.DictReader(io.StringIO(countersign("sources", "export", "--csv").stdout)))
    assert f"verified = {datetime.now(UTC).date()}" in shown.stdout
    assert 'fips = "37127"' in shown.stdout
    assert (rows[0]["name"], rows[0]["origin"], rows[0]["verified"]) == (
        "Nash County",
        "Agenda Watch",
        f"{datetime.now(UTC).date()}",
    )


def test_what_was_exported_is_the_same_catalog_elsewhere(countersign, tmp_path):
    folder = tmp_path / "config" / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "VA.toml").write_text(
        'zone = "America/New_York"\n["Richmond"]\nkind = "legistar"\ncounty = "Richmond City"\nfips = "51760"\n'
        'address = "https://webapi.legistar.com/v1/richmond?token=abc"\nbody = "Council"\nverified = 2026-11-01\n'
        '["The \\"Old\\" Town [VA]"]\nkind = "page"\naddress = "https://x.gov/#a"\nselector = "#b > p"\nevery_hours = 12\n'
    )
    (folder / "TX.toml").write_text(
        '["El Paso"]\nzone = "America/Denver"\nkind = "feed"\naddress = "https://e.gov/rss"\nverified = 2026-11-02\n'
    )
    before = countersign("sources", "export", "--all", "--json").stdout
    shown = countersign("sources", "export", "--all")
    assert shown.stdout.index("# config/sources/TX.toml") < shown.stdout.index("# config/sources/VA.toml")
    assert "hold a token" in shown.stderr
    for state in ("VA", "TX"):
        (folder / f"{state}.toml").write_text(countersign("sources", "export", "--all", "--state", state).stdout)
    assert countersign("sources", "export", "--all", "--json").stdout == before
    assert countersign("sources", "export", "--all").stdout == shown.stdout


def test_a_towns_page_with_a_calendar_in_a_frame_proposes_the_calendar(countersign):
    with LoopbackWeb().run_in_thread() as web:
        frame = '<p>Agendas</p><iframe src="https://nash.iqm2.com/Citizens/Default.aspx"></iframe><footer>Nashville, NC 27856</footer>'
        web.files["/meetings"] = page(frame, title="Meetings - Nash County")
        shown = countersign("sources", "add", f"{web.address.rstrip('/')}/meetings", expect=1)
        kept = countersign("sources", "add", f"{web.address.rstrip('/')}/meetings", "--kind", "page")
    assert "This page shows or links to https://nash.iqm2.com/Citizens/Calendar.aspx (iqm2)" in shown.stderr
    assert '["Nash County"]\nkind = "page"' in kept.stdout
    assert 'fips = "37127"\n' in kept.stdout


def test_another_places_portal_and_a_second_one_are_named(countersign):
    old, new = "https://pittcountync.iqm2.com/Citizens", "https://pittnc.portal.civicclerk.com/"
    with LoopbackWeb().run_in_thread() as web:
        both = f'<a href="{old}">2024</a><a href="{new}">2026</a>'
        web.files["/town"] = page(f"{both}<footer>PO Box 1, Ayden, NC 28513</footer>", title="Town of Ayden")
        web.files["/county"] = page(f"{both}<footer>Greenville, NC 27834</footer>", title="Pitt County")
        site = web.address.rstrip("/")
        town = countersign("sources", "add", f"{site}/town")
        county = countersign("sources", "add", f"{site}/county", expect=1)
        read = countersign("read", f"{site}/county")
    assert f"links to {old}/Calendar.aspx (iqm2), which seems to be another place's" in town.stderr
    assert "(civicclerk), which seems to be another place's" in town.stderr
    assert '[Ayden]\nkind = "page"' in town.stdout
    assert "(iqm2), so that is proposed instead" in county.stderr
    assert "It also links to https://pittnc.api.civicclerk.com/v1 (civicclerk)." in county.stderr
    again = shlex.split(county.stderr.partition("To propose it anyway, run: countersign ")[2].partition("\n")[0])
    table = countersign(*again).stdout
    assert table.startswith('["Pitt County"]\nkind = "iqm2"\n')
    assert 'county = "Pitt"\n' in table
    assert "(iqm2). To read that, run the command with it." in read.stderr


@pytest.mark.parametrize("more", [(), ("--unread", "--state", "NC")])
def test_a_platforms_own_page_is_refused_with_the_address_to_copy(countersign, more):
    shown = countersign("sources", "add", "https://pitt.granicus.com", *more, expect=2)
    assert "looks like https://pitt.granicus.com/ViewPublisher.php?view_id=NUMBER" in shown.stderr
    assert not shown.stdout
    twice = countersign("sources", "add", "https://a.gov https://b.gov", *more, expect=2)
    assert "several addresses. Give one." in twice.stderr


def test_an_unknown_platform_is_read_as_a_page_and_says_so(countersign):
    with LoopbackWeb().run_in_thread() as web:
        web.files["/a"] = page("<p>Agenda</p>")
        shown = countersign("sources", "add", f"{web.address.rstrip('/')}/a", "--state", "NC", "--name", "Pitt County")
    assert "I don't know this site's platform, so I read it as a page" in shown.stderr
    assert '["Pitt County"]' in shown.stdout
