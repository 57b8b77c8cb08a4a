"""Render pages from a model: the same model always gives the same bytes, for every store and for the export."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, lru_cache
from http import HTTPStatus
from importlib.resources import files

import segno
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bot.domain.agenda import Place
from bot.domain.agendas.coverage import Coverage, coverage
from bot.domain.agreement import SupportType
from bot.domain.change import Change, Kind
from bot.domain.geography.counties import County
from bot.domain.geography.fold import distinct_name
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.letters import capitalized
from bot.domain.page_addresses import path_in
from bot.domain.pictures.style import stylesheet
from bot.domain.site.agencies import Agency
from bot.domain.site.embeds import HEIGHT, described
from bot.domain.site.model import ZONE, Model, local_day
from bot.domain.site.page import HTML, PNG, Page
from bot.domain.site.pages import PAGES, located, page_at
from bot.domain.site.request import Body, Redirect, Request
from bot.domain.site.tables import TABLES
from bot.domain.text import catalog
from bot.domain.text.formats import formats, own_name
from bot.domain.text.rich_text import Line, markup_safe
from bot.domain.text.wording import (
    SUPPORT_TYPE_MEANINGS,
    SUPPORT_TYPE_NAMES,
    Wording,
    county_name,
    state_name,
    states_in_order,
)
from bot.pipeline.rasterize import fonts
from bot.pipeline.svg_to_png import Converter, converted

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
OPEN: Mapping[str, str] = {  # headers for what scripts of other sites may read
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
FOR_A_MINUTE = "public, max-age=60, stale-while-revalidate=600"
FOR_AN_HOUR = "public, max-age=3600"  # a rename can be undone, so a browser must not keep a redirect forever
FOR_A_YEAR = "public, max-age=31536000, immutable"
ToPng = Callable[[str], bytes]


def png_here(svg: str) -> bytes:
    """Convert a drawing in this process, for a command that does nothing else meanwhile."""
    return converted(svg, fonts(), scale=1)


def png_elsewhere(svg: str) -> bytes:
    """Convert a drawing in a process of its own, because a conversion stops everything else in its process."""
    return _converter().converted(svg, fonts())


@cache
def _converter() -> Converter:
    return Converter(scale=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A response: status, bytes and headers."""

    body: bytes
    headers: Mapping[str, str]
    status: int = HTTPStatus.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The settings of one installation. `base` is its public address, or empty if it has none.

    Without `has_forms`, the pages have no search and no filters, because a static host can't answer them.
    """

    base: str = ""
    contact: str = ""
    source: str = ""  # ICE's page
    invitations: Mapping[str, str] = field(default_factory=dict)  # by channel; "{bot}" stands for the bot's name
    places: tuple[Place, ...] = ()  # the catalog of local sources
    has_forms: bool = True

    def coverage(self, listed: Iterable[Agency]) -> Coverage:
        """Return how many counties and cities have a source, and how many of those with an agreement."""
        return coverage(self.places, (row.agreement for agency in listed for row in agency.rows))[-1]


def render(
    model: Model, target: str, query: Mapping[str, str], settings: Installation, to_png: ToPng = png_elsewhere
) -> Rendered:
    """Render the page at a path, or the 404 page. `to_png` converts drawings that are served as PNG images."""
    language, path = located(target)
    request = Request(model=model, language=language, query=query, path=path, base=settings.base)
    found = page_at(path)
    if found is None:
        return _moved_or_missing(request, path, settings)
    page, parts = found
    if not page.is_spoken and language is not Language.ENGLISH:
        return _redirect(path, is_permanent=True)
    values = page.view(replace(request, parts=parts))
    if values is None:
        return missing(request, settings)
    if isinstance(values, Redirect):
        return _redirect(path_in(language, values.path), is_permanent=values.is_permanent)
    if isinstance(values, Body):
        content = to_png(values.content.decode()) if page.content_type == PNG else values.content
        return Rendered(body=content, headers=_headers_of_file(page))
    return _html(page.template, request, path, settings, values, is_indexed=page.is_indexed and not query)


def _headers_of_file(page: Page) -> Mapping[str, str]:
    """Return the headers of a page that isn't HTML. Scripts of other sites may read data and pictures to embed."""
    kept = FOR_A_MINUTE if page.max_age == 60 else f"public, max-age={page.max_age}"
    more = OPEN if page.is_open else {}
    of_file = {"Content-Type": page.content_type, "Content-Security-Policy": PICTURE_POLICY, "Cache-Control": kept}
    return {**SECURITY, **of_file, **more}


def missing(request: Request, settings: Installation) -> Rendered:
    """Return the 404 page."""
    status = HTTPStatus.NOT_FOUND
    return _html("404.html", request, "", settings, {}, is_indexed=False, status=status)


def missing_page(model: Model, settings: Installation) -> Rendered:
    """Return the 404 page in English, for hosts that have one for all paths."""
    return missing(Request(model=model), settings)


def failed(language: Language, settings: Installation) -> Rendered:
    """Return the page for an error on our side, such as a store that can't be read."""
    request, status = Request(model=Model(), language=language), HTTPStatus.SERVICE_UNAVAILABLE
    found = _html("error.html", request, "", settings, {}, is_indexed=False, status=status)
    return replace(found, headers={**found.headers, "Cache-Control": "no-store", "Retry-After": "30"})


def render_everything(model: Model, settings: Installation, to_png: ToPng = png_here) -> Iterator[tuple[str, Rendered]]:
    """Yield the path and the response of everything that a static host can serve."""
    for target in targets(model):
        yield target, render(model, target, {}, settings, to_png)
    yield from files_beside(model, settings)


def targets(model: Model) -> Iterator[str]:
    """Yield the paths of all pages, data, feeds and pictures that a static host can serve."""
    for language in Language:
        for path in paths(model, _is_exported if language is Language.ENGLISH else _is_exported_in_each):
            yield path_in(language, path)
    for old in model.site.agencies.redirects:
        yield from (path_in(language, f"/agencies/{old}") for language in Language)


def files_beside(model: Model, settings: Installation) -> Iterator[tuple[str, Rendered]]:
    """Yield the path and the response of each file that isn't in the table of pages."""
    yield from ((asset.path, asset.rendered) for asset in assets().values())
    yield "/robots.txt", robots(settings)
    yield "/sitemap.xml", sitemap(model, settings)
    if (contact := security_txt(model, settings)) is not None:
        yield "/.well-known/security.txt", contact


def _is_exported(page: Page) -> bool:
    return page.is_static


def _is_exported_in_each(page: Page) -> bool:
    """Return whether a page has a file in each language."""
    return page.is_static and page.is_spoken


def paths(model: Model, wanted: Callable[[Page], bool]) -> Iterator[str]:
    """Yield the paths of the wanted pages, without the language."""
    return (path for page in PAGES if wanted(page) for path in page.every(model))


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages need. Its name contains its hash, so that browsers can keep it."""

    path: str
    rendered: Rendered


@cache
def assets() -> Mapping[str, Asset]:
    """Return the assets by their plain name."""
    folder = files("bot.web.pages") / "assets"
    css = folder.joinpath("site.css").read_text(encoding="utf-8") + stylesheet() + "\n"
    return {
        "site.css": _asset("site", "css", "text/css; charset=utf-8", css.encode()),
        "icon.svg": _asset("icon", "svg", "image/svg+xml", folder.joinpath("icon.svg").read_bytes()),
    }


def _asset(name: str, ending: str, content_type: str, body: bytes) -> Asset:
    path = f"/assets/{name}.{hashlib.sha256(body).hexdigest()[:12]}.{ending}"
    headers = {"Content-Type": content_type, "Cache-Control": FOR_A_YEAR, "X-Content-Type-Options": "nosniff"}
    return Asset(path, Rendered(body=body, headers=headers))


def robots(settings: Installation) -> Rendered:
    """Return robots.txt, which bars only searches and filtered views."""
    lines = ["User-agent: *", "Disallow: /search", "Disallow: /es/search", "Disallow: /*?"]
    if settings.base:
        lines.append(f"Sitemap: {settings.base}/sitemap.xml")
    return _text("\n".join(lines) + "\n", "text/plain; charset=utf-8")


def sitemap(model: Model, settings: Installation) -> Rendered:
    """Return the sitemap. An agency's page was last changed with its last change; others change with the list."""
    listed = model.freshness.shown
    newest = listed.observed_at.date() if listed is not None else None
    rows = []
    for path in paths(model, lambda page: page.is_indexed):
        for language in Language:
            day = _changed_on(model, path) or newest
            when = f"<lastmod>{day.isoformat()}</lastmod>" if day is not None else ""
            rows.append(f"<url><loc>{escape(settings.base + path_in(language, path))}</loc>{when}</url>")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return _text(head + "\n".join(rows) + "\n</urlset>\n", "application/xml; charset=utf-8")


def _changed_on(model: Model, path: str) -> date | None:
    agency = model.site.agencies.by_slug.get(path.removeprefix("/agencies/"))
    if agency is None or not agency.changes:
        return None
    return agency.changes[0].publication.observed_at.date()


def security_txt(model: Model, settings: Installation) -> Rendered | None:
    """Return security.txt (RFC 9116), or None if the operator named no contact."""
    if not settings.contact:
        return None
    contact = settings.contact
    if "://" not in contact:
        contact = f"mailto:{contact}" if "@" in contact else ""
    if not contact:
        return None
    until = (model.day if model.day > date.min else date(2026, 1, 1)) + timedelta(days=180)
    lines = [f"Contact: {contact}", f"Expires: {until.isoformat()}T00:00:00Z", "Preferred-Languages: en, es"]
    return _text("\n".join(lines) + "\n", "text/plain; charset=utf-8")


def _text(text: str, content_type: str) -> Rendered:
    return Rendered(
        body=text.encode(), headers={"Content-Type": content_type, "Cache-Control": FOR_A_MINUTE, **SECURITY}
    )


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _moved_or_missing(request: Request, path: str, settings: Installation) -> Rendered:
    bare = path.rstrip("/")
    if path != bare and page_at(bare) is not None and not bare.startswith("//"):
        return _redirect(path_in(request.language, bare), is_permanent=True)
    return missing(request, settings)


def _redirect(path: str, *, is_permanent: bool) -> Rendered:
    status = HTTPStatus.MOVED_PERMANENTLY if is_permanent else HTTPStatus.FOUND
    kept = FOR_AN_HOUR if is_permanent else "no-store"
    headers = {"Location": path, "Cache-Control": kept, "Content-Type": HTML, **SECURITY}
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(path)}">' if is_permanent else ""
    body = f'<!doctype html><title>{status.phrase}</title>{refresh}<a href="{escape(path)}">{escape(path)}</a>\n'
    return Rendered(body=body.encode(), headers=headers, status=status)


def _html(
    template: str,
    request: Request,
    path: str,
    settings: Installation,
    values: Mapping[str, object],
    *,
    is_indexed: bool,
    status: int = HTTPStatus.OK,
) -> Rendered:
    said = _Words(request.language)
    context = {
        "model": request.model,
        "site": request.model.site,
        "fresh": request.model.freshness,
        "language": request.language,
        "path": path,
        "base": settings.base,
        "settings": settings,
        "is_indexed": is_indexed,
        "css": assets()["site.css"].path,
        "icon": assets()["icon.svg"].path,
        "languages": {language: path_in(language, path or "/") for language in Language},
        "STATES": STATES,
        "SupportType": SupportType,
        "TABLES": TABLES,
        "BADGE_HEIGHT": HEIGHT,
        "Kind": Kind,
        **said.names(),
        **values,
    }
    text = _environment().get_template(template).render(context)
    headers = {"Content-Type": HTML, "Content-Language": request.language.value, "Cache-Control": FOR_A_MINUTE}
    return Rendered(body=markup_safe(text).encode(), headers={**headers, **SECURITY}, status=status)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("bot.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["capital"] = capitalized
    return made


class _Words:
    """The words of one language, as functions for the templates."""

    def __init__(self, language: Language) -> None:
        self._language, self._formats = language, formats(language)
        self._wording = Wording(language, ZONE)

    def names(self) -> dict[str, object]:
        """Return the functions by the names that templates use."""
        return {
            "t": self.said,
            "tn": self.counted,
            "url": lambda path: path_in(self._language, path),
            "day": self._formats.day,
            "moment": self._wording.moment,
            "local_day": local_day,
            "number": self._formats.number,
            "join": self._formats.join,
            "states": states_in_order(STATES, self._language),
            "state_name": lambda code: state_name(code, self._language),
            "county": self.county,
            "support": self._wording.support,
            "support_type": lambda kind: SUPPORT_TYPE_NAMES[kind](self._language),
            "meaning": lambda kind: (
                SUPPORT_TYPE_MEANINGS[kind](self._language) if kind in SUPPORT_TYPE_MEANINGS else ""
            ),
            "happened": lambda kind, change=None: capitalized(self._wording.happened(kind, change)),
            "details": self.details,
            "meets": self._wording.meets,
            "own_name": own_name,
            "safe_link": safe_link,
            "curly": curly,
            "Markup": Markup,
            "qr_code": qr_code,
            "columns": lambda table: [(column.name, column.meaning(self._language)) for column in table.columns],
            "purpose": lambda table: table.meaning(self._language),
            "described": lambda model, state: described(model, state, self._language),
        }

    def said(self, message: str, **values: object) -> Markup:
        """Return a message as HTML. Values are escaped unless they are HTML already."""
        return self._filled(catalog.say(self._language, message, **_kept(values)), values)

    def counted(self, one: str, many: str, n: int, **values: object) -> Markup:
        """Return the form of a message for a number, as HTML."""
        return self._filled(catalog.say_count(self._language, one, many, n, **_kept(values)), values)

    def _filled(self, text: str, values: Mapping[str, object]) -> Markup:
        shown = {name: value for name, value in values.items() if not isinstance(value, int)}
        return Markup(escape(curly(text))).format(**shown)  # noqa: S704 - escaped in this line

    def county(self, county: County) -> str:
        """Return a county's full name, such as Iberia Parish."""
        name = distinct_name(county)
        return name if county.kind == "city" else county_name(name, county.state, self._language)

    def details(self, change: Change) -> Markup:
        """Return what changed in an agreement, or what an agenda says, as HTML."""
        if change.mention is not None:
            lines = self._wording.mention(change)
            return Markup("<br>").join(_line(line) for line in lines)
        return _line(self._wording.agreement(change))


def _kept(values: Mapping[str, object]) -> dict[str, object]:
    """Return the numbers, and each other value's blank, so that it is filled in after escaping."""
    return {name: value if isinstance(value, int) else f"{{{name}}}" for name, value in values.items()}


def _line(line: Line) -> Markup:
    return Markup("").join(
        Markup('<a href="{}" rel="nofollow noreferrer">{}</a>').format(span.href, curly(span.text))
        if span.href is not None and span.href.startswith(("https://", "http://"))
        else escape(curly(span.text))
        for span in line
    )


def curly(text: str) -> str:
    """Return a text with typographic apostrophes."""
    return text.replace("'", "’")


@lru_cache(maxsize=256)
def qr_code(address: str) -> Markup:
    """Return an address as a QR code: an inline SVG in black and white, without style."""
    code = segno.make(address, error="m").svg_inline(omitsize=True, svgclass="qr", lineclass=None, light="#fff")
    return Markup(code)  # noqa: S704 - segno draws a path


def safe_link(address: str | None) -> bool:
    """Return whether pages may link to a document that ICE's list names."""
    return address is not None and address.startswith("https://")
