"""Runs commands that do one thing and exit: read the store, or write to it directly or through the running program."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from bot.app import control_socket
from bot.app.wiring import opened, places, runner
from bot.commands.as_json import JsonObject
from bot.commands.operator import carry_out
from bot.config.settings import Settings
from bot.errors import StoreBusy
from bot.pipeline.runner import Runner
from bot.store import Store

T = TypeVar("T")
Say = Callable[[str], None]


def read(settings: Settings, question: Callable[[Store], Awaitable[T]]) -> T:
    """Read from the store, even while another program is running. A missing folder counts as empty."""

    async def ask() -> T:
        store = await opened(settings, readonly=True)
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def write(settings: Settings, say: Say, command: str, arguments: Mapping[str, Any]) -> JsonObject:
    """Carry out a command, or have the running program do it if it has the data folder locked."""
    try:
        return write_here(
            settings,
            say,
            partial(carry_out, name=command, arguments=arguments),
            reads_places=bool(arguments.get("local")),
        )
    except StoreBusy:
        if settings.database_url is not None:
            raise
        return control_socket.hand_over(settings.data, command, arguments)


def write_here(settings: Settings, say: Say, do: Callable[[Runner], Awaitable[T]], *, reads_places: bool = False) -> T:
    """Open the store and do the work in this process. `say` receives the store's notices.

    Raise StoreBusy if another program has the data folder locked.
    """

    async def work() -> T:
        store = await opened(settings)
        for notice in store.notices:
            say(notice)
        try:
            async with runner(settings, store, places(settings) if reads_places else None) as made:
                return await do(made)
        finally:
            await store.close()

    return asyncio.run(work())
