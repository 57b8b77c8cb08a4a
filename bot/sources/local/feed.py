"""The source for any RSS or Atom feed, including Granicus's ViewPublisherRSS.php."""

import asyncio
import re
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from bot.domain.agenda import LocalReading, Place
from bot.domain.document import Expect
from bot.domain.source_status import SourceStatus
from bot.sources import Fetcher
from bot.sources.formats.fields import name_from, query_values
from bot.sources.local.crawler import Crawler
from bot.sources.local.feed_index import feed_entries
from bot.sources.local.session import ReadSession

_FEED_PATH = re.compile(
    r"\.(?:rss|xml|atom|rdf)$|/(?:rss|feed|feeds|atom)/?$|/RSSFeed\.aspx$|/\w*RSS\.php$", re.IGNORECASE
)
_OF_VIDEOS = frozenset({"podcast", "vpodcast", "video"})  # the modes of a Granicus feed that has no agendas
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed|format|type|alt)=(?:rss|atom)|(?:^|&)feed=", re.IGNORECASE)


class Feed:
    """The source `feed`. It reads a feed's entries and the agendas that they link to."""

    kind = "feed"

    def recognizes(self, address: str) -> Place | None:
        """Return the feed at this address. For a Granicus view, return its agenda feed."""
        parts = urlsplit(address)
        host = parts.hostname or ""
        view = query_values(parts.query).get("view_id", "") if host.endswith(".granicus.com") else ""
        if view.isdecimal():
            mode = query_values(parts.query).get("mode", "agendas")
            query = f"view_id={view}&mode={'agendas' if mode in _OF_VIDEOS else mode}"
            feed = urlunsplit(("https", parts.netloc, "/ViewPublisherRSS.php", query, ""))
            return Place(name=f"{host.split('.')[0]}-{view}", kind=self.kind, address=feed, state="")
        is_feed = _FEED_PATH.search(parts.path) or _FEED_QUERY.search(parts.query)
        if not is_feed or "sitemap" in parts.path.lower():
            return None
        return Place(name=name_from(address), kind=self.kind, address=address, state="")

    async def read(self, fetch: Fetcher, place: Place, status: SourceStatus, now: datetime) -> LocalReading:
        """Return the new and amended items in the feed. If the feed is unchanged, this takes one request."""
        session = ReadSession(fetch, place, status, now)
        address = (self.recognizes(place.address) or place).address
        document = await session.get(address, expect=Expect.FEED, unconditional=session.rereads_index)
        if not session.rereads_index and session.is_same(document, address):
            return session.unchanged_reading()
        entries = Crawler(session, "entries")
        found = await asyncio.to_thread(feed_entries, document, session)
        items = await entries.crawl(found)
        return session.reading(items, {"entries": entries.facts})
