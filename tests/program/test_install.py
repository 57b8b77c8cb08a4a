"""`make run` on a fresh clone: what it installs, how far it is and, if that fails, why."""

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from support.terminal import on_terminal
from support.waiting import wait_for

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "install.py"


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
    lines += wheel(tmp_path, "third").replace("==1.0", "==1.0 ; sys_platform == 'win32'")
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


def test_away_from_the_network_it_asks_whether_the_machine_is_online(tmp_path):
    lines, offline = wheel(tmp_path, "first"), env(PIP_RETRIES="1", PIP_NO_INDEX="")
    away = ["--index-url", "http://127.0.0.1:9/simple"]
    (tmp_path / "requirements.txt").write_text(lines)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "requirements.txt"), "what is needed", *away],
        env=offline, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Is this machine online?" in done.stderr
    assert "Connection refused" in done.stderr
    assert "Retry" not in done.stderr
    assert "No matching distribution" not in done.stderr


OLD = '[ "$1" = --version ] && echo Python 3.9.2 || exit 1'
NEW = '[ "$1" = -c ] && [ -z "$3" ] || { echo "called as $0"; exit 1; }'


@pytest.fixture
def clone(tmp_path):
    """A clone with a space in its name, and an empty folder `bin` for its only programs."""
    folder = tmp_path / "my clone"
    for name in ("Makefile", "requirements.txt", "scripts/install.py", "bot/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (tmp_path / "bin").mkdir()
    for name in ("sh", "make", "mkdir"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return folder


def make(clone, *words, **pythons: str) -> str:
    """Type `make` on a machine with these Pythons only, and return what it prints before it fails."""
    path = clone.parent / "bin"
    for name, body in pythons.items():
        (path / name).write_text(f"#!/bin/sh\n{body}\n")
        (path / name).chmod(0o755)
    done = subprocess.run(
        ["make", *words], cwd=clone, env={"PATH": str(path)}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    return done.stdout + done.stderr


def test_an_old_python_is_named_and_so_is_what_to_type(clone):
    said = make(clone, "demo", python3=OLD)
    assert "Countersign needs Python 3.11 or later, and python3 is Python 3.9.2." in said
    assert "make PYTHON=/path/to/python3.12 demo" in said


@pytest.mark.parametrize(("words", "name"), [((), "python3"), (("PYTHON=python4",), "python4")])
def test_without_a_python_it_says_so_and_the_shell_says_nothing(clone, words, name):
    said = make(clone, *words)
    assert f"and {name} is not there. Install a newer one" in said
    assert "/bin/sh" not in said


def test_a_newer_python_beside_an_old_one_is_taken(clone):
    assert "/python3.12\n" in make(clone, python3=OLD, **{"python3.12": NEW})


def test_ctrl_c_while_the_environment_is_made_prints_no_traceback(clone):
    path = f"{clone.parent / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
    with on_terminal([shutil.which("make"), "demo"], {"PATH": path, "TERM": "dumb"}, clone) as terminal:
        terminal.wait_for("Creating a virtual environment in .venv.")
        wait_for((clone / ".venv" / "pyvenv.cfg").exists)
        terminal.interrupt()
        assert terminal.ended()
    assert "Traceback" not in terminal.screen
    assert "Couldn't" not in terminal.screen
