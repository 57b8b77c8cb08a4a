"""The rules for stored subscriptions that can't be read, and for mending them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

import msgspec

from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.time_zones import is_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A stored subscription that gets no messages, because the subscription or its time zone can't be read.

    `why` is the reason.
    """

    id: str
    channel: str
    address: str
    why: str

    @property
    def sentence(self) -> str:
        """A sentence that names the subscription and the command that mends it."""
        return f"Subscription {self.id} gets no messages: {self.why}. To mend it, run: countersign mend {self.id}"


def unreadable_zone(subscription: Subscription) -> Unreadable | None:
    """If some hosts may not know the subscription's time zone, return it as unreadable. Otherwise, return None."""
    if subscription.unreadable is None:
        return None
    return Unreadable(
        id=subscription.id,
        channel=subscription.channel,
        address=subscription.shown_address,
        why=subscription.unreadable,
    )


def unreadable_row(row: Mapping[str, Any], why: str = "") -> Unreadable:
    """Describe the unreadable subscription in a row, with the first reason why it can't be read."""
    try:
        msgspec.convert(row, Subscription)
    except msgspec.ValidationError as fault:
        why = why or str(fault)
    return Unreadable(
        id=str(row.get("id")), channel=str(row.get("channel")), address=_safe(str(row.get("address"))), why=why
    )


def mended(row: Mapping[str, Any], *, cursor: int, tz: str) -> Subscription:
    """Return a subscription with every field of the row that can be read, and defaults for the others.

    `row` must contain a readable id, channel and address. `cursor` is used if the row's cursor can't be read. `tz` is
    used if some hosts may not know the row's time zone. If it isn't known which places the subscription watched, it
    watches all of them.
    """
    found: dict[str, Any] = {"cursor": cursor} | _readable_fields(Subscription, row)
    raw = row.get("filter")
    wanted = Filter(**_readable_fields(Filter, raw)) if isinstance(raw, Mapping) else Filter()
    if "filter" not in found and wanted.is_empty:
        wanted = replace(wanted, states={ALL_STATES: cursor})
    subscription = Subscription(**({"filter": wanted} | found))
    return replace(subscription, tz=subscription.tz if is_zone(subscription.tz) else tz)


def _readable_fields(of: type[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    hints, found = get_type_hints(of), {}
    for field in fields(of):
        with suppress(KeyError, msgspec.ValidationError):
            found[field.name] = msgspec.convert(row[field.name], hints[field.name])
    return found


def _safe(address: str) -> str:
    kind, sign, _ = address.partition("://")
    return f"{kind}://***" if sign else address
