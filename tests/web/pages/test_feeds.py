"""Feeds and calendars: valid by schemas of our own and by the libraries that readers use, and never short of news."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import feedparser
import icalendar
import jsonschema
import pytest
from lxml import etree
from support.samples import NOON, agreement, change, publication, record, signed, spoken
from web.pages.test_pages import HOSTILE, INSTALLATION, Clock, filled, origin

from bot.domain.agenda import CANCELLED, OFF_AGENDA, RESCHEDULED
from bot.domain.change import Kind, Reason
from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import model_now
from bot.web.pages.rendering import Installation, render

SCHEMAS = Path(__file__).parents[2] / "support" / "schemas"
ATOM = etree.RelaxNG(etree.parse(SCHEMAS / "atom.rng"))
JSON_FEED = json.loads((SCHEMAS / "json-feed-1.1.json").read_text())
STEMS = (
    "", "/states/TX", "/states/VT", "/counties/tx-galveston-county", "/counties/tx-harris-county",
    "/agencies/tx-galveston-county-sheriffs-office", "/feed",
)  # fmt: skip


def retraction(of, reason=Reason.MISREAD):
    return replace(
        change(Kind.RETRACTED, of.agreement, of.publication),
        row=None,
        retracts=of.seq,
        retracted=of.kind,
        reason=reason,
    )


async def model_of(*days, at=NOON):
    """Return the model of a store that recorded these lists of changes, an hour apart."""
    store = TinyStore.in_memory()
    for number, found in enumerate(days):
        log = await store.changes()
        made = [each(log) if callable(each) else each for each in found]
        await store.record(record(await store.known(), made, at=at + number * timedelta(hours=1)))
    found = await model_now(origin(store, Clock()))
    await store.close()
    return found


@pytest.fixture
async def model():
    store = await filled(TinyStore.in_memory())
    yield await model_now(origin(store, Clock()))
    await store.close()


def body(model, path, settings=INSTALLATION, **query):
    answer = render(model, path, query, settings)
    assert answer.status == 200, path
    return answer.body


def atom(model, path, **query):
    """Return a feed as feedparser reads it, once it is valid."""
    found = body(model, path, **query)
    ATOM.assertValid(etree.fromstring(found))
    read = feedparser.parse(found)
    assert not read.bozo
    return read


def json_feed(model, path, **query):
    found = json.loads(body(model, path, **query))
    jsonschema.validate(found, JSON_FEED, format_checker=jsonschema.FormatChecker())
    return found


def events(model, path="/meetings.ics"):
    return list(icalendar.Calendar.from_ical(body(model, path)).walk("VEVENT"))


@pytest.mark.parametrize("prefix", ["", "/es"])
@pytest.mark.parametrize("stem", STEMS)
def test_every_feed_is_valid_in_both_languages_and_both_formats_say_the_same(model, stem, prefix):
    path = f"{prefix}{stem}/all" if stem == "/feed" else f"{prefix}{stem}/feed"
    first, second = atom(model, f"{path}.atom"), json_feed(model, f"{path}.json")
    assert [entry.id for entry in first.entries] == [item["id"] for item in second["items"]]
    assert [entry.title for entry in first.entries] == [item["title"] for item in second["items"]]
    assert [entry.content[0].value for entry in first.entries] == [item["content_html"] for item in second["items"]]
    assert first.feed.language == second["language"] == (prefix.strip("/") or "en")


async def test_a_new_copy_has_empty_feeds_that_are_valid():
    empty = await model_of()
    assert atom(empty, "/feed.atom").entries == []
    assert json_feed(empty, "/es/states/TX/feed.json")["items"] == []
    assert events(empty) == []


def test_an_entry_is_named_by_the_number_of_its_change_and_leads_to_its_evidence(model):
    entry = next(e for e in atom(model, "/feed.atom").entries if "withdrawn" in str(e.tags))
    assert entry.id == "tag:example.org,2026:change/4"
    assert entry.link == "https://example.org/changes/4"
    assert "does not prove" in entry.content[0].value


def test_a_hostile_name_stays_text_in_every_feed(model):
    entry = next(e for e in atom(model, "/feed.atom").entries if "script" in e.title)
    assert entry.title_detail.type == "text/plain"
    assert HOSTILE in entry.title
    for path in ("/feed.atom", "/feed.json", "/states/GA/feed.atom"):
        assert b"<script" not in body(model, path).replace(b'"title": "<script', b"")
    assert all("<script" not in item["content_html"] for item in json_feed(model, "/feed.json")["items"])


async def test_characters_that_xml_forbids_do_not_break_a_feed():
    strange = agreement(1, "TX", agency="Bell\x08 \x0bPolice \ufffe& <b>", canonical="bell police")
    found = await model_of([change(Kind.SIGNED, strange)])
    assert atom(found, "/feed.atom").entries[0].title.startswith("Bell Police �& <b>, Texas")


async def test_a_list_with_88_changes_has_88_entries_and_older_ones_fill_up_to_50():
    many = [signed(number, "TX", publication(1)) for number in range(88)]
    assert len(atom(await model_of(many), "/feed.atom").entries) == 88
    old = [signed(100 + n, "TX", replace(publication(1), observed_at=NOON - timedelta(days=40))) for n in range(80)]
    few = [signed(number, "TX", publication(1)) for number in range(3)]
    assert len(atom(await model_of(old, few), "/states/TX/feed.atom").entries) == 50
    assert len(atom(await model_of(old, many), "/states/TX/feed.atom").entries) == 88


async def test_our_correction_is_an_entry_of_its_own_and_the_corrected_entry_says_so():
    found = await model_of([signed(1, "TX")], [lambda log: retraction(log[0])])
    correction, wrong = atom(found, "/feed.atom").entries
    assert correction.title.startswith("Correction: Número 1 Police Department, Texas")
    assert (correction.id, wrong.id) == ("tag:example.org,2026:change/2", "tag:example.org,2026:change/1")
    assert "We corrected this" in wrong.content[0].value
    assert wrong.updated == correction.updated > wrong.published
    assert [item["_countersign"]["retracts"] for item in json_feed(found, "/feed/signed.json")["items"]] == [1, None]
    assert json_feed(found, "/feed/withdrawn.json")["items"] == []


async def test_a_feed_has_what_alerts_tell_and_other_kinds_by_choice():
    moved = agreement(1, "TX", county="Harris")
    corrected = change(Kind.CORRECTED, moved, was=agreement(1, "TX"))
    found = await model_of([signed(1, "TX"), change(Kind.LISTED, agreement(2, "TX"))], [corrected])
    assert len(atom(found, "/feed.atom").entries) == 1
    assert len(atom(found, "/feed/all.atom").entries) == 2
    assert len(atom(found, "/states/TX/feed.atom", kind="corrected").entries) == 1
    assert len(atom(found, "/states/TX/feed.atom", kind="signed,corrected").entries) == 2
    assert render(found, "/feed.atom", {"kind": "nonsense"}, INSTALLATION).status == 404
    assert render(found, "/feed/nonsense.atom", {}, INSTALLATION).status == 404
    assert render(found, "/states/ZZ/feed.atom", {}, INSTALLATION).status == 404


async def test_an_earlier_address_of_an_agency_still_gives_its_feed_and_its_data():
    renamed = agreement(1, "TX", agency="Bell Police", canonical="bell police")
    found = await model_of([signed(1, "TX")], [change(Kind.RENAMED, renamed, was=agreement(1, "TX"))])
    old, new = "/agencies/tx-numero-1-police-department", "/agencies/tx-bell-police"
    for tail in ("/feed.atom", "/feed.json", ".json", ".csv"):
        assert body(found, old + tail) == body(found, new + tail)
    assert atom(found, f"{old}/feed.atom").feed.links[0].href == f"https://example.org{new}/feed.atom"


async def test_a_copy_without_a_public_address_has_feeds_too():
    found = await model_of([signed(1, "TX")])
    read = feedparser.parse(body(found, "/feed.atom", Installation()))
    assert (read.entries[0].id, read.entries[0].link) == ("tag:localhost,2026:change/1", "/changes/1")


# ── calendars ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_meeting_keeps_its_uid_and_raises_its_sequence_when_it_moves_and_is_canceled():
    first = spoken(state="TX")
    later = datetime(2026, 5, 26, 18, 30, tzinfo=ZoneInfo("America/Chicago"))
    moved = spoken(before=first, state="TX", status=RESCHEDULED, meets_on=date(2026, 5, 26), meets_at=later)
    called_off = spoken(before=moved, state="TX", status=CANCELLED, meets_on=date(2026, 5, 26), meets_at=later)
    (one,), (two,), (three,) = [
        events(await model_of(*([each] for each in (first, moved, called_off)[:n]))) for n in (1, 2, 3)
    ]
    assert one["UID"] == two["UID"] == three["UID"]
    assert [int(each["SEQUENCE"]) for each in (one, two, three)] == [0, 1, 2]
    assert [each["STATUS"] for each in (one, two, three)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert two["DTSTART"].dt == later.astimezone(UTC)
    assert "canceled" in three["DESCRIPTION"]


async def test_a_meeting_whose_item_got_another_id_is_still_the_same_event():
    first = spoken(1, state="TX")
    again = spoken(2, before=first, state="TX", item="event/99/matter/3")
    (event,) = events(await model_of([first], [again]))
    assert (event["UID"], int(event["SEQUENCE"])) == ("Nash County, NC/event/77/matter/1@example.org", 1)


async def test_a_mention_that_is_gone_or_was_told_in_error_stays_as_canceled():
    gone = spoken(before=spoken(state="TX"), state="TX", status=OFF_AGENDA)
    (event,) = events(await model_of([spoken(state="TX")], [gone]))
    assert event["STATUS"] == "CANCELLED"
    (event,) = events(await model_of([spoken(state="TX")], [lambda log: retraction(log[0])]))
    assert (event["STATUS"], int(event["SEQUENCE"])) == ("CANCELLED", 1)
    assert "in error" in event["DESCRIPTION"]


async def test_a_calendar_escapes_and_folds_what_agendas_say_and_leaves_out_other_states():
    odd = "Ordinance; a, b\\c\r\nBEGIN:VALARM " + "Ñandú " * 40
    found = await model_of([spoken(state="TX", title=odd), spoken(2, state="NC", meets_at=None)])
    (event,) = events(found, "/es/states/TX/meetings.ics")
    assert "Ordinance; a, b\\c BEGIN:VALARM Ñandú" in event["DESCRIPTION"]
    assert max(map(len, body(found, "/meetings.ics").split(b"\r\n"))) <= 75
    (event,) = events(found, "/states/NC/meetings.ics")
    assert event["DTSTART"].dt == date(2026, 5, 19)
