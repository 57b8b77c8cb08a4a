"""Open connections to the database and explain its errors in one sentence."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.errors import StoreError, StoreUnavailable
from bot.store.postgres.migrations import FORMAT
from bot.store.postgres.tables import METADATA

CONNECT_WITHIN = 10  # seconds
WAIT_FOR_DATABASE = 30.0  # seconds to keep trying to record a sent message or a source reading
CONNECTIONS = 10  # at most, per program; small hosting plans allow 20 in total
IDLE = 1.0  # seconds; a connection idle for longer is tested before it is used
ON_CONNECTING = "SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '60s'"

ADVICE: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], str]] = (
    (errors.ReadOnlySqlTransaction, "Set DATABASE_URL to the primary server; this one can only be read."),
    ((errors.UndefinedTable, errors.UndefinedColumn), "Restore the database from a backup."),
    (errors.InsufficientPrivilege, "Give the user in DATABASE_URL all rights to the tables of Countersign."),
    (errors.DiskFull, "Make room on the database's disk."),
    (
        (errors.UntranslatableCharacter, errors.CharacterNotInRepertoire, UnicodeError),
        "The database must have the encoding UTF8. Create another, and run `countersign move`.",
    ),
    (
        (psycopg.OperationalError, OSError),
        "Check DATABASE_URL, and that the database server is running and takes more connections.",
    ),
)

T = TypeVar("T")


async def connect(url: str, name: str) -> psycopg.AsyncConnection[Any]:
    """Open a connection. PostgreSQL shows `name` as the application name."""
    connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_WITHIN,
        prepare_threshold=None,  # poolers such as PgBouncer may run each transaction in a different session
        application_name=name,
        client_encoding="utf8",  # otherwise that of the database, and with SQL_ASCII even texts would be bytes
    )
    await connection.execute(ON_CONNECTING)
    await connection.set_autocommit(False)
    return connection


def pool(connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]) -> AsyncEngine:
    """Return a connection pool that tests a connection before use only if it has been idle.

    Testing before every use would be 20% slower.
    """
    engine = create_async_engine(
        "postgresql+psycopg://", async_creator=connect, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=60
    )

    def put_back(_: Any, record: Any) -> None:
        record.info["since"] = time.monotonic()

    def taken(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get("since", math.inf) > IDLE:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as fault:
                raise DisconnectionError from fault  # the pool then opens another connection

    sa.event.listen(engine.sync_engine, "checkin", put_back)
    sa.event.listen(engine.sync_engine, "checkout", taken)
    return engine


@asynccontextmanager
async def explaining(connecting: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
    """Yield the connection, and turn any database error into a StoreError with a one-sentence message."""
    try:
        async with connecting as connection:
            yield connection
    except (SQLAlchemyError, psycopg.Error, OSError) as fault:
        raise (StoreUnavailable if _is_away(fault) else StoreError)(sentence(fault)) from fault
    except msgspec.MsgspecError as fault:
        raise StoreError(
            f"The database was written by a version this one doesn't understand ({fault}). "
            "Run the version that wrote it."
        ) from fault


async def insist(do: Callable[[], Awaitable[T]]) -> T:
    """Call `do`, and retry while the database is unavailable. `do` must be safe to call more than once."""
    until = time.monotonic() + WAIT_FOR_DATABASE
    while True:
        try:
            return await do()
        except StoreUnavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.5)


async def check_format(db: AsyncConnection) -> None:
    """Raise StoreError unless all tables are there and have exactly this version's format."""
    table = (await db.execute(sa.select(sa.func.to_regclass("alembic_version")))).scalar_one()
    steps = (await db.execute(sa.text("SELECT version_num FROM alembic_version"))).scalars().all() if table else []
    found = max(steps, default="")
    if not found:
        raise StoreError("The database has no Countersign tables yet. Run `countersign migrate`.")
    if found < FORMAT:
        raise StoreError(
            f"The database was written by an older Countersign (format {_short(found)}; this program needs "
            f"{_short(FORMAT)}). Run `countersign migrate`."
        )
    check_not_newer(found)
    names = sa.select(sa.func.unnest(sa.cast(sorted(METADATA.tables), ARRAY(sa.Text))).label("name")).subquery()
    absent = sa.select(names.c.name).where(sa.func.to_regclass(names.c.name).is_(None)).order_by(names.c.name)
    missing = (await db.execute(absent)).scalars().all()
    if missing:
        tables = f"{'table' if len(missing) == 1 else 'tables'} {', '.join(missing)}"
        raise StoreError(f"The database lacks the {tables}. Restore it from a backup.")


async def found_read_only(db: AsyncConnection) -> tuple[str, ...]:
    """Return a notice if nothing can be written, such as to a standby or while the server recovers."""
    if (await db.execute(sa.text("SHOW transaction_read_only"))).scalar_one() == "off":
        return ()
    return (
        "The database is read-only now, so nothing can be recorded. If that lasts, set DATABASE_URL to the primary "
        "server.",
    )


def check_not_newer(found: str) -> None:
    """Raise StoreError if a newer version of the program migrated the database."""
    if found > FORMAT:
        raise StoreError(
            f"The database was written by a newer Countersign (format {_short(found)}; this program reads up to "
            f"{_short(FORMAT)}). Update the program."
        )


def sentence(fault: Exception) -> str:
    """Return a one-line message for a database error, with what to do if we know it and without the password."""
    said = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    first = (str(said).strip() or type(said).__name__).splitlines()[0]
    advice = next((f". {advice}" for kinds, advice in ADVICE if isinstance(said, kinds)), "")
    return f"The database failed: {first.rstrip('.') if advice else first}{advice}"


def _short(step: str) -> str:
    return step.lstrip("0") or "0"


def _is_away(fault: Exception) -> bool:
    """Return whether the error means that the database is unavailable, rather than that the statement is wrong."""
    said = fault.orig if isinstance(fault, DBAPIError) else fault
    return isinstance(said, psycopg.OperationalError | psycopg.InterfaceError | OSError | PoolTimeout)
