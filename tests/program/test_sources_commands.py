"""The commands for local sources, as a person types them."""

import json
import os
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from support.loopback.local import (
    LoopbackCivicClerk,
    LoopbackCivicPlus,
    LoopbackLegistar,
    LoopbackPrimeGov,
    LoopbackWeb,
    Reply,
)
from support.program import typed_in
from support.scans import scan_of

TITLE = "Memorandum of Agreement with ICE under Section 287(g)"
FEED = (
    '<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><item><title>{}</title>'
    "<link>https://county.example/1</link><guid>1</guid><pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate></item></channel></rss>"
)


@pytest.fixture
def countersign(tmp_path):
    """The program as a person runs it, in its own folder."""
    return partial(typed_in, tmp_path)


def lines(done) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


PLATFORMS = {
    "legistar": (LoopbackLegistar, lambda s: (s.event(77, "Board of Commissioners", "2027-12-01", "6:30 PM"), s.item(77, 1, TITLE)), ""),
    "civicclerk": (LoopbackCivicClerk, lambda s: s.event(5, f"Board of Commissioners: {TITLE}", "2027-12-01T18:30:00Z"), ""),
    "primegov": (LoopbackPrimeGov, lambda s: s.meeting(9, f"Board of Commissioners: {TITLE}", "2027-12-01T18:30:00"), ""),
    "feed": (LoopbackWeb, lambda s: s.files.update({"/feed.rss": FEED.format(TITLE).encode()}), "/feed.rss"),
    "page": (LoopbackWeb, lambda s: s.files.update({"/a.html": f"<html><title>Agenda</title><p>{TITLE}</p></html>".encode()}), "/a.html"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLATFORMS)
def test_read_prints_each_item_and_each_mention_of_a_platform_on_any_host(kind, countersign):
    make, fill, path = PLATFORMS[kind]
    with make().run_in_thread() as server:
        fill(server)
        address = server.address.rstrip("/") + path
        found = lines(countersign("read", address, "--kind", kind, "--state", "NC", "--json"))
    items = [one for one in found if one["what"] == "item"]
    mentions = [one for one in found if one["what"] == "mention"]
    assert any(TITLE in one["title"] or kind == "page" for one in items)
    assert mentions
    assert "287(g)" in mentions[0]["matched"]
    assert "287(g)" in mentions[0]["excerpt"]
    assert {"title", "date", "body", "address"} <= items[0].keys()
    if kind in {"legistar", "civicclerk", "primegov"}:
        assert mentions[0]["date"] == "2027-12-01"


@pytest.mark.slow
def test_read_says_what_is_a_scan_and_what_ocr_has_read_of_it(countersign, tmp_path):
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" = --list-langs ] && echo List && echo eng && exit\necho "{TITLE}"')
    program.chmod(0o755)
    with LoopbackWeb().run_in_thread() as server:
        server.files["/a.pdf"] = scan_of("x", dpi=30)
        asked = ("read", server.address.rstrip("/") + "/a.pdf", "--state", "NC")
        unread = countersign(*asked)
        read = countersign(*asked, COUNTERSIGN_OCR="1", PATH=f"{program.parent}:{os.environ['PATH']}")
        missing = countersign(*asked, COUNTERSIGN_OCR="1", PATH="/nowhere")
    assert "    scanned, not read: no text on its only page\n" in unread.stdout
    assert "    1 scanned page read by OCR\n" in read.stdout
    assert "(page 1), read by OCR: check the document\n" in read.stdout
    assert "scans aren't read, because tesseract isn't installed; install it: apt-get install" in missing.stderr
    assert missing.stdout == unread.stdout
    found = countersign("status", COUNTERSIGN_OCR="1", PATH=f"{program.parent}:{os.environ['PATH']}")
    assert f"Scans are read by OCR ({program}, eng)." in found.stdout
    assert "scans aren't read" in countersign("status", COUNTERSIGN_OCR="1", PATH="/nowhere").stdout
    assert "OCR" not in countersign("status").stdout


def test_reading_an_agenda_center_reads_the_documents_it_links(countersign):
    with LoopbackCivicPlus().run_in_thread() as server:
        soon = datetime.now(UTC).date() + timedelta(days=3)
        page = f"<html><title>Agenda</title><p>{TITLE}</p></html>".encode()
        server.row(382, f"{soon:%m%d%Y}", "Regular Meeting Agenda", page)
        found = lines(countersign("read", server.address, "--kind", "civicplus", "--state", "NC", "--json"))
    assert [(one["what"], one["date"]) for one in found][:1] == [("item", soon.isoformat())]
    assert any(one["what"] == "mention" and "287(g)" in one["excerpt"] for one in found)


def test_read_tells_a_person_how_many_items_it_found_and_what_matched(countersign):
    with LoopbackWeb().run_in_thread() as server:
        server.files["/a.html"] = f"<html><title>Agenda</title><p>{TITLE}</p></html>".encode()
        done = countersign("read", server.address.rstrip("/") + "/a.html")
    assert "mentions Memorandum of Agreement with ICE, 287(g)" in done.stdout
    assert "1 item, 1 mention of 287(g)." in done.stderr


def test_read_records_nothing(countersign, tmp_path):
    with LoopbackWeb().run_in_thread() as server:
        server.files["/a.html"] = b"<html><p>287(g)</p></html>"
        countersign("read", server.address.rstrip("/") + "/a.html")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("read", "nonsense"), "isn't a web address"),
        (("read", "https://county.example", "--kind", "legistr"), "no platform 'legistr'"),
        (("sources", "check", "Atlantis County"), "No source is called"),
        (("sources", "--state", "Atlantis"), "Atlantis"),
        (("sources", "add", "https://county.example/agenda", "--unread"), "Add --state"),
    ],
)
def test_a_usage_error_is_one_line(words, said, countersign):
    assert said in countersign(*words, expect=2).stderr


def test_an_unreadable_address_is_one_line_and_exit_1(countersign):
    with LoopbackWeb().run_in_thread() as server:
        server.fails["/gone"] = Reply(b"no", "text/plain", 404)
        done = countersign("read", server.address.rstrip("/") + "/gone.rss", "--kind", "feed", "--json", expect=1)
    assert "404" in done.stderr
    assert done.stdout == ""


def test_check_reads_each_source_once_and_stores_its_status(countersign, tmp_path):
    folder = tmp_path / "config" / "sources"
    folder.mkdir(parents=True)
    with LoopbackWeb().run_in_thread() as server:
        base = server.address.rstrip("/")
        server.files["/a.html"] = f"<html><title>Agenda</title><p>{TITLE}</p></html>".encode()
        (folder / "NC.toml").write_text(
            f'zone = "America/New_York"\n[Nash]\nkind = "page"\naddress = "{base}/a.html"\n'
            f'[Wake]\nkind = "page"\naddress = "{base}/none.html"\n'
        )
        first = countersign("sources", "check", "--json", expect=1)
        again = countersign("sources", "check", "Nash", "--json")
        shown = countersign("sources", "check", "Wake", expect=1).stdout
        table = countersign("sources", "--state", "NC", "--json")
    by_name = {one["name"]: one for one in lines(first)}
    assert by_name["Nash, NC"]["read"]
    assert by_name["Nash, NC"]["mentions"] == 1
    assert not by_name["Wake, NC"]["read"]
    assert "404" in by_name["Wake, NC"]["problem"]
    assert lines(again)[0]["unchanged"]
    assert shown.startswith(f"Wake, NC: not read: {base}/none.html answered 404")
    listed = {one["name"]: one for one in lines(table)}
    assert listed["Nash, NC"]["last_read"]
    assert listed["Wake, NC"]["last_read"] is None
    assert "404" in listed["Wake, NC"]["problem"]


def test_add_proposes_a_table_that_loads_and_writes_it_when_asked(countersign, tmp_path):
    folder = tmp_path / "config" / "sources"
    folder.mkdir(parents=True)
    (folder / "VA.toml").write_text(
        'zone = "America/New_York"\n[Lee]\nkind = "page"\naddress = "https://lee.example"\n'
    )
    with LoopbackWeb().run_in_thread() as server:
        server.files["/feed.rss"] = FEED.format(TITLE).encode()
        address = server.address.rstrip("/") + "/feed.rss"
        shown = countersign("sources", "add", address, "--state", "VA", "--name", "Lee County", "--county", "Lee")
        assert '["Lee County"]\nkind = "feed"' in shown.stdout
        assert "Lee County" not in (folder / "VA.toml").read_text()
        countersign("sources", "add", address, "--state", "VA", "--name", "Lee County", "--county", "Lee", "--write")
        twice = countersign("sources", "add", address, "--state", "VA", "--name", "Other", "--write", expect=2)
    assert "already in the catalog" in twice.stderr
    assert [one["name"] for one in lines(countersign("sources", "--json"))] == ["Lee, VA", "Lee County, VA"]
