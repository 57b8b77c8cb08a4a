"""Find out what is wrong with the Slack app: its tokens, its permissions and the channels it can't reach."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from bot.channels.examination import MOST_CHATS, Inquiry, Told, of_chats, why
from bot.channels.slack.oauth import SCOPES
from bot.channels.slack.sender import channel_refusal, token_refusal, workspace
from bot.channels.slack.settings import SlackSettings
from bot.domain.finding import Finding, fine, unknown, warning, wrong
from bot.domain.letters import counted
from bot.domain.text.rich_text import legible
from bot.errors import SourceError

GAP = 0.5  # seconds between questions about channels
MOST_WORKSPACES = 20
BOT_TOKEN = "Copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions on the app's page."  # noqa: S105 - advice
APP_TOKEN = "Make one under Basic Information, App-Level Tokens, with the scope connections:write."  # noqa: S105 - the same
LISTENS = "Set SLACK_APP_TOKEN for Socket Mode, or COUNTERSIGN_PUBLIC_URL and SLACK_SIGNING_SECRET."
SIGNING_SECRET = "Copy it from Basic Information, App Credentials, on the app's page."  # noqa: S105 - the same
NEEDED_FOR = {
    "commands": "the command /countersign",
    "chat:write": "every message",
    "chat:write.public": "public channels without an invitation",
    "channels:read": "archived channels and removals",
    "groups:read": "the same in private channels",
    "users:read": "languages and time zones",
    "files:write": "pictures",
    "im:history": "what people write to the app",
    "im:write": "direct messages",
}

Tokens = Callable[[str], Awaitable[str | None]]


# ── the settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def contradictions(settings: SlackSettings) -> list[Finding]:
    """Return what is wrong with the settings themselves. Nothing is asked."""
    found = [
        of_bot_token(_text(settings.slack_bot_token)),
        of_app_token(_text(settings.slack_app_token)),
        _of_signing_secret(_text(settings.slack_signing_secret)),
        *_of_combinations(settings),
    ]
    return [finding for finding in found if finding is not None]


def of_bot_token(token: str) -> Finding | None:
    """Return what is wrong with a text that can't be a bot token, or None if it could be one or is empty."""
    if not token or re.fullmatch(r"(xoxe\.)?xoxb-\S{10,}", token):
        return None
    if token.startswith("xapp-"):
        return wrong("SLACK_BOT_TOKEN holds an app-level token, which belongs in SLACK_APP_TOKEN.", BOT_TOKEN)
    if re.match(r"(xoxe\.)?xox[ps]-", token):
        return wrong("SLACK_BOT_TOKEN holds a person's token. Messages would come from that person.", BOT_TOKEN)
    if re.match(r"\d+:", token):
        return wrong("SLACK_BOT_TOKEN holds a Telegram token.", f"Swap the two. {BOT_TOKEN}")
    return wrong("SLACK_BOT_TOKEN can't be a bot token, because those begin with xoxb- and are longer.", BOT_TOKEN)


def of_app_token(token: str) -> Finding | None:
    """Return what is wrong with a text that can't be an app-level token, or None if it could be one or is empty."""
    if not token or re.fullmatch(r"xapp-\S{10,}", token):
        return None
    if re.match(r"(xoxe\.)?xoxb-", token):
        return wrong("SLACK_APP_TOKEN holds a bot token, which belongs in SLACK_BOT_TOKEN.", APP_TOKEN)
    return wrong(
        "SLACK_APP_TOKEN can't be an app-level token, because those begin with xapp- and are longer.", APP_TOKEN
    )


def _of_signing_secret(secret: str) -> Finding | None:
    if re.match(r"xox|xapp-", secret):
        return wrong("SLACK_SIGNING_SECRET holds a token.", SIGNING_SECRET)
    if secret and not re.fullmatch(r"[0-9a-fA-F]{32}", secret):
        return warning("SLACK_SIGNING_SECRET doesn't look like one, which has 32 digits and letters.", SIGNING_SECRET)
    return None


def _of_combinations(settings: SlackSettings) -> list[Finding]:
    sends = settings.slack_bot_token is not None or None not in settings.for_oauth.values()
    is_public, has_secret = settings.public_url is not None, settings.slack_signing_secret is not None
    found = []
    if settings.slack_app_token is not None and not sends:
        found.append(wrong("SLACK_APP_TOKEN is set without SLACK_BOT_TOKEN, so Slack isn't used.", BOT_TOKEN))
    if has_secret and not is_public:
        make = warning if settings.slack_app_token is not None else wrong
        advice = "Set COUNTERSIGN_PUBLIC_URL to the address where Slack reaches this program, or remove the secret."
        found.append(make("SLACK_SIGNING_SECRET is set without COUNTERSIGN_PUBLIC_URL, so it's not used.", advice))
    elif is_public and has_secret and settings.slack_app_token is not None:
        advice = "Remove it, or remove COUNTERSIGN_PUBLIC_URL to use Socket Mode."
        found.append(warning("SLACK_APP_TOKEN isn't used, because Slack posts to COUNTERSIGN_PUBLIC_URL.", advice))
    if sends and settings.slack_app_token is None and not (is_public and has_secret):
        found.append(warning("The Slack app sends alerts but hears no commands.", LISTENS))
    return found + _of_oauth(settings)


def _of_oauth(settings: SlackSettings) -> list[Finding]:
    """Return what keeps other workspaces from installing the app, if that is intended."""
    wanted = settings.slack_client_id is not None or settings.slack_client_secret is not None
    missing = [name for name, value in settings.for_oauth.items() if value is None]
    if not wanted or not missing:
        return []
    return [warning(f"Other workspaces can't install the app, because {', '.join(missing)} isn't set.")]


# ── what Slack says ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SlackApi:
    """Slack's API as `countersign check` asks it."""

    settings: SlackSettings
    inquiry: Inquiry

    async def ask(self, method: str, token: str, **arguments: str) -> Told:
        """Call a method that changes nothing."""
        return await self.inquiry.api.ask(f"{self.settings.slack_api_url}{method}", arguments, token=token)


async def examine(settings: SlackSettings, inquiry: Inquiry, tokens: Tokens | None) -> list[Finding]:
    """Ask Slack about the tokens, their permissions and the channels. `tokens` has those of other workspaces."""
    slack, found = SlackApi(settings, inquiry), list[Finding]()
    token, app_token = _text(settings.slack_bot_token), _text(settings.slack_app_token)
    own = token if token and of_bot_token(token) is None else ""
    try:
        works = False
        if own:
            about = await _of_token(slack, own, "The bot token")
            works = about[0].verdict == "ok"
            found += about
        if app_token and of_app_token(app_token) is None and not _is_public(settings):
            found += await _of_socket_mode(slack, app_token)
        if works or tokens is not None:
            found += await _of_channels(slack, own if works else "", tokens)
    except SourceError as fault:
        found.append(unknown(f"The Slack app: {why(fault)}."))
    return found


async def of_workspace(settings: SlackSettings, inquiry: Inquiry, team: str, token: str) -> list[Finding]:
    """Ask Slack about the token of a workspace that installed the app."""
    try:
        return await _of_token(SlackApi(settings, inquiry), token, f"The token of the workspace {team}")
    except SourceError as fault:
        return [unknown(f"The token of the workspace {team}: {why(fault)}.")]


def _is_public(settings: SlackSettings) -> bool:
    return settings.public_url is not None and settings.slack_signing_secret is not None


async def _of_token(slack: SlackApi, token: str, what: str) -> list[Finding]:
    told = await slack.ask("auth.test", token)
    code = _code(told)
    if not told.is_ok:
        refusal = token_refusal(code)
        return [wrong(f"{what}: {refusal} ({code}).") if refusal else unknown(f"{what}: Slack answered “{code}”.")]
    name, team = (legible(str(told.body.get(key) or "")) for key in ("user", "team"))
    return [fine(f"{what} works: @{name} in {team}."), *_of_scopes(told)]


def _of_scopes(told: Told) -> list[Finding]:
    """Compare the token's permissions with those in the manifest."""
    if "x-oauth-scopes" not in told.headers:
        return [unknown("Slack doesn't say what the token may do.")]
    has = {scope.strip() for scope in told.headers["x-oauth-scopes"].split(",")}
    missing = [f"{scope} ({NEEDED_FOR[scope]})" for scope in SCOPES if scope not in has]
    if not missing:
        return [fine(f"It has all {len(SCOPES)} scopes of the manifest.")]
    advice = "Add them under OAuth & Permissions, Bot Token Scopes, and install the app again."
    return [wrong(f"It lacks {counted(len(missing), 'scope')}: {', '.join(missing)}.", advice)]


async def _of_socket_mode(slack: SlackApi, token: str) -> list[Finding]:
    """Ask for the address of a connection, without opening it."""
    told = await slack.ask("apps.connections.open", token)
    if told.is_ok:
        return [fine("The app token works; Socket Mode can connect.")]
    code = _code(told)
    if code == "missing_scope":
        return [wrong("The app token lacks the scope connections:write.", APP_TOKEN)]
    if code in {"forbidden", "socket_mode_disabled", "not_enabled"}:
        return [wrong("Socket Mode is off.", "Turn it on under Socket Mode on the app's page.")]
    if token_refusal(code):
        return [wrong(f"Slack rejects the app token ({code}).", APP_TOKEN)]
    return [unknown(f"The app token: Slack answered “{code}”.")]


# ── the channels ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _of_channels(slack: SlackApi, own: str, tokens: Tokens | None) -> list[Finding]:
    addresses = list(dict.fromkeys(slack.inquiry.addresses))
    asked, lost = addresses[:MOST_CHATS], list[Finding]()
    for address in asked:
        team = workspace(address)
        token = (await tokens(team) if tokens else None) if team else own
        trouble = await _trouble(slack, address, token) if token else _uninstalled(address, team)
        if trouble is not None:
            lost.append(trouble)
        if address != asked[-1]:
            await asyncio.sleep(GAP)
    return of_chats(lost, len(asked), len(addresses))


def _uninstalled(address: str, team: str) -> Finding:
    where = f"the workspace {team}" if team else "its workspace"
    return wrong(f"{address}: the app isn't installed in {where}.", "Install it there again.")


async def _trouble(slack: SlackApi, address: str, token: str) -> Finding | None:
    """Return why a conversation can't get messages, or None if it can."""
    name = address.rpartition("/")[2]
    if name.startswith(("U", "W")):
        told = await slack.ask("users.info", token, user=name)
        return _of_answer(address, told) or (
            wrong(f"{address}: this member has left the workspace.") if _part(told, "user").get("deleted") else None
        )
    told = await slack.ask("conversations.info", token, channel=name)
    return _of_answer(address, told) or _of_conversation(address, _part(told, "channel"))


def _of_answer(address: str, told: Told) -> Finding | None:
    if told.is_ok:
        return None
    refusal = channel_refusal(_code(told))
    advice = f"If it's gone for good, run: countersign unsubscribe slack {address}"
    return (
        wrong(f"{address}: {refusal}.", advice) if refusal else unknown(f"{address}: Slack answered “{_code(told)}”.")
    )


def _of_conversation(address: str, about: Mapping[str, Any]) -> Finding | None:
    if about.get("is_archived") is True:
        return wrong(f"{address}: {channel_refusal('is_archived')}.", "Unarchive it, or unsubscribe it.")
    is_private = about.get("is_private") is True or about.get("is_group") is True
    if is_private and about.get("is_member") is False:
        return wrong(f"{address}: {channel_refusal('not_in_channel')}.")
    return None


def _part(told: Told, name: str) -> Mapping[str, Any]:
    found = told.body.get(name)
    return found if isinstance(found, dict) else {}


def _code(told: Told) -> str:
    return legible(str(told.body.get("error") or f"status {told.status}"))[:60]


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
