"""The files for hosts, as far as they can be checked here: they parse, and what they name exists."""

import json
import os
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from support.releases import ROOT
from typer.main import get_command

from bot.cli.main import app
from bot.config.settings import load

COMMANDS = set(get_command(app).commands)
APP = json.loads((ROOT / "app.json").read_text())
RENDER = yaml.safe_load((ROOT / "render.yaml").read_text())
FLY = tomllib.loads((ROOT / "fly.toml").read_text())
RAILWAY = json.loads((ROOT / "railway.json").read_text())
UNITS = sorted((ROOT / "deploy").glob("*.service")) + sorted((ROOT / "deploy").glob("*.timer"))
ELSEWHERE = {"PYTHONUNBUFFERED", "POSTGRES_PASSWORD", "RELAY_TO"}  # settings of others


def unit(path):
    """Return the settings of a unit by name, each with all its values."""
    found = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def example():
    """Return the settings in .env.example by name."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_setting_that_a_file_for_hosts_names_exists():
    [render] = RENDER["services"]
    named = {*APP["env"], *example(), *FLY["env"], *(entry["key"] for entry in render["envVars"])}
    for path in UNITS:
        named |= {word.partition("=")[0] for words in unit(path).get("Environment", []) for word in words.split()}
        named |= set(re.findall(r"\$\{(\w+)\}", path.read_text()))
    assert named - ELSEWHERE <= {str(field.alias) for field in type(load(env={})).model_fields.values()}


def test_every_command_that_a_file_for_hosts_runs_exists():
    lines = [line.split(": ", 1)[1] for line in (ROOT / "Procfile").read_text().splitlines()]
    lines += [RENDER["services"][0]["startCommand"]]
    assert all(line.startswith("python -m bot ") for line in lines)
    ran = {line.removeprefix("python -m bot ").split()[0] for line in lines}
    ran |= {match for path in UNITS for match in re.findall(r"/bin/countersign (\w+)", path.read_text())}
    assert {"migrate", "web", "worker", "run", "backup", "relay"} == ran <= COMMANDS


def test_the_files_for_hosts_hold_no_secret_and_name_no_index():
    assert {name for name, value in example().items() if value} == {"PORT"}
    for name in ("app.json", "render.yaml", "fly.toml", "railway.json", ".env.example", "Procfile"):
        text = (ROOT / name).read_text()
        assert "index-url" not in text
        assert not re.search(r"xox[bp]-\w|\d{6,}:[\w-]{30}|://[^/\s]*:[^/\s]*@", text), name


def test_the_example_of_an_env_file_sets_nothing_until_it_is_filled_in():
    values = {name: value for name, value in example().items() if name != "POSTGRES_PASSWORD"}
    assert load(env=values).model_dump() == load(env={"PORT": "8080"}).model_dump()


def test_each_host_checks_live_keeps_the_data_and_lets_the_program_finish():
    [render] = RENDER["services"]
    assert render["healthCheckPath"] == RAILWAY["deploy"]["healthcheckPath"] == "/live"
    assert [check["path"] for check in FLY["http_service"]["checks"]] == ["/live"]
    assert {"key": "COUNTERSIGN_DATA", "value": render["disk"]["mountPath"]} in render["envVars"]
    [mount] = FLY["mounts"]
    assert FLY["env"]["COUNTERSIGN_DATA"] == mount["destination"]
    assert str(FLY["http_service"]["internal_port"]) == FLY["env"]["PORT"]
    assert FLY["http_service"]["auto_stop_machines"] == "off", "no one would read ICE's list"
    assert FLY["http_service"]["min_machines_running"] == 1
    assert (FLY["kill_signal"], FLY["kill_timeout"]) == ("SIGTERM", 30)
    assert RAILWAY["deploy"]["numReplicas"] == 1
    assert {"web", "worker"} == set(APP["formation"])
    assert APP["addons"][0]["plan"].startswith("heroku-postgresql")


def test_the_python_version_of_hosts_is_the_one_that_is_tested_and_in_the_image():
    wanted = (ROOT / ".python-version").read_text().strip()
    assert f"FROM python:{wanted}-slim" in (ROOT / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == f">={wanted}"
    assert project["tool"]["mypy"]["python_version"] == wanted


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_a_service_may_write_only_where_it_must(path):
    found = unit(path)
    assert {name: found[name] for name in ("ProtectSystem", "ProtectHome", "NoNewPrivileges", "PrivateTmp", "UMask")} == {
        "ProtectSystem": ["strict"], "ProtectHome": ["yes"], "NoNewPrivileges": ["yes"], "PrivateTmp": ["yes"], "UMask": ["0077"],
    }  # fmt: skip
    assert found["CapabilityBoundingSet"] == [""]
    assert found.get("DynamicUser") == ["yes"] or found["User"] == ["countersign"]


def test_the_service_restarts_after_a_failure_and_ends_by_sigterm():
    found = unit(ROOT / "deploy" / "countersign.service")
    assert found["Restart"] == ["on-failure"]
    assert found["KillSignal"] == ["SIGTERM"]
    assert found["StateDirectory"] == ["countersign"]
    assert "COUNTERSIGN_DATA=/var/lib/countersign" in found["Environment"][0].split()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_understands_the_unit(path, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd isn't installed here")
    program = tmp_path / "countersign"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for each in UNITS:
        (tmp_path / each.name).write_text(each.read_text().replace("/opt/countersign/bin/countersign", str(program)))
    env = os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    command = ["systemd-analyze", "verify", "--recursive-errors=no", str(tmp_path / path.name)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "countersign" in line]
    assert (done.returncode, ours) == (0, [])


def test_a_command_on_a_plain_server_runs_as_the_service_does(tmp_path):
    """With a `systemd-run` that only prints what it was given."""
    fake = tmp_path / "systemd-run"
    fake.write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [ROOT / "deploy" / "command.sh", "subscribe", "slack", "a b", "--states", "TX"]
    given = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    found = unit(ROOT / "deploy" / "countersign.service")
    assert given[given.index(found["ExecStart"][0].split()[0]) + 1 :] == ["subscribe", "slack", "a b", "--states", "TX"]
    assert f"--uid={found['User'][0]}" in given
    assert f"--property=EnvironmentFile={found['EnvironmentFile'][0]}" in given
    assert f"--setenv={found['Environment'][0].split()[0]}" in given
