"""Convert between the field names in the code and the names in the store.

A field that is renamed in the code keeps its original name in the store, so folders and databases from every version
stay readable without a migration. The names are replaced directly in the JSON text. This is safe because quotation
marks inside a value are escaped, so `"told_at":` can only be a key. The only keys that people choose are the entries in
a filter, and those never contain an underscore.
"""

RENAMED = {b'"last_sent_at":': b'"told_at":'}  # name in the code: name in the store


def to_stored(body: bytes) -> bytes:
    """Replace the code's field names in JSON with the stored names."""
    for ours, stored in RENAMED.items():
        body = body.replace(ours, stored)
    return body


def from_stored(body: bytes) -> bytes:
    """Replace the stored field names in JSON with the code's names."""
    for ours, stored in RENAMED.items():
        body = body.replace(stored, ours)
    return body
