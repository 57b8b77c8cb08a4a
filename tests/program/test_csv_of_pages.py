"""The command line's CSV is the pages' CSV, byte for byte."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from support.program import row, world

from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import Origin, model_now
from bot.web.pages.rendering import Installation, render

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SIGNED = datetime(2026, 11, 19)  # noqa: DTZ001 - a date cell has no zone
ROWS = [
    row("TEXAS", "Archer County Sheriff's Office", signed=SIGNED, county="Archer County"),
    row("TEXAS", "=1+1 Police Department", signed=SIGNED),
    row("GEORGIA", "Bell “Bluff”, City Police", "Warrant Service Officer", signed=SIGNED),
]
ADDRESS = "https://www.example.org"


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participating11242026am.xlsx", ROWS[:2], at=NOW)
        made.run("poll")
        made.publish_rows("participating11242026pm.xlsx", ROWS, at=NOW + timedelta(hours=8))
        made.run("poll")
        yield made


def page(folder, path, **query):
    """Return a page of the store in a folder, as every program would serve it."""

    async def shown():
        store = TinyStore.open(folder, readonly=True)
        origin = Origin(store=store, now=lambda: NOW, stale_after=timedelta(hours=6))
        found = render(await model_now(origin), path, query, Installation(base=ADDRESS))
        await store.close()
        return found.body.decode()

    return asyncio.run(shown())


@pytest.mark.parametrize(
    ("words", "path", "query"),
    [
        (["agreements"], "/agreements.csv", {}),
        (["agreements", "--state", "TX"], "/states/TX.csv", {}),
        (["agreements", "--state", "Vermont"], "/states/VT.csv", {}),
        (["changes"], "/changes.csv", {}),
        (["changes", "--state", "GA"], "/changes.csv", {"state": "GA"}),
    ],
)
def test_the_csv_of_a_command_has_the_same_bytes_as_the_page(here, words, path, query):
    printed = here.run(*words, "--csv", COUNTERSIGN_PUBLIC_URL=ADDRESS).stdout
    assert printed == page(here.folder, path, **query)
    assert printed.startswith(("state,agency,support_type,", "seq,observed_at,"))


def test_changes_since_a_day_are_fewer_and_two_formats_at_once_are_refused(here):
    assert here.run("changes", "--csv", "--since", "2099-01-01").stdout.count("\n") == 1
    for command in ("agreements", "changes"):
        assert "can't be combined" in here.run(command, "--csv", "--json", expect=2).stderr
