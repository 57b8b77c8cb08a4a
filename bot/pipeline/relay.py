"""Read ICE's lists on a machine that ICE answers, and hand each reading to a Countersign that ICE refuses.

A small folder holds all that lasts: the last reading, the readings that the host hasn't taken yet and the bytes of
their documents. A reading is stored before it is handed over, so a kill at any moment loses nothing. The relay first
sends only the documents' hashes. The host answers with the hashes it lacks and then gets their bytes.
"""

import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from bot.domain.document import Document, Expect, Form, Validators
from bot.domain.handover import Handover
from bot.domain.outage import in_words
from bot.domain.relay_signature import signed
from bot.domain.source_status import ICE, SourceStatus
from bot.domain.timestamps import stamp, stamp_of
from bot.domain.way import Way
from bot.errors import SourceError, StoreCorrupt, attribute_errors_to
from bot.fetch.post import Posted, Poster
from bot.sources import Fetcher
from bot.sources.formats.handover_json import to_json
from bot.sources.ice import Ice
from bot.store.tiny.evidence import Evidence
from bot.store.tiny.files import Folder, Lock

STATE = "relay.json"
MOST_WAITING = 200  # readings; while the host is down, only those that found something new are kept
LONGEST_ANSWER = 64 * 1024  # bytes
TAKEN, DROPPED = frozenset({200}), frozenset({413, 422})  # a host's answers; after any other, we try again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayState:
    """The state of our own readings of ICE, and the readings to hand over, oldest first, without bodies."""

    status: SourceStatus = field(default_factory=lambda: SourceStatus(source=ICE))
    waiting: tuple[Handover, ...] = ()

    def queueing(self, handover: Handover) -> "RelayState":
        """Return the state with one more reading. Of those that found the same, keep the first and the last."""
        same = [each for each in self.waiting[-2:] if each.hashes == handover.hashes]
        kept = self.waiting[:-1] if len(same) == 2 else self.waiting
        return replace(self, waiting=(*kept, handover)[-MOST_WAITING:])


class RelayFolder:
    """The relay's folder. Only one relay at a time can use it."""

    def __init__(self, path: Path) -> None:
        self._folder = Folder(path)
        self._folder.make()
        self._lock = Lock(self._folder)
        self._evidence = Evidence(self._folder)
        self.state = self._loaded()

    def _loaded(self) -> RelayState:
        """Return the stored state. If it or the bytes behind it are damaged, read ICE's lists again."""
        found = self._folder.read(STATE)
        try:
            state = msgspec.json.decode(found, type=RelayState) if found is not None else RelayState()
        except msgspec.MsgspecError:
            log.warning(
                "the relay's folder is damaged, so ICE's lists will be read again", folder=str(self._folder.path)
            )
            return RelayState()
        validators = state.status.validators.items()
        whole = {address: each for address, each in validators if self.body(each.sha256) is not None}
        return replace(state, status=replace(state.status, validators=whole))

    def save(self, state: RelayState) -> None:
        """Write the state, and then remove the bytes that it no longer needs."""
        self._folder.write(STATE, msgspec.json.encode(state))
        self.state = state
        needed = {each.sha256 for each in state.status.validators.values()}
        needed |= {sha256 for handover in state.waiting for sha256 in handover.hashes}
        for sha256 in set(self._evidence.names()) - needed:
            for suffix in ("json", "gz"):
                self._folder.remove(f"evidence/{sha256[:2]}/{sha256}.{suffix}")

    def keep(self, document: Document) -> None:
        """Write a document's bytes."""
        self._evidence.put(document)

    def body(self, sha256: str) -> bytes | None:
        """Return the bytes with this hash, or None if they're missing or damaged."""
        try:
            found = self._evidence.get(sha256)
        except StoreCorrupt:
            return None
        return found.body if found is not None else None

    def close(self) -> None:
        """Let another relay use the folder."""
        self._lock.release()


class _Recording:
    """A fetcher that remembers the documents it has fetched."""

    def __init__(self, fetch: Fetcher) -> None:
        self._fetch = fetch
        self.documents: list[Document] = []

    async def get(
        self,
        address: str,
        *,
        source: str,
        validators: Validators | None = None,
        accept: str = "*/*",
        expect: Expect | None = None,
        last_good: datetime | None = None,
        form: Form | None = None,
    ) -> Document:
        """Fetch one address and remember the document."""
        found = await self._fetch.get(
            address, source=source, validators=validators, accept=accept, expect=expect, last_good=last_good, form=form
        )
        self.documents.append(found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Reads ICE at the pace of `every`, and hands the readings to the host at `to`, signed with `secret`."""

    ice: Ice
    fetch: Fetcher
    poster: Poster
    folder: RelayFolder
    to: str
    secret: str
    now: Callable[[], datetime]
    every: timedelta

    async def read(self) -> bool:
        """Read ICE once and store the reading. Return False if ICE couldn't be read."""
        state = self.folder.state
        recording = _Recording(self.fetch)
        try:
            with attribute_errors_to(ICE):
                reading = await self.ice.read(recording, state.status)
        except SourceError as fault:
            failed = state.status.failed(fault, self.now(), self.every)
            self.folder.save(replace(state, status=failed))
            words, again = in_words(fault, self.ice.host), stamp_of(failed.due_at)
            log.warning("source not read", source=ICE, problem=str(fault), again=again, in_words=words)
            return False
        for document in recording.documents:
            self.folder.keep(document)
        now = self.now()
        status = state.status.read_by(Way.DIRECT, now, self.every, None)
        status = replace(status, validators=reading.validators, facts=reading.facts, read_at=now)
        bare = [replace(document, body=b"", unchanged=False) for document in recording.documents]
        handover = Handover(way=Way.RELAY, documents=tuple(bare))
        self.folder.save(replace(state, status=status).queueing(handover))
        return True

    async def hand_over(self) -> bool:
        """Hand over all waiting readings, oldest first. Return False if the host didn't take one of them."""
        while self.folder.state.waiting:
            handover = self.folder.state.waiting[0]
            try:
                answer = await self._offered(handover)
            except (SourceError, OSError, ValueError) as fault:
                log.warning("not handed over yet", to=self.to, problem=str(fault))
                return False
            if answer.status not in TAKEN | DROPPED:
                log.warning("not handed over yet", to=self.to, status=answer.status, problem=_said(answer))
                return False
            as_of = stamp(handover.as_of)
            if answer.status in DROPPED:
                log.warning("the host can't use this reading", to=self.to, as_of=as_of, problem=_said(answer))
            else:
                log.info("handed over", to=self.to, as_of=as_of, said=_said(answer))
            self.folder.save(replace(self.folder.state, waiting=self.folder.state.waiting[1:]))
        return True

    async def _offered(self, handover: Handover) -> Posted:
        """Send a reading without bodies, then add those that the host lacks."""
        answer = await self._sent(handover, ())
        if answer.status != 409:
            return answer
        bodies = {sha256: self.folder.body(sha256) for sha256 in _missing(answer)}
        found = {sha256: body for sha256, body in bodies.items() if body is not None}
        documents = [replace(each, body=found.get(each.sha256, b"")) for each in handover.documents]
        return await self._sent(replace(handover, documents=tuple(documents)), found.keys())

    async def _sent(self, handover: Handover, with_bodies: Collection[str]) -> Posted:
        body = to_json(handover, with_bodies)
        headers = signed(self.secret, secrets.token_hex(16), self.now(), body)
        return await self.poster.post(
            f"{self.to.rstrip('/')}/relay",
            body,
            {**headers, "Content-Type": "application/json"},
            cap=LONGEST_ANSWER,
        )


def _missing(answer: Posted) -> list[str]:
    try:
        found = json.loads(answer.body).get("missing", [])
    except (ValueError, AttributeError, RecursionError):
        return []
    return [str(each) for each in found] if isinstance(found, list) else []


def _said(answer: Posted) -> str:
    """Return the host's answer in words. A server in front of it may have answered with a page instead."""
    try:
        return str(json.loads(answer.body)["said"])[:300]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
