"""The file .env: read without a shell, replaced as a whole, private, and broken lines reported by number."""

import os
import stat
from pathlib import Path

import pytest

from bot.config import dotenv
from bot.config.settings import load, notices
from bot.errors import ConfigError, CountersignError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("COUNTERSIGN_", "TELEGRAM_", "SLACK_")) or name in {"PORT", "DATABASE_URL"}:
            monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=plain", "plain"),
        ("  export A = spaced out  ", "spaced out"),
        ("A=", ""),
        ("A=x # a comment", "x"),
        ("A=x#not-a-comment", "x#not-a-comment"),
        ("A='with # and $HOME'", "with # and $HOME"),
        ("A=$(touch /tmp/never)`id`", "$(touch /tmp/never)`id`"),
        ('A="say \\"hi\\" \\\\ \\n"  # said', 'say "hi" \\ \\n'),
        ("A=it's", "it's"),
        ("A=a\\nb", "a\\nb"),
        ("A=1\nA=2", "2"),
        ("\ufeff# a comment\r\n\r\nA=b\r\n", "b"),
    ],
)
def test_a_value_is_taken_as_it_is_written(line, value):
    assert dotenv.parsed(line.removeprefix("\ufeff"))["A"] == value


@pytest.mark.parametrize(
    "line", ["just words", "A B=c", "=x", "1A=x", "A='open", 'A="open', "A='x' y", "A: x", 'A="x\\"', "-A=x"]
)
def test_a_broken_line_is_named_by_its_number_and_never_quoted(line):
    with pytest.raises(ConfigError) as fault:
        dotenv.parsed(f"# first\nB=1\n{line} s3cret\nC=2\n")
    (problem,) = fault.value.problems
    assert problem.startswith(".env:3: ")
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    "value", ["plain", "with space", "it's", 'a "b" c', "back\\slash", "# hash", "a # b", "", "$HOME", "'\"\\"]
)
def test_a_written_value_is_read_back_the_same(value):
    assert dotenv.parsed(dotenv.written("A", value)) == {"A": value}


def test_other_lines_and_comments_stay_and_a_name_is_set_once():
    before = "# mine\nPOSTGRES_PASSWORD=x\nexport A=1\n\nA='2 # 3' # why\n# end"
    after = dotenv.changed(before, {"A": "3", "B": "new"})
    assert after == "# mine\nPOSTGRES_PASSWORD=x\n\nA=3 # why\n# end\nB=new\n"


@pytest.mark.parametrize("before", ["A= # why", "A=# why", "A='' # why", "A='x'# why", 'A="x" # why'])
def test_the_comment_after_an_empty_or_a_quoted_value_stays_too(before):
    assert dotenv.changed(before, {"A": "3"}).replace("  ", " ") == "A=3 # why\n"


def test_the_file_is_private_and_replaced_as_a_whole_even_through_a_link(tmp_path):
    real, link = tmp_path / "real", tmp_path / ".env"
    real.write_text("A=1\n")
    real.chmod(0o644)
    link.symlink_to(real)
    dotenv.write(link, "A=2\n")
    assert link.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("A=2\n", 0o600)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [".env", "real"]


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_a_pipe_a_device_or_a_folder_is_never_replaced(tmp_path, make):
    make(tmp_path / "other")
    before = (tmp_path / "other").stat().st_mode
    (tmp_path / ".env").symlink_to("other")
    for path in (tmp_path / "other", tmp_path / ".env"):
        with pytest.raises(CountersignError, match=r"isn't a file, so nothing was written"):
            dotenv.write(path, "A=1\n")
    assert (tmp_path / "other").stat().st_mode == before
    assert {path.name for path in tmp_path.iterdir()} == {"other", ".env"}


def test_a_folder_that_cannot_be_written_changes_nothing_and_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CountersignError, match=r"can't be written .*Nothing was changed"):
        dotenv.write(tmp_path / "file" / ".env", "A=1\n")


def test_a_device_or_a_folder_is_never_replaced_by_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").symlink_to("/dev/full")
    for env in ({}, {dotenv.NAMED_BY: "/dev/full"}, {dotenv.NAMED_BY: str(tmp_path)}):
        with pytest.raises(ConfigError, match="only to an ordinary file"):
            dotenv.own_file(env, [])
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize("name", ["~no-such-user/.env", "loop", "a" * 5000, "/dev/zero"])
def test_a_file_that_cannot_be_read_is_said_and_never_read_without_end(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for use in (dotenv.read, dotenv.own_file):
        with pytest.raises(ConfigError):
            use({dotenv.NAMED_BY: name}, [])


def test_a_file_too_large_to_be_read_again_is_not_written(tmp_path):
    (tmp_path / ".env").write_text("A=1\n")
    with pytest.raises(CountersignError, match="larger than 256 KB"):
        dotenv.write(tmp_path / ".env", "A=" + "x" * dotenv.LARGEST)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(".env", "A=1\n")]


def test_the_environment_wins_over_env_and_env_over_the_settings_file(folder, monkeypatch):
    (folder / "config").mkdir()
    (folder / "config" / "countersign.toml").write_text("poll_seconds = 60\nhost_gap = 2\nstale_hours = 3\n")
    (folder / ".env").write_text("COUNTERSIGN_POLL_SECONDS=50\nCOUNTERSIGN_HOST_GAP='3'\nTELEGRAM_BOT_TOKEN=1:abc\n")
    monkeypatch.setenv("COUNTERSIGN_POLL_SECONDS", "40")
    monkeypatch.setenv("COUNTERSIGN_HOST_GAP", "")  # an empty variable counts as unset
    settings = load(folder=folder)
    assert (settings.poll_seconds, settings.host_gap, settings.stale_hours) == (40, 3, 3)
    assert settings.telegram_bot_token.get_secret_value() == "1:abc"
    assert "1:abc" in settings.secrets


def test_another_programs_env_file_is_left_alone(folder):
    (folder / ".env").write_text("DATABASE_URL=postgres://theirs/x\nPORT=3000\nnot a line\n")
    settings = load(folder=folder)
    assert (settings.database_url, settings.port, settings.env_file.path) == (None, None, None)


def test_a_broken_line_stops_every_command_in_words(folder):
    (folder / ".env").write_text("COUNTERSIGN_CONTACT=a@example.org\nTELEGRAM_BOT_TOKEN '1:abc'\n")
    with pytest.raises(ConfigError, match=r"\.env:2: it must look like NAME=VALUE") as fault:
        load(folder=folder)
    assert "1:abc" not in str(fault.value)


def test_a_wrong_value_in_env_is_named_and_a_file_that_is_not_text_too(folder):
    (folder / ".env").write_text("COUNTERSIGN_POLL_SECONDS=soon\n")
    with pytest.raises(ConfigError, match="COUNTERSIGN_POLL_SECONDS: "):
        load(folder=folder)
    (folder / ".env").write_bytes(b"COUNTERSIGN_CONTACT=x\nA=\xff\n")
    with pytest.raises(ConfigError, match=r"\.env:2: it contains bytes"):
        load(folder=folder)


def test_a_file_that_others_can_read_and_a_misspelled_name_are_noticed(folder):
    path = folder / ".env"
    path.write_text("COUNTERSIGN_CONTACT=a@example.org\nCOUNTERSIGN_OPERATER=telegram:1\n")
    path.chmod(0o644)
    said = "\n".join(notices(load(folder=folder), env={}))
    assert f"chmod 600 {path}" in said
    assert "Did you mean COUNTERSIGN_OPERATOR?" in said
    path.chmod(0o600)
    assert "chmod" not in "\n".join(notices(load(folder=folder), env={}))


def test_a_relative_data_folder_in_env_begins_at_its_own_folder(folder, monkeypatch, tmp_path_factory):
    (folder / ".env").write_text("COUNTERSIGN_DATA=store\n")
    monkeypatch.setenv("COUNTERSIGN_ENV_FILE", str(folder / ".env"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load().data == folder / "store"
