"""The channels that hear people, and the public address where their platforms call us, if there is one."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from bot.app.wiring import leadership, slack_oauth
from bot.channels import ChatHandler
from bot.config.settings import Settings
from bot.domain.chat import replies
from bot.domain.language import Language
from bot.errors import StoreUnavailable
from bot.pipeline.runner import Runner
from bot.web.server import TELEGRAM_PATH, Views, serving

AGAIN_AFTER = 60.0  # seconds until a side that failed in a way nobody foresaw is started again
ELECTED_AGAIN = 5.0  # seconds until it is asked again who listens
DEFAULT_PORT = 8080


if TYPE_CHECKING:
    from bot.channels.slack.listener import SlackListener
    from bot.channels.slack.oauth import OAuth
    from bot.channels.telegram.listener import TelegramListener

Listen = Callable[[ChatHandler], Awaitable[None]]

log = structlog.get_logger()


@asynccontextmanager
async def hearing(settings: Settings, runner: Runner, clerk: ChatHandler, views: Views | None) -> AsyncIterator[None]:
    """Let people talk to the bot while the block runs; with `views`, show at PORT how things stand.

    At a public URL the platforms call us. Without one we ask them, and of all programs on one database one asks
    Telegram, which answers no second one; Slack shares out what it has among all that ask.
    """
    oauth = slack_oauth(settings, runner.store)
    if oauth is not None:
        await oauth.workspaces.check()
    telegram, slack = _telegram(settings, runner), _slack(settings, runner, oauth)
    listens: dict[str, Listen] = {}
    if telegram is not None:
        asks_alone = settings.public_url is None
        listens["telegram"] = _while_leader(telegram.listen, settings, runner) if asks_alone else telegram.listen
    if slack is not None:
        listens["slack"] = slack.listen
    async with AsyncExitStack() as open_:
        if views is not None:
            is_called = settings.public_url is not None
            address = serving(
                settings.port or DEFAULT_PORT,
                views,
                telegram=telegram.feed if telegram is not None and is_called else None,
                slack=slack.feed if slack is not None and is_called else None,
            )
            await open_.enter_async_context(address)
        tasks = [asyncio.create_task(_listen(name, listen, clerk), name=name) for name, listen in listens.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(name: str, listen: Listen, clerk: ChatHandler) -> None:
    """Listen until cancelled; whatever fails on one side, the rest of the program goes on."""
    while True:
        try:
            await listen(clerk)
        except Exception:
            log.exception("a listening channel failed", channel=name)
        await asyncio.sleep(AGAIN_AFTER)


def _while_leader(listen: Listen, settings: Settings, runner: Runner) -> Listen:
    """Listen while this program is the one that does; when it no longer is, another has begun."""
    seat = f"hears {leadership(settings)['telegram']}"

    async def is_elected() -> bool:
        try:
            return await runner.store.leadership_in(seat) == 0
        except StoreUnavailable:
            return False

    async def listens(clerk: ChatHandler) -> None:
        while not await is_elected():  # noqa: ASYNC110 - the database says nothing when a seat falls vacant
            await asyncio.sleep(ELECTED_AGAIN)
        listening = asyncio.ensure_future(listen(clerk))
        try:
            while not listening.done() and await is_elected():
                await asyncio.wait({listening}, timeout=ELECTED_AGAIN)
        finally:
            if not listening.done():
                listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    return listens


def _telegram(settings: Settings, runner: Runner) -> "TelegramListener | None":
    sender = runner.channels.get("telegram")
    if sender is None:
        return None
    from bot.channels.telegram.listener import TelegramListener  # noqa: PLC0415 - the same
    from bot.channels.telegram.sender import TelegramSender  # noqa: PLC0415 - the library is slow to import

    assert isinstance(sender, TelegramSender)
    chat = TelegramListener(sender, menu={language: replies.menu(language) for language in Language})
    if settings.public_url is not None and settings.telegram_bot_token is not None:
        token = settings.telegram_bot_token.get_secret_value()
        secret = hmac.new(token.encode(), b"countersign webhook", hashlib.sha256).hexdigest()
        chat.webhook(settings.public_url.rstrip("/") + TELEGRAM_PATH, secret)
    return chat


def _slack(settings: Settings, runner: Runner, oauth: "OAuth | None") -> "SlackListener | None":
    """Slack's side; with a bot token alone it only sends."""
    sender = runner.channels.get("slack")
    public = settings.public_url is not None and settings.slack_signing_secret is not None
    if sender is None or not (settings.slack_app_token or public):
        return None
    from bot.channels.slack.listener import SlackListener  # noqa: PLC0415 - the same
    from bot.channels.slack.sender import SlackSender  # noqa: PLC0415 - the library is slow to import

    assert isinstance(sender, SlackSender)
    return SlackListener(
        sender,
        app_token=None if public or settings.slack_app_token is None else settings.slack_app_token.get_secret_value(),
        signing_secret=settings.slack_signing_secret.get_secret_value() if settings.slack_signing_secret else None,
        oauth=oauth,
        admins_only=settings.admins_only,
    )
