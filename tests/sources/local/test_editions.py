"""Other editions of platforms' lists and outlines, as other tenants sent them in other years, retold in our own words."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.loopback.local import LoopbackWeb, Reply, page
from support.places import Reader
from support.platform_cases import CASES, TITLE
from support.platform_cases import place as place_of

from bot.domain.agenda import Place
from bot.errors import Blocked, SourceError, Unreadable

DAY = timedelta(days=1)


def row(first: str, name: str, minutes: str = "&nbsp;") -> str:
    return f'<tr style="background-color: #E8E8E8"><td> {first} </td><td>{name}</td><td>{minutes}</td><td></td></tr>'


def linked(key: int, day: str) -> str:
    return f'<a href="agenda_publish.cfm?id=&mt=ALL&amp;get_month=12&amp;dsp=ag&amp;seq={key}" title="View">{day}</a>'


def agendaquick(*rows: str) -> bytes:
    head = "<thead><tr><td>Agendas</td><td>Meeting</td><td>Minutes</td><td>Other Links</td></tr></thead>"
    foot = '<tfoot><tr><td colspan="4"><hr></td></tr></tfoot>'
    table = f'<table class="tableCollapsed formtable" id="list">{head}{foot}<tbody>{"".join(rows)}</tbody></table>'
    return page(f'<table id="nav"><tr><th colspan="4">December, 2026</th></tr></table>{table}', title="AgendaQuick")


def small_screens(*rows: tuple[int, str, str, str]) -> bytes:
    """Return NovusAGENDA's list for small screens, in which each meeting has two rows."""
    told = "".join(
        f"<tr><td></td><td>{day}</td><td><div><label>{kind}</label></div><div>{kind}</div></td><td>{place}</td><td>"
        f'<a onClick="x(&#39;MeetingView.aspx?MeetingID={key}&amp;MinutesMeetingID={key - 2}&amp;doctype=Agenda&#39;)">'
        f'<img></a></td><td><a href="DisplayAgendaPDF.ashx?MeetingID={key}"><img></a></td></tr>'
        f'<tr class="collapse"><td colspan="8"><div><label>Meeting Location</label><div>{place}</div>'
        f'<a href="DisplayAgendaPDF.ashx?MeetingID={key}">Agenda PDF</a></div></td></tr>'
        for key, day, kind, place in rows
    )
    head = '<tr><th><a id="ctl00_ContentPlaceHolder1_rptMeetings_ctl00_lnkMeetingDate">Meeting Date</a></th></tr>'
    return page(f"<table>{head}{told}</table>", title="NovusAGENDA")


def publish_page(*rows: tuple[str, str]) -> bytes:
    """Return a page of meetings.municode.com without a column for the date."""
    told = "".join(
        f'<tr><td class="div-table-col meeting med"> {name} </td><td class="div-table-col venue">Council Chambers</td>'
        f'<td class="div-table-col time">{clock}</td><td class="div-table-col agenda"></td></tr>'
        for name, clock in rows
    )
    return page(f'<table class="div-table">{told}</table>')


def iqm2_row(key: int, at: str, files: str = "") -> str:
    shown = "MONDAY&#13;&#13;Board:&#09;Board&#13;Type:&#09;Regular&#13;Status:&#09;Scheduled&#13;&#13;&#09;Room 2"
    return (
        f'<div class="Row MeetingRow"><div class="RowLink"><a href="/Citizens/Detail_Meeting.aspx?ID={key}" '
        f'title="{shown}">{at} </a></div><div class="MeetingLinks">{files}</div>'
        '<div class="RowDetails">Board - Regular</div></div>'
    )


def iqm2_page(panel: str, *rows: str) -> bytes:
    return page(f'<div id="ContentPlaceholder1_{panel}" class="Section">{"".join(rows)}</div>', title="Meeting Portal")


def outline(*cells: str) -> bytes:
    rows = "".join(
        f"<tr><td></td><td class='Num'>1. </td><td class='Title' colspan='9'>{cell}</td></tr>" for cell in cells
    )
    return page(f"<span id='x_lblOutline'><table id='MeetingDetail' class='MeetingDetail'>{rows}</table></span>")


def place_at(server: LoopbackWeb, kind: str, path: str) -> Place:
    return Place(name="Nash County", kind=kind, address=f"{server.base}{path}", state="NC", zone="America/New_York")


def escribe_row(key: str, at: str, name: str, marks: str = "hidden", agenda: str = "") -> str:
    title = f"<a href='Meeting.aspx?Id={key}&lang=English'>{name}</a>"
    day, _, clock = at.partition(" - ")
    return (
        f"<div class='list-group-item meeting odd'><h3><div class=\"MeetingTitle\">{title}</div><div>{day}"
        f'<span class="Meeting-StartTime"> - {clock}</span></div><div class="Location-Tooltip">Room 2</div></h3>{agenda}'
        f"<div class='col-xs-12 {marks}'><div class=\"text-danger\"><strong>Meeting Cancelled</strong></div></div></div>"
    )


def escribe_page(*rows: str, past: str = "") -> bytes:
    """Return eScribe's older page. The name of a past meeting is on the list around it, and its link is its day."""
    lists = f"<div class='MeetingTypeContainer' MeetingType='Board of Ethics &amp; Rules'>{past}</div>"
    return page(f'<article class="panel MeetingListFuture">{"".join(rows)}</article><article>{lists}</article>')


EDITIONS = {
    "AgendaQuick's older list": (
        "destiny",
        "/agenda_publish.cfm?id=1",
        agendaquick(
            row('December 15, 2026<span class="red">*</span>', "BOARD OF SUPERVISORS"),
            row('December 8, 2026<span class="red">*</span>', "FINANCE COMMITTEE - CANCELED"),
            row(linked(1994, "December 1, 2026"), "BOARD OF SUPERVISORS", '<a href="?dsp=min&amp;seq=7">Minutes</a>'),
            row('<a href="docs/2026/BOS/20261130_2076/2086%5FSpanish%2Epdf" class="popup">November 30, 2026</a>', "JUNTA"),
        ),
        [("BOARD OF SUPERVISORS", "2026-12-15", ""), ("FINANCE COMMITTEE - CANCELED", "2026-12-08", "cancelled"),
         ("BOARD OF SUPERVISORS", "2026-12-01", ""), ("JUNTA", "2026-11-30", "")],
    ),
    "NovusAGENDA's list for small screens": (
        "novusagenda",
        "/agendapublic/meetingsresponsive.aspx",
        small_screens((468, "12/08/26", "Council Meeting", "NOTICE OF CANCELLATION"), (467, "12/01/26", "Work Session", "Hall")),
        [("Council Meeting", "2026-12-08", "cancelled"), ("Work Session", "2026-12-01", "")],
    ),
    "NovusAGENDA's empty list for small screens": ("novusagenda", "/agendapublic/", small_screens(), []),
    "Municode's page without a date column": (
        "municode",
        "/PublishPage/index",
        publish_page(("December 3, 2026 Planning Commission Meeting", "6:00 PM"), ("CANCELED December 10, 2026 Board", "")),
        [("December 3, 2026 Planning Commission Meeting", "2026-12-03T18:00:00-05:00", ""),
         ("CANCELED December 10, 2026 Board", "2026-12-10", "cancelled")],
    ),
    "eScribe's older page": (
        "escribe",
        "/Meetings.aspx",
        escribe_page(
            escribe_row("3a6304b5-97b9", "Dec 1 2026 - 6:30PM", "Council"),
            escribe_row("4a6304b5-97b9", "Dec 8 2026 - 10:00AM", "Council", marks=""),
            past=escribe_row("5a6304b5-97b9", "Nov 20 2026 - 1:00PM", "Nov 20 2026 - 1:00PM"),
        ),
        [("Council", "2026-12-01T18:30:00-05:00", ""), ("Council", "2026-12-08T10:00:00-05:00", "cancelled"),
         ("Board of Ethics & Rules", "2026-11-20T13:00:00-05:00", "")],
    ),
    "IQM2's home page": (
        "iqm2",
        "/Citizens/Calendar.aspx",
        iqm2_page("pnlUpcomingMeetings", iqm2_row(5, "Dec 1, 2026 6:30 PM")),
        [("Board - Regular", "2026-12-01T18:30:00-05:00", "")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("edition", EDITIONS)
async def test_each_meeting_of_an_older_or_newer_edition_is_read(edition):
    kind, path, listed, meetings = EDITIONS[edition]
    async with LoopbackWeb() as server:
        server.files[path.partition("?")[0]] = listed
        items = (await Reader(place_at(server, kind, path)).read()).items
    read = [(item.title, item.meets_at.isoformat(), item.status) for item in items]
    assert sorted(read) == sorted(meetings)


async def test_a_meeting_on_agendaquick_is_the_same_one_when_its_agenda_gets_a_number():
    async with LoopbackWeb() as server:
        server.files["/agenda_publish.cfm"] = agendaquick(
            row("December 15, 2026*", "BOARD OF SUPERVISORS"), row("December 22, 2026*", "BOARD OF SUPERVISORS")
        )
        reader = Reader(place_at(server, "destiny", "/agenda_publish.cfm?id=1"))
        before = {item.meets_on: item.id for item in (await reader.read()).items}
        server.files["/agenda_publish.cfm"] = agendaquick(
            row(linked(1994, "December 15, 2026"), "BOARD OF SUPERVISORS"),
            row("December 22, 2026*", "BOARD OF SUPERVISORS"),
        )
        (again,) = (await reader.read(DAY)).items
    assert (again.id, again.status) == (before[date(2026, 12, 15)], "")
    assert "seq=1994" in again.address


async def test_the_day_and_the_time_of_a_meeting_may_be_fields_of_their_own_on_primegov():
    def meeting(key: int, day: str, clock: str) -> dict:
        return {"id": key, "date": day, "time": clock, "title": f"Board {key}", "documentList": []}

    api = "/api/v2/PublicPortal"
    async with LoopbackWeb() as server:
        listed = [meeting(1, "Dec 1, 2026", "06:00 PM"), meeting(2, "Dec 2, 2026", "12:00 AM"), meeting(3, "", "")]
        server.files[f"{api}/ListUpcomingMeetings"] = json.dumps(listed).encode()
        archived = [meeting(4, "Nov 23, 2026", "10:00 AM"), meeting(5, "Jan 4, 2026", "10:00 AM")]
        server.files[f"{api}/ListArchivedMeetings"] = json.dumps(archived).encode()
        items = {item.id: item.meets_at for item in (await Reader(place_at(server, "primegov", "/")).read()).items}
    assert [at and at.isoformat() for at in items.values()] == [
        "2026-12-01T18:00:00-05:00", "2026-12-02", None, "2026-11-23T10:00:00-05:00",
    ]  # fmt: skip


async def test_an_item_without_a_link_on_iqm2_is_an_item_and_files_and_motions_are_numbered_apart():
    async with LoopbackWeb() as server:
        agenda = "<a href='FileOpen.aspx?Type=14&ID=9&Inline=True'>Agenda</a>"
        server.files["/Citizens/Calendar.aspx"] = iqm2_page("pnlMeetings", iqm2_row(5, "Dec 1, 2026 6:30 PM", agenda))
        server.files["/Citizens/FileOpen.aspx"] = page("<p>Agenda</p>")
        server.files["/Citizens/Detail_Meeting.aspx"] = outline(
            "<strong>NEW BUSINESS</strong>",
            "Discuss the agreement under Section 287(g)",
            "<a href='Detail_LegiFile.aspx?MeetingID=5&ID=7'>Road work</a>",
            "<a href='Detail_Motion.aspx?MeetingID=5&ID=7&CssClass= style='cursor: hand'><strong>Adjourn</strong></a>",
        )
        reader = Reader(place_at(server, "iqm2", "/Citizens/Calendar.aspx"))
        items = {item.title: item for item in (await reader.read()).items}
        again = await reader.read(DAY)
    assert [title for title in items if title != "Board - Regular"] == [
        "NEW BUSINESS", "Discuss the agreement under Section 287(g)", "Road work", "Adjourn",
    ]  # fmt: skip
    assert len({item.id for item in items.values()}) == 5
    assert items["Discuss the agreement under Section 287(g)"].address.endswith("Detail_Meeting.aspx?ID=5")
    assert again.items == (), "the words of an item are its id, so it's the same a day later"


async def test_iqm2_s_home_page_takes_no_meeting_off_the_calendar():
    async with LoopbackWeb() as server:
        rows = [iqm2_row(key, f"Dec {key}, 2026 6:30 PM") for key in (1, 2, 3)]
        server.files["/Citizens/Calendar.aspx"] = iqm2_page("pnlMeetings", *rows)
        reader = Reader(place_at(server, "iqm2", "/Citizens/Calendar.aspx"))
        await reader.read()
        server.files["/Citizens/Calendar.aspx"] = iqm2_page("pnlUpcomingMeetings", *rows[:2])
        assert (await reader.read(DAY)).items == ()
        server.files["/Citizens/Calendar.aspx"] = iqm2_page("pnlUpcomingMeetings")
        with pytest.raises(Unreadable, match="not IQM2's calendar"):
            await reader.read(DAY)


async def test_the_agenda_on_escribe_s_older_page_is_read_and_a_portal_that_turns_us_away_isn_t_asked_for_it():
    link = "<a href='Meeting.aspx?Id=3a6304b5&Agenda=Agenda&lang=English'>Agenda (HTML)</a>"
    async with LoopbackWeb() as server:
        server.files["/Meetings.aspx"] = escribe_page(
            escribe_row("3a6304b5", "Dec 1 2026 - 6:30PM", "Council", "hidden", link)
        )
        server.files["/Meeting.aspx"] = page("<p>1. Agreement with ICE under Section 287(g)</p>")
        reader = Reader(place_at(server, "escribe", "/"))
        (item,) = (await reader.read()).items
        assert (item.id, "287(g)" in item.text) == ("meeting/3a6304b5", True)
        server.asked.clear()
        server.fails = {"/GetCalendarMeetings": Reply(b"", status=403)}
        with pytest.raises(Blocked):
            await reader.read(DAY)
        assert not server.count("/Meetings.aspx")


async def test_a_calendar_of_escribe_that_fails_once_is_not_replaced_by_the_older_page():
    async with CASES["escribe"].server() as server:
        CASES["escribe"].say(server, TITLE)
        reader = Reader(place_of("escribe", server))
        await reader.read()
        server.fails = {"/GetCalendarMeetings": Reply(b"", status=500)}
        for failures, asked in ((0, 0), (3, 1)):
            reader.status = replace(reader.status, failures=failures)
            with pytest.raises(SourceError, match="500"):
                await reader.read(DAY)
            assert server.count("/Meetings.aspx") == asked
