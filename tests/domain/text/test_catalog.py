"""Catalogs: every message translated, with the same blanks, and a new language that takes one catalog."""

import ast
import shutil
import string
import subprocess
import sys
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import bot
from bot.domain.language import Language
from bot.domain.text.catalog import Phrase, say, say_count, say_line
from bot.domain.text.rich_text import Span

PACKAGE = Path(bot.__file__).parent
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
IN_TEMPLATES = {"t": (1,), "tn": (1, 2)}
KEYWORDS = {"say": (2,), "say_line": (2,), "say_count": (2, 3), "Phrase": {1: (1,), 2: (1, 2)}}
TRANSLATED = [language for language in Language if language is not Language.ENGLISH]


@cache
def messages() -> Catalog:
    """Return all messages of the code. Reading it takes a second, so the tests of one process share them."""
    found = Catalog()
    for _, _, message, comments, _ in extract_from_dir(
        PACKAGE, METHODS, keywords=KEYWORDS | IN_TEMPLATES, comment_tags=("NOTE:",)
    ):
        found.add(message, auto_comments=comments)
    return found


def catalog(language: Language) -> Catalog:
    po = files("bot") / "locale" / language.value / "LC_MESSAGES" / "countersign.po"
    return read_po(BytesIO(po.read_bytes()), locale=language.value)


def faults(translated: Catalog, source: Catalog) -> list[str]:
    """Return everything wrong with a catalog, in sentences."""
    known = {message.id for message in source if message.id}
    there = {message.id: message for message in translated if message.id}
    return [
        *(f"missing: {id_!r}" for id_ in known - there.keys()),
        *(f"unused: {id_!r}" for id_ in there.keys() - known),
        *(fault for id_ in there.keys() & known for fault in faults_of(there[id_], translated.num_plurals)),
    ]


def faults_of(message: Message, plurals: int) -> list[str]:
    english = message.id if isinstance(message.id, tuple) else (message.id,)
    forms = message.string if isinstance(message.string, tuple) else (message.string,)
    expected = plurals if len(english) == 2 else 1
    found = ["fuzzy"] if message.fuzzy else []
    if len(forms) != expected or not all(forms):
        found.append(f"{expected} forms expected")
    found += ["other blanks" for form in forms if form and blanks(form) != blanks(english[-1])]
    found += ["other spaces at the ends" for form in forms if form and edges(form) != edges(english[-1])]
    return [f"{fault}: {message.id!r}" for fault in found]


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def edges(text: str) -> tuple[bool, bool]:
    return text[0].isspace(), text[-1].isspace()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalog_has_every_message_of_the_code_and_no_other(language: Language) -> None:
    assert faults(catalog(language), messages()) == []


def test_every_form_of_an_english_message_has_the_same_blanks() -> None:
    pairs = [message.id for message in messages() if isinstance(message.id, tuple)]

    assert [pair for pair in pairs if blanks(pair[0]) != blanks(pair[1])] == []


def test_babel_finds_every_message_because_each_is_a_literal_outside_of_f_strings() -> None:
    hidden = [
        f"{path.name}:{call.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "domain" / "text" / "catalog.py"
        for node in ast.walk(ast.parse(path.read_text()))
        for call in calls(node)
        if isinstance(node, ast.JoinedStr) or not literal(call)
    ]

    assert hidden == []


@pytest.mark.slow
def test_babel_finds_every_message_even_if_a_call_ends_with_a_comma() -> None:
    found = {message.id[0] if isinstance(message.id, tuple) else message.id for message in messages()}
    said = [
        call.args[call.func.id != "Phrase"].value
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "domain" / "text" / "catalog.py"
        for node in ast.walk(ast.parse(path.read_text()))
        for call in calls(node)
        if len(call.args) > (call.func.id != "Phrase") and literal(call)
    ]

    assert [text for text in said if text not in found] == []


def calls(node: ast.AST) -> list[ast.Call]:
    """Return the messages said by this node, or anywhere within it if it is an f-string."""
    inner = list(ast.walk(node)) if isinstance(node, ast.JoinedStr) else [node]
    found = [each for each in inner if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)]
    return [call for call in found if call.func.id in KEYWORDS]


def literal(call: ast.Call) -> bool:
    first = 0 if call.func.id == "Phrase" else 1
    last = {"say_count": 3, "Phrase": len(call.args)}.get(call.func.id, 2)
    return all(isinstance(argument, ast.Constant) for argument in call.args[first:last])


@pytest.mark.parametrize(
    ("message", "string", "flags", "fault"),
    [
        ("a {b}", "", (), "1 forms expected"),
        ("a {b}", "c {d}", (), "other blanks"),
        ("a {b}", "c {b} ", (), "other spaces at the ends"),
        ("a {b}", "c {b}", ("fuzzy",), "fuzzy"),
        (("{n} a", "{n} b"), ("{n} c", ""), (), "2 forms expected"),
        (("{n} a", "{n} b"), ("{n} c", "d"), (), "other blanks"),
        ("e", "f", (), "unused"),
    ],
)
def test_a_faulty_catalog_fails(message, string, flags, fault) -> None:
    source, translated = Catalog(), Catalog(locale="es")
    if fault != "unused":
        source.add(message)
    translated.add(message, string, flags=flags)

    assert [text.partition(":")[0] for text in faults(translated, source)] == [fault]


def test_a_missing_message_fails() -> None:
    source = Catalog()
    source.add("a")

    assert faults(Catalog(locale="es"), source) == ["missing: 'a'"]


# ── saying ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_said_in_the_readers_language_with_its_values() -> None:
    assert say(Language.ENGLISH, "Watch {what}?", what="Texas") == "Watch Texas?"
    assert say(Language.SPANISH, "Watch {what}?", what="Texas") == "¿Seguir Texas?"
    assert say(Language.SPANISH, "Watch {what}?", what="{a} %s") == "¿Seguir {a} %s?"


def test_a_number_decides_the_form_and_is_grouped() -> None:
    days = Phrase("{n} day", "{n} days")

    assert [days(Language.ENGLISH, n=n) for n in (0, 1, 1_234)] == ["0 days", "1 day", "1,234 days"]
    assert [days(Language.SPANISH, n=n) for n in (0, 1, 1_234)] == ["0 días", "1 día", "1,234 días"]
    assert say_count(Language.SPANISH, "{n} day", "{n} days", 2) == "2 días"


def test_a_line_keeps_the_links_of_its_values_wherever_the_language_puts_them() -> None:
    link = Span("Approve it", href="https://a.example")

    assert say_line(Language.SPANISH, "Mentioned by the {body}: {title}", body="Town Council", title=link) == (
        Span("Lo mencionó "),
        Span("Town Council"),
        Span(": "),
        link,
    )


# ── a new language ───────────────────────────────────────────────────────────────────────────────────────────────────

SPEAK = """
from datetime import UTC, date, datetime, timedelta
from bot.domain.agreement import Agreement, ListName, Publication, SupportType
from bot.domain.change import Change, Kind
from bot.domain.chat import guide, replies
from bot.domain.chat.parser import Misunderstood
from bot.domain.language import Language
from bot.domain.messages.chart import picture_for
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.subscription import Cadence, Filter, Subscription
from bot.domain.text.rich_text import plain_text

NOW = datetime(2026, 8, 28, 12, tzinfo=UTC)

def signed(seq, agency):
    agreement = Agreement(state="TX", agency=agency, canonical=agency.casefold(), support_type=SupportType.TFM, signed=date(2026, 8, 26))
    place = Publication(name="list.xlsx", address="https://ice.example/", evidence="e", observed_at=NOW, rows=1)
    return Change(kind=Kind.SIGNED, list=ListName.PARTICIPATING, agreement=agreement, publication=place, row=seq, seq=seq, recorded_at=NOW)

log = [signed(seq, f"Agency {seq}") for seq in range(1, 6)]
reader = Subscription(id="s1", channel="x", address="1", filter=Filter(states={"TX": 0}), cadence=Cadence.DAILY, language=Language("pl"), pinned=5, pinned_at=NOW)
digest = compose(reader, log, upto=5, about=Circumstances(page="https://ice.example/"))
print(plain_text([digest.title]))
print(plain_text(digest.sections[0].items[0].lines))
print(plain_text([digest.lead[0]]))
print(replies.misunderstood(Language("pl"), Misunderstood("no_state", typed="TXX")))
print(picture_for(reader, log).title)
print(plain_text(guide.help_lines(Language.ENGLISH, "/")))
"""


def test_a_new_language_takes_one_entry_and_one_catalog(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "config").mkdir()
    shutil.copy(PACKAGE.parent / "config" / "places.csv", tmp_path / "config")
    entry = tmp_path / "bot" / "domain" / "language.py"
    spanish = '    SPANISH = "es"\n'
    entry.write_text(entry.read_text().replace(spanish, f'{spanish}    POLISH = "pl"\n'))
    made_up = Catalog(locale="pl")  # three forms of the plural
    for message in messages():
        if isinstance(message.id, tuple):
            made_up.add(message.id, tuple(f"{message.id[1]} [{form}]" for form in range(3)))
        elif message.id:
            made_up.add(message.id, f"{message.id} [pl]")
    folder = tmp_path / "bot" / "locale" / "pl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "countersign.po").open("wb") as po:
        write_po(po, made_up)

    done = subprocess.run(
        [sys.executable, "-c", SPEAK],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines()[:6] == [
        "Texas: 5 new 287(g) agreements [2] [pl]",
        "• Agency 1",
        "Signed 26 sierpnia 2026 [pl]. No MOA posted yet [pl].",
        "“TXX” isn't a state I know. [pl] Try /watch TX or /watch Texas. [pl]",
        "Texas: 5 agreements on ICE's list [2]; 5 new [2], on 28 sie 2026 [pl]",
        "See who's on the list",
    ]
    assert "/language pl  Polski" in done.stdout
