"""Hand ICE's new lists and the documents that mentions come from to the Internet Archive, one at a time.

The pages to hand over follow from the change log, after a stored position, and from the last lists. It is written down
before the Archive is asked, so a kill loses nothing. If a page is asked for again within minutes, it isn't captured
again. Neither recording nor sending waits for any of this.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.domain.agreement import Publication
from bot.domain.change import Change
from bot.domain.timestamps import after, stamp
from bot.errors import Blocked, Missing, SourceError, Unsafe
from bot.fetch.wayback import Saved, Wayback
from bot.store import Store

CAPTURES = "captures"  # the kind of note that maps the SHA-256 of evidence, or a page's address, to the copy's address
OWED = "captures owed"
STATE = ""  # the key of our own state among the notes of what is owed; no evidence has it
PAUSE = timedelta(seconds=20)  # between two requests: three captures a minute are allowed without an account
LOOK_AGAIN = timedelta(minutes=10)
FIRST_BACK_OFF = timedelta(minutes=1)
LONGEST_BACK_OFF = timedelta(hours=6)
MOST_TRIES = 10
MOST_OWED = 500
MOST_LOOKED_AT = 5_000  # changes; a page from that many changes ago may no longer show the change

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Owed:
    """A page to hand over. `job` is the id of a capture under way. Times are UTC."""

    address: str
    since: str
    not_before: str = ""
    tries: int = 0
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The last change looked at, when, and when the Archive may be asked again. `failures` counts those in a row."""

    cursor: int
    looked_at: str = ""
    not_before: str = ""
    failures: int = 0


async def captures(store: Store) -> Mapping[str, str]:
    """Return the addresses of the copies, by the SHA-256 of the evidence or the address of the page."""
    return await store.notes(CAPTURES)


@dataclass(frozen=True, slots=True)
class Archivist:
    """Hands over what is owed. Only one program at a time may call `step`."""

    store: Store
    wayback: Wayback
    now: Callable[[], datetime]

    async def step(self) -> None:
        """Write down what is owed, and ask the Archive once if it's time."""
        owed = dict(await self.store.notes(OWED))
        progress = await self._look(owed)
        now = stamp(self.now())
        if progress.not_before > now:
            return
        waiting = {key: Owed(**json.loads(text)) for key, text in owed.items() if key != STATE}
        due = [(each.not_before, each.since, key) for key, each in waiting.items() if each.not_before <= now]
        if due:
            key = min(due)[2]
            await self._ask(key, waiting[key], progress)

    # ── what is owed ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _look(self, owed: dict[str, str]) -> Progress:
        """Add the evidence for the changes since the last look to `owed`. The first look takes only the last lists.

        A list may be new without a change in the log, so look again after a while in any case.
        """
        end = await self.store.last_seq()
        progress = Progress(**json.loads(owed[STATE])) if STATE in owed else Progress(cursor=end)
        if progress.cursor == end and progress.looked_at > stamp(self.now() - LOOK_AGAIN):
            return progress
        start = max(progress.cursor, end - MOST_LOOKED_AT)
        changes = await self.store.changes(after=start, upto=end) if start < end else ()
        done, seen = await self.store.notes(CAPTURES), (await self.store.known()).seen.values()
        for key, address in pages_behind(changes, seen).items():
            if key not in owed and key not in done and len(owed) <= MOST_OWED:
                owed[key] = _text(Owed(address, since=stamp(self.now())))
                await self.store.note(OWED, key, owed[key])
        progress = replace(progress, cursor=end, looked_at=stamp(self.now()))
        await self._remember(progress)
        return progress

    # ── ask ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, key: str, page: Owed, progress: Progress) -> None:
        page = replace(page, tries=page.tries + 1)
        await self._remember(replace(progress, not_before=stamp(self.now() + PAUSE)))
        await self.store.note(OWED, key, _text(page))
        try:
            saved = await self._saved(page)
        except (Unsafe, Missing) as fault:
            await self._give_up(key, page, str(fault))
        except (SourceError, OSError, ValueError) as fault:
            await self._put_off(key, page, progress, fault)
        else:
            await self._note(key, page, saved)
            await self._remember(replace(progress, not_before=stamp(self.now() + PAUSE), failures=0))

    async def _saved(self, page: Owed) -> Saved:
        if page.job is not None:
            return await self.wayback.status(page.address, page.job)
        await self.wayback.check(page.address)
        return await self.wayback.save(page.address)

    async def _note(self, key: str, page: Owed, saved: Saved) -> None:
        if saved.copy is not None:
            await self.store.note(CAPTURES, key, saved.copy)
            await self.store.note(OWED, key, None)
            log.info("captured by the Internet Archive", page=page.address, copy=saved.copy)
        elif page.tries >= MOST_TRIES:
            await self._give_up(key, page, "the capture isn't done")
        else:
            again = stamp(self.now() + PAUSE * page.tries)
            await self.store.note(OWED, key, _text(replace(page, job=saved.job, not_before=again)))

    async def _put_off(self, key: str, page: Owed, progress: Progress, fault: Exception) -> None:
        """Try the page again later. If the Archive is in trouble or asks for a pause, ask for nothing until then.

        A lost job starts over. Being asked to slow down isn't the page's fault, so it doesn't count as a try.
        """
        failures = progress.failures + 1
        wait = min(FIRST_BACK_OFF * 2 ** min(failures - 1, 10), LONGEST_BACK_OFF)
        asked = fault.retry_after if isinstance(fault, SourceError) else None
        until = max(self.now() + wait, after(self.now(), asked or 0))
        if isinstance(fault, Blocked):
            page = replace(page, tries=page.tries - 1)
        if isinstance(fault, SourceError):
            await self._remember(replace(progress, not_before=stamp(until), failures=failures))
        if page.tries >= MOST_TRIES:
            await self._give_up(key, page, str(fault))
            return
        await self.store.note(OWED, key, _text(replace(page, job=None, not_before=stamp(until))))
        log.warning("not captured yet", page=page.address, problem=str(fault), again_at=stamp(until))

    async def _give_up(self, key: str, page: Owed, problem: str) -> None:
        """Drop the page, and remember that there is no copy, so that it isn't owed again."""
        await self.store.note(CAPTURES, key, "")
        await self.store.note(OWED, key, None)
        log.warning("not captured", page=page.address, problem=problem)

    async def _remember(self, progress: Progress) -> None:
        await self.store.note(OWED, STATE, _text(progress))


def pages_behind(changes: Iterable[Change], lists: Iterable[Publication]) -> Mapping[str, str]:
    """Return the addresses of the evidence for these changes, and those of the lists. Pure.

    A document's key is its SHA-256. A page for readers that isn't the document is its own key. An address with a masked
    secret is left out, because no one else can open it.
    """
    found = {each.evidence: each.address for each in lists}
    for change in changes:
        found[change.publication.evidence] = change.publication.address
        if change.mention is not None and change.mention.address != change.publication.address:
            found[change.mention.address] = change.mention.address
    return {key: address for key, address in found.items() if key and _is_open(address)}


def _is_open(address: str) -> bool:
    return address.startswith(("http://", "https://")) and "***" not in address and len(address) <= 2_000


def _text(noted: Owed | Progress) -> str:
    return json.dumps(asdict(noted))
