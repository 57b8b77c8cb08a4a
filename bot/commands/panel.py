"""The settings panel: what its buttons change, and the page that is shown afterward."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot.commands.question import Question
from bot.domain.chat import parser, replies
from bot.domain.chat.panel import ALL_WORD, Panel, watched_entries, with_kind, with_state
from bot.domain.chat.parser import Misunderstood
from bot.domain.chat.request import Reply
from bot.domain.geography.states import STATES
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Settings, Subscription
from bot.domain.text.rich_text import plain_text
from bot.pipeline.runner import Runner

Save = Callable[[Question, Settings], Awaitable[Subscription]]
Verb = Callable[[Question, str], Awaitable[Reply]]


class PanelCommands:
    """The commands of the settings panel. `save`, `resume` and `undo` are those that typed commands use."""

    def __init__(self, runner: Runner, *, save: Save, resume: Verb, undo: Verb) -> None:
        self._runner = runner
        self._save = save
        self._other: Mapping[str, Verb] = {"resume": resume, "undo": undo}

    async def settings(self, question: Question, rest: str) -> Reply:
        """Show the panel in a new message."""
        return replace(await self._shown(question, rest.partition(" ")[0]), in_place=False)

    async def panel(self, question: Question, rest: str) -> Reply:
        """Do what a button of the panel says, then show the page that the button was on."""
        page, _, value = rest.partition(" ")
        if page == "close":
            return self._page(question).closed()
        before = question.settings
        try:
            note = await self._do(question, page, value)
        except Misunderstood as fault:
            note = replies.what_went_wrong(question.language, fault)
        store, asked = self._runner.store, question.request
        after = replace(question, subscription=await store.find(asked.channel, asked.address))
        after = replace(after, language=after.subscription.language if after.subscription else question.language)
        shown = await self._shown(after, page, value, note=note)
        return replace(shown, changed=after.settings != before)

    async def _do(self, question: Question, page: str, value: str) -> str:
        """Carry out a button's change, if it makes one. Return a line about it if the page doesn't show it."""
        if page in self._other:
            return plain_text((await self._other[page](question, value)).lines[:1])
        settings = self._changed(question, page, value) if value else question.settings
        if settings != question.settings and (question.subscription is not None or not settings.filter.is_empty):
            await self._save(question, settings)
        return ""

    def _changed(self, question: Question, page: str, value: str) -> Settings:
        """Return the settings after a press on a page's button. Until a place is watched, only a place is added."""
        now = question.settings
        read: Mapping[str, Callable[[], Settings]] = {
            "states": lambda: replace(now, filter=with_state_pressed(now.filter, value)),
            "drop": lambda: replace(now, filter=_dropped(question, value)),
            "kinds": lambda: replace(now, filter=with_kind_pressed(now.filter, value)),
            "often": lambda: replace(now, cadence=_cadence(value)),
            "day": lambda: _on_day(now, value),
            "hour": lambda: replace(now, at=parser.clock(value) or now.at),
            "zone": lambda: replace(now, tz=parser.zone(value)),
            "language": lambda: replace(now, language=parser.language(value)),
            "pause": lambda: replace(now, quiet_until=parser.until(value, self._runner.now(), now.tz)),
        }
        return read[page]() if page in read else now

    async def _shown(self, question: Question, page: str, value: str = "", *, note: str = "") -> Reply:
        panel = self._page(question, note)
        if question.subscription is None:
            return panel.states() if page == "states" else panel.main()
        start = int(value) if page == "places" and value.isdecimal() and len(value) < 5 else 0
        pages: Mapping[str, Callable[[], Reply]] = {
            "places": lambda: panel.places(start),
            "drop": panel.places,
            "states": panel.states,
            "kinds": panel.kinds,
            "often": panel.often,
            "day": panel.often,
            "hour": panel.often if value else panel.hours,
            "zone": panel.often if value else panel.zones,
            "language": panel.main if value else panel.languages,
            "pause": panel.main if value else panel.pauses,
        }
        return pages.get(page, panel.main)()

    def _page(self, question: Question, note: str = "") -> Panel:
        return Panel(language=question.language, subscription=question.subscription, now=self._runner.now(), note=note)


def _dropped(question: Question, key: str) -> Filter:
    filter_ = question.settings.filter
    gone = (entry.without for entry in watched_entries(question.language, filter_) if entry.key == key)
    return next(gone, filter_)


def _cadence(word: str) -> Cadence:
    if word not in Cadence.__members__.values():
        raise Misunderstood("no_form")
    return Cadence(word)


def _on_day(settings: Settings, word: str) -> Settings:
    if word not in set("0123456"):
        raise Misunderstood("no_form")
    return replace(settings, weekday=int(word))


def with_state_pressed(filter_: Filter, pressed: str) -> Filter:
    """Return a filter after a press on a state's button, such as +TX."""
    sign, word = pressed[:1], pressed[1:]
    code = ALL_STATES if word == ALL_WORD else word.upper()
    if sign not in {"+", "-", "="} or code not in {ALL_STATES, *STATES}:
        raise Misunderstood("no_state", typed=pressed[:40])
    return with_state(filter_, sign, code)


def with_kind_pressed(filter_: Filter, pressed: str) -> Filter:
    """Return a filter after a press on the button of a kind of change, such as -applied."""
    sign, word = pressed[:1], pressed[1:]
    kinds = parser.kinds(word, ())
    if sign not in {"+", "-"} or len(kinds) != 1:
        raise Misunderstood("no_kinds")
    changed = with_kind(filter_, sign, kinds[0])
    if not changed.kinds:
        raise Misunderstood("no_kinds")
    return changed
