"""ICE's website on loopback: one page, the sheets it links, and its bad days.

    async with LoopbackIce() as ice:
        ice.publish("participatingAgencies112426am.xlsx", body, at=datetime(2026, 11, 24, 14, tzinfo=UTC))
        ice.headline(2_382, states=39, territories=2)
        ...  # read ice.url; look at ice.requests

    with LoopbackIce.run_in_thread() as ice:  # the same, for tests and scripts without an event loop
        ...

Every attribute and method may be used while it runs, from any thread.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import md5
from html import escape
from itertools import count
from typing import Literal, NamedTuple, Self
from urllib.parse import quote

from aiohttp import web

PAGE = "/identify-and-arrest/287g"
DOCLIB = "/doclib/about/offices/ero/287g/"
DOWNLOAD = "/file-download/download/public/"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HTML = "text/html; charset=UTF-8"

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
    name: str
    body: bytes
    at: datetime
    scheme: Literal["A", "B"]

    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": WORKBOOK, "Last-Modified": format_datetime(self.at, usegmt=True)}
        if self.scheme == "A":
            headers["ETag"] = f'"{md5(self.body).hexdigest()[:12]}-{len(self.body):x}"'
        else:
            headers["Content-Disposition"] = f'attachment; filename="{self.name}"'
            headers["Cache-Control"] = "private"
        return headers


@dataclass
class _Whim:
    """The misbehavior of one path: other answers, a silence first, or a dropped connection."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    drop: bool = False
    times: int | None = None


class LoopbackIce:
    """`hrefs` is how the page writes its links: "absolute", "path" (`/path`) or "host" (`//host/path`).

    `robots` is the text of robots.txt, None for 404. While `maintenance` is on, every path answers 200 with a page
    that says so.
    """

    def __init__(self, *, hrefs: Literal["absolute", "path", "host"] = "path", robots: str | None = None) -> None:
        self.hrefs = hrefs
        self.robots = robots
        self.maintenance = False
        self.requests: list[Request] = []
        self.base = ""
        self._sheets: dict[str, _Sheet] = {}
        self._links: dict[List, tuple[str, str]] = {}
        self._table: Sequence[Row] | None = None
        self._headline = ""
        self._whims: dict[str, _Whim] = {}
        self._numbers = count(100_871)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @classmethod
    @contextmanager
    def run_in_thread(
        cls, *, hrefs: Literal["absolute", "path", "host"] = "path", robots: str | None = None
    ) -> Iterator[Self]:
        """Run in a separate event loop, for subprocesses and scripts to talk to."""
        ice = cls(hrefs=hrefs, robots=robots)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="loopback-ice", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(ice.__aenter__(), loop).result(10)
            try:
                yield ice
            finally:
                asyncio.run_coroutine_threadsafe(ice.__aexit__(), loop).result(10)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

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

    # ── misbehave; a path of "*" means every path ──

    def answer(
        self,
        path: str,
        status: int,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Give this answer, such as 403, 429 with Retry-After or a redirect; after `times` times, the right one again."""
        self._whims[path] = _Whim(status=status, headers=headers or {}, body=body or b"", times=times)

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.answer(path, status, headers={"Location": to})

    def delay(self, path: str, seconds: float, *, times: int | None = None) -> None:
        """Wait first, then answer as usual."""
        self._whims[path] = _Whim(delay=seconds, times=times)

    def drop(self, path: str, *, times: int | None = None) -> None:
        """Close the connection without an answer."""
        self._whims[path] = _Whim(drop=True, times=times)

    def behave(self, path: str | None = None) -> None:
        """Answer correctly again, at one path or everywhere."""
        if path is None:
            self._whims.clear()
            self.maintenance = False
        else:
            self._whims.pop(path, None)

    # ── look at the requests ──

    def asked(self, path: str) -> list[Request]:
        """Return the requests for one path, oldest first."""
        return [request for request in self.requests if request.path == path]

    def count(self, path: str | None = None) -> int:
        """Count the requests for one path, or all except robots.txt."""
        return len(self.asked(path)) if path else sum(request.path != "/robots.txt" for request in self.requests)

    # ── answer ──

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        whim = self._whim(request.path_qs)
        if whim.delay:
            await asyncio.sleep(whim.delay)
        if whim.drop:
            self._note(request, 0)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if whim.body is not None:
            response = web.Response(
                status=whim.status, body=whim.body, headers={"Content-Type": HTML} | dict(whim.headers)
            )
        else:
            response = self._usual(request)
        self._note(request, response.status)
        return response

    def _whim(self, path: str) -> _Whim:
        for key in (path, "*"):
            whim = self._whims.get(key)
            if whim is None:
                continue
            if whim.times is not None:
                whim.times -= 1
                if whim.times <= 0:
                    del self._whims[key]
            return whim
        return _Whim()

    def _note(self, request: web.Request, status: int) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(request.method, request.path_qs, headers, status))

    def _usual(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0]
        if path == "/robots.txt" and not self.maintenance:
            if self.robots is None:
                return _page(404, "Page not found", "<p>The requested page could not be found.</p>")
            return web.Response(text=self.robots)
        if self.maintenance:
            return _page(
                200, "Site under maintenance", "<p>ICE.gov is currently under maintenance. Please check back.</p>"
            )
        if path == PAGE:
            return _page(200, _TITLE, self._headline + self._list())
        if path in self._sheets:
            return _sheet(self._sheets[path], request)
        return _page(404, "Page not found", "<p>The requested page could not be found.</p>")

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
        headers = sheet.headers()
        return web.Response(
            status=304, headers={name: headers[name] for name in ("Last-Modified", "ETag") if name in headers}
        )
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


def _page(status: int, title: str, content: str) -> web.Response:
    text = _FRAME.replace("{title}", escape(title)).replace("{content}", content)
    return web.Response(status=status, body=text.encode(), headers={"Content-Type": HTML, "Cache-Control": "no-cache"})


_FRAME = """<!DOCTYPE html>
<html lang="en" dir="ltr" prefix="og: https://ogp.me/ns#">
<head>
<meta charset="utf-8" />
<meta name="Generator" content="Drupal 10 (https://www.drupal.org)" />
<meta name="viewport" content="width=device-width, initial-scale=1.0" />
<title>{title} | ICE</title>
<link rel="stylesheet" media="all" href="/sites/default/files/css/css_Kp1y.css?delta=0&amp;language=en" />
<script type="application/json" data-drupal-selector="drupal-settings-json">{"path":{"baseUrl":"/"},"links":["Participating Agencies"]}</script>
</head>
<body class="path-node page-node-type-landing-page">
<a href="#main-content" class="visually-hidden focusable skip-link">Skip to main content</a>
<section class="usa-banner" aria-label="Official website of the United States government">
<p>An official website of the United States government</p></section>
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
