"""What a chat hears about local agendas, and how it suggests a site to the operator."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.chat import NOW, Chat

from bot.commands.chat import ChatCommands
from bot.commands.operator_chat import OperatorCommands
from bot.domain.agenda import Place
from bot.domain.chat.local_agendas import SourceState, source_line
from bot.domain.chat.operator import Operator
from bot.domain.language import Language
from bot.domain.source_status import SourceStatus
from bot.domain.text.rich_text import plain_text
from bot.pipeline.local_requests import added_sources, reading_requests, suggestions
from bot.store.tiny.store import TinyStore
from bot.worker.health_notices import notice_of_suggestion

NASH = Place(
    name="Nash County, NC",
    kind="civicplus",
    address="https://www.nashcountync.gov/AgendaCenter",
    state="NC",
    county="Nash",
    fips="37127",
    zone="America/New_York",
)
ROCKY_MOUNT = Place(
    name="Nashville, NC",
    kind="legistar",
    address="https://webapi.legistar.com/v1/nashville-nc",
    state="NC",
    county="Nash",
)


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path)
    made = Chat(store)
    made.runner.places.update({NASH.name: NASH, ROCKY_MOUNT.name: ROCKY_MOUNT})
    made.chat_commands = ChatCommands(made.runner, OperatorCommands(made.runner, [Operator("telegram", "99")], 6))
    yield made
    await store.close()


async def read_well(talk, place, begun=(14, "2026-11-01")):
    status = SourceStatus(source=place.name, read_at=NOW, facts={"attend": {"begun": list(begun)}})
    await talk.store.remember(status)


async def test_a_county_that_is_read_says_what_was_read_since_when(talk):
    await read_well(talk, NASH)
    await read_well(talk, ROCKY_MOUNT, (1, None))
    said = await talk.says("watch Nash County NC")
    assert "I read Nash County's agendas (AgendaCenter): 14 items since Nov. 1, 2026." in said
    assert "I read Nashville's agendas (Legistar): 1 item." in said
    assert await reading_requests(talk.store) == []


def test_a_name_that_ends_in_s_gets_only_an_apostrophe():
    place = Place(name="St. James, NC", kind="legistar", address="https://x.gov", state="NC")
    state = SourceState(place=place, read_at=NOW, items=2)
    assert plain_text([source_line(Language.ENGLISH, state)]) == "I read St. James' agendas (Legistar): 2 items."


async def test_a_county_that_was_never_read_is_read_now_and_the_chat_waits(talk):
    said = await talk.says("watch Nash County NC")
    assert "I'm reading the agendas of Nash County and Nashville now. I'll tell you what I find." in said
    (request,) = await reading_requests(talk.store)
    assert request.places == (NASH.name, ROCKY_MOUNT.name)
    assert request.subscription == (await talk.mine()).id
    assert "I'm reading" not in await talk.says("watch TX")


async def test_a_county_without_a_source_says_how_to_suggest_one_in_each_language(talk):
    assert "I don't read any agendas of Pitt County yet." in await talk.says("watch Pitt County NC")
    said = await talk.says("vigilar condado de Wake NC", address="7", language=Language.SPANISH)
    assert "Todavía no leo las agendas de este lugar: condado de Wake." in said


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "Send /suggest and the address"),
        ("nash", "isn't a web address"),
        ("ftp://nash.gov", "isn't a web address"),
        ("https://user:secret@nash.gov/", "isn't a web address"),
        (f"https://nash.gov/{'a' * 500}", "isn't a web address"),
        ("http://127.0.0.1/agendas", "isn't the address of a public website"),
        ("http://169.254.169.254/latest/meta-data", "isn't the address of a public website"),
        ("http://[::1]/", "isn't the address of a public website"),
        ("http://2130706433/", "isn't the address of a public website"),
        ("http://router.local/", "isn't the address of a public website"),
        ("https://nash.gov:8443/", "isn't the address of a public website"),
        ("http://0x7f.1/", "isn't the address of a public website"),
        ("http://127。0。0。1/", "isn't a web address"),
        ("http://①②⑦.0.0.1/", "isn't a web address"),
        ("http://[::ffff:10.0.0.1]/", "isn't the address of a public website"),
        ("http://localhost.localdomain/", "isn't the address of a public website"),
        ("http://db.default.svc./", "isn't the address of a public website"),
        ("https://n\u0430sh.gov/", "isn't a web address"),  # a Cyrillic letter
        ("https://nash.gov/\u202efdp.exe", "isn't a web address"),
        ("https://nash.gov/\x00", "isn't a web address"),
        ("javascript:alert(1)", "isn't a web address"),
        ("https://nash.gov\\@evil.example/", "isn't a web address"),
        ("https://nashcountync.gov/AgendaCenter/", "I already have that site: Nash County, NC (AgendaCenter)."),
        ("https://agendas.example.org/x", "Whose agendas are they?"),
        ("https://agendas.example.org/x Washington County", "Whose agendas are they?"),
        ("https://agendas.example.org/x please", "Whose agendas are they?"),
        ("https://a.gov https://b.gov", "Send one address at a time."),
        (
            "https://pitt.granicus.com Pitt County NC",
            "looks like https://pitt.granicus.com/ViewPublisher.php?view_id=NUMBER",
        ),
        ("https://www.legistar.com Pitt County NC", "isn't a place's list of meetings"),
        ("https://www.google.com/url?q=http://127.0.0.1/ Pitt County NC", "isn't the address of a public website"),
        ("http://0177.0.0.1./ Pitt County NC", "isn't the address of a public website"),
        ("http://metadata.google.internal/ Pitt County NC", "isn't the address of a public website"),
    ],
)
async def test_an_address_that_cannot_be_passed_on_is_answered_in_words(talk, typed, why):
    said = await talk.says(f"/suggest {typed}".strip())
    assert why in said
    assert "secret" not in said
    assert await suggestions(talk.store) == {}


async def test_a_suggestion_keeps_its_question_mark_and_waits_for_the_operator(talk):
    said = await talk.says("/suggest https://meetings.municode.com/PublishPage/index?cid=PITT&ppid=7 Pitt County NC")
    assert "I passed it on to the operator: Pitt County, NC (Municode)" in said
    (waiting,) = (await suggestions(talk.store)).values()
    assert waiting.place.address == "https://meetings.municode.com/PublishPage/index?cid=PITT&ppid=7"
    assert (waiting.place.county, waiting.place.fips, waiting.place.zone) == ("Pitt", "37147", "America/New_York")
    again = await talk.says(
        "suggest <https://meetings.municode.com/PublishPage/index?cid=PITT&ppid=7|x> Pitt County NC"
    )
    assert "already suggested" in again


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("Pitt County, NC: https://pitt.legistar.com", ("Pitt County, NC", "Pitt", "37147")),
        ("“http://www.pitt.legistar.com/Calendar.aspx” condado de Pitt NC", ("Pitt County, NC", "Pitt", "37147")),
        ("https://stl.example.org St. Louis, Missouri", ("Saint Louis, MO", "St. Louis City", "29510")),
        ("https://hou.example.org/ Houston TX", ("Houston, TX", "", "")),  # it lies in several counties
        ("https://x.example.org Caddo Parish, Luisiana", ("Caddo Parish, LA", "Caddo", "22017")),
        ("https://x.example.org El Paso County TX", ("El Paso County, TX", "El Paso", "48141")),
        ("https://ayden-nc.municodemeetings.com please", ("Ayden, NC", "Pitt", "")),
    ],
)
async def test_the_place_of_a_suggestion_is_the_government_that_was_named(talk, typed, place):
    assert "Thank you" in await talk.says(f"/suggest {typed}")
    (kept,) = (await suggestions(talk.store)).values()
    assert (kept.place.name, kept.place.county, kept.place.fips) == place


async def test_one_site_is_suggested_once_however_it_is_written(talk):
    for number, typed in enumerate(
        ("http://www.ayden.gov/agendas", "https://ayden.gov/agendas/", "HTTPS://AYDEN.gov:443/Agendas?utm_source=x")
    ):
        said = await talk.says(f"/suggest {typed} Ayden NC", address=str(number))
        assert ("Thank you" if not number else "already suggested") in said


async def test_a_token_in_a_suggested_address_is_not_shown(talk):
    await talk.ask("/suggest https://webapi.legistar.com/v1/pitt?token=secret Pitt County NC")
    assert "secret" not in plain_text((await talk.ask("suggested", address="99")).lines)
    (kept,) = (await suggestions(talk.store)).values()
    assert "secret" not in notice_of_suggestion(kept).text
    assert kept.place.address.endswith("?token=secret")


async def test_two_operators_who_press_at_once_decide_once(talk):
    talk.chat_commands = ChatCommands(
        talk.runner, OperatorCommands(talk.runner, [Operator("telegram", "99"), Operator("telegram", "98")], 6)
    )
    await talk.ask("/suggest https://greenville-nc.municodemeetings.com Greenville NC")
    add, decline = (await talk.ask("suggested", address="99")).buttons[0]
    said = await asyncio.gather(
        talk.says(decline.command, address="98"),
        talk.says(add.command, address="99"),
        talk.says(add.command, address="98"),
    )
    assert sorted("already been decided" in each for each in said) == [False, True, True]
    (kept,) = (await suggestions(talk.store)).values()
    assert (kept.decision == "added") == ("Greenville, NC" in await added_sources(talk.store))


@pytest.mark.parametrize("watches", [True, False])
async def test_a_chat_that_is_forgotten_leaves_the_site_it_suggested_but_no_trace_of_itself(talk, watches):
    if watches:
        await talk.ask("watch Pitt County NC")
    await talk.ask("/suggest https://ayden-nc.municodemeetings.com Pitt County NC")
    (before,) = (await suggestions(talk.store)).values()
    assert before.chat
    assert await talk.says("forget yes" if watches else "forget")
    (after,) = (await suggestions(talk.store)).values()
    assert after == replace(before, chat="", subscription="")


async def test_three_suggestions_a_chat_and_day(talk):
    for name in ("ayden", "bethel", "fountain"):
        assert "Thank you" in await talk.says(f"/suggest https://{name}-nc.municodemeetings.com Pitt County NC")
    assert "three sites a day" in await talk.says("/suggest https://grifton-nc.municodemeetings.com Pitt County NC")
    assert "Thank you" in await talk.says("/suggest https://a-nc.municodemeetings.com Pitt County NC", address="8")
    talk.now += timedelta(days=1)
    assert "Thank you" in await talk.says("/suggest https://grifton-nc.municodemeetings.com Pitt County NC")


async def test_the_operator_adds_a_site_with_a_button_once_and_both_chats_wait_for_its_reading(talk):
    await talk.ask("watch Pitt County NC")
    await talk.ask("/suggest https://greenville-nc.municodemeetings.com Greenville NC")
    shown = await talk.ask("suggested", address="99")
    add, decline = shown.buttons[0]
    assert (add.text, decline.text) == ("Add it", "Decline")
    assert "isn't a command I know" in await talk.says(add.command)  # no one else has the command
    assert "Added: Greenville, NC." in await talk.says(add.command, address="99")
    assert "already been decided" in await talk.says(add.command, address="99")
    assert (await added_sources(talk.store))["Greenville, NC"].kind == "municode"
    assert "Greenville, NC" in talk.runner.places
    assert {r.subscription or r.address for r in await reading_requests(talk.store)} == {"99", (await talk.mine()).id}
    assert "I already have that site" in await talk.says(
        "/suggest https://greenville-nc.municodemeetings.com", address="8"
    )


async def test_a_declined_site_cannot_be_suggested_again_even_after_a_restart(talk, tmp_path):
    await talk.ask("/suggest https://greenville-nc.municodemeetings.com Greenville NC")
    shown = await talk.ask("suggested", address="99")
    await talk.ask(shown.buttons[0][1].command, address="99")
    await talk.store.close()
    again = Chat(TinyStore.open(tmp_path))
    again.chat_commands = ChatCommands(again.runner, OperatorCommands(again.runner, [Operator("telegram", "99")], 6))
    said = await again.says("/suggest https://greenville-nc.municodemeetings.com Greenville NC", address="8")
    assert "decided not to add" in said
    assert "No suggestion is waiting." in await again.says("suggested", address="99")
    await again.store.close()


async def test_without_an_operators_chat_a_suggestion_goes_nowhere_and_says_so(talk):
    talk.chat_commands = ChatCommands(talk.runner)
    assert "no chat for suggestions" in await talk.says("/suggest https://x-nc.municodemeetings.com Pitt County NC")


async def test_reminders_are_off_until_someone_switches_them_on(talk):
    await talk.ask("watch TX")
    assert "I don't remind you" in await talk.says("/reminders")
    assert "I'll remind you at 6 p.m." in await talk.says("/reminders on")
    assert (await talk.mine()).hears_reminders
    await talk.ask("/reminders off")
    assert not (await talk.mine()).hears_reminders
