"""Slack workspaces that install the app by themselves (OAuth), and their tokens, encrypted."""

import json
import logging
import secrets
from collections import deque
from dataclasses import dataclass, field

from slack_bolt.error import BoltError
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from bot.channels.slack.token_vault import Vault

INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"
SCOPES = (
    "commands",
    "chat:write",
    "chat:write.public",
    "channels:read",
    "groups:read",
    "users:read",
    "files:write",
    "im:history",
    "im:write",
)
STATE_SECONDS = 600  # between the click on install and Slack's answer
_PREFIX = "slack/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One that has installed the app: its id, its token, and the id of the bot there."""

    team: str
    token: str = field(repr=False)
    bot: str


class Workspaces(AsyncInstallationStore):
    """The workspaces that have installed the app. Nothing is kept of who installed it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def check(self) -> None:
        """ConfigError when what is kept was kept with another secret key."""
        await self._vault.check(_PREFIX)

    async def find(self, team: str) -> Workspace | None:
        """A workspace by its id."""
        text = await self._vault.get(_PREFIX + team)
        return None if text is None else Workspace(team=team, **json.loads(text))

    async def token(self, team: str) -> str | None:
        """The token of a workspace, for whoever sends to it."""
        found = await self.find(team)
        return None if found is None else found.token

    async def forget(self, team: str) -> None:
        """Erase the token of a workspace."""
        await self._vault.delete(_PREFIX + team)

    async def async_save(self, installation: Installation) -> None:
        """What the library calls when a workspace has installed the app."""
        if not installation.team_id or not installation.bot_token or not installation.bot_user_id:
            raise BoltError("The app is installed in one workspace at a time, with a bot user.")
        kept = {"token": installation.bot_token, "bot": installation.bot_user_id}
        await self._vault.put(_PREFIX + installation.team_id, json.dumps(kept))


class States(AsyncOAuthStateStore):
    """The state that ties Slack's answer to the browser that asked: sealed, so that none has to be kept until it ends.

    It is good for ten minutes and once: those that were used are remembered as long.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._used: deque[str] = deque(maxlen=10_000)

    async def async_issue(self, *_: object, **__: object) -> str:
        """A new state."""
        return self._vault.seal(f"state {secrets.token_urlsafe(16)}")

    async def async_consume(self, state: str) -> bool:
        """Whether it is one of ours, young enough and never used before."""
        found = self._vault.unseal(state, within=STATE_SECONDS)
        if found is None or not found.startswith("state ") or found in self._used:
            return False
        self._used.append(found)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """What it takes for workspaces to install the app. `public_url` is where this program is reached."""

    client_id: str
    client_secret: str = field(repr=False)
    public_url: str
    vault: Vault
    workspaces: Workspaces

    def flow(self, client: AsyncWebClient, logger: logging.Logger) -> AsyncOAuthFlow:
        """The library's pages for installing, over the same base address as everything else."""
        return AsyncOAuthFlow(
            client=client,
            logger=logger,
            settings=AsyncOAuthSettings(
                client_id=self.client_id,
                client_secret=self.client_secret,
                scopes=SCOPES,
                user_scopes=(),
                redirect_uri=self.public_url.rstrip("/") + REDIRECT_PATH,
                install_path=INSTALL_PATH,
                install_page_rendering_enabled=False,  # straight to Slack: its page would show a picture from elsewhere
                redirect_uri_path=REDIRECT_PATH,
                authorization_url=client.base_url.removesuffix("api/") + "oauth/v2/authorize",
                installation_store=self.workspaces,
                installation_store_bot_only=True,
                state_store=States(self.vault),
                state_expiration_seconds=STATE_SECONDS,
                logger=logger,
            ),
        )
