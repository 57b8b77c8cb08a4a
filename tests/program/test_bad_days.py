"""A read-only folder, a full disk, a damaged file, a clock set back: one clear line, and nothing is lost."""

import errno
import os
import resource
import shutil
import signal
import subprocess
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from support.loopback.ice import LoopbackIce
from support.loopback.telegram import LoopbackTelegram
from support.program import HEADER, World, world
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS
from support.waiting import wait_for
from support.workbooks import workbook

from bot.channels.telegram.sender import TelegramSender
from bot.domain.subscription import Filter, Subscription
from bot.errors import StoreUnwritable
from bot.fetch import Fetch, Limits
from bot.pipeline.runner import Runner
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore
from bot.worker.worker import Worker

AM, PM = "participatingAgencies11202026am.xlsx", "participatingAgencies11202026pm.xlsx"


@pytest.fixture
def here(tmp_path):
    """A world whose store knows the first list, with two chats that watch Texas and Ohio."""
    with world(tmp_path / "data") as made:
        made.publish_rows(AM, SHERIFFS, at=A_DAY)
        made.run("poll")
        made.run("subscribe", "telegram", "42", "--states", "TX,OH")
        made.run("subscribe", "slack", "C0123456789", "--states", "TX,OH")
        yield made


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line a command printed to stderr."""
    (line,) = done.stderr.strip().splitlines()
    return line


def told(here) -> tuple[int, int]:
    return len(here.telegram.messages), len(here.slack.messages)


def check_recovery(here) -> None:
    """Check that all is well again: the second list is polled and each chat hears about it once."""
    here.run("poll")
    here.run("deliver")
    assert len(here.lines("agreements")) == 5
    assert told(here) == (1, 1)
    assert "Bell County" in here.telegram.messages[0].text
    here.run("poll")
    here.run("deliver")
    assert told(here) == (1, 1)


# ── read-only ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ReadOnly(World):
    """The same world, with the data folder mounted read-only for the program."""

    def command(self, *words: str, **env: str) -> list[str]:
        mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        alone = ["unshare", "--map-root-user", "--mount"]
        return [*alone, "sh", "-c", mount, str(self.folder), *super().command(*words, **env)]


@pytest.fixture
def read_only(here):
    made = ReadOnly(here.ice, here.telegram, here.slack, here.folder)
    tried = subprocess.run([*made.command()[:6], str(here.folder), "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"nothing can be mounted read-only here: {tried.stderr.strip()}")
    return made


@pytest.mark.slow
def test_with_a_read_only_folder_writing_commands_say_so_in_one_line_and_reading_works(here, read_only):
    here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
    before = {path.name: path.read_bytes() for path in here.folder.glob("*.json*")}
    for words in (["poll"], ["deliver"], ["run"], ["subscribe", "telegram", "7", "--states", "TX"]):
        line = said(read_only.run(*words, expect=1))
        assert "read-only" in line
        assert str(here.folder) in line
    assert len(read_only.lines("agreements")) == len(read_only.lines("changes")) == 3
    assert len(read_only.lines("subscriptions")) == 2
    read_only.run("status")
    assert {path.name: path.read_bytes() for path in here.folder.glob("*.json*")} == before
    assert told(here) == (0, 0)
    check_recovery(here)


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Cramped(World):
    """The same world, with a limit on the size of the files the program writes."""

    room = 0

    def run(self, *words: str, expect: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.room, limit[1]))
        try:
            return super().run(*words, expect=expect, **env)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def cramped(here, room: int) -> Cramped:
    made = Cramped(here.ice, here.telegram, here.slack, here.folder)
    made.room = room
    return made


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 1_500, 2_500])
def test_on_a_full_disk_a_poll_fails_in_one_line_and_loses_nothing(here, room):
    here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
    assert "disk is full" in said(cramped(here, room).run("poll", expect=1))
    assert len(here.lines("changes")) == 3
    check_recovery(here)


@pytest.mark.slow
def test_on_a_full_disk_nothing_is_sent_either(here):
    here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
    here.run("poll")
    for _ in range(2):
        assert "disk is full" in said(cramped(here, 0).run("deliver", expect=1))
    assert told(here) == (0, 0)
    check_recovery(here)


@contextmanager
def small_disk(path, size: str):
    """Mount a file system of this size; skip the test if that isn't allowed here."""
    path.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("no small disk can be mounted here: there is no mount command")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk) -> None:
    """Fill the disk, except for what is left in the last block of each file."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(512))


@pytest.mark.slow
def test_work_resumes_once_a_full_disk_has_room_again(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk, world(disk / "data") as here:
        here.publish_rows(AM, SHERIFFS, at=A_DAY)
        fill(disk)
        assert "disk is full" in said(here.run("poll", expect=1))
        assert here.lines("changes") == []
        (disk / "ballast").unlink()
        here.run("poll")
        here.run("subscribe", "telegram", "42", "--states", "TX,OH")
        here.run("subscribe", "slack", "C0123456789", "--states", "TX,OH")
        here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
        fill(disk)
        assert "disk is full" in said(here.run("poll", expect=1))
        assert len(here.lines("changes")) == 3
        (disk / "ballast").unlink()
        check_recovery(here)


@pytest.mark.slow
def test_the_running_program_stays_up_on_a_full_disk_and_stops_cleanly(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk, world(disk / "data") as here:
        here.publish_rows(AM, SHERIFFS, at=A_DAY)
        program = here.start("run", COUNTERSIGN_POLL_SECONDS="1")
        try:
            wait_for(lambda: len(here.lines("agreements")) == 3)
            here.run("subscribe", "telegram", "42", "--states", "TX,OH")
            fill(disk)
            asked = here.ice.count()
            here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
            wait_for(lambda: here.ice.count() > asked + 1)
            assert "disk is full" in said(here.run("poll", expect=1))
            assert len(here.lines("agreements")) == 3
            assert program.poll() is None
        finally:
            program.send_signal(signal.SIGTERM)
            _, log = program.communicate(timeout=60)
        assert program.returncode == 0
        assert "disk is full" in log
        assert "Traceback" not in log
        (disk / "ballast").unlink()
        here.run("subscribe", "slack", "C0123456789", "--states", "TX,OH")
        check_recovery(here)


# ── in this process, with a clock, and a disk that fills at the worst moment ─────────────────────────────────────────


class Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Harness:
    """ICE and Telegram on loopback, and one runner after another on the same data folder."""

    def __init__(self, ice, telegram, folder) -> None:
        self.ice, self.telegram, self.folder = ice, telegram, folder

    def publish(self, name: str, rows) -> None:
        self.ice.publish(name, workbook(rows, header=HEADER), at=A_DAY)

    @asynccontextmanager
    async def runner(self, now):
        store = TinyStore.open(self.folder)
        channel = TelegramSender(token=self.telegram.token, base_url=self.telegram.url)
        try:
            async with Fetch(contact=None, limits=Limits(host_gap=0), allow_loopback=True) as fetch:
                yield Runner(
                    store=store,
                    fetch=fetch,
                    sources={"ice": Ice(self.ice.url)},
                    channels={"telegram": channel},
                    now=now,
                    every=timedelta(minutes=15),
                    page=self.ice.url,
                )
        finally:
            await channel.close()
            await store.close()


@pytest.fixture
async def harness(tmp_path):
    async with LoopbackIce() as ice, LoopbackTelegram() as telegram:
        yield Harness(ice, telegram, tmp_path / "data")


async def tick(runner) -> None:
    """Do everything that is due now."""
    work = Worker(runner)
    await work.tick()
    await work.idle()


async def subscribed(runner, *states: str) -> None:
    filter_ = Filter(states=dict.fromkeys(states, 0))
    await runner.store.subscribe(Subscription(id="", channel="telegram", address="42", filter=filter_))


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def test_a_clock_set_back_a_day_stops_no_poll_and_no_message_and_repeats_none(harness, capsys):
    clock = Clock(NOON)
    harness.publish(AM, SHERIFFS)
    async with harness.runner(clock) as runner:
        await tick(runner)
        await subscribed(runner, "TX", "OH")
        harness.publish(PM, SHERIFFS + NEWCOMERS[:1])
        clock.at += timedelta(minutes=20)
        await tick(runner)
        await tick(runner)
    assert [message.text.count("Bell County") for message in harness.telegram.messages] == [1]

    clock.at = NOON - timedelta(days=1)
    harness.publish("participatingAgencies11212026am.xlsx", SHERIFFS + NEWCOMERS)
    async with harness.runner(clock) as runner:
        await tick(runner)
        await tick(runner)
        assert len((await runner.store.known()).participating) == 5
        assert capsys.readouterr().out.count("the clock was set back") == 1
        asked = harness.ice.count()
        await tick(runner)
        assert harness.ice.count() == asked
    first, second = harness.telegram.messages
    assert "Delaware County" in second.text
    assert "Bell County" not in second.text

    clock.at = NOON + timedelta(days=1)
    async with harness.runner(clock) as runner:
        await tick(runner)
        await tick(runner)
        assert harness.ice.count() > asked
    assert harness.telegram.messages == [first, second]


async def test_a_change_due_before_the_clock_was_set_back_is_sent_once(harness):
    clock = Clock(NOON)
    harness.publish(AM, SHERIFFS)
    async with harness.runner(clock) as runner:
        await tick(runner)
        await subscribed(runner, "TX", "OH")
        harness.publish(PM, SHERIFFS + NEWCOMERS)
        clock.at += timedelta(minutes=20)
        await runner.poll(runner.sources["ice"])
    assert not harness.telegram.messages

    for at in (NOON - timedelta(days=1), NOON + timedelta(days=1), NOON + timedelta(days=2)):
        clock.at = at
        async with harness.runner(clock) as runner:
            await tick(runner)
            await tick(runner)
    assert [message.text.count("Bell County") for message in harness.telegram.messages] == [1]


async def test_a_disk_that_fills_during_a_send_does_not_repeat_the_message_endlessly(harness, monkeypatch):
    clock, full, write = Clock(NOON), [], os.pwrite

    def written(fd, body, at):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, body, at)

    monkeypatch.setattr(os, "pwrite", written)
    harness.publish(AM, SHERIFFS)
    async with harness.runner(clock) as runner:
        await tick(runner)
        await subscribed(runner, "TX", "OH")
        harness.publish(PM, SHERIFFS + NEWCOMERS)
        clock.at += timedelta(minutes=20)
        await runner.poll(runner.sources["ice"])
        harness.telegram.plan = full.append  # plans no fault at Telegram: only the disk fails
        for _ in range(3):
            (due,) = await runner.claim_due()
            with pytest.raises(StoreUnwritable, match="disk is full"):
                await runner.deliver(due)
        assert len(harness.telegram.messages) == 1
        harness.telegram.behave()
        full.clear()
        await tick(runner)
        await tick(runner)
    assert len(harness.telegram.messages) == 2  # the one whose receipt could not be written is repeated
    assert len({message.text for message in harness.telegram.messages}) == 1


# ── damaged ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def damage(path) -> None:
    """Change one bit in the middle of the file."""
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


@pytest.mark.slow
@pytest.mark.parametrize("how", [damage, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_damaged_state_file_is_rebuilt_and_the_log_says_so(here, how):
    known = here.lines("agreements"), here.lines("subscriptions")
    how(here.folder / "state.json")
    assert (here.lines("agreements"), here.lines("subscriptions")) == known
    here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
    program = here.start("run")
    try:
        wait_for((here.folder / "control.sock").exists)
        here.run("poll")
        wait_for(lambda: told(here) == (1, 1))
    finally:
        program.send_signal(signal.SIGTERM)
        _, log = program.communicate(timeout=60)
    assert "state.json" in log
    assert "rebuilt from older files" in log
    check_recovery(here)


def test_a_command_says_that_it_rebuilt_a_damaged_state_file(here):
    damage(here.folder / "state.json")
    assert "rebuilt from older files" in here.run("poll").stderr
    assert here.run("poll").stderr == "Nothing new.\n"
