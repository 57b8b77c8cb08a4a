"""Brings the tables of a database up to this version."""

from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StoreError
from bot.store.postgres.store import CONNECT_WITHIN, SCHEMA, sentence

LOCK = 287_000_001  # of PostgreSQL's advisory locks: two releases at once run one after the other


def migrate(url: str) -> bool:
    """Run the steps that the database has not seen, all or none; whether there were any. StoreError says why not."""
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, connect_timeout=CONNECT_WITHIN)
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            found = MigrationContext.configure(connection).get_current_revision() or ""
            if found > SCHEMA:
                raise StoreError(f"The tables of the database are of a newer version ({found}); nothing was done.")
            if found == SCHEMA:
                return False
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return True
    except (SQLAlchemyError, psycopg.Error, OSError) as fault:
        raise StoreError(sentence(fault)) from fault
    finally:
        engine.dispose()
