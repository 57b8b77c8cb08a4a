"""Stack PNG images of the same width without compressing them again.

Pictures of several states share their parts: a state's strip is drawn and compressed once, and each picture that shows
the state only copies it. The data of a strip ends with a full flush, so that it fits into any deflate stream.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MODULUS = 65_521  # of Adler-32
_HEADER = struct.Struct(">IIBBBBB")
_RGBA = (8, 6, 0, 0, 0)  # 8 bits, with alpha, not interlaced
_PIXEL = 4  # bytes


@dataclass(frozen=True, slots=True)
class Strip:
    """A part of a PNG image, as wide as the image: its compressed rows, their size in bytes and their Adler-32."""

    width: int
    height: int
    packed: bytes
    size: int
    adler: int


def strip_of(png: bytes) -> Strip:
    """Return an image as a strip. Raise ValueError if it isn't one that resvg writes."""
    chunks = list(_chunks(png))
    width, height, *kind = _HEADER.unpack(dict(chunks)[b"IHDR"])
    if tuple(kind) != _RGBA:
        raise ValueError("the image isn't 8-bit RGBA")
    rows = bytearray(zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT")))
    line = 1 + _PIXEL * width
    rows[:line] = _unfiltered(rows[:line])
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)
    return Strip(width, height, packed, len(rows), zlib.adler32(rows))


def stacked(strips: Sequence[Strip]) -> bytes:
    """Return the image of these strips, from top to bottom."""
    height = sum(strip.height for strip in strips)
    adler = 1
    for strip in strips:
        adler = _joined(adler, strip.adler, strip.size)
    last_block = b"\x03\x00"  # empty
    stream = b"\x78\x9c" + b"".join(strip.packed for strip in strips) + last_block + adler.to_bytes(4)
    header = _HEADER.pack(strips[0].width, height, *_RGBA)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")


def _unfiltered(row: bytearray) -> bytearray:
    """Return an image's first row without a filter, because in the picture another row is above it.

    The row above counts as zeros, so Up means nothing and Paeth is the same as Sub.
    """
    kind, found = row[0], bytearray(row)
    found[0] = 0
    for at in range(1 + _PIXEL, len(found) if kind in (1, 3, 4) else 0):
        left = found[at - _PIXEL]
        found[at] = (found[at] + (left // 2 if kind == 3 else left)) % 256
    return found


def _joined(first: int, second: int, size: int) -> int:
    """Return the Adler-32 of two pieces of data. `size` is the size of the second."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + size * ((first & 0xFFFF) - 1)
    return high % _MODULUS << 16 | low % _MODULUS


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(data, zlib.crc32(name)).to_bytes(4)
