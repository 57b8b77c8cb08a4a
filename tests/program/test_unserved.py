"""A subscription on a channel that isn't set up: every check names it, and a first start's console gives way."""

import json

import httpx
import pytest
from support.loopback.slack import refused
from support.program import row, world
from support.sample_lists import A_DAY

NO_TELEGRAM = {"TELEGRAM_BOT_TOKEN": ""}
NO_TOKEN = {"TELEGRAM_BOT_TOKEN": "", "SLACK_BOT_TOKEN": ""}
NEWCOMER = row("TEXAS", "Bell County Sheriff's Office")
ROWS = [row("TEXAS", "Archer County Sheriff's Office")]


@pytest.fixture
def town(tmp_path):
    with world(tmp_path / "data") as town:
        town.publish_rows("participatingAgencies11242026am.xlsx", ROWS, at=A_DAY)
        yield town


@pytest.mark.slow
def test_a_channel_whose_token_is_gone_is_named_at_start_in_status_in_health_and_in_metrics(
    town, tmp_path, unused_tcp_port
):
    town.run("poll")
    town.run("subscribe", "--states", "TX", "telegram", "42")
    town.run("subscribe", "--states", "TX", "slack", "C00000001")
    assert "isn't set up" not in town.run("status", "--check").stdout
    named = "telegram: 1 subscription gets nothing, because the channel isn't set up"
    assert named in town.run("status", "--check", expect=1, **NO_TELEGRAM).stdout
    assert named in town.run("status", "--check", "--json", expect=1, **NO_TELEGRAM).stderr
    with town.running(tmp_path / "log", "started", PORT=str(unused_tcp_port), **NO_TELEGRAM) as log:
        health = httpx.get(f"http://127.0.0.1:{unused_tcp_port}/health")
        metrics = httpx.get(f"http://127.0.0.1:{unused_tcp_port}/metrics").text
        assert named in log.read_text()
    assert health.status_code == 503
    assert [reason.partition(",")[0] for reason in health.json()["reasons"]] == [named.partition(",")[0]]
    assert health.json()["subscriptions"]["telegram"]["unserved"] == 1
    assert 'countersign_subscriptions_unserved{channel="telegram"} 1.0' in metrics
    assert 'countersign_subscriptions_unserved{channel="slack"} 0.0' in metrics


@pytest.mark.slow
def test_deliver_does_not_call_it_a_success(town):
    town.run("poll")
    town.run("subscribe", "--states", "TX", "telegram", "42")
    town.publish_rows("participatingAgencies11252026am.xlsx", [*ROWS, NEWCOMER], at=A_DAY, scheme="B")
    town.run("poll")
    assert "telegram isn't set up" in town.run("deliver", expect=1, **NO_TELEGRAM).stderr
    town.run("deliver")
    assert "Bell County" in town.telegram.messages[0].text


@pytest.mark.slow
@pytest.mark.parametrize("code", ["restricted_action", "is_archived", "not_in_channel", "channel_not_found"])
def test_a_slack_incident_pauses_no_channel_and_no_check_calls_it_well(town, code):
    town.run("poll")
    channels = [f"C0000000{n}" for n in range(8)]
    for channel in channels:
        town.run("subscribe", "--states", "TX", "slack", channel)
        town.slack.script(channel, refused(code))
    town.publish_rows("participatingAgencies11252026am.xlsx", [*ROWS, NEWCOMER], at=A_DAY, scheme="B")
    town.run("poll")
    town.run("status", "--check")
    town.run("deliver", expect=1)
    assert [s["paused"] for s in town.lines("subscriptions")] == [None] * 8
    assert "slack: the platform refused 8 chats within minutes" in town.run("status", "--check", expect=1).stdout


def test_subscribe_says_that_the_channel_is_not_set_up(town):
    done = town.run("subscribe", "--states", "TX", "telegram", "42", **NO_TELEGRAM)
    assert "telegram isn't set up" in done.stderr
    done = town.run("subscribe", "--states", "FL", "--json", "slack", "C00000001", **NO_TOKEN)
    assert "slack isn't set up" in done.stderr
    assert json.loads(done.stdout)["states"] == ["FL"]
    assert "console is used only until" in town.run("subscribe", "--states", "FL", "console", "console").stderr
    assert town.run("subscribe", "--states", "TX", "telegram", "42").stderr == ""


@pytest.mark.slow
def test_the_console_of_a_first_start_ends_when_a_token_is_set(town, tmp_path):
    with town.running(tmp_path / "log", "started", **NO_TOKEN):
        assert [s["channel"] for s in town.lines("subscriptions")] == ["console"]
    with town.running(tmp_path / "log", "started") as log:
        assert town.lines("subscriptions") == []
        assert "ended the console's subscription" in log.read_text()
    town.run("status", "--check")


def test_a_console_that_someone_chose_stays_and_is_shown_for_what_it_is(town, tmp_path):
    town.run("subscribe", "--states", "TX", "console", "console", **NO_TOKEN)
    with town.running(tmp_path / "log", "started") as log:
        assert [s["channel"] for s in town.lines("subscriptions")] == ["console"]
        assert "console: 1 subscription gets nothing" in log.read_text()
    assert "console: 1 subscription gets nothing" in town.run("status", "--check", expect=1).stdout


def test_unsubscribe_all_says_what_it_ends_asks_first_and_can_keep_to_one_channel(town):
    town.run("subscribe", "telegram", "-42", "--states", "TX")
    town.run("subscribe", "slack", "C024BE91L", "--states", "TX")
    town.run("subscribe", "slack", "C024BE92L", "--states", "FL")

    assert "To end them without being asked, add --yes" in town.run("unsubscribe", "--all", expect=2).stderr
    assert "takes no address" in town.run("unsubscribe", "telegram", "-42", "--all", expect=2).stderr
    assert "There is no channel 'fax'" in town.run("unsubscribe", "fax", "--all", "--yes", expect=2).stderr
    assert "Or add --all" in town.run("unsubscribe", "telegram", expect=2).stderr
    assert len(town.lines("subscriptions")) == 3

    ended = town.run("unsubscribe", "slack", "--all", "--yes")
    assert "This ends 2 subscriptions (2 on slack)" in ended.stderr
    assert ended.stdout == "Ended 2 subscriptions.\n"
    assert [s["channel"] for s in town.lines("subscriptions")] == ["telegram"]
    assert [s["address"] for s in town.lines("unsubscribe", "--all", "--yes")] == ["-42"]
    assert "no subscriptions to end" in town.run("unsubscribe", "--all").stderr


def test_status_says_why_each_subscription_is_paused(town):
    town.run("subscribe", "telegram", "-42", "--states", "TX")
    town.run("pause", "telegram", "-42", "--for", "3 days")

    text = town.run("status").stdout
    assert "subscriptions: 1, 1 paused" in text
    assert "the operator paused it. It ends at" in text
    assert town.lines("status")[0]["paused"][0]["address"] == "-42"

    town.run("resume", "telegram", "-42")
    assert "paused" not in town.run("status").stdout
