"""More platforms of local governments on loopback, with the markup and the traps of their real responses."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from support.loopback.local import HTML, PDF, XML, LocalServer, Reply, Row, page, told


class AspNetServer(LocalServer):
    """A server whose pages carry a `__VIEWSTATE`, so that no two answers have the same bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._made = 0

    def aspx(self, title: str, content: str) -> Reply:
        self._made += 1
        state = f'<input type="hidden" name="__VIEWSTATE" id="__VIEWSTATE" value="/wEPDw{self._made:08x}" />'
        form = f'<form method="post" action="./" id="aspnetForm">{state}{content}</form>'
        return Reply(page(form, title=f"\n\t{title}\n"), HTML)


class LoopbackIqm2(AspNetServer):
    """`TENANT.iqm2.com`. If it `is_gone`, it answers 200 with the vendor's own page, as a real tenant that moved does."""

    def __init__(self) -> None:
        super().__init__()
        self.meetings: dict[
            int, tuple[str, str, str, int]
        ] = {}  # the time, board, status and the agenda's file, if any
        self.items: dict[int, list[tuple[int, str]]] = {}
        self.is_gone = False
        self.claims: int | None = None  # how many meetings the page says it has
        self.spoilt = ""

    @property
    def address(self) -> str:
        return f"{self.base}/Citizens/Calendar.aspx"

    def meeting(self, key: int, at: str, board: str, *, status: str = "Scheduled", file: int = 2776) -> None:
        self.meetings[key] = (at, board, status, file)
        self.items.setdefault(key, [])

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if self.is_gone:
            return Reply(page("<h1>Accela Meeting Portal</h1><p>Welcome</p>", title="Accela Meeting Portal"), HTML)
        key = query.get("ID", "")
        if path == "/Citizens/Calendar.aspx":
            return self._calendar()
        if path == "/Citizens/Detail_Meeting.aspx" and key.isdecimal() and int(key) in self.items:
            return self._detail(int(key))
        if path == "/Citizens/FileOpen.aspx" and key.isdecimal():
            return Reply(page("<p>Agenda outline</p>"), HTML)
        return None

    def _calendar(self) -> Reply:
        rows = "".join(self._row(key, *shown) for key, shown in self.meetings.items())
        count = len(self.meetings) if self.claims is None else self.claims
        script = "<script>var s = '<div class=\"MeetingCancelled\">Cancelled</div>';</script>"
        return self.aspx(
            "Meeting Calendar - Nash County, North Carolina",
            f"{script}<div>Displaying {count} meetings from 1/1/2026 to 12/31/2026 for All Meeting Groups</div>"
            f'<div id="ContentPlaceholder1_pnlMeetings" class="Section">{rows}{self.spoilt}</div>',
        )

    @staticmethod
    def _row(key: int, at: str, board: str, status: str, file: int) -> str:
        told = f"TUESDAY&#13;&#13;Board:&#09;{board}&#13;Type:&#09;Regular Meeting&#13;Status:&#09;{status}&#13;&#13;&#09;Room 2"
        link = (
            f"href='FileOpen.aspx?Type=14&ID={file}&Inline=True' class=''"
            if file
            else "href='' class='HiddenDocumentLink'"
        )
        return (
            '<div class="Row MeetingRow Alt"><div class="RowTop"><div class="RowLink">'
            f'<a href="/Citizens/Detail_Meeting.aspx?ID={key}" title="{told}">{at} </a></div>'
            f'<div class="RowRight MeetingLinks"><div>&nbsp;<a {link}>'
            "Agenda</a></div><div><a href='' class='HiddenDocumentLink'>Agenda Packet</a></div>"
            f"<div><a href='FileOpen.aspx?Type=15&ID={key + 70}&Inline=True'>Minutes</a></div></div></div>"
            f'<div class="RowBottom"><div class="MainScreenText RowDetails">{board} - Regular Meeting</div></div></div>'
        )

    def _detail(self, key: int) -> Reply:
        rows = "".join(
            f'<tr><td class="Num">{item}.</td><td class="Title" colspan="9">'
            f'<a href="Detail_LegiFile.aspx?MeetingID={key}&ID={item}">{escape(name)}</a></td></tr>'
            for item, name in self.items[key]
        )
        return self.aspx("Meeting", f'<table id="MeetingDetail">{rows}</table>')


class LoopbackMunicode(LocalServer):
    """`TOWN-ST.municodemeetings.com`: a Drupal table or, with `has_json`, the list as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, tuple[str, str, str]] = {}  # the time, the title, the agenda's file
        self.json: list[Row] = []
        self.has_json = False
        self.spoilt = ""
        self.crawl_delay = 0

    def row(self, name: str, at: str, title: str, agenda: bytes, *, file: str = "") -> None:
        self.rows[name] = (at, title, f"/nash-pubu/MEET-Agenda-{file or name}.pdf")
        self.files[self.rows[name][2]] = agenda

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path == "/api/v1/public/meeting/list.json" and self.has_json:
            return told({"Meetings": self.json})
        if path != "/" or query.get("page", "0") != "0":
            return None
        rows = "".join(
            f'<tr class="odd"><td data-th="Date"><span class="date-display-single" property="dc:date" '
            f'content="{at}">shown</span></td><td class="views-field views-field-title" data-th="Meeting">{escape(title)}</td>'
            f'<td data-th="Agenda"><a href="{self.base}{file}" title="PDF Agenda"><img></a></td>'
            f'<td data-th="Agenda Packet"></td><td data-th="Minutes"><a href="/minutes.pdf"><img></a></td>'
            f'<td data-th="View"><a href="/boc/page/{name}">View Details</a></td></tr>'
            for name, (at, title, file) in self.rows.items()
        )
        table = f'<table class="views-table rwd-table cols-7"><tbody>{rows}{self.spoilt}</tbody></table>'
        return Reply(page(table, title="Meetings"), HTML)


class LoopbackCivicWeb(LocalServer):
    """`TOWN.civicweb.net`. With `wraps`, the documents come in an object, as one body's do."""

    def __init__(self) -> None:
        super().__init__()
        self.meetings: list = []
        self.documents: dict[int, list[Row]] = {}
        self.wraps = False

    def meeting(self, key: int, name: str, at: str, *documents: Row) -> None:
        self.meetings.append(
            {
                "Id": key,
                "Name": name,
                "MeetingDate": at[:10],
                "MeetingDateTime": at,
                "MeetingLocation": "Courthouse, room 2",
                "MeetingTime": "06:30 PM",
                "Published": True,
                "TypeId": 10,
                "VideoIcon": "",
                "ExternalCalendar": False,
            }
        )
        self.documents[key] = [*documents]

    @staticmethod
    def document(key: int, kind: int, *, html: str = "", of: int = 1) -> Row:
        public = kind == 1
        return {"Id": key, "DocumentType": kind, "Html": html, "AgendaCover": "", "Type": of, "IsPublic": public}

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        api = "/Services/MeetingsService.svc/meetings"
        if path == api:
            return told(self.meetings)
        found = re.fullmatch(rf"{api}/(\d+)/meetingDocuments", path)
        if found is None or int(found[1]) not in self.documents:
            return None
        listed = self.documents[int(found[1])]
        return told({"Documents": listed} if self.wraps else listed)


class LoopbackDestiny(LocalServer):
    """`public.destinyhosted.com` with one site, whose meetings are listed month by month."""

    def __init__(self) -> None:
        super().__init__()
        self.meetings: dict[int, tuple[str, str, str]] = {}  # month/year, the day and time, the name
        self.agendas: dict[int, str] = {}
        self.spoilt = ""

    @property
    def address(self) -> str:
        return f"{self.base}/agenda_publish.cfm?id=63927"

    def meeting(self, key: int, month: str, at: str, name: str, agenda: str = "") -> None:
        self.meetings[key] = (month, at, name)
        self.agendas[key] = agenda

    def item(self, key: int, name: str) -> str:
        """Return an item as in the real page of an agenda: a title, and a button for its memo."""
        return (
            f'<div class="mediumText bold">{key}.</div><div class="mediumText bold "></div>'
            f'<div class="bold mediumText  start-at-content extend-to-end"><div><strong>{escape(name)}</strong></div></div>'
            '<div class="spacer">&nbsp;</div><div class="start-at-content extend-to-end"><div class="d-print-none pt-1">'
            f'<a href="agenda-item.cfm?seq={key}&amp;rev=0" class="btn btn-info btn-sm">View Agenda Item'
            f'<span class="visually-hidden"> Information for item: Item {key}.</span></a></div></div>'
        )

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path == "/agenda-item.cfm":
            return Reply(page("<p>A memo to the board about this item, in a few words.</p>"), HTML)
        if path != "/agenda_publish.cfm":
            return None
        if query.get("dsp") == "ag":
            agenda = self.agendas.get(int(query["seq"]))
            body = f'<div id="agenda-table">{agenda}</div>'
            return None if agenda is None else Reply(page(body, title="AgendaQuick"), HTML)
        month = f"{query.get('get_month')}/{query.get('get_year')}"
        rows = "".join(
            f'<tr><td><a href="agenda_publish.cfm?id=63927&amp;mt=ALL&amp;dsp=ag&amp;seq={key}">{at}</a></td>'
            f"<td>{escape(name)}</td></tr>"
            for key, (of, at, name) in self.meetings.items()
            if of == month
        )
        table = (
            f'<table id="meeting-table"><thead><tr><th>Date</th></tr></thead><tbody>{rows}{self.spoilt}</tbody></table>'
        )
        return Reply(page(table, title="AgendaQuick"), HTML)


class LoopbackNovusAgenda(AspNetServer):
    """`TOWN.novusagenda.com`. If it `is_broken`, it answers 200 with ASP.NET's error page."""

    def __init__(self) -> None:
        super().__init__()
        self.meetings: dict[int, tuple[str, str, str]] = {}  # the day, the type, the place
        self.items: dict[int, list[tuple[int, str]]] = {}
        self.words: dict[int, str] = {}
        self.is_broken = False
        self.spoilt = ""

    @property
    def address(self) -> str:
        return f"{self.base}/agendapublic/"

    def meeting(self, key: int, day: str, kind: str, place: str = "Council Chambers") -> None:
        self.meetings[key] = (day, kind, place)
        self.items.setdefault(key, [])

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if self.is_broken:
            return Reply(page("<h1>Server Error in '/' Application.</h1>", title="Runtime Error"), HTML)
        if path == "/agendapublic/":
            return self._list()
        if path == "/agendapublic/MeetingView.aspx" and int(query["MeetingID"]) in self.items:
            key = int(query["MeetingID"])
            links = "".join(
                f'<tr><td>{item}.</td><td><a href="CoverSheet.aspx?ItemID={item}&amp;MeetingID={key}">{escape(name)}</a></td></tr>'
                for item, name in self.items[key]
            )
            words = self.words.get(key, "The Board of Commissioners meets in the courthouse.")
            return self.aspx("NovusAGENDA", f"<p>{words}</p><table>{links}</table>")
        if path == "/agendapublic/CoverSheet.aspx":
            return self.aspx("NovusAGENDA", "<p>A staff report about this item, in a few words.</p>")
        return Reply(b"%PDF-1.4", PDF) if path.endswith("DisplayAgendaPDF.ashx") else None

    def _list(self) -> Reply:
        rows = "".join(self._row(key, *shown) for key, shown in self.meetings.items())
        grid = "ctl00_ContentPlaceHolder1_SearchAgendasMeetings_radGridMeetings"
        table = (
            f'<table id="{grid}_ctl00"><thead><tr><th>Date</th></tr></thead><tbody>{rows}{self.spoilt}</tbody></table>'
        )
        return self.aspx("NovusAGENDA", f'<div id="{grid}">{table}</div>')

    @staticmethod
    def _row(key: int, day: str, kind: str, place: str) -> str:
        script = (
            f"javascript:ViewHTML=window.open(&#39;MeetingView.aspx?MeetingID={key}&amp;MinutesMeetingID=-1"
            "&amp;doctype=Agenda&#39;,&#39;ViewHTML&#39;,&#39;toolbar=yes&#39;);ViewHTML.focus();"
        )
        return (
            f'<tr class="rgRow"><td><center></center></td><td>{day}</td><td>{kind}</td><td>{place}</td>'
            f'<td><center><a onClick="{script}" style="cursor:pointer"><img alt="View Agenda HTML" /></a></center></td>'
            f'<td><a href="DisplayAgendaPDF.ashx?MeetingID={key}" target="_blank"><img alt="PDF" /></a></td></tr>'
        )


class LoopbackEscribe(AspNetServer):
    """`pub-TOWN.escribemeetings.com`: the calendar by POST, the agendas as pages.

    If it `is_gone`, it answers 200 with a generic page; a bare host without "pub-" is another, closed tenant.
    """

    def __init__(self) -> None:
        super().__init__()
        self.meetings: list[Any] = []
        self.items: dict[str, list[tuple[int, str, str]]] = {}  # the number, title and more markup within
        self.is_gone = False

    def meeting(self, key: str, name: str, at: str, *, agenda: bool = True, **fields: Any) -> None:
        page = {"Type": "Agenda", "Format": "HTML", "Title": "Agenda (HTML)",
                "Url": f"Meeting.aspx?Id={key}&Agenda=Agenda&lang=English"}  # fmt: skip
        file = {"Type": "Agenda", "Format": ".pdf", "Title": "Agenda (PDF)", "Url": "FileStream.ashx?DocumentId=56975"}
        self.meetings.append(
            {
                "ID": key,
                "MeetingName": name,
                "StartDate": at,
                "Description": "Courthouse<br/>Room 2",
                "Location": "Courthouse",
                "MeetingType": name,
                "HasAgenda": agenda,
                "MeetingDocumentLink": [file, page] if agenda else [],
                "MeetingPassed": False,
                "TimeOverride": "",
            }
            | fields
        )

    def posted(self, path: str, content: bytes) -> Reply | None:
        if self.is_gone:
            return Reply(page("<h1>eSCRIBE</h1><p>This site is not available.</p>"), HTML)
        if path != "/MeetingsCalendarView.aspx/GetCalendarMeetings":
            return Reply(b"", HTML, 500)  # as it answers any other name
        span = json.loads(content)
        shown = [row for row in self.meetings if not isinstance(row, dict) or _within(row, span)]
        return told({"d": shown})

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path != "/Meeting.aspx" or query["Id"] not in self.items:
            return Reply(b"%PDF-1.4", PDF) if path.lower() == "/filestream.ashx" else None
        return self.aspx(
            "Meeting",
            f"<p>The Board meets in the courthouse.</p><div class='AgendaItems'>{self._outline(query['Id'])}</div>",
        )

    def _outline(self, key: str) -> str:
        return "".join(
            f'<DIV class="AgendaItemContainer indent"><div class="AgendaItem AgendaItem{number}"><h2><div '
            f'class="AgendaItemCounter">{number}.</div><div class="AgendaItemTitle"><a '
            f'href="javascript:SelectItem({number});">{escape(name)}</a></div></h2></div>{more}</DIV>'
            for number, name, more in self.items[key]
        )


def _within(row: Row, span: Row) -> bool:
    at = str(row.get("StartDate"))
    return (
        not re.match(r"\d{4}/", at) or span["calendarStartDate"] <= at[:10].replace("/", "-") <= span["calendarEndDate"]
    )


class LoopbackBoardDocs(LocalServer):
    """`go.boarddocs.com/nc/nash`: all meetings as XML or, without `has_xml`, the lists and agendas by POST."""

    folder = "/nc/nash/Board.nsf"

    def __init__(self) -> None:
        super().__init__()
        self.meetings: dict[str, tuple[str, str, str, list[tuple[str, str]]]] = {}  # name, day, description, items
        self.has_xml = True
        self.spoilt = ""

    @property
    def address(self) -> str:
        return f"{self.base}{self.folder}/Public"

    def meeting(self, key: str, name: str, day: str, *items: tuple[str, str], about: str = "") -> None:
        self.meetings[key] = (name, day, about, list(items))

    def reply(self, path: str, query: Mapping[str, str]) -> Reply | None:
        if path == f"{self.folder}/XML-ActiveMeetings" and self.has_xml:
            shown = "\n".join(self._meeting(key) for key in self.meetings)
            source = f'<?xml version="1.0" encoding="UTF-8"?>\n<meetings>\n{self.spoilt}{shown}</meetings>'
            return Reply(source.encode(), XML, tag=None)
        if path == f"{self.folder}/Public":
            bodies = '<option value="A8EGER437CB9">Board of Commissioners</option>'
            return Reply(page(f'<div><select name="committeeid">{bodies}</select></div>', title="BoardDocs"), HTML)
        return None

    def _meeting(self, key: str) -> str:
        name, day, about, items = self.meetings[key]
        link = f"http://go.boarddocs.com/nc/nash/Board.nsf/goto?open&amp;id={key}"
        within = "".join(
            f'<item id="{item}" order="1">\n<name>{escape(title)}</name>\n<link>{link}</link>\n'
            "<actiontype>Action</actiontype>\n</item>\n"
            for item, title in items
        )
        section = (
            f'<category id="CAT{key}" order="1">\n<name>1. New business</name>\n<agendaitems>\n{within}'
            "</agendaitems>\n</category>\n"
        )
        return (
            f'<meeting bodyid="A8EGER437CB9" bodyname="Board of Commissioners" id="{key}" order="1">\n'
            f'<name>{escape(name)}</name>\n<start>\n<date format="yyyy-mm-dd">{day}</date>\n<english>\n<weekday>Day'
            f"</weekday>\n<date>A day</date>\n</english>\n</start>\n<description>{escape(about)}</description>\n"
            f"<link>{link}</link>\n{section * bool(items)}</category>\n</meeting>"
        )

    def posted(self, path: str, content: bytes) -> Reply | None:
        asked = dict(parse_qsl(content.decode()))
        if path == f"{self.folder}/BD-GetMeetingsList" and asked.get("current_committee_id") == "A8EGER437CB9":
            listed = [
                {"unique": key, "name": name, "current": "1", "preliveoak": "", "numberdate": day.replace("-", ""),
                 "unid": f"UNID{key}"}
                for key, (name, day, *_) in self.meetings.items()
            ]  # fmt: skip
            return told(listed)
        key = asked.get("id", "")
        if path == f"{self.folder}/PRINT-AgendaDetailed" and key in self.meetings:
            items = "".join(f"<p>{escape(title)}</p>" for _, title in self.meetings[key][3])
            return Reply(page(f'<div class="print-meeting-name">{escape(self.meetings[key][0])}</div>{items}'), HTML)
        return None
