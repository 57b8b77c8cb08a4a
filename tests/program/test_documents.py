"""What the documents tell people to type, set, open and read exists and works."""

import configparser
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from support import documents
from support.chat import Chat
from support.commands import PROGRAM, found, names, parsed
from support.documents import DOCUMENTS, ROOT, command_lines, name_of
from support.program import row, world

from bot.config.settings import load
from bot.domain.chat.replies import MISTAKES
from bot.domain.suggest import suggest
from bot.store.tiny.store import TinyStore

BLOCKS = [block for path in DOCUMENTS for block in documents.blocks(path)]
SETTINGS = {str(field.alias) for field in type(load(env={}, folder=Path("nowhere"))).model_fields.values()}
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TESTS = "".join(path.read_text() for path in sorted(ROOT.glob("tests/**/test_*.py")))
NOON = datetime(2026, 11, 24, 17, tzinfo=UTC)
FOLDERS = "|".join(re.escape(path.name) for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
OURS = ("countersign", "make")  # programs whose words are checked; other programs' words are theirs
# Commands that need no network, run to their end and change nothing outside the data folder.
RUN = {
    "agreements", "changes", "deliveries", "held", "help", "pause", "poll", "preview", "resume", "sources", "status",
    "subscribe", "subscriptions", "test", "unsubscribe",
}  # fmt: skip


def sh(path):
    return [words for block in documents.blocks(path) if block.language == "sh" for words in command_lines(block.text)]


SHELL = {name_of(path): sh(path) for path in DOCUMENTS if sh(path)}


def ours(words):
    """Return the words from the program's name on, or nothing if the command doesn't start it."""
    starts = [n for n, word in enumerate(words) if word.rpartition("/")[2] == "countersign"]
    return ["countersign", *words[starts[0] + 1 :]] if starts else []


# ── blocks of code ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("document", SHELL)
def test_each_command_in_a_document_can_be_typed(document):
    for words in SHELL[document]:
        if ours(words):
            name = parsed(ours(words))
            assert name in RUN or not name or f'"{name.split()[0]}"' in TESTS, f"no test runs countersign {name}"
        elif words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= TARGETS, words
        elif words[0] == "export":
            assert {word.partition("=")[0] for word in words[1:]} <= SETTINGS | {"PATH"}, words
        else:
            assert not suggest(words[0], OURS), words
        for word in words:
            if re.match(rf"(?:{FOLDERS})/.*\.(?:py|toml|yml|md|service|timer|sh)$", word):
                assert (ROOT / word).exists(), words
                options = {each for each in words if each.startswith("--")}
                assert all(f'"{option}"' in (ROOT / word).read_text() for option in options), words


@pytest.mark.slow
def test_the_commands_of_all_documents_run_in_their_order(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participating11242026am.xlsx", [row("TEXAS", "Archer County Sheriff's Office")], at=NOON)
        made.run("poll")
        done = set()
        for words in (ours(words) for document in SHELL.values() for words in document):
            if words and words[1:2] and parsed(words) in RUN:
                made.run(*words[1:])
                done.add(words[1])
    assert {"agreements", "changes", "help", "subscribe", "test"} <= done


READERS = {
    "yaml": yaml.safe_load,
    "toml": tomllib.loads,
    "python": lambda text: compile(text, "document", "exec"),
    "ini": lambda text: configparser.ConfigParser(strict=False, allow_no_value=True).read_string(text),
    "sh": lambda text: list(command_lines(text)),
}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.document}-{block.language}")
def test_each_block_of_code_is_of_its_language(block):
    assert block.text.strip()
    if block.language in READERS:
        READERS[block.language](block.text)


# ── names in sentences and tables ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_each_command_option_and_target_that_a_sentence_names_exists(path):
    for code in documents.inline(path):
        words = code.replace("[", "").replace("]", "").split()
        if words[:1] == ["countersign"] and len(words) > 1:
            command, name = found(words[1:])
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            known = {option for part in command.params for option in part.opts} | {"--help", "--version"}
            assert options <= known | {"--install-completion", "--show-completion"}, f"{code}: {name} has {known}"
        elif words[:1] == ["make"]:
            assert set(words[1:2]) <= TARGETS, code


def test_every_command_that_a_message_names_exists():
    sources = [*ROOT.glob("bot/**/*.py"), *ROOT.glob("bot/locale/**/*.po"), *ROOT.glob("bot/**/*.html")]
    named = re.compile(r"(?:`(?:countersign|\{own_command\(\)\}) |run: countersign )([a-z]+(?: [a-z]+)?)")
    for path in sources:
        for typed in named.findall(path.read_text()):
            assert found(typed.split())[1], f"{path}: countersign {typed}"


def test_the_table_of_commands_has_every_command_and_no_other():
    rows = [line.split(" | ")[0] for line in (ROOT / "docs/commands.md").read_text().splitlines() if line[:3] == "| `"]
    typed = [code for cell in rows for code in re.findall(r"`([^`]+)`", cell)]
    listed = {found(code.replace("[", "").replace("]", "").split())[1] for code in typed}
    assert sorted(listed) == sorted(names(PROGRAM))


def test_every_setting_is_in_the_table_and_every_setting_that_a_document_names_exists():
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    cells = "".join(line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `"))
    listed = set(re.findall(r"`([A-Z_]+)`", cells))
    read = "".join(path.read_text() for path in ROOT.glob("bot/config/*.py"))  # also what no setting is made of
    deployed = "".join((ROOT / name).read_text() for name in ("compose.yaml", "Dockerfile"))
    assert listed >= SETTINGS
    assert {name for name in listed - SETTINGS if f'"{name}"' not in read} == set()
    for path in DOCUMENTS:
        named = set(re.findall(r"\b(?:COUNTERSIGN|TELEGRAM|SLACK|POSTGRES|SENTRY)_[A-Z_]+\b", path.read_text()))
        assert {name for name in named - SETTINGS if name not in read + deployed} == set(), path


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_each_link_leads_somewhere_and_each_file_named_exists(path):
    for target in documents.links(path):
        file, _, anchor = target.partition("#")
        if file.startswith(("https://", "mailto:")):
            continue
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in documents.anchors(there), target
    for code in documents.inline(path):
        is_path = re.fullmatch(rf"(?:{FOLDERS})/[\w./*-]+", code)
        if is_path and not re.search(r"/[A-Z]+\b", code):  # a word in capitals stands for any name
            assert list(ROOT.glob(code.rstrip("/"))), code


def test_the_readme_is_short_and_every_document_can_be_reached_from_it():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250
    reached, queue = set(), [ROOT / "README.md"]
    while queue:
        path = queue.pop()
        reached.add(path)
        near = {(path.parent / link.partition("#")[0]).resolve() for link in documents.links(path)}
        queue += [each for each in near if each.suffix == ".md" and each not in reached]
    assert {path for path in DOCUMENTS if path.name != "CHANGELOG.md"} <= reached


# ── chat ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def typed_in_chat(name):
    cells = [line.split(" | ")[0] for line in (ROOT / "docs" / name).read_text().splitlines() if line[:3] == "| `"]
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


COMPLAINTS = [
    re.compile(".*".join(map(re.escape, re.split(r"\{\w+\}", mistake.what.one))))
    for name, mistake in MISTAKES.items()
    if not name.startswith("which_")  # a name that could be several places gets buttons, as the document says
]


@pytest.mark.parametrize("typed", [*typed_in_chat("use.md"), *typed_in_chat("uso.md")])
async def test_the_bot_understands_what_the_documents_tell_people_to_type(typed):
    chat = Chat(TinyStore.in_memory())
    await chat.says("watch TX Ohio")
    answer = await chat.says(typed)
    assert not any(complaint.match(answer) for complaint in COMPLAINTS), answer
