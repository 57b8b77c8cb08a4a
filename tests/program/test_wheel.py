"""The wheel holds everything the program needs and runs from anywhere; the source distribution makes the same wheel."""

import re
import subprocess
import sys
import zipfile

import pytest
from support.demonstration import demonstration
from support.program import bare_env
from support.releases import ROOT, built_sdist, built_wheel

from bot import __version__
from bot.store.tiny import snapshot


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built_wheel(ROOT, tmp_path_factory.mktemp("build") / "wheel")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return built_sdist(tmp_path_factory.mktemp("sdist"))


def names_in(wheel):
    with zipfile.ZipFile(wheel) as files:
        return set(files.namelist())


def run(*words, cwd, **env):
    """Run Python in `cwd`, so that it finds the program there; return its output."""
    env = bare_env(cwd, PYTHONPATH=str(cwd), **env)
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_wheel_holds_every_module_and_file_and_migrates_a_database(wheel, server, tmp_path):
    named = names_in(wheel)
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path / "installed")
    installed = tmp_path / "installed"
    ours = {str(path.relative_to(ROOT)) for path in ROOT.glob("bot/**/*") if path.is_file()}
    ours = {name for name in ours if "__pycache__" not in name}
    assert any("migrations/versions/step_" in name for name in ours)
    assert ours <= named
    assert "bot/data/sources/FL.toml" in named
    assert {"bot/data/readings.csv", "bot/data/history.csv", "bot/locale/es/LC_MESSAGES/countersign.po"} <= named
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


@pytest.mark.slow
def test_the_wheel_carries_its_name_its_version_and_all_licenses(wheel):
    assert wheel.name == f"countersign_287g-{__version__}-py3-none-any.whl"
    inside = f"countersign_287g-{__version__}.dist-info"
    licenses = {name.removeprefix(f"{inside}/licenses/") for name in names_in(wheel) if "/licenses/" in name}
    assert licenses == {"LICENSE", *(str(path.relative_to(ROOT)) for path in ROOT.glob("bot/data/*NOTICE"))}
    with zipfile.ZipFile(wheel) as files:
        assert files.read(f"{inside}/entry_points.txt").decode().split() == [
            *("[console_scripts]", "countersign", "=", "bot.__main__:main")
        ]


@pytest.mark.slow
def test_the_source_distribution_makes_the_same_wheel(wheel, sdist, tmp_path):
    again = built_wheel(sdist, tmp_path / "again")
    with zipfile.ZipFile(wheel) as ours, zipfile.ZipFile(again) as theirs:
        assert set(ours.namelist()) == set(theirs.namelist())
        for name in ours.namelist():
            assert ours.read(name) == theirs.read(name), name
    assert (sdist / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (sdist / "tests" / "program" / "test_wheel.py").exists()


@pytest.mark.slow
def test_no_release_names_this_machine_or_a_package_index(wheel, sdist, tmp_path):
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path / "wheel")
    wrong = re.compile(rb"|".join([re.escape(str(ROOT).encode()), rb"pypi\.org/simple", rb"files\.pythonhosted\.org"]))
    for folder in (tmp_path / "wheel", sdist):
        for path in folder.rglob("*"):
            if path.is_file() and path.name != "test_wheel.py":
                assert not wrong.search(path.read_bytes()), path


def test_the_changelog_has_a_section_for_this_version_that_says_what_is_migrated():
    text = (ROOT / "CHANGELOG.md").read_text()
    [section] = re.findall(rf"^## {re.escape(__version__)} \(.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert f"format {snapshot.FORMAT}" in section
    assert "countersign migrate" in section
