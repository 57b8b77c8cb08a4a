"""The webhook channel's setup. Everything that differs between webhooks is in the address and its secret."""

import re
from contextlib import suppress
from ipaddress import ip_address

from bot.channels.protocols import Notes, Sender
from bot.channels.setup import Setup, SharedSettings
from bot.domain.web_address import web_parts
from bot.errors import Unsafe, UsageError

LONGEST_ADDRESS = 2_000  # characters
_FORM = "A webhook's address should look like https://www.example.org/hooks/countersign"


class WebhookSetup(Setup[SharedSettings]):
    """The setup of the webhook channel. It has no settings of its own and only sends."""

    name = "webhook"

    def check_address(self, address: str) -> str:
        """Return the address with a lowercase host, a path and no default port.

        Errors don't quote the address, because it may contain a secret. Plain http is accepted only for this machine,
        where sending needs COUNTERSIGN_ALLOW_LOOPBACK.
        """
        address = address.strip()
        parts = web_parts(address)
        if parts is None or len(address) > LONGEST_ADDRESS or not re.fullmatch(r"[\x21-\x7e]+", address):
            raise UsageError(f"This address isn't valid. {_FORM}.")
        if "@" in parts.netloc:
            raise UsageError(
                "This address contains a user name or password. Leave it out: messages are signed instead."
            )
        if parts.fragment or address.endswith("#"):
            raise UsageError("This address contains a #, and the part after it is never sent. Leave it out.")
        if parts.scheme != "https" and not _is_this_machine(parts.hostname or ""):
            raise UsageError(
                "A webhook's address must start with https://, so that no one can read the messages on the way."
            )
        return parts._replace(netloc=_host(parts.netloc, parts.scheme), path=parts.path or "/").geturl()

    async def resolve(self, sender: Sender, address: str) -> str | None:
        """Check the address as each send does. An address that doesn't resolve yet is accepted."""
        from bot.channels.webhook.sender import WebhookSender  # noqa: PLC0415 - the library is slow to import

        assert isinstance(sender, WebhookSender)
        try:
            with suppress(OSError, ValueError):
                await sender.check(address)
        except Unsafe as refused:
            raise UsageError(f"Nothing can be sent there: {refused}. A webhook needs a public address.") from refused
        return None

    def make_sender(self, settings: SharedSettings, notes: Notes, *, sends: bool) -> Sender:  # noqa: ARG002
        from bot.channels.webhook.sender import WebhookSender  # noqa: PLC0415 - the library is slow to import
        from bot.fetch.post import Poster  # noqa: PLC0415 - the same

        return WebhookSender(
            Poster(contact=settings.contact, allow_loopback=settings.allow_loopback),
            notes.of(self.name),
            secret_key=settings.secret_key.get_secret_value() if settings.secret_key else None,
        )


def _host(netloc: str, scheme: str) -> str:
    default = ":443" if scheme == "https" else ":80"
    return netloc.lower().removesuffix(default).removesuffix(":")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
