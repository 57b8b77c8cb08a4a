"""Fields that have been renamed in the code keep their original names in the store.

That keeps folders and databases from every version readable without a migration. The names are swapped in the JSON
text, which is safe: quotation marks inside a value are escaped, so `"told_at":` can only be a key, and the keys that
people choose, the entries in a filter, never contain an underscore.
"""

RENAMED = {b'"last_sent_at":': b'"told_at":'}  # name in the code: name in the store


def to_stored(body: bytes) -> bytes:
    """Convert JSON that uses the code's names to the stored names."""
    for ours, stored in RENAMED.items():
        body = body.replace(ours, stored)
    return body


def from_stored(body: bytes) -> bytes:
    """Convert stored JSON to the names used in the code."""
    for ours, stored in RENAMED.items():
        body = body.replace(stored, ours)
    return body
