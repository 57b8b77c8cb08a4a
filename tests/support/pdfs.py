"""PDF files written by hand."""

import io
import zlib


def pdf(*contents: bytes, kids: str = "", packed: bool = False, count: int | None = None) -> bytes:
    """Return a PDF with one page for each content stream."""
    numbers = [4 + 2 * index for index in range(len(contents))]
    kids = kids or " ".join(f"{number} 0 R" for number in numbers)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(contents) if count is None else count} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    for number, content in zip(numbers, contents, strict=True):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents {number + 1} 0 R >>"
        objects[number] = page.encode()
        coded = zlib.compress(content, 9) if packed else content
        filtered = b" /Filter /FlateDecode" if packed else b""
        objects[number + 1] = b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(coded), filtered, coded)
    return with_table(objects)


def with_table(objects: dict[int, bytes]) -> bytes:
    out, places = io.BytesIO(), {}
    out.write(b"%PDF-1.4\n")
    for number, text in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, text))
    start, size = out.tell(), max(objects) + 1
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
    out.writelines(b"%010d 00000 n \n" % places.get(number, 0) for number in range(1, size))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, start))
    return out.getvalue()


def lines(*texts: str) -> bytes:
    shown = b" ".join(b"(%s) ' " % text.replace("(", r"\(").replace(")", r"\)").encode("latin-1") for text in texts)
    return b"BT /F1 12 Tf 14 TL 72 720 Td " + shown + b"ET"


def nested(depth: int, width: int = 10) -> bytes:
    """Return a small PDF whose page shows a form that shows ten forms that show ten forms, and so on."""
    shown = " ".join(["/X Do"] * width).encode()
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /XObject << /X 6 0 R >> >> /Contents 5 0 R >>",
        5: b"<< /Length 5 >>\nstream\n/X Do\nendstream",
    }
    for number in range(6, 6 + depth):
        content = shown if number < 5 + depth else lines("Agenda")
        resources = b"<< /Font << /F1 3 0 R >> /XObject << /X %d 0 R >> >>" % (number + 1)
        objects[number] = b"<< /Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources %s /Length %d >>\nstream\n%s\nendstream" % (
            resources, len(content), content)  # fmt: skip
    return with_table(objects)


def annotated(*annotations: str, page: bytes = b"", fields: str = "") -> bytes:
    """Return a PDF of one page with annotations. They have the numbers from 10 on."""
    numbers = " ".join(f"{10 + index} 0 R" for index in range(len(annotations)))
    content = page or lines("Agenda")
    objects = {
        1: f"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [{fields or numbers}] /DA (/F1 12 Tf) >> >>".encode(),
        2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
           f"/Contents 5 0 R /Annots [{numbers}] >>".encode(),
        5: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    }  # fmt: skip
    return with_table(objects | {10 + index: each.encode("latin-1") for index, each in enumerate(annotations)})
