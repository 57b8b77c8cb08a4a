"""The manual of the command line: help, examples and completion."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import PROGRAM, names, parsed
from support.documents import command_lines
from support.forked_commands import forker
from support.program import bare_env
from typer.testing import CliRunner

from bot.cli.main import NAME, app

ROOT = Path(__file__).parents[2]
NAMES = list(names(PROGRAM))


def run(words, folder, **env):
    return forker().run(words, bare_env(folder, **env), folder, timeout=120)


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_has_a_sentence_and_an_example_that_can_be_typed(name):
    shown = CliRunner().invoke(app, ["help", *name.split()], prog_name=NAME)
    assert shown.exit_code == 0, shown.output
    usage, _, said = shown.stdout.partition("\n\n")
    assert usage.startswith(f"Usage: countersign {name} [OPTIONS]")
    assert said.splitlines()[0].strip()[0].isupper()
    examples = [line.strip() for line in shown.stdout.splitlines() if line.startswith(f"    countersign {name}")]
    assert examples, f"{name}: give it an example, in bot/cli/manual.py or as its epilog"
    for example in examples:
        assert parsed(next(command_lines(example))) == name


@pytest.mark.slow
def test_help_alone_lists_every_command_under_a_heading_with_its_whole_first_sentence(tmp_path):
    shown = run(["help"], tmp_path, COLUMNS="60").stdout
    assert shown == run(["--help"], tmp_path, COLUMNS="60").stdout
    assert "ICE's lists:\n" in shown
    assert "..." not in shown.partition("Options:")[2]
    assert "Exit codes: 0 if it worked, 1 if it failed" in shown
    assert all(f"\n  {name} " in shown for name in NAMES if " " not in name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["subscrbe"], "countersign has no command “subscrbe”. Did you mean countersign subscribe?"),
        (["sources", "chek"], "countersign sources has no command “chek”. Did you mean countersign sources check?"),
        (["poll", "now"], "countersign poll has no command “now”. `countersign help` lists the commands."),
    ],
)
def test_help_on_an_unknown_command_says_what_to_type(words, said, tmp_path):
    shown = run(["help", *words], tmp_path)
    assert (shown.returncode, shown.stderr.strip(), shown.stdout) == (2, said, "")


SCRIPT = """
source ~/.bashrc
complete -p countersign > /dev/null
read -r -a COMP_WORDS <<< "$TYPED"
COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_countersign_completion countersign
echo "${COMPREPLY[*]}"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A home folder with `countersign` on the PATH, where three shells have installed their completion."""
    home = tmp_path_factory.mktemp("home")
    command = home / "bin" / "countersign"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bot "$@"\n')
    command.chmod(0o755)
    env = bare_env(home, HOME=str(home), PATH=f"{command.parent}:{os.environ['PATH']}", PYTHONPATH=str(ROOT))
    bash = shutil.which("bash")
    for shell in ("bash", "zsh", "fish"):  # typer asks the operating system what its parent is called
        named = shutil.copy(bash, home / shell)
        asked = [named, "-c", "countersign --install-completion; true"]
        subprocess.run(asked, env=env, cwd=home, check=True, capture_output=True)
    return home, env


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("countersign subscr", "subscribe subscriptions"),
        ("countersign help mig", "migrate"),
        ("countersign sources ch", "check"),
        ("countersign subscribe t", "telegram"),
        ("countersign agreements --state VT", "VT"),
        ("countersign retract --bec", "--because --because-es"),
    ],
)
def test_bash_completes_commands_options_and_values(typed, offered, installed):
    home, env = installed
    asked = env | {"TYPED": typed}
    done = subprocess.run(["bash", "-c", SCRIPT], env=asked, cwd=home, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, offered, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "script", "asks"),
    [
        ("zsh", ".zfunc/_countersign", {}),
        ("fish", ".config/fish/completions/countersign.fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_zsh_and_fish_install_a_script_that_asks_the_program(shell, script, asks, installed):
    home, env = installed
    assert f"_COUNTERSIGN_COMPLETE=complete_{shell}" in (home / script).read_text()
    asked = {"_COUNTERSIGN_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "countersign deliv"}
    done = subprocess.run(["countersign"], env=env | asked | asks, cwd=home, text=True, capture_output=True, check=True)
    assert "deliver" in done.stdout
    assert "Send all messages that are due now." in done.stdout


def test_the_program_has_one_name_however_it_is_started(tmp_path):
    assert run(["subscribe", "-h"], tmp_path).stdout.startswith("Usage: countersign subscribe ")


def test_a_command_starts_without_the_libraries_that_few_commands_need():
    code = "import bot.cli.main, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"aiohttp", "jinja2", "bs4", "lxml", "apscheduler", "sqlalchemy", "pypdfium2"} & set(loaded)
