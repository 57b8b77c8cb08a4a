"""The season of the demonstration, read by the program as it reads ICE's own lists."""

import re
from collections import Counter
from datetime import UTC, date, timedelta
from itertools import pairwise

import pytest

from bot.demo.season import GONE, HISTORY, LOST_STATE, NAME, NEW, STATES, TOWN, WAITING, Season, agencies
from bot.domain.change import Kind
from bot.domain.document import Document, digest
from bot.domain.geography.fold import find_county
from bot.domain.lists.names import state_code
from bot.domain.lists.signing_dates import is_doubtful
from bot.domain.source_status import Reading
from bot.pipeline.poll_list import process
from bot.sources.formats.workbook import read_workbook
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore

MADE_UP = re.compile(
    r"Fable|Storybook|Make-Believe|Notional|Example|Imaginary|Hypothetical|Nonesuch|Sample|Invented|Fictional"
    r"|Placeholder|Daydream|Legend|Paper|Mirage|Folktale|Pretend|Novel"
)
DAYS = [date(2026, 11, 27), date(2026, 3, 7), date(2026, 10, 31), date(2028, 2, 28), date(2027, 1, 1)]
EVERY = timedelta(minutes=10)


class Reader:
    """Reads the season's lists into a store, one after the other."""

    def __init__(self):
        self.store = TinyStore.in_memory()
        self.ice = Ice()

    async def read(self, published):
        document = Document(
            address=f"https://www.ice.gov/{published.name}",
            name=published.name,
            body=published.body,
            sha256=digest(published.body),
            headers={},
            fetched_at=published.at.astimezone(UTC),
        )
        status = await self.store.source_status("ice")
        reading = Reading(
            documents={published.list: document}, facts=status.facts, validators=status.validators, headline=None
        )
        return await process(self.ice, reading, status=status, store=self.store, at=document.fetched_at, every=EVERY)

    async def history(self, season):
        return [await self.read(published) for published in (*season.history(), season.pending())]


@pytest.mark.parametrize("day", DAYS, ids=str)
async def test_the_history_only_grows_and_nothing_on_it_is_doubtful(day):
    reader, season = Reader(), Season(day)
    polls = await reader.history(season)
    assert [poll.held for poll in polls] == [()] * len(polls)
    assert [poll.problem for poll in polls] == [None] * len(polls)
    first, *later, pending = polls
    assert {change.kind for change in (*first.changes, *pending.changes)} == {Kind.LISTED}
    assert {change.kind for poll in later for change in poll.changes} == {Kind.SIGNED}
    known = await reader.store.known()
    assert len(known.participating) == len(agencies()) == season.history()[-1].agreements
    assert not any(map(is_doubtful, known.participating.values()))


@pytest.mark.parametrize("day", DAYS, ids=str)
async def test_each_list_of_the_season_brings_what_its_scene_says(day):
    reader, season = Reader(), Season(day)
    await reader.history(season)
    [joined] = (await reader.read(season.with_new())).changes
    assert (joined.kind, joined.agreement.agency, is_doubtful(joined.agreement)) == (Kind.SIGNED, NEW, False)
    [respelled] = (await reader.read(season.respelled())).changes
    assert (respelled.kind, NAME in respelled.agreement.agency) == (Kind.RENAMED, True)
    [town] = (await reader.read(season.with_town())).changes
    assert (town.kind, town.agreement.agency) == (Kind.SIGNED, f"{TOWN} Police Department")
    [gone] = (await reader.read(season.without_one())).changes
    assert (gone.kind, gone.agreement.agency) == (Kind.WITHDRAWN, GONE)
    poll = await reader.read(season.without_state())
    [held] = poll.held
    assert poll.changes == ()
    assert {agreement.state for agreement in held.gone} == {state_code(LOST_STATE)}
    restored = await reader.read(season.restored())
    assert (restored.changes, restored.held) == ((), ())


@pytest.mark.parametrize("row", [row for _, row in agencies()], ids=lambda row: row.agency)
def test_an_agency_is_plainly_made_up_and_its_county_is_real(row):
    assert MADE_UP.match(row.agency)
    assert row.agency.endswith(" Police Department")  # a real county has a real sheriff
    assert find_county(state_code(row.state), row.county) is not None


def test_the_pending_and_the_new_agencies_are_made_up_too():
    assert all(MADE_UP.match(name) for name in (NEW, GONE, TOWN, NAME, *(row.agency for row in WAITING)))


def test_the_lists_have_the_misprints_of_real_ones():
    season = Season(DAYS[0])
    lists = [*season.history(), season.with_new(), season.respelled(), season.with_town(), season.without_one()]
    rows = [read_workbook(published.body)[0].rows for published in lists]
    texts = [[str(cell) for row in one for cell in row if cell is not None] for one in rows]
    assert any(not any(row) for one in rows for row in one)
    every = [text for one in texts for text in one]
    assert any("  " in text for text in every)
    assert any(text in {"TEXSA", "FLORDIA", "NORTH CAROLNIA"} for text in every)
    assert any(re.fullmatch(r"\d\d/\d\d/\d{4}", text) for text in every)
    assert len({tuple(one[:8]) for one in texts}) == 2  # two orders of columns


def test_the_bytes_of_a_list_are_the_same_each_time():
    assert Season(DAYS[0]).with_new() == Season(DAYS[0]).with_new()


def test_lists_come_later_and_later_and_far_enough_apart_to_be_polled():
    season = Season(DAYS[0])
    live = [
        season.with_new(),
        season.respelled(),
        season.with_town(),
        season.without_one(),
        season.without_state(),
        season.restored(),
    ]
    times = [season.start, *(published.at for published in live)]
    assert all(after - before > timedelta(minutes=12) for before, after in pairwise(times))
    assert len({published.name for published in live}) == len(live)
    assert len(HISTORY) == len(season.history())


def test_the_watched_states_have_agencies():
    counts = Counter(state_code(row.state) for _, row in agencies())
    assert all(counts[state_code(state)] > 5 for state in STATES)
