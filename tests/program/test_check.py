"""`countersign check` as a person runs it: beside the program, with wrong settings, and on a machine that is offline."""

import json
import signal

import httpx
import pytest
from support.loopback.telegram import conflict
from support.program import row, world
from support.sample_lists import A_DAY
from support.waiting import wait_for

ROWS = [row("TEXAS", "Archer County Sheriff's Office")]


@pytest.fixture
def town(tmp_path):
    with world(tmp_path / "data") as town:
        town.publish_rows("participatingAgencies11242026am.xlsx", ROWS, at=A_DAY)
        yield town


def words(lines, verdict):
    return "\n".join(line["said"] for line in lines if line.get("verdict") == verdict)


def test_it_exits_with_one_if_something_is_wrong_and_with_two_for_a_wrong_option(town):
    found = town.run("check", expect=1, COUNTERSIGN_SECRET_KEY="short", COUNTERSIGN_CONTAKT="x")
    assert found.stdout.splitlines()[-1].endswith("1 problem")
    assert "✗ wrong" in found.stdout
    assert "Did you mean COUNTERSIGN_CONTACT?" in found.stdout
    assert town.telegram.token not in found.stdout + found.stderr
    town.run("check", "--fast", expect=2)

    lines = town.lines("check")
    assert lines[-1]["problems"] == 0
    assert {"setting": "COUNTERSIGN_HOST_GAP", "value": "0", "origin": "environment"} in lines


@pytest.mark.slow
def test_beside_the_running_program_it_sees_it_and_disturbs_nothing(town, tmp_path, unused_tcp_port):
    with town.running(tmp_path / "log", "listening", "recorded", PORT=str(unused_tcp_port)) as log:
        town.telegram.say("/watch TX", chat=42)
        lines = town.lines("check", PORT=str(unused_tcp_port))
        wait_for(lambda: town.telegram.messages)
        assert httpx.get(f"http://127.0.0.1:{unused_tcp_port}/health").json()["status"] == "ok"
        assert "another process" not in log.read_text()

    assert "One program writes to it, process " in words(lines, "ok")
    assert f"Countersign answers on port {unused_tcp_port}." in words(lines, "ok")
    assert words(lines, "wrong") == ""


@pytest.mark.slow
def test_a_second_program_on_the_same_token_is_noted_by_the_first_and_found_by_the_check(town, tmp_path):
    with town.running(tmp_path / "log", "listening", "recorded") as log:
        town.telegram.fail("getUpdates", *[conflict()] * 3)
        town.telegram.say("/help")  # ends the poll that is waiting
        wait_for(lambda: "another process is using this Telegram bot's token" in log.read_text())
        wait_for(lambda: "Another program used this bot's token" in town.run("check", expect=1).stdout)


@pytest.mark.slow
def test_before_the_first_reading_the_program_is_starting_and_alive(town, tmp_path, unused_tcp_port):
    log = tmp_path / "log"
    child = town.start("run", log=log, PORT=str(unused_tcp_port), COUNTERSIGN_ICE_URL="http://127.0.0.1:1/287g")
    try:
        wait_for(lambda: "source not read" in log.read_text())
        health = httpx.get(f"http://127.0.0.1:{unused_tcp_port}/health")
        assert (health.status_code, health.json()["status"]) == (200, "starting")
        assert httpx.get(f"http://127.0.0.1:{unused_tcp_port}/live").text == "ok\n"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


@pytest.mark.slow
def test_with_no_connection_at_all_it_says_what_it_could_not_check(town):
    nowhere = {
        "COUNTERSIGN_ICE_URL": "http://127.0.0.1:1/287g",
        "TELEGRAM_API_URL": "http://127.0.0.1:1/bot",
        "SLACK_API_URL": "http://127.0.0.1:1/api/",
    }
    found = town.run("check", "--json", **nowhere)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert any("machine online?" in line.get("said", "") for line in lines if line.get("verdict") == "not checked")
    assert lines[-1]["problems"] == 0
