"""Any web page, whole or the part of it that a selector names, or any PDF. Another page is one that reads otherwise."""

import html
import re
from datetime import datetime
from urllib.parse import urldefrag, urlsplit

from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.document import Document
from bot.domain.source_status import SourceStatus
from bot.sources import Fetcher
from bot.sources.formats.fields import LONGEST_TITLE, called, is_web, plain
from bot.sources.local.crawler import blank, texts
from bot.sources.local.session import ReadSession, fingerprint

_TITLE = re.compile(rb"<title\b[^>]*>(.{1,1000}?)</title", re.IGNORECASE | re.DOTALL)


class Page:
    """A page is one item, as long as its address is the same."""

    kind = "page"

    def recognizes(self, address: str) -> Place | None:
        """Any address on the web."""
        if not is_web(address) or not urlsplit(address).hostname:
            return None
        return Place(name=called(address), kind=self.kind, address=urldefrag(address).url, state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """What the page says, if it says something else than the last time; always one request."""
        visit = ReadSession(fetch, place, status, now)
        same_part = status.facts.get("selector") == place.selector
        document = await visit.get(place.address, whole=not same_part)
        if same_part and visit.is_known(document, place.address):
            return visit.nothing_new()
        pages, text = await texts(document, place.selector)
        said = fingerprint(pages, text)
        facts = {"selector": place.selector, "said": said}
        if same_part and status.facts.get("said") == said:
            return visit.reading([], facts)
        item = AgendaItem(
            id="page",
            title=_title(document) or place.name,
            address=place.address,
            text=text,
            pages=pages,
            body=place.body,
            unreadable=blank(pages),
            evidence=document.sha256,
        )
        return visit.reading([item], facts)


def _title(document: Document) -> str:
    """What the page calls itself."""
    found = _TITLE.search(document.body[:100_000])
    return plain(html.unescape(found[1].decode("utf-8", "replace")))[:LONGEST_TITLE] if found else ""
