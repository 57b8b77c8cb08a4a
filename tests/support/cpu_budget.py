"""Stop a test whose code runs away, as quadratic code does on hostile input.

The budget is processor time, far above the need of linear code: a busy machine, which only makes a test wait, spends
none of it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class RanAwayError(Exception):
    """The code used up its processor time."""


@contextmanager
def cpu_budget(seconds: float) -> Iterator[None]:
    """Raise RanAwayError if the block uses more processor time than this."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise RanAwayError(f"more than {seconds:g} seconds of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
