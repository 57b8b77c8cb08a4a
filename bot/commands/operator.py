"""The operator's commands that write to the store.

If Countersign is already running, the running program executes them.
"""

import inspect
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from bot import __version__
from bot.channels import CHANNELS, sender_for
from bot.channels.protocols import NEW_SECRET, EncryptsAddresses, Part, Pings, Sender, SignsMessages
from bot.commands import local_sources
from bot.commands.as_json import JsonObject, change_json, held_json, subscription_json
from bot.commands.options import cadence_in, filter_with, language_in, parsed, time_in, until_in, weekday_in, zone_in
from bot.commands.rulings import approve, reject, retract
from bot.config import catalog
from bot.domain.change import Kind
from bot.domain.chat import parser
from bot.domain.chat.characters import plain
from bot.domain.chat.parser import Where
from bot.domain.language import Language
from bot.domain.letters import counted
from bot.domain.messages.digest import Digest
from bot.domain.subscription import ALL_STATES, OPERATOR, STOPPED, Cadence, Filter, Subscription
from bot.domain.text.catalog import Phrase
from bot.domain.text.rich_text import Span
from bot.domain.timestamps import stamp, stamp_of
from bot.errors import CountersignError, NotSent, SendError, UsageError
from bot.pipeline.addresses import ALIAS, resolved
from bot.pipeline.local_requests import added_sources
from bot.pipeline.poll_list import ListPoll
from bot.pipeline.runner import Runner
from bot.pipeline.token_recovery import probe_rejected_tokens

TEST_TITLE = Phrase("A test message from Countersign")
TEST = Phrase("It works: alerts for this chat will arrive here.")
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
    while local and (of_scan := await runner.read_next_scan()) is not None:
        changes += of_scan
    return {
        "changes": [change_json(change) for change in changes if change.kind is not Kind.LISTED],
        "listed": sum(change.kind is Kind.LISTED and change.is_of_lists for change in changes),
        "held": [held_json(held) for found in polls for held in found.held],
        "problems": [found.problem for found in polls if found.problem],
        "in_words": [found.in_words or found.problem for found in polls if found.problem],
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
    found = {**catalog.places(), **await added_sources(runner.store)}
    return {"checked": await local_sources.check(runner, [catalog.named(found, name) for name in names])}


# ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────────


async def subscribe(
    runner: Runner,
    *,
    channel: str,
    address: str,
    states: str | None = None,
    county: Sequence[str] | None = None,
    agency: Sequence[str] | None = None,
    agency_types: Sequence[str] | None = None,
    types: str | None = None,
    kinds: str | None = None,
    cadence: str | None = None,
    weekday: str | None = None,
    at: str | None = None,
    tz: str | None = None,
    language: str | None = None,
    topic: int | None = None,
    may_idle: bool = False,
    secret: str | None = None,
) -> JsonObject:
    """Add a subscription, or change the existing one for this address. Nothing is posted to the address.

    Settings that aren't given stay as they are. Only with `may_idle` can a time be set while alerts are sent at once.
    `secret` is for channels that sign their messages. The answer has `secret` if the address got a new one, because
    it's shown only once.
    """
    address = checked_address(channel, address, topic)
    sender = runner.channels.get(channel)
    if secret is not None and not isinstance(sender, SignsMessages):
        raise UsageError(f"--secret is for channels that sign their messages, and {channel} doesn't.")
    address = _stored(runner, channel, await resolved(runner.store, runner.channels, channel, address))
    old = await _find(runner, channel, address)
    now = old or Subscription(id="", channel=channel, address=address, filter=Filter(), created_at=runner.now())
    watched = filter_with(
        now.filter,
        states=states,
        counties=county,
        agencies=agency,
        agency_types=agency_types,
        types=types,
        kinds=kinds,
    )
    wanted = _with_times(now, cadence=cadence, weekday=weekday, at=at, tz=tz, may_idle=may_idle)
    wanted = replace(
        wanted.revived,
        quiet_until=now.quiet_until,
        filter=watched,
        language=language_in(language) if language is not None else now.language,
    )
    new_secret = await _set_secret(sender, address, secret, is_new=old is None)
    save = runner.store.subscribe if old is None else runner.store.change_subscription
    kept = subscription_json(await save(wanted))
    answer = {"subscription": kept, "changed": old is not None, "served": channel in runner.channels}
    return answer | ({"secret": new_secret} if new_secret is not None else {})


def _with_times(
    now: Subscription, *, cadence: str | None, weekday: str | None, at: str | None, tz: str | None, may_idle: bool
) -> Subscription:
    """Return the subscription with another cadence, day, time or zone. Raise UsageError if they contradict."""
    wanted = replace(
        now,
        cadence=cadence_in(cadence) if cadence is not None else now.cadence,
        weekday=weekday_in(weekday) if weekday is not None else now.weekday,
        at=time_in(at) if at is not None else now.at,
        tz=zone_in(tz) if tz is not None else now.tz,
    )
    if at is not None and wanted.cadence is Cadence.INSTANT and not may_idle:
        raise UsageError(
            "--at sets the time of a digest, but this chat gets instant alerts. Add --cadence daily or weekly."
        )
    if weekday is not None and wanted.cadence is not Cadence.WEEKLY:
        raise UsageError("--weekday sets the day of a weekly digest. Add --cadence weekly.")
    return wanted


async def _set_secret(sender: Sender | None, address: str, secret: str | None, *, is_new: bool) -> str | None:
    """Set the secret that an address's messages are signed with. Return it if it's new, and None otherwise.

    A new subscription gets a new one even if the address had one, because a first command that was interrupted didn't
    show its secret.
    """
    if not isinstance(sender, SignsMessages):
        return None
    return await sender.set_secret(address, secret or (NEW_SECRET if is_new else None))


async def pause(runner: Runner, *, channel: str, address: str, span: str) -> JsonObject:
    """Pause a subscription. When the pause ends, one message has what it missed."""
    found = await _known(runner, channel, address)
    until = until_in(span, runner.now(), found.tz)
    paused = replace(found, quiet_until=until).pausing(found, OPERATOR, runner.now())
    saved = await runner.store.change_subscription(paused)
    return {"subscription": subscription_json(saved), "until": stamp(until)}


async def resume(runner: Runner, *, channel: str, address: str) -> JsonObject:
    """End a subscription's pause, whatever caused it. After /stop in the chat, what was missed isn't sent."""
    found = await _known(runner, channel, address)
    is_quiet = found.quiet_until is not None and found.quiet_until > runner.now()
    was = found.paused or ("paused" if is_quiet else None)
    if found.paused == STOPPED:
        await runner.store.unsubscribe(found.id)
        found = await runner.store.subscribe(replace(found.revived, id=""))
    elif was is not None or found.failing_since is not None:
        found = await runner.store.change_subscription(found.revived)
    return {"subscription": subscription_json(found), "was": was}


async def send_test(
    runner: Runner, *, channel: str, address: str, topic: int | None = None, language: str | None = None
) -> JsonObject:
    """Send a real test message to an address, and return what came back."""
    address = checked_address(channel, address, topic)
    sender = runner.channels.get(channel)
    if sender is None:
        raise UsageError(f"{channel} isn't set up, so nothing can be sent there. Set its token.")
    found = await _find(runner, channel, address)
    spoken = language_in(language) if language is not None else found.language if found else Language.ENGLISH
    parts = _test_parts(sender_for(sender, address), spoken)
    try:
        numbers = [await sender.send(address, part) for part in parts]
    except SendError as fault:
        raise NotSent(_why_not_sent(channel, fault), is_refused=fault.refused) from None
    return {"channel": channel, "message_id": numbers[-1] or None}


def _test_parts(sender: Sender, language: Language) -> tuple[Part, ...]:
    """Return the message that tests an address: the channel's own, if it has one."""
    title, said = Span(TEST_TITLE(language), strong=True), Span(TEST(language))
    if isinstance(sender, Pings):
        return (sender.ping(said.text),)
    return sender.render(Digest(upto=0, title=(title,), sections=(), footer=((said,),)))


def _why_not_sent(channel: str, fault: SendError) -> str:
    """Return in a sentence why a message wasn't sent or confirmed, and what to do. The text never has a token."""
    said = str(fault).rstrip(".")
    if fault.moved_to is not None:
        return f"Not sent: {said}. Use its new address, {fault.moved_to}."
    if fault.fallback is not None:
        return f"Not sent: {said}. Alerts for this topic would go to {fault.fallback}."
    if fault.retry_after is not None:
        return f"Not sent: {said}. Try again in {counted(max(1, round(fault.retry_after)), 'second')}."
    if fault.maybe_sent:
        return f"{said}. Look there before you send it again."
    return f"Not sent: {said}." if channel in said.casefold() else f"Not sent by {channel}: {said}."


async def unsubscribe(runner: Runner, *, channel: str, address: str) -> JsonObject:
    """End a subscription."""
    old = await _known(runner, channel, address)
    await runner.store.unsubscribe(old.id)
    sender = runner.channels.get(channel)
    if isinstance(sender, SignsMessages):
        await sender.forget_secret(old.address)
    return {"subscription": subscription_json(old)}


async def unsubscribe_all(runner: Runner, *, ids: Sequence[str]) -> JsonObject:
    """End these subscriptions, and no other that was added in the meantime. Return those that ended."""
    wanted = set(ids)
    ended = [found for found in await runner.store.subscriptions() if found.id in wanted]
    for found in ended:
        await unsubscribe(runner, channel=found.channel, address=found.id)
    return {"subscriptions": [subscription_json(found) for found in ended]}


async def _known(runner: Runner, channel: str, address: str) -> Subscription:
    """Return the subscription with this address or id. Raise UsageError if there is none."""
    found = await _find(runner, channel, address) or await _find(runner, channel, _stored(runner, channel, address))
    if found is None:
        kind, sign, _ = address.partition("://")  # the rest may hold a password
        shown = f"{kind}://***" if sign else address
        raise UsageError(f"{channel} {shown} has no subscription. `countersign subscriptions` lists them.")
    return found


async def mend(runner: Runner, *, subscription: str, tz: str) -> JsonObject:
    """Mend a stored subscription that can't be read. If its time zone isn't recognized, use `tz` instead."""
    unreadable = {found.id: found for found in await runner.store.unreadable()}
    if subscription not in unreadable:
        there = f"These can't be read: {', '.join(unreadable)}." if unreadable else "Every subscription can be read."
        raise UsageError(f"There is nothing to mend in {subscription}. {there}")
    mended = await runner.store.mend(subscription, zone_in(tz))
    return {"subscription": subscription_json(mended), "was": unreadable[subscription].why}


class BroadcastTable(Protocol):
    """A [[broadcast]] table in the configuration."""

    @property
    def channel(self) -> str:
        """The channel's name in the registry."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The arguments for `subscribe`, by name."""


async def broadcast(runner: Runner, tables: Sequence[BroadcastTable]) -> None:
    """Subscribe the public channels listed in the configuration.

    Unsubscribe any that were removed from the configuration.
    """
    named = set()
    for table in tables:
        answer = await subscribe(runner, **table.settings, may_idle=True)
        named.add(answer["subscription"]["id"])
        await runner.store.note(BROADCAST, answer["subscription"]["id"], table.channel)
    for gone in (await runner.store.notes(BROADCAST)).keys() - named:
        await runner.store.unsubscribe(gone)
        await runner.store.note(BROADCAST, gone, None)


async def about(runner: Runner) -> JsonObject:
    """Return the version of the running program, its process and the time when it started."""
    return {"version": __version__, "process": os.getpid(), "started_at": stamp_of(runner.started_at)}


COMMANDS: Mapping[str, Command] = {
    "about": about,
    "check": check,
    "poll": poll,
    "deliver": deliver,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "unsubscribe_all": unsubscribe_all,
    "mend": mend,
    "approve": approve,
    "reject": reject,
    "retract": retract,
    "pause": pause,
    "resume": resume,
    "test": send_test,
}


# ── parsing what the operator typed ──────────────────────────────────────────────────────────────────────────────────


def one_state(text: str | None) -> str | None:
    """Return the postal code for the --state option, or None for all states."""
    where = parsed("--state", parser.where, text) if text is not None else Where(states=(ALL_STATES,))
    if len(where.states) != 1 or where != Where(states=where.states):
        raise UsageError(f"--state takes one state, as in --state TX, not “{plain(text or '')[:40]}”.")
    return None if where.states[0] == ALL_STATES else where.states[0]


def checked_address(channel: str, address: str, topic: int | None = None) -> str:
    """Validate an address and return it in the channel's own format."""
    if channel not in CHANNELS:
        raise UsageError(f"There is no channel {channel!r}. Choose one of: {', '.join(CHANNELS)}.")
    if topic is None:
        return CHANNELS[channel].check_address(address)
    if not CHANNELS[channel].has_topics:
        raise UsageError(f"--topic: {channel} has no topics. Leave it out.")
    if topic < 1 or ":" in address:
        raise UsageError("--topic takes the number of one topic, as in --topic 7, and the group's number has no colon.")
    return CHANNELS[channel].check_address(f"{address.strip()}:{topic}")


def _stored(runner: Runner, channel: str, address: str) -> str:
    """Return the address as the store keeps it. Some channels encrypt addresses that hold a password."""
    sender = runner.channels.get(channel)
    return sender.stored_address(address) if isinstance(sender, EncryptsAddresses) else address


async def encrypt_addresses(runner: Runner) -> int:
    """Encrypt the addresses that were stored before there was a secret key, and erase them from the store's files.

    The secrets of webhooks are encrypted too. Return the number of addresses concerned.
    """
    signing = [sender for sender in runner.channels.values() if isinstance(sender, SignsMessages)]
    changed = sum([await sender.encrypt_secrets() for sender in signing])
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
