"""Lists that a platform sends on a bad day: cut off, too long, with ids that repeat or change, relative to a base."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.loopback.local import HTML, LoopbackCivicPlus, Reply, page
from support.places import Reader
from support.platform_cases import CASES, TITLE

from bot.domain.agenda import OFF_CALENDAR, Place

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def place_on(server, kind: str) -> Place:
    return Place(name="Nash County", kind=kind, address=server.address, state="NC", zone="America/New_York")


def fill(server, kind: str, number: int, day: int) -> None:
    """Add a meeting of December to a platform's calendar."""
    if kind == "iqm2":
        server.meeting(number, f"Dec {day}, 2026 6:30 PM", f"Board {day}")
        server.claims = None
    elif kind == "municode":
        server.row(f"n{number}", f"2026-12-{day:02}T18:30:00-05:00", f"Board {day}", page("<p>x</p>"))
    elif kind == "destiny":
        server.meeting(number, "12/2026", f"Dec {day}, 2026 6:30 PM", f"Board {day}")
    elif kind == "novusagenda":
        server.meeting(number, f"12/{day:02}/26", f"Board {day}")
    elif kind == "civicweb":
        server.meeting(number, f"Board {day} - Dec {day:02} 2026", f"2026-12-{day:02} 18:30")


CALENDARS = ("iqm2", "municode", "destiny", "novusagenda")


@pytest.mark.parametrize("kind", CALENDARS)
async def test_a_page_cut_off_in_the_middle_takes_no_meeting_off_the_calendar(kind):
    async with CASES[kind].server() as server:
        for day in (1, 8, 15):
            fill(server, kind, day, day)
        reader = Reader(place_on(server, kind))
        assert len({item.meets_on for item in (await reader.read()).items}) == 3
        made = server.reply

        def cut_off(path, query):
            answer = made(path, query)
            at = answer.body.find(b"Board 15") if answer else -1
            return replace(answer, body=answer.body[: at - 30].replace(b"Displaying", b"")) if at > 0 else answer

        server.reply = cut_off
        assert {item.status for item in (await reader.read(DAY)).items} <= {""}
        server.reply = made
        assert (await reader.read(DAY)).items == (), "the meeting was there all the time"


@pytest.mark.parametrize("kind", [*CALENDARS, "civicweb"])
async def test_meetings_that_get_new_ids_are_the_same_meetings(kind):
    async with CASES[kind].server() as server:
        fill(server, kind, 1, 1)
        fill(server, kind, 2, 8)
        reader = Reader(place_on(server, kind))
        before = {item.id for item in (await reader.read()).items}
        for name in ("meetings", "rows"):
            getattr(server, name, []).clear()
        fill(server, kind, 71, 1)
        fill(server, kind, 72, 8)
        items = (await reader.read(HOUR)).items
        assert {item.status for item in items} <= {""}, "no meeting was taken off the calendar"
        assert {item.id for item in items} <= before, "and none is new"


@pytest.mark.parametrize("kind", [*CALENDARS, "civicweb"])
async def test_two_meetings_with_one_id_are_two_meetings(kind):
    async with CASES[kind].server() as server:
        fill(server, kind, 5, 1)
        once = {item.meets_on for item in (await Reader(place_on(server, kind)).read()).items}
        if kind == "civicweb":
            fill(server, kind, 5, 8)
        else:
            fill(server, kind, 6, 8)
            renumber(server, 6, 5)
        reader = Reader(place_on(server, kind))
        items = (await reader.read()).items
        assert once == {date(2026, 12, 1)}
        assert {item.meets_on for item in items} == {date(2026, 12, 1), date(2026, 12, 8)}
        assert (await reader.read(HOUR)).items == ()


@pytest.mark.parametrize("kind", [*CALENDARS, "civicweb"])
async def test_meetings_with_new_ids_are_the_same_meetings_after_they_were_held(kind):
    async with CASES[kind].server() as server:
        fill(server, kind, 1, 1)
        reader = Reader(place_on(server, kind))
        before = {item.id for item in (await reader.read()).items}
        for number, after in enumerate((5 * DAY, 2 * DAY, DAY, DAY), start=71):  # it is held on the eighth day
            for name in ("meetings", "rows"):
                getattr(server, name, []).clear()
            fill(server, kind, number, 1)
            read = (await reader.read(after)).items
            assert ({item.id for item in read} <= before, {item.status for item in read} <= {""}) == (True, True)


async def test_meetings_with_one_id_stay_apart_when_the_first_of_them_leaves_the_list():
    async with CASES["novusagenda"].server() as server:
        for day in (1, 8):
            fill(server, "novusagenda", day, day)
        renumber(server, 8, 1)
        reader = Reader(place_on(server, "novusagenda"))
        await reader.read()
        server.meetings = dict(reversed(server.meetings.items()))
        assert (await reader.read(HOUR)).items == (), "in another order, they are the same meetings"
        del server.meetings[1]
        read = (await reader.read(8 * DAY)).items  # the first has been held, the second not yet
        assert read == (), "the second keeps its own id"


def renumber(server, old: int, new: int) -> None:
    """Answer with the number of one meeting in place of another's."""
    made = server.reply

    def reply(path, query):
        answer = made(path, query)
        pairs = (
            (f"ID={old}", f"ID={new}"),
            (f"seq={old}", f"seq={new}"),
            (f"/n{old}", f"/n{new}"),
            (f"-n{old}", f"-n{new}"),
        )
        for before, after in pairs if answer else ():
            answer = replace(answer, body=answer.body.replace(before.encode(), after.encode()))
        return answer

    server.reply = reply


async def test_the_next_meetings_of_a_list_that_is_too_long_are_read():
    async with CASES["civicweb"].server() as server:
        for number in range(1_100):  # the site ignores the day asked for
            day = date(2023, 1, 1) + timedelta(days=number)
            server.meeting(number + 1, f"Board - {day:%b %d %Y}", f"{day} 18:30")
        fill(server, "civicweb", 9_000, 8)
        reading = await Reader(place_on(server, "civicweb")).read()
        assert date(2026, 12, 8) in {item.meets_on for item in reading.items}
        assert any("1,101 entries came at once" in problem for problem in reading.problems)


@pytest.mark.parametrize(
    ("kind", "shown", "at"),
    [
        ("novusagenda", "12/1/2026", "2026-12-01"), ("novusagenda", "12/01/26 6:30 PM", "2026-12-01T18:30:00-05:00"),
        ("novusagenda", "Tuesday, Dec 1, 2026", "2026-12-01"), ("destiny", "12/1/26", "2026-12-01"),
        ("destiny", "Tuesday, December 1, 2026 at 12:00 noon", "2026-12-01T12:00:00-05:00"),
        ("iqm2", "12/1/26 6:00 PM", "2026-12-01T18:00:00-05:00"), ("iqm2", "Dec 1, 2026 TBD", "2026-12-01"),
        ("civicweb", "", "2026-12-01"),
    ],
)  # fmt: skip
async def test_a_day_is_read_in_each_form(kind, shown, at):
    async with CASES[kind].server() as server:
        if kind == "novusagenda":
            server.meeting(5, shown, "Board")
        elif kind == "destiny":
            server.meeting(5, "12/2026", shown, "Board")
        elif kind == "iqm2":
            server.meeting(5, shown, "Board", file=0)
        else:
            server.meeting(5, "Board - Dec 01 2026", shown)
        (item, *_) = (await Reader(place_on(server, kind)).read()).items
    assert item.meets_at.isoformat() == at


async def test_links_of_an_agenda_center_are_relative_to_its_base():
    async with LoopbackCivicPlus() as server:
        rows = '<tr class="catAgendaRow"><td><a href="ViewFile/Agenda/_12012026-5">Board</a></td></tr>'
        table = f'<table summary="List of Agendas">{rows}</table>'
        server.search = page(table).replace(b"<body>", b'<base href="/AgendaCenter/"><body>')
        (item, *_) = (await Reader(place_on(server, "civicplus")).read()).items
    assert (item.address, item.meets_on) == (
        f"{server.base}/AgendaCenter/ViewFile/Agenda/_12012026-5",
        date(2026, 12, 1),
    )


async def test_a_meeting_that_is_really_gone_is_still_taken_off_the_calendar():
    async with CASES["novusagenda"].server() as server:
        for day in (1, 8, 15):
            fill(server, "novusagenda", day, day)
        server.items[8] = [(2, TITLE)]
        reader = Reader(place_on(server, "novusagenda"))
        await reader.read()
        del server.meetings[8]
        assert [(item.id, item.status) for item in (await reader.read(HOUR)).items] == [("meeting/8", OFF_CALENDAR)]


# ── answers of one address that never come ──


async def test_an_agenda_that_is_an_error_each_time_does_not_hide_the_next_meetings():
    async with CASES["legistar"].server() as server:
        for number, day in enumerate((1, 8, 15)):
            server.event(70 + number, "Board of Commissioners", f"2026-12-{day:02}", "6:30 PM")
            server.items[70 + number] = []
        server.item(72, 1, TITLE)
        server.fails = {"/events/70/": Reply(b"", HTML, 500)}
        reader = Reader(place_on(server, "legistar"))
        assert TITLE in {item.title for item in (await reader.read()).items}


async def test_a_host_that_answers_with_errors_again_and_again_is_left_alone():
    async with CASES["legistar"].server() as server:
        for number in range(20):
            server.event(70 + number, "Board of Commissioners", f"2026-12-{number + 1:02}", "6:30 PM")
        server.fails = {"/eventitems": Reply(b"", HTML, 500)}
        await Reader(place_on(server, "legistar")).read()
        assert len({asked.path for asked in server.asked if "/eventitems" in asked.path}) == 3


@pytest.mark.parametrize(
    "answer",
    [Reply(b"", HTML, 500), Reply(page("<p>Hello</p>"), HTML), Reply(b"", "text/plain"),
     Reply(page("<form><input type=password></form>"), HTML), Reply(b"", HTML, 404)],
)  # fmt: skip
async def test_a_file_without_plain_text_is_read_as_it_is_on_civicclerk(answer):
    async with CASES["civicclerk"].server() as server:
        server.event(5, "Regular meeting", "2026-12-01T18:30:00Z")
        server.events[5]["publishedFiles"] = [{"fileId": 9, "type": "Agenda", "name": "Agenda"}]
        file = "/v1/Meetings/GetMeetingFileStream(fileId=9,plainText=false)"
        server.files[file] = page(f"<p>1. Call to order 2. {TITLE}</p>")
        server.fails = {"plainText=true": answer}
        (item,) = (await Reader(place_on(server, "civicclerk")).read()).items
    assert (item.id, TITLE in item.text, item.unreadable) == ("event/5", True, "")


async def test_an_agenda_s_page_that_fails_twice_is_replaced_by_its_pdf_on_primegov():
    async with CASES["primegov"].server() as server:
        listed = {"compileOutputType": 3, "templateId": 7, "templateName": "HTML Agenda", "id": 1}
        file = server.document(7, "Agenda", page(f"<p>1. {TITLE}</p>"))
        server.meeting(5, "Board", "2026-12-01T18:30:00", listed, file)
        server.fails = {"/Portal/Meeting": Reply(b"", HTML, 500)}
        reader = Reader(place_on(server, "primegov"))
        assert not any(TITLE in item.text for item in (await reader.read()).items), "it may be a passing fault"
        assert any(TITLE in item.text for item in (await reader.read(HOUR)).items)
