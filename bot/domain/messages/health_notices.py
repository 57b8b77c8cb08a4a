"""What the operator, and subscribers who asked for it, are told about the watching itself. Derived, never queued."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.chat.replies import said
from bot.domain.health import is_old, is_stale, span, wrong
from bot.domain.lists.vetting import Held
from bot.domain.source_status import SourceStatus
from bot.domain.subscription import Subscription
from bot.domain.text.wording import Wording
from bot.domain.timestamps import stamp

GONE_NAMED = 30
PARKED = "parked place "


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told once; `key` is remembered when it has been. `text` is plain, a paragraph a line.

    `also` are the keys of what else it says.
    """

    key: str
    text: str
    also: tuple[str, ...] = ()


def for_operator(
    *,
    statuses: Sequence[SourceStatus],
    held: Sequence[Held],
    subscriptions: Sequence[Subscription],
    now: datetime,
    stale_after: timedelta,
) -> Iterable[Notice]:
    """What the operator ought to know."""
    for h in held:
        yield Notice(f"held {h.id} {stamp(h.since)}", _held(h))
    for status in statuses:
        if is_stale(status, now, stale_after):
            since = status.read_at or status.problem_since
            key = f"stale {status.source} {stamp(since) if since else ''}"
            yield Notice(key, f"{status.source} is {'; '.join(wrong(status, now, stale_after))}.")
        elif is_old(status, now) and status.changed_at is not None:
            yield Notice(
                f"old {status.source} {stamp(status.changed_at)}",
                f"{status.source}: no new list for {span(now - status.changed_at)}, which ICE never took before.",
            )
    yield from _refused(subscriptions, now)
    for s in subscriptions:
        if s.paused is not None and s.failing_since is not None and not s.refused:
            yield Notice(
                f"paused {s.id} {stamp(s.failing_since)}",
                f"The subscription {s.id} ({s.channel}) is paused: {s.paused}. Its settings and its place are kept.",
            )


def _refused(subscriptions: Sequence[Subscription], now: datetime) -> Iterable[Notice]:
    """Once a day for each token that is refused, however many are told with it."""
    together: dict[tuple[str, str], list[Subscription]] = {}
    for s in subscriptions:
        if s.refused and s.paused is not None:
            together.setdefault(s.bot, []).append(s)
    for (channel, workspace), paused in together.items():
        many = f"{len(paused)} subscriptions are" if len(paused) > 1 else "1 subscription is"
        where = f" in the workspace {workspace}" if workspace else ""
        yield Notice(
            f"refused {channel} {workspace} {now.date()}",
            f"{paused[0].paused}.\n{many} paused{where}. That is tried again every 15 minutes and at each start; "
            "once it works, all go on and nothing is lost.",
        )


def of_parked(places: Iterable[SourceStatus], told: Mapping[str, str], now: datetime) -> Notice | None:
    """That local places were parked which the operator has not heard of yet; once a day, however many there are."""
    parked = {f"{PARKED}{p.source} {stamp(p.parked_at)}": p for p in places if p.parked_at is not None}
    fresh = {key: place for key, place in parked.items() if key not in told}
    last = max((at for key, at in told.items() if key.startswith(PARKED)), default="")
    if not fresh or last > stamp(now - timedelta(days=1)):
        return None
    keys = tuple(fresh)
    lines = [
        "Parked, since they could not be read for a week (countersign sources check NAME reads one again, and goes on "
        "with it if that works):",
        *(f"{place.source}: {place.problem}" for place in list(fresh.values())[:GONE_NAMED]),
    ]
    if len(fresh) > GONE_NAMED:
        lines.append(f"… and {len(fresh) - GONE_NAMED} more; countersign sources names all.")
    return Notice(keys[0], "\n".join(lines), also=keys[1:])


def for_subscriber(
    subscription: Subscription, status: SourceStatus, now: datetime, stale_after: timedelta
) -> Notice | None:
    """Once a day while ICE is stale, for those who switched it on."""
    if not subscription.hears_stale or subscription.paused is not None or not is_stale(status, now, stale_after):
        return None
    day = now.astimezone(ZoneInfo(subscription.tz)).date()
    wording = Wording(subscription.language, subscription.tz)
    when = wording.moment(status.read_at) if status.read_at else "—"
    key = f"stale {status.source} {subscription.id} {day}"
    return Notice(key, said(subscription.language, "stale", when=when))


def _held(held: Held) -> str:
    lines = [f"Held: {held.publication.name} ({held.list.value} list): {'; '.join(held.reasons)}."]
    if held.gone:
        lines.append(f"It would have said that these are no longer on ICE's list ({len(held.gone)}):")
        lines += [f"{a.state}: {a.agency}, {a.support_type.value}" for a in held.gone[:GONE_NAMED]]
        if len(held.gone) > GONE_NAMED:
            lines.append(f"… and {len(held.gone) - GONE_NAMED} more; `countersign held` names all.")
    if held.readable:
        lines.append(f"countersign approve {held.id} believes it; countersign reject {held.id} does not.")
    else:
        lines.append("Nothing is concluded from it; it goes away with the next good list.")
    return "\n".join(lines)
