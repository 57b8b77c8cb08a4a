"""The catalog of local sources: config/sources/XX.toml, with one file per state and one table per source.

zone = "America/New_York"          # the default for every table in this file

["Nash County"]
kind = "civicplus"                 # a platform in bot/sources
address = "https://www.nashcountync.gov/AgendaCenter"
county = "Nash"                    # if the source is a county or is located in one
fips = "37127"                     # only if the source is the county's own government
origin = "Agenda Watch"            # who found it, and when it was last seen there
seen = 2021
sure = "read"                      # or answered, or guessed; leave it out if you checked it yourself
"""

import re
import tempfile
import tomllib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

import bot
from bot.domain.agenda import Certainty, Place
from bot.domain.geography.counties import county_by_fips, county_names
from bot.domain.geography.county_zones import zone_of_county
from bot.domain.geography.fold import distinct_name, exact_county
from bot.domain.geography.states import STATES
from bot.domain.suggest import suggest
from bot.domain.time_zones import is_zone, zone_names
from bot.domain.web_address import masked, web_parts
from bot.errors import ConfigError, UsageError
from bot.sources import LOCAL

FOLDER = Path("config/sources")
EVERY_HOURS = 6.0
_STATES_BY_ZONE = {  # for a state with two zones, the one where most residents live
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


# ── one table ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _platform(kind: str) -> str:
    if kind not in LOCAL:
        raise ValueError(f"{kind!r} isn't a platform{_advice(kind, LOCAL)}")
    return kind


def _web_address(address: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(?:/\S*)?", address):
        raise ValueError("must start with https:// or http:// and must not contain a password")
    if web_parts(address) is None:
        raise ValueError("must have a host name and a port that exist, as in https://www.example.gov/agendas")
    return address


def _time_zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError(f"{name!r} isn't a time zone{_advice(name, zone_names())}")
    return name


def _real_county(county: str, table: ValidationInfo) -> str:
    if not county:
        return ""
    state = str(table.context)
    known = exact_county(state, county)
    if known is None:
        raise ValueError(f"{county!r} isn't a county in {STATES[state]}{_advice(county, county_names(state))}")
    return distinct_name(known)


def _county_code(fips: str, table: ValidationInfo) -> str:
    county = county_by_fips(fips) if fips else None
    if fips and (county is None or county.state != str(table.context)):
        raise ValueError(f"{fips!r} isn't the FIPS code of a county in {STATES[str(table.context)]}")
    named = table.data.get("county", "")
    if county is not None and named and named != distinct_name(county):
        raise ValueError(f"{fips!r} is {distinct_name(county)} and not {named}")
    return fips


def _certainty(sure: str) -> str:
    if sure and sure not in Certainty.__members__.values():
        raise ValueError(f"must be read, answered or guessed, not {sure!r}")
    return sure


def _advice(word: str, words: Iterable[str]) -> str:
    known = list(words)
    near = suggest(word, known)
    if near:
        return f"; did you mean {near}?"
    return f"; choose from {', '.join(known)}" if len(known) <= 12 else ""


_Zone = Annotated[str, AfterValidator(_time_zone)]
_ZONE: TypeAdapter[str] = TypeAdapter(_Zone, config=ConfigDict(strict=True))


class _Table(BaseModel):
    """The model for one table.

    Keys are written in this order. Validation requires the state's postal code as its context.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Annotated[str, AfterValidator(_platform)]
    address: Annotated[str, AfterValidator(_web_address)]
    county: Annotated[str, AfterValidator(_real_county)] = ""
    zone: _Zone
    body: str = ""
    selector: str = ""
    every_hours: Annotated[float, Field(ge=0.25, le=168, allow_inf_nan=False)] = EVERY_HOURS
    verified: date | None = None
    fips: Annotated[str, AfterValidator(_county_code)] = ""
    origin: str = ""
    seen: Annotated[int, Field(ge=1990, le=2100)] | None = None
    sure: Annotated[str, AfterValidator(_certainty)] = ""


def _place(name: str, state: str, values: object) -> Place:
    """Return the place described by a table. Raise ValidationError with every problem in the table."""
    table = _Table.model_validate(values, context=state)
    return Place(
        name=f"{name}, {state}",
        state=state,
        kind=table.kind,
        address=table.address,
        county=table.county,
        zone=table.zone,
        body=table.body,
        selector=table.selector or None,
        every_hours=table.every_hours,
        verified=table.verified,
        fips=table.fips,
        origin=table.origin,
        seen=table.seen,
        sure=Certainty(table.sure) if table.sure else None,
    )


def _values(place: Place) -> dict[str, Any]:
    """Return the values for a place's table, without empty or default values."""
    values = {key: getattr(place, key) for key in _Table.model_fields}
    return {
        key: str(value) if isinstance(value, Certainty) else value
        for key, value in values.items()
        if value not in {None, "", _Table.model_fields[key].default}
    }


def _table_name(place: Place) -> str:
    return place.name.removesuffix(f", {place.state}")


def _complaints(fault: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield each problem as a pair: the key and a description of the problem."""
    errors = fault.errors(include_url=False)
    misspelled = any(error["type"] == "extra_forbidden" for error in errors)
    for error in errors:
        if error["type"] != "missing" or not misspelled:  # most likely the missing key is the misspelled one
            yield (str(error["loc"][0]) if error["loc"] else ""), _complaint(error)


_MUST_BE = {
    "every_hours": "must be a number of hours from 0.25 to 168",
    "verified": "must be a date without quotes, like 2026-12-01",
    "seen": "must be a year without quotes, like 2026",
}


def _complaint(error: ErrorDetails) -> str:
    key = error["loc"][0] if error["loc"] else ""
    match error["type"]:
        case "value_error":
            return str(error["ctx"]["error"])
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"isn't a key of a source{_advice(str(key), _Table.model_fields)}"
    return _MUST_BE.get(str(key), f"must be text in quotes, not {error['input']!r}")


# ── all files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def places(folder: Path | None = None) -> Mapping[str, Place]:
    """Return every source by name, such as "Nash County, NC". Raise ConfigError with all the problems in all the files.

    By default, the catalog is config/sources in the working folder. If that doesn't exist, use config/sources in the
    folder the program was cloned into, or else the copy in the installed package.
    """
    found: dict[str, Place] = {}
    addresses: dict[tuple[str, ...], str] = {}
    problems: list[str] = []
    for path in sorted((folder or _folder()).glob("*.toml")):
        file = _File(path)
        for place in file.places():
            twin = addresses.setdefault(_plain_address(place.address), place.name)
            if place.name != twin:
                file.complain(_table_name(place), f"has the same address as {twin}; keep one of the two")
            found[place.name] = place
        problems += file.problems
    if problems:
        raise ConfigError(problems)
    return found


def _folder() -> Path:
    return next((folder for folder in (FOLDER, _CLONED) if folder.is_dir()), _INSTALLED)


_CLONED = Path(bot.__file__).parent.parent / FOLDER
_INSTALLED = Path(bot.__file__).parent / "data" / "sources"


def _plain_address(address: str) -> tuple[str, ...]:
    """Normalize an address for comparison."""
    parts = urlsplit(address)
    return parts.netloc.lower(), parts.path.rstrip("/"), parts.query


class _File:
    """One state's file and the problems found in it."""

    def __init__(self, path: Path) -> None:
        self.problems: list[str] = []
        self._path = path
        self._state = path.stem
        self._text = ""

    def places(self) -> Iterator[Place]:
        """Yield a place for each valid table. Record the problems in the other tables."""
        tables = self._read()
        if self._state not in STATES:
            self.problems.append(f"{self._path}: name the file for a state's postal code, as in FL.toml")
            return
        usual = self._usual_zone(tables)
        for name, values in tables.items():
            if not isinstance(values, dict):
                self.complain(name, 'isn\'t a table; each source starts with a line like ["Nash County"]')
                continue
            try:
                yield _place(name, self._state, usual | values)
            except ValidationError as fault:
                for key, complaint in _complaints(fault):
                    self.complain(name, complaint, key)

    def _read(self) -> dict[str, Any]:
        try:
            self._text = self._path.read_text(encoding="utf-8-sig")
            return tomllib.loads(self._text)
        except (OSError, ValueError, RecursionError) as fault:
            self.problems.append(f"{self._path}: {fault}")
            return {}

    def _usual_zone(self, tables: dict[str, Any]) -> dict[str, str]:
        """Remove the file's default time zone from `tables` and return it as {"zone": …}, or {} if there is none."""
        if "zone" not in tables:
            return {}
        try:
            return {"zone": _ZONE.validate_python(tables.pop("zone"))}
        except ValidationError as fault:
            self.problems.append(f"{self._path}:{self._line('zone')}: zone {_complaint(fault.errors()[0])}")
            return {"zone": "UTC"}  # so that the tables without a zone aren't reported too

    def complain(self, name: str, complaint: str, key: str = "") -> None:
        """Record a problem with a table or with one of its keys, including the line number."""
        self.problems.append(f"{self._path}:{self._line(name, key)}: {name}: {key}{' ' * bool(key)}{complaint}")

    def _line(self, name: str, key: str = "") -> int:
        """Return the line number of a key in a table, counting from 1.

        If the key is missing, return the table's line number.
        """
        found = 0
        for number, line in enumerate(self._text.split("\n"), start=1):
            names = _names_in(line)
            if found and (line.startswith("[") or not key):
                break
            if found and key in names:
                return number
            if not found and name in names:
                found = number
        return found or 1


def _names_in(line: str) -> Iterable[str]:
    """Return the name of the table or key defined on this line, if there is one."""
    try:
        return tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()


# ── finding and adding ───────────────────────────────────────────────────────────────────────────────────────────────


def named(found: Mapping[str, Place], name: str) -> Place:
    """Return the one source that matches a full or partial name. Raise UsageError if none or several match."""
    wanted = name.casefold().strip()
    exact = [p for p in found.values() if wanted in {p.name.casefold(), _table_name(p).casefold()}]
    close = exact or [place for place in found.values() if wanted in place.name.casefold()]
    if len(close) == 1:
        return close[0]
    if close:
        some = "; ".join(place.name for place in close[:5])
        raise UsageError(f"{len(close)} sources match {name!r}: {some}. Type one of the names in full.")
    near = suggest(name, found) or suggest(name, {_table_name(place) for place in found.values()})
    advice = f"Did you mean {near!r}?" if near else "`countersign sources` lists them."
    raise UsageError(f"No source is called {name!r}. {advice}")


def checked(place: Place, folder: Path | None = None) -> Place:
    """Validate and normalize a new place. Raise UsageError if the place is invalid or already listed."""
    _refuse_twin(place, folder or _folder())
    if _table_name(place) == "zone":
        raise UsageError(
            "A source can't be called zone, because source files already have a key by that name. Add --name."
        )
    try:
        return _place(_table_name(place), place.state, _values(place))
    except ValidationError as fault:
        complaints = "; ".join(f"{key} {complaint}" for key, complaint in _complaints(fault))
        raise UsageError(f"{_table_name(place)}: {complaints}") from None


def _refuse_twin(place: Place, folder: Path) -> None:
    for other in places(folder).values():
        if place.name == other.name or _plain_address(place.address) == _plain_address(other.address):
            raise UsageError(f"{other.name} is already in the catalog, with the address {masked(other.address)}.")


def table(place: Place) -> str:
    """Return a place as a TOML table for its state's file."""
    import tomlkit  # noqa: PLC0415 - 17 ms, and only writing needs it

    return tomlkit.dumps({_table_name(place): _values(place)}).strip()


def add(place: Place, folder: Path | None = None) -> Path:
    """Append a place to its state's file and return the file's path. Raise UsageError if the place is already listed.

    The rest of the file is preserved, including comments. The file is replaced atomically, so a crash can't damage it.
    """
    import tomlkit  # noqa: PLC0415 - 17 ms, and only writing needs it

    where = folder or _folder()
    if where == _INSTALLED:
        raise UsageError(f"The installed catalog can't be changed. Copy {where} to {FOLDER} and try again.")
    _refuse_twin(place, where)
    path = where / f"{place.state}.toml"
    document = tomlkit.parse(path.read_bytes().removeprefix(BOM_UTF8) if path.exists() else b"")
    document.append(_table_name(place), tomlkit.item(_values(place)))
    try:
        _replace(path, tomlkit.dumps(document))
    except OSError as fault:
        raise UsageError(f"{path} can't be written: {fault.strerror}.") from fault
    return path


def write(found: Iterable[Place], folder: Path | None = None) -> None:
    """Replace every state's file with these sources, sorted by name. Comments within a file aren't kept."""
    by_state: dict[str, list[Place]] = {}
    for place in sorted(found, key=lambda place: place.name):
        by_state.setdefault(place.state, []).append(place)
    for state, here in by_state.items():
        tables = (table(replace(place, zone="" if place.zone == USUAL_ZONE[state] else place.zone)) for place in here)
        text = "\n\n".join((_heading(state, here), *tables))
        _replace((folder or _folder()) / f"{state}.toml", f"{text}\n")


_HEADING = """\
# Local government in {name}. `countersign sources --state {state}` lists it, and `countersign sources add ADDRESS`
# adds to it. Each table is one source, in the time zone below unless it names its own. `origin` and `seen` say who
# found it and when, and `sure` how certain it is that it is this place's. A source that you have read well gets the
# day instead, as in `verified = 2026-12-01`. It then also serves channels that watch all states.
{split}"""
_SPLIT = """\
# The zone below is that of most people here. A place known to lie in the other one says so; any other may be an hour
# off.
"""


def _heading(state: str, here: Iterable[Place]) -> str:
    is_split = len({place.zone for place in here}) > 1
    heading = _HEADING.format(name=STATES[state], state=state, split=_SPLIT if is_split else "")
    return f'{heading}zone = "{USUAL_ZONE[state]}"'


def usual_zone(state: str, county: str, found: Iterable[Place]) -> str:
    """Return the time zone of most sources in a county. Without any, return the county's or the state's usual one."""
    zones = Counter(place.zone for place in found if place.state == state and county and place.county == county)
    return zones.most_common(1)[0][0] if zones else zone_of_county(state, county) or USUAL_ZONE[state]


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, suffix=".new", delete=False) as file:
        file.write(text.encode())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
