"""Compose a digest of the changes that a subscription is owed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.agendas.link import KINDS_AFTER_A_VOTE, AgendaLog
from bot.domain.change import Change, Kind
from bot.domain.lists.totals import Totals
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.messages.net_changes import NetChange, net_changes
from bot.domain.subscription import Cadence, Subscription
from bot.domain.text.rich_text import Line
from bot.domain.text.wording import Wording, state_name
from bot.domain.time_zones import zone_or_utc

MISSED_FOR = timedelta(days=30)  # a change that waited longer, through a pause or an outage, is only counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The facts that a digest needs in addition to its changes. `page` is the address of ICE's page.

    `totals` count what the subscription watches, and are shown in daily and weekly digests. `read_at` (UTC) is the time
    of the last successful reading of ICE's list, and `sources` is the number of sources read. Only a no-changes digest
    shows them. `is_held` is True if a list is on hold. `agendas` contains the mentions of 287(g) on local agendas in
    recent months, through the last change in the digest.
    """

    page: str
    totals: Totals | None = None
    read_at: datetime | None = None
    sources: int = 0
    is_held: bool = False
    agendas: AgendaLog = field(default_factory=AgendaLog)


def compose(subscription: Subscription, changes: Sequence[Change], *, upto: int, about: Circumstances) -> Digest | None:
    """Compose a digest of the changes after a subscription's cursor, up to and including `upto`.

    Return None if there is nothing to report and the subscription doesn't ask for a no-changes digest. `changes`
    contains all changes of every kind in that part of the log. The text depends only on these changes and on stored
    settings and times, so a digest composed again after a crash is the same.
    """
    window = [change for change in changes if subscription.cursor < change.seq <= upto]
    found = net_changes(window, lambda change: subscription.filter.kind_for(change) is not None)
    heard = [net for net in (_as_heard(subscription, net) for net in found) if net is not None]
    told = [net for net in heard if not _is_old(net.decided_by, subscription.pinned_at)]
    wording = Wording(subscription.language, subscription.tz)
    scheduled = subscription.cadence is not Cadence.INSTANT
    footer = wording.circumstances(subscription, about.totals, is_held=about.is_held) if scheduled else ()
    if len(told) < len(heard):
        footer = (wording.older(len(heard) - len(told)), *footer)
    if not heard:
        return _nothing_new(subscription, wording, about, upto, footer)
    told_changes = [net.change for net in told]
    return Digest(
        upto=upto,
        title=wording.title([change.kind for change in told_changes]),
        sections=tuple(_sections(told, wording, about.agendas)),
        footer=(*footer, *wording.sources(told_changes, page=about.page)),
        changes=tuple(told),
        begun_at=subscription.pinned_at,
    )


def correct(subscription: Subscription, retraction: Change, sent_at: datetime, *, page: str) -> Digest:
    """Compose a correction for a change that was sent in error at `sent_at` (UTC)."""
    wording = Wording(subscription.language, subscription.tz)
    title, wrong = wording.retraction(retraction, sent_at.astimezone(zone_or_utc(subscription.tz)).date())
    item = Item(lines=(wrong,), covers=(retraction.seq,))
    footer = wording.sources([retraction], page=page)
    return Digest(
        upto=retraction.seq,
        title=title,
        sections=(Section(heading=(), items=(item,)),),
        footer=footer,
        changes=(NetChange(retraction, retraction, item.covers),),
        begun_at=subscription.pinned_at,
    )


def _nothing_new(
    subscription: Subscription, wording: Wording, about: Circumstances, upto: int, footer: Sequence[Line]
) -> Digest | None:
    """Compose a no-changes digest, or return None if the subscription doesn't ask for one."""
    if not subscription.hears_always or subscription.cadence is Cadence.INSTANT:
        return None
    read = wording.nothing_new(about.sources, about.read_at)
    return Digest(
        upto=upto, title=wording.title([]), sections=(), footer=(read, *footer), begun_at=subscription.pinned_at
    )


def _is_old(change: Change, at: datetime | None) -> bool:
    return at is not None and change.recorded_at is not None and at - change.recorded_at > MISSED_FOR


def _as_heard(subscription: Subscription, net: NetChange) -> NetChange | None:
    """Return a net change with the kind determined by this subscription's filter.

    Return None if the filter doesn't match the change.
    """
    kind = subscription.filter.kind_for(net.decided_by)
    return replace(net, change=replace(net.change, kind=kind)) if kind is not None else None


def _sections(told: Sequence[NetChange], wording: Wording, agendas: AgendaLog) -> Iterable[Section]:
    """Group the changes by state and kind, with departures first in each state.

    All changes of one kind for the same agency become a single item. Each agenda item stays separate.
    """
    order = [Kind.WITHDRAWN, *Kind]
    groups: dict[tuple[str, Kind, bool], dict[tuple[str, ...], list[NetChange]]] = {}
    for net in told:
        change = net.change
        subjects = groups.setdefault((change.agreement.state, change.kind, change.mention is not None), {})
        subjects.setdefault(_subject(change), []).append(net)
    for (state, kind, on_agenda), subjects in sorted(
        groups.items(), key=lambda group: (state_name(group[0][0]), order.index(group[0][1]), group[0][2])
    ):
        items = [_item(kind, group, wording, agendas) for _, group in sorted(subjects.items())]
        yield Section(heading=wording.heading(state, kind, on_agenda=on_agenda), items=tuple(items))


def _subject(change: Change) -> tuple[str, ...]:
    """Return the key for grouping and sorting items. It starts with an agency's name or a meeting's date."""
    if change.mention is None:
        return (change.agreement.key.agency,)
    return (str(change.mention.meets_on or "9999"), *change.mention.key)


def _item(kind: Kind, group: Sequence[NetChange], wording: Wording, agendas: AgendaLog) -> Item:
    changes = [net.change for net in group]
    if changes[0].mention is not None:
        lines = wording.mention(changes[0])
    else:
        lines = wording.agency(kind, changes)
        before = agendas.mention_behind(changes[-1]) if kind in KINDS_AFTER_A_VOTE else None
        if before is not None:
            lines = (*lines, wording.on_agenda_before(before, changes[-1].publication.observed_at.date()))
    return Item(
        lines=lines,
        covers=tuple(sorted({seq for net in group for seq in net.covers})),
    )
