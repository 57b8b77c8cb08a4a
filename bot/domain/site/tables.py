"""The tables of the whole site: agreements, changes, meetings, counts over time and states, with their columns.

You may add columns at the end, but never rename, move or remove any.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bot.domain.change import Change
from bot.domain.geography.fold import county_of
from bot.domain.geography.states import STATES
from bot.domain.messages.change_json import JsonObject, agreement_json, change_json
from bot.domain.site.agencies import Agency
from bot.domain.site.history import counts_over_time
from bot.domain.site.model import Model
from bot.domain.site.table import Column, csv_of
from bot.domain.text.catalog import Phrase


class Table(NamedTuple):
    """A table's name, meaning and columns."""

    name: str
    meaning: Phrase
    columns: tuple[Column, ...]


_STATE = Column("state", Phrase("the postal code of the state"))
_AGENCY = Column("agency", Phrase("the agency as ICE prints it, or the body that meets"))
_SUPPORT = Column("support_type", Phrase("JEM (Jail Enforcement Model), WSO (Warrant Service Officer), TFM (Task Force "
    "Model) or OTHER"))  # fmt: skip
_OF_ROW = (
    Column("agency_type", Phrase("the type of the agency as ICE prints it")),
    Column("county", Phrase("the county as ICE prints it; often empty for cities")),
    Column("signed", Phrase("the date when ICE countersigned; empty if it can't be read"), format="date"),
    Column("moa", Phrase("the address of the memorandum of agreement"), format="uri-reference"),
    Column("addendum", Phrase("the address of the addendum"), format="uri-reference"),
    Column("row", Phrase("the row on ICE's list; the header is row 1"), "integer"),
    Column("signed_doubtful", Phrase("true if no list can confirm the signing date"), "boolean"),
)
_BY_OCR = Phrase("true if OCR has read the words from a scan, perhaps wrongly")
_FIPS = Column("county_fips", Phrase("the county's five-digit FIPS code, if the county is known"))
_COUNTY_BY = Column("county_by", Phrase("ice if ICE prints that county, ours if it is our reading"))
OF_AGREEMENT = (_STATE, _AGENCY, _SUPPORT, *_OF_ROW, _FIPS, _COUNTY_BY)  # what `agreement_json` has without the site
_AGENCY_URL = Column("agency_url", Phrase("the agency's page"), format="uri-reference")
AGREEMENTS = Table(
    "agreements",
    Phrase("The agreements that are now on ICE's participating list."),
    (
        _STATE,
        _AGENCY,
        _SUPPORT,
        *_OF_ROW,
        _FIPS,
        _AGENCY_URL,
        Column("list_name", Phrase("the file of ICE's list")),
        Column("list_sha256", Phrase("the SHA-256 of that file")),
        Column("first_seen", Phrase("when the first list with this agreement was read, UTC"), format="date-time"),
        _COUNTY_BY,
    ),
)
CHANGES = Table(
    "changes",
    Phrase("Everything that was recorded, oldest first, with its evidence."),
    (
        Column("seq", Phrase("the number of the change, without gaps"), "integer"),
        Column("observed_at", Phrase("when the list or the agenda was fetched, UTC"), format="date-time"),
        Column("recorded_at", Phrase("when the change was recorded, UTC"), format="date-time"),
        Column("kind", Phrase("signed, withdrawn (no longer on the list), reinstated (back on the list), applied, "
            "dropped, mentioned, related, renamed, corrected, amended, retracted or listed (there when we began)")),
        Column("list", Phrase("participating or pending; empty for agendas")),
        _STATE,
        _AGENCY,
        _SUPPORT,
        *_OF_ROW,
        _FIPS,
        _AGENCY_URL,
        Column("url", Phrase("the page of the change"), format="uri-reference"),
        Column("publication", Phrase("the file of ICE's list, or the agenda")),
        Column("address", Phrase("the address it was read from"), format="uri-reference"),
        Column("evidence", Phrase("the SHA-256 of that file")),
        Column("was_state", Phrase("the state before the change")),
        Column("was_agency", Phrase("the agency before the change")),
        Column("was_support_type", Phrase("the support type before the change")),
        Column("was_county", Phrase("the county before the change")),
        Column("was_signed", Phrase("the signing date before the change"), format="date"),
        Column("before_publication", Phrase("the last list that still had the row")),
        Column("before_evidence", Phrase("the SHA-256 of that list")),
        Column("before_row", Phrase("the row on that list"), "integer"),
        Column("because", Phrase("the rule that decided, or the operator's words")),
        Column("reason", Phrase("why a change was retracted: misread, ice-error, wrong-agency or other")),
        Column("retracts", Phrase("the number of the change that this one retracts"), "integer"),
        Column("pending_since", Phrase("the day when the application was first seen"), format="date"),
        Column("meeting_title", Phrase("the title of the agenda item")),
        Column("meeting_date", Phrase("the local date of the meeting"), format="date"),
        Column("meeting_status", Phrase("cancelled, postponed, rescheduled, recessed, taken off the calendar, or taken "
            "off the agenda; empty if the meeting is planned")),
        Column("meeting_excerpt", Phrase("the words of the agenda")),
        Column("way", Phrase("how the list arrived: direct, relay, upstream (another copy of Countersign) or archive")),
        Column("archived", Phrase("the copy of that file at the Internet Archive, if there is one"), format="uri"),
        Column("meeting_by_ocr", _BY_OCR, "boolean"),
    ),
)  # fmt: skip
MEETINGS = Table(
    "meetings",
    Phrase("The agenda items that mention 287(g), by the date of the meeting."),
    (
        Column("seq", Phrase("the number of the latest change to the item"), "integer"),
        _STATE,
        Column("county", Phrase("the county of the body that meets")),
        _FIPS,
        Column("source", Phrase("the place that we read")),
        Column("body", Phrase("the body that meets")),
        Column("title", Phrase("the title of the agenda item")),
        Column("date", Phrase("the local date of the meeting"), format="date"),
        Column("meets_at", Phrase("the time of the meeting, UTC"), format="date-time"),
        Column("zone", Phrase("the time zone of the place")),
        Column("status", Phrase("cancelled, postponed, rescheduled, recessed, taken off the calendar, or taken off "
            "the agenda; empty if the meeting is planned")),
        Column("excerpt", Phrase("the words of the agenda")),
        Column("address", Phrase("the page of the agenda"), format="uri-reference"),
        Column("evidence", Phrase("the SHA-256 of the document")),
        Column("url", Phrase("the page of the change"), format="uri-reference"),
        Column("by_ocr", _BY_OCR, "boolean"),
    ),
)  # fmt: skip
HISTORY = Table(
    "history",
    Phrase("Agreements by list date, state and support type since February 2025, with a line where a count changed."),
    (
        Column("date", Phrase("the date of the list"), format="date"),
        _STATE,
        _SUPPORT,
        Column("agreements", Phrase("the number of agreements from that day on"), "integer"),
        Column("counted_by", Phrase("archive (from lists that others kept) or countersign (read by this copy)")),
    ),
)
STATES_TABLE = Table(
    "states",
    Phrase("The states and territories with what is now on ICE's list."),
    (
        _STATE,
        Column("name", Phrase("the name of the state")),
        Column("agreements", Phrase("the number of agreements"), "integer"),
        Column("agencies", Phrase("the number of agencies"), "integer"),
        Column("jem", Phrase("the number of Jail Enforcement Model agreements"), "integer"),
        Column("wso", Phrase("the number of Warrant Service Officer agreements"), "integer"),
        Column("tfm", Phrase("the number of Task Force Model agreements"), "integer"),
        Column("other", Phrase("the number of agreements of another type"), "integer"),
        Column("url", Phrase("the page of the state"), format="uri-reference"),
    ),
)
TABLES = (AGREEMENTS, CHANGES, MEETINGS, HISTORY, STATES_TABLE)


def agreement_items(model: Model, base: str, agencies: Iterable[Agency] | None = None) -> list[JsonObject]:
    """Return the agreements of these agencies, or all of them, by state, agency and support type."""
    site, shown = model.site, model.freshness.shown
    of_list = {"list_name": shown.name if shown else None, "list_sha256": shown.evidence if shown else None}
    found = [(row, agency) for agency in (site.listed if agencies is None else agencies) for row in agency.rows]
    found.sort(key=lambda each: each[0].agreement.key)
    return [
        agreement_json(row.agreement, row.row)
        | {"agency_url": f"{base}/agencies/{agency.slug}", **of_list, "first_seen": site.first_seen[row.agreement.key]}
        for row, agency in found
    ]


def change_items(model: Model, base: str, changes: Iterable[Change]) -> list[JsonObject]:
    """Return changes with the fields of webhooks and `--json`, and with the addresses of their pages."""
    return [change_json(change) | _placed(model, base, change) for change in changes]


def _placed(model: Model, base: str, change: Change) -> JsonObject:
    agreement = change.agreement
    slug = None if change.mention is not None else model.site.agencies.slug_of(agreement)
    county = county_of(agreement.state, agreement.county, agreement.agency)
    return {
        "county_fips": county.fips if county else None,
        "agency_url": f"{base}/agencies/{slug}" if slug else None,
        "url": f"{base}/changes/{change.seq}",
        "archived": model.captures.get(change.publication.evidence),
    }


def flat_changes(items: Iterable[JsonObject]) -> list[JsonObject]:
    """Return changes as rows of a table: what is nested gets a column of its own."""
    return [item | _flat(item) for item in items]


def _flat(item: JsonObject) -> JsonObject:
    was, before, mention = item["was"] or {}, item["before"] or {}, item["mention"] or {}
    return {
        **{f"was_{name}": was.get(name) for name in ("state", "agency", "support_type", "county", "signed")},
        **{f"before_{name}": before.get(name) for name in ("publication", "evidence", "row")},
        **{f"meeting_{name}": mention.get(name) for name in ("title", "date", "status", "excerpt", "by_ocr")},
    }


def meeting_items(model: Model, base: str, state: str | None = None) -> list[JsonObject]:
    """Return the latest edition of each agenda item that mentions 287(g), by date."""
    found = [c for c in model.site.meetings if not c.is_related and state in (None, c.agreement.state)]
    return [_meeting(item) for item in change_items(model, base, found)]


def _meeting(item: JsonObject) -> JsonObject:
    names = (
        "source",
        "body",
        "title",
        "date",
        "meets_at",
        "zone",
        "status",
        "excerpt",
        "address",
        "evidence",
        "matched",
        "by_ocr",
    )
    of_item = {name: item[name] for name in ("seq", "state", "county", "county_fips", "url")}
    return of_item | {name: item["mention"][name] for name in names}


def history_items(model: Model) -> list[JsonObject]:
    """Return the counts over time: those that we carry, and those since this copy first read the list."""
    return [
        {"date": day.isoformat(), "state": state, "support_type": kind.value, "agreements": n, "counted_by": by}
        for day, state, kind, n, by in counts_over_time(model.site)
    ]


def state_items(model: Model, base: str) -> list[JsonObject]:
    """Return all states and territories with their counts."""
    site = model.site
    return [
        {
            "state": code,
            "name": name,
            "agreements": site.counts.get(code, 0),
            "agencies": len(site.by_state.get(code, ())),
            **dict.fromkeys(("jem", "wso", "tfm", "other"), 0),
            **{kind.value.lower(): n for kind, n in site.types(code).items()},
            "url": f"{base}/states/{code}",
        }
        for code, name in STATES.items()
    ]


def agreements_csv(model: Model, base: str, agencies: Iterable[Agency] | None = None) -> bytes:
    """Return agreements as CSV: what the pages serve, and what `countersign agreements --csv` prints."""
    return csv_of(AGREEMENTS.columns, agreement_items(model, base, agencies))


def changes_csv(model: Model, base: str, changes: Sequence[Change]) -> bytes:
    """Return changes as CSV: what the pages serve, and what `countersign changes --csv` prints."""
    return csv_of(CHANGES.columns, flat_changes(change_items(model, base, changes)))
