"""Decide whether to accept a listing.

A doubtful listing is held. It changes nothing, and the operator gets one notice.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import groupby

from bot.domain.agreement import Agreement, Key, Listing, ListName, Publication
from bot.domain.change import LEAVING, Change, Kind, Known
from bot.domain.geography.fold import county_key
from bot.domain.letters import counted
from bot.domain.lists.altered import swapped_letters
from bot.domain.lists.names import Likeness, likeness

MOST_GONE = 10  # the most agreements that left between two publications in 2025, with renames paired
MOST_GONE_SHARE = 0.03
SMALL_LIST = 300  # rows; up to this size only the number counts, not the share
MOST_UNREADABLE = 5  # rows; no list of ICE's had more than one
MOST_REDATED_SHARE = 0.02  # 12 of 957 once
MOST_RETYPED_SHARE = 0.05  # 21 of 956 once
FEWER_THAN_HEADLINE = (10, 0.03)  # the page is right to within a row or two
MORE_THAN_HEADLINE = (150, 0.15)  # the page lags up to one publication behind; growth alone is never a reason to hold
EARLIER_WITHIN = timedelta(days=60)  # how far back to look for an identical list
RELEASED_AFTER = timedelta(days=1)
RELEASED_AFTER_READINGS = 3
AHEAD = timedelta(days=2)  # a list's name may carry a date slightly in the future
_NAMED = re.compile(r"(?<!\d)(\d\d)(\d\d)(20\d\d|\d\d)(?!\d)(am|mid|pm|)([^.]*)", re.IGNORECASE)
STAYING = frozenset({Kind.RENAMED, Kind.CORRECTED, Kind.AMENDED})
_PARTS = {"am": 0, "": 1, "mid": 1, "pm": 2}


class Ruling(StrEnum):
    """The operator's ruling on a held listing."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A listing that hasn't been accepted yet. `id` is the start of the SHA-256 of the first document held.

    `gone` contains the agreements that would leave the list. `readable` is False if the document couldn't be read as a
    list. `publication` is the newest document with these disappearances. `since` and `last_at` are the times (UTC) of
    the first and last readings of the held listing. `readings` is the number of readings, including 304 responses.
    """

    id: str
    source: str
    list: ListName
    publication: Publication
    reasons: tuple[str, ...]
    gone: tuple[Agreement, ...]
    since: datetime
    last_at: datetime
    readable: bool = True
    readings: int = 1
    ruling: Ruling | None = None

    @property
    def is_released(self) -> bool:
        """True if the listing should now be accepted.

        It was either approved, or held for long enough without being rejected.
        """
        if not self.readable or self.ruling is Ruling.REJECTED:
            return False
        stood = self.last_at - self.since >= RELEASED_AFTER and self.readings >= RELEASED_AFTER_READINGS
        return stood or self.ruling is Ruling.APPROVED

    @property
    def version(self) -> str:
        """A short hash of what the operator decides on: the document, the disappearances and any earlier ruling.

        A listing can be held for days under one id while ICE publishes other documents with much the same gaps.
        """
        gone = sorted(f"{a.key.state} {a.key.agency} {a.key.support_type}" for a in self.gone)
        parts = (self.id, self.since.isoformat(), self.publication.evidence, self.ruling or "", *gone)
        return sha256("\n".join(parts).encode()).hexdigest()[:8]

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line."""
        return {"held": self.id, "list": self.list.value, "name": self.publication.name, "gone": len(self.gone)}


def doubts(
    known: Known,
    listing: Listing,
    changes: Sequence[Change],
    *,
    headline: int | None,
    excused: Collection[Key] = (),
    log: Sequence[Change] = (),
) -> tuple[str, ...]:
    """Return the reasons to doubt this listing, as sentences. The result is empty if the listing is accepted.

    `changes` are the changes in this listing, and `headline` is the total on ICE's page. Disappearances in `excused`
    are ignored. `log` contains the recent changes. It is used only if nothing on the listing is new.
    """
    unexcused = [a for a in disappearances(changes) if a.key not in excused]
    reasons = list(_row_doubts(known, listing, changes, len(unexcused)))
    if listing.list is ListName.PENDING:
        return tuple(reasons)  # what leaves it counts as dropped only after seven days
    before = len(known.agreements[listing.list])
    if listing.unreadable and unexcused:  # one of them may be a missing row; if none is missing, they are notes
        reasons.append(f"{counted(len(listing.unreadable), 'row')} can't be read ({listing.unreadable[0]})")
    if len(unexcused) > _most_gone(before):
        reasons.append(f"{len(unexcused)} of {counted(before, 'agreement')} would leave the list at once")
    if unexcused and goes_back(changes):
        reasons += _age_doubts(known, listing, changes, log)
    if headline is not None and not _near(len(listing.agreements), headline):
        reasons.append(f"it has {counted(len(listing.agreements), 'row')}, but ICE's page says {headline:,}")
    return tuple(reasons)


def _row_doubts(known: Known, listing: Listing, changes: Sequence[Change], gone: int) -> Iterator[str]:
    """Yield reasons to doubt the rows on the list: too many are unreadable, or too many values in one column changed.

    `gone` is the number of agreements that would leave the list. It is added to the number of changed rows, because one
    mistake could cause both.
    """
    if len(listing.unreadable) > MOST_UNREADABLE:
        yield f"{counted(len(listing.unreadable), 'row')} can't be read ({listing.unreadable[0]})"
    if listing.strays:
        yield f"a cell far outside the list isn't read ({listing.strays[0]})"
    left = {agreement.key for agreement in disappearances(changes)}
    if swap := swapped_letters(known.agreements[listing.list].values(), listing.agreements, left):
        old, new, name = swap
        yield f"“{old}” became “{new}” in every name that had it, as in “{name}”: the page or file is damaged"
    before = len(known.agreements[listing.list])
    stayed = [(change.was, change.agreement) for change in changes if change.was is not None and change.kind in STAYING]
    others: set[Key] = set()
    for column, (is_replaced, share) in _REPLACED.items():
        replaced = {now.key for was, now in stayed if is_replaced(was, now)}
        others |= replaced if share is None else set()
        if len(replaced) > (_most_gone(before) if share is None else max(MOST_GONE, share * before)):
            yield f"{len(replaced)} of {counted(before, 'agreement')} would have another {column} at once"
    if others and gone and gone + len(others) > _most_gone(before) >= max(gone, len(others)):
        yield (
            f"{gone} of {counted(before, 'agreement')} would leave the list and {len(others)} would have another "
            "state, name, support type or county"
        )


def _is_renamed(was: Agreement, now: Agreement) -> bool:
    """Return whether the name itself changed, rather than just its spelling."""
    return likeness(was.canonical, now.canonical, now.state) < Likeness.EXTENDED


def _is_redated(was: Agreement, now: Agreement) -> bool:
    """Return whether a signing date was replaced or removed. An added date doesn't count."""
    return was.signed is not None and was.signed != now.signed


def _is_elsewhere(was: Agreement, now: Agreement) -> bool:
    """Return whether the county was replaced by a different county or removed."""
    one = county_key(was.state, was.county) if was.county else ""
    return bool(one) and one != (county_key(now.state, now.county) if now.county else "")


# What makes a column another one in a row that stays; and the most at once, if that isn't the most that may leave.
_REPLACED: Mapping[str, tuple[Callable[[Agreement, Agreement], bool], float | None]] = {
    "state": (lambda was, now: was.state != now.state, None),
    "agency": (_is_renamed, None),
    "support type": (lambda was, now: was.key.support_type != now.key.support_type, None),
    "county": (_is_elsewhere, None),
    "signing date": (_is_redated, MOST_REDATED_SHARE),
    "type": (lambda was, now: bool(was.agency_type) and was.agency_type != now.agency_type, MOST_RETYPED_SHARE),
}


def goes_back(changes: Iterable[Change]) -> bool:
    """Return whether agreements leave the list and no new ones join it, as when ICE links to an old list again."""
    kinds = {change.kind for change in changes}
    return Kind.WITHDRAWN in kinds and Kind.SIGNED not in kinds


def _age_doubts(known: Known, listing: Listing, changes: Sequence[Change], log: Sequence[Change]) -> Iterator[str]:
    """Yield a reason to doubt the listing if it is an old list that ICE linked to again.

    A new list can be the same as an old one, because ICE removes rows that it added by mistake. Its file name then has
    a later date.
    """
    publication, last = listing.publication, known.seen[listing.list]
    order = _order_by_name(publication, last)
    earlier = _repeated(known, known.after(changes), log)
    if earlier is not None and (earlier.evidence == publication.evidence or order <= 0):
        yield f"it repeats {earlier.name}: an old list, linked again"
    elif order < 0:
        yield f"its name is dated before {last.name}, and nothing on it is new"


def _repeated(known: Known, after: Known, log: Sequence[Change]) -> Publication | None:
    """Return an earlier publication with the same agreements and facts as this listing, or None."""
    facts = {key: agreement.facts for key, agreement in known.participating.items()}
    wanted = {key: agreement.facts for key, agreement in after.participating.items()}
    apart = {key for key in facts.keys() | wanted.keys() if facts.get(key) != wanted.get(key)}
    past = [c for c in reversed(log) if c.list is ListName.PARTICIPATING and c.is_of_lists]
    for _, group in groupby(past, key=lambda change: change.publication):
        brought = list(group)
        if not apart:
            return brought[0].publication
        for change in brought:
            for key in _undo(change, facts):
                apart = apart - {key} if facts.get(key) == wanted.get(key) else apart | {key}
    return None


def _undo(change: Change, facts: dict[Key, tuple[object, ...]]) -> Iterator[Key]:
    """Undo a change in `facts` and yield the keys of the agreements that it affected."""
    key, was = change.agreement.key, change.was
    facts.pop(key, None)
    if change.kind in LEAVING:
        facts[key] = change.agreement.facts
    if was is not None and change.kind is not Kind.REINSTATED:
        facts[was.key] = was.facts
        yield was.key
    yield key


def _order_by_name(one: Publication, other: Publication) -> int:
    """Compare the dates in two file names. Return -1 if the first is earlier, 1 if it is later and 0 otherwise."""
    named, other_named = _named_for(one), _named_for(other)
    if named is None or other_named is None:
        return 0
    return (named > other_named) - (named < other_named)


def _named_for(publication: Publication) -> tuple[date, int, str] | None:
    """Return a sort key from a list's file name: the date, the part of the day and the rest of the name.

    Return None if the name has no valid date.
    """
    found = _NAMED.search(publication.name)
    if found is None:
        return None
    month, day, year, part, rest = found.groups()
    try:
        named = date(int(year) % 100 + 2000, int(month), int(day))
    except ValueError:
        return None
    return None if named > publication.observed_at.date() + AHEAD else (named, _PARTS[part.lower()], rest)


def disappearances(changes: Sequence[Change]) -> tuple[Agreement, ...]:
    """Return the agreements that these changes remove from the list."""
    return tuple(change.agreement for change in changes if change.kind is Kind.WITHDRAWN)


def _most_gone(before: int) -> float:
    return MOST_GONE if before <= SMALL_LIST else min(MOST_GONE, MOST_GONE_SHARE * before)


def _near(rows: int, headline: int) -> bool:
    fewer, more = (max(least, share * headline) for least, share in (FEWER_THAN_HEADLINE, MORE_THAN_HEADLINE))
    return headline - fewer <= rows <= headline + more


def hold(
    before: Held | None,
    *,
    source: str,
    name: ListName,
    publication: Publication,
    reasons: tuple[str, ...],
    gone: tuple[Agreement, ...],
    readable: bool,
    at: datetime,
) -> Held:
    """Hold a listing, or continue to hold the previous one if the disappearances are about the same."""
    if before is not None and before.readable == readable and _go_on(before, _keys(gone)):
        again = stood(before, at)
        return replace(again, publication=publication, reasons=reasons, gone=gone)
    return Held(
        id=publication.evidence[:8],
        source=source,
        list=name,
        publication=publication,
        reasons=reasons,
        gone=gone,
        since=at,
        last_at=at,
        readable=readable,
    )


def stood(held: Held, at: datetime) -> Held:
    """Return the held listing after another reading."""
    return replace(held, readings=held.readings + 1, last_at=max(at, held.last_at))


def _go_on(before: Held, gone: frozenset[Key]) -> bool:
    """Return whether these are the same disappearances, or almost the same if the operator hasn't ruled yet.

    The list changes on most days. A few more or fewer disappearances don't restart the one-day wait before a listing is
    released.
    """
    old = _keys(before.gone)
    if old == gone or before.ruling is not None:
        return old == gone
    few = len(gone - old) <= MOST_GONE and 2 * len(gone & old) >= len(gone | old)
    return few or max(len(old), len(gone)) <= MOST_GONE  # few enough that their number isn't the doubt


def _keys(agreements: Sequence[Agreement]) -> frozenset[Key]:
    return frozenset(a.key for a in agreements)
