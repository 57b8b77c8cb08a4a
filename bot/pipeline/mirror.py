"""Our last reading of ICE's lists as a handover, for others to read."""

from bot.domain.agreement import ListName
from bot.domain.document import Document
from bot.domain.handover import Handover
from bot.domain.source_status import ICE, MOVED_TO, SourceStatus
from bot.domain.way import Way
from bot.sources.ice import KEPT
from bot.store import Store


async def mirrored(store: Store, page: str) -> Handover | None:
    """Return the last reading without bodies, or None if nothing was read or its documents aren't stored.

    `page` is the usual address of ICE's page.
    """
    status = await store.source_status(ICE)
    if status.read_at is None:
        return None
    documents = [await _stored(store, status, address, sha256) for address, sha256 in await _read(store, status, page)]
    found = tuple(document for document in documents if document is not None)
    return Handover(way=Way.UPSTREAM, documents=found) if found and documents[0] is not None else None


async def _read(store: Store, status: SourceStatus, page: str) -> list[tuple[str, str]]:
    """Return the addresses and hashes of the page and of the lists it links.

    The page is the one in the evidence, which shows the same as the last one. A list that couldn't be read, or was
    read from a page that wasn't kept, is the last accepted one.
    """
    seen, facts = (await store.known()).seen, status.facts
    links = facts.get("links", {})
    if ListName.PARTICIPATING not in links:
        return []
    found = [(str(facts.get(MOVED_TO, page)), str(facts.get(KEPT, "")))]
    for name, address in links.items():
        validators, last = status.validators.get(address), seen.get(ListName(name))
        if validators is not None:
            found.append((address, validators.sha256))
        elif last is not None and last.address == address:
            found.append((address, last.evidence))
    return found


async def _stored(store: Store, status: SourceStatus, address: str, sha256: str) -> Document | None:
    """Return a document as of the last reading, without its body, or None if it isn't stored."""
    kept = await store.evidence(sha256) if sha256 else None
    if kept is None or status.read_at is None:
        return None
    return Document(
        address=address,
        name=kept.name,
        body=b"",
        sha256=sha256,
        headers=kept.headers,
        fetched_at=status.read_at,
        way=kept.way,
    )
