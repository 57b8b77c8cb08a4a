"""Read the page of a source that says whose site it is."""

import asyncio
import re
from urllib.parse import urlsplit

from bot.domain.agenda import Place
from bot.domain.agendas.whose_site import why_another
from bot.domain.document import Document, Expect
from bot.sources import Fetcher

_CLIENT = re.compile(r"/v1/([\w-]+)")


def front_page(place: Place) -> str:
    """Return the address of the page for readers, even if the source's own address is an API."""
    parts = urlsplit(place.address)
    host = parts.hostname or ""
    client = _CLIENT.match(parts.path)
    if host == "webapi.legistar.com" and client:
        return f"https://{client[1]}.legistar.com/Calendar.aspx"
    if host.endswith(".api.civicclerk.com"):
        return f"https://{host.removesuffix('.api.civicclerk.com')}.portal.civicclerk.com"
    return place.address


async def why_not_its_site(fetch: Fetcher, place: Place) -> str:
    """Return why a source's site belongs to another place, or "". Raise SourceError if it can't be read."""
    document = await fetch.get(front_page(place), source=place.name, accept="text/html, */*;q=0.5")
    return await asyncio.to_thread(_why, document, place)


def _why(document: Document, place: Place) -> str:
    if Expect.seen_in(document.body) not in {Expect.HTML, Expect.FEED}:
        return ""
    from bot.sources.formats.html import names_and_text  # noqa: PLC0415 - slow to import, and few readings need it

    return why_another(place, *names_and_text(document.body, content_type=document.headers.get("content-type", "")))
