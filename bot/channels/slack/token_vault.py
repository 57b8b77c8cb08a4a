"""Encrypted storage for the tokens of other workspaces."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.channels.protocols import Notes
from bot.errors import ConfigError

SHORTEST_KEY = 32  # characters
PURPOSE = b"countersign vault 1"

_TOO_SHORT = (
    f"COUNTERSIGN_SECRET_KEY must have at least {SHORTEST_KEY} characters that no one can guess. "
    "This makes one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
)
_WRONG = (
    "COUNTERSIGN_SECRET_KEY doesn't decrypt what was stored with another key. Set it back to the earlier key, or have "
    "the Slack workspaces install the app again"
)


class TokenVault:
    """Notes with encrypted strings and unencrypted keys. A string moved to a different key can't be read."""

    def __init__(self, secret_key: str, notes: Notes) -> None:
        """Raise ConfigError if the secret key is too short to be safe."""
        if len(secret_key) < SHORTEST_KEY:
            raise ConfigError([_TOO_SHORT])
        self._notes = notes
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    async def get(self, key: str) -> str | None:
        """Return the string stored under a key, or None if there is none.

        Raise ConfigError if the string was encrypted with another secret key.
        """
        sealed = await self._notes.get(key)
        text = None if sealed is None else self.unseal(sealed)
        if sealed is None:
            return None
        name, _, found = (text or "").partition("\n")
        if text is None or name != key:
            raise ConfigError([_WRONG])
        return found

    async def put(self, key: str, text: str) -> None:
        """Encrypt a string and store it under a key."""
        await self._notes.put(key, self.seal(f"{key}\n{text}"))

    async def delete(self, key: str) -> None:
        """Delete the string stored under a key."""
        await self._notes.delete(key)

    async def keys(self, prefix: str = "") -> tuple[str, ...]:
        """Return the keys that start with this prefix, sorted."""
        return tuple(sorted(key for key in await self._notes.keys() if key.startswith(prefix)))

    async def check(self, prefix: str = "") -> None:
        """Decrypt all strings at startup, so that a wrong secret key is found before the first message is sent."""
        for key in await self.keys(prefix):
            await self.get(key)

    def seal(self, text: str) -> str:
        """Encrypt and sign a string."""
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, sealed: str, *, within: int | None = None) -> str | None:
        """Decrypt a string. Return None if it wasn't encrypted with our key or is more than `within` seconds old."""
        try:
            return self._fernet.decrypt(sealed.encode(), ttl=within).decode()
        except (InvalidToken, UnicodeError):
            return None
