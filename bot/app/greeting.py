"""The sentences with which `countersign run` begins on a terminal: what it watches and what happens next."""

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from bot import __version__
from bot.channels import command_prefix
from bot.config.settings import DEFAULT_PORT, Settings
from bot.domain.agendas.schedule import CONSOLE, WatchedStates, count_places
from bot.domain.health import span
from bot.domain.language import Language
from bot.domain.letters import counted
from bot.domain.source_status import ICE, SourceStatus
from bot.domain.subscription import Subscription
from bot.domain.text.formats import formats
from bot.domain.way import Way
from bot.observability.person import local_now, moment
from bot.pipeline.runner import Runner


async def greeting(settings: Settings, runner: Runner) -> tuple[str, ...]:
    """Return the sentences, a paragraph each."""
    subscriptions, status = await runner.store.subscriptions(), await runner.store.source_status(ICE)
    known = (await runner.store.known()).seen
    now = local_now()
    statuses = await runner.store.source_statuses()
    watched = count_places(runner.places, statuses, WatchedStates.of(subscriptions)).watched if runner.places else None
    reads_ice = ICE in settings.sources
    return (
        f"Countersign {__version__}. I watch {_watches(runner, watched)}",
        _told(runner, subscriptions),
        _pages(settings),
        *((_next(settings, status, now, is_first=not known),) if reads_ice else ()),
        f"{_stored(settings)} To stop, press Ctrl-C.",
    )


def own_command() -> str:
    """Return how to type the program's name here."""
    if shutil.which("countersign"):
        return "countersign"
    beside = Path(sys.executable).with_name("countersign")
    if not beside.exists():
        return f"{sys.executable} -m bot"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def _watches(runner: Runner, watched: int | None) -> str:
    of_ice = f"ICE's list of 287(g) agreements at {runner.sources[ICE].host}" if ICE in runner.sources else ""
    if watched is None:
        return f"{of_ice or 'nothing, because no source is set up'}."
    places = counted(len(runner.places), "local government site")
    if not watched:
        return f"{of_ice}{', and' if of_ice else ''} {places} as soon as someone watches their states.".strip()
    local = (
        f"{watched:,} of {places} (those in states that someone watches)" if watched < len(runner.places) else places
    )
    return f"{of_ice} and {local}." if of_ice else f"{local}."


def _told(runner: Runner, subscriptions: Sequence[Subscription]) -> str:
    ready = [name for name in sorted(runner.channels) if command_prefix(name) is not None]
    told = [s for s in subscriptions if s.paused is None and s.channel in runner.channels]
    alerts = f"Alerts go to {counted(len(told), 'subscription')}."
    if not ready:
        here = (
            "so changes are printed here" if any(s.channel == CONSOLE for s in told) else "so no one can type commands"
        )
        also = "" if all(s.channel == CONSOLE for s in told) else f" {alerts}"
        return f"No token for Telegram or Slack is set, {here}.{also} To set one, run: {own_command()} init"
    names = formats(Language.ENGLISH).join([name.capitalize() for name in ready])
    are = "is" if len(ready) == 1 else "are"
    if told:
        return f"{names} {are} set up. {alerts}"
    return (
        f"{names} {are} set up, but no one has subscribed yet. Write “watch TX” to the bot, or run: {own_command()} "
        "subscribe --help"
    )


def _pages(settings: Settings) -> str:
    port = settings.port or DEFAULT_PORT
    if settings.public_url is not None:
        return f"The public pages are at {settings.public_url}, and on this machine at http://localhost:{port}/."
    if settings.port is not None or settings.relay_secret is not None or settings.serve_mirror:
        return f"The public pages are at http://localhost:{port}/."
    start = f"PORT={DEFAULT_PORT} {own_command()} run"
    return f"To see the list and the changes as pages in a browser, set PORT, as in: {start}"


def _next(settings: Settings, status: SourceStatus, now: datetime, *, is_first: bool) -> str:
    every = span(timedelta(seconds=settings.poll_seconds))
    relayed_at, is_due = status.heard.get(Way.RELAY), status.is_due(now, timedelta(seconds=settings.poll_seconds))
    if relayed_at is not None and not is_due:
        return f"A relay reads ICE's list for me, the last time {moment(relayed_at.astimezone(now.tzinfo), now)}."
    reads = f"I read ICE's list every {every.removeprefix('1 ')}"
    at = "now" if is_due or status.due_at is None else moment(status.due_at.astimezone(now.tzinfo), now)
    if is_first:
        failed = f" The last try failed. I'll try again {at}; to try now, run: {own_command()} poll"
        start = f"{reads}. The first reading is the starting point, so nothing is reported from it."
        return start + (failed if status.problem and not is_due else "")
    last = f", and last did {moment(status.read_at.astimezone(now.tzinfo), now)}" if status.read_at else ""
    return f"{reads}{last}. The next reading is {at}."


def _stored(settings: Settings) -> str:
    if settings.database_url is not None:
        return "Everything is kept in the database in DATABASE_URL."
    return f"Everything is kept in {settings.data}."
