"""Convert a feed to index entries, for the sources that read feeds."""

from bot.domain.agenda import AgendaItem
from bot.domain.agendas.meeting_status import meeting_status
from bot.domain.document import Document
from bot.sources.formats.feed_xml import FeedEntry, read_feed
from bot.sources.formats.fields import fingerprint, place_on_site
from bot.sources.local.crawler import IndexEntry, LinkedDocument
from bot.sources.local.session import ReadSession


def feed_entries(document: Document, session: ReadSession) -> list[IndexEntry]:
    """Return a feed's entries. The first agenda that an entry links to becomes its document.

    Entries that differ only in their ids are treated as one entry.
    """
    feed = read_feed(document, session.zone)
    session.note_skipped(feed.skipped)
    found: dict[str, IndexEntry] = {}
    for entry in feed.entries:
        body = session.place.body or feed.title
        item = AgendaItem(
            id=f"entry/{entry.id}",
            title=entry.title or body or session.place.name,
            text=entry.text,
            address=entry.link or session.place.address,
            body=body,
            meets_at=entry.meets_at,
            status=meeting_status(entry.title),
            evidence=document.sha256,
        )
        documents = tuple(LinkedDocument(id=item.id, title=item.title, address=each) for each in entry.agendas[:1])
        indexed = IndexEntry(item=item, documents=documents, words=_words(entry))
        found.setdefault(indexed.content, indexed)
    return list(found.values())


def _words(entry: FeedEntry) -> tuple[str, ...]:
    """Return the hashes that identify an entry even if its id has changed.

    If two entries have the same title and text, they are the same entry. A title alone, or the text that accompanies an
    agenda, may be the same for every meeting of a board, so the page or the day must also be the same.
    """
    if entry.title and entry.text and not entry.agendas:
        return (fingerprint(entry.title, entry.text),)
    page, day = place_on_site(entry.link), entry.meets_at
    return tuple(fingerprint(entry.title, entry.text, known) for known in (page, day) if known)
