"""Ask ICE, or the Countersign that reads ICE's lists for us, once, as a reading would."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bot.app.check.stored import Stored
from bot.app.wiring import fetcher
from bot.channels.examination import PlatformApi
from bot.config.settings import Settings
from bot.domain.finding import Finding, fine, unknown, warning, wrong
from bot.domain.health import is_stale, span
from bot.domain.outage import explained, in_words
from bot.domain.source_status import ICE, RELAY_SILENCE, Trouble
from bot.domain.way import Way
from bot.errors import SourceError, Unreachable

WITHIN = 30.0  # seconds; a reading has more patience


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer from the host that we read ICE's lists from. `fault` is why there was none."""

    host: str
    fault: SourceError | None = None


async def asked(settings: Settings, api: PlatformApi) -> Asked | None:
    """Ask for the page with the lists. Return None if the lists aren't read."""
    if ICE not in settings.sources:
        return None
    address = settings.ice_url if settings.upstream is None else f"{settings.upstream.rstrip('/')}/mirror"
    host = urlsplit(address).netloc
    try:
        async with asyncio.timeout(WITHIN), fetcher(settings) as fetch:
            page = await fetch.get(address, source=ICE)
    except SourceError as fault:
        return Asked(host, fault)
    except TimeoutError:
        return Asked(host, Unreachable(f"{host} didn't answer within {WITHIN:g} s"))
    api.note_time(address, page.headers)
    return Asked(host)


def findings(
    reading: Asked | None, found: Stored, settings: Settings, now: datetime, *, others_answer: bool
) -> Iterable[Finding]:
    """Say what the answer means. `others_answer` is true if anything else on the network answered."""
    if reading is None:
        yield fine("ICE's lists aren't read, because COUNTERSIGN_SOURCES leaves them out.")
        return
    if reading.fault is None:
        yield fine(f"{reading.host} answers.")
    else:
        yield _meaning(reading.host, reading.fault, found, settings, now, others_answer=others_answer)
    yield from _of_last_reading(found, settings, now)


def _meaning(
    host: str, fault: SourceError, found: Stored, settings: Settings, now: datetime, *, others_answer: bool
) -> Finding:
    trouble = Trouble.of(fault)
    said = str(fault).removeprefix(f"{ICE}: ").partition("; never read")[0].partition("; last read")[0]
    said = f"{said[:1].upper()}{said[1:].rstrip('.')}."
    if settings.upstream is not None or trouble is None:
        return wrong(said, "Check the address." if settings.upstream is None else "Check COUNTERSIGN_UPSTREAM.")
    if trouble is Trouble.NO_CONNECTION:
        meaning = in_words(fault, host, others_answer=others_answer)
        return warning(meaning) if others_answer else unknown(meaning)
    status = replace(found.ice, trouble=trouble, problem_since=now)
    advice = f"{explained(status, now if others_answer else None)}."
    if trouble is Trouble.REFUSED:
        relayed_at = found.ice.heard.get(Way.RELAY)
        if relayed_at is not None and now - relayed_at < RELAY_SILENCE:
            return fine(f"{said} A relay reads for us; it last reported {span(now - relayed_at)} ago.")
        return warning(said, advice) if settings.wayback_read else wrong(said, advice)
    return warning(said, advice)


def _of_last_reading(found: Stored, settings: Settings, now: datetime) -> Iterable[Finding]:
    read_at = found.ice.read_at
    if read_at is None:
        yield unknown("The lists haven't been read yet.")
    elif is_stale(found.ice, now, timedelta(hours=settings.stale_hours)):
        yield wrong(
            f"The lists were last read {span(now - read_at)} ago.", "`countersign status` says what went wrong."
        )
    elif read_at <= now:
        yield fine(f"The lists were last read {span(now - read_at)} ago.")
