"""The program posts to a webhook: subscribed on the command line, killed while it posts, and never telling its secret."""

import asyncio
import json
import signal

import pytest
from aiohttp import web
from support.loopback.webhook import Receiver
from support.program import world
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS
from support.waiting import wait_for

PATH = "/hooks?token=hunter2"
KEY = "a secret key that is long enough to be one"


class Mute(Receiver):
    """Takes each message, and never answers the first few."""

    def __init__(self, mute: int) -> None:
        super().__init__()
        self.mute = mute

    async def respond(self, request: web.Request) -> web.StreamResponse:
        answer = await super().respond(request)
        if len(self.deliveries) <= self.mute:
            await asyncio.Event().wait()
        return answer


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
        made.run("poll")
        yield made


@pytest.mark.slow
def test_a_program_killed_while_it_posts_repeats_the_message_under_the_same_id(here, tmp_path):
    kills = 3
    with Mute(kills).run_in_thread() as receiver:
        here.run("subscribe", "webhook", receiver.base + PATH, "--states", "all", COUNTERSIGN_SECRET_KEY=KEY)
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        here.run("poll")
        for killed in range(1, kills + 2):
            program = here.start("run", log=tmp_path / f"log{killed}", COUNTERSIGN_SECRET_KEY=KEY)
            wait_for(lambda killed=killed: len(receiver.deliveries) == killed, seconds=60)
            if killed <= kills:
                program.kill()
                program.wait(60)
        wait_for(lambda: [r for r in here.lines("deliveries") if not r["error"]], seconds=60)
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    assert len({(delivery.id, delivery.body) for delivery in receiver.deliveries}) == 1
    (receipt,) = here.lines("deliveries")
    assert receipt["message_id"] == receiver.deliveries[0].id
    told = {seq for change in receiver.deliveries[0].message["changes"] for seq in change["covers"]}
    logged = {change["seq"] for change in here.lines("changes") if change["kind"] != "listed"}
    assert told == logged == set(receipt["changes"])


@pytest.mark.slow
def test_the_secret_is_shown_once_and_nothing_else_shows_it_or_the_address(here, tmp_path):
    with Receiver().run_in_thread() as receiver:
        receiver.answers.extend([404, 204])
        words = ("subscribe", "webhook", receiver.base + PATH, "--states", "all")
        shown = here.run(*words)
        secret = shown.stdout.split("Secret: ")[1].strip()
        assert "docs/webhooks.md" in shown.stderr
        assert "hunter2" not in shown.stdout + shown.stderr
        again = here.run(*words)
        assert again.stdout.startswith("Changed")
        assert "Secret" not in again.stdout
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        here.run("poll")
        said = [here.run("deliver", expect=1), again, here.run("subscriptions", "--json"), here.run("deliveries")]
        said += [here.run("deliveries", "--json"), here.run("status"), here.run("status", "--json")]
        said += [here.run(*words, "--secret", "too short", expect=2)]
        renewed = here.run(*words, "--secret", "new", "--json")
        assert json.loads(renewed.stdout)["secret"] not in {secret, ""}
        assert here.lines("unsubscribe", "webhook", receiver.base + PATH)[0]["address"] == "http://***"
    for done in said:
        assert secret not in done.stdout + done.stderr
        assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_running_program_takes_the_command_and_logs_no_secret(here, tmp_path):
    with Receiver().run_in_thread() as receiver:
        program = here.start("run", log=tmp_path / "log", COUNTERSIGN_POLL_SECONDS="1")
        wait_for((here.folder / "control.sock").exists, seconds=60)
        shown = here.run("subscribe", "webhook", receiver.base + PATH, "--states", "all")
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: receiver.deliveries, seconds=60)
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert shown.stdout.split("Secret: ")[1].strip() not in log
    assert "hunter2" not in log


@pytest.mark.parametrize("address", ["https://10.0.0.1/hooks", "http://www.example.org/hooks", "mailto:a@example.org"])
def test_an_address_that_nothing_can_be_sent_to_is_refused_in_a_sentence(here, address):
    refused = here.run("subscribe", "webhook", address, "--states", "all", expect=2)
    assert "address" in refused.stderr
    assert here.lines("subscriptions") == []


def test_without_the_setting_this_machine_is_refused_too(here):
    words = ("subscribe", "webhook", "http://127.0.0.1:9/", "--states", "all")
    assert "127.0.0.1" in here.run(*words, expect=2, COUNTERSIGN_ALLOW_LOOPBACK="0").stderr
