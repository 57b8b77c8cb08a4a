"""Everything else that carries text: email, Discord, Teams, Matrix, ntfy, webhooks and a hundred more, through Apprise.

This channel only sends, and only the operator sets it up. An address such as mailto://… contains a password, so output,
logs and receipts show only its kind.
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
    """The channel's setup. There are no settings, because the address contains everything."""

    name = "apprise"

    def check_address(self, address: str) -> str:
        """Accept an address if Apprise knows its kind. Errors never quote it, because it contains a password."""
        address = address.strip()
        if not urlsplit(address).scheme or not _library().Apprise().add(address):
            raise UsageError(
                "Apprise doesn't understand this address. It should look like mailto://user:password@example.org or "
                "discord://id/token; Apprise's documentation lists every kind."
            )
        return address

    def make_sender(self, settings: SharedSettings, notes: Notes, *, sends: bool) -> Sender:  # noqa: ARG002
        return AppriseSender()


class AppriseSender:
    """Sends through Apprise. `call_timeout` is in seconds."""

    name = "apprise"

    def __init__(self, *, call_timeout: float = 30.0) -> None:
        self.timeout = call_timeout

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:  # noqa: ARG002 - it shows none
        """Return plain text with links written out, in one part. Apprise splits it for services that limit length."""
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
        """Send one part. Apprise says only whether it worked, so no failure counts as permanent."""
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
        """Do nothing, because no connection is kept open."""


def _library() -> ModuleType:
    """Import Apprise only when needed, because it is slow, and silence its log, which quotes passwords."""
    import apprise  # noqa: PLC0415 - see above

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise


def _with_addresses(lines: Sequence[Line]) -> str:
    return plain_text([tuple(_shown(span) for span in line) for line in lines])


def _shown(span: Span) -> Span:
    return Span(f"{span.text} ({span.href})") if span.href and span.href != span.text else Span(span.text)


def _splitting(address: str) -> str:
    """Ask Apprise to split long texts rather than cut them."""
    return f"{address}{'&' if '?' in address else '?'}overflow=split"


def _kind(address: str) -> str:
    return urlsplit(address).scheme or "the service"
