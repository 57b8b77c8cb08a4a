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


async def test_a_link_that_is_not_an_agenda_is_not_opened(web, reader):
    web.feeds["/a.rss"] = rss(entry("1", "Road works", link=f"{web.base}/news/1"))
    web.files["/news/1"] = page("<p>x</p>")
    await reader.read()
    assert web.count("/news") == 0


async def test_the_same_guid_twice_is_one_entry(web, reader):
    web.feeds["/a.rss"] = rss(entry("1", "First"), entry("1", "Second"))
    assert [item.title for item in (await reader.items()).values()] == ["First"]


async def test_an_entry_that_rolls_off_the_feed_is_not_news(web, reader):
    web.feeds["/a.rss"] = rss(entry("1", "Board - Dec 1, 2026"), entry("2", "Board - Dec 8, 2026"))
    await reader.read()
    web.feeds["/a.rss"] = rss(entry("2", "Board - Dec 8, 2026"))
    assert (await reader.read(HOUR)).unchanged
