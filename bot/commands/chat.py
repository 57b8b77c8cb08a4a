"""What people ask in chats: one verb, one method. The platforms only carry the words; nothing here knows them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain.agenda import Mention
from bot.domain.agreement import Agreement, ListName
from bot.domain.change import NEVER_CHOSEN, TOLD_BY_DEFAULT, Change, Kind
from bot.domain.chat import parser, replies
from bot.domain.chat.parser import Misunderstood, Where
from bot.domain.chat.replies import line, said
from bot.domain.chat.request import Button, Reply, Request
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.source_status import ICE
from bot.domain.subscription import ALL_STATES, STOPPED, Cadence, Filter, Settings, Subscription
from bot.domain.suggest import suggest
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import Wording, state_name
from bot.pipeline.runner import Runner

PREVIEW = timedelta(days=7)
PREVIEW_ITEMS = 5
LISTED = 40  # agencies of a list on request
RECENT = 10
CHOICES = 8  # agencies to choose from
HISTORY = 15
TITLE_SHOWN = 120  # characters of what stands on an agenda
IN_A_ROW = 8  # buttons
LONGEST_COMMAND = 48  # bytes: Telegram lets a button hold 64, of which a channel's id takes 16

Answer = Callable[["_Chat", str], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class _Chat:
    """One question in its circumstances: who asks, what they have, in which language they are answered."""

    asked: Request
    subscription: Subscription | None
    language: Language

    @property
    def settings(self) -> Settings:
        """What is in force, or what a new subscription begins with."""
        if self.subscription is not None:
            return self.subscription.settings
        return Settings(filter=Filter(), language=self.language)

    @property
    def wording(self) -> Wording:
        return Wording(self.language, self.settings.tz)

    def says(self, key: str, **values: object) -> Line:
        return line(self.language, key, **values)

    def button(self, key: str, command: str) -> Button:
        return Button(said(self.language, key), command)


class ChatCommands:
    """Answers what people ask; the `Clerk` that listening channels are handed."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._verbs: Mapping[str, Answer] = {
            "start": self._start, "hello": self._hello, "help": self._help, "watch": self._watch,
            "unwatch": self._unwatch, "states": self._picker, "pick": self._pick, "digest": self._digest,
            "kinds": self._kinds, "kind": self._kind, "pause": self._pause, "resume": self._resume,
            "status": self._status, "list": self._list, "recent": self._recent, "agency": self._agency,
            "language": self._language, "stop": self._stop, "forget": self._forget, "undo": self._undo,
            "set": self._set, "stale": self._stale, "always": self._always,
        }  # fmt: skip

    async def answer(self, asked: Request) -> Reply:
        """The answer; what is not understood gets one helpful line and changes nothing."""
        subscription = await self._runner.store.find(asked.channel, asked.address)
        language = subscription.language if subscription is not None else asked.language
        chat = _Chat(asked, subscription, language)
        verb, rest = parser.verb(asked.text)
        try:
            if verb not in self._verbs:
                raise self._unknown(verb)
            return await self._verbs[verb](chat, rest)
        except Misunderstood as fault:
            return Reply(lines=((Span(replies.misunderstood(language, fault)),),))

    def _unknown(self, verb: str) -> Misunderstood:
        commands = [name for name, _ in replies.menu(Language.ENGLISH)]
        near = suggest(verb, commands)
        if near is not None:
            return Misunderstood("near_command", typed=verb[:40], near=near)
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

    async def _start(self, chat: _Chat, rest: str) -> Reply:
        """/start, or a deep link that preselects states, which a person confirms."""
        await self.returned(chat.asked.channel, chat.asked.address)
        if not rest:
            return replace(await self._picker(chat, ""), lines=(chat.says("welcome"),), in_place=False)
        where = parser.where(rest.replace("_", " ").replace("-", " "))
        what = replies.watched(chat.language, _filter(where))
        yes = chat.button("b_yes_watch", _short(f"watch {' '.join(_all_word(where.states))}"))
        return Reply(lines=(chat.says("confirm", what=what),), buttons=((yes,), (chat.button("b_choose", "states"),)))

    async def _hello(self, chat: _Chat, _: str) -> Reply:
        return Reply(lines=(chat.says("hello"),))

    async def _help(self, chat: _Chat, _: str) -> Reply:
        prefix = "/countersign " if chat.asked.channel == "slack" else "/"
        return Reply(lines=replies.help_lines(chat.language, prefix))

    # what to watch

    async def _watch(self, chat: _Chat, rest: str) -> Reply:
        if not rest:
            return await self._picker(chat, "")
        only = rest.casefold().startswith(("only ", "solo "))
        where = parser.where(rest.partition(" ")[2] if only else rest)
        if not only and ALL_STATES in chat.settings.filter.states and (where.counties or where.agencies):
            return Reply(lines=(chat.says("all_watched"),))
        before = Filter(kinds=chat.settings.filter.kinds) if only else chat.settings.filter
        return await self._apply(chat, replace(chat.settings, filter=_with(before, where), paused=None))

    async def _unwatch(self, chat: _Chat, rest: str) -> Reply:
        if chat.subscription is None:
            return Reply(lines=(chat.says("none_yet"),))
        where, before = parser.where(rest or "all"), chat.settings.filter
        if ALL_STATES in where.states:
            return await self._apply(chat, replace(chat.settings, filter=Filter(kinds=before.kinds)))
        if ALL_STATES in before.states and where.states:
            return Reply(lines=(chat.says("all_watched"),))
        after = _without(before, where)
        if after == before:
            what = replies.watched(chat.language, _filter(where))
            return Reply(lines=(chat.says("not_watched", what=what),))
        return await self._apply(chat, replace(chat.settings, filter=after))

    async def _picker(self, chat: _Chat, _: str) -> Reply:
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

    async def _pick(self, chat: _Chat, rest: str) -> Reply:
        """One press in the picker: on if it was off, off if it was on."""
        (code,) = parser.where(rest).states or (ALL_STATES,)
        filter_ = chat.settings.filter
        where = Where(states=(code,))
        after = _without(filter_, where) if code in filter_.states else _with(filter_, where)
        return await self._redrawn(chat, after, self._picker)

    async def _kinds(self, chat: _Chat, rest: str) -> Reply:
        if not rest:
            return await self._kind_picker(chat, "")
        chosen = parser.kinds(rest, chat.settings.filter.kinds)
        if not chosen:
            raise Misunderstood("no_kinds")
        filter_ = replace(chat.settings.filter, kinds=dict.fromkeys(chosen, 0))
        return await self._apply(chat, replace(chat.settings, filter=filter_))

    async def _kind_picker(self, chat: _Chat, _: str) -> Reply:
        on = chat.settings.filter.kinds
        rows = [
            (Button(f"{'✓ ' if kind in on else ''}{replies.kind_name(chat.language, kind)}", f"kind {kind.value}"),)
            for kind in Kind
            if kind not in NEVER_CHOSEN
        ]
        done = (chat.button("b_done", "status"),)
        return Reply(lines=(chat.says("picker_kinds"),), buttons=(*rows, done), in_place=True)

    async def _kind(self, chat: _Chat, rest: str) -> Reply:
        """One press in the picker of kinds."""
        (kind,) = parser.kinds(rest, ())[:1] or (Kind.SIGNED,)
        on = dict(chat.settings.filter.kinds)
        if on.pop(kind, None) is None:
            on[kind] = 0
        if not on:
            raise Misunderstood("no_kinds")
        return await self._redrawn(chat, replace(chat.settings.filter, kinds=on), self._kind_picker)

    async def _redrawn(self, chat: _Chat, filter_: Filter, picker: Answer) -> Reply:
        saved = await self._save(chat, replace(chat.settings, filter=filter_))
        reply = await picker(replace(chat, subscription=saved), "")
        return replace(reply, changed=True)

    # how often

    async def _digest(self, chat: _Chat, rest: str) -> Reply:
        when = parser.when(rest)
        settings = replace(
            chat.settings,
            cadence=when.cadence,
            at=when.at or chat.settings.at,
            tz=when.tz or chat.settings.tz,
        )
        return await self._apply(chat, settings)

    async def _pause(self, chat: _Chat, rest: str) -> Reply:
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

    async def _resume(self, chat: _Chat, _: str) -> Reply:
        if chat.subscription is None:
            return Reply(lines=(chat.says("none_yet"),))
        if chat.subscription.paused == STOPPED:
            await self._runner.store.unsubscribe(chat.subscription.id)  # what came after /stop is not owed
            return await self._apply(replace(chat, subscription=None), replace(chat.settings, paused=None))
        await self._runner.store.change_subscription(chat.subscription.revived)
        return Reply(lines=(chat.says("resumed"),), changed=True)

    async def _language(self, chat: _Chat, rest: str) -> Reply:
        if not rest:
            both = (Button("English", "language en"), Button("Español", "language es"))
            return Reply(lines=(chat.says("choose_language"),), buttons=(both,))
        chosen = parser.language(rest)
        await self._save(chat, replace(chat.settings, language=chosen))
        return Reply(lines=(line(chosen, "language_set"),), changed=True)

    async def _stale(self, chat: _Chat, rest: str) -> Reply:
        """Whether to be told when ICE cannot be read."""
        if rest in {"on", "off"}:
            await self._save(chat, replace(chat.settings, hears_stale=rest == "on"))
            return Reply(lines=(chat.says(f"stale_{rest}"),), changed=True)
        return Reply(lines=(chat.says("stale_on" if chat.settings.hears_stale else "stale_off"),))

    async def _always(self, chat: _Chat, rest: str) -> Reply:
        """Whether a daily or weekly digest comes even when nothing changed."""
        if rest in {"on", "off"}:
            await self._save(chat, replace(chat.settings, hears_always=rest == "on"))
            return Reply(lines=(chat.says(f"always_{rest}"),), changed=True)
        return Reply(lines=(chat.says("always_on" if chat.settings.hears_always else "always_off"),))

    async def _set(self, chat: _Chat, rest: str) -> Reply:
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

    async def _stop(self, chat: _Chat, _: str) -> Reply:
        if chat.subscription is None:
            return Reply(lines=(chat.says("none_yet"),))
        saved = await self._save(chat, replace(chat.settings, paused=STOPPED))
        return Reply(lines=(chat.says("stopped"),), buttons=_undo_button(chat, saved), changed=True)

    async def _forget(self, chat: _Chat, rest: str) -> Reply:
        if rest != "yes":
            buttons = ((chat.button("b_erase", "forget yes"), chat.button("b_keep", "status")),)
            return Reply(lines=(chat.says("forget_sure"),), buttons=buttons)
        if chat.subscription is not None:
            await self._runner.store.forget(chat.subscription.id)
        return Reply(lines=(chat.says("forgotten"),), changed=chat.subscription is not None, in_place=True)

    async def _undo(self, chat: _Chat, rest: str) -> Reply:
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

    # what is so

    async def _status(self, chat: _Chat, _: str) -> Reply:
        lines: list[Line] = []
        subscription = chat.subscription
        if subscription is None:
            lines.append(chat.says("none_yet"))
        else:
            lines.append((Span(replies.in_force(chat.language, subscription.settings)),))
        if subscription is not None and subscription.paused is not None:
            lines.append((Span(replies.why_paused(chat.language, subscription.paused)),))
        if subscription is not None and subscription.quiet_until and subscription.quiet_until > self._runner.now():
            when = replies.until(chat.language, subscription.quiet_until, chat.settings.tz)
            lines.append(chat.says("paused", when=when))
        lines += await self._readings(chat)
        return Reply(lines=tuple(lines))

    async def _readings(self, chat: _Chat) -> list[Line]:
        lines = []
        for status in await self._runner.store.source_statuses():
            if status.source not in {ICE, *self._runner.sources}:
                continue  # local government, of which there may be thousands
            name = "ICE" if status.source == ICE else status.source
            if status.read_at is None:
                lines.append(chat.says("status_never", source=name))
            else:
                lines.append(chat.says("status_read", source=name, when=chat.wording.moment(status.read_at)))
        if await self._runner.store.held():
            lines.append(chat.says("status_held"))
        return lines or [chat.says("not_read_yet")]

    async def _list(self, chat: _Chat, rest: str) -> Reply:
        """Who is on the participating list now, by state; cut, with a count."""
        where = parser.where(rest)
        codes = [code for code in where.states if code != ALL_STATES]
        if len(codes) != 1:
            raise Misunderstood("which_list")
        known = await self._runner.store.known()
        seen = known.seen.get(ListName.PARTICIPATING)
        if seen is None:
            return Reply(lines=(chat.says("not_read_yet"),))
        agencies = _by_agency(a for key, a in sorted(known.participating.items()) if key.state == codes[0])
        key = "listed_now" if agencies else "listed_none"
        head = chat.says(key, n=len(agencies), state=state_name(codes[0], chat.language))
        rows = [_agency_row(group) for group in agencies[:LISTED]]
        more = [chat.says("more", n=len(agencies) - LISTED)] if len(agencies) > LISTED else []
        as_of = chat.says("as_of", name=seen.name, when=chat.wording.moment(seen.observed_at))
        return Reply(lines=(_strong(head), *rows, *more, as_of))

    async def _recent(self, chat: _Chat, rest: str) -> Reply:
        """The latest changes that are told, of the states asked for, else of those watched, else of all."""
        filter_ = _filter(parser.where(rest)) if rest else chat.settings.filter
        filter_ = Filter(states={ALL_STATES: 0}) if filter_.is_empty else filter_
        kinds = chat.settings.filter.kinds or dict.fromkeys(TOLD_BY_DEFAULT, 0)
        undated = replace(filter_, kinds=kinds).since(0)
        found = [c for c in await self._runner.store.changes() if undated.matches(c)][-RECENT:]
        if not found:
            return Reply(lines=(chat.says("recent_none"),))
        return Reply(lines=(_strong(chat.says("recent")), *(_recent_row(chat, c) for c in reversed(found))))

    async def _agency(self, chat: _Chat, rest: str) -> Reply:
        """An agency's agreements, and all that the log says of it with its evidence."""
        state, part = parser.agency(rest)
        log = [
            change
            for change in await self._runner.store.changes()
            if change.mention is None and state in (None, *change.states) and _names(change, part)
        ]
        by_name: dict[tuple[str, str], list[Change]] = {}
        for change in log:
            by_name.setdefault((change.agreement.state, change.agreement.canonical), []).append(change)
        if not by_name:
            return Reply(lines=(chat.says("agency_none", typed=rest[:40]),))
        exact = [name for name in by_name if name[1] == part]
        if len(by_name) > 1 and len(exact) != 1:
            return _choice(chat, rest, [changes[-1].agreement for _, changes in sorted(by_name.items())])
        return _biography(chat, by_name[exact[0] if exact else next(iter(by_name))])

    # keeping

    async def _apply(self, chat: _Chat, settings: Settings) -> Reply:
        """Save, and say what is in force now and what the last seven days would have said."""
        saved = await self._save(chat, settings)
        lines = [(Span(replies.in_force(chat.language, settings)),), *await self._preview(saved)]
        return Reply(lines=tuple(lines), buttons=_undo_button(chat, saved), changed=True)

    async def _save(self, chat: _Chat, settings: Settings) -> Subscription:
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

    async def _preview(self, subscription: Subscription) -> list[Line]:
        if subscription.filter.is_empty:
            return []
        since = self._runner.now() - PREVIEW
        changes = await self._runner.store.changes(since=since)
        undated = replace(subscription, filter=subscription.filter.since(0), cursor=0, hears_always=False)
        last = changes[-1].seq if changes else 0
        digest = compose(undated, changes, upto=last, about=Circumstances(page=self._runner.page))
        if digest is None:
            return [line(subscription.language, "preview_none")]
        items = [(section.heading, item.lines[0]) for section in digest.sections for item in section.items]
        lines = [line(subscription.language, "preview"), digest.title]
        shown = items[:PREVIEW_ITEMS]
        lines += [(Span("• "), *item, Span(f", {heading[0].text}")) for heading, item in shown]
        if len(items) > len(shown):
            lines.append(line(subscription.language, "more", n=len(items) - len(shown)))
        return lines


# ── filters ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _filter(where: Where) -> Filter:
    return _with(Filter(), where)


def _with(filter_: Filter, where: Where) -> Filter:
    """The filter with these places and types added; "all" takes the place of single states."""
    states = {**filter_.states, **dict.fromkeys(where.states, 0)}
    if ALL_STATES in where.states:
        states = {ALL_STATES: 0}
    elif where.states:
        states.pop(ALL_STATES, None)
    elif where.support_types and not (states or filter_.counties or filter_.agencies or where.counties):
        states = {ALL_STATES: 0}  # "watch TFM" alone means everywhere
    return replace(
        filter_,
        states=states,
        counties={**filter_.counties, **dict.fromkeys(where.counties, 0)},
        agencies={**filter_.agencies, **dict.fromkeys(where.agencies, 0)},
        support_types={**filter_.support_types, **dict.fromkeys(where.support_types, 0)},
    )


def _without(filter_: Filter, where: Where) -> Filter:
    return replace(
        filter_,
        states={k: v for k, v in filter_.states.items() if k not in where.states},
        counties={k: v for k, v in filter_.counties.items() if k not in where.counties},
        agencies={k: v for k, v in filter_.agencies.items() if k not in where.agencies},
        support_types={k: v for k, v in filter_.support_types.items() if k not in where.support_types},
    )


def _all_word(states: Sequence[str]) -> Sequence[str]:
    return ["all" if code == ALL_STATES else code for code in states]


def _short(command: str) -> str:
    """A command within a button's 64 bytes; the rest of many states is chosen in the picker."""
    return command if len(command) <= LONGEST_COMMAND else command[:LONGEST_COMMAND].rpartition(" ")[0]


def _undo_button(chat: _Chat, saved: Subscription) -> tuple[tuple[Button, ...], ...]:
    return ((chat.button("b_undo", f"undo {saved.version}"),),)


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_agency(agreements: Iterable[Agreement]) -> list[list[Agreement]]:
    groups: dict[tuple[str, str], list[Agreement]] = {}
    for agreement in agreements:
        groups.setdefault((agreement.state, agreement.key.agency), []).append(agreement)
    return list(groups.values())


def _agency_row(agreements: Sequence[Agreement]) -> Line:
    types = ", ".join(sorted(a.support_type.value for a in agreements))
    return (Span("• "), Span(agreements[0].agency), Span(f" ({types})"))


def _recent_row(chat: _Chat, change: Change) -> Line:
    if change.mention is not None:
        return _recent_mention(chat, change, change.mention)
    agreement = change.agreement
    day = chat.wording.day(change.publication.observed_at.date())
    happened = chat.wording.heading(agreement.state, change.kind)[0].text
    types = f" ({agreement.support_type.value})"
    return (Span(f"• {day}: "), Span(agreement.agency, strong=True), Span(types), Span(f", {happened}"))


def _recent_mention(chat: _Chat, change: Change, mention: Mention) -> Line:
    day = chat.wording.day(change.publication.observed_at.date())
    happened = chat.wording.heading(mention.state, change.kind, on_agenda=True)[0].text
    title = Span(mention.title[:TITLE_SHOWN], href=mention.address)
    return (Span(f"• {day}: "), Span(mention.body, strong=True), Span(f", {happened}: "), title)


def _names(change: Change, part: str) -> bool:
    return any(part in a.canonical for a in (change.agreement, change.was) if a is not None)


def _choice(chat: _Chat, typed: str, found: Sequence[Agreement]) -> Reply:
    head = chat.says("agency_many", n=len(found), typed=typed[:40])
    shown = found[:CHOICES]
    rows = tuple((Span("• "), Span(f"{a.agency} ({a.state})")) for a in shown)
    more = (chat.says("more", n=len(found) - len(shown)),) if len(found) > len(shown) else ()
    pressed = [Button(f"{a.agency} ({a.state})"[:60], f"agency {a.state} {a.agency}") for a in shown]
    buttons = tuple((button,) for button in pressed if len(button.command.encode()) <= LONGEST_COMMAND)
    return Reply(lines=(head, *rows, *more), buttons=buttons)


def _biography(chat: _Chat, changes: Sequence[Change]) -> Reply:
    """What an agency has had, oldest first, each line with the list that it rests on."""
    last = changes[-1].agreement
    head = (Span(last.agency, strong=True), Span(f", {state_name(last.state, chat.language)}"))
    rows = [_life(chat, change) for change in changes[-HISTORY:]]
    more = [chat.says("more", n=len(changes) - HISTORY)] if len(changes) > HISTORY else []
    return Reply(lines=(head, _strong(chat.says("history")), *more, *rows))


def _life(chat: _Chat, change: Change) -> Line:
    agreement, wording = change.agreement, chat.wording
    what = said(chat.language, "listed") if change.kind is Kind.LISTED else wording.happened(change.kind)
    moa = (Span(" · "), Span("MOA", href=agreement.moa)) if agreement.moa else ()
    return (
        Span(f"• {wording.day(change.publication.observed_at.date())}: {wording.support(agreement)}, {what} · "),
        Span(change.publication.name, href=change.publication.address),
        Span(f" · {said(chat.language, 'evidence', hash=change.publication.evidence[:12])}"),
        *moa,
    )


def _strong(words: Line) -> Line:
    return tuple(replace(span, strong=True) for span in words)
