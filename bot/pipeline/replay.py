"""Run an archive of lists through the real line, as if each had been read when it was observed."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.domain.agreement import ListName
from bot.domain.change import Change
from bot.domain.document import Document, digest
from bot.domain.source_status import Reading
from bot.errors import UsageError
from bot.pipeline.poll_list import take
from bot.sources import Source
from bot.store import Store

STANDS = timedelta(hours=8)  # how often a list that is held is looked at again until the next one comes


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the manifest: a list, when it was observed (UTC), and its file."""

    observed_at: datetime
    list: ListName
    path: Path


def entries(folder: Path) -> list[Entry]:
    """The archive's manifest, in its order; UsageError says what is wrong with it."""
    manifest = folder / "manifest.json"
    try:
        lines = json.loads(manifest.read_text())
        found = [
            Entry(
                datetime.fromisoformat(line["observed_at"]).astimezone(UTC),
                ListName(line["list"]),
                folder / line["file"],
            )
            for line in lines
        ]
    except FileNotFoundError:
        raise UsageError(f"{folder} is no archive: it holds no manifest.json.") from None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise UsageError(f"{manifest} cannot be read: {fault!r}.") from None
    missing = [entry.path for entry in found if not entry.path.is_file()]
    if missing:
        raise UsageError(f"{len(missing)} files of {manifest} are missing, the first is {missing[0].name}.")
    return sorted(found, key=lambda entry: entry.observed_at)


async def replay(
    found: list[Entry], *, source: Source, store: Store
) -> AsyncIterator[tuple[int, Entry, tuple[Change, ...]]]:
    """Each entry, counted from 1, with the changes that it brought; a list stands until the next one of its name."""
    standing: dict[ListName, Document] = {}
    for number, entry in enumerate(found, start=1):
        for at in await _looks(store, standing, entry.observed_at):
            yield number, entry, await _take(source, store, standing, at)
        standing[entry.list] = _document(entry)
        yield number, entry, await _take(source, store, standing, entry.observed_at)
        standing[entry.list] = replace(standing[entry.list], body=b"", unchanged=True)


async def _looks(store: Store, standing: dict[ListName, Document], until: datetime) -> Iterator[datetime]:
    """When a held list would have been looked at again before the next one came."""
    held = [held for held in await store.held() if held.list in standing]
    last = max((h.last_at for h in held), default=until)
    return iter([last + STANDS * n for n in range(1, 1 + min(9, (until - last) // STANDS))])


async def _take(source: Source, store: Store, standing: dict[ListName, Document], at: datetime) -> tuple[Change, ...]:
    status = await store.source_status(source.name)
    reading = Reading(documents=dict(standing), facts=status.facts, validators=status.validators)
    watched = await take(source, reading, status=status, store=store, at=at, every=timedelta(0))
    return watched.changes


def _document(entry: Entry) -> Document:
    body = entry.path.read_bytes()
    return Document(
        address=f"archive:{entry.path.name}",
        name=entry.path.name,
        body=body,
        sha256=digest(body),
        headers={},
        fetched_at=entry.observed_at,
    )
