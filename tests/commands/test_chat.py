"""Commands that people type in a chat, and the answers, over a real store."""

import re
from datetime import timedelta

import pytest
from support.chat import FIRST, NOW, SECOND, SIGNED, Chat
from support.program import row

from bot.commands.filters import with_added, without
from bot.commands.rulings import retract
from bot.domain.change import TOLD_BY_DEFAULT, Kind
from bot.domain.chat.parser import Where
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Cadence, Filter
from bot.domain.text.rich_text import plain_text
from bot.domain.unreached import Unreached
from bot.pipeline.unreached import keep, unreached
from bot.store.tiny.store import TinyStore

AGENCIES = [
    f"{first} {second}"
    for first in ("Cedar", "Maple", "Oak", "Pine")
    for second in ("Bend", "Creek", "Falls", "Gap", "Hill")
]


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path)
    made = Chat(store)
    await made.publish(FIRST, NOW - timedelta(days=5))
    await made.publish(SECOND, NOW - timedelta(days=1))
    yield made
    await store.close()


async def test_watch_acts_at_once_shows_the_settings_and_previews_the_week(talk):
    reply = await talk.ask("watch TX, ohio")
    text = plain_text(reply.lines)
    assert text.startswith("You're watching Ohio and Texas. Alerts as they happen.\n")
    assert "An example: the last message you would have gotten, on Nov. 23, 2026, at noon UTC." in text
    assert [button.text for button in reply.buttons[0]] == ["Undo", "Settings"]
    assert "3 new 287(g) agreements and 1 no longer listed, in Texas and Ohio" in text
    assert "Bell County Sheriff's Office" in text
    assert "Archer County Sheriff's Office" in text
    assert "Texas: no longer on ICE's list" in text
    assert reply.changed
    mine = await talk.mine()
    assert set(mine.filter.states) == {"TX", "OH"}
    assert set(mine.filter.kinds) == set(TOLD_BY_DEFAULT)
    assert (mine.cadence, mine.due_at) == (Cadence.INSTANT, None)


async def test_undoing_an_unwatch_sends_what_was_recorded_in_between(talk):
    await talk.ask("watch TX OH")
    reply = await talk.ask("unwatch TX")
    await talk.publish(SECOND[1:], NOW)
    await talk.ask(reply.buttons[0][0].command)
    mine = await talk.mine()
    assert mine.due_at is not None
    assert mine.filter.states["TX"] < await talk.store.last_seq()


async def test_watching_a_state_again_without_undo_starts_fresh(talk):
    await talk.ask("watch TX OH")
    await talk.ask("unwatch TX")
    await talk.publish(SECOND[:1] + SECOND[2:], NOW)
    await talk.ask("watch TX")
    assert (await talk.mine()).due_at is None


async def test_undo_restores_earlier_settings_but_ignores_an_old_button(talk):
    first = await talk.ask("watch TX")
    second = await talk.ask("watch OH")
    assert "nothing was undone" in await talk.says(first.buttons[0][0].command)
    undone = await talk.says(second.buttons[0][0].command)
    assert "Undone." in undone
    assert set((await talk.mine()).filter.states) == {"TX"}
    await talk.ask("forget yes")
    again = await talk.ask("watch TX")
    await talk.ask(again.buttons[0][0].command)
    assert await talk.mine() is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("watch Texsa", "Did you mean Texas?"),
        ("watch Harrris County TX", "Did you mean Harris?"),
        ("watch Harris County", "Which state is"),
        ("watch agency ab", "three letters"),
        ("kinds sined", "Did you mean signed?"),
        ("kinds -signed -withdrawn -reinstated -applied -mentioned", "nothing to send"),
        ("digest 8:00 Amerika/Chicago", "Did you mean America/Chicago?"),
        ("digest 25:00", "isn't a time or a time zone"),
        ("pause forever", "For how long?"),
        ("language fr", "/language es"),
        ("wacth TX", "Did you mean /watch?"),
        ("xyzzy", "I don't know what to do with “xyzzy”"),
        ("list", "Which state?"),
        ("agency Atlantis", "No agency"),
        ("undo 7", "nothing was undone"),
        ("unwatch FL", "weren't watching Florida"),
        ("set states=TX at=99:99", "nothing changed"),
        ("set nonsense", "nothing changed"),
    ],
)
async def test_bad_input_gets_one_helpful_line_and_changes_nothing(talk, typed, said):
    await talk.ask("watch TX")
    before = await talk.mine()
    reply = await talk.ask(typed)
    assert said in plain_text(reply.lines)
    assert len(reply.lines) == 1
    assert not reply.changed
    assert await talk.mine() == before


@pytest.mark.parametrize(
    "text", ["", " ", "/", "watch \x00", "watch " + "A" * 5000, "💥", "start ../../etc", "pick ZZ", "kind x"]
)
async def test_garbage_gets_an_answer_and_changes_nothing(talk, text):
    reply = await talk.ask(text)
    assert reply.lines
    assert text.strip() in {"", "/"} or len(plain_text(reply.lines)) < 500, "only an empty command gets the long help"
    assert await talk.mine() is None


async def test_a_deep_link_preselects_states_and_asks_to_confirm(talk):
    reply = await talk.ask("start FL_TX")
    assert plain_text(reply.lines) == "Watch Florida and Texas?"
    assert await talk.mine() is None
    await talk.ask(reply.buttons[0][0].command)
    assert set((await talk.mine()).filter.states) == {"FL", "TX"}


@pytest.mark.parametrize(
    ("payload", "asked"),
    [
        ("TX", "Watch Texas?"),
        ("TX-FL", "Watch Florida and Texas?"),
        ("tx-fl-GU", "Watch Florida, Guam and Texas?"),
        ("galveston-county-tx", "Watch Galveston County (Texas)?"),
        ("baltimore-city-md", "Watch Baltimore City (Maryland)?"),
    ],
)
async def test_a_link_on_a_public_page_preselects_its_place_and_asks_to_confirm(talk, payload, asked):
    reply = await talk.ask(f"start {payload}")
    assert plain_text(reply.lines) == asked
    assert await talk.mine() is None
    await talk.ask(reply.buttons[0][0].command)
    mine = (await talk.mine()).filter
    assert bool(mine.counties) == ("county" in payload or "city" in payload)


async def test_the_state_picker_shows_every_state_and_is_edited_in_place(talk):
    reply = await talk.ask("watch")
    buttons = [button for line in reply.buttons for button in line]
    assert len(buttons) == 58
    assert all(len(line) <= 8 for line in reply.buttons)
    assert all(len(button.command.encode()) <= 64 for button in buttons)
    pressed = await talk.ask("pick TX")
    assert pressed.in_place
    assert "✓TX" in [button.text for line in pressed.buttons for button in line]
    await talk.ask("pick all")
    assert set((await talk.mine()).filter.states) == {ALL_STATES}
    await talk.ask("pick FL")
    assert set((await talk.mine()).filter.states) == {"FL"}
    await talk.ask("pick FL")
    assert (await talk.mine()).filter.is_empty


async def test_adding_ohio_to_texas_does_not_send_old_changes_in_ohio(talk):
    await talk.ask("watch TX")
    rows = [*SECOND, row("OHIO", "Delaware County Sheriff's Office", "Task Force Model", SIGNED, "Delaware County")]
    await talk.publish(rows, NOW - timedelta(hours=2))
    await talk.ask("watch OH")
    assert (await talk.mine()).due_at is None
    rows.append(row("OHIO", "Allen County Sheriff's Office", "Task Force Model", SIGNED, "Allen County"))
    await talk.publish(rows, NOW - timedelta(hours=1))
    assert (await talk.mine()).due_at is not None


async def test_a_county_whose_name_begins_like_a_state_can_be_watched_and_unwatched(talk):
    said = await talk.says("watch Washington County AR, condado de La Paz, Arizona")
    assert set((await talk.mine()).filter.counties) == {"AR/washington", "AZ/la paz"}
    assert "Washington County (Arkansas)" in said
    assert "La Paz County (Arizona)" in said
    await talk.ask("unwatch la paz county az")
    assert set((await talk.mine()).filter.counties) == {"AR/washington"}


async def test_a_county_and_its_namesake_city_are_watched_apart(talk):
    await talk.ask("watch Baltimore City MD")
    said = await talk.says("watch Baltimore County MD")
    assert "Baltimore County (Maryland)" in said
    assert "Baltimore City (Maryland)" in said
    await talk.ask("unwatch Baltimore County MD")
    assert set((await talk.mine()).filter.counties) == {"MD/baltimore city"}


def test_a_county_watched_under_an_old_name_is_not_watched_twice():
    old, kings = Filter(counties={"NY/brooklyn": 0}), Where(counties=("NY/kings",))
    assert set(with_added(old, kings).counties) == {"NY/brooklyn"}
    assert without(old, kings).counties == {}


async def test_counties_agencies_and_support_types_narrow_the_filter(talk):
    await talk.ask("watch Bell County, Texas")
    assert set((await talk.mine()).filter.counties) == {"TX/bell"}
    assert "3 new 287(g) agreements" in await talk.says("watch agency butler pd")
    assert "only" not in await talk.says("status")
    assert "Task Force Model only" in await talk.says("watch TFM")


async def test_digest_switches_to_daily_weekly_and_back_to_instant(talk):
    await talk.ask("watch TX")
    assert "One message a day at 8 a.m. Central time." in await talk.says("digest 8:00 America/Chicago")
    assert "One message every Monday at 9:30 a.m." in await talk.says("digest weekly 9:30 am")
    assert (await talk.mine()).tz == "America/Chicago"
    assert "Alerts as they happen." in await talk.says("digest off")


async def test_a_pause_ends_by_itself_and_then_sends_what_was_missed(talk):
    await talk.ask("watch TX")
    await talk.ask("pause 2 days")
    rows = [*SECOND, row("TEXAS", "Bosque County Sheriff's Office", "Task Force Model", SIGNED, "Bosque County")]
    await talk.publish(rows, NOW)
    assert not (await talk.mine()).is_due(NOW + timedelta(days=1))
    assert (await talk.mine()).is_due(NOW + timedelta(days=2))
    assert not await talk.store.due(NOW + timedelta(days=1))
    assert [s.address for s in await talk.store.due(NOW + timedelta(days=2))] == ["42"]


async def test_stop_keeps_the_settings_resume_starts_fresh_and_forget_deletes_everything(talk, tmp_path):
    await talk.ask("watch TX")
    await talk.ask("stop")
    rows = [*SECOND, row("TEXAS", "Bosque County Sheriff's Office", "Task Force Model", SIGNED, "Bosque County")]
    await talk.publish(rows, NOW)
    await talk.ask("resume")
    assert (await talk.mine()).paused is None
    assert (await talk.mine()).due_at is None
    await talk.ask("watch TX", address="777000777")
    await talk.ask("forget", address="777000777")
    kept = await talk.mine("777000777")
    await keep(talk.store, kept.id, Unreached(since=NOW, tries=1, retry_at=NOW, problem="chat 777000777 not found"))
    await talk.ask("forget yes", address="777000777")
    assert await unreached(talk.store) == {}
    assert await talk.mine("777000777") is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"777000777" in path.read_bytes()]


async def test_list_recent_agency_and_status_answer_from_the_store(talk):
    listed = await talk.says("list TX")
    assert listed.startswith("1 agency in Texas is on ICE's list")
    assert "Bell County Sheriff's Office: Task Force Model, Warrant Service Officer" in listed
    assert "participatingAgencies11232026am.xlsx" in listed
    assert "No agency in Alaska" in await talk.says("list alaska")
    assert "Archer County Sheriff's Office" in await talk.says("recent")
    life = await talk.ask("agency Archer County")
    assert "already on ICE's list when Countersign started" in plain_text(life.lines)
    assert "no longer on ICE's list" in plain_text(life.lines)
    assert re.search("SHA-256 [0-9a-f]{64}", plain_text(life.lines))
    assert "participatingAgencies11192026am.xlsx, row 2" in plain_text(life.lines)
    choice = await talk.ask("agency butler")
    assert [line[0].command for line in choice.buttons] == [
        "agency OH Butler County Sheriff's Office",
        "agency OH Butler Police Department",
    ]
    assert "Butler Police Department, Ohio" in await talk.says(choice.buttons[1][0].command)
    assert "ICE: last read Nov. 23, 2026, at noon UTC" in await talk.says("status")


async def test_the_platform_suggests_spanish_and_the_chat_can_change_it(talk):
    assert "No conozco ningún estado" in await talk.says("watch Texsa", language=Language.SPANISH)
    text = await talk.says("watch TX", language=Language.SPANISH)
    assert text.startswith("Usted sigue: Texas. Recibirá las alertas en el momento.")
    assert "Texas: nuevo en la lista de ICE" in text
    assert (await talk.mine()).language is Language.SPANISH
    assert "English" in await talk.says("language en")
    assert (await talk.says("watch OH", language=Language.SPANISH)).startswith("You're watching")


async def test_a_form_sets_everything_at_once(talk):
    await talk.ask("set states=TX,OK cadence=daily at=09:00 tz=America/Chicago kinds=signed,withdrawn")
    mine = await talk.mine()
    assert (set(mine.filter.states), mine.cadence, mine.tz) == ({"TX", "OK"}, Cadence.DAILY, "America/Chicago")
    assert set(mine.filter.kinds) == {Kind.SIGNED, Kind.WITHDRAWN}


async def test_a_group_keeps_its_settings_when_it_moves_and_is_paused_until_the_bot_returns(talk):
    await talk.ask("watch TX", address="-5")
    await talk.chat_commands.moved("telegram", "-5", "-1005")
    assert set((await talk.mine("-1005")).filter.states) == {"TX"}
    assert await talk.mine("-5") is None
    await talk.chat_commands.gone("telegram", "-1005", "the bot was removed")
    assert (await talk.mine("-1005")).paused == "the bot was removed"
    await talk.chat_commands.returned("telegram", "-1005")
    assert (await talk.mine("-1005")).paused is None


async def test_a_retracted_change_is_not_the_example(talk):
    allen = row("OHIO", "Allen County Sheriff's Office", "Task Force Model", SIGNED, "Allen County")
    await talk.publish([*SECOND, allen], NOW)
    assert "Allen County Sheriff's Office" in await talk.says("watch Ohio")
    wrong = (await talk.store.changes())[-1]
    await retract(talk.runner, seq=wrong.seq, because="The row was misread.")
    text = await talk.says("watch Ohio", address="43")
    assert "Allen County" not in text
    assert "misread" not in text
    assert "An example: the last message you would have gotten, on Nov. 23, 2026, at noon UTC." in text
    assert "Butler Police Department" in text


async def test_the_example_is_in_spanish_for_a_chat_that_watches_one_agency(talk):
    text = await talk.says("watch agency Butler Police", language=Language.SPANISH)
    _, example = text.split("\n\n", 1)
    lines = example.splitlines()
    assert lines[0].startswith("Un ejemplo: el último mensaje que habría recibido, del 23 de noviembre de 2026")
    assert lines[1] == "Butler Police Department (Ohio) tiene 1 nuevo acuerdo 287(g)"
    assert "Butler County Sheriff's Office" not in example
    assert "Bell County" not in example
    for english in ("new on", "signed", "fetched", "posted", "agreement", " the "):
        assert english not in example


async def test_changes_that_no_digest_was_due_for_yet_are_the_example(talk):
    await talk.ask("watch TX")
    for typed in ("digest weekly Monday 8:00", "digest 23:00"):  # the changes are a day old; it's noon on a Tuesday
        talk.now = NOW - timedelta(days=1, minutes=-1)
        text = await talk.says(typed)
        assert "An example, with the latest changes:\nTexas: 2 new" in text
        assert "Nothing like this has happened" not in text


async def test_a_digest_that_was_due_is_the_example_even_if_newer_changes_wait(talk):
    await talk.ask("watch all")
    await talk.publish([*SECOND, row("TEXAS", "Cass County Sheriff's Office", "Task Force Model", SIGNED, "Cass")], NOW)
    text = await talk.says("digest 8:00 UTC")
    assert "An example: the last message you would have gotten, on Nov. 24, 2026, at 8 a.m. UTC." in text
    assert "Cass County" not in text


async def test_an_example_of_many_agencies_refers_to_no_thread(talk):
    many = [row("TEXAS", f"{name} Police Department", "Task Force Model", SIGNED, "Bell") for name in AGENCIES]
    await talk.publish([*SECOND, *many], NOW)
    text = await talk.says("watch TX")
    assert "20 new 287(g) agreements" in text
    assert "thread" not in text
    assert "hilo" not in await talk.says("watch TX", address="43", language=Language.SPANISH)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("33101", "33101 is in Miami-Dade County, Florida."),
        ("33594", "33594 is mostly in Hillsborough County, Florida."),
        ("Tampa FL", "Tampa is in Hillsborough County, Florida."),
    ],
)
async def test_a_zip_code_or_a_town_sent_alone_is_answered_with_its_county(talk, typed, said):
    first, asked = (await talk.says(typed)).splitlines()
    assert first == said
    assert asked.startswith("Do you want alerts about ")


async def test_the_sentence_above_a_file_is_in_spanish(talk):
    text = await talk.says("list OH csv", language=Language.SPANISH)
    assert text.startswith("2 acuerdos en una hoja de cálculo (CSV): Ohio.\nSegún ")
