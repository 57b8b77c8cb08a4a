"""The sending side of the webhook channel. It posts each message as signed JSON and reads only the answer's status."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bot.channels.protocols import NEW_SECRET, Notes, Part, Ready, at_once
from bot.channels.stored_address import StoredForm
from bot.channels.webhook.message import body_of, delivery_id, parts_of, ping
from bot.channels.webhook.secret_book import SecretBook
from bot.channels.webhook.signatures import Secret, checked_secret, new_secret, rotated, signature
from bot.domain.messages.digest import Digest
from bot.domain.messages.picture import Image
from bot.domain.web_address import web_parts
from bot.errors import NoConnection, SendError, SourceError, Unsafe, Untrusted, UsageError
from bot.fetch.post import Posted, Poster

RESUME = "`countersign subscribe` with the same address resumes it"


class WebhookSender:
    """Posts signed JSON. `notes` keep the secret of each address; with `secret_key`, all of it is stored encrypted."""

    name = "webhook"

    def __init__(
        self,
        poster: Poster,
        notes: Notes,
        *,
        secret_key: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.timeout = poster.timeout
        self._poster = poster
        self._form = StoredForm(secret_key)
        self._secrets = SecretBook(notes, self._form)
        self._now = now

    # ── addresses and secrets ────────────────────────────────────────────────────────────────────────────────────────

    def stored_address(self, address: str) -> str:
        """Return the address as the store keeps it, because it may contain a secret of its own."""
        return self._form.stored(address)

    async def check(self, address: str) -> None:
        """Raise Unsafe if we would refuse to connect to the address now."""
        await self._poster.check(self._form.opened(address))

    async def set_secret(self, address: str, given: str | None) -> str | None:
        """Store the secret of an address, and return it if it is new.

        The previous secret also signs for another day.
        """
        address = self._form.opened(address)
        try:
            known = await self._secrets.of(address)
        except SendError as locked:
            if given is None:
                raise UsageError(f"{locked}, or give this one a new secret with --secret new.") from locked
            known = ()
        if known and (given is None or given == known[0].text):
            return None
        text = new_secret() if given in {None, NEW_SECRET} else checked_secret(given or "")
        await self._secrets.put(address, rotated(known, text, self._now()))
        return text

    async def forget_secret(self, address: str) -> None:
        """Delete the secrets of an address. Do nothing if the address can't be decrypted."""
        try:
            await self._secrets.drop(self._form.opened(address))
        except SendError:
            return

    async def encrypt_secrets(self) -> int:
        """Encrypt the secrets that were stored before there was a secret key. Return the number of addresses."""
        return await self._secrets.encrypt()

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:  # noqa: ARG002 - it shows none
        """Return the digest as JSON. A long digest is split between agencies."""
        return parts_of(digest)

    def ping(self, text: str) -> Part:
        """Return the part that tests an address."""
        return ping(text, self._now())

    async def send(
        self,
        address: str,
        part: Part,
        *,
        plain: bool = False,  # noqa: ARG002 - there is no markup
        ready: Ready = at_once,
    ) -> str:
        """Post one part and return its delivery id, which is the same when the part is sent again."""
        address = self._form.opened(address)
        secrets = await self._secrets.of(address)
        if not any(secret.is_valid(self._now()) for secret in secrets):
            raise SendError("This webhook has no secret to sign with. Subscribe its address again to get one")
        delivery = delivery_id(address, part.payload)
        body = body_of(part.payload, delivery)
        await ready()
        parts = web_parts(address)
        host = (parts and parts.hostname) or "the webhook"
        try:
            answer = await self._poster.post(address, body, self._headers(part, delivery, body, secrets))
        except SourceError as fault:
            raise _unanswered(fault) from None
        _judge(host, answer)
        return delivery

    def _headers(self, part: Part, delivery: str, body: bytes, secrets: tuple[Secret, ...]) -> Mapping[str, str]:
        now = self._now()
        timestamp = int(now.timestamp())
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Countersign-Event": part.payload["event"],
            "Countersign-Delivery": delivery,
            "Countersign-Timestamp": str(timestamp),
            "Countersign-Signature": signature(secrets, timestamp, body, now),
        }

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.aclose()


def _unanswered(fault: SourceError) -> SendError:
    """Return the error for a post without an answer. Without a connection, nothing was sent."""
    if isinstance(fault, NoConnection | Untrusted | Unsafe):
        return SendError(str(fault), refused=isinstance(fault, Unsafe))
    return SendError(f"{str(fault).rstrip('.')}; the message may have arrived", maybe_sent=True)


def _judge(host: str, answer: Posted) -> None:
    """Raise a SendError unless the status is 2xx.

    A person set up the answer 410 Gone, so it counts at once. Other refusals count only if they last.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    said = f"{host} answered {status}"
    if status == 410:
        raise SendError(f"{said} Gone, so we stopped sending; {RESUME}", by_person=True)
    if status in {408, 425, 429} or status >= 500:
        raise SendError(said, retry_after=answer.retry_after or None)
    if 300 <= status < 400:
        raise SendError(f"{said}, a redirect, which isn't followed; subscribe the new address instead", refused=True)
    raise SendError(f"{said}, so it doesn't accept our messages", refused=True)
