"""Replay an archive of ICE's lists through the real pipeline, using the times when the lists were observed."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.domain.agreement import ListName
from bot.domain.change import Change
from bot.domain.document import Document, digest
from bot.domain.letters import counted
from bot.domain.source_status import Reading
from bot.errors import UsageError
from bot.pipeline.poll_list import process
from bot.sources import Source
from bot.store import Store

REREAD_EVERY = timedelta(hours=8)  # while a list is held and no newer one has been published
MOST_REREADS = 9  # a day of rereadings is enough to release a held list


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry in the archive's manifest, with the list, the time it was observed (UTC) and the path of its file."""

    observed_at: datetime
    list: ListName
    path: Path


def entries(folder: Path) -> list[Entry]:
    """Return the archive's entries, oldest first.

    Raise UsageError if the manifest can't be read or a file is missing.
    """
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
        raise UsageError(f"{folder} isn't an archive: it has no manifest.json.") from None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise UsageError(f"{manifest} can't be read: {fault!r}.") from None
    missing = [entry.path for entry in found if not entry.path.is_file()]
    if missing:
        raise UsageError(
            f"{folder} lacks {counted(len(missing), 'file')} named in manifest.json, such as {missing[0].name}."
        )
    return sorted(found, key=lambda entry: entry.observed_at)


async def replay(
    found: list[Entry], *, source: Source, store: Store
) -> AsyncIterator[tuple[int, Entry, tuple[Change, ...]]]:
    """Replay the entries. After each reading, yield the entry's number (starting at 1), the entry and the changes.

    Each list counts as published until the next version of the same list. When the replay ends, the source counts as
    not read yet, because no one has asked ICE.
    """
    published: dict[ListName, Document] = {}
    for number, entry in enumerate(found, start=1):
        for at in await _rereadings(store, published, entry.observed_at):
            yield number, entry, await _read(source, store, published, at)
        published[entry.list] = document_of(entry)
        yield number, entry, await _read(source, store, published, entry.observed_at)
        published[entry.list] = replace(published[entry.list], body=b"", unchanged=True)
    status = await store.source_status(source.name)
    unread = replace(status, tried_at=None, read_at=None, read_since=None, changed_at=None, due_at=None)
    await store.remember(replace(unread, good_readings=0, failed_readings=0))


async def _rereadings(store: Store, published: dict[ListName, Document], until: datetime) -> Iterator[datetime]:
    """Return the times when held lists would have been read again before the next list was published."""
    held = [held for held in await store.held() if held.list in published]
    last = max((h.last_at for h in held), default=until)
    return iter([last + REREAD_EVERY * n for n in range(1, 1 + min(MOST_REREADS, (until - last) // REREAD_EVERY))])


async def _read(source: Source, store: Store, published: dict[ListName, Document], at: datetime) -> tuple[Change, ...]:
    status = await store.source_status(source.name)
    reading = Reading(documents=dict(published), facts=status.facts, validators=status.validators)
    done = await process(source, reading, status=status, store=store, at=at, every=timedelta(0))
    return done.changes


def document_of(entry: Entry) -> Document:
    """Return an archived list as the document that Fetch would have returned."""
    body = entry.path.read_bytes()
    return Document(
        address=f"archive:{entry.path.name}",
        name=entry.path.name,
        body=body,
        sha256=digest(body),
        headers={},
        fetched_at=entry.observed_at,
    )
