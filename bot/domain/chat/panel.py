"""The pages of the settings panel, which is one message that is edited in place. Pure.

Each button says what it does, such as `panel kinds -applied`, instead of toggling the current state. A button of an
old panel, or one that two people press, therefore never does the opposite of its label.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from hashlib import sha256
from typing import Any

from bot.domain.change import NEVER_CHOSEN, Kind
from bot.domain.chat import replies, settings_words
from bot.domain.chat.replies import said
from bot.domain.chat.request import LONGEST_COMMAND, Button, Reply
from bot.domain.chat.settings_words import settings_lines
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.letters import capitalized
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Settings, Subscription
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import formats, own_name
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import state_name, states_in_order

STATES_IN_A_ROW = 8
PLACES_SHOWN = 20  # on one page
ALL_WORD = "all"  # for all states, in commands

BACK = Phrase("‹ Back")
CLOSE = Phrase("Close")
ADD_STATES = Phrase("Add states")
RESUME = Phrase("Resume")
PREVIOUS = Phrase("‹ Previous")
NEXT = Phrase("Next ›")
NOTHING_YET = Phrase("Nothing is being watched here yet. Add a place to start.")
ADD_BY_NAME = Phrase("To add a county or an agency, send /watch Harris County TX or /watch agency Tampa Police.")
TAP_TO_REMOVE = Phrase("Tap a place to stop watching it.")
TAP_STATES = Phrase("Tap a state to start or stop watching it. A check mark means you're watching it.")
TAP_KINDS = Phrase("Tap what you want to get. A check mark means you get it.")
SET_ZONE = Phrase("Choose your time zone so that messages arrive at the right hour.")
TIME = Phrase("Time: {at}")
CHOOSE_HOUR = Phrase("At what time? ({zone})")
CHOOSE_ZONE = Phrase("Which time zone? For another one, send /digest 8:00 and a city, as in /digest 8:00 Boise.")
PAUSE_EXPLAINED = Phrase("For how long? After the pause, you get one message with what you missed.")

Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The settings panel of one chat. `note` is a line that says what just happened, such as "Undone."."""

    language: Language
    subscription: Subscription | None
    now: datetime
    note: str = ""

    @property
    def settings(self) -> Settings:
        """The chat's settings, or the usual ones if it has none."""
        found = self.subscription
        return found.settings if found is not None else Settings(filter=Filter(), language=self.language)

    # ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def main(self) -> Reply:
        """Show all settings, with a button for each."""
        if self.subscription is None:
            return self._page(
                (NOTHING_YET(self.language),), ((self._button(ADD_STATES, "panel states"),), (self._close(),))
            )
        words = settings_words
        is_paused = words.pause_named(self.language, self.settings, self.now) is not None
        pause = self._button(RESUME, "panel resume") if is_paused else self._button(words.PAUSE, "panel pause")
        rows = (
            (self._button(words.PLACES, "panel places"), self._button(words.KINDS, "panel kinds")),
            (self._button(words.CADENCE, "panel often"), self._button(words.LANGUAGE, "panel language")),
            (pause, *self._undo()),
            (self._close(),),
        )
        return self._page((), rows, settings_lines(self.language, self.settings, self.now))

    def closed(self) -> Reply:
        """Show the settings without buttons."""
        text = settings_words.confirmed(self.language, self.settings, self.now)
        return Reply(lines=((Span(text),),), in_place=True)

    def places(self, start: int = 0) -> Reply:
        """Show what is watched, with a button to remove each entry."""
        entries = list(watched_entries(self.language, self.settings.filter))
        start = start if start < len(entries) else 0
        shown = entries[start : start + PLACES_SHOWN]
        buttons = [Button(f"✕ {entry.name}", f"panel drop {entry.key}") for entry in shown]
        turns = [self._button(PREVIOUS, f"panel places {max(0, start - PLACES_SHOWN)}")] if start else []
        if start + PLACES_SHOWN < len(entries):
            turns.append(self._button(NEXT, f"panel places {start + PLACES_SHOWN}"))
        rows = (*_rows(buttons, 2), tuple(turns), (self._button(ADD_STATES, "panel states"),), self._leave("panel"))
        texts = (TAP_TO_REMOVE if entries else NOTHING_YET, ADD_BY_NAME)
        return self._page([text(self.language) for text in texts], rows, title=settings_words.PLACES)

    def states(self) -> Reply:
        """Show all states. A check mark stands before each state that is watched."""
        rows = (*state_buttons(self.language, self.settings.filter, "panel states"), self._leave("panel places"))
        return self._page((TAP_STATES(self.language),), rows, title=settings_words.PLACES)

    def kinds(self) -> Reply:
        """Show all kinds of change. A check mark stands before each kind that the chat gets."""
        rows = (*kind_buttons(self.language, self.settings.filter, "panel kinds"), self._leave("panel"))
        return self._page((TAP_KINDS(self.language),), rows, title=settings_words.KINDS)

    def often(self) -> Reply:
        """Show how often messages are sent and, for digests, the day, the hour and the time zone."""
        settings, language = self.settings, self.language
        cadences = [
            Button(_marked(phrase(language), on=settings.cadence is cadence), f"panel often {cadence.value}")
            for cadence, phrase in settings_words.CADENCES.items()
        ]
        rows: list[tuple[Button, ...]] = [(cadences[0],), tuple(cadences[1:])]
        if settings.cadence is Cadence.WEEKLY:
            rows += _rows([self._day(day) for day in range(7)], 4)
        if settings.cadence is not Cadence.INSTANT:
            hour, zone = formats(language).clock(settings.at), settings_words.zone_name(language, settings.tz)
            rows.append((Button(TIME(language, at=hour), "panel hour"), Button(capitalized(zone), "panel zone")))
        is_zoneless = settings.cadence is not Cadence.INSTANT and settings.tz == "UTC"
        texts = [settings_words.sent(language, settings), *([SET_ZONE(language)] if is_zoneless else [])]
        return self._page(texts, (*rows, self._leave("panel")), title=settings_words.CADENCE)

    def _day(self, day: int) -> Button:
        name = settings_words.short_day(self.language, day).capitalize()
        return Button(_marked(name, on=self.settings.weekday == day), f"panel day {day}")

    def hours(self) -> Reply:
        """Show the hours of the day."""
        language, now = self.language, self.settings.at
        hours = sorted({time(hour) for hour in range(24)} | {now.replace(fold=0)})
        buttons = [Button(_marked(formats(language).clock(at), on=at == now), f"panel hour {at:%H:%M}") for at in hours]
        text = CHOOSE_HOUR(language, zone=settings_words.zone_name(language, self.settings.tz))
        return self._page((text,), (*_rows(buttons, 4), self._leave("panel often")), title=settings_words.HOUR)

    def zones(self) -> Reply:
        """Show the time zones of the United States."""
        zones = dict.fromkeys([*settings_words.ZONES, self.settings.tz])
        buttons = [self._zone(zone) for zone in zones if len(f"panel zone {zone}") <= LONGEST_COMMAND]
        rows = (*_rows(buttons, 2), self._leave("panel often"))
        return self._page((CHOOSE_ZONE(self.language),), rows, title=settings_words.ZONE)

    def _zone(self, zone: str) -> Button:
        name = capitalized(settings_words.zone_name(self.language, zone))
        return Button(_marked(name, on=zone == self.settings.tz), f"panel zone {zone}")

    def languages(self) -> Reply:
        """Show the languages, each by its own name."""
        chosen = self.settings.language
        buttons = [Button(_marked(own_name(each), on=each is chosen), f"panel language {each}") for each in Language]
        rows = (*_rows(buttons, 2), self._leave("panel"))
        return self._page((said(self.language, "choose_language"),), rows, title=settings_words.LANGUAGE)

    def pauses(self) -> Reply:
        """Show how long messages can be paused."""
        spans = settings_words.PAUSES.items()
        buttons = tuple(Button(phrase(self.language), f"panel pause {span}") for span, phrase in spans)
        pause = settings_words.pause_named(self.language, self.settings, self.now)
        resume = () if pause is None else (self._button(RESUME, "panel resume"),)
        rows = (buttons, resume, self._leave("panel"))
        return self._page((PAUSE_EXPLAINED(self.language),), rows, title=settings_words.PAUSE)

    # ── parts of a page ──────────────────────────────────────────────────────────────────────────────────────────────

    def _page(
        self,
        texts: Sequence[str],
        rows: Sequence[tuple[Button, ...]],
        lines: Sequence[Line] = (),
        title: Phrase = settings_words.SETTINGS,
    ) -> Reply:
        notes = [(Span(self.note),)] if self.note else []
        head = (Span(title(self.language), strong=True),)
        body = [(Span(text),) for text in texts]
        return Reply(
            lines=(head, *lines, *body, *notes),
            buttons=tuple(row for row in rows if row),
            in_place=True,
        )

    def _button(self, label: Phrase, command: str) -> Button:
        return Button(label(self.language), command)

    def _leave(self, page: str) -> tuple[Button, ...]:
        return (self._button(BACK, page), *self._undo())

    def _undo(self) -> tuple[Button, ...]:
        if self.subscription is None or self.subscription.before is None:
            return ()
        return (Button(said(self.language, "b_undo"), f"panel {undo_command(self.subscription)}"),)

    def _close(self) -> Button:
        return self._button(CLOSE, "panel close")


def undo_command(subscription: Subscription) -> str:
    """Return the command that undoes a subscription's last change, and no other subscription's."""
    return f"undo {subscription.version} {subscription.id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a filter: its name, the key that buttons carry, and the filter without the entry."""

    name: str
    key: str
    without: Filter


def watched_entries(language: Language, filter_: Filter) -> Iterator[Entry]:
    """Yield everything that a filter watches, in the order in which it is named."""
    if ALL_STATES in filter_.states:
        yield Entry(said(language, "all_states").capitalize(), ALL_WORD, _less(filter_, "states", ALL_STATES))
    for code in states_in_order(filter_.states.keys() - {ALL_STATES}, language):
        yield Entry(state_name(code, language), code, _less(filter_, "states", code))
    for county in sorted(filter_.counties):
        alone = Filter(counties={county: 0})
        yield Entry(
            capitalized(replies.watched(language, alone)), _key("county", county), _less(filter_, "counties", county)
        )
    for typed in sorted(filter_.agency_types):
        name = replies.watched(language, Filter(agency_types={typed: 0}))
        yield Entry(capitalized(name), _key("type", typed), _less(filter_, "agency_types", typed))
    for part in sorted(filter_.agencies):
        name = replies.watched(language, Filter(agencies={part: 0}))
        yield Entry(capitalized(name), _key("agency", part), _less(filter_, "agencies", part))


def _key(kind: str, entry: str) -> str:
    """Return a short key for an entry that may be too long for a button."""
    return f"#{sha256(f'{kind} {entry}'.encode()).hexdigest()[:12]}"


def _less(filter_: Filter, name: str, entry: str) -> Filter:
    left: Any = {other: since for other, since in getattr(filter_, name).items() if other != entry}
    return replace(filter_, **{name: left})


# ── states and kinds as buttons, which /watch and /kinds show too ────────────────────────────────────────────────────


def state_buttons(language: Language, filter_: Filter, command: str) -> Rows:
    """Return a button for each state and one for all states. `command` comes before the change that a button makes."""
    is_all = ALL_STATES in filter_.states
    states = [_state(code, command, on=code in filter_.states, is_all=is_all) for code in sorted(STATES)]
    sign = "-" if is_all else "+"
    every = Button(_marked(said(language, "b_all"), on=is_all), f"{command} {sign}{ALL_WORD}")
    return (*_rows(states, STATES_IN_A_ROW), (every,))


def _state(code: str, command: str, *, on: bool, is_all: bool) -> Button:
    sign = "-" if on else "=" if is_all else "+"
    return Button(f"{'✓' if on else ''}{code}", f"{command} {sign}{code}")


def kind_buttons(language: Language, filter_: Filter, command: str) -> Rows:
    """Return a button for each kind of change. `command` comes before the change that a button makes."""
    return tuple(
        (_kind(language, kind, command, on=kind in filter_.kinds),) for kind in Kind if kind not in NEVER_CHOSEN
    )


def _kind(language: Language, kind: Kind, command: str, *, on: bool) -> Button:
    name = replies.kind_name(language, kind)
    return Button(_marked(capitalized(name), on=on), f"{command} {'-' if on else '+'}{kind.value}")


def with_state(filter_: Filter, sign: str, code: str) -> Filter:
    """Return a filter after a press on a state: `+` adds it, `-` removes it, and `=` watches it instead of all states.

    If all states are watched, `+` changes nothing. If they no longer are, `=` adds the state.
    """
    is_all = ALL_STATES in filter_.states
    if sign == "-" or (sign == "=" and code == ALL_STATES):
        return _less(filter_, "states", code) if code in filter_.states and sign == "-" else filter_
    if code == ALL_STATES:
        return replace(filter_, states={ALL_STATES: filter_.states.get(ALL_STATES, 0)})
    if is_all and sign == "+":
        return filter_
    if code in filter_.states:
        return filter_
    return replace(filter_, states={**_less(filter_, "states", ALL_STATES).states, code: 0})


def with_kind(filter_: Filter, sign: str, kind: Kind) -> Filter:
    """Return a filter with (`+`) or without (`-`) a kind of change."""
    if sign == "-":
        return _less(filter_, "kinds", kind)
    return filter_ if kind in filter_.kinds else replace(filter_, kinds={**filter_.kinds, kind: 0})


def _marked(label: str, *, on: bool) -> str:
    return f"✓ {label}" if on else label


def _rows(buttons: Sequence[Button], width: int) -> list[tuple[Button, ...]]:
    return [tuple(buttons[at : at + width]) for at in range(0, len(buttons), width)]
