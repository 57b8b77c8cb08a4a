"""The secrets of the webhooks, which the store keeps as notes, encrypted if there is a secret key."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.channels.protocols import Notes
from bot.channels.stored_address import StoredForm
from bot.channels.webhook.signatures import Secret
from bot.domain.timestamps import stamp_of

_SCHEME = "secret://"  # makes a secret look like an address, so that it can be encrypted like one


class SecretBook:
    """The secrets by address. A note's key is a hash, because the address itself may be a secret."""

    def __init__(self, notes: Notes, form: StoredForm) -> None:
        self._notes = notes
        self._form = form

    async def of(self, address: str) -> tuple[Secret, ...]:
        """Return the secrets of an address, the current one first. Raise SendError if they can't be decrypted."""
        note = await self._notes.get(_key(address))
        return tuple(self._read(each) for each in json.loads(note)) if note else ()

    async def put(self, address: str, secrets: Sequence[Secret]) -> None:
        """Replace the secrets of an address."""
        await self._notes.put(_key(address), json.dumps([self._written(secret) for secret in secrets]))

    async def drop(self, address: str) -> None:
        """Delete the secrets of an address."""
        await self._notes.delete(_key(address))

    async def encrypt(self) -> int:
        """Encrypt what is still stored as it is. Return the number of addresses."""
        changed = 0
        for key, note in (await self._notes.all()).items():
            stored = [each | {"secret": self._form.stored(each["secret"])} for each in json.loads(note)]
            if stored != json.loads(note):
                await self._notes.put(key, json.dumps(stored))
                changed += 1
        return changed

    def _written(self, secret: Secret) -> dict[str, str | None]:
        until = stamp_of(secret.until)
        return {"secret": self._form.stored(_SCHEME + secret.text), "until": until}

    def _read(self, stored: dict[str, str | None]) -> Secret:
        text = self._form.opened(stored["secret"] or "").removeprefix(_SCHEME)
        until = stored["until"]
        return Secret(text, datetime.fromisoformat(until).astimezone(UTC) if until else None)


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()
