"""The setup of the Slack channel: its addresses, its sender and its listener."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bot.channels.examination import Inquiry
from bot.channels.introduction import Ask, TokenQuestion, TokenRejected
from bot.channels.protocols import Listener, Notes, Sender
from bot.channels.setup import Route, Setup
from bot.channels.slack.command import COMMAND
from bot.channels.slack.settings import SlackSettings
from bot.domain.finding import Finding, wrong
from bot.domain.text.rich_text import legible
from bot.domain.web_address import masked_typed
from bot.errors import LONGEST_REASON, ConfigError, UsageError

if TYPE_CHECKING:
    from bot.channels.slack.oauth import OAuth


_ID = re.compile(r"(?:[TE][A-Z0-9]{6,}/)?[CGDUW][A-Z0-9]{6,}")
_LINK = re.compile(r"https://[\w.-]+\.slack\.com/archives/([CGD][A-Z0-9]{6,})\b.*")
_MENTION = re.compile(r"<[#@]([CGUW][A-Z0-9]{6,})(?:\|[^>]*)?>")


HANDLED = "handled slack"  # the kind of note that lists the requests handled lately


class SlackSetup(Setup[SlackSettings]):
    """The setup of the Slack channel. The app can be in one workspace or in every workspace that installs it."""

    name = "slack"
    settings = SlackSettings
    command_prefix = f"{COMMAND} "
    routes = (Route("*", "/slack/{rest:.*}"),)
    chatty_loggers = ("slack_sdk", "slack_bolt", "aiohttp")
    tokens = (
        TokenQuestion(
            "SLACK_BOT_TOKEN",
            "bot token",
            "Create an app at https://api.slack.com/apps from the manifest config/slack-manifest.yml and install it. "
            "Then copy the Bot User OAuth Token under OAuth & Permissions.",
            shape=r"xoxb-[\w-]{10,}",
            looks="begins with xoxb-, and numbers and letters follow",
        ),
        TokenQuestion(
            "SLACK_APP_TOKEN",
            "app token",
            "Generate it under Basic Information, App-Level Tokens, with the scope connections:write.",
            shape=r"xapp-[\w-]{10,}",
            looks="begins with xapp-, and numbers and letters follow",
            without="Slack will get alerts, but people can't type commands there.",
        ),
    )

    def check_address(self, address: str) -> str:
        """Return the id from a valid address, which is a channel or member id, TEAM/ID, a link or a mention.

        Raise UsageError for any other address. Ids are in capital letters, so "general" is a name and not an id.
        """
        wanted = re.sub(r"\s*/\s*", "/", address.strip())
        if found := _LINK.fullmatch(address.strip()) or _MENTION.fullmatch(address.strip()):
            return found[1]
        if _ID.fullmatch(wanted):
            return wanted
        shown = masked_typed(address)
        raise UsageError(
            f"{shown!r} isn't a Slack channel id. Names can change, so use the id, such as C024BE91L: click "
            "the channel's name in Slack and find the id at the bottom of its details, or paste its link (Copy link)."
        )

    async def resolve(self, sender: Sender, address: str) -> str | None:
        """Return the address that events from the conversation use, or None if it is the same as the given address."""
        from bot.channels.slack.sender import SlackSender  # noqa: PLC0415 - the library is slow to import

        assert isinstance(sender, SlackSender)
        found = await sender.address_of(address)
        return found if found != address else None

    def is_set_up(self, settings: SlackSettings) -> bool:
        return settings.slack_bot_token is not None or None not in settings.for_oauth.values()

    def make_sender(self, settings: SlackSettings, notes: Notes, *, sends: bool) -> Sender | None:  # noqa: ARG002
        oauth = _oauth(settings, notes)
        if settings.slack_bot_token is None and oauth is None:
            return None
        from bot.channels.slack.sender import SlackSender  # noqa: PLC0415 - the library is slow to import

        return SlackSender(
            token=_revealed(settings.slack_bot_token) or None,
            tokens=oauth.workspaces.token if oauth is not None else None,
            base_url=settings.slack_api_url,
        )

    async def make_listener(self, settings: SlackSettings, sender: Sender, notes: Notes) -> Listener | None:
        """Return the listener, or None if the settings allow only sending.

        Raise ConfigError if stored tokens can't be decrypted.
        """
        is_public = settings.public_url is not None and settings.slack_signing_secret is not None
        if settings.slack_app_token is None and not is_public:
            return None
        from bot.channels.slack.listener import SlackListener  # noqa: PLC0415 - the library is slow to import
        from bot.channels.slack.sender import SlackSender  # noqa: PLC0415 - the same

        assert isinstance(sender, SlackSender)
        oauth = _oauth(settings, notes)
        if oauth is not None:
            await oauth.workspaces.check()
        return SlackListener(
            sender,
            app_token=None if is_public else _revealed(settings.slack_app_token),
            signing_secret=_revealed(settings.slack_signing_secret) or None,
            oauth=oauth,
            notes=notes.of(HANDLED),
            admins_only=settings.admins_only,
        )

    async def introduce(self, settings: SlackSettings, ask: Ask) -> Sequence[str]:
        said = []
        if settings.slack_bot_token is not None:
            answer = await ask(f"{settings.slack_api_url}auth.test", {}, _revealed(settings.slack_bot_token))
            if answer.get("ok") is not True:
                raise TokenRejected(_rejection("bot token", "xoxb-", answer))
            user, team = (legible(str(answer.get(name, ""))) for name in ("user", "team"))
            said.append(f"The bot token belongs to {user} in the workspace {team}.")
        if settings.slack_app_token is not None:
            answer = await ask(
                f"{settings.slack_api_url}apps.connections.open", {}, _revealed(settings.slack_app_token)
            )
            if answer.get("ok") is not True:
                raise TokenRejected(_rejection("app token", "xapp-", answer))
            said.append("The app token works, so people can type commands in Slack.")
        return tuple(said)

    def invitation(self, settings: SlackSettings) -> str | None:
        """Return the address at which other workspaces install the app, or None if they can't."""
        is_open = None not in settings.for_oauth.values()
        return f"{(settings.public_url or '').rstrip('/')}/slack/install" if is_open else None

    def notices(self, settings: SlackSettings) -> Sequence[str]:
        missing = [name for name, value in settings.for_oauth.items() if value is None]
        if settings.slack_client_id is None or not missing:
            return ()
        return (f"Other workspaces can't install the Slack app, because these aren't set: {', '.join(missing)}.",)

    def contradictions(self, settings: SlackSettings) -> Sequence[Finding]:
        from bot.channels.slack import check  # noqa: PLC0415 - only one command needs it

        return check.contradictions(settings)

    async def examine(self, settings: SlackSettings, inquiry: Inquiry) -> Sequence[Finding]:
        """Ask Slack about the tokens, those of other workspaces included, and about the channels."""
        from bot.channels.slack import check  # noqa: PLC0415 - only one command needs it

        oauth, found = None, list[Finding]()
        try:
            oauth = _oauth(settings, inquiry.notes) if inquiry.notes is not None else None
            installed = await oauth.workspaces.installed() if oauth is not None else {}
        except ConfigError as fault:
            return [*await check.examine(settings, inquiry, None), *map(wrong, fault.problems)]
        found += await check.examine(settings, inquiry, oauth.workspaces.token if oauth is not None else None)
        for team, token in list(installed.items())[: check.MOST_WORKSPACES]:
            found += await check.of_workspace(settings, inquiry, team, token)
        return found


def _oauth(settings: SlackSettings, notes: Notes) -> "OAuth | None":
    """Return the OAuth setup for installation by other workspaces, or None if a required setting is missing."""
    if None in settings.for_oauth.values():
        return None
    from bot.channels.slack.oauth import OAuth, Workspaces  # noqa: PLC0415 - the library is slow to import
    from bot.channels.slack.token_vault import TokenVault  # noqa: PLC0415 - the same

    vault = TokenVault(_revealed(settings.secret_key), notes)
    return OAuth(
        client_id=settings.slack_client_id or "",
        client_secret=_revealed(settings.slack_client_secret),
        public_url=settings.public_url or "",
        vault=vault,
        workspaces=Workspaces(vault),
    )


def _rejection(name: str, begins: str, answer: Mapping[str, Any]) -> str:
    why = legible(str(answer.get("error", "no reason")))[:LONGEST_REASON]
    return f"Slack doesn't accept this {name} ({why}). Copy the one that begins with {begins} again."


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
