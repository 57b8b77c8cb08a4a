"""Read-only commands: status, agencies in a state, recent changes, an agency's history, and previews."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.commands.filters import filter_for
from bot.commands.question import LONGEST_COMMAND, Question
from bot.domain.agenda import Mention
from bot.domain.agreement import Agreement, ListName
from bot.domain.change import TOLD_BY_DEFAULT, Change, Kind
from bot.domain.chat import parser, replies
from bot.domain.chat.parser import Misunderstood
from bot.domain.chat.replies import line, said
from bot.domain.chat.request import Button, Reply
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.source_status import ICE
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import state_name
from bot.pipeline.runner import Runner

PREVIEW = timedelta(days=7)
PREVIEW_ITEMS = 5
LISTED = 40  # agencies in the answer to /list
RECENT = 10
CHOICES = 8  # agencies to choose from
HISTORY = 15
TITLE_SHOWN = 120  # characters in an agenda item's title


class Lookups:
    """Read-only lookups for a chat."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def status(self, question: Question, _: str) -> Reply:
        """Show the chat's settings and the time ICE's lists were last read."""
        lines: list[Line] = []
        subscription = question.subscription
        if subscription is None:
            lines.append(question.says("none_yet"))
        else:
            lines.append((Span(replies.in_force(question.language, subscription.settings)),))
            lines += replies.pauses(question.language, subscription.settings, self._runner.now())
        lines += await self._readings(question)
        return Reply(lines=tuple(lines))

    async def _readings(self, question: Question) -> list[Line]:
        lines = []
        for status in await self._runner.store.source_statuses():
            if status.source not in {ICE, *self._runner.sources}:
                continue  # leave out local sources, because there may be thousands
            name = "ICE" if status.source == ICE else status.source
            if status.read_at is None:
                lines.append(question.says("status_never", source=name))
            else:
                lines.append(question.says("status_read", source=name, when=question.wording.moment(status.read_at)))
        if await self._runner.store.held():
            lines.append(question.says("status_held"))
        return lines or [question.says("not_read_yet")]

    async def list_agencies(self, question: Question, rest: str) -> Reply:
        """List agencies in one state that are on the participating list, up to a maximum of LISTED."""
        where = parser.where(rest)
        codes = [code for code in where.states if code != ALL_STATES]
        if len(codes) != 1:
            raise Misunderstood("which_list")
        known = await self._runner.store.known()
        seen = known.seen.get(ListName.PARTICIPATING)
        if seen is None:
            return Reply(lines=(question.says("not_read_yet"),))
        agencies = _by_agency(a for key, a in sorted(known.participating.items()) if key.state == codes[0])
        key = "listed_now" if agencies else "listed_none"
        head = question.says(key, n=len(agencies), state=state_name(codes[0], question.language))
        rows = [_agency_row(question, group) for group in agencies[:LISTED]]
        more = [question.says("more", n=len(agencies) - LISTED)] if len(agencies) > LISTED else []
        as_of = question.says("as_of", name=seen.name, when=question.wording.moment(seen.observed_at))
        return Reply(lines=(_strong(head), *rows, *more, as_of))

    async def recent(self, question: Question, rest: str) -> Reply:
        """Show the latest changes in the requested states.

        Default to the watched states, or to all states if none are watched.
        """
        filter_ = filter_for(parser.where(rest)) if rest else question.settings.filter
        filter_ = Filter(states={ALL_STATES: 0}) if filter_.is_empty else filter_
        kinds = question.settings.filter.kinds or dict.fromkeys(TOLD_BY_DEFAULT, 0)
        undated = replace(filter_, kinds=kinds).since(0)
        log = await self._runner.store.changes()
        found = [c for c in log if undated.matches(c)][-RECENT:]
        if not log:
            return Reply(lines=(question.says("not_read_yet"),))
        if not found:
            where, since = replies.watched(question.language, filter_), _first_day(question, log)
            words = replies.kinds_in_words(question.language, kinds)
            return Reply(lines=(question.says("recent_none", where=where, when=since, kinds=words),))
        return Reply(lines=(_strong(question.says("recent")), *(_recent_row(question, c) for c in reversed(found))))

    async def agency(self, question: Question, rest: str) -> Reply:
        """Show an agency's history with the evidence for each change."""
        state, part = parser.agency(rest)
        every = await self._runner.store.changes()
        if not every:
            return Reply(lines=(question.says("not_read_yet"),))
        log = [
            change
            for change in every
            if change.mention is None and state in (None, *change.states) and _names(change, part)
        ]
        by_name: dict[tuple[str, str], list[Change]] = {}
        for change in log:
            by_name.setdefault((change.agreement.state, change.agreement.canonical), []).append(change)
        if not by_name:
            when = _first_day(question, every)
            return Reply(lines=(question.says("agency_none", typed=rest[:40], when=when),))
        exact = [name for name in by_name if name[1] == part]
        if len(by_name) > 1 and len(exact) != 1:
            return _choice(question, rest, [changes[-1].agreement for _, changes in sorted(by_name.items())])
        return _history(question, by_name[exact[0] if exact else next(iter(by_name))])

    async def preview(self, subscription: Subscription) -> list[Line]:
        """Preview these settings: return the matching changes from the last seven days."""
        if subscription.filter.is_empty:
            return []
        since = self._runner.now() - PREVIEW
        changes = await self._runner.store.changes(since=since)
        undated = replace(subscription, filter=subscription.filter.since(0), cursor=0, hears_always=False)
        last = changes[-1].seq if changes else 0
        digest = compose(undated, changes, upto=last, about=Circumstances(page=self._runner.page))
        if digest is None:
            return [line(subscription.language, "preview_none")]
        items = [
            (section.heading, item.lines[0]) for section in digest.all_sections for item in section.items if item.lines
        ]
        lines = [line(subscription.language, "preview"), digest.title]
        shown = items[:PREVIEW_ITEMS]
        lines += [(*_with_bullet(item), Span(f", {heading[0].text}" if heading else "")) for heading, item in shown]
        if len(items) > len(shown):
            lines.append(line(subscription.language, "more", n=len(items) - len(shown)))
        return lines


def _first_day(question: Question, log: Sequence[Change]) -> str:
    return question.wording.day(log[0].publication.observed_at.date())


def _with_bullet(item: Line) -> Line:
    return item if item and item[0].text.startswith("• ") else (Span("• "), *item)


def _by_agency(agreements: Iterable[Agreement]) -> list[list[Agreement]]:
    groups: dict[tuple[str, str], list[Agreement]] = {}
    for agreement in agreements:
        groups.setdefault((agreement.state, agreement.key.agency), []).append(agreement)
    return list(groups.values())


def _agency_row(question: Question, agreements: Sequence[Agreement]) -> Line:
    types = ", ".join(sorted(question.wording.support(a) for a in agreements))
    return (Span("• "), Span(agreements[0].agency), Span(f" ({types})"))


def _recent_row(question: Question, change: Change) -> Line:
    if change.mention is not None:
        return _recent_mention(question, change, change.mention)
    agreement = change.agreement
    day = question.wording.day(change.publication.observed_at.date())
    happened = question.wording.heading(agreement.state, change.kind)[0].text
    types = f" ({question.wording.support(agreement)})"
    return (Span(f"• {day}: "), Span(agreement.agency, strong=True), Span(types), Span(f", {happened}"))


def _recent_mention(question: Question, change: Change, mention: Mention) -> Line:
    day = question.wording.day(change.publication.observed_at.date())
    happened = question.wording.heading(mention.state, change.kind, on_agenda=True)[0].text
    title = Span(mention.title[:TITLE_SHOWN], href=mention.address)
    return (Span(f"• {day}: "), Span(mention.body, strong=True), Span(f", {happened}: "), title)


def _names(change: Change, part: str) -> bool:
    return any(part in a.canonical for a in (change.agreement, change.was) if a is not None)


def _choice(question: Question, typed: str, found: Sequence[Agreement]) -> Reply:
    head = question.says("agency_many", n=len(found), typed=typed[:40])
    shown = found[:CHOICES]
    named = [f"{a.agency} ({state_name(a.state, question.language)})" for a in shown]
    rows = tuple((Span("• "), Span(name)) for name in named)
    more = (question.says("more", n=len(found) - len(shown)),) if len(found) > len(shown) else ()
    pressed = [Button(name[:60], f"agency {a.state} {a.agency}") for name, a in zip(named, shown, strict=True)]
    buttons = tuple((button,) for button in pressed if len(button.command.encode()) <= LONGEST_COMMAND)
    return Reply(lines=(head, *rows, *more), buttons=buttons)


def _history(question: Question, changes: Sequence[Change]) -> Reply:
    """Show an agency's changes, oldest first. Each change cites the list it is based on."""
    last = changes[-1].agreement
    head = (Span(last.agency, strong=True), Span(f", {state_name(last.state, question.language)}"))
    rows = [_history_row(question, change) for change in changes[-HISTORY:]]
    more = [question.says("more", n=len(changes) - HISTORY)] if len(changes) > HISTORY else []
    return Reply(lines=(head, _strong(question.says("history")), *more, *rows))


def _history_row(question: Question, change: Change) -> Line:
    agreement, wording = change.agreement, question.wording
    what = said(question.language, "listed") if change.kind is Kind.LISTED else wording.happened(change.kind)
    moa = (Span(" · "), Span("MOA", href=agreement.moa)) if agreement.moa else ()
    return (
        Span(f"• {wording.day(change.publication.observed_at.date())}: {wording.support(agreement)}, {what} · "),
        Span(change.publication.name, href=change.publication.address),
        Span(f" · {said(question.language, 'evidence', hash=change.publication.evidence[:12])}"),
        *moa,
    )


def _strong(words: Line) -> Line:
    return tuple(replace(span, strong=True) for span in words)
