"""Count how many mentions of 287(g) OCR finds on scans of typed pages, and how many it finds on pages without one.

Each page is drawn in several fonts and resolutions, turned, gray and dirty. This needs Tesseract.

    python benchmarks/read_scans.py            # prints a row for each resolution, and what wasn't found
    python benchmarks/read_scans.py --texts F  # also writes what was read to a file
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.scans import drawn, scanned, typed

from bot.domain.agenda import Subject
from bot.domain.agendas.detect import find_passages
from bot.sources.formats.ocr import find_tesseract, read_scans

ITEMS = (
    "1. Call to order, invocation and pledge of allegiance",
    "2. Consider the Sheriff's 287(g) agreement with U.S. Immigration and Customs Enforcement",
    "3. Approve budget amendment 28-7 of $287,900 for the library",
    "4. Discussion: 287(g) program, Task Force Model, training of deputies by ICE",
    "5. Rezoning of lot 287, block 9, from R-1 to C-2",
    "6. Resolution on a Memorandum of Agreement under Section 287(g) of the Immigration",
    "and Nationality Act (8 U.S.C. 1357(g))",
    "7. Public hearing on the solid waste fee",
    "8. Authorize the Chairman to sign the 287 (g) MOA with ICE",
    "9. Closed session under G.S. 143-318.11(a)(3)",
)
NO_ITEMS = (
    "1. Call to order, invocation and pledge of allegiance",
    "2. Adopt Ordinance 287.9 on noise; amend Sec. 287(9) of the Code of Ordinances",
    "3. Approve budget amendment 28-7 of $287,900 for the library",
    "4. Item 287 (9): purchase of 287 gallons of paint; check no. 2879 for $287.90",
    "5. Rezoning of lot 287, block 9, from R-1 to C-2; deed book 287, page 9",
    "6. Agreement with the State Ice and Snow Removal Program for Route 287 (Q Street)",
    "7. Public hearing on the solid waste fee, Chapter 287 (6), and agreement 2879",
    "8. Contract 287-G1 with the Sheriff for vehicle maintenance",
    "9. Closed session under G.S. 143-318.11(a)(3), and memo 2B7 (6)",
)
WANTED = 4  # lines with a mention
FONTS = ("Helvetica", "Times-Roman", "Courier", "Times-Italic", "Helvetica-Bold")
RESOLUTIONS = (100, 150, 200, 300)
DIRT = ((0.0, 0.0, 0, 255), (1.0, 0.002, 40, 235), (-2.0, 0.01, 70, 215))  # skew, noise, ink, paper


async def read(items: tuple[str, ...], tesseract: object) -> list[dict[str, object]]:
    found = []
    for resolution, font, (skew, noise, ink, paper) in product(RESOLUTIONS, FONTS, DIRT):
        body = typed("AGENDA\n\n" + "\n\n".join(items), font=font, size=10 if "Courier" in font else 11, skew=skew)
        scan = scanned(drawn(body, dpi=resolution, noise=noise, ink=ink, paper=paper))
        begun = time.monotonic()
        done = await read_scans(scan, (1,), tesseract)  # type: ignore[arg-type]
        took = time.monotonic() - begun
        found.append({"dpi": resolution, "font": font, "skew": skew, "seconds": took, "text": done.pages.get(1, "")})
    return found


def mentions(text: str) -> int:
    passages = find_passages(text, by_ocr=True)
    return sum(passage.subject is Subject.PROGRAM for passage in passages)


async def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--texts", type=Path)
    asked = options.parse_args()
    tesseract = await find_tesseract()
    with_one, without = await read(ITEMS, tesseract), await read(NO_ITEMS, tesseract)
    if asked.texts:
        asked.texts.write_text(json.dumps([with_one, without]))
    report(with_one, without)


def report(with_one: list[dict[str, object]], without: list[dict[str, object]]) -> None:
    found, pages, false, seconds = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
    for page in with_one:
        dpi = int(str(page["dpi"]))
        pages[dpi] += 1
        found[dpi] += min(mentions(str(page["text"])), WANTED)
        seconds[dpi] += round(float(str(page["seconds"])) * 1000)
    for page in without:
        false[int(str(page["dpi"]))] += mentions(str(page["text"]))
    print("dots per inch  pages  mentions found  false ones  seconds a page")
    for dpi, n in sorted(pages.items()):
        took = seconds[dpi] / n / 1000
        print(f"{dpi:13}  {n:5}  {found[dpi]:4} of {WANTED * n:4}  {false[dpi]:15}  {took:14.1f}")


if __name__ == "__main__":
    asyncio.run(main())
