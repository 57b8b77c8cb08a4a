"""The pages of a demonstration: they say so, and they mix in nothing that ICE really published."""

import re
import socket
from dataclasses import replace

import httpx
import pytest
from support.samples import NOON
from web.pages.test_pages import INSTALLATION, Clock, filled, origin

from bot.app.web_wiring import installation, pages
from bot.config.settings import settings_of
from bot.domain.site.history import carried
from bot.store.tiny.store import TinyStore
from bot.web.front_door import FrontDoor
from bot.web.pages.cache import PageCache
from bot.web.pages.routes import Pages, RateLimit
from bot.web.server import Views, serving

PATHS = (
    "/",
    "/states/TX",
    "/changes",
    "/changes/3",
    "/meetings",
    "/about",
    "/287g",
    "/data",
    "/search?q=police",
    "/nothing-here",
)
SAID = {
    "": "Every agency and every list on these pages is made up.",
    "/es": "Todas las agencias y listas de estas páginas son inventadas.",
}


@pytest.fixture
async def store():
    store = await filled(TinyStore.in_memory())
    yield store
    await store.close()


@pytest.fixture(params=[True, False], ids=["a demonstration", "a real copy"])
async def ask(request, store, unused_tcp_port):
    where = replace(origin(store, Clock()), is_demonstration=request.param)
    pages = Pages(PageCache(where, INSTALLATION), RateLimit(1_000_000, 1_000_000))
    async with (
        serving(unused_tcp_port, Views(None, None, ""), pages=pages, is_local=True),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=60, trust_env=False) as client,
    ):
        client.is_demonstration = request.param
        yield client


@pytest.mark.parametrize("prefix", ["", "/es"])
async def test_every_page_of_a_demonstration_says_so_in_its_language_and_no_other_page_does(ask, prefix):
    for path in PATHS:
        text = (await ask.get(prefix + path)).text
        assert (SAID[prefix] in text) is ask.is_demonstration, path


async def test_a_demonstration_shows_none_of_the_counts_of_ices_lists(ask):
    assert carried()[0].day < NOON.date()
    home, history = (await ask.get("/")).text, (await ask.get("/history.csv")).text
    assert ("In January 2025" in home) is not ask.is_demonstration
    assert (carried()[0].day.isoformat() in history) is not ask.is_demonstration
    assert bool(re.search(r"\barchive\b", history)) is not ask.is_demonstration


def test_a_demonstration_does_not_count_the_real_catalog_against_made_up_lists():
    settings = settings_of({"COUNTERSIGN_SOURCES": "ice,local"})
    shown = pages(settings, None, is_demonstration=True)
    shown.close()
    assert shown._cache.settings.places == ()
    assert installation(settings).places


async def test_a_local_server_listens_only_to_this_machine(unused_tcp_port):
    for is_local, hosts in ((True, {"127.0.0.1", "::1"}), (False, {"0.0.0.0", "::"})):
        door = FrontDoor(unused_tcp_port, None, None, is_local=is_local)
        listening = [each for each in door._sockets if isinstance(each, socket.socket)]
        assert {each.getsockname()[0] for each in listening} <= hosts
        assert listening
        door.close()
