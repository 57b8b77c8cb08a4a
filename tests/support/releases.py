"""The wheel and the source distribution, and a virtual environment that holds only what requirements.txt names."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OFFLINE = ("--no-deps", "--no-index", "--disable-pip-version-check")


def pip(*words, python=sys.executable, cwd=None):
    """Run pip for a Python and return what it did, whether it worked or not."""
    command = [sys.executable, "-m", "pip", "--python", str(python), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def built_wheel(source, folder):
    """Build the wheel from a source tree, without asking the network, and return its path."""
    done = pip("wheel", "-q", "--no-build-isolation", *OFFLINE, "-w", str(folder), str(source), cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


def built_sdist(folder):
    """Build the source distribution, and return the folder that it unpacks to."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    [made] = folder.glob("*.tar.gz")
    with tarfile.open(made) as archive:
        archive.extractall(folder, filter="data")
    return folder / made.name.removesuffix(".tar.gz")


def bare_python(folder):
    """Make a virtual environment from requirements.txt alone, as a buildpack does, and return its Python.

    It needs the package index, as `make setup` does. Without it, the test is skipped unless PACKAGES_REQUIRED is set.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    done = pip(
        "install",
        "-q",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        str(ROOT / "requirements.txt"),
        python=python,
    )
    if done.returncode and not os.environ.get("PACKAGES_REQUIRED"):
        pytest.skip(f"NO PACKAGE INDEX: nothing is installed from requirements.txt here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return python


def source_tree(folder):
    """Copy the files that git knows, which is what a host receives. Without git, copy everything but the rest."""
    if not (ROOT / ".git").exists():
        return shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".venv", "data", "__pycache__", ".*_cache"))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder
