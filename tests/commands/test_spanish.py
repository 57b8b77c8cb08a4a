"""A chat in Spanish reads Spanish: states, places, examples and buttons."""

from datetime import timedelta

import pytest
from support.chat import FIRST, NOW, SECOND, Chat
from support.english_words import english_in

from bot.commands.chat import ChatCommands
from bot.commands.operator_chat import OperatorCommands
from bot.domain.chat.operator import Operator
from bot.domain.geography.states import IN_SPANISH, SPANISH_NAMES, STATES
from bot.domain.language import Language
from bot.domain.letters import without_accents
from bot.domain.text.rich_text import plain_text
from bot.domain.text.wording import state_name, states_in_order
from bot.store.tiny.store import TinyStore


@pytest.fixture
async def talk():
    made = Chat(TinyStore.in_memory())
    await made.publish(FIRST, NOW - timedelta(days=5))
    await made.publish(SECOND, NOW - timedelta(days=1))
    yield made
    await made.store.close()


async def shown(talk, text):
    """Return the answer with its buttons."""
    reply = await talk.ask(text, language=Language.SPANISH)
    return "\n".join([plain_text(reply.lines), *(button.text for row in reply.buttons for button in row)])


@pytest.mark.parametrize("typed", [*SPANISH_NAMES, *STATES.values()])
async def test_a_state_is_understood_and_named_in_spanish(talk, typed):
    code = SPANISH_NAMES.get(typed) or next(code for code, name in STATES.items() if name == typed)
    for written in (typed, without_accents(typed).lower()):
        text = await shown(talk, written)
        assert state_name(code, Language.SPANISH) in text
        assert code not in IN_SPANISH or STATES[code] not in text.replace(IN_SPANISH[code], "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("vigilar condado de Harris, Texas", "condado de Harris (Texas)"),
        ("condado de mecklenburg carolina del norte", "condado de Mecklenburg (Carolina del Norte)"),
        ("vigilar carolina del norte, nueva york y texas", "Carolina del Norte, Nueva York y Texas"),
        ("28202", "condado de Mecklenburg, Carolina del Norte"),
        ("Charlotte, Carolina del Norte", "condado de Mecklenburg, Carolina del Norte"),
        ("vigilar Carolina", "Carolina del Norte\nCarolina del Sur"),
        ("vigilar Nueva Yor", "Nueva York"),
        ("vigilar Harris County", "condado de Harris, Texas"),
        ("lista nuevo mexico", "Nuevo México"),
        ("vigilar condado de Xyzw, Nueva York", "Nueva York"),
        ("vigilar alguaciles en carolina del sur", "Carolina del Sur"),
        ("ayuda", "/watch condado de Harris TX"),
    ],
)  # fmt: skip
async def test_places_are_read_and_named_in_spanish(talk, typed, said):
    assert said in await shown(talk, typed)


@pytest.mark.parametrize(
    "example",
    ["/watch condado de Harris TX", "/digest jueves mediodía", "/pause 3 días", "/digest semanal jueves 8:00"],
)
async def test_an_example_in_spanish_works(talk, example):
    await shown(talk, "vigilar TX")
    assert (await talk.ask(example, language=Language.SPANISH)).changed


def test_states_are_in_the_order_of_their_own_names():
    assert states_in_order(["NC", "NY", "HI", "GA"], Language.SPANISH) == ["NC", "GA", "HI", "NY"]
    assert states_in_order(["NC", "NY", "HI", "GA"], Language.ENGLISH) == ["GA", "HI", "NY", "NC"]


SAID_IN_A_CHAT = [
    "hola", "vigilar Carolina del Norte", "vigilar condado de Harris, Texas", "28202", "Springfield", "ajustes",
    "resumen diario", "resumen semanal los jueves a las 8 de la noche", "kinds", "cambios +amended", "lista NC",
    "recientes", "agencia Bell", "agencia x", "estado", "pausar 3 dias", "reanudar", "parar", "ayuda", "acerca",
    "que es 287g", "digest foo", "pause foo", "watch Texxas", "watch foo bar", "vigilar Carolina", "watch WSO",
    "vigilar alguaciles en Carolina del Norte", "watch 00000", "list", "panel", "suggest", "reminders on", "stale on",
    "always on", "undo", "dejar", "forget", "health", "held", "retract", "retract 3", "retract 999", "suggested",
]  # fmt: skip


async def test_no_answer_in_spanish_has_english_words(talk):
    talk.chat_commands = ChatCommands(talk.runner, OperatorCommands(talk.runner, [Operator("telegram", "42")], 6))
    names = {row[1] for row in (*FIRST, *SECOND)} | {"County", "Sheriff", "America"}
    answers = {typed: await shown(talk, typed) for typed in SAID_IN_A_CHAT}
    found = {(typed, line): words for typed, text in answers.items() for line in text.splitlines()
             if (words := english_in(line, names))}  # fmt: skip
    assert found == {}
