"""Which program works on what, in PostgreSQL: leases that expire by the database's clock, and elections."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import LeaseLost

LEASE = 45.0  # seconds; more than the longest send of any channel takes, with the writing down of it
LEADER_IDLE = 15  # seconds after which one that hangs is no longer elected
SURE_FOR = 2.0  # seconds for which who was elected when it asked may go on without asking
HANDOVER = 4.0  # seconds that who is newly elected waits: the one before is sure no longer, and its last second is over

_EXPIRY = f"clock_timestamp() + interval '{LEASE} seconds'"
_TAKE = sa.text(f"""
    WITH due AS (
        SELECT number FROM subscriptions s
        WHERE wakes_at <= :now AND channel = :channel AND NOT EXISTS (
            SELECT FROM leases WHERE name = 's' || s.number AND until > clock_timestamp())
        ORDER BY due_at, number LIMIT :most FOR UPDATE OF s SKIP LOCKED
    )
    INSERT INTO leases AS l (name, fence, until) SELECT 's' || number, 1, {_EXPIRY} FROM due
    ON CONFLICT (name) DO UPDATE SET fence = l.fence + 1, until = excluded.until WHERE l.until <= clock_timestamp()
    RETURNING name, fence
""")  # noqa: S608 - a number of our own
_LEASE = sa.text(f"""
    INSERT INTO leases AS l (name, fence, until) VALUES (:name, 1, {_EXPIRY})
    ON CONFLICT (name) DO UPDATE SET fence = l.fence + 1, until = excluded.until WHERE l.until <= clock_timestamp()
    RETURNING fence
""")  # noqa: S608 - the same
_RENEW = sa.text(f"""
    UPDATE leases SET until = {_EXPIRY} WHERE name = :name AND fence = :fence AND until > clock_timestamp()
    RETURNING fence
""")  # noqa: S608 - the same
_RELEASE = sa.text("UPDATE leases SET until = clock_timestamp() WHERE name = :name AND fence = :fence")
_CHECK = sa.text(
    "SELECT FROM leases WHERE name = :name AND fence = :fence AND until > clock_timestamp() FOR NO KEY UPDATE"
)


class Leases:
    """The leases of one program: for each name its fencing number, and until when it lasts by our own clock.

    That is reckoned from before the database was asked, so that ours is never the later one.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, float]] = {}

    async def claim_due(self, db: AsyncConnection, now: datetime, channel: str, most: int) -> list[str]:
        """Lease due subscriptions; their ids."""
        asked = time.monotonic()
        found = await db.execute(_TAKE, {"now": now, "channel": channel, "most": most})
        taken = {row.name: (row.fence, asked + LEASE) for row in found}
        self._held |= taken
        return list(taken)

    async def lease(self, db: AsyncConnection, name: str) -> bool:
        """Lease that, if it is free."""
        asked = time.monotonic()
        fence = (await db.execute(_LEASE, {"name": name})).scalar_one_or_none()
        if fence is not None:
            self._held[name] = (fence, asked + LEASE)
        return fence is not None

    def lasts(self, name: str, seconds: float) -> bool:
        """Whether it surely lasts so long yet."""
        return name in self._held and self._held[name][1] - time.monotonic() > seconds

    async def renew(self, db: AsyncConnection, name: str) -> None:
        """Make it last LEASE seconds from now."""
        asked = time.monotonic()
        if not (await db.execute(_RENEW, self._of(name))).one_or_none():
            raise _lost(name)
        self._held[name] = (self._held[name][0], asked + LEASE)

    async def check(self, db: AsyncConnection, name: str) -> None:
        """LeaseLost when it was ours and is no longer; it stays ours to the end of the transaction.

        What was never leased is written by a command, which waits for nobody.
        """
        if name in self._held and (await db.execute(_CHECK, self._of(name))).one_or_none() is None:
            raise _lost(name)

    async def release(self, db: AsyncConnection, name: str) -> None:
        """Let others have it."""
        if name in self._held:
            await db.execute(_RELEASE, self._of(name))
            self.forget(name)

    def forget(self, name: str) -> None:
        """It is ours no longer, whatever the database says."""
        self._held.pop(name, None)

    def _of(self, name: str) -> dict[str, Any]:
        if name not in self._held:
            raise _lost(name)
        return {"name": name, "fence": self._held[name][0]}


def _lost(name: str) -> LeaseLost:
    return LeaseLost(f"Another program works on {name} now.")


class LeaderLock:
    """One connection whose session holds what this program was elected to; with it all of that ends.

    The server closes it when this program hangs. A session may end unnoticed while its program goes on, for SURE_FOR
    at most; whoever takes over waits until that is certainly past.
    """

    def __init__(self, connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._seats: dict[str, float] = {}  # since when, by our own clock
        self._sure_until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def leadership_in(self, name: str) -> float | None:
        """Seconds until this program may act on it, None while another may; psycopg.Error when nobody answers."""
        if not self._is_sure(name):
            async with self._one_at_a_time:
                if not self._is_sure(name):  # else somebody asked while we waited
                    await self._ask(name)
        if name not in self._seats:
            return None
        return max(0.0, self._seats[name] + HANDOVER - time.monotonic())

    def _is_sure(self, name: str) -> bool:
        return name in self._seats and time.monotonic() < self._sure_until

    async def _ask(self, name: str) -> None:
        """Ask the session that there is; where it has ended, a new one, in which nothing is held yet."""
        if self._connection is not None:
            try:
                return await self._ask_of(self._connection, name)
            except (psycopg.Error, OSError):
                await self.close()
        try:
            self._connection = await self._connect()
            await self._connection.set_autocommit(True)
            await self._connection.execute(f"SET idle_session_timeout = '{LEADER_IDLE}s'")
            return await self._ask_of(self._connection, name)
        except (psycopg.Error, OSError):
            await self.close()
            raise

    async def _ask_of(self, connection: psycopg.AsyncConnection[Any], name: str) -> None:
        asked = time.monotonic()
        if name in self._seats:
            await connection.execute("SELECT")  # the session lives, and so does its lock
        else:
            answer = await connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 287))", (name,))
            row = await answer.fetchone()
            if row is not None and row[0]:
                self._seats[name] = time.monotonic()
        self._sure_until = asked + SURE_FOR

    async def close(self) -> None:
        """Give up every seat."""
        connection, self._connection = self._connection, None
        self._seats.clear()
        if connection is not None:
            await connection.close()
