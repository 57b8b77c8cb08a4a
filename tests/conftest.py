"""What tests of several folders ask for."""

import os

import pytest


@pytest.fixture(scope="session")
def server():
    """One PostgreSQL for all tests of this process, started when the first one asks for it."""
    from support.database import NoServer, Server

    try:
        started = Server()
    except NoServer as fault:
        if os.environ.get("POSTGRES_REQUIRED"):
            pytest.fail(f"PostgreSQL is required here, and none could be started: {fault}")
        pytest.skip(f"NO POSTGRESQL: its store is not tested here, for none could be started: {fault}")
    yield started
    started.close()


@pytest.fixture(scope="session")
def migrated(server):
    """The name of a database that holds the tables and nothing else, of which others are copied."""
    from bot.store.postgres.migrate import migrate

    url = server.make()
    assert migrate(url)
    return url.split("/")[-1 if "host=" not in url else 3].partition("?")[0]


@pytest.fixture
def database(server, migrated):
    """The address of a fresh database with the tables."""
    return server.make(template=migrated)
