"""One thing that happened, and what follows from all of them: what we hold to be true."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.domain.agenda import Mention
from bot.domain.agreement import Agreement, Key, ListName, Publication


class Kind(StrEnum):
    """Kinds of change, in the order in which a reader wants them."""

    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    APPLIED = "applied"
    MENTIONED = "mentioned"
    DROPPED = "dropped"
    CORRECTED = "corrected"
    RENAMED = "renamed"
    AMENDED = "amended"
    RETRACTED = "retracted"
    LISTED = "listed"


TOLD_BY_DEFAULT = frozenset({Kind.SIGNED, Kind.WITHDRAWN, Kind.REINSTATED, Kind.APPLIED, Kind.MENTIONED})
NEVER_TOLD = frozenset({Kind.LISTED})
NEVER_CHOSEN = NEVER_TOLD | {Kind.RETRACTED}  # a retraction is told to whoever was told what it takes back
FIRST_SIGHT = "first sight"  # why what was there before we looked is listed
MOVING = frozenset(
    {Kind.CORRECTED, Kind.RENAMED, Kind.REINSTATED}
)  # who watches only where it goes hears of it as signed
LEAVING = frozenset({Kind.WITHDRAWN, Kind.DROPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one agreement on one of ICE's lists, or what local government said of 287(g).

    `agreement` is what the list says now; for withdrawn and dropped, what it last said. `was` is what it said before
    (renamed, corrected, amended, a second row that goes, and one that is back under another spelling). `publication` is
    the list that shows the change and `row` its row there, None where its absence is the point; `before` is the last
    list that still had it, on `row_before`. Rows count from 1, header included. `because` is the rule that decided, for
    the operator. `pending` is the row of the pending list that became this agreement and `pending_since` the day on
    which it was first seen there. A retraction names the change that was wrong with `retracts` and `retracted`, its
    number and kind. `seq` and `recorded_at` are given by the store.

    With a `mention` it is made by `mentioned`: `agreement` then stands for whoever spoke (state, county and body), is
    on no list, and `publication` is the document that says it. Its kind is mentioned; amended where only words changed;
    listed where it was over when the place was first read.
    """

    kind: Kind
    list: ListName
    agreement: Agreement
    publication: Publication
    row: int | None
    was: Agreement | None = None
    before: Publication | None = None
    row_before: int | None = None
    because: str = ""
    pending: Agreement | None = None
    pending_since: date | None = None
    retracts: int | None = None
    retracted: Kind | None = None
    mention: Mention | None = None
    seq: int = 0
    recorded_at: datetime | None = None

    @property
    def states(self) -> frozenset[str]:
        """The states that it concerns: a corrected state is news in both."""
        return frozenset({self.agreement.state, self.was.state if self.was else self.agreement.state})

    @property
    def is_of_lists(self) -> bool:
        """Whether it says something of ICE's lists: not of an earlier change, nor of an agenda."""
        return self.kind is not Kind.RETRACTED and self.mention is None

    def log_context(self) -> dict[str, object]:
        """What a log line says of it."""
        if self.mention is not None:
            said = {"source": self.mention.source, "item": self.mention.item, "state": self.mention.state}
            return {"seq": self.seq, "kind": self.kind.value, **said}
        return {
            "seq": self.seq,
            "kind": self.kind.value,
            "state": self.agreement.state,
            "agency": self.agreement.agency,
            "support_type": self.agreement.support_type.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we hold to be true of ICE's lists: their agreements, which left, and the publication that said so last.

    `rows` are the row numbers of the agreements on that publication; one that does not stand on it has none.
    `former` keeps the last word on agreements that left the participating list, for their return.
    `seen` is, for each list, the last publication that was believed; a list that was never published is not in it.
    `pending_since` is when each pending agreement was first seen; `absent` since when those that the pending list no
    longer shows have been missing without being called dropped (both UTC).
    """

    agreements: Mapping[ListName, Mapping[Key, Agreement]] = field(
        default_factory=lambda: {ListName.PARTICIPATING: {}, ListName.PENDING: {}}
    )
    rows: Mapping[ListName, Mapping[Key, int]] = field(default_factory=lambda: {name: {} for name in ListName})
    former: Mapping[Key, Agreement] = field(default_factory=dict)
    seen: Mapping[ListName, Publication] = field(default_factory=dict)
    pending_since: Mapping[Key, datetime] = field(default_factory=dict)
    absent: Mapping[Key, datetime] = field(default_factory=dict)

    @property
    def participating(self) -> Mapping[Key, Agreement]:
        """The participating list by key."""
        return self.agreements[ListName.PARTICIPATING]

    @property
    def pending(self) -> Mapping[Key, Agreement]:
        """The pending list by key."""
        return self.agreements[ListName.PENDING]

    def after(self, changes: Iterable[Change]) -> "Known":
        """What is known once these changes, in order, have happened."""
        ledger = _Ledger(self)
        for change in changes:
            ledger.enter(change)
        return ledger.close()


class _Ledger:
    """What is known while changes are being entered."""

    def __init__(self, known: Known) -> None:
        self._lists = {name: dict(agreements) for name, agreements in known.agreements.items()}
        self._rows = {name: dict(rows) for name, rows in known.rows.items()}
        self._former, self._seen = dict(known.former), dict(known.seen)
        self._since, self._absent = dict(known.pending_since), dict(known.absent)

    def enter(self, change: Change) -> None:
        if not change.is_of_lists:
            return
        agreement, was = change.agreement, change.was
        self._seen[change.list] = change.publication
        if was is not None:
            self._take_off(change.list, was.key)
        self._take_off(change.list, agreement.key)
        if change.kind not in LEAVING:
            self._lists[change.list][agreement.key] = agreement
            if change.row is not None:
                self._rows[change.list][agreement.key] = change.row
        if change.list is ListName.PARTICIPATING:
            self._enter_participating(change)
        else:
            self._enter_pending(change)

    def _enter_participating(self, change: Change) -> None:
        was = change.was
        self._former.pop(change.agreement.key, None)
        if change.kind in LEAVING:
            self._former[change.agreement.key] = change.agreement
        elif change.kind is Kind.REINSTATED and was is not None:
            self._former.pop(was.key, None)
        if change.pending is not None:
            self._take_off(ListName.PENDING, change.pending.key)
            self._forget(change.pending.key)

    def _take_off(self, name: ListName, key: Key) -> None:
        self._lists[name].pop(key, None)
        self._rows[name].pop(key, None)

    def _enter_pending(self, change: Change) -> None:
        key = change.agreement.key
        since = self._since.get(change.was.key if change.was else key, change.publication.observed_at)
        self._forget(key)
        if change.was is not None:
            self._forget(change.was.key)
        if change.kind not in LEAVING:
            self._since[key] = since

    def _forget(self, key: Key) -> None:
        self._since.pop(key, None)
        self._absent.pop(key, None)

    def close(self) -> Known:
        return Known(
            agreements=self._lists,
            rows=self._rows,
            former=self._former,
            seen=self._seen,
            pending_since=self._since,
            absent=self._absent,
        )
