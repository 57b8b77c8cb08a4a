"""One subscription that is due: compose, send, advance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.channels import Part, Ready, Sender, at_once
from bot.domain.agendas.link import FOLLOWS_ON_AGENDA, OF_AGENDAS, REMEMBERED_FOR, Agendas
from bot.domain.change import Change, Kind
from bot.domain.lists.totals import totals
from bot.domain.messages.chart import picture_for
from bot.domain.messages.compose import Circumstances, compose, correct
from bot.domain.messages.figures import history
from bot.domain.messages.picture import Image
from bot.domain.source_status import ICE
from bot.domain.subscription import Cadence, Receipt, Subscription
from bot.domain.timestamps import after, stamp
from bot.errors import SendError
from bot.pipeline.rasterize import image_of
from bot.pipeline.token_recovery import ASKED_AGAIN_AFTER, go_on
from bot.store import Store

FIRST_BACK_OFF = timedelta(minutes=1)
LONGEST_BACK_OFF = timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(days=2)
MAYBE_PERMANENT_FOR = timedelta(days=1)
NOTED_WITHIN = 10.0  # seconds that a lease lasts yet when a send has taken as long as it can: the receipt needs it

log = structlog.get_logger()
Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What came of one delivery: how many messages were sent, or why they were not.

    `waiting`: the turn of one has not come, which is nobody's failure. `waited` is the time from when the first change
    of the digest was seen to when all of it had been sent; None while it has not been, and where nothing was told.
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
) -> Delivered:
    """Bring one subscription up to date; a failure changes nothing but when it is tried again.

    `page` is the address of ICE's page, which stands in every message. `allowed` is awaited before each message goes
    out; what it raises is raised.
    """
    channel = channels.get(subscription.channel)
    if channel is None:
        problem = f"{subscription.channel} is not configured"
        return Delivered(subscription=subscription.id, channel=subscription.channel, problem=problem)
    end = await store.last_seq()
    corrections = await _corrections(subscription, channel, store, page, end)
    pinned = await _pinned(subscription, subscription.cursor if corrections else end, store, now)
    parts, seen_at = (corrections, None) if corrections else await _digest(pinned, channel, store, page)
    messages = 0

    async def ready() -> None:  # a lease cannot fence a message
        await allowed()
        await store.extend_lease(pinned.id, channel.timeout + NOTED_WITHIN)

    for letter in await _unsent(pinned, parts, store, now):
        try:
            message_id = await _send(channel, letter, ready)
        except SendError as fault:
            return await _undelivered(letter, fault, store, now())
        await store.sent(letter.receipt(now(), message_id=message_id or None))
        messages += 1
        log.info("sent", **letter.log_context())
    if pinned.refused:
        await go_on(pinned, store)
    assert pinned.pinned is not None
    done = await store.advance(pinned.id, pinned.pinned, now() if parts and not corrections else None)
    if corrections and done.is_due(now()):
        then = await deliver(done, store=store, channels=channels, now=now, page=page, allowed=allowed)
        return replace(then, messages=messages + then.messages)
    return Delivered(
        subscription=pinned.id,
        channel=pinned.channel,
        cadence=pinned.cadence,
        messages=messages,
        waited=now() - seen_at if seen_at is not None else None,
    )


@dataclass(frozen=True, slots=True)
class _OutgoingPart:
    """One part on its way to one subscription."""

    to: Subscription
    part: Part
    number: int
    of: int

    def log_context(self) -> dict[str, object]:
        """What a log line says of it; `seq` are the first and the last change that it names."""
        covers = self.part.covers
        seq = "-".join(map(str, sorted({min(covers), max(covers)}))) if covers else None
        return {"part": self.number, "parts": self.of, "changes": len(covers), "seq": seq, **self.to.log_context()}

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


async def _unsent(pinned: Subscription, parts: Sequence[Part], store: Store, now: Now) -> Sequence[_OutgoingPart]:
    """What is to be sent yet, in order. A picture that could not be sent before is left out, and that is noted."""
    told, letters = await _told(pinned, store), []
    for number, part in enumerate(parts, start=1):
        if number <= pinned.sent and told.issuperset(part.covers):
            continue
        letter = _OutgoingPart(pinned, part, number, len(parts))
        if part.picture is not None and pinned.failures:
            await store.sent(letter.receipt(now(), error="left out, since it could not be sent before"))
        else:
            letters.append(letter)
    return letters


async def _pinned(subscription: Subscription, upto: int, store: Store, now: Now) -> Subscription:
    """The subscription with what its digest covers fixed, so that the same digest is composed after a crash.

    What is fixed already is written once more: a disk that takes no line now would not take the receipt either, and
    what was sent would be sent again and again.
    """
    pinned = subscription.pinned if _is_on_its_way(subscription) else None
    return await store.pin(subscription.id, upto if pinned is None else pinned, now())


def _is_on_its_way(subscription: Subscription) -> bool:
    """Whether a digest that covers changes was begun; corrections are pinned where the cursor stands."""
    return subscription.pinned not in (None, subscription.cursor)


async def _digest(
    pinned: Subscription, channel: Sender, store: Store, page: str
) -> tuple[Sequence[Part], datetime | None]:
    """The parts of the digest that is due, and when the first change that it names was seen."""
    assert pinned.pinned is not None
    changes = await store.changes(after=pinned.cursor, upto=pinned.pinned)
    digest = compose(pinned, changes, upto=pinned.pinned, about=await _circumstances(pinned, changes, store, page))
    if digest is None:
        return (), None
    named = set(digest.covers)
    seen_at = min((c.publication.observed_at for c in changes if c.seq in named), default=None)
    return channel.render(digest, await _picture(pinned, store)), seen_at


async def _told(subscription: Subscription, store: Store) -> frozenset[int]:
    """The changes that the sent parts name: once the settings have changed, a part of that number may name others."""
    sent = [r for r in await store.receipts(subscription.id) if r.error is None] if subscription.sent else []
    return frozenset(seq for receipt in sent for seq in receipt.changes)


async def _corrections(
    subscription: Subscription, channel: Sender, store: Store, page: str, end: int
) -> Sequence[Part]:
    """For each change that it was told and that was taken back by the log's `end`, an answer to its message.

    They come at once and alone, for they wait for no hour, and move no cursor; a digest on its way is finished first.
    Whom they concern is what the receipts say, whatever the filter has become.
    """
    if _is_on_its_way(subscription):
        return ()
    retractions = await store.changes(after=subscription.cursor, upto=end, kinds=(Kind.RETRACTED,))
    sent = [r for r in await store.receipts(subscription.id) if r.error is None] if retractions else []
    parts: list[Part] = []
    for retraction in retractions:
        told = next((r for r in reversed(sent) if retraction.retracts in r.changes), None)
        if told is not None and not any(retraction.seq in r.changes for r in sent):
            digest = correct(subscription, retraction, told.at, page=page)
            parts += [replace(part, reply_to=told.message_id) for part in channel.render(digest)]
    return parts


async def _picture(subscription: Subscription, store: Store) -> Image | None:
    """The picture of a daily or weekly digest, from the log up to what the digest covers."""
    if subscription.cadence is Cadence.INSTANT:
        return None
    picture = picture_for(subscription, history(await store.changes(upto=subscription.pinned)))
    return image_of(picture) if picture is not None else None


async def _circumstances(
    subscription: Subscription, changes: Sequence[Change], store: Store, page: str
) -> Circumstances:
    """What a digest says beside its changes; an alert says what stood on agendas before, and nothing else."""
    agendas = await _agendas(subscription, changes, store)
    if subscription.cadence is Cadence.INSTANT:
        return Circumstances(page=page, agendas=agendas)
    assert subscription.pinned_at is not None
    log_so_far = await store.changes(upto=subscription.pinned)
    statuses = [status for status in await store.source_statuses() if status.read_at is not None]
    return Circumstances(
        page=page,
        totals=totals(log_so_far, earlier=subscription.pinned_at - timedelta(days=1)) if log_so_far else None,
        read_at=next((status.read_at for status in statuses if status.source == ICE), None),
        sources=len(statuses),
        is_held=bool(await store.held()),
        agendas=agendas,
    )


async def _agendas(subscription: Subscription, changes: Sequence[Change], store: Store) -> Agendas:
    """What local government said up to what the digest covers, where a change may follow on it."""
    followed = [c for c in changes if c.kind in FOLLOWS_ON_AGENDA and subscription.filter.matches(c)]
    if not followed:
        return Agendas()
    states = sorted({state for change in followed for state in change.states})
    since = min(c.recorded_at for c in followed if c.recorded_at) - REMEMBERED_FOR
    said = await store.changes(upto=subscription.pinned, since=since, states=states, kinds=OF_AGENDAS)
    return Agendas(tuple(change for change in said if change.mention is not None))


async def _send(channel: Sender, letter: _OutgoingPart, ready: Ready) -> str:
    """Send; what the platform finds too long or cannot parse goes once more as plain text."""
    try:
        return await channel.send(letter.to.address, letter.part, ready=ready)
    except SendError as fault:
        if not fault.too_long:
            raise
        log.warning("sent plainly", problem=str(fault), **letter.log_context())
        return await channel.send(letter.to.address, letter.part, plain=True, ready=ready)


async def _undelivered(letter: _OutgoingPart, fault: SendError, store: Store, at: datetime) -> Delivered:
    """What comes of a part that was not sent; one whose turn has not come leaves no receipt, for nothing was tried."""
    then = verdict(letter.to, fault, at)
    if fault.not_our_turn and then.retry_at is not None:
        await store.defer(letter.to.id, then.retry_at)
        log.info("waits for its turn", until=stamp(then.retry_at), **letter.log_context())
    else:
        await store.failed(letter.receipt(at, error=str(fault)), then)
        log.warning("not sent", problem=str(fault), paused=then.paused is not None, **letter.log_context())
    return Delivered(
        subscription=letter.to.id,
        channel=letter.to.channel,
        cadence=letter.to.cadence,
        messages=letter.number - 1 - letter.to.sent,
        problem=str(fault),
        paused=then.paused is not None,
        waiting=fault.not_our_turn,
    )


def verdict(subscription: Subscription, fault: SendError, at: datetime) -> Subscription:
    """The subscription after a failed send: moved, paused with the reason, or to be tried again later. Pure."""
    if fault.moved_to is not None:
        return replace(subscription, address=fault.moved_to, retry_at=at)
    if fault.not_our_turn and fault.retry_after is not None:
        return replace(subscription, retry_at=after(at, fault.retry_after))
    since = subscription.failing_since or at
    failing = replace(subscription, failures=subscription.failures + 1, failing_since=since)
    if fault.credentials_rejected or (fault.permanent and not fault.maybe_permanent):
        retry_at = at + ASKED_AGAIN_AFTER if fault.credentials_rejected else subscription.retry_at
        return replace(failing, paused=str(fault), refused=fault.credentials_rejected, retry_at=retry_at)
    lasting = MAYBE_PERMANENT_FOR if fault.maybe_permanent else GIVEN_UP_AFTER
    if at - since >= lasting:
        return replace(failing, paused=f"{fault} (for {lasting.days} day{'s' if lasting.days > 1 else ''})")
    if fault.retry_after is not None:
        return replace(subscription, retry_at=after(at, fault.retry_after))
    wait = min(FIRST_BACK_OFF * 2 ** min(subscription.failures, 10), LONGEST_BACK_OFF)
    return replace(failing, retry_at=at + wait)
