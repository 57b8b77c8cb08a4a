"""Commands for the whole store: `migrate`, `move`, `replay`."""

import asyncio
import gc
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bot.app.wiring import opened
from bot.cli.options import subject
from bot.cli.output import LinesFile, ProgressBar, say
from bot.config.settings import Settings
from bot.domain.change import Kind
from bot.domain.letters import counted
from bot.errors import UsageError
from bot.observability.logs import prepared
from bot.pipeline import replay as archive
from bot.sources.ice import Ice
from bot.store import transfer
from bot.store.tiny.store import TinyStore
from bot.store.transfer import Moved

app = subject()


@app.command()
def migrate() -> None:
    """Create or upgrade the database tables. Does nothing if DATABASE_URL isn't set."""
    settings = prepared()
    if settings.database_url is None:
        say("DATABASE_URL isn't set. The data folder needs no migration, so there is nothing to do.")
        return
    from bot.store.postgres.migrate import migrate as upgrade  # noqa: PLC0415 - slow to import and rarely needed

    changed = upgrade(settings.database_url.get_secret_value())
    say("The database tables are now up to date." if changed else "The database tables were already up to date.")


@app.command()
def move(
    from_: Annotated[str, typer.Option("--from", metavar="DIR|URL", help="A data folder or a postgresql:// address.")],
    to: Annotated[str, typer.Option("--to", metavar="DIR|URL", help="The same. It must be empty.")],
) -> None:
    """Copy all data between a data folder and a database.

    The copy is verified by counts and hashes. The source is kept.
    """
    prepared()
    for place in (from_, to):
        if not place or ("://" in place and not _is_database(place)):
            raise UsageError("--from and --to each take a folder, or an address such as postgresql://user@host/name.")
    if not _is_database(from_) and not any(Path(from_).glob("journal-*.jsonl")):
        raise UsageError(f"{from_} isn't a Countersign data folder. Nothing was moved.")
    for moved in asyncio.run(_move(from_, to)):
        print(f"{moved.part:14} {moved.count:8}  {moved.sha256}")
    say("Both stores now hold everything, with the same counts and SHA-256 hashes.")


async def _move(from_: str, to: str) -> Sequence[Moved]:
    source = await _store_at(from_)
    try:
        target = await _store_at(to)
        try:
            with ProgressBar(1) as bar:
                return await transfer.move(source, target, bar.show_of)
        finally:
            await target.close()
    finally:
        await source.close()


def _is_database(place: str) -> bool:
    return re.match(r"postgres(ql)?://", place) is not None


async def _store_at(place: str) -> transfer.Movable:
    if not _is_database(place):
        return TinyStore.open(Path(place))
    from bot.store.postgres.store import PostgresStore  # noqa: PLC0415 - slow to import and rarely needed

    return await PostgresStore.open(place)


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with manifest.json and the lists.")],
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the changes here.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Replay into the store, which must be empty.")] = False,
) -> None:
    """Replay an archive of lists. Without --keep, the command uses a temporary store."""
    settings = prepared()
    found = archive.entries(folder)
    gc.disable()  # a replay keeps its objects until the end, so garbage collection would only waste a tenth of the time
    counts = asyncio.run(_replay(found, settings if keep else None, json_))
    said = ", ".join(f"{number:,} {kind.value}" for kind, number in sorted(counts.items()))
    say(f"{counted(len(found), 'list')}: {said or 'no changes'}.")


async def _replay(found: list[archive.Entry], settings: Settings | None, out: Path | None) -> dict[Kind, int]:
    """Replay the archive and return the number of changes of each kind. Without settings, a temporary store is used."""
    counts: dict[Kind, int] = {}
    store = await opened(settings) if settings is not None else TinyStore.in_memory()
    try:
        if await store.last_seq() or (await store.known()).seen:
            raise UsageError("The store already holds a history. Use --keep only with an empty one.")
        with ProgressBar(len(found)) as bar, LinesFile(out) as lines:
            async for done, entry, changes in archive.replay(found, source=Ice(), store=store):
                bar.show(done, f"{entry.observed_at:%Y-%m-%d}")
                for change in changes:
                    counts[change.kind] = counts.get(change.kind, 0) + 1
                    if change.kind is not Kind.LISTED:
                        lines.write(change)
    finally:
        await store.close()
    return counts
