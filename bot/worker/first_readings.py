"""Read the sources of a place that someone has just begun to watch, and tell the chat what was found."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from bot.domain.agenda import Place
from bot.domain.chat.local_agendas import found_lines
from bot.domain.language import Language
from bot.domain.messages.health_notices import Notice
from bot.domain.text.rich_text import plain_text
from bot.errors import LeaseLost
from bot.pipeline.local_requests import ReadingRequest, answer_later, answered, reading_requests
from bot.pipeline.poll_agenda import source_states
from bot.pipeline.runner import Runner
from bot.pipeline.same_source import of_this_source
from bot.worker.health_notices import deliver_notice

FIRST_READINGS = "first readings"  # the lease of the program that reads and answers
MOST_CHATS = 4  # at the same time
READ_WITHIN = 120.0  # seconds for all sources of one chat; what isn't read by then is read at its usual time

log = structlog.get_logger()


async def answer_first_readings(runner: Runner) -> None:
    """Read for each chat that waits, a few chats at a time, and tell it what was found."""
    turns = asyncio.Semaphore(MOST_CHATS)

    async def one(request: ReadingRequest) -> None:
        async with turns:
            await _answer(runner, request)

    await asyncio.gather(*map(one, await reading_requests(runner.store, runner.now())))


async def _answer(runner: Runner, request: ReadingRequest) -> None:
    where = await _chat_of(runner, request)
    places = [runner.places[name] for name in request.places if name in runner.places]
    if where is None or not places:
        await answered(runner.store, request)
        return
    await _read(runner, places)
    channel, address, language = where
    states = await source_states(runner.store, places)
    text = plain_text(found_lines(language, states))
    notice = Notice(f"first {request.key}", text)
    if await deliver_notice(runner, notice, channel, address, under=FIRST_READINGS):
        await answered(runner.store, request)
    else:
        await answer_later(runner.store, request, runner.now())


async def _chat_of(runner: Runner, request: ReadingRequest) -> tuple[str, str, Language] | None:
    """Return the chat's channel, address and language. A chat that has unsubscribed isn't told anything."""
    if not request.subscription:
        found = await runner.store.find(request.channel, request.address)
        return request.channel, request.address, found.language if found is not None else Language.ENGLISH
    subscription = await runner.store.subscription(request.subscription)
    if subscription is None or subscription.paused is not None:
        return None
    return subscription.channel, subscription.address, subscription.language


async def _read(runner: Runner, places: Sequence[Place]) -> None:
    """Read the places that have never been read. One that another program is reading is left to that program."""

    async def one(place: Place) -> None:
        status = of_this_source(place, await runner.store.source_status(place.name))
        if status.read_at is None and status.parked_at is None:
            with suppress(LeaseLost):
                await runner.poll_agenda_if_due(place)

    with suppress(TimeoutError):
        async with asyncio.timeout(READ_WITHIN):
            await asyncio.gather(*map(one, places))
