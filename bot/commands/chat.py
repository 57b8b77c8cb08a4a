"""The commands people type in chats, with one method per verb. The code is independent of the chat platform."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from bot.channels import CHANNELS
from bot.commands.filters import (
    each_watched,
    filter_for,
    names_places,
    only,
    why_not_added,
    why_not_removed,
    with_added,
    without,
)
from bot.commands.local_agendas import LocalAgendas
from bot.commands.lookups import Lookups
from bot.commands.operator_chat import OperatorCommands
from bot.commands.panel import PanelCommands, with_kind_pressed, with_state_pressed
from bot.commands.places import (
    choice_buttons,
    counties_here,
    statewide_chosen,
    which_county_here,
    with_readings,
    with_statewide,
    without_statewide,
)
from bot.commands.question import Question
from bot.domain.chat import guide, parser, replies, words
from bot.domain.chat.operator import VERBS as OPERATOR_VERBS
from bot.domain.chat.operator import line as operator_line
from bot.domain.chat.panel import kind_buttons, state_buttons, undo_command
from bot.domain.chat.parser import Misunderstood, Where
from bot.domain.chat.replies import line, said
from bot.domain.chat.request import LONGEST_COMMAND, Button, Reply, Request
from bot.domain.chat.settings_words import confirmed
from bot.domain.chat.towns import Reading
from bot.domain.geography.fold import distinct_name
from bot.domain.language import Language
from bot.domain.letters import capitalized
from bot.domain.subscription import (
    ALL_STATES,
    CHAT,
    STOPPED,
    Cadence,
    Filter,
    Settings,
    Subscription,
    county_entry,
    is_in,
)
from bot.domain.suggest import suggest
from bot.domain.text.formats import own_name
from bot.domain.text.rich_text import Line, Span
from bot.pipeline import addresses, unreached
from bot.pipeline.local_requests import forget_chat
from bot.pipeline.runner import Runner

FAQ = frozenset({"data", "hours", "raids", "stopped"})
MOST_OFFERED = 24  # buttons with one place each
LONGEST_LABEL = 60  # characters on a button
LONGEST_SHOWN = 40  # characters of a message that isn't understood

Verb = Callable[[Question, str], Awaitable[Reply]]


class ChatCommands:
    """The handler for chat commands. Every listener uses this class as its ChatHandler."""

    def __init__(self, runner: Runner, operator: OperatorCommands | None = None) -> None:
        self._runner = runner
        self._operator = operator or OperatorCommands(runner, (), 0)
        self._lookups = look = Lookups(runner)
        self._local = LocalAgendas(runner, is_open=self._operator.has_chats)
        panel = PanelCommands(runner, save=self._save, resume=self._resume, undo=self._undo)
        self._verbs: Mapping[str, Verb] = {
            "start": self._start, "hello": self._hello, "joined": self._joined, "help": self._help,
            "about": self._about, "what": self._what, "howto": self._howto, "thanks": self._thanks,
            "place": self._place, "fewer": self._fewer, "settings": panel.settings, "watch": self._watch,
            "unwatch": self._unwatch, "states": self._picker, "pick": self._pick, "digest": self._digest,
            "kinds": self._kinds, "kind": self._kind, "pause": self._pause, "resume": self._resume,
            "status": look.status, "list": look.list_agencies, "recent": look.recent, "agency": look.agency,
            "language": self._language, "stop": self._stop, "forget": self._forget, "undo": self._undo,
            "set": self._set, "stale": self._stale, "always": self._always,
            "reminders": self._reminders,
            "suggest": self._local.suggest,
            "here": self._here, "statewide": self._statewide, "panel": panel.panel, "faq": self._faq,
        }  # fmt: skip

    async def answer(self, asked: Request) -> Reply:
        """Answer a command. If the command can't be understood, reply with one helpful line and change nothing."""
        subscription = await self._runner.store.find(asked.channel, asked.address)
        language = subscription.language if subscription is not None else words.tongue(asked.text, asked.language)
        question = Question(asked, subscription, language)
        first, _, after = asked.text.strip().removeprefix("/").partition(" ")
        verb, rest = words.verb(asked.text)
        try:
            if first in OPERATOR_VERBS and first in await self.extra_commands(asked.channel, asked.address):
                await unreached.try_again(self._runner.store, asked.channel, asked.address)
                return await self._operator.answer(question, first, after)
            if verb not in self._verbs:
                raise self._unknown(verb, asked.text)
            return await self._verbs[verb](question, rest)
        except Misunderstood as fault:
            if fault.choices:
                lines = ((Span(replies.what_went_wrong(language, fault)),),)
                return Reply(lines=lines, buttons=choice_buttons(language, f"{verb} {rest}", fault))
            lines = ((Span(replies.misunderstood(language, fault)),),)
            return Reply(lines=lines, buttons=_instead(language, f"{verb} {rest}", fault))

    def _unknown(self, verb: str, text: str) -> Misunderstood:
        near = suggest(verb, sorted(words.known_words()))
        if near is not None:
            return Misunderstood("near_command", typed=verb[:40], near=near)
        shown = " ".join(text.split())
        return Misunderstood("no_command", typed=shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…")

    @property
    def verbs(self) -> frozenset[str]:
        """The commands that every chat has."""
        return frozenset(self._verbs)

    async def extra_commands(self, channel: str, address: str) -> frozenset[str]:
        """Return the commands that only this chat has. Only the operator's chats have any."""
        return await self._operator.commands_of(channel, address)

    # ── events on the platform ───────────────────────────────────────────────────────────────────────────────────────

    async def subscription(self, channel: str, address: str) -> Subscription | None:
        """Return a chat's subscription."""
        return await self._runner.store.find(channel, address)

    async def subscriptions(self, channel: str) -> Sequence[Subscription]:
        """Return all subscriptions on a channel."""
        return [s for s in await self._runner.store.subscriptions() if s.channel == channel]

    async def moved(self, channel: str, old: str, new: str) -> None:
        """Record a chat's new address."""
        async with AsyncExitStack() as waiting:
            for found in await self._of_chat(channel, old):
                await waiting.enter_async_context(self._runner.between_deliveries(found.id))
            await addresses.learn(self._runner.store, channel, old, new)

    async def gone(self, channel: str, address: str, reason: str) -> None:
        """Pause the subscriptions of a chat and its topics after the bot is removed or blocked."""
        for found in await self._of_chat(channel, address):
            if found.paused is None:
                gone = replace(found, paused=reason).pausing(found, CHAT, self._runner.now())
                await self._runner.store.change_subscription(gone)

    async def returned(self, channel: str, address: str) -> None:
        """Resume the subscriptions of a chat and its topics when the bot returns, unless a person stopped them.

        If a message was refused while the bot was gone, send it now instead of after the back-off.
        """
        await unreached.try_again(self._runner.store, channel, address)
        for found in await self._of_chat(channel, address):
            if found.paused != STOPPED and (found.paused or found.failing_since):
                await self._runner.store.change_subscription(replace(found.revived, quiet_until=found.quiet_until))

    async def _of_chat(self, channel: str, address: str) -> Sequence[Subscription]:
        return [found for found in await self.subscriptions(channel) if is_in(found.address, address)]

    async def erased(self, channel: str, prefix: str) -> None:
        """Erase all chats whose address starts with this prefix."""
        for found in await self.subscriptions(channel):
            if found.address.startswith(prefix):
                await addresses.leave(self._runner.store, found, prefix)

    # ── start and help ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _start(self, question: Question, rest: str) -> Reply:
        """Welcome a person who sends /start. If a deep link names states, ask the person to confirm them."""
        await self.returned(question.request.channel, question.request.address)
        if not rest:
            return replace(await self._picker(question, ""), lines=(question.says("welcome"),), in_place=False)
        typed = rest.replace("_", " ").replace("-", " ")
        where = parser.where(typed)
        what = replies.watched(question.language, filter_for(where))
        yes = question.button("b_yes_watch", _short(f"watch {' '.join(_all_word(where.states)) or typed}"))
        choose = question.button("b_choose", "states")
        return Reply(lines=(question.says("confirm", what=what),), buttons=((yes,), (choose,)))

    async def _hello(self, question: Question, _: str) -> Reply:
        """Answer a greeting: say what this is, and how to begin or what is watched."""
        if question.settings.filter.is_empty:
            buttons = ((question.button("b_choose", "states"),), self._explanations(question))
            return Reply(lines=(question.says("hello"),), buttons=buttons)
        lines = (question.says("hello_again"), *self._in_force(question, question.settings))
        return Reply(lines=lines, buttons=((question.button("b_settings", "settings"),), self._explanations(question)))

    async def _joined(self, question: Question, rest: str) -> Reply:
        """Greet a group or channel after the bot joins it. `rest` says who can change the settings there."""
        return Reply(lines=(question.says("joined_administrators" if rest == "administrators" else "joined"),))

    async def _help(self, question: Question, _: str) -> Reply:
        prefix = CHANNELS[question.request.channel].command_prefix
        lines, asked = guide.help_lines(question.language, prefix), question.request
        if await self.extra_commands(asked.channel, asked.address):
            lines = (*lines, operator_line(question.language, "help"))
        return Reply(lines=lines, buttons=((question.button("b_what", "what"),),))

    async def _what(self, question: Question, _: str) -> Reply:
        return Reply(lines=guide.what_lines(question.language, self._runner.page))

    async def _about(self, question: Question, _: str) -> Reply:
        lines = guide.about_lines(question.language, self._runner.page, self._runner.every)
        return Reply(lines=lines, buttons=(self._explanations(question),))

    def _explanations(self, question: Question) -> tuple[Button, ...]:
        return (question.button("b_what", "what"), question.button("b_help", "help"))

    async def _howto(self, question: Question, rest: str) -> Reply:
        """Answer "how do I unsubscribe?" with the command and a button that sends it."""
        if not rest:
            return await self._help(question, "")
        pressed = Button(f"/{rest}", rest)
        buttons = ((pressed,),) if len(rest.encode()) <= LONGEST_COMMAND else ()
        return Reply(lines=(question.says("howto", command=f"/{rest}"),), buttons=buttons)

    async def _thanks(self, question: Question, _: str) -> Reply:
        return Reply(lines=(question.says("thanks"),))

    async def _fewer(self, question: Question, _: str) -> Reply:
        """Offer the ways to get fewer messages."""
        rows = (("b_daily", "digest daily"), ("b_weekly", "digest weekly"), ("b_kinds", "kinds"), ("b_pause", "pause"))
        buttons = tuple((question.button(key, command),) for key, command in (*rows, ("b_stop", "stop")))
        return Reply(lines=(question.says("fewer"),), buttons=buttons)

    async def _faq(self, question: Question, rest: str) -> Reply:
        """Answer a question about something that no command does. `rest` is the topic and, for raids, the place."""
        topic, _, place = rest.partition(" ")
        lines = (question.says(f"faq_{topic}" if topic in FAQ else "thanks"),)
        if topic == "raids" and place:
            asked = await self._place(question, place)
            return replace(asked, lines=(*lines, *asked.lines))
        if topic == "hours":
            return Reply(lines=lines, buttons=((question.button("b_daily", "digest daily"),),))
        return Reply(lines=lines, buttons=(self._explanations(question),))

    async def _place(self, question: Question, rest: str) -> Reply:
        """Ask what to do about a place that was sent without a command."""
        where = parser.where(rest)
        if not names_places(where):
            return await self._what(question, "")
        what = replies.watched(question.language, filter_for(where))
        rows = [(Button(said(question.language, "b_watch", what=what)[:LONGEST_LABEL], _short(f"watch {rest}")),)]
        if len(where.states) == 1 and not where.counties and where.states[0] != ALL_STATES:
            rows.append((question.button("b_list", f"list {where.states[0]}"),))
        read = [
            (Span(replies.reading_line(question.language, reading)),) for reading in where.readings if reading.typed
        ]
        return Reply(lines=(*read, question.says("place", what=what)), buttons=tuple(rows))

    # ── watch and unwatch ────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch(self, question: Question, rest: str) -> Reply:
        if not rest:
            return await self._picker(question, "")
        is_only = rest.casefold().startswith(("only ", "solo "))
        where, now = parser.where(rest.partition(" ")[2] if is_only else rest), question.settings
        why = None if is_only else why_not_added(now.filter, where)
        if why is not None and not (why == "all_watched" and now.paused is not None):  # watching ends a pause
            return Reply(lines=(_explained(question, why, where),))
        after = only(now.filter, where) if is_only else with_added(_resumed(question, where), where)
        reply = await self._placed(question, replace(now, filter=after, paused=None), where.readings)
        inside = () if is_only else replies.overlap(question.language, now.filter, where)
        at = len(where.readings) + 1
        return replace(reply, lines=(*reply.lines[:at], *inside, *reply.lines[at:]))

    async def _placed(self, question: Question, settings: Settings, readings: Sequence[Reading]) -> Reply:
        """Save the settings, say how places were read, and ask once about the statewide agencies."""
        settings, states = with_statewide(settings, readings)
        reply, saved = await self._applied(question, settings)
        reply = with_readings(question, reply, readings, states if question.settings.with_statewide is None else ())
        agendas = await self._local.of_new(question, question.settings.filter, saved, readings)
        return replace(reply, lines=(*reply.lines, *agendas))

    async def _here(self, question: Question, rest: str) -> Reply:
        """Watch the county of a shared location. The channel has turned the location into counties' FIPS codes."""
        is_sure, counties = counties_here(rest)
        if not counties:
            return Reply(lines=(question.says("you_are_abroad"),))
        if not is_sure:
            return which_county_here(question, counties)
        where = Where(counties=(county_entry(counties[0].state, distinct_name(counties[0])),))
        now = question.settings
        if now.paused is None and (why := why_not_added(now.filter, where)) is not None:
            return Reply(lines=(_explained(question, why, where),))
        settings = replace(now, filter=with_added(now.filter, where), paused=None)
        return await self._placed(question, settings, (Reading("", counties[0]),))

    async def _statewide(self, question: Question, rest: str) -> Reply:
        """Keep or leave out the statewide agencies of the states that a button names."""
        wish, _, states = rest.partition(" ")
        if wish not in {"yes", "no"} or question.subscription is None:
            raise Misunderstood("no_command", typed="statewide")
        settings = statewide_chosen(question.settings, parser.where(states).states, is_wanted=wish == "yes")
        key = "statewide_kept" if wish == "yes" else "statewide_gone"
        reply = await self._apply(question, settings)
        return replace(reply, lines=(question.says(key), *reply.lines[:1]))

    async def _unwatch(self, question: Question, rest: str) -> Reply:
        if question.settings.filter.is_empty:
            return Reply(lines=(question.says("none_yet"),))
        if not rest:
            return _what_to_unwatch(question)
        where, before = parser.where(rest), question.settings.filter
        after = without_statewide(without(before, where), where.readings)
        why = why_not_removed(before, where) or ("not_watched" if after == before else None)
        if why is not None:
            return Reply(lines=(_explained(question, why, where),))
        return await self._apply(question, replace(question.settings, filter=after))

    async def _picker(self, question: Question, _: str) -> Reply:
        """Show all states as buttons. Each button press edits the message in place."""
        *states, every = state_buttons(question.language, question.settings.filter, "pick")
        last = (*every, question.button("b_done", "status"))
        return Reply(lines=(question.says("picker"),), buttons=(*states, last), in_place=True)

    async def _pick(self, question: Question, rest: str) -> Reply:
        """Turn states on or off in the picker. A button adds or removes one; a person may type several, or none."""
        if not rest:
            return await self._picker(question, "")
        if rest[0] in "+-=":
            return await self._redrawn(question, with_state_pressed(question.settings.filter, rest), self._picker)
        found = parser.where(rest)
        if found != Where(states=found.states):
            raise Misunderstood("no_state", typed=rest[:40])
        filter_ = question.settings.filter
        for code in found.states:
            where = Where(states=(code,))
            if code in filter_.states:
                filter_ = without(filter_, where)
            else:  # a press on one state while all are watched leaves that one
                filter_ = (only if ALL_STATES in filter_.states else with_added)(filter_, where)
        return await self._redrawn(question, filter_, self._picker)

    async def _kinds(self, question: Question, rest: str) -> Reply:
        if not rest:
            return await self._kind_picker(question, "")
        chosen = parser.kinds(rest, question.settings.filter.kinds)
        if not chosen:
            raise Misunderstood("no_kinds")
        filter_ = replace(question.settings.filter, kinds=dict.fromkeys(chosen, 0))
        return await self._apply(question, replace(question.settings, filter=filter_), names_kinds=True)

    async def _kind_picker(self, question: Question, _: str) -> Reply:
        rows = kind_buttons(question.language, question.settings.filter, "kind")
        done = (question.button("b_done", "status"),)
        return Reply(lines=(question.says("picker_kinds"),), buttons=(*rows, done), in_place=True)

    async def _kind(self, question: Question, rest: str) -> Reply:
        """Turn one kind of change on or off in the picker. Anything else that a person types is read as /kinds.

        A button says which of the two it does. Only buttons of earlier versions turn over what they find.
        """
        if rest[:1] in {"+", "-"} and len(rest.split()) == 1:
            return await self._redrawn(question, with_kind_pressed(question.settings.filter, rest), self._kind_picker)
        chosen = parser.kinds(rest, ())
        if len(chosen) != 1:
            return await self._kinds(question, rest)
        (kind,) = chosen
        on = dict(question.settings.filter.kinds)
        if on.pop(kind, None) is None:
            on[kind] = 0
        if not on:
            raise Misunderstood("no_kinds")
        return await self._redrawn(question, replace(question.settings.filter, kinds=on), self._kind_picker)

    async def _redrawn(self, question: Question, filter_: Filter, picker: Verb) -> Reply:
        saved = await self._save(question, replace(question.settings, filter=filter_))
        reply = await picker(replace(question, subscription=saved), "")
        return replace(reply, changed=True)

    # ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _digest(self, question: Question, rest: str) -> Reply:
        when = parser.when(rest)
        settings = replace(
            question.settings,
            cadence=when.cadence,
            at=when.at or question.settings.at,
            tz=when.tz or question.settings.tz,
            weekday=question.settings.weekday if when.weekday is None else when.weekday,
        )
        return await self._apply(question, settings)

    async def _pause(self, question: Question, rest: str) -> Reply:
        if question.subscription is None or question.settings.filter.is_empty:
            return Reply(lines=(question.says("none_yet"),))
        if question.settings.paused is not None:
            return Reply(lines=(*self._pauses(question.language, question.settings), question.says("to_resume")))
        if not rest:
            spans = (("b_day", "pause 1 day"), ("b_week", "pause 1 week"), ("b_month", "pause 30 days"))
            buttons = tuple(question.button(key, command) for key, command in spans)
            return Reply(lines=(question.says("how_long"),), buttons=(buttons,))
        end = parser.until(rest, self._runner.now(), question.settings.tz)
        saved = await self._save(question, replace(question.settings, quiet_until=end))
        when = replies.until(question.language, end, question.settings.tz)
        return Reply(lines=(question.says("paused", when=when),), buttons=_after(question, saved), changed=True)

    async def _resume(self, question: Question, _: str) -> Reply:
        if question.subscription is None:
            return Reply(lines=(question.says("none_yet"),))
        if question.subscription.paused == STOPPED:
            await self._runner.store.unsubscribe(question.subscription.id)  # changes recorded after /stop aren't sent
            return await self._apply(replace(question, subscription=None), replace(question.settings, paused=None))
        if not self._pauses(question.language, question.settings):
            if question.subscription.failing_since is not None:
                await self._runner.store.change_subscription(question.subscription.revived)
            return Reply(lines=(question.says("not_paused"), *self._in_force(question, question.settings)))
        await self._runner.store.change_subscription(question.subscription.revived)
        key = "resumed_nothing" if question.settings.filter.is_empty else "resumed"
        return Reply(lines=(question.says(key),), changed=True)

    async def _language(self, question: Question, rest: str) -> Reply:
        if not rest:
            each = tuple(Button(own_name(language), f"language {language}") for language in Language)
            return Reply(lines=(question.says("choose_language"),), buttons=(each,))
        chosen = parser.language(rest)
        await self._save(question, replace(question.settings, language=chosen))
        return Reply(lines=(line(chosen, "language_set"),), changed=True)

    async def _stale(self, question: Question, rest: str) -> Reply:
        """Turn stale-list notices on or off. Without "on" or "off", show the current setting."""
        if rest in {"on", "off"}:
            await self._save(question, replace(question.settings, hears_stale=rest == "on"))
            return Reply(lines=(question.says(f"stale_{rest}"),), changed=True)
        return Reply(lines=(question.says("stale_on" if question.settings.hears_stale else "stale_off"),))

    async def _always(self, question: Question, rest: str) -> Reply:
        """Turn no-changes digests on or off. Without "on" or "off", show the current setting."""
        if rest in {"on", "off"}:
            await self._save(question, replace(question.settings, hears_always=rest == "on"))
        is_on = rest == "on" if rest in {"on", "off"} else question.settings.hears_always
        lines = [question.says("always_on" if is_on else "always_off")]
        if is_on and question.settings.cadence is Cadence.INSTANT:
            lines.append(question.says("always_later"))
        return Reply(lines=tuple(lines), changed=rest in {"on", "off"})

    async def _reminders(self, question: Question, rest: str) -> Reply:
        """Turn reminders of meetings on or off. Without "on" or "off", show the current setting."""
        if rest in {"on", "off"}:
            await self._save(question, replace(question.settings, hears_reminders=rest == "on"))
        is_on = rest == "on" if rest in {"on", "off"} else question.settings.hears_reminders
        lines = [question.says("reminders_on" if is_on else "reminders_off")]
        if is_on and question.settings.filter.is_empty:
            lines.append(question.says("none_yet"))
        return Reply(lines=tuple(lines), changed=rest in {"on", "off"})

    async def _set(self, question: Question, rest: str) -> Reply:
        """Apply all the fields of a form at once."""
        fields, now = parser.form(rest), question.settings
        filter_ = now.filter
        if "states" in fields:
            states = parser.where(fields["states"]).states
            if not states:
                raise Misunderstood("no_form", typed=rest[:40])
            filter_ = replace(filter_, states=dict.fromkeys(states, 0))
        if "kinds" in fields:
            filter_ = replace(filter_, kinds=dict.fromkeys(parser.kinds(fields["kinds"], ()), 0))
        if not filter_.kinds:
            raise Misunderstood("no_kinds")
        at = parser.clock(fields["at"]) if "at" in fields else now.at
        weekday = parser.weekday(fields["weekday"]) if "weekday" in fields else now.weekday
        if weekday is None or at is None or fields.get("cadence", "instant") not in Cadence.__members__.values():
            raise Misunderstood("no_form")
        if fields.get("pause") == "resume" and now.paused is not None:
            question = await self._revived(question)
        return await self._apply(
            question,
            replace(
                self._paused(question.settings, fields.get("pause")),
                filter=filter_,
                cadence=Cadence(fields.get("cadence", now.cadence)),
                at=at,
                tz=parser.zone(fields["tz"]) if "tz" in fields else now.tz,
                weekday=weekday,
            ),
        )

    def _paused(self, settings: Settings, pause: str | None) -> Settings:
        """Return the settings with the pause that a form asks for. Without one, leave it as it is."""
        if pause is None:
            return settings
        end = None if pause == "resume" else parser.until(pause, self._runner.now(), settings.tz)
        return replace(settings, quiet_until=end)

    async def _revived(self, question: Question) -> Question:
        """Resume a subscription, as /resume does."""
        await self._resume(question, "")
        return replace(
            question, subscription=await self.subscription(question.request.channel, question.request.address)
        )

    # ── stop, forget and undo ────────────────────────────────────────────────────────────────────────────────────────

    async def _stop(self, question: Question, _: str) -> Reply:
        if question.subscription is None:
            return Reply(lines=(question.says("none_yet"),))
        saved = await self._save(question, replace(question.settings, paused=STOPPED))
        return Reply(lines=(question.says("stopped"),), buttons=_after(question, saved), changed=True)

    async def _forget(self, question: Question, rest: str) -> Reply:
        if question.subscription is None or rest == "yes":
            await forget_chat(self._runner.store, question.request.channel, question.request.address)
        if question.subscription is None and rest != "yes":
            return Reply(lines=(question.says("nothing_stored"),))
        if rest != "yes":
            buttons = ((question.button("b_erase", "forget yes"), question.button("b_keep", "status")),)
            return Reply(lines=(question.says("forget_sure"),), buttons=buttons)
        if question.subscription is not None:
            await unreached.keep(self._runner.store, question.subscription.id, None)
            await addresses.forget(self._runner.store, question.subscription)
        return Reply(lines=(question.says("forgotten"),), changed=question.subscription is not None, in_place=True)

    async def _undo(self, question: Question, rest: str) -> Reply:
        """Undo the settings change with this number, unless the settings have changed again since then.

        Without a number, as people type it, undo the last change. The buttons of earlier versions don't name the
        subscription.
        """
        subscription = question.subscription
        is_typed = not rest
        if is_typed and (subscription is None or (subscription.before is None and subscription.version != 1)):
            return Reply(lines=(question.says("undo_none"),))
        if subscription is None or not (
            is_typed or rest in {undo_command(subscription)[5:], str(subscription.version)}
        ):
            return Reply(lines=(question.says("undo_late"),))
        if subscription.before is None and subscription.version > 1:
            return Reply(lines=(question.says("undo_late"),))  # it was just undone
        if subscription.before is None:
            await self._runner.store.unsubscribe(subscription.id)
            return Reply(lines=(question.says("undone"), question.says("nothing_watched")), changed=True)
        restored = subscription.with_settings(subscription.before)
        await self._runner.store.change_subscription(replace(restored, before=None))
        spoken = replace(question, language=restored.language)
        return Reply(lines=(spoken.says("undone"), *self._in_force(spoken, restored.settings)), changed=True)

    # ── saving ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _apply(self, question: Question, settings: Settings, *, names_kinds: bool = False) -> Reply:
        """Save the settings. Confirm them in a sentence or two, with the last alert that they would have brought."""
        return (await self._applied(question, settings, names_kinds=names_kinds))[0]

    async def _applied(
        self, question: Question, settings: Settings, *, names_kinds: bool = False
    ) -> tuple[Reply, Subscription]:
        """Save the settings. Return the confirmation and the subscription."""
        saved = await self._save(question, settings)
        lines = (*self._in_force(question, settings, names_kinds=names_kinds), *await self._lookups.example(saved))
        return Reply(lines=lines, buttons=_after(question, saved), changed=True), saved

    def _in_force(self, question: Question, settings: Settings, *, names_kinds: bool = False) -> tuple[Line, ...]:
        """Return the settings in a few sentences, with any pause that keeps messages from being sent."""
        return ((Span(confirmed(question.language, settings, self._runner.now(), names_kinds=names_kinds)),),)

    def _pauses(self, language: Language, settings: Settings) -> tuple[Line, ...]:
        return replies.pauses(language, settings, self._runner.now())

    async def _save(self, question: Question, settings: Settings) -> Subscription:
        store = self._runner.store
        if question.subscription is not None:
            old, now = question.subscription, self._runner.now()
            return await store.change_subscription(old.with_settings(settings).pausing(old, CHAT, now))
        fresh = Subscription(
            id="",
            channel=question.request.channel,
            address=question.request.address,
            filter=settings.filter,
            cadence=settings.cadence,
            at=settings.at,
            tz=settings.tz,
            weekday=settings.weekday,
            language=settings.language,
            quiet_until=settings.quiet_until,
            hears_stale=settings.hears_stale,
            hears_always=settings.hears_always,
            hears_reminders=settings.hears_reminders,
            with_statewide=settings.with_statewide,
            created_at=self._runner.now(),
            version=1,
        )
        return await store.subscribe(fresh.pausing(None, CHAT, self._runner.now()))


def _explained(question: Question, why: str, where: Where) -> Line:
    """Return the line that explains why nothing changed."""
    return question.says(
        why,
        what=replies.watched(question.language, filter_for(where)),
        types=replies.types_in_words(question.language, where.support_types),
        codes=" ".join(where.support_types),
    )


def _what_to_unwatch(question: Question) -> Reply:
    """Offer a button for each place and agency that is watched."""
    filter_, language = question.settings.filter, question.language
    rows: list[tuple[Button, ...]] = []
    for command, one in each_watched(filter_, language):
        if len(command.encode()) <= LONGEST_COMMAND and len(rows) < MOST_OFFERED:
            label = capitalized(replies.watched(language, one))
            rows.append((Button(label[:LONGEST_LABEL], command),))
    rows.append((question.button("b_everything", "unwatch all"),))
    return Reply(lines=(question.says("unwatch_which"),), buttons=tuple(rows))


def _instead(language: Language, asked: str, fault: Misunderstood) -> tuple[tuple[Button, ...], ...]:
    """Return a button for each command that the person may have meant."""
    said = replies.words_of(fault, language)
    choices = [(said.get("name") or said.get("near", ""), words.corrected(asked, fault))]
    if fault.why == "near_command":
        choices = [(command or "", command) for _, command in choices]
    return tuple(
        (Button(label, command.removeprefix("place ")),)
        for label, command in choices
        if command is not None and len(command.encode()) <= LONGEST_COMMAND
    )


def _resumed(question: Question, where: Where) -> Filter:
    """Return the filter to add to. It is the previous one if these support types were just removed from its places."""
    now, last = question.settings.filter, question.subscription.before if question.subscription else None
    is_back = now.is_empty and last is not None and set(last.filter.support_types) == set(where.support_types)
    return last.filter if last and is_back and where == Where(support_types=where.support_types) else now


def _all_word(states: Sequence[str]) -> Sequence[str]:
    return ["all" if code == ALL_STATES else code for code in states]


def _short(command: str) -> str:
    """Shorten a command to fit a button. People can add the remaining states in the picker."""
    return command if len(command) <= LONGEST_COMMAND else command[:LONGEST_COMMAND].rpartition(" ")[0]


def _after(question: Question, saved: Subscription) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons under a confirmation."""
    return ((question.button("b_undo", undo_command(saved)), question.button("b_settings", "settings")),)
