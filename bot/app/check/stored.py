"""Look at the store: does it open, is it whole, who writes to it and what is paused in it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot import __version__
from bot.app import control_socket
from bot.app.greeting import own_command
from bot.channels.protocols import Notes
from bot.channels.sealed_address import AddressSeal, is_sealed
from bot.commands.as_json import JsonObject
from bot.config.settings import Settings
from bot.domain.finding import Finding, fine, unknown, warning, wrong
from bot.domain.letters import counted
from bot.domain.source_status import ICE, SourceStatus
from bot.domain.subscription import Subscription
from bot.errors import CountersignError, StoreBusy, StoreError
from bot.store import Store

PATIENCE = 5.0  # seconds for the running program to answer
SILENT: JsonObject = {"version": None}  # for a program that doesn't answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store holds that the rest of the check needs. `running` is what the running program says of itself."""

    findings: tuple[Finding, ...] = ()
    running: JsonObject | None = None
    ice: SourceStatus = field(default_factory=lambda: SourceStatus(source=ICE))
    subscriptions: tuple[Subscription, ...] = ()
    notes: Notes | None = None

    def active(self, channel: str) -> int:
        """Return the number of a channel's subscriptions that aren't paused."""
        return sum(s.channel == channel and s.paused is None for s in self.subscriptions)

    def addresses(self, channel: str, settings: Settings) -> Sequence[str]:
        """Return the addresses of the operator and of the subscriptions on a channel that aren't paused."""
        own = [address for name, _, address in (o.partition(":") for o in settings.operators) if name == channel]
        tables = [table.address for table in settings.broadcast if table.channel == channel]
        found = [s.address for s in self.subscriptions if s.channel == channel and s.paused is None]
        return list(dict.fromkeys([*own, *tables, *found]))


def running_program(settings: Settings) -> JsonObject | None:
    """Return what the running program says of itself, or None if none is writing to the data folder.

    With a database, any number of programs can run, and none of them is asked.
    """
    if settings.database_url is not None or not os.access(settings.data / control_socket.NAME, os.F_OK):
        return None
    try:
        return control_socket.hand_over(settings.data, "about", {}, patience=PATIENCE)
    except StoreBusy as fault:
        return SILENT if isinstance(fault.__cause__, TimeoutError) else None
    except CountersignError:  # an older program doesn't know the command
        return {"version": "an older version"}


async def looked_at(store: Store, settings: Settings, running: JsonObject | None, notes: Notes) -> Stored:
    """Return what the store holds, and the findings about it."""
    try:
        subscriptions = tuple(await store.subscriptions())
        findings = [
            *await _of_contents(store, len(subscriptions)),
            *await _of_evidence(store),
            *await _of_damage(store),
            *_of_sealed(subscriptions, settings),
            *_of_pauses(subscriptions),
            *_of_writers(settings, running),
        ]
        status = await store.source_status(ICE)
    except StoreError as fault:
        return Stored(findings=(wrong(str(fault)),), running=running)
    return Stored(findings=tuple(findings), running=running, ice=status, subscriptions=subscriptions, notes=notes)


async def _of_contents(store: Store, subscriptions: int) -> list[Finding]:
    known, held = await store.known(), await store.held()
    holds = ", ".join(
        (
            counted(len(known.participating), "agreement"),
            counted(await store.last_seq(), "change"),
            counted(subscriptions, "subscription"),
        )
    )
    found = [fine(f"It opens and can be read: {holds}.")]
    if held:
        advice = "`countersign held` shows why. Approve or reject them."
        found.append(warning(f"{counted(len(held), 'list')} on hold.", advice))
    return found


async def _of_evidence(store: Store) -> list[Finding]:
    """Check that the bytes of the current lists are stored and have their hash."""
    for name, publication in (await store.known()).seen.items():
        document = await store.evidence(publication.evidence)
        if document is None:
            advice = "The next reading fetches it again. If this comes back, check the disk."
            return [wrong(f"The evidence of the {name.value} list {publication.name} is missing or damaged.", advice)]
    return []


async def _of_damage(store: Store) -> list[Finding]:
    found = [warning(str(notice)) for notice in getattr(store, "notices", ())]
    return found + [wrong(each.sentence) for each in await store.unreadable()]


def _of_sealed(subscriptions: Sequence[Subscription], settings: Settings) -> list[Finding]:
    """Return whether the addresses that were stored encrypted can be decrypted."""
    sealed = [s.address for s in subscriptions if is_sealed(s.address)]
    key = settings.secret_key.get_secret_value() if settings.secret_key is not None else None
    if not sealed or (key is not None and all(AddressSeal(key).unseal(address) is not None for address in sealed)):
        return []
    how = "another COUNTERSIGN_SECRET_KEY" if key is not None else "COUNTERSIGN_SECRET_KEY, which isn't set"
    return [wrong(f"{counted(len(sealed), 'subscription')} encrypted with {how}.", "Set it back to the earlier key.")]


def _of_pauses(subscriptions: Sequence[Subscription]) -> list[Finding]:
    paused = sum(s.paused is not None for s in subscriptions)
    return [warning(f"{counted(paused, 'subscription')} paused.", "`countersign status` says why.")] if paused else []


def _of_writers(settings: Settings, running: JsonObject | None) -> list[Finding]:
    if settings.database_url is not None:
        return [fine("Any number of programs can share the database.")]
    if running is None:
        return [
            unknown(
                "No program is running on this folder, so some things can't be tried.",
                f"To start it, run: {own_command()} run",
            )
        ]
    if running is SILENT:
        return [wrong("The running program doesn't answer, so it may be stuck.", "Restart it, and look at its log.")]
    if running["version"] != __version__:
        advice = "Restart it, so that both are the same version."
        return [warning(f"The running program is {running['version']}, and this is {__version__}.", advice)]
    return [fine(f"One program writes to it, process {running['process']}, running since {running['started_at']}.")]
