"""From changes that are owed to the digest that tells them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.domain.change import Change, Kind
from bot.domain.digest import Digest, Item, Section
from bot.domain.net import Net, net
from bot.domain.subscription import Subscription
from bot.domain.wording import Wording, state_name


def compose(subscription: Subscription, changes: Sequence[Change], *, upto: int, page: str) -> Digest | None:
    """What this subscription is told of the changes after its cursor and up to `upto`; None when that is nothing.

    `changes` are all of the log in between, whatever their kind; `page` is the address of ICE's page. The text follows
    from these alone, so a digest composed again after a crash is the same.
    """
    window = [change for change in changes if subscription.cursor < change.seq <= upto]
    told = [found for found in (_heard(subscription, n) for n in net(window)) if found is not None]
    if not told:
        return None
    wording = Wording(subscription.language, subscription.tz)
    told_changes = [n.change for n in told]
    return Digest(
        upto=upto,
        title=wording.title([change.kind for change in told_changes]),
        sections=tuple(_sections(told, wording)),
        footer=wording.sources(told_changes, page=page),
    )


def _heard(subscription: Subscription, found: Net) -> Net | None:
    """The net change as the kind that this subscription hears it as."""
    kind = subscription.filter.hears_as(found.decided_by)
    if kind is None and found.change.kind is Kind.CORRECTED:
        kind = subscription.filter.hears_as(replace(found.change, seq=found.decided_by.seq))
    if kind is None:
        return None
    return replace(found, change=replace(found.change, kind=kind))


def _sections(told: Sequence[Net], wording: Wording) -> Iterable[Section]:
    """By state, departures first; each agency is one item with all its agreements."""
    order = [Kind.WITHDRAWN, *Kind]
    groups: dict[tuple[str, Kind], dict[str, list[Net]]] = {}
    for found in told:
        agreement = found.change.agreement
        agencies = groups.setdefault((agreement.state, found.change.kind), {})
        agencies.setdefault(agreement.key.agency, []).append(found)
    for (state, kind), agencies in sorted(
        groups.items(), key=lambda group: (state_name(group[0][0]), order.index(group[0][1]))
    ):
        items = [_item(kind, group, wording) for _, group in sorted(agencies.items())]
        yield Section(heading=wording.heading(state, kind), items=tuple(items))


def _item(kind: Kind, group: Sequence[Net], wording: Wording) -> Item:
    return Item(
        lines=wording.agency(kind, [found.change for found in group]),
        covers=tuple(sorted({seq for found in group for seq in found.covers})),
    )
