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
from support.season import A_DAY, NEWCOMERS, SHERIFFS, wait_for
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
    """A program that knows the first list, and two chats that want to hear of Texas and Ohio."""
    with world(tmp_path / "data") as made:
        made.publish_rows(AM, SHERIFFS, at=A_DAY)
        made.run("poll")
        made.run("subscribe", "telegram", "42", "--states", "TX,OH")
        made.run("subscribe", "slack", "C0123456789", "--states", "TX,OH")
        yield made


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that it printed to stderr."""
    (line,) = done.stderr.strip().splitlines()
    return line


def told(here) -> tuple[int, int]:
    return len(here.telegram.messages), len(here.slack.messages)


def goes_on(here) -> None:
    """All is well again: the second list is read and told, once."""
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
    """The same world, seen by a program whose data folder is mounted read-only, for it alone."""

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
def test_with_a_read_only_folder_what_writes_says_so_in_one_line_and_what_reads_works(here, read_only):
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
    goes_on(here)


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Cramped(World):
    """The same world, for a program whose files may not grow beyond so many bytes; what it prints is not limited."""

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
def test_where_nothing_more_can_be_written_a_poll_says_so_in_one_line_and_loses_nothing(here, room):
    here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
    assert "disk is full" in said(cramped(here, room).run("poll", expect=1))
    assert len(here.lines("changes")) == 3
    goes_on(here)


@pytest.mark.slow
def test_where_nothing_more_can_be_written_nothing_is_sent_either(here):
    here.publish_rows(PM, SHERIFFS + NEWCOMERS, at=A_DAY)
    here.run("poll")
    for _ in range(2):
        assert "disk is full" in said(cramped(here, 0).run("deliver", expect=1))
    assert told(here) == (0, 0)
    goes_on(here)


@contextmanager
def small_disk(path, size: str):
    """A file system of this size; skipped, and said, where none may be mounted."""
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
    """Leave no room but what the last block of each file has."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(512))


@pytest.mark.slow
def test_on_a_full_disk_a_poll_says_so_and_all_goes_on_when_there_is_room(tmp_path):
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
        goes_on(here)


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
            _, log = program.communicate(timeout=20)
        assert program.returncode == 0
        assert "disk is full" in log
        assert "Traceback" not in log
        (disk / "ballast").unlink()
        here.run("subscribe", "slack", "C0123456789", "--states", "TX,OH")
        goes_on(here)


# ── within one process: its clock, and a disk that fills at the worst moment ─────────────────────────────────────────


class Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class House:
    """ICE and Telegram on loopback, and desks that one after another work in the same folder."""

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
async def house(tmp_path):
    async with LoopbackIce() as ice, LoopbackTelegram() as telegram:
        yield House(ice, telegram, tmp_path / "data")


async def tick(runner) -> None:
    """Everything that is due now, to its end."""
    work = Worker(runner)
    await work.tick()
    await work.finish(10)


async def subscribed(runner, *states: str) -> None:
    filter_ = Filter(states=dict.fromkeys(states, 0))
    await runner.store.subscribe(Subscription(id="", channel="telegram", address="42", filter=filter_))


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def test_a_clock_that_is_set_back_a_day_stops_no_poll_and_no_message_and_repeats_none(house, capsys):
    clock = Clock(NOON)
    house.publish(AM, SHERIFFS)
    async with house.runner(clock) as runner:
        await tick(runner)
        await subscribed(runner, "TX", "OH")
        house.publish(PM, SHERIFFS + NEWCOMERS[:1])
        clock.at += timedelta(minutes=20)
        await tick(runner)
        await tick(runner)
    assert [message.text.count("Bell County") for message in house.telegram.messages] == [1]

    clock.at = NOON - timedelta(days=1)
    house.publish("participatingAgencies11212026am.xlsx", SHERIFFS + NEWCOMERS)
    async with house.runner(clock) as runner:
        await tick(runner)
        await tick(runner)
        assert len((await runner.store.known()).participating) == 5
        assert capsys.readouterr().out.count("the clock was set back") == 1
        asked = house.ice.count()
        await tick(runner)
        assert house.ice.count() == asked
    first, second = house.telegram.messages
    assert "Delaware County" in second.text
    assert "Bell County" not in second.text

    clock.at = NOON + timedelta(days=1)
    async with house.runner(clock) as runner:
        await tick(runner)
        await tick(runner)
        assert house.ice.count() > asked
    assert house.telegram.messages == [first, second]


async def test_what_was_due_before_the_clock_was_set_back_is_told_once(house):
    clock = Clock(NOON)
    house.publish(AM, SHERIFFS)
    async with house.runner(clock) as runner:
        await tick(runner)
        await subscribed(runner, "TX", "OH")
        house.publish(PM, SHERIFFS + NEWCOMERS)
        clock.at += timedelta(minutes=20)
        await runner.poll(runner.sources["ice"])
    assert not house.telegram.messages

    for at in (NOON - timedelta(days=1), NOON + timedelta(days=1), NOON + timedelta(days=2)):
        clock.at = at
        async with house.runner(clock) as runner:
            await tick(runner)
            await tick(runner)
    assert [message.text.count("Bell County") for message in house.telegram.messages] == [1]


async def test_on_a_disk_that_fills_while_a_message_is_on_its_way_the_message_is_not_sent_again_and_again(
    house, monkeypatch
):
    clock, full, write = Clock(NOON), [], os.pwrite

    def written(fd, body, at):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, body, at)

    monkeypatch.setattr(os, "pwrite", written)
    house.publish(AM, SHERIFFS)
    async with house.runner(clock) as runner:
        await tick(runner)
        await subscribed(runner, "TX", "OH")
        house.publish(PM, SHERIFFS + NEWCOMERS)
        clock.at += timedelta(minutes=20)
        await runner.poll(runner.sources["ice"])
        house.telegram.plan = full.append  # it is None that is planned: all goes well but for the disk
        for _ in range(3):
            (due,) = await runner.claim_due()
            with pytest.raises(StoreUnwritable, match="disk is full"):
                await runner.bring_up_to_date(due)
        assert len(house.telegram.messages) == 1
        house.telegram.behave()
        full.clear()
        await tick(runner)
        await tick(runner)
    assert len(house.telegram.messages) == 2  # the one whose arrival could not be noted is repeated
    assert len({message.text for message in house.telegram.messages}) == 1


# ── damaged ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def damage(path) -> None:
    """One byte in the middle is another."""
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


@pytest.mark.slow
@pytest.mark.parametrize("how", [damage, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_damaged_state_file_is_put_together_again_and_that_is_said(here, how):
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
        _, log = program.communicate(timeout=20)
    assert "state.json" in log
    assert "put together again from older files" in log
    goes_on(here)


def test_a_command_says_too_that_it_met_a_damaged_state_file(here):
    damage(here.folder / "state.json")
    assert "put together again from older files" in here.run("poll").stderr
    assert here.run("poll").stderr == ""
