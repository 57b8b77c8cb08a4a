"""What a site's page leads to: another platform that it sends its readers to, or shows in one way or another."""

import pytest
from aiohttp import web
from support.loopback.local import LoopbackWeb, page

from bot.commands.local_sources import is_anothers
from bot.domain.agenda import Place
from bot.fetch import Fetch, Limits
from bot.sources.local.front_page import look_at, page_of_list
from bot.sources.local.recognize import recognize


class Moved(LoopbackWeb):
    """A site whose /agendas are at another address."""

    to = ""

    async def respond(self, request):
        if request.path == "/agendas" and self.to:
            return web.Response(status=302, headers={"Location": self.to})
        return await super().respond(request)


async def resolve(host, port):
    return ["127.0.0.1"]


async def seen(server, kind="page", path="/agendas"):
    place = Place(name="Pitt County", kind=kind, address=f"{server.address.rstrip('/')}{path}", state="")
    async with Fetch(contact=None, limits=Limits(host_gap=0), allow_loopback=True, resolve=resolve) as fetch:
        return await look_at(fetch, place)


@pytest.mark.parametrize("kind", ["page", "civicplus"])
async def test_a_site_that_sends_its_readers_to_a_platform_leads_there(kind):
    async with Moved() as server:
        port = server.address.rstrip("/").rpartition(":")[2]
        server.to = f"http://pittnc.portal.civicclerk.com:{port}/"
        server.files["/"] = page("<p>You need to enable JavaScript.</p>")
        found, _ = await seen(server, kind)
    assert [(each.kind, each.name) for each in found] == [("civicclerk", "pittnc")]


@pytest.mark.parametrize(
    "html",
    [
        '<iframe data-src="//pitt.iqm2.com/Citizens/Default.aspx"></iframe>',
        '<iframe data-lazy-src="https://pitt.iqm2.com/Citizens/"></iframe>',
        '<noscript><a href="https://PITT.iqm2.com">Agendas</a></noscript>',
        '<object data="https://pitt.iqm2.com/Citizens/"></object>',
        '<map><area href="https://pitt.iqm2.com/Citizens/"></map>',
        '<base href="https://pitt.iqm2.com/Citizens/"><a href="Calendar.aspx">Agendas</a>',
        '<script>var settings = {"url":"https:\\/\\/pitt.iqm2.com\\/Citizens\\/Calendar.aspx"};</script>',
        '<script type="application/json">{"u":"https:\\u002F\\u002Fpitt.iqm2.com\\u002FCitizens"}</script>',
        '<div data-portal="https://pitt.iqm2.com/Citizens/Calendar.aspx?From=1&amp;To=2"></div>',
        "<button onclick=\"window.open('https://pitt.iqm2.com/Citizens/')\">Agendas</button>",
        '<script src="https://pitt.iqm2.com/Services/Widget.js"></script>',
        '<a href="https://www.google.com/url?q=https://pitt.iqm2.com/Citizens/&sa=D">Agendas</a>',
    ],
)
async def test_a_portal_is_seen_however_a_page_embeds_it(html):
    async with Moved() as server:
        server.files["/agendas"] = page(html)
        found, _ = await seen(server)
    assert [(each.kind, each.name) for each in found] == [("iqm2", "pitt")]


@pytest.mark.parametrize(
    "html",
    [
        "<!-- <a href='https://pitt.iqm2.com/Citizens/'>old</a> -->",
        '<footer>Powered by <a href="https://granicus.com/">Granicus</a> and <a href="https://www.legistar.com">x</a></footer>',
        '<link rel="stylesheet" href="https://content.civicplus.com/site.css"><img src="https://content.civicplus.com/a.png">',
        '<script src="https://support.primegov.com/chat.js"></script>',
        '<a href="https://pitt.granicus.com/">Videos</a>',
        '<a href="https://pitt.legistar.com.evil.example/">x</a>',
        "<p>Our agendas were at https://pitt.iqm2.com until 2024.</p>",
    ],
)
async def test_what_is_no_portal_is_not_seen(html):
    async with Moved() as server:
        server.files["/agendas"] = page(html)
        assert (await seen(server))[0] == []


def test_a_granicus_feed_has_a_page_that_says_whose_it_is():
    place = recognize("https://tulsa-ok.granicus.com/AgendaViewer.php?view_id=4&clip_id=9")
    assert page_of_list(place) == "https://tulsa-ok.granicus.com/ViewPublisher.php?view_id=4&mode=agendas"


@pytest.mark.parametrize(
    ("link", "stated", "is_others"),
    [
        ("https://pittcountync.iqm2.com", ("Ayden", "NC"), True),
        ("https://pittcountync.iqm2.com", ("Pitt County", "NC"), False),
        ("https://aydennc.portal.civicclerk.com", ("Town of Ayden", "NC"), False),
        ("https://ayden-sc.municodemeetings.com", ("Ayden", "NC"), True),
        ("https://greenville.legistar.com", ("Ayden", "NC"), True),
        ("https://pittnc.portal.civicclerk.com", ("Ayden", "NC"), True),
        ("https://tar-river.legistar.com", ("Ayden", "NC"), False),
        ("https://washington.novusagenda.com", ("Washington County", "NC"), False),
        ("https://greenville.legistar.com", ("", ""), False),
    ],
)
def test_a_link_to_another_places_portal_is_told_by_its_name(link, stated, is_others):
    assert is_anothers(recognize(link), Place(name="x", kind="page", address="", state=""), stated) is is_others
