"""OAuth for Slack workspaces that install the app themselves, and storage for their encrypted tokens."""

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

from bot.channels.slack.token_vault import TokenVault

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
STATE_SECONDS = 600  # allowed between the click on install and Slack's answer
_PREFIX = "slack/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace that has installed the app. `bot` is the bot's user id in the workspace."""

    team: str
    token: str = field(repr=False)
    bot: str


class Workspaces(AsyncInstallationStore):
    """The workspaces that have installed the app. No data about the person who installed the app is stored."""

    def __init__(self, vault: TokenVault) -> None:
        self._vault = vault

    async def check(self) -> None:
        """Raise ConfigError if the stored tokens were encrypted with another secret key."""
        await self._vault.check(_PREFIX)

    async def find(self, team: str) -> Workspace | None:
        """Return a workspace by id, or None if it hasn't installed the app."""
        text = await self._vault.get(_PREFIX + team)
        return None if text is None else Workspace(team=team, **json.loads(text))

    async def token(self, team: str) -> str | None:
        """Return a workspace's token, or None if the workspace hasn't installed the app."""
        found = await self.find(team)
        return None if found is None else found.token

    async def installed(self) -> dict[str, str]:
        """Return the token of each workspace. Raise ConfigError if one was encrypted with another secret key."""
        teams = [key.removeprefix(_PREFIX) for key in await self._vault.keys(_PREFIX)]
        found = {team: await self.token(team) for team in teams}
        return {team: token for team, token in found.items() if token is not None}

    async def forget(self, team: str) -> None:
        """Delete a workspace's token."""
        await self._vault.delete(_PREFIX + team)

    async def async_save(self, installation: Installation) -> None:
        """Store the token of a new workspace. Slack's library calls this method after an installation."""
        if not installation.team_id or not installation.bot_token or not installation.bot_user_id:
            raise BoltError("The app can be installed in only one workspace at a time and needs a bot user.")
        stored = {"token": installation.bot_token, "bot": installation.bot_user_id}
        await self._vault.put(_PREFIX + installation.team_id, json.dumps(stored))


class States(AsyncOAuthStateStore):
    """The OAuth states, which link Slack's callback to the browser that started the installation.

    The states are encrypted, so they don't have to be stored. A state expires after ten minutes and can be used only
    once. To prevent reuse, the 10,000 most recently used states are kept in memory.
    """

    def __init__(self, vault: TokenVault) -> None:
        self._vault = vault
        self._used: deque[str] = deque(maxlen=10_000)

    async def async_issue(self, *_: object, **__: object) -> str:
        """Return a new state."""
        return self._vault.seal(f"state {secrets.token_urlsafe(16)}")

    async def async_consume(self, state: str) -> bool:
        """Mark a state as used. Return False if it is invalid, has expired or was already used."""
        found = self._vault.unseal(state, within=STATE_SECONDS)
        if found is None or not found.startswith("state ") or found in self._used:
            return False
        self._used.append(found)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """The credentials and storage needed for workspaces to install the app.

    `public_url` is this program's public address.
    """

    client_id: str
    client_secret: str = field(repr=False)
    public_url: str
    vault: TokenVault
    workspaces: Workspaces

    def flow(self, client: AsyncWebClient, logger: logging.Logger) -> AsyncOAuthFlow:
        """Return the library's installation flow. It uses the same API address as `client`."""
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
                install_page_rendering_enabled=False,  # skip the library's page, which loads an image from elsewhere
                redirect_uri_path=REDIRECT_PATH,
                authorization_url=client.base_url.removesuffix("api/") + "oauth/v2/authorize",
                installation_store=self.workspaces,
                installation_store_bot_only=True,
                state_store=States(self.vault),
                state_expiration_seconds=STATE_SECONDS,
                logger=logger,
            ),
        )
