"""The season of the demonstration: lists as ICE publishes them, with agencies that don't exist.

The counties are real. The agencies are police departments of made-up towns, because every real county has a sheriff.
Nothing here reads a clock: all times follow from the start of the season.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bot.demo.clock import ZONE
from bot.demo.loopback.workbook import PARTICIPATING, PENDING, workbook
from bot.domain.agreement import ListName, SupportType
from bot.domain.lists.names import SUPPORT_TYPES

HISTORY = (240, 190, 140, 90, 45, 14)  # days before the start on which the earlier lists were published
STATES = ("Texas", "Georgia", "North Carolina")  # the states that the demonstration's chats watch
TOWN = "Pretend Harbor"
TOWN_STATE, TOWN_COUNTY = "NC", "Onslow County"
MISPRINT, NAME = "Make-Beleive Mesa", "Make-Believe Mesa"
NEW = "Fable Falls Police Department"
GONE = "Storybook Springs Police Department"
LAST = 12  # the number of the season's last list
LOST_STATE = "GEORGIA"  # missing on the list that is held


class Row(NamedTuple):
    """One row of the participating list, before the clerk types it."""

    state: str
    agency: str
    county: str
    support: SupportType
    signed: date


class Pending(NamedTuple):
    """One row of the pending list."""

    state: str
    agency: str
    county: str
    support: SupportType


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A list as published: its name, its time, its bytes, and the number of agreements on it."""

    name: str
    at: datetime
    body: bytes
    agreements: int
    list: ListName = ListName.PARTICIPATING


WAITING = (
    Pending("FLORIDA", "Paper Palms Police Department", "Polk County", SupportType.TFM),
    Pending("NORTH CAROLINA", "Placeholder Quay Police Department", "Beaufort County", SupportType.WSO),
    Pending("TEXAS", "Novel Notch Police Department", "Austin County", SupportType.TFM),
)


@dataclass(frozen=True, slots=True)
class Season:
    """All lists of one season. `day` is its first day, in Washington's time."""

    day: date

    def at(self, days: int, hour: int, minute: int = 0) -> datetime:
        """Return a time on a day of the season, counted from 0."""
        return datetime.combine(self.day + timedelta(days=days), time(hour, minute), ZoneInfo(ZONE))

    @property
    def start(self) -> datetime:
        """The moment at which the chats subscribe, before anything happens."""
        return self.at(0, 8, 45)

    # ── the lists ──

    def history(self) -> tuple[PublishedList, ...]:
        """Return the lists of the months before, oldest first."""
        return tuple(
            self.published(self._rows_of(number), self.at(-days, 16, 30), number)
            for number, days in enumerate(HISTORY, start=1)
        )

    def pending(self) -> PublishedList:
        """Return the pending list, which stays the same all season."""
        at = self.at(-HISTORY[-1], 16, 40)
        rows = [(row.state, row.agency, "Municipality", row.county, SUPPORT_TYPES[row.support]) for row in WAITING]
        body = workbook(rows, header=PENDING)
        return PublishedList(f"pendingAgencies{at:%m%d%Y}pm.xlsx", at, body, len(rows), ListName.PENDING)

    def with_new(self) -> PublishedList:
        """Return the list on which an agency has joined."""
        return self.published(self._joined(), self.at(0, 9, 2), 7)

    def respelled(self) -> PublishedList:
        """Return the same list after ICE corrected a name."""
        return self.published(self._respelled(), self.at(0, 11, 30), 8)

    def with_town(self) -> PublishedList:
        """Return the list with the town whose council voted the evening before."""
        return self.published(self._with_town(), self.at(1, 10, 5), 9)

    def without_one(self) -> PublishedList:
        """Return the list after one agency left it."""
        return self.published(self._without_one(), self.at(1, 13, 40), 10)

    def without_state(self) -> PublishedList:
        """Return the list on which every agreement of one state is missing."""
        rows = [row for row in self._without_one() if row.state != LOST_STATE]
        return self.published(rows, self.at(1, 15, 20), 11)

    def restored(self) -> PublishedList:
        """Return the list with the missing state again, for an operator who rejected the one without it."""
        return self.published(self._without_one(), self.at(1, 16, 45), LAST)

    # ── rows ──

    def _rows_of(self, number: int) -> list[Row]:
        """Return the rows of one of the earlier lists, which still have a misprint."""
        rows = [row for joined, row in self._base() if joined <= number]
        return [row._replace(agency=row.agency.replace(NAME, MISPRINT)) for row in rows]

    def _base(self) -> Iterator[tuple[int, Row]]:
        for joined, agency in agencies():
            published = self.day - timedelta(days=HISTORY[joined - 1])
            yield joined, agency._replace(signed=published - timedelta(days=1 + len(agency.agency) % 9))

    def _joined(self) -> list[Row]:
        new = Row("TEXAS", NEW, "Hays County", SupportType.TFM, self.day - timedelta(days=1))
        return sorted([*self._rows_of(len(HISTORY)), new])

    def _respelled(self) -> list[Row]:
        return sorted(row._replace(agency=row.agency.replace(MISPRINT, NAME)) for row in self._joined())

    def _with_town(self) -> list[Row]:
        signed = self.day + timedelta(days=1)
        town = Row("NORTH CAROLINA", f"{TOWN} Police Department", TOWN_COUNTY, SupportType.TFM, signed)
        return sorted([*self._respelled(), town])

    def _without_one(self) -> list[Row]:
        return [row for row in self._with_town() if row.agency != GONE]

    def published(self, rows: Sequence[Row], at: datetime, number: int) -> PublishedList:
        """Return a list as ICE's clerk types it, named for its day."""
        part = "am" if at.hour < 11 else "mid" if at.hour < 15 else "pm"
        name = f"participatingAgencies{at:%m%d%Y}{part}{'_0' if number == LAST else ''}.xlsx"
        return PublishedList(name, at, typed(sorted(rows), number), len(rows))


@cache
def agencies() -> tuple[tuple[int, Row], ...]:
    """Return the agencies of the earlier lists, each with the number of the first list that has it."""
    text = files("bot.demo").joinpath("agencies.csv").read_text(encoding="utf-8")
    return tuple(
        (int(row["list"]), Row(row["state"], row["agency"], row["county"], SupportType(row["support_type"]), date.min))
        for row in csv.DictReader(text.splitlines())
    )


# ── the clerk ────────────────────────────────────────────────────────────────────────────────────────────────────────


def typed(rows: Sequence[Row], number: int) -> bytes:
    """Return a workbook as a clerk types it, with the kinds of misprints that ICE's lists have.

    Each list has others: extra spaces, misspelled states and counties, dates as text, blank rows, and two columns in
    another order. `number` chooses them.
    """
    lines: list[Sequence[object]] = []
    for place, row in enumerate(rows):
        lines.append(_line(row, place + number))
        if (place + number) % 17 == 0:
            lines.append((None,) * len(PARTICIPATING))
    header: Sequence[object] = PARTICIPATING
    if number % 2:
        header, lines = _swapped(header), [_swapped(line) for line in lines]
    return workbook(lines, header=header, title=f"Sheet{number}")


def _line(row: Row, chance: int) -> Sequence[object]:
    agency, state, county = row.agency, row.state, row.county
    support: str = SUPPORT_TYPES[row.support]
    signed: object = row.signed
    if chance % 7 == 0:
        agency = agency.replace(" Police", "  Police")
    if chance % 13 == 0:
        agency = f"{agency}\N{NO-BREAK SPACE} "
    if chance % 19 == 0:
        state = _MISSPELLED.get(state, state)
    if sum(map(ord, row.agency)) % 3:  # a misspelled county stays misspelled
        county = _MISSPELLED.get(county, county)
    if chance % 11 == 0:
        support = support.replace(" ", "  ").lower()
    if chance % 6 == 0:
        signed = f"{row.signed:%m/%d/%Y}"
    return (state, agency, "Municipality", county, support, signed, "link pending", None)


def _swapped(line: Sequence[object]) -> Sequence[object]:
    """Return a line with the columns TYPE and COUNTY in the other order."""
    state, agency, kind, county, *rest = line
    return (state, agency, county, kind, *rest)


_MISSPELLED: Mapping[str, str] = {
    "TEXAS": "TEXSA",
    "NORTH CAROLINA": "NORTH CAROLNIA",
    "FLORIDA": "FLORDIA",
    "Williamson County": "Williamsom County",
    "Smith County": "Smith  County",
    "Henderson County": "Hendersen County",
    "Carteret County": "Cartaret County",
    "Brunswick County": "Brunswick Co.",
    "Whitfield County": "Whitefield County",
    "Paulding County": "Pauldin County",
    "Marion County": "Marion  County ",
    "Flagler County": "Flager County",
    "Finney County": "Finny County",
}
