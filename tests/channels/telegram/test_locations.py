"""A place shared on Telegram is used, and neither stored nor logged. Real HTTP on loopback, a real store."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from support.chat import FIRST, NOW, Chat
from support.loopback.telegram import LoopbackTelegram

from bot.channels.rate_limit import RateLimit
from bot.channels.telegram.listener import TelegramListener
from bot.channels.telegram.sender import TelegramSender
from bot.store.tiny.store import TinyStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be"),  # as bot.channels.telegram.sender has it
    pytest.mark.filterwarnings("ignore:Please use 'Bot.getUpdates'"),  # as bot.channels.telegram.listener has it
]

GROUP, ADMIN, MEMBER = -42, 7, 8
TAMPA = {"latitude": 27.950612, "longitude": -82.457243}
HUDSON = {"latitude": 40.7128, "longitude": -74.02}
TORONTO = {"latitude": 43.653212, "longitude": -79.383213}
MENU = {}


class Newsroom:
    """The program's handler of commands over a store in a folder, with a listener on a loopback Telegram."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.store = TinyStore.open(folder)
        self.chat = Chat(self.store)

    def share(self, place, *, chat=42, user=42, venue=False, **fields):
        fields |= {"location": place}
        if venue:
            fields["venue"] = {"location": place, "title": "City Hall", "address": "306 E Jackson St"}
        update = self.server.say("", chat=chat, user=user, **fields)
        del self.server.pushed["message"]["text"]
        return update

    async def answered(self, chat=42, number=1):
        async with asyncio.timeout(60):
            while len(self.server.told(str(chat))) < number:  # noqa: ASYNC110 - a loopback server has no event for it
                await asyncio.sleep(0.005)
        return self.server.told(str(chat))[-1]

    async def counties(self, address="42"):
        found = await self.store.find("telegram", address)
        return set(found.filter.counties) if found else set()

    def kept(self):
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


@asynccontextmanager
async def listening(newsroom):
    server = newsroom.server
    sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit())
    listener = TelegramListener(sender, menu=MENU, pause=0.02, grace=0.3)
    task = asyncio.create_task(listener.listen(newsroom.chat.chat_commands))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sender.close()


@pytest.fixture
async def newsroom(tmp_path):
    async with LoopbackTelegram() as server:
        server.members[str(GROUP), str(ADMIN)] = "administrator"
        made = Newsroom(server, tmp_path / "data")
        await made.chat.publish(FIRST, NOW - timedelta(days=1))
        async with listening(made):
            yield made
        await made.store.close()


@pytest.mark.parametrize("venue", [False, True])
async def test_a_shared_place_watches_its_county_and_is_neither_stored_nor_logged(newsroom, venue):
    with capture_logs() as logged:
        newsroom.share(TAMPA, venue=venue)
        told = await newsroom.answered()
    assert told.startswith("The place you sent is in Hillsborough County, Florida. I used it once")
    assert await newsroom.counties() == {"FL/hillsborough"}
    await newsroom.store.close()
    for secret in (b"27.95", b"82.45", b"Jackson St"):
        assert secret not in newsroom.kept()
        assert secret.decode() not in str(logged)
    newsroom.store = newsroom.chat.store = TinyStore.open(newsroom.folder)


async def test_a_place_near_a_line_asks_which_county_and_a_button_answers(newsroom):
    newsroom.share(HUDSON)
    told = await newsroom.answered()
    assert "near the edge of" in told
    assert await newsroom.counties() == set()
    newsroom.server.press("here in 36061")
    await newsroom.answered(number=2)
    assert await newsroom.counties() == {"NY/new york"}


async def test_a_place_abroad_is_said_to_be_abroad(newsroom):
    newsroom.share(TORONTO)
    assert "isn't in any U.S. county" in (await newsroom.answered())
    assert await newsroom.counties() == set()


async def test_in_a_group_only_an_administrators_place_is_used(newsroom):
    newsroom.share(TAMPA, chat=GROUP, user=MEMBER)
    newsroom.share({"latitude": 29.7604, "longitude": -95.3698}, chat=GROUP, user=ADMIN)
    told = await newsroom.answered(chat=GROUP)
    assert "Harris County" in told
    assert await newsroom.counties(str(GROUP)) == {"TX/harris"}


async def test_a_place_that_someone_forwarded_is_not_theirs(newsroom):
    newsroom.share(TAMPA, forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "x"})
    newsroom.share(TORONTO)
    assert "isn't in any U.S. county" in (await newsroom.answered())
    assert await newsroom.counties() == set()
