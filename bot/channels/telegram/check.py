"""Find out what is wrong with the Telegram bot: its token, its webhook and the chats it can't reach.

Nothing here polls for updates, because that would end the poll of a running program.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bot.channels.examination import MOST_CHATS, Inquiry, Told, of_chats, why
from bot.channels.telegram.address import address_of
from bot.channels.telegram.settings import TelegramSettings
from bot.domain.finding import Finding, fine, unknown, warning, wrong
from bot.domain.letters import counted
from bot.domain.text.rich_text import legible
from bot.errors import SourceError

TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - a name
NEW_TOKEN = "Send /token to @BotFather and copy the whole token that it shows."  # noqa: S105 - advice
SHORTEST_SECRET = 30  # characters; Telegram's have 35
WEBHOOK_PORTS = (443, 80, 88, 8443)
CONFLICT_FOR = timedelta(hours=1)
RECENT_ERROR = timedelta(hours=1)
GAP = 0.1  # seconds between questions about chats


@dataclass(frozen=True, slots=True)
class _Bot:
    """The bot's API address with its token, and what Telegram says about the bot."""

    url: str
    me: Mapping[str, Any]


def impossible(token: str) -> Finding | None:
    """Return what is wrong with a text that can't be a Telegram token, or None if it could be one."""
    if re.match(r"xox|xapp", token):
        return wrong(f"{TOKEN} holds a Slack token.", f"Swap the two. {NEW_TOKEN}")
    if re.match(r"bot\d+:", token, re.IGNORECASE):
        return wrong(f"{TOKEN} begins with “bot”, which belongs to the API's address.", "Remove those three letters.")
    if not re.fullmatch(r"\d+:[\w-]+", token, re.ASCII):
        return wrong(
            f"{TOKEN} can't be a Telegram token. One is a number, a colon and about 35 letters and digits.", NEW_TOKEN
        )
    return None


def contradictions(settings: TelegramSettings) -> list[Finding]:
    """Return what is wrong with the settings themselves. Nothing is asked."""
    token = settings.telegram_bot_token
    found = [each for each in (impossible(token.get_secret_value()) if token else None,) if each is not None]
    if token is not None and settings.public_url is not None:
        found += _of_webhook_address(settings.public_url)
    return found


def _of_webhook_address(public_url: str) -> list[Finding]:
    parts = urlsplit(public_url)
    if parts.scheme != "https":
        advice = "Use https://, with a proxy in front. Without COUNTERSIGN_PUBLIC_URL, the program polls instead."
        return [wrong("Telegram posts only to https:// addresses, and COUNTERSIGN_PUBLIC_URL is http://.", advice)]
    if parts.port not in (None, *WEBHOOK_PORTS):
        ports = ", ".join(map(str, WEBHOOK_PORTS))
        return [wrong(f"Telegram posts only to the ports {ports}, not {parts.port}.", "Use one of those ports.")]
    return []


async def examine(settings: TelegramSettings, inquiry: Inquiry, webhook: str | None) -> list[Finding]:
    """Ask Telegram about the token, the webhook and the chats. `webhook` is the address that should be registered."""
    token = settings.telegram_bot_token
    if token is None or impossible(token.get_secret_value()) is not None:
        return []
    url = settings.telegram_api_url + token.get_secret_value()
    try:
        told = await inquiry.api.ask(f"{url}/getMe")
    except SourceError as fault:
        return [*_of_length(token.get_secret_value()), unknown(f"The bot's token: {why(fault)}.")]
    if not told.is_ok:
        return [_refused(told, token.get_secret_value())]
    bot = _Bot(url, _of(told))
    found = [*_of_bot(bot.me), *await _of_conflict(inquiry)]
    try:
        found += _of_webhook(_of(await inquiry.api.ask(f"{url}/getWebhookInfo")), webhook, inquiry.now)
        return found + await _of_chats(bot, inquiry)
    except SourceError as fault:
        return [*found, unknown(f"The webhook and the chats: {why(fault)}.")]


def _of(told: Told) -> Mapping[str, Any]:
    found = told.body.get("result")
    return found if isinstance(found, dict) else {}


def _said(told: Told) -> str:
    said = str(told.body.get("description") or f"status {told.status}")
    return legible(said.removeprefix("Bad Request: ").removeprefix("Forbidden: "))[:200].rstrip(".")


# ── the token ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refused(told: Told, token: str) -> Finding:
    if told.status in {401, 404}:
        short = f" {_of_length(token)[0].said}" if _of_length(token) else ""
        return wrong(f"Telegram rejects the bot's token; it may be incomplete or revoked.{short}", NEW_TOKEN)
    return unknown(f"The bot's token: Telegram answered “{_said(told)}”.")


def _of_length(token: str) -> list[Finding]:
    secret = token.partition(":")[2]
    if len(secret) >= SHORTEST_SECRET:
        return []
    return [wrong(f"After the colon, {TOKEN} has {counted(len(secret), 'character')}; real ones have 35.", NEW_TOKEN)]


def _of_bot(me: Mapping[str, Any]) -> list[Finding]:
    private = "; privacy mode is on" if me.get("can_read_all_group_messages") is False else ""
    found = [fine(f"The token works. The bot is @{me.get('username', '')}{private}.")]
    if me.get("can_join_groups") is False:
        found.append(warning("The bot can't be added to groups.", "Allow it with /setjoingroups at @BotFather."))
    if me.get("can_read_all_group_messages") is True:
        found.append(
            warning(
                "Privacy mode is off, so Telegram sends the bot every message in its groups.",
                "It needs only commands. Turn privacy mode on with /setprivacy at @BotFather.",
            )
        )
    return found


async def _of_conflict(inquiry: Inquiry) -> list[Finding]:
    """Return a finding if the running program lately found another program on the same token."""
    seen = await inquiry.notes.get("telegram") if inquiry.notes is not None else None
    if seen is None or inquiry.now - datetime.fromisoformat(seen) > CONFLICT_FOR:
        return []
    at = datetime.fromisoformat(seen).astimezone(UTC)
    return [
        wrong(
            f"Another program used this bot's token at {at:%H:%M} UTC (Telegram's error 409), so commands get lost.",
            "Stop the other program, or get it a bot of its own. This line goes away an hour after the last time.",
        )
    ]


# ── the webhook ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_webhook(about: Mapping[str, Any], webhook: str | None, now: datetime) -> list[Finding]:
    registered = str(about.get("url") or "")
    host = urlsplit(registered).netloc
    if webhook is None:
        if not registered:
            return [fine("No webhook is registered; the program polls, as it should without COUNTERSIGN_PUBLIC_URL.")]
        advice = "At its start, the program removes it and polls. If it comes back, another program uses this token."
        return [warning(f"A webhook is registered at {host}, so Telegram sends the commands there.", advice)]
    if not registered:
        return [warning("No webhook is registered yet.", "The program registers it at its start: countersign run")]
    if registered != webhook:
        advice = "Another program may use this token; stop it. Then start this one again, and it registers its own."
        return [wrong(f"The registered webhook is at {host}{urlsplit(registered).path}, not at {webhook}.", advice)]
    return [fine(f"The webhook is registered at {host}."), *_of_errors(about, now)]


def _of_errors(about: Mapping[str, Any], now: datetime) -> list[Finding]:
    """Return Telegram's last error with the webhook, and how many updates wait."""
    found, failed_at = [], about.get("last_error_date")
    if isinstance(failed_at, int) and failed_at > 0:
        at = datetime.fromtimestamp(failed_at, UTC)
        said = legible(str(about.get("last_error_message") or "no reason"))[:200].rstrip(".")
        line = f"Telegram's last error with the webhook, at {at:%Y-%m-%d %H:%M} UTC: {said}."
        make = wrong if now - at <= RECENT_ERROR else warning
        found.append(make(line, "Open COUNTERSIGN_PUBLIC_URL/live from another network; it must answer “ok”."))
    waiting = about.get("pending_update_count")
    if isinstance(waiting, int) and waiting > 0:
        found.append(warning(f"{counted(waiting, 'update')} from people waiting at Telegram."))
    return found


# ── the chats ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _of_chats(bot: _Bot, inquiry: Inquiry) -> list[Finding]:
    chats = list(dict.fromkeys(address_of(address).chat for address in inquiry.addresses))
    asked, lost = chats[:MOST_CHATS], list[Finding]()
    for chat in asked:
        trouble = await _trouble(bot, inquiry, chat)
        if trouble is not None:
            lost.append(trouble)
        if chat != asked[-1]:
            await asyncio.sleep(GAP)
    return of_chats(lost, len(asked), len(chats))


async def _trouble(bot: _Bot, inquiry: Inquiry, chat: str) -> Finding | None:
    """Return why a chat can't get messages, or None if it can."""
    told = await inquiry.api.ask(f"{bot.url}/getChat", {"chat_id": chat})
    if not told.is_ok:
        if told.status not in {400, 403}:
            return unknown(f"Chat {chat}: Telegram answered “{_said(told)}”.")
        advice = f"Invite the bot again, or run: countersign unsubscribe telegram {chat}"
        return wrong(f"Chat {chat} can't be reached: {_said(told)}.", advice)
    kind = _of(told).get("type")
    if kind in {None, "private"}:
        return None
    of_itself = {"chat_id": str(_of(told).get("id") or chat), "user_id": str(bot.me.get("id", ""))}
    told = await inquiry.api.ask(f"{bot.url}/getChatMember", of_itself)
    return _lacks_rights(chat, str(kind), _of(told)) if told.is_ok else None


def _lacks_rights(chat: str, kind: str, member: Mapping[str, Any]) -> Finding | None:
    status = member.get("status")
    if status in {"left", "kicked"}:
        return wrong(f"The bot is no longer in chat {chat} ({status}).", "Add it to the chat again.")
    if kind == "channel" and member.get("can_post_messages") is False:
        return wrong(f"The bot may not post in channel {chat}.", "Make it an administrator that may post messages.")
    if status == "restricted" and member.get("can_send_messages") is False:
        return wrong(f"The bot may not write in chat {chat}.", "An administrator of the chat can allow it.")
    return None
