"""Choose the data folder, so that every command finds the same one wherever it is started."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import bot
from bot.store.tiny.files import Folder
from bot.store.tiny.recovery import LOG, STATE, journals

NAME, RELAY = "data", "relay"
RELAY_STATE = "relay.json"
CLONE = Path(bot.__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFolder:
    """The data folder that a program uses, why it is this one, and another one with readings that isn't used."""

    path: Path
    because: str
    unused: Path | None = None

    @property
    def warning(self) -> str | None:
        """A sentence about readings in another folder, if this folder has none; or None."""
        if self.unused is None or has_readings(self.path):
            return None
        return (
            f"{self.path} has no readings yet, but {self.unused} does, and it isn't used ({self.because}). "
            f"To go on with it, set COUNTERSIGN_DATA={self.unused}. Otherwise, the first reading is a new starting "
            "point."
        )


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    because: str
    is_usable: bool = True


def current_folder() -> Path:
    """Return the current folder, or Countersign's own if the current one has been deleted."""
    try:
        return Path.cwd()
    except OSError:
        return CLONE


def named(path: Path, because: str, env: Mapping[str, str], folder: Path, clone: Path | None = None) -> DataFolder:
    """Return the folder that the settings name. Note another folder that holds readings."""
    others = (c.path for c in _candidates(env, folder, clone or CLONE) if not _is_same(c.path, path))
    return DataFolder(path=path, because=because, unused=next(filter(has_readings, others), None))


def found(env: Mapping[str, str], folder: Path, clone: Path | None = None) -> DataFolder:
    """Return the data folder to use when the settings name none: the first with readings, or else the first usable."""
    candidates = list(_candidates(env, folder, clone or CLONE))
    holding = [c for c in candidates if has_readings(c.path)]
    usable = [c for c in candidates if c.is_usable]
    chosen = (holding or usable or candidates)[0]
    unused = next((c.path for c in holding if not _is_same(c.path, chosen.path)), None)
    return DataFolder(path=chosen.path, because=chosen.because, unused=unused)


def has_readings(path: Path) -> bool:
    """Return whether a folder is one of ours, with a store in it."""
    try:
        return bool(journals(Folder(path))) or all((path / name).is_file() for name in (LOG, STATE))
    except OSError:  # a folder of another user
        return False


def state_folder(env: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return the folder in which programs of this user keep their state, or None if there is no home folder."""
    given = env.get("STATE_DIRECTORY", "").partition(":")[0]  # systemd lists several with colons
    if given and Path(given).is_absolute():
        return Path(given)
    home = _home(env)
    if platform == "win32":
        local = env.get("LOCALAPPDATA")
        return Path(local) / "Countersign" if local else home and home / "AppData" / "Local" / "Countersign"
    if platform == "darwin":
        return home and home / "Library" / "Application Support" / "Countersign"
    state = env.get("XDG_STATE_HOME", "")
    if Path(state).is_absolute():  # the standard says to ignore a relative one
        return Path(state) / "countersign"
    return home and home / ".local" / "state" / "countersign"


def relay_folder(given: str | None, env: Mapping[str, str], here: Path) -> Path:
    """Return the absolute path of a relay's folder. A path that someone typed begins at the current folder.

    Without one, it's the folder with a relay's readings, or else `relay` in the current folder or, if nothing can be
    written there, in the user's folder for programs' data. So a relay finds its readings wherever it's started.
    """
    if given is not None:
        return Path(os.path.normpath(here / Path(given).expanduser()))
    mine, own = here / RELAY, state_folder(env)
    if (mine / RELAY_STATE).is_file() or own is None:
        return mine
    return mine if not (own / RELAY / RELAY_STATE).is_file() and _is_writable(here) else own / RELAY


def _candidates(env: Mapping[str, str], folder: Path, clone: Path) -> Iterator[_Candidate]:
    here = folder / NAME
    yield _Candidate(here, "it's in the current folder", is_usable=_is_ours_or_empty(here))
    by_systemd = "STATE_DIRECTORY" in env
    state = state_folder(env)
    if by_systemd and state is not None:
        yield _Candidate(state, "it's the service's state folder")
    if (clone / "pyproject.toml").is_file():
        own = clone / NAME
        yield _Candidate(
            own, "it's in Countersign's own folder", is_usable=_is_writable(own if own.exists() else clone)
        )
    if not by_systemd and state is not None:
        yield _Candidate(state, "it's this user's folder for programs' data")


def _is_ours_or_empty(path: Path) -> bool:
    """Return whether a folder exists and holds nothing of anyone else's. A mounted disk may have hidden files.

    A link that leads nowhere counts, because its disk may be missing: a clear error is better than a new start.
    """
    if has_readings(path) or (os.path.lexists(path) and not os.access(path, os.F_OK)):
        return True
    try:
        return path.is_dir() and all(p.name.startswith(".") or p.name == "lost+found" for p in path.iterdir())
    except OSError:
        return False


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)  # Path.resolve() fails for a link to itself


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK | os.X_OK) and path.is_dir()


def _home(env: Mapping[str, str]) -> Path | None:
    given = env.get("HOME") or env.get("USERPROFILE")
    try:
        return Path(given) if given else Path.home()
    except RuntimeError:  # this user has no home folder
        return None
