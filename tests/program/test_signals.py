"""Signals while the program starts."""

import signal
import subprocess
import sys

import pytest
from support.program import bare_env

STARTING = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "bot.cli.main":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Finder())
from bot.__main__ import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_ends_the_program_without_a_traceback(number, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STARTING.format(number=int(number))],
        env=bare_env(tmp_path), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")
