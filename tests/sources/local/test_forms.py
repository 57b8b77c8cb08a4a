"""eScribe and BoardDocs, which are asked by POST, on the traps of their real responses."""

import json
import re
from datetime import date, timedelta

import pytest
from support.loopback.agendas import LoopbackBoardDocs, LoopbackEscribe
from support.loopback.local import Reply
from support.places import PAGES, Reader, needs_pages
from support.platform_cases import CASES, TITLE, place

from bot.domain.agenda import CANCELLED, Place
from bot.errors import Unreadable

REAL = PAGES / "platforms"
KEY = "3a6304b5-97b9-4bcc-aecd-72b8c188e73c"
HOUR = timedelta(hours=1)


@pytest.fixture
async def escribe():
    async with LoopbackEscribe() as server:
        yield server


@pytest.fixture
async def boarddocs():
    async with LoopbackBoardDocs() as server:
        yield server


def reader_of(kind: str, server) -> Reader:
    return Reader(place(kind, server))


# ── eScribe ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_escribe_s_calendar_is_asked_for_by_post(escribe):
    CASES["escribe"].say(escribe, TITLE)
    items = await reader_of("escribe", escribe).items()
    assert [asked.method for asked in escribe.asked if "GetCalendar" in asked.path] == ["POST"]
    assert items[f"meeting/{KEY}/item/3"].title == TITLE
    assert items[f"meeting/{KEY}/item/3"].body == "Board of Commissioners"


async def test_an_item_within_another_keeps_its_words_and_files_to_itself(escribe):
    inner = (
        '<div class="AgendaItemContainer"><div class="AgendaItem AgendaItem5"><div class="AgendaItemTitle">'
        f'<a href="javascript:SelectItem(5);">{TITLE}</a></div><div class="RichText AgendaItemDescription">Ask the '
        'Sheriff</div><a href="filestream.ashx?DocumentId=77">Draft agreement</a></div></div>'
    )
    escribe.meeting(KEY, "Board", "2026/12/01 18:30:00")
    escribe.items[KEY] = [(4, "NEW BUSINESS", f"<p>Public safety</p>{inner}")]
    items = await reader_of("escribe", escribe).items()
    outer, nested = items[f"meeting/{KEY}/item/4"], items[f"meeting/{KEY}/item/5"]
    assert (outer.title, " ".join(outer.text.split())) == ("NEW BUSINESS", "4. Public safety")
    assert "Ask the Sheriff" in nested.text
    assert f"meeting/{KEY}/item/5/file/77" in items
    assert f"meeting/{KEY}/item/4/file/77" not in items


@pytest.mark.parametrize(
    ("fields", "at"),
    [({"StartDate": "2026/12/01 00:00:00"}, date(2026, 12, 1)), ({"TimeOverride": "TBD"}, date(2026, 12, 1)),
     ({"TimeOverride": "6:30 PM"}, "2026-12-01T18:30:00-05:00"), ({"StartDate": "never"}, None), ({"StartDate": None}, None),
     ({"StartDate": "/Date(1796167800000)/"}, "2026-12-01T18:30:00-05:00"),
     ({"StartDate": "/Date(1796167800000-0500)/"}, "2026-12-01T18:30:00-05:00")],
)  # fmt: skip
async def test_escribe_s_times_are_local_and_may_be_unset(escribe, fields, at):
    escribe.meeting(KEY, "Board", "2026/12/01 10:00:00", agenda=False, **fields)
    meeting = (await reader_of("escribe", escribe).items())[f"meeting/{KEY}"]
    assert (meeting.meets_at.isoformat() if isinstance(at, str) else meeting.meets_at) == at


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"MeetingName": "CANCELLED - Board"}, CANCELLED), ({"Location": "NOTICE OF CANCELLATION"}, CANCELLED),
     ({"TimeOverride": "Canceled"}, CANCELLED), ({}, ""),
     ({"Description": "To consider cancellation of the 287(g) agreement"}, "")],
)  # fmt: skip
async def test_escribe_s_canceled_meetings_are_known(escribe, fields, status):
    escribe.meeting(KEY, "Board", "2026/12/01 18:30:00", agenda=False, **fields)
    assert (await reader_of("escribe", escribe).items())[f"meeting/{KEY}"].status == status


async def test_meetings_that_somebody_made_to_try_the_portal_are_left_out(escribe):
    for number, name in enumerate(("City Clerk Mock Meeting", "James Test", "Test Meeting 2", "Board of Review")):
        escribe.meeting(f"{number}{KEY[1:]}", name, "2026/12/01 18:30:00", agenda=False)
    assert [item.title for item in (await reader_of("escribe", escribe).read()).items] == ["Board of Review"]


async def test_a_portal_that_is_gone_has_no_empty_calendar(escribe):
    CASES["escribe"].say(escribe, TITLE)
    reader = reader_of("escribe", escribe)
    await reader.read()
    escribe.is_gone = True
    with pytest.raises(Unreadable, match="is a web page; we expected JSON"):
        await reader.read(HOUR)


async def test_an_agenda_without_items_is_read_from_its_pdf(escribe):
    escribe.meeting(KEY, "Board", "2026/12/01 18:30:00")
    escribe.items[KEY] = []
    items = await reader_of("escribe", escribe).items()
    assert "broken" in items[f"meeting/{KEY}"].unreadable
    assert items[f"meeting/{KEY}"].address.endswith("FileStream.ashx?DocumentId=56975")


async def test_a_page_that_is_missing_is_replaced_by_the_pdf(escribe):
    escribe.meeting(KEY, "Board", "2026/12/01 18:30:00")
    escribe.fails["/Meeting.aspx"] = Reply(b"", status=404)
    assert (await reader_of("escribe", escribe).items())[f"meeting/{KEY}"].unreadable


async def test_a_portal_that_refuses_its_files_is_still_read(escribe):
    other = KEY.replace("3", "4")
    file = '<a href="filestream.ashx?DocumentId={}">Agreement with ICE</a>'
    for number, key in enumerate((KEY, other), 1):
        escribe.meeting(key, "Board", f"2026/12/0{number} 18:30:00")
        escribe.items[key] = [(1, "Budget", file.format(number)), (2, "Audit", file.format(number + 5))]
    escribe.fails["filestream.ashx"] = Reply(b"", status=403)
    reading = await reader_of("escribe", escribe).read()
    assert {item.id for item in reading.items if "/item/" in item.id} == {
        f"meeting/{key}/item/{number}" for key in (KEY, other) for number in (1, 2)
    }
    assert escribe.count("filestream.ashx") == 1
    assert "answered 403" in reading.problems[0]


@needs_pages
async def test_the_real_calendar_and_agenda_of_escribe_are_read(escribe):
    (row,) = json.loads((REAL / "escribe/chula-vista-getcalendarmeetings.json").read_bytes())["d"]
    agenda = (REAL / "escribe/bakersfield-meeting.html").read_bytes()
    escribe.meetings = [row | {"StartDate": row["StartDate"].replace("2025", "2026")}]
    escribe.fails["/Meeting.aspx"] = Reply(agenda, "text/html")
    items = await reader_of("escribe", escribe).items()
    meeting = items.pop(f"meeting/{row['ID']}")
    assert (meeting.title, meeting.body, meeting.status) == (row["MeetingName"], row["MeetingType"], "")
    assert meeting.meets_at.isoformat() == "2026-12-17T17:15:00-05:00"
    shown = re.findall(rb"SelectItem\((\d+)\);[^>]*>([^<]+)<", agenda)
    assert {item.id.rpartition("/")[2]: item.title for item in items.values()} == {
        key.decode(): " ".join(name.decode().replace("&amp;", "&").replace("&#39;", "'").split()) for key, name in shown
    }


# ── BoardDocs ────────────────────────────────────────────────────────────────────────────────────────────────────────


@needs_pages
@pytest.mark.parametrize("name", ["akron", "chicago-teachers-pension"])
async def test_each_meeting_and_item_of_boarddocs_real_xml_is_read(boarddocs, name):
    source = (REAL / f"boarddocs/{name}-activemeetings.xml").read_text()
    boarddocs.fails["XML-ActiveMeetings"] = Reply(source.encode(), "text/xml")
    reader = reader_of("boarddocs", boarddocs)
    reader.now = reader.now.replace(year=1998)
    items = {item.id: item for item in (await reader.read()).items}
    meetings = re.findall(r'<meeting [^>]*bodyname="([^"]*)" id="(\w+)"[^>]*>\s*<name>(.*?)</name>', source)
    parts = re.findall(r'<(?:category|item) id="(\w+)"[^>]*>\s*<name>(.*?)</name>', source, re.DOTALL)
    days = re.findall(r'<date format="yyyy-mm-dd">(.*?)</date>', source)
    assert len(items) == len(meetings) + len(parts)
    for (body, key, title), day in zip(meetings, days, strict=True):
        meeting = items[f"meeting/{key}"]
        assert (meeting.title, meeting.body, str(meeting.meets_on)) == (title.replace("&amp;", "&"), body, day)
        assert meeting.status == ""
    assert {name.rpartition("/")[2] for name in items} == {key for key, _ in parts} | {key for _, key, _ in meetings}


@needs_pages
@pytest.mark.parametrize("name", ["grand-rapids", "central-valley", "goddard"])
async def test_each_row_of_boarddocs_real_lists_is_read(boarddocs, name):
    source = (REAL / f"boarddocs/{name}-meetings.json").read_bytes()
    boarddocs.has_xml = False
    boarddocs.fails["BD-GetMeetingsList"] = Reply(source)
    boarddocs.fails["/Public"] = Reply((REAL / "boarddocs/stco-public.html").read_bytes(), "text/html")
    reader = reader_of("boarddocs", boarddocs)
    reader.now = reader.now.replace(year=2022, month=12)
    items = {item.id: item for item in (await reader.read()).items}
    rows = [row for row in json.loads(source) if row.get("numberdate", "") >= "20221205"]
    assert len(items) == len({row["unique"] for row in rows}) > 0
    for row in rows:
        item = items[f"meeting/{row['unique']}"]
        assert f"{item.meets_on:%Y%m%d}" == row["numberdate"]
        assert item.title == row["name"].strip()
        assert item.body == "Board of School Directors"
        assert item.status == (CANCELLED if re.search("cancel", row["name"], re.IGNORECASE) else "")


@pytest.mark.parametrize(
    ("name", "about", "time"),
    [("Regular Meeting @ 6:30 p.m.", "", "18:30"), ("Regular Meeting", "6:30 p.m. │ Courthouse", "18:30"),
     ("Retreat @ 9:30 a.m. - 12:00 p.m.", "", "09:30"), ("Regular Meeting", "Courthouse", None)],
)  # fmt: skip
async def test_the_time_of_a_meeting_is_in_its_name_or_description(boarddocs, name, about, time):
    boarddocs.meeting("D5CSV7744EBE", name, "2026-12-01", about=about)
    meeting = (await reader_of("boarddocs", boarddocs).items())["meeting/D5CSV7744EBE"]
    assert (f"{meeting.meets_at:%H:%M}" if time else meeting.meets_at) == (time or date(2026, 12, 1))


async def test_a_site_without_xml_is_read_by_its_lists_and_keeps_its_ids(boarddocs):
    CASES["boarddocs"].say(boarddocs, TITLE)
    reader = reader_of("boarddocs", boarddocs)
    first = await reader.items()
    boarddocs.has_xml = False
    second = await reader.items(HOUR)
    assert {*second} == {"meeting/D5CSV7744EBE"} < {*first}
    assert TITLE in second["meeting/D5CSV7744EBE"].text
    boarddocs.asked.clear()
    assert (await reader.read(HOUR)).unchanged
    assert [(asked.method, asked.path.rpartition("/")[2]) for asked in boarddocs.asked if asked.path != "/robots.txt"] == [
        ("GET", "Public"), ("POST", "BD-GetMeetingsList"),
    ]  # fmt: skip


async def test_a_meeting_cut_off_in_the_middle_is_no_meeting_off_the_calendar(boarddocs):
    boarddocs.meeting("D5CSV7744EBE", "Regular Meeting", "2026-12-01")
    boarddocs.meeting("D54W5F83C08E", "Work Session", "2026-12-08")
    reader = reader_of("boarddocs", boarddocs)
    await reader.read()
    whole = boarddocs.reply(f"{boarddocs.folder}/XML-ActiveMeetings", {}).body
    boarddocs.fails["XML-ActiveMeetings"] = Reply(whole[: whole.index(b"D54W5F83C08E") - 60], "text/xml")
    assert (await reader.read(HOUR)).items == ()
    del boarddocs.meetings["D54W5F83C08E"]
    boarddocs.fails.clear()
    assert [item.status for item in (await reader.read(HOUR)).items] == ["taken off the calendar"]


@pytest.mark.parametrize("filling", ["<![CDATA[", "<meeting ", "<item ", "<date "])
async def test_xml_of_boarddocs_made_to_exhaust_us_is_read_to_its_end(boarddocs, filling):
    """Without a linear search, this takes days."""
    boarddocs.meeting("D5CSV7744EBE", "Regular Meeting", "2026-12-01", ("D5CSV7744EBF", TITLE))
    boarddocs.meeting("D54W5F83C08E", "Work Session", "2026-12-08")
    whole = boarddocs.reply(f"{boarddocs.folder}/XML-ActiveMeetings", {}).body
    boarddocs.fails["XML-ActiveMeetings"] = Reply(whole + filling.encode() * 300_000, "text/xml")
    items = await reader_of("boarddocs", boarddocs).items()
    assert {"meeting/D5CSV7744EBE", "meeting/D54W5F83C08E"} <= {*items}
    assert items["meeting/D5CSV7744EBE/item/D5CSV7744EBF"].title == TITLE


async def test_a_cdata_section_is_read_as_words_and_one_without_an_end_hides_nothing(boarddocs):
    boarddocs.meeting("D5CSV7744EBE", "SECTION", "2026-12-01", about="LOOSE")
    boarddocs.meeting("D54W5F83C08E", "Work Session", "2026-12-08")
    whole = boarddocs.reply(f"{boarddocs.folder}/XML-ActiveMeetings", {}).body
    whole = whole.replace(b"SECTION", b"<![CDATA[Fees & <b>fines</b>]]>").replace(b"LOOSE", b"<![CDATA[Courthouse")
    boarddocs.fails["XML-ActiveMeetings"] = Reply(whole, "text/xml")
    items = await reader_of("boarddocs", boarddocs).items()
    assert items["meeting/D5CSV7744EBE"].title == "Fees & fines"
    assert "meeting/D54W5F83C08E" in items


def test_the_path_of_boarddocs_tells_the_state():
    from bot.sources.local.recognize import recognize

    for address, name, state in (
        ("https://go.boarddocs.com/pa/stco/Board.nsf/Public#tab-meetings", "stco-pa", "PA"),
        ("go.boarddocs.com/vbsa/arlington/board.nsf", "arlington-vbsa", ""),
    ):
        found = recognize(address)
        assert isinstance(found, Place)
        assert (found.kind, found.name, found.state) == ("boarddocs", name, state)
    assert recognize("https://www.boarddocs.com/about").kind == "page"
