"""The operator's commands that write to the store.

If Countersign is already running, the running program executes them.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import time
from typing import Any, Protocol

from bot.channels import CHANNELS
from bot.channels.protocols import EncryptsAddresses
from bot.commands import local_sources
from bot.commands.as_json import JsonObject, change_json, held_json, subscription_json
from bot.config import catalog
from bot.domain.change import NEVER_CHOSEN, TOLD_BY_DEFAULT, Kind
from bot.domain.chat import parser, replies
from bot.domain.chat.characters import plain
from bot.domain.chat.parser import Misunderstood
from bot.domain.language import Language
from bot.domain.lists.vetting import Ruling
from bot.domain.source_status import ICE
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Subscription
from bot.errors import CountersignError, UsageError
from bot.pipeline.addresses import ALIAS, resolved
from bot.pipeline.poll_list import ListPoll, rule
from bot.pipeline.runner import Runner
from bot.pipeline.token_recovery import probe_rejected_tokens
from bot.store import Record

PATIENCE = 60.0  # seconds to wait for a reading of the same source to finish
BROADCAST = "broadcast"  # the kind of note that marks subscriptions made from [[broadcast]] tables

Command = Callable[..., Awaitable[JsonObject]]


async def carry_out(runner: Runner, name: str, arguments: Mapping[str, Any]) -> JsonObject:
    """Run a command by name and return its result.

    Raise UsageError for an unknown command and CountersignError for invalid arguments. Errors raised by the command
    itself propagate unchanged.
    """
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"The running program doesn't know the command {name!r}. Start the newer version.")
    try:
        inspect.signature(command).bind(runner, **arguments)
    except TypeError as fault:
        raise CountersignError(
            f"{name} doesn't take these arguments ({fault}). Is the running program another version of Countersign?"
        ) from None
    return await command(runner, **arguments)


# ── reading and sending ──────────────────────────────────────────────────────────────────────────────────────────────


async def poll(runner: Runner, *, local: bool = False) -> JsonObject:
    """Read ICE's lists now, even during a back-off. A server's Retry-After is always respected.

    If `local` is true, also read the watched local sources that are due.
    """
    polls = [await _poll_one(runner, name) for name in runner.sources]
    agendas = await runner.poll_due_agendas() if local else ()
    changes = [change for found in polls for change in found.changes]
    changes += [change for found in agendas for change in found.changes]
    return {
        "changes": [change_json(change) for change in changes if change.kind is not Kind.LISTED],
        "listed": sum(change.kind is Kind.LISTED and change.is_of_lists for change in changes),
        "held": [held_json(held) for found in polls for held in found.held],
        "problems": [found.problem for found in polls if found.problem],
        "places": {
            "read": len(agendas),
            "failed": [f"{found.source}: {found.problems[0]}" for found in agendas if found.failed],
        },
    }


async def _poll_one(runner: Runner, name: str) -> ListPoll:
    status = await runner.store.source_status(name)
    if status.not_before is not None and status.not_before > runner.now():
        wait = f"{name}: the server asked us to wait until {status.not_before:%Y-%m-%d %H:%M:%S} UTC"
        return ListPoll(source=name, problem=wait)
    return await runner.poll(runner.sources[name])


async def deliver(runner: Runner) -> JsonObject:
    """Send all due messages now. Rejected tokens are retried first."""
    await probe_rejected_tokens(runner.store, runner.now(), at_once=True)
    await runner.await_leadership()
    deliveries = await runner.deliver_due()
    return {
        "messages": sum(done.messages for done in deliveries),
        "problems": [f"{done.subscription}: {done.problem}" for done in deliveries if done.problem]
        + await _due_but_unserved(runner),
    }


async def _due_but_unserved(runner: Runner) -> list[str]:
    """Return a sentence for each subscription that is due on a channel that isn't set up."""
    due = (s for s in await runner.store.subscriptions() if s.is_due(runner.now()))
    return [f"{s.id}: {s.channel} isn't set up; set its token" for s in due if s.channel not in runner.channels]


async def check(runner: Runner, *, names: Sequence[str]) -> JsonObject:
    """Read these local sources once, right now, and record the results."""
    found = catalog.places()
    return {"checked": await local_sources.check(runner, [catalog.named(found, name) for name in names])}


# ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────────


async def subscribe(
    runner: Runner,
    *,
    channel: str,
    address: str,
    states: str,
    cadence: str | None = None,
    at: str | None = None,
    tz: str | None = None,
    language: str | None = None,
) -> JsonObject:
    """Add a subscription, or change the existing one for this address. Nothing is posted to the address.

    Settings that aren't given stay as they are.
    """
    address = checked_address(channel, address)
    states_ = parsed_states(states)
    address = _stored(runner, channel, await resolved(runner.store, runner.channels, channel, address))
    old = await _find(runner, channel, address)
    now = old or Subscription(id="", channel=channel, address=address, filter=Filter(), created_at=runner.now())
    wanted = replace(
        now.revived,
        quiet_until=now.quiet_until,
        filter=replace(
            now.filter,
            states=dict.fromkeys(states_, 0),
            kinds=now.filter.kinds or dict.fromkeys(TOLD_BY_DEFAULT, 0),
        ),
        cadence=_cadence(cadence) if cadence is not None else now.cadence,
        at=_time(at) if at is not None else now.at,
        tz=_zone(tz) if tz is not None else now.tz,
        language=_language(language) if language is not None else now.language,
    )
    save = runner.store.subscribe if old is None else runner.store.change_subscription
    kept = subscription_json(await save(wanted))
    return {"subscription": kept, "changed": old is not None, "served": channel in runner.channels}


async def unsubscribe(runner: Runner, *, channel: str, address: str) -> JsonObject:
    """End a subscription."""
    old = await _find(runner, channel, address) or await _find(runner, channel, _stored(runner, channel, address))
    if old is None:
        kind, sign, _ = address.partition("://")  # the rest may hold a password
        shown = f"{kind}://***" if sign else address
        raise UsageError(f"{channel} {shown} has no subscription. `countersign subscriptions` lists them.")
    await runner.store.unsubscribe(old.id)
    return {"subscription": subscription_json(old)}


async def mend(runner: Runner, *, subscription: str, tz: str) -> JsonObject:
    """Mend a stored subscription that can't be read. If its time zone isn't recognized, use `tz` instead."""
    unreadable = {found.id: found for found in await runner.store.unreadable()}
    if subscription not in unreadable:
        there = f"These can't be read: {', '.join(unreadable)}." if unreadable else "Every subscription can be read."
        raise UsageError(f"There is nothing to mend in {subscription}. {there}")
    mended = await runner.store.mend(subscription, _zone(tz))
    return {"subscription": subscription_json(mended), "was": unreadable[subscription].why}


class BroadcastTable(Protocol):
    """A [[broadcast]] table in the configuration."""

    @property
    def channel(self) -> str:
        """The channel's name in the registry."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The arguments for `subscribe`, by name."""


async def broadcast(runner: Runner, tables: Sequence[BroadcastTable]) -> None:
    """Subscribe the public channels listed in the configuration.

    Unsubscribe any that were removed from the configuration.
    """
    named = set()
    for table in tables:
        answer = await subscribe(runner, **table.settings)
        named.add(answer["subscription"]["id"])
        await runner.store.note(BROADCAST, answer["subscription"]["id"], table.channel)
    for gone in (await runner.store.notes(BROADCAST)).keys() - named:
        await runner.store.unsubscribe(gone)
        await runner.store.note(BROADCAST, gone, None)


# ── ruling on lists ──────────────────────────────────────────────────────────────────────────────────────────────────


async def approve(runner: Runner, *, held: str) -> JsonObject:
    """Accept a held listing. The resulting changes are recorded and sent to subscribers."""
    return await _ruled(runner, held, Ruling.APPROVED)


async def reject(runner: Runner, *, held: str) -> JsonObject:
    """Reject a held listing permanently, no matter how long ICE publishes it."""
    return await _ruled(runner, held, Ruling.REJECTED)


async def _ruled(runner: Runner, held_id: str, ruling: Ruling) -> JsonObject:
    source = runner.sources.get(next((h.source for h in await runner.store.held() if h.id == held_id), ICE))
    if source is None:
        raise UsageError("COUNTERSIGN_SOURCES leaves out ICE's lists, so there is nothing to approve or reject.")
    async with runner.exclusive(f"source {source.name}", PATIENCE):  # readings and rulings replace the held listings
        done = await rule(held_id, ruling, source=source, store=runner.store, now=runner.now)
    return {
        "changes": [change_json(change) for change in done.changes],
        "held": [held_json(held) for held in done.held],
    }


async def retract(runner: Runner, *, seq: int, because: str) -> JsonObject:
    """Retract a change and notify everyone who received it. The log keeps both the change and the retraction."""
    async with runner.exclusive(f"source {ICE}", PATIENCE):  # the retraction is committed with that source's status
        return await _retracted(runner, seq, because)


async def _retracted(runner: Runner, seq: int, because: str) -> JsonObject:
    log = await runner.store.changes()
    wrong = next((c for c in log if c.seq == seq), None)
    if wrong is None or wrong.kind in NEVER_CHOSEN:
        raise UsageError(f"Change {seq} doesn't exist or was never sent. `countersign changes --json` lists changes.")
    if any(c.retracts == seq for c in log):
        raise UsageError(f"Change {seq} was already retracted.")
    if not because.strip():
        raise UsageError('Give the reason in a sentence for the people who got the change: --because "…".')
    retraction = replace(
        wrong, kind=Kind.RETRACTED, retracted=wrong.kind, retracts=seq, because=because.strip(), seq=0, recorded_at=None
    )
    status = await runner.store.source_status(ICE)
    record = Record(status=status, recorded_at=runner.now(), known=None, changes=(retraction,), held=None)
    (change,) = await runner.store.record(record)
    return {"change": change_json(change)}


COMMANDS: Mapping[str, Command] = {
    "check": check,
    "poll": poll,
    "deliver": deliver,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "mend": mend,
    "approve": approve,
    "reject": reject,
    "retract": retract,
}


# ── parsing what the operator typed ──────────────────────────────────────────────────────────────────────────────────


def one_state(text: str | None) -> str | None:
    """Return the postal code for the --state option, or None for all states."""
    codes = parsed_states(text) if text is not None else [ALL_STATES]
    if len(codes) != 1:
        raise UsageError("--state takes one state, as in --state TX.")
    return None if codes[0] == ALL_STATES else codes[0]


def parsed_states(text: str) -> list[str]:
    """Return the postal codes for a list of states. For "all", return only ALL_STATES."""
    try:
        where = parser.where(text)
    except Misunderstood as fault:
        raise UsageError(_explained(fault)) from None
    if where.counties or where.agency_types:  # as in --states "TX, Lake FL"
        raise UsageError(f"Only states can be given here, not counties, towns or types of agency, as in {text!r}.")
    states = where.states
    if not states:
        raise UsageError("No state given. List postal codes or names, as in --states TX,Florida, or use --states all.")
    return [ALL_STATES] if ALL_STATES in states else list(states)


def _explained(fault: Misunderstood) -> str:
    """Return an explanation of a parsing error, worded for the command line instead of a chat."""
    return replies.what_went_wrong(Language.ENGLISH, fault)


def checked_address(channel: str, address: str) -> str:
    """Validate an address and return it in the channel's own format."""
    if channel not in CHANNELS:
        raise UsageError(f"There is no channel {channel!r}. Choose one of: {', '.join(CHANNELS)}.")
    return CHANNELS[channel].check_address(address)


def _cadence(text: str) -> Cadence:
    word = plain(text).casefold()
    if word not in Cadence.__members__.values():
        raise UsageError(f"{text!r} isn't a cadence. Choose one of: {', '.join(Cadence)}.")
    return Cadence(word)


def _time(text: str) -> time:
    at = parser.clock(text)
    if at is None:
        raise UsageError(f"{text!r} isn't a time of day. Use hours and minutes, as in 09:00 or 17:30.")
    return at


def _zone(text: str) -> str:
    try:
        return parser.zone(text)
    except Misunderstood as fault:
        raise UsageError(_explained(fault)) from None


def _language(text: str) -> Language:
    try:
        return parser.language(text)
    except Misunderstood as fault:
        raise UsageError(_explained(fault)) from None


def _stored(runner: Runner, channel: str, address: str) -> str:
    """Return the address as the store keeps it. Some channels encrypt addresses that hold a password."""
    sender = runner.channels.get(channel)
    return sender.stored_address(address) if isinstance(sender, EncryptsAddresses) else address


async def encrypt_addresses(runner: Runner) -> int:
    """Encrypt the addresses that were stored before there was a secret key, and erase them from the store's files.

    Return their number.
    """
    changed = 0
    for found in await runner.store.subscriptions():
        address = _stored(runner, found.channel, found.address)
        if address != found.address:
            await runner.store.change_subscription(replace(found, address=address))
            changed += 1
    if changed:
        await runner.store.scrub()
    return changed


async def _find(runner: Runner, channel: str, address: str) -> Subscription | None:
    """Return the subscription with this id, or the subscription of the chat with this address.

    A chat can have several addresses.
    """
    names = {address}
    if channel in CHANNELS:
        with suppress(UsageError):
            names.add(CHANNELS[channel].check_address(address))
    known = await runner.store.notes(ALIAS)
    names |= {known[f"{channel} {name}"] for name in names if f"{channel} {name}" in known}
    found = (s for s in await runner.store.subscriptions() if s.channel == channel)
    return next((s for s in found if not names.isdisjoint((s.address, s.id))), None)
