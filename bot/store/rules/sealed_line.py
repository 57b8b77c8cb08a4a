"""JSON objects stored as lines with a checksum, so that damage is detected."""

import zlib

SEAL_LENGTH = len(',"crc":"00000000"}')


def seal(body: bytes) -> bytes:
    """Return a JSON object as one line, with a checksum added as its last member."""
    return b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def unseal(line: bytes) -> bytes | None:
    """Return the object without its checksum, or None if the checksum doesn't match."""
    body = line[:-SEAL_LENGTH] + b"}"
    return body if seal(body) == line + b"\n" else None
