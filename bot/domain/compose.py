"""From changes that are owed to the digest that tells them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain import wording
from bot.domain.change import Change, Kind
from bot.domain.digest import Digest, Item, Section
from bot.domain.net import Net, net
from bot.domain.subscription import Subscription


def compose(subscription: Subscription, changes: Sequence[Change], *, upto: int, page: str) -> Digest | None:
    """What this subscription is told of the changes after its cursor and up to `upto`; None when that is nothing.

    `changes` are all of the log in between, whatever their kind; `page` is the address of ICE's page. The text follows
    from these alone, so a digest composed again after a crash is the same.
    """
    window = [change for change in changes if subscription.cursor < change.seq <= upto]
    told = [found for found in (_heard(subscription, n) for n in net(window)) if found is not None]
    if not told:
        return None
    sections = [
        Section(heading=wording.heading(state), items=tuple(_items(told_here)))
        for state, told_here in sorted(_by_state(told).items(), key=lambda pair: wording.state_name(pair[0]))
    ]
    told_changes = [n.change for n in told]
    return Digest(
        upto=upto,
        title=wording.title([change.kind for change in told_changes]),
        sections=tuple(sections),
        footer=wording.sources(told_changes, page=page, tz=subscription.tz),
    )


def _heard(subscription: Subscription, found: Net) -> Net | None:
    """The net change as the kind that this subscription hears it as."""
    kind = subscription.filter.hears_as(found.decided_by)
    if kind is None and found.change.kind is Kind.CORRECTED:
        kind = subscription.filter.hears_as(replace(found.change, seq=found.decided_by.seq))
    if kind is None:
        return None
    return replace(found, change=replace(found.change, kind=kind))


def _by_state(told: Sequence[Net]) -> Mapping[str, list[Net]]:
    states: dict[str, list[Net]] = {}
    for found in told:
        states.setdefault(found.change.agreement.state, []).append(found)
    return states


def _items(told: Sequence[Net]) -> list[Item]:
    """One item for each agency and kind, departures first, then by name."""
    groups: dict[tuple[Kind, str], list[Net]] = {}
    for found in told:
        groups.setdefault((found.change.kind, found.change.agreement.canonical), []).append(found)
    order = [Kind.WITHDRAWN, *Kind]
    ordered = sorted(groups.items(), key=lambda pair: (order.index(pair[0][0]), pair[0][1]))
    return [
        Item(
            lines=wording.change_lines(kind, [found.change for found in group]),
            covers=tuple(sorted({seq for found in group for seq in found.covers})),
        )
        for (kind, _), group in ordered
    ]
