"""Throw generated and damaged inputs at the readers, the chat, the webhooks and the settings.

    python benchmarks/fuzz.py --kind KIND [--count 100000] [--seed 1] [--processes 2] [--show 20]

KIND is html, feeds, json, places, commands, payloads or settings; workbooks have `fuzz_workbooks.py`. Every input has its own
seed: the first has --seed, the next has one more. Nothing may come out but our own errors and clear answers, and no
input may cost more than a bound of processor time. A failure is printed with its seed, and `--kind KIND --seed N
--count 1` runs that one alone. Seeds that found a fault are kept in `tests/support/fuzz_seeds.py` and run as tests.
"""

import argparse
import asyncio
import logging
import sys
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.fuzzing import KINDS, Outcome, tried

BATCH = 500


def main() -> None:
    """Run the inputs and print the outcomes and the failures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kind", choices=KINDS, required=True)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--show", type=int, default=20, help="failures to print in full")
    given = options.parse_args()
    end = given.seed + given.count
    batches = [range(at, min(at + BATCH, end)) for at in range(given.seed, end, BATCH)]
    counts: Counter[str] = Counter()
    failures: list[tuple[int, str]] = []
    with ProcessPoolExecutor(given.processes) as pool:
        for outcomes in pool.map(partial(run, given.kind), batches):
            if sum(counts.values()) // 10_000 != (sum(counts.values()) + len(outcomes)) // 10_000:
                print(f"{sum(counts.values()) + len(outcomes):,} inputs, {len(failures):,} failures", file=sys.stderr)
            counts.update("failed" if outcome.failure else outcome.name for outcome in outcomes)
            for outcome in outcomes:
                if outcome.failure:
                    failures.append((outcome.seed, outcome.failure))
                    if len(failures) <= given.show:
                        print(f"seed {outcome.seed}: {outcome.failure}", flush=True)
    told = ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))
    print(f"{given.kind}: {sum(counts.values()):,} inputs from seed {given.seed}: {told}")
    sys.exit(1 if failures else 0)


def run(kind: str, seeds: range) -> list[Outcome]:
    """Try a batch of seeds in this process."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return asyncio.run(tried(kind, seeds))
    except Exception:  # noqa: BLE001 - the batch itself failed, so its first seed stands for it
        return [Outcome(seeds.start, "", traceback.format_exc())]


if __name__ == "__main__":
    main()
