"""Read the scanned documents of local meetings with OCR, if the operator has turned it on.

This is separate from the polls. One document after the other is fetched again and read, so that no poll waits for it,
no document is kept in memory meanwhile and a restart loses nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime

import structlog

from bot.domain.agenda import AgendaItem, Place
from bot.domain.agendas.scans import Scan, next_to_read
from bot.domain.change import Change
from bot.domain.document import Document, Expect
from bot.errors import SourceError, Unreadable, attribute_errors_to
from bot.pipeline.poll_agenda import record_ocr
from bot.pipeline.scans import known_scan, replace_scan, scans_to_read
from bot.sources import Fetcher
from bot.sources.formats.document_text import pages_without_text
from bot.sources.formats.ocr import OcrText, Tesseract, find_tesseract, read_scans
from bot.sources.formats.pdf import pdf_text
from bot.store import Notes, Store

log = structlog.get_logger()
Now = Callable[[], datetime]
Alone = Callable[[], AbstractAsyncContextManager[None]]


class Ocr:
    """Tesseract, looked for once, when it is first needed. If it isn't there, say so once."""

    def __init__(self) -> None:
        self._found: Tesseract | None = None
        self._has_looked = False

    async def tesseract(self) -> Tesseract | None:
        """Return the installed program, or None."""
        if not self._has_looked:
            self._has_looked = True
            try:
                self._found = await find_tesseract()
            except Unreadable as fault:
                log.warning(cannot_read(fault))
        return self._found


async def readiness() -> tuple[bool, str]:
    """Return whether scans can be read, and a sentence that says so or what is missing."""
    try:
        found = await find_tesseract()
    except Unreadable as fault:
        return False, f"{cannot_read(fault)}."
    return True, f"Scans are read by OCR ({found.program}, {' and '.join(found.reads)})."


def cannot_read(fault: Unreadable) -> str:
    """Say why scans aren't read although OCR is on."""
    return f"COUNTERSIGN_OCR is on, but scans aren't read, because {fault}"


async def next_scan(store: Notes, places: Mapping[str, Place], now: datetime) -> Scan | None:
    """Return the scan that OCR should read now, or None."""
    return next_to_read(await scans_to_read(store, places), places, now)


async def read_scan(
    scan: Scan, place: Place, *, store: Store, fetch: Fetcher, tesseract: Tesseract, now: Now, alone: Alone
) -> Sequence[Change]:
    """Read one document with OCR and record what it mentions. `alone` keeps polls of the place out meanwhile."""
    try:
        with attribute_errors_to(place.name):
            document = await fetch.get(
                scan.fetched_from, source=place.name, accept="application/pdf", expect=Expect.PDF
            )
            item, read = await with_ocr(item_of(scan), document, tesseract)
    except SourceError as fault:
        log.warning("scan not read", item=scan.title, problem=str(fault))
        async with alone():
            now_known = await known_scan(store, scan)
            if now_known is not None:
                await replace_scan(store, now_known.tried(str(fault), now()))
        return ()
    async with alone():
        now_known = await known_scan(store, scan)
        if now_known is None:
            return ()  # another edition has come meanwhile; that one is read next
        item = replace(item, title=now_known.title, meets_at=now_known.meets_at, status=now_known.status)
        changes = await record_ocr(place, item, document, store=store, now=now(), is_first=scan.is_first)
        await replace_scan(store, _after(now_known, read, now()))
    log.info("scan read by OCR", item=scan.title, pages=len(read.pages), problem=read.problem or None)
    return changes


def _after(scan: Scan, read: OcrText, now: datetime) -> Scan:
    """Return a scan after OCR. If OCR failed altogether, it's tried again, because Tesseract may be what is broken."""
    if any(text.strip() for text in read.pages.values()):
        return replace(scan, is_read=True, problem=read.problem)
    return scan.tried(read.problem, now) if read.problem else replace(scan, problem="OCR finds no words on it")


async def with_ocr(item: AgendaItem, document: Document, tesseract: Tesseract) -> tuple[AgendaItem, OcrText]:
    """Return an item with the text of its document's pages, and what OCR says about the scanned ones."""
    found = await asyncio.to_thread(pdf_text, document.body)
    read = await read_scans(document.body, found.scans, tesseract)
    pages = tuple(f"{text}\n\n{read.pages.get(number, '')}".strip() for number, text in enumerate(found.pages, start=1))
    by_ocr = tuple(number for number in found.scans if number in read.pages)
    unreadable = pages_without_text(["read" if n in by_ocr else text for n, text in enumerate(pages, start=1)])
    said = replace(item, pages=pages, scans=found.scans, by_ocr=by_ocr, unreadable=unreadable, evidence=document.sha256)
    return said, read


def item_of(scan: Scan) -> AgendaItem:
    """Return the agenda item that a remembered scan belongs to, without its text."""
    return AgendaItem(
        id=scan.item,
        title=scan.title,
        address=scan.address,
        body=scan.body,
        meets_at=scan.meets_at,
        status=scan.status,
        evidence=scan.sha256,
    )
