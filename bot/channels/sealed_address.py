"""Encryption for addresses that contain a password, while they lie in the store.

The same address always gives the same text, because the store finds a subscription by its address. The scheme stays
readable, because output and receipts show it.
"""

import base64
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"countersign addresses 1"

_SEALED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://sealed\.([A-Za-z0-9_-]+=*)")


def is_sealed(address: str) -> bool:
    """Return True if the address is encrypted."""
    return _SEALED.fullmatch(address) is not None


class AddressSeal:
    """Encrypts and decrypts addresses with a key derived from COUNTERSIGN_SECRET_KEY."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(algorithm=hashes.SHA256(), length=64, salt=None, info=PURPOSE).derive(secret_key.encode())
        self._cipher = AESSIV(derived)

    def seal(self, address: str) -> str:
        """Encrypt an address. Return an encrypted address unchanged."""
        scheme = address.partition("://")[0]
        if is_sealed(address) or scheme == address:
            return address
        token = base64.urlsafe_b64encode(self._cipher.encrypt(address.encode(), [scheme.encode()])).decode()
        return f"{scheme}://sealed.{token}"

    def unseal(self, address: str) -> str | None:
        """Decrypt an address. Return None if another key encrypted it. Return a plain address unchanged."""
        found = _SEALED.fullmatch(address)
        if found is None:
            return address
        try:
            return self._cipher.decrypt(base64.urlsafe_b64decode(found[2]), [found[1].encode()]).decode()
        except (InvalidTag, ValueError):
            return None
