"""One stored subscription that can't be read stops only itself: it is named, and a command mends it."""

import json
import signal

import psycopg
import pytest
from support.program import texts, world
from support.sample_lists import A_DAY, SHERIFFS
from support.waiting import wait_for

from bot.store.postgres.migrate import migrate
from bot.store.rules.sealed_line import seal, unseal


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        yield made


def with_bad_records(here):
    """Subscribe four chats, then damage two: one gets a zone of this host only, one a cadence that doesn't exist."""
    for chat in ("1", "2", "3", "4"):
        here.run("subscribe", "telegram", chat, "--states", "TX", "--cadence", "daily")
    path = here.folder / "state.json"
    tables = json.loads(unseal(path.read_bytes().removesuffix(b"\n")))
    rows = {row["id"]: row for row in tables["subscriptions"].values()}
    rows["s2"]["tz"] = "localtime"
    rows["s3"] |= {"cadence": "hourly", "tz": "America/Denver"}
    path.write_bytes(seal(json.dumps(tables, separators=(",", ":")).encode()))


@pytest.mark.slow
def test_the_commands_go_on_and_name_what_they_can_not_read(here):
    with_bad_records(here)
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("poll")
    here.run("deliver")
    status = here.run("status", "--check", expect=1)
    for name, why in (("s2", "“localtime” isn't a time zone"), ("s3", "hourly")):
        assert any(name in line and why in line and f"countersign mend {name}" in line
                   for line in status.stdout.splitlines()), name  # fmt: skip
    listed = here.run("subscriptions")
    assert "(s1)" in listed.stdout
    assert "(s4)" in listed.stdout
    assert "countersign mend s3" in listed.stderr


def test_a_command_mends_each_and_keeps_what_can_be_read(here):
    with_bad_records(here)
    assert "America/Chicago" in here.run("mend", "s2", "--tz", "Central").stdout
    [mended] = here.lines("mend", "s3", "--json")
    assert (mended["address"], mended["states"], mended["cadence"], mended["tz"]) == (
        "3", ["TX"], "instant", "America/Denver"
    )  # fmt: skip
    assert "nothing to mend in s3" in here.run("mend", "s3", expect=2).stderr
    assert "Every subscription can be read" in here.run("mend", "s99", expect=2).stderr
    assert "countersign mend" not in here.run("status").stdout
    assert {s["id"]: s["tz"] for s in here.lines("subscriptions")} == {
        "s1": "UTC", "s2": "America/Chicago", "s3": "America/Denver", "s4": "UTC"
    }  # fmt: skip


@pytest.mark.slow
def test_the_running_program_names_them_at_start_and_serves_the_others(here):
    with_bad_records(here)
    program = here.start("run", COUNTERSIGN_POLL_SECONDS="1")
    try:
        wait_for((here.folder / "control.sock").exists)
        here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
        here.telegram.say("/watch TX", chat=9, user=9)
        wait_for(lambda: "You're watching" in texts(here.telegram.messages, "9"))
        here.run("mend", "s3")
        wait_for(lambda: len(here.lines("subscriptions")) == 5)
    finally:
        program.send_signal(signal.SIGTERM)
        said, log = program.communicate(timeout=60)
    assert program.returncode == 0, log[-2000:]
    assert "Subscription s2 gets no messages" in said + log
    assert "Subscription s3 gets no messages" in said + log
    assert "Traceback" not in said + log


@pytest.mark.slow
def test_a_database_with_bad_rows_goes_on_and_is_mended(here, database):
    env = {"DATABASE_URL": database}
    for chat in ("1", "2", "3", "4", "5"):
        here.run("subscribe", "telegram", chat, "--states", "TX", **env)
    with psycopg.connect(database) as db:
        db.execute(
            'UPDATE subscriptions SET body = replace(body, \'"tz":"UTC"\', \'"tz":"localtime"\') WHERE number = 2'
        )
        db.execute("UPDATE subscriptions SET body = replace(body, '\"instant\"', '\"hourly\"') WHERE number = 3")
        db.execute("UPDATE subscriptions SET body = 'damaged' WHERE number = 5")
        db.execute("UPDATE subscriptions SET due_at = now() - interval '1 day', wakes_at = now() - interval '1 day' "
                   "WHERE number IN (2, 3, 5)")  # fmt: skip
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("poll", **env)
    here.run("deliver", **env)
    status = here.run("status", "--check", expect=1, **env).stdout
    assert all(f"countersign mend {name}" in status for name in ("s2", "s3", "s5"))
    assert [s["id"] for s in here.lines("subscriptions", **env)] == ["s1", "s2", "s4"]
    for name in ("s2", "s3", "s5"):
        [mended] = here.lines("mend", name, "--json", **env)
        assert (mended["id"], mended["address"], mended["states"], mended["tz"]) == (name, name[1:], ["TX"], "UTC")
    assert "countersign mend" not in here.run("status", **env).stdout


def test_a_move_refuses_what_can_not_be_read_and_says_how_to_mend_it(here, database):
    with_bad_records(here)
    refused = here.run("move", "--from", str(here.folder), "--to", database, expect=2)
    assert "Nothing was moved" in refused.stderr
    assert "countersign mend s2" in refused.stderr
    for name in ("s2", "s3"):
        here.run("mend", name)
    here.run("move", "--from", str(here.folder), "--to", database)
    assert migrate(database) is False
