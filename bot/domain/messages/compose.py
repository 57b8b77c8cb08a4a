"""From changes that are owed to the digest that tells them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.agendas.link import KINDS_AFTER_A_VOTE, AgendaLog
from bot.domain.change import Change, Kind
from bot.domain.lists.totals import Totals
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.messages.net_changes import Net, net
from bot.domain.subscription import Cadence, Subscription
from bot.domain.text.rich_text import Line
from bot.domain.text.wording import Wording, state_name

MISSED_FOR = timedelta(days=30)  # what waited longer (a pause, an outage) is told as a count


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a digest says beside its changes. `page` is the address of ICE's page.

    `totals` stand in a daily or weekly digest. `read_at` (UTC) is when ICE was last read well, `sources` how many
    sources were read, `is_held` whether a list is not believed yet. `agendas` is what local government
    said of 287(g) in the months before, up to what the digest covers.
    """

    page: str
    totals: Totals | None = None
    read_at: datetime | None = None
    sources: int = 0
    is_held: bool = False
    agendas: AgendaLog = field(default_factory=AgendaLog)


def compose(subscription: Subscription, changes: Sequence[Change], *, upto: int, about: Circumstances) -> Digest | None:
    """What this subscription is told of the changes after its cursor and up to `upto`; None when that is nothing.

    `changes` are all of the log in between, whatever their kind. The text follows from these and the stored settings
    and times, so a digest composed again after a crash is the same.
    """
    window = [change for change in changes if subscription.cursor < change.seq <= upto]
    found = net(window, lambda change: subscription.filter.kind_for(change) is not None)
    heard = [n for n in (_heard(subscription, n) for n in found) if n is not None]
    told = [found for found in heard if not _is_old(found.decided_by, subscription.pinned_at)]
    wording = Wording(subscription.language, subscription.tz)
    scheduled = subscription.cadence is not Cadence.INSTANT
    footer = wording.circumstances(about.totals, is_held=about.is_held) if scheduled else ()
    if len(told) < len(heard):
        footer = (wording.older(len(heard) - len(told)), *footer)
    if not heard:
        return _nothing_new(subscription, wording, about, upto, footer)
    told_changes = [n.change for n in told]
    return Digest(
        upto=upto,
        title=wording.title([change.kind for change in told_changes]),
        sections=tuple(_sections(told, wording, about.agendas)),
        footer=(*footer, *wording.sources(told_changes, page=about.page)),
    )


def correct(subscription: Subscription, retraction: Change, told_at: datetime, *, page: str) -> Digest:
    """What a subscription is told of something that it was told wrongly; `told_at` (UTC) is when that was."""
    wording = Wording(subscription.language, subscription.tz)
    title, wrong = wording.retraction(retraction, told_at.astimezone(ZoneInfo(subscription.tz)).date())
    item = Item(lines=(wrong,), covers=(retraction.seq,))
    footer = wording.sources([retraction], page=page)
    return Digest(upto=retraction.seq, title=title, sections=(Section(heading=(), items=(item,)),), footer=footer)


def _nothing_new(
    subscription: Subscription, wording: Wording, about: Circumstances, upto: int, footer: Sequence[Line]
) -> Digest | None:
    """The digest of those who want one even then."""
    if not subscription.hears_always or subscription.cadence is Cadence.INSTANT:
        return None
    read = wording.nothing_new(about.sources, about.read_at)
    return Digest(upto=upto, title=wording.title([]), sections=(), footer=(read, *footer))


def _is_old(change: Change, at: datetime | None) -> bool:
    return at is not None and change.recorded_at is not None and at - change.recorded_at > MISSED_FOR


def _heard(subscription: Subscription, found: Net) -> Net | None:
    """The net change as the kind that this subscription hears it as."""
    kind = subscription.filter.kind_for(found.decided_by)
    return replace(found, change=replace(found.change, kind=kind)) if kind is not None else None


def _sections(told: Sequence[Net], wording: Wording, agendas: AgendaLog) -> Iterable[Section]:
    """By state, departures first; an agency with all its agreements is one item, and so is a thing on an agenda."""
    order = [Kind.WITHDRAWN, *Kind]
    groups: dict[tuple[str, Kind, bool], dict[tuple[str, ...], list[Net]]] = {}
    for found in told:
        change = found.change
        subjects = groups.setdefault((change.agreement.state, change.kind, change.mention is not None), {})
        subjects.setdefault(_subject(change), []).append(found)
    for (state, kind, on_agenda), subjects in sorted(
        groups.items(), key=lambda group: (state_name(group[0][0]), order.index(group[0][1]), group[0][2])
    ):
        items = [_item(kind, group, wording, agendas) for _, group in sorted(subjects.items())]
        yield Section(heading=wording.heading(state, kind, on_agenda=on_agenda), items=tuple(items))


def _subject(change: Change) -> tuple[str, ...]:
    """What an item is about, in the order of items: agencies by name, agendas by the day of the meeting."""
    if change.mention is None:
        return (change.agreement.key.agency,)
    return (str(change.mention.meets_on or "9999"), *change.mention.key)


def _item(kind: Kind, group: Sequence[Net], wording: Wording, agendas: AgendaLog) -> Item:
    changes = [found.change for found in group]
    if changes[0].mention is not None:
        lines = wording.mention(changes[0])
    else:
        lines = wording.agency(kind, changes)
        spoken = agendas.mention_behind(changes[-1]) if kind in KINDS_AFTER_A_VOTE else None
        if spoken is not None:
            lines = (*lines, wording.spoken_of(spoken, changes[-1].publication.observed_at.date()))
    return Item(
        lines=lines,
        covers=tuple(sorted({seq for found in group for seq in found.covers})),
    )
