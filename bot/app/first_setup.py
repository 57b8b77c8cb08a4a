"""What `countersign init` tries before anything runs: the tokens, a test message and one reading of ICE's page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from bot.app.wiring import closed_in_time, fetcher, fetching, runner, sources
from bot.channels import CHANNELS
from bot.channels.introduction import Ask, Writer, asker
from bot.commands.operator import send_test
from bot.config.settings import Settings
from bot.domain.outage import in_words
from bot.domain.source_status import ICE, SourceStatus, Trouble
from bot.errors import CountersignError, SourceError, Unreachable
from bot.fetch.post import Poster
from bot.store.tiny.store import TinyStore

ANSWER_WITHIN = 15.0  # seconds for one question to a platform
CHECK_WITHIN = 45.0  # seconds for each thing that is tried, however slowly a server answers

T = TypeVar("T")


def introduced(settings: Settings, channel: str, within: float = CHECK_WITHIN) -> Sequence[str]:
    """Ask a platform whose tokens these are, and return its answers as sentences.

    Raise TokenRejected if it doesn't accept one, or SourceError if it doesn't answer.
    """
    return asyncio.run(_asking(settings, lambda ask: CHANNELS[channel].introduce(settings, ask), within))


def writers(settings: Settings, channel: str) -> Sequence[Writer]:
    """Return the private chats that wrote to the bot lately. Raise SourceError if the platform doesn't answer."""
    return asyncio.run(_asking(settings, lambda ask: CHANNELS[channel].writers(settings, ask), CHECK_WITHIN))


@asynccontextmanager
async def _bounded(within: float, late: CountersignError) -> AsyncIterator[None]:
    """Raise `late` if the block takes longer than `within` seconds."""
    try:
        async with asyncio.timeout(within):
            yield
    except TimeoutError:
        raise late from None


async def _asking(settings: Settings, question: Callable[[Ask], Awaitable[T]], within: float) -> T:
    poster = Poster(contact=settings.contact, allow_loopback=settings.allow_loopback, timeout=ANSWER_WITHIN)
    try:
        async with _bounded(within, Unreachable(f"it didn't finish within {within:g} s")):
            return await question(asker(poster))
    finally:
        await closed_in_time(poster.aclose())


def send_test_message(settings: Settings, chat: str, within: float = CHECK_WITHIN) -> None:
    """Send a test message to one of the operator's chats. Raise CountersignError if it isn't sent."""

    async def send() -> None:
        channel, _, address = chat.partition(":")
        store = TinyStore.in_memory()
        try:
            late = CountersignError(f"{channel.capitalize()} didn't finish within {within:g} s.")
            async with runner(settings, store) as made, _bounded(within, late):
                await send_test(made, channel=channel, address=address)
        finally:
            await store.close()

    asyncio.run(send())


def first_reading(settings: Settings, within: float = CHECK_WITHIN) -> tuple[str | None, bool]:
    """Read ICE's lists once and keep nothing. Return what went wrong, in words, and if ICE refuses this machine."""

    async def read() -> tuple[str | None, bool]:
        fetch = fetcher(settings)
        source = sources(settings).get(ICE)
        if source is None:
            return None, False
        async with fetching(fetch):
            try:
                async with _bounded(within, Unreachable(f"it didn't finish within {within:g} s")):
                    await source.read(fetch, SourceStatus(source=ICE))
            except SourceError as fault:
                return in_words(fault, source.host), Trouble.of(fault) is Trouble.REFUSED
        return None, False

    return asyncio.run(read())
