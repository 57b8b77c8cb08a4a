"""What `countersign init` tries before anything runs: the tokens, a test message and one reading of ICE's page."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bot.app.wiring import closed_in_time, fetcher, fetching, runner, sources
from bot.channels import CHANNELS
from bot.channels.introduction import Ask, Writer, asker
from bot.commands.operator import send_test
from bot.config.settings import Settings
from bot.domain.outage import in_words
from bot.domain.source_status import ICE, SourceStatus, Trouble
from bot.errors import SourceError
from bot.fetch.post import Poster
from bot.store.tiny.store import TinyStore

ANSWER_WITHIN = 15.0  # seconds for a platform

T = TypeVar("T")


def introduced(settings: Settings, channel: str) -> Sequence[str]:
    """Ask a platform whose tokens these are, and return its answers as sentences.

    Raise TokenRejected if it doesn't accept one, or SourceError if it doesn't answer.
    """
    return asyncio.run(_asking(settings, lambda ask: CHANNELS[channel].introduce(settings, ask)))


def writers(settings: Settings, channel: str) -> Sequence[Writer]:
    """Return the private chats that wrote to the bot lately. Raise SourceError if the platform doesn't answer."""
    return asyncio.run(_asking(settings, lambda ask: CHANNELS[channel].writers(settings, ask)))


async def _asking(settings: Settings, question: Callable[[Ask], Awaitable[T]]) -> T:
    poster = Poster(contact=settings.contact, allow_loopback=settings.allow_loopback, timeout=ANSWER_WITHIN)
    try:
        return await question(asker(poster))
    finally:
        await closed_in_time(poster.aclose())


def send_test_message(settings: Settings, chat: str) -> None:
    """Send a test message to one of the operator's chats. Raise CountersignError if it isn't sent."""

    async def send() -> None:
        channel, _, address = chat.partition(":")
        store = TinyStore.in_memory()
        try:
            async with runner(settings, store) as made:
                await send_test(made, channel=channel, address=address)
        finally:
            await store.close()

    asyncio.run(send())


def first_reading(settings: Settings) -> tuple[str | None, bool]:
    """Read ICE's lists once and keep nothing. Return what went wrong, in words, and if ICE refuses this machine."""

    async def read() -> tuple[str | None, bool]:
        fetch = fetcher(settings)
        source = sources(settings).get(ICE)
        if source is None:
            return None, False
        async with fetching(fetch):
            try:
                await source.read(fetch, SourceStatus(source=ICE))
            except SourceError as fault:
                return in_words(fault, source.host), Trouble.of(fault) is Trouble.REFUSED
        return None, False

    return asyncio.run(read())
