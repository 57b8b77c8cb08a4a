"""The only reader of the environment and of config/. Every problem is listed at once."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from os import environ
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

import bot
from bot.domain.suggest import suggest
from bot.errors import ConfigError
from bot.sources.ice import PAGE

FILE = Path("config/countersign.toml")
SOURCES = ("ice", "local")


def _names(value: object) -> object:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class Broadcast(BaseModel):
    """A public channel that any number of people follow: what it is told, and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: Literal["telegram", "slack"]
    address: str
    states: str | tuple[str, ...] = "all"
    cadence: Literal["instant", "daily", "weekly"] = "instant"
    at: str = "09:00"
    tz: str = "UTC"
    language: Literal["en", "es"] = "en"

    @property
    def settings(self) -> Mapping[str, str]:
        """What the command `subscribe` takes, by name."""
        return self.model_dump() | {"states": self.states if isinstance(self.states, str) else ",".join(self.states)}


class Settings(BaseSettings):
    """What an operator can set; each field's alias is its environment variable, its name the key in the file."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="forbid", env_ignore_empty=True, frozen=True)

    data: Path = Field(Path("data"), alias="COUNTERSIGN_DATA")
    ice_url: str = Field(PAGE, alias="COUNTERSIGN_ICE_URL")
    sources: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(SOURCES, alias="COUNTERSIGN_SOURCES")
    poll_seconds: float = Field(900, ge=1, le=86_400, alias="COUNTERSIGN_POLL_SECONDS")
    host_gap: float = Field(1.0, ge=0, le=3_600, alias="COUNTERSIGN_HOST_GAP")
    stale_hours: float = Field(6, gt=0, le=8_760, alias="COUNTERSIGN_STALE_HOURS")
    allow_loopback: bool = Field(default=False, alias="COUNTERSIGN_ALLOW_LOOPBACK")
    contact: str | None = Field(None, alias="COUNTERSIGN_CONTACT")
    operator: str | None = Field(None, alias="COUNTERSIGN_OPERATOR")
    public_url: str | None = Field(None, alias="COUNTERSIGN_PUBLIC_URL")
    secret_key: SecretStr | None = Field(None, alias="COUNTERSIGN_SECRET_KEY")
    admins_only: bool = Field(default=False, alias="COUNTERSIGN_ADMINS_ONLY")
    telegram_bot_token: SecretStr | None = Field(None, alias="TELEGRAM_BOT_TOKEN")
    telegram_api_url: str = Field("https://api.telegram.org/bot", alias="TELEGRAM_API_URL")
    slack_bot_token: SecretStr | None = Field(None, alias="SLACK_BOT_TOKEN")
    slack_app_token: SecretStr | None = Field(None, alias="SLACK_APP_TOKEN")
    slack_signing_secret: SecretStr | None = Field(None, alias="SLACK_SIGNING_SECRET")
    slack_client_id: str | None = Field(None, alias="SLACK_CLIENT_ID")
    slack_client_secret: SecretStr | None = Field(None, alias="SLACK_CLIENT_SECRET")
    slack_api_url: str = Field("https://slack.com/api/", alias="SLACK_API_URL")
    broadcast: tuple[Broadcast, ...] = Field((), alias="COUNTERSIGN_BROADCAST")
    port: int | None = Field(None, ge=1, le=65_535, alias="PORT")
    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    log: Literal["text", "json"] = Field("text", alias="COUNTERSIGN_LOG")
    sentry_dsn: SecretStr | None = Field(None, alias="SENTRY_DSN")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which is handed in as arguments."""
        return env_settings, init_settings

    @field_validator("ice_url", "public_url", "telegram_api_url", "slack_api_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
            raise ValueError("it must be an address that begins with https:// (or http://) and holds no password")
        return value

    @field_validator("telegram_api_url")
    @classmethod
    def _ends_in_bot(cls, value: str) -> str:
        if not value.endswith("/bot"):
            raise ValueError("it must end in /bot, as in https://api.telegram.org/bot")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _ends_in_slash(cls, value: str) -> str:
        if not value.endswith("/"):
            raise ValueError("it must end in a slash, as in https://slack.com/api/")
        return value

    @field_validator("sources")
    @classmethod
    def _are_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in SOURCES]
        if unknown or not value:
            raise ValueError(f"no source is called {', '.join(unknown) or 'nothing'}; there are: {', '.join(SOURCES)}")
        return value

    @field_validator("operator")
    @classmethod
    def _is_operator(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"(telegram|slack):\S+", value):
            raise ValueError("it must be telegram: or slack: and an id, as in telegram:12345 or slack:C0123456789")
        return value

    @field_validator("contact")
    @classmethod
    def _is_plain(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or not value.isprintable() or len(value) > 200):
            raise ValueError("it must be one short line of plain letters, such as an e-mail address")
        return value

    @field_validator(
        "telegram_bot_token", "slack_bot_token", "slack_app_token", "slack_signing_secret", "slack_client_secret"
    )
    @classmethod
    def _is_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
            raise ValueError("it holds a space, a line break or a letter that no token has; copy it again")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            import psycopg  # noqa: PLC0415 - slow to import, and few need it

            form = "it must be as in postgresql://user:password@host:5432/name or postgresql:///name?host=/folder"
            if not re.match(r"postgres(ql)?://", value.get_secret_value()):
                raise ValueError(form)
            try:
                psycopg.conninfo.conninfo_to_dict(value.get_secret_value())
            except psycopg.ProgrammingError:  # its text repeats a part of the address
                raise ValueError(f"PostgreSQL cannot read it; {form}") from None
        return value

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be printed, whatever happens."""
        values = (getattr(self, name) for name in type(self).model_fields)
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        if self.database_url is not None:
            password = urlsplit(self.database_url.get_secret_value()).password
            secrets += [password, unquote(password)] if password else []
        return tuple(secrets)


def load(*, env: Mapping[str, str] = environ, folder: Path | None = None) -> Settings:
    """The settings; ConfigError lists everything that is wrong with them.

    The file is config/countersign.toml in the working folder, else in the folder that the program was cloned into.
    """
    path = next((p for p in _candidates(folder) if p.is_file()), None)
    text, values, problems = _read(path)
    try:
        settings = Settings(**values)
    except ValidationError as fault:
        found = [_problem(error, env, path, text) for error in fault.errors(include_url=False, include_input=False)]
        raise ConfigError([*problems, *found]) from None
    if problems:
        raise ConfigError(problems)
    return settings


def notices(settings: Settings, *, env: Mapping[str, str] = environ) -> list[str]:
    """What is allowed but probably not meant."""
    said = []
    if settings.contact is None:
        said.append(
            "COUNTERSIGN_CONTACT is not set: sites that we read cannot reach you. Set it to an e-mail address or a URL."
        )
    oauth = {
        "SLACK_CLIENT_ID": settings.slack_client_id,
        "SLACK_CLIENT_SECRET": settings.slack_client_secret,
        "SLACK_SIGNING_SECRET": settings.slack_signing_secret,
        "COUNTERSIGN_SECRET_KEY": settings.secret_key,
        "COUNTERSIGN_PUBLIC_URL": settings.public_url,
    }
    missing = [name for name, value in oauth.items() if value is None]
    if settings.slack_client_id is not None and missing:
        said.append(f"Workspaces cannot install the Slack app by themselves: {', '.join(missing)} not set.")
    known = [str(field.alias) for field in Settings.model_fields.values()]
    for name in sorted(env):
        near = suggest(name, known)
        if name.startswith(("COUNTERSIGN_", "TELEGRAM_", "SLACK_")) and name not in known and near:
            said.append(f"{name} is set but means nothing; did you mean {near}?")
    return said


def _candidates(folder: Path | None) -> Iterable[Path]:
    yield (folder or Path()) / FILE
    if folder is None:
        yield Path(bot.__file__).parent.parent / FILE


def _read(path: Path | None) -> tuple[str, dict[str, Any], list[str]]:
    if path is None:
        return "", {}, []
    try:
        text = path.read_text(encoding="utf-8")
        return text, *_checked(tomllib.loads(text), path, text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        return "", {}, [f"{path}: {fault}"]


def _checked(values: dict[str, Any], path: Path, text: str) -> tuple[dict[str, Any], list[str]]:
    """The values of known keys, and a problem for each other key."""
    secrets = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    names = [name for name in Settings.model_fields if name not in secrets]
    problems = []
    for key in values.keys() - set(names):
        near = suggest(key, names)
        advice = f"; did you mean {near}?" if near else f"; there are: {', '.join(names)}"
        if key in secrets:
            advice = f"; secrets are read from the environment alone, as {Settings.model_fields[key].alias}"
        problems.append(f"{path}:{_line(text, key)}: {key} cannot be set here{advice}")
    return {key: value for key, value in values.items() if key in names}, problems


def _problem(error: Mapping[str, Any], env: Mapping[str, str], path: Path | None, text: str) -> str:
    """One problem with the place where it was set: the variable, or the file and line."""
    where = str(error["loc"][0]) if error["loc"] else ""
    name = next((n for n, f in Settings.model_fields.items() if where in (n, f.alias)), where)
    alias = str(Settings.model_fields[name].alias) if name in Settings.model_fields else where
    said = str(error["msg"]).removeprefix("Value error, ")
    if len(error["loc"]) > 1:  # a table of several: which one, and which of its keys
        number, *keys = error["loc"][1:]
        said = f"table {int(number) + 1}, {'.'.join(map(str, keys))}: {said}" if isinstance(number, int) else said
    said = said[0].lower() + said[1:]
    if env.get(alias) or path is None:
        return f"{alias}: {said}"
    return f"{path}:{_line(text, name)}: {name}: {said}"


def _line(text: str, key: str) -> int:
    """The line on which a key is set, counted from 1."""
    lines = enumerate(text.splitlines(), start=1)
    return next((n for n, line in lines if re.match(rf"\s*\[*\"?{re.escape(key)}\"?\s*[=\]]", line)), 1)
