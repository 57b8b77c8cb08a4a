"""What is remembered of scanned documents, which one OCR reads next, and who is told of which, once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.domain.agenda import CANCELLED, AgendaItem
from bot.domain.agendas.scans import MOST_SCANS, Scan, next_to_read, remembered_scans, scans_to_tell
from bot.domain.change import Kind
from bot.domain.subscription import Cadence, Filter, Slot, Subscription

NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)  # Tuesday, 9:05 a.m. in New York
SLOT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def scan(**more):
    values = {
        "item": "event/77/packet", "source": "Nash County, NC", "state": "NC", "county": "Nash", "title": "Packet",
        "body": "Board of Commissioners", "address": "https://nash.example/77", "sha256": "a1", "pages": 9, "scanned": 9,
        "meets_at": date(2026, 12, 1), "fetched_from": "https://nash.example/77.pdf", "seen_at": NOW - 5 * DAY / 24,
    }  # fmt: skip
    return Scan(**{**values, **more})


def chat(**more):
    values = {"filter": Filter(states={"NC": 0}), "cadence": Cadence.DAILY, "tz": "America/New_York", "pinned_at": NOW}
    return Subscription(id="1", channel="telegram", address="42", **{**values, **more})


def item(*, scans=(1,), pages=("",), sha="a1", **more):
    return AgendaItem(id="event/77/packet", title="Packet", address="x", pages=pages, scans=scans, evidence=sha, **more)


# ── remembering ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_document_that_was_read_is_not_read_again_until_its_bytes_change():
    read = scan(is_read=True)
    assert remembered_scans([read], [item()], [scan(seen_at=NOW)], NOW) == (read,)
    (changed,) = remembered_scans([read], [item(sha="b2")], [scan(sha256="b2", seen_at=NOW)], NOW)
    assert (changed.is_read, changed.seen_at) == (False, read.seen_at)


def test_a_document_that_has_text_now_is_forgotten_and_a_moved_meeting_is_noted():
    assert remembered_scans([scan()], [item(scans=(), pages=("Agenda",))], [], NOW) == ()
    moved = remembered_scans([scan()], [item(meets_at=date(2026, 12, 8), status="rescheduled")], [], NOW)
    assert [(each.meets_at, each.status) for each in moved] == [(date(2026, 12, 8), "rescheduled")]


def test_an_entry_of_the_calendar_alone_says_nothing_about_its_scan():
    assert remembered_scans([scan()], [item(scans=(), pages=())], [], NOW) == (scan(),)


@pytest.mark.parametrize("entry", ["event/77", "event/77/packet"])
def test_a_meeting_that_moves_on_the_calendar_moves_its_scan_although_the_scan_is_not_read_again(entry):
    listed = AgendaItem(id=entry, title="Board", address="x", meets_at=date(2026, 12, 8), status=CANCELLED)
    other = AgendaItem(id="event/7", title="Board", address="x", meets_at=date(2026, 12, 9))
    (moved,) = remembered_scans([scan()], [listed, other], [], NOW)
    assert moved == scan(meets_at=date(2026, 12, 8), status=CANCELLED)


def test_of_too_many_scans_those_of_the_next_meetings_are_kept():
    new = [scan(item=f"event/{n}", meets_at=date(2026, 11, 25) + n * DAY) for n in range(MOST_SCANS + 5)]
    kept = {each.item for each in remembered_scans([], [], new, NOW)}
    assert kept == {f"event/{n}" for n in range(MOST_SCANS)}


def test_scans_of_meetings_that_are_long_over_and_the_oldest_of_many_are_dropped():
    assert remembered_scans([scan(meets_at=date(2026, 11, 9))], [item()], [], NOW) == ()
    many = [scan(item=str(number)) for number in range(MOST_SCANS + 5)]
    assert {each.item for each in remembered_scans(many, [], [], NOW)} == {str(n) for n in range(5, MOST_SCANS + 5)}


# ── OCR ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_next_meeting_comes_first_and_then_the_latest_of_the_past():
    days = {"past": date(2026, 11, 20), "none": None, "far": date(2026, 12, 20), "near": date(2026, 11, 24)}
    waiting = [scan(item=name, meets_at=day) for name, day in days.items()]
    order = []
    while (found := next_to_read(waiting, {"Nash County, NC": None}, NOW)) is not None:
        order.append(found.item)
        waiting.remove(found)
    assert order == ["near", "far", "none", "past"]


@pytest.mark.parametrize(
    "why", [{"is_read": True}, {"problem": "broken"}, {"fetched_from": ""}, {"due_at": NOW + DAY}, {"source": "Pitt"}]
)
def test_a_scan_is_not_waiting(why):
    assert next_to_read([scan(**why)], {"Nash County, NC": None}, NOW) is None


def test_a_scan_that_cannot_be_fetched_is_tried_three_times():
    tried = scan().tried("no answer", NOW)
    assert not tried.is_waiting(NOW)
    assert tried.is_waiting(NOW + timedelta(hours=1))
    given_up = tried.tried("no answer", NOW).tried("no answer", NOW)
    assert (given_up.problem, given_up.is_waiting(NOW + DAY)) == ("no answer", False)


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (chat(), scan()),
        (chat(filter=Filter(counties={"NC/nash": 0})), scan()),
        (chat(filter=Filter(states={"*": 0})), scan()),
        (chat(), scan(is_first=True)),
        (chat(), scan(scanned=5)),
        (chat(slot_served=Slot(date(2026, 11, 23), SLOT - DAY)), scan()),
        (chat(last_sent_at=NOW - DAY), scan(problem="Tesseract crashed")),
        (chat(created_at=NOW - DAY), scan(meets_at=None)),
    ],
)
def test_a_scan_is_told(to, found):
    assert list(scans_to_tell(to, [found])) == [found]


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (chat(filter=Filter(counties={"NC/pitt": 0})), scan()),
        (chat(filter=Filter(states={"NC": 0}, kinds={Kind.SIGNED: 0})), scan()),
        (chat(filter=Filter(counties={"NC/nash": 0})), scan(is_first=True)),  # it was in the answer
        (chat(), scan(is_read=True)),
        (chat(), scan(scanned=4)),  # a few exhibits in a typed packet
        (chat(), scan(seen_at=SLOT - timedelta(minutes=3))),  # the next digest tells it
        (chat(slot_served=Slot(date(2026, 11, 24), SLOT)), scan()),  # this morning's digest has told it
        (chat(created_at=NOW - timedelta(minutes=1)), scan()),
        (chat(), scan(meets_at=date(2026, 11, 1))),
        (replace(chat(), pinned_at=None), scan()),
    ],
)
def test_a_scan_is_not_told(to, found):
    assert list(scans_to_tell(to, [found])) == []


@pytest.mark.parametrize("minutes", [-2_000, -1_441, -1_440, -61, -12, -10, -9, 0, 30, 90])
def test_each_scan_is_told_in_exactly_one_of_the_digests(minutes):
    found, told, to = (
        scan(seen_at=SLOT + timedelta(minutes=minutes)),
        0,
        chat(slot_served=None, last_sent_at=SLOT - 3 * DAY),
    )
    for day in range(-1, 3):
        late = timedelta(minutes=50 * (day + 1))  # a digest may be late
        to = replace(to, pinned_at=SLOT + day * DAY + late)
        told += len(scans_to_tell(to, [found]))
        to = replace(to, slot_served=Slot((SLOT + day * DAY).date(), SLOT + day * DAY), last_sent_at=to.pinned_at)
    assert told == 1
