"""Runs commands that do one thing and exit.

A command reads from the store or writes to it. It writes to the store directly or through the running program.
"""

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

PING_WITHIN = 10.0  # seconds for a ping of the operator's monitor after a reading

T = TypeVar("T")
Say = Callable[[str], None]


def read(settings: Settings, question: Callable[[Store], Awaitable[T]]) -> T:
    """Read from the store, even while another program is running. Treat a missing folder as empty."""

    async def ask() -> T:
        store = await opened(settings, readonly=True)
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def write(settings: Settings, say: Say, command: str, arguments: Mapping[str, Any]) -> JsonObject:
    """Carry out a command. If the running program has locked the data folder, send the command to that program."""
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
    """Open the store and do the work in this process. Pass the store's notices to `say`.

    Raise StoreBusy if another program has locked the data folder.
    """

    async def work() -> T:
        store = await opened(settings)
        for notice in store.notices:
            say(notice)
        try:
            read_places = places(settings) if reads_places else None
            async with runner(settings, store, read_places, patience=PING_WITHIN) as made:
                return await do(made)
        finally:
            await store.close()

    return asyncio.run(work())
