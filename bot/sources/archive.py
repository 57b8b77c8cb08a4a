"""ICE's page and lists as the Internet Archive has captured them: the last resort while ICE refuses this host."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from bot.domain.document import Document
from bot.domain.handover import Handover
from bot.domain.way import Way
from bot.errors import Unreadable
from bot.sources import Fetcher
from bot.sources.ice import Ice

SOURCE = "archive"
_TIMESTAMP = re.compile(r"[0-9]{14}")
_FINAL = re.compile(r"/web/([0-9]{14})id_/")


class Capture(NamedTuple):
    """A capture of an address, as the Archive's index names it."""

    timestamp: str
    original: str

    @property
    def at(self) -> datetime:
        """The time of the capture in UTC."""
        return _moment(self.timestamp)


async def newest_captured(fetch: Fetcher, base: str, ice: Ice, since: datetime | None) -> Handover | None:
    """Return the newest capture of ICE's page, with those of the lists that it links.

    Return None if the page hasn't been captured since the given time, or the participating list not at all. Raise a
    SourceError if the Archive doesn't answer.
    """
    base = base.rstrip("/")
    page = await _newest(fetch, base, ice.addresses, since)
    if page is None:
        return None
    documents = [page]
    for link in ice.links(page).values():
        found = await _newest(fetch, base, (link,), None)
        if found is not None:
            documents.append(found)
    return Handover(way=Way.ARCHIVE, documents=tuple(documents)) if len(documents) > 1 else None


async def _newest(fetch: Fetcher, base: str, addresses: Sequence[str], since: datetime | None) -> Document | None:
    """Return the newest capture of the first of these addresses that has one."""
    for address in addresses:
        capture = await _search(fetch, base, address, since)
        if capture is not None and (since is None or capture.at > since):
            raw = await fetch.get(f"{base}/web/{capture.timestamp}id_/{capture.original}", source=SOURCE)
            return _as_ices(raw, address, capture)
    return None


async def _search(fetch: Fetcher, base: str, address: str, since: datetime | None) -> Capture | None:
    """Ask the Archive's index for the last good capture of an address."""
    asked = {"url": address, "output": "json", "fl": "timestamp,original", "filter": "statuscode:200", "limit": "-1"}
    if since is not None:
        asked["from"] = f"{since.astimezone(UTC):%Y%m%d%H%M%S}"
    found = await fetch.get(f"{base}/cdx/search/cdx?{urlencode(asked)}", source=SOURCE, accept="application/json")
    try:
        rows = json.loads(found.body)
        captures = [Capture(str(timestamp), str(original)) for timestamp, original in rows[1:]]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unreadable("the Internet Archive's index didn't answer with a list of captures") from None
    good = [each for each in captures if _TIMESTAMP.fullmatch(each.timestamp)]
    return max(good, key=lambda each: each.timestamp, default=None)


def _as_ices(raw: Document, address: str, capture: Capture) -> Document:
    """Return a capture as the document of ICE's that it holds, fetched when it was captured.

    If the Archive redirected us to another capture, the time is that of the other one.
    """
    found = _FINAL.search(raw.headers.get("final-address", ""))
    at = _moment(found[1]) if found else capture.at
    headers = {name: raw.headers[name] for name in ("content-type",) if name in raw.headers}
    return replace(raw, address=address, headers=headers, fetched_at=at, way=Way.ARCHIVE, unchanged=False)


def _moment(timestamp: str) -> datetime:
    try:
        return datetime.strptime(f"{timestamp}+0000", "%Y%m%d%H%M%S%z").astimezone(UTC)
    except ValueError:
        raise Unreadable(f"the Internet Archive names a capture of {timestamp}, which isn't a time") from None
