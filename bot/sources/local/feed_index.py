"""Convert a feed to index entries, for the sources that read feeds."""

from bot.domain.agenda import AgendaItem
from bot.domain.document import Document
from bot.sources.formats.feed_xml import read_feed
from bot.sources.formats.fields import meeting_status
from bot.sources.local.crawler import IndexEntry, LinkedDocument
from bot.sources.local.session import ReadSession


def feed_entries(document: Document, session: ReadSession) -> list[IndexEntry]:
    """Return a feed's entries. The first agenda that an entry links to becomes its document."""
    feed = read_feed(document, session.zone)
    found: dict[str, IndexEntry] = {}
    for entry in feed.entries:
        body = session.place.body or feed.title
        item = AgendaItem(
            id=f"entry/{entry.id}",
            title=entry.title or body,
            text=entry.text,
            address=entry.link or session.place.address,
            body=body,
            meets_at=entry.meets_at,
            status=meeting_status(entry.title),
            evidence=document.sha256,
        )
        documents = tuple(LinkedDocument(id=item.id, title=item.title, address=each) for each in entry.agendas[:1])
        found.setdefault(item.id, IndexEntry(item=item, documents=documents))
    return list(found.values())
