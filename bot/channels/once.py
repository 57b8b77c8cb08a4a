"""Handles every update once, because platforms deliver an update again if they doubt that it arrived."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.channels.protocols import Notes
from bot.errors import StoreError

MOST = 2_000  # updates remembered; Telegram and Slack deliver an update again within minutes or hours
PER_NOTE = 50

log = structlog.get_logger()
Job = Callable[[], Awaitable[None]]


class Once:
    """Remembers the updates that were handled, also across restarts if it has notes.

    `name` is the bot's, because two bots number their updates alike. An update is remembered after it was handled. So
    a crash in between handles it twice and never loses it. The updates handled at the same time are written together,
    into a note that is begun anew when it is full. Programs that share a store don't share a note.
    """

    def __init__(self, name: str = "", notes: Notes | None = None) -> None:
        self._name = name
        self._notes = notes
        self._recent: dict[str, None] = {}
        self._note: list[str] = []
        self._key = ""
        self._waiting: list[str] = []
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def do(self, update: Sequence[object], job: Job) -> None:
        """Do the job unless an update with the same identity was handled before.

        Jobs that may have the same identity must run one after the other.
        """
        identity = hashlib.blake2b(repr((self._name, *update)).encode(), digest_size=6).hexdigest()
        if await self._is_handled(identity):
            log.info("an update was delivered again; it isn't handled twice", bot=self._name)
            return
        await job()
        self._recent[identity] = None
        if len(self._recent) > MOST:
            del self._recent[next(iter(self._recent))]
        if self._notes is not None:
            await self._write_down(identity)

    async def _is_handled(self, identity: str) -> bool:
        """Return True if this program, an earlier one or another one that shares the store handled the update."""
        if identity in self._recent or self._notes is None:
            return identity in self._recent
        try:
            kept = await self._notes.all()
        except StoreError as fault:  # handling it twice is better than not at all
            log.warning("the record of handled updates can't be read", problem=str(fault))
            return False
        return any(identity in text for text in kept.values())

    async def _write_down(self, identity: str) -> None:
        self._waiting.append(identity)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        await asyncio.shield(self._writing)

    async def _write_waiting(self) -> None:
        async with self._turn:
            waiting, self._waiting, self._writing = self._waiting, [], None
            try:
                await self._write(waiting)
            except StoreError as fault:
                log.warning("couldn't record that an update was handled", problem=str(fault))

    async def _write(self, identities: Sequence[str]) -> None:
        assert self._notes is not None
        if not self._key or len(self._note) >= PER_NOTE:
            await self._drop_oldest(self._notes)
            self._note = []
        self._note += identities
        await self._notes.put(self._key, " ".join(self._note))

    async def _drop_oldest(self, notes: Notes) -> None:
        """Delete the oldest notes that aren't needed, and choose the key of the next one, which sorts after them."""
        kept = await notes.all()
        count = 0
        for key in sorted(kept, reverse=True):
            count += kept[key].count(" ") + 1
            if count > MOST - PER_NOTE:
                await notes.delete(key)
        last = int(max(kept).partition(" ")[0]) if kept else 0
        self._key = f"{last + 1:012} {secrets.token_hex(4)}"
