"""Everything the rest of the program knows about a channel. Each channel derives its own `Setup` from this one.

A setup must load fast, because every command reads the settings of every channel. It imports the platform's library
only inside `make_sender` and `make_listener`.
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
    """The settings that any channel may read. A channel's own settings class derives from this one.

    A field's alias is its environment variable, and its name is the key in the file. A SecretStr is read only from the
    environment and is masked in every log line.
    """

    # Only the model that combines all of these classes is instantiated.
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
    """A channel's settings, how to make its two sides, and a few facts the rest of the program needs.

    `settings` is the channel's own model, or None if there is nothing to set. A fallback is used while no channel with
    settings of its own is set up. `command_prefix` goes before every command people type. `routes` are the paths where
    the platform calls us. `chatty_loggers` log tokens and addresses at levels below WARNING.
    """

    name: ClassVar[str]
    settings: type[SettingsT] | None = None
    is_fallback: ClassVar[bool] = False
    command_prefix: ClassVar[str] = "/"
    routes: ClassVar[tuple[Route, ...]] = ()
    chatty_loggers: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check_address(self, address: str) -> str:
        """Return an address in the platform's own form. If it's malformed, UsageError says how to write it."""

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
        """Return the name of the leadership a program must hold to send. None lets any number of programs send.

        A channel needs a leadership if its rate limit applies to the whole token.
        """
        return None

    def listening_leadership(self, settings: SettingsT) -> str | None:  # noqa: ARG002 - for channels that need one
        """Return the name of the leadership a program must hold to listen. None lets any number listen."""
        return None

    def notices(self, settings: SettingsT) -> Sequence[str]:  # noqa: ARG002 - for channels that have some
        """Return warnings about settings that are allowed but probably not intended."""
        return ()
