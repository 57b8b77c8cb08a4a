"""The log as text and as JSON: no secrets in either, and every line names its subject."""

import json
import logging
from contextlib import suppress

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from bot.config.settings import load
from bot.observability.logs import Summary, set_up_logs

TOKEN = "12345678:AAF-not-a-token-of-anybody-0123456"


@pytest.fixture(autouse=True)
def _as_before():
    yield
    structlog.reset_defaults()
    logging.basicConfig(force=True)


def written(capsys, how="json", **more):
    """Set up the log as an operator does and return a function that reads what was logged since."""
    settings = load(folder=None, env={}).model_copy(update={"log": how, **more})
    set_up_logs(settings, quiet=False)
    return lambda: capsys.readouterr().err


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)


def test_json_is_one_object_per_line_with_the_time_first(capsys):
    said = written(capsys)
    structlog.get_logger().info("recorded", seq=2, agency='Sheriff\'s "Office"\nof Nuñez', at={1, 2}, state=None)
    (line,) = said().splitlines()
    assert list(json.loads(line))[:3] == ["timestamp", "level", "event"]
    assert json.loads(line)["agency"] == 'Sheriff\'s "Office"\nof Nuñez'
    assert json.loads(line)["seq"] == 2
    assert json.loads(line)["timestamp"].endswith("Z")


def test_every_line_during_a_delivery_names_the_subscription(capsys):
    said = written(capsys)
    with bound_contextvars(subscription="s7", channel="telegram"):
        structlog.get_logger().warning("flooded")
    structlog.get_logger().info("elsewhere")
    first, second = map(json.loads, said().splitlines())
    assert (first["subscription"], first["channel"]) == ("s7", "telegram")
    assert "subscription" not in second


@pytest.mark.parametrize("how", ["json", "text"])
def test_no_token_is_logged_at_any_depth(capsys, token, how):
    said = written(capsys, how)
    log = structlog.get_logger()
    log.warning("not sent", problem=f"https://api.example/bot{TOKEN}/send", deep={"list": [TOKEN, (TOKEN,)]})
    log.warning("an error", fault=ValueError(TOKEN))
    try:
        int(TOKEN)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("of %s", TOKEN)
    written_ = said()
    assert "invalid literal for int() with base 10: '***'" in written_.replace("\\", "")
    assert written_.count("***") >= 6
    assert TOKEN not in written_
    assert TOKEN.partition(":")[2] not in written_


def test_library_lines_are_json_too_with_their_traceback(capsys):
    said = written(capsys)
    try:
        int("why")
    except ValueError:
        logging.getLogger("library").exception("it failed")
    (line,) = map(json.loads, said().splitlines())
    assert (line["level"], line["event"], line["library"]) == ("error", "it failed", "library")
    assert "base 10: 'why'" in line["exception"]


def test_an_unknown_log_format_is_refused(monkeypatch):
    from bot.errors import ConfigError

    monkeypatch.setenv("COUNTERSIGN_LOG", "xml")
    with pytest.raises(ConfigError) as fault:
        load()
    assert "COUNTERSIGN_LOG" in fault.value.problems[0]


def test_lines_that_strangers_can_cause_are_summarized_once_a_minute():
    now = 0.0
    summary, passed = Summary(clock=lambda: now), []
    for event in [*["a flood"] * 1_000, "another"]:
        with suppress(structlog.DropEvent):
            passed.append(summary(None, "", {"event": event, "summarize": True}))
    assert passed == [{"event": "a flood"}, {"event": "another"}]
    now = 61.0
    assert summary(None, "", {"event": "a flood", "summarize": True}) == {
        "event": "a flood",
        "more_since_last_line": 999,
    }
    assert summary(None, "", {"event": "work failed"}) == {"event": "work failed"}, "all other lines stay"


def test_piped_lines_are_logfmt_with_quotes_only_where_they_are_needed(capsys):
    said = written(capsys, "text")
    structlog.get_logger().warning(
        "source not read",
        source="ice",
        problem='it said "no"\n\x1b[31m',
        n=3,
        of=["a", 1],
        empty="",
        in_words="For you.",
    )
    (line,) = said().splitlines()
    time, rest = line.split(" ", 1)
    assert time.startswith("timestamp=20")
    assert rest == (
        'level=warning event="source not read" source=ice problem="it said \\"no\\"\\n\\u001b[31m" n=3 of="[\\"a\\", 1]" '
        'empty=""'
    )


def test_json_has_no_field_that_is_for_the_terminal_only(capsys):
    said = written(capsys)
    structlog.get_logger().info("started", in_words="")
    assert "in_words" not in json.loads(said())
