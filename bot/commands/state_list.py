"""The agencies of one state that are on ICE's list, a page at a time, and all of its agreements as a file."""

import re
from collections.abc import Mapping, Sequence

from bot.commands.as_json import agreement_json
from bot.commands.filters import each_watched
from bot.commands.question import Question
from bot.domain.agreement import Agreement, ListName
from bot.domain.change import Known
from bot.domain.chat import parser, replies
from bot.domain.chat.panel import NEXT, PREVIOUS
from bot.domain.chat.parser import Misunderstood
from bot.domain.chat.request import LONGEST_COMMAND, Button, File, Reply
from bot.domain.site.table import csv_of
from bot.domain.site.tables import OF_AGREEMENT
from bot.domain.subscription import ALL_STATES, Filter
from bot.domain.text.rich_text import Line, Span, strong
from bot.domain.text.wording import adds_to_name, state_name
from bot.pipeline.runner import Runner

ON_A_PAGE = 20  # agencies
CSV = "csv"  # the word after the state that asks for the file

_TURNED = re.compile(r"(?P<where>.+?) (?P<sign>[<>])(?P<name>.+)")


async def list_agencies(runner: Runner, question: Question, rest: str) -> Reply:
    """Show a page of a state's agencies. `rest` is the state and perhaps the name at which a page begins or ends."""
    turned = _TURNED.fullmatch(rest)
    where, _, last = rest.rpartition(" ")
    is_file = last.casefold() == CSV
    watched = _place(turned["where"] if turned else where if is_file else rest)
    known = await runner.store.known()
    if ListName.PARTICIPATING not in known.seen:
        return Reply(lines=(question.says("not_read_yet"),))
    agencies = _agencies(known, watched)
    code = _typed(watched)
    if is_file and agencies:
        return _file(question, known, watched)
    names = list(agencies)
    start = _start(names, turned["sign"], turned["name"]) if turned else 0
    shown = [agencies[name] for name in names[start : start + ON_A_PAGE]]
    return Reply(
        lines=(
            _head(question, watched, len(agencies)),
            *(_part(question, shown) if len(shown) < len(agencies) else ()),
            *(_row(question, each) for each in shown),
            _as_of(question, known),
        ),
        buttons=tuple(
            row for row in (_turns(question, code, names, start), _file_button(question, code, names)) if row
        ),
        in_place=turned is not None,
    )


def _place(text: str) -> Filter:
    """Return a filter for the one state, county or type of agency in a place that was asked for."""
    where = parser.where(text)
    if ALL_STATES in where.states or len(where.states) + len(where.counties) + len(where.agency_types) != 1:
        raise Misunderstood("which_list")
    return Filter(
        states=dict.fromkeys(where.states, 0),
        counties=dict.fromkeys(where.counties, 0),
        agency_types=dict.fromkeys(where.agency_types, 0),
    )


def _typed(watched: Filter) -> str:
    """Return the words for a place that can be typed after /list."""
    ((command, _),) = each_watched(watched)
    return command.partition(" ")[2]


def _agencies(known: Known, watched: Filter) -> Mapping[str, Sequence[Agreement]]:
    """Return the agreements of each agency in a place, by the agency's canonical name, in alphabetical order."""
    found: dict[str, list[Agreement]] = {}
    for key, agreement in sorted(known.participating.items()):
        if watched.has(agreement):
            found.setdefault(key.agency, []).append(agreement)
    return found


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────
# A button holds a name, not a number, so that no agency is skipped if the list changes between two presses.


def _start(names: Sequence[str], sign: str, name: str) -> int:
    """Return where a page starts: at the first name from `name` on (`>`), or so that it ends before `name` (`<`)."""
    before = sum(each < name for each in names)
    start = before if sign == ">" else before - ON_A_PAGE
    return max(0, min(start, len(names) - 1))


def _turns(question: Question, code: str, names: Sequence[str], start: int) -> tuple[Button, ...]:
    after = start + ON_A_PAGE
    turns = []
    if start > 0:
        label = PREVIOUS(question.language)
        turns.append(Button(label, _turn(code, "<", _first_letters(names[start - 1], names[start]))))
    if after < len(names):
        turns.append(Button(NEXT(question.language), _turn(code, ">", _first_letters(names[after - 1], names[after]))))
    return tuple(turns)


def _turn(code: str, sign: str, name: str) -> str:
    command = f"list {code} {sign}{name}"
    return command.encode()[:LONGEST_COMMAND].decode(errors="ignore").strip()


def _first_letters(before: str, name: str) -> str:
    """Return as many letters of a name as set it apart from the name before it."""
    size = next((at for at, (a, b) in enumerate(zip(before, name, strict=False)) if a != b), len(before)) + 1
    while name[size - 1 : size] == " ":
        size += 1
    return name[:size]


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────────


def _head(question: Question, watched: Filter, count: int) -> Line:
    key = "listed_now" if count else "listed_none"
    if watched.agency_types:
        key = "listed_typed"
    return strong(question.says(key, n=count, state=_named(question, watched)))


def _named(question: Question, watched: Filter) -> str:
    """Return the name of the place in a sentence."""
    code = next(iter(watched.states), None)
    return state_name(code, question.language) if code else replies.watched(question.language, watched)


def _part(question: Question, shown: Sequence[Sequence[Agreement]]) -> tuple[Line, ...]:
    return (question.says("listed_part", first=shown[0][0].agency, last=shown[-1][0].agency),)


def _row(question: Question, agreements: Sequence[Agreement]) -> Line:
    first, wording = agreements[0], question.wording
    county = f" ({first.county})" if adds_to_name(first.county, first.agency) else ""
    types = ", ".join(dict.fromkeys(wording.support(agreement) for agreement in agreements))
    return (Span("• "), Span(first.agency, strong=True), Span(f"{county}: {types}"))


def _as_of(question: Question, known: Known) -> Line:
    seen = known.seen[ListName.PARTICIPATING]
    return question.says("as_of", name=seen.name, when=question.wording.moment(seen.observed_at))


def _file_button(question: Question, code: str, names: Sequence[str]) -> tuple[Button, ...]:
    return (question.button("b_csv", f"list {code} {CSV}"),) if names else ()


def _file(question: Question, known: Known, watched: Filter) -> Reply:
    """Return all agreements of a place as a CSV file."""
    rows = known.rows[ListName.PARTICIPATING]
    found = [
        agreement_json(agreement, rows.get(key))
        for key, agreement in sorted(known.participating.items())
        if watched.has(agreement)
    ]
    seen = known.seen[ListName.PARTICIPATING]
    name = f"287g-{_typed(watched).replace(' ', '-')}-{seen.observed_at:%Y-%m-%d}.csv"
    head = question.says("all_listed", n=len(found), state=_named(question, watched))
    file = File(name=name, body=csv_of(OF_AGREEMENT, found), media_type="text/csv")
    return Reply(lines=(head, _as_of(question, known)), file=file)
