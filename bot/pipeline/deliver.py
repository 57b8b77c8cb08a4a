"""Deliver to one subscription. Compose its messages, send them and move its cursor."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from bot.channels import LearnsAddresses, Part, Ready, Sender, at_once, command_prefix, sender_for
from bot.domain.agendas.link import KINDS_AFTER_A_VOTE, LINKED_FOR, AgendaLog
from bot.domain.agendas.schedule import CONSOLE
from bot.domain.change import Change, Kind
from bot.domain.letters import counted
from bot.domain.messages.compose import Circumstances, compose, correct
from bot.domain.messages.digest import Digest
from bot.domain.source_status import ICE
from bot.domain.subscription import Cadence, Receipt, Slot, Subscription, is_overtaken, slot_at
from bot.domain.text.platforms import TOPIC_CLOSED, TOPIC_DELETED
from bot.domain.text.rich_text import Span
from bot.domain.timestamps import after, stamp
from bot.errors import SendError
from bot.pipeline.addresses import learn
from bot.pipeline.standings import Standings
from bot.pipeline.token_recovery import PROBE_EVERY, resume_all
from bot.store import Store

FIRST_BACK_OFF = timedelta(minutes=1)
LONGEST_BACK_OFF = timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(days=2)
LEAST_TRIES = 10  # before giving up; the program may have been down for most of the two days
SHORT = 20  # changes; composing and rendering more of them takes long enough to run off the event loop
NOTED_WITHIN = 10.0  # seconds a lease must still last after the longest possible send, to write the receipt

log = structlog.get_logger()
Now = Callable[[], datetime]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The result of one delivery.

    `messages` is the number of messages sent. `problem` is the error if a message couldn't be sent. `waiting` is true
    if the message has to wait for its turn, which isn't a failure. `waited` is the time from when the first change in
    the digest was seen until the whole digest was sent. If no digest was sent, `waited` is None.
    """

    subscription: str
    channel: str = ""
    cadence: Cadence = Cadence.INSTANT
    messages: int = 0
    problem: str | None = None
    paused: bool = False
    waiting: bool = False
    waited: timedelta | None = None


async def deliver(
    subscription: Subscription,
    *,
    store: Store,
    channels: Mapping[str, Sender],
    now: Now,
    page: str,
    allowed: Ready = at_once,
    standings: Standings | None = None,
) -> Delivered:
    """Send one subscription any corrections, and then its digest if one is due.

    If a message fails temporarily, only the time of the next try changes. `page` is the address of ICE's page; every
    message links to it. `allowed` is awaited before each message and can stop the delivery by raising an error.
    `standings` is shared by all deliveries of the program.
    """
    channel = channels.get(subscription.channel)
    if channel is None:
        problem = f"{subscription.channel} is not configured"
        return Delivered(subscription=subscription.id, channel=subscription.channel, problem=problem)
    channel = sender_for(channel, subscription.address)
    courier = _Courier(channel, store, now, allowed)
    done = await _corrections_and_digest(subscription, courier, page, standings or Standings(store))
    await courier.follow(subscription)
    return done


async def _corrections_and_digest(
    subscription: Subscription, courier: "_Courier", page: str, standings: Standings
) -> Delivered:
    channel, store, now = courier.channel, courier.store, courier.now
    end, corrected = await store.last_seq(), 0
    if corrections := await _corrections(subscription, courier, page, end, standings):
        pinned = await store.pin(subscription.id, subscription.cursor, now())
        done = await courier.send(pinned, corrections)
        if done.problem is not None:
            return done
        subscription = await courier.finish(pinned)
        if not subscription.is_due(now()):
            return done
        corrected = done.messages
    begun_at = now()
    pinned = await _pin_digest(subscription, end, store, begun_at)
    slot = slot_at(pinned, pinned.pinned_at if pinned.pinned_at and pinned.sent else begun_at)
    parts, seen_at = await Composer(channel, store, page, standings).parts(pinned)
    done = await courier.send(pinned, parts)
    if done.problem is None:
        await (courier.finish(pinned, sent_at=now(), slot=slot) if parts else courier.finish(pinned))
        done = replace(done, waited=now() - seen_at if seen_at is not None else None)
    return replace(done, messages=corrected + done.messages)


# ── compose ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _corrections(
    subscription: Subscription, courier: "_Courier", page: str, end: int, standings: Standings
) -> Sequence[Part]:
    """Return the corrections to send, as replies to the messages that named the retracted changes.

    Read the log up to `end`. Corrections don't wait for the scheduled hour and don't move the cursor. If a digest has
    been started, it is finished first. Receipts show which messages named a change. The filter isn't used, because it
    may have changed since the messages were sent.
    """
    if _is_begun(subscription):
        return ()
    channel, store = courier.channel, courier.store
    retractions = await store.changes(after=subscription.cursor, upto=end, kinds=(Kind.RETRACTED,))
    receipts = await store.receipts(subscription.id) if retractions else ()
    parts: list[Part] = []
    for retraction, told in owed_corrections(retractions, receipts):
        links = await standings.links(retraction.seq, subscription.language)
        digest = correct(subscription, retraction, told.at, page=page, links=links)
        parts += [replace(part, reply_to=told.message_id) for part in channel.render(digest)]
    return parts


def owed_corrections(retractions: Sequence[Change], receipts: Sequence[Receipt]) -> Iterator[tuple[Change, Receipt]]:
    """Yield each retraction that one subscription is owed, with the last message that named the retracted change."""
    sent = [receipt for receipt in receipts if receipt.error is None]
    for retraction in retractions:
        told = next((r for r in reversed(sent) if retraction.retracts in r.changes), None)
        if told is not None and not any(retraction.seq in r.changes for r in sent):
            yield retraction, told


async def _pin_digest(subscription: Subscription, end: int, store: Store, now: datetime) -> Subscription:
    """Store the last change that the digest covers, so that the same digest is composed again after a crash.

    If the next slot has come before any part was sent, the digest grows to cover it too.

    Write the pin even if it hasn't changed. If the disk is full, this write fails before anything is sent. Without this
    write, the message would be sent and only the receipt would fail, so the same message would be sent over and over.
    """
    upto = subscription.pinned if _is_begun(subscription) and not is_overtaken(subscription, now) else None
    return await store.pin(subscription.id, end if upto is None else upto, now)


def _is_begun(subscription: Subscription) -> bool:
    """Return whether a digest has been started.

    Corrections don't count, because they leave the pin at the cursor.
    """
    return subscription.pinned not in (None, subscription.cursor)


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes the digests of one channel."""

    channel: Sender
    store: Store
    page: str
    standings: Standings

    async def parts(self, pinned: Subscription) -> tuple[Sequence[Part], datetime | None]:
        """Return the parts of the digest that is due, and the time when the first change in the digest was seen."""
        assert pinned.pinned is not None
        new = await self.store.changes(after=pinned.cursor, upto=pinned.pinned)
        about = await self._circumstances(pinned, new)
        work = partial(self._work, pinned, is_long=len(new) > SHORT)
        digest = await work(partial(compose, pinned, new, upto=pinned.pinned, about=about))
        if digest is None:
            return (), None
        named = set(digest.covers)
        seen_at = min((change.publication.observed_at for change in new if change.seq in named), default=None)
        picture = await self.standings.picture(pinned) if pinned.cadence is not Cadence.INSTANT else None
        return await work(partial(self.channel.render, digest, picture)), seen_at

    async def _work(self, pinned: Subscription, work: Callable[[], T], *, is_long: bool) -> T:
        """Run short work right away, and long work in a thread.

        Work for an alert doesn't wait for work for digests.
        """
        if not is_long:
            return work()
        return await self.standings.in_thread(work, urgent=pinned.cadence is Cadence.INSTANT)

    async def _circumstances(self, pinned: Subscription, new: Sequence[Change]) -> Circumstances:
        """Return what the digest needs in addition to its changes. Only a scheduled digest has totals and a trend."""
        agendas, prefix = await self._agendas(pinned, new), command_prefix(pinned.channel)
        standing = await self.standings.standing(pinned) if any(map(pinned.filter.matches, new)) else None
        assert pinned.pinned is not None
        links = await self.standings.links(pinned.pinned, pinned.language)
        about = Circumstances(page=self.page, agendas=agendas, standing=standing, links=links, prefix=prefix)
        if pinned.cadence is Cadence.INSTANT:
            return about
        about = replace(about, totals=await self.standings.totals(pinned), is_held=bool(await self.store.held()))
        about = replace(about, earlier=await self.standings.earlier(pinned))
        assert pinned.pinned is not None
        about = replace(about, meetings=await self.standings.meetings(pinned.pinned))
        about = replace(about, scans=await self.standings.scans(pinned))
        if not pinned.hears_always:
            return about
        statuses = [status for status in await self.store.source_statuses() if status.read_at is not None]
        read_at = next((status.read_at for status in statuses if status.source == ICE), None)
        return replace(about, read_at=read_at, sources=len(statuses))

    async def _agendas(self, pinned: Subscription, new: Sequence[Change]) -> AgendaLog:
        """Return the agenda mentions recorded before the new changes.

        If none of the new changes could be the result of a vote, return an empty log.
        """
        assert pinned.pinned is not None
        followed = [c for c in new if c.kind in KINDS_AFTER_A_VOTE and pinned.filter.matches(c)]
        if not followed:
            return AgendaLog()
        states = frozenset(state for change in followed for state in change.states)
        since = min(c.recorded_at for c in followed if c.recorded_at) - LINKED_FOR
        return await self.standings.mentions(pinned.pinned, since, states)


# ── send and advance ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _OutgoingPart:
    """One part of a message to one subscription."""

    to: Subscription
    part: Part
    number: int
    of: int

    def log_context(self) -> dict[str, object]:
        """Return the fields for a log line. `seq` is the range of changes that the part names."""
        covers = self.part.covers
        seq = "-".join(map(str, sorted({min(covers), max(covers)}))) if covers else None
        return {"part": self.number, "parts": self.of, "changes": len(covers), "seq": seq, **self.to.log_context()}

    def in_words(self) -> str:
        """Return what a person reads who watches the log. The console has printed the message itself."""
        if self.to.channel == CONSOLE:
            return ""
        what = counted(len(self.part.covers), "change") if self.part.covers else "a message"
        which = f" (part {self.number} of {self.of})" if self.of > 1 else ""
        return f"Sent {what} to subscription {self.to.id} on {self.to.channel.capitalize()}{which}."

    def receipt(self, at: datetime, *, message_id: str | None = None, error: str | None = None) -> Receipt:
        return Receipt(
            subscription=self.to.id,
            channel=self.to.channel,
            address=self.to.shown_address,
            at=at,
            changes=self.part.covers,
            part=self.number,
            parts=self.of,
            message_id=message_id,
            error=error,
        )


@dataclass(slots=True)
class _Courier:
    """The sender for one delivery. It sends each part over the channel and records a receipt.

    `fallback` is the address to use if a topic doesn't accept messages. `lasting` is true if this is permanent.
    """

    channel: Sender
    store: Store
    now: Now
    allowed: Ready
    fallback: str | None = None
    lasting: bool = False

    async def send(self, pinned: Subscription, parts: Sequence[Part]) -> Delivered:
        """Send the remaining parts in order, and stop at the first failure.

        After a failed delivery, leave out the picture, because the picture may be the cause of the failure.
        """
        done = Delivered(subscription=pinned.id, channel=pinned.channel, cadence=pinned.cadence)
        already_sent, thread = await self._already_sent(pinned), await self._thread(pinned, parts)
        for number, part in enumerate(parts, start=1):
            if number <= pinned.sent and already_sent.issuperset(part.covers):
                continue
            outgoing = _OutgoingPart(
                pinned, replace(part, thread=thread) if part.in_thread else part, number, len(parts)
            )
            if part.picture is not None and pinned.failures:
                left_out = outgoing.receipt(self.now(), error="left out, because it couldn't be sent before")
                await self.store.sent(left_out)
                continue
            try:
                message_id = await self._send(outgoing)
            except SendError as fault:
                return await self._record_failure(outgoing, fault, done)
            await self.store.sent(outgoing.receipt(self.now(), message_id=message_id or None))
            log.info("sent", **outgoing.log_context(), in_words=outgoing.in_words())
            thread = message_id if thread is None and part.picture is None else thread
            done = replace(done, messages=done.messages + 1)
        return done

    async def _thread(self, pinned: Subscription, parts: Sequence[Part]) -> str | None:
        """Return the id of this digest's first message if it was sent before, so that the others join its thread."""
        first = next((number for number, part in enumerate(parts, start=1) if part.picture is None), 0)
        if pinned.sent < first or not any(part.in_thread for part in parts):
            return None
        receipts = [r for r in await self.store.receipts(pinned.id) if r.error is None and r.part == first]
        begun = pinned.pinned_at
        return next((r.message_id for r in reversed(receipts) if begun is None or r.at >= begun), None)

    async def finish(
        self, pinned: Subscription, *, sent_at: datetime | None = None, slot: Slot | None = None
    ) -> Subscription:
        """Move the cursor to the pin. If a digest was sent, record the time and the slot that it served.

        If the subscription's token had been marked as rejected, this delivery shows that it works again, so resume all
        subscriptions that use it.
        """
        if pinned.refused:
            await resume_all(pinned, self.store)
        assert pinned.pinned is not None
        return await self.store.advance(pinned.id, pinned.pinned, sent_at, slot)

    async def _already_sent(self, pinned: Subscription) -> frozenset[int]:
        """Return the changes named in the parts that have already been sent.

        Part numbers aren't enough to identify a part, because the settings may have changed between tries.
        """
        sent = [r for r in await self.store.receipts(pinned.id) if r.error is None] if pinned.sent else []
        return frozenset(seq for receipt in sent for seq in receipt.changes)

    async def _send(self, outgoing: _OutgoingPart) -> str:
        """Send one part. If the platform rejects it as too long or can't parse it, resend it as plain text.

        If its topic doesn't accept messages, send the part to the fallback address, after a message that explains why.
        """
        address, ready = self.fallback or outgoing.to.address, partial(self._ready, outgoing.to)
        try:
            return await self.channel.send(address, outgoing.part, ready=ready)
        except SendError as fault:
            if fault.fallback is not None:
                self.fallback, self.lasting = fault.fallback, fault.topic_deleted
                log.warning("sent outside its topic", problem=str(fault), **outgoing.log_context())
                await self._say_where(outgoing.to)
                return await self._send(outgoing)
            if not fault.too_long:
                raise
            log.warning("sent as plain text", problem=str(fault), **outgoing.log_context())
            return await self.channel.send(address, outgoing.part, plain=True, ready=ready)

    async def _say_where(self, to: Subscription) -> None:
        """Explain at the fallback address why the messages are arriving there."""
        assert self.fallback is not None
        phrase = TOPIC_DELETED if self.lasting else TOPIC_CLOSED
        digest = Digest(upto=to.cursor, title=(Span(phrase(to.language)),))
        for part in self.channel.render(digest):
            await self.channel.send(self.fallback, part, ready=partial(self._ready, to))

    async def follow(self, to: Subscription) -> None:
        """Move the subscription to the lasting address of its chat, if the sends have shown one."""
        lasting = self.channel.lasting(to.address) if isinstance(self.channel, LearnsAddresses) else to.address
        if self.fallback is not None and self.lasting:
            await self.store.move(to.channel, to.address, self.fallback)
        elif lasting != to.address:
            await learn(self.store, to.channel, to.address, lasting)

    async def _ready(self, to: Subscription) -> None:
        """Check that sending is still allowed, and extend the lease until the send must be finished."""
        await self.allowed()
        await self.store.extend_lease(to.id, self.channel.timeout + NOTED_WITHIN)

    async def _record_failure(self, outgoing: _OutgoingPart, fault: SendError, done: Delivered) -> Delivered:
        """Record that a part wasn't sent.

        If the part only has to wait for its turn, don't write a receipt, because there was no attempt to send it.
        """
        at = self.now()
        then = verdict(outgoing.to, fault, at)
        if fault.not_our_turn and then.retry_at is not None:
            await self.store.defer(outgoing.to.id, then.retry_at)
            log.info("waiting for its turn", until=stamp(then.retry_at), **outgoing.log_context())
        else:
            await self.store.failed(outgoing.receipt(at, error=str(fault)), then)
            if fault.moved_to is not None:
                await learn(self.store, outgoing.to.channel, outgoing.to.address, fault.moved_to)
            log.warning("not sent", problem=str(fault), paused=then.paused is not None, **outgoing.log_context())
        return replace(done, problem=str(fault), paused=then.paused is not None, waiting=fault.not_our_turn)


def verdict(subscription: Subscription, fault: SendError, at: datetime) -> Subscription:
    """Return an updated subscription after a failed send. This function is pure.

    The subscription gets a new address, is paused with a reason or becomes due again later. A refusal caused by a
    person and a rejected token are accepted at once. Any other failure may be the platform's mistake, so the
    subscription isn't paused until it has failed for two days.
    """
    if fault.moved_to is not None:
        return replace(subscription, address=fault.moved_to, retry_at=at)
    if fault.retry_after is not None:
        wait = replace(subscription, retry_at=after(at, fault.retry_after))
        return wait if fault.not_our_turn else replace(wait, failing_since=subscription.failing_since or at)
    failing = _failing(subscription, fault, at)
    if fault.by_person:
        return replace(failing, paused=str(fault))
    if fault.credentials_rejected:
        return _until_a_probe_succeeds(failing, str(fault), at)
    assert failing.failing_since is not None
    if at - failing.failing_since >= GIVEN_UP_AFTER and failing.failures >= LEAST_TRIES:
        lasting = f"{fault} (for {GIVEN_UP_AFTER.days} days)"
        return replace(failing, paused=lasting) if fault.refused else _until_a_probe_succeeds(failing, lasting, at)
    wait = min(FIRST_BACK_OFF * 2 ** min(failing.failures - 1, 10), LONGEST_BACK_OFF)
    return replace(failing, retry_at=at + wait)


def _failing(subscription: Subscription, fault: SendError, at: datetime) -> Subscription:
    """Count a failure. If nothing has been tried for two days, start counting again."""
    idle = subscription.retry_at is not None and at - subscription.retry_at >= GIVEN_UP_AFTER
    return replace(
        subscription,
        failures=1 if idle else subscription.failures + 1,
        failing_since=at if idle else subscription.failing_since or at,
        refusal=str(fault) if fault.refused else None,
    )


def _until_a_probe_succeeds(failing: Subscription, reason: str, at: datetime) -> Subscription:
    """Pause a subscription because the problem may affect its whole token.

    It resumes once any message sent with the token arrives.
    """
    return replace(failing, paused=reason, refused=True, retry_at=at + PROBE_EVERY)
