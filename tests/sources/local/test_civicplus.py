from datetime import date, timedelta

import pytest
from support.loopback.local import LoopbackCivicPlus, Reply, entry, page, pdf
from support.places import PAGES, TUESDAY, Reader, needs_pages

from bot.domain.agenda import Place
from bot.domain.document import Document, digest
from bot.errors import Unreadable
from bot.sources.local.civicplus import search_entries
from bot.sources.local.session import ReadSession

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


@pytest.fixture
async def town():
    async with LoopbackCivicPlus() as town:
        yield town


@pytest.fixture
def reader(town) -> Reader:
    return Reader(place(town.address))


def place(address: str) -> Place:
    return Place(name="Nash County", kind="civicplus", address=address, state="NC", zone="America/New_York")


@needs_pages
async def test_a_real_search_page_and_its_real_agenda_are_read(town, reader):
    town.search = (PAGES / "nash-county-nc-search-3-days.html").read_bytes()
    town.files["/AgendaCenter/ViewFile/Agenda/_05052020-382"] = (PAGES / "nash-county-nc-agenda.pdf").read_bytes()
    town.files["/AgendaCenter/ViewFile/Agenda/_05042020-381"] = page("<p>Agenda of the regular meeting</p>")
    items = await reader.items()
    assert {key: (item.title, item.meets_at, item.body) for key, item in items.items()} == {
        "agenda/382": (
            "May 5, 2020 Recessed Meeting/Budget Work Session Agenda",
            date(2020, 5, 5),
            "Board of Commissioners",
        ),
        "agenda/381": ("May 4, 2020 Regular Meeting Agenda", date(2020, 5, 4), "Board of Commissioners"),
    }
    assert "BUDGET WORKSHOP" in items["agenda/382"].pages[0]
    assert items["agenda/382"].address == f"{town.base}/AgendaCenter/ViewFile/Agenda/_05052020-382"
    assert (await reader.read(HOUR)).unchanged


@needs_pages
def test_two_real_search_pages_agree_on_the_agenda_they_share():
    found = {}
    for name in ("nash-county-nc-search-3-days.html", "nash-county-nc-search-1-day.html"):
        body = (PAGES / name).read_bytes()
        document = Document(
            address="http://x/AgendaCenter/Search/",
            name=name,
            body=body,
            sha256=digest(body),
            headers={},
            fetched_at=TUESDAY,
        )
        session = ReadSession(None, place("http://x/AgendaCenter"), Reader(place("http://x")).status, TUESDAY)
        found[name] = {entry.item.id: entry.fingerprint for entry in search_entries(document, session)}
    three, one = found.values()
    assert one == {"agenda/382": three["agenda/382"]}
    assert three.keys() == {"agenda/382", "agenda/381"}


PLATFORM = PAGES / "platforms" / "civicplus"


def entries_of(body: bytes) -> dict:
    document = Document(
        address="http://x/AgendaCenter/", name="x", body=body, sha256=digest(body), headers={}, fetched_at=TUESDAY
    )
    session = ReadSession(None, place("http://x/AgendaCenter"), Reader(place("http://x")).status, TUESDAY)
    return {entry.item.id: entry.item for entry in search_entries(document, session)}


@needs_pages
@pytest.mark.parametrize(
    ("name", "rows", "canceled"), [("avenal", 24, 1), ("chowchilla", 41, 10), ("kingsburg", 61, 10)]
)
def test_every_row_of_a_real_agenda_center_has_its_title(name, rows, canceled):
    items = entries_of((PLATFORM / f"{name}-agendacenter.html").read_bytes())
    assert len(items) == rows
    assert [item.status for item in items.values()].count("cancelled") == canceled
    assert not {item.title for item in items.values()} & {"PDF", "HTML", "Packet", "Agenda", "Previous Versions", ""}


@needs_pages
def test_a_real_row_with_an_html_edition_has_its_title():
    items = entries_of((PLATFORM / "anthony-updatecategorylist.html").read_bytes())
    assert {key: (item.title, item.address) for key, item in items.items()} == {
        "agenda/178": ("BOT Regular Meeting", "http://x/AgendaCenter/ViewFile/Agenda/_03042026-178"),
        "agenda/168": ("Notice of Potential Quorum.", "http://x/AgendaCenter/ViewFile/Agenda/_02182026-168"),
    }


@needs_pages
@pytest.mark.parametrize("name", ["bismarck", "wichita"])
def test_another_page_of_a_real_site_is_not_an_empty_agenda_center(name):
    with pytest.raises(Unreadable, match="not part of an Agenda Center"):
        entries_of((PLATFORM / f"{name}-calendar.html").read_bytes())


FILE = "/AgendaCenter/ViewFile/Agenda/_12012026-382"
MENU = "".join(
    f'<li><a class="{kind}" role="menuitem" href="{FILE}{query}">{words}</a></li>'
    for kind, query, words in [
        ("html", "?html=true", "HTML Version"),
        ("pdf", "", "Download the PDF Version of the Agenda"),
        ("pdf", "?packet=true", "Packet"),
        ("previous", "", "Previous Versions"),
    ]
)


def row(title: str, menu: str = MENU) -> bytes:
    return page(
        '<table summary="List of Agendas"><tr class="catAgendaRow"><td><h3><strong>Dec 1, 2026</strong></h3>'
        f'<p>{title}</p></td><td class="downloads"><div class="popout"><ol role="menu">{menu}</ol></div></td></tr></table>'
    )


@pytest.mark.parametrize(
    ("title", "name", "status"),
    [
        (f'<a href="{FILE}?html=true">287(g) hearing - CANCELLED</a>', "287(g) hearing - CANCELLED", "cancelled"),
        (f'<a href="{FILE}?packet=true">287(g)</a>', "287(g)", ""),
        (f'<a href="{FILE.lower()}?HTML=True&amp;x=1#top">287(g)</a>', "287(g)", ""),
        (f'<a href="http://x{FILE}">287(g)</a>', "287(g)", ""),
        (f'<a class="pdf" href="{FILE}">287(g)</a>', "287(g)", ""),
        ("287(g) hearing", "287(g) hearing", ""),
        (f'<a href="{FILE}"></a>', "Dec 1, 2026", ""),
    ],
)
def test_a_title_is_never_taken_from_the_menu(title, name, status):
    (item,) = entries_of(row(title)).values()
    assert (item.title, item.status) == (name, status)
    assert item.address.lower() == f"http://x{FILE}".lower()


def test_an_agenda_with_only_an_html_edition_is_opened_there():
    (item,) = entries_of(row(f'<a href="{FILE}?html=true">287(g)</a>', menu="")).values()
    assert item.address == f"http://x{FILE}?html=true"


def test_half_of_an_emoji_in_a_row_hides_nothing():
    both = row(f'<a href="{FILE[:-3]}1">&#55357;&#56832;</a>', "").replace(
        b"</table>",
        b'<tr class="catAgendaRow"><td><a href="/AgendaCenter/ViewFile/Agenda/_12012026-2">287(g)</a></td></tr></table>',
    )
    assert [item.title for item in entries_of(both).values()] == ["\ufffd\ufffd", "287(g)"]


async def test_a_row_that_cannot_be_read_is_skipped_and_named(town, reader, monkeypatch):
    def broken(*words: str) -> str:
        if "Parade" in words:
            raise OverflowError("too far away")
        return ""

    monkeypatch.setattr("bot.sources.local.civicplus.meeting_status", broken)
    town.row(381, "12012026", "Parade", page("<p>Parade</p>"))
    town.row(382, "12012026", "Regular Meeting Agenda", page("<p>287(g)</p>"))
    reading = await reader.read()
    assert [item.id for item in reading.items] == ["agenda/382"]
    (problem,) = reading.problems
    assert "Parade" in problem
    assert "too far away" in problem


async def test_an_empty_feed_is_replaced_by_the_search_page_until_the_next_day(town, reader):
    town.row(382, "12012026", "Regular Meeting Agenda", page("<p>Budget</p>"))
    assert (await reader.items()).keys() == {"agenda/382"}
    town.asked.clear()
    await reader.read(HOUR)
    assert [(asked.path, asked.query.get("ModID")) for asked in town.asked[1:]] == [
        ("/AgendaCenter/Search/", None),
        ("/RSSFeed.aspx", "1"),
    ]
    town.asked.clear()
    await reader.read(DAY)
    assert town.asked[1].query["ModID"] == "65", "it is asked again the next day"


async def test_the_search_asks_for_recent_and_upcoming_meetings(town, reader):
    await reader.read()
    search = next(asked for asked in town.asked if "Search" in asked.path)
    assert search.query["startDate"] == "11/09/2026"
    assert (search.query["CIDs"], search.query["endDate"]) == ("all", "")


async def test_a_feed_with_agendas_replaces_the_search_page_and_gives_the_same_ids(town, reader):
    town.row(382, "12012026", "Regular Meeting Agenda", page("<p>Agreement under Section 287(g)</p>"))
    link = f"{town.base}/AgendaCenter/ViewFile/Agenda/_12012026-382"
    town.agendas.append(entry("g1", "Board of Commissioners Agenda", link=link, published="Fri, 20 Nov 2026 09:45:00"))
    town.agendas.append(entry("g2", "Minutes", link=link.replace("/Agenda/", "/Minutes/")))
    items = await reader.items()
    assert items.keys() == {"agenda/382"}
    assert items["agenda/382"].meets_at == date(2026, 12, 1)
    assert "287(g)" in items["agenda/382"].text
    assert town.count("Search") == 0


async def test_news_is_read_too(town, reader):
    text = "<p>The board will consider an agreement with <b>ICE</b>.</p>"
    town.news.append(entry("n1", "Special meeting", link=f"{town.base}/CivicAlerts.aspx?AID=1", text=text))
    news = (await reader.items())["news/n1"]
    assert (news.title, news.text) == ("Special meeting", "The board will consider an agreement with ICE.")
    assert (await reader.read(HOUR)).unchanged


@pytest.mark.parametrize("reply", [Reply(b"", status=404), Reply(page("<p>No such module</p>"), "text/html")])
async def test_a_site_without_feeds_is_read_through_its_search_page(town, reader, reply):
    town.fails["/RSSFeed.aspx"] = reply
    town.row(382, "12012026", "Regular Meeting Agenda", page("<p>Budget</p>"))
    reading = await reader.read()
    assert [item.id for item in reading.items] == ["agenda/382"]
    assert reading.problems == ()


async def test_an_etag_shared_by_all_pages_is_ignored(town, reader):
    town.row(382, "12012026", "Regular Meeting Agenda", pdf("Budget"))
    await reader.read()
    town.row(390, "12152026", "Work Session Agenda", page("<p>Agreement with ICE</p>"))
    assert (await reader.items()).keys() == {"agenda/390"}
    assert all("if-none-match" not in asked.headers for asked in town.asked)


@pytest.mark.slow
async def test_an_amended_agenda_is_read_again(town, reader):
    town.row(382, "12012026", "Regular Meeting Agenda", page("<p>Budget</p>"))
    await reader.read()
    town.row(382, "12012026", "Regular Meeting Agenda", page("<p>287(g)</p>"), "Amended Nov 24, 2026 10:17 AM")
    assert (await reader.items())["agenda/382"].text == "287(g)"


async def test_a_canceled_meeting_says_so_in_its_title(town, reader):
    town.row(382, "12012026", "Regular Meeting - CANCELLED", page("<p>Notice</p>"))
    assert (await reader.items())["agenda/382"].status == "cancelled"


async def test_a_search_in_the_catalog_is_sent_as_typed(town):
    town.row(382, "12012026", "Regular Meeting Agenda", page("<p>Budget</p>"))
    typed = f"{town.base}/AgendaCenter/Search/?term=&CIDs=all&startDate=05%2F03%2F2020&endDate=05%2F06%2F2020"
    assert (await Reader(place(typed)).items()).keys() == {"agenda/382"}
    assert next(asked for asked in town.asked if "Search" in asked.path).query["endDate"] == "05/06/2020"
