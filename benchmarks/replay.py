"""Side by side in one run: the whole replay of an archive, and openpyxl only loading the same workbooks.

    python benchmarks/replay.py [ARCHIVE] [--runs 3]

Each is a process of its own; CPU seconds and peak memory are the operating system's account of it. The replay is to
take at most a third of what openpyxl takes, and less than 200 MB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

LOAD = """
import sys, openpyxl
for path in sys.argv[1:]:
    openpyxl.load_workbook(path)
"""


def measured(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak MiB of one process, run to its end."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} … ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "ice-archive")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    lists = sorted(str(path) for path in options.archive.glob("*/*.xlsx"))
    if not lists:
        sys.exit(f"{options.archive} holds no lists")
    with tempfile.TemporaryDirectory() as folder:
        replay = [sys.executable, "-m", "bot", "replay", str(options.archive), "--json", f"{folder}/changes.jsonl"]
        rows = [(measured(replay), measured([sys.executable, "-c", LOAD, *lists])) for _ in range(options.runs)]
    ours, theirs = (median(row[side][0] for row in rows) for side in (0, 1))
    print(f"{len(lists)} lists, median of {options.runs} runs")
    print(f"{'':24}{'CPU seconds':>12}{'peak MiB':>10}")
    for name, side in (("countersign replay", 0), ("openpyxl, loading only", 1)):
        print(f"{name:24}{median(r[side][0] for r in rows):12.2f}{max(r[side][1] for r in rows):10.0f}")
    print(f"ratio {ours / theirs:.2f} (pair by pair {', '.join(f'{a[0] / b[0]:.2f}' for a, b in rows)})")


if __name__ == "__main__":
    main()
