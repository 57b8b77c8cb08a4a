"""Scanned PDFs, made by drawing typed pages and putting the pictures into PDFs."""

import math
import random
import zlib
from collections.abc import Sequence

from pypdfium2 import PdfDocument

from support.pdfs import with_table


def typed(text: str, *, font: str = "Helvetica", size: float = 12, skew: float = 0.0) -> bytes:
    """Return a PDF with one page of text, turned by some degrees."""
    turn = math.radians(skew)
    cos, sin = math.cos(turn), math.sin(turn)
    shown = " ".join(f"({_escaped(line)}) '" for line in text.split("\n"))
    content = (
        f"q {cos:.5f} {sin:.5f} {-sin:.5f} {cos:.5f} 0 0 cm BT /F1 {size} Tf {size * 1.25} TL 72 720 Td {shown} ET Q"
    ).encode("cp1252")
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        3: f"<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>".encode(),
        4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>",
        5: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    }
    return with_table(objects)


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def drawn(
    body: bytes, *, dpi: int = 200, noise: float = 0.0, ink: int = 0, paper: int = 255, seed: int = 1
) -> tuple[bytes, int, int]:
    """Return the first page as gray pixels, row by row, with some of them made black or white at random."""
    opened = PdfDocument(body)
    bitmap = opened[0].render(scale=dpi / 72, grayscale=True)
    rows = bytes(memoryview(bitmap.buffer).cast("B"))
    width, height, stride = bitmap.width, bitmap.height, bitmap.stride
    pixels = bytearray(b"".join(rows[row * stride : row * stride + width] for row in range(height)))
    pixels = bytearray(pixels.translate(bytes(ink + (paper - ink) * tone // 255 for tone in range(256))))
    dice = random.Random(seed)
    for _ in range(int(len(pixels) * noise)):
        pixels[dice.randrange(len(pixels))] = dice.choice((0, 255))
    return bytes(pixels), width, height


def scanned(*pages: tuple[bytes, int, int] | str, size: Sequence[float] = (612, 792)) -> bytes:
    """Return a PDF in which each page is a picture, or typed text if it is a string."""
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    kids = []
    for page in pages:
        number = len(objects) + 2
        kids.append(f"{number} 0 R")
        if isinstance(page, str):
            shown = " ".join(f"({_escaped(line)}) '" for line in page.split("\n"))
            content, used = f"BT /F1 12 Tf 15 TL 72 720 Td {shown} ET".encode("cp1252"), b"/Font << /F1 3 0 R >>"
            objects[number + 2] = b"null"
        else:
            pixels, width, height = page
            packed = zlib.compress(pixels, 1)
            content, used = f"{size[0]} 0 0 {size[1]} 0 0 cm /X Do".encode(), b"/XObject << /X %d 0 R >>" % (number + 2)
            objects[number + 2] = (
                b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
                b"/Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (width, height, len(packed), packed)
            )
        box = f"{size[0]} {size[1]}".encode()
        objects[number] = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %s] /Resources << %s >> /Contents %d 0 R >>" % (
            box,
            used,
            number + 1,
        )
        objects[number + 1] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)
    objects[2] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    return with_table(dict(sorted(objects.items())))


def scan_of(text: str, **how: float) -> bytes:
    """Return a PDF with one scanned page of this text in Helvetica."""
    return scanned(drawn(typed(text), **how))  # type: ignore[arg-type]


def stamped(picture: tuple[bytes, int, int], stamp: str, *, is_wrapped: bool) -> bytes:
    """Return a PDF with one scanned page that has typed words over it. The picture may be wrapped in a form."""
    pixels, width, height = picture
    packed, shown = zlib.compress(pixels, 1), b"612 0 0 792 0 0 cm /X Do"
    words = f" BT /F1 8 Tf 72 20 Td ({_escaped(stamp)}) Tj ET".encode("cp1252")
    content = (b"q /W Do Q" if is_wrapped else b"q " + shown + b" Q") + words
    used = b"/XObject << /X 6 0 R /W 7 0 R >> /Font << /F1 3 0 R >>"
    return with_table(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << %s >> /Contents 5 0 R >>" % used,
            5: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            6: b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
            b"/Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (width, height, len(packed), packed),
            7: b"<< /Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /X 6 0 R >> >> "
            b"/Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
        }
    )
