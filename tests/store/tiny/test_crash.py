"""Whatever happens to the program or its disk, every acknowledged transaction is there and none is there by half."""

import asyncio
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from support.samples import perform, picture

from bot.domain.change import Known
from bot.domain.document import digest
from bot.errors import StoreBusy, StoreCorrupt, StoreUnwritable
from bot.store.tiny import journal
from bot.store.tiny.store import TinyStore

KILLS = int(os.environ.get("COUNTERSIGN_KILLS", "20"))
STEPS = 18  # each kind of transaction twice
LIMIT = 2500  # bytes of journal: a snapshot every few transactions


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def quick(monkeypatch):
    """Don't wait for a disk, and hardly for a writer."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    monkeypatch.setattr(journal, "PAUSE", 0.005)


def consistent(seen):
    """The log is numbered one by one, and what is known follows from it, but for the rows."""
    assert [change.seq for change in seen["log"]] == list(range(1, len(seen["log"]) + 1))
    rebuilt = Known().after(seen["log"])
    for name, on_list in seen["known"].agreements.items():
        assert {key: a.facts for key, a in on_list.items()} == {k: a.facts for k, a in rebuilt.agreements[name].items()}
    assert seen["known"].former == rebuilt.former
    return seen


async def seen_in(folder, **how):
    """Open a store and return what it says, and its notices. Nothing is new, so closing it writes nothing."""
    store = TinyStore.open(folder, **how)
    try:
        return consistent(await picture(store)), store.notices
    finally:
        await store.close()


async def kill(store, folder):
    """Close the store, but leave the folder as a kill at this moment would."""
    await store.evidence_names()  # it waits its turn, so the disk is done with everything before
    with tempfile.TemporaryDirectory() as place:
        left = shutil.copytree(folder, Path(place) / "left")
        await store.close()
        shutil.rmtree(folder)
        shutil.copytree(left, folder)


async def history(folder, steps=STEPS):
    """Return what a store says before the first transaction and after each."""
    store = TinyStore.open(folder)
    pictures = [await picture(store)]
    for step in range(steps):
        await perform(store, step)
        pictures.append(await picture(store))
    await store.close()
    return pictures


# Killed


WORKER = """
import asyncio, os, sys
from pathlib import Path
from support.samples import perform
from bot.store.tiny.store import TinyStore

async def work():
    store = TinyStore.open(Path(sys.argv[1]), journal_limit=int(sys.argv[2]))
    for step in range(int(sys.argv[3]), sys.maxsize):
        await perform(store, step)
        os.write(1, b"%d\\n" % (step + 1))

asyncio.run(work())
"""


def working(folder, done=0, limit=LIMIT):
    """Start another program that goes on with the transactions and says after each how many there are."""
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, folder, str(limit), str(done)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{Path(__file__).parents[2]}"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, KILLS, 20))
async def test_every_transaction_acknowledged_before_a_kill_is_there(folder, tmp_path, monkeypatch, first):
    dice, done = random.Random(first), 0
    expected = TinyStore.open(tmp_path / "expected", journal_limit=2**30)
    for _ in range(20):
        worker = working(folder, done)
        acknowledged = int(worker.stdout.readline()) if dice.random() < 0.8 else done
        await asyncio.sleep(dice.random() * 0.15)
        worker.kill()
        said = worker.stdout.read().split(b"\n")[:-1]
        worker.wait()
        acknowledged = int(said[-1]) if said else acknowledged
        seen, _ = await seen_in(folder)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda fd: None)
            for step in range(done, acknowledged):
                await perform(expected, step)
            done = acknowledged
            if seen != await picture(expected):  # the one that was not acknowledged yet
                await perform(expected, done)
                done += 1
        assert seen == await picture(expected)
    assert done > 20
    await expected.close()


# Each step of each write


class Crash(BaseException):
    """The machine stops; nothing that would run after it runs."""


class Machine:
    """The system calls of the store, one of which goes wrong, and a disk that may lose whatever wasn't synced.

    `names` and `bodies` are what a power cut would leave: the entries of each folder and the content of each file (by
    inode) when it was last synced.
    """

    CALLS = ("open", "pwrite", "ftruncate", "fsync", "replace", "unlink", "mkdir")

    def __init__(self, monkeypatch, root):
        self.root, self.step, self.fails, self.error = root, 0, (), None
        self.names, self.bodies, self.kept = {}, {}, []
        self.real = {name: getattr(os, name) for name in self.CALLS}
        for name in self.CALLS:
            monkeypatch.setattr(os, name, getattr(self, name))

    def fail(self, *steps, error=None):
        self.fails, self.error = steps, error

    @property
    def has_stopped(self):
        return self.error is None and bool(self.fails) and self.step >= self.fails[0]

    def _goes_wrong(self):
        """Count a step and return whether it fails; once the machine has stopped, every step does."""
        self.step += 1
        return self.step in self.fails or (self.fails and self.error is None and self.step > self.fails[0])

    def _trouble(self):
        return OSError(self.error, os.strerror(self.error)) if self.error else Crash()

    def _take(self, name, *args, **how):
        if self._goes_wrong():
            raise self._trouble()
        return self.real[name](*args, **how)

    def open(self, path, flags, mode=0o777, **how):
        if not str(path).startswith(str(self.root)) or not flags & os.O_CREAT:
            return self.real["open"](path, flags, mode, **how)
        return self._take("open", path, flags, mode, **how)

    def pwrite(self, fd, body, at):
        if self._goes_wrong():
            self.real["pwrite"](fd, body[: len(body) // 2], at)
            raise self._trouble()
        return self.real["pwrite"](fd, body, at)

    def ftruncate(self, fd, length):
        return self._take("ftruncate", fd, length)

    def replace(self, *args, **how):
        return self._take("replace", *args, **how)

    def unlink(self, *args, **how):
        return self._take("unlink", *args, **how)

    def mkdir(self, *args, **how):
        return self._take("mkdir", *args, **how)

    def fsync(self, fd):
        if self._goes_wrong():
            raise self._trouble()
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.is_dir():
            self.names[path] = {entry.name: entry.inode() for entry in os.scandir(path)}
        else:
            self.bodies[os.fstat(fd).st_ino] = path.read_bytes()
            self.kept.append(os.dup(fd))  # so that its inode is not given to another file

    def after_power_cut(self, to, *, names_lost, bodies_lost, removals_lost=True):
        """Make the folder that may be found then."""
        present = {path.stat().st_ino for path in self.root.rglob("*")}
        self._rebuild(self.root / "data", to, names_lost, bodies_lost, None if removals_lost else present)

    def _rebuild(self, folder, to, names_lost, bodies_lost, present):
        to.mkdir()
        now = {entry.name: entry.inode() for entry in os.scandir(folder)}
        for name, inode in (self.names.get(folder, {}) if names_lost else now).items():
            path = folder / name
            if path.is_dir():
                self._rebuild(path, to / name, names_lost, bodies_lost, present)
            elif present is not None and name not in now and inode not in present:
                pass
            elif bodies_lost:
                (to / name).write_bytes(self.bodies.get(inode, b""))
            else:
                (to / name).write_bytes(self._body(folder, inode))

    def _body(self, folder, inode):
        for fd in self.kept:
            if os.fstat(fd).st_ino == inode:
                return Path(f"/proc/self/fd/{fd}").read_bytes()
        found = [path for path in self.root.rglob("*") if path.is_file() and path.stat().st_ino == inode]
        return found[0].read_bytes() if found else b""

    def close(self):
        for fd in self.kept:
            os.close(fd)


async def play(folder, on_acknowledged=lambda step: None):
    """Perform all transactions, with snapshots in between and the store opened again in the middle."""
    store = TinyStore.open(folder, journal_limit=LIMIT)
    try:
        for step in range(STEPS):
            await perform(store, step)
            on_acknowledged(step + 1)
            if step == STEPS // 2:
                await store.close()
                store = TinyStore.open(folder, journal_limit=LIMIT)
    finally:
        await store.close()


@pytest.fixture
async def pictures(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: None)
        return await history(tmp_path / "undisturbed")


async def steps_of_a_play(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        (tmp_path / "counted").mkdir()
        machine = Machine(patch, tmp_path / "counted")
        await play(tmp_path / "counted/data")
    machine.close()
    return machine.step


CUTS = {
    "killed": {"names_lost": False, "bodies_lost": False},
    "power cut": {"names_lost": True, "bodies_lost": True},
    "power cut, names kept": {"names_lost": False, "bodies_lost": True},
    "power cut, contents kept": {"names_lost": True, "bodies_lost": False},
    "power cut, removals kept": {"names_lost": True, "bodies_lost": True, "removals_lost": False},
}


@pytest.mark.parametrize(
    "cuts",
    [pytest.param(["killed", "power cut"], marks=pytest.mark.slow), pytest.param(sorted(CUTS), marks=pytest.mark.slow)],
)
async def test_a_machine_may_stop_at_any_step_and_keeps_what_was_acknowledged(tmp_path, monkeypatch, pictures, cuts):
    monkeypatch.setattr(journal, "PAUSE", 0.005)
    last = await steps_of_a_play(tmp_path, monkeypatch)
    assert last > 100
    ends = Counter()
    for step in range(1, last + 1):
        done = [0]
        place = tmp_path / f"at {step}"
        place.mkdir()
        with monkeypatch.context() as patch:
            machine = Machine(patch, place)
            machine.fail(step)
            with suppress(Crash):
                await play(place / "data", done.append)
            assert machine.has_stopped
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda fd: None)
            for cut in cuts:
                left = place / cut
                if (place / "data").exists():
                    machine.after_power_cut(left, **CUTS[cut])
                ends[await outcome(left, pictures, done[-1])] += 1
        machine.close()
        shutil.rmtree(place)
    assert ends["all"] > ends["one more"] > 0


async def outcome(folder, pictures, acknowledged):
    """Check that a reader and two writers find the same: all that was acknowledged, or one transaction more."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    read, _ = await seen_in(folder, readonly=True)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    written, _ = await seen_in(folder)
    again, notices = await seen_in(folder)
    assert read == written == again
    assert notices == ()
    assert read in pictures[acknowledged : acknowledged + 2]
    store = TinyStore.open(folder)
    step = acknowledged + (read != pictures[acknowledged])
    for reading in (step for step in range(step) if step % 9 in (1, 4)):
        assert await store.evidence(digest(f"rows of {reading}".encode()))
    if step < STEPS:
        await perform(store, step)
        assert await picture(store) == pictures[step + 1]
    await store.close()
    return "all" if read == pictures[acknowledged] else "one more"


@pytest.mark.parametrize(
    ("number", "lasting"),
    [
        pytest.param(errno.ENOSPC, 1, marks=pytest.mark.slow),
        (errno.ENOSPC, 9),
        pytest.param(errno.EIO, 2, marks=pytest.mark.slow),
    ],
)
async def test_a_disk_may_refuse_at_any_step_and_the_store_goes_on_with_nothing_lost(
    tmp_path, monkeypatch, pictures, number, lasting
):
    last = await steps_of_a_play(tmp_path, monkeypatch)
    refusals = 0
    for step in range(1, last + 1, lasting):
        place = tmp_path / f"at {step}"
        place.mkdir()
        with monkeypatch.context() as patch:
            machine = Machine(patch, place)
            machine.fail(*range(step, step + lasting), error=number)
            refusals += await play_on(place / "data", pictures)
            machine.fail()
            assert (await seen_in(place / "data"))[0] == pictures[-1]
        machine.close()
        shutil.rmtree(place)
    assert refusals > last // lasting // 2


async def play_on(folder, pictures):
    """Play, trying again whatever was refused, and return how often that was."""
    store, refusals = None, 0
    beside = TinyStore.open(folder, readonly=True)
    for step in range(STEPS):
        while True:
            try:
                store = store or TinyStore.open(folder, journal_limit=LIMIT)
                await perform(store, step)
            except StoreUnwritable:
                refusals += 1
                assert refusals < 30
                if store is not None:
                    assert await picture(store) == pictures[step]
                    assert await picture(beside) in pictures[step : step + 2]
                    assert (await seen_in(folder, readonly=True))[0] in pictures[step : step + 2]
            else:
                break
        assert await picture(store) == await picture(beside) == pictures[step + 1]
        if step == STEPS // 2:
            await store.close()
            store = None
    await store.close()
    return refusals


# Damage


@pytest.fixture
async def whole(tmp_path, quick):
    """Make a folder with two snapshots, journals with transactions in them and a log; return its history too."""
    folder = tmp_path / "whole"
    pictures, store = [], None
    for step in range(STEPS):
        store = store or TinyStore.open(folder)
        pictures = pictures or [await picture(store)]
        await perform(store, step)
        pictures.append(await picture(store))
        if step in (4, 8, 12):
            await kill(store, folder)
            store = None
    await kill(store, folder)
    return folder, pictures


FILES = [
    "changes.jsonl",
    "journal-3.jsonl",
    "journal-4.jsonl",
    "lock",
    "state.json",
    "state.previous.json",
]


def damages(body, how, dice):
    """Damage a file everywhere if it is short, in many places and at each end of a line if it is long."""
    places = range(len(body)) if len(body) < 300 else dice.sample(range(len(body)), 60)
    ends = [place for place, byte in enumerate(body) if byte == 10]
    places = sorted({*places, *ends, *(end + 1 for end in ends), 0, max(len(body) - 1, 0)})
    for place in places:
        if how == "cut":
            yield body[:place]
        elif place < len(body):
            yield body[:place] + bytes([body[place] ^ 1 << dice.randrange(8)]) + body[place + 1 :]


@pytest.mark.parametrize("name", FILES)
async def test_a_flipped_bit_is_repaired_or_refused(whole, tmp_path, name):
    folder, pictures = whole
    for number, body in enumerate(damages((folder / name).read_bytes(), "flip", random.Random(name))):
        found = await after_damage(folder, tmp_path / str(number), name, body)
        assert found is None or found[0] == pictures[-1]
        assert found is None or found[1] or name not in ("changes.jsonl", "journal-4.jsonl", "state.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.slow
async def test_a_file_that_was_cut_short_is_repaired_or_refused_or_reported(whole, tmp_path, name):
    folder, pictures = whole
    sound = (folder / name).read_bytes()
    for number, body in enumerate(damages(sound, "cut", random.Random(name))):
        found = await after_damage(folder, tmp_path / str(number), name, body)
        if found is None or found[0] == pictures[-1]:
            continue
        assert name == "journal-4.jsonl", "only the newest journal can end early as if the program had stopped there"
        kept = 13 + body.count(b"\n") - 1
        assert found[0] == pictures[kept]
        changes_lost = len(found[0]["log"]) < len(pictures[-1]["log"])
        assert found[1] or (body.endswith(b"\n") and not changes_lost), "what it cost is said"


async def after_damage(folder, place, name, body):
    """Damage a file and return the picture and the notices, or None when the store is refused."""
    shutil.copytree(folder, place)
    (place / name).write_bytes(body)
    damaged = {path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    try:
        found = await seen_in(place)
    except StoreCorrupt:
        del damaged["lock"]
        assert damaged.items() <= {p.name: p.read_bytes() for p in place.rglob("*") if p.is_file()}.items()
        return None
    else:
        assert (await seen_in(place))[0] == found[0]
        return found
    finally:
        shutil.rmtree(place)


# Two programs at once


async def test_a_second_program_may_not_write(folder):
    worker = working(folder)
    try:
        worker.stdout.readline()
        with pytest.raises(StoreBusy, match=f"process {worker.pid}"):
            TinyStore.open(folder)
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
    await TinyStore.open(folder).close()


async def test_a_reader_beside_another_program_sees_only_what_is_committed(folder, tmp_path, monkeypatch):
    """The other program makes a snapshot at every transaction, so the files change under the reader."""
    worker, seen = working(folder, limit=1), []
    try:
        worker.stdout.readline()
        reader = TinyStore.open(folder, readonly=True)
        while len(seen) < 8:
            for one in (reader, TinyStore.open(folder, readonly=True)):
                now = await settled(one)
                assert one.notices == ()
                if now not in seen[-1:]:
                    seen.append(now)
            worker.stdout.readline()  # wait for at least one more
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    expected, step = TinyStore.open(tmp_path / "expected", journal_limit=2**30), 0
    for now in seen:
        while now != await picture(expected):
            await perform(expected, step)
            step += 1
            assert step < 10_000, "it was never so, or not after what was seen before"
    await expected.close()


async def settled(store):
    """Look until two looks agree: nothing was committed between them, so they show one moment."""
    before, now = None, await picture(store)
    while before != now:
        before, now = now, await picture(store)
    return consistent(now)
