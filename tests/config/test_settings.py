"""The settings: from a file and the environment, every problem at once, with the place where it was set."""

import pytest

from bot.config.settings import load, notices
from bot.errors import ConfigError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith(("COUNTERSIGN_", "TELEGRAM_", "SLACK_")) or name in {"PORT", "DATABASE_URL"}:
            monkeypatch.delenv(name)
    (tmp_path / "config").mkdir()
    return tmp_path


def written(folder, text: str):
    (folder / "config" / "countersign.toml").write_text(text)
    return folder


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(folder, monkeypatch):
    written(folder, "poll_seconds = 60\nhost_gap = 2\n")
    monkeypatch.setenv("COUNTERSIGN_POLL_SECONDS", "30")
    settings = load(folder=folder)
    assert (settings.poll_seconds, settings.host_gap, settings.stale_hours) == (30, 2, 6)


def test_every_problem_is_listed_with_its_file_and_line_or_its_variable(folder, monkeypatch):
    written(folder, 'contact = "you@example.org"\npoll_seconds = "soon"\npol_seconds = 3\ntelegram_bot_token = "1:x"\n')
    monkeypatch.setenv("COUNTERSIGN_OPERATOR", "me")
    monkeypatch.setenv("PORT", "99999")
    with pytest.raises(ConfigError) as fault:
        load(folder=folder)
    said = "\n".join(fault.value.problems)
    assert "countersign.toml:2: poll_seconds: " in said
    assert "countersign.toml:3: pol_seconds cannot be set here; did you mean poll_seconds?" in said
    assert (
        "countersign.toml:4: telegram_bot_token cannot be set here; secrets are read from the environment alone" in said
    )
    assert "COUNTERSIGN_OPERATOR: it must be telegram: or slack:" in said
    assert "PORT: " in said
    assert "1:x" not in said


def test_a_file_that_is_no_toml_is_said_with_the_line(folder):
    written(folder, "poll_seconds = = 3\n")
    with pytest.raises(ConfigError, match=r"line 1"):
        load(folder=folder)


def test_a_broadcast_table_is_read_and_a_wrong_one_named(folder):
    written(folder, '[[broadcast]]\nchannel = "telegram"\naddress = "@texas"\nstates = ["TX", "OK"]\n')
    assert load(folder=folder).broadcast[0].settings["states"] == "TX,OK"
    written(folder, '[[broadcast]]\nchannel = "pigeon"\naddress = "@texas"\n')
    with pytest.raises(ConfigError, match=r"countersign.toml:1: broadcast: table 1, channel: "):
        load(folder=folder)


def test_an_empty_variable_is_no_variable(folder, monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "")
    assert load(folder=folder).telegram_bot_token is None


@pytest.mark.parametrize(
    "url",
    [
        "postgres://user:hunter2@db.example:5432/x",
        "postgresql://user:hunter2@db/x?sslmode=require",
        "postgresql:///x?host=/run/socket",
    ],
)
def test_a_database_is_taken_as_hosts_give_it_and_its_password_is_a_secret(folder, monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    settings = load(folder=folder)
    assert settings.database_url.get_secret_value() == url
    assert url in settings.secrets
    assert ("hunter2" in settings.secrets) == ("hunter2" in url)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("url", ["mysql://user:hunter2@db/x", "hunter2", "postgres://u:hunter2@db/x?ssl=1&hunter2"])
def test_another_database_is_refused_with_the_form_that_is_taken(folder, monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigError, match=r"DATABASE_URL: .*postgresql:///name\?host=/folder") as fault:
        load(folder=folder)
    assert "hunter2" not in str(fault.value)


def test_secrets_are_shown_nowhere(folder, monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123:hunter2")
    assert "hunter2" not in repr(load(folder=folder))


def test_what_is_probably_not_meant_is_said(folder):
    said = "\n".join(notices(load(folder=folder), env={"COUNTERSIGN_POL_SECONDS": "3", "SLACK_BOT_TOKENS": "x"}))
    assert "COUNTERSIGN_CONTACT is not set" in said
    assert "did you mean COUNTERSIGN_POLL_SECONDS?" in said
    assert "did you mean SLACK_BOT_TOKEN?" in said
