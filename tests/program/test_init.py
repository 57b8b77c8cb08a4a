"""`countersign init`: it asks, checks, writes .env and sends a test message; and no token is ever printed."""

import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.loopback.slack import APP_TOKEN
from support.loopback.telegram import TOKEN, unknown_chat
from support.program import PROGRAM, bare_env, row, typed_in, world
from support.terminal import on_terminal

WRONG = "110201543:AAH-not-the-token-of-this-bot-0000"
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("first.xlsx", [row("TEXAS", "Alvin Police Department")], at=datetime(2026, 1, 1, tzinfo=UTC))
        (tmp_path / "home").mkdir()
        made.home = tmp_path / "home"
        yield made


def env_of(here, **more) -> dict[str, str]:
    apis = {"TELEGRAM_API_URL": here.telegram.url, "SLACK_API_URL": here.slack.url, "PYTHONPATH": ROOT}
    return bare_env(here.home, COUNTERSIGN_ICE_URL=here.ice.url, TERM="dumb", **apis) | more


def init(here, *words, expect=0, **env):
    done = typed_in(here.home, "init", *words, expect=expect, **env_of(here, **env))
    for token in (here.telegram.token, here.slack.token, APP_TOKEN, WRONG):
        assert token not in done.stdout + done.stderr
    return done.stderr


def written(here) -> str:
    path = here.home / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text()


def test_everything_can_be_given_and_run_reads_what_was_written(here):
    said = init(
        here, "--platform", "telegram", "--operator", "telegram:42", "--contact", "a@example.org",
        TELEGRAM_BOT_TOKEN=here.telegram.token,
    )  # fmt: skip
    assert "@countersign_bot" in said
    assert "Sent a test message to telegram:42." in said
    assert "ICE answers." in said
    assert here.telegram.told(42)[0].startswith("A test message from Countersign")
    assert written(here) == (
        f"TELEGRAM_BOT_TOKEN={TOKEN}\nCOUNTERSIGN_OPERATOR=telegram:42\nCOUNTERSIGN_CONTACT=a@example.org\n"
    )
    done = typed_in(here.home, "test", "telegram", "42", **env_of(here))
    assert TOKEN not in done.stdout + done.stderr
    assert len(here.telegram.told(42)) == 2


def test_without_a_terminal_the_missing_answers_are_named_as_options(here):
    said = init(here, "--platform", "both", expect=2)
    for option in ("--telegram-token -", "SLACK_BOT_TOKEN", "--operator", "--contact"):
        assert option in said
    assert not (here.home / ".env").exists()


@pytest.mark.parametrize("platform", ["pigeon", "", "telegram,slak"])
def test_a_platform_that_does_not_exist_is_a_clear_sentence(here, platform):
    assert "--platform telegram, slack, both or none" in init(here, "--platform", platform, expect=2)


def test_a_rejected_token_writes_nothing(here):
    options = ("--platform", "telegram", "--operator", "none", "--contact", "none")
    said = init(here, *options, expect=1, TELEGRAM_BOT_TOKEN=WRONG)
    assert "Telegram doesn't know this token" in said
    assert not (here.home / ".env").exists()


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-000000-wrong"}, "doesn't accept this bot token (invalid_auth)"),
        ({"SLACK_BOT_TOKEN": APP_TOKEN}, "begins with xoxb-, and numbers and letters follow. It's Slack's app token."),
        ({"SLACK_BOT_TOKEN": TOKEN}, "It's Telegram's bot token."),
        ({"SLACK_BOT_TOKEN": "xoxb-short"}, "That isn't Slack's bot token"),
        ({"SLACK_BOT_TOKEN": "xoxb-loopback-0000000000", "SLACK_APP_TOKEN": "xapp-000000-wrong"}, "this app token"),
        ({"SLACK_BOT_TOKEN": "xoxb- two words"}, "copy it again"),
    ],
)
def test_each_slack_token_is_checked_and_the_wrong_one_is_named(here, tokens, said):
    options = ("--platform", "slack", "--operator", "none", "--contact", "none")
    expect = 2 if "two words" in tokens["SLACK_BOT_TOKEN"] else 1
    assert said in init(here, *options, expect=expect, **tokens)


@pytest.mark.slow
def test_offline_the_token_is_written_unverified_and_that_is_said(here):
    options = ("--platform", "telegram", "--operator", "telegram:42", "--contact", "none")
    nowhere = {"TELEGRAM_API_URL": "http://127.0.0.1:1/bot", "COUNTERSIGN_ICE_URL": "http://127.0.0.1:1/287g"}
    said = init(here, *options, TELEGRAM_BOT_TOKEN=TOKEN, **nowhere)
    assert "aren't verified" in said
    assert "Is this machine online?" in said
    assert f"TELEGRAM_BOT_TOKEN={TOKEN}" in written(here)


def test_other_lines_stay_and_a_value_is_replaced_only_when_that_is_said(here):
    before = "# mine\nPOSTGRES_PASSWORD=x\nCOUNTERSIGN_CONTACT='old@example.org' # who\n"
    (here.home / ".env").write_text(before)
    options = ("--platform", "none", "--contact", "new@example.org", "--no-check")
    assert "add --replace" in init(here, *options, expect=2)
    assert (here.home / ".env").read_text() == before
    init(here, *options, "--replace")
    assert written(here) == "# mine\nPOSTGRES_PASSWORD=x\nCOUNTERSIGN_CONTACT=new@example.org # who\n"


def test_a_value_that_the_environment_overrides_is_written_and_said(here):
    options = ("--platform", "none", "--contact", "new@example.org", "--no-check")
    said = init(here, *options, COUNTERSIGN_CONTACT="old@example.org")
    assert "The environment also sets COUNTERSIGN_CONTACT, and it wins over .env." in said
    assert "new@example.org" in written(here)


def test_a_broken_line_is_named_by_its_number_and_nothing_is_written(here):
    (here.home / ".env").write_text(f"COUNTERSIGN_CONTACT=a\nTELEGRAM_BOT_TOKEN: {WRONG}\n")
    assert ".env:2: it must look like NAME=VALUE" in init(here, "--platform", "none", "--contact", "b", expect=2)


@pytest.mark.parametrize("value", ["me", "telegram:", "pigeon:1", "slack:general"])
def test_an_operator_that_cannot_be_a_chat_is_refused_before_anything_is_written(here, value):
    options = ("--platform", "telegram", "--operator", value, "--contact", "none")
    init(here, *options, expect=2, TELEGRAM_BOT_TOKEN=TOKEN)
    assert not (here.home / ".env").exists()


def test_a_chat_that_refuses_the_test_message_is_said_and_counts_as_failed(here):
    here.telegram.script(42, unknown_chat())
    options = ("--platform", "telegram", "--operator", "telegram:42", "--contact", "none")
    said = init(here, *options, expect=1, TELEGRAM_BOT_TOKEN=TOKEN)
    assert "No test message to telegram:42. Not sent" in said
    assert "Open that chat, and let the bot in or press Start." in said
    assert TOKEN in written(here)


def test_a_test_message_that_finds_no_connection_gets_no_advice_about_the_chat(here):
    options = ("--platform", "telegram", "--operator", "slack:C024BE91L", "--contact", "none")
    nowhere = {"SLACK_API_URL": "http://127.0.0.1:1/api/", "SLACK_BOT_TOKEN": here.slack.token}
    said = init(here, *options, expect=1, TELEGRAM_BOT_TOKEN=TOKEN, **nowhere)
    assert "No test message to slack:C024BE91L. Not sent: Slack can't be reached" in said
    assert "may have" not in said
    assert "Open that chat" not in said


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 429])
def test_when_ice_refuses_the_relay_is_offered_and_its_secret_is_never_shown(here, status):
    here.ice.answer("/identify-and-arrest/287g", status)
    options = ("--platform", "none", "--contact", "none")
    said = init(here, *options)
    assert "refuses this machine" in said
    assert "init --relay" in said
    said = init(here, *options, "--relay", COUNTERSIGN_PUBLIC_URL="https://bot.example.org")
    secret = written(here).strip().partition("=")[2]
    assert len(secret) == 64
    assert secret not in said
    assert "countersign relay --to https://bot.example.org" in said
    init(here, *options, "--relay")
    assert secret in written(here)


@pytest.mark.slow
def test_at_a_terminal_it_asks_again_after_a_wrong_token_and_finds_the_persons_own_chat(here):
    here.telegram.say("/start", chat=42, user=42)
    here.telegram.script(42, unknown_chat(), None)
    with on_terminal([*PROGRAM, "init"], env_of(here), here.home) as terminal:
        terminal.answer("Which? telegram, slack, both or none [none]:", "telgram")
        terminal.wait_for("Did you mean telegram?")
        terminal.answer("Which?", "telegram")
        terminal.answer("bot token (not shown):", WRONG)
        terminal.wait_for("Telegram doesn't know this token")
        terminal.answer("bot token (not shown):", TOKEN)
        terminal.wait_for("@countersign_bot")
        terminal.answer("Your chat", "find")
        terminal.answer("Is this you: Ada (42)?", "y")
        terminal.answer("An email address or a URL", "desk\u00e9@example.org")
        terminal.wait_for("it must be one short line of plain characters".capitalize())
        terminal.answer("An email address or a URL", "desk@example.org")
        terminal.wait_for("No test message to telegram:42")
        terminal.answer("Try again?", "y")
        terminal.wait_for("Sent a test message to telegram:42.")
        assert terminal.ended() == 0
    assert TOKEN not in terminal.raw
    assert WRONG not in terminal.raw
    assert "COUNTERSIGN_OPERATOR=telegram:42" in written(here)


@pytest.mark.slow
def test_ctrl_c_at_a_question_writes_nothing(here):
    with on_terminal([*PROGRAM, "init"], env_of(here), here.home) as terminal:
        terminal.answer("Which?", "telegram")
        terminal.wait_for("bot token (not shown):")
        terminal.interrupt()
        terminal.wait_for("Stopped. Nothing was written.")
        assert terminal.ended() == 130
    assert not (here.home / ".env").exists()


def test_at_a_terminal_enter_keeps_what_is_there_and_no_keeps_it_from_being_replaced(here):
    (here.home / ".env").write_text(f"SLACK_BOT_TOKEN={here.slack.token}\nCOUNTERSIGN_CONTACT=a@example.org\n")
    with on_terminal([*PROGRAM, "init", "--no-check"], env_of(here), here.home) as terminal:
        terminal.answer("Which? telegram, slack, both or none [slack]:", "")
        terminal.answer("(Enter keeps the one in .env):", "")
        terminal.answer("app token (Enter leaves it out):", "")
        terminal.wait_for("people can't type commands there")
        terminal.answer("Your chat", "https://newsroom.slack.com/archives/C024BE91L")
        terminal.answer("An email address or a URL", "b@example.org")
        terminal.answer("Replace?", "n")
        assert terminal.ended() == 0
    assert written(here) == (
        f"SLACK_BOT_TOKEN={here.slack.token}\nCOUNTERSIGN_CONTACT=a@example.org\nCOUNTERSIGN_OPERATOR=slack:C024BE91L\n"
    )
    assert here.slack.token not in terminal.raw


@pytest.mark.slow
def test_tokens_come_from_the_standard_input_one_a_line(here):
    options = ["--platform", "both", "--telegram-token", "-", "--slack-token", "-", "--slack-app-token", "-"]
    done = subprocess.run(
        [*PROGRAM, "init", *options, "--operator", "slack:C024BE91L", "--contact", "none"],
        input=f"{TOKEN}\n{here.slack.token}\n{APP_TOKEN}\n", env=env_of(here), cwd=here.home,
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert TOKEN not in done.stdout + done.stderr
    assert here.slack.told("C024BE91L")
    assert written(here).count("\n") == 4


@pytest.mark.parametrize("quotes", ['"{}"', "'{}'", " `{}`\t"])
def test_the_quotes_and_spaces_copied_with_a_token_are_left_out(here, quotes):
    options = ["--platform", "telegram", "--operator", "none", "--contact", "none"]
    init(here, *options, f"--telegram-token={quotes.format(here.telegram.token)}")
    assert written(here) == f"TELEGRAM_BOT_TOKEN={TOKEN}\n"


@pytest.mark.parametrize(
    "pasted",
    [
        "TELEGRAM_BOT_TOKEN={}", 'export TELEGRAM_BOT_TOKEN="{}"', "token={}", "Token: {}.", "bot{}", "Bearer {}",
        "Use this token to access the HTTP API: {} Keep your token secure", "https://api.telegram.org/bot{}/getMe",
    ],
)  # fmt: skip
def test_a_token_is_found_in_what_was_copied_with_it(here, pasted):
    options = ["--platform", "telegram", "--operator", "none", "--contact", "none", "--no-check"]
    init(here, *options, f"--telegram-token={pasted.format(TOKEN)}")
    assert written(here) == f"TELEGRAM_BOT_TOKEN={TOKEN}\n"


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("12345", 1), ("110201543:short", 1), ("hello", 1), ("110201543 AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", 2),
        ("110201543:" + "ä" * 35, 2), (f"{TOKEN} or 110201544:{TOKEN[10:]}", 2),
    ],
)  # fmt: skip
def test_what_cannot_be_a_token_is_never_written_though_nothing_is_asked(here, pasted, code):
    options = ["--platform", "telegram", "--operator", "none", "--contact", "none", "--no-check"]
    said = init(here, *options, f"--telegram-token={pasted}", expect=code)
    assert pasted not in said
    assert not (here.home / ".env").exists()


def test_closed_standard_streams_are_like_empty_ones(here):
    command = [*PROGRAM, "init", "--platform", "telegram", "--telegram-token", "-", "--no-check"]
    script = 'exec "$@" <&- >&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command], env=env_of(here), cwd=here.home, stderr=subprocess.PIPE, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, "has no line for TELEGRAM_BOT_TOKEN" in done.stderr) == (2, True), done.stderr
