"""A correction goes out as a reply to the message that was sent in error; the log keeps both changes."""

import pytest
from support.program import world
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
        made.run("poll")
        made.run("subscribe", "telegram", "42", "--states", "TX")
        made.run("subscribe", "telegram", "43", "--states", "OH")
        made.run("subscribe", "slack", "C0123456789", "--states", "all", "--cadence", "daily")
        made.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        made.run("poll")
        yield made


def bell(here) -> int:
    return next(c["seq"] for c in here.lines("changes") if "Bell" in c["agency"])


@pytest.mark.slow
def test_a_correction_goes_to_those_who_got_the_wrong_message_and_no_one_else(here):
    here.run("deliver")
    first = next(m for m in here.telegram.messages if m.chat == "42")
    here.run("retract", str(bell(here)), "--because", "ICE had listed the wrong county.")
    here.run("deliver")
    told = [m for m in here.telegram.messages if m.chat == "42"][1:]
    assert [m.chat for m in here.telegram.messages].count("43") == 1
    (correction,) = told
    assert correction.text.startswith("Correction: our alert about ")
    assert "Bell County Sheriff's Office, Warrant Service Officer, Texas: new on ICE's list" in correction.text
    assert "Reason: ICE had listed the wrong county." in correction.text
    assert str(first.message_id) in str(correction.arguments["reply_parameters"])
    kinds = [c["kind"] for c in here.lines("changes") if "Bell" in c["agency"]]
    assert kinds == ["signed", "retracted"]
    here.run("deliver")
    assert len(here.telegram.messages) == 3


def test_a_change_retracted_before_delivery_is_never_sent(here):
    here.run("retract", str(bell(here)), "--because", "It was a slip.")
    here.run("deliver")
    assert [m.chat for m in here.telegram.messages] == ["43"]
    assert here.slack.messages == []


def test_a_change_is_retracted_once_and_only_with_a_reason(here):
    seq = str(bell(here))
    assert "Give the reason" in here.run("retract", seq, "--because", " ", expect=2).stderr
    assert "doesn't exist" in here.run("retract", "1", "--because", "x", expect=2).stderr
    here.run("retract", seq, "--because", "It was a slip.")
    assert "already" in here.run("retract", seq, "--because", "It was a slip.", expect=2).stderr


def test_a_dry_run_says_how_many_chats_would_read_what_and_retracts_nothing(here):
    here.run("subscribe", "telegram", "44", "--states", "TX", "--language", "es")
    here.run("deliver")
    words = ("--reason", "misread", "--because", "The clerk's row was shifted.")
    said = here.run("retract", str(bell(here)), *words, "--dry-run").stdout
    assert "1 chat would be told (1 in en)." in said
    assert "Reason: We misread a row on ICE's list. The clerk's row was shifted." in said
    assert [c["kind"] for c in here.lines("changes") if "Bell" in c["agency"]] == ["signed"]
    here.run("retract", str(bell(here)), *words)
    here.run("deliver")
    assert "We misread a row on ICE's list." in [m for m in here.telegram.messages if m.chat == "42"][-1].text
    assert "44" not in [m.chat for m in here.telegram.messages]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--reason misread"),
        (("--because", ""), "--because is empty"),
        (("--reason", "misread", "--because-es", " "), "--because-es is empty"),
        (("--reason", "other"), "--because"),
        (("--reason", "bored"), "isn't a reason"),
    ],
)
def test_a_retraction_without_a_real_reason_is_refused_in_words(here, words, said):
    assert said in here.run("retract", str(bell(here)), *words, expect=2).stderr
