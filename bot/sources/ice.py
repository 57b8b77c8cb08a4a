"""ICE's 287(g) page and the two lists that it links to.

The address of each list alternates between two forms: `…/participatingAgenciesMMDDYYYYpm.xlsx` and
`/file-download/download/public/<number>`. File names can't be trusted, so a list is recognized by its columns.
Before 2025-02-21, the list was a table on the page itself; that form can be read too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from rapidfuzz.distance import OSA

from bot.domain.agreement import Agreement, Listing, ListName, Publication
from bot.domain.document import Document, remembered
from bot.domain.geography.states import STATES
from bot.domain.lists.names import (
    SUPPORT_TYPES,
    agency_type,
    canonical,
    cell_text,
    signed_date,
    state_code,
    support_type,
    tidy,
    web_address,
)
from bot.domain.source_status import Reading, SourceStatus
from bot.errors import SourceError, Unreadable
from bot.sources import Fetcher
from bot.sources.formats.fields import resolve_link
from bot.sources.formats.workbook import looks_like, read_workbook

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

PAGE = "https://www.ice.gov/identify-and-arrest/287g"
COLUMNS = ("STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM")
REQUIRED = ("STATE", "LAW ENFORCEMENT AGENCY", "SUPPORT TYPE")
ONLY_PARTICIPATING = ("SIGNED", "MOA")
UNKNOWN_STATE = "??"
HEADER_WITHIN = 20  # rows from the top that may be the header
MOST_COLUMNS = 64
LONGEST_CELL = 400  # characters in a name; the longest on ICE's lists so far has 84

_HEADLINE = re.compile(r"signed\s+([\d,]+)\s+Memorand(?:a|ums?)\s+of\s+Agreement", re.IGNORECASE)
_LIST_FILE = re.compile(r"\.xlsx?$|/file-download/download/", re.IGNORECASE)
_LIST_WORDS = {ListName.PARTICIPATING: "participatingagenc", ListName.PENDING: "pendingagenc"}

Value = object


class Ice:
    """The source `ice`: one page with one or two lists."""

    name = "ice"

    def __init__(self, page: str = PAGE) -> None:
        self._page = page

    async def read(self, fetch: Fetcher, status: SourceStatus) -> Reading:
        """Fetch the page and each list it links to; without a link to the participating list, use the page itself."""
        page = await self._get(fetch, status, self._page)
        facts: Mapping[str, Any] = status.facts if page.sha256 == status.facts.get("page") else _page_facts(page)
        validators = {self._page: remembered(page, status.validators.get(self._page))}
        documents, problems = {}, []
        for name, link in facts["links"].items():
            try:
                document = await self._get(fetch, status, link)
            except SourceError as fault:
                if name == ListName.PARTICIPATING:
                    raise
                problems.append(str(fault))
            else:
                documents[ListName(name)] = document
                validators[link] = remembered(document, status.validators.get(link))
        if ListName.PARTICIPATING not in documents:
            documents[ListName.PARTICIPATING] = page
        return Reading(
            documents=documents,
            pages=(page,) if _visible(facts) != _visible(status.facts) else (),
            headline=facts["headline"],
            validators=validators,
            facts=facts,
            problems=tuple(problems),
        )

    async def _get(self, fetch: Fetcher, status: SourceStatus, address: str) -> Document:
        return await fetch.get(
            address, source=self.name, validators=status.validators.get(address), last_good=status.read_at
        )

    def parse(self, document: Document, name: ListName) -> Listing:
        """Parse the document as the named list; raise Unreadable if it has the columns of the other list."""
        table = _table(document)
        _check_columns(table.header, name)
        rows = list(_rows(table, document.fetched_at))
        agreements = [(number, row) for number, row in rows if isinstance(row, Agreement)]
        flaws = [(number, row) for number, row in rows if isinstance(row, _Flaw)]
        publication = Publication(
            name=document.name,
            address=document.address,
            evidence=document.sha256,
            observed_at=document.fetched_at,
            rows=len(rows),
        )
        return Listing(
            list=name,
            publication=publication,
            agreements=tuple(agreement for _, agreement in agreements),
            row_numbers=tuple(number for number, _ in agreements),
            untyped=tuple((number, flaw.agreement) for number, flaw in flaws if flaw.agreement is not None),
            columns=frozenset(table.header),
            unreadable=tuple(f"row {number} {flaw.lacks}" for number, flaw in flaws),
        )


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _page_facts(page: Document) -> dict[str, Any]:
    """Return the page's hash, the lists it links to and the total in its headline. The keys are a stored format."""
    soup = _soup(page.body)
    base = page.headers.get("final-address", page.address)
    found = _HEADLINE.search(" ".join(soup.get_text(" ").split()))
    return {
        "page": page.sha256,
        "links": _links(soup, base),
        "headline": int(found[1].replace(",", "")) if found else None,
    }


def _soup(body: bytes) -> "BeautifulSoup":
    from bs4 import BeautifulSoup  # noqa: PLC0415 - slow to import, and most readings are unchanged

    return BeautifulSoup(body, "lxml")


def _visible(facts: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the facts that readers can see; a page that differs only in its hash isn't new evidence."""
    return facts.get("links"), facts.get("headline")


def _links(soup: "BeautifulSoup", base: str) -> dict[str, str]:
    """Return the address of each list, recognized by the link's text or else by its file name."""
    anchors = [(_letters(a.get_text()), resolve_link(base, str(a["href"]))) for a in soup.find_all("a", href=True)]
    files = [(text, link) for text, link in anchors if _is_file(link)]
    links = {}
    for name, words in _LIST_WORDS.items():
        by_text = [link for text, link in files if words in text]
        by_file = [link for text, link in files if words in _letters(urlsplit(link).path)]
        if by_text or by_file:
            links[name.value] = (by_text or by_file)[0]
    return links


def _is_file(link: str) -> bool:
    return urlsplit(link).scheme in {"http", "https"} and bool(_LIST_FILE.search(urlsplit(link).path))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


# ── the table, from a workbook or from the page ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Table:
    """A list as printed: the cells in each row, and the cells' links by row and column, counting from 1.

    `header` maps ICE's column names to their positions, counting from 0; `header_row` is the row with those names.
    """

    header: Mapping[str, int]
    header_row: int
    rows: Sequence[Sequence[Value]]
    links: Mapping[tuple[int, int], str]

    def links_under(self, name: str) -> Mapping[int, str]:
        """Return the links in one column, by row."""
        wanted = self.header.get(name, -1) + 1
        return {row: link for (row, column), link in self.links.items() if column == wanted}


def _table(document: Document) -> _Table:
    rows, links = _workbook_rows(document.body) if document.body[:2] == b"PK" else _html_rows(document)
    for number, row in enumerate(rows[: HEADER_WITHIN + 1], start=1):
        header = _header(row)
        if {"STATE", "LAW ENFORCEMENT AGENCY"} <= header.keys():
            return _Table(header, number, rows, links)
    raise Unreadable("no row is a header with STATE and LAW ENFORCEMENT AGENCY, so this cannot be one of ICE's lists")


def _header(cells: Sequence[Value]) -> dict[str, int]:
    """Return the position of each of ICE's columns, allowing for one wrong letter."""
    found: dict[str, int] = {}
    for column, cell in enumerate(cells):
        text = cell_text(cell).upper()
        text = "LAW ENFORCEMENT AGENCY" if text == "AGENCY" else text
        name = next((c for c in COLUMNS if c == text or (len(c) > 3 and OSA.distance(c, text) <= 1)), None)
        if name is not None and name not in found:
            found[name] = column
    return found


def _workbook_rows(body: bytes) -> tuple[Sequence[Sequence[Value]], Mapping[tuple[int, int], str]]:
    sheets = read_workbook(body)
    sheet = next((s for s in sheets if any("STATE" in _header(row) for row in s.rows[:HEADER_WITHIN])), None)
    if sheet is None:
        raise Unreadable("no sheet of the workbook has a STATE column, so it cannot be one of ICE's lists")
    return sheet.rows, sheet.links


def _html_rows(document: Document) -> tuple[Sequence[Sequence[Value]], Mapping[tuple[int, int], str]]:
    """Return the rows and links of the first table on the page that has ICE's columns."""
    if b"<" not in document.body[:4096]:
        raise Unreadable(f"expected a workbook, got {looks_like(document.body)}")
    base = document.headers.get("final-address", document.address)
    for table in _soup(document.body).find_all("table"):
        printed = [tr.find_all(["td", "th"]) for tr in table.find_all("tr")]
        rows = [_html_row(cells) for cells in printed]
        if any("STATE" in _header(row) for row in rows[:HEADER_WITHIN]):
            return rows, _html_links(printed, base)
    raise Unreadable(f"expected the list, got {looks_like(document.body)} without a list in it")


def _html_row(cells: "Sequence[Tag]") -> list[Value]:
    texts: list[Value] = [cell.get_text(" ") for cell in cells]
    return texts + [None] * (MOST_COLUMNS - len(texts))


def _html_links(rows: "Sequence[Sequence[Tag]]", base: str) -> dict[tuple[int, int], str]:
    return {
        (number, column): link
        for number, cells in enumerate(rows, start=1)
        for column, cell in enumerate(cells, start=1)
        for anchor in cell.find_all("a", href=True, limit=1)
        if (link := resolve_link(base, str(anchor["href"])))
    }


def _check_columns(header: Mapping[str, int], name: ListName) -> None:
    has_participating = "SIGNED" in header
    missing = [column for column in REQUIRED if column not in header]
    if name is ListName.PARTICIPATING and not has_participating and not missing:
        raise Unreadable("it has the columns of the pending list (no SIGNED), not those of the participating list")
    if name is ListName.PENDING and has_participating:
        raise Unreadable("it has the columns of the participating list (SIGNED), not those of the pending list")
    if name is ListName.PARTICIPATING:
        missing += [column for column in ONLY_PARTICIPATING if column not in header]
    if missing:
        raise Unreadable(f"columns are missing: {', '.join(missing)}")


# ── a row, repaired ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Flaw(NamedTuple):
    """A row without a usable agreement: the problem, and the agreement itself if only its support type is missing."""

    lacks: str
    agreement: Agreement | None = None


def _rows(table: _Table, observed_at: datetime) -> Iterator[tuple[int, Agreement | _Flaw]]:
    """Yield each row's number with its agreement or its flaw; skip blank rows."""
    columns = tuple(column for column in COLUMNS if column in table.header)
    cells = itemgetter(*(table.header[column] for column in columns))
    moas, addenda = table.links_under("MOA"), table.links_under("ADDENDUM")
    not_after = observed_at.date() + timedelta(days=2)  # one day for the time zone and one for a list dated ahead
    for number, row in enumerate(table.rows[table.header_row :], start=table.header_row + 1):
        found = _repaired(columns, cells(row), moas.get(number), addenda.get(number))
        if isinstance(found, Agreement) and found.signed is not None and found.signed > not_after:
            printed = {**found.printed, "SIGNED": str(row[table.header["SIGNED"]])}
            found = replace(found, signed=None, printed=printed)
        if found is not None:
            yield number, found


@lru_cache(maxsize=16_384)
def _repaired(
    columns: tuple[str, ...], values: tuple[Value, ...], moa_link: str | None, addendum_link: str | None
) -> Agreement | _Flaw | None:
    """Return a row with its cells repaired. Most rows were also on the last list and come from the cache."""
    if not any(map(cell_text, values)):
        return None
    cells = dict.fromkeys(COLUMNS) | dict(zip(columns, values, strict=True))
    agency, support = cell_text(cells["LAW ENFORCEMENT AGENCY"]), cell_text(cells["SUPPORT TYPE"])
    if not agency:
        return _Flaw("has no agency")
    if len(agency) > LONGEST_CELL:
        return _Flaw(f"has an agency name of {len(agency)} characters")
    state, kind = state_code(cell_text(cells["STATE"])) or UNKNOWN_STATE, support_type(support)
    read = {
        "STATE": STATES.get(state, "").upper(),
        "LAW ENFORCEMENT AGENCY": agency,
        "TYPE": agency_type(cell_text(cells["TYPE"])),
        "COUNTY": cell_text(cells["COUNTY"])[:LONGEST_CELL],
        "SUPPORT TYPE": SUPPORT_TYPES.get(kind, ""),
    }
    signed = signed_date(cells["SIGNED"])
    moa, addendum = _document(moa_link, cells["MOA"]), _document(addendum_link, cells["ADDENDUM"])
    printed = {c: str(cells[c]) for c, text in read.items() if _differs(cells[c], text)}
    if _is_repaired(cells["SIGNED"], signed):
        printed["SIGNED"] = str(cells["SIGNED"])
    linked = (("MOA", moa_link, moa), ("ADDENDUM", addendum_link, addendum))
    printed |= {column: link for column, link, address in linked if link and link != address}
    agreement = Agreement(
        state=state,
        agency=agency,
        canonical=canonical(agency, state),
        support_type=kind,
        agency_type=read["TYPE"],
        county=read["COUNTY"],
        signed=signed,
        moa=moa,
        addendum=addendum,
        printed=printed,
    )
    assert agreement.key.state
    assert agreement.facts  # compute both now, once for all lists that have this row
    return agreement if support else _Flaw("has no support type", agreement)


def _document(link: str | None, cell: Value) -> str | None:
    """Return the address of a cell's document: its hyperlink, or else an address in its text."""
    return web_address(link) if link else web_address(tidy(cell)) if isinstance(cell, str) else None


def _differs(cell: Value, read: str) -> bool:
    """Return whether a cell was printed differently from the text we read, ignoring case."""
    return isinstance(cell, str) and cell.upper() != read.upper()


def _is_repaired(cell: Value, signed: date | None) -> bool:
    """Return whether the signing date was printed differently from the date we read."""
    if cell is None:
        return False
    return not isinstance(cell, datetime | date) or signed is None or cell.year != signed.year
