"""Everything else that carries a text: e-mail, Discord, Teams, Matrix, ntfy, webhooks and a hundred more, by Apprise.

Send-only, and set up by the operator alone: an address such as mailto://… holds a password, so no output, log or
receipt shows more of it than its kind.
"""

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.channels import Part, Ready, at_once
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, plain_text
from bot.errors import SendError, UsageError


class AppriseSender:
    """Sends through Apprise. `call_timeout` is in seconds."""

    name = "apprise"

    def __init__(self, *, call_timeout: float = 30.0) -> None:
        self.timeout = call_timeout
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it logs addresses, passwords and all

    def check(self, address: str) -> str:
        """The address, if Apprise knows its kind; never said back, for it holds a password."""
        from apprise import Apprise as Sender  # noqa: PLC0415 - slow to import, and used by few

        address = address.strip()
        if not urlsplit(address).scheme or not Sender().add(address):
            raise UsageError(
                "Apprise does not understand this address. It looks like mailto://user:password@example.org or "
                "discord://id/token; Apprise's documentation lists all kinds."
            )
        return address

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:  # noqa: ARG002 - it shows none
        """Plain text, in one part: Apprise splits what a service takes only in pieces. Links are written out."""
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
        plain: bool = False,  # noqa: ARG002 - it is plain already
        ready: Ready = at_once,
    ) -> str:
        """Deliver one part. Apprise says no more than whether it worked, so every failure may pass."""
        from apprise import Apprise as Sender  # noqa: PLC0415 - as above
        from apprise import AppriseAsset, NotifyFormat  # noqa: PLC0415 - as above

        sender = Sender(asset=AppriseAsset(app_id="Countersign", async_mode=True))
        if not sender.add(_splitting(address)):
            raise SendError("Apprise does not understand this address any more", permanent=True)
        await ready()
        try:
            async with asyncio.timeout(self.timeout):
                done = await sender.async_notify(**part.payload, body_format=NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001 - a hundred plugins fail in as many ways, some with the address
            raise SendError(f"{_kind(address)} failed ({type(error).__name__})") from None
        if not done:
            raise SendError(f"{_kind(address)} refused the message or could not be reached")
        return "accepted"

    async def close(self) -> None:
        """Nothing is kept open."""


def _with_addresses(lines: Sequence[Line]) -> str:
    return plain_text([tuple(_shown(span) for span in line) for line in lines])


def _shown(span: Span) -> Span:
    return Span(f"{span.text} ({span.href})") if span.href and span.href != span.text else Span(span.text)


def _splitting(address: str) -> str:
    """The address with the wish that long texts be sent in several pieces rather than cut."""
    return f"{address}{'&' if '?' in address else '?'}overflow=split"


def _kind(address: str) -> str:
    return urlsplit(address).scheme or "the service"
