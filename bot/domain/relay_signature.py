"""Signatures of a relay's handovers: HMAC-SHA256 over a timestamp, a nonce and the SHA-256 of the body. Pure.

The signature covers the body by its hash, so that the headers alone can be checked before any of the body is read.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.domain.document import digest
from bot.errors import HandoverRefused

TIMESTAMP, NONCE = "Countersign-Timestamp", "Countersign-Nonce"
BODY_HASH, SIGNATURE = "Countersign-Content-SHA256", "Countersign-Signature"
WINDOW = timedelta(minutes=5)  # between the relay's clock and ours
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_NONCE = re.compile(r"[0-9a-f]{16,64}")
_HASH = re.compile(r"[0-9a-f]{64}")


class Claim(NamedTuple):
    """The nonce and the hash of the body that a valid signature covers."""

    nonce: str
    sha256: str


def signed(secret: str, nonce: str, now: datetime, body: bytes) -> Mapping[str, str]:
    """Return the headers that sign a body."""
    timestamp, sha256 = str(int(now.timestamp())), digest(body)
    return {
        TIMESTAMP: timestamp,
        NONCE: nonce,
        BODY_HASH: sha256,
        SIGNATURE: _signature(secret, timestamp, nonce, sha256),
    }


def checked(headers: Mapping[str, str], secret: str, now: datetime) -> Claim:
    """Return what the headers claim. Raise HandoverRefused if the signature isn't right or is too old."""
    timestamp, nonce, sha256, given = (headers.get(name, "") for name in (TIMESTAMP, NONCE, BODY_HASH, SIGNATURE))
    if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce) and _HASH.fullmatch(sha256) and given):
        raise HandoverRefused("The handover isn't signed. Send it with `countersign relay`.")
    if not hmac.compare_digest(given.encode(), _signature(secret, timestamp, nonce, sha256).encode()):
        raise HandoverRefused(
            "The signature is wrong. Set the same COUNTERSIGN_RELAY_SECRET here and on the relay's machine."
        )
    apart = abs(now.timestamp() - int(timestamp))
    if apart > WINDOW.total_seconds():
        at = now.astimezone(UTC)
        raise HandoverRefused(
            f"The handover was signed {apart:.0f} s away from our clock, which says {at:%Y-%m-%d %H:%M:%S} UTC. "
            "Set the relay's clock, and send the reading again with a new signature."
        )
    return Claim(nonce, sha256)


def _signature(secret: str, timestamp: str, nonce: str, sha256: str) -> str:
    text = f"{timestamp}.{nonce}.{sha256}".encode()
    return f"v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"
