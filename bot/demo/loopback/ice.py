"""ICE's website on loopback: one page, and the sheets that it links to.

async with IceServer() as ice:
ice.publish("participatingAgencies112426am.xlsx", body, at=datetime(2026, 11, 24, 14, tzinfo=UTC))
ice.headline(2_382, states=39, territories=2)
...  # read ice.url; look at ice.requests
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import reduce
from hashlib import md5
from html import escape
from itertools import count
from typing import Literal, NamedTuple
from urllib.parse import quote

from aiohttp import web

from bot.demo.loopback.server import Server

PAGE = "/identify-and-arrest/287g"
DOCLIB = "/doclib/about/offices/ero/287g/"
DOWNLOAD = "/file-download/download/public/"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HTML = "text/html; charset=UTF-8"
OFFICIAL = "An official website of the United States government"

List = Literal["participating", "pending"]
Row = Sequence[str]  # STATE, LAW ENFORCEMENT AGENCY, SUPPORT TYPE, SIGNED, MOA (an address, or "" for "link pending")


class Request(NamedTuple):
    """One request and the status it got; 0 is a dropped connection. Header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int


@dataclass
class _Sheet:
    """One workbook, and when and how it was published."""

    name: str
    body: bytes
    at: datetime
    scheme: Literal["A", "B"]

    def headers(self) -> dict[str, str]:
        """Return the headers of an answer."""
        headers = {"Content-Type": WORKBOOK, "Last-Modified": format_datetime(self.at, usegmt=True)}
        if self.scheme == "A":
            headers["ETag"] = f'"{md5(self.body, usedforsecurity=False).hexdigest()[:12]}-{len(self.body):x}"'
        else:
            headers["Content-Disposition"] = f'attachment; filename="{self.name}"'
            headers["Cache-Control"] = "private"
        return headers


class IceServer(Server):
    """ICE's site. `hrefs` is how the page writes its links: "absolute", "path" (`/path`) or "host" (`//host/path`).

    `robots` is the text of robots.txt, None for 404. `banner` is the line at the top of every page.
    """

    def __init__(
        self, *, hrefs: Literal["absolute", "path", "host"] = "path", robots: str | None = None, banner: str = OFFICIAL
    ) -> None:
        super().__init__()
        self.hrefs = hrefs
        self.robots = robots
        self.banner = banner
        self.requests: list[Request] = []
        self._sheets: dict[str, _Sheet] = {}
        self._links: dict[List, tuple[str, str]] = {}
        self._table: Sequence[Row] | None = None
        self._headline = ""
        self._numbers = count(100_871)

    # ── publish ──

    @property
    def url(self) -> str:
        """The address of the page."""
        return self.base + PAGE

    def publish(
        self,
        name: str,
        body: bytes,
        *,
        at: datetime,
        scheme: Literal["A", "B"] = "A",
        list: List = "participating",  # noqa: A002 - the word for it
        anchor: str | None = None,
    ) -> str:
        """Publish a sheet, link it on the page in place of the last one of its list, and return its path.

        `at` becomes Last-Modified (whole seconds). Scheme A has an ETag and the name in the path; B has the name in
        Content-Disposition. Sheets that are no longer linked stay where they are.
        """
        path = DOCLIB + quote(name) if scheme == "A" else f"{DOWNLOAD}{next(self._numbers)}"
        self._sheets[path] = _Sheet(name, body, at.astimezone(UTC), scheme)
        self._links[list] = (path, anchor or f"{list.capitalize()} Agencies")
        self._table = None
        return path

    def unlink(self, list: List) -> None:  # noqa: A002 - the word for it
        """Take the link of a list off the page; the sheet stays."""
        self._links.pop(list, None)

    def html_table(self, rows: Sequence[Row]) -> None:
        """Show the list as a table on the page, as ICE did before 2025-02-21, until the next `publish`."""
        self._table = rows

    def headline(
        self, signed: int | None, *, states: int = 0, territories: int = 0, counts: Mapping[str, int] | None = None
    ) -> None:
        """Set the sentence with the totals, and the count for each model ("JEM", "WSO", "TFM"); None removes it."""
        if signed is None:
            self._headline = ""
            return
        also = f" and {territories} U.S. Territories" if territories else ""
        sentence = (
            f"ICE has signed {signed:,} Memorandums of Agreement for 287(g) programs covering {states} states{also}."
        )
        items = "".join(f"<li>{number:,} {_MODELS[model]} agreements</li>" for model, number in (counts or {}).items())
        self._headline = f"<p><strong>{sentence}</strong></p>{f'<ul>{items}</ul>' if items else ''}"

    # ── look at the requests ──

    def asked(self, path: str) -> list[Request]:
        """Return the requests for one path, oldest first."""
        return [request for request in self.requests if request.path == path]

    def count(self, path: str | None = None) -> int:
        """Count the requests for one path, or all except robots.txt."""
        return len(self.asked(path)) if path else sum(request.path != "/robots.txt" for request in self.requests)

    # ── answer ──

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer as ICE's site usually does."""
        response = self.usual(request)
        self.note(request, response.status)
        return response

    def note(self, request: web.Request, status: int) -> None:
        """Keep a request."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(request.method, request.path_qs, headers, status))

    def usual(self, request: web.Request) -> web.Response:
        """Return the right answer."""
        path = request.raw_path.partition("?")[0]
        if path == "/robots.txt":
            return self.not_found() if self.robots is None else web.Response(text=self.robots)
        if path == PAGE:
            return self.page(200, _TITLE, self._headline + self._list())
        if path in self._sheets:
            return _sheet(self._sheets[path], request)
        return self.not_found()

    def not_found(self) -> web.Response:
        """Return the page for an address that doesn't exist."""
        return self.page(404, "Page not found", "<p>The requested page could not be found.</p>")

    def page(self, status: int, title: str, content: str) -> web.Response:
        """Return a page in the frame of ICE's site."""
        filled = {"{title}": escape(title), "{banner}": escape(self.banner), "{content}": content}
        text = reduce(lambda frame, name: frame.replace(name, filled[name]), filled, _FRAME)
        return web.Response(
            status=status, body=text.encode(), headers={"Content-Type": HTML, "Cache-Control": "no-cache"}
        )

    def _list(self) -> str:
        if self._table is not None:
            return _table(self._table)
        links = [
            f'<li><a href="{escape(self._href(path))}" target="_blank">{escape(anchor)}</a></li>'
            for path, anchor in self._links.values()
        ]
        return f"<h2>287(g) Agencies</h2><ul>{''.join(links)}</ul>"

    def _href(self, path: str) -> str:
        return {"absolute": self.base, "host": self.base.removeprefix("http:"), "path": ""}[self.hrefs] + path


def _sheet(sheet: _Sheet, request: web.Request) -> web.Response:
    """Honor If-Modified-Since but not If-None-Match, as ICE's server does."""
    since = request.headers.get("If-Modified-Since")
    if since and sheet.at.replace(microsecond=0) <= parsedate_to_datetime(since):
        kept = {name: value for name, value in sheet.headers().items() if name in {"Last-Modified", "ETag"}}
        return web.Response(status=304, headers=kept)
    return web.Response(body=sheet.body, headers=sheet.headers())


_TITLE = "Partner With ICE Through the 287(g) Program"
_MODELS = {"JEM": "Jail Enforcement Model", "WSO": "Warrant Service Officer", "TFM": "Task Force Model"}
_HEADER = ("STATE", "LAW ENFORCEMENT AGENCY", "SUPPORT TYPE", "SIGNED", "MOA")


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADER)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(row))}</tr>\n" for row in rows)
    return (
        '<table class="usa-table table table-striped"><caption>Participating Entities</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    )


def _cells(row: Row) -> list[str]:
    *words, moa = row
    link = f'<a href="{escape(moa)}">link</a>' if moa else "link pending"
    return [*map(escape, words), link]


_FRAME = """<!DOCTYPE html>
<html lang="en" dir="ltr" prefix="og: https://ogp.me/ns#">
<head>
<meta charset="utf-8" />
<meta name="Generator" content="Drupal 10 (https://www.drupal.org)" />
<meta name="viewport" content="width=device-width, initial-scale=1.0" />
<title>{title} | ICE</title>
<link rel="stylesheet" media="all" href="/sites/default/files/css/css_Kp1y.css?delta=0&amp;language=en" />
<script type="application/json" data-drupal-selector="drupal-settings-json">
{"path":{"baseUrl":"/"},"links":["Participating Agencies"]}</script>
</head>
<body class="path-node page-node-type-landing-page">
<a href="#main-content" class="visually-hidden focusable skip-link">Skip to main content</a>
<section class="usa-banner" aria-label="{banner}">
<p>{banner}</p></section>
<header class="usa-header" role="banner">
<nav aria-label="Primary navigation"><ul class="usa-nav__primary">
<li><a href="/about-ice">About Us</a></li>
<li><a href="/immigrate">Immigration Enforcement</a>
<ul><li><a href="/identify-and-arrest">Identify and Arrest</a></li>
<li><a href="/identify-and-arrest/287g" class="is-active">Delegation of Immigration Authority Section 287(g)</a></li>
<li><a href="/detain">Detention Management</a></li></ul></li>
<li><a href="/newsroom">Newsroom</a></li>
<li><a href="https://www.ice.gov/contact">Contact</a></li>
</ul></nav>
</header>
<main role="main"><a id="main-content" tabindex="-1"></a>
<h1 class="page-title"><span>{title}</span></h1>
<div class="region region-content"><article class="node node--type-landing-page">
<p>The 287(g) Program enhances the safety and security of our nation's communities by allowing ICE to partner with
state and local law enforcement agencies.</p>
{content}
<h2>Resources</h2>
<ul><li><a href="/doclib/about/offices/ero/287g/factsheet287gProgramOverview.pdf">287(g) Program Fact Sheet</a></li>
<li><a href="/doclib/about/offices/ero/287g/moaTaskForceModel.pdf">Memorandum of Agreement: Task Force Model</a></li>
<li><a href="mailto:ERO287g@example.invalid">Partner with us</a></li></ul>
</article></div>
</main>
<footer class="usa-footer"><ul><li><a href="/foia">FOIA</a></li><li><a href="/privacy">Privacy</a></li></ul></footer>
</body>
</html>
"""
