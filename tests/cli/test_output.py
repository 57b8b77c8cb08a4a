"""What commands print when there is nothing, one thing or a narrow terminal."""

import os
import pty
import subprocess
import sys

import pytest
from support.commands import PROGRAM, names
from support.forked_commands import forker
from support.program import bare_env

from bot.domain.letters import counted

EMPTY = {
    "agreements": "No agreements yet. `countersign poll` reads ICE's lists.",
    "agreements --state TX": "No agreements yet. `countersign poll` reads ICE's lists.",
    "changes": "No changes yet. `countersign poll` reads ICE's lists.",
    "changes --state TX": "No changes match.",
    "changes --since 2026-11-01": "No changes match.",
    "deliveries": "No messages in the last 90 days.",
    "deliveries --failed": "No failed messages in the last 90 days.",
    "held": "Nothing is held.",
    "subscriptions": "No subscriptions yet. `countersign subscribe --help` shows how to add one.",
    "sources --state PR": "The catalog has no source in Puerto Rico. Add one: countersign sources add ADDRESS --state PR",
    "deliver": "No message was due.",
    "preview --states TX --days 1": "Nothing matched in the last day, so no message would have been sent.",
}
AS_JSON = [typed for typed in EMPTY if typed.split()[0] not in {"deliver", "preview"}]


def run(words, folder):
    return forker().run(words, bare_env(folder), folder, timeout=120)


@pytest.mark.parametrize("typed", EMPTY)
def test_a_list_with_nothing_in_it_says_so(typed, tmp_path):
    done = run(typed.split(), tmp_path)
    assert (done.returncode, done.stdout, done.stderr.strip().splitlines()[-1:]) == (0, "", [EMPTY[typed]])


def test_every_command_that_lists_something_has_a_row_above():
    listing = {name for name in names(PROGRAM) if " " not in name and PROGRAM.commands[name].help.startswith("List ")}
    assert {"held", "sources", "subscriptions"} <= listing <= {typed.split()[0] for typed in EMPTY}


@pytest.mark.parametrize("typed", AS_JSON)
def test_json_of_nothing_has_no_line(typed, tmp_path):
    done = run([*typed.split(), "--json"], tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["agreements", "changes"])
def test_csv_of_nothing_is_the_header(name, tmp_path):
    [header] = run([name, "--csv"], tmp_path).stdout.splitlines()
    assert {"state", "agency", "support_type"} <= set(header.split(","))


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_000, "1,000 rows"), (1_001, "1,001 rows")]
)
def test_a_number_agrees_with_its_noun(number, said):
    assert counted(number, "row") == said


TABLE = """
from bot.cli.output import print_table
print_table(("state", "agency", "last read"), [("TX", "Archer County Sheriff's Office", "2026-11-24 12:00")])
"""


def test_a_table_has_headings_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", TABLE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "state\tagency\tlast read",
        "TX\tArcher County Sheriff's Office\t2026-11-24 12:00",
    ]


@pytest.mark.parametrize("columns", [16, 24, 40, 120])
def test_a_table_on_a_terminal_of_any_width_shows_every_letter(columns):
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", TABLE], stdout=theirs, env=os.environ | {"COLUMNS": str(columns)}, check=True)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "…" not in shown
    assert all(len(line) <= columns for line in shown.splitlines() if "\x1b" not in line)
    letters = sorted("stateagencylastreadTXArcherCountySheriff'sOffice2026-11-2412:00")
    plain = shown.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert sorted("".join(plain.split())) == letters
