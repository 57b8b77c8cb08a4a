"""The tables of the PostgreSQL store after the latest migration.

Most rows store their value as JSON in `body`. The other columns are for searching, locking and counting.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

METADATA = MetaData()
MOMENT = DateTime(timezone=True)

LEDGER = Table(  # one row; a transaction that assigns numbers keeps it locked until the end
    "ledger",
    METADATA,
    Column("one", Boolean, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("next_number", BigInteger, nullable=False),
    Column("known", Text, nullable=False),
    Column("held", Text, nullable=False),
)
CHANGES = Table(
    "changes",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)
SOURCES = Table(
    "sources",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("body", Text, nullable=False),
)
SUBSCRIPTIONS = Table(
    "subscriptions",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("states", ARRAY(Text), nullable=False),
    Column("due_at", MOMENT),
    Column("wakes_at", MOMENT),
    Column("body", Text, nullable=False),
    Index("subscriptions_address", "channel", "address", unique=True),
    Index("subscriptions_states", "states", postgresql_using="gin"),
    Index("subscriptions_wakes_at", "wakes_at"),
)
RECEIPTS = Table(
    "receipts",
    METADATA,
    Column("number", BigInteger, Identity(), primary_key=True),
    Column("subscription", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("changes", ARRAY(BigInteger), nullable=False),
    Column("body", Text, nullable=False),
    Index("receipts_subscription", "subscription"),
    Index("receipts_address", "channel", "address"),
    Index("receipts_at", "at"),
    Index("receipts_changes", "changes", postgresql_using="gin"),
)
NOTES = Table(
    "notes",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
LEASES = Table(  # `fence` counts a name's leases, to tell the current holder from earlier ones
    "leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("until", MOMENT, nullable=False),
)
EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("sha256", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)
