"""The operator's commands in chat. A decision takes two presses, and the second is bound to what the first showed."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

import structlog

from bot.channels import CHANNELS
from bot.commands.question import Question
from bot.commands.report import Report, report
from bot.commands.rulings import PATIENCE, RULINGS, Overtaken, commit_retraction, retractable, retraction_of, ruled
from bot.domain.change import NEVER_CHOSEN, Change, Reason
from bot.domain.chat import local_agendas
from bot.domain.chat.operator import (
    Effect,
    Operator,
    approve_reply,
    held_reply,
    line,
    reason_in,
    reasons_reply,
    reject_reply,
    retract_reply,
)
from bot.domain.chat.request import Button, Reply, Request
from bot.domain.language import Language
from bot.domain.lists.vetting import Held, Ruling
from bot.domain.text.composed import in_language
from bot.domain.text.reasons import reasons_for
from bot.domain.text.rich_text import Line, Span
from bot.errors import CountersignError, UsageError
from bot.pipeline.addresses import resolved
from bot.pipeline.audience import effect_or_none, of_retraction
from bot.pipeline.local_requests import Suggestion, add_source, ask_for_reading, keep_suggestion, suggestions
from bot.pipeline.runner import Runner

MOST_SHOWN = 5  # suggestions in one message
DRAFTS = "retraction draft"  # the kind of note that keeps the words of a retraction until the operator confirms it

log = structlog.get_logger()
Verb = Callable[[Question, list[str]], Awaitable[Reply]]


class OperatorCommands:
    """Answers the commands that only the operator's chats have. `stale_hours` is when ICE's list counts as stale."""

    def __init__(self, runner: Runner, operators: Sequence[Operator], stale_hours: float) -> None:
        self._runner = runner
        self._operators = [operator for operator in operators if operator.channel is not None]
        self._stale_hours = stale_hours
        self._verbs: Mapping[str, Verb] = {
            "held": self._held,
            "health": self._health,
            "approve": self._approve,
            "reject": self._reject,
            "retract": self._retract,
            "suggested": self._suggested,
        }

    async def commands_of(self, channel: str, address: str) -> frozenset[str]:
        """Return the commands that this chat has because it is the operator's. For any other chat, there are none."""
        return frozenset(self._verbs) if await self._is_operators(channel, address) else frozenset()

    async def answer(self, question: Question, verb: str, rest: str) -> Reply:
        """Answer one of the operator's commands, and log it."""
        asked = question.request
        log.info("the operator asked", command=verb, arguments=rest[:200], **_who(asked))
        try:
            return await self._verbs[verb](question, rest.split())
        except CountersignError as fault:
            return Reply(lines=(line(question.language, "failed", problem=in_language(str(fault), question.language)),))

    async def _is_operators(self, channel: str, address: str) -> bool:
        """Return True if this is an operator's chat. A chat can have another address than the one in the settings."""
        for operator in self._operators:
            if operator.channel == channel:
                named = CHANNELS[channel].check_address(operator.address) if channel in CHANNELS else operator.address
                if address in (named, await resolved(self._runner.store, self._runner.channels, channel, named)):
                    return True
        return False

    # ── held lists ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _held(self, question: Question, words: list[str]) -> Reply:
        """Show the held lists, or one of them. `held ID VERSION all` shows the details."""
        if len(words) >= 2:
            held = await self._same(words)
            if held is None:
                return await self._overtaken(question, words)
            return held_reply(question.language, held, await self._effect(held), details=words[2:] == ["all"])
        return await self._all_held(question.language)

    async def _all_held(self, language: Language) -> Reply:
        lines: list[Line] = []
        buttons: list[tuple[Button, ...]] = []
        for held in await self._runner.store.held():
            one = held_reply(language, held, await self._effect(held))
            lines += [(), *one.lines] if lines else one.lines
            buttons += one.buttons
        return Reply(lines=tuple(lines) or (line(language, "nothing_held"),), buttons=tuple(buttons))

    async def _approve(self, question: Question, words: list[str]) -> Reply:
        held = await self._same(words)
        if held is None:
            return await self._overtaken(question, words)
        effect = await self._effect(held)
        if effect is None:
            return held_reply(question.language, held, None)
        if words[2:] != ["yes"]:
            return approve_reply(question.language, held, effect)
        return await self._ruled(question, words, held, Ruling.APPROVED)

    async def _reject(self, question: Question, words: list[str]) -> Reply:
        held = await self._same(words)
        if held is None:
            return await self._overtaken(question, words)
        if words[2:] != ["yes"]:
            return reject_reply(question.language, held)
        return await self._ruled(question, words, held, Ruling.REJECTED)

    async def _ruled(self, question: Question, words: list[str], held: Held, ruling: Ruling) -> Reply:
        try:
            done = await ruled(self._runner, held.id, ruling, version=held.version, by=_who(question.request))
        except Overtaken:
            return await self._overtaken(question, words)
        name, n = held.publication.name, len(done["changes"])
        said = {"name": name, "n": n} if ruling is Ruling.APPROVED else {"name": name}
        return Reply(lines=(line(question.language, ruling.value, **said),), in_place=True)

    async def _same(self, words: Sequence[str]) -> Held | None:
        """Return the held list that a button was made for, or None if it was replaced or decided on."""
        held = await self._runner.store.held()
        return next((h for h in held if [h.id, h.version] == [*words[:2]]), None)

    async def _overtaken(self, question: Question, words: Sequence[str]) -> Reply:
        """Answer a button that was made for a list that isn't on hold in that form now, and show what is."""
        language = question.language
        ruling = (await self._runner.store.notes(RULINGS)).get(" ".join(words[:2]))
        now = await self._all_held(language)
        if ruling is not None:
            said = line(language, f"already_{ruling}")
        elif len(words) < 2:
            return now
        elif now.buttons:
            said = line(language, "replaced")
        else:
            return Reply(lines=(line(language, "no_longer_held"),), in_place=True)
        return Reply(lines=(said, *((), *now.lines) * bool(now.buttons)), buttons=now.buttons, in_place=True)

    async def _effect(self, held: Held) -> Effect | None:
        return await effect_or_none(self._runner, held)

    # ── health ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _health(self, question: Question, _: list[str]) -> Reply:
        """Show what is wrong, when ICE's lists were last read and how many chats there are."""
        runner, language = self._runner, question.language
        found = await report(
            runner.store,
            now=runner.now(),
            sources=runner.sources,
            stale_hours=self._stale_hours,
            places=runner.places,
            channels=runner.channels,
        )
        problems = _problems(found, language)
        lines: list[Line] = [line(language, "problems", n=len(problems)) if problems else line(language, "healthy")]
        lines += [(Span(f"• {problem}"),) for problem in problems]
        for status in found.sources:
            if status.read_at is not None:
                when = question.wording.moment(status.read_at)
                lines.append(question.says("status_read", source=status.source, when=when))
            else:
                lines.append(question.says("status_never", source=status.source))
        paused = sum(s.paused is not None for s in found.subscriptions)
        counts = {"subscriptions": len(found.subscriptions), "paused": paused, "held": len(found.held)}
        return Reply(lines=(*lines, line(language, "counts", **counts)))

    # ── suggested sites ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def has_chats(self) -> bool:
        """True if there is an operator's chat, where suggestions can be decided on."""
        return bool(self._operators)

    async def _suggested(self, question: Question, words: list[str]) -> Reply:
        """Show the suggested sites, or add or decline one of them."""
        if len(words) < 2 or words[0] not in {"add", "no"}:
            waiting = [each for each in (await suggestions(self._runner.store)).values() if not each.decision]
            shown = [self._ask_about(question.language, each) for each in waiting[:MOST_SHOWN]]
            lines = [one for reply in shown for one in reply.lines]
            nothing = (local_agendas.line(question.language, "suggested_none"),)
            return Reply(lines=tuple(lines) or nothing, buttons=tuple(row for reply in shown for row in reply.buttons))
        async with self._runner.exclusive("suggestions", PATIENCE):  # a press may come twice, and from two chats
            return await self._decided(question, words[1], is_added=words[0] == "add")

    async def _decided(self, question: Question, key: str, *, is_added: bool) -> Reply:
        """Add or decline a suggested site, unless it has been decided on in the meantime."""
        found = (await suggestions(self._runner.store)).get(key)
        if found is None or found.decision:
            return Reply(lines=(local_agendas.line(question.language, "suggested_gone"),), in_place=True)
        if is_added:
            await self._add(question.request, found)
        await keep_suggestion(self._runner.store, replace(found, decision="added" if is_added else "declined"))
        said = local_agendas.line(
            question.language, "suggested_added" if is_added else "suggested_declined", name=found.place.name
        )
        return Reply(lines=(said,), in_place=True)

    async def _add(self, asked: Request, found: Suggestion) -> None:
        """Add a suggested source, and let a worker read it for the operator and for the chat that suggested it."""
        store, now = self._runner.store, self._runner.now()
        await add_source(store, found.place)
        await self._runner.update_places()
        await ask_for_reading(store, [found.place], now, channel=asked.channel, address=asked.address)
        if found.subscription:
            await ask_for_reading(store, [found.place], now, subscription=found.subscription)

    def _ask_about(self, language: Language, found: Suggestion) -> Reply:
        before = self._runner.places.get(found.place.name)
        replaces = before.address if before is not None else ""
        return local_agendas.suggestion_reply(language, key=found.key, place=found.place, replaces=replaces)

    # ── retractions ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _retract(self, question: Question, words: list[str]) -> Reply:
        """Retract a change in three steps: who got it, what they would read, and the confirmation."""
        if not words or not words[0].isdecimal():
            return Reply(lines=(line(question.language, "retract_how"),))
        wrong = await self._wrong(question, int(words[0][:18]))
        if isinstance(wrong, Reply):
            return wrong
        if len(words) == 3 and words[1] == "yes":
            return await self._retracted(question, wrong, words[2])
        reason = reason_in(words[1]) if len(words) > 1 else None
        if reason not in reasons_for(wrong) or reason is None:
            effect = await of_retraction(self._runner, retraction_of(wrong, Reason.OTHER, {}))
            return reasons_reply(question.wording, wrong, effect)
        typed = _in_each_language(" ".join(words[2:]), question.language)
        if reason is Reason.OTHER and not typed:
            return Reply(lines=(line(question.language, "retract_words", seq=str(wrong.seq)),))
        return await self._confirm(question, wrong, reason, typed)

    async def _wrong(self, question: Question, seq: int) -> Change | Reply:
        try:
            return await retractable(self._runner, seq)
        except UsageError:
            log_so_far = await self._runner.store.changes(after=seq - 1)
            is_real = any(change.seq == seq and change.kind not in NEVER_CHOSEN for change in log_so_far)
            key = "retract_done" if is_real else "retract_unknown"
            return Reply(lines=(line(question.language, key, seq=str(seq)),), in_place=is_real)

    async def _confirm(self, question: Question, wrong: Change, reason: Reason, words: Mapping[Language, str]) -> Reply:
        """Keep the retraction as a draft, because its words don't fit a button, and ask the operator to confirm it."""
        effect = await of_retraction(self._runner, retraction_of(wrong, reason, words))
        draft = json.dumps([wrong.seq, reason.value, {language.value: text for language, text in words.items()}])
        await self._runner.store.note(DRAFTS, _draft_key(question.request), draft)
        confirm = f"retract {wrong.seq} yes {_mark(draft)}"
        is_quoted = bool(words) and not words.keys() >= effect.messages.keys()
        return retract_reply(question.wording, wrong, effect, confirm, is_quoted=is_quoted)

    async def _retracted(self, question: Question, wrong: Change, mark: str) -> Reply:
        key = _draft_key(question.request)
        draft = (await self._runner.store.notes(DRAFTS)).get(key)
        if draft is None or _mark(draft) != mark:
            return Reply(lines=(line(question.language, "retract_old", seq=str(wrong.seq)),), in_place=True)
        _, reason, words = json.loads(draft)
        retraction = retraction_of(wrong, Reason(reason), {Language(code): text for code, text in words.items()})
        effect = await of_retraction(self._runner, retraction)
        try:
            await commit_retraction(self._runner, retraction, by=_who(question.request))
        except UsageError:  # pressed at the same time in another program
            return Reply(lines=(line(question.language, "retract_done", seq=str(wrong.seq)),), in_place=True)
        await self._runner.store.note(DRAFTS, key, None)
        return Reply(lines=(line(question.language, "retracted", seq=str(wrong.seq), n=effect.chats),), in_place=True)


def _problems(found: Report, language: Language) -> list[str]:
    of_sources = [
        f"{status.source}: {in_language(problem, language)}"
        for status in found.sources
        for problem in found.wrong(status)
    ]
    others = [*(one.sentence for one in found.unreadable), *found.channel_problems]
    return [*of_sources, *(in_language(problem, language) for problem in others)]


def _in_each_language(text: str, language: Language) -> Mapping[Language, str]:
    """Return the operator's words. Words in two languages are written as ENGLISH | SPANISH."""
    first, sign, second = (part.strip() for part in text.partition("|"))
    typed = {Language.ENGLISH: first, Language.SPANISH: second} if sign else {language: first}
    return {each: words for each, words in typed.items() if words}


def _who(asked: Request) -> Mapping[str, str]:
    return {"channel": asked.channel, "chat": asked.address}


def _draft_key(asked: Request) -> str:
    return f"{asked.channel} {asked.address}"


def _mark(draft: str) -> str:
    return sha256(draft.encode()).hexdigest()[:8]
