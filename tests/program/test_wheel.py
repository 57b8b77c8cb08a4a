"""The wheel holds everything the program needs, even the migrations, which no module imports."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.demonstration import demonstration
from support.program import bare_env

ROOT = Path(__file__).parents[2]


def run(*words, cwd, **env):
    """Run Python in `cwd`, so that it finds the program there; return its output."""
    env = bare_env(cwd, PYTHONPATH=str(cwd), **env)
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_wheel_holds_every_module_and_migrates_a_database(server, tmp_path):
    built, installed = tmp_path / "built", tmp_path / "installed"
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    run("-m", "pip", "wheel", "-q", *offline, "-w", str(built), str(ROOT), cwd=tmp_path)
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        named = set(files.namelist())
        files.extractall(installed)
    ours = {str(path.relative_to(ROOT)) for path in ROOT.glob("bot/**/*.py")}
    assert any("migrations/versions/step_" in name for name in ours)
    assert ours <= named
    assert "bot/data/counties.csv" in named
    assert "bot/data/sources/FL.toml" in named
    assert {"bot/demo/agencies.csv", "bot/demo/templates/chats.html", "bot/demo/assets/demo.js"} <= named
    assert {"bot/data/readings.csv", "bot/data/zips.csv", "bot/data/outlines.json"} <= named

    assert str(installed) in run("-c", "import bot.store; print(bot.store.__file__)", cwd=installed)
    assert "Nash County, NC" in run("-m", "bot", "sources", "--state", "NC", cwd=installed)
    where = (
        "from bot.domain.geography.fold import county_of; print(county_of('FL', '', 'Orlando Police Department').name)"
    )
    assert "Orange" in run("-c", where, cwd=installed)
    with demonstration(tmp_path / "tmp", "--pace", "0", cwd=installed) as demo:
        demo.read_until("is new on ICE's list")
        assert demo.end() == 0, demo.printed
    url = server.make()
    assert "up to date" in run("-m", "bot", "migrate", cwd=installed, DATABASE_URL=url)
    assert "already up to date" in run("-m", "bot", "migrate", cwd=installed, DATABASE_URL=url)
