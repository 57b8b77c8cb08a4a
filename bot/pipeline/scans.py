"""Remember the scanned documents of local meetings: in the store's notes, one for each place."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime

import structlog

from bot.domain.agenda import LocalReading, Place
from bot.domain.agendas.scans import Scan, remembered_scans, scan_of
from bot.domain.document import Document
from bot.domain.web_address import masked
from bot.pipeline.same_source import site_of
from bot.store import Notes

SCANS = "scan"  # the kind of notes

log = structlog.get_logger()


async def stored_scans(store: Notes) -> Mapping[str, tuple[Scan, ...]]:
    """Return the remembered scans of each place that has any."""
    return {source: tuple(_scans_from(text)) for source, text in (await store.notes(SCANS)).items()}


async def all_scans(store: Notes, now: datetime) -> Sequence[Scan]:
    """Return all remembered scans whose meetings aren't long over."""
    return [scan for scans in (await stored_scans(store)).values() for scan in scans if scan.is_kept(now)]


async def scans_to_read(store: Notes, places: Mapping[str, Place]) -> Sequence[Scan]:
    """Return the remembered scans of these places. Those of a place's former site are left out."""
    stored = await stored_scans(store)
    return [scan for name, scans in stored.items() if name in places for scan in scans_here(places[name], scans)]


def scans_here(place: Place, scans: Sequence[Scan]) -> tuple[Scan, ...]:
    """Return the scans that are from a place's present site. A source keeps its name when it moves to another."""
    return tuple(scan for scan in scans if scan.site in {"", site_of(place)})


async def remember_scans(
    store: Notes, place: Place, reading: LocalReading, at: datetime, *, is_first: bool
) -> tuple[Scan, ...]:
    """Remember the scans among the items of a reading, and return all that are remembered of the place.

    The store is asked only if there is something new, because it returns the notes of all places at once.
    """
    if not reading.items and not is_first:
        return ()
    text = (await store.notes(SCANS)).get(place.name)
    known = tuple(_scans_from(text)) if text is not None else ()
    from_where = {document.sha256: _fetched_from(document) for document in reading.documents}
    new = [
        scan_of(place, item, from_where.get(item.evidence, ""), at, site=site_of(place), is_first=is_first)
        for item in reading.items
        if item.scans
    ]
    if not known and not new:
        return ()
    here = () if reading.starts_over else scans_here(place, known)
    scans = remembered_scans(here, reading.items, new, at)
    if scans != known:
        await _keep(store, place.name, scans)
    return scans


def _fetched_from(document: Document) -> str:
    """Return where to fetch a document again, or an empty string if its addresses have a secret, which isn't kept.

    A file often has a signed address for an hour. Then the address that leads there is kept.
    """
    addresses = (document.headers.get("final-address", document.address), document.address)
    return next((each for each in addresses if each == masked(each) and "***" not in each), "")


async def _keep(store: Notes, source: str, scans: Sequence[Scan]) -> None:
    await store.note(SCANS, source, json.dumps([_json(scan) for scan in scans]) if scans else None)


async def known_scan(store: Notes, scan: Scan) -> Scan | None:
    """Return a scan as it is remembered now, or None if its document has another edition or text meanwhile."""
    known = (await stored_scans(store)).get(scan.source, ())
    return next((each for each in known if (each.item, each.sha256) == (scan.item, scan.sha256)), None)


async def replace_scan(store: Notes, scan: Scan) -> None:
    """Store what became of a scan, unless another edition of its document has come meanwhile."""
    known = (await stored_scans(store)).get(scan.source, ())
    same = [scan if (each.item, each.sha256) == (scan.item, scan.sha256) else each for each in known]
    await _keep(store, scan.source, same)


def _json(scan: Scan) -> dict[str, object]:
    values = {name: value for name, value in asdict(scan).items() if value not in (None, "", False)}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _scans_from(text: str) -> Iterator[Scan]:
    """Yield the stored scans. One that this version can't read is left out and logged."""
    known = {field.name for field in fields(Scan)}
    try:
        stored = [dict(value) for value in json.loads(text)]
    except (TypeError, ValueError) as fault:
        log.warning("stored scans can't be read", problem=str(fault))
        return
    for value in stored:
        try:
            times = {name: _moment(value[name]) for name in ("seen_at", "meets_at", "due_at") if value.get(name)}
            yield Scan(**{name: each for name, each in (value | times).items() if name in known})
        except (TypeError, ValueError) as fault:
            log.warning("a stored scan can't be read", problem=str(fault))


def _moment(text: str) -> datetime | date:
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
