"""Migrate a database to this version's format."""

from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StoreError
from bot.store.postgres.connection import CONNECT_WITHIN, check_not_newer, sentence
from bot.store.postgres.migrations import FORMAT

LOCK = 287_000_001  # a PostgreSQL advisory lock, so that two simultaneous releases migrate one after the other


def migrate(url: str) -> bool:
    """Run all pending migrations in one transaction; return False if there were none."""
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, connect_timeout=CONNECT_WITHIN, client_encoding="utf8"),
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
            if not found:
                _check_encoding(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return True
    except (SQLAlchemyError, psycopg.Error, OSError) as fault:
        raise StoreError(sentence(fault)) from fault
    except CommandError as fault:
        raise StoreError(
            "The table alembic_version has content that no Countersign wrote, so nothing was changed. Restore the "
            "database from a backup."
        ) from fault
    finally:
        engine.dispose()


def _check_encoding(connection: sa.Connection) -> None:
    """Raise StoreError if the names of agencies couldn't all be stored in a new database."""
    found = connection.execute(sa.text("SHOW server_encoding")).scalar_one()
    if found != "UTF8":
        raise StoreError(
            f"The database has the encoding {found}, and it must be UTF8. Create another one, for example with: "
            "createdb --encoding=UTF8 --template=template0 countersign"
        )
