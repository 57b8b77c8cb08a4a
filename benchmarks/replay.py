"""Compare the whole replay of an archive with openpyxl loading the same workbooks, side by side in one run.

    python benchmarks/replay.py [ARCHIVE] [--runs 3]

Each is a separate process, whose CPU seconds and peak memory are as the operating system accounts for them. The replay
must take at most a third of openpyxl's time, and less than 200 MB.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import measured

LOAD = """
import sys, openpyxl
for path in sys.argv[1:]:
    openpyxl.load_workbook(path)
"""
SIDES = ("countersign replay", "openpyxl, loading only")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "ice-archive")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    lists = sorted(str(path) for path in options.archive.glob("*/*.xlsx"))
    if not lists:
        sys.exit(f"{options.archive} has no lists")
    with tempfile.TemporaryDirectory() as folder:
        replay = [sys.executable, "-m", "bot", "replay", str(options.archive), "--json", f"{folder}/changes.jsonl"]
        load = [sys.executable, "-c", LOAD, *lists]
        rows = [[measured(replay), measured(load)] for _ in range(options.runs)]
    print(f"{len(lists)} lists, median of {options.runs} runs")
    print(f"{'':24}{'CPU seconds':>12}{'peak MiB':>10}{'replay / it':>13}")
    for side, name in enumerate(SIDES):
        cpu, peak = median(row[side].cpu for row in rows), max(row[side].peak for row in rows)
        ratio = median(row[0].cpu / row[side].cpu for row in rows)
        print(f"{name:24}{cpu:12.2f}{peak:10.0f}{ratio:13.2f}")


if __name__ == "__main__":
    main()
