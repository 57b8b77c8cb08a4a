"""Is this listing to be believed? What is not is held: it changes nothing, and the operator is told once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.agreement import Agreement, Key, Listing, ListName, Publication
from bot.domain.change import Change, Kind, Known

MOST_GONE = 10  # the most that ever left between two publications of 2025, renames paired
MOST_GONE_SHARE = 0.03
SMALL_LIST = 300  # up to here only the number counts
FEWER_THAN_HEADLINE = (10, 0.03)  # the page is good to within a row or two
MORE_THAN_HEADLINE = (150, 0.15)  # the page lags behind the list by up to a publication; growth itself is no reason
RELEASED_AFTER = timedelta(days=1)
RELEASED_AFTER_READINGS = 3


class Ruling(StrEnum):
    """What the operator said of a held listing."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A listing that is not believed yet; `id` is the beginning of the SHA-256 of the first document that was held.

    What is held is the set of disappearances `gone`; `readable` is false where the document could not be read as the
    list at all. `publication` is the newest document that says so. `since` and `last_at` are the first and last
    reading (UTC) with just these disappearances, or a few more or less; `readings` counts them, unchanged answers too.
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
        """Whether it is to be believed after all: approved, or the same in every reading for long enough."""
        if not self.readable or self.ruling is Ruling.REJECTED:
            return False
        stood = self.last_at - self.since >= RELEASED_AFTER and self.readings >= RELEASED_AFTER_READINGS
        return stood or self.ruling is Ruling.APPROVED

    def log_context(self) -> dict[str, object]:
        """What a log line says of it."""
        return {"held": self.id, "list": self.list.value, "name": self.publication.name, "gone": len(self.gone)}


def doubts(
    known: Known, listing: Listing, changes: Sequence[Change], *, headline: int | None, excused: Collection[Key] = ()
) -> tuple[str, ...]:
    """Why this listing is not to be believed, in sentences; none when it is.

    `changes` are those that it would bring; `headline` is the page's own total; `excused` disappearances are believed.
    """
    if listing.list is ListName.PENDING:
        return ()  # nobody is told of what leaves it before seven days have passed
    reasons = []
    unexcused = [a for a in disappearances(changes) if a.key not in excused]
    before = len(known.agreements[listing.list])
    if listing.unreadable and unexcused:  # one of them may be the row that is missed; a note below the list is none
        reasons.append(f"{len(listing.unreadable)} rows cannot be read ({listing.unreadable[0]})")
    if len(unexcused) > _most_gone(before):
        reasons.append(f"{len(unexcused)} of {before} agreements would leave the list at once")
    if headline is not None and not _near(len(listing.agreements), headline):
        reasons.append(f"it has {len(listing.agreements)} rows where ICE's page says {headline}")
    return tuple(reasons)


def disappearances(changes: Sequence[Change]) -> tuple[Agreement, ...]:
    """The agreements that these changes take from the list."""
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
    """Hold a listing; the same disappearances as before go on being held, whatever else is new on the list."""
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
    """The same listing, read once more."""
    return replace(held, readings=held.readings + 1, last_at=max(at, held.last_at))


def _go_on(before: Held, gone: frozenset[Key]) -> bool:
    """Whether these are the same disappearances, or, until the operator ruled, the same but for a few.

    Some row comes or goes on most days; a few more are no reason to doubt, and no reason to begin the day again.
    """
    old = _keys(before.gone)
    if old == gone or before.ruling is not None:
        return old == gone
    few = len(gone - old) <= MOST_GONE and 2 * len(gone & old) >= len(gone | old)
    return few or max(len(old), len(gone)) <= MOST_GONE  # what is doubted is not that so many are gone


def _keys(agreements: Sequence[Agreement]) -> frozenset[Key]:
    return frozenset(a.key for a in agreements)
