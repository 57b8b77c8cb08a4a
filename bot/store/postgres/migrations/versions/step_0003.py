"""Allow only one subscription per address, and merge those that share an address.

Since this version, an address may include a topic, and a filter may exclude individual changes. An older program would
misread both.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from bot.domain.subscription import Subscription
from bot.store.postgres.rows import (
    decode_change,
    decode_receipt,
    receipt_row,
    subscription_of,
    subscription_row,
    unreadable_of,
)
from bot.store.postgres.tables import CHANGES, LEASES, RECEIPTS, SUBSCRIPTIONS
from bot.store.rules.change_log import Log
from bot.store.rules.due import SubscriptionIndex, number_of
from bot.store.rules.merging import merged, readdressed
from bot.store.rules.receipts import ReceiptIndex

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Merge the subscriptions that share an address, and make the index of addresses unique."""
    db = op.get_bind()
    _stop_unreadable(db)
    for rows in _twins(db):
        _merge(db, rows)
    op.drop_index("subscriptions_address", "subscriptions")
    op.create_index("subscriptions_address", "subscriptions", ["channel", "address"], unique=True)


def _twins(db: sa.Connection) -> Iterable[Sequence[Any]]:
    """Return the rows that share an address, oldest first."""
    by_address = defaultdict(list)
    for row in db.execute(sa.select(SUBSCRIPTIONS).order_by(SUBSCRIPTIONS.c.number)):
        by_address[row.channel, row.address].append(row)
    return [rows for rows in by_address.values() if len(rows) > 1]


def _merge(db: sa.Connection, rows: Sequence[Any]) -> None:
    """Merge the older subscriptions into the newest one, which is the one that commands acted on.

    A subscription that can't be read isn't merged. It gets an address of its own until a person mends it.
    """
    found = []
    for row in rows:
        try:
            found.append(subscription_of(row))
        except msgspec.MsgspecError:
            _set_aside(db, row)
    if len(found) < 2:
        return
    *older, kept = found
    bodies = db.execute(sa.select(CHANGES.c.body).order_by(CHANGES.c.seq)).scalars()
    log = Log(changes=map(decode_change, bodies))
    for other in reversed(older):
        kept = _into(db, kept, other, log)


def _into(db: sa.Connection, kept: Subscription, other: Subscription, log: Log) -> Subscription:
    r, s = RECEIPTS.c, SUBSCRIPTIONS.c
    of_both = sa.select(r.number, r.body).where(r.subscription.in_([kept.id, other.id])).order_by(r.number)
    receipts = [(number, decode_receipt(body)) for number, body in db.execute(of_both)]
    one = merged(kept, other, log, [receipt for _, receipt in receipts])
    moved = [(number, readdressed(receipt, one, other.id, other.shown_address)) for number, receipt in receipts]
    placed = SubscriptionIndex(log, ReceiptIndex(receipt for _, receipt in moved)).place(one)
    for number, receipt in moved:
        db.execute(sa.update(RECEIPTS).where(r.number == number).values(receipt_row(receipt)))
    db.execute(sa.delete(SUBSCRIPTIONS).where(s.number == number_of(other.id)))
    db.execute(sa.delete(LEASES).where(LEASES.c.name == other.id))
    db.execute(sa.update(SUBSCRIPTIONS).where(s.number == number_of(one.id)).values(subscription_row(placed)))
    return placed


def _stop_unreadable(db: sa.Connection) -> None:
    """Keep workers from claiming subscriptions that can't be read or have a time zone that some hosts may not know."""
    for row in db.execute(sa.select(SUBSCRIPTIONS)).all():
        if unreadable_of(row) is not None:
            stopped = sa.update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == row.number)
            db.execute(stopped.values(due_at=None, wakes_at=None))


def _set_aside(db: sa.Connection, row: Any) -> None:
    address = f"{row.address} (s{row.number})"
    db.execute(sa.update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.number == row.number).values(address=address))
