"""What people ask in chats: one verb, one method. The platforms only carry the words; nothing here knows them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from rapidfuzz import process

from bot.channels import CHANNELS
from bot.commands.filters import filter_for, with_added, without
from bot.commands.lookups import Lookups
from bot.commands.question import LONGEST_COMMAND, Question
from bot.domain.change import NEVER_CHOSEN, Kind
from bot.domain.chat import parser, replies
from bot.domain.chat.parser import Misunderstood, Where
from bot.domain.chat.replies import line, said
from bot.domain.chat.request import Button, Reply, Request
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, STOPPED, Cadence, Filter, Settings, Subscription
from bot.domain.text.rich_text import Span
from bot.pipeline.runner import Runner

IN_A_ROW = 8  # buttons

Answer = Callable[[Question, str], Awaitable[Reply]]


class ChatCommands:
    """Answers what people ask; the `Clerk` that listening channels are handed."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._lookups = look = Lookups(runner)
        self._verbs: Mapping[str, Answer] = {
            "start": self._start, "hello": self._hello, "help": self._help, "watch": self._watch,
            "unwatch": self._unwatch, "states": self._picker, "pick": self._pick, "digest": self._digest,
            "kinds": self._kinds, "kind": self._kind, "pause": self._pause, "resume": self._resume,
            "status": look.status, "list": look.list_agencies, "recent": look.recent, "agency": look.agency,
            "language": self._language, "stop": self._stop, "forget": self._forget, "undo": self._undo,
            "set": self._set, "stale": self._stale, "always": self._always,
        }  # fmt: skip

    async def answer(self, asked: Request) -> Reply:
        """The answer; what is not understood gets one helpful line and changes nothing."""
        subscription = await self._runner.store.find(asked.channel, asked.address)
        language = subscription.language if subscription is not None else asked.language
        chat = Question(asked, subscription, language)
        verb, rest = parser.verb(asked.text)
        try:
            if verb not in self._verbs:
                raise self._unknown(verb)
            return await self._verbs[verb](chat, rest)
        except Misunderstood as fault:
            return Reply(lines=((Span(replies.misunderstood(language, fault)),),))

    def _unknown(self, verb: str) -> Misunderstood:
        commands = [name for name, _ in replies.menu(Language.ENGLISH)]
        near = process.extractOne(verb, commands, score_cutoff=75)
        if near is not None:
            return Misunderstood("near_command", typed=verb[:40], near=near[0])
        return Misunderstood("no_command", typed=verb[:40])

    # what the platforms tell

    async def subscription(self, channel: str, address: str) -> Subscription | None:
        """The settings of a chat."""
        return await self._runner.store.find(channel, address)

    async def subscriptions(self, channel: str) -> Sequence[Subscription]:
        """All chats of a channel that have a subscription."""
        return [s for s in await self._runner.store.subscriptions() if s.channel == channel]

    async def moved(self, channel: str, old: str, new: str) -> None:
        """A chat has another address from now on."""
        store = self._runner.store
        found = await store.find(channel, old)
        if found is None:
            return
        if await store.find(channel, new) is None:
            await store.change_subscription(replace(found, address=new))
        else:
            await store.unsubscribe(found.id)  # it has moved already, or was set up anew there

    async def gone(self, channel: str, address: str, reason: str) -> None:
        """The bot was removed or blocked."""
        found = await self._runner.store.find(channel, address)
        if found is not None and found.paused is None:
            await self._runner.store.change_subscription(replace(found, paused=reason))

    async def returned(self, channel: str, address: str) -> None:
        """The bot was added again or unblocked; what a person stopped stays stopped."""
        found = await self._runner.store.find(channel, address)
        if found is not None and found.paused not in (None, STOPPED):
            await self._runner.store.change_subscription(found.revived)

    async def erased(self, channel: str, prefix: str) -> None:
        """All chats whose address begins so are forgotten."""
        for found in await self.subscriptions(channel):
            if found.address.startswith(prefix):
                await self._runner.store.forget(found.id)

    # beginning

    async def _start(self, chat: Question, rest: str) -> Reply:
        """/start, or a deep link that preselects states, which a person confirms."""
        await self.returned(chat.asked.channel, chat.asked.address)
        if not rest:
            return replace(await self._picker(chat, ""), lines=(chat.says("welcome"),), in_place=False)
        where = parser.where(rest.replace("_", " ").replace("-", " "))
        what = replies.watched(chat.language, filter_for(where))
        yes = chat.button("b_yes_watch", _short(f"watch {' '.join(_all_word(where.states))}"))
        return Reply(lines=(chat.says("confirm", what=what),), buttons=((yes,), (chat.button("b_choose", "states"),)))

    async def _hello(self, chat: Question, _: str) -> Reply:
        return Reply(lines=(chat.says("hello"),))

    async def _help(self, chat: Question, _: str) -> Reply:
        prefix = CHANNELS[chat.asked.channel].command_prefix
        return Reply(lines=replies.help_lines(chat.language, prefix))

    # what to watch

    async def _watch(self, chat: Question, rest: str) -> Reply:
        if not rest:
            return await self._picker(chat, "")
        only = rest.casefold().startswith(("only ", "solo "))
        where = parser.where(rest.partition(" ")[2] if only else rest)
        if not only and ALL_STATES in chat.settings.filter.states and (where.counties or where.agencies):
            return Reply(lines=(chat.says("all_watched"),))
        before = Filter(kinds=chat.settings.filter.kinds) if only else chat.settings.filter
        return await self._apply(chat, replace(chat.settings, filter=with_added(before, where), paused=None))

    async def _unwatch(self, chat: Question, rest: str) -> Reply:
        if chat.subscription is None:
            return Reply(lines=(chat.says("none_yet"),))
        where, before = parser.where(rest or "all"), chat.settings.filter
        if ALL_STATES in where.states:
            return await self._apply(chat, replace(chat.settings, filter=Filter(kinds=before.kinds)))
        if ALL_STATES in before.states and where.states:
            return Reply(lines=(chat.says("all_watched"),))
        after = without(before, where)
        if after == before:
            what = replies.watched(chat.language, filter_for(where))
            return Reply(lines=(chat.says("not_watched", what=what),))
        return await self._apply(chat, replace(chat.settings, filter=after))

    async def _picker(self, chat: Question, _: str) -> Reply:
        """All states as buttons, edited in place at each press."""
        watched = chat.settings.filter.states
        states = [Button(f"{'✓' if code in watched else ''}{code}", f"pick {code}") for code in sorted(STATES)]
        rows = tuple(tuple(states[at : at + IN_A_ROW]) for at in range(0, len(states), IN_A_ROW))
        mark = "✓" if ALL_STATES in watched else ""
        every = Button(f"{mark}{said(chat.language, 'b_all')}", "pick all")
        return Reply(
            lines=(chat.says("picker"),),
            buttons=(*rows, (every, chat.button("b_done", "status"))),
            in_place=True,
        )

    async def _pick(self, chat: Question, rest: str) -> Reply:
        """One press in the picker: on if it was off, off if it was on."""
        (code,) = parser.where(rest).states or (ALL_STATES,)
        filter_ = chat.settings.filter
        where = Where(states=(code,))
        after = without(filter_, where) if code in filter_.states else with_added(filter_, where)
        return await self._redrawn(chat, after, self._picker)

    async def _kinds(self, chat: Question, rest: str) -> Reply:
        if not rest:
            return await self._kind_picker(chat, "")
        chosen = parser.kinds(rest, chat.settings.filter.kinds)
        if not chosen:
            raise Misunderstood("no_kinds")
        filter_ = replace(chat.settings.filter, kinds=dict.fromkeys(chosen, 0))
        return await self._apply(chat, replace(chat.settings, filter=filter_))

    async def _kind_picker(self, chat: Question, _: str) -> Reply:
        on = chat.settings.filter.kinds
        rows = [
            (Button(f"{'✓ ' if kind in on else ''}{replies.kind_name(chat.language, kind)}", f"kind {kind.value}"),)
            for kind in Kind
            if kind not in NEVER_CHOSEN
        ]
        done = (chat.button("b_done", "status"),)
        return Reply(lines=(chat.says("picker_kinds"),), buttons=(*rows, done), in_place=True)

    async def _kind(self, chat: Question, rest: str) -> Reply:
        """One press in the picker of kinds."""
        (kind,) = parser.kinds(rest, ())[:1] or (Kind.SIGNED,)
        on = dict(chat.settings.filter.kinds)
        if on.pop(kind, None) is None:
            on[kind] = 0
        if not on:
            raise Misunderstood("no_kinds")
        return await self._redrawn(chat, replace(chat.settings.filter, kinds=on), self._kind_picker)

    async def _redrawn(self, chat: Question, filter_: Filter, picker: Answer) -> Reply:
        saved = await self._save(chat, replace(chat.settings, filter=filter_))
        reply = await picker(replace(chat, subscription=saved), "")
        return replace(reply, changed=True)

    # how often

    async def _digest(self, chat: Question, rest: str) -> Reply:
        when = parser.when(rest)
        settings = replace(
            chat.settings,
            cadence=when.cadence,
            at=when.at or chat.settings.at,
            tz=when.tz or chat.settings.tz,
        )
        return await self._apply(chat, settings)

    async def _pause(self, chat: Question, rest: str) -> Reply:
        if chat.subscription is None:
            return Reply(lines=(chat.says("none_yet"),))
        if not rest:
            spans = (("b_day", "pause 1 day"), ("b_week", "pause 1 week"), ("b_month", "pause 30 days"))
            return Reply(
                lines=(chat.says("how_long"),), buttons=(tuple(chat.button(key, command) for key, command in spans),)
            )
        end = parser.until(rest, self._runner.now(), chat.settings.tz)
        saved = await self._save(chat, replace(chat.settings, quiet_until=end))
        when = replies.until(chat.language, end, chat.settings.tz)
        return Reply(lines=(chat.says("paused", when=when),), buttons=_undo_button(chat, saved), changed=True)

    async def _resume(self, chat: Question, _: str) -> Reply:
        if chat.subscription is None:
            return Reply(lines=(chat.says("none_yet"),))
        if chat.subscription.paused == STOPPED:
            await self._runner.store.unsubscribe(chat.subscription.id)  # what came after /stop is not owed
            return await self._apply(replace(chat, subscription=None), replace(chat.settings, paused=None))
        await self._runner.store.change_subscription(chat.subscription.revived)
        return Reply(lines=(chat.says("resumed"),), changed=True)

    async def _language(self, chat: Question, rest: str) -> Reply:
        if not rest:
            both = (Button("English", "language en"), Button("Español", "language es"))
            return Reply(lines=(chat.says("choose_language"),), buttons=(both,))
        chosen = parser.language(rest)
        await self._save(chat, replace(chat.settings, language=chosen))
        return Reply(lines=(line(chosen, "language_set"),), changed=True)

    async def _stale(self, chat: Question, rest: str) -> Reply:
        """Whether to be told when ICE cannot be read."""
        if rest in {"on", "off"}:
            await self._save(chat, replace(chat.settings, hears_stale=rest == "on"))
            return Reply(lines=(chat.says(f"stale_{rest}"),), changed=True)
        return Reply(lines=(chat.says("stale_on" if chat.settings.hears_stale else "stale_off"),))

    async def _always(self, chat: Question, rest: str) -> Reply:
        """Whether a daily or weekly digest comes even when nothing changed."""
        if rest in {"on", "off"}:
            await self._save(chat, replace(chat.settings, hears_always=rest == "on"))
            return Reply(lines=(chat.says(f"always_{rest}"),), changed=True)
        return Reply(lines=(chat.says("always_on" if chat.settings.hears_always else "always_off"),))

    async def _set(self, chat: Question, rest: str) -> Reply:
        """A form's fields, all at once."""
        fields, now = parser.form(rest), chat.settings
        filter_ = now.filter
        if "states" in fields:
            filter_ = replace(filter_, states=dict.fromkeys(parser.where(fields["states"]).states, 0))
        if "kinds" in fields:
            filter_ = replace(filter_, kinds=dict.fromkeys(parser.kinds(fields["kinds"], ()), 0))
        if not filter_.kinds:
            raise Misunderstood("no_kinds")
        at = parser.clock(fields["at"]) if "at" in fields else now.at
        if at is None or fields.get("cadence", "instant") not in Cadence.__members__.values():
            raise Misunderstood("no_form")
        return await self._apply(
            chat,
            replace(
                now,
                filter=filter_,
                cadence=Cadence(fields.get("cadence", now.cadence)),
                at=at,
                tz=parser.zone(fields["tz"]) if "tz" in fields else now.tz,
            ),
        )

    # ending

    async def _stop(self, chat: Question, _: str) -> Reply:
        if chat.subscription is None:
            return Reply(lines=(chat.says("none_yet"),))
        saved = await self._save(chat, replace(chat.settings, paused=STOPPED))
        return Reply(lines=(chat.says("stopped"),), buttons=_undo_button(chat, saved), changed=True)

    async def _forget(self, chat: Question, rest: str) -> Reply:
        if rest != "yes":
            buttons = ((chat.button("b_erase", "forget yes"), chat.button("b_keep", "status")),)
            return Reply(lines=(chat.says("forget_sure"),), buttons=buttons)
        if chat.subscription is not None:
            await self._runner.store.forget(chat.subscription.id)
        return Reply(lines=(chat.says("forgotten"),), changed=chat.subscription is not None, in_place=True)

    async def _undo(self, chat: Question, rest: str) -> Reply:
        """Back to what was in force before the change with that number, if nothing has changed since."""
        subscription = chat.subscription
        if subscription is None or rest != str(subscription.version):
            return Reply(lines=(chat.says("undo_late"),))
        if subscription.before is None:
            await self._runner.store.unsubscribe(subscription.id)
            return Reply(lines=(chat.says("undone"), chat.says("nothing_watched")), changed=True)
        restored = subscription.with_settings(subscription.before)
        await self._runner.store.change_subscription(replace(restored, before=None))
        return Reply(
            lines=(chat.says("undone"), (Span(replies.in_force(chat.language, restored.settings)),)), changed=True
        )

    # keeping

    async def _apply(self, chat: Question, settings: Settings) -> Reply:
        """Save, and say what is in force now and what the last seven days would have said."""
        saved = await self._save(chat, settings)
        lines = [(Span(replies.in_force(chat.language, settings)),), *await self._lookups.preview(saved)]
        return Reply(lines=tuple(lines), buttons=_undo_button(chat, saved), changed=True)

    async def _save(self, chat: Question, settings: Settings) -> Subscription:
        store = self._runner.store
        if chat.subscription is not None:
            return await store.change_subscription(chat.subscription.with_settings(settings))
        fresh = Subscription(
            id="",
            channel=chat.asked.channel,
            address=chat.asked.address,
            filter=settings.filter,
            cadence=settings.cadence,
            at=settings.at,
            tz=settings.tz,
            language=settings.language,
            quiet_until=settings.quiet_until,
            hears_stale=settings.hears_stale,
            hears_always=settings.hears_always,
            created_at=self._runner.now(),
            version=1,
        )
        return await store.subscribe(fresh)


def _all_word(states: Sequence[str]) -> Sequence[str]:
    return ["all" if code == ALL_STATES else code for code in states]


def _short(command: str) -> str:
    """A command within a button's 64 bytes; the rest of many states is chosen in the picker."""
    return command if len(command) <= LONGEST_COMMAND else command[:LONGEST_COMMAND].rpartition(" ")[0]


def _undo_button(chat: Question, saved: Subscription) -> tuple[tuple[Button, ...], ...]:
    return ((chat.button("b_undo", f"undo {saved.version}"),),)
