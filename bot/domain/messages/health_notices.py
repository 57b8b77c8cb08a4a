"""Write notices about the program's health.

They are sent to the operator and to subscribers who asked for them, and are never queued.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from bot.domain.chat.replies import said
from bot.domain.chat.request import Button, Reply
from bot.domain.health import crowds, is_old, is_stale, refused_at_once, span, unchanged_for, wrong
from bot.domain.language import Language
from bot.domain.letters import counted
from bot.domain.lists.vetting import Held
from bot.domain.outage import bare_problem, explained, is_refused
from bot.domain.source_status import MOVED_TO, ODDITIES, SourceStatus
from bot.domain.subscription import Subscription
from bot.domain.text.catalog import Phrase
from bot.domain.text.composed import in_language
from bot.domain.text.wording import Wording
from bot.domain.time_zones import zone_or_utc
from bot.domain.timestamps import stamp

NEVER_THIS_LONG = Phrase("ICE has never taken this long.")
ANSWER = Phrase("Its answer: {problem}.")
MOVED = Phrase(
    "ICE's 287(g) page has moved, so I now read it at {address}. To go there first, set COUNTERSIGN_ICE_URL to it."
)
PAUSED = Phrase("Subscription {id} ({channel}) is paused: {why}. Its settings and its place in the log are kept.")
GONE_NAMED = 30
PARKED = "parked place "


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is sent once. `key` is recorded after the notice has been sent.

    `text` is plain text with one paragraph per line. `also` contains the keys of other notices that are included in
    this one. If the notice is about a held listing, `held` is that listing. `buttons` are shown under the notice in
    the operator's chat. `texts` has the text in each language, if it isn't the same in all of them. `reply` writes it
    with its buttons in a chat's language.
    """

    key: str
    text: str
    also: tuple[str, ...] = ()
    held: Held | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()
    reply: Callable[[Language], Reply] | None = None
    texts: Mapping[Language, str] = field(default_factory=dict)


def for_operator(
    *,
    statuses: Sequence[SourceStatus],
    held: Sequence[Held],
    subscriptions: Sequence[Subscription],
    now: datetime,
    stale_after: timedelta,
    channels: Container[str] | None = None,
) -> Iterable[Notice]:
    """Yield every notice that currently applies for the operator.

    `channels` are the channels that are set up, or None if this isn't known.
    """
    for h in held:
        yield Notice(f"held {h.id} {stamp(h.since)}", _held(h), held=h)
    for status in statuses:
        for oddities in status.facts.get(ODDITIES, {}).values():
            yield from (Notice(f"odd {status.source} {key}", text) for key, text in oddities.items())
        yield from _of_ice(status)
        if is_stale(status, now, stale_after):
            since = status.read_at or status.problem_since
            key = f"stale {status.source} {stamp(since) if since else ''}"
            yield _in_each_language(key, partial(_stale, status, wrong(status, now, stale_after)))
        elif is_old(status):
            since = status.changed_at or status.read_since
            key = f"old {status.source} {stamp(since) if since else ''}"
            yield _in_each_language(key, partial(_old, status))
    yield from _refused(subscriptions, now)
    yield from _of_channels(subscriptions, now, channels)
    for s in subscriptions:
        if s.paused is not None and s.failing_since is not None and not s.refused:
            said = partial(PAUSED, id=s.id, channel=s.channel, why=s.paused)
            yield _in_each_language(f"paused {s.id} {stamp(s.failing_since)}", said)


def _in_each_language(key: str, say: Callable[[Language], str]) -> Notice:
    return Notice(key, say(Language.ENGLISH), texts={language: say(language) for language in Language})


def _sentence(reason: str, language: Language) -> str:
    return f"{in_language(reason, language)}."


def _stale(status: SourceStatus, problems: Sequence[str], language: Language) -> str:
    return f"{status.source}: {'; '.join(in_language(each, language) for each in problems)}."


def _old(status: SourceStatus, language: Language) -> str:
    problem = in_language(f"no new list for {span(unchanged_for(status))}", language)
    return f"{status.source}: {problem}. {NEVER_THIS_LONG(language)}"


def _refused_by_ice(status: SourceStatus, language: Language) -> str:
    answer = ANSWER(language, problem=bare_problem(status.problem or "", status.source))
    return f"{_sentence(explained(status, None) or '', language)}\n{answer}"


def _of_ice(status: SourceStatus) -> Iterable[Notice]:
    """Yield notices that ICE refuses this host, once for each time that it begins, and that its page has moved."""
    if is_refused(status) and status.problem_since is not None:
        yield _in_each_language(f"refused by ice {stamp(status.problem_since)}", partial(_refused_by_ice, status))
    moved_to = status.facts.get(MOVED_TO)
    if moved_to is not None:
        yield _in_each_language(f"moved {status.source} {moved_to}", partial(MOVED, address=moved_to))


def _refused(subscriptions: Sequence[Subscription], now: datetime) -> Iterable[Notice]:
    """Yield one notice per day for each rejected token, no matter how many subscriptions use the token."""
    together: dict[tuple[str, str], list[Subscription]] = {}
    for s in subscriptions:
        if s.refused and s.paused is not None:
            together.setdefault(s.bot, []).append(s)
    for (channel, workspace), paused in together.items():
        many = f"{counted(len(paused), 'subscription')} {'is' if len(paused) == 1 else 'are'}"
        where = f" in the workspace {workspace}" if workspace else ""
        where = f" ({workspace})" if paused[0].has_web_address else where
        yield Notice(
            f"refused {channel} {workspace} {now.date()}",
            f"{paused[0].paused}.\n{many} paused{where}. I try again every 15 minutes and at every start. "
            "Once a message arrives, they all resume and nothing is lost.",
        )


def _of_channels(
    subscriptions: Sequence[Subscription], now: datetime, channels: Container[str] | None
) -> Iterable[Notice]:
    """Yield one notice per day for each channel that isn't set up or whose platform refuses many chats at once."""
    for channel, crowd in crowds(subscriptions, now, channels).items():
        together = [s for s in subscriptions if s.channel == channel]
        if refused := refused_at_once(together, now):
            first = refused[0]
            yield Notice(
                f"refused at once {channel} {now.date()}",
                f"{channel} refused {counted(len(refused), 'chat')} within minutes, so it may be the platform's "
                f"trouble. It said: {first.refusal}.\nI keep asking for two days before I believe it. Only chats where "
                "a person removed the bot are paused at once. To see all, run: countersign deliveries --failed",
            )
        if crowd.unserved:
            (reason,) = replace(crowd, mute_since=None, refused_at_once=0).reasons(channel, now)
            yield _in_each_language(f"unserved {channel} {now.date()}", partial(_sentence, reason))


def of_parked(places: Iterable[SourceStatus], told: Mapping[str, str], now: datetime) -> Notice | None:
    """Return a notice about all local places parked since the last such notice, or None if there are none.

    The notice is sent at most once a day.
    """
    parked = {f"{PARKED}{p.source} {stamp(p.parked_at)}": p for p in places if p.parked_at is not None}
    fresh = {key: place for key, place in parked.items() if key not in told}
    last = max((at for key, at in told.items() if key.startswith(PARKED)), default="")
    if not fresh or last > stamp(now - timedelta(days=1)):
        return None
    keys = tuple(fresh)
    lines = [
        "I stopped reading these places because they failed for a week, or because their site is another place's. "
        "To read one again and keep it if that works, run: countersign sources check NAME",
        *(
            f"{place.source}: {bare_problem(place.problem or '', place.source)}"
            for place in list(fresh.values())[:GONE_NAMED]
        ),
    ]
    if len(fresh) > GONE_NAMED:
        lines.append(f"… and {len(fresh) - GONE_NAMED} more. To see all, run: countersign sources")
    return Notice(keys[0], "\n".join(lines), also=keys[1:])


def for_subscriber(
    subscription: Subscription, status: SourceStatus, now: datetime, stale_after: timedelta
) -> Notice | None:
    """Return the daily notice that ICE's list is stale.

    Return None if the list isn't stale or the subscriber didn't ask for the notice.
    """
    if not subscription.hears_stale or subscription.paused is not None or not is_stale(status, now, stale_after):
        return None
    day = now.astimezone(zone_or_utc(subscription.tz)).date()
    wording = Wording(subscription.language, subscription.tz)
    since = status.read_at or status.problem_since
    assert since is not None  # or it wouldn't be stale
    key = f"stale {status.source} {subscription.id} {day}"
    return Notice(key, said(subscription.language, "stale", when=wording.moment(since)))


def _held(held: Held) -> str:
    lines = [f"On hold: {held.publication.name} ({held.list.value} list): {'; '.join(held.reasons)}."]
    if held.gone:
        lines.append(f"It would have reported these as no longer on ICE's list ({len(held.gone)}):")
        lines += [f"{a.state}: {a.agency}, {a.support_type.value}" for a in held.gone[:GONE_NAMED]]
        if len(held.gone) > GONE_NAMED:
            lines.append(f"… and {len(held.gone) - GONE_NAMED} more. To see all, run: countersign held")
    if held.readable:
        lines.append(f"To accept it, run: countersign approve {held.id}")
        lines.append(f"To refuse it, run: countersign reject {held.id}")
    else:
        lines.append("It changes nothing and will be dropped when the next good list arrives.")
    return "\n".join(lines)
