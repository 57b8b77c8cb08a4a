from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.loopback.local import LoopbackLegistar, Reply, page, pdf
from support.places import TUESDAY, Canned, Reader

from bot.domain.agenda import Place
from bot.errors import Blocked, Missing, SourceError, Unreachable, Unreadable
from bot.sources import LOCAL
from bot.sources.local.legistar import MATTERS

NEW_YORK = ZoneInfo("America/New_York")
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


@pytest.fixture
async def legistar():
    async with LoopbackLegistar() as legistar:
        yield legistar


@pytest.fixture
def reader(legistar) -> Reader:
    return Reader(place(legistar))


def place(legistar: LoopbackLegistar, address: str = "") -> Place:
    return Place(
        name="Nash County", kind="legistar", address=address or legistar.address, state="NC", zone="America/New_York"
    )


# ── days and times ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_meeting_has_its_day_and_its_local_time(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
    meeting = (await reader.items())["event/77"]
    assert meeting.meets_at == datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)
    assert meeting.address == "https://nash.legistar.com/MeetingDetail.aspx?LEGID=77"
    assert meeting.body == "Board of Commissioners"


@pytest.mark.parametrize("clock", [None, "", "TBD", "following the meeting", 1830])
async def test_a_meeting_without_a_time_has_its_day(legistar, reader, clock):
    legistar.event(77, "Board of Commissioners", "2026-12-01", clock)
    assert (await reader.items())["event/77"].meets_at == date(2026, 12, 1)


async def test_a_meeting_at_noon_has_its_time(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01", "Noon")
    assert (await reader.items())["event/77"].meets_at == datetime(2026, 12, 1, 12, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    "fields",
    [
        {"EventItemAgendaNote": "Sheriff: 287(g) agreement"},
        {"EventItemMatterName": " ", "EventItemActionText": "Sheriff: 287(g) agreement"},
        {"EventItemMatterAttachments": [{"MatterAttachmentName": "Sheriff: 287(g) agreement"}]},
    ],
)
async def test_an_item_without_a_title_takes_the_words_that_stand_for_it(legistar, reader, fields):
    legistar.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
    legistar.item(77, 1, None, **fields)
    legistar.item(77, 2, None)
    items = await reader.items()
    assert items.keys() == {"event/77", "event/77/item/1"}
    assert items["event/77/item/1"].title == "Sheriff: 287(g) agreement"


async def test_all_items_of_a_moved_or_canceled_meeting_say_so(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
    legistar.item(77, 1, "Agreement with ICE")
    await reader.read()
    legistar.event(77, "Board of Commissioners", "2026-12-08", "6:30 PM")
    moved = await reader.items()
    assert {item.meets_at.day for item in moved.values()} == {8}
    legistar.event(77, "Board of Commissioners", "2026-12-08", "6:30 PM", EventAgendaStatusName="CANCELED")
    cancelled = await reader.items()
    assert {item.status for item in cancelled.values()} == {"cancelled"}
    assert cancelled.keys() == moved.keys() == {"event/77", "event/77/item/1"}


async def test_a_meeting_that_leaves_the_calendar_is_reported_once(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
    legistar.event(78, "Planning Board", "2026-12-02")
    await reader.read()
    del legistar.events[77]
    gone = await reader.items()
    assert [(item.status, item.title, item.meets_at) for item in gone.values()] == [
        ("taken off the calendar", "Board of Commissioners", datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK))
    ]
    assert (await reader.read(HOUR)).unchanged


async def test_a_past_meeting_leaves_the_calendar_silently(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-11-23", "6:30 PM")
    legistar.event(78, "Planning Board", "2026-12-02")
    await reader.read()
    del legistar.events[77]
    assert (await reader.read(HOUR)).unchanged


# ── pages and filters ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_all_pages_of_a_feed_are_read(legistar, reader):
    for key in range(1, 451):
        legistar.matter(key, f"Matter {key}", f"2026-11-{key % 20 + 1:02}T10:00:00")
    items = await reader.items()
    assert items.keys() == {f"matter/{key}" for key in range(1, 451)}
    assert legistar.count("/matters") == 3


@pytest.mark.parametrize("ignores_order", [False, True])
async def test_rows_are_filtered_here_if_the_server_ignores_the_filter(legistar, reader, ignores_order):
    legistar.ignores_filter, legistar.ignores_order = True, ignores_order
    for key in range(1, 300):
        legistar.matter(key, f"Matter {key}", f"2019-03-{key % 20 + 1:02}T10:00:00")
        legistar.event(key, "Board", f"2019-04-{key % 20 + 1:02}")
    legistar.matter(412, "New", "2026-11-23T10:00:00")
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    assert (await reader.items()).keys() == {"matter/412", "event/77"}
    legistar.matter(413, "Newer", "2026-11-24T10:00:00")
    assert (await reader.items()).keys() == {"matter/413"}


async def test_an_endless_feed_is_cut_off_and_the_reading_says_so(legistar, reader):
    for key in range(1, 2_102):
        legistar.matter(key, f"Matter {key}", "2026-11-20T10:00:00")
    reading = await reader.read()
    assert len(reading.items) == 2_000
    assert reading.problems == ("Nash County: matters filled more than 10 pages of 200 rows; the rest was not read",)


@pytest.mark.parametrize(("ignores_order", "pages"), [(False, 1), (True, 2)])
async def test_old_rows_end_the_feed_only_in_falling_order(legistar, reader, ignores_order, pages):
    legistar.ignores_filter, legistar.ignores_order = True, ignores_order
    for key in range(1, 300):
        legistar.matter(key, f"Matter {key}", f"2019-03-{key % 20 + 1:02}T10:00:00")
    await reader.read()
    assert legistar.count("/matters") == pages


def test_the_query_is_one_the_api_understands():
    assert MATTERS.address("https://webapi.legistar.com/v1/nash", "2026-11-02", 200) == (
        "https://webapi.legistar.com/v1/nash/matters?$filter=MatterLastModifiedUtc%20gt%20datetime'2026-11-01'"
        "&$orderby=MatterLastModifiedUtc%20desc&$top=200&$skip=200"
    )


# ── matters, and agendas that change alone ───────────────────────────────────────────────────────────────────────────


async def test_a_matter_counts_as_filed_until_it_is_on_an_agenda(legistar, reader):
    legistar.matter(412, "Agreement with ICE", "2026-11-23T10:00:00")
    filed = await reader.items()
    assert filed.keys() == {"matter/412"}
    assert filed["matter/412"].text == "2026-412 · Resolution · Filed"
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    legistar.item(77, 3, "Agreement with ICE", matter=412, EventItemPassedFlagName="Pass")
    legistar.matter(412, "Agreement with ICE", "2026-11-24T10:00:00", MatterStatusName="Agenda Ready")
    agenda = await reader.items()
    assert agenda.keys() == {"event/77", "event/77/matter/412"}
    assert agenda["event/77/matter/412"].text == "2026-412 · Pass"
    legistar.matter(412, "Agreement with ICE", "2026-11-24T11:00:00", MatterStatusName="Passed")
    assert (await reader.items()) == {}


async def test_a_matter_links_to_its_page():
    reader = Reader(place(None, "https://webapi.legistar.com/v1/nash"))
    rows = [{"MatterId": 412, "MatterTitle": "T", "MatterLastModifiedUtc": "2026-11-23T10:00:00"}]
    reading = await LOCAL["legistar"].read(Canned(rows), reader.place, reader.status, TUESDAY)
    assert [item.address for item in reading.items] == [
        "https://nash.legistar.com/gateway.aspx?m=l&id=/matter.aspx?key=412"
    ]


@pytest.mark.parametrize("sign", ["a matter changed", "a day went by"])
async def test_an_item_added_without_a_change_of_the_event_is_found(legistar, reader, sign):
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    await reader.read()
    legistar.item(77, 3, "Agreement with ICE", matter=412)
    assert (await reader.items()) == {}
    if sign == "a matter changed":
        legistar.matter(412, "Agreement with ICE", "2026-11-24T10:00:00")
    assert (await reader.items(HOUR if sign == "a matter changed" else DAY)).keys() == {"event/77/matter/412"}


async def test_the_same_matter_twice_on_an_agenda_is_two_items(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    legistar.item(77, 3, "First reading", matter=412)
    legistar.item(77, 9, "Vote", matter=412)
    assert (await reader.items()).keys() == {"event/77", "event/77/matter/412", "event/77/item/9"}


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_agenda_file_is_read_page_by_page_as_part_of_its_meeting(legistar, reader):
    legistar.files["/agenda.pdf"] = pdf("Call to order", "Agreement under Section 287(g)", "")
    legistar.event(77, "Board of Commissioners", "2026-12-01", EventAgendaFile=f"{legistar.base}/agenda.pdf")
    items = await reader.items()
    meeting = items["event/77"]
    assert items.keys() == {"event/77"}
    assert [page.strip() for page in meeting.pages] == ["Call to order", "Agreement under Section 287(g)", ""]
    assert meeting.unreadable == "scanned, not read: no text on 1 of its 3 pages (3)"
    assert meeting.address == f"{legistar.base}/agenda.pdf"
    await reader.read(HOUR)
    assert legistar.count("/agenda.pdf") == 1


async def test_attachments_with_relevant_names_are_opened(legistar, reader):
    legistar.files |= {f"/{name}": page(f"<p>{name}</p>") for name in ("moa", "map", "memo")}
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    attachments = [legistar.attachment("287(g) MOA.pdf", "/moa"), legistar.attachment("Site map", "/map"), None, 7]
    legistar.item(77, 3, "Consent", matter=412, EventItemMatterAttachments=attachments)
    staff = [legistar.attachment("Staff memo", "/memo")]
    legistar.item(77, 4, "Agreement of the sheriff with ICE", EventItemMatterAttachments=staff)
    items = await reader.items()
    opened = {key: item.text for key, item in items.items() if item.title.endswith(")")}
    assert list(opened.values()) == ["moa", "memo"]
    assert all(key.startswith(("event/77/matter/412/", "event/77/item/4/")) for key in opened)
    assert legistar.count("/map") == 0


async def test_attachments_too_many_for_one_reading_are_opened_in_the_next(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    for key in range(1, 21):
        legistar.files[f"/moa/{key}"] = page(f"<p>Agreement {key}</p>")
        attachments = [legistar.attachment(f"Agreement {key}", f"/moa/{key}")]
        legistar.item(77, key, "Sheriff", EventItemMatterAttachments=attachments)
    assert len(await reader.items()) == 1 + 20 + 12
    assert len(await reader.items()) == 8
    assert (await reader.read(HOUR)).unchanged
    assert legistar.count("/moa/") == 20


async def test_old_meetings_are_not_opened_later(legistar, reader):
    await reader.read()
    legistar.files["/agenda"] = page("<p>Old</p>")
    legistar.event(70, "Board of Commissioners", "2026-11-09", EventAgendaFile=f"{legistar.base}/agenda")
    assert (await reader.items()).keys() == {"event/70"}
    assert legistar.count("/agenda") == 0
    assert legistar.count("/eventitems") == 0


@pytest.mark.parametrize(
    "stamp", ["2026-09-31T10:00:00", "2026-11-31T10:00:00", "0000-00-00", "2026-13-01T00:00:00", "9999-12-31"]
)
async def test_a_stamp_that_is_no_day_leaves_the_next_readings_alone(legistar, reader, stamp):
    legistar.extra = [{"MatterId": 7, "MatterTitle": "T", "MatterLastModifiedUtc": stamp}]
    await reader.read()
    legistar.matter(412, "Agreement with ICE", "2026-11-24T10:00:00")
    assert "matter/412" in await reader.items()


async def test_a_stored_day_that_is_none_is_forgotten(legistar, reader):
    await reader.read()
    reader.status = replace(reader.status, facts=reader.status.facts | {"since": "2026-11-31"})
    legistar.matter(412, "Agreement with ICE", "2026-11-24T10:00:00")
    assert "matter/412" in await reader.items()


# ── what is stored ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_facts_keep_the_keys_that_older_data_folders_hold(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    legistar.item(77, 3, "Agreement with ICE", matter=412)
    legistar.matter(412, "Agreement with ICE", "2026-11-23T10:00:00")
    facts = dict((await reader.read()).facts)
    event = dict(facts.pop("events")["event/77"])
    assert facts == {
        "since": "2026-11-23",
        "matters": {"412": "2026-11-23T10:00:00"},
        "pages": {"matters": 1, "events": 1},
        "looked_at": "2026-11-24T17:00:00+00:00",
        "left_over": False,
    }
    assert (len(event.pop("stamp")), len(event.pop("look"))) == (16, 16)
    assert event == {
        "agenda": f"{legistar.base}/v1/nash/events/77/eventitems?Attachments=1",
        "refs": ["412"],
        "title": "Board of Commissioners",
        "body": "Board of Commissioners",
        "at": "2026-12-01",
        "address": "https://nash.legistar.com/MeetingDetail.aspx?LEGID=77",
    }


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_client_is_explained(legistar):
    reader = Reader(place(legistar, f"{legistar.base}/v1/nowhere"))
    with pytest.raises(SourceError, match=r"answered 400 .*\(Legistar answers this if it doesn't know the client"):
        await reader.read()
    assert legistar.count() == 3, "the two feeds, and the calendar page"


async def test_a_closed_client_is_explained(legistar, reader):
    legistar.is_closed = True
    with pytest.raises(Missing, match=r"answered 410 Gone.*its API was switched off"):
        await reader.read()


async def test_one_feed_is_enough(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    legistar.matter(412, "Agreement", "2026-11-23T10:00:00")
    legistar.fails["/matters"] = Reply(b"", status=400)
    reading = await reader.read()
    assert [item.id for item in reading.items] == ["event/77"]
    assert "answered 400" in reading.problems[0]
    legistar.fails = {"/events": Reply(b"", status=404)}
    assert (await reader.items()).keys() == {"matter/412"}
    legistar.fails = {}
    assert (await reader.items()) == {}


async def test_a_message_in_place_of_the_list_is_quoted(legistar, reader):
    legistar.fails["/v1/"] = Reply(b'{"Message": "The service is being moved."}')
    with pytest.raises(Unreadable, match=r"it says “The service is being moved\.”"):
        await reader.read()


async def test_the_token_goes_only_to_the_api_and_is_written_nowhere(legistar, capsys):
    legistar.token = "s3cr3t"
    legistar.files["/agenda"] = page("<p>Agenda</p>")
    legistar.event(77, "Board of Commissioners", "2026-12-01", EventAgendaFile=f"{legistar.base}/agenda")
    legistar.events[77]["EventInSiteURL"] = None
    legistar.item(77, 3, "Agreement with ICE", matter=412)
    legistar.matter(413, "Filed", "2026-11-23T10:00:00")
    reader = Reader(place(legistar, f"{legistar.address}?token=s3cr3t"))
    reading = await reader.read()
    assert len(reading.items) == 3
    assert {asked.path for asked in legistar.asked if "token" in asked.query} == {
        "/v1/nash/matters",
        "/v1/nash/events",
        "/v1/nash/events/77/eventitems",
    }
    legistar.fails["/v1/"] = Reply(b"", status=400)
    with pytest.raises(SourceError) as raised:
        await reader.read(HOUR)
    said = capsys.readouterr()
    assert "s3cr3t" not in f"{reading!r} {raised.value} {said.out} {said.err}"


# ── anything at all ──────────────────────────────────────────────────────────────────────────────────────────────────


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
ROW = st.dictionaries(
    st.sampled_from(
        [
            "EventId",
            "EventBodyName",
            "EventDate",
            "EventTime",
            "EventAgendaFile",
            "EventComment",
            "EventItemId",
            "EventItemTitle",
            "EventItemAgendaNote",
            "EventItemMatterId",
            "EventItemMatterAttachments",
            "MatterId",
            "MatterTitle",
            "MatterLastModifiedUtc",
            "MatterAgendaDate",
        ]
    ),
    ANYTHING | st.sampled_from(["2026-12-01T00:00:00", "6:30 PM", "0001-01-01T00:00:00", "9999-12-31T23:59:59"]),
)


@given(st.lists(ROW, max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_comes_is_read_without_an_error(rows):
    reader = Reader(place(None, "https://webapi.legistar.com/v1/nash"))
    reading = await LOCAL["legistar"].read(Canned(rows), reader.place, reader.status, TUESDAY)
    assert all(item.title and item.id for item in reading.items)


# ── a closed API ──


def calendar(*rows: str) -> bytes:
    grid = '<table id="ctl00_ContentPlaceHolder1_gridCalendar_ctl00"><tbody>'
    return page(f'<input id="__VIEWSTATE" value="{id(rows)}" />{grid}{"".join(rows)}</tbody></table>')


def calendar_row(key: int, body: str, place: str = "Council Chambers", clock: str = "6:30 PM") -> str:
    of = f"ID={key}&amp;GUID=99C8E536-23D1-4912-AEC7-17CB05C140AE"
    return (
        f'<tr class="rgRow"><td><a id="x_ctl04_hypBody">{body}</a></td><td>12/1/2026</td>'
        f'<td><span id="x_ctl04_lblTime">{clock}</span></td><td>{place}</td>'
        f'<td><a id="x_ctl04_hypMeetingDetail" href="MeetingDetail.aspx?{of}">Meeting&nbsp;details</a></td>'
        f'<td><a id="x_ctl04_hypAgenda" href="View.ashx?M=A&amp;{of}">Agenda</a></td></tr>'
    )


@pytest.mark.parametrize("status", [403, 500, 400])
async def test_the_calendar_page_is_read_if_the_api_never_answered(legistar, reader, status):
    legistar.fails["/v1/"] = Reply(b"", status=status)
    legistar.files["/Calendar.aspx"] = calendar(
        calendar_row(1390531, "Board of Commissioners"),
        calendar_row(1390532, "Zoning", "Room 231<br /><em>Rescheduled from November 3</em>"),
        calendar_row(1390533, "Finance", "Chicago, Illinois<br><em>CANCELLED</em>"),
        calendar_row(1390534, "Water", clock="Canceled"),
    )
    legistar.files["/View.ashx"] = page("<p>1. Agreement under Section 287(g)</p>")
    reading = await reader.read()
    items = {item.body: item for item in reading.items}
    assert {body: item.status for body, item in items.items()} == {
        "Board of Commissioners": "",
        "Zoning": "",
        "Finance": "cancelled",
        "Water": "cancelled",
    }
    assert "287(g)" in items["Board of Commissioners"].text
    assert items["Board of Commissioners"].meets_at.isoformat() == "2026-12-01T18:30:00-05:00"
    assert "its calendar page is read in place of the API" in reading.problems[0]
    legistar.asked.clear()
    assert (await reader.read(timedelta(hours=1))).unchanged
    assert legistar.count() == 1


async def test_an_api_that_was_down_at_first_is_read_once_it_answers(legistar, reader):
    legistar.fails["/v1/"] = Reply(b"", status=500)
    legistar.files["/Calendar.aspx"] = calendar(calendar_row(1390531, "Board of Commissioners"))
    legistar.files["/View.ashx"] = page("<p>1. Call to order</p>")
    await reader.read()
    legistar.asked.clear()
    for hours in (1, 23, 1):
        assert not (await reader.read(timedelta(hours=hours))).problems
    assert len({asked.path for asked in legistar.asked if "/v1/" in asked.path}) == 1, "the API is asked once a day"
    legistar.fails.clear()
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    legistar.items[77] = []
    legistar.item(77, 2, "Agreement under Section 287(g)")
    items = (await reader.read(timedelta(hours=24))).items
    assert [item.title for item in items] == ["Board of Commissioners", "Agreement under Section 287(g)"]
    assert {item.status for item in items} == {""}


async def test_an_api_that_answered_before_is_blocked_or_down_and_not_closed(legistar, reader):
    legistar.event(77, "Board of Commissioners", "2026-12-01")
    await reader.read()
    legistar.files["/Calendar.aspx"] = calendar(calendar_row(1, "Board of Commissioners"))
    for status, kind in ((403, Blocked), (500, Unreachable)):
        legistar.fails["/v1/"] = Reply(b"", status=status)
        with pytest.raises(kind):
            await reader.read(timedelta(hours=1))
    assert legistar.count("Calendar") == 0


async def test_a_page_on_a_city_s_own_host_is_read(legistar):
    legistar.files["/Calendar.aspx"] = calendar(calendar_row(1390531, "Board of Commissioners"))
    reader = Reader(place(legistar, f"{legistar.base}/Calendar.aspx"))
    assert [item.body for item in (await reader.read()).items] == ["Board of Commissioners"]
    assert legistar.count("/v1/") == 0
