"""Commands for the whole store: `migrate`, `backup`, `restore`, `move`, `replay`."""

import asyncio
import gc
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO

import typer

from bot import __version__
from bot.app.wiring import opened, utc_now
from bot.cli.options import subject
from bot.cli.output import LinesFile, ProgressBar, say
from bot.config.settings import Settings
from bot.domain.change import Kind
from bot.domain.letters import counted
from bot.domain.text.rich_text import legible
from bot.errors import StoreUnwritable, UsageError
from bot.observability.logs import prepared
from bot.pipeline import replay as archive
from bot.sources.ice import Ice
from bot.store import transfer
from bot.store.backup import Made, back_up, write_backup
from bot.store.backup_file import FORMAT as BACKUP_FORMAT
from bot.store.backup_file import START as BACKUP_START
from bot.store.backup_file import Backup, Head
from bot.store.tiny.snapshot import FORMAT as STORE_FORMAT
from bot.store.tiny.store import TinyStore
from bot.store.transfer import Moved

app = subject()

PIPE = Path("-")  # the output or the input instead of a file


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
def backup(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The file to write, such as countersign.backup; - for standard output."),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write everything to one file, even while the program is running.

    The file is verified by counts and hashes before it appears. It holds the addresses of chats but none of your
    settings or tokens.
    """
    settings = prepared()
    if settings.database_url is None:
        _check_data_folder(settings.data)
    if file != PIPE:
        _check_replaced(file)
    elif sys.stdout.isatty():
        raise UsageError("A backup isn't text. Write it to a file: countersign backup - > countersign.backup")
    made = asyncio.run(_back_up(settings, file, force=force))
    _print_parts(made.parts, sys.stderr if file == PIPE else sys.stdout)
    for sentence in made.left_out:
        say(f"Not in the backup: {sentence}")
    say(f"Wrote {'the backup' if file == PIPE else file} ({made.size:,} bytes). Its SHA-256 is {made.sha256}.")


async def _back_up(settings: Settings, file: Path, *, force: bool) -> Made:
    head = Head(backup=BACKUP_FORMAT, store=STORE_FORMAT, program=__version__, made_at=utc_now())
    store = await opened(settings, readonly=True)
    try:
        with ProgressBar(1) as bar:
            if file != PIPE:
                return await back_up(store, file, head, force=force, progress=bar.show_of)
            with tempfile.TemporaryFile() as whole:
                made = await write_backup(store, whole, Path("the backup"), head, bar.show_of)
                _pipe_out(whole)
                return made
    finally:
        await store.close()


def _pipe_out(whole: BinaryIO) -> None:
    """Write a whole backup to the output. Raise StoreUnwritable if its reader closes the pipe too early."""
    whole.seek(0)
    try:
        shutil.copyfileobj(whole, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the rest must not be flushed there at the end
        raise StoreUnwritable(
            "The reader closed the pipe before the end, so what it got isn't a whole backup. Throw it away."
        ) from None


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` wrote; - for standard input.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="DIR|URL", help="A data folder or a postgresql:// address; by default, the one in use."),
    ] = None,
) -> None:
    """Load a backup into an empty data folder or database.

    The file is checked first, and the copy is verified by counts and hashes. An interrupted restore can be run again.
    """
    settings = prepared()
    place = to if to is not None else _store_in_use(settings)
    _check_place(place, "--to takes")
    if not _is_database(place) and _holds_other_files(Path(place), file):
        raise UsageError(f"{place} isn't empty, so nothing was restored. Choose an empty folder, or one that's new.")
    _print_parts(asyncio.run(_restore(file, place)))


async def _restore(file: Path, place: str) -> Sequence[Moved]:
    backup = _input_backup() if file == PIPE else Backup.open(file)
    try:
        contents = await backup.verified()
        target = await _store_at(place)
        try:
            with ProgressBar(1) as bar:
                await transfer.check_empty(target, backup)
                moved = await transfer.move(backup, target, bar.show_of)
        finally:
            await target.close()
    finally:
        await backup.close()
    for sentence in contents.left_out:
        say(f"Not in the backup: {legible(sentence)}")
    made = f"{backup.head.made_at:%Y-%m-%d %H:%M} UTC by Countersign {legible(backup.head.program)}"
    say(f"Restored everything from the backup made {made}, with the same counts and SHA-256 hashes.")
    return moved


def _store_in_use(settings: Settings) -> str:
    return str(settings.data) if settings.database_url is None else settings.database_url.get_secret_value()


def _is_data_folder(folder: Path) -> bool:
    try:
        return any(folder.glob("journal-*.jsonl"))
    except OSError:  # such as a link to itself
        return False


def _check_data_folder(folder: Path) -> None:
    try:
        next(folder.iterdir(), None)
    except PermissionError:
        raise UsageError(f"You may not read {folder}. Run the command as the user who runs the program.") from None
    except OSError:
        pass  # it isn't there
    if not _is_data_folder(folder):
        raise UsageError(f"There is nothing to back up: {folder} isn't a Countersign data folder.")


def _check_replaced(file: Path) -> None:
    """Raise UsageError if a file in a data folder isn't a backup, because --force must not replace the store's own."""
    if not _is_data_folder(file.parent) or not file.is_file():
        return
    with file.open("rb") as there:
        if there.read(len(BACKUP_START)) != BACKUP_START:
            raise UsageError(f"{file} is in a data folder and isn't a backup, so it was left as it is. Choose another.")


def _input_backup() -> Backup:
    """Return the backup that comes in from a pipe."""
    whole = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the backup
    shutil.copyfileobj(sys.stdin.buffer, whole)
    whole.seek(0)
    return Backup.read(whole, Path("The input"))


def _holds_other_files(folder: Path, backup: Path) -> bool:
    """Return whether a folder holds anything other than the backup and isn't a data folder.

    A new volume may hold `lost+found`.
    """
    own = os.path.realpath(backup)
    try:
        others = (path for path in folder.iterdir() if path.name != "lost+found" and os.path.realpath(path) != own)
        return not _is_data_folder(folder) and any(others)
    except FileNotFoundError:
        return False
    except OSError as fault:
        raise UsageError(f"Can't restore into {folder}: {fault.strerror}.") from fault


def _print_parts(parts: Sequence[Moved], out: TextIO | None = None) -> None:
    for part in parts:
        print(f"{part.part:14} {part.count:8}  {part.sha256}", file=out)


def _check_place(place: str, takes: str) -> None:
    if not place or ("://" in place and not _is_database(place)):
        raise UsageError(f"{takes} a folder, or an address such as postgresql://user@host/name.")


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
        _check_place(place, "--from and --to each take")
    if not _is_database(from_) and not _is_data_folder(Path(from_)):
        raise UsageError(f"{from_} isn't a Countersign data folder. Nothing was moved.")
    _print_parts(asyncio.run(_move(from_, to)))
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
