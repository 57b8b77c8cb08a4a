"""ZIP codes, towns, types of agency and locations in a conversation, over a real store, on both platforms."""

import re
from datetime import timedelta

import pytest
from support.chat import FIRST, NOW, SIGNED, Chat
from support.program import row

from bot.channels import CHANNELS
from bot.commands.as_json import subscription_json
from bot.domain.chat import parser
from bot.domain.chat.request import LONGEST_COMMAND, Request
from bot.domain.language import Language
from bot.domain.text.rich_text import plain_text
from bot.store.tiny.store import TinyStore

ADDRESSES = {"telegram": "42", "slack": "T0123/C0123"}


class Talk(Chat):
    """A chat on one of the platforms."""

    channel = "telegram"

    async def ask(self, text, *, language=Language.ENGLISH, **_):
        address = ADDRESSES[self.channel]
        return await self.chat_commands.answer(
            Request(channel=self.channel, address=address, text=text, language=language, bot="countersign_bot")
        )

    async def filter(self):
        return (await self.store.find(self.channel, ADDRESSES[self.channel])).filter


@pytest.fixture(params=list(ADDRESSES))
async def talk(tmp_path, request):
    assert request.param in CHANNELS
    store = TinyStore.open(tmp_path)
    made = Talk(store)
    made.channel = request.param
    await made.publish(FIRST, NOW - timedelta(days=5))
    yield made
    await store.close()


def commands(reply):
    return [button.command for line in reply.buttons for button in line]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("typed", "county", "said"),
    [
        ("watch 33101", "FL/miami dade", "33101"),
        ("watch 33594-1234", "FL/hillsborough", "33594"),
        ("watch Tampa", "FL/hillsborough", "Tampa"),
        ("watch Tampa FL", "FL/hillsborough", "Tampa"),
        ("watch ciudad de Tampa", "FL/hillsborough", "Tampa"),
    ],
)
async def test_a_zip_code_or_a_town_watches_its_county_says_so_and_asks_once(talk, typed, county, said, language):
    reply = await talk.ask(typed, language=language)
    first = plain_text(reply.lines).splitlines()[0]
    assert first.startswith(said)
    assert "Florida" in first
    assert commands(reply)[:2] == ["statewide yes FL", "statewide no FL"]
    filter_ = await talk.filter()
    assert (set(filter_.counties), set(filter_.agency_types)) == ({county}, {"state@FL"})
    again = await talk.ask("watch 32301", language=language)  # Tallahassee
    assert "statewide yes FL" not in commands(again)
    assert "FL/leon" in (await talk.filter()).counties


async def test_statewide_agencies_are_left_out_after_no_also_for_the_next_town(talk):
    await talk.ask("watch Tampa")
    reply = await talk.ask("statewide no FL")
    assert set((await talk.filter()).agency_types) == set()
    await talk.ask("watch Jersey City")
    assert set((await talk.filter()).agency_types) == set()
    await talk.ask("statewide yes NJ")
    assert set((await talk.filter()).agency_types) == {"state@NJ"}
    assert "Undo" in {button.text for line in reply.buttons for button in line}


async def test_undo_and_unwatch_of_the_same_words_lead_back(talk):
    await talk.ask("watch OH")
    before = await talk.filter()
    for typed in ("Tampa", "33594", "sheriffs in TX", "all statewide agencies of TX", "alguaciles de Texas"):
        watched = await talk.ask(f"watch {typed}")
        assert await talk.filter() != before
        await talk.ask(commands(watched)[-2])  # Undo
        assert await talk.filter() == before, typed
        await talk.ask(f"watch {typed}")
        await talk.ask(f"unwatch {typed}")
        assert await talk.filter() == before, typed


async def test_statewide_agencies_stay_while_another_county_of_the_state_is_watched(talk):
    await talk.ask("watch Tampa")
    await talk.ask("watch 33101")
    await talk.ask("unwatch Tampa")
    filter_ = await talk.filter()
    assert (set(filter_.counties), set(filter_.agency_types)) == ({"FL/miami dade"}, {"state@FL"})


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("typed", "pressed"),
    [
        ("watch Kansas City", {"MO/jackson"}),
        ("watch Harris County", {"TX/harris"}),
        ("watch Houston TX", {"TX/houston"}),
        ("watch Dallas", {"TX/dallas"}),
        ("watch Oklahoma City", {"OK/oklahoma"}),
        ("watch ciudad de Dallas, Texas", {"TX/dallas"}),
        ("watch only Kansas City MO", {"MO/jackson"}),
        ("watch 6103", {"CT/hartford"}),
    ],
)
async def test_an_ambiguous_place_gets_buttons_that_lead_to_one_county(talk, typed, pressed, language):
    reply = await talk.ask(typed, language=language)
    assert await talk.store.find(talk.channel, ADDRESSES[talk.channel]) is None
    assert reply.buttons
    for _ in range(3):
        assert all(len(command.encode()) <= LONGEST_COMMAND for command in commands(reply))
        assert commands(reply)[0].startswith("watch ")
        reply = await talk.ask(commands(reply)[0])
        if reply.changed:
            break
    assert set((await talk.filter()).counties) == pressed


async def test_a_county_named_with_its_state_asks_nothing(talk):
    reply = await talk.ask("watch condado de Dallas, Texas")
    filter_ = await talk.filter()
    assert (set(filter_.counties), dict(filter_.agency_types)) == ({"TX/dallas"}, {})
    assert commands(reply) == ["undo 1 s1", "settings"]


async def test_a_watcher_of_sheriffs_hears_of_sheriffs_in_that_state_only(talk):
    await talk.ask("watch sheriffs in TX")
    await talk.ask("watch statewide agencies of OH")
    added = [
        row("TEXAS", "Bell County Sheriff's Office", "Task Force Model", SIGNED, "Bell County"),
        row("TEXAS", "Keller Police Department", "Task Force Model", SIGNED, "Tarrant County"),
        row("OHIO", "Delaware County Sheriff's Office", "Task Force Model", SIGNED, "Delaware County"),
        row("OHIO", "Ohio State Highway Patrol", "Task Force Model", SIGNED, ""),
    ]
    await talk.publish([*FIRST, *added], NOW)
    filter_ = await talk.filter()
    told = {change.agreement.agency for change in await talk.store.changes() if filter_.matches(change)}
    assert told == {"Bell County Sheriff's Office", "Ohio State Highway Patrol"}
    [due] = await talk.store.due(NOW + timedelta(days=1))
    assert due.address == ADDRESSES[talk.channel]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("watch 99999", "99999"),
        ("watch 09012", "military"),
        ("watch 00801", "which county"),
        ("watch Tampa, TX", "county or a town called Tampa in Texas"),
        ("unwatch sheriffs in OH", "weren't watching sheriffs in Ohio"),
        ("statewide", "don't know what to do with"),
        ("statewide maybe FL", "don't know what to do with"),
        ("here", "isn't in any U.S. county"),
        ("here in nowhere", "isn't in any U.S. county"),
    ],
)
async def test_what_has_no_county_is_said_in_a_sentence_and_changes_nothing(talk, typed, said):
    await talk.ask("watch TX")
    before = await talk.filter()
    assert said in plain_text((await talk.ask(typed)).lines)
    assert await talk.filter() == before


async def test_json_shows_every_field_of_a_filter(talk):
    await talk.ask("watch Tampa")
    await talk.ask("watch sheriffs in TX")
    shown = subscription_json(await talk.store.find(talk.channel, ADDRESSES[talk.channel]))
    assert shown["counties"] == ["FL/hillsborough"]
    assert shown["agency_types"] == ["sheriff@TX", "state@FL"]
    assert (shown["states"], shown["agencies"], shown["support_types"]) == ([], [], [])


@pytest.mark.parametrize(("typed", "state", "said"), [("20001", "DC", "District of Columbia"), ("96910", "GU", "Guam")])
async def test_a_county_that_is_all_of_its_state_is_the_state(talk, typed, state, said):
    answer = await talk.ask(f"watch {typed}")
    assert plain_text(answer.lines).startswith(f"{typed} is in {said}.\nYou're watching {said}.")
    assert "tatewide" not in plain_text(answer.lines)


@pytest.mark.parametrize(
    ("typed", "entry"),
    [
        ("state police of Pennsylvania", "state@PA"),
        ("highway patrol of Ohio", "state@OH"),
        ("the state troopers in Florida", "state@FL"),
        ("alerts for sheriffs in Arizona", "sheriff@AZ"),
    ],
)
async def test_a_kind_of_agency_beside_a_state_is_never_left_out(talk, typed, entry):
    offered = await talk.ask(typed)
    (button,) = offered.buttons[0]
    assert (await talk.ask(f"watch {typed}")).changed
    assert parser.where(button.command.removeprefix("watch ")).agency_types == (entry,)


@pytest.mark.parametrize(
    "typed",
    [
        "follow every agency in Nebraska except sheriffs", "/watch TX but not Houston", "unwatch all except Texas",
        "Ohio excluding Cuyahoga County", "vigilar Texas menos Houston", "alerts for Iowa, other than police",
    ],
)  # fmt: skip
async def test_words_that_leave_something_out_never_watch_more_than_was_asked(talk, typed):
    answer = await talk.ask(typed)
    assert not answer.changed
    assert re.search(r"can't leave out part of a place|No puedo dejar fuera", plain_text(answer.lines))


@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        ("only withdrawals", {"withdrawn"}),
        ("just new, departures", {"signed", "withdrawn"}),
        ("solo nuevos", {"signed"}),
    ],
)
async def test_kinds_are_named_as_people_name_them(talk, typed, kinds):
    await talk.ask("watch TX")
    await talk.ask(f"/kinds {typed}")
    assert {kind.value for kind in (await talk.filter()).kinds} == kinds
