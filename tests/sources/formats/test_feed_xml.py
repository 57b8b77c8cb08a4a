from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.loopback.local import entry, rss
from support.places import TUESDAY

from bot.domain.document import Document, digest
from bot.errors import Unreadable
from bot.sources.formats.feed_xml import read_feed
from bot.sources.formats.limits import MOST_ENTRIES

NEW_YORK = ZoneInfo("America/New_York")


def read(body: bytes, content_type: str = "text/xml"):
    document = Document(
        address="https://nash.example/feeds/agendas.rss",
        name="agendas.rss",
        body=body,
        sha256=digest(body),
        headers={"content-type": content_type},
        fetched_at=TUESDAY,
    )
    return read_feed(document, NEW_YORK)


def only(body: bytes, content_type: str = "text/xml"):
    (found,) = read(body, content_type).entries
    return found


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_atom_is_read():
    feed = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Nash</title>
    <entry><id>tag:nash,2026:1</id><title type="html">Agreement &lt;b&gt;287(g)&lt;/b&gt;</title>
    <link rel="self" href="/self"/><link rel="alternate" href="../items/1"/>
    <link rel="enclosure" type="application/pdf" href="https://nash.example/1"/>
    <updated>2026-11-20T12:00:00-05:00</updated>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One</p><p>Two</p></div></content></entry></feed>"""
    found = only(feed.encode())
    assert (found.id, found.title, found.link) == (
        "tag:nash,2026:1",
        "Agreement 287(g)",
        "https://nash.example/items/1",
    )
    assert found.text == "One Two"
    assert found.agendas == ("https://nash.example/1",)
    assert found.meets_at == datetime(2026, 11, 20, 12, tzinfo=NEW_YORK)


def test_rss_1_0_is_read():
    feed = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Nash</title></channel>
    <item><title>Agenda</title><link>https://nash.example/1</link><dc:date>2026-12-01</dc:date></item></rdf:RDF>"""
    found = only(feed.encode())
    assert (found.id, found.title) == ("https://nash.example/1", "Agenda")
    assert found.meets_at == datetime(2026, 12, 1, tzinfo=NEW_YORK)


def test_the_full_text_is_read_if_there_is_one():
    feed = rss(entry("1", "News", text="Short")).replace(
        b"<description>", b"<content:encoded><![CDATA[<p>The <i>whole</i> text</p>]]></content:encoded><description>"
    )
    assert only(feed).text == "The whole text"


def test_an_entry_without_a_guid_goes_by_its_link_or_else_its_words():
    link = "<item><title>A</title><link>https://nash.example/1</link></item>"
    bare = "<item><title>B</title></item>"
    first, second = read(rss(link, bare)).entries
    assert first.id == "https://nash.example/1"
    assert second.id == read(rss(bare)).entries[0].id != ""


def test_an_empty_feed_has_no_entries():
    assert read(rss()).entries == ()


def test_a_feed_of_thousands_is_cut_off():
    assert len(read(rss(*(entry(str(n), f"Entry {n}") for n in range(1_000)))).entries) == MOST_ENTRIES


# ── days ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("title", "published", "meets_at"),
    [
        ("Board of Commissioners - Dec 01, 2026", "", date(2026, 12, 1)),
        ("Board, December 1st, 2026 at 6:30 PM", "", datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)),
        ("Board 12/1/2026", "Fri, 20 Nov 2026 09:00:00 GMT", date(2026, 12, 1)),
        ("Board 2026-12-01", "", date(2026, 12, 1)),
        ("Board", "Tue, 01 Dec 2026 18:30:00 -0500", datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)),
        ("Board", "Tue, 01 Dec 2026 23:30:00 GMT", datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)),
        ("Board", "Tue, 01 Dec 2026 18:30:00", datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)),
        ("Board", "2026-12-01T18:30:00", datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)),
        ("Board", "December 1, 2026", date(2026, 12, 1)),
        ("Board", "soon", None),
        ("Board 13/45/2026", "Mon, 99 Foo 0001", None),
        ("Resolution 12-34-2026 and 1/2/20261", "", None),
    ],
)
def test_the_day_is_in_the_title_or_else_that_of_publication(title, published, meets_at):
    assert only(rss(entry("1", title, published=published))).meets_at == meets_at


# ── encodings ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_any_declared_encoding_is_read(encoding):
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    feed = (
        f'<?xml version="1.0" encoding="{declared}"?><rss><channel><item><title>Doña Ana</title></item></channel></rss>'
    )
    assert only(feed.encode(encoding)).title == "Doña Ana"


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [("iso-8859-1", "text/xml; charset=ISO-8859-1"), ("cp1252", "text/xml"), ("utf-8", "")],
)
def test_an_undeclared_encoding_is_found_out(encoding, content_type):
    feed = "<rss><channel><item><title>Doña Ana’s</title></item></channel></rss>"
    found = only(feed.encode(encoding, "replace"), content_type)
    assert found.title.startswith("Doña Ana")


def test_a_feed_that_wrongly_declares_utf8_is_read():
    feed = '<?xml version="1.0" encoding="utf-8"?><rss><channel><item><title>Sheriff’s</title></item></channel></rss>'
    assert only(feed.encode("cp1252")).title == "Sheriff’s"


def test_html_entities_and_broken_xml_are_repaired():
    feed = b"\n <rss><channel><item><title>Sheriff&rsquo;s 287&nbsp;(g) & jail</title><description>open<br></item></channel>"
    assert only(feed).title == "Sheriff’s 287 (g) jail"


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel><title>&b;</title></channel></rss>',
        b'<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss><channel/></rss>',
        '<!DOCTYPE rss [<!ENTITY a "a">]><rss><channel/></rss>'.encode("utf-16"),
    ],
)
def test_a_dtd_is_refused(body):
    with pytest.raises(Unreadable, match="DTD"):
        read(body)


@pytest.mark.parametrize("body", [b"<rss", b"<rss></rss>", b"<rss><chan", b"", b"<", "<rss>".encode("utf-16")])
def test_a_truncated_feed_is_not_an_empty_one(body):
    with pytest.raises(Unreadable):
        read(body)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_anything_is_read_or_refused(body):
    for feed in (body, b"<rss><channel><item><title>" + body + b"</title><pubDate>" + body):
        try:
            read(feed)
        except Unreadable:
            continue
