# ruff: noqa: E402 - the loopback servers are part of the tests
"""Kill the relay and the host that it feeds again and again, and count what is lost or repeated.

    python benchmarks/relay_kills.py [--kills 50] [--seed 1]

ICE on loopback refuses the host and answers the relay. It publishes one more agreement before each kill. SIGKILL stops
the relay and the host in turn, at random moments. The exit code is 1 if a change was lost or recorded twice, or if more
messages were repeated than there were kills.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from support.relay_kills import killed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50, help="of the relay, and as many of the host")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        toll = killed(Path(folder), kills=asked.kills, seed=asked.seed)
    print(
        f"{toll.published} publications, {toll.kills} kills: {len(toll.lost)} lost, {toll.repeated} repeated, "
        f"{toll.recorded_twice} recorded twice"
    )
    return 0 if toll.is_right and "Traceback" not in toll.log else 1


if __name__ == "__main__":
    sys.exit(main())
