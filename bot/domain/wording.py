"""Every sentence that a reader sees. Readers are told "no longer on ICE's list", never "terminated"."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.domain.agreement import Agreement, ListName, SupportType
from bot.domain.change import Change, Kind
from bot.domain.digest import Line, Span
from bot.domain.spelling import STATES, SUPPORT_TYPES

_HEADS = {
    Kind.SIGNED: "New on ICE's list: ",
    Kind.WITHDRAWN: "No longer on ICE's list: ",
    Kind.REINSTATED: "Back on ICE's list: ",
    Kind.APPLIED: "Applied, pending with ICE: ",
    Kind.DROPPED: "No longer on ICE's pending list: ",
    Kind.CORRECTED: "ICE's list put right: ",
    Kind.RENAMED: "Renamed on ICE's list: ",
    Kind.AMENDED: "Amended: ",
}
_COUNTED = {
    Kind.SIGNED: ("new agreement", "new agreements"),
    Kind.WITHDRAWN: ("no longer listed", "no longer listed"),
    Kind.REINSTATED: ("back on the list", "back on the list"),
    Kind.APPLIED: ("application", "applications"),
    Kind.DROPPED: ("application gone", "applications gone"),
    Kind.CORRECTED: ("correction", "corrections"),
    Kind.RENAMED: ("agency renamed", "agencies renamed"),
    Kind.AMENDED: ("amendment", "amendments"),
}
_FIELDS = {
    "state": "state",
    "county": "county",
    "agency_type": "type",
    "signed": "signing date",
    "moa": "MOA",
    "addendum": "addendum",
}


def day(moment: date) -> str:
    """A day as a reader reads it: August 26, 2025."""
    return f"{moment:%B} {moment.day}, {moment.year}"


def at_time(moment: datetime, tz: str) -> str:
    """A moment in the reader's zone: August 29, 2025, 5:00 PM EDT."""
    local = moment.astimezone(ZoneInfo(tz))
    return f"{day(local)}, {local.hour % 12 or 12}:{local:%M %p %Z}"


def state_name(code: str) -> str:
    """A state as a reader reads it; a code that is none as it stands."""
    return STATES.get(code, "State not readable on ICE's list")


def support_name(agreement: Agreement) -> str:
    """The support type written out; one that we do not know as ICE printed it."""
    if agreement.support_type is SupportType.OTHER:
        return agreement.printed.get("SUPPORT TYPE", "").strip() or "another support type"
    return SUPPORT_TYPES[agreement.support_type]


def title(kinds: Sequence[Kind]) -> Line:
    """What a message is about, in one line: 287(g): 3 new agreements, 1 no longer listed."""
    counts = {kind: kinds.count(kind) for kind in Kind if kind in kinds}
    said = [f"{number} {_COUNTED[kind][number > 1]}" for kind, number in counts.items()]
    return (Span(f"287(g): {', '.join(said)}", strong=True),)


def heading(state: str) -> Line:
    """A state above its changes."""
    return (Span(state_name(state), strong=True),)


def change_lines(kind: Kind, changes: Sequence[Change]) -> tuple[Line, ...]:
    """One agency's changes of one kind: a head line, and a line for each agreement."""
    agreement = changes[0].agreement
    county = agreement.county if agreement.county.split(" ")[0].casefold() not in agreement.agency.casefold() else ""
    head = (Span(_HEADS[kind]), Span(agreement.agency, strong=True), Span(f" ({county})" if county else ""))
    return (tuple(span for span in head if span.text), *(_agreement_line(kind, change) for change in changes))


def _agreement_line(kind: Kind, change: Change) -> Line:
    agreement = change.agreement
    type_of = Span(support_name(agreement))
    match kind:
        case Kind.SIGNED | Kind.REINSTATED:
            return (type_of, *_signed(agreement), *_pending(change), *_moa(agreement))
        case Kind.WITHDRAWN:
            return (type_of, *_signed(agreement), *_last_listed(change), *_moa(agreement))
        case Kind.APPLIED | Kind.DROPPED:
            return (type_of,)
        case _:
            return (type_of, Span(": "), *_differences(kind, change))


def _signed(agreement: Agreement) -> Line:
    return (Span(f", signed {day(agreement.signed)}"),) if agreement.signed else (Span(", signing date not readable"),)


def _pending(change: Change) -> Line:
    if change.pending_since is None:
        return ()
    days = (change.publication.observed_at.date() - change.pending_since).days
    return (Span(f", pending since {day(change.pending_since)} ({days} {'day' if days == 1 else 'days'})"),)


def _last_listed(change: Change) -> Line:
    if change.before is None:
        return ()
    return (Span(", last on "), Span(change.before.name, href=change.before.address))


def _moa(agreement: Agreement) -> Line:
    links = [("MOA", agreement.moa), ("addendum", agreement.addendum)]
    said = [part for text, href in links if href for part in (Span(" · "), Span(text, href=href))]
    return tuple(said) if agreement.moa else (Span(" · MOA not posted"), *said)


def _differences(kind: Kind, change: Change) -> Line:
    before, now = change.was or change.agreement, change.agreement
    if kind is Kind.RENAMED:
        return (Span(f"was {before.agency}"),)
    spans: list[Span] = []
    for name, word in _FIELDS.items():
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            spans += [Span("; ")] if spans else []
            spans += _difference(name, word, old, new)
    if before.support_type is not now.support_type:
        spans += [Span("; ")] if spans else []
        spans.append(Span(f"support type was {support_name(before)}"))
    return tuple(spans)


def _difference(name: str, word: str, old: object, new: object) -> list[Span]:
    if name in {"moa", "addendum"}:
        if new is None:
            return [Span(f"{word} no longer linked")]
        return [Span(f"{word} {'replaced' if old else 'posted'}: "), Span(word, href=str(new))]
    if name == "state":
        return [Span(f"listed under {state_name(str(old))} before, now under {state_name(str(new))}")]
    return [Span(f"{word} {_value(new)} (was {_value(old)})")]


def _value(value: object) -> str:
    return day(value) if isinstance(value, date) else str(value) or "not given" if value is not None else "not given"


def sources(changes: Sequence[Change], *, page: str, tz: str) -> tuple[Line, ...]:
    """Which lists a message rests on, and when we fetched them; what a disappearance does and does not mean."""
    lines: list[Line] = []
    if any(change.kind is Kind.WITHDRAWN for change in changes):
        lines.append((Span("Off the list is what ICE's list shows; it does not prove that an agreement was ended."),))
    publications = {change.publication.evidence: change for change in changes}
    for change in sorted(publications.values(), key=lambda c: (c.publication.observed_at, c.list)):
        name, fetched = change.publication.name, at_time(change.publication.observed_at, tz)
        which = "list" if change.list is ListName.PARTICIPATING else "pending list"
        lines.append(
            (Span(f"ICE's {which} "), Span(name, href=change.publication.address), Span(f", fetched {fetched}"))
        )
    lines.append((Span("ICE's 287(g) page", href=page),))
    return tuple(lines)
