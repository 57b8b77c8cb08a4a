"""The base class of the channels' setups, which connect the channels to the rest of the program.

A setup must load fast, because every command reads the settings of every channel. Import the platform's library only
inside `make_sender` and `make_listener`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from bot.channels.examination import Inquiry
from bot.channels.introduction import Ask, TokenQuestion, Writer
from bot.channels.protocols import Listener, Notes, Sender
from bot.domain.finding import Finding
from bot.domain.web_address import web_parts


def _check_web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
        raise ValueError("it must be an address that begins with https:// (or http://) and contains no password")
    if web_parts(value) is None:
        raise ValueError(
            "its host name or port isn't valid; it should look like https://www.example.org or http://host:8080"
        )
    return value


def is_web_address(value: str) -> bool:
    """Return whether a text is the address of a web site, as in the settings."""
    try:
        return bool(_check_web_address(value))
    except ValueError:
        return False


def _check_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
        raise ValueError("it contains a space, a line break or a character that no token has; copy it again")
    return value


WebAddress = Annotated[str, AfterValidator(_check_web_address)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]


class SharedSettings(BaseModel):
    """The settings that all channels can read. A channel's own settings class inherits from this one.

    The alias of a field is its environment variable. The name of a field is its key in the settings file. A SecretStr
    is read only from the environment and is masked in the log.
    """

    # Only the model that combines all of these classes is instantiated.
    model_config = ConfigDict(populate_by_name=True, frozen=True, defer_build=True)

    public_url: WebAddress | None = Field(None, alias="COUNTERSIGN_PUBLIC_URL")
    secret_key: SecretStr | None = Field(None, alias="COUNTERSIGN_SECRET_KEY")
    admins_only: bool = Field(default=False, alias="COUNTERSIGN_ADMINS_ONLY")
    allow_loopback: bool = Field(default=False, alias="COUNTERSIGN_ALLOW_LOOPBACK")
    contact: str | None = Field(None, alias="COUNTERSIGN_CONTACT")

    @property
    def base_url(self) -> str:
        """The public address without a slash at the end, or an empty string if there is none."""
        return (self.public_url or "").rstrip("/")


class Route(NamedTuple):
    """An HTTP method ("*" for any) and a path, in aiohttp's notation."""

    method: str
    path: str


SettingsT = TypeVar("SettingsT", bound=SharedSettings)


class Setup(ABC, Generic[SettingsT]):
    """A channel's settings, the methods that make its sender and listener, and a few facts about the channel.

    `settings` is the channel's own settings class, or None if the channel has no settings. A fallback channel is used
    only if no channel with its own settings is set up. If a channel `has_topics`, a chat's address can end in a colon
    and a topic's number. `command_prefix` is the prefix of every command that people
    type. `routes` are the paths on our server that the platform calls. `chatty_loggers` are loggers that include tokens
    and addresses at levels below WARNING. `tokens` are the questions that `countersign init` asks.
    """

    name: ClassVar[str]
    settings: type[SettingsT] | None = None
    is_fallback: ClassVar[bool] = False
    has_topics: ClassVar[bool] = False
    command_prefix: ClassVar[str] = "/"
    routes: ClassVar[tuple[Route, ...]] = ()
    chatty_loggers: ClassVar[tuple[str, ...]] = ()
    tokens: ClassVar[tuple[TokenQuestion, ...]] = ()

    @abstractmethod
    def check_address(self, address: str) -> str:
        """Return an address in the platform's standard form. Raise UsageError with instructions if it's malformed."""

    async def resolve(self, sender: Sender, address: str) -> str | None:  # noqa: ARG002 - for channels that need it
        """Ask the platform for the standard address of a chat that has several addresses.

        Return None if the address can't change, if the platform doesn't know the chat or if there is no answer.
        """
        return None

    @abstractmethod
    def make_sender(self, settings: SettingsT, notes: Notes, *, sends: bool) -> Sender | None:
        """Return the channel's sender, or None if the channel isn't set up.

        Without `sends`, this program only answers people, and another program sends the alerts.
        """

    def is_set_up(self, settings: SettingsT) -> bool:  # noqa: ARG002 - for channels with settings of their own
        """Return whether messages can be sent on the channel with these settings."""
        return True

    async def make_listener(
        self,
        settings: SettingsT,  # noqa: ARG002 - for channels that listen
        sender: Sender,  # noqa: ARG002 - the same
        notes: Notes,  # noqa: ARG002 - the same
    ) -> Listener | None:
        """Return the channel's listener, or None if the channel can't receive messages with these settings."""
        return None

    async def introduce(self, settings: SettingsT, ask: Ask) -> Sequence[str]:  # noqa: ARG002 - for channels with tokens
        """Ask the platform whose tokens these are. Return a sentence for each.

        Raise TokenRejected if it doesn't accept one, or SourceError if it doesn't answer.
        """
        return ()

    async def writers(self, settings: SettingsT, ask: Ask) -> Sequence[Writer]:  # noqa: ARG002 - for channels that can
        """Return the private chats that have written to the bot lately, the latest first. Nothing is confirmed."""
        return ()

    def invitation(self, settings: SettingsT) -> str | None:  # noqa: ARG002 - for channels that people join
        """Return the address that people open to get alerts, or None. "{bot}" in it stands for the bot's name."""
        return None

    def sending_leadership(self, settings: SettingsT) -> str | None:  # noqa: ARG002 - for channels that need one
        """Return the leadership that a program must hold to send, or None if any number of programs can send.

        A channel needs a leadership if its rate limit applies to the whole token.
        """
        return None

    def listening_leadership(self, settings: SettingsT) -> str | None:  # noqa: ARG002 - for channels that need one
        """Return the leadership that a program must hold to listen, or None if any number of programs can listen."""
        return None

    def notices(self, settings: SettingsT) -> Sequence[str]:  # noqa: ARG002 - for channels that have some
        """Return warnings about settings that are valid but probably not intended."""
        return ()

    def contradictions(self, settings: SettingsT) -> Sequence[Finding]:  # noqa: ARG002 - for channels that have some
        """Return what is wrong with the channel's settings themselves. Nothing is asked."""
        return ()

    async def examine(self, settings: SettingsT, inquiry: Inquiry) -> Sequence[Finding]:  # noqa: ARG002 - the same
        """Ask the platform what the tokens may do and which chats can be reached. Nothing is changed there."""
        return ()
