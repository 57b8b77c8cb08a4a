"""People talk to the running program on Telegram and Slack while it polls."""

import re
import signal
from contextlib import contextmanager

import pytest
from support.archive import needs_archive
from support.program import texts, world
from support.sample_lists import A_DAY, AFTER, BEFORE, NEWCOMERS, SHERIFFS
from support.waiting import wait_for


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        yield made


@contextmanager
def running(here, **env):
    """Run the program. It ends cleanly, with no token and no traceback in its log."""
    program = here.start("run", **{"COUNTERSIGN_POLL_SECONDS": "1"} | env)
    try:
        wait_for((here.folder / "control.sock").exists)
        yield program
    finally:
        program.send_signal(signal.SIGTERM)
        said, log = program.communicate(timeout=60)
    assert program.returncode == 0, log[-2000:]
    assert "Traceback" not in log, log[-3000:]
    assert here.telegram.token not in said + log
    assert here.slack.token not in said + log


@pytest.mark.slow
@needs_archive
def test_a_chat_watching_texas_and_oklahoma_hears_of_no_other_state(here):
    here.publish(BEFORE)
    with running(here):
        wait_for(lambda: here.lines("agreements"))
        here.telegram.say("/watch TX Oklahoma")
        wait_for(lambda: "You're watching" in texts(here.telegram.messages, "42"))
        asked = len(here.telegram.messages)
        here.publish(AFTER, scheme="B")
        wait_for(lambda: len(here.telegram.messages) > asked)
        wait_for(lambda: all(s["due_at"] is None for s in here.lines("subscriptions")))
    told = "\n".join(m.text for m in here.telegram.messages[asked:])
    signed = [c for c in here.lines("changes") if c["kind"] == "signed"]
    assert signed
    for change in signed:
        assert (change["agency"] in told) == (change["state"] in {"TX", "OK"}), change["agency"]
    assert set(re.findall(r"^(.+?)(?: …)?: new on ICE's list", told, re.MULTILINE)) == {"Texas", "Oklahoma"}


def test_a_chat_sets_itself_up_with_buttons_and_gets_an_alert(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    with running(here):
        wait_for(lambda: len(here.lines("agreements")) == 3)
        here.telegram.say("/start TX")
        wait_for(lambda: "Watch Texas?" in texts(here.telegram.messages, "42"))
        here.telegram.press("watch TX", message_id=int(here.telegram.messages[-1].message_id))
        wait_for(lambda: "You're watching" in texts(here.telegram.messages, "42"))
        here.telegram.say("/watch Texsa")
        wait_for(lambda: "Did you mean Texas?" in texts(here.telegram.messages, "42"))
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: "Bell County" in texts(here.telegram.messages, "42"))
    assert "Delaware County" not in texts(here.telegram.messages, "42")


@pytest.mark.slow
def test_the_whole_settings_panel_is_one_message_edited_in_place(here):
    with running(here):
        here.telegram.say("/watch TX Ohio")
        wait_for(lambda: "You're watching Ohio and Texas" in texts(here.telegram.messages, "42"))
        here.telegram.say("/settings")
        wait_for(lambda: "Places: Ohio and Texas" in texts(here.telegram.messages, "42"))
        panel, count = int(here.telegram.messages[-1].message_id), len(here.telegram.messages)
        pressed = (
            "places", "states", "states +FL", "states +FL", "kinds", "kinds -applied", "kinds -applied", "often weekly",
            "day 3", "hour 08:00", "zone America/Chicago", "pause 3 days", "language es",
        )  # two people press the same button at once  # fmt: skip
        for press in pressed:
            here.telegram.press(f"panel {press}", message_id=panel)
        wait_for(lambda: here.lines("subscriptions")[0]["language"] == "es")
    (found,) = here.lines("subscriptions")
    assert found["states"] == ["FL", "OH", "TX"]
    assert found["weekday"] == 3
    assert "applied" not in found["kinds"]
    assert "signed" in found["kinds"]
    assert (found["cadence"], found["at"], found["tz"]) == ("weekly", "08:00", "America/Chicago")
    assert len(here.telegram.messages) == count, "the panel is edited, and nothing else is sent"


def popups(here) -> list[str]:
    """Return the texts shown to the people who pressed buttons on Telegram."""
    return [str(call.arguments.get("text")) for call in here.telegram.called("answerCallbackQuery")]


@pytest.mark.slow
def test_two_administrators_press_the_panel_of_a_group_at_once_and_each_gets_what_the_label_says(here):
    for admin in ("6", "7"):
        here.telegram.members["-77", admin] = "administrator"
    with running(here):
        here.telegram.say("/watch TX", chat=-77, user=6)
        wait_for(lambda: "You're watching Texas" in texts(here.telegram.messages, "-77"))
        here.telegram.say("/settings", chat=-77, user=7)
        wait_for(lambda: "Places: Texas" in texts(here.telegram.messages, "-77"))
        panel, count = int(here.telegram.messages[-1].message_id), len(here.telegram.messages)
        for press in ("states +FL", "kinds -applied", "often weekly", "day 3"):
            for admin in (6, 7):
                here.telegram.press(f"panel {press}", message_id=panel, chat=-77, user=admin)
        here.telegram.press("panel states -TX", message_id=panel, chat=-77, user=5)
        wait_for(lambda: any("Only administrators" in answer for answer in popups(here)))
        here.telegram.press("panel states +OH", message_id=panel, chat=-77, user=7)
        wait_for(lambda: "OH" in here.lines("subscriptions")[0]["states"])
    (found,) = here.lines("subscriptions")
    assert found["states"] == ["FL", "OH", "TX"], "the button of a member who isn't an administrator does nothing"
    assert "applied" not in found["kinds"]
    assert (found["cadence"], found["weekday"]) == ("weekly", 3)
    assert len(here.telegram.messages) == count, "the panel is edited, and nothing else is sent"


@pytest.mark.slow
def test_a_group_member_who_is_not_an_administrator_is_refused(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    with running(here):
        wait_for(lambda: len(here.lines("agreements")) == 3)
        here.telegram.say("/watch TX", chat=-77, user=5)
        wait_for(lambda: "Only administrators" in texts(here.telegram.messages, "-77"))
        assert here.lines("subscriptions") == []
        here.telegram.members["-77", "6"] = "administrator"
        here.telegram.say("/watch TX", chat=-77, user=6)
        wait_for(lambda: here.lines("subscriptions"))


@pytest.mark.slow
def test_spanish_is_answered_in_spanish(here):
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    with running(here):
        wait_for(lambda: len(here.lines("agreements")) == 3)
        here.telegram.say("/watch TX", language="es")
        wait_for(lambda: "Recibirá las alertas en el momento" in texts(here.telegram.messages, "42"))
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: "Bell County" in texts(here.telegram.messages, "42"))


def test_the_webhook_takes_only_requests_with_the_secret(here, unused_tcp_port):
    import httpx

    port = str(unused_tcp_port)
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    with running(here, COUNTERSIGN_PUBLIC_URL="https://bot.example.org", PORT=port):
        wait_for(lambda: here.telegram.webhook.get("url") == "https://bot.example.org/telegram/webhook")
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/health").status_code == 200
        update = {"update_id": 1}
        assert httpx.post(f"{address}/telegram/webhook", json=update).status_code == 403
        secret = {"X-Telegram-Bot-Api-Secret-Token": str(here.telegram.webhook["secret_token"])}
        assert httpx.post(f"{address}/telegram/webhook", json=update, headers=secret).status_code == 200
        wrong = {"X-Telegram-Bot-Api-Secret-Token": "guessed"}
        assert httpx.post(f"{address}/telegram/webhook", json=update, headers=wrong).status_code == 403


@pytest.mark.slow
def test_slack_is_set_up_over_a_websocket_and_gets_alerts_beside_telegram(here):
    from support.loopback.slack_people import Member

    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    with running(here, SLACK_APP_TOKEN=here.slack.app_token):
        wait_for(lambda: len(here.lines("agreements")) == 3)
        ada = Member(here.slack, "U0000000ADA")
        here.slack.from_thread(ada.types("watch TX", channel="C0123456789"))
        wait_for(lambda: [s["address"] for s in here.lines("subscriptions")] == ["C0123456789"])
        here.telegram.say("/watch OH")
        wait_for(lambda: len(here.lines("subscriptions")) == 2)
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        wait_for(lambda: "Bell County" in texts(here.slack.messages, "C0123456789"))
        wait_for(lambda: "Delaware County" in texts(here.telegram.messages, "42"))
    assert "Delaware County" not in texts(here.slack.messages, "C0123456789")


@pytest.mark.slow
def test_slacks_form_sets_the_weekday_and_a_pause_and_a_list_comes_as_a_file(here):
    from support.loopback.slack_people import Member

    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    with running(here, SLACK_APP_TOKEN=here.slack.app_token):
        wait_for(lambda: len(here.lines("agreements")) == 3)
        ada = Member(here.slack, "U0000000ADA", tz="America/Chicago")
        here.slack.from_thread(ada.types("settings", channel="C0123456789"))
        form = here.slack.from_thread(ada.opened())
        chosen = {"states": ["TX"], "cadence": "weekly", "weekday": "3", "at": "08:00", "pause": "3days"}
        here.slack.from_thread(ada.submits(form, **chosen))
        wait_for(lambda: here.lines("subscriptions"))
        answer = "One message every Thursday at 8 a.m. Central time. Paused until"
        wait_for(lambda: any(answer in told.text for told in here.slack.answers))
        here.slack.from_thread(ada.types("list TX csv", channel="C0123456789"))
        wait_for(lambda: any("as a spreadsheet (CSV)" in told.text for told in here.slack.answers))
    (found,) = here.lines("subscriptions")
    assert (found["states"], found["cadence"], found["weekday"]) == (["TX"], "weekly", 3)
    assert (found["at"], found["tz"]) == ("08:00", "America/Chicago")
    (file,) = [message for message in here.slack.messages if message.photo is not None]
    assert file.chat.startswith("D"), "only the person who asked gets the file"
    assert "287g-TX-" in str(file.arguments["files"])
    assert file.photo.count(b"Archer County Sheriff's Office") == 1
    assert b"Butler County" not in file.photo
    assert texts(here.slack.messages, "C0123456789").count("spreadsheet") == 0
