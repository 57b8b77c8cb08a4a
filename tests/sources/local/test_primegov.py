from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.loopback.local import LoopbackPrimeGov, page, pdf
from support.places import Reader

from bot.domain.agenda import Place

HOUR = timedelta(hours=1)


@pytest.fixture
async def portal():
    async with LoopbackPrimeGov() as portal:
        yield portal


@pytest.fixture
def reader(portal) -> Reader:
    return Reader(place(f"{portal.base}/public/portal"))


def place(address: str) -> Place:
    return Place(name="Nash County", kind="primegov", address=address, state="NC", zone="America/New_York")


async def test_an_agenda_is_read_as_pdf_if_there_is_a_choice(portal, reader):
    portal.meeting(
        5,
        "Board of Supervisors",
        "2026-12-01T18:30:00",
        portal.document(12, "Minutes", b"never asked for"),
        portal.document(11, "HTML Agenda", page("<p>As a page</p>"), output=3),
        portal.document(10, "Agenda", pdf("Agreement under Section 287(g)")),
        portal.document(13, "Agenda Packet", page("<p>All of it</p>")),
    )
    items = await reader.items()
    assert items.keys() == {"meeting/5", "meeting/5/agenda-packet"}
    meeting = items["meeting/5"]
    assert "287(g)" in meeting.pages[0]
    assert meeting.meets_at == datetime(2026, 12, 1, 18, 30, tzinfo=ZoneInfo("America/New_York"))
    assert meeting.address == f"{portal.base}/Public/CompiledDocument?meetingTemplateId=10&compileOutputType=1"
    assert [asked.query["meetingTemplateId"] for asked in portal.asked if "Compiled" in asked.path] == ["10", "13"]


async def test_an_agenda_added_later_or_recompiled_belongs_to_the_same_meeting(portal, reader):
    portal.meeting(5, "Board of Supervisors", "2026-12-01T18:30:00")
    first = (await reader.items())["meeting/5"]
    assert first.address == f"{portal.base}/public/portal"
    for template, words in ((10, "Budget"), (14, "Budget and 287(g)")):
        portal.meetings.clear()
        document = portal.document(template, "Agenda", page(f"<p>{words}</p>"))
        portal.meeting(5, "Board of Supervisors", "2026-12-01T18:30:00", document)
        assert (await reader.items())["meeting/5"].text == words


async def test_an_agenda_replaced_in_place_is_found_the_next_day(portal, reader):
    portal.meeting(5, "Board", "2026-12-01T18:30:00", portal.document(10, "Agenda", page("<p>Budget</p>")))
    await reader.read()
    portal.compiled["10"] = page("<p>Budget and 287(g)</p>")
    assert await reader.items(timedelta(hours=6)) == {}
    assert (await reader.items(timedelta(hours=24)))["meeting/5"].text == "Budget and 287(g)"


async def test_a_missing_document_is_a_problem_but_the_meeting_stays(portal, reader):
    portal.meeting(5, "Board", "2026-12-01T18:30:00", {"templateId": 99, "templateName": "Agenda"})
    reading = await reader.read()
    assert [item.id for item in reading.items] == ["meeting/5"]
    assert "answered 404" in reading.problems[0]
    assert (await reader.read(HOUR)).unchanged, "it is asked for again tomorrow"


async def test_a_document_of_another_kind_is_unreadable(portal, reader):
    portal.meeting(5, "Board", "2026-12-01T18:30:00", portal.document(10, "Agenda", b"PK\x03\x04 a Word file"))
    meeting = (await reader.items())["meeting/5"]
    assert "neither a PDF nor a web page" in meeting.unreadable
