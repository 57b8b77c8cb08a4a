"""Preview what a subscriber would have gotten, through the code that composes and delivers digests."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.channels.console import ConsoleSender
from bot.commands.options import cadence_in, filter_with, language_in, zone_in
from bot.domain.language import Language
from bot.domain.subscription import Cadence, Filter, Subscription
from bot.errors import UsageError
from bot.pipeline.deliver import Composer
from bot.pipeline.standings import Standings
from bot.store import Store

LONGEST_DAYS = 366


async def preview(
    store: Store,
    watched: Mapping[str, Any],
    *,
    days: int,
    now: datetime,
    page: str,
    public_url: str = "",
    cadence: str | None = None,
    tz: str | None = None,
    language: str | None = None,
) -> str:
    """Return the message that a subscriber would have gotten about the last `days` days. It is empty if there is none.

    `watched` contains the options that say what to watch.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"--days takes a number from 1 to {LONGEST_DAYS}.")
    to = Subscription(
        id="",
        channel="console",
        address="console",
        filter=filter_with(Filter(), **watched).since(0),
        cadence=cadence_in(cadence) if cadence is not None else Cadence.INSTANT,
        tz=zone_in(tz) if tz is not None else "UTC",
        language=language_in(language) if language is not None else Language.ENGLISH,
    )
    recent = await store.changes(since=now - timedelta(days=days))
    end = await store.last_seq()
    pinned = replace(to, cursor=recent[0].seq - 1 if recent else end, pinned=end, pinned_at=now)
    parts, _ = await Composer(ConsoleSender(), store, page, Standings(store, public_url)).parts(pinned)
    return "\n\n".join(part.payload["text"] for part in parts if part.picture is None)
