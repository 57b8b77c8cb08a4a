"""The contract that every local source keeps. A kind in the registry without a case fails."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.loopback.local import Reply, maintenance, page, rss
from support.places import Reader
from support.platform_cases import AMENDED, CASES, TITLE, Case, place

from bot.domain.agenda import AgendaItem
from bot.domain.document import digest
from bot.errors import Blocked, Missing, SourceError, Unreachable, Unreadable
from bot.sources import LOCAL

DAY = timedelta(days=1, minutes=1)


@pytest.fixture(params=LOCAL)
def kind(request) -> str:
    return request.param


@pytest.fixture
def case(kind) -> Case:
    return CASES[kind]


@pytest.fixture
async def server(case):
    async with case.server() as server:
        case.say(server, TITLE)
        yield server


@pytest.fixture
def reader(kind, server) -> Reader:
    return Reader(place(kind, server))


def speaks(item: AgendaItem, words: str = "287(g)") -> bool:
    return any(words in text for text in (item.title, item.text, *item.pages))


def test_every_kind_has_a_case():
    assert CASES.keys() == LOCAL.keys()


def test_a_source_has_the_name_of_its_registry_line(kind):
    assert LOCAL[kind].kind == kind
    assert LOCAL[kind].recognizes(CASES[kind].addresses[0]).kind == kind


async def test_an_agenda_item_is_read_once(reader):
    reading = await reader.read()
    assert [speaks(item) for item in reading.items].count(True) == 1
    assert not reading.unchanged
    assert not reading.problems


async def test_items_are_complete(reader):
    reading = await reader.read()
    evidence = {digest(document.body) for document in reading.documents}
    assert len({item.id for item in reading.items}) == len(reading.items)
    for item in reading.items:
        assert item.title
        assert "<" not in item.title
        assert item.address.startswith("http")
        assert item.evidence in evidence


async def test_times_are_local(reader):
    for item in (await reader.read()).items:
        if isinstance(item.meets_at, datetime):
            assert item.meets_at.tzinfo.key == "America/New_York"
            assert (item.meets_at.hour, item.meets_at.minute) == (18, 30)


@pytest.mark.parametrize("validates", [True, False])
async def test_an_unchanged_place_costs_little_and_gives_nothing(case, server, reader, validates):
    server.validates = validates
    await reader.read()
    await reader.read(timedelta(hours=1))  # a feed of changes starts on another day now
    server.asked.clear()
    reading = await reader.read(timedelta(hours=1))
    assert reading.unchanged
    assert (reading.items, reading.documents, reading.problems) == ((), (), ())
    assert server.count() == case.cost
    assert reading.facts == reader.status.facts


async def test_unchanged_items_are_not_repeated_on_later_days(reader):
    await reader.read()
    for _ in range(3):
        reading = await reader.read(DAY)
        assert [item for item in reading.items if speaks(item)] == []


async def test_an_amended_item_keeps_its_id(case, server, reader):
    before = {item.id for item in (await reader.read()).items if speaks(item)}
    case.say(server, AMENDED)
    amended = {item.id for item in (await reader.read(timedelta(hours=1))).items if speaks(item, AMENDED)}
    assert amended == before


async def test_a_new_item_comes_alone(kind, case, server, reader):
    before = {item.id for item in (await reader.read()).items}
    case.add(server)
    reading = await reader.read(timedelta(hours=1))
    assert len(reading.items) == 1
    assert kind == "page" or not before & {item.id for item in reading.items}


async def test_an_empty_place_is_not_a_failure(kind, case):
    async with case.server() as server:
        if kind in {"feed", "page"}:
            server.feeds["/agendas.rss"], server.files["/agenda"] = rss(), page("<p>No meetings.</p>")
        reader = Reader(place(kind, server))
        first = await reader.read()
        assert [item.title for item in first.items] == (["A county"] if kind == "page" else [])
        case.say(server, TITLE)
        later = await reader.read(timedelta(hours=1))
        assert any(map(speaks, later.items))


@pytest.mark.parametrize(("status", "kind_of_fault"), [(403, Blocked), (500, Unreachable), (404, Missing)])
async def test_a_refusal_is_reported(case, server, reader, status, kind_of_fault):
    server.fails[case.listing] = Reply(b"", status=status)
    with pytest.raises(kind_of_fault, match=rf"Nash County: .* answered {status}") as raised:
        await reader.read()
    assert "never read successfully" in str(raised.value)


@pytest.mark.parametrize("kind", sorted(LOCAL.keys() - {"page"}))  # which takes any page
async def test_a_web_page_in_place_of_the_list_is_refused(case, server, reader):
    await reader.read()
    server.fails[case.listing] = maintenance()
    with pytest.raises(Unreadable):
        await reader.read(timedelta(hours=1))


async def test_a_bad_day_loses_nothing(case, server, reader):
    await reader.read()
    case.say(server, AMENDED)
    server.fails[case.listing] = Reply(b"", status=503)
    with pytest.raises(SourceError):
        await reader.read(timedelta(hours=1))
    server.fails.clear()
    assert any(speaks(item, AMENDED) for item in (await reader.read(timedelta(hours=1))).items)


async def test_rubbish_rows_do_not_hide_the_others(case, server, reader):
    case.spoil(server)
    assert any(map(speaks, (await reader.read()).items))


@pytest.mark.parametrize(
    "subject", ["To consider cancellation of the 287(g) agreement", "287(g): whether to postpone the vote"]
)
async def test_a_subject_is_no_status(case, subject):
    async with case.server() as server:
        case.say(server, subject)
        reading = await Reader(place(next(kind for kind in CASES if CASES[kind] is case), server)).read()
    assert any(speaks(item, subject) for item in reading.items)
    assert {item.status for item in reading.items} == {""}


async def test_an_unknown_time_zone_is_reported(kind, server):
    reader = Reader(replace(place(kind, server), zone="Mars/Olympus"))
    with pytest.raises(SourceError, match="'Mars/Olympus' is not a known time zone"):
        await reader.read()


async def test_requests_carry_our_name_and_robots_txt_is_asked_first(server, reader):
    await reader.read()
    assert all(asked.headers["user-agent"].startswith("Countersign/") for asked in server.asked)
    assert server.asked[0].path == "/robots.txt"


def test_its_addresses_are_recognized(kind, case):
    assert case.addresses
    for address in case.addresses:
        claimed = next(filter(None, (source.recognizes(address) for source in LOCAL.values())))
        assert claimed.kind == kind, address
        assert LOCAL[kind].recognizes(claimed.address) in {None, claimed}, "a proposed address is recognized too"
