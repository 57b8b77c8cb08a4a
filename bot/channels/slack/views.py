"""Slack's views: the settings form and the app's Home tab. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from html import escape
from typing import Any

from bot.channels.slack.actions import FORM
from bot.domain.change import NEVER_CHOSEN, TOLD_BY_DEFAULT, Kind
from bot.domain.chat import replies
from bot.domain.chat import settings_words as words
from bot.domain.chat.panel import RESUME
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.letters import capitalized
from bot.domain.subscription import ALL_STATES, DAYS_OF_WEEK, MONDAY, Cadence, Subscription
from bot.domain.text import platforms
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import formats
from bot.domain.text.rich_text import plain_text
from bot.domain.text.wording import state_name, states_in_order
from bot.domain.time_zones import is_zone

WHERE = "where"
ALL = "all"
MOST_SHOWN = 90  # subscriptions shown in the app's home, which holds 100 blocks
LONGEST_TEXT = 2_900  # characters in a section, which holds 3,000

ZONES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "America/Adak", "Pacific/Honolulu", "America/Puerto_Rico", "America/St_Thomas",
    "Pacific/Guam", "Pacific/Saipan", "Pacific/Pago_Pago", "America/Detroit", "America/Boise",
    "America/Indiana/Indianapolis", "America/Kentucky/Louisville", "UTC",
)  # fmt: skip
KEEP = "keep"  # the choice that leaves a pause as it is
_KINDS = tuple(kind for kind in Kind if kind not in NEVER_CHOSEN)


# ── the form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The settings form for one person.

    If `conversation` is empty, Slack selects the conversation the person is viewing. `zone` is the person's own time
    zone. `subscription` is the conversation's subscription, or None if there isn't one. `now` is UTC.
    """

    language: Language
    zone: str
    conversation: str = ""
    subscription: Subscription | None = None
    now: datetime

    def view(self) -> dict[str, Any]:
        """Return the form as a Slack view."""
        language = self.language
        return {
            "type": "modal",
            "callback_id": FORM,
            "private_metadata": language.value,
            "title": _plain(words.SETTINGS(language)),
            "submit": _plain(platforms.SLACK_SAVE(language)),
            "close": _plain(platforms.SLACK_CANCEL(language)),
            "blocks": [
                self._where(),
                self._input("states", platforms.SLACK_STATES, self._states()),
                self._input("cadence", words.CADENCE, self._cadence()),
                self._input("weekday", words.WEEKDAY, self._weekday()),
                self._input("at", words.HOUR, self._hour()),
                self._input("tz", words.ZONE, self._zone()),
                self._input("kinds", words.KINDS, self._kinds()),
                self._input("pause", words.PAUSE, self._pause()),
            ],
        }

    def _where(self) -> dict[str, Any]:
        chosen = {"initial_conversation": self.conversation} if self.conversation else {}
        element = {
            "type": "conversations_select",
            "response_url_enabled": True,
            "default_to_current_conversation": True,
            "filter": {"include": ["public", "private", "im"]},
        }
        block = self._input(WHERE, platforms.SLACK_WHERE, element | chosen)
        return block | {"block_id": WHERE, "dispatch_action": True}

    def _input(self, name: str, label: Phrase, element: dict[str, Any]) -> dict[str, Any]:
        """Return a field of the form.

        Slack remembers the value of each block id, so each conversation has its own block ids.
        """
        return {
            "type": "input",
            "block_id": f"{name}:{self.conversation}",
            "label": _plain(label(self.language)),
            "element": element | {"action_id": name},
        }

    def _states(self) -> dict[str, Any]:
        every = _option(platforms.SLACK_ALL_STATES(self.language), ALL)
        options = [
            every,
            *(_option(state_name(code, self.language), code) for code in states_in_order(STATES, self.language)),
        ]
        watched = {ALL if code == ALL_STATES else code for code in self._settings_states()}
        return {
            "type": "multi_static_select",
            "placeholder": _plain(platforms.SLACK_CHOOSE(self.language)),
            "options": options,
        } | _initial("initial_options", [option for option in options if option["value"] in watched])

    def _settings_states(self) -> Iterable[str]:
        return self.subscription.filter.states if self.subscription is not None else ()

    def _cadence(self) -> dict[str, Any]:
        options = [_option(label(self.language), cadence.value) for cadence, label in words.CADENCES.items()]
        chosen = self.subscription.cadence if self.subscription is not None else Cadence.INSTANT
        return {"type": "radio_buttons", "options": options, "initial_option": _chosen(options, chosen.value)}

    def _weekday(self) -> dict[str, Any]:
        chosen = self.subscription.weekday if self.subscription is not None else MONDAY
        options = [_option(capitalized(formats(self.language).weekday(day)), str(day)) for day in range(DAYS_OF_WEEK)]
        return {"type": "static_select", "options": options, "initial_option": options[chosen % DAYS_OF_WEEK]}

    def _hour(self) -> dict[str, Any]:
        chosen = self.subscription.at if self.subscription is not None else time(9, 0)
        hours = sorted({time(hour) for hour in range(24)} | {chosen})
        options = [_option(formats(self.language).clock(at), f"{at:%H:%M}") for at in hours]
        return {"type": "static_select", "options": options, "initial_option": _chosen(options, f"{chosen:%H:%M}")}

    def _zone(self) -> dict[str, Any]:
        chosen = self._present_zone()
        names = dict.fromkeys([*ZONES, *([self.zone] if self.zone else []), chosen])
        options = [_option(words.zone_name(self.language, name), name) for name in names]
        return {"type": "static_select", "options": options, "initial_option": _chosen(options, chosen)}

    def _present_zone(self) -> str:
        """Return the time zone to show in the form.

        It is the subscription's time zone or, if the subscription hasn't needed one yet, the person's own time zone. An
        unrecognized time zone is never shown.
        """
        kept = self.subscription.tz if self.subscription is not None and is_zone(self.subscription.tz) else "UTC"
        unused = self.subscription is None or self.subscription.cadence is Cadence.INSTANT
        return self.zone or kept if unused and kept == "UTC" else kept

    def _kinds(self) -> dict[str, Any]:
        told = self.subscription.filter.kinds if self.subscription is not None else TOLD_BY_DEFAULT
        options = [_option(capitalized(replies.kind_name(self.language, kind)), kind.value) for kind in _KINDS]
        chosen = [option for option in options if option["value"] in told]
        return {"type": "checkboxes", "options": options} | _initial("initial_options", chosen)

    def _pause(self) -> dict[str, Any]:
        """Offer to pause messages or to resume them. The first choice is how things are, and changes nothing."""
        settings = self.subscription.settings if self.subscription is not None else None
        paused = words.pause_named(self.language, settings, self.now) if settings is not None else None
        kept = _option(capitalized(paused) if paused is not None else words.NOT_PAUSED(self.language), KEEP)
        resume = [] if paused is None else [_option(RESUME(self.language), "resume")]
        spans = [_option(phrase(self.language), span.replace(" ", "")) for span, phrase in words.PAUSES.items()]
        return {"type": "static_select", "options": [kept, *resume, *spans], "initial_option": kept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A submitted form: the conversation, the settings as one command, and the problems keyed by block id."""

    conversation: str
    command: str
    problems: Mapping[str, str]


def filled(view: Mapping[str, Any], language: Language) -> Filled:
    """Parse a submitted form. Repeat the checks that Slack makes."""
    fields = _Fields(view)
    conversation = fields.one(WHERE, "selected_conversation")
    states = fields.many("states")
    at, tz, kinds = fields.one("at"), fields.one("tz"), fields.many("kinds")
    weekday, pause = fields.one("weekday"), fields.one("pause") or KEEP
    checks = (
        (WHERE, platforms.SLACK_NO_WHERE, bool(conversation)),
        ("states", platforms.SLACK_NO_STATES, bool(states) and set(states) <= {ALL, *STATES}),
        ("cadence", platforms.SLACK_CHOOSE, fields.one("cadence") in {cadence.value for cadence in Cadence}),
        ("weekday", platforms.SLACK_NO_DAY, weekday in {"", *map(str, range(DAYS_OF_WEEK))}),  # an old form has none
        ("at", platforms.SLACK_NO_HOUR, _is_clock(at)),
        ("tz", platforms.SLACK_NO_ZONE, is_zone(tz)),
        ("kinds", platforms.SLACK_NO_KINDS, bool(kinds) and set(kinds) <= {kind.value for kind in _KINDS}),
    )
    chosen = ALL if ALL in states else ",".join(states)
    on = f" weekday={weekday}" if weekday and fields.one("cadence") == Cadence.WEEKLY else ""
    command = f"set states={chosen} cadence={fields.one('cadence')}{on} at={at} tz={tz} kinds={','.join(kinds)}"
    return Filled(
        conversation=conversation,
        command=command if pause == KEEP else f"{command} pause={pause}",
        problems={fields.blocks.get(name, name): phrase(language) for name, phrase, fine in checks if not fine},
    )


def language_of(view: Mapping[str, Any]) -> Language:
    """Return the language of a form."""
    return Language.of_locale(view.get("private_metadata"))


def conversation_of(view: Mapping[str, Any]) -> str:
    """Return the conversation selected in a form."""
    return _Fields(view).one(WHERE, "selected_conversation")


class _Fields:
    """The values in a form, keyed by field name. The block ids are ignored."""

    def __init__(self, view: Mapping[str, Any]) -> None:
        self._values: dict[str, Mapping[str, Any]] = {}
        self.blocks: dict[str, str] = {}
        for block, actions in view["state"]["values"].items():
            for name, value in actions.items():
                self._values[name] = value
                self.blocks[name] = block

    def one(self, name: str, kind: str = "selected_option") -> str:
        found = self._values.get(name, {}).get(kind) or ""
        return str(found["value"] if isinstance(found, Mapping) else found)

    def many(self, name: str) -> list[str]:
        return [str(option["value"]) for option in self._values.get(name, {}).get("selected_options") or ()]


def _is_clock(text: str) -> bool:
    try:
        return f"{time.fromisoformat(text):%H:%M}" == text
    except ValueError:
        return False


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _option(text: str, value: str) -> dict[str, Any]:
    return {"text": _plain(text), "value": value}


def _chosen(options: Sequence[dict[str, Any]], value: str) -> dict[str, Any]:
    return next(option for option in options if option["value"] == value)


def _initial(name: str, options: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: list(options)} if options else {}  # Slack refuses an empty list


# ── the app's home ───────────────────────────────────────────────────────────────────────────────────────────────────


def home(subscriptions: Sequence[Subscription], *, own: str, language: Language, now: datetime) -> dict[str, Any]:
    """Return the Home tab, which lists the subscriptions of all channels and of the person's own direct messages.

    `own` is the id of those direct messages. Other people's direct messages are left out.
    """
    seen = [s for s in subscriptions if _channel(s)[:1] not in {"D", "U"} or _channel(s) == own]
    seen.sort(key=lambda s: (_channel(s) != own, _channel(s)))
    blocks = [
        {"type": "header", "text": _plain(platforms.SLACK_HOME(language))},
        {"type": "actions", "elements": [settings_button(language)]},
        *(_section(_row(s, own, language, now)) for s in seen[:MOST_SHOWN]),
    ]
    if not seen:
        blocks.append(_section(platforms.SLACK_HOME_NONE(language)))
    if len(seen) > MOST_SHOWN:
        blocks.append(_section(platforms.SLACK_HOME_MORE(language, n=len(seen) - MOST_SHOWN)))
    return {"type": "home", "blocks": blocks}


def settings_button(language: Language) -> dict[str, Any]:
    """Return a button that opens the settings form."""
    return {"type": "button", "action_id": FORM, "text": _plain(words.SETTINGS(language)), "value": FORM}


def _row(subscription: Subscription, own: str, language: Language, now: datetime) -> str:
    channel = _channel(subscription)
    name = platforms.SLACK_HOME_YOU(language) if channel == own else f"<#{channel}>"
    lines = words.settings_lines(language, subscription.settings, now)
    return "\n".join([name, *(escape(plain_text((line,)), quote=False) for line in lines)])


def _channel(subscription: Subscription) -> str:
    return subscription.address.rpartition("/")[2]


def _section(text: str) -> dict[str, Any]:
    """Return a paragraph in mrkdwn, the only text format that can show a channel's name in the Home tab."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut, "verbatim": True}}
