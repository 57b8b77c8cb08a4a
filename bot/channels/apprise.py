"""The Apprise channel, which sends to email, Discord, Teams, Matrix, ntfy, webhooks and many other services.

This channel only sends, and only the operator can set it up. An address such as mailto://… contains a password, so
output, logs and receipts show only the type of service.
"""

import asyncio
import logging
from collections.abc import Sequence
from types import ModuleType
from urllib.parse import urlsplit

from bot.channels.protocols import Notes, Part, Ready, Sender, at_once
from bot.channels.setup import Setup, SharedSettings
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, plain_text
from bot.errors import SendError, UsageError


class AppriseSetup(Setup[SharedSettings]):
    """The setup of the Apprise channel. It has no settings, because everything is in the address."""

    name = "apprise"

    def check_address(self, address: str) -> str:
        """Return the address if Apprise supports it. Raise UsageError otherwise.

        The error doesn't quote the address, because it contains a password.
        """
        address = address.strip()
        if not _scheme(address) or not _library().Apprise().add(address):
            raise UsageError(
                "Apprise doesn't understand this address. It should look like mailto://user:password@example.org or "
                "discord://id/token; Apprise's documentation lists every kind."
            )
        return address

    def make_sender(self, settings: SharedSettings, notes: Notes, *, sends: bool) -> Sender:  # noqa: ARG002
        return AppriseSender()


class AppriseSender:
    """Sends messages through Apprise. `call_timeout` is in seconds."""

    name = "apprise"

    def __init__(self, *, call_timeout: float = 30.0) -> None:
        self.timeout = call_timeout

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:  # noqa: ARG002 - it shows none
        """Return one part of plain text, with the link addresses in parentheses.

        Apprise splits the text for services with a length limit.
        """
        found = pages(digest, lambda _: True)
        return tuple(
            Part(
                payload={"title": plain_text(page.lines[:1]), "body": _with_addresses(page.lines[1:])},
                plain=plain_text(page.lines),
                covers=page.covers,
            )
            for page in found
        )

    async def send(
        self,
        address: str,
        part: Part,
        *,
        plain: bool = False,  # noqa: ARG002 - the text is already plain
        ready: Ready = at_once,
    ) -> str:
        """Send one part. A failed delivery never counts as permanent, because Apprise doesn't report the cause."""
        apprise = _library()
        service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Countersign", async_mode=True))
        if not service.add(_splitting(address)):
            raise SendError("Apprise no longer understands this address", permanent=True)
        await ready()
        try:
            async with asyncio.timeout(self.timeout):
                done = await service.async_notify(**part.payload, body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001 - each plugin fails in its own way; some quote the address
            raise SendError(f"{_kind(address)} failed ({type(error).__name__})") from None
        if not done:
            raise SendError(f"{_kind(address)} refused the message or could not be reached")
        return "accepted"

    async def close(self) -> None:
        """Do nothing, because the sender keeps no connection open."""


def _library() -> ModuleType:
    """Import Apprise when it is first needed, because the import is slow. Disable its log, which quotes passwords."""
    import apprise  # noqa: PLC0415 - see above

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise


def _with_addresses(lines: Sequence[Line]) -> str:
    return plain_text([tuple(_shown(span) for span in line) for line in lines])


def _shown(span: Span) -> Span:
    return Span(f"{span.text} ({span.href})") if span.href and span.href != span.text else Span(span.text)


def _splitting(address: str) -> str:
    """Add the option that makes Apprise split long texts instead of cutting them."""
    return f"{address}{'&' if '?' in address else '?'}overflow=split"


def _kind(address: str) -> str:
    return _scheme(address) or "the service"


def _scheme(address: str) -> str:
    """Return the part before the first colon, such as "mailto", or "" if the address isn't valid."""
    try:
        return urlsplit(address).scheme
    except ValueError:
        return ""
