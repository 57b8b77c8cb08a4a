from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.loopback.local import LoopbackPrimeGov, Reply, page, pdf
from support.places import Reader

from bot.domain.agenda import OFF_CALENDAR, Place

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


async def test_an_agenda_is_read_as_pdf_if_its_page_is_missing(portal, reader):
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
    assert {asked.query["meetingTemplateId"] for asked in portal.asked if "Compiled" in asked.path} == {"10", "13"}


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


# ── agendas as pages ─────────────────────────────────────────────────────────────────────────────────────────────────

AREA = (
    '<div class="item_contents" id="agenda_item_area_7"><p>The Sheriff asks for it.</p><a '
    'href="/api/compilemeetingattachmenthistory/historyattachment/?historyId=0a1b2c3d-aaaa">Draft agreement</a></div>'
)
FORMS = {
    "with numbers": '<div class="meeting-item" data-itemid="7" data-mig="x"><table class="item-table"><tr><td class='
    '"number-cell">(1)</td><td class="item-cell"><div class="agenda-item">287(g) agreement</div></td></tr></table></div>',
    "older": '<div class="agenda-item" id="AgendaItem_7">287(g) agreement</div>',
    "tables": '<table data-itemid="7"><tr><td>1.</td><td class="item-cell">287(g) agreement</td></tr></table>',
}


def with_page(portal, content: str) -> None:
    html = portal.document(11, "HTML Agenda", b"never asked for", output=3)
    portal.meeting(5, "Board", "2026-12-01T18:30:00", html, portal.document(11, "Agenda", pdf("The PDF of 287(g)")))
    portal.pages["11"] = page(f"<p>Meeting at the courthouse</p>{content}")


@pytest.mark.parametrize("form", FORMS)
async def test_the_items_on_the_page_of_an_agenda_are_read(portal, reader, form):
    with_page(portal, FORMS[form] + AREA)
    portal.files["/api/compilemeetingattachmenthistory/historyattachment/"] = page("<p>Draft</p>")
    items = await reader.items()
    assert items.keys() == {"meeting/5", "meeting/5/item/7", "meeting/5/item/7/file/0a1b2c3d-aaaa"}
    item, meeting = items["meeting/5/item/7"], items["meeting/5"]
    assert item.title.endswith("287(g) agreement")
    assert "The Sheriff asks for it." in item.text
    assert item.address == meeting.address == f"{portal.base}/Portal/Meeting?meetingTemplateId=11"
    assert "courthouse" in meeting.text
    assert "Sheriff" not in meeting.text
    assert "287(g)" not in meeting.text
    assert portal.count("Compiled") == 0


@pytest.mark.slow
async def test_a_page_with_thousands_of_items_is_searched_only_once(portal, reader):
    """If each item searched the page again, this would take many minutes."""
    content = "".join(
        f'<div class="agenda-item" id="AgendaItem_{n}">Item {n}</div><div id="agenda_item_area_{n}"><p>Words {n}</p></div>'
        for n in range(4_900)
    )
    with_page(portal, content + "<div></div>" * 70_000)
    items = await reader.items()
    assert len(items) == 1 + 4_900
    assert items["meeting/5/item/4899"].text == "Words 4899"


async def test_a_page_without_items_is_replaced_by_the_pdf(portal, reader):
    with_page(portal, "<p>Loading agenda ...</p>")
    assert (await reader.items())["meeting/5"].pages == ("The PDF of 287(g)",)


async def test_an_outside_document_is_read_at_its_own_address(portal, reader):
    document = portal.document(10, "Agenda", b"never asked for")
    portal.files["/outside.html"] = page("<p>Outside</p>")
    portal.meeting(5, "Board", "2026-12-01T18:30:00", document | {"link": f"{portal.base}/outside.html"})
    assert (await reader.items())["meeting/5"].text == "Outside"


# ── the archive ──────────────────────────────────────────────────────────────────────────────────────────────────────


def archived(portal, key: int, at: str) -> None:
    portal.meeting(key, "Board", at)
    portal.archive.append(portal.meetings.pop())


async def test_a_meeting_that_moved_to_the_archive_before_it_began_still_takes_place(portal, reader):
    portal.meeting(5, "Board", "2026-11-24T18:30:00")  # today, in the evening
    portal.meeting(6, "Board", "2026-12-01T18:30:00")
    await reader.read()
    portal.archive.append(portal.meetings.pop(0))
    assert await reader.items() == {}
    portal.archive.clear()
    assert {name: item.status for name, item in (await reader.items(timedelta(days=1))).items()} == {}


async def test_a_meeting_that_is_on_neither_list_is_off_the_calendar(portal, reader):
    portal.meeting(5, "Board", "2026-12-01T18:30:00")
    portal.meeting(6, "Board", "2026-12-08T18:30:00")
    await reader.read()
    portal.meetings.pop()
    assert {name: item.status for name, item in (await reader.items()).items()} == {"meeting/6": OFF_CALENDAR}


@pytest.mark.parametrize("status", [403, 500])
async def test_no_meeting_is_off_the_calendar_while_the_archive_cannot_be_read(portal, reader, status):
    portal.meeting(5, "Board", "2026-12-01T18:30:00")
    portal.meeting(6, "Board", "2026-12-08T18:30:00")
    await reader.read()
    portal.meetings.pop()
    portal.fails["Archived"] = Reply(b"", status=status)
    reading = await reader.read(HOUR)
    assert reading.items == ()
    assert str(status) in reading.problems[0]


async def test_only_the_last_two_weeks_of_the_archive_are_read_also_across_the_year(portal, reader):
    for key, at in ((1, "2026-12-08T18:30:00"), (2, "2026-12-28T18:30:00"), (3, "2027-01-04T18:30:00")):
        archived(portal, key, at)
    reader.now = datetime(2027, 1, 5, 17, 0, tzinfo=ZoneInfo("UTC"))
    assert (await reader.items()).keys() == {"meeting/2", "meeting/3"}
    assert [asked.query["year"] for asked in portal.asked if "Archived" in asked.path] == ["2026", "2027"]
