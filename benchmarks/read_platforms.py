"""Read real responses of all platforms, and compare what comes out with rows taken from the raw bytes by other means.

    python benchmarks/read_platforms.py [--pages ../shared/local-pages] [--show]

Each response is served at its platform's path on loopback and read by the function behind `countersign read`, with the
clock at the time of the recording, because the platforms are asked only for recent meetings. The rows are found with
regular expressions or in the JSON, never with our readers. Five of each are compared field by field: the title, the
date, the time and the status. `--show` prints each row that differs. The last lines name the responses that aren't read.
"""

import argparse
import asyncio
import html
import json
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import structlog

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.loopback.local import JSON, LoopbackWeb, Reply

from bot.commands.local_sources import read
from bot.domain.agenda import Place
from bot.fetch import Fetch, Limits

SAMPLE = 5
PAGES = Path(__file__).parents[2] / "shared" / "local-pages"
MONTHS = {name: n for n, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)}  # fmt: skip
OFF = re.compile(r"cancel|no meeting|recess notice", re.IGNORECASE)


class Row(NamedTuple):
    """One row of a raw response. `time` is None if the response has no time, `status` is "" or "cancelled"."""

    id: str
    title: str
    date: str
    time: str | None = None
    status: str = ""


Rows = Callable[[str], list[Row]]


@dataclass(frozen=True)
class Case:
    """One response: its file, kind and path, the clock, and its rows. `more` are other files, by path."""

    file: str
    kind: str
    path: str
    at: str
    rows: Rows
    address: str = ""
    wrap: Callable[[str], str] = str
    zone: str = "America/New_York"
    more: Mapping[str, str] = field(default_factory=dict)


def plain(text: str) -> str:
    """Return the words of a piece of markup. Some boards escape their words twice."""
    return " ".join(html.unescape(html.unescape(re.sub(r"<[^>]+>", " ", text))).split())


def clock(text: str) -> str | None:
    """Return "6:30 PM" as 18:30."""
    found = re.search(r"(\d{1,2}):(\d{2})\s*([AaPp])\.?[Mm]", text)
    return f"{int(found[1]) % 12 + 12 * (found[3] in 'pP'):02}:{found[2]}" if found else None


def american(text: str) -> str:
    """Return "8/9/2026", "08/09/26" or "Aug 9, 2026" as 2026-08-09."""
    if found := re.search(r"\b([A-Z][a-z]{2})\w* (\d{1,2}),? (\d{4})", text):
        return f"{found[3]}-{MONTHS[found[1]]:02}-{int(found[2]):02}"
    found = re.search(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", text)
    assert found, text
    return f"{int(found[3]) % 100 + 2000}-{int(found[1]):02}-{int(found[2]):02}"


def off(*words: str) -> str:
    """Return the status that a person would read in a row of these responses."""
    return "cancelled" if any(map(OFF.search, words)) else ""


def grid(source: str, mark: str) -> list[str]:
    """Return the rows of a grid of Telerik's that have a mark."""
    return [
        row for each in re.split(r'<tr class="rg(?:Alt)?Row"', source)[1:] if mark in (row := each.split("</tr>")[0])
    ]


# ── the rows of each platform ────────────────────────────────────────────────────────────────────────────────────────


def iqm2(source: str) -> list[Row]:
    found = re.findall(
        r'class="RowLink"><a href="/Citizens/Detail_Meeting\.aspx\?ID=(\d+)" title="([^"]*)" ?>([^<]+)<.*?RowDetails"?[^>]*>(.*?)</div>',
        source, re.DOTALL,
    )  # fmt: skip
    return [Row(f"meeting/{key}", plain(details), american(at), clock(at), off(re.search(r"Status:&#09;(\w+)", title)[1]))
            for key, title, at, details in found]  # fmt: skip


def novusagenda(source: str) -> list[Row]:
    rows = []
    for row in grid(source.split('radGridItems_ctl00" ', maxsplit=1)[0], "radGridMeetings"):
        day, kind, place = re.findall(r"<td[^>]*>([^<]+)</td>", row)[:3]
        rows.append(
            Row(f"meeting/{re.search(r'MeetingID=([0-9]+)', row)[1]}", plain(kind), american(day), None, off(place))
        )
    return rows


def municode_table(source: str) -> list[Row]:
    rows: dict[str, Row] = {}
    for row in re.split(r"<tr class=\"(?:odd|even)", source)[1:]:
        at = datetime.fromisoformat(re.search(r'content="([^"]+)"', row)[1])
        title = plain(re.search(r'data-th="Meeting">(.*?)</td>', row, re.DOTALL)[1])
        key = re.search(r'data-th="View">\s*<a href="[^"]*/([^"/]+)"', row)[1]
        rows.setdefault(key, Row(f"meeting/{key}", title, str(at.date()), f"{at:%H:%M}", off(title)))
    return [*rows.values()]


def municode_publish(source: str) -> list[Row]:
    rows = re.findall(r'div-table-col meeting.*?>\s*(.*?)\s*</td>.*?col date"\s*>\s*(\S+)\s*</td>.*?col time"\s*>\s*(.*?)\s*<',
                      source, re.DOTALL)  # fmt: skip
    return [Row("", plain(title), american(day), clock(time), off(title)) for title, day, time in rows]


def civicweb(source: str) -> list[Row]:
    return [
        Row(f"meeting/{row['Id']}", " ".join(row["Name"].split()), *row["MeetingDateTime"].split(), off(row["Name"]))
        for row in json.loads(source)
    ]


def primegov(source: str) -> list[Row]:
    rows = []
    for row in json.loads(source):
        labels = [each["templateName"] for each in row["documentList"]]
        if not labels or not all("SAP" in label for label in labels):
            day, _, time = row["dateTime"].partition("T")
            rows.append(Row(f"meeting/{row['id']}", row["title"].strip(), day, time[:5], off(*labels)))
    return rows


def civicclerk(source: str) -> list[Row]:
    rows = []
    for row in json.loads(source)["value"]:
        names = (row.get(each) for each in ("eventName", "agendaName", "categoryName"))
        name = next(each for each in names if each and each != "One Time Event")
        day, _, time = row["startDateTime"].partition("T")
        moved = "rescheduled" if "Rescheduled to" in name else off(name)
        rows.append(Row(f"event/{row['id']}", " ".join(name.split()), day, time[:5], moved))
    return rows


def legistar_api(source: str) -> list[Row]:
    return [
        Row(f"event/{row['EventId']}", row["EventBodyName"], row["EventDate"][:10], clock(row["EventTime"]), off(row["EventComment"] or ""))
        for row in json.loads(source)
    ]  # fmt: skip


def legistar_items(source: str) -> list[Row]:
    return [
        Row(f"event/7259/matter/{row['EventItemMatterId']}" if row["EventItemMatterId"] else f"event/7259/item/{row['EventItemId']}",
            row["EventItemTitle"], "2026-08-20", "17:30")
        for row in json.loads(source)
    ] + [Row("event/7259", "City Council", "2026-08-20", "17:30")]  # fmt: skip


def legistar_pages(source: str) -> list[Row]:
    lone = re.search(r'_lblName"[^>]*>([^<]+)<', source)
    rows = []
    for row in grid(source, "hypiCal"):
        body = re.search(r'hypBody"[^>]*>(.*?)</a>', row, re.DOTALL)
        time = re.search(r'lblTime"[^>]*>(.*?)</span>', row, re.DOTALL)
        said = "".join(re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)[1:5])
        title = plain(body[1]) if body else plain(lone[1] if lone else "")
        rows.append(Row(f"calendar/{re.search(r'M=IC&[^>]*?ID=([0-9]+)', row)[1]}", title, american(plain(row)),
                        clock(plain(time[1])) if time else None, off(plain(said))))  # fmt: skip
    return rows


def civicplus(source: str) -> list[Row]:
    rows = []
    for row in re.split(r'class="catAgendaRow"', source)[1:]:
        if (
            link := re.search(
                r'href="/AgendaCenter/ViewFile/Agenda/_(\d{8})-(\d+)[^"]*"[^>]*>(.*?)</a>', row, re.DOTALL
            )
        ) is None:
            continue
        day, key, title = link[1], link[2], plain(link[3])
        rows.append(Row(f"agenda/{key}", title, f"{day[4:]}-{day[:2]}-{day[2:4]}", None, off(title)))
    return rows


def destiny(source: str) -> list[Row]:
    keys = dict.fromkeys(re.findall(r"agenda-item\.cfm\?seq=(\d+)", source))
    return [Row(f"meeting/2021/item/{key}", "", "2026-11-30", "17:30") for key in keys] + [
        Row("meeting/2021", "City Council", "2026-11-30", "17:30")
    ]


def escribe(source: str) -> list[Row]:
    return [Row(f"meeting/{row['ID']}", row["MeetingName"], row["StartDate"][:10].replace("/", "-"), row["StartDate"][11:16])
            for row in json.loads(source)["d"]]  # fmt: skip


def escribe_items(source: str) -> list[Row]:
    key = "meeting/3a6304b5-97b9-4bcc-aecd-72b8c188e73c"
    shown = re.findall(r"SelectItem\((\d+)\);[^>]*>(.*?)</a>", source, re.DOTALL)
    rows = [Row(f"{key}/item/{number}", plain(name), "2025-12-17", "17:15") for number, name in shown]
    return [*rows, Row(key, "Board of Ethics Regular Meeting", "2025-12-17", "17:15")]


def boarddocs_xml(source: str) -> list[Row]:
    rows = []
    for block in source.split("<meeting ")[1:]:
        key, title = re.search(r' id="(\w+)"', block)[1], plain(re.search(r"<name>(.*?)</name>", block, re.DOTALL)[1])
        day = re.search(r'<date format="yyyy-mm-dd">(.*?)</date>', block)[1]
        about = re.search(r"<description>(.*?)</description>", block, re.DOTALL)
        time = clock(re.sub(r"([ap])\.m", r"\1m", plain(f"{title} {about[1] if about else ''}"), flags=re.IGNORECASE))
        rows.append(Row(f"meeting/{key}", title, day, time))
        parts = re.findall(r'<(?:category|item) id="(\w+)"[^>]*>\s*<name>(.*?)</name>', block, re.DOTALL)
        rows += [Row(f"meeting/{key}/item/{part}", plain(name), day, time) for part, name in parts]
    return rows


def boarddocs_list(source: str) -> list[Row]:
    rows = []
    for row in json.loads(source):
        if (day := row.get("numberdate", "")) >= "20221205":
            time = clock(re.sub(r"([ap])\.m", r"\1m", row["name"]))
            rows.append(
                Row(
                    f"meeting/{row['unique']}",
                    row["name"].strip(),
                    f"{day[:4]}-{day[4:6]}-{day[6:]}",
                    time,
                    off(row["name"]),
                )
            )
    return rows


def wrapped(source: str) -> str:
    """Put a single event of CivicClerk's into a list, as the calendar has it."""
    found = json.loads(source)
    return json.dumps(found if "value" in found else {"value": found if isinstance(found, list) else [found]})


EVENT = json.dumps([{"EventId": 7259, "EventBodyName": "City Council", "EventDate": "2026-08-20T00:00:00", "EventTime": "5:30 PM"}])  # fmt: skip
BILLINGS = ('<html><body><table id="meeting-table"><tbody><tr><td><a href="agenda_publish.cfm?id=1&amp;dsp=ag&amp;seq=2021">'
            "Nov 30, 2026 5:30 PM</a></td><td>City Council</td></tr></tbody></table></body></html>")  # fmt: skip
FORM = "/MeetingsCalendarView.aspx/GetCalendarMeetings"
CIVICWEB, BOARD = "/Services/MeetingsService.svc/meetings", "/nc/nash/Board.nsf"

CASES = (
    *(Case(f"legistar-api/{name}-events.json", "legistar", "/v1/nash/events", at, legistar_api, "/v1/nash")
      for name, at in (("olympia", "2026-08-15"), ("mecklenburg", "2025-01-10"))),
    Case("legistar-api/olympia-eventitems.json", "legistar", "/v1/nash/events/7259/eventitems", "2026-08-15", legistar_items,
         "/v1/nash", more={"/v1/nash/events": EVENT}),
    *(Case(f"legistar-html/{name}.html", "legistar", path, at, legistar_pages)
      for name, path, at in (("columbus-oh-calendar", "/Calendar.aspx", "2026-02-21"), ("chicago-calendar", "/Calendar.aspx", "2017-01-01"),
                             ("fresno-departmentdetail", "/DepartmentDetail.aspx", "2020-08-01"))),
    *(Case(f"civicclerk/{name}.json", "civicclerk", "/v1/Events", at, civicclerk, "/v1", wrapped)
      for name, at in (("mandan-events", "2024-02-20"), ("lacey-events", "2026-08-15"), ("lacey-events-council", "2026-05-01"),
                       ("tulsa-county-events", "2025-07-10"), ("clovis-event-20", "2026-04-01"), ("emporia-event-585", "2026-07-20"))),
    *(Case(f"primegov/{name}.json", "primegov", "/api/v2/PublicPortal/ListUpcomingMeetings", at, primegov, "/")
      for name, at in (("los-angeles-council", "2024-09-30"), ("los-angeles-health-commission", "2024-01-01"))),
    *(Case(f"civicplus/{name}.html", "civicplus", "/AgendaCenter/Search/", at, civicplus, "/AgendaCenter")
      for name, at in (("avenal-agendacenter", "2022-08-14"), ("chowchilla-agendacenter", "2022-08-28"),
                       ("kingsburg-agendacenter", "2022-08-21"), ("anthony-updatecategorylist", "2026-03-10"))),
    *(Case(f"iqm2/{name}-calendar.html", "iqm2", "/Citizens/Calendar.aspx", at, iqm2)
      for name, at in (("riverside-county", "2021-01-01"), ("atlanta", "2026-01-15"))),
    *(Case(f"municode/{name}.html", "municode", "/meetings", at, municode_table, zone="America/Los_Angeles")
      for name, at in (("tumwater-list", "2026-08-16"), ("stevenson-meetings", "2024-12-18"))),
    Case("municode/clovis-publishpage.html", "municode", "/PublishPage/index", "2022-08-10", municode_publish),
    *(Case(f"{name}-meetings.json", "civicweb", CIVICWEB, at, civicweb, "/")
      for name, at in (("civicweb/sarpy-county", "2024-01-01"), ("civicweb/dallas-county", "2026-05-19"),
                       ("diligent-community/dallas-isd", "2026-05-13"), ("diligent-community/tulsa-schools", "2025-12-01"),
                       ("diligent-community/kck-schools", "2026-02-02"))),
    Case("destiny-agendaquick/billings-agenda.html", "destiny", "/ag", "2026-11-20", destiny, "/agenda_publish.cfm?id=1",
         more={"/agenda_publish.cfm": BILLINGS}),
    Case("novusagenda/bakersfield-list.html", "novusagenda", "/AgendaPublic/", "2020-08-01", novusagenda),
    Case("escribe/chula-vista-getcalendarmeetings.json", "escribe", FORM, "2025-12-10", escribe, "/"),
    Case("escribe/bakersfield-meeting.html", "escribe", "/Meeting.aspx", "2025-12-10", escribe_items, "/",
         more={FORM: "escribe/chula-vista-getcalendarmeetings.json"}),
    *(Case(f"boarddocs/{name}-activemeetings.xml", "boarddocs", f"{BOARD}/XML-ActiveMeetings", "1998-01-01", boarddocs_xml, f"{BOARD}/Public")
      for name in ("akron", "chicago-teachers-pension")),
    *(Case(f"boarddocs/{name}-meetings.json", "boarddocs", f"{BOARD}/BD-GetMeetingsList", "2022-12-24", boarddocs_list, f"{BOARD}/Public",
           more={f"{BOARD}/Public": "boarddocs/stco-public.html"})
      for name in ("grand-rapids", "central-valley", "goddard")),
)  # fmt: skip

NOT_READ = {
    "legistar-api/*-matter-histories.json, olympia-bodies.json": "not asked for: the matters and events are",
    "civicweb/*-documents.json, civicclerk/lacey-agenda-plaintext.txt": "agendas of meetings; the tests read them",
    "civicplus/*-calendar.html": "the event calendar of the same product; its agendas are in the AgendaCenter",
    "boarddocs/*-meeting.html": "a meeting's front page, which has nothing that the lists lack",
    "granicus-*": "Granicus is read by its RSS, of which there is no real response",
    "boardbook, digital-towpath, hyland-agendaonline, simbli, swagit": "platforms without a reader; read as a page",
}


# ── the comparison ───────────────────────────────────────────────────────────────────────────────────────────────────


async def only_loopback(host: str, _: int) -> Sequence[str]:
    """Resolve nothing but loopback, because the real pages link to the real hosts."""
    if host != "127.0.0.1":
        raise socket.gaierror(f"{host} is out of reach")
    return [host]


async def items_of(case: Case, real: Path) -> list[Mapping[str, Any]]:
    """Read one response as `countersign read --json` does."""
    async with LoopbackWeb() as server:
        source = case.wrap((real / case.file).read_text("utf-8", "replace"))
        for path, more in {case.path: source, **case.more}.items():
            text = (real / more).read_text("utf-8", "replace") if (real / more[:200]).is_file() else more
            part = "dsp=ag" if path == "/ag" else path
            kind = JSON if text.lstrip()[:1] in "[{" else "text/html; charset=utf-8"
            if part == "dsp=ag" or not text.lstrip().startswith("<?xml"):
                server.fails[part] = Reply(text.encode(), kind)
            else:
                server.fails[part] = Reply(text.encode(), "text/xml")
        server.fails = dict(sorted(server.fails.items(), key=lambda pair: (pair[0] != "dsp=ag", -len(pair[0]))))
        place = Place(name="A place", kind=case.kind, address=f"{server.base}{case.address or case.path}", state="NC", zone=case.zone)  # fmt: skip
        now = datetime.fromisoformat(case.at).replace(hour=12, tzinfo=UTC)
        limits = Limits(host_gap=0, concurrent=8)
        async with Fetch(contact=None, limits=limits, allow_loopback=True, resolve=only_loopback) as fetch:
            return [each for each in await read(fetch, place, now) if each["what"] == "item"]


def sample(rows: Sequence[Row]) -> list[Row]:
    """Return five rows spread over all, among them the first canceled one."""
    step = max(1, len(rows) // (SAMPLE - 1))
    chosen = [*rows[::step]][: SAMPLE - 1] + [row for row in rows if row.status][:1]
    return list(dict.fromkeys([*chosen, rows[-1]]))[:SAMPLE]


def differences(rows: Sequence[Row], items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Compare rows with the items that were read, field by field. Without an id, a row is found by its fields."""
    found = []
    by_id = {item["id"]: item for item in items}
    shown = {(item["title"], item["date"], item["time"], item["status"]) for item in items}
    for row in rows:
        item = by_id.get(row.id)
        if not row.id and (row.title, row.date, row.time, row.status) in shown:
            continue
        if item is None:
            found.append(f"{row} was not read")
            continue
        time = None if row.time == "00:00" else row.time  # midnight is how these sites write that no time is set
        pairs = ((row.title or item["title"], item["title"]), (row.date, item["date"]), (time, item["time"]),
                 (row.status, item["status"]))  # fmt: skip
        found += [f"{row.id}: {raw!r} was read as {ours!r}" for raw, ours in pairs if raw != ours]
    return found


async def compare(real: Path, *, show: bool) -> bool:
    """Print the table and return whether everything is right."""
    is_right = True
    print(f"{'platform':13}{'response':47}{'rows':>6}{'read':>6}{'compared':>10}{'canceled':>10}{'read':>6}  result")
    for case in CASES:
        rows, items = case.rows(case.wrap((real / case.file).read_text("utf-8", "replace"))), await items_of(case, real)
        compared = sample(rows)
        wrong = differences(compared, items)
        everywhere = differences(rows, items)
        counts = sum(bool(row.status) for row in rows), sum(bool(item["status"]) for item in items)
        extra = [item for item in items if not any(row.id == item["id"] for row in rows) and rows[0].id]
        linked = [item for item in extra if item["id"].count("/") > 1 or item["unreadable"]]
        is_same = len(rows) == len(items) - len(linked) and counts[0] == counts[1] and not wrong and not everywhere
        is_right &= is_same
        result = "right" if is_same else f"{len(everywhere)} of all rows differ"
        note = f" (and {len(linked)} documents of these)" if linked else ""
        print(
            f"{case.kind:13}{case.file:47}{len(rows):6}{len(items) - len(linked):6}{len(compared):10}{counts[0]:10}{counts[1]:6}  {result}{note}"
        )
        if show and everywhere:
            print(*(f"    {each}" for each in everywhere), sep="\n")
    print("\nNot read:", *(f"  {name}: {why}" for name, why in NOT_READ.items()), sep="\n")
    return is_right


def main() -> None:
    """Compare all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, default=PAGES)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    sys.exit(0 if asyncio.run(compare(options.pages / "platforms", show=options.show)) else 1)


if __name__ == "__main__":
    main()
