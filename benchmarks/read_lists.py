"""CPU seconds for reading every list in a folder, with our reader and with openpyxl, side by side in one run.

    python benchmarks/read_lists.py [DIR]

DIR is searched for .xlsx files at any depth; without it, ../shared/ice-archive beside the repository is read.
The readers take turns file by file, so that a busy machine disturbs both alike; each file counts once.
"""

import sys
import time
import warnings
from io import BytesIO
from pathlib import Path

import openpyxl

from bot.sources.workbook import read_workbook

ARCHIVE = Path(__file__).parents[1].parent / "shared" / "ice-archive"
ROWS = 1843  # of ICE's list of May 2026, to which times are scaled


def read_with_openpyxl(body):
    sheet = openpyxl.load_workbook(BytesIO(body)).active
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    links = {(cell.row, cell.column): cell.hyperlink.target for row in sheet for cell in row if cell.hyperlink}
    return rows, links


def seconds(read, body):
    start = time.process_time()
    read(body)
    return time.process_time() - start


def main(folder):
    paths = sorted(folder.rglob("*.xlsx"))
    if not paths:
        sys.exit(f"{folder} holds no .xlsx files")
    warnings.simplefilter("ignore")
    bodies = [path.read_bytes() for path in paths]
    counts = [sum(len(sheet.rows) for sheet in read_workbook(body)) for body in bodies]
    times = [(seconds(read_workbook, body), seconds(read_with_openpyxl, body)) for body in bodies]
    ours, theirs = (sum(each) for each in zip(*times, strict=True))
    longest = max(range(len(paths)), key=counts.__getitem__)
    body, rows = bodies[longest], counts[longest]

    print(f"{len(paths)} lists, {sum(counts):,} rows; the longest, {paths[longest].name}, has {rows:,}")
    print(f"{'':32}{'ours':>10}{'openpyxl':>10}")
    print(f"{'all lists, CPU seconds':32}{ours:10.2f}{theirs:10.2f}")
    print(f"{f'per {ROWS:,} rows, all lists, ms':32}", end="")
    print(*(f"{total / sum(counts) * ROWS * 1000:10.0f}" for total in (ours, theirs)), sep="")
    best = [min(seconds(read, body) for _ in range(5)) for read in (read_workbook, read_with_openpyxl)]
    print(
        f"{f'per {ROWS:,} rows, the longest, ms':32}", *(f"{each / rows * ROWS * 1000:10.0f}" for each in best), sep=""
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ARCHIVE)
