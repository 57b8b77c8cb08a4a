"""Changes to ICE's lists and local agendas, and the state of the lists after those changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.domain.agenda import Mention, Subject
from bot.domain.agreement import Agreement, Key, ListName, Publication
from bot.domain.language import Language


class Kind(StrEnum):
    """Kinds of change, in the order shown to readers."""

    SIGNED = "signed"
    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    APPLIED = "applied"
    MENTIONED = "mentioned"
    DROPPED = "dropped"
    CORRECTED = "corrected"
    RENAMED = "renamed"
    AMENDED = "amended"
    RELATED = "related"
    RETRACTED = "retracted"
    LISTED = "listed"


class Reason(StrEnum):
    """Why a change was sent in error. The operator chooses one, and readers get it in their own language."""

    MISREAD = "misread"
    ICE_ERROR = "ice-error"
    WRONG_AGENCY = "wrong-agency"
    OTHER = "other"


TOLD_BY_DEFAULT = frozenset({Kind.SIGNED, Kind.WITHDRAWN, Kind.REINSTATED, Kind.APPLIED, Kind.MENTIONED})
NEVER_TOLD = frozenset({Kind.LISTED})
NEVER_CHOSEN = NEVER_TOLD | {Kind.RETRACTED}  # a retraction goes to everyone who got the retracted change
FIRST_SIGHT = "first sight"  # the reason for `listed`: it was already there when we first looked
# Readers who watch only the new place get these as signed.
MOVING = frozenset({Kind.CORRECTED, Kind.RENAMED, Kind.REINSTATED})
LEAVING = frozenset({Kind.WITHDRAWN, Kind.DROPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to an agreement on one of ICE's lists, or one mention by a local government.

    `agreement` is the current row. For withdrawn and dropped agreements, it is the last known row. `was` is the row
    before the change. It is set if the agreement was renamed, corrected or amended, if the change removed a duplicate
    row, or if the agreement returned with a different spelling.

    `publication` is the list that shows the change. `row` is the agreement's row on that list, or None if it is absent.
    `before` is the last list that still had the row, and `row_before` is the row number there. The header is row 1.
    `because` explains to the operator which rule produced the change.

    `pending` is the matching row on the pending list, and `pending_since` is the day the row first appeared there. For
    a retraction, `retracts` and `retracted` are the number and kind of the retracted change. `reason` is why it was
    wrong, `because` contains the operator's words in English and `because_in` contains them in other languages. A
    retraction by an older program has no reason, only words. The store sets `seq` and `recorded_at`.

    If `mention` is set, `agreement` contains only the state, the county and the name of the body that met, and
    `publication` is the document. The kind is "mentioned" for 287(g), "related" for a related subject, "amended" if
    only the words changed, or "listed" if the meeting was over when the place was first read.
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
    reason: Reason | None = None
    because_in: Mapping[Language, str] = field(default_factory=dict)
    mention: Mention | None = None
    seq: int = 0
    recorded_at: datetime | None = None

    @property
    def states(self) -> frozenset[str]:
        """The states affected by the change. If the state itself was corrected, both states are included."""
        return frozenset({self.agreement.state, self.was.state if self.was else self.agreement.state})

    @property
    def is_of_lists(self) -> bool:
        """True if this is a change on one of ICE's lists, rather than a retraction or a mention."""
        return self.kind is not Kind.RETRACTED and self.mention is None

    @property
    def is_related(self) -> bool:
        """True for a mention of a related subject. Such mentions are sent only to subscriptions that opted in."""
        return self.mention is not None and self.mention.subject is Subject.RELATED

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line."""
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
    """The known state of ICE's lists: current agreements, former agreements and the last accepted publications.

    `rows` contains each agreement's row number in the last publication, if the agreement is there. `former` contains
    the last row of each agreement that left the participating list, in case the agreement returns. `seen` contains the
    last accepted publication of each list.

    `pending_since` contains the time each pending agreement was first seen. `absent` contains the time a pending
    agreement was first found to be missing, until the agreement is dropped or returns. Both times are UTC.
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
        """The agreements on the participating list, by key."""
        return self.agreements[ListName.PARTICIPATING]

    @property
    def pending(self) -> Mapping[Key, Agreement]:
        """The agreements on the pending list, by key."""
        return self.agreements[ListName.PENDING]

    def after(self, changes: Iterable[Change]) -> "Known":
        """Return the known state after applying these changes in order."""
        ledger = _Ledger(self)
        for change in changes:
            ledger.enter(change)
        return ledger.close()


class _Ledger:
    """A mutable copy of the known state, used to apply changes."""

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
