"""Signatures of webhook messages: HMAC-SHA256 over the timestamp and the body. Pure."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import UsageError

BOTH_VALID_FOR = timedelta(days=1)  # after a new secret is set, the earlier one signs too
SHORTEST = 24  # characters
LONGEST = 200
_SECRET = re.compile(rf"[\x21-\x7e]{{{SHORTEST},{LONGEST}}}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of an address. `until` (UTC) is when it ends, or None for the current one."""

    text: str
    until: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return whether messages are still signed with this secret."""
        return self.until is None or now < self.until


def new_secret() -> str:
    """Return a secret that no one can guess."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def checked_secret(text: str) -> str:
    """Return the secret, or raise UsageError. The error doesn't quote it."""
    if not _SECRET.fullmatch(text):
        raise UsageError(
            f"A webhook's secret has {SHORTEST} to {LONGEST} plain characters and no spaces. "
            "Use --secret new, and Countersign makes one."
        )
    return text


def rotated(known: Sequence[Secret], text: str, now: datetime) -> tuple[Secret, ...]:
    """Return the secrets after `text` became the current one. The one before it stays valid for a day."""
    earlier = [secret for secret in known if secret.is_valid(now) and secret.text != text]
    return (Secret(text), *(Secret(each.text, each.until or now + BOTH_VALID_FOR) for each in earlier))


def signature(known: Sequence[Secret], timestamp: int, body: bytes, now: datetime) -> str:
    """Return the value of the signature header: one v1= for each valid secret, the current one first."""
    signed = f"{timestamp}.".encode() + body
    valid = [secret.text.encode() for secret in known if secret.is_valid(now)]
    return ",".join(f"v1={hmac.new(key, signed, hashlib.sha256).hexdigest()}" for key in valid)
