"""Settings for a demonstration, which come from arguments alone."""

import pytest
from pydantic import ValidationError

from bot.config.settings import Settings, settings_of
from bot.domain.source_status import ICE


def test_neither_the_environment_nor_the_settings_file_is_read(monkeypatch, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "countersign.toml").write_text('contact = "desk@example.org"\nsources = ["local"]\n')
    monkeypatch.chdir(tmp_path)
    others = {
        "TELEGRAM_BOT_TOKEN": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
        "DATABASE_URL": "postgresql:///nothing",
        "COUNTERSIGN_POLL_SECONDS": "never",
        "COUNTERSIGN_OPERATOR": "nobody",
        "PORT": "99999999",
    }
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    settings = settings_of({"COUNTERSIGN_SOURCES": "ice", "COUNTERSIGN_DATA": str(tmp_path)})
    assert (settings.sources, settings.data) == ((ICE,), tmp_path)
    assert (settings.contact, settings.database_url, settings.operator, settings.port) == (None, None, None, None)
    assert settings.poll_seconds == Settings.model_fields["poll_seconds"].default
    assert settings.telegram_bot_token is None


def test_channels_settings_can_be_given_and_are_checked():
    token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"  # the example in Telegram's documentation
    assert settings_of({"TELEGRAM_BOT_TOKEN": token}).telegram_bot_token.get_secret_value() == token
    with pytest.raises(ValidationError):
        settings_of({"TELEGRAM_API_URL": "https://telegram.example/"})
