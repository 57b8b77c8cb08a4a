"""The catalogue of local sources: config/sources/XX.toml, one file a state, each table one source.

zone = "America/New_York"          # of all tables that name none of their own

["Nash County"]
kind = "civicplus"                 # a platform, as bot/sources has them
address = "https://www.nashcountync.gov/AgendaCenter"
county = "Nash"                    # if it is a county's, or lies in one
"""

import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from rapidfuzz import process
from rapidfuzz.distance import OSA

import bot
from bot.domain.agenda import Place
from bot.domain.geography.counties import county_names, plain_county
from bot.domain.geography.states import STATES
from bot.errors import ConfigError, UsageError
from bot.sources import LOCAL

FOLDER = Path("config/sources")
KEYS = ("kind", "address", "county", "zone", "every_hours", "selector", "body", "verified")
EVERY_HOURS = 6.0
_STATES_BY_ZONE = {  # where a state has two, that of most of its people
    "America/New_York": "CT DC DE FL GA KY MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Detroit": "MI",
    "America/Indiana/Indianapolis": "IN",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "CO MT NM UT WY",
    "America/Boise": "ID",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR",
    "America/St_Thomas": "VI",
    "Pacific/Guam": "GU",
    "Pacific/Saipan": "MP",
    "Pacific/Pago_Pago": "AS",
}
USUAL_ZONE = {state: zone for zone, states in _STATES_BY_ZONE.items() for state in states.split()}


def places(folder: Path | None = None) -> Mapping[str, Place]:
    """Every source by its name ("Nash County, NC"); ConfigError lists everything that is wrong with all files.

    The folder is config/sources in the working folder, else in the folder that the program was cloned into.
    """
    found: dict[str, Place] = {}
    addresses: dict[tuple[str, ...], str] = {}
    problems: list[str] = []
    for path in sorted((folder or _folder()).glob("*.toml")):
        file = _File(path)
        for place in file.places():
            twin = addresses.setdefault(_plainest(place.address), place.name)
            if place.name != twin:
                file.complain(place.name.rsplit(", ", 1)[0], f"has the address of {twin}; keep one of the two")
            found[place.name] = place
        problems += file.problems
    if problems:
        raise ConfigError(problems)
    return found


def _folder() -> Path:
    return FOLDER if FOLDER.is_dir() else Path(bot.__file__).parent.parent / FOLDER


def named(found: Mapping[str, Place], name: str) -> Place:
    """The one source that a person means by a name or a part of it; UsageError when it is none or several."""
    wanted = name.casefold().strip()
    exact = [place for key, place in found.items() if wanted in {key.casefold(), key.casefold().rsplit(", ", 1)[0]}]
    close = exact or [place for key, place in found.items() if wanted in key.casefold()]
    if len(close) == 1:
        return close[0]
    if close:
        some = "; ".join(place.name for place in close[:5])
        raise UsageError(f"{len(close)} sources are called something like {name!r}: {some}. Write one of them in full.")
    near = process.extractOne(name, list(found), scorer=OSA.distance, score_cutoff=4)
    advice = f"Did you mean {near[0]!r}?" if near else "`countersign sources` lists them."
    raise UsageError(f"No source is called {name!r}. {advice}")


def table(place: Place) -> str:
    """A place as a table of its state's file."""
    name = place.name.rsplit(", ", 1)[0]
    values: dict[str, object] = {"kind": place.kind, "address": place.address}
    values |= {"county": place.county} if place.county else {}
    values |= {"zone": place.zone} if place.zone else {}
    values |= {"body": place.body} if place.body else {}
    values |= {"selector": place.selector} if place.selector else {}
    values |= {"every_hours": place.every_hours} if place.every_hours != EVERY_HOURS else {}
    lines = [f"{key} = {_quoted(value) if isinstance(value, str) else value}" for key, value in values.items()]
    if place.verified is not None:
        lines.append(f"verified = {place.verified.isoformat()}")
    return "\n".join([f"[{_quoted(name)}]", *lines])


def checked(place: Place, folder: Path | None = None) -> Place:
    """The place as its table would be read; UsageError when it would be refused, or is in the catalogue already."""
    _refuse_twin(place, folder or _folder())
    file = _File(Path(f"{place.state}.toml"), table(place))
    found = list(file.places())
    if not found:
        said = file.problems[0].partition(": ")[2] if file.problems else f"no source can be called {place.name!r}"
        raise UsageError(said)
    return found[0]


def _refuse_twin(place: Place, folder: Path) -> None:
    for other in places(folder).values():
        if place.name == other.name or _plainest(place.address) == _plainest(other.address):
            raise UsageError(f"{other.name} is in the catalogue already, with the address {other.address}.")


def _plainest(address: str) -> tuple[str, ...]:
    """The same for two addresses that lead to the same place."""
    parts = urlsplit(address)
    return parts.netloc.lower(), parts.path.rstrip("/"), parts.query


def add(place: Place, folder: Path | None = None) -> Path:
    """Write a place into its state's file, whole or not at all, and return the file; UsageError when it is in already.

    What stands in the file stays as it was written, with its comments.
    """
    where = folder or _folder()
    _refuse_twin(place, where)
    path = where / f"{place.state}.toml"
    old = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n" if path.exists() else ""
    where.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=where, suffix=".new", delete=False) as file:
            file.write(f"{old}{table(place)}\n")
        Path(file.name).chmod(0o644)
        os.replace(file.name, path)  # noqa: PTH105 - Path.replace says the same less plainly
    except OSError as fault:
        raise UsageError(f"{path} cannot be written: {fault.strerror}.") from fault
    return path


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


class _Wrong(Exception):
    """What is wrong with the value of a key."""


class _File:
    """One state's file, and what is wrong with it."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.problems: list[str] = []
        self._path, self._text = path, text or ""
        self._state = path.stem

    def places(self) -> Iterator[Place]:
        """The places that are well described."""
        values = self._read()
        if self._state not in STATES:
            self.problems.append(f"{self._path}: a file is called after a state's postal code, as in FL.toml")
            return
        zone = values.pop("zone", None)
        for name, entry in values.items():
            if (place := self._place(name, entry, zone)) is not None:
                yield place

    def complain(self, name: str, said: str, key: str = "") -> None:
        """Note a problem with its line."""
        self.problems.append(f"{self._path}:{self._line(name, key)}: {name}: {f'{key} ' * bool(key)}{said}")

    def _read(self) -> dict[str, Any]:
        try:
            self._text = self._text or self._path.read_text(encoding="utf-8")
            return tomllib.loads(self._text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
            self.problems.append(f"{self._path}: {fault}")
            return {}

    def _line(self, name: str, key: str) -> int:
        """The line of a table, or of a key in it, counted from 1."""
        lines = self._text.splitlines()
        heads = {f"[{_quoted(name)}]", f"[{name}]", f"['{name}']"}
        start = next((n for n, line in enumerate(lines) if line.split("#")[0].strip() in heads), 0)
        inside: Iterable[tuple[int, str]] = enumerate(lines[start + 1 :], start=start + 1)
        for number, line in inside:
            if line.startswith("[") or not key:
                break
            if re.match(rf"\s*{re.escape(key)}\s*=", line):
                return number + 1
        return start + 1

    def _place(self, name: str, entry: Any, zone: object) -> Place | None:
        """The place that a table describes; None when something is wrong with it, each thing noted."""
        if not isinstance(entry, dict):
            self.complain(name, f"is no table; a source begins with a line [{_quoted(name)}]")
            return None
        before = len(self.problems)
        unknown = sorted(entry.keys() - set(KEYS))
        for key in unknown:
            self.complain(name, f"is no key of a source{_near(key, KEYS)}", key)
        told: dict[str, Any] = {}
        for key, read in {**_READERS, "county": self._county}.items():
            try:
                told[key] = read(entry.get(key, zone if key == "zone" else _USUAL.get(key)))
            except _Wrong as wrong:
                if key in entry or not unknown:  # what is missing was misspelt, most likely
                    self.complain(name, str(wrong), key)
        if len(self.problems) > before:
            return None
        return Place(name=f"{name}, {self._state}", state=self._state, **told)

    def _county(self, value: object) -> str:
        county = _text(value)
        known = {plain_county(name): name for name in county_names(self._state)}
        if county and plain_county(county) not in known:
            raise _Wrong(f"{county!r} is no county of {STATES[self._state]}{_near(county, known.values())}")
        return known[plain_county(county)] if county else ""


# ── what stands behind each key ──────────────────────────────────────────────────────────────────────────────────────


@cache
def _is_zone(name: str) -> bool:
    """Whether there is such a time zone; to list them all takes 20 ms."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return bool(name)


def _text(value: object) -> str:
    if value is None:
        raise _Wrong("is missing")
    if not isinstance(value, str):
        raise _Wrong(f"must be a text in quotes, not {value!r}")
    return value


def _kind(value: object) -> str:
    kind = _text(value)
    if kind not in LOCAL:
        raise _Wrong(f"{kind!r} is no platform{_near(kind, LOCAL)}")
    return kind


def _address(value: object) -> str:
    address = _text(value)
    if not re.fullmatch(r"https?://[^\s/@]+(?:/\S*)?", address):
        raise _Wrong("must begin with https:// (or http://) and hold no password")
    return address


def _zone(value: object) -> str:
    zone = _text(value)
    if not _is_zone(zone):
        raise _Wrong(f"{zone!r} is no time zone{_near(zone, available_timezones())}")
    return zone


def _hours(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.25 <= value <= 168:
        raise _Wrong("must be a number of hours from 0.25 to 168")
    return float(value)


def _day(value: object) -> date | None:
    if value is not None and type(value) is not date:
        raise _Wrong("must be a day, as in 2026-12-01 without quotes")
    return value


_USUAL = {"county": "", "every_hours": EVERY_HOURS, "selector": "", "body": ""}
_READERS: Mapping[str, Callable[[object], Any]] = {
    "kind": _kind,
    "address": _address,
    "zone": _zone,
    "every_hours": _hours,
    "selector": lambda value: _text(value) or None,
    "body": _text,
    "verified": _day,
}


def _near(word: str, words: Iterable[str]) -> str:
    known = list(words)
    near = process.extractOne(word, known, scorer=OSA.distance, score_cutoff=3)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are: {', '.join(known)}" if len(known) <= 12 else ""
