"""Debian's chromium, driven by playwright, for the tests of what a person sees."""

import os
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    missing = None if CHROMIUM.exists() else "Debian's chromium isn't installed"
    if missing and os.environ.get("BROWSER_REQUIRED"):
        pytest.fail(f"A browser is required here: {missing}")
    if missing:
        pytest.skip(f"NO BROWSER: the pages aren't tested in one, because {missing}")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield started
        started.close()
