from datetime import UTC, date, datetime, timedelta
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


# ── names in other namespaces ────────────────────────────────────────────────────────────────────────────────────────

DECLARED = (
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom"'
)


def item(inside: str, declared: str = DECLARED) -> bytes:
    return f'<rss version="2.0" {declared}><channel><item>{inside}</item></channel></rss>'.encode()


@pytest.mark.parametrize("declared", [DECLARED, ""])
@pytest.mark.parametrize(
    "foreign",
    [
        "<media:title>photo.jpg</media:title><media:description>A photo</media:description>",
        "<dc:title>untitled</dc:title><dc:description>none</dc:description>",
        "<itunes:title>Episode 7</itunes:title><itunes:summary>Audio</itunes:summary>",
        "<atom:title>x</atom:title><atom:summary>x</atom:summary><atom:id>x</atom:id>",
        '<media:content url="a.jpg"/><atom:link rel="alternate" href="https://other.example/"/>',
    ],
)
def test_an_element_of_another_vocabulary_does_not_hide_the_entrys_own(foreign, declared):
    own = (
        "<title>Agreement under 287(g)</title><link>https://nash.example/1</link>"
        "<description>To be voted on</description><guid>g1</guid>"
    )
    found = only(item(foreign + own, declared))
    assert (found.id, found.title, found.text) == ("g1", "Agreement under 287(g)", "To be voted on")
    assert found.link == "https://nash.example/1"


def test_an_element_of_another_vocabulary_stands_in_if_the_entry_has_none():
    inside = "<dc:title>Agreement</dc:title><itunes:summary>under 287(g)</itunes:summary><dc:date>2026-12-01</dc:date>"
    found = only(item(inside))
    assert (found.title, found.text) == ("Agreement", "under 287(g)")
    assert found.meets_at == datetime(2026, 12, 1, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("parts", "at"),
    [
        ("<gran:pubDateParts yr='2026' mo='7' day='14' hr='18' min='30' sec='0' tz='-0500'/>", "2026-07-14T18:30"),
        ("<gran:pubDateParts yr='2026' mo='7' day='14'/>", "2026-07-14"),
        ("<gran:pubDateParts yr='2026' mo='7' day='14' hr='0' min='0'/>", "2026-07-14"),
        ("<gran:pubDateParts yr='2026' mo='13' day='14'/>", "2026-07-14T19:30"),
        ("<gran:pubDateParts yr='x'/>", "2026-07-14T19:30"),
    ],
)  # fmt: skip
def test_granicus_s_time_is_the_one_on_the_clock_in_summer_too(parts, at):
    declared = 'xmlns:gran="https://www.granicus.com/schema/rss-supplements"'
    inside = f"<title>Board of Commissioners</title><pubDate>Tue, 14 Jul 2026 18:30:00 -0500</pubDate>{parts}"
    for found in (only(item(inside, declared)), only(item(inside, ""))):
        assert found.meets_at.isoformat()[:16] == at


def test_atom_with_a_prefix_and_other_vocabularies_is_read():
    feed = """<a:feed xmlns:a="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/">
    <media:title>Channel</media:title><a:title>Nash</a:title><a:entry><media:content>photo</media:content>
    <media:title>photo</media:title><a:title>Agenda</a:title><a:id>1</a:id><a:content>287(g)</a:content></a:entry></a:feed>"""
    found = read(feed.encode())
    assert (found.title, found.entries[0].title, found.entries[0].text) == ("Nash", "Agenda", "287(g)")


def test_only_the_feeds_own_entries_count():
    feed = item("<title>Agenda</title><atom:entry><atom:title>Not an entry</atom:title></atom:entry>")
    assert [entry.title for entry in read(feed).entries] == ["Agenda"]


def test_links_are_resolved_against_their_base():
    feed = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://other.example/a/"><entry xml:base="b/">
    <id>1</id><title>Agenda</title><link href="1.html"/><link rel="enclosure" type="application/pdf" href="1.pdf"/>
    </entry><entry><id>2</id><title>Two</title><link href="2.html" xml:base="/c/"/></entry></feed>"""
    one, two = read(feed.encode()).entries
    assert one.link == "https://other.example/a/b/1.html"
    assert one.agendas[0] == "https://other.example/a/b/1.pdf"
    assert two.link == "https://other.example/c/2.html"


def test_a_base_that_is_not_an_address_is_ignored():
    feed = '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://[x/"><entry><title>A</title><link href="/1"/></entry></feed>'
    assert only(feed.encode()).link == "https://nash.example/1"


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_id_that_several_entries_share_is_no_id():
    link = "https://nash.example/"
    feed = rss(entry("1", "First", link=f"{link}1"), entry("1", "Second", link=f"{link}2"), entry("3", "Third"))
    assert [found.id for found in read(feed).entries] == [f"{link}1", f"{link}2", "3"]


def test_entries_that_share_id_and_link_go_by_their_words():
    link = "https://nash.example/agendas"
    feed = rss(
        entry("1", "First", link=link), entry("1", "Second", link=link), entry("1", "Second", link=link, text="More")
    )
    assert len({found.id for found in read(feed).entries}) == 3
    assert [found.id for found in read(feed).entries] == [found.id for found in read(feed).entries]


def test_entries_without_an_id_that_share_a_link_are_all_read():
    bare = "<item><title>{}</title><link>https://nash.example/agendas</link></item>"
    assert len({found.id for found in read(rss(bare.format("A"), bare.format("B"))).entries}) == 2


# ── long feeds ───────────────────────────────────────────────────────────────────────────────────────────────────────


def posted(number: int) -> str:
    return f"{datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(hours=number):%a, %d %b %Y %H:%M:%S} GMT"


@pytest.mark.parametrize("is_falling", [True, False])
def test_the_latest_entries_of_a_long_feed_are_read_whatever_its_order(is_falling):
    numbers = sorted(range(MOST_ENTRIES + 50), reverse=is_falling)
    found = read(rss(*(entry(str(n), f"Entry {n}", published=posted(n)) for n in numbers))).entries
    assert {entry.id for entry in found} == {str(n) for n in range(50, MOST_ENTRIES + 50)}


def test_a_long_atom_feed_goes_by_its_last_update():
    old = "<entry><id>{}</id><title>Old</title><published>2026-01-02T00:00:00Z</published></entry>"
    new = "<entry><id>new</id><title>New</title><published>2025-01-01T00:00:00Z</published><updated>2026-11-01T00:00:00Z</updated></entry>"
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom">{"".join(map(old.format, range(MOST_ENTRIES)))}{new}</feed>'
    assert "new" in {entry.id for entry in read(feed.encode()).entries}


def test_a_long_feed_without_dates_is_read_at_both_ends():
    found = {entry.id for entry in read(rss(*(entry(str(n), f"Entry {n}") for n in range(1_000)))).entries}
    assert {"0", "999"} <= found


# ── letters that XML has no room for ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("&#55357;&#56832;", "\U0001f600"),
        ("&#xD83D;&#xde00;", "\U0001f600"),
        ("&#55357;", "\ufffd"),
        ("&#56832;&#55357;", "\ufffd\ufffd"),
        ("&#x110000;", "\ufffd"),
        ("&#99999999999999999999;", "\ufffd"),
        ("&#0;", "\ufffd"),
        ("&amp;#55357;&amp;#56832;", "\U0001f600"),
        ("<![CDATA[&#55357;&#56832;]]>", "\U0001f600"),
    ],
)
def test_half_of_an_emoji_hides_nothing(written, read_as):
    feed = (
        f"<rss><channel><item><title>Parade {written}</title></item><item><title>287(g)</title></item></channel></rss>"
    )
    assert [found.title for found in read(feed.encode()).entries] == [f"Parade {read_as}", "287(g)"]


def test_an_entry_that_cannot_be_read_is_skipped_and_named(monkeypatch):
    def broken(words, zone):
        if "Parade" in words:
            raise OverflowError("a date too far away")

    monkeypatch.setattr("bot.sources.formats.feed_xml.when_in", broken)
    found = read(rss(entry("1", "Parade"), entry("2", "Agreement under 287(g)")))
    assert [each.title for each in found.entries] == ["Agreement under 287(g)"]
    (problem,) = found.skipped
    assert "Parade" in problem
    assert "a date too far away" in problem
    with pytest.raises(Unreadable, match="none of its entries"):
        read(rss(entry("1", "Parade")))


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
    [("cp1252", "text/xml; charset=ISO-8859-1"), ("cp1252", "text/xml"), ("utf-8", "")],
)
def test_an_undeclared_encoding_is_found_out(encoding, content_type):
    feed = "<rss><channel><item><title>Doña Ana’s</title></item></channel></rss>"
    assert only(feed.encode(encoding), content_type).title == "Doña Ana’s", "Latin-1 is Windows-1252, as in browsers"


def test_a_feed_that_wrongly_declares_utf8_is_read():
    feed = '<?xml version="1.0" encoding="utf-8"?><rss><channel><item><title>Sheriff’s</title></item></channel></rss>'
    assert only(feed.encode("cp1252")).title == "Sheriff’s"


def test_html_entities_and_broken_xml_are_repaired():
    feed = b"\n <rss><channel><item><title>Sheriff&rsquo;s 287&nbsp;(g) & jail</title><description>open<br></item></channel>"
    assert only(feed).title == "Sheriff’s 287 (g) jail"


# ── document types ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "declared",
    [
        "<!DOCTYPE rss>",
        "<!DOCTYPE rss [ ]>",
        '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">',
        "<?xml version='1.0'?>\n<!-- made by hand --><!DOCTYPE rss [<!-- nothing -->]>",
    ],
)
def test_a_document_type_that_declares_nothing_is_harmless(declared):
    feed = f"{declared}<rss><channel><item><title>287(g)</title></item></channel></rss>"
    assert only(feed.encode()).title == "287(g)"


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel><title>&b;</title></channel></rss>',
        b'<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss><channel/></rss>',
        b'<!-- <!DOCTYPE rss> --><!DOCTYPE rss [<!ENTITY a "a">]><rss><channel/></rss>',
        b'<!DOCTYPE rss [<!ENTITY % a PUBLIC "a" "http://nash.example/a.ent"> %a;]><rss><channel/></rss>',
        b'<!DOCTYPE rss PUBLIC "a" "b" [<!ELEMENT rss ANY><!ENTITY a "a">]><rss><channel/></rss>',
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
