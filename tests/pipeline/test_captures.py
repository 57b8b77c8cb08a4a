"""Pages handed to a loopback Internet Archive, over a real store; the test sets the clock."""

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr
from support.chat import FIRST, NOW, SECOND, SIGNED, Chat
from support.loopback.wayback import KEYS, TIMESTAMP, LoopbackWayback
from support.program import row
from support.samples import record, spoken

from bot.fetch.post import Poster
from bot.fetch.wayback import Wayback
from bot.pipeline.captures import CAPTURES, MOST_OWED, MOST_TRIES, OWED, PAUSE, STATE, Archivist, captures, pages_behind
from bot.store.tiny.store import TinyStore

PUBLIC = "93.184.216.34"


class World(Chat):
    """A store, an archive and a clock that goes on with each step. Every name is public but those in `private`."""

    def __init__(self, store, archive: LoopbackWayback, folder) -> None:
        super().__init__(store)
        self.archive, self.folder = archive, folder
        self.private: dict[str, str] = {}
        self.requests_at: list = []
        self.open(KEYS)

    def open(self, keys: str | None) -> None:
        async def resolve(host: str, port: int) -> list[str]:
            if host == "gone.example":
                raise OSError
            return ["127.0.0.1"] if host == "127.0.0.1" else [self.private.get(host, PUBLIC)]

        poster = Poster(allow_loopback=True, resolve=resolve, now=lambda: self.now)
        self.wayback = Wayback(poster, self.archive.base, SecretStr(keys) if keys else None)
        self.archivist = Archivist(self.store, self.wayback, lambda: self.now)

    async def restart(self) -> None:
        await self.store.close()
        self.store = TinyStore.open(self.folder)
        self.open(KEYS)

    async def steps(self, count: int = 30, every: timedelta = timedelta(seconds=5)) -> None:
        for _ in range(count):
            before = len(self.archive.asked)
            await self.archivist.step()
            asked = len(self.archive.asked) - before
            assert asked <= 1
            if asked:
                self.requests_at.append(self.now)
            self.now += every

    async def owed(self) -> dict:
        return {key: json.loads(text) for key, text in (await self.store.notes(OWED)).items() if key != STATE}

    async def first_list(self) -> tuple[str, str]:
        """Return the hash and the address of the last list."""
        (publication,) = (await self.store.known()).seen.values()
        return publication.evidence, publication.address


@pytest.fixture
async def here(tmp_path):
    async with LoopbackWayback() as archive:
        world = World(TinyStore.open(tmp_path), archive, tmp_path)
        await world.publish(FIRST, NOW)
        yield world
        await world.wayback.aclose()
    await world.store.close()


@pytest.mark.parametrize("keys", [KEYS, None])
async def test_each_new_list_is_handed_over_once_and_its_copy_is_kept_with_the_evidence(here, keys):
    here.open(keys)
    await here.steps()
    sha, address = await here.first_list()
    assert here.archive.saved == [address]
    assert await captures(here.store) == {sha: f"{here.archive.base}/web/{TIMESTAMP}/{address}"}
    await here.publish(SECOND, NOW + timedelta(days=1))
    await here.steps()
    assert len(here.archive.saved) == len(await captures(here.store)) == 2
    await here.steps(300, timedelta(minutes=1))
    assert len(here.archive.saved) == 2
    assert await here.owed() == {}


async def test_no_two_requests_are_closer_than_the_pause(here):
    for day in range(1, 6):
        await here.steps(1)
        rows = [*FIRST, row("TEXAS", f"Town {day} Police Department", signed=SIGNED, county="Bell County")]
        await here.publish(rows, NOW + timedelta(days=day))
    await here.steps(200, timedelta(seconds=3))
    assert len(await captures(here.store)) >= 5
    gaps = [later - earlier for earlier, later in zip(here.requests_at, here.requests_at[1:], strict=False)]
    assert min(gaps) >= PAUSE


async def test_what_a_mention_rests_on_is_handed_over_too(here):
    await here.steps()
    mention = spoken()
    await here.store.record(record(await here.store.known(), [mention], at=NOW))
    await here.steps(60)
    wanted = pages_behind([mention], [])
    assert set(here.archive.saved[1:]) == set(wanted.values())
    assert wanted.keys() <= (await captures(here.store)).keys()


@pytest.mark.parametrize(
    ("answer", "least"),
    [
        pytest.param((429, {"Retry-After": "3600"}, ""), timedelta(hours=1), id="slow down for an hour"),
        pytest.param((429, {}, ""), timedelta(minutes=1), id="slow down"),
        pytest.param((503, {"Retry-After": "600"}, ""), timedelta(minutes=10), id="in trouble for ten minutes"),
        pytest.param((520, {}, "<html>"), timedelta(minutes=1), id="in trouble"),
        pytest.param((200, {}, {"status": "error", "status_ext": "error:too-many-daily-captures"}), timedelta(minutes=1), id="too many"),
        pytest.param((200, {}, "<html>a page</html>"), timedelta(minutes=1), id="an answer that says nothing"),
        pytest.param((200, {}, [1, 2]), timedelta(minutes=1), id="JSON of another kind"),
        pytest.param((401, {}, ""), timedelta(minutes=1), id="keys that don't work"),
    ],
)  # fmt: skip
async def test_an_archive_that_says_no_is_asked_nothing_for_a_while_and_then_again(here, answer, least):
    here.archive.answers.append(answer)
    await here.steps(2_000)
    assert here.requests_at[1] - here.requests_at[0] >= least
    assert len(await captures(here.store)) == 1


async def test_the_pauses_grow_while_it_keeps_saying_no_and_the_page_is_not_given_up(here):
    here.archive.answers.extend([(429, {}, "")] * 30)
    await here.steps(24 * 60 * 7, timedelta(minutes=1))
    gaps = [later - earlier for earlier, later in zip(here.requests_at, here.requests_at[1:], strict=False)]
    assert max(gaps) >= timedelta(hours=6)
    assert len(here.requests_at) < 40
    assert list((await captures(here.store)).values()) != [""]


@pytest.mark.parametrize("name", ["blocked-url", "not-found", "invalid-url-syntax", "filesize-limit"])
async def test_a_page_that_cannot_be_captured_is_given_up_at_once(here, name):
    here.archive.answers.append((200, {}, {"status": "error", "status_ext": f"error:{name}"}))
    await here.steps(200)
    assert len(here.archive.saved) == 1
    assert list((await captures(here.store)).values()) == [""]


async def test_a_job_that_never_ends_is_given_up(here):
    here.archive.pending = 10**6
    await here.steps(2_000)
    assert len(here.archive.asked) == MOST_TRIES
    assert await here.owed() == {}


async def test_a_job_that_the_archive_forgot_is_begun_anew(here):
    await here.steps(1)
    here.archive.looks.clear()
    await here.steps(200)
    assert len(here.archive.saved) == 2
    assert len(await captures(here.store)) == 1


async def test_a_copy_that_is_named_at_once_needs_no_job(here):
    _, address = await here.first_list()
    here.open(None)
    here.archive.answers.append((302, {"Location": f"/web/20261124115900/{address}"}, ""))
    await here.steps(2)
    assert list((await captures(here.store)).values()) == [f"{here.archive.base}/web/20261124115900/{address}"]
    assert len(here.archive.asked) == 1


@pytest.mark.parametrize("private", ["10.0.0.1", "169.254.169.254", "fd00::1", "192.168.0.7"])
async def test_a_private_address_is_never_named_to_the_archive(here, private):
    here.private["ice.example"] = private
    await here.steps(100)
    assert here.archive.asked == []
    assert await here.owed() == {}


async def test_a_program_that_stops_between_any_two_steps_goes_on_where_it_was(here):
    for _ in range(20):
        await here.steps(1, timedelta(seconds=25))
        await here.restart()
    assert len(here.archive.saved) == 1
    assert len(await captures(here.store)) == 1


async def test_a_kill_while_the_archive_answers_loses_nothing(here):
    class Killed(BaseException):
        pass

    async def killed(address):
        await saves(address)
        raise Killed

    saves, here.wayback.save = here.wayback.save, killed
    with pytest.raises(Killed):
        await here.archivist.step()
    await here.restart()
    await here.steps()
    assert len(set(here.archive.saved)) == 1
    assert len(await captures(here.store)) == 1


async def test_an_address_with_a_masked_secret_or_that_is_no_web_address_is_left_out(here):
    sha, _ = await here.first_list()
    (publication,) = (await here.store.known()).seen.values()
    from dataclasses import replace

    odd = ["https://ice.example/list?token=***", "file:///etc/hosts", "", "https://ice.example/" + "x" * 3_000]
    assert pages_behind([], [replace(publication, address=address) for address in odd]) == {}
    assert set(pages_behind([], [publication])) == {sha}


async def test_no_more_pages_wait_than_fit(here):
    for number in range(MOST_OWED + 50):
        await here.store.note(
            OWED, f"{number}", json.dumps({"address": f"https://ice.example/{number}", "since": "2026"})
        )
    await here.publish(SECOND, NOW + timedelta(days=1))
    await here.steps(1)
    assert len(await here.owed()) == MOST_OWED + 50


async def test_nothing_is_noted_for_what_was_recorded_before_it_was_switched_on(here):
    await here.publish(SECOND, NOW + timedelta(days=1))
    await here.steps(100)
    assert len(here.archive.saved) == 1
    assert len(await here.store.notes(CAPTURES)) == 1
