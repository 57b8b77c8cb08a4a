"""`countersign read` and `sources check` against servers that answer as real ones do on bad days."""

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from support.loopback.ice import LoopbackIce
from support.loopback.local import (
    HTML,
    JSON,
    LoopbackCivicClerk,
    LoopbackCivicPlus,
    LoopbackLegistar,
    LoopbackPrimeGov,
    LoopbackWeb,
    Reply,
    entry,
    maintenance,
    page,
    pdf,
    rss,
)
from support.platform_cases import CASES
from support.program import bare_env, typed_in
from support.waiting import wait_for

from bot.sources import LOCAL

TITLE = "Memorandum of Agreement with ICE under Section 287(g)"
SOON = datetime.now(UTC).date() + timedelta(days=7)


@pytest.fixture
def countersign(tmp_path):
    """The program as a person runs it, in its own folder."""
    return partial(typed_in, tmp_path)


def read(countersign, *words: str) -> tuple[list[dict], list[dict]]:
    """Return the items and the mentions that a reading prints."""
    found = [json.loads(line) for line in countersign("read", *words, "--json").stdout.splitlines()]
    return [f for f in found if f["what"] == "item"], [f for f in found if f["what"] == "mention"]


# ── addresses as people type them ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["", "/", "/events", "/matters?$top=5", "/events/77", "/events/77/eventitems?Attachments=1"]
)
def test_any_address_of_a_legistar_client_means_the_client(path, countersign):
    with LoopbackLegistar().run_in_thread() as server:
        server.event(77, "Board of Commissioners", f"{SOON}", "6:30 PM")
        server.item(77, 1, TITLE)
        _, mentions = read(countersign, server.address + path, "--kind", "legistar", "--state", "NC")
        assert server.count("/eventitems/") == server.count("/events/77/events") == 0
    assert [(m["date"], m["body"]) for m in mentions] == [(f"{SOON}", "Board of Commissioners")]


def test_the_kind_may_be_a_name_people_use(countersign):
    with LoopbackWeb().run_in_thread() as server:
        server.feeds["/ViewPublisherRSS.php"] = rss(entry("1", TITLE))
        items, _ = read(countersign, f"{server.base}/ViewPublisherRSS.php?view_id=1&mode=agendas", "--kind", "Granicus")
    assert [item["title"] for item in items] == [TITLE]


def test_kind_feed_reads_only_that_feed_of_a_civicplus_site(countersign):
    with LoopbackCivicPlus().run_in_thread() as server:
        server.news = [entry("n1", TITLE, link=f"{server.base}/n1")]
        items, mentions = read(countersign, f"{server.base}/RSSFeed.aspx?ModID=1&CID=All-0", "--kind", "feed")
        assert server.count("AgendaCenter") == 0
    assert len(items) == len(mentions) == 1


def test_a_feed_whose_address_does_not_look_like_one_is_read_as_a_feed(countersign):
    with LoopbackWeb().run_in_thread() as server:
        server.feeds["/agendas"] = rss(entry("1", TITLE))
        _, mentions = read(countersign, f"{server.base}/agendas")
        proposed = countersign(
            "sources", "add", f"{server.base}/agendas", "--state", "NC", "--name", "Nowhere County, NC"
        )
    assert [mention["excerpt"] for mention in mentions] == [TITLE]
    assert 'kind = "feed"' in proposed.stdout
    assert '["Nowhere County"]' in proposed.stdout


def test_the_address_of_one_agenda_means_that_agenda_and_not_the_whole_site(countersign):
    with LoopbackCivicPlus().run_in_thread() as server:
        server.row(7, f"{SOON:%m%d%Y}", "Regular meeting", pdf("Call to order", TITLE, ""))
        items, mentions = read(countersign, f"{server.base}/AgendaCenter/ViewFile/Agenda/_{SOON:%m%d%Y}-7")
    assert [item["unreadable"] for item in items] == ["scanned, not read: no text on 1 of its 3 pages (3)"]
    assert [(mention["page"], mention["matched"]) for mention in mentions] == [
        (2, "Memorandum of Agreement with ICE, 287(g)")
    ]


def test_a_platform_on_an_unknown_host_is_read_as_a_page_and_the_error_says_what_to_add(countersign):
    with LoopbackCivicClerk().run_in_thread() as server:
        said = countersign("read", server.address, expect=1).stderr
    assert "404" in said
    assert f"--kind and its name: {', '.join(name for name in LOCAL if name not in {'feed', 'page'})}" in said


def test_control_characters_on_a_page_do_not_reach_the_terminal(countersign):
    with LoopbackWeb().run_in_thread() as server:
        server.files["/a.html"] = page(
            f"<p>\u202e{TITLE}</p>", title="\u202eAgenda \u2066of\u2069\u200b the\x1b[31m board"
        )
        shown = countersign("read", f"{server.base}/a.html").stdout
    assert "Agenda of the[31m board" in shown
    assert not set(shown) & set("\u202e\u2066\u2069\u200b\x1b")


def test_meetings_are_printed_in_calendar_order(countersign):
    with LoopbackPrimeGov().run_in_thread() as server:
        server.meeting(1, "Evening", f"{SOON}T19:00:00")
        server.meeting(2, "Morning", f"{SOON}T09:00:00")
        server.meeting(3, "Before", f"{SOON - timedelta(days=1)}T19:00:00")
        server.meeting(4, "One of a kind", f"{SOON}T12:00:00")
        server.meeting(5, "Other of a kind", f"{SOON}T12:00:00")
        items, _ = read(countersign, server.base, "--kind", "primegov")
    assert [item["title"] for item in items] == ["Before", "Morning", "One of a kind", "Other of a kind", "Evening"]


def test_a_table_that_would_not_load_is_neither_proposed_nor_written(countersign, tmp_path):
    (tmp_path / "config" / "sources").mkdir(parents=True)
    with LoopbackWeb().run_in_thread() as server:
        server.files["/a.html"] = page("<p>Agendas</p>")
        address = f"{server.base}/a.html"
        wrong = countersign("sources", "add", address, "--state", "GU", "--county", "Nash", "--write", expect=2)
        zone = countersign("sources", "add", address, "--state", "NC", "--zone", "America/New_Yrok", expect=2)
        countersign("sources", "add", address, "--state", "NC", "--county", "Nash County", "--write")
        again = countersign("sources", "add", f"{address}/", "--state", "SC", "--name", "Other", "--write", expect=2)
    assert "'Nash' isn't a county in Guam" in wrong.stderr
    assert "did you mean America/New_York?" in zone.stderr
    assert "is already in the catalog" in again.stderr
    assert [path.name for path in (tmp_path / "config" / "sources").iterdir()] == ["NC.toml"]
    assert 'county = "Nash"\n' in (tmp_path / "config" / "sources" / "NC.toml").read_text()


# ── bad days ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("make", "kind"),
    [(LoopbackLegistar, "legistar"), (LoopbackCivicClerk, "civicclerk"), (LoopbackPrimeGov, "primegov")],
)
def test_an_error_page_with_status_200_is_not_an_empty_calendar(make, kind, countersign):
    with make().run_in_thread() as server:
        server.fails["/"] = maintenance()
        done = countersign("read", server.address, "--kind", kind, "--json", expect=1)
    assert done.stdout == ""
    assert "is a web page; we expected JSON" in done.stderr
    assert "never read" not in done.stderr


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (LoopbackLegistar, "legistar"),
        (LoopbackCivicClerk, "civicclerk"),
        (LoopbackPrimeGov, "primegov"),
        (LoopbackCivicPlus, "civicplus"),
    ],
)
def test_a_platform_without_meetings_is_read_well_and_is_empty(make, kind, countersign):
    with make().run_in_thread() as server:
        done = countersign("read", server.address, "--kind", kind)
    assert "0 items, 0 mentions" in done.stderr


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(b"", HTML, 403), "403 Forbidden"),
        (Reply(b"", HTML, 404), "404 Not Found"),
        (Reply(b"", HTML, 200), "an empty body"),
        (Reply(b"%PDF-1.7\n" + b"\0" * 100_000, "application/pdf"), "PDF is broken"),
        (Reply(b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image/png"), "neither a PDF nor a web page"),
        (Reply(b"{}", JSON), "neither a PDF nor a web page"),
        (Reply(b"<p>" + b"x" * (33 << 20), HTML), "larger than the 32 MiB"),
    ],
)
def test_an_unreadable_page_is_one_line_and_exit_1(reply, said, countersign):
    with LoopbackWeb().run_in_thread() as server:
        server.fails["/a.html"] = reply
        done = countersign("read", f"{server.base}/a.html", expect=1)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


# ── beside the running program ───────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def running(folder, ice):
    """Run the program in this folder."""
    program = subprocess.Popen(
        [sys.executable, "-m", "bot", "run"], env=bare_env(folder, COUNTERSIGN_ICE_URL=ice.url), cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for((folder / "data" / "control.sock").exists)
        yield program
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(timeout=60)


def test_the_running_program_carries_out_a_check_and_one_failure_stops_no_other(countersign, tmp_path):
    with LoopbackIce().run_in_thread() as ice, LoopbackWeb().run_in_thread() as server:
        server.files["/a.html"] = page(f"<p>{TITLE}</p>")
        tables = (f'["{name}"]\nkind = "page"\naddress = "{server.base}/{name}.html"\n' for name in ("a", "gone"))
        (tmp_path / "config" / "sources").mkdir(parents=True)
        (tmp_path / "config" / "sources" / "NC.toml").write_text('zone = "America/New_York"\n' + "".join(tables))
        with running(tmp_path, ice):
            done = countersign("sources", "check", "--state", "NC", "--json", expect=1)
            checked = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
            listed = {o["name"]: o for o in map(json.loads, countersign("sources", "--json").stdout.splitlines())}
    assert checked["a, NC"]["read"]
    assert checked["a, NC"]["mentions"] == 1
    assert "404" in checked["gone, NC"]["problem"]
    assert listed["a, NC"]["last_read"]
    assert listed["gone, NC"]["last_read"] is None
    assert "404" in listed["gone, NC"]["problem"]


# ── all platforms, on a bad day ──────────────────────────────────────────────────────────────────────────────────────

JUST_A_MOMENT = page(
    "<h1>Just a moment...</h1><p>Checking your browser before you continue.</p>", title="Just a moment..."
)
BAD_DAYS = (
    (Reply(JUST_A_MOMENT, HTML), "web page|robot|browser"),
    (Reply(b"<html><body>Runtime Error</body></html>", HTML, 500), "answered 500"),
    (Reply(b"\xff\xfe\x00" * 300, JSON), "something else|not a web page|not the|neither a PDF"),
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(LOCAL))
def test_a_platform_on_a_bad_day_gets_one_clear_sentence(kind, countersign):
    case = CASES[kind]
    with case.server().run_in_thread() as server:
        case.say(server, TITLE)
        address = server.address + case.path
        for answer, sentence in BAD_DAYS:
            server.fails[case.listing if case.listing != "/" else ""] = answer
            done = countersign("read", address, "--kind", kind, "--state", "NC", expect=1)
            assert re.search(sentence, done.stderr), done.stderr
            assert done.stdout == ""
