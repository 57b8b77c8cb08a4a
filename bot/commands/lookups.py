"""Read-only commands: status, agencies in a state, recent changes, an agency's history, and previews."""

from dataclasses import replace

from bot.commands.agency_history import agency_history, first_day
from bot.commands.example import example
from bot.commands.filters import filter_for
from bot.commands.question import Question
from bot.commands.state_list import list_agencies
from bot.domain.agenda import Mention
from bot.domain.change import TOLD_BY_DEFAULT, Change, Kind
from bot.domain.chat import parser, replies
from bot.domain.chat.request import Reply
from bot.domain.chat.settings_words import kinds_named, settings_lines
from bot.domain.source_status import ICE
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import Line, Span, strong
from bot.domain.text.wording import state_name
from bot.pipeline.runner import Runner

RECENT = 10
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
            lines += settings_lines(question.language, subscription.settings, self._runner.now())
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
        """List the agencies of one state that are on the participating list."""
        return await list_agencies(self._runner, question, rest)

    async def agency(self, question: Question, rest: str) -> Reply:
        """Show an agency's history with the evidence for each change."""
        return await agency_history(self._runner, question, rest)

    async def example(self, subscription: Subscription) -> tuple[Line, ...]:
        """Show the last message that these settings would have brought."""
        return await example(self._runner, subscription)

    async def recent(self, question: Question, rest: str) -> Reply:
        """Show the latest changes of the kinds that the chat gets, in the requested places.

        Default to the watched places, or to all states if none are watched.
        """
        filter_ = filter_for(parser.where(rest)) if rest else question.settings.filter
        filter_ = Filter(states={ALL_STATES: 0}) if filter_.is_empty else filter_
        kinds = question.settings.filter.kinds or dict.fromkeys(TOLD_BY_DEFAULT, 0)
        undated = replace(filter_, kinds=kinds, told=()).since(0)
        where = replies.watched(question.language, undated)
        changes = await self._runner.store.changes()
        if not changes:
            return Reply(lines=(question.says("not_read_yet"),))
        wrong = {change.retracts for change in changes}
        heard = [(change, undated.kind_for(change)) for change in changes if change.seq not in wrong]
        found = [(change, kind) for change, kind in heard if kind is not None][-RECENT:]
        named = kinds_named(question.language, replace(question.settings, filter=undated))
        if not found:
            return Reply(
                lines=(question.says("recent_none", where=where, kinds=named, when=first_day(question, changes)),)
            )
        rows = (_recent_row(question, change, kind) for change, kind in reversed(found))
        return Reply(
            lines=(strong(question.says("recent", where=where)), *rows, question.says("recent_kinds", kinds=named))
        )


def _recent_row(question: Question, change: Change, kind: Kind) -> Line:
    if change.mention is not None:
        return _recent_mention(question, change, change.mention)
    agreement, wording = change.agreement, question.wording
    day = wording.day(change.publication.observed_at.date())
    place = state_name(agreement.state, question.language)
    what = f"{wording.support(agreement)}, {wording.happened(kind, change)}"
    return (Span(f"• {day}: "), Span(agreement.agency, strong=True), Span(f" ({place}): {what}"))


def _recent_mention(question: Question, change: Change, mention: Mention) -> Line:
    day = question.wording.day(change.publication.observed_at.date())
    heading = question.wording.heading(mention.state, change.kind, on_agenda=True)[0].text
    title = Span(mention.title[:TITLE_SHOWN], href=mention.address)
    return (Span(f"• {day}: "), Span(mention.body, strong=True), Span(f", {heading}: "), title)
