"""Leave out lists that another way has already replaced, so that two ways that differ never flip the list."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bot.domain.agreement import ListName, Publication
from bot.domain.change import Change
from bot.domain.handover import superseded
from bot.domain.lists.vetting import EARLIER_WITHIN
from bot.domain.source_status import Reading, SourceStatus
from bot.store import ChangeLog

log = structlog.get_logger()


async def without_superseded(reading: Reading, status: SourceStatus, store: ChangeLog, now: datetime) -> Reading:
    """Leave out the lists that another way has already replaced with newer ones."""
    seen = (await store.known()).seen
    if not any(_differs(reading, seen, name) for name in reading.documents):
        return reading
    earlier = _accepted_before(await store.changes(since=now - EARLIER_WITHIN), seen)
    old = superseded(reading.documents, seen, earlier, status.heard)
    for name in old:
        log.info("left out a list that another way has replaced", list=name.value, way=reading.way.value)
    return replace(reading, documents={name: found for name, found in reading.documents.items() if name not in old})


def _differs(reading: Reading, seen: Mapping[ListName, Publication], name: ListName) -> bool:
    last = seen.get(name)
    document = reading.documents[name]
    return last is not None and document.way is not last.way and document.sha256 != last.evidence


def _accepted_before(log_so_far: Sequence[Change], seen: Mapping[ListName, Publication]) -> frozenset[str]:
    newest = {publication.evidence for publication in seen.values()}
    every = {p.evidence for change in log_so_far for p in (change.publication, change.before) if p is not None}
    return frozenset(every - newest)
