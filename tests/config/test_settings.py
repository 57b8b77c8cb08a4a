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
    assert "countersign.toml:3: pol_seconds can't be set here; did you mean poll_seconds?" in said
    assert (
        "countersign.toml:4: telegram_bot_token can't be set here; secrets are read from the environment only, "
        "this one as TELEGRAM_BOT_TOKEN" in said
    )
    assert "COUNTERSIGN_OPERATOR: it must be slack: or telegram: and an id" in said
    assert "PORT: " in said
    assert "1:x" not in said


def test_a_file_that_is_not_toml_is_reported_with_the_line(folder):
    written(folder, "poll_seconds = = 3\n")
    with pytest.raises(ConfigError, match=r"line 1"):
        load(folder=folder)


def test_a_broadcast_table_is_read_and_a_wrong_one_is_named(folder):
    written(folder, '[[broadcast]]\nchannel = "telegram"\naddress = "@texas"\nstates = ["TX", "OK"]\n')
    assert load(folder=folder).broadcast[0].settings["states"] == "TX,OK"
    written(folder, '[[broadcast]]\nchannel = "pigeon"\naddress = "@texas"\n')
    with pytest.raises(
        ConfigError, match=r"countersign.toml:1: broadcast: table 1, channel: it must be slack or telegram"
    ):
        load(folder=folder)


def test_an_empty_variable_counts_as_unset(folder, monkeypatch):
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
def test_a_database_address_is_accepted_as_hosts_give_it_and_its_password_is_a_secret(folder, monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    settings = load(folder=folder)
    assert settings.database_url.get_secret_value() == url
    assert url in settings.secrets
    assert ("hunter2" in settings.secrets) == ("hunter2" in url)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("url", ["mysql://user:hunter2@db/x", "hunter2", "postgres://u:hunter2@db/x?ssl=1&hunter2"])
def test_any_other_database_address_is_rejected_with_the_form_to_use(folder, monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigError, match=r"DATABASE_URL: .*postgresql:///name\?host=/folder") as fault:
        load(folder=folder)
    assert "hunter2" not in str(fault.value)


def test_no_secret_appears_in_a_repr(folder, monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123:hunter2")
    assert "hunter2" not in repr(load(folder=folder))


def test_probable_mistakes_are_pointed_out(folder):
    said = "\n".join(notices(load(folder=folder), env={"COUNTERSIGN_POL_SECONDS": "3", "SLACK_BOT_TOKENS": "x"}))
    assert "COUNTERSIGN_CONTACT isn't set" in said
    assert "Did you mean COUNTERSIGN_POLL_SECONDS?" in said
    assert "Did you mean SLACK_BOT_TOKEN?" in said


def test_an_incomplete_slack_oauth_setup_is_pointed_out_with_what_is_missing(folder, monkeypatch):
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "hush")
    (said,) = [line for line in notices(load(folder=folder), env={}) if "Slack" in line]
    assert said.endswith("SLACK_CLIENT_SECRET, COUNTERSIGN_SECRET_KEY, COUNTERSIGN_PUBLIC_URL.")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("TELEGRAM_API_URL", "https://api.telegram.org", "it must end in /bot"),
        ("SLACK_API_URL", "https://slack.com/api", "it must end in a slash"),
        ("SLACK_API_URL", "slack.com/api/", "it must be an address that begins with https://"),
        ("SLACK_APP_TOKEN", "xapp 1", "it contains a space"),
        ("COUNTERSIGN_PUBLIC_URL", "https://user:hunter2@bot.example", "contains no password"),
    ],
)
def test_the_settings_of_channels_are_checked(folder, monkeypatch, name, value, problem):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as fault:
        load(folder=folder)
    (said,) = fault.value.problems
    assert said.startswith(f"{name}: ")
    assert problem in said
    assert "hunter2" not in said


def test_trusted_proxies_are_addresses_or_networks(folder, monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_TRUSTED_PROXIES", "10.1.2.3/8, 192.0.2.1, fd00::/8")
    assert load(folder=folder).trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32", "fd00::/8")
    monkeypatch.setenv("COUNTERSIGN_TRUSTED_PROXIES", "nginx")
    with pytest.raises(ConfigError) as fault:
        load(folder=folder)
    (said,) = fault.value.problems
    assert said == "COUNTERSIGN_TRUSTED_PROXIES: nginx isn't an address or a network such as 10.0.0.0/8"


# ── what editors, shells and hosts leave around a value ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "around", ["{}\r", '"{}"', "'{}'", " {}\t", "\u201c{}\u201d", "\ufeff{}", "\u00a0{}\u200b", '"{}"\r\n', "' {} '"]
)
@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("COUNTERSIGN_DATA", "/srv/count", "data"),
        ("TELEGRAM_BOT_TOKEN", "1:abc", "telegram_bot_token"),
        ("SLACK_SIGNING_SECRET", "abc", "slack_signing_secret"),
        ("DATABASE_URL", "postgresql://u:p@db/x", "database_url"),
        ("COUNTERSIGN_PUBLIC_URL", "https://bot.example.org", "public_url"),
        ("PORT", "8080", "port"),
        ("COUNTERSIGN_SOURCES", "ice,local", "sources"),
        ("COUNTERSIGN_OPERATOR", "telegram:12345", "operator"),
    ],
)
def test_quotes_spaces_and_line_ends_around_a_variable_are_not_part_of_it(
    folder, monkeypatch, around, name, value, field
):
    monkeypatch.setenv(name, value)
    meant = getattr(load(folder=folder), field)
    monkeypatch.setenv(name, around.format(value))
    assert getattr(load(folder=folder), field) == meant


def test_a_variable_of_nothing_but_quotes_and_spaces_counts_as_unset(folder, monkeypatch):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", '" "\r')
    assert load(folder=folder).telegram_bot_token is None


def test_a_quotation_mark_on_one_side_or_within_stays(folder, monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_DATA", "it's\"")
    assert str(load(folder=folder).data) == "it's\""


def test_the_secret_key_stays_as_it_was_when_texts_were_encrypted_with_it(folder, monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", '"k" ')
    assert load(folder=folder).secret_key.get_secret_value() == '"k" '


def test_a_byte_order_mark_in_the_file_or_before_a_name_does_no_harm(folder, monkeypatch):
    written(folder, "\ufeffpoll_seconds = 60\r\n")
    monkeypatch.setenv("\ufeffCOUNTERSIGN_DATA", "elsewhere")
    read = load(folder=folder)
    assert (read.poll_seconds, str(read.data)) == (60, "elsewhere")


def test_a_broadcast_table_gives_only_the_settings_it_contains(folder):
    written(folder, '[[broadcast]]\nchannel = "telegram"\naddress = "@texas"\nstates = "TX"\nat = "8:00"\n')
    given = {"channel": "telegram", "address": "@texas", "states": "TX", "at": "8:00"}
    assert load(folder=folder).broadcast[0].settings == given


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN"),
        ("COUNTERSIGN_TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN"),
        ("SLACK_TOKEN", "SLACK_BOT_TOKEN or SLACK_APP_TOKEN"),
        ("COUNTERSIGN_PORT", "PORT"),
        ("COUNTERSIGN_DATABASE_URL", "DATABASE_URL"),
        ("COUNTERSIGN_CONTAKT", "COUNTERSIGN_CONTACT"),
    ],
)
def test_a_setting_with_a_word_too_many_or_too_few_is_pointed_out(folder, name, meant):
    said = [notice for notice in notices(load(folder=folder), env={name: "x"}) if name in notice]
    assert [sorted(each.partition("Did you mean ")[2].rstrip("?").split(" or ")) for each in said] == [
        sorted(meant.split(" or "))
    ]


@pytest.mark.parametrize("name", ["TELEGRAM_PORT", "SLACK_CHANNEL_LOG"])
def test_another_programs_variable_is_left_alone(folder, name):
    assert not [notice for notice in notices(load(folder=folder), env={name: "x"}) if name in notice]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("COUNTERSIGN_POLL_SECONDS", "often", "it must be a number"),
        ("PORT", "80a", "it must be a whole number"),
        ("PORT", "70000", "it must be at most 65535"),
        ("COUNTERSIGN_WAYBACK", "maybe", "it must be 1 (on) or 0 (off)"),
        ("COUNTERSIGN_LOG", "xml", "it must be 'text' or 'json'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_in_plain_words(folder, monkeypatch, name, value, problem):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load(folder=folder)
    assert caught.value.problems == (f"{name}: {problem}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COUNTERSIGN_POLL_SECONDS", "15m"),
        ("COUNTERSIGN_HOST_GAP", "nan"),
        ("COUNTERSIGN_LOG", "xml"),
        ("PORT", "-1"),
        ("COUNTERSIGN_BROADCAST", "[{"),
        ("COUNTERSIGN_BROADCAST", "[" * 5_000 + "]" * 5_000),
        ("COUNTERSIGN_DATA", "x" * 5_000),
        ("COUNTERSIGN_DATA", "a/" + "x" * 300),
        ("COUNTERSIGN_SOURCES", "x" * 100_000),
        ("DATABASE_URL", "postgresql://u:100%secret@h:port/db"),
    ],
)
@pytest.mark.parametrize("where", ["the environment", "the environment, in small letters", ".env"])
def test_a_refusal_names_the_setting_and_where_it_was_set_in_one_short_line(folder, monkeypatch, name, value, where):
    written(folder, "# nothing\n")
    if where == ".env":
        (folder / ".env").write_text(f"# ours\nCOUNTERSIGN_CONTACT=me@example.org\nexport {name}='{value}'\n")
    else:
        monkeypatch.setenv(name if where == "the environment" else name.lower(), value)
    with pytest.raises(ConfigError) as fault:
        load(folder=folder)
    (problem,) = fault.value.problems
    assert problem.startswith(f"{name}: ")
    assert problem.endswith(f"(line 3 of {folder}/.env)") is (where == ".env")
    assert len(problem) < 600
    assert "secret" not in problem


@pytest.mark.parametrize("value", ["x" * 5_000, r"a\u0000b"])
def test_a_data_folder_that_no_system_allows_is_refused_with_its_line(folder, value):
    written(folder, f'\ndata = "{value}"\n')
    with pytest.raises(ConfigError, match=r"countersign\.toml:2: data: it must be the path of a folder"):
        load(folder=folder)
