"""ICE's 287(g) page and the two lists that it links to.

The address of a list has one of two forms, `…/participatingAgenciesMMDDYYYYpm.xlsx` or
`/file-download/download/public/<number>`, and ICE alternates between them. File names aren't reliable, so a list is
recognized by its columns. Before Feb. 21, 2025, the list was a table on the page itself. That table can be read too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import combinations
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from rapidfuzz.distance import OSA

from bot.domain.agreement import Agreement, Listing, ListName, Publication, SupportType, UnreadRow
from bot.domain.document import Document, remembered
from bot.domain.geography.states import STATES
from bot.domain.letters import counted
from bot.domain.lists.names import (
    SUPPORT_TYPES,
    agency_type,
    canonical,
    cell_text,
    is_error,
    signed_date,
    state_code,
    support_type,
    tidy,
    unarchived,
    web_address,
    without_marks,
)
from bot.domain.source_status import MOVED_TO, Reading, SourceStatus
from bot.domain.web_address import host_of, short
from bot.errors import Blocked, Missing, SourceError, Unreadable
from bot.sources import Fetcher
from bot.sources.formats.charset import page_text
from bot.sources.formats.fields import fingerprint, resolve_link
from bot.sources.formats.stand_in import DENIAL, NEEDS_SCRIPT, ROBOT_CHECK, stand_in
from bot.sources.formats.workbook import looks_like, read_workbook

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

PAGE = "https://www.ice.gov/identify-and-arrest/287g"
OTHER_PAGES = ("/identify-and-arrest/287g", "/287g")  # where ICE has served the page, too
UNLINKED_READINGS = 3  # of a page without a list, before we look for the page elsewhere
UNLINKED, KEPT = "unlinked", "kept"  # keys in the facts, beside those of the page
COLUMNS = ("STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM")
REQUIRED = ("STATE", "LAW ENFORCEMENT AGENCY", "SUPPORT TYPE")
ONLY_PARTICIPATING = ("SIGNED", "MOA")
UNKNOWN_STATE = "??"
HEADER_WITHIN = 20  # rows from the top that may be the header
MOST_COLUMNS = 64
LONGEST_CELL = 400  # characters of a name; ICE's longest so far has 84
LONGEST_NAME = 120  # characters of an agency on a sheet without ICE's columns, where prose may stand too
LONGEST_SUPPORT_TYPE = 40
LARGEST_REFUSAL = 64 * 1024  # bytes; no page of an edge server that refuses us is larger
LEAST_LETTERS = 3  # of an agency's name
MOST_ON_TWO_SHEETS = 5
MOST_TOLD = 6  # unreadable rows told one by one; more hold the list
AGENCY_TYPES = frozenset({"County", "Municipality", "State Agency"})
NO_STATE = "no sheet of the workbook has a STATE column, so it cannot be one of ICE's lists"
NO_HEADER = "no row is a header with STATE and LAW ENFORCEMENT AGENCY, so this cannot be one of ICE's lists"

_HEADLINE = re.compile(r"signed\s+([\d,]+)\s+Memorand(?:a|ums?)\s+of\s+Agreement", re.IGNORECASE)
_LIST_FILE = re.compile(r"\.xlsx?$|/file-download/download/", re.IGNORECASE)
_LIST_WORDS = {ListName.PARTICIPATING: "participatingagenc", ListName.PENDING: "pendingagenc"}
_AGENCY = re.compile(
    r"sher+if+|\bpolice|\bconstable|\bmarshal|\bdepartment|\bdept\b|\boffice\b|\bagency\b|\bbureau\b|\bcorrections\b"
    r"|\bpatrol\b|\bdetention\b|\btroopers?\b|\bpublic safety\b|\blaw enforcement\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\b(?:county|parish|borough)\b|^link\b", re.IGNORECASE)
_NOTE = re.compile(
    r"\b(?:terminat(?:ed|ion|ing)|rescind(?:ed|ing)|rescission|expir(?:ed|ing|ation)|withdr(?:awn|ew|awal|awing)"
    r"|cancell?(?:ed|ation)|revoked|revocation|suspended|suspension|inactive|discontinued|no longer)\b",
    re.IGNORECASE,
)
_NAME_NOTE = re.compile(
    r"\b(?:pending|removed|void(?:ed)?|ended|dissolved|disbanded|paused|on hold|opt(?:ed|ing)?[ -]out"
    r"|(?:not|non|in)[ -]?active|deactivated|under review|duplicate|term(?:ed|s)?|denied|declined|closed)\b",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"^(?:(?:sub|grand)[ -]?)?totals?\b|\btotals?:?$|^(?:count|sum) of\b", re.IGNORECASE)
_FORCE = re.compile(r"sher+if+|\bpolice\b|\bconstables?\b|\bmarshals?\b", re.IGNORECASE)
_TWO_NAMES = re.compile(r"\s*[\n;/|]\s*|\s+(?:and|&)\s+", re.IGNORECASE)
_STEMS = ("jailenforc", "warrantserv", "taskforce")  # of the support types, in letters only

Value = object


class Ice:
    """The source `ice`. It reads one page with links to one or two lists."""

    name = "ice"

    def __init__(self, page: str = PAGE, others: Sequence[str] = OTHER_PAGES) -> None:
        self._page = page
        self.host = host_of(page)
        self._addresses = tuple(dict.fromkeys((page, *(urljoin(page, other) for other in others))))

    async def read(self, fetch: Fetcher, status: SourceStatus) -> Reading:
        """Fetch the page and the lists it links to.

        If the page has no link to the participating list, return the page itself as that list.
        """
        page, facts = await self._found_page(fetch, status)
        validators = {page.address: remembered(page, status.validators.get(page.address))}
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
        is_new = not page.unchanged and (_visible(facts) != _visible(status.facts) or KEPT not in status.facts)
        return Reading(
            documents=documents,
            pages=(page,) if is_new else (),
            headline=facts["headline"],
            validators=validators,
            facts={**facts, KEPT: page.sha256} if is_new else facts,
            problems=tuple(problems),
        )

    @property
    def addresses(self) -> Sequence[str]:
        """The addresses where the page may be, the usual one first."""
        return self._addresses

    def links(self, page: Document) -> Mapping[str, str]:
        """Return the address of each list that a page links. This function is pure."""
        links: Mapping[str, str] = _page_facts(page)["links"]
        return links

    async def _found_page(self, fetch: Fetcher, status: SourceStatus) -> tuple[Document, Mapping[str, Any]]:
        """Return the page and its facts. If it is gone or has lost its list for a while, look for it elsewhere."""
        at = status.facts.get(MOVED_TO, self._page)
        try:
            page = await self._get(fetch, status, at)
        except Missing:
            found = await self._elsewhere(fetch, status, at)
            if found is None:
                raise
            return found
        facts = self._facts(page, status)
        if facts.get(UNLINKED, 0) >= UNLINKED_READINGS:
            return await self._elsewhere(fetch, status, at) or (page, facts)
        return page, facts

    async def _elsewhere(
        self, fetch: Fetcher, status: SourceStatus, at: str
    ) -> tuple[Document, Mapping[str, Any]] | None:
        """Return the page at the first other address that links the participating list, or None."""
        for address in self._addresses:
            if address == at:
                continue
            try:
                page = await self._get(fetch, replace(status, validators={}), address)
            except SourceError:
                continue
            facts = self._facts(page, status)
            if ListName.PARTICIPATING in facts["links"]:
                return page, facts
        return None

    def _facts(self, page: Document, status: SourceStatus) -> Mapping[str, Any]:
        """Return the facts of the page, with those that last: where it is, and how often it has had no list."""
        is_known = page.sha256 == status.facts.get("page")
        facts = dict(status.facts if is_known else _page_facts(page))
        unlinked = status.facts.get(UNLINKED, 0)
        lasting = {KEPT: status.facts[KEPT]} if KEPT in status.facts else {}
        if page.address != self._page:
            lasting[MOVED_TO] = page.address
        has_list = ListName.PARTICIPATING in facts["links"] or (unlinked == 0 if page.unchanged else _has_table(page))
        if not has_list:
            lasting[UNLINKED] = unlinked + 1
        return {key: fact for key, fact in facts.items() if key not in {MOVED_TO, UNLINKED, KEPT}} | lasting

    async def _get(self, fetch: Fetcher, status: SourceStatus, address: str) -> Document:
        document = await fetch.get(
            address, source=self.name, validators=status.validators.get(address), last_good=status.read_at
        )
        if refusal := _refusal(document):
            raise Blocked(f"{self.name}: {short(address)} answered with {refusal} instead of the document")
        return document

    def parse(self, document: Document, name: ListName, *, first_sheet: bool = False) -> Listing:
        """Parse the document as the named list. Raise Unreadable if it has the columns of the other list."""
        found = _sheets(document)
        for table in found.tables:
            _check_columns(table.header, name)
        if first_sheet:
            found = found._replace(tables=found.tables[:1])
        rows = [row for table in found.tables for row in _rows(table)]
        agreements = [(number, row) for number, row in rows if isinstance(row, Agreement)]
        flaws = [(number, row) for number, row in rows if isinstance(row, _Flaw)]
        if len(found.tables) > 1:
            _check_sheets_differ(found.tables)
        publication = Publication(
            name=document.name,
            address=document.address,
            evidence=document.sha256,
            observed_at=document.fetched_at,
            rows=len(rows),
            way=document.way,
        )
        return Listing(
            list=name,
            publication=publication,
            agreements=tuple(agreement for _, agreement in agreements),
            row_numbers=tuple(number for number, _ in agreements),
            untyped=tuple((number, flaw.agreement) for number, flaw in flaws if flaw.agreement is not None),
            columns=frozenset.intersection(*(frozenset(table.header) for table in found.tables)),
            unreadable=tuple(f"row {number} {flaw.lacks}" for number, flaw in flaws),
            unread=tuple(flaw.row for _, flaw in flaws),
            strays=found.strays,
            oddities={**found.oddities, **dict(_oddity(name, number, flaw) for number, flaw in flaws[:MOST_TOLD])},
        )


def _oddity(name: ListName, number: int, flaw: "_Flaw") -> tuple[str, str]:
    """Return a key and a note for the operator about an unreadable row.

    The key stays the same if the row moves to another position.
    """
    cells = " | ".join(filter(None, flaw.row.cells))
    key = fingerprint(name.value, flaw.lacks, flaw.row.cells)
    return key, f"Row {number} of the {name.value} list {flaw.lacks}, so I left it out: {cells[:LONGEST_CELL]}"


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _page_facts(page: Document) -> dict[str, Any]:
    """Return the page's hash, the links to the lists and the total in the headline.

    The keys are stored, so they must not change.
    """
    soup = _soup(page)
    base = page.headers.get("final-address", page.address)
    found = _HEADLINE.search(" ".join(soup.get_text(" ").split()))
    return {
        "page": page.sha256,
        "links": _links(soup, base),
        "headline": int(found[1].replace(",", "")) if found else None,
    }


def _soup(page: Document) -> "BeautifulSoup":
    from bs4 import BeautifulSoup  # noqa: PLC0415 - slow to import, and most readings are unchanged

    return BeautifulSoup(page_text(page.body, page.headers.get("content-type", "")), "lxml")


def _refusal(document: Document) -> str:
    """Return in words how an edge server refused us with a status of 200, or an empty string if it didn't."""
    if document.unchanged or len(document.body) > LARGEST_REFUSAL or document.body.lstrip()[:1] != b"<":
        return ""
    soup = _soup(document)
    found = stand_in(soup, " ".join(soup.get_text(" ").split()))
    return found if found in {DENIAL, ROBOT_CHECK, NEEDS_SCRIPT} else ""


def _has_table(page: Document) -> bool:
    try:
        return bool(_sheets(page).tables)
    except Unreadable:
        return False


def _visible(facts: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the facts that readers can see on the page.

    A page is stored as new evidence only if one of these facts has changed.
    """
    return facts.get("links"), facts.get("headline")


def _links(soup: "BeautifulSoup", base: str) -> dict[str, str]:
    """Return the address of each list. A link is recognized by its text, or otherwise by its file name."""
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
    """A list as published.

    `header` maps ICE's column names to positions, counting from 0. `header_row` is the number of the row with those
    names, counting from 1. `links` are by row and column, counting from 1.
    """

    header: Mapping[str, int]
    header_row: int
    rows: Sequence[Sequence[Value]]
    links: Mapping[tuple[int, int], str]
    title: str = ""

    def links_under(self, name: str) -> Mapping[int, str]:
        """Return the links in one column, by row number."""
        wanted = self.header.get(name, -1) + 1
        return {row: link for (row, column), link in self.links.items() if column == wanted}


class _Sheets(NamedTuple):
    """The tables that make up the list, and notes for the operator about other visible sheets."""

    tables: Sequence[_Table]
    oddities: Mapping[str, str]
    strays: tuple[str, ...] = ()


def _sheets(document: Document) -> _Sheets:
    if document.body[:2] == b"PK":
        return _workbook_tables(document.body)
    rows, links = _html_rows(document)
    if table := _table(rows, links):
        return _Sheets([table], {})
    raise Unreadable(NO_HEADER)


def _table(rows: Sequence[Sequence[Value]], links: Mapping[tuple[int, int], str], title: str = "") -> _Table | None:
    """Return the table that starts with the first header row, or None if there is no header row."""
    for number, row in enumerate(rows[: HEADER_WITHIN + 1], start=1):
        header = _header(row)
        if {"STATE", "LAW ENFORCEMENT AGENCY"} <= header.keys():
            return _Table(header, number, rows, links, title)
    return None


def _header(cells: Sequence[Value]) -> dict[str, int]:
    """Return the positions of ICE's columns in a row. A column name may have one wrong letter."""
    found: dict[str, int] = {}
    for column, cell in enumerate(cells):
        text = cell_text(cell).upper()
        text = "LAW ENFORCEMENT AGENCY" if text == "AGENCY" else text
        name = next((c for c in COLUMNS if c == text or (len(c) > 3 and OSA.distance(c, text) <= 1)), None)
        if name is not None and name not in found:
            found[name] = column
    return found


def _workbook_tables(body: bytes) -> _Sheets:
    """Return the visible sheets that have ICE's columns.

    Other sheets are left out. Raise Unreadable if one of them has a row that looks like an agreement.
    """
    sheets = read_workbook(body)
    found = [(sheet, _table(sheet.rows, sheet.links, sheet.title)) for sheet in sheets]
    tables = [table for _, table in found if table is not None]
    if not tables:
        has_state = any("STATE" in _header(row) for sheet in sheets for row in sheet.rows[:HEADER_WITHIN])
        raise Unreadable(NO_HEADER if has_state else NO_STATE)
    whole = [table for table in tables if set(REQUIRED) <= table.header.keys()] or tables[:1]
    oddities = {}
    for sheet, table in found:
        if table is not None and any(table is one for one in whole):
            continue
        number = next((n for n, row in enumerate(sheet.rows, start=1) if _is_like_a_row(row)), None)
        if number is not None:
            raise Unreadable(f"row {number} of sheet {sheet.title!r} looks like an agreement but can't be read")
        if any(map(cell_text, (cell for row in sheet.rows for cell in row))):
            text = f"ICE's workbook has another sheet, {sheet.title!r}, without agreements in it. I left it out."
            oddities[fingerprint("sheet", sheet.title)] = text
    return _Sheets(whole, oddities, tuple(place for sheet in sheets for place in sheet.strays))


def _is_like_a_row(row: Sequence[Value]) -> bool:
    """Return whether a row looks like an agreement.

    Such a row has an agency's name and also a state, an agency type, a support type or a date.
    """
    texts = [cell_text(cell) for cell in row]
    agencies = [text for text in texts if len(text) <= LONGEST_NAME and _AGENCY.search(text) and " " in text]
    others = (cell for cell, text in zip(row, texts, strict=True) if text and text not in agencies)
    return bool(agencies) and any(map(_is_of_another_column, others))


def _is_of_another_column(cell: Value) -> bool:
    text = cell_text(cell)
    return isinstance(cell, datetime | date) or bool(state_code(text)) or _is_type(text) or _is_support_type(text)


def _check_sheets_differ(tables: Sequence[_Table]) -> None:
    """Raise Unreadable if two sheets have many of the same agreements, because one of them may be an old list."""
    keys = [{row.key for _, row in _rows(table) if isinstance(row, Agreement)} for table in tables]
    for (table, one), (second, other) in combinations(zip(tables, keys, strict=True), 2):
        if len(one & other) > min(MOST_ON_TWO_SHEETS, min(len(one), len(other)) // 2):
            raise Unreadable(
                f"{len(one & other)} agreements are on two sheets of the workbook, {table.title!r} and "
                f"{second.title!r}; one may be an old list. If you approve the listing, only the first sheet, "
                f"{tables[0].title!r}, with {counted(len(keys[0]), 'agreement')}, will be read"
            )


def _html_rows(document: Document) -> tuple[Sequence[Sequence[Value]], Mapping[tuple[int, int], str]]:
    """Return the rows and links of the first table on the page that has a STATE column."""
    if b"<" not in document.body[:4096]:
        raise Unreadable(f"expected a workbook, got {looks_like(document.body)}")
    base = unarchived(document.headers.get("final-address", document.address))
    for table in _soup(document).find_all("table"):
        printed = [tr.find_all(["td", "th"]) for tr in table.find_all("tr")]
        rows = [_html_row(cells) for cells in printed]
        if any("STATE" in _header(row) for row in rows[:HEADER_WITHIN]):
            return rows, _html_links(printed, base)
    raise Unreadable(f"expected the list, got {looks_like(document.body)} without a list in it")


def _html_row(cells: "Sequence[Tag]") -> list[Value]:
    texts: list[Value] = [cell.get_text(" ") for cell in cells[:MOST_COLUMNS]]
    return texts + [None] * (MOST_COLUMNS - len(texts))


def _html_links(rows: "Sequence[Sequence[Tag]]", base: str) -> dict[tuple[int, int], str]:
    return {
        (number, column): link
        for number, cells in enumerate(rows, start=1)
        for column, cell in enumerate(cells, start=1)
        for anchor in cell.find_all("a", href=True, limit=1)
        if (link := resolve_link(base, unarchived(str(anchor["href"]))))
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
    """A row that can't be read as an agreement.

    `lacks` describes the problem and `row` has the cells. `agreement` has the other values if only one cell is
    unusable.
    """

    lacks: str
    row: UnreadRow
    agreement: Agreement | None = None


def _rows(table: _Table) -> Iterator[tuple[int, Agreement | _Flaw]]:
    """Yield the number of each row with its agreement or its flaw. Skip blank rows."""
    columns = tuple(column for column in COLUMNS if column in table.header)
    cells = itemgetter(*(table.header[column] for column in columns))
    moas, addenda = table.links_under("MOA"), table.links_under("ADDENDUM")
    for number, row in enumerate(table.rows[table.header_row :], start=table.header_row + 1):
        found = _read_row(columns, cells(row), moas.get(number), addenda.get(number))
        if found is not None:
            yield number, found


@lru_cache(maxsize=16_384)
def _read_row(
    columns: tuple[str, ...], values: tuple[Value, ...], moa_link: str | None, addendum_link: str | None
) -> Agreement | _Flaw | None:
    """Return the agreement or the flaw in a row, or None if the row is blank.

    The results are cached, because most rows were also on the previous list.
    """
    if not any(map(cell_text, values)) and not any(map(is_error, values)):
        return None
    cells = dict.fromkeys(COLUMNS) | dict(zip(columns, values, strict=True))
    agency, support = without_marks(cell_text(cells["LAW ENFORCEMENT AGENCY"])), cell_text(cells["SUPPORT TYPE"])
    state, kind = state_code(cell_text(cells["STATE"])) or UNKNOWN_STATE, support_type(support)
    unread = _unread(cells, state, kind, moa_link)
    if lacks := _misplaced(cells, agency, support):
        return _Flaw(lacks, unread)
    read = {
        "STATE": STATES.get(state, "").upper(),
        "LAW ENFORCEMENT AGENCY": agency,
        "TYPE": agency_type(cell_text(cells["TYPE"])),
        "COUNTY": cell_text(cells["COUNTY"])[:LONGEST_CELL],
        "SUPPORT TYPE": SUPPORT_TYPES.get(kind, ""),
    }
    signed = signed_date(cells["SIGNED"])
    moa, addendum = _document(moa_link, cells["MOA"]), _document(addendum_link, cells["ADDENDUM"])
    linked = (("MOA", moa_link, moa), ("ADDENDUM", addendum_link, addendum))
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
        printed=_printed(cells, read, signed, linked),
    )
    assert agreement.key.state
    assert agreement.facts  # both are computed here, once for all lists that have this row
    if state == UNKNOWN_STATE:
        return _Flaw("has no state we know", unread, agreement if support else None)
    return agreement if support else _Flaw("has no support type", unread, agreement)


def _printed(
    cells: Mapping[str, Value],
    read: Mapping[str, str],
    signed: date | None,
    linked: Iterable[tuple[str, str | None, str | None]],
) -> dict[str, str]:
    """Return what the list says, by column, if we read it as something else.

    `linked` has a column, the link as it is on the list and the address we read it as.
    """
    printed = {column: str(cells[column]) for column, text in read.items() if _differs(cells[column], text)}
    if _is_repaired(cells["SIGNED"], signed):
        printed["SIGNED"] = str(cells["SIGNED"])
    return printed | {column: link for column, link, address in linked if link and link != address}


def _unread(cells: Mapping[str, Value], state: str, kind: SupportType, moa_link: str | None) -> UnreadRow:
    return UnreadRow(
        cells=tuple(cell_text(cell)[:LONGEST_CELL] for cell in cells.values()),
        state="" if state == UNKNOWN_STATE else state,
        county=cell_text(cells["COUNTY"])[:LONGEST_CELL],
        support_type="" if kind is SupportType.OTHER else kind.value,
        signed=signed_date(cells["SIGNED"]),
        moa=_document(moa_link, cells["MOA"]),
    )


def _misplaced(cells: Mapping[str, Value], agency: str, support: str) -> str | None:
    """Return a description of a cell that doesn't belong in its column, or None if all cells are plausible."""
    if any(isinstance(cell, str) and cell.startswith("=") for cell in cells.values()):
        return "has a formula without a result"
    if _is_header(agency) or _is_header(cell_text(cells["STATE"])):
        return "is the header again"
    if note := next(filter(None, (_NOTE.search(cell_text(cell)) for cell in cells.values())), None):
        return f"says {note[0].lower()!r}"
    return _of_other_columns(cells, support) or _not_a_name(cells["LAW ENFORCEMENT AGENCY"], agency)


def _of_other_columns(cells: Mapping[str, Value], support: str) -> str | None:
    """Say which cell of a row has the value of another column or of two rows; None if none has."""
    if support and not _is_support_type(support) and _is_of_other_than_support(support):
        return f"has {support[:LONGEST_CELL]!r} for a support type"
    if sum(stem in _letters(support) for stem in _STEMS) > 1:
        return "has two support types"
    county, kind = cell_text(cells["COUNTY"]), cell_text(cells["TYPE"])
    if _is_of_other_than_county(county):
        return f"has {county[:LONGEST_CELL]!r} for a county"
    return f"has {kind[:LONGEST_CELL]!r} for a type" if _is_of_other_than_type(kind) else None


def _is_of_other_than_county(text: str) -> bool:
    return bool(_FORCE.search(text)) or _is_support_type(text) or text in AGENCY_TYPES


def _is_of_other_than_type(text: str) -> bool:
    return not _is_type(text) and bool(_PLACE.search(text) or state_code(text) or _is_support_type(text))


def _not_a_name(cell: Value, agency: str) -> str | None:
    if not agency:
        return "has no agency"
    if len(agency) > LONGEST_CELL:
        return f"has an agency name of {len(agency)} characters"
    if note := _NAME_NOTE.search(agency):
        return f"says {note[0].lower()!r}"
    if _TOTAL.search(agency):
        return "is a total"
    if isinstance(cell, str) and sum(bool(_FORCE.search(part)) for part in _TWO_NAMES.split(cell)) > 1:
        return "names two agencies"
    is_name = len(_letters(agency)) >= LEAST_LETTERS and not _is_of_another_column(cell)
    return None if is_name else f"has {agency!r} for an agency"


def _is_of_other_than_support(support: str) -> bool:
    is_placed = _is_type(support) or _is_header(support) or bool(_AGENCY.search(support) or _PLACE.search(support))
    return is_placed or bool(state_code(support) or signed_date(support)) or len(_letters(support)) < 2


def _is_header(text: str) -> bool:
    return bool(_header([text]))


def _is_type(text: str) -> bool:
    return agency_type(text) in AGENCY_TYPES


def _is_support_type(text: str) -> bool:
    """Return whether a cell contains only a support type.

    The length is limited, because the name of an agency may start with the same words.
    """
    return len(text) <= LONGEST_SUPPORT_TYPE and support_type(text) is not SupportType.OTHER


def _document(link: str | None, cell: Value) -> str | None:
    """Return the address of the document in a cell.

    Use the cell's hyperlink or, if there is none, an address in the cell's text.
    """
    return web_address(link) if link else web_address(tidy(cell)) if isinstance(cell, str) else None


def _differs(cell: Value, read: str) -> bool:
    """Return whether a cell's text differs from the text we read, ignoring case."""
    return isinstance(cell, str) and cell.upper() != read.upper()


def _is_repaired(cell: Value, signed: date | None) -> bool:
    """Return whether the signing date as written on the list differs from our interpretation of it."""
    if cell is None:
        return False
    return not isinstance(cell, datetime | date) or signed is None or cell.year != signed.year
