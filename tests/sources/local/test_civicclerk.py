from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.loopback.local import LoopbackCivicClerk, Reply, page, pdf, told
from support.places import PAGES, TUESDAY, Canned, Reader, needs_pages

from bot.domain.agenda import Place
from bot.errors import Unreadable
from bot.sources import LOCAL

NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)


@pytest.fixture
async def clerk():
    async with LoopbackCivicClerk() as clerk:
        yield clerk


@pytest.fixture
def reader(clerk) -> Reader:
    return Reader(place(clerk.address))


def place(address: str) -> Place:
    return Place(name="Nash County", kind="civicclerk", address=address, state="NC", zone="America/New_York")


async def test_the_list_of_events_is_read_to_its_end(clerk, reader):
    for key in range(1, 41):
        clerk.event(key, f"Meeting {key}", f"2026-12-{key % 20 + 1:02}T18:30:00Z")
    assert (await reader.items()).keys() == {f"event/{key}" for key in range(1, 41)}
    assert clerk.count("/Events") == 3
    clerk.events[40]["eventName"] = "Another name"
    assert (await reader.items()).keys() == {"event/40"}


async def test_a_list_that_continues_elsewhere_or_in_a_circle_is_cut_off(clerk, reader):
    rows = [{"id": 1, "eventName": "Meeting", "startDateTime": "2026-12-01T18:30:00Z"}]
    for following in ("https://elsewhere.example/v1/Events", "/v1/Events?$skip=0"):
        clerk.fails["/Events"] = told({"value": rows, "@odata.nextLink": following})
        reading = await Reader(place(clerk.address)).read()
        assert [item.id for item in reading.items] == ["event/1"]
        assert "the list of events continues at" in reading.problems[0]


async def test_a_time_is_local_whatever_zone_it_claims(clerk, reader):
    clerk.event(1, "Meeting", "2026-12-01T18:30:00Z")
    clerk.event(2, "Meeting", "2026-12-01T18:30:00")
    for item in (await reader.items()).values():
        assert item.meets_at == datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK)


async def test_an_agenda_published_after_its_meeting_is_found(clerk, reader):
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z")
    assert (await reader.items()).keys() == {"event/5"}
    assert clerk.count("/Meetings") == 0
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z", agenda=9)
    clerk.agendas[9] = [clerk.item(1, "Agreement with ICE")]
    assert (await reader.items()).keys() == {"event/5", "event/5/item/1"}


async def test_an_agenda_without_items_is_fetched_again_until_it_has_some(clerk, reader):
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z", agenda=9)
    clerk.agendas[9] = []
    await reader.read()
    assert (await reader.read(HOUR)).unchanged
    clerk.agendas[9] = [clerk.item(1, "Agreement with ICE")]
    assert (await reader.items()).keys() == {"event/5/item/1"}
    clerk.asked.clear()
    assert (await reader.read(HOUR)).unchanged
    assert clerk.count() == 1


async def test_nested_items_with_html_names_are_read(clerk, reader):
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z", agenda=9)
    deepest = clerk.item(3, "<p>Agreement under Section&nbsp;<strong>287</strong>(g)<br>with ICE</p>")
    clerk.agendas[9] = [clerk.item(1, "Consent", clerk.item(2, "Sheriff", deepest))]
    items = await reader.items()
    assert items.keys() == {"event/5", "event/5/item/1", "event/5/item/2", "event/5/item/3"}
    assert items["event/5/item/3"].title == "Agreement under Section 287(g) with ICE"


async def test_an_item_without_an_id_goes_by_its_number_or_else_its_name(clerk, reader):
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z", agenda=9)
    bare = {"agendaObjectItemName": "Agreement", "agendaObjectItemNumber": "A."}
    clerk.agendas[9] = [bare | {"agendaObjectItemNumber": "4.", "childItems": [bare, {"agendaObjectItemName": "Vote"}]}]
    keys = set(await reader.items())
    assert {"event/5/number/4", "event/5/number/4.A"} < keys
    clerk.agendas[9][0]["agendaObjectItemName"] = "Agreement, amended"
    clerk.events[5]["agendaName"] = "Revised"
    assert set(await reader.items()) == keys


async def test_published_files_are_read_except_minutes(clerk, reader):
    files = [
        {"fileId": 3, "type": "Minutes", "name": "Minutes", "publishOn": "2026-11-20T00:00:00"},
        {"fileId": 2, "type": "Agenda Packet", "name": "Packet", "publishOn": "2026-11-20T00:00:00"},
        {"fileId": 1, "type": "Agenda", "name": "Agenda", "publishOn": "2026-11-20T00:00:00"},
        {"fileId": None, "type": "Agenda"},
        None,
    ]
    stream = "/v1/Meetings/GetMeetingFileStream(fileId={},plainText=false)"
    clerk.files[stream.format(1)] = pdf("Agreement under Section 287(g)")
    clerk.files[stream.format(2)] = page("<p>The whole packet</p>")
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z", publishedFiles=files)
    items = await reader.items()
    assert items.keys() == {"event/5", "event/5/agenda-packet/2"}
    assert "287(g)" in items["event/5"].pages[0]
    assert items["event/5/agenda-packet/2"].text == "The whole packet"
    assert clerk.count("fileId=3") == 0


async def test_an_attachment_sends_readers_to_its_meeting(clerk, reader):
    clerk.files["/blob/moa"] = page("<p>The agreement</p>")
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z", agenda=9)
    shared = {"id": 8, "fileName": "ICE agreement.pdf", "pdfVersionFullPath": f"{clerk.base}/blob/moa?sig=s3cr3t"}
    clerk.agendas[9] = [clerk.item(1, "Sheriff", attachments=[shared, None, {"id": 9}])]
    items = await reader.items()
    attachment = items["event/5/item/1/file/8"]
    assert attachment.text == "The agreement"
    assert attachment.address == f"{clerk.base}/v1/Events/5"
    assert "s3cr3t" not in repr(items)


async def test_a_meeting_has_its_address_in_the_portal():
    events = {"value": [{"id": 5, "eventName": "Meeting", "startDateTime": "2026-12-01T18:30:00Z"}]}
    reader = Reader(place("https://nashconc.api.civicclerk.com/v1"))
    reading = await LOCAL["civicclerk"].read(Canned(events), reader.place, reader.status, TUESDAY)
    assert [item.address for item in reading.items] == ["https://nashconc.portal.civicclerk.com/event/5/overview"]


@pytest.mark.parametrize("given", ["", "/", "/v1", "/v1/", "/v1/Events", "/v1/Events?$top=5"])
async def test_the_address_of_the_host_or_of_a_list_will_do(clerk, given):
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z")
    assert (await Reader(place(clerk.base + given)).items()).keys() == {"event/5"}


async def test_json_of_another_shape_is_not_an_empty_calendar(clerk, reader):
    for other in ({"error": {"message": "no"}}, {"value": None}, 7, "x"):
        clerk.fails["/Events"] = told(other)
        with pytest.raises(Unreadable):
            await reader.read()


ITEM = st.deferred(
    lambda: st.dictionaries(
        st.sampled_from(["id", "agendaObjectItemName", "agendaObjectItemNumber", "childItems", "attachmentsList"]),
        st.none() | st.integers() | st.text(max_size=20) | st.lists(ITEM, max_size=3),
    )
)


@given(st.lists(ITEM, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_anything_on_an_agenda_is_read_without_an_error(items):
    event = {"id": 5, "eventName": "Meeting", "startDateTime": "2026-12-01T18:30:00Z", "agendaId": 9}
    known = {"id": 1, "agendaObjectItemName": "Agreement"}
    answers = {
        "value": [event],
        "items": [known, *items],
    }  # the list of events and the agenda are read from the same answer
    reader = Reader(place("https://nashconc.api.civicclerk.com/v1"))
    reading = await LOCAL["civicclerk"].read(Canned(answers), reader.place, reader.status, TUESDAY)
    assert [item.id for item in reading.items][:2] == ["event/5", "event/5/item/1"]
    assert all(item.title and item.id.startswith("event/5") for item in reading.items)
    assert reading.problems == ()


# ── the server's own words ───────────────────────────────────────────────────────────────────────────────────────────


def with_file(clerk) -> None:
    files = [{"fileId": 31, "type": "Agenda", "name": "Agenda", "publishOn": "2026-11-20T09:00:00Z"}]
    clerk.event(5, "Regular meeting", "2026-12-01T18:30:00Z", publishedFiles=files)


async def test_a_file_is_read_as_text_and_readers_get_the_pdf(clerk, reader):
    with_file(clerk)
    clerk.fails["plainText=true"] = Reply(b"4. Agreement under 287-\r\n(g) \r\n\r\n\r\n5. Adjourn", "text/plain")
    meeting = (await reader.items())["event/5"]
    assert (meeting.text, meeting.pages) == ("4. Agreement under 287-(g)\n\n5. Adjourn", ())
    assert meeting.address.endswith("GetMeetingFileStream(fileId=31,plainText=false)")
    assert clerk.count("plainText=false") == 0


@pytest.mark.parametrize(
    "answer", [Reply(b" \r\n \x0c", "text/plain"), Reply(b"", status=404), Reply(b"PK\x03\x04", "text/plain")]
)
async def test_a_file_without_words_is_read_as_pdf(clerk, reader, answer):
    with_file(clerk)
    clerk.fails["plainText=true"] = answer
    clerk.files["/v1/Meetings/GetMeetingFileStream(fileId=31,plainText=false)"] = pdf("Agreement under Section 287(g)")
    meeting = (await reader.items())["event/5"]
    assert "287(g)" in meeting.pages[0]
    assert (await reader.read(HOUR)).unchanged


@needs_pages
async def test_the_real_text_of_an_agenda_is_read(clerk, reader):
    with_file(clerk)
    source = (PAGES / "platforms/civicclerk/lacey-agenda-plaintext.txt").read_bytes()
    clerk.fails["plainText=true"] = Reply(source, "text/plain")
    text = (await reader.items())["event/5"].text
    assert text.split() == source.decode("utf-8-sig").split()
    assert "\n1. Call to Order\n2. Roll Call\n" in text
