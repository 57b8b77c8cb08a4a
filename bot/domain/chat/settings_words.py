"""The words for a chat's settings: on Telegram's panel, in Slack's form and Home tab, and in confirmations."""

from collections.abc import Mapping
from datetime import datetime

from babel.dates import get_day_names

from bot.domain.change import TOLD_BY_DEFAULT, Kind
from bot.domain.chat import replies
from bot.domain.chat.replies import said
from bot.domain.language import Language
from bot.domain.subscription import STOPPED, Cadence, Settings
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import formats, own_name
from bot.domain.text.rich_text import Line, Span

SETTINGS = Phrase("Settings")
PLACES = Phrase("Places")
KINDS = Phrase("What you get")
CADENCE = Phrase("How often")
WEEKDAY = Phrase("Day of the week")
HOUR = Phrase("Time of day")
ZONE = Phrase("Time zone")
LANGUAGE = Phrase("Language")
PAUSE = Phrase("Pause")
NOT_PAUSED = Phrase("Not paused")
CADENCES: Mapping[Cadence, Phrase] = {
    Cadence.INSTANT: Phrase("As they happen"),
    Cadence.DAILY: Phrase("Once a day"),
    Cadence.WEEKLY: Phrase("Once a week"),
}
PAUSES: Mapping[str, Phrase] = {
    "1 day": Phrase("1 day"),
    "3 days": Phrase("3 days"),
    "1 week": Phrase("1 week"),
    "30 days": Phrase("30 days"),
}
ZONES: Mapping[str, Phrase] = {
    "America/New_York": Phrase("Eastern time"),
    "America/Chicago": Phrase("Central time"),
    "America/Denver": Phrase("Mountain time"),
    "America/Phoenix": Phrase("Arizona time"),
    "America/Los_Angeles": Phrase("Pacific time"),
    "America/Anchorage": Phrase("Alaska time"),
    "Pacific/Honolulu": Phrase("Hawaii time"),
    "America/Puerto_Rico": Phrase("Puerto Rico time"),
    "Pacific/Guam": Phrase("Guam time"),
    "Pacific/Pago_Pago": Phrase("Samoa time"),
}
_CITY_TIME = Phrase("{city} time")
_HOW_OFTEN: Mapping[Cadence, Phrase] = {
    Cadence.INSTANT: Phrase("as they happen"),
    Cadence.DAILY: Phrase("once a day at {at} {zone}"),
    Cadence.WEEKLY: Phrase("every {day} at {at} {zone}"),
}
_SENT: Mapping[Cadence, Phrase] = {
    Cadence.INSTANT: Phrase("Alerts as they happen."),
    Cadence.DAILY: Phrase("One message a day at {at} {zone}."),
    Cadence.WEEKLY: Phrase("One message every {day} at {at} {zone}."),
}
_WATCHING = Phrase("You're watching {where}.")
_YOU_GET = Phrase("You get {kinds}.")
_NO_PLACES = Phrase("none yet")
_PAUSED = Phrase("until {when}")


def zone_name(language: Language, zone: str) -> str:
    """Return the everyday name of a time zone, such as "Central time", or one that names a city in it."""
    if zone == "UTC":
        return zone
    city = zone.rpartition("/")[2].replace("_", " ")
    return ZONES[zone](language) if zone in ZONES else _CITY_TIME(language, city=city)


def short_day(language: Language, weekday: int) -> str:
    """Return the short name of a day of the week. Monday is 0."""
    return str(get_day_names("abbreviated", locale=language.value)[weekday])


def kinds_named(language: Language, settings: Settings) -> str:
    """List the kinds of change that a chat gets."""
    return formats(language).join([replies.kind_name(language, kind) for kind in Kind if kind in settings.filter.kinds])


def how_often(language: Language, settings: Settings) -> str:
    """Describe the cadence in a few words, such as "once a day at 8 a.m. Central time"."""
    return _HOW_OFTEN[settings.cadence](language, **_when(language, settings))


def sent(language: Language, settings: Settings) -> str:
    """Say when messages come, in a sentence."""
    return _SENT[settings.cadence](language, **_when(language, settings))


def _when(language: Language, settings: Settings) -> dict[str, str]:
    return {
        "at": formats(language).clock(settings.at),
        "zone": zone_name(language, settings.tz),
        "day": formats(language).weekday(settings.weekday),
    }


def settings_lines(language: Language, settings: Settings, now: datetime) -> tuple[Line, ...]:
    """Describe all settings, one a line."""
    filter_ = settings.filter
    places = _NO_PLACES(language) if filter_.is_empty else replies.watched(language, filter_)
    lines = [
        _labeled(PLACES(language), places),
        _labeled(KINDS(language), kinds_named(language, settings)),
        _labeled(CADENCE(language), how_often(language, settings)),
        _labeled(LANGUAGE(language), own_name(settings.language)),
    ]
    if (pause := pause_named(language, settings, now)) is not None:
        lines.append(_labeled(PAUSE(language), pause))
    return tuple(lines)


def _labeled(label: str, value: str) -> Line:
    return (Span(f"{label}: ", strong=True), Span(value))


def pause_named(language: Language, settings: Settings, now: datetime) -> str | None:
    """Describe a pause, such as "until Dec. 4, 2026, at noon CST". Return None if there is none."""
    if settings.paused is not None:
        return replies.why_paused(language, STOPPED) if settings.paused == STOPPED else settings.paused
    if settings.quiet_until is not None and settings.quiet_until > now:
        return _PAUSED(language, when=replies.until(language, settings.quiet_until, settings.tz))
    return None


def confirmed(language: Language, settings: Settings, now: datetime, *, names_kinds: bool = False) -> str:
    """Say in a sentence or two what a chat gets now.

    Kinds are named if `names_kinds` is true or if they aren't the usual ones.
    """
    kinds = kinds_named(language, settings)
    if settings.filter.is_empty:
        later = said(language, "once_watched", kinds=kinds, when=how_often(language, settings))
        sentences = [said(language, "nothing_watched"), later]
    else:
        sentences = [_WATCHING(language, where=replies.watched(language, settings.filter))]
        if names_kinds or set(settings.filter.kinds) != TOLD_BY_DEFAULT:
            sentences.append(_YOU_GET(language, kinds=kinds))
        sentences.append(sent(language, settings))
    if settings.paused is not None:
        sentences.append(replies.why_paused(language, settings.paused))
    elif settings.quiet_until is not None and settings.quiet_until > now:
        when = replies.until(language, settings.quiet_until, settings.tz)
        sentences.append(said(language, "paused", when=when))
    return " ".join(sentences)
