"""Unexpected errors go to a loopback Sentry, without secrets, addresses or variables."""

import builtins
import json
import sys
from importlib.util import find_spec

import pytest
import structlog
from aiohttp import web
from support.loopback.server import LoopbackServer

from bot.config.settings import load
from bot.errors import ConfigError
from bot.observability.logs import set_up_logs
from bot.observability.sentry import MISSING, reporter, scrubbed

TOKEN = "12345678:AAF-not-a-token-of-anybody-0123456"
needs_sentry = pytest.mark.skipif(find_spec("sentry_sdk") is None, reason="the extra `sentry` is not installed")


class LoopbackSentry(LoopbackServer):
    """Keeps the envelopes it gets, as text."""

    def __init__(self):
        super().__init__()
        self.envelopes = []

    async def respond(self, request):
        self.envelopes.append(await request.text())
        return web.json_response({"id": "1"})


def fail(chat):
    raise ValueError(f"chat {chat} at C0123456789 of desk@example.org: https://x.example/bot{TOKEN}/send {TOKEN}")


@pytest.fixture(autouse=True)
def _as_before():
    yield
    structlog.reset_defaults()
    if "sentry_sdk" in sys.modules:
        sys.modules["sentry_sdk"].init(dsn=None)


@needs_sentry
def test_a_logged_error_arrives_scrubbed(monkeypatch):
    with LoopbackSentry().run_in_thread() as sentry:
        monkeypatch.setenv("SENTRY_DSN", sentry.base.replace("http://", "http://publickey@") + "/42")
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
        settings = load()
        send = reporter(settings)
        set_up_logs(settings, quiet=True, also=(send,))
        log = structlog.get_logger()
        log.warning("no error at all", problem="x")
        try:
            fail(-1001234567890)
        except ValueError:
            log.exception("failed", work="subscription s1")
        send.flush()
    (envelope,) = sentry.envelopes
    event = json.loads(envelope.splitlines()[2])
    error = event["exception"]["values"][0]
    assert error["type"] == "ValueError"
    assert error["value"] == "chat <id> at <id> of <e-mail>: <address> ***"
    frames = error["stacktrace"]["frames"]
    assert frames[-1]["function"] == "fail"
    assert not [frame for frame in frames if "vars" in frame or "abs_path" in frame or "context_line" in frame]
    for secret in (TOKEN, "100123", "C0123456789", "desk@", "publickey@"):
        assert secret not in json.dumps(event), secret
    assert not event.keys() & {"breadcrumbs", "user", "request", "server_name", "contexts", "extra", "modules"}


@needs_sentry
def test_a_malformed_dsn_is_refused_without_repeating_it(monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", "not-a-dsn-but-secret")
    with pytest.raises(ConfigError) as fault:
        reporter(load())
    assert "SENTRY_DSN" in fault.value.problems[0]
    assert "secret" not in fault.value.problems[0]


def test_without_the_package_the_log_says_what_to_do_and_the_program_goes_on(monkeypatch, capsys):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("sentry_sdk"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setenv("SENTRY_DSN", "http://key@127.0.0.1:9/1")
    settings = load()
    set_up_logs(settings, quiet=True)
    monkeypatch.setattr(builtins, "__import__", without)
    assert reporter(settings) is None
    assert MISSING in capsys.readouterr().err


def test_without_a_dsn_nothing_is_imported(monkeypatch):
    monkeypatch.delenv("SENTRY_DSN", raising=False)
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    assert reporter(load()) is None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("xoxb-1234-abcd refused", "<token> refused"),
        ("no chat @the_channel", "no chat <id>"),
        ("T0123ABCD/C0123ABCD is archived", "<id>/<id> is archived"),
        ("mailto://user:password@example.org failed", "<address> failed"),
        ("line 1234 of 287(g), part 2", "line 1234 of 287(g), part 2"),
    ],
)
def test_anything_that_identifies_a_chat_is_removed_and_the_rest_stays(text, left):
    assert scrubbed({"message": text, "user": {"id": 1}}, ()) == {"message": left}
