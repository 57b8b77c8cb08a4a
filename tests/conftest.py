"""Fixtures and settings for tests of several folders."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No example fails because the machine is busy, and every run in CI tries the same examples.
settings.register_profile(
    "countersign",
    deadline=None,
    database=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", settings.get_profile("countersign"), max_examples=25)  # for `make test`
settings.load_profile("countersign")

gc.disable()  # until all tests are collected, because nothing that collecting makes is garbage


def pytest_collection_finish(session):
    """Let the garbage collector pass over the tests and modules, because otherwise it walks them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)  # tests make much and keep little
    gc.enable()


@pytest.fixture(scope="session")
def server():
    """One PostgreSQL for all tests of this process, started for the first one that needs it."""
    from support.database import NoServer, Server

    try:
        started = Server()
    except NoServer as fault:
        if os.environ.get("POSTGRES_REQUIRED"):
            pytest.fail(f"PostgreSQL is required here and couldn't be started: {fault}")
        pytest.skip(f"NO POSTGRESQL: its store isn't tested here, because it couldn't be started: {fault}")
    yield started
    started.close()


@pytest.fixture(scope="session")
def migrated(server):
    """The name of a database with empty tables, the template for others."""
    from bot.store.postgres.migrate import migrate

    url = server.make()
    assert migrate(url)
    return url.split("/")[-1 if "host=" not in url else 3].partition("?")[0]


@pytest.fixture
def database(server, migrated):
    """The address of a fresh database with empty tables."""
    return server.make(template=migrated)


def pytest_terminal_summary(terminalreporter, config):
    """Say what a run without the slow tests left out, so that a green run isn't taken for a full one."""
    if "not slow" in (config.option.markexpr or ""):
        missing = (
            "" if Path("/usr/bin/chromium").exists() else " CHROMIUM ISN'T INSTALLED, so the pages would be skipped."
        )
        terminalreporter.write_line(
            "NOT RUN: slow tests, among them every page in a browser (keyboard, widths, dark, print, axe). "
            f"Run `make check`.{missing}",
            yellow=True,
        )
