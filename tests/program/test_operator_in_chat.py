"""The operator rules on a held list and retracts a change with buttons, on Telegram and Slack, end to end."""

import json
import signal
from contextlib import contextmanager

import pytest
from support.loopback.slack import buttons_of
from support.loopback.slack_people import Member
from support.program import row, texts, world
from support.sample_lists import A_DAY, SIGNED
from support.waiting import wait_for

FORTY = [row("TEXAS", f"Número {n} Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(40)]
FEWER = [*FORTY[:24], row("OHIO", "Butler Police Department", "Task Force Model", SIGNED, "Butler County")]


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participatingAgencies11202026am.xlsx", FORTY, at=A_DAY)
        made.run("poll")
        made.run("subscribe", "telegram", "43", "--states", "all")
        made.run("subscribe", "telegram", "44", "--states", "TX", "--language", "es")
        made.run("subscribe", "telegram", "45", "--states", "OH", "--kinds", "withdrawn")
        made.publish_rows("participatingAgencies11202026pm.xlsx", FEWER, at=A_DAY)
        yield made


@contextmanager
def running(here, operator: str, **env):
    log = here.folder.parent / "log.txt"
    program = here.start("run", log=log, COUNTERSIGN_POLL_SECONDS="1", COUNTERSIGN_OPERATOR=operator, **env)
    try:
        wait_for((here.folder / "control.sock").exists)
        yield log
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(60)
    said = log.read_text()
    assert program.returncode == 0, said[-2000:]
    assert "Traceback" not in said, said[-3000:]
    assert here.telegram.token not in said
    assert here.slack.token not in said


def keys_of(message) -> dict[str, str]:
    """Return the commands of a message's buttons on Telegram, by their labels."""
    markup = message.arguments.get("reply_markup") or "{}"
    rows = (json.loads(markup) if isinstance(markup, str) else markup).get("inline_keyboard", [])
    return {button["text"]: button["callback_data"] for keys in rows for button in keys}


def press(here, message, label: str, *, chat: int = 99, user: int = 99) -> None:
    here.telegram.press(keys_of(message)[label], message_id=int(message.message_id), chat=chat, user=user)


@pytest.mark.slow
def test_a_held_list_is_approved_with_two_presses_and_told_once(here):
    with running(here, "telegram:99") as log:
        wait_for(lambda: "On hold: participatingAgencies11202026pm.xlsx" in texts(here.telegram.messages, "99"))
        (notice,) = [m for m in here.telegram.messages if m.chat == "99"]
        assert "16 of 40 agreements would leave the list at once" in notice.text
        assert "16 no longer listed: Número 24 Police Department (TX, TFM)" in notice.text
        assert "and 6 more" in notice.text
        assert "1 new agreement: Butler Police Department (OH, TFM)" in notice.text
        assert "2 chats would be told (English 1, Spanish 1)." in notice.text
        press(here, notice, "Details")
        wait_for(lambda: any("Número 39" in m.text for m in here.telegram.edits))
        press(here, notice, "Approve")
        wait_for(lambda: "Approve participatingAgencies" in here.telegram.edits[-1].text)
        assert texts(here.telegram.messages, "43") == ""
        sure = here.telegram.edits[-1]
        press(here, sure, "Yes, approve and tell 2 chats")
        press(here, sure, "Yes, approve and tell 2 chats")
        wait_for(lambda: here.telegram.edits[-1].text == "That list was already approved.")
        wait_for(lambda: "no longer on ICE" in texts(here.telegram.messages, "43"))
        wait_for(lambda: all(s["due_at"] is None for s in here.lines("subscriptions")))
        assert sum(c["kind"] == "withdrawn" for c in here.lines("changes")) == 16
    said = log.read_text()
    assert sum("held" in line and "reasons=" in line for line in said.splitlines()) == 1
    rulings = [line for line in said.splitlines() if "the operator ruled on a held list" in line]
    assert len(rulings) == 1
    assert "channel=telegram chat=99" in rulings[0]


@pytest.mark.slow
def test_no_other_chat_learns_that_the_operators_commands_exist(here):
    with running(here, "telegram:99"):
        wait_for(lambda: "On hold" in texts(here.telegram.messages, "99"))
        for number, word in enumerate(("dance", "held", "health", "retract 41", "approve 1 2", "reject 1 2"), start=1):
            here.telegram.say(f"/{word}", chat=43, user=43)
            wait_for(lambda n=number: sum(m.chat == "43" for m in here.telegram.messages) == n)
            answer = [m.text for m in here.telegram.messages if m.chat == "43"][-1]
            assert answer.startswith(
                (f"I don't know what to do with “{word}”.", f"“{word.split()[0]}” isn't a command I know.")
            )
            assert not any(verb in answer.replace(f"“{word}”", "") for verb in ("held", "health", "retract", "approve"))
        assert here.lines("held")


@pytest.mark.slow
def test_in_the_operators_group_only_administrators_rule(here):
    here.telegram.members["-99", "6"] = "administrator"
    with running(here, "telegram:-99"):
        wait_for(lambda: "On hold" in texts(here.telegram.messages, "-99"))
        (notice,) = [m for m in here.telegram.messages if m.chat == "-99"]
        press(here, notice, "Reject", chat=-99, user=5)
        here.telegram.say("/held", chat=-99, user=5)
        wait_for(lambda: "Only administrators" in texts(here.telegram.messages, "-99"))
        assert here.telegram.edits == []
        press(here, notice, "Reject", chat=-99, user=6)
        wait_for(lambda: here.telegram.edits)
        press(here, here.telegram.edits[-1], "Yes, reject it", chat=-99, user=6)
        wait_for(lambda: here.telegram.edits[-1].text.startswith("Rejected: "))
        assert [h["ruling"] for h in here.lines("held")] == ["rejected"]
        press(here, notice, "Approve", chat=-99, user=6)
        wait_for(lambda: here.telegram.edits[-1].text.startswith("That list was already rejected."))
        here.telegram.say("/health", chat=-99, user=6)
        wait_for(lambda: "Lists on hold: 1." in texts(here.telegram.messages, "-99"))


@pytest.mark.slow
def test_the_operator_retracts_a_change_in_a_topic_and_sees_first_what_readers_get(here):
    here.telegram.members["-77", "6"] = "administrator"
    with running(here, "telegram:-77:5"):
        wait_for(lambda: here.lines("held"))
        (held,) = here.lines("held")
        here.run("approve", held["id"])
        wait_for(lambda: all(s["due_at"] is None for s in here.lines("subscriptions")))
        seq = next(c["seq"] for c in here.lines("changes") if c["kind"] == "withdrawn")
        here.telegram.say(
            f"/retract {seq}", chat=-77, user=6, message_thread_id=5, is_topic_message=True, language="en"
        )
        wait_for(lambda: "Why is it wrong?" in texts(here.telegram.messages, "-77"))
        asked = next(m for m in here.telegram.messages if "Why is it wrong?" in m.text)
        assert "2 chats would be told (English 1, Spanish 1)." in asked.text
        assert list(keys_of(asked)) == ["We misread it", "ICE corrected its list", "Wrong agency", "Something else"]
        press(here, asked, "ICE corrected its list", chat=-77, user=6)
        wait_for(lambda: here.telegram.edits)
        sure = here.telegram.edits[-1]
        assert "Reason: ICE's list had an error, and ICE has corrected it." in sure.text
        assert "La lista de ICE tenía un error, e ICE ya lo corrigió." in sure.text
        press(here, sure, "Yes, retract and tell 2 chats", chat=-77, user=6)
        wait_for(lambda: "has corrected it." in texts(here.telegram.messages, "43"))
        wait_for(lambda: "ya lo corrigió." in texts(here.telegram.messages, "44"))
        press(here, sure, "Yes, retract and tell 2 chats", chat=-77, user=6)
        wait_for(lambda: here.telegram.edits[-1].text == f"Change {seq} was already retracted.")
    assert texts(here.telegram.messages, "45") == ""


@pytest.mark.slow
def test_on_slack_the_notice_has_buttons_and_the_second_press_approves(here):
    with running(here, "slack:C0000000OPS", SLACK_APP_TOKEN=here.slack.app_token):
        wait_for(lambda: "On hold" in texts(here.slack.messages, "C0000000OPS"))
        (notice,) = [m for m in here.slack.messages if m.chat == "C0000000OPS"]
        blocks = notice.arguments["blocks"]
        offered = dict(buttons_of(json.loads(blocks) if isinstance(blocks, str) else blocks))
        assert list(offered) == ["Approve", "Reject", "Details"]
        ada = Member(here.slack, "U0000000ADA")
        here.slack.from_thread(ada.presses("", channel="C0000000OPS", value=offered["Approve"]))
        wait_for(lambda: any("Yes, approve" in label for a in here.slack.answers for label, _ in a.buttons))
        here.slack.from_thread(ada.presses("Yes, approve and tell 2 chats", channel="C0000000OPS"))
        wait_for(lambda: "no longer on ICE" in texts(here.telegram.messages, "43"))
        here.slack.from_thread(ada.types("held", channel="C0000000OPS"))
        wait_for(lambda: any("Nothing is on hold." in a.text for a in here.slack.answers))
        here.slack.from_thread(ada.types("held", channel="C0123456789"))
        wait_for(lambda: any("“held” isn't" in a.text for a in here.slack.answers))
