"""Measure the cost of a command as the operating system accounts for it, the same way in every benchmark."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak MiB of one process, and its output."""

    cpu: float
    peak: float
    output: str


def measured(command: list[str], **where) -> Cost:
    """Run a command to its end, with `where` passed on to Popen. If it fails, end the benchmark."""
    with tempfile.TemporaryFile("w+") as output:
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **where) as child:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if child.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} … ended with {child.returncode}:\n{printed[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed)
