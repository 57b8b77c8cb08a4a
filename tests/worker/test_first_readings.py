"""A place that someone has just begun to watch is read at once, and the chat hears what was found."""

import shlex
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from structlog.testing import CapturingLogger
from support.loopback.local import LoopbackLegistar, LoopbackWeb, Reply, page, pdf
from support.places import TLS
from support.waiting import eventually
from worker.test_local_places import NOW, Channel

from bot.domain.agenda import Certainty, Place
from bot.domain.chat.operator import Operator
from bot.domain.language import Language
from bot.domain.subscription import Filter, Subscription
from bot.errors import SendError
from bot.fetch import Fetch, Limits
from bot.pipeline.local_requests import (
    Suggestion,
    add_source,
    added_sources,
    ask_for_reading,
    keep_suggestion,
    reading_requests,
)
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore
from bot.worker.first_readings import answer_first_readings
from bot.worker.health_notices import notice_of_suggestion, notify
from bot.worker.worker import Worker


def place(name, server, kind="legistar", **more):
    return Place(name=f"{name}, NC", kind=kind, address=server.address, state="NC", county="Nash", zone="UTC", **more)


@pytest.fixture
async def here(tmp_path, monkeypatch):
    """A store with one subscription to Nash County, and a runner that reads from loopback."""
    monkeypatch.setattr("os.fsync", lambda fd: None)
    store, channel = TinyStore.open(tmp_path), Channel()
    saved = await store.subscribe(
        Subscription(id="", channel="telegram", address="42", filter=Filter(counties={"NC/nash": 0}))
    )
    async with Fetch(contact=None, limits=Limits(host_gap=0), allow_loopback=True, tls=TLS) as fetch:

        def runner(*places):
            named = {each.name: each for each in places}
            return Runner(
                store=store, fetch=fetch, sources={}, channels={"telegram": channel}, now=lambda: NOW, every=None,
                page="", places=named,
            )  # fmt: skip

        yield runner, store, channel, saved
    await store.close()


async def test_the_chat_hears_how_many_items_were_found_since_when_and_only_once(here):
    runner, store, channel, saved = here
    async with LoopbackLegistar() as legistar:
        for key, day in ((1, "2026-11-23"), (2, "2026-12-08")):
            legistar.event(key, "Board of Commissioners", day)
            legistar.item(key, key, f"Budget {key}")
        nash = place("Nash County", legistar, fips="37127")
        await ask_for_reading(store, [nash], NOW, subscription=saved.id)
        worker = Worker(runner(nash))
        await worker.tick()
        await eventually(lambda: channel.told)
        await worker.idle()
        await worker.tick()
        await worker.idle()
        assert channel.told == [("42", "I read Nash County's agendas (Legistar): 4 items since Nov. 23, 2026.")]
        assert await reading_requests(store) == []
        assert (await store.source_status(nash.name)).verified_at == NOW


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (Language.ENGLISH, "• Scanned, not read: Board of Commissioners (Dec. 8, 2026) {base}/agenda.pdf"),
        (Language.SPANISH, "• Escaneado, sin leer: Board of Commissioners (8 de diciembre de 2026) {base}/agenda.pdf"),
    ],
)
async def test_the_chat_hears_which_documents_are_scans(here, language, said):
    runner, store, channel, saved = here
    await store.change_subscription(replace(saved, language=language))
    async with LoopbackLegistar() as legistar:
        legistar.event(1, "Board of Commissioners", "2026-12-08")
        legistar.files["/agenda.pdf"] = pdf("", "")
        legistar.events[1] |= {"EventAgendaFile": f"{legistar.base}/agenda.pdf"}
        nash = place("Nash County", legistar, fips="37127")
        await ask_for_reading(store, [nash], NOW, subscription=saved.id)
        await answer_first_readings(runner(nash))
        [(_, text)] = channel.told
        assert text.splitlines()[1:] == [said.format(base=legistar.base)]


async def test_a_site_that_fails_or_is_another_places_says_so(here):
    runner, store, channel, saved = here
    async with LoopbackWeb() as down, LoopbackWeb() as other:
        down.fails["/"] = Reply(b"no", status=503)
        other.files["/"] = page("<p>1 Main St, Long Beach, CA 90802</p>")
        places = [place("Nash County", down, "page"), place("Nashville", other, "page", sure=Certainty.GUESSED)]
        await ask_for_reading(store, places, NOW, subscription=saved.id)
        worker = Worker(runner(*places))
        await worker.tick()
        await eventually(lambda: channel.told)
        await worker.idle()
    ((_, text),) = channel.told
    assert "I couldn't read Nash County's agendas (a page) just now." in text
    assert "I don't read Nashville's agendas (a page): the site doesn't work, or it belongs to another place." in text


async def test_a_chat_that_unsubscribed_in_between_is_not_told(here):
    runner, store, channel, saved = here
    async with LoopbackLegistar() as legistar:
        nash = place("Nash County", legistar)
        await ask_for_reading(store, [nash], NOW, subscription=saved.id)
        await store.unsubscribe(saved.id)
        worker = Worker(runner(nash))
        await worker.tick()
        await worker.idle()
        assert await reading_requests(store) == []
        assert channel.told == []
        assert legistar.count() == 0


class Refusing(Channel):
    """A channel whose platform refuses every message until `works`."""

    tries, works = 0, False

    async def send(self, address, part, *, plain=False, ready=None):
        self.tries += 1
        if not self.works:
            raise SendError("the platform is down")
        return await super().send(address, part)


async def test_an_answer_that_cannot_be_sent_is_tried_again_later_and_not_forever(here):
    runner, store, _, saved = here
    async with LoopbackLegistar() as legistar:
        nash, now, channel = place("Nash County", legistar), NOW, Refusing()
        made = replace(runner(nash), channels={"telegram": channel}, now=lambda: now)
        await ask_for_reading(store, [nash], NOW, subscription=saved.id)
        for minute in range(600):
            now = NOW + timedelta(minutes=minute)
            for _ in range(2):
                await answer_first_readings(made)
        assert (channel.tries, await reading_requests(store)) == (5, [])
        channel.works = True
        await ask_for_reading(store, [nash], now, subscription=saved.id)
        await answer_first_readings(made)
        assert len(channel.told) == 1


async def test_a_place_that_is_watched_while_another_is_being_read_is_not_forgotten(here):
    runner, store, channel, saved = here
    async with LoopbackLegistar() as legistar, LoopbackLegistar() as other:
        nash, pitt = place("Nash County", legistar), place("Pitt County", other)

        class Meanwhile(Channel):
            async def send(self, address, part, *, plain=False, ready=None):
                await ask_for_reading(store, [pitt], NOW, subscription=saved.id)
                return await channel.send(address, part)

        made = replace(runner(nash, pitt), channels={"telegram": Meanwhile()})
        await ask_for_reading(store, [nash], NOW, subscription=saved.id)
        await answer_first_readings(made)
        (request,) = await reading_requests(store)
        assert request.places == (pitt.name,)
        await answer_first_readings(replace(made, channels={"telegram": channel}))
        assert await reading_requests(store) == []
        assert ["Nash" in text for _, text in channel.told] == [True, False]


async def test_the_command_for_a_suggested_site_is_safe_to_paste(here, monkeypatch):
    runner, store, _, _ = here
    nash = Place(name="Nash County, NC", kind="page", address="https://nash.example/$(reboot);`id`", state="NC")
    await keep_suggestion(store, Suggestion(key="abc", place=nash, chat="x", at=NOW))
    log = CapturingLogger()
    monkeypatch.setattr("bot.worker.health_notices.log", log)
    await notify(replace(runner(nash), channels={}), [Operator("telegram", "99")], stale_after=None)
    (command,) = (found for call in log.calls if (found := call.kwargs["text"].partition("To add it, run: ")[2]))
    assert shlex.split(command)[3] == nash.address
    assert command.split(" ")[3].startswith("'")


async def test_a_source_added_in_chat_outlives_a_restart_and_is_read_with_the_others(here, tmp_path):
    runner, store, _, _ = here
    async with LoopbackLegistar() as legistar:
        nash = place("Nash County", legistar, fips="37127", origin="suggested in a chat", seen=2026)
        await add_source(store, nash)
        assert await added_sources(store) == {nash.name: nash}
        made = runner(place("Pitt County", legistar))
        await made.update_places()
        assert made.places[nash.name] == nash


async def test_a_suggestion_is_told_to_the_operator_once(here):
    runner, store, channel, _ = here
    nash = Place(name="Nash County, NC", kind="page", address="https://nash.example/a", state="NC")
    await keep_suggestion(store, Suggestion(key="abc", place=nash, chat="x", at=NOW))
    for _ in range(2):
        await notify(runner(nash), [Operator("telegram", "99")], stale_after=None)
    ((address, text),) = channel.told
    assert address == "99"
    assert "Someone suggested a site to read: Nash County, NC (a page)" in text
    assert "https://nash.example/a" in text


def test_the_command_for_a_hostile_address_runs_nothing_else():
    address = "https://nash.example/a;rm%20-rf$(reboot)&b='c'"
    nash = Place(name="Nash County, NC", kind="page", address=address, state="NC")
    text = notice_of_suggestion(Suggestion(key="abc", place=nash, chat="x", at=NOW)).text
    command = shlex.split(text.partition("To add it, run: ")[2])
    assert command == ["countersign", "sources", "add", address, "--state", "NC", "--write"]


async def test_the_operator_hears_of_a_suggestion_at_once_and_not_with_the_next_upkeep(here):
    runner, store, channel, _ = here
    nash = Place(name="Nash County, NC", kind="page", address="https://nash.example/a", state="NC")
    made = runner(nash)
    told = partial(notify, made, [Operator("telegram", "99")], stale_after=None)
    worker = Worker(made, upkeep=told)
    await worker.tick()  # the first upkeep; the next one is a minute away
    await worker.idle()
    await keep_suggestion(store, Suggestion(key="abc", place=nash, chat="x", at=NOW))
    worker._first_at = 0.0
    for _ in range(2):
        await worker.tick()
        await worker.idle()
    assert [address for address, _ in channel.told] == ["99"]


async def test_a_source_joins_an_empty_catalog(here):
    runner, store, channel, saved = here
    async with LoopbackLegistar() as legistar:
        legistar.event(1, "Board of Commissioners", "2026-12-08")
        nash = place("Nash County", legistar)
        made = replace(runner(), reads_added=True)
        worker = Worker(made)
        await worker.tick()
        await worker.idle()
        await add_source(store, nash)
        await ask_for_reading(store, [nash], NOW, subscription=saved.id)
        worker._first_at = 0.0
        await worker.tick()
        await eventually(lambda: channel.told)
        await worker.idle()
    assert "I read Nash County's agendas (Legistar): 1 item" in channel.told[0][1]
