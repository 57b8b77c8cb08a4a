"""First messages and other words, answered over a real store, and answers that are true in every state of a chat."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from support.chat import FIRST, NOW, SECOND, Chat

from bot.domain.chat import words
from bot.domain.chat.request import LONGEST_COMMAND, Request
from bot.domain.language import Language
from bot.domain.subscription import STOPPED, Cadence
from bot.domain.text.rich_text import plain_text
from bot.store.tiny.store import TinyStore

MESSAGES = Path(__file__).parents[1] / "domain" / "chat" / "first_messages.csv"
# What the answer to each first message does, by the command that it asks for.
WANTED = {
    "a greeting": {"hello"}, "the way to begin": {"hello", "start"}, "the list of what": {"help"},
    "to watch": {"watch", "place"}, "to be asked which places": {"watch"}, "to be asked which state": {"place"},
    "to look up": {"agency", "list"}, "recent changes": {"recent"}, "the list": {"list"}, "to see or watch": {"place"},
    "a daily digest": {"digest"}, "a weekly digest": {"digest"}, "what": {"what"}, "who runs it": {"about"},
    "to choose the kinds": {"kinds"}, "to stop": {"stop", "howto"}, "fewer messages": {"fewer"}, "to pause": {"pause"},
    "its settings": {"settings"}, "answers in Spanish": {"language"},
}  # fmt: skip


def first_messages():
    with MESSAGES.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


@pytest.fixture
async def talk(tmp_path):
    store = TinyStore.open(tmp_path)
    made = Chat(store)
    await made.publish(FIRST, NOW - timedelta(days=5))
    await made.publish(SECOND, NOW - timedelta(days=1))
    yield made
    await store.close()


@pytest.mark.parametrize("row", first_messages(), ids=lambda row: row["message"])
def test_a_first_message_is_understood_the_first_time(row):
    wanted = WANTED[max((words for words in WANTED if row["wants"].startswith(words)), key=len)]
    assert words.verb(row["message"])[0] in wanted


@pytest.mark.parametrize("channel", ["telegram", "slack"])
@pytest.mark.parametrize("row", first_messages(), ids=lambda row: row["message"])
async def test_a_first_message_gets_an_answer_that_says_what_to_do(talk, row, channel):
    reply = await talk.chat_commands.answer(Request(channel=channel, address="9", text=row["message"]))
    text = plain_text(reply.lines)
    assert text
    assert "isn't a command" not in text
    assert all(len(b.command.encode()) <= LONGEST_COMMAND for row in reply.buttons for b in row)


@pytest.mark.parametrize("channel", ["telegram", "slack"])
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("subscribe TX", "Texas"), ("follow Ohio", "Ohio"), ("vigilar Tejas", "Texas"),
        ("seguir Nueva York", "Nueva York"), ("settings", "Nothing is being watched"), ("about", "I'm Countersign"),
        ("preferences", "Nothing is being watched"), ("alerts on", "Nothing is being watched"),
        ("what does WSO mean?", "may serve ICE warrants in jail"), ("recientes", "Bell County Sheriff's Office"),
        ("agencia Bell", "Bell County Sheriff's Office"), ("hello", "Hello. I tell you"),
        ("digest weekly Thursday 8:00", "every Thursday at 8 a.m."), ("noon daily", "once a day at noon UTC"),
        ("every day at noon Eastern", "once a day at noon Eastern time"),
    ],
)  # fmt: skip
async def test_words_that_people_type_first_work_on_both_platforms(talk, channel, typed, said):
    asked = Request(channel=channel, address="9", text=typed, language=Language.ENGLISH)
    reply = await talk.chat_commands.answer(asked)
    assert said in plain_text(reply.lines)


async def test_a_person_who_writes_spanish_first_is_answered_in_spanish_and_stays_so(talk):
    assert "Le aviso cuando" in await talk.says("hola")
    await talk.ask("quiero recibir alertas de Carolina del Norte")
    mine = await talk.mine()
    assert (set(mine.filter.states), mine.language) == ({"NC"}, Language.SPANISH)


async def test_a_weekday_is_kept_until_another_is_chosen_and_undone(talk):
    await talk.ask("watch TX")
    assert "every Thursday at 8 a.m." in await talk.says("digest weekly Thursday 8:00")
    await talk.ask("digest daily")
    reply = await talk.ask("digest weekly")
    assert (await talk.mine()).weekday == 3
    assert "every Friday" in await talk.says("digest fridays")
    assert "nothing was undone" in await talk.says(reply.buttons[0][0].command)
    assert "every Thursday" in await talk.says("undo")
    await talk.ask("set cadence=weekly weekday=6 kinds=signed states=TX")
    assert ((await talk.mine()).weekday, (await talk.mine()).cadence) == (6, Cadence.WEEKLY)
    assert "nothing changed" in await talk.says("set cadence=weekly weekday=9")


STRANGERS = MESSAGES.with_name("first_messages_of_strangers.csv")
# The command that each of the strangers' messages asks for, in the order of the file. Those marked with HINT are beyond
# what the bot can do, or can't be told for sure, so the answer is the nearest thing that it can do.
EXPECTED = """
list gwinnett county ga | place 77084 | watch Frederick County, Maryland | what | agency Hialeah Police | stop
digest weekly monday 8am | place TEXAS | hello | watch mecklenberg county nc | recent Pennsylvania
list bentonville arkansas | undo | what | watch bucks county pa and montgomery county pa | place Cobb County | fewer
settings | agency Tarrant County Sheriff | watch only orange county | watch Virginia | about | faq data
list NASSAU COUNTY NY | language spanish | place nashville | pause till monday im on vacation | watch North Carolina HINT
about | recent kansas | faq stopped | recent New Jersey; Delaware | agency springfield police | watch 30046; 30093
faq hours HINT | list Homestead | what | language espanol | watch agency Harris County Sheriff | stop
digest weekly domingo 6 de la tarde | place 33125 | watch carolina del norte condado de wake | agency Dallas Police
howto watch | unwatch georgia HINT | place Florida HINT | undo | faq raids Phoenix HINT | list condado de Polk
"""


def of_strangers():
    with STRANGERS.open(encoding="utf-8", newline="") as rows:
        messages = [row["message"] for row in csv.DictReader(rows)]
    asked = [each.strip() for line in EXPECTED.strip().splitlines() for each in line.split(" | ")]
    return list(zip(messages, asked, strict=True))


def test_45_of_50_first_messages_of_strangers_are_understood():
    assert sum(not asked.endswith("HINT") for _, asked in of_strangers()) == 45


@pytest.mark.parametrize(("typed", "asked"), of_strangers())
async def test_a_first_message_of_a_stranger_asks_for_a_command_and_is_answered(talk, typed, asked):
    assert " ".join(words.verb(typed)).strip() == asked.removesuffix(" HINT")
    reply = await talk.chat_commands.answer(Request(channel="telegram", address="9", text=typed))
    text = plain_text(reply.lines)
    assert text
    assert "I don't know what to do with" not in text
    assert all(len(b.command.encode()) <= LONGEST_COMMAND for row in reply.buttons for b in row)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (
            "could you tell me whether the sheriff in Polk County FL works with ice",
            ("list", "sheriff in Polk County FL"),
        ),
        (
            "does the miami police department have an agreement with ICE right now",
            ("agency", "miami police department"),
        ),
        ("I'm a reporter in Ohio, please send me an email whenever something changes", ("watch", "Ohio")),
        ("oh no that was by mistake, take it back", ("undo", "")),
        ("send me one summary every friday at 5pm eastern", ("digest", "weekly friday 5pm eastern")),
        ("quisiera saber si la policia de Houston colabora con la migra", ("agency", "Houston Police")),
        ("como puedo agregar otro condado a mi lista", ("howto", "watch")),
        ("is there a json feed or an api for developers", ("faq", "data")),
        ("are there going to be raids in Chicago tomorrow", ("faq", "raids Chicago")),
        ("which alerts am i getting right now in this chat", ("settings", "")),
        ("he didn't do anything and they want to detain him, please help", ("faq", "stopped")),
        (
            "I would never want you to delete the list of my county",
            ("i", "would never want you to delete the list of my county"),
        ),
    ],
)
def test_a_sentence_that_nobody_tuned_for_is_read_by_its_words(typed, asked):
    assert words.verb(typed) == asked


async def test_a_pause_until_a_weekday_ends_at_its_start(talk):
    await talk.ask("watch TX")
    for typed, day in (
        ("pause till monday im on vacation", 30),
        ("pause until tomorrow", 25),
        ("pausa hasta el jueves", 26),
    ):
        await talk.ask(typed)
        assert (await talk.mine()).quiet_until.day == day
        await talk.ask("resume")


@pytest.mark.parametrize("typed", ["list Butler County OH", "list police in OH", "list 45011"])
async def test_a_list_of_a_county_a_town_or_a_type_of_agency_has_only_its_agencies(talk, typed):
    text = await talk.says(typed)
    assert "Butler Police Department" in text
    assert "Bell County" not in text
    assert (await talk.ask(f"{typed} csv")).file.body.count(b"Butler") >= 1


# ── true in every state ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "typed", "said"),
    [
        ([], "digest 8:00", "Once you watch a place, you'll get"),
        ([], "kinds signed", "Once you watch a place, you'll get new agreements, as they happen."),
        (["digest 8:00"], "pause 3 days", "Nothing is being watched"),
        (["digest 8:00"], "unwatch", "Nothing is being watched"),
        (["watch TX"], "resume", "Nothing is paused."),
        (["watch TX", "pause 1 day", "resume"], "resume", "Nothing is paused."),
        (["watch TX", "pause 1 day"], "resume", "Resumed. If you missed any"),
        (["watch TX", "pause 1 day"], "digest 8:00", "Paused until"),
        (["watch TX", "pause 1 day"], "watch OH", "Paused until"),
        (["watch TX", "stop"], "digest 8:00", "Stopped."),
        (["watch TX", "stop"], "pause 1 day", "To start again, send /resume."),
        (["watch TX", "watch OH"], "undo", "watching Texas. Alerts as they happen."),
        (["watch TX", "watch OH", "undo"], "undo", "There's nothing to undo."),
        ([], "undo", "There's nothing to undo."),
        ([], "forget", "there's nothing to delete"),
        (["watch TX"], "always on", "This takes effect once you choose a digest"),
        (["watch TX"], "hello", "watching Texas. Alerts as they happen."),
        (["watch TX"], "watch agency", "Which agency?"),
        (["watch FL"], "recent", "No changes in Florida since"),
        (["watch TX"], "agency Atlantis", "since I started reading"),
        (["watch TX"], "watch Harris County TX", "Harris County (Texas) is part of Texas"),
        (["watch Harris County TX"], "watch TX", "Texas includes Harris County (Texas)"),
        (
            ["watch TX OK"],
            "watch agency tampa police",
            "Oklahoma and Texas (all agencies); agencies with “Tampa Police”",
        ),
        (["watch TX OK"], "watch TFM", "Oklahoma and Texas (in all of these, Task Force Model only)"),
        (["watch TX OK"], "watch FL TFM", "To get only Task Force Model in all"),
    ],
)
async def test_an_answer_is_true_in_the_state_that_the_chat_is_in(talk, before, typed, said):
    for each in before:
        await talk.ask(each)
    assert said in await talk.says(typed)


async def test_before_the_first_reading_nothing_is_said_about_a_list(tmp_path):
    talk = Chat(TinyStore.open(tmp_path))
    for typed in ("recent", "agency Tampa", "list FL"):
        assert await talk.says(typed) == "I haven't read ICE's list yet."
    await talk.store.close()


async def test_a_greeting_in_a_private_chat_speaks_of_no_administrator_and_one_in_a_group_does(talk):
    assert "dministrator" not in await talk.says("hello")
    assert "dministrator" not in await talk.says("joined")
    assert "an administrator can send" in await talk.says("joined administrators")


async def test_a_bare_unwatch_offers_what_is_watched_as_buttons(talk):
    await talk.ask("watch TX, Harris County TX")
    await talk.ask("watch agency tampa police")
    reply = await talk.ask("unwatch")
    assert not reply.changed
    offered = [button.command for row in reply.buttons for button in row]
    assert offered == ["unwatch TX", "unwatch Harris County TX", "unwatch agency tampa police", "unwatch all"]
    for command in offered[:-1]:
        assert (await talk.ask(command)).changed
    assert (await talk.mine()).filter.is_empty


@pytest.mark.parametrize("stopped", [False, True])
async def test_watching_a_state_beside_all_states_takes_nothing_away(talk, stopped):
    await talk.ask("watch all")
    if stopped:
        await talk.ask("stop")
    await talk.ask("watch TX")
    mine = await talk.mine()
    assert ("*" in mine.filter.states, mine.paused) == (True, None)
    assert mine.paused != STOPPED


@pytest.mark.parametrize(
    ("typed", "buttons"),
    [
        ("watch Texsa", {"Texas": "watch TX"}),
        ("wacth TX", {"watch TX": "watch TX"}),
        ("subscirbe Texas", {"subscribe Texas": "subscribe Texas"}),
        ("Texsa", {"Texas": "TX"}),
        ("watch Harrris County TX", {"Harris": "watch Harris County TX"}),
        ("digest 8:00 Amerika/Chicago", {"America/Chicago": "digest 8:00 America/Chicago"}),
        ("digest Thurdsay 8:00", {"Thursday": "digest Thursday 8:00"}),
        ("kinds sined", {"signed": "kinds signed"}),
        (
            "watch New",
            {
                "New Hampshire": "watch NH", "New Jersey": "watch NJ", "New Mexico": "watch NM", "New York": "watch NY",
            },
        ),
    ],
)  # fmt: skip
async def test_did_you_mean_is_a_button_that_sends_the_corrected_command(talk, typed, buttons):
    reply = await talk.ask(typed)
    offered = {button.text: button.command for row in reply.buttons for button in row}
    assert offered == buttons
    assert not reply.changed
    for command in offered.values():
        assert "Did you mean" not in await talk.says(command)


async def test_a_question_how_to_stop_stops_nothing_until_its_button_is_pressed(talk):
    await talk.ask("watch TX")
    reply = await talk.ask("how do I unsubscribe?")
    assert ((await talk.mine()).paused, reply.changed) == (None, False)
    await talk.ask(reply.buttons[0][0].command)
    assert (await talk.mine()).paused == STOPPED


async def test_no_support_type_is_said_as_a_code(talk):
    await talk.ask("watch TX")
    for typed in ("list TX", "recent", "watch only TX TFM", "watch FL WSO"):
        shown = (await talk.says(typed)).partition("send /watch")[0]
        assert not {"TFM", "WSO", "JEM"} & set(shown.replace("(", " ").replace(")", " ").replace(",", " ").split())


def test_the_words_that_people_type_and_the_commands_that_answer_agree(talk):
    assert talk.chat_commands.verbs == words.COMMANDS


async def test_a_type_of_agency_and_statewide_agencies_are_shown_and_removed_by_buttons(talk):
    for entry in ("sheriffs in TX", "all statewide agencies of OH", "campus police in Harris County TX", "police"):
        await talk.ask(f"watch {entry}")
    offered = [button for row in (await talk.ask("unwatch")).buttons for button in row]
    assert len(offered) == 5
    panel = [b for row in (await talk.ask("panel places")).buttons for b in row if b.command.startswith("panel drop")]
    assert [b.text for b in panel] == [
        "✕ Campus police in Harris County (Texas)",
        "✕ Local police in all states",
        "✕ Sheriffs in Texas",
        "✕ Statewide agencies of Ohio",
    ]
    await talk.ask(panel[0].command)
    for button in offered[:-1]:
        await talk.ask(button.command)
    assert (await talk.mine()).filter.is_empty
