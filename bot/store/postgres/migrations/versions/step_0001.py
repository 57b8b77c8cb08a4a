"""Create the first tables, which store the same data as the embedded store's folder."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and insert the only row of the ledger."""
    ledger = op.create_table(
        "ledger",
        sa.Column("one", sa.Boolean, sa.CheckConstraint("one"), primary_key=True),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("next_number", sa.BigInteger, nullable=False),
        sa.Column("known", sa.Text, nullable=False),
        sa.Column("held", sa.Text, nullable=False),
    )
    op.bulk_insert(ledger, [{"one": True, "last_seq": 0, "next_number": 1, "known": "{}", "held": "[]"}])
    op.create_table(
        "changes",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "sources",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "subscriptions",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("states", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("wakes_at", MOMENT),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("subscriptions_address", "subscriptions", ["channel", "address"])
    op.create_index("subscriptions_states", "subscriptions", ["states"], postgresql_using="gin")
    op.create_index("subscriptions_wakes_at", "subscriptions", ["wakes_at"])
    op.create_table(
        "receipts",
        sa.Column("number", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("subscription", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("changes", sa.ARRAY(sa.BigInteger), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("receipts_subscription", "receipts", ["subscription"])
    op.create_index("receipts_address", "receipts", ["channel", "address"])
    op.create_index("receipts_at", "receipts", ["at"])
    op.create_index("receipts_changes", "receipts", ["changes"], postgresql_using="gin")
    op.create_table(
        "notes",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
