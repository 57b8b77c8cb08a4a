"""Read the page of a source that says whose site it is."""

import asyncio
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from bot.domain.agenda import Place
from bot.domain.agendas.whose_site import stated_place, why_another
from bot.domain.document import Document, Expect
from bot.sources import Fetcher
from bot.sources.local.recognize import recognized_among

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


async def look_at(fetch: Fetcher, place: Place) -> tuple[list[Place], tuple[str, str]]:
    """Fetch a source's page. Return the sources on known platforms that it leads to, and whose site it is.

    A page of a known platform leads to another only if the site sends its readers there. Raise SourceError if the page
    can't be read.
    """
    document = await fetch.get(page_of_list(place), source=place.name, accept="text/html, */*;q=0.5")
    return await asyncio.to_thread(_seen_on, document, place)


def page_of_list(place: Place) -> str:
    """Return the address of the page that shows a source's list. That of a Granicus feed can be very long."""
    return front_page(place).replace(".granicus.com/ViewPublisherRSS.php?", ".granicus.com/ViewPublisher.php?")


def _seen_on(document: Document, place: Place) -> tuple[list[Place], tuple[str, str]]:
    address = document.headers.get("final-address", document.address)
    if Expect.seen_in(document.body) not in {Expect.HTML, Expect.FEED}:
        return _others([address], place), ("", "")
    from bot.sources.formats import html  # noqa: PLC0415 - slow to import, and few readings need it

    content_type = document.headers.get("content-type", "")
    linked = html.linked_addresses(document.body, address, content_type=content_type) if place.kind == "page" else []
    stated = stated_place(*html.names_and_text(document.body, content_type=content_type))
    return _others([address, *linked], place), stated


def _others(addresses: Iterable[str], place: Place) -> list[Place]:
    """Return the sources at these addresses that are on another platform than the place itself."""
    return [each for each in recognized_among(addresses) if each.kind != place.kind]


def _why(document: Document, place: Place) -> str:
    if Expect.seen_in(document.body) not in {Expect.HTML, Expect.FEED}:
        return ""
    from bot.sources.formats.html import names_and_text  # noqa: PLC0415 - slow to import, and few readings need it

    return why_another(place, *names_and_text(document.body, content_type=document.headers.get("content-type", "")))
