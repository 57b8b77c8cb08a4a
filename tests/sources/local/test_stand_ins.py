"""Pages that a server sends with status 200 in place of a listing or an agenda."""

from datetime import timedelta

import pytest
from support.loopback.local import LoopbackCivicPlus, LoopbackWeb, Reply, page, pdf
from support.places import PAGES, Reader, needs_pages
from support.platform_cases import CASES, TITLE, place

from bot.domain.agenda import Place
from bot.domain.document import Document, digest
from bot.errors import StandIn, Unreadable
from bot.sources import LOCAL
from bot.sources.formats.document_text import document_text

HOUR, DAY = timedelta(hours=1), timedelta(days=1, minutes=1)

NAVIGATION = (
    '<div><a href="/">Home</a> <a href="/AgendaCenter">Agendas &amp; Minutes</a> <a href="/CivicAlerts">News</a></div>'
)
CHALLENGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title><meta http-equiv="refresh" content="390">'
    '</head><body><div class="main-wrapper"><noscript><div>Enable JavaScript and cookies to continue</div></noscript>'
    '</div><script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=8f0"></script></body></html>'
)
STAND_INS = {
    "denied": "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1>You don't have permission to "
    'access "http&#58;&#47;&#47;www&#46;nash&#46;example&#47;AgendaCenter" on this server.<P>Reference&#32;&#35;18&#46;2d3'
    "</BODY></HTML>",
    "blocked": "<html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked"
    f"</h1><p>{'This website uses a service to protect itself from attacks online. ' * 20}</p></body></html>",
    "rejected": "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult "
    "with your administrator.<br>Your support ID is: 7182</body></html>",
    "challenge": CHALLENGE,
    "robots": "<html><head></head><body><p>Please verify you are a human to view agendas.</p></body></html>",
    "login": f"<html><head><title>Sign In</title></head><body>{NAVIGATION}<form><label>User name</label><input name='u'>"
    "<label>Password</label><input type='password'><button>Sign in</button></form></body></html>",
    "expired": "<html><body><h1>Your session has expired</h1><form>Password <input type='password'></form></body></html>",
    "maintenance": f"<html><head><title>Site Maintenance</title></head><body>{NAVIGATION}<p>Our agenda site is currently "
    "undergoing scheduled maintenance.</p></body></html>",
    "unavailable": "<html><body>The service is temporarily unavailable.</body></html>",
    "error": "<html><head><title>Runtime Error</title></head><body><h1>Server Error in '/AgendaCenter' Application.</h1>"
    "<p>An application error occurred on the server.</p></body></html>",
    "not found": f"<html><head><title>Page Not Found</title></head><body>{NAVIGATION}<p>Try the search.</p></body></html>",
    "script": "<html><head><title>Agendas</title></head><body><noscript>You need to enable JavaScript to run this app."
    "</noscript><div id='root'></div><script src='/static/js/main.8f0.js'></script></body></html>",
    "shell": "<html><head><title>Agenda Center</title></head><body><div id='AgendaCenterContent'></div>"
    "<script src='/agenda.js'></script></body></html>",
    "empty": "<html><head><title>Agenda Center</title></head><body></body></html>",
    "parked": "<html><body><h1>This domain name is for sale</h1></body></html>",
    "lost": "<html><head><meta http-equiv='refresh' content='0; url=/lost'></head><body>Agendas</body></html>",
}


@pytest.fixture(params=LOCAL)
def kind(request) -> str:
    return request.param


@pytest.mark.parametrize("name", STAND_INS)
async def test_a_page_in_place_of_the_listing_is_no_reading(kind, name):
    case = CASES[kind]
    async with case.server() as server:
        case.say(server, TITLE)
        reader = Reader(place(kind, server))
        server.fails[case.listing] = Reply(STAND_INS[name].encode(), "text/html")
        with pytest.raises(Unreadable):
            await reader.read()
        assert reader.status.facts == {}, "it is no baseline"
        server.fails.clear()
        before = await reader.items()
        server.fails[case.listing] = Reply(STAND_INS[name].encode(), "text/html")
        with pytest.raises(Unreadable):
            await reader.read(HOUR)
        server.fails.clear()
        assert before
        assert (await reader.read(HOUR)).unchanged


@pytest.mark.parametrize(
    "answer", [b'[{"error": "Access denied"}]', b'[{"Message": "Please log in"}]', b'{"value": [{"code": 401}]}', b"{}"]
)
@pytest.mark.parametrize("kind", ["legistar", "primegov", "civicclerk"])
async def test_a_list_of_something_else_is_no_empty_calendar(kind, answer):
    case = CASES[kind]
    async with case.server() as server:
        case.say(server, TITLE)
        reader = Reader(place(kind, server))
        server.fails[case.listing] = Reply(answer)
        with pytest.raises(Unreadable, match="not the list we expected"):
            await reader.read()


def text_of(body: str) -> str:
    data = body.encode()
    document = Document(
        address="https://nash.example/a", name="a", body=data, sha256=digest(data), headers={}, fetched_at=None
    )
    return document_text(document)[1]


@pytest.mark.parametrize(
    "body",
    [
        "<h1>Agenda</h1><p>1. Road maintenance agreement</p><p>2. Sewer system maintenance</p>",
        "<h1>Agenda</h1><p>Variance request was denied in May. Access road. Parking is forbidden on Main St.</p>",
        "<h1>Town of Fine</h1><p>No meetings.</p>",
        "<h1>Facilities Maintenance</h1><p>The tennis courts are temporarily unavailable. The water system is under maintenance.</p>",
        "<h1>Agenda</h1><p>Allow the sale of Girl Scout cookies. Water rate limits. The request was denied. Airport security check.</p>",
        "<h1>Agenda</h1><p>Residents who do not have access to internet. Eminent domain: parcel for sale. Access to Main St is blocked.</p>",
        "<h1>Zoom</h1><p>Sign in with your name to speak at the hearing on December 1.</p>",
        "<form>User <input> Password <input type='password'> <button>Log in</button></form><h1>Agendas</h1><p>Dec 1</p>",
        "<h1>Agenda</h1><p>Security checkpoint at the courthouse</p><p>4. Item 404 of the budget</p>",
        "<h1>Agenda</h1><p>1. 287(g)</p><noscript>Enable JavaScript to see the map.</noscript>"
        + "<p>Budget hearing</p>" * 9,
        "<h1>Website maintenance contract, third reading, and a longer title of the item than any error page has</h1>"
        + "<p>The board will consider the contract.</p>" * 15,
    ],
)
def test_a_short_agenda_is_not_taken_for_another_page(body):
    assert text_of(f"<html><head><title>Nash County</title></head><body>{body}</body></html>")


@needs_pages
def test_no_real_page_is_taken_for_another():
    needs_script = {"maricopa-county-viewmeeting.html"}
    for path in sorted(PAGES.rglob("*.html")):
        if path.name in needs_script:
            with pytest.raises(StandIn, match="needs a script"):
                text_of(path.read_text(errors="replace"))
        else:
            assert text_of(path.read_text(errors="replace")), path.name


# ── pages that lead on to another ──


@pytest.fixture
async def web():
    async with LoopbackWeb() as web:
        yield web


def leads_on(target: str, *, text: str = "") -> bytes:
    return (
        f'<html><head><META HTTP-EQUIV="Refresh" CONTENT="0; URL={target}"></head><body>{text}</body></html>'.encode()
    )


@pytest.mark.parametrize("target", ["/agendas/", "agendas/", "'/agendas/'"])
async def test_a_page_that_only_leads_on_is_followed(web, target):
    web.files |= {"/a": leads_on(target, text="If nothing happens, click here."), "/agendas/": page("<p>287(g)</p>")}
    reader = Reader(Place(name="Fine", kind="page", address=f"{web.base}/a", state="NY"))
    (item,) = (await reader.read()).items
    assert (item.text, item.address) == ("287(g)", f"{web.base}/a")
    assert (await reader.read(HOUR)).unchanged
    web.files["/agendas/"] = page("<p>Detainers</p>")
    (item,) = (await reader.read(HOUR)).items
    assert item.text == "Detainers", "the first page is unchanged, the other isn't"


@pytest.mark.parametrize("target", ["/a", "/b", "/gone", "http://192.168.0.1/"])
async def test_a_page_that_leads_nowhere_is_no_reading(web, target):
    web.files |= {"/a": leads_on(target), "/b": leads_on("/a")}
    reader = Reader(Place(name="Fine", kind="page", address=f"{web.base}/a", state="NY"))
    with pytest.raises(StandIn, match="only leads on to another page"):
        await reader.read()


async def test_a_page_with_content_that_reloads_itself_is_read(web):
    web.files["/a"] = leads_on("/a", text="Agenda: 287(g)").replace(b"0; URL", b"300; URL")
    reader = Reader(Place(name="Fine", kind="page", address=f"{web.base}/a", state="NY"))
    assert [item.text for item in (await reader.read()).items] == ["Agenda: 287(g)"]
    for later in (b"600; URL=/home", b"300", b"30", b";", b".", b"soon"):
        web.files["/a"] = leads_on("/a", text="Agenda: 287(g)").replace(b"0; URL=/a", later)
        assert (await reader.read(HOUR)).unchanged


async def test_a_page_with_a_selector_says_what_came_in_its_place(web):
    web.files["/a"] = STAND_INS["login"].encode()
    reader = Reader(Place(name="Fine", kind="page", address=f"{web.base}/a", state="NY", selector="#agenda"))
    with pytest.raises(StandIn, match="a login page"):
        await reader.read()


# ── documents ──


@pytest.mark.parametrize("name", sorted(STAND_INS))
async def test_a_document_replaced_by_another_page_is_asked_for_again(name):
    async with LoopbackCivicPlus() as town:
        agenda = "/AgendaCenter/ViewFile/Agenda/_12012026-382"
        town.row(382, "12012026", "Regular Meeting Agenda", STAND_INS[name].encode())
        reader = Reader(Place(name="Nash", kind="civicplus", address=town.address, state="NC", zone="America/New_York"))
        reading = await reader.read()
        (item,) = reading.items
        assert (item.title, item.text, item.pages) == ("Regular Meeting Agenda", "", ())
        assert reading.problems
        town.files[agenda] = pdf("Agreement under Section 287(g)")
        (item,) = (await reader.read(HOUR)).items
        assert "287(g)" in item.pages[0]
        town.files[agenda] = STAND_INS[name].encode()
        assert (await reader.read(DAY)).items == ()
        town.files[agenda] = pdf("Agreement under Section 287(g)")
        assert (await reader.read(HOUR)).items == (), "it is the document that was read before"


async def test_an_agenda_that_is_not_one_is_asked_for_again():
    case = CASES["civicclerk"]
    async with case.server() as server:
        case.say(server, TITLE)
        reader = Reader(place("civicclerk", server))
        server.fails["/Meetings/9"] = Reply(b'{"message": "Access denied"}')
        reading = await reader.read()
        assert len(reading.problems) == 1
        server.fails.clear()
        assert [item.title for item in (await reader.read(HOUR)).items if "287(g)" in item.title] == [TITLE]


async def test_news_that_can_no_longer_be_read_are_a_problem():
    async with LoopbackCivicPlus() as town:
        reader = Reader(Place(name="Nash", kind="civicplus", address=town.address, state="NC", zone="America/New_York"))
        assert (await reader.read()).problems == ()
        town.fails["ModID=1&"] = Reply(STAND_INS["denied"].encode(), "text/html")
        for _ in range(2):
            (problem,) = (await reader.read(HOUR)).problems
            assert "we expected a feed" in problem
        town.fails.clear()
        assert (await reader.read(HOUR)).problems == ()


async def test_an_unreadable_row_does_not_take_a_meeting_off_the_calendar(monkeypatch):
    case = CASES["primegov"]
    async with case.server() as server:
        case.say(server, TITLE)
        case.add(server)
        reader = Reader(place("primegov", server))
        await reader.read()

        def broken(value: object, *_: object) -> None:
            if "12-08" in str(value):
                raise OverflowError("too far away")

        monkeypatch.setattr("bot.sources.local.primegov.meeting_time", broken)
        reading = await reader.read(DAY)
        assert not [item for item in reading.items if item.status]
        assert any("Planning Board" in problem for problem in reading.problems)
