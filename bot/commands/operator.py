"""The operator's commands that write. Each is handed to the running program when there is one, else done here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any, Protocol

from bot.channels import CHANNELS
from bot.commands import local_sources
from bot.config import catalog
from bot.domain.change import NEVER_CHOSEN, TOLD_BY_DEFAULT, Kind, as_json
from bot.domain.chat import parser, replies
from bot.domain.chat.parser import Misunderstood
from bot.domain.language import Language
from bot.domain.lists.vetting import Held, Ruling
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Receipt, Subscription
from bot.domain.timestamps import stamp
from bot.errors import CountersignError, UsageError
from bot.pipeline.poll_list import ListPoll, rule
from bot.pipeline.runner import Runner
from bot.pipeline.token_recovery import probe_rejected_tokens
from bot.store import Record

PATIENCE = 60.0  # seconds that the operator's word on a source waits for a reading of it that is under way

Answer = dict[str, Any]
Command = Callable[..., Awaitable[Answer]]


async def poll(runner: Runner, *, local: bool = False) -> Answer:
    """Read ICE's lists now, whatever a back-off says; a server's own Retry-After is obeyed.

    With `local` those places are read too that are watched and due.
    """
    watched = [await _poll_one(runner, name) for name in runner.sources]
    attended = await runner.poll_due_agendas() if local else ()
    changes = [change for w in watched for change in w.changes] + [change for a in attended for change in a.changes]
    return {
        "changes": [as_json(change) for change in changes if change.kind is not Kind.LISTED],
        "listed": sum(change.kind is Kind.LISTED and change.is_of_lists for change in changes),
        "held": [held_json(h) for w in watched for h in w.held],
        "problems": [w.problem for w in watched if w.problem],
        "places": {"read": len(attended), "failed": [f"{a.source}: {a.problems[0]}" for a in attended if a.failed]},
    }


async def _poll_one(runner: Runner, name: str) -> ListPoll:
    status = await runner.store.source_status(name)
    if status.not_before is not None and status.not_before > runner.now():
        wait = f"{name}: its server asked to be left alone until {status.not_before:%Y-%m-%d %H:%M:%S} UTC"
        return ListPoll(source=name, problem=wait)
    return await runner.poll(runner.sources[name])


async def deliver(runner: Runner) -> Answer:
    """Bring every due subscription up to date now, and see whether a token that was refused works again."""
    await probe_rejected_tokens(runner.store, runner.now(), at_once=True)
    await runner.await_leadership()
    delivered = [await runner.deliver(s) for s in await runner.claim_due()]
    return {
        "messages": sum(d.messages for d in delivered),
        "problems": [f"{d.subscription}: {d.problem}" for d in delivered if d.problem],
    }


async def subscribe(
    runner: Runner, *, channel: str, address: str, states: str, cadence: str, at: str, tz: str, language: str = "en"
) -> Answer:
    """Set up a subscription, or change the one that this address has; nothing is posted there."""
    address = checked_address(channel, address)
    wanted = Subscription(
        id="",
        channel=channel,
        address=address,
        filter=Filter(states=dict.fromkeys(parsed_states(states), 0)),
        cadence=_cadence(cadence),
        at=_time(at),
        tz=_zone(tz),
        language=_language(language),
        created_at=runner.now(),
    )
    old = await _find(runner, channel, address)
    if old is None:
        return {"subscription": subscription_json(await runner.store.subscribe(wanted)), "changed": False}
    kinds = old.filter.kinds or dict.fromkeys(TOLD_BY_DEFAULT, 0)
    changed = replace(
        old,
        filter=Filter(states=wanted.filter.states, kinds=kinds),
        cadence=wanted.cadence,
        at=wanted.at,
        tz=wanted.tz,
        language=wanted.language,
        paused=None,
        refused=False,
        retry_at=None,
        failures=0,
        failing_since=None,
    )
    return {"subscription": subscription_json(await runner.store.change_subscription(changed)), "changed": True}


BROADCAST = "broadcast"
SOURCE_OF_LISTS = "ice"


class Table(Protocol):
    """A [[broadcast]] table of the configuration."""

    @property
    def channel(self) -> str:
        """Telegram or Slack, as the registry of channels calls them."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What `subscribe` takes, by name."""


async def broadcast(runner: Runner, tables: Sequence[Table]) -> None:
    """Set up the public channels that the configuration names, and end those that it names no longer."""
    named = set()
    for table in tables:
        answer = await subscribe(runner, **table.settings)
        named.add(answer["subscription"]["id"])
        await runner.store.note(BROADCAST, answer["subscription"]["id"], table.channel)
    for gone in (await runner.store.notes(BROADCAST)).keys() - named:
        await runner.store.unsubscribe(gone)
        await runner.store.note(BROADCAST, gone, None)


async def unsubscribe(runner: Runner, *, channel: str, address: str) -> Answer:
    """End a subscription."""
    old = await _find(runner, channel, address)
    if old is None:
        raise UsageError(f"{channel} {address} has no subscription. `countersign subscriptions` lists them.")
    await runner.store.unsubscribe(old.id)
    return {"subscription": subscription_json(old)}


async def approve(runner: Runner, *, held: str) -> Answer:
    """Believe a held listing: its disappearances are told."""
    return await _ruled(runner, held, Ruling.APPROVED)


async def reject(runner: Runner, *, held: str) -> Answer:
    """Do not believe a held listing, however long it stands."""
    return await _ruled(runner, held, Ruling.REJECTED)


async def _ruled(runner: Runner, held_id: str, ruling: Ruling) -> Answer:
    source = next((h.source for h in await runner.store.held() if h.id == held_id), next(iter(runner.sources)))
    async with runner.exclusive(f"source {source}", PATIENCE):  # a reading replaces what is held, and so would this
        watched = await rule(held_id, ruling, source=runner.sources[source], store=runner.store, now=runner.now)
    return {
        "changes": [as_json(change) for change in watched.changes],
        "held": [held_json(held) for held in watched.held],
    }


async def retract(runner: Runner, *, seq: int, because: str) -> Answer:
    """Take a change back: whoever was told of it is told that it was wrong. The log keeps both."""
    async with runner.exclusive(f"source {SOURCE_OF_LISTS}", PATIENCE):  # whose memory is committed with it
        return await _taken_back(runner, seq, because)


async def _taken_back(runner: Runner, seq: int, because: str) -> Answer:
    log = await runner.store.changes()
    wrong = next((c for c in log if c.seq == seq), None)
    if wrong is None or wrong.kind in NEVER_CHOSEN:
        raise UsageError(f"No change that was told has the number {seq}. `countersign changes --json` shows them.")
    if any(c.retracts == seq for c in log):
        raise UsageError(f"Change {seq} was taken back already.")
    if not because.strip():
        raise UsageError('Say why, in a sentence for those who were told: --because "…".')
    taken_back = replace(
        wrong, kind=Kind.RETRACTED, retracted=wrong.kind, retracts=seq, because=because.strip(), seq=0, recorded_at=None
    )
    status = await runner.store.source_status(SOURCE_OF_LISTS)
    record = Record(status=status, recorded_at=runner.now(), known=None, changes=(taken_back,), held=None)
    (change,) = await runner.store.record(record)
    return {"change": as_json(change)}


async def check(runner: Runner, *, names: Sequence[str]) -> Answer:
    """Read these local sources once now, and remember what came back."""
    found = catalog.places()
    return {"checked": await local_sources.check(runner, [catalog.named(found, name) for name in names])}


COMMANDS: Mapping[str, Command] = {
    "check": check,
    "poll": poll,
    "deliver": deliver,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "approve": approve,
    "reject": reject,
    "retract": retract,
}


# ── what a person typed ──────────────────────────────────────────────────────────────────────────────────────────────


def one_state(text: str | None) -> str | None:
    """The postal code of the one state that --state names; None for all of them."""
    codes = parsed_states(text) if text is not None else [ALL_STATES]
    if len(codes) != 1:
        raise UsageError("--state takes one state.")
    return None if codes[0] == ALL_STATES else codes[0]


def parsed_states(text: str) -> list[str]:
    """Postal codes of states given by code or name; "all" is every state."""
    try:
        states = parser.where(text).states
    except Misunderstood as fault:
        raise UsageError(_plainly(fault)) from None
    if not states:
        raise UsageError("No state is given. Write postal codes or names, as in --states TX,Florida, or --states all.")
    return [ALL_STATES] if ALL_STATES in states else list(states)


def _plainly(fault: Misunderstood) -> str:
    """Say what wasn't understood to someone at a command line, where a chat's commands don't help."""
    return replies.what_went_wrong(Language.ENGLISH, fault)


def checked_address(channel: str, address: str) -> str:
    """Return the address in its channel's own form."""
    if channel not in CHANNELS:
        raise UsageError(f"There is no channel {channel!r}. There are: {', '.join(CHANNELS)}.")
    return CHANNELS[channel].check_address(address)


def _cadence(text: str) -> Cadence:
    if text not in Cadence.__members__.values():
        raise UsageError(f"{text!r} is no cadence. There are: {', '.join(Cadence)}.")
    return Cadence(text)


def _time(text: str) -> time:
    at = parser.clock(text)
    if at is None:
        raise UsageError(f"{text!r} is no time of day. Write hours and minutes, as in 09:00 or 17:30.")
    return at


def _zone(text: str) -> str:
    try:
        return parser.zone(text)
    except Misunderstood as fault:
        raise UsageError(_plainly(fault)) from None


def _language(text: str) -> Language:
    try:
        return parser.language(text)
    except Misunderstood as fault:
        raise UsageError(_plainly(fault)) from None


async def _find(runner: Runner, channel: str, address: str) -> Subscription | None:
    found = (s for s in await runner.store.subscriptions() if s.channel == channel)
    return next((s for s in found if address in (s.address, s.id)), None)


# ── as JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def subscription_json(subscription: Subscription) -> Answer:
    """A subscription as `--json` prints it."""
    states = sorted(subscription.filter.states)
    return {
        "id": subscription.id,
        "channel": subscription.channel,
        "address": subscription.shown_address,
        "states": "all" if ALL_STATES in states else states,
        "kinds": sorted(subscription.filter.kinds),
        "cadence": subscription.cadence.value,
        "at": f"{subscription.at:%H:%M}",
        "tz": subscription.tz,
        "language": subscription.language.value,
        "cursor": subscription.cursor,
        "due_at": _stamp(subscription.due_at),
        "retry_at": _stamp(subscription.retry_at),
        "paused": subscription.paused,
        "created_at": _stamp(subscription.created_at),
    }


def receipt_json(receipt: Receipt) -> Answer:
    """A receipt as `--json` prints it."""
    return {
        "at": _stamp(receipt.at),
        "subscription": receipt.subscription,
        "channel": receipt.channel,
        "address": receipt.address,
        "changes": list(receipt.changes),
        "part": receipt.part,
        "parts": receipt.parts,
        "message_id": receipt.message_id,
        "error": receipt.error,
    }


def held_json(held: Held) -> Answer:
    """A held listing as `--json` prints it."""
    return {
        "id": held.id,
        "list": held.list.value,
        "publication": held.publication.name,
        "evidence": held.publication.evidence,
        "reasons": list(held.reasons),
        "gone": [{"state": a.state, "agency": a.agency, "support_type": a.support_type.value} for a in held.gone],
        "since": _stamp(held.since),
        "last_at": _stamp(held.last_at),
        "readings": held.readings,
        "ruling": held.ruling.value if held.ruling else None,
    }


def _stamp(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None


async def carry_out(runner: Runner, name: str, arguments: Mapping[str, Any]) -> Answer:
    """Do one command; an error is raised as it is."""
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"This version knows no command {name!r}.")
    try:
        return await command(runner, **arguments)
    except TypeError as fault:
        raise CountersignError(f"The command {name} was handed over wrongly: {fault}") from fault
