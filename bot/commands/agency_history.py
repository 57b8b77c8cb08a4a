"""The history of one agency: its place on ICE's list now, its changes and their evidence."""

import re
from collections.abc import Iterable, Sequence

from bot.commands.question import Question
from bot.domain.agreement import Agreement, Publication
from bot.domain.change import Change, Known
from bot.domain.chat import parser
from bot.domain.chat.panel import NEXT, PREVIOUS
from bot.domain.chat.replies import said
from bot.domain.chat.request import LONGEST_COMMAND, Button, Reply
from bot.domain.text.rich_text import Line, Span, strong
from bot.domain.text.wording import adds_to_name, state_name
from bot.pipeline.runner import Runner

CHOICES = 8  # agencies to choose from
ON_A_PAGE = 8  # changes

Name = tuple[str, str]  # state and canonical name

_TURNED = re.compile(r"#(\d{1,12})(?: <(\d{1,12}))?")


async def agency_history(runner: Runner, question: Question, rest: str) -> Reply:
    """Show an agency's history, then the evidence for it.

    `rest` is part of the agency's name, or the number of one of its changes and perhaps of the change that the page
    ends before.
    """
    every = await runner.store.changes()
    if not every:
        return Reply(lines=(question.says("not_read_yet"),))
    log = [c for c in every if c.mention is None]
    agencies = _by_agency(log)
    known = await runner.store.known()
    if (turned := _TURNED.fullmatch(rest)) is not None:
        found = [changes for changes in agencies if any(change.seq == int(turned[1]) for change in changes)]
        if found:
            return _history(question, known, found[0], before=int(turned[2] or 0))
    state, part = parser.agency(rest)
    found = [changes for changes in agencies if state in (None, *changes[-1].states) and _is_named(changes, part)]
    exact = [changes for changes in found if part in _names(changes)]
    if not found:
        return Reply(lines=(question.says("agency_none", typed=rest[:40], when=first_day(question, every)),))
    if len(found) > 1 and len(exact) != 1:
        return _choice(question, rest, sorted(found, key=lambda changes: _name(changes[-1].agreement)))
    return _history(question, known, exact[0] if exact else found[0])


def first_day(question: Question, log: Sequence[Change]) -> str:
    """Return the day of the first list that was read."""
    return question.wording.day(log[0].publication.observed_at.date())


def _by_agency(log: Iterable[Change]) -> list[list[Change]]:
    """Group changes by agency. A renamed agency keeps the changes under its old name."""
    groups: dict[Name, list[Change]] = {}
    for change in log:
        name, was = _name(change.agreement), _name(change.was or change.agreement)
        mine = groups.setdefault(name, [])
        if was != name and was in groups and groups[was] is not mine:
            mine[:0] = groups[was]
            groups[was] = mine
        mine.append(change)
    unique = {id(changes): changes for changes in groups.values()}
    return [sorted(changes, key=lambda change: change.seq) for changes in unique.values()]


def _name(agreement: Agreement) -> Name:
    return (agreement.state, agreement.key.agency)


def _names(changes: Sequence[Change]) -> set[str]:
    return {row.canonical for change in changes for row in (change.agreement, change.was) if row is not None}


def _is_named(changes: Sequence[Change], part: str) -> bool:
    return any(part in name for name in _names(changes))


def _choice(question: Question, typed: str, found: Sequence[Sequence[Change]]) -> Reply:
    head = question.says("agency_many", n=len(found), typed=typed[:40])
    last = [changes[-1] for changes in found[:CHOICES]]
    rows = tuple((Span("• "), Span(_labeled(question, change.agreement))) for change in last)
    more = (question.says("more", n=len(found) - len(last)),) if len(found) > len(last) else ()
    buttons = tuple((Button(_labeled(question, change.agreement)[:60], _command(change)),) for change in last)
    return Reply(lines=(head, *rows, *more), buttons=buttons)


def _labeled(question: Question, agreement: Agreement) -> str:
    place = agreement.county if adds_to_name(agreement.county, agreement.agency) and agreement.place else ""
    where = ", ".join(filter(None, (place, state_name(agreement.state, question.language))))
    return f"{agreement.agency} ({where})"


def _command(change: Change) -> str:
    """Return the command that shows an agency: its name or, if a button is too short for it, one of its changes."""
    agreement = change.agreement
    named = f"agency {agreement.state} {agreement.agency}"
    fits = len(named.encode()) <= LONGEST_COMMAND and not agreement.place
    return named if fits else f"agency #{change.seq}"


def _history(question: Question, known: Known, changes: Sequence[Change], *, before: int = 0) -> Reply:
    """Show one page of an agency's changes, oldest first, and their evidence. The last page comes first."""
    end = sum(change.seq < before for change in changes) if before else len(changes)
    start = max(0, end - ON_A_PAGE)
    shown = changes[start:end] or changes[:ON_A_PAGE]
    last = changes[-1].agreement
    county = f" ({last.county})" if adds_to_name(last.county, last.agency) else ""
    head = (Span(last.agency, strong=True), Span(f"{county}, {state_name(last.state, question.language)}"))
    history = (strong(question.says("history")), *(_row(question, change) for change in shown))
    evidence = (strong(question.says("evidence_head")), *_evidence(question, shown))
    return Reply(
        lines=(head, *_standing(question, known, changes), (), *history, (), *evidence),
        buttons=_turns(question, changes, start, start + len(shown)),
        in_place=bool(before),
    )


def _turns(question: Question, changes: Sequence[Change], start: int, end: int) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons for earlier and later changes. They name changes, so a new change moves no page."""
    mine, buttons = changes[-1].seq, []
    if start > 0:
        buttons.append(Button(PREVIOUS(question.language), f"agency #{mine} <{changes[start].seq}"))
    if end < len(changes):
        after = changes[min(end + ON_A_PAGE, len(changes)) - 1].seq + 1
        buttons.append(Button(NEXT(question.language), f"agency #{mine} <{after}"))
    return (tuple(buttons),) if buttons else ()


def _standing(question: Question, known: Known, changes: Sequence[Change]) -> tuple[Line, ...]:
    """Say which of the agency's agreements are on ICE's lists now."""
    keys = dict.fromkeys(change.agreement.key for change in changes)
    listed = [known.participating[key] for key in keys if key in known.participating]
    pending = [known.pending[key] for key in keys if key in known.pending]
    lines = []
    for key, agreements in (("now_listed", listed), ("now_pending", pending)):
        if agreements:
            lines.append(question.says(key, types=", ".join(map(question.wording.support, agreements))))
    return tuple(lines) or (question.says("now_absent"),)


def _row(question: Question, change: Change) -> Line:
    wording = question.wording
    what = wording.happened(change.kind, change)
    day = wording.day(change.publication.observed_at.date())
    return (Span(f"• {day}: {wording.support(change.agreement)}, {what}"), *_moa(change.agreement))


def _moa(agreement: Agreement) -> Line:
    return (Span(" · "), Span("MOA", href=agreement.moa)) if agreement.moa else ()


def _evidence(question: Question, changes: Sequence[Change]) -> list[Line]:
    """Return the lists that the changes are based on, each once, with the agency's rows and the hash of the file."""
    rows: dict[str, tuple[Publication, set[int]]] = {}
    for change in changes:
        for publication, row in ((change.before, change.row_before), (change.publication, change.row)):
            if publication is not None and (publication is change.publication or change.row is None):
                found = rows.setdefault(publication.evidence, (publication, set()))[1]
                found.update({row} if row is not None else ())
    lines: list[Line] = []
    for publication, numbers in sorted(rows.values(), key=lambda each: each[0].observed_at):
        where = _rows(question, numbers)
        lines.append((Span("• "), Span(publication.name, href=publication.address), Span(f", {where}")))
        lines.append((Span(f"SHA-256 {publication.evidence}"),))
    return lines


def _rows(question: Question, numbers: set[int]) -> str:
    if not numbers:
        return said(question.language, "not_on_it")
    listed = ", ".join(f"{number:,}" for number in sorted(numbers))
    return said(question.language, "row" if len(numbers) == 1 else "rows", rows=listed)
