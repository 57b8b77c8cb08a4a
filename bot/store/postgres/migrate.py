"""Migrate a database to this version's format."""

from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StoreError
from bot.store.postgres.connection import CONNECT_WITHIN, check_not_newer, sentence
from bot.store.postgres.migrations import FORMAT

LOCK = 287_000_001  # a PostgreSQL advisory lock, so that two simultaneous releases migrate one after the other


def migrate(url: str) -> bool:
    """Run all pending migrations in one transaction; return False if there were none."""
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, connect_timeout=CONNECT_WITHIN)
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            found = MigrationContext.configure(connection).get_current_revision() or ""
            check_not_newer(found)
            if found == FORMAT:
                return False
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return True
    except (SQLAlchemyError, psycopg.Error, OSError) as fault:
        raise StoreError(sentence(fault)) from fault
    finally:
        engine.dispose()
