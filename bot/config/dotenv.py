r"""Read and write the file `.env`, which sets environment variables for Countersign.

Each line is NAME=VALUE, and may begin with "export". Lines that begin with # are comments, and so is the rest of a line
after a space and #. A value is taken as it is written: no $ and no backslash has a meaning, and nothing is ever run. A
value in single or double quotes keeps its spaces and its #. In double quotes, \" is a quotation mark and \\ is a
backslash. If a name is set twice, the last line counts.
"""

import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import bot
from bot.config.data_folder import current_folder
from bot.errors import ConfigError, CountersignError

NAME = ".env"
NAMED_BY = "COUNTERSIGN_ENV_FILE"
LARGEST = 256 * 1024  # bytes
_LINE = re.compile(r"(?P<before>\s*(?:export\s+)?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<rest>.*)")
_SINGLE = re.compile(r"'(?P<value>[^']*)'(?P<after>.*)")
_DOUBLE = re.compile(r'"(?P<value>(?:[^"\\]|\\.)*)"(?P<after>.*)')
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=~-]+")


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The path of a `.env` file and its values by name. Both are empty if there is no such file.

    `lines` are the numbers of the lines that set the values.
    """

    path: Path | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def in_force(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """Return the values that the environment doesn't set itself. The environment wins."""
        given = {name.upper() for name, value in env.items() if value}
        return {name: value for name, value in self.values.items() if name.upper() not in given}


def read(env: Mapping[str, str], own_names: Collection[str], folder: Path | None = None) -> EnvFile:
    """Read the file. Raise ConfigError with the number of each line that can't be understood.

    It is the file that COUNTERSIGN_ENV_FILE names, or else `.env` in the current folder, in the folder the program was
    cloned into or in ~/.config/countersign. A `.env` of another program, which sets none of our own names, is left
    alone.
    """
    named = env.get(NAMED_BY)
    if named:
        return _of(_expanded(named))
    for path in _candidates(env, folder):
        if _is_file(path) and _is_ours(path, own_names):
            return _of(path)
    return EnvFile()


def own_file(env: Mapping[str, str], own_names: Collection[str]) -> Path:
    """Return the path of the file to write: the one in use, or else `.env` in the current folder.

    Raise ConfigError if something else than a file is there, such as a device.
    """
    named = env.get(NAMED_BY)
    used = (path for path in _candidates(env, None) if _is_file(path) and _is_ours(path, own_names))
    path = current_folder() / (_expanded(named) if named else next(used, Path(NAME)))
    kind = _kind(path)
    if kind is not None and not stat.S_ISREG(kind):
        advice = f"set {NAMED_BY} to the path of a file" if named else "rename it, or start from another folder"
        raise ConfigError([f"{path}: settings can be written only to an ordinary file, and this isn't one; {advice}"])
    return path


def _expanded(named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError:  # there is no such user
        raise ConfigError(
            [f"{NAMED_BY}: this machine knows no home folder for {named}; write the whole path"]
        ) from None


def _kind(path: Path) -> int | None:
    """Return the mode of what is at a path, even through a link, or None if nothing is. Raise ConfigError otherwise."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise _unreadable(path, fault) from None


def _is_file(path: Path) -> bool:
    """Return whether a file is there. In a folder that this user can't search, there is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _unreadable(path: Path, fault: OSError) -> ConfigError:
    return ConfigError([f"{path}: it can't be read ({fault.strerror})"])


def _candidates(env: Mapping[str, str], folder: Path | None) -> Iterator[Path]:
    yield (folder or Path()) / NAME
    if folder is None:
        yield Path(bot.__file__).parent.parent / NAME
        home = env.get("HOME", "")
        config = env.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
        if config and Path(config).is_absolute():
            yield Path(config) / "countersign" / NAME


def _is_ours(path: Path, own_names: Collection[str]) -> bool:
    """Return whether any line sets one of our own names, or the file can't be read and someone must be told."""
    try:
        text = path.read_bytes()[:LARGEST].decode("utf-8-sig", "replace")
    except OSError:
        return True
    found = (_LINE.match(line) for line in text.splitlines())
    return any(line["name"].upper() in own_names for line in found if line is not None)


def _of(path: Path) -> EnvFile:
    path = current_folder() / path
    text = text_of(path)
    found = ((number, _LINE.match(line)) for number, line in enumerate(text.splitlines(), start=1))
    lines = {line["name"]: number for number, line in found if line is not None}
    return EnvFile(path, parsed(text, str(path)), lines)


def text_of(path: Path) -> str:
    """Return the text of the file. Raise ConfigError if it can't be read."""
    try:
        with path.open("rb") as file:
            found = file.read(LARGEST + 1)  # a device has no size that could be known before
    except OSError as fault:
        raise _unreadable(path, fault) from None
    if len(found) > LARGEST:
        raise ConfigError([f"{path}: it is larger than 256 KB, so it can't be a file of settings"])
    try:
        return found.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as fault:
        line = found[: fault.start].count(b"\n") + 1
        raise ConfigError([f"{path}:{line}: it contains bytes that aren't UTF-8; type the line again"]) from None


def text_if_any(path: Path) -> str:
    """Return the text of the file, or "" if there is none. Raise ConfigError if it can't be read."""
    return "" if _kind(path) is None else text_of(path)


def parsed(text: str, name: str = NAME) -> dict[str, str]:
    """Return the values by name. Raise ConfigError with every line that can't be understood, but never its value."""
    values: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key, value = _pair(line)
            values[key] = value
        except ValueError as fault:
            problems.append(f"{name}:{number}: {fault}")
    if problems:
        raise ConfigError(problems)
    return values


def _pair(line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line.rstrip())
    if found is None:
        raise ValueError("it must look like NAME=VALUE, or begin with # if it's a comment")
    rest = found["rest"]
    if rest[:1] not in {"'", '"'}:
        return found["name"], re.sub(r"(^|\s)#.*", "", rest).strip()
    quoted = (_SINGLE if rest.startswith("'") else _DOUBLE).fullmatch(rest)
    if quoted is None:
        raise ValueError(f"the value of {found['name']} begins with {rest[0]} but doesn't end with it on the same line")
    if not re.fullmatch(r"\s*(#.*)?", quoted["after"]):
        raise ValueError(f"after the value of {found['name']} in {rest[0]}{rest[0]}, only a comment may follow")
    value = quoted["value"]
    return found["name"], value if rest.startswith("'") else re.sub(r'\\(["\\])', r"\1", value)


def written(name: str, value: str) -> str:
    """Return the line that sets a value, in quotes if it needs them. Docker and systemd read it in the same way."""
    if "\n" in value or "\r" in value:
        raise ValueError("a value must be one line")
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    if "'" not in value:
        return f"{name}='{value}'"
    escaped = re.sub(r'(["\\])', r"\\\1", value)
    return f'{name}="{escaped}"'


def changed(text: str, values: Mapping[str, str]) -> str:
    """Return the text with these values set. Other lines and comments stay as they are.

    A value replaces the line that sets it, or is added at the end.
    """
    lines = text.splitlines()
    missing = dict(values)
    for number in reversed(range(len(lines))):
        found = _LINE.fullmatch(lines[number].rstrip())
        if found is not None and found["name"] in values:
            if found["name"] in missing:
                line = written(found["name"], missing.pop(found["name"]))
                lines[number] = found["before"] + line + _comment(found["rest"])
            else:
                del lines[number]  # an earlier line for the same name, which the last one overrode
    lines += [written(name, value) for name, value in missing.items()]
    return "".join(f"{line}\n" for line in lines)


def _comment(rest: str) -> str:
    """Return the comment after a value, with the space before it, or "" if there is none."""
    quoted = _SINGLE.fullmatch(rest) or _DOUBLE.fullmatch(rest)
    found = re.search(r"(?:^|\s)(#.*)", quoted["after"] if quoted else rest)
    return f" {found[1]}" if found else ""


def write(path: Path, text: str) -> None:
    """Replace the file as a whole, so that only this user can read it. Raise CountersignError if that fails."""
    body = text.encode()
    if len(body) > LARGEST:
        raise CountersignError(f"{path} would be larger than 256 KB, so it couldn't be read. Nothing was changed.")
    target = path.resolve()  # a link stays a link
    temporary = ""
    try:
        if target.exists() and not target.is_file():  # such as /dev/null, which a rename would replace for everyone
            raise CountersignError(f"{path} isn't a file, so nothing was written. Name a file in {NAMED_BY}.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".env.", dir=target.parent)  # mode 600 from the start
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except OSError as fault:
        with suppress(OSError):
            Path(temporary).unlink()
        raise CountersignError(f"{path} can't be written ({fault.strerror}). Nothing was changed.") from None


def is_readable_by_others(path: Path) -> bool:
    """Return whether other users of this machine can read the file."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False
