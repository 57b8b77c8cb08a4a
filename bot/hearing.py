"""The channels that hear people, and the public address where their platforms call us, if there is one."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bot.channels import Clerk, Listener
from bot.config import Settings
from bot.domain import answers
from bot.domain.subscription import Language
from bot.duty import Desk
from bot.web import TELEGRAM_PATH, serving
from bot.wiring import slack_oauth

AGAIN_AFTER = 60.0  # seconds until a side that failed in a way nobody foresaw is started again
DEFAULT_PORT = 8080

if TYPE_CHECKING:
    from bot.channels.slack_chat import SlackChat
    from bot.channels.slack_install import OAuth
    from bot.channels.telegram_chat import TelegramChat

log = structlog.get_logger()


@asynccontextmanager
async def hearing(settings: Settings, desk: Desk, clerk: Clerk) -> AsyncIterator[None]:
    """Let people talk to the bot while the block runs."""
    oauth = slack_oauth(settings, desk.store)
    if oauth is not None:
        await oauth.workspaces.check()
    telegram, slack = _telegram(settings, desk), _slack(settings, desk, oauth)
    listeners = {name: side for name, side in (("telegram", telegram), ("slack", slack)) if side is not None}
    async with AsyncExitStack() as open_:
        if settings.public_url is not None:
            address = serving(
                settings.port or DEFAULT_PORT,
                telegram=telegram.feed if telegram is not None else None,
                slack=slack.feed if slack is not None else None,
            )
            await open_.enter_async_context(address)
        tasks = [asyncio.create_task(_listen(name, side, clerk), name=name) for name, side in listeners.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(name: str, side: Listener, clerk: Clerk) -> None:
    """Listen until cancelled; whatever fails on one side, the rest of the program goes on."""
    while True:
        try:
            await side.listen(clerk)
        except Exception:
            log.exception("a listening channel failed", channel=name)
        await asyncio.sleep(AGAIN_AFTER)


def _telegram(settings: Settings, desk: Desk) -> "TelegramChat | None":
    sender = desk.channels.get("telegram")
    if sender is None:
        return None
    from bot.channels.telegram import Telegram  # noqa: PLC0415 - the library is slow to import
    from bot.channels.telegram_chat import TelegramChat  # noqa: PLC0415 - the same

    assert isinstance(sender, Telegram)
    chat = TelegramChat(sender, menu={language: answers.menu(language) for language in Language})
    if settings.public_url is not None and settings.telegram_bot_token is not None:
        token = settings.telegram_bot_token.get_secret_value()
        secret = hmac.new(token.encode(), b"countersign webhook", hashlib.sha256).hexdigest()
        chat.webhook(settings.public_url.rstrip("/") + TELEGRAM_PATH, secret)
    return chat


def _slack(settings: Settings, desk: Desk, oauth: "OAuth | None") -> "SlackChat | None":
    """Slack's side; with a bot token alone it only sends."""
    sender = desk.channels.get("slack")
    public = settings.public_url is not None and settings.slack_signing_secret is not None
    if sender is None or not (settings.slack_app_token or public):
        return None
    from bot.channels.slack import Slack  # noqa: PLC0415 - the library is slow to import
    from bot.channels.slack_chat import SlackChat  # noqa: PLC0415 - the same

    assert isinstance(sender, Slack)
    return SlackChat(
        sender,
        app_token=None if public or settings.slack_app_token is None else settings.slack_app_token.get_secret_value(),
        signing_secret=settings.slack_signing_secret.get_secret_value() if settings.slack_signing_secret else None,
        oauth=oauth,
        admins_only=settings.admins_only,
    )
