"""The log: for people or one object a line, no secret in either, and each line says what it is about."""

import json
import logging

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from bot.config.settings import load
from bot.observability.logs import set_up_logs

TOKEN = "12345678:AAF-not-a-token-of-anybody-0123456"


@pytest.fixture(autouse=True)
def _as_before():
    yield
    structlog.reset_defaults()
    logging.basicConfig(force=True)


def written(capsys, how="json", **more):
    """Set up as an operator does; what has been written since, as text."""
    settings = load(folder=None, env={}).model_copy(update={"log": how, **more})
    set_up_logs(settings, quiet=False)
    return lambda: capsys.readouterr().err


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)


def test_json_is_one_object_a_line_with_its_time_first_whatever_is_in_it(capsys):
    said = written(capsys)
    structlog.get_logger().info("recorded", seq=2, agency='Sheriff\'s "Office"\nof Nuñez', at={1, 2}, state=None)
    (line,) = said().splitlines()
    assert list(json.loads(line))[:3] == ["timestamp", "level", "event"]
    assert json.loads(line)["agency"] == 'Sheriff\'s "Office"\nof Nuñez'
    assert json.loads(line)["seq"] == 2
    assert json.loads(line)["timestamp"].endswith("Z")


def test_a_line_from_anywhere_in_a_delivery_says_which_subscription_it_is_about(capsys):
    said = written(capsys)
    with bound_contextvars(subscription="s7", channel="telegram"):
        structlog.get_logger().warning("flooded")
    structlog.get_logger().info("elsewhere")
    first, second = map(json.loads, said().splitlines())
    assert (first["subscription"], first["channel"]) == ("s7", "telegram")
    assert "subscription" not in second


@pytest.mark.parametrize("how", ["json", "text"])
def test_no_token_is_written_however_deep_it_lies(capsys, token, how):
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


def test_a_line_of_a_library_is_json_too_with_its_traceback(capsys):
    said = written(capsys)
    try:
        int("why")
    except ValueError:
        logging.getLogger("library").exception("it failed")
    (line,) = map(json.loads, said().splitlines())
    assert (line["level"], line["event"], line["library"]) == ("error", "it failed", "library")
    assert "base 10: 'why'" in line["exception"]


def test_a_form_of_the_log_that_there_is_not_is_refused(monkeypatch):
    from bot.errors import ConfigError

    monkeypatch.setenv("COUNTERSIGN_LOG", "xml")
    with pytest.raises(ConfigError) as fault:
        load()
    assert "COUNTERSIGN_LOG" in fault.value.problems[0]
