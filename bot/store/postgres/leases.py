"""Divide the work among programs through PostgreSQL, with leases and leaders.

The database's clock decides when a lease expires.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import LeaseLost

LEASE = 45.0  # seconds; longer than any channel's slowest send plus recording it
LEADER_IDLE = 15  # seconds until a leader that hangs loses the lead
LEADER_TRUSTS = 2.0  # seconds a leader may keep working before it must check again that it still leads
NEW_LEADER_WAITS = 4.0  # seconds; by then the previous leader has checked again and finished its last second of work

_EXPIRY = f"clock_timestamp() + interval '{LEASE} seconds'"
_CLAIM = sa.text(f"""
    WITH due AS (
        SELECT number FROM subscriptions s
        WHERE wakes_at <= :now AND channel = :channel AND NOT EXISTS (
            SELECT FROM leases WHERE name = 's' || s.number AND until > clock_timestamp())
        ORDER BY due_at, number LIMIT :most FOR UPDATE OF s SKIP LOCKED
    )
    INSERT INTO leases AS l (name, fence, until) SELECT 's' || number, 1, {_EXPIRY} FROM due
    ON CONFLICT (name) DO UPDATE SET fence = l.fence + 1, until = excluded.until WHERE l.until <= clock_timestamp()
    RETURNING name, fence
""")  # noqa: S608 - the only value inserted is our own number
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


class OwnLeases:
    """The leases held by this program. Each name has a fencing token and an expiry time by our own clock.

    The expiry time is computed before the request is sent, so it is never later than the one in the database.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, float]] = {}

    async def claim_due(self, db: AsyncConnection, now: datetime, channel: str, most: int) -> list[str]:
        """Lease due subscriptions and return their ids."""
        asked = time.monotonic()
        found = await db.execute(_CLAIM, {"now": now, "channel": channel, "most": most})
        taken = {row.name: (row.fence, asked + LEASE) for row in found}
        self._held |= taken
        return list(taken)

    async def lease(self, db: AsyncConnection, name: str) -> bool:
        """Lease a name; return False if another program holds the lease."""
        asked = time.monotonic()
        fence = (await db.execute(_LEASE, {"name": name})).scalar_one_or_none()
        if fence is not None:
            self._held[name] = (fence, asked + LEASE)
        return fence is not None

    def lasts(self, name: str, seconds: float) -> bool:
        """Return whether the lease is certain to last longer than this many seconds."""
        return name in self._held and self._held[name][1] - time.monotonic() > seconds

    async def renew(self, db: AsyncConnection, name: str) -> None:
        """Renew the lease for LEASE seconds from now; raise LeaseLost if it has been lost."""
        asked = time.monotonic()
        if not (await db.execute(_RENEW, self._of(name))).one_or_none():
            raise _lost(name)
        self._held[name] = (self._held[name][0], asked + LEASE)

    async def check(self, db: AsyncConnection, name: str) -> None:
        """Raise LeaseLost if this program has lost the lease. Otherwise, keep the lease until the transaction ends.

        A name that this program never leased passes the check, because commands write without waiting for a lease.
        """
        if name in self._held and (await db.execute(_CHECK, self._of(name))).one_or_none() is None:
            raise _lost(name)

    async def release(self, db: AsyncConnection, name: str) -> None:
        """End the lease if this program holds it."""
        if name in self._held:
            await db.execute(_RELEASE, self._of(name))
            self.forget(name)

    def forget(self, name: str) -> None:
        """Treat the lease as lost, without a request to the database."""
        self._held.pop(name, None)

    def _of(self, name: str) -> dict[str, Any]:
        if name not in self._held:
            raise _lost(name)
        return {"name": name, "fence": self._held[name][0]}


def _lost(name: str) -> LeaseLost:
    return LeaseLost(f"Another program is working on {name} now.")


class LeaderLock:
    """The advisory locks that make this program a leader, all held by one database session.

    When the session ends, the locks are released. The server ends the session if this program hangs. The program may
    not notice that the session has ended, and then keeps acting as leader for at most LEADER_TRUSTS seconds. A new
    leader waits until that time has certainly passed.
    """

    def __init__(self, connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._leads_since: dict[str, float] = {}  # by our own clock
        self._sure_until = 0.0
        self._asking = asyncio.Lock()

    async def leadership_in(self, name: str) -> float | None:
        """Return the seconds until this program may act as leader, or None while another program is the leader.

        Raises psycopg.Error or OSError if the database can't be reached.
        """
        if not self._is_sure(name):
            async with self._asking:
                if not self._is_sure(name):  # otherwise another coroutine asked while we waited
                    await self._ask(name)
        if name not in self._leads_since:
            return None
        return max(0.0, self._leads_since[name] + NEW_LEADER_WAITS - time.monotonic())

    async def close(self) -> None:
        """Close the session, which releases every lock."""
        connection, self._connection = self._connection, None
        self._leads_since.clear()
        if connection is not None:
            await connection.close()

    def _is_sure(self, name: str) -> bool:
        return name in self._leads_since and time.monotonic() < self._sure_until

    async def _ask(self, name: str) -> None:
        """Check or request leadership through the session. If the session has ended, open a new one."""
        if self._connection is not None:
            try:
                return await self._ask_session(self._connection, name)
            except (psycopg.Error, OSError):
                await self.close()
        try:
            self._connection = await self._connect()
            await self._connection.set_autocommit(True)
            await self._connection.execute(f"SET idle_session_timeout = '{LEADER_IDLE}s'")
            return await self._ask_session(self._connection, name)
        except (psycopg.Error, OSError):
            await self.close()
            raise

    async def _ask_session(self, connection: psycopg.AsyncConnection[Any], name: str) -> None:
        asked = time.monotonic()
        if name in self._leads_since:
            await connection.execute("SELECT")  # if the session is alive, so is its lock
        else:
            answer = await connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 287))", (name,))
            row = await answer.fetchone()
            if row is not None and row[0]:
                self._leads_since[name] = time.monotonic()
        self._sure_until = asked + LEADER_TRUSTS
