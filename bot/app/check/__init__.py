"""Look for everything that can be wrong, for `countersign check`.

Nothing is changed: no lock is taken, no update is polled and nothing is sent. Only the data folder gets a small file
for a moment, to find out if the disk takes it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.app.check import host, ice, stored, web
from bot.app.check.stored import Stored
from bot.app.wiring import StoredNotes, opened
from bot.channels import CHANNELS
from bot.channels.examination import Inquiry, PlatformApi
from bot.config import catalog
from bot.config.contradictions import contradictions
from bot.config.in_force import Setting, in_force, layers, load_what_works, unknown_names
from bot.config.settings import Settings
from bot.domain.finding import Finding, Group, fine, unknown, wrong
from bot.domain.letters import counted
from bot.domain.text.rich_text import legible
from bot.errors import ConfigError, StoreError
from bot.fetch.post import Poster
from bot.observability.logs import mask
from bot.pipeline.ocr import readiness

ASK = 10.0  # seconds for one question
WITHIN = 60.0  # seconds for all questions to one platform
SHORTEST_SECRET = 8  # characters; a shorter one would hide common words
OPEN = 20.0  # seconds to open the store


@dataclass(frozen=True, slots=True)
class Checked:
    """The settings in force, and the findings in groups."""

    settings: Sequence[Setting]
    groups: Sequence[Group]


async def checked(env: Mapping[str, str], now: Callable[[], datetime], folder: Path | None = None) -> Checked:
    """Look at everything and return what was found. `folder` is where the settings file is."""
    loaded = load_what_works(env, folder)
    sources, settings = layers(env, folder), loaded.settings
    of_settings = [*map(wrong, loaded.problems), *unknown_names(sources)]
    if settings is None:
        rest = unknown("Nothing else could be checked.", "Fix the settings, and run this again.")
        return Checked((), (Group("settings", (*of_settings, rest)),))
    of_settings += contradictions(settings)
    groups = [
        Group("settings", tuple(of_settings) or (fine("They fit together."),)),
        *await _with_store(settings, now),
    ]
    return Checked(in_force(loaded, sources), [_masked(group, settings) for group in groups if group.findings])


def _masked(group: Group, settings: Settings) -> Group:
    """Return the group without any secret and without any unprintable character that an answer or an error quotes."""
    secrets = tuple(secret for secret in settings.secrets if len(secret) >= SHORTEST_SECRET)

    def plain(text: str) -> str:
        masked = mask(text, secrets)
        return masked if masked.isprintable() else legible(masked)

    clean = (replace(f, said=plain(f.said), advice=plain(f.advice)) for f in group.findings)
    return replace(group, findings=tuple(clean))


async def _with_store(settings: Settings, now: Callable[[], datetime]) -> list[Group]:
    """Open the store for reading, and look at it and at everything else."""
    running = await asyncio.to_thread(stored.running_program, settings)
    disk = [] if settings.database_url is not None else host.of_folder(settings.data)
    try:
        async with asyncio.timeout(OPEN):
            store = await opened(settings, readonly=True)
    except (StoreError, TimeoutError, OSError) as fault:
        said = str(fault) or "The store didn't open in time."
        return [Group("store", (*disk, wrong(said))), *await _outside(settings, now, Stored(running=running))]
    try:
        async with asyncio.timeout(OPEN):
            found = await stored.looked_at(store, settings, running, StoredNotes(store))
    except TimeoutError:
        found = Stored(findings=(wrong("The store doesn't answer."),), running=running)
    try:
        return [Group("store", (*disk, *found.findings)), *await _outside(settings, now, found)]
    finally:
        await store.close()


async def _outside(settings: Settings, now: Callable[[], datetime], found: Stored) -> list[Group]:
    """Ask the platforms, ICE and our own public address, all at the same time."""
    poster = Poster(contact=settings.contact, allow_loopback=True, allow_private=True, timeout=ASK)
    api = PlatformApi(poster, now)
    try:
        platforms, reading, served, monitor, scans = await asyncio.gather(
            _platforms(settings, api, found),
            ice.asked(settings, api),
            web.asked(settings, api, found),
            web.of_monitor(settings, poster),
            _of_ocr(settings),
        )
    finally:
        await poster.aclose()
    answered = any(reading is None or time.host != reading.host for time in api.times)
    return [
        *platforms,
        Group("ICE's lists", tuple(ice.findings(reading, found, settings, now(), others_answer=answered))),
        Group("local sources", (*_of_catalog(settings), *scans)),
        Group("web", tuple(served)),
        Group("monitor", tuple(monitor)),
        Group("clock", tuple(host.of_clock(api.times))),
    ]


async def _platforms(settings: Settings, api: PlatformApi, found: Stored) -> list[Group]:
    names = list(CHANNELS)
    return [
        Group(name, tuple(each))
        for name, each in zip(
            names, await asyncio.gather(*(_platform(name, settings, api, found) for name in names)), strict=True
        )
        if each
    ]


async def _platform(name: str, settings: Settings, api: PlatformApi, found: Stored) -> list[Finding]:
    """Return the findings about one channel: of its settings, of what the platform says and of its subscriptions."""
    channel, addresses = CHANNELS[name], found.addresses(name, settings)
    findings = list(channel.contradictions(settings))
    if not channel.is_set_up(settings) and found.active(name):
        unserved = counted(found.active(name), "subscription")
        advice = f"Set its token again, or end them with: countersign unsubscribe {name} --all"
        findings.append(wrong(f"{unserved} can't be served, because {name} isn't set up.", advice))
    inquiry = Inquiry(api=api, addresses=addresses, notes=found.notes)
    return findings + await _in_time(channel.examine(settings, inquiry))


async def _in_time(asking: Awaitable[Sequence[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(WITHIN):
            return list(await asking)
    except TimeoutError:
        return [unknown(f"The answers took longer than {WITHIN:g} seconds, so I stopped asking.")]
    except StoreError as fault:
        return [unknown(f"The store couldn't be read: {fault}")]
    except Exception as bug:  # noqa: BLE001 - a foreign answer can be odd in unforeseen ways, and the rest still counts
        return [unknown(f"An answer made no sense ({type(bug).__name__}), so I stopped asking.")]


async def _of_ocr(settings: Settings) -> list[Finding]:
    """Say whether scanned documents can be read. Nothing is said if that is off."""
    if not settings.ocr:
        return []
    is_ready, said = await readiness()
    return [fine(said) if is_ready else wrong(said)]


def _of_catalog(settings: Settings) -> list[Finding]:
    if "local" not in settings.sources:
        return [fine("Local government isn't read, because COUNTERSIGN_SOURCES leaves it out.")]
    try:
        places = catalog.places()
    except ConfigError as fault:
        return [wrong(f"{problem}.".replace("..", ".")) for problem in fault.problems]
    states = {place.state for place in places.values()}
    return [fine(f"{counted(len(places), 'source')} in the catalog, in {counted(len(states), 'state')}.")]
