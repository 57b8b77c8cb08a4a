"""The first minutes: `countersign run` at a terminal, piped and away from the network, and from another folder."""

import re
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.program import PROGRAM, bare_env, row, typed_in, world
from support.terminal import on_terminal
from support.waiting import wait_for

PATH = str(Path(__file__).parents[2])
PLAIN = {"TERM": "dumb", "TZ": "America/Chicago"}


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("first.xlsx", [row("TEXAS", "Alvin Police Department")], at=datetime(2026, 1, 1, tzinfo=UTC))
        yield made


def env_of(folder, ice, **more):
    sites = {"COUNTERSIGN_ICE_URL": ice, "COUNTERSIGN_CONTACT": "desk@example.org", "PYTHONPATH": PATH}
    return bare_env(folder, **sites, **PLAIN, **more)


@pytest.mark.slow
def test_on_a_terminal_it_says_what_it_watches_what_is_missing_and_what_comes_next(here, tmp_path):
    env = env_of(tmp_path, here.ice.url, COUNTERSIGN_SOURCES="ice")
    with on_terminal([*PROGRAM, "run"], env, tmp_path) as terminal:
        terminal.wait_for("I watch ICE's list of 287(g) agreements at 127.0.0.1")
        terminal.wait_for("No token for Telegram or Slack is set, so changes are printed here. To set one, run:")
        terminal.wait_for("countersign init")
        terminal.wait_for("PORT=8080")
        terminal.wait_for("I read ICE's list every 15 minutes. The first reading is the starting point")
        terminal.wait_for("I've read ICE's list for the first time: 1 ")
        terminal.interrupt()
        terminal.wait_for("Stopping")
        assert terminal.ended() == 0
    assert re.search(r"\d\d?:\d\d [ap]\.m\. info", terminal.screen)
    assert not re.search(r"event=|timestamp=|\x1b", terminal.raw)


@pytest.mark.slow
def test_offline_it_asks_whether_the_machine_is_online_and_says_when_it_tries_again(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        env = env_of(tmp_path, f"http://127.0.0.1:{closed.getsockname()[1]}/287g")
        with on_terminal([*PROGRAM, "run"], env, tmp_path) as terminal:
            said = terminal.wait_for("I'll try again at ")
            terminal.interrupt()
            assert terminal.ended() == 0
        with on_terminal([*PROGRAM, "run"], env, tmp_path) as again:
            again.wait_for("The last try failed. I'll try again at ")
            again.wait_for("to try now, run:")
    assert "I can't reach 127.0.0.1. Is this machine online? I'll try again at " in said
    assert "robots" not in terminal.screen
    assert "local government sites as soon as someone watches their states." in said


@pytest.mark.slow
def test_a_second_start_says_when_it_last_read_and_when_it_reads_next(here, tmp_path):
    env = env_of(tmp_path, here.ice.url, COUNTERSIGN_SOURCES="ice", PORT=str(free_port()))
    here.run("poll", COUNTERSIGN_DATA=str(tmp_path / "data"))
    with on_terminal([*PROGRAM, "run"], env, tmp_path) as terminal:
        terminal.wait_for(f"http://localhost:{env['PORT']}/")
        terminal.wait_for("and last did at ")
        terminal.wait_for("The next reading is at ")
    assert "starting point" not in terminal.screen


@pytest.mark.slow
@pytest.mark.parametrize("how", ["text", "json"])
def test_piped_it_prints_no_greeting(here, tmp_path, how):
    log = tmp_path / "log"
    program = here.start("run", log=log, COUNTERSIGN_LOG=how)
    wait_for(lambda: "recorded" in log.read_text())
    program.terminate()
    assert program.wait() == 0
    assert "I watch" not in log.read_text()
    assert ("event=started" in log.read_text()) is (how == "text")


def test_status_from_another_folder_says_which_folder_it_reads_and_why(tmp_path):
    (tmp_path / "data").mkdir()
    here = {"HOME": str(tmp_path / "home"), "COUNTERSIGN_DATA": ""}
    said = typed_in(tmp_path, "status", **here).stdout
    assert f"data folder: {tmp_path / 'data'} (it's in the current folder)" in said
    named = typed_in(tmp_path, "status", **here | {"COUNTERSIGN_DATA": str(tmp_path / "other")}).stdout
    assert f"data folder: {tmp_path / 'other'} (COUNTERSIGN_DATA is set)" in named


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
