"""Read the settings. No other module reads environment variables or config/countersign.toml.

Each channel provides a model for its own settings. `load` combines these with the program's settings and reports all
problems at once.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_network
from os import environ
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import unquote

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

import bot
from bot.channels import CHANNELS, SharedSettings
from bot.channels.setup import WebAddress, is_web_address
from bot.config import data_folder, dotenv
from bot.config.data_folder import DataFolder
from bot.config.dotenv import EnvFile
from bot.config.misspelled import meant_by
from bot.domain.suggest import suggest
from bot.errors import ConfigError, UsageError
from bot.sources.ice import OTHER_PAGES, PAGE

FILE = Path("config/countersign.toml")
DATA = "COUNTERSIGN_DATA"
DEFAULT_PORT = 8080  # where the web server listens if it has to and PORT isn't set
SOURCES = ("ice", "local")
LONGEST_PROBLEM = 300  # characters
LONGEST_NAME, LONGEST_PATH = 255, 4_095  # bytes; what Linux allows
SECRET_KEY = "COUNTERSIGN_SECRET_KEY"  # noqa: S105 - a name
PLAIN_WORDS = {  # for those of pydantic's messages
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "1 (on) or 0 (off)",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}
_INVISIBLE = r"[\s\u200b-\u200f\u2060\ufeff]+"
_AROUND = re.compile(rf"\A{_INVISIBLE}|{_INVISIBLE}\Z")
_BELOW: ContextVar[Mapping[str, str]] = ContextVar("values that the environment overrides")  # of the .env file
_ABOVE: ContextVar[Mapping[str, str]] = ContextVar("values that override the environment")  # answers not yet written
_QUOTES = {
    '"': '"\u201d',
    "'": "'\u2019",
    "\u201c": '"\u201d',
    "\u2018": "'\u2019",
    "\u201e": "\u201c\u201d",
    "\u201d": "\u201d",
}


def _names(value: object) -> object:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _platforms() -> list[str]:
    """Return the names of the channels that have their own settings. The settings file can name only these channels."""
    return [name for name, channel in CHANNELS.items() if channel.settings is not None]


class Broadcast(BaseModel):
    """A public channel that anyone can follow, with its states and schedule.

    Settings that the table leaves out stay as they are for a channel that is already subscribed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: str
    address: str
    states: str | tuple[str, ...] = "all"
    cadence: Literal["instant", "daily", "weekly"] | None = None
    at: str | None = None
    tz: str | None = None
    language: Literal["en", "es"] | None = None

    @field_validator("channel")
    @classmethod
    def _is_platform(cls, value: str) -> str:
        if value not in _platforms():
            raise ValueError(f"it must be {' or '.join(_platforms())}")
        return value

    @field_validator("tz")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        from bot.domain.chat.parser import Misunderstood, zone  # noqa: PLC0415 - slow to import, and few need it

        try:
            return zone(value)
        except Misunderstood:
            raise ValueError(f"{value!r} isn't a time zone; use a name such as America/Chicago") from None

    @property
    def settings(self) -> Mapping[str, str]:
        """The arguments for the `subscribe` command, by name."""
        return self.model_dump(exclude_none=True) | {
            "states": self.states if isinstance(self.states, str) else ",".join(self.states)
        }


class _Environment(EnvSettingsSource):
    """The environment's variables, without what editors, shells and hosts leave around a name or a value.

    A secret key stays as it is, because texts are already encrypted with it.
    """

    def _load_env_vars(self) -> Mapping[str, str | None]:
        named = {name.strip("\ufeff \t\r"): value or "" for name, value in super()._load_env_vars().items()}
        below, above = ({name.lower(): value for name, value in of.get({}).items()} for of in (_BELOW, _ABOVE))
        named = below | {name: value for name, value in named.items() if value} | above
        bare = {name: value if name.upper() == SECRET_KEY else bare_value(value) for name, value in named.items()}
        return {name: value for name, value in bare.items() if value}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Decode JSON. Refuse one that is nested too deeply to be read, like any other that can't be read."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def bare_value(text: str) -> str:
    """Return a setting's value without quotation marks, line breaks, spaces or invisible characters around it."""
    value = _AROUND.sub("", text)
    quotes = _QUOTES.get(value[:1])
    return bare_value(value[1:-1]) if len(value) > 1 and quotes and value[-1] in quotes else value


class Settings(BaseSettings, SharedSettings):
    """The program's own settings. The object returned by `load` also includes the settings of every channel.

    A field's alias is the name of its environment variable. The field's name is its key in the settings file.
    """

    model_config = SettingsConfigDict(populate_by_name=True, extra="forbid", env_ignore_empty=True, frozen=True)

    data: Path = Field(Path("data"), alias=DATA)
    ice_url: WebAddress = Field(PAGE, alias="COUNTERSIGN_ICE_URL")
    ice_other_pages: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        OTHER_PAGES, alias="COUNTERSIGN_ICE_OTHER_PAGES"
    )
    relay_secret: SecretStr | None = Field(None, alias="COUNTERSIGN_RELAY_SECRET")
    serve_mirror: bool = Field(default=False, alias="COUNTERSIGN_SERVE_MIRROR")
    upstream: WebAddress | None = Field(None, alias="COUNTERSIGN_UPSTREAM")
    sources: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(SOURCES, alias="COUNTERSIGN_SOURCES")
    ocr: bool = Field(default=False, alias="COUNTERSIGN_OCR")
    poll_seconds: float = Field(900, ge=1, le=86_400, alias="COUNTERSIGN_POLL_SECONDS")
    host_gap: float = Field(1.0, ge=0, le=3_600, alias="COUNTERSIGN_HOST_GAP")
    stale_hours: float = Field(6, gt=0, le=8_760, alias="COUNTERSIGN_STALE_HOURS")
    operator: str | None = Field(None, alias="COUNTERSIGN_OPERATOR")
    wayback: bool = Field(default=False, alias="COUNTERSIGN_WAYBACK")
    wayback_read: bool = Field(default=False, alias="COUNTERSIGN_WAYBACK_READ")
    wayback_url: WebAddress = Field("https://web.archive.org", alias="COUNTERSIGN_WAYBACK_URL")
    wayback_keys: SecretStr | None = Field(None, alias="COUNTERSIGN_WAYBACK_KEYS")
    broadcast: tuple[Broadcast, ...] = Field((), alias="COUNTERSIGN_BROADCAST")
    port: int | None = Field(None, ge=1, le=65_535, alias="PORT")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        (), alias="COUNTERSIGN_TRUSTED_PROXIES"
    )
    web_connections: int = Field(400, ge=16, le=10_000, alias="COUNTERSIGN_WEB_CONNECTIONS")
    web_connections_per_client: int = Field(32, ge=1, le=10_000, alias="COUNTERSIGN_WEB_CONNECTIONS_PER_CLIENT")
    web_requests_per_minute: int = Field(600, ge=1, le=1_000_000, alias="COUNTERSIGN_WEB_REQUESTS_PER_MINUTE")
    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    heartbeat_url: SecretStr | None = Field(None, alias="COUNTERSIGN_HEARTBEAT_URL")
    weekly_summary: bool = Field(default=True, alias="COUNTERSIGN_WEEKLY_SUMMARY")
    log: Literal["text", "json"] = Field("text", alias="COUNTERSIGN_LOG")
    sentry_dsn: SecretStr | None = Field(None, alias="SENTRY_DSN")
    _data_folder: DataFolder | None = PrivateAttr(None)
    _env_file: EnvFile = PrivateAttr(EnvFile())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Make environment variables override values from the settings file, which are passed in as arguments."""
        return _Environment(settings_cls), init_settings

    @field_validator("data")
    @classmethod
    def _is_path(cls, value: Path) -> Path:
        written = str(value).encode("utf-8", "surrogateescape")
        if b"\0" in written or len(written) > LONGEST_PATH or any(len(p) > LONGEST_NAME for p in written.split(b"/")):
            raise ValueError("it must be the path of a folder, and no folder can have this name")
        return value

    @field_validator("sources")
    @classmethod
    def _are_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in SOURCES]
        if unknown or not value:
            what = f"no source is called {', '.join(unknown)}" if unknown else "no source is named"
            raise ValueError(f"{what}; choose from {', '.join(SOURCES)}")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"{network} isn't an address or a network such as 10.0.0.0/8") from None
        return tuple(str(ip_network(network, strict=False)) for network in value)

    @field_validator("operator")
    @classmethod
    def _is_operator(cls, value: str | None) -> str | None:
        for chat in (value or "").split(",") if value is not None else ():
            name, _, address = chat.strip().partition(":")
            if name not in _platforms() or not re.fullmatch(r"\S+", address):
                names = " or ".join(f"{name}:" for name in _platforms())
                raise ValueError(
                    f"it must be {names} and an id, as in telegram:12345 or slack:C0123456789; commas separate several"
                )
            try:
                CHANNELS[name].check_address(address)
            except UsageError as fault:
                raise ValueError(f"{chat.strip()}: {fault}") from None
        return value

    @field_validator("wayback_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x39\x3b-\x7e]+:[\x21-\x7e]+", value.get_secret_value()):
            raise ValueError("it must be the two keys from https://archive.org/account/s3.php, as in ACCESS:SECRET")
        return value

    @field_validator("ice_other_pages")
    @classmethod
    def _are_paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.fullmatch(r"/(?!/)[\x21-\x7e]*", path) for path in value):
            raise ValueError(
                "it must be paths on ICE's site, separated by commas, as in /identify-and-arrest/287g,/287g"
            )
        return value

    @field_validator("relay_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]{24,200}", value.get_secret_value()):
            raise ValueError("it must have 24 to 200 plain characters and no spaces; `openssl rand -hex 32` makes one")
        return value

    @field_validator("heartbeat_url")
    @classmethod
    def _is_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_web_address(value.get_secret_value()):
            raise ValueError(
                "it must be the whole address that your monitor shows, as in https://hc-ping.com/ and an id, without a "
                "user name or a password"
            )
        return value

    @field_validator("contact")
    @classmethod
    def _is_plain(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or not value.isprintable() or len(value) > 200):
            raise ValueError("it must be one short line of plain characters, such as an email address")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            import psycopg  # noqa: PLC0415 - slow to import, and few need it

            form = "it must look like postgresql://user:password@host:5432/name or postgresql:///name?host=/folder"
            if not re.match(r"postgres(ql)?://", value.get_secret_value()):
                raise ValueError(form)
            try:
                psycopg.conninfo.conninfo_to_dict(value.get_secret_value())
            except psycopg.ProgrammingError:  # the error's text quotes part of the address
                raise ValueError(f"PostgreSQL can't read it; {form}") from None
            if re.match(r"[^:/]*://[^:@/?#]*:@", value.get_secret_value()):
                raise ValueError(
                    "its password is empty; with docker compose, set POSTGRES_PASSWORD in the file .env, made of "
                    "letters and digits"
                )
        return value

    @property
    def data_folder(self) -> DataFolder:
        """The data folder, and why it is this one."""
        return self._data_folder or DataFolder(path=self.data, because="the settings name it")

    @property
    def env_file(self) -> EnvFile:
        """The file of environment variables that was read."""
        return self._env_file

    @property
    def operators(self) -> tuple[str, ...]:
        """The operator's chats, each as a channel and an address, such as telegram:12345."""
        return tuple(chat.strip() for chat in (self.operator or "").split(",") if chat.strip())

    @property
    def secrets(self) -> tuple[str, ...]:
        """All values that must never be printed."""
        values = (getattr(self, name) for name in type(self).model_fields)
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        if self.database_url is not None:
            secrets += _passwords(self.database_url.get_secret_value())
        return tuple(secrets)


class Given(Settings):
    """Settings that come from arguments alone, for a demonstration that must not touch the operator's own."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the arguments and nothing else."""
        return (init_settings,)


def _garbled(model: type[Settings], env: Mapping[str, str]) -> list[str]:
    """Return a problem for each setting whose environment variable isn't UTF-8.

    Python keeps such bytes as halves of surrogate pairs, which can't be written to a log, a request or the store.
    """
    aliases = [str(field.alias) for field in model.model_fields.values()]
    return [
        f"{alias}: it contains bytes that aren't UTF-8; type it again"
        for alias in aliases
        if any("\ud800" <= letter <= "\udfff" for letter in env.get(alias, ""))
    ]


def _passwords(address: str) -> list[str]:
    """Return the password in a database address, both as it is written and decoded."""
    written = re.match(r"[^:/]*://[^:@/]*:([^@/?#]*)@|.*[?&]password=([^&]*)", address)
    found = (written[1] or written[2]) if written else ""
    return [found, unquote(found)] if found else []


def load(
    *, env: Mapping[str, str] = environ, folder: Path | None = None, answers: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings. Raise ConfigError with all the problems found.

    The file is config/countersign.toml in the working folder, or else in the folder the program was cloned into. A file
    named .env beside it can set what the environment doesn't. `answers` are values by environment variable that are
    tried before they are written there.
    """
    model = _model()
    of_file = dotenv.read(env, _own_names(model), folder)
    every = {**of_file.values, **{name: value for name, value in env.items() if value}}
    if garbled := _garbled(model, every):
        raise ConfigError(garbled)
    path = next((p for p in _candidates(folder) if p.is_file()), None)
    text, values, problems = _read(model, path)
    context = copy_context()
    context.run(_BELOW.set, of_file.values)
    context.run(_ABOVE.set, answers or {})
    origin = _Origin({**env, **(answers or {})}, of_file, path, text)
    settings = context.run(_made, model, values, problems, origin)
    settings._env_file = of_file  # noqa: SLF001 - this function completes the settings
    return _with_data_folder(settings, env, of_file, path, folder or data_folder.current_folder())


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where settings come from: the environment, or else the .env file, or else the settings file and its text."""

    env: Mapping[str, str]
    env_file: EnvFile
    path: Path | None
    text: str

    def said(self, alias: str, name: str, problem: str) -> str:
        """Return a problem with the setting, and where it was set."""
        if _sets(self.env, alias):
            return f"{alias}: {problem}"
        if _sets(self.env_file.values, alias):
            line = next(number for name, number in self.env_file.lines.items() if name.upper() == alias)
            return f"{alias}: {problem} (line {line} of {self.env_file.path})"
        if self.path is None:
            return f"{alias}: {problem}"
        return f"{self.path}:{_line(self.text, name)}: {name}: {problem}"


def _made(model: type[Settings], values: Mapping[str, Any], problems: Sequence[str], origin: _Origin) -> Settings:
    """Return the settings from all sources. Raise ConfigError with the problems of the file and of the values."""
    try:
        settings = model(**values)
    except ValidationError as fault:
        errors = fault.errors(include_url=False, include_input=False)
        found = [_problem(model, error, origin) for error in errors]
        raise ConfigError([*problems, *found]) from None
    except SettingsError as fault:  # its text names the field, but not the environment variable
        named = re.search(r'field "(\w+)"', str(fault))
        name = named[1] if named and named[1] in model.model_fields else ""
        alias = str(model.model_fields[name].alias) if name else "a setting"
        problem = origin.said(alias, name, "it isn't valid JSON; in the settings file, it is easier to write")
        raise ConfigError([*problems, problem]) from None
    if problems:
        raise ConfigError(problems)
    return settings


def _with_data_folder(
    settings: Settings, env: Mapping[str, str], of_file: EnvFile, path: Path | None, here: Path
) -> Settings:
    """Return the settings with the data folder chosen. A file's relative path begins at the folder of the file."""
    here = here.absolute()
    if "data" not in settings.model_fields_set:
        chosen = data_folder.found(env, here)
    elif _sets(env, DATA):
        chosen = data_folder.named(settings.data, f"{DATA} is set", env, here)
    elif of_file.path is not None and _sets(of_file.values, DATA):
        chosen = data_folder.named(_from(of_file.path.parent, settings.data), f"{of_file.path} names it", env, here)
    else:
        base = path.parent.parent if path is not None else here
        chosen = data_folder.named(_from(base, settings.data), f"{path} names it", env, here)
    made = settings.model_copy(update={"data": chosen.path})
    made._data_folder = chosen  # noqa: SLF001 - this function completes the settings
    return made


def _sets(env: Mapping[str, str], alias: str) -> bool:
    return any(name.strip("\ufeff \t\r").upper() == alias and value for name, value in env.items())


def _from(base: Path, path: Path) -> Path:
    """Return a path that a file names. Until 0.2, it began at the current folder, so what is there already counts."""
    return path if path.exists() or path.is_absolute() else base / path


def _own_names(model: type[Settings]) -> frozenset[str]:
    """Return the environment variables that only Countersign reads. Other programs also have a PORT."""
    aliases = {str(field.alias) for field in model.model_fields.values()}
    return frozenset(name for name in aliases if name not in {"PORT", "DATABASE_URL", "SENTRY_DSN"})


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Return settings made from these values alone, by environment variable. The environment and the file aren't read.

    Raise ValidationError for a value that isn't valid.
    """
    return _model(Given)(**values)


def notices(settings: Settings, *, env: Mapping[str, str] = environ) -> list[str]:
    """Return warnings about settings that are valid but probably unintended."""
    found = []
    if settings.contact is None:
        found.append(
            "COUNTERSIGN_CONTACT isn't set, so the sites we read can't reach you. Set it to an email address or a URL; "
            "`countersign init` asks for it."
        )
    of_file = settings.env_file
    if of_file.path is not None and dotenv.is_readable_by_others(of_file.path):
        found.append(f"Other users of this machine can read {of_file.path}. Run: chmod 600 {of_file.path}")
    for channel in CHANNELS.values():
        found += channel.notices(settings)
    known = [dotenv.NAMED_BY, *(str(field.alias) for field in type(settings).model_fields.values())]
    for name in sorted({*env, *of_file.values}):
        near = meant_by(name, known)
        if name.startswith(_prefixes()) and name not in known and near:
            found.append(f"{name} is set but isn't a setting. Did you mean {near}?")
    return found


def own_names() -> frozenset[str]:
    """Return the environment variables that only Countersign reads."""
    return _own_names(_model())


def aliases() -> list[str]:
    """Return the environment variables of all settings."""
    return [str(field.alias) for field in _model().model_fields.values()]


def file_read(model: type[Settings], folder: Path | None = None) -> tuple[Path | None, frozenset[str]]:
    """Return the settings file that `load` reads, or None, and the keys that it sets."""
    path = next((p for p in _candidates(folder) if p.is_file()), None)
    return path, frozenset(_read(model, path)[1])


def _model(base: type[Settings] = Settings) -> type[Settings]:
    """Return a model that combines the program's settings with the settings of every channel."""
    return _composed(base, tuple(channel.settings for channel in CHANNELS.values() if channel.settings is not None))


@cache
def _composed(base: type[Settings], models: tuple[type[SharedSettings], ...]) -> type[Settings]:
    return cast("type[Settings]", create_model("Settings", __base__=(base, *models)))


def _prefixes() -> tuple[str, ...]:
    """Return the prefixes of the channels' environment variables."""
    models = [channel.settings for channel in CHANNELS.values() if channel.settings is not None]
    aliases = [str(field.alias) for model in models for field in model.model_fields.values()]
    return tuple({f"{alias.partition('_')[0]}_" for alias in aliases})


def _candidates(folder: Path | None) -> Iterable[Path]:
    yield (folder or Path()) / FILE
    if folder is None:
        yield Path(bot.__file__).parent.parent / FILE


def _read(model: type[Settings], path: Path | None) -> tuple[str, dict[str, Any], list[str]]:
    if path is None:
        return "", {}, []
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, *_checked(model, tomllib.loads(text), path, text)
    except (OSError, ValueError, RecursionError) as fault:
        return "", {}, [f"{path}: {fault}"]


def _checked(model: type[Settings], values: dict[str, Any], path: Path, text: str) -> tuple[dict[str, Any], list[str]]:
    """Return the values of the valid keys and a list of problems with the invalid ones."""
    fields = model.model_fields
    secrets = {name for name, field in fields.items() if "SecretStr" in str(field.annotation)}
    names = [name for name in fields if name not in secrets]
    problems = []
    for key in values.keys() - set(names):
        near = suggest(key, names)
        advice = f"; did you mean {near}?" if near else f"; choose from {', '.join(names)}"
        if key in secrets:
            advice = f"; secrets are read from the environment only, this one as {fields[key].alias}"
        problems.append(f"{path}:{_line(text, key)}: {key} can't be set here{advice}")
    return {key: value for key, value in values.items() if key in names}, problems


def _plain(message: str) -> str:
    """Return a message of pydantic's in the words of a person who sets a variable."""
    message = re.sub(r"^Input should (be|have) ", r"it must \1 ", message)
    message = re.sub(r", unable to (parse|interpret) .*", "", message)
    for theirs, ours in PLAIN_WORDS.items():
        message = message.replace(theirs, ours)
    return message[0].lower() + message[1:]


def _problem(model: type[Settings], error: Mapping[str, Any], origin: _Origin) -> str:
    """Describe a problem and its location, which is the environment variable, or a file and line."""
    fields = model.model_fields
    where = str(error["loc"][0]) if error["loc"] else ""
    name = next((n for n, f in fields.items() if where in (n, f.alias)), where)
    alias = str(fields[name].alias) if name in fields else where
    message = str(error["msg"]).removeprefix("Value error, ")
    if len(error["loc"]) > 1:  # one of several tables: name it and its key
        number, *keys = error["loc"][1:]
        message = (
            f"table {int(number) + 1}, {'.'.join(map(str, keys))}: {message}" if isinstance(number, int) else message
        )
    message = _plain(message)
    if len(message) > LONGEST_PROBLEM:  # it quotes a long value; the advice is at its end
        message = f"{message[: LONGEST_PROBLEM // 2]}…{message[-LONGEST_PROBLEM // 2 :]}"
    return origin.said(alias, name, message)


def _line(text: str, key: str) -> int:
    """Return the number of the line that sets a key, counting from 1. Return 1 if the key isn't set."""
    lines = enumerate(text.splitlines(), start=1)
    return next((n for n, line in lines if re.match(rf"\s*\[*\"?{re.escape(key)}\"?\s*[=\]]", line)), 1)
