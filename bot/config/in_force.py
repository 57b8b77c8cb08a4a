"""The settings in force and where each came from, for `countersign check`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.config import dotenv
from bot.config.misspelled import meant_by
from bot.config.settings import Settings, aliases, file_read, load, own_names
from bot.domain.finding import Finding, warning
from bot.domain.letters import counted
from bot.errors import ConfigError

DEFAULT, NOT_SET = "default", "not set"
OURS = "COUNTERSIGN_"  # every variable with this prefix should be a setting
NO_FOLDER = Path(os.devnull)
MOST_ROUNDS = 5  # of leaving out what is wrong


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in force, as it may be shown. `origin` is where its value came from."""

    name: str
    value: str
    origin: str


Layers = Sequence[tuple[str, Mapping[str, str]]]


def layers(env: Mapping[str, str], folder: Path | None = None) -> Layers:
    """Return the sources of variables, each with its name as people know it. The first that sets a variable wins."""
    try:
        of_file = dotenv.read(env, own_names(), folder)
    except ConfigError:  # the problem is reported where the settings are loaded
        return (("environment", env),)
    return (("environment", env), (str(of_file.path), of_file.values)) if of_file.path else (("environment", env),)


def in_force(loaded: "Loaded", sources: Layers) -> list[Setting]:
    """Return every setting with its value and its origin. Of a secret, only the length is shown."""
    settings = loaded.settings
    if settings is None:
        return []
    path, keys = file_read(type(settings), loaded.folder)
    found = []
    for name, field in type(settings).model_fields.items():
        alias = str(field.alias)
        origin = next((label for label, variables in sources if _sets(variables, alias)), None)
        if origin is None or alias in loaded.left_out:
            origin = str(path) if name in keys else DEFAULT
        found.append(Setting(alias, shown(getattr(settings, name)), origin))
    return found


def shown(value: Any) -> str:
    """Return a setting's value as it may be shown."""
    if value is None or value in ((), ""):
        return NOT_SET
    if isinstance(value, SecretStr):
        return f"set, {counted(len(value.get_secret_value()), 'character')}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) if all(isinstance(each, str) for each in value) else f"{len(value)} set"
    return f"{value:g}" if isinstance(value, float) else str(value)


def unknown_names(sources: Layers) -> list[Finding]:
    """Return a warning for each variable that looks like a setting but isn't one."""
    known, found = [*aliases(), dotenv.NAMED_BY], list[Finding]()
    prefixes = tuple({f"{name.partition('_')[0]}_" for name in known} - {OURS})
    for label, variables in sources:
        for name in sorted(variables):
            plain = _plain(name)
            near = meant_by(plain, known)
            if plain in known or not (plain.startswith(OURS) or (near and plain.startswith(prefixes))):
                continue
            advice = f"Did you mean {near}?" if near else "Remove it. `countersign check --json` lists every setting."
            found.append(warning(f"{plain} is set ({label}) but isn't a setting.", advice))
    return found


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings without those that are wrong, and the problems with the others.

    `left_out` are the variables that are wrong. `settings` is None if a problem can't be left out.
    """

    settings: Settings | None
    problems: tuple[str, ...]
    left_out: frozenset[str]
    folder: Path | None


def load_what_works(env: Mapping[str, str], folder: Path | None = None) -> Loaded:
    """Load the settings. If some are wrong, leave them out and load the rest."""
    problems: list[str] = []
    left_out: set[str] = set()
    env = dict(env)  # a copy, because the process's own environment is replaced below
    for _ in range(MOST_ROUNDS):
        try:
            with _environment(env):
                return Loaded(load(env=env, folder=folder), tuple(problems), frozenset(left_out), folder)
        except ConfigError as fault:
            problems += [problem for problem in fault.problems if problem not in problems]
            wrong = {alias for alias in aliases() if any(each.startswith(f"{alias}:") for each in fault.problems)}
            left_out |= wrong
            every = {name: value for _, each in reversed(layers(env, folder)) for name, value in each.items() if value}
            kept = {name: value for name, value in every.items() if _plain(name) not in wrong}
            if len(kept) == len(every):  # a file is wrong, not a variable
                if folder == NO_FOLDER:
                    break
                folder = NO_FOLDER
            env = kept | {dotenv.NAMED_BY: os.devnull}  # its other variables are in `kept`
    return Loaded(None, tuple(problems), frozenset(left_out), folder)


def _plain(name: str) -> str:
    return name.strip("\ufeff \t\r").upper()


def _sets(variables: Mapping[str, str], alias: str) -> bool:
    return any(_plain(name) == alias and value.strip() for name, value in variables.items())


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Replace the process's environment while the block runs, because the settings are read from there."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
