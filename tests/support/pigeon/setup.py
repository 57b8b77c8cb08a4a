"""The pigeons' setup."""

import re

from pydantic import Field

from bot.channels import Listener, Notes, Route, Sender, Setup, SharedSettings
from bot.channels.setup import Token, WebAddress
from bot.errors import UsageError


class PigeonSettings(SharedSettings):
    """The settings of a flight of pigeons."""

    pigeon_token: Token | None = Field(None, alias="PIGEON_TOKEN")
    pigeon_url: WebAddress = Field("https://pigeons.example", alias="PIGEON_URL")


class PigeonSetup(Setup[PigeonSettings]):
    """Pigeons fly to numbered lofts, and carry answers back at once."""

    name = "pigeon"
    settings = PigeonSettings
    command_prefix = "coo "
    routes = (Route("POST", "/pigeon/landed"),)
    chatty_loggers = ("pigeon",)

    def check_address(self, address: str) -> str:
        found = re.fullmatch(r"loft[ -](\d+)", address.strip().lower())
        if found is None:
            raise UsageError(f"{address!r} isn't a loft. Write loft and its number, as in loft-7.")
        return f"loft-{found[1]}"

    def make_sender(self, settings: PigeonSettings, notes: Notes, *, sends: bool) -> Sender | None:
        if settings.pigeon_token is None:
            return None
        from support.pigeon.sender import PigeonSender

        return PigeonSender(settings.pigeon_url, settings.pigeon_token.get_secret_value())

    async def make_listener(self, settings: PigeonSettings, sender: Sender, notes: Notes) -> Listener | None:
        from support.pigeon.listener import PigeonListener

        return PigeonListener(settings.pigeon_token.get_secret_value())
