"""Read a place whose whole calendar is one document, by comparing its rows.

ASP.NET puts a `__VIEWSTATE` into every answer, so the bytes of an unchanged page differ each time.
"""

import asyncio
from collections.abc import Callable, Sequence

from bot.domain.agenda import LocalReading
from bot.domain.document import Document, Expect, Form
from bot.sources.formats.page_tree import is_whole
from bot.sources.local.crawler import Crawler, IndexEntry, ParseAgenda
from bot.sources.local.session import ReadSession

ParseCalendar = Callable[[Document], tuple[Sequence[IndexEntry], bool]]


async def read_calendar(
    session: ReadSession,
    address: str,
    parse: ParseCalendar,
    *,
    name: str = "meetings",
    expect: Expect = Expect.HTML,
    parse_agenda: ParseAgenda | None = None,
    agenda_expect: Expect = Expect.JSON,
    form: Form | None = None,
) -> LocalReading:
    """Return the new and amended meetings. `parse` returns the meetings and whether they are all of the calendar's.

    If there is a form, it is sent to ask for the calendar.
    """
    document = await session.get(address, expect=expect, unconditional=session.rereads_index, form=form)
    if not session.rereads_index and session.is_same(document, address):
        return session.unchanged_reading()
    entries, is_complete = await asyncio.to_thread(parse, document)
    is_complete = is_complete and (expect is not Expect.HTML or is_whole(document))
    crawler = Crawler(session, name, parse_agenda=parse_agenda, agenda_expect=agenda_expect, is_calendar=True)
    items = await crawler.crawl(entries, evidence=document.sha256, is_complete=is_complete)
    return session.reading(items, {name: crawler.facts})
