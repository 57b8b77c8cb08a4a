"""`make run` on a fresh clone: what it installs, how far it is and, if that fails, why."""

import os
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from support.terminal import on_terminal

SCRIPT = Path(__file__).parents[2] / "scripts" / "install.py"


def wheel(folder: Path, name: str) -> str:
    """Make a package with nothing in it, and return its line in a requirements file."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    inside = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{inside}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{inside}/RECORD", "")
    return f"{name}==1.0 \\\n    --hash=sha256:{sha256(path.read_bytes()).hexdigest()}\n"


def command(folder: Path, lines: str) -> list[str]:
    (folder / "requirements.txt").write_text(lines)
    options = ["--require-hashes", "--no-index", "--find-links", str(folder), "--target", str(folder / "into")]
    return [sys.executable, str(SCRIPT), str(folder / "requirements.txt"), "what is needed", *options]


def env(**more: str) -> dict[str, str]:
    return os.environ | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull} | more


@pytest.mark.slow
def test_it_says_how_many_packages_and_how_long_and_installs_them(tmp_path):
    lines = "".join(wheel(tmp_path, name) for name in ("first", "second"))
    done = subprocess.run(command(tmp_path, lines), env=env(), capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("Installing what is needed: 2 packages. This takes about a minute.\n")
    assert "Installed in " in done.stdout
    assert "\r" not in done.stdout
    assert (tmp_path / "into" / "second-1.0.dist-info").is_dir()


def test_a_package_that_is_not_there_prints_pips_own_words_and_fails(tmp_path):
    lines = wheel(tmp_path, "first") + "missing==1.0 --hash=sha256:" + "0" * 64
    done = subprocess.run(command(tmp_path, lines), env=env(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "No matching distribution found for missing==1.0" in done.stderr
    assert "Installed in" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("term", "in_place"), [("xterm", True), ("dumb", False)])
def test_on_a_terminal_one_line_counts_and_a_dumb_one_gets_no_control_characters(tmp_path, term, in_place):
    lines = "".join(wheel(tmp_path, f"package{number}") for number in range(20))
    with on_terminal(command(tmp_path, lines), env(TERM=term), tmp_path) as terminal:
        assert terminal.ended() == 0
    assert "Installed in " in terminal.screen
    assert ("\r " in terminal.raw.replace("\r\n", "\n")) is in_place
