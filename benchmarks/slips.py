"""How slips of the pen in an agency's name are told, while the MOA is pending: on every agency of a real list.

    python benchmarks/slips.py [LIST.xlsx] [--seed 1] [--show 10]

For every agency of the list and every sort of slip, one row is respelled on the next list, with the same county, date and
type and no MOA on either side. A slip that is told as a withdrawal is false. Then all pairs of agencies of a state stand
side by side as if one had left and the other had joined, with the date forced equal: no two may be merged. Without a
LIST, the last list of the archive beside the project is taken.
"""

import argparse
import random
import re
import string
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path

from bot.domain.agreement import Agreement, Listing, ListName, Publication
from bot.domain.change import Kind, Known
from bot.domain.document import Document, digest
from bot.domain.geography.fold import county_key
from bot.domain.geography.states import STATES
from bot.domain.lists.matching import Pair, best_pairs, is_second_row
from bot.domain.lists.names import canonical
from bot.domain.lists.reconcile import reconcile
from bot.sources.ice import Ice

ARCHIVE = Path(__file__).parents[1].parent / "shared" / "ice-archive"
DAY = date(2025, 11, 3)
SOME_DIRECTION = re.compile(r"\b(North|South|East|West)(ern)?\b", re.IGNORECASE)

Slip = Callable[[str, str, random.Random], str | None]


def letters(name: str) -> list[int]:
    return [at for at, char in enumerate(name) if char.isalpha()]


def other(char: str, dice: random.Random) -> str:
    new = dice.choice([c for c in string.ascii_lowercase if c != char.lower()])
    return new.upper() if char.isupper() else new


def wrong(name: str, at: int, dice: random.Random) -> str:
    return name[:at] + other(name[at], dice) + name[at + 1 :]


def inner(name: str) -> list[int]:
    """Letters that aren't the first of their word."""
    return [at for at in letters(name)[1:] if name[at - 1].isalpha()]


def first_wrong(name: str, _: str, dice: random.Random) -> str:
    return wrong(name, letters(name)[0], dice)


def first_dropped(name: str, _: str, __: random.Random) -> str:
    return name[1:]


def first_swapped(name: str, _: str, __: random.Random) -> str | None:
    return name[1] + name[0].lower() + name[2:] if name[1].isalpha() and name[1].lower() != name[0].lower() else None


def inner_wrong(name: str, _: str, dice: random.Random) -> str:
    return wrong(name, dice.choice(inner(name)), dice)


def inner_dropped(name: str, _: str, dice: random.Random) -> str:
    at = dice.choice(inner(name))
    return name[:at] + name[at + 1 :]


def inner_doubled(name: str, _: str, dice: random.Random) -> str:
    at = dice.choice(inner(name))
    return name[:at] + name[at] + name[at:]


def two_inner_wrong(name: str, _: str, dice: random.Random) -> str:
    for at in dice.sample(inner(name), 2):
        name = wrong(name, at, dice)
    return name


def two_inner_swapped(name: str, _: str, dice: random.Random) -> str | None:
    ats = [at for at in inner(name)[1:] if name[at - 1].isalpha() and name[at] != name[at - 1]]
    if not ats:
        return None
    at = dice.choice(ats)
    return name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :]


def state_in_front(name: str, state: str, _: random.Random) -> str | None:
    return None if STATES[state] in name else f"{STATES[state]} {name}"


def state_in_front_misspelled(name: str, state: str, dice: random.Random) -> str | None:
    return None if STATES[state] in name else f"{inner_dropped(STATES[state], '', dice)} {name}"


def state_misspelled(name: str, state: str, dice: random.Random) -> str | None:
    return name.replace(STATES[state], inner_wrong(STATES[state], "", dice)) if STATES[state] in name else None


def state_within(name: str, state: str, _: random.Random) -> str | None:
    at = re.search(r" (?=(Police|Sheriff|Constable|Department|Public)\b)", name)
    return f"{name[: at.start()]} {STATES[state]}{name[at.start() :]}" if at and STATES[state] not in name else None


def code_within(name: str, state: str, _: random.Random) -> str | None:
    at = re.search(r" (?=(Police|Sheriff|Constable|Department|Public)\b)", name)
    return f"{name[: at.start()]} {state}{name[at.start() :]}" if at else None


def direction_misspelled(name: str, _: str, dice: random.Random) -> str | None:
    found = SOME_DIRECTION.search(name)
    return name[: found.start()] + inner_doubled(found[0], "", dice) + name[found.end() :] if found else None


def brackets_added(name: str, _: str, dice: random.Random) -> str:
    return f"{name} ({dice.choice(['Metro', 'Main Office', 'County', 'Headquarters', 'Corrections'])})"


def space_dropped(name: str, _: str, dice: random.Random) -> str | None:
    spaces = [at for at, char in enumerate(name) if char == " "]
    if not spaces:
        return None
    at = dice.choice(spaces)
    return name[:at] + name[at + 1 :]


def word_doubled(name: str, _: str, dice: random.Random) -> str:
    words = name.split()
    at = dice.randrange(len(words))
    return " ".join([*words[: at + 1], words[at], *words[at + 1 :]])


ANOTHER_COUNTY = "an inner letter and the county"
SLIPS: dict[str, Slip] = {
    "the first letter wrong": first_wrong,
    "the first letter dropped": first_dropped,
    "the first two letters swapped": first_swapped,
    "an inner letter wrong": inner_wrong,
    "an inner letter dropped": inner_dropped,
    "an inner letter doubled": inner_doubled,
    "two inner letters wrong": two_inner_wrong,
    "two inner letters swapped": two_inner_swapped,
    "the state in front": state_in_front,
    "the state in front, misspelled": state_in_front_misspelled,
    "the state misspelled": state_misspelled,
    "the state within": state_within,
    "the state's code within": code_within,
    "a direction misspelled": direction_misspelled,
    "a word in brackets": brackets_added,
    "a space dropped": space_dropped,
    "a word doubled": word_doubled,
    ANOTHER_COUNTY: inner_wrong,
}


def with_another_county(row: Agreement, beside: list[Agreement], dice: random.Random) -> Agreement:
    counties = sorted({r.county for r in beside if r.county and r.county != row.county})
    return replace(row, county=dice.choice(counties)) if counties and row.county else row


def rows_of(path: Path) -> tuple[Agreement, ...]:
    body = path.read_bytes()
    document = Document(
        address=f"https://ice.example/{path.name}",
        name=path.name,
        body=body,
        sha256=digest(body),
        headers={},
        fetched_at=datetime(2026, 2, 1, tzinfo=UTC),
    )
    return Ice().parse(document, ListName.PARTICIPATING).agreements


def renamed(row: Agreement, name: str) -> Agreement:
    return replace(row, agency=name, canonical=canonical(name, row.state), printed={**row.printed})


def listing(rows: Iterable[Agreement], day: int) -> Listing:
    kept = tuple(rows)
    at = datetime(2026, 2, day, tzinfo=UTC)
    publication = Publication(
        name=f"list {day}", address=f"https://ice.example/{day}", evidence=f"{day:064}", rows=len(kept), observed_at=at
    )
    columns = frozenset(
        {"STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM"}
    )
    return Listing(
        list=ListName.PARTICIPATING,
        publication=publication,
        agreements=kept,
        row_numbers=tuple(range(2, len(kept) + 2)),
        columns=columns,
    )


def slipped(rows: tuple[Agreement, ...], slip: Slip, dice: random.Random) -> Iterator[tuple[int, Agreement]]:
    for number, row in enumerate(rows):
        name = slip(row.agency, row.state, dice)
        if name is not None and name != row.agency:
            yield number, renamed(row, name)


def beside(rows: tuple[Agreement, ...]) -> dict[str, list[Agreement]]:
    by_state: dict[str, list[Agreement]] = defaultdict(list)
    for row in rows:
        by_state[row.state].append(row)
    return by_state


def told(known: Known, rows: list[Agreement]) -> tuple[Kind, ...]:
    return tuple(change.kind for change in reconcile(known, listing(rows, 2)).changes)


def judge_slips(rows: tuple[Agreement, ...], seed: int, show: int) -> tuple[int, int]:
    """Print a row for each sort of slip; the slips that were tried, and those told as a withdrawal."""
    by_state = beside(rows)
    knowns = {state: reconcile(Known(), listing(here, 1)).known for state, here in by_state.items()}
    tried_in_all = false_in_all = 0
    for label, slip in SLIPS.items():
        dice, tried, false = random.Random(f"{seed} {label}"), 0, []
        for number, row in slipped(rows, slip, dice):
            before = rows[number]
            neighbours = [r for r in by_state[row.state] if r is not before]
            if any(r.canonical == row.canonical for r in neighbours):
                continue  # it spells a real neighbor's name
            tried += 1
            if label == ANOTHER_COUNTY:
                row = with_another_county(row, neighbours, dice)  # noqa: PLW2901 - the row as it was corrected
            if Kind.WITHDRAWN in told(knowns[row.state], [*neighbours, row]):
                false.append(f"{before.agency} → {row.agency} ({row.state}, {row.county})")
        print(f"{label:34}{tried:>7,}{len(false):>7,}{len(false) / max(tried, 1):>9.2%}")
        for line in false[:show]:
            print(f"    {line}")
        tried_in_all, false_in_all = tried_in_all + tried, false_in_all + len(false)
    print(f"{'all':34}{tried_in_all:>7,}{false_in_all:>7,}{false_in_all / max(tried_in_all, 1):>9.2%}")
    return tried_in_all, false_in_all


def judge_pairs(rows: tuple[Agreement, ...], show: int) -> int:
    """Count real agencies that would be merged if one left and the other joined; those of one name and county are one."""
    pairs = merged = twice = 0
    for state, here in beside(rows).items():
        agencies = {(r.canonical, county_key(state, r.county)): r for r in here}
        types = sorted({r.support_type for r in here})
        for one, two in combinations(agencies.values(), 2):
            pairs += 1
            left, joined = (replace(r, support_type=types[0], signed=DAY, printed={}) for r in (one, two))
            found = best_pairs([left], [joined])
            if found and is_second_row(Pair(left, joined)):
                twice += 1  # ICE lists one agency under two names
            elif found:
                merged += 1
                if merged <= show:
                    print(
                        f"    merged: {one.agency} | {two.agency} ({state}, {one.county} | {two.county}): {found[0].because}"
                    )
    print(
        f"{pairs:,} pairs of agencies of one state, with one date and type: {merged} merged ({twice} are one agency, listed twice)"
    )
    return merged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("list", nargs="?", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="examples to print")
    options = parser.parse_args()
    path = options.list or max((ARCHIVE / "participating").glob("*.xlsx"))
    rows = tuple(replace(row, moa=None, addendum=None) for row in rows_of(path))
    print(f"{path.name}: {len(rows):,} agreements, MOA pending on both sides\n{'slip':34}{'tried':>7}{'false':>7}")
    _, false = judge_slips(rows, options.seed, options.show)
    merged = judge_pairs(rows, options.show)
    return int(bool(false or merged))


if __name__ == "__main__":
    sys.exit(main())
