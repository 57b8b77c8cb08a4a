"""The program on a database, as a person runs it: nothing is kept on the disk and nothing is lost."""

import shutil
from datetime import UTC, datetime

import pytest
from support.program import row, world
from support.waiting import wait_for

SIGNED = datetime(2026, 11, 19)  # noqa: DTZ001 - a date cell has no zone
FIRST = [
    row("TEXAS", "Archer County Sheriff's Office", signed=SIGNED, county="Archer County"),
    row("OHIO", "Butler County Sheriff's Office", signed=SIGNED, county="Butler County"),
]
SECOND = [*FIRST, row("TEXAS", "Bell County Sheriff's Office", signed=SIGNED, county="Bell County")]


@pytest.fixture
def site(tmp_path):
    with world(tmp_path / "data") as made:
        yield made


def publish(site, rows, name, day):
    site.publish_rows(name, rows, at=datetime(2026, 11, day, 9, tzinfo=UTC))


def told(site):
    return [message for message in site.slack.messages if "Bell County" in str(message)]


@pytest.mark.slow
def test_a_database_needs_no_disk_and_each_change_is_sent_once(site, server):
    url = server.make()
    refused = site.run("status", DATABASE_URL=url, expect=1)
    assert "Run `countersign migrate`" in refused.stderr
    assert "now up to date" in site.run("migrate", DATABASE_URL=url).stderr
    assert "already up to date" in site.run("migrate", DATABASE_URL=url).stderr
    site.run("subscribe", "slack", "C0123456789", "--states", "TX", DATABASE_URL=url)
    publish(site, FIRST, "participating11202026am.xlsx", 20)
    site.run("poll", DATABASE_URL=url)
    publish(site, SECOND, "participating11212026am.xlsx", 21)
    site.run("poll", DATABASE_URL=url)
    assert not site.folder.exists(), "nothing is kept on the disk"
    site.run("deliver", DATABASE_URL=url)
    site.run("deliver", DATABASE_URL=url)
    assert len(told(site)) == 1
    [change] = [c for c in site.lines("changes", DATABASE_URL=url) if c["kind"] == "signed"]
    assert change["agency"] == "Bell County Sheriff's Office"
    assert len(site.lines("agreements", DATABASE_URL=url)) == 3
    assert site.lines("deliveries", DATABASE_URL=url)[0]["message_id"]

    site.run("move", "--from", url, "--to", str(site.folder))
    assert site.lines("changes") == site.lines("changes", DATABASE_URL=url)
    import gzip

    evidence = site.folder / "evidence" / change["evidence"][:2] / f"{change['evidence']}.gz"
    assert gzip.decompress(evidence.read_bytes()).startswith(b"PK"), "the very workbook that showed it"
    site.run("deliver")
    assert len(told(site)) == 1, "nobody is told again by the store that it was moved to"

    other = server.make()
    site.run("migrate", DATABASE_URL=other)
    site.run("move", "--from", str(site.folder), "--to", other)
    shutil.rmtree(site.folder)
    assert site.lines("changes", DATABASE_URL=other) == site.lines("changes", DATABASE_URL=url)


def test_without_a_database_there_is_nothing_to_migrate(site):
    assert "nothing to do" in site.run("migrate").stderr


@pytest.mark.parametrize("place", ["", "mysql://user:hunter2@host/x"])
def test_a_place_that_is_neither_a_folder_nor_a_database_is_refused(site, place):
    refused = site.run("move", "--from", str(site.folder), "--to", place, expect=2)
    assert "each take a folder" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_an_empty_folder_cannot_be_moved_from(site, tmp_path):
    refused = site.run("move", "--from", str(tmp_path / "typo"), "--to", str(site.folder), expect=2)
    assert "isn't a Countersign data folder" in refused.stderr
    assert not (tmp_path / "typo").exists()


def test_a_database_that_does_not_answer_is_one_line_without_the_password(site):
    refused = site.run("status", DATABASE_URL="postgresql://someone:hunter2@127.0.0.1:1/x", expect=1)
    assert "hunter2" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.fixture
def crew(site, server):
    """Return a function that starts a worker on one database; end them all afterwards."""
    url = server.make()
    site.run("migrate", DATABASE_URL=url)
    started = []

    def start(log=None):
        started.append(site.start("worker", log=log, DATABASE_URL=url, COUNTERSIGN_POLL_SECONDS="1"))
        return started[-1]

    start.url = url
    yield start
    for program in started:
        if program.poll() is None:
            program.kill()
        program.communicate()


def sent(site, name):
    return [m for m in (*site.slack.messages, *site.telegram.messages) if name in m.text]


@pytest.mark.slow
def test_three_workers_alert_each_channel_once_and_the_last_one_left_goes_on(site, crew):
    for place in (("slack", "C0123456789"), ("slack", "C0123456788"), ("telegram", "42")):
        site.run("subscribe", *place, "--states", "TX", DATABASE_URL=crew.url)
    publish(site, FIRST, "participating11202026am.xlsx", 20)
    workers = [crew() for _ in range(3)]
    wait_for(lambda: len(site.lines("agreements", DATABASE_URL=crew.url)) == 2)
    publish(site, SECOND, "participating11212026am.xlsx", 21)
    wait_for(lambda: len(sent(site, "Bell County")) == 3)
    wait_for(
        lambda: len(site.lines("deliveries", DATABASE_URL=crew.url)) == 3
    )  # a kill before that may repeat a message
    for worker in workers[:2]:
        worker.kill()
    third = [*SECOND, row("TEXAS", "Clay County Sheriff's Office", signed=SIGNED, county="Clay County")]
    publish(site, third, "participating11222026am.xlsx", 22)
    wait_for(lambda: len(sent(site, "Clay County")) == 3, seconds=180)  # a killed worker's leases last a minute
    workers[2].terminate()
    said = workers[2].communicate(timeout=60)[1]
    assert workers[2].returncode == 0
    assert "Traceback" not in said
    assert len(sent(site, "Bell County")) == len(sent(site, "Clay County")) == 3


def stopped(worker, log):
    """Stop a worker cleanly; return its log."""
    worker.terminate()
    assert worker.wait(60) == 0
    return log.read_text()


@pytest.mark.slow
def test_a_worker_waits_for_a_database_that_restarts(site, crew, server, tmp_path):
    site.run("subscribe", "slack", "C0123456789", "--states", "TX", DATABASE_URL=crew.url)
    publish(site, FIRST, "participating11202026am.xlsx", 20)
    worker = crew(log := tmp_path / "log")
    wait_for(lambda: len(site.lines("agreements", DATABASE_URL=crew.url)) == 2)
    server.stop()
    wait_for(lambda: "the store failed" in log.read_text())
    server.start()
    publish(site, SECOND, "participating11212026am.xlsx", 21)
    wait_for(lambda: sent(site, "Bell County"))
    wait_for(lambda: "the store is answering again" in log.read_text())
    said = stopped(worker, log)
    assert "Traceback" not in said
    assert said.count("the store failed") == said.count("the store is answering again") == 1


@pytest.mark.slow
def test_a_worker_that_starts_before_its_database_waits_for_it(site, crew, server, tmp_path):
    server.stop()
    worker = crew(log := tmp_path / "log")
    wait_for(lambda: "the database isn't answering yet" in log.read_text())
    server.start()
    publish(site, FIRST, "participating11202026am.xlsx", 20)
    wait_for(lambda: len(site.lines("agreements", DATABASE_URL=crew.url)) == 2)
    stopped(worker, log)
