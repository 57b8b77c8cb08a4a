from datetime import timedelta
from threading import current_thread, main_thread

import pytest
from support.loopback.local import LoopbackPrimeGov, Reply, page
from support.places import Reader

from bot.domain.agenda import Place
from bot.domain.document import digest
from bot.sources.local import primegov
from bot.sources.local.crawler import ParsedAgenda
from bot.sources.local.session import ReadSession

HOUR = timedelta(hours=1)


@pytest.fixture
async def portal():
    async with LoopbackPrimeGov() as portal:
        yield portal


@pytest.fixture
def reader(portal) -> Reader:
    return Reader(Place(name="Nash", kind="primegov", address=portal.base, state="NC", zone="America/New_York"))


def meetings(portal: LoopbackPrimeGov, days: range, *, start: int = 1) -> None:
    for key in days:
        agenda = portal.document(100 + key, "Agenda", page(f"<p>Agenda {key}</p>"))
        portal.meeting(key, f"Meeting {key}", f"2026-12-{key + start - 1:02}T18:30:00", agenda)


async def test_documents_too_many_for_one_reading_are_read_in_the_next_soonest_first(portal, reader):
    meetings(portal, range(1, 31))
    first = await reader.items()
    assert len(first) == 30
    read = [key for key, item in first.items() if item.text]
    assert sorted(read) == sorted(f"meeting/{key}" for key in range(1, 13))
    assert reader.status.facts["left_over"]
    second = await reader.items()
    assert sorted(second) == sorted(f"meeting/{key}" for key in range(13, 25))
    assert sorted(await reader.items()) == sorted(f"meeting/{key}" for key in range(25, 31))
    assert not reader.status.facts["left_over"]
    assert (await reader.read(HOUR)).unchanged


async def test_of_meetings_long_past_the_latest_documents_are_read_and_the_rest_is_left(portal, reader):
    for key in range(1, 15):
        agenda = portal.document(100 + key, "Agenda", page(f"<p>Agenda {key}</p>"))
        portal.meeting(key, f"Meeting {key}", f"2026-10-{key:02}T18:30:00", agenda)
    first = await reader.items()
    read = [key for key, item in first.items() if item.text]
    assert sorted(read) == sorted(f"meeting/{key}" for key in range(3, 15))
    assert not reader.status.facts["left_over"]
    assert (await reader.read(HOUR)).unchanged


async def test_an_agenda_is_parsed_off_the_event_loop(portal, reader, monkeypatch):
    threads = []
    monkeypatch.setattr(primegov, "parse_outline", lambda *_: threads.append(current_thread()) or ParsedAgenda())
    portal.meeting(1, "Board", "2026-12-01T18:30:00", portal.document(11, "HTML Agenda", page("<p>…</p>"), output=3))
    portal.pages["11"] = page("<p>Agenda</p>")
    await reader.read()
    assert threads
    assert main_thread() not in threads


async def test_a_host_that_stops_answering_is_left_alone_until_the_next_reading(portal, reader):
    meetings(portal, range(1, 6))
    portal.fails["/Public/"] = Reply(b"", status=503)
    reading = await reader.read()
    assert len(reading.items) == 5
    assert portal.count("/Public/") == 3, "one document, tried three times"
    portal.fails.clear()
    assert all(item.text for item in (await reader.items()).values())
    assert portal.count("/Public/") == 3 + 5


async def test_a_host_that_forbids_its_documents_is_asked_for_only_one(portal, reader):
    meetings(portal, range(1, 6))
    portal.fails["/Public/"] = Reply(b"", status=403)
    await reader.read()
    await reader.read(HOUR)
    assert portal.count("/Public/") == 2


async def test_a_calendar_that_loses_too_many_meetings_is_not_believed(portal, reader):
    meetings(portal, range(1, 9))
    await reader.read()
    kept, portal.meetings = portal.meetings, []
    emptied = await reader.read(HOUR)
    assert emptied.items == ()
    assert emptied.problems == (
        "Nash: 8 of 8 upcoming meetings vanished from the calendar at once, too many to believe",
    )
    portal.meetings = kept[:3]
    assert (await reader.read(HOUR)).items == ()
    portal.meetings = kept
    assert (await reader.read(HOUR)).unchanged
    portal.meetings = kept[:6]
    assert {item.status for item in (await reader.read(HOUR)).items} == {"taken off the calendar"}


async def test_a_calendar_that_is_empty_at_once_is_not_believed_however_few_meetings_it_had(portal, reader):
    meetings(portal, range(1, 3))
    await reader.read()
    kept, portal.meetings = portal.meetings, []
    assert (await reader.read(HOUR)).items == ()
    portal.meetings = kept[:1]
    assert [item.status for item in (await reader.read(HOUR)).items] == ["taken off the calendar"]


async def test_a_host_that_forbids_an_agenda_is_asked_for_nothing_more(portal, reader):
    for key in (1, 2, 3):
        outline = portal.document(10 + key, "HTML Agenda", page("<p>…</p>"), output=3)
        portal.meeting(key, "Board", f"2026-12-0{key}T18:30:00", outline)
    portal.fails["/Portal/"] = Reply(b"", status=403)
    reading = await reader.read()
    assert len(reading.items) == 3
    assert portal.count("/Portal/") == 1


def test_a_reading_notes_each_problem_once_and_ten_at_most(reader):
    session = ReadSession(None, reader.place, reader.status, reader.now)
    for number in (*range(12), 0):
        session.note(f"problem {number}")
    assert session.unchanged_reading().problems == tuple(f"problem {number}" for number in range(10))


async def test_the_stored_facts_of_a_place_do_not_grow(portal, reader):
    for month in range(1, 4):
        portal.meetings.clear()
        for key in range(1, 6):
            agenda = portal.document(key + month * 10, "Agenda", page(f"<p>{month} {key}</p>"))
            portal.meeting(key + month * 10, "Meeting", f"2026-12-{key:02}T18:30:00", agenda)
        await reader.read(timedelta(days=30))
    assert len(reader.status.validators) <= 2 + 5  # two lists and the agendas
    assert len(reader.status.facts["meetings"]) == 5


async def test_the_facts_of_an_entry_keep_the_keys_that_older_data_folders_hold(portal, reader):
    meetings(portal, range(1, 14))
    facts = (await reader.read()).facts["meetings"]
    first, last = dict(facts["meeting/1"]), dict(facts["meeting/13"])
    assert (len(first.pop("stamp")), len(first.pop("look"))) == (16, 16)
    assert first.pop("papers")["meeting/1"][:2] == ("101 1", digest(page("<p>Agenda 1</p>"))[:16])
    assert first == {
        "title": "Meeting 1",
        "body": "Meeting 1",
        "at": "2026-12-01T18:30:00-05:00",
        "address": f"{portal.base}/Public/CompiledDocument?meetingTemplateId=101&compileOutputType=1",
    }
    assert last["ask"] is True
    assert "papers" not in last
