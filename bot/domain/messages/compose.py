"""Compose a digest of the changes that a subscription is owed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.agendas.link import AgendaLog
from bot.domain.agendas.scans import Scan
from bot.domain.change import Change, Kind
from bot.domain.geography.states import STATES
from bot.domain.lists.totals import Standing, Totals
from bot.domain.messages.buttons import buttons, page_of
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.messages.grouping import Grouping, first_line
from bot.domain.messages.meetings import scanned, this_week
from bot.domain.messages.net_changes import NetChange, net_changes
from bot.domain.messages.span import started_today, waited_too_long
from bot.domain.page_addresses import PageLinks
from bot.domain.subscription import Cadence, Subscription
from bot.domain.text.headlines import headline
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import MOST_STATES_NAMED, Wording, states_in_order
from bot.domain.time_zones import zone_or_utc

MOVING_TOTALS = frozenset({Kind.SIGNED, Kind.REINSTATED, Kind.WITHDRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The facts that a digest needs in addition to its changes. `page` is the address of ICE's page.

    `totals` count what the subscription watches, and are shown in daily and weekly digests. `read_at` (UTC) is the time
    of the last successful reading of ICE's list, and `sources` is the number of sources read. Only a no-changes digest
    shows them. `is_held` is True if a list is on hold. `agendas` contains the mentions of 287(g) on local agendas in
    recent months, through the last change in the digest. `standing` is ICE's list after the last change, and `earlier`
    is the list that a scheduled digest compares it with. `links` lead to the public pages, or are None if there is no
    public address. `prefix` starts every command, or is None if no one can send commands there. `meetings` are the
    latest editions of all agenda mentions and `scans` the scanned documents of local meetings, which only a scheduled
    digest has.
    """

    page: str
    totals: Totals | None = None
    read_at: datetime | None = None
    sources: int = 0
    is_held: bool = False
    agendas: AgendaLog = field(default_factory=AgendaLog)
    standing: Standing | None = None
    earlier: Standing | None = None
    links: PageLinks | None = None
    prefix: str | None = None
    meetings: Sequence[Change] = ()
    scans: Sequence[Scan] = ()


def compose(subscription: Subscription, changes: Sequence[Change], *, upto: int, about: Circumstances) -> Digest | None:
    """Compose a digest of the changes after a subscription's cursor, up to and including `upto`.

    Return None if there is nothing to report and the subscription doesn't ask for a no-changes digest. `changes`
    contains all changes of every kind in that part of the log. The text depends only on these changes and on stored
    settings and times, so a digest composed again after a crash is the same.
    """
    window = [change for change in changes if subscription.cursor < change.seq <= upto]
    found = net_changes(window, lambda change: subscription.filter.kind_for(change) is not None)
    heard = [net for net in (_as_heard(subscription, net) for net in found) if net is not None]
    told = [net for net in heard if not waited_too_long(net.decided_by, subscription.pinned_at)]
    wording = Wording(subscription.language, subscription.tz)
    news = {net.change.mention.key for net in told if net.change.mention is not None}
    around = _around(subscription, wording, about, news, older=len(heard) - len(told))
    if not heard:
        return _nothing_new(subscription, wording, about, upto, around)
    grouping = Grouping(told, wording, about.agendas, about.standing)
    lead = (*around, *_places(subscription, grouping, about), *grouping.shared_lines(), *grouping.type_lines())
    sections, details = grouping.sections()
    command = f"{about.prefix}agency" if about.prefix is not None else ""
    shown_at = page_of(grouping.changes, about.links) if about.links is not None else None
    return Digest(
        upto=upto,
        title=first_line(grouping),
        lead=(*lead, *wording.caveats(grouping.changes)),
        sections=sections,
        details=details,
        footer=wording.sources(grouping.changes, page=about.page, evidence=shown_at, command=command),
        buttons=buttons(grouping.changes, subscription.language, about.links),
        changes=tuple(told),
        page=shown_at,
        links=about.links,
        begun_at=subscription.pinned_at,
    )


def _around(
    subscription: Subscription, wording: Wording, about: Circumstances, news: Collection[tuple[str, str]], *, older: int
) -> tuple[Line, ...]:
    """Return the lines that a digest has no matter what it reports. Meetings in `news` are reported below them."""
    lines: list[Line] = [wording.started_today()] if started_today(subscription) else []
    lines += [wording.older(older)] if older else []
    if subscription.cadence is not Cadence.INSTANT:
        lines += wording.circumstances(subscription, about.totals, is_held=about.is_held)
        lines += this_week(subscription, wording, about.meetings, news)
        lines += scanned(subscription, wording, about.scans)
    return tuple(lines)


def _places(subscription: Subscription, grouping: Grouping, about: Circumstances) -> Iterable[Line]:
    """Yield where up to three states stand now. If more states changed, an alert says where the whole list stands."""
    moved = {change.agreement.state for change in grouping.changes if change.kind in MOVING_TOTALS} & STATES.keys()
    if about.standing is None or not moved:
        return
    if len(moved) <= MOST_STATES_NAMED:
        if about.totals is not None and set(subscription.filter.states) == moved and len(moved) == 1:
            return  # the totals say it
        weekly = subscription.cadence is Cadence.WEEKLY
        for state in states_in_order(moved, grouping.wording.language):
            yield grouping.wording.now(state, about.standing, about.earlier, weekly=weekly)
    elif about.totals is None:
        yield grouping.wording.whole_list(about.standing)


def correct(
    subscription: Subscription, retraction: Change, sent_at: datetime, *, page: str, links: PageLinks | None = None
) -> Digest:
    """Compose a correction for a change that was sent in error at `sent_at` (UTC)."""
    wording = Wording(subscription.language, subscription.tz)
    title, wrong = wording.retraction(retraction, sent_at.astimezone(zone_or_utc(subscription.tz)).date())
    item = Item(lines=(wrong,), covers=(retraction.seq,))
    shown_at = links.change(retraction.seq) if links is not None else None
    footer = wording.sources([retraction], page=page, evidence=shown_at)
    return Digest(
        upto=retraction.seq,
        title=title,
        sections=(Section(heading=(), items=(item,)),),
        footer=footer,
        changes=(NetChange(retraction, retraction, item.covers),),
        page=shown_at,
        links=links,
        begun_at=subscription.pinned_at,
    )


def _nothing_new(
    subscription: Subscription, wording: Wording, about: Circumstances, upto: int, around: Sequence[Line]
) -> Digest | None:
    """Compose a no-changes digest, or return None if the subscription doesn't ask for one."""
    if not subscription.hears_always or subscription.cadence is Cadence.INSTANT:
        return None
    read, states, links = wording.nothing_new(about.sources, about.read_at), subscription.filter.states, about.links
    shown_at = page_of([], links, states) if links is not None else None
    return Digest(
        upto=upto,
        title=(Span(headline(wording, [], about.standing), strong=True),),
        lead=(read, *around),
        footer=wording.all_changes(shown_at) if shown_at is not None else (),
        buttons=buttons([], subscription.language, links, states),
        page=shown_at,
        links=links,
        begun_at=subscription.pinned_at,
    )


def _as_heard(subscription: Subscription, net: NetChange) -> NetChange | None:
    """Return a net change with the kind determined by this subscription's filter.

    Return None if the filter doesn't match the change.
    """
    kind = subscription.filter.kind_for(net.decided_by)
    return replace(net, change=replace(net.change, kind=kind)) if kind is not None else None
