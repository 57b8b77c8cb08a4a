"""Environment variables and files that hold no text, and addresses that no program could request."""

import pytest
from support.bad_addresses import UNUSABLE

from bot.config import catalog
from bot.config.settings import load
from bot.errors import ConfigError

NAMES = ["COUNTERSIGN_DATA", "COUNTERSIGN_SECRET_KEY", "COUNTERSIGN_BROADCAST", "PORT", "SENTRY_DSN", "SLACK_CLIENT_ID"]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_is_not_utf_8_is_named_and_not_quoted(name, monkeypatch, tmp_path):
    monkeypatch.setenv(name, "secret\udcff")
    with pytest.raises(ConfigError) as caught:
        load(folder=tmp_path)
    assert caught.value.problems == (f"{name}: it contains bytes that aren't UTF-8; type it again",)


@pytest.mark.parametrize("value", ["[", "nonsense", '[{"channel":', "\x01"])
def test_a_broadcast_that_is_not_json_is_a_sentence(value, monkeypatch, tmp_path):
    monkeypatch.setenv("COUNTERSIGN_BROADCAST", value)
    with pytest.raises(ConfigError, match=r"^COUNTERSIGN_BROADCAST: it isn't valid JSON"):
        load(folder=tmp_path)


WEB = [address for address in UNUSABLE if address.startswith(("http://", "https://")) and "://" in address]


@pytest.mark.parametrize("address", WEB)
def test_an_unusable_address_in_a_setting_or_the_catalog_is_named(address, monkeypatch, tmp_path):
    monkeypatch.setenv("COUNTERSIGN_PUBLIC_URL", address)
    with pytest.raises(ConfigError, match=r"^COUNTERSIGN_PUBLIC_URL: "):
        load(folder=tmp_path)
    (tmp_path / "NC.toml").write_text(f'["Nash County"]\nkind = "page"\naddress = {address!r}\nzone = "UTC"\n')
    with pytest.raises(ConfigError, match=r"NC.toml:3: Nash County: address must"):
        catalog.places(tmp_path)


def test_the_password_of_a_database_is_a_secret_wherever_it_stands(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter%202@db/x")
    assert "hunter 2" in load(folder=tmp_path).secrets
    monkeypatch.setenv("DATABASE_URL", "postgresql:///n?password=hunter2&host=/x")
    assert "hunter2" in load(folder=tmp_path).secrets
