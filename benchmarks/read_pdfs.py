"""Compare PDFium, which reads agenda packets, with pypdf: CPU seconds, pages, characters and whether 287(g) is found.

    python benchmarks/read_pdfs.py [--damaged 600]

The files are the ones the tests make, a packet of 300 pages and, if the shared folder is beside this repository, a
county's real agenda and minutes. Last, the script damages them at random and counts which reader gets more text.
"""

import argparse
import io
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from pypdf import PdfReader
from support.pdfs import annotated, lines, nested, pdf
from support.places import PAGES

from bot.domain.agendas.detect import find_passages
from bot.domain.agendas.hyphens import rejoin_words
from bot.sources.formats import pdf as reader

TOPIC = "Approve the agreement between the Sheriff and ICE under Section 287(g)"
NOTE = "<< /Type /Annot /Subtype /FreeText /Rect [72 500 300 540] /DA (/F1 12 Tf) /Contents (Section 287\\(g\\)) >>"


def files() -> dict[str, bytes]:
    """Return the files by name."""
    words = random.Random(1)
    page = [" ".join(words.choice(TOPIC.split()) for _ in range(12)) for _ in range(45)]
    made = {
        "a packet of 300 pages": pdf(*[lines(*page, f"Page {n}") for n in range(300)], packed=True),
        "10 million operators in 40 KB": pdf(b"BT (x) Tj ET " + b"q Q " * 10_000_000, packed=True),
        "10,000 forms within forms": nested(5),
        "a hyphen at the end of a line": pdf(lines("Approve the agreement under 287-", "(g) with ICE")),
        "a note on the page": annotated(NOTE),
        "a page with one line": pdf(lines(TOPIC)),
    }
    real = sorted(PAGES.glob("*.pdf")) if PAGES.exists() else []
    return made | {each.stem: each.read_bytes() for each in real}


def by_pypdf(body: bytes) -> list[str]:
    """Read as Countersign did before."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(body)).pages]


def by_pdfium(body: bytes) -> list[str]:
    """Read as Countersign does, in this process."""
    return reader.page_texts(reader.open_pdf(body), [])


def read(body: bytes, how: Callable[[bytes], list[str]]) -> tuple[float, list[str], str]:
    """Return the CPU seconds, the pages and the error, if any."""
    start = time.process_time()
    try:
        pages, fault = how(body), ""
    except Exception as broken:  # noqa: BLE001 - a damaged file can raise anything
        pages, fault = [], type(broken).__name__
    return time.process_time() - start, [rejoin_words(each) for each in pages], fault


def damaged(body: bytes, how: random.Random) -> bytes:
    """Cut, flip, remove or blank a part of a file."""
    at, size = how.randrange(len(body)), how.randrange(1, 2_000)
    match how.randrange(4):
        case 0:
            return body[: -how.randrange(1, 600)]
        case 1:
            return body[:at] + bytes([how.randrange(256)]) + body[at + 1 :]
        case 2:
            return body[:at] + body[at + size :]
        case _:
            return body[:at] + bytes(min(size, len(body) - at)) + body[at + size :]


def compare_damaged(bodies: list[bytes], count: int) -> None:
    """Print how often each library read more from damaged files."""
    how, found, spent = random.Random(1), Counter[str](), [0.0, 0.0]
    for _ in range(count):
        body = damaged(how.choice(bodies), how)
        (first, old, _), (second, new, _) = read(body, by_pypdf), read(body, by_pdfium)
        spent = [spent[0] + first, spent[1] + second]
        sizes = len("".join(old)), len("".join(new))
        is_equal = abs(sizes[0] - sizes[1]) <= 0.05 * max(sizes)
        found["equal" if is_equal else "PDFium read more" if sizes[1] > sizes[0] else "pypdf read more"] += 1
    shown = ", ".join(f"{name} {number}" for name, number in found.most_common())
    print(f"{count} damaged files: {shown}; pypdf {spent[0]:.2f} s, PDFium {spent[1]:.2f} s")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--damaged", type=int, default=600)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(f"{'':32}{'KB':>7}{'pypdf s':>9}{'PDFium s':>10}{'characters':>18}{'287(g) found':>15}")
    made = files()
    for name, body in made.items():
        (first, old, fault), (second, new, other) = read(body, by_pypdf), read(body, by_pdfium)
        sizes = f"{fault or len(''.join(old))}/{other or len(''.join(new))}"
        seen = "/".join(str(sum(len(find_passages(page)) for page in pages)) for pages in (old, new))
        print(f"{name:32}{len(body) / 1024:7.0f}{first:9.2f}{second:10.2f}{sizes:>18}{seen:>15}")
    compare_damaged([body for name, body in made.items() if "million" not in name and "10,000" not in name and "300" not in name],
                    options.damaged)  # fmt: skip


if __name__ == "__main__":
    main()
