"""Sample values for tests of the stores: agreements, changes, statuses, subscriptions, receipts."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from bot.domain.agenda import Mention
from bot.domain.agendas.track import mention_change
from bot.domain.agreement import Agreement, ListName, Publication, SupportType
from bot.domain.change import Change, Kind
from bot.domain.document import Document, Validators, digest
from bot.domain.lists.vetting import Held
from bot.domain.subscription import Cadence, Filter, Receipt, Subscription
from bot.store import Record, SourceStatus

NOON = datetime(2026, 5, 14, 12, 0, 0, 250_000, tzinfo=UTC)
STATES = ("AL", "AR", "FL", "GA", "NC", "PA", "TX")
MINUTE = timedelta(minutes=1)
_CHANNELS = count(100_000)


def agreement(number, state=None, **more):
    row = Agreement(
        state=state or STATES[number % len(STATES)],
        agency=f"Número {number} Police Department",
        canonical=f"numero {number} police department",
        support_type=SupportType.TFM,
        agency_type="Municipality",
        county=f"County {number % 60}",
        signed=date(2026, 1, 1) + timedelta(days=number % 120),
        moa=f"https://www.ice.gov/doclib/287gMOA/{number}.pdf",
        printed={"STATE": "Penn."} if number % 50 == 0 else {},
    )
    return replace(row, **more)


def document(name="participating05142026am.xlsx", body=b"rows", **more):
    return Document(
        address=f"https://www.ice.gov/doclib/287gList/{name}",
        name=name,
        body=body,
        sha256=digest(body),
        headers={"etag": '"abc"', "last-modified": "Thu, 14 May 2026 11:00:00 GMT"},
        fetched_at=NOON,
        **more,
    )


def publication(number=1, rows=3):
    return Publication(
        name=f"participating{number}.xlsx",
        address=f"https://www.ice.gov/doclib/287gList/participating{number}.xlsx",
        evidence=digest(str(number).encode()),
        observed_at=NOON + number * MINUTE,
        rows=rows,
    )


def change(kind, what, where=None, name=ListName.PARTICIPATING, **more):
    where = where or publication()
    row = None if kind in (Kind.WITHDRAWN, Kind.DROPPED) else len(what.agency)
    return Change(kind=kind, list=name, agreement=what, publication=where, row=row, because="key", **more)


def signed(number, state=None, where=None):
    return change(Kind.SIGNED, agreement(number, state), where)


def record(known, changes=(), *, at=NOON, move_rows=0, number=1, absent=None, **more):
    """Return the record of one reading, with what is known after its changes; `move_rows` moves every row down."""
    known = known.after(changes)
    if move_rows:
        rows = {name: {key: row + move_rows for key, row in rows.items()} for name, rows in known.rows.items()}
        known = replace(known, rows=rows, seen={ListName.PARTICIPATING: publication(number)}, absent=absent or {})
    return Record(status=more.pop("status", status(at)), recorded_at=at, known=known, changes=tuple(changes), **more)


def first_sight(count):
    return [change(Kind.LISTED, agreement(number)) for number in range(count)]


def spoken(number=1, state="NC", before=None, **more):
    """Return a mention on an agenda, as a change."""
    about = {
        "source": "Nash County, NC",
        "item": f"event/77/matter/{number}",
        "state": state,
        "county": "Nash",
        "body": "Board of Commissioners",
        "title": "Agreement under Section 287(g)",
        "address": "https://nash.example/77",
        "evidence": digest(b"an agenda"),
        "zone": "America/New_York",
        "meets_on": date(2026, 5, 19),
        "meets_at": datetime(2026, 5, 19, 18, 30, tzinfo=ZoneInfo("America/New_York")),
        "matched": ("287(g)", "Agreement … ICE"),
        "excerpt": "The Sheriff’s agreement …",
        "page": 12,
        "listed": (agreement(3, state),),
    }
    mention = Mention(**about | more).after(before.mention if before else None)
    return mention_change(mention, publication(number, rows=0))


def status(at=NOON, source="ice", **more):
    return SourceStatus(
        source=source,
        validators={"https://www.ice.gov/x": Validators(sha256="ab", name="x", full_at=at, etag='"1"')},
        facts={"headline": {"agreements": 1843}, "links": ["a", "b"]},
        tried_at=at,
        read_at=at,
        due_at=at + 10 * MINUTE,
        **more,
    )


def held(number=1, gone=(), **more):
    return Held(
        id=f"{number:08x}",
        source="ice",
        list=ListName.PARTICIPATING,
        publication=publication(number),
        reasons=("312 of 1,843 rows are gone",),
        gone=tuple(gone),
        since=NOON + number * MINUTE,
        last_at=NOON + number * MINUTE,
        **more,
    )


def subscription(states: Iterable[str] = ("FL", "TX"), cadence=Cadence.INSTANT, *, address=None, **more):
    """Return a new subscription, at an address of its own unless one is given."""
    return Subscription(
        id="",
        channel="slack",
        address=address or f"C{next(_CHANNELS):06d}",
        filter=Filter(states=dict.fromkeys(states, 0)),
        cadence=cadence,
        created_at=NOON,
        **more,
    )


def receipt(to, *, part=1, parts=1, at=NOON, **more):
    return Receipt(
        subscription=to, channel="slack", address="C012345", at=at, changes=(1,), part=part, parts=parts, **more
    )


async def picture(store):
    """Return everything a store holds, to compare two stores."""
    return {
        "known": await store.known(),
        "log": list(await store.changes()),
        "memories": list(await store.source_statuses()),
        "held": list(await store.held()),
        "subscriptions": list(await store.subscriptions()),
        "receipts": list(await store.receipts()),
    }


async def remember_together(store, statuses):
    """Store these statuses at the same time, as several readings do; of two for one source, only the last."""
    sources = {status.source: status for status in statuses}
    for source in sources:
        await store.lease(f"source {source}")
    try:
        await asyncio.gather(*map(store.remember, sources.values()))
    finally:
        for source in sources:
            await store.release(f"source {source}")


async def perform(store, step):
    """Do one transaction, chosen by the step's number and what the store holds."""
    at, one = NOON + step * MINUTE, step // 9
    known = await store.known()
    match step % 9:
        case 0:
            await store.subscribe(subscription([STATES[one % 7], "TX"], address=f"C{step:06d}"))
        case 1 | 4:
            body = f"rows of {step}".encode()
            coming = [signed(step, "TX", publication(step)), signed(step + 1000, None, publication(step))]
            leaving = list(known.participating.values())[:1] if step % 4 else []
            leaving = [change(Kind.WITHDRAWN, gone, publication(step)) for gone in leaving]
            await store.record(
                record(
                    known,
                    [*coming, *leaving],
                    at=at,
                    move_rows=step % 3,
                    number=step,
                    documents=(document(body=body),),
                    held=(held(step),) if step % 2 else (),
                )
            )
        case 2:
            await remember_together(store, [status(at, source=f"source {n % 5}", failures=step) for n in (one, 1)])
        case 3:
            await store.pin((await store.subscriptions())[-1].id, await store.last_seq(), at)
        case 5:
            await store.sent(receipt((await store.subscriptions())[-1].id, at=at, message_id=str(step)))
        case 6:
            last = (await store.subscriptions())[-1]
            await store.advance(last.id, last.pinned or 0)
        case 7:
            first = (await store.subscriptions())[0]
            await store.failed(
                receipt(first.id, at=at, error="ratelimited"),
                replace(first, failures=first.failures + 1, retry_at=at + MINUTE),
            )
        case _:
            await store.put_held([held(step)])
