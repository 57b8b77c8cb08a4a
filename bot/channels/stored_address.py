"""The stored form of addresses and other strings that no one else may read: encrypted if there is a secret key."""

from functools import cached_property
from typing import TYPE_CHECKING

from bot.errors import SendError

if TYPE_CHECKING:
    from bot.channels.sealed_address import AddressSeal

LOCKED = (
    "This address is encrypted with another COUNTERSIGN_SECRET_KEY. Set it back to the earlier key, or unsubscribe "
    "and subscribe the address again"
)


class StoredForm:
    """Converts addresses to their stored form and back. Without a secret key, the stored form is the address itself."""

    def __init__(self, secret_key: str | None) -> None:
        self._secret_key = secret_key

    def stored(self, address: str) -> str:
        """Return the address as the store keeps it."""
        return self._seal.seal(address) if self._seal is not None else address

    def opened(self, address: str) -> str:
        """Return the address itself. Raise SendError if it was encrypted with another key."""
        opened = self._seal.unseal(address) if self._seal is not None else address
        if opened is None or "://sealed." in opened:
            raise SendError(LOCKED)
        return opened

    @cached_property
    def _seal(self) -> "AddressSeal | None":
        if self._secret_key is None:
            return None
        from bot.channels.sealed_address import AddressSeal  # noqa: PLC0415 - the library is slow to import

        return AddressSeal(self._secret_key)
