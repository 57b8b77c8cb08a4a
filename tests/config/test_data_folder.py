"""The data folder: the same one wherever a command is started, and never a new baseline beside an old folder unsaid."""

import pytest

from bot.config.data_folder import found, has_readings, named, state_folder
from bot.errors import StoreUnwritable
from bot.store.tiny.store import TinyStore


@pytest.fixture
def here(tmp_path):
    """A current folder, a clone, a home folder and an environment."""
    for name in ("here", "clone", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "clone" / "pyproject.toml").touch()
    return tmp_path


async def filled(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    await TinyStore.open(path).close()
    assert has_readings(path)
    return path


def env_of(folder, **more):
    return {"HOME": str(folder / "home"), **more}


def chosen(folder, **env):
    return found(env_of(folder, **env), folder / "here", folder / "clone")


def test_a_data_folder_in_the_current_folder_is_used_as_always(here):
    (here / "here" / "data").mkdir()
    assert chosen(here).path == here / "here" / "data"


@pytest.mark.parametrize("to", ["data", "nowhere"])
def test_a_link_that_leads_nowhere_is_never_passed_over_for_a_new_start_elsewhere(here, to):
    link = here / "here" / "data"
    link.symlink_to(to)
    assert chosen(here).path == link
    assert named(link, "it is named", env_of(here), here / "here", here / "clone").path == link
    with pytest.raises(StoreUnwritable, match=r"a broken link|a symbolic link"):
        TinyStore.open(link)


def test_without_one_it_is_the_clones_even_before_it_exists(here):
    assert chosen(here).path == here / "clone" / "data"


def test_an_installed_program_uses_the_users_state_folder(here):
    (here / "clone" / "pyproject.toml").unlink()
    assert chosen(here).path == here / "home" / ".local" / "state" / "countersign"
    assert chosen(here, XDG_STATE_HOME=str(here / "x")).path == here / "x" / "countersign"
    assert chosen(here, XDG_STATE_HOME="relative").path == here / "home" / ".local" / "state" / "countersign"


def test_systemds_state_directory_comes_before_a_clone_that_has_no_readings(here):
    assert chosen(here, STATE_DIRECTORY="/var/lib/countersign:/var/lib/other").path.as_posix() == "/var/lib/countersign"


@pytest.mark.parametrize("strange", ["notes.csv", "state.json", "journal-x.jsonl"])
def test_another_projects_data_folder_is_left_alone(here, strange):
    (here / "here" / "data").mkdir()
    (here / "here" / "data" / strange).touch()
    assert chosen(here).path == here / "clone" / "data"


def test_an_empty_mounted_disk_counts_as_empty(here):
    (here / "here" / "data" / "lost+found").mkdir(parents=True)
    assert chosen(here).path == here / "here" / "data"


@pytest.mark.parametrize("old", ["clone/data", "home/.local/state/countersign"])
async def test_a_folder_with_readings_goes_before_an_empty_one(here, old):
    (here / "here" / "data").mkdir()
    await filled(here / old)
    assert chosen(here).path == here / old
    assert chosen(here).warning is None


async def test_of_two_folders_with_readings_the_nearer_is_used_and_the_other_is_named(here):
    await filled(here / "here" / "data")
    await filled(here / "clone" / "data")
    assert (chosen(here).path, chosen(here).unused) == (here / "here" / "data", here / "clone" / "data")
    assert chosen(here).warning is None


async def test_a_named_folder_without_readings_beside_an_old_one_is_warned_about(here):
    await filled(here / "clone" / "data")
    new = named(here / "new", "COUNTERSIGN_DATA is set", env_of(here), here / "here", here / "clone")
    assert str(here / "clone" / "data") in new.warning
    assert "new starting point" in new.warning
    await filled(here / "new")
    assert new.warning is None


async def test_a_service_that_gets_a_state_folder_later_goes_on_in_its_old_one(here):
    await filled(here / "clone" / "data")
    assert chosen(here, STATE_DIRECTORY=str(here / "var")).path == here / "clone" / "data"


def test_each_system_has_its_own_place():
    home = {"HOME": "/Users/ada"}
    assert state_folder(home, "darwin").as_posix() == "/Users/ada/Library/Application Support/Countersign"
    assert (
        state_folder({"LOCALAPPDATA": "C:/Users/ada/AppData/Local"}, "win32").as_posix().endswith("Local/Countersign")
    )
