from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from support.loopback.local import LoopbackWeb, entry, page, pdf, rss
from support.places import Reader

from bot.domain.agenda import Place

NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)


@pytest.fixture
async def web():
    async with LoopbackWeb() as web:
        yield web


@pytest.fixture
def reader(web) -> Reader:
    return Reader(
        Place(name="Nash", kind="feed", address=f"{web.base}/a.rss", state="NC", zone="America/New_York", body="Board")
    )


async def test_a_granicus_entry_has_the_time_of_the_meeting_and_its_agenda(web, reader):
    web.files["/AgendaViewer.php"] = pdf("Agreement under Section 287(g)")
    at = format_datetime(datetime(2026, 12, 1, 23, 30, tzinfo=UTC))
    link = f"{web.base}/AgendaViewer.php?view_id=3&event_id=9"
    guid = "6f1c9a3e-0000-4000-8000-000000000001"
    web.feeds["/a.rss"] = rss(entry(guid, "Board of Commissioners", link=link, published=at))
    item = (await reader.items())[f"entry/{guid}"]
    assert item.meets_at == datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)
    assert "287(g)" in item.pages[0]
    assert item.body == "Board"


async def test_a_feed_whose_elements_all_have_a_prefix_is_read(web, reader):
    entry = "<a:entry><a:id>1</a:id><a:title>287(g)</a:title></a:entry>"
    web.feeds["/a.rss"] = (
        f'<?xml version="1.0"?><a:feed xmlns:a="http://www.w3.org/2005/Atom">{entry}</a:feed>'.encode()
    )
    assert [item.title for item in (await reader.items()).values()] == ["287(g)"]


async def test_an_entry_that_cannot_be_read_is_a_problem_of_the_reading(web, reader, monkeypatch):
    def broken(words: str, zone: object) -> None:
        if "Parade" in words:
            raise OverflowError("too far away")

    monkeypatch.setattr("bot.sources.formats.feed_xml.when_in", broken)
    web.feeds["/a.rss"] = rss(entry("1", "Parade"), entry("2", "287(g)"))
    reading = await reader.read()
    assert [item.title for item in reading.items] == ["287(g)"]
    (problem,) = reading.problems
    assert "“Parade”" in problem


async def test_a_link_that_is_not_an_agenda_is_not_opened(web, reader):
    web.feeds["/a.rss"] = rss(entry("1", "Road works", link=f"{web.base}/news/1"))
    web.files["/news/1"] = page("<p>x</p>")
    await reader.read()
    assert web.count("/news") == 0


async def test_entries_that_share_a_guid_are_all_read(web, reader):
    web.feeds["/a.rss"] = rss(entry("1", "First"), entry("1", "Second"))
    assert [item.title for item in (await reader.items()).values()] == ["First", "Second"]


async def test_the_same_entry_twice_is_one(web, reader):
    link = "//nash.example/news/1"
    one, other = (
        entry(guid, "First", link=f"{scheme}:{link}", text="x") for guid, scheme in (("1", "https"), ("2", "http"))
    )
    web.feeds["/a.rss"] = rss(one, other)
    assert [item.title for item in (await reader.items()).values()] == ["First"]


PARADE = "A parade will be held on Main Street."


def posts(origin: str, *, guid: str = "{link}", link: str = "{origin}/news?id={n}", day: int = 20) -> bytes:
    """Return a feed with a text in one entry, only a title in two, and the same title in these two."""
    entries = []
    for n, (title, text) in enumerate(
        [("Parade", PARADE), ("Board of Commissioners", ""), ("Board of Commissioners", "")]
    ):
        here = link.format(origin=origin, n=n)
        published = f"Fri, {day - n} Nov 2026 09:00:00 GMT"
        entries.append(entry(guid.format(link=here, n=n), title, link=here, text=text, published=published))
    return rss(*entries)


@pytest.mark.parametrize(
    "after",
    [
        posts("https://nash.example"),
        posts("https://www.nash-county.example"),
        posts("http://nash.example", guid="made-anew-{n}"),
        posts("http://nash.example", guid="{link}&PHPSESSID=f6a0{n}"),
        posts("http://nash.example", link="{origin}/news?id={n}&sid=0123456789abcdef01234567"),
        posts("http://nash.example", link="{origin}/news;jsessionid=0A1B?id={n}"),
    ],
)
async def test_an_entry_under_a_new_id_is_the_same_entry(web, reader, after):
    web.feeds["/a.rss"] = posts("http://nash.example")
    before = await reader.items()
    web.feeds["/a.rss"] = after
    for _ in range(2):
        assert await reader.items() == {}
    web.feeds["/a.rss"] = after.replace(PARADE.encode(), b"287(g)")
    (changed,) = await reader.items()
    assert len(before) == 3
    assert changed not in before or before[changed].title == "Parade"


@pytest.mark.parametrize(
    "after",
    [
        posts("http://nash.example", guid="made-anew-{n}", day=24),
        posts("https://www.nash-county.example", guid="{n}", link="{origin}/posts/a{n}"),
    ],
)
async def test_an_entry_with_a_new_id_and_another_link_or_day_keeps_its_old_id(web, reader, after):
    web.feeds["/a.rss"] = posts("http://nash.example")
    before = await reader.items()
    web.feeds["/a.rss"] = after
    assert (await reader.items()).keys() <= before.keys()


async def test_the_next_meeting_under_the_same_title_is_another_entry(web, reader):
    link = "https://nash.example/agendas/"
    web.feeds["/a.rss"] = rss(entry("1", "Board", link=f"{link}1", published="Tue, 03 Nov 2026 18:30:00 -0500"))
    before = await reader.items()
    web.feeds["/a.rss"] = rss(entry("2", "Board", link=f"{link}2", published="Tue, 01 Dec 2026 18:30:00 -0500"))
    assert not (await reader.items()).keys() & before.keys()


@pytest.mark.parametrize("text", ["", "The agenda is available online."])
async def test_another_agenda_without_a_date_under_the_same_title_is_another_entry(web, reader, text):
    web.files |= {"/agenda/1": page("<p>Budget</p>"), "/agenda/2": page("<p>Agreement under 287(g)</p>")}
    web.feeds["/a.rss"] = rss(entry("1", "Board", link=f"{web.base}/agenda/1", text=text))
    before = await reader.items()
    web.feeds["/a.rss"] = rss(entry("2", "Board", link=f"{web.base}/agenda/2", text=text))
    after = await reader.items()
    assert not after.keys() & before.keys()
    assert [("287(g)" in item.text) for item in after.values()] == [True]


async def test_a_status_stored_before_words_were_keeps_its_ids(web, reader):
    link = "https://nash.example/agendas/1"
    web.feeds["/a.rss"] = rss(entry("1", "Board", link=link))
    await reader.items()
    for facts in reader.status.facts["entries"].values():
        del facts["words"], facts["content"]
    web.feeds["/a.rss"] = rss(entry("made-anew", "Board", link=link))
    assert await reader.items() == {}


async def test_an_entry_that_rolls_off_the_feed_is_not_news(web, reader):
    web.feeds["/a.rss"] = rss(entry("1", "Board - Dec 1, 2026"), entry("2", "Board - Dec 8, 2026"))
    await reader.read()
    web.feeds["/a.rss"] = rss(entry("2", "Board - Dec 8, 2026"))
    assert (await reader.read(HOUR)).unchanged
