"""Fields that the code has renamed keep the name they were first stored under.

Folders and databases of every version stay readable that way, without a migration. The names are swapped in the JSON
text. That is exact: quotation marks inside a value are escaped, so `"told_at":` can only be a key, and the keys that
people choose, the entries of a filter, hold no underscore.
"""

RENAMED = {b'"last_sent_at":': b'"told_at":'}  # in the code, in the store


def to_stored(body: bytes) -> bytes:
    """Return JSON of the code's values under the stored names."""
    for ours, stored in RENAMED.items():
        body = body.replace(ours, stored)
    return body


def from_stored(body: bytes) -> bytes:
    """Return stored JSON under the names the code uses."""
    for ours, stored in RENAMED.items():
        body = body.replace(stored, ours)
    return body
