"""Secrets at rest: what other people's workspaces entrusted to us is kept only encrypted."""

import base64
from collections.abc import Sequence
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import ConfigError

SHORTEST_KEY = 32  # characters
PURPOSE = b"countersign vault 1"

_TOO_SHORT = (
    f"COUNTERSIGN_SECRET_KEY must have {SHORTEST_KEY} characters or more that nobody can guess. "
    "This makes one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
)
_WRONG = (
    "COUNTERSIGN_SECRET_KEY does not open what was stored with another one. Set it back to what it was, or let the "
    "Slack workspaces install the app again"
)


class Notes(Protocol):
    """Texts by key, kept by whoever keeps everything else."""

    async def get(self, key: str) -> str | None:
        """The text of a key."""
        ...

    async def put(self, key: str, text: str) -> None:
        """Keep a text in the place of any other of that key."""
        ...

    async def delete(self, key: str) -> None:
        """Erase a text; one that is not there is no error."""
        ...

    async def keys(self) -> Sequence[str]:
        """All keys, in any order."""
        ...


class Vault:
    """Notes that are encrypted. Keys are not, texts are; a text opens only under the key that it was put under."""

    def __init__(self, secret_key: str, notes: Notes) -> None:
        """ConfigError when the key is too short to protect anything."""
        if len(secret_key) < SHORTEST_KEY:
            raise ConfigError([_TOO_SHORT])
        self._notes = notes
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    async def get(self, key: str) -> str | None:
        """The text of a key; ConfigError when it was put there with another secret key."""
        sealed = await self._notes.get(key)
        text = None if sealed is None else self.unseal(sealed)
        if sealed is None:
            return None
        name, _, found = (text or "").partition("\n")
        if text is None or name != key:
            raise ConfigError([_WRONG])
        return found

    async def put(self, key: str, text: str) -> None:
        """Encrypt and keep a text."""
        await self._notes.put(key, self.seal(f"{key}\n{text}"))

    async def delete(self, key: str) -> None:
        """Erase a text."""
        await self._notes.delete(key)

    async def keys(self, prefix: str = "") -> tuple[str, ...]:
        """The keys that begin so."""
        return tuple(sorted(key for key in await self._notes.keys() if key.startswith(prefix)))

    async def check(self, prefix: str = "") -> None:
        """ConfigError when what is kept does not open, so that it is known at start and not at the first message."""
        for key in await self.keys(prefix):
            await self.get(key)

    def seal(self, text: str) -> str:
        """A text that nobody else can read or make."""
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, sealed: str, *, within: int | None = None) -> str | None:
        """What was sealed, `within` so many seconds; None when it was not sealed here or is older."""
        try:
            return self._fernet.decrypt(sealed.encode(), ttl=within).decode()
        except (InvalidToken, UnicodeError):
            return None
