"""A season of ICE's lists for the screenshots: real counties, made-up towns and the shapes of real lists."""

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.workbooks import workbook  # noqa: E402 - it lies among the tests

from bot.domain.agreement import ListName  # noqa: E402
from bot.domain.document import Document, digest  # noqa: E402
from bot.domain.geography.counties import county_names  # noqa: E402
from bot.domain.geography.states import STATES  # noqa: E402
from bot.domain.source_status import Reading  # noqa: E402
from bot.pipeline.poll_list import process  # noqa: E402
from bot.sources.ice import PAGE, Ice  # noqa: E402
from bot.store.tiny.store import TinyStore  # noqa: E402

HEADER = ("STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM")
LAST = datetime(2026, 11, 24, 15, 20, tzinfo=UTC)  # the list with the news, on a Tuesday morning
WEEKS = 40
SIZES = {"FL": 60, "TX": 90, "OK": 26, "KS": 14, "NC": 22, "GA": 30, "PA": 24, "TN": 28, "MO": 20, "AL": 16, "LA": 18}
STATE = "OK"
_FIRST = [
    "Cedar",
    "Willow",
    "Antelope",
    "Stone",
    "Prairie",
    "Copper",
    "Heron",
    "Juniper",
    "Lantern",
    "Maple",
    "Quarry",
    "Thistle",
    "Walnut",
    "Sparrow",
]
_SECOND = ["Ferry", "Landing", "Hollow", "Gap", "Crossing", "Narrows", "Bend", "Meadow", "Orchard", "Siding"]
_SUPPORT = ("Task Force Model",) * 6 + ("Warrant Service Officer",) * 3 + ("Jail Enforcement Model",)


def _row(state: str, town: str, county: str, support: str, signed: date, *, moa: bool) -> tuple[object, ...]:
    return (STATES[state].upper(), f"{town} Police Department", "Municipality", f"{county} County", support,
            signed, "link" if moa else "link pending", None)  # fmt: skip


def _moa(row: tuple[object, ...]) -> str:
    return f"https://www.ice.gov/doclib/287gMOA/{str(row[1]).replace(' ', '')}.pdf"


def _towns() -> list[tuple[str, str, str, str, date]]:
    """Return every agreement of the season with its signing date, oldest first."""
    random = Random(287)  # noqa: S311 - the same pictures each time
    found = []
    for state, size in SIZES.items():
        counties = [name for name in county_names(state) if name.isascii()]
        names = [f"{first} {second}" for first in _FIRST for second in _SECOND]
        random.shuffle(names)
        for name in names[:size]:
            weeks = 1.6 * WEEKS * random.random()  # a third of them are older than the season
            signed = LAST.date() - timedelta(days=5, weeks=weeks)
            found.append((state, name, random.choice(counties), random.choice(_SUPPORT), signed))
    return sorted(found, key=lambda each: each[4])


def lists() -> list[tuple[str, datetime, list[tuple[object, ...]]]]:
    """Return each list's name, the time when it was fetched, and its rows."""
    towns = _towns()
    of_state = [each for each in towns if each[0] == STATE]
    leaver, respelled = of_state[len(of_state) // 2], of_state[3]
    news = [
        (STATE, "Antelope Ford", "Osage", _SUPPORT[0], LAST.date() - timedelta(days=4)),
        (STATE, "Lantern Prairie", "Payne", _SUPPORT[6], LAST.date() - timedelta(days=5)),
    ]
    made = []
    for week in range(WEEKS, -1, -1):
        at = LAST - timedelta(weeks=week)
        signed = [each for each in towns if each[4] <= at.date() - timedelta(days=3)]
        if week == 0:
            signed = [each for each in signed if each != leaver] + news
        rows = [_row(*each, moa=each[4] < at.date() - timedelta(days=20)) for each in signed]
        if week < WEEKS // 2:  # ICE's list abbreviates it from here on, and no one is told
            was = f"{respelled[1]} Police Department"
            rows = [(r[0], f"{respelled[1]} PD", *r[2:]) if r[1] == was and r[0] == "OKLAHOMA" else r for r in rows]
        made.append(
            (f"participatingAgencies{at:%m%d%Y}am", at, sorted(rows, key=lambda row: (str(row[0]), str(row[1]))))
        )
    return made


async def recorded() -> tuple[TinyStore, int]:
    """Return a store with the whole season, and the number of the last change before the last list."""
    store, before = TinyStore.in_memory(), 0
    for name, at, rows in lists():
        before = await store.last_seq()
        links = {f"G{n}": _moa(row) for n, row in enumerate(rows, start=2) if row[6] == "link"}
        body = workbook(rows, header=HEADER, title=name, links=links)
        sheet = Document(
            address=f"https://www.ice.gov/doclib/about/offices/ero/287g/{name}.xlsx",
            name=f"{name}.xlsx",
            body=body,
            sha256=digest(body),
            headers={},
            fetched_at=at,
        )
        reading = Reading(documents={ListName.PARTICIPATING: sheet})
        status = await store.source_status("ice")
        await process(Ice(PAGE), reading, status=status, store=store, at=at, every=timedelta(minutes=15))
    return store, before
