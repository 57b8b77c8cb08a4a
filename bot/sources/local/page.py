"""A source for any web page or PDF, or for the parts of a page that match a selector.

Only a change in the text counts as a change.
"""

import asyncio
import html
import re
from datetime import datetime
from urllib.parse import urldefrag

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document
from bot.domain.source_status import SourceStatus
from bot.sources import Fetcher
from bot.sources.formats.charset import charset, decoded
from bot.sources.formats.document_text import pages_without_text, read_document
from bot.sources.formats.fields import clean_text, fingerprint, is_web_address, name_from
from bot.sources.formats.limits import LONGEST_TITLE
from bot.sources.local.session import ReadSession

_TITLE = re.compile(r"<title\b[^>]*>(.{1,1000}?)</title", re.IGNORECASE | re.DOTALL)


class Page:
    """The source `page`, which treats one web page or PDF as a single item.

    The item keeps its identity as long as the address stays the same.
    """

    kind = "page"

    def recognizes(self, address: str) -> Place | None:
        """Return a place for any web address."""
        if not is_web_address(address):
            return None
        return Place(name=name_from(address), kind=self.kind, address=urldefrag(address).url, state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the page as an item if its text has changed. Each reading makes one request."""
        session = ReadSession(fetch, place, status, now)
        same_part = status.facts.get("selector") == place.selector
        document = await session.get(place.address, unconditional=not same_part)
        if same_part and session.is_same(document, place.address):
            return session.unchanged_reading()
        found = await asyncio.to_thread(read_document, document, place.selector)
        seen = fingerprint(found.pages, found.text)
        facts = {"selector": place.selector, "said": seen}
        if same_part and status.facts.get("said") == seen:
            return session.reading([], facts)
        item = AgendaItem(
            id="page",
            title=_title(document) or place.name,
            address=place.address,
            text=found.text,
            pages=found.pages,
            scans=found.scans,
            body=place.body,
            unreadable=pages_without_text(found.pages),
            evidence=document.sha256,
        )
        return session.reading([item], facts)


def _title(document: Document) -> str:
    found = _TITLE.search(decoded(document.body[:100_000], charset(document.headers.get("content-type"))))
    return clean_text(html.unescape(found[1]))[:LONGEST_TITLE] if found else ""
