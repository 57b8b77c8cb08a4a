"""Compare the CPU seconds to read every list in a folder with our reader and with openpyxl, in one run.

    python benchmarks/read_lists.py [DIR]

DIR is searched for .xlsx files at any depth; the default is ../shared/ice-archive beside the repository. The readers take
turns file by file, so that a busy machine disturbs both alike, and each file counts once. openpyxl only loads the
workbook; ours also gives rows and links. A whole replay may cost a third of that loading.
"""

import sys
import time
import warnings
from io import BytesIO
from pathlib import Path

import openpyxl

from bot.sources.formats.workbook import read_workbook

ARCHIVE = Path(__file__).parents[1].parent / "shared" / "ice-archive"
ROWS = 1843  # in ICE's list of May 2026; times are scaled to it


def load_with_openpyxl(body):
    openpyxl.load_workbook(BytesIO(body))


def seconds(read, body):
    start = time.process_time()
    read(body)
    return time.process_time() - start


def main(folder):
    paths = sorted(folder.rglob("*.xlsx"))
    if not paths:
        sys.exit(f"{folder} has no .xlsx files")
    warnings.simplefilter("ignore")
    bodies = [path.read_bytes() for path in paths]
    counts = [sum(len(sheet.rows) for sheet in read_workbook(body)) for body in bodies]
    times = [(seconds(read_workbook, body), seconds(load_with_openpyxl, body)) for body in bodies]
    longest = max(range(len(paths)), key=counts.__getitem__)
    body, rows = bodies[longest], counts[longest]
    best = [min(seconds(read, body) for _ in range(5)) for read in (read_workbook, load_with_openpyxl)]

    print(f"{len(paths)} lists, {sum(counts):,} rows; the longest, {paths[longest].name}, has {rows:,}")
    print(f"{'':32}{'ours':>10}{'openpyxl':>10}{'ratio':>10}")
    show("all lists, CPU seconds", *(sum(each) for each in zip(*times, strict=True)))
    show(f"per {ROWS:,} rows, all lists, ms", *(sum(e) / sum(counts) * ROWS * 1000 for e in zip(*times, strict=True)))
    show("the longest, ms", *(each * 1000 for each in best))
    show(f"per {ROWS:,} rows, the longest, ms", *(each / rows * ROWS * 1000 for each in best))


def show(what, ours, theirs):
    print(f"{what:32}{ours:10.2f}{theirs:10.2f}{ours / theirs:10.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ARCHIVE)
