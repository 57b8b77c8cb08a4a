"""What the rest of the program knows about a channel: each channel's `setup.py` derives its `Setup` from this one.

A setup is light. It imports the platform's library only inside `make_sender` and `make_listener`, because every
command reads the settings of every channel.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from bot.channels.protocols import Listener, Notes, Sender


def _check_web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
        raise ValueError("it must be an address that begins with https:// (or http://) and contains no password")
    return value


def _check_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
        raise ValueError("it contains a space, a line break or a character that no token has; copy it again")
    return value


WebAddress = Annotated[str, AfterValidator(_check_web_address)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]


class SharedSettings(BaseModel):
    """The settings that any channel may read. A channel's own settings derive from these.

    A field's alias is its environment variable, its name the key in the file. A SecretStr is read from the
    environment alone, and masked in every log line.
    """

    # Only the model that composes all of them is built.
    model_config = ConfigDict(populate_by_name=True, frozen=True, defer_build=True)

    public_url: WebAddress | None = Field(None, alias="COUNTERSIGN_PUBLIC_URL")
    secret_key: SecretStr | None = Field(None, alias="COUNTERSIGN_SECRET_KEY")
    admins_only: bool = Field(default=False, alias="COUNTERSIGN_ADMINS_ONLY")


class Route(NamedTuple):
    """An HTTP method ("*" for any) and a path, in aiohttp's notation."""

    method: str
    path: str


SettingsT = TypeVar("SettingsT", bound=SharedSettings)


class Setup(ABC, Generic[SettingsT]):
    """One channel: its settings, how to make its two sides, and what the rest of the program must know about it.

    `settings` is the channel's own model, None if there is nothing to set. A fallback stands in while no channel with
    settings of its own is set up. `command_prefix` is what people type before a command. `routes` are the paths where
    the platform calls us. `chatty_loggers` quote tokens and addresses below the level of a warning.
    """

    name: ClassVar[str]
    settings: type[SettingsT] | None = None
    is_fallback: ClassVar[bool] = False
    command_prefix: ClassVar[str] = "/"
    routes: ClassVar[tuple[Route, ...]] = ()
    chatty_loggers: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check_address(self, address: str) -> str:
        """Return an address in the platform's own form. UsageError says what it should look like."""

    @abstractmethod
    def make_sender(self, settings: SettingsT, notes: Notes, *, sends: bool) -> Sender | None:
        """Make the sending side, or return None if the channel isn't set up.

        Without `sends`, this program only answers people while another one sends the alerts.
        """

    async def make_listener(
        self,
        settings: SettingsT,  # noqa: ARG002 - for channels that listen
        sender: Sender,  # noqa: ARG002 - the same
        notes: Notes,  # noqa: ARG002 - the same
    ) -> Listener | None:
        """Make the listening side, or return None if the channel only sends."""
        return None

    def sending_leadership(self, settings: SettingsT) -> str | None:  # noqa: ARG002 - for channels that need one
        """Name the leadership that a program must hold to send. None lets any number of programs send.

        A channel needs one if its rate limit counts for a whole token.
        """
        return None

    def listening_leadership(self, settings: SettingsT) -> str | None:  # noqa: ARG002 - for channels that need one
        """Name the leadership that a program must hold to listen. None lets any number of programs listen."""
        return None

    def notices(self, settings: SettingsT) -> Sequence[str]:  # noqa: ARG002 - for channels that have some
        """Return warnings about settings that are allowed but probably not intended."""
        return ()
