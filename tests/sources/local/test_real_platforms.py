"""Real responses of platforms, read as they were sent and compared with a count made without our readers."""

import json
import re
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from support.loopback.agendas import (
    LoopbackCivicWeb,
    LoopbackDestiny,
    LoopbackIqm2,
    LoopbackMunicode,
    LoopbackNovusAgenda,
)
from support.loopback.local import LoopbackWeb, Reply, page
from support.places import PAGES, Reader, needs_pages
from support.platform_cases import CASES

from bot.domain.agenda import AgendaItem, Place
from bot.errors import Unreadable

REAL = PAGES / "platforms"
PROJECT = Path(__file__).parents[3]
HOUR = timedelta(hours=1)


def raw(name: str) -> str:
    return (REAL / name).read_text(encoding="utf-8", errors="replace")


def field(name: str, pattern: str) -> list[str]:
    return re.findall(pattern, raw(name), re.DOTALL)


def local_time(item: AgendaItem, form: str) -> str:
    return item.meets_at.strftime(form)


async def items_of(name: str, kind: str, path: str) -> list[AgendaItem]:
    """Read one real response at its path, as the only thing on its host."""
    async with LoopbackWeb() as server:
        server.files[path] = (REAL / name).read_bytes()
        place = Place(name="A place", kind=kind, address=f"{server.base}{path}", state="NC", zone="America/New_York")
        return list((await Reader(place).read()).items)


@needs_pages
@pytest.mark.parametrize("name", ["riverside-county", "atlanta"])
async def test_each_row_of_a_real_iqm2_calendar_is_read(name):
    file = f"iqm2/{name}-calendar.html"
    items = {item.id: item for item in await items_of(file, "iqm2", "/Citizens/Calendar.aspx")}
    rows = field(file, r'class="RowLink"><a href="/Citizens/Detail_Meeting\.aspx\?ID=(\d+)" title="([^"]*)" ?>([^<]+)<')
    said = int(field(file, r"Displaying (\d+) meetings")[0])
    assert len(items) == len(rows) == said
    for key, shown, at in rows:
        item = items[f"meeting/{key}"]
        assert local_time(item, "%b %-d, %Y %-I:%M %p") == at.strip()
        assert item.body == re.search(r"Board:&#09;(.*?)&#13;", shown)[1].replace("&amp;", "&").replace("&#39;", "'")
        assert item.address.endswith(f"/Citizens/Detail_Meeting.aspx?ID={key}")
        assert item.status == ("cancelled" if "Status:&#09;Cancelled" in shown else "")


@needs_pages
async def test_each_row_of_a_real_novusagenda_list_is_read():
    file = "novusagenda/bakersfield-list.html"
    items = await items_of(file, "novusagenda", "/AgendaPublic/")
    grid = raw(file).split('radGridItems_ctl00" ')[0] if "radGridItems_ctl00" in raw(file) else raw(file)
    shown = [
        row.split("</tr>")[0] for row in re.split(r'<tr class="rg(?:Alt)?Row"', grid)[1:] if "radGridMeetings" in row
    ]
    rows = [
        (*re.findall(r"<td[^>]*>([^<]+)</td>", row)[:3], re.search(r"MeetingID=(\d+)", row)[1])
        for row in shown
        if "radGridMeetings" in row
    ]
    assert len(items) == len(rows) == 9
    found = {item.id: item for item in items}
    for day, kind, place, key in rows:
        item = found[f"meeting/{key}"]
        assert (local_time(item, "%m/%d/%y"), item.title) == (day, kind)
        assert item.status == ("cancelled" if "CANCELLATION" in place.upper() else "")


@needs_pages
@pytest.mark.parametrize("name", ["stevenson-meetings", "tumwater-list"])
async def test_each_row_of_a_real_municode_table_is_read(name):
    file = f"municode/{name}.html"
    items = await items_of(file, "municode", "/meetings")
    rows = field(
        file,
        r'date-display-single"[^>]*content="([^"]+)">.*?data-th="Meeting">\s*(.*?)\s*</td>.*?href="([^"]+)" title="[^"]*"',
    )
    assert len(rows) == raw(file).count('class="date-display-single"')
    assert len(items) == len(set(re.findall(r'data-th="View">\s*<a href="([^"]+)"', raw(file)))), "one row comes twice"
    by_time = {(item.meets_at.timestamp(), item.title) for item in items}
    assert by_time == {(datetime.fromisoformat(at).timestamp(), title.replace("&amp;", "&")) for at, title, _ in rows}
    for item in items:
        assert item.status == ("cancelled" if "cancel" in item.title.lower() else ""), item.title


@needs_pages
async def test_each_row_of_a_real_publish_page_of_municode_is_read():
    file = "municode/clovis-publishpage.html"
    items = await items_of(file, "municode", "/PublishPage/index")
    rows = field(
        file, r'div-table-col meeting.*?>\s*(.*?)\s*</td>.*?col date"\s*>\s*(\S+)\s*</td>.*?col time"\s*>\s*(.*?)\s*<'
    )
    assert len(items) == len(rows) > 0
    assert {(item.title, local_time(item, "%-m/%-d/%Y"), local_time(item, "%-I:%M %p")) for item in items} == set(rows)


@needs_pages
@pytest.mark.parametrize(
    "file",
    [
        "civicweb/sarpy-county-meetings.json",
        "civicweb/dallas-county-meetings.json",
        "diligent-community/dallas-isd-meetings.json",
        "diligent-community/tulsa-schools-meetings.json",
        "diligent-community/kck-schools-meetings.json",
    ],
)
async def test_each_row_of_a_real_list_of_civicweb_is_read(file):
    items = {item.id: item for item in await items_of(file, "civicweb", "/Services/MeetingsService.svc/meetings")}
    rows = json.loads(raw(file))
    assert len(items) == len(rows)
    for row in rows:
        item = items[f"meeting/{row['Id']}"]
        assert item.title.split() == row["Name"].split()
        assert local_time(item, "%Y-%m-%d %H:%M") == row["MeetingDateTime"]
        assert item.status == ("cancelled" if re.search("CANCELLED|CANCELED|NO MEETING", row["Name"]) else ""), (
            item.title
        )


@needs_pages
@pytest.mark.parametrize(
    ("meetings", "documents", "key", "words"),
    [
        ("civicweb/dallas-county-meetings.json", "civicweb/dallas-county-documents.json", 2097, "COURT"),
        ("civicweb/sarpy-county-meetings.json", "civicweb/sarpy-county-documents.json", 4927, "Jan 09 2024 Agenda"),
        ("diligent-community/dallas-isd-meetings.json", "diligent-community/dallas-isd-documents.json", 826, "Agenda"),
    ],
)
async def test_a_real_agenda_of_civicweb_is_the_meeting_s_own_text(meetings, documents, key, words):
    async with LoopbackWeb() as server:
        api = "/Services/MeetingsService.svc/meetings"
        server.files[api] = json.dumps([row for row in json.loads(raw(meetings)) if row["Id"] == key]).encode()
        server.files[f"{api}/{key}/meetingDocuments"] = (REAL / documents).read_bytes()
        place = Place(name="A place", kind="civicweb", address=server.base, state="TX", zone="America/Chicago")
        (item,) = (await Reader(place).read()).items
    assert words.lower() in item.text.lower()
    assert "{" not in item.text[:200], "the style sheet isn't read"
    assert not item.status


@needs_pages
async def test_a_real_agenda_of_destiny_is_read():
    async with LoopbackDestiny() as server:
        server.meeting(2021, "11/2026", "Nov 30, 2026 5:30 PM", "City Council Work Session")
        server.fails["dsp=ag"] = Reply((REAL / "destiny-agendaquick/billings-agenda.html").read_bytes(), "text/html")
        place = Place(name="Billings", kind="destiny", address=server.address, state="MT", zone="America/Denver")
        items = {item.id: item for item in (await Reader(place).read()).items}
    linked = field("destiny-agendaquick/billings-agenda.html", r"agenda-item\.cfm\?seq=(\d+)")
    assert items.keys() == {"meeting/2021", *(f"meeting/2021/item/{key}" for key in linked)}
    assert items["meeting/2021/item/12544"].title.startswith("West End Water System Update and Naming.")
    assert "PUBLIC COMMENT ON ALL ITEMS." in items["meeting/2021"].text
    assert "West End Water System" not in items["meeting/2021"].text


@needs_pages
@pytest.mark.parametrize(("name", "path"), [
    ("columbus-oh-calendar", "/Calendar.aspx"), ("chicago-calendar", "/Calendar.aspx"),
    ("fresno-departmentdetail", "/DepartmentDetail.aspx"),
])  # fmt: skip
async def test_each_row_of_a_real_calendar_of_legistar_is_read(name, path):
    file = f"legistar-html/{name}.html"
    items = {item.id: item for item in await items_of(file, "legistar", path)}
    rows = [row.split("</tr>")[0] for row in re.split(r'<tr class="rg(?:Alt)?Row"', raw(file))[1:] if "hypiCal" in row]
    assert len(items) == len(rows)
    for row in rows:
        key = re.search(r"M=IC&[^\"]*?ID=([0-9]+)", row)[1]
        item = items[f"calendar/{key}"]
        assert item.meets_on.strftime("%-m/%-d/%Y") in row
        assert item.status == ("cancelled" if re.search(r"cancel|no meeting", row, re.IGNORECASE) else item.status)


@needs_pages
@pytest.mark.parametrize("name", ["los-angeles-council", "los-angeles-health-commission"])
async def test_primegov_s_real_cancellations_stand_in_the_names_of_documents(name):
    file = f"primegov/{name}.json"
    items = {item.id: item for item in await items_of(file, "primegov", "/api/v2/PublicPortal/ListUpcomingMeetings")}
    for row in json.loads(raw(file)):
        labels = [each["templateName"] for each in row["documentList"]]
        item = items.get(f"meeting/{row['id']}")
        if labels and all("SAP" in label for label in labels):
            assert item is None
        else:
            is_off = any(re.search("Cancellation|Recess", label) for label in labels)
            assert (item.title, item.status) == (row["title"].strip(), "cancelled" if is_off else ""), labels


@needs_pages
async def test_civicclerk_s_name_of_a_template_is_no_name_of_a_meeting():
    rows = json.loads(raw("civicclerk/mandan-events.json"))
    async with LoopbackWeb() as server:
        server.files["/v1/Events"] = json.dumps({"value": rows["value"] if isinstance(rows, dict) else rows}).encode()
        place = Place(name="Mandan", kind="civicclerk", address=f"{server.base}/v1", state="ND", zone="America/Chicago")
        reader = Reader(place)
        reader.now = reader.now.replace(year=2024, month=1)
        titles = {item.id: item.title for item in (await reader.read()).items}
    assert titles["event/149"] == "City Commission"


@needs_pages
async def test_a_town_s_html_edition_and_packet_on_civicplus_are_read():
    async with LoopbackWeb() as server:
        server.files["/AgendaCenter/Search/"] = (REAL / "civicplus/anthony-updatecategorylist.html").read_bytes()
        server.files["/AgendaCenter/ViewFile/Agenda/_03042026-178"] = page("<p>Agenda</p>")
        place = Place(
            name="A", kind="civicplus", address=f"{server.base}/AgendaCenter", state="NM", zone="America/Denver"
        )
        items = {item.id: item for item in (await Reader(place).read()).items}
    assert items["agenda/178"].title == "BOT Regular Meeting"
    assert "agenda/178/packet" in items


# ── the traps ──


@pytest.mark.parametrize(
    ("kind", "fill"),
    [
        ("primegov", lambda server: server.meeting(5, "Board", "2026-12-01T00:00:00")),
        ("civicclerk", lambda server: server.event(5, "Board", "2026-12-01T00:00:00Z")),
        ("civicweb", lambda server: server.meeting(5, "Board - Dec 01 2026", "2026-12-01 00:00")),
        ("legistar", lambda server: server.event(5, "Board", "2026-12-01", "12:00 AM")),
        ("iqm2", lambda server: server.meeting(5, "Dec 1, 2026 12:00 AM", "Board", file=0)),
        ("municode", lambda server: server.row("a", "2026-12-01T00:00:00-05:00", "Board", page("<p>x</p>"))),
        ("destiny", lambda server: server.meeting(5, "12/2026", "Dec 1, 2026 12:00 AM", "Board")),
        ("escribe", lambda server: server.meeting("0a0a0a0a", "Board", "2026/12/01 00:00:00", agenda=False)),
    ],
)
async def test_midnight_is_no_time_of_a_meeting(kind, fill):
    async with CASES[kind].server() as server:
        fill(server)
        items = (await Reader(place_on(server, kind)).read()).items
    assert [item.meets_at for item in items if "/" not in item.id.partition("/")[2]] == [date(2026, 12, 1)]


@pytest.mark.parametrize(
    ("base", "folder"),
    [('<base href="/agendapublic/sub/">', "/agendapublic/sub/"), ("<BASE target=_self HREF='//127.0.0.1:PORT/x/'>", "/x/"),
     ('<base href="http://[bad">', "/agendapublic/"), ("<base target=_blank>", "/agendapublic/")],
)  # fmt: skip
async def test_a_page_may_name_the_base_of_its_links(base, folder):
    async with LoopbackNovusAgenda() as server:
        server.meeting(549, "12/01/26", "Board")
        listed = server.reply("/agendapublic/", {}).body
        port = server.base.rpartition(":")[2]
        server.fails["/agendapublic/"] = Reply(
            listed.replace(b"<body>", base.replace("PORT", port).encode() + b"<body>"), "text/html"
        )
        (meeting, *_) = (await Reader(place_on(server, "novusagenda")).read()).items
    assert meeting.address.startswith(f"{server.base}{folder}MeetingView.aspx")


def place_on(server, kind: str) -> Place:
    return Place(name="Nash County", kind=kind, address=server.address, state="NC", zone="America/New_York")


async def test_a_tenant_of_iqm2_that_is_gone_has_no_empty_calendar():
    async with LoopbackIqm2() as server:
        CASES["iqm2"].say(server, "Agreement under Section 287(g)")
        reader = Reader(place_on(server, "iqm2"))
        await reader.read()
        server.is_gone = True
        with pytest.raises(Unreadable, match="not IQM2's calendar of meetings; the place may have moved"):
            await reader.read(HOUR)


async def test_iqm2_s_own_count_says_whether_rows_are_missing():
    async with LoopbackIqm2() as server:
        for key in (1, 2, 3):
            server.meeting(key, f"Dec {key}, 2026 6:30 PM", "Board of Commissioners")
        reader = Reader(place_on(server, "iqm2"))
        await reader.read()
        del server.meetings[3]
        server.claims = 3
        assert (await reader.read(HOUR)).items == (), "a row that we can't see isn't a meeting taken off the calendar"
        server.claims = None
        assert [item.status for item in (await reader.read(HOUR)).items] == ["taken off the calendar"]


async def test_municode_s_json_is_read_in_utc_and_a_far_year_is_no_date():
    async with LoopbackMunicode() as server:
        server.has_json = True
        server.json = [
            {"MeetingID": 5, "RevisionID": 1, "Title": "Board", "CalendarDate": [{"FromDate": "2026-12-01 23:30:00"}]},
            {"MeetingID": 6, "RevisionID": 1, "Title": "CANCELED - Board Retreat December 3, 2026",
             "CalendarDate": [{"FromDate": "2099-01-01 00:00:00"}]},
        ]  # fmt: skip
        items = await Reader(place_on(server, "municode")).items()
    assert local_time(items["meeting/5"], "%Y-%m-%d %H:%M") == "2026-12-01 18:30"
    assert (str(items["meeting/6"].meets_at), items["meeting/6"].status) == ("2026-12-03", "cancelled")


async def test_civicweb_s_agenda_is_read_as_pdf_if_there_is_no_other_and_minutes_never_are():
    async with LoopbackCivicWeb() as server:
        server.wraps = True
        minutes = server.document(12, 9, html="<p>287(g) in the minutes</p>", of=2)
        server.meeting(1, "Board - Dec 01 2026", "2026-12-01 18:30", minutes, server.document(11, 4))
        server.files["/document/11"] = page("<p>Printed agenda</p>")
        items = await Reader(place_on(server, "civicweb")).items()
    assert {name: item.text for name, item in items.items()} == {"meeting/1": "Printed agenda"}


@needs_pages
@pytest.mark.slow
def test_all_real_responses_are_read_as_the_benchmark_counts_them():
    program = PROJECT / "benchmarks/read_platforms.py"
    done = subprocess.run(
        [sys.executable, str(program), "--show"], check=False, capture_output=True, text=True, cwd=PROJECT
    )
    assert done.returncode == 0, done.stdout
