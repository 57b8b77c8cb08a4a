"""Only the time zones of the tzdata package are accepted, wherever a person or a file names one."""

from datetime import UTC, datetime
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from bot.channels.slack.views import Form
from bot.config import catalog, settings
from bot.domain.chat import parser
from bot.domain.chat.parser import Misunderstood
from bot.domain.language import Language
from bot.domain.subscription import Cadence, Filter, Subscription
from bot.domain.text.wording import Wording
from bot.domain.time_zones import is_zone, zone_names, zone_or_utc
from bot.errors import ConfigError

HERE_ONLY = ["localtime", "Factory", "posixrules", "posix/America/Chicago", "right/America/Chicago", "leapseconds"]


def test_every_zone_that_is_accepted_comes_with_the_package():
    for name in zone_names():
        assert resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).is_file(), name
        assert ZoneInfo(name)
    assert {"America/Chicago", "UTC", "US/Central", "Pacific/Guam"} <= zone_names()


@pytest.mark.parametrize("name", [*HERE_ONLY, "../UTC", "/etc/localtime", "america/chicago", "", " UTC", "zone.tab"])
def test_a_zone_that_only_this_host_knows_is_no_zone(name):
    assert not is_zone(name)
    assert zone_or_utc(name) == ZoneInfo("UTC")


@pytest.mark.parametrize("name", HERE_ONLY)
def test_a_chat_a_catalog_and_the_settings_refuse_it(name, tmp_path):
    with pytest.raises(Misunderstood):
        parser.zone(name)
    with pytest.raises(Misunderstood):
        parser.when(f"daily 8:00 {name}")
    (tmp_path / "NC.toml").write_text(f'["Nash"]\nkind = "page"\naddress = "https://nash.example"\nzone = "{name}"\n')
    with pytest.raises(ConfigError, match="isn't a time zone"):
        catalog.places(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/countersign.toml").write_text(
        f'[[broadcast]]\nchannel = "telegram"\naddress = "@texas"\ntz = "{name}"\n'
    )
    with pytest.raises(ConfigError, match="isn't a time zone; use a name such as America/Chicago"):
        settings.load(env={}, folder=tmp_path)


def test_a_form_for_a_chat_with_such_a_zone_offers_the_persons_own():
    stored = Subscription(
        id="s1", channel="slack", address="C1", filter=Filter(), cadence=Cadence.DAILY, tz="localtime"
    )
    form = Form(
        language=Language.ENGLISH,
        zone="America/Denver",
        conversation="C1",
        subscription=stored,
        now=datetime(2026, 11, 24, 18, 5, tzinfo=UTC),
    )
    assert '"localtime"' not in str(form.view()).replace("'", '"')
    assert stored.wakes_at is None


def test_words_about_a_stored_zone_that_is_unknown_are_in_utc():
    moment = datetime(2026, 11, 24, 18, 5, tzinfo=UTC)
    assert Wording(Language.ENGLISH, "localtime").moment(moment) == Wording(Language.ENGLISH, "UTC").moment(moment)
