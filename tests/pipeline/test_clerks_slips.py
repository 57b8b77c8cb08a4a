"""Slips that a clerk may make in a workbook: none of them may be told as news, and the operator hears of each once."""

from datetime import date, timedelta

import pytest
from support.ice_site import DAY, IceHarness, cells
from support.workbooks import PARTICIPATING, Raw, several, workbook

from bot.domain.lists.names import signed_date
from bot.domain.lists.vetting import Ruling
from bot.domain.messages.health_notices import for_operator
from bot.errors import UsageError

COUNTIES = (
    *("Anderson", "Bell", "Collin", "Dallas", "Ellis", "Falls", "Garza", "Hill", "Jasper", "Karnes"),
    *("Lamar", "Mason", "Nolan", "Orange", "Parker", "Reeves", "Smith", "Tyler", "Upton", "Victoria"),
)
HEADER = PARTICIPATING


def sheriffs(counties=COUNTIES, state="TEXAS"):
    days = [DAY - timedelta(days=number) for number in range(len(counties))]
    rows = zip(counties, days, strict=True)
    return [cells(f"{name} County Sheriff's Office", state, county=f"{name} County", day=day) for name, day in rows]


def with_cell(row, column, value):
    changed = list(row)
    changed[PARTICIPATING.index(column)] = value
    return tuple(changed)


@pytest.fixture
async def world(tmp_path):
    made = IceHarness(tmp_path / "data")
    made.publish(sheriffs())
    await made.poll()
    yield made
    await made.store.close()


async def notices(world):
    found = for_operator(
        statuses=await world.store.source_statuses(),
        held=await world.store.held(),
        subscriptions=[],
        now=world.site.at,
        stale_after=timedelta(days=1),
    )
    return {notice.key: notice.text for notice in found}


async def reasons(world):
    return " ".join((await world.held()).reasons)


# ── several sheets ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_visible_sheets_with_the_columns_are_one_list(world):
    rows = sheriffs()
    new = cells("Wise County Sheriff's Office", county="Wise County")
    world.publish(body=several([HEADER, *rows[:12]], [("June",), HEADER, *rows[12:], new]))
    assert await world.changes() == [("signed", "Wise County Sheriff's Office")]
    assert await notices(world) == {}


async def test_a_hidden_sheet_is_ignored(world):
    for state in ("hidden", "veryHidden"):
        old = [HEADER, cells("Wise County Sheriff's Office")]
        world.publish(body=several([HEADER, *sheriffs()], old, states=["visible", state]))
        assert await world.changes() == []
        assert await notices(world) == {}


@pytest.mark.parametrize(
    "second",
    [
        [*sheriffs()[12:]],
        [HEADER[1:], *(row[1:] for row in sheriffs()[12:])],
        [("State", "Agency name", "Support"), *((row[0], row[1], row[4]) for row in sheriffs()[12:])],
        [HEADER[:5], *(row[:5] for row in sheriffs()[12:])],
    ],
    ids=["no header", "no state column", "other headers", "columns of the pending list"],
)
async def test_a_sheet_of_agencies_that_cannot_be_read_holds_the_list(world, second):
    world.publish(body=several([HEADER, *sheriffs()[:12]], second))
    assert await world.changes() == []
    assert not (await world.held()).readable
    assert await world.changes(hours=24) == []
    assert await world.changes(hours=24) == []


async def test_an_old_list_left_as_a_second_sheet_holds_the_list(world):
    old = [*sheriffs(), cells("Wise County Sheriff's Office", county="Wise County")]
    for tables in (([HEADER, *sheriffs()], [HEADER, *old]), ([HEADER, *old], [HEADER, *sheriffs()])):
        world.publish(body=several(*tables))
        assert await world.changes() == []
        assert "one may be an old list" in await reasons(world)


async def test_approving_an_old_list_on_a_second_sheet_reads_the_first_sheet(world):
    new, gone = cells("Wise County Sheriff's Office", county="Wise County"), sheriffs()[3]
    current = [row for row in sheriffs() if row != gone] + [new]
    world.publish(body=several([HEADER, *current], [HEADER, *sheriffs()], titles=["List", "Old"]))
    for hours in (0.2, 24, 24):  # it is never released by itself
        assert await world.changes(hours=hours) == []
    assert "only the first sheet, 'List', with 20 agreements, will be read" in await reasons(world)
    found = await world.rule(await world.held(), Ruling.APPROVED)
    assert {(c.kind.value, c.agreement.agency) for c in found.changes} == {
        ("withdrawn", gone[1]),
        ("signed", "Wise County Sheriff's Office"),
    }
    assert await world.changes() == []
    assert not await world.store.held()


@pytest.mark.parametrize("header", [None, HEADER[:5]])
async def test_a_second_sheet_that_cannot_be_read_is_never_approved(world, header):
    second = [header, *(row[: len(header)] for row in sheriffs()[12:])] if header else sheriffs()[12:]
    world.publish(body=several([HEADER, *sheriffs()[:12]], second))
    await world.poll()
    with pytest.raises(UsageError, match="cannot be approved"):
        await world.rule(await world.held(), Ruling.APPROVED)
    assert await world.changes() == []


@pytest.mark.parametrize(
    "totals",
    [
        [("STATE", "TOTAL"), ("TEXAS", 20), ("FLORIDA", 300)],
        [("Support type", "Count"), ("Task Force Model", 20)],
        [("Updated by the Office of Congressional Relations on Monday",)],
        [("STATE", "AGENCY"), ("TEXAS", 20)],
    ],
)
async def test_a_sheet_of_totals_is_told_once_and_changes_nothing(world, totals):
    for before in (True, False):
        tables = ([totals, [HEADER, *sheriffs()]]) if before else ([HEADER, *sheriffs()], totals)
        titles = ["Totals", "List"] if before else ["List", "Totals"]
        world.publish(body=several(*tables, titles=titles))
        assert await world.changes() == []
        (text,) = (await notices(world)).values()
        assert "'Totals'" in text
    first = await notices(world)
    await world.poll()
    assert await notices(world) == first


async def test_an_empty_second_sheet_is_not_worth_a_word(world):
    world.publish(body=several([HEADER, *sheriffs()], []))
    assert await world.changes() == []
    assert await notices(world) == {}


# ── formulas ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def formula(reference, text, result):
    value = f"<v>{result}</v>" if result is not None else ""
    return Raw(f'<c r="{reference}" t="str"><f>{text}</f>{value}</c>')


async def test_a_formula_is_read_by_its_result(world):
    rows = sheriffs()
    rows[3] = with_cell(rows[3], "STATE", formula("A5", "VLOOKUP(B5,Raw!A:B,2)", "TEXAS"))
    rows[4] = with_cell(rows[4], "LAW ENFORCEMENT AGENCY", formula("B6", "PROPER(Raw!B6)", rows[4][1]))
    world.publish(rows)
    assert await world.changes() == []
    assert await notices(world) == {}


@pytest.mark.parametrize("column", ["STATE", "LAW ENFORCEMENT AGENCY", "SUPPORT TYPE", "COUNTY"])
async def test_a_formula_without_a_result_is_unreadable_and_nobody_left(world, column):
    rows = sheriffs()
    place = f"{'ABCDEFGH'[PARTICIPATING.index(column)]}5"
    rows[3] = with_cell(rows[3], column, formula(place, "PROPER(Raw!B5)", None))
    rows.append(with_cell(cells("x"), "LAW ENFORCEMENT AGENCY", formula("B22", "PROPER(Raw!B22)", None)))
    world.publish(rows)
    assert await world.changes() == []
    assert len(await notices(world)) == 2


async def test_a_hyperlink_formula_is_a_link(world):
    rows = sheriffs()
    address = "https://www.ice.gov/doclib/287gMOA/dallas.pdf"
    link = f'HYPERLINK("{address}","link")'
    rows[3] = with_cell(rows[3], "MOA", formula("G5", link, "link"))
    rows[4] = with_cell(rows[4], "MOA", formula("G6", link.replace("dallas", "ellis"), None))
    rows[5] = with_cell(rows[5], "MOA", formula("G7", 'HYPERLINK("#Sheet2!A1","link")', "link"))
    world.publish(rows)
    found = (await world.poll()).changes
    assert [change.agreement.moa for change in found] == [address, address.replace("dallas", "ellis")]


# ── rows that can't be read ──────────────────────────────────────────────────────────────────────────────────────────


def shifted_right(row):
    return (None, *row[:7])


def shifted_left(row):
    return (*row[1:], None)


ROW = sheriffs()[7]
SLIPS = {
    "shifted right": shifted_right(ROW),
    "shifted left": shifted_left(ROW),
    "shifted right from the agency": (ROW[0], None, *ROW[1:7]),
    "shifted left from the type": (*ROW[:2], *ROW[3:], None),
    "shifted right from the county": (*ROW[:3], None, *ROW[3:7]),
    "blank agency": with_cell(ROW, "LAW ENFORCEMENT AGENCY", None),
    "header's word": with_cell(ROW, "LAW ENFORCEMENT AGENCY", "LAW ENFORCEMENT AGENCY"),
    "type as agency": with_cell(ROW, "LAW ENFORCEMENT AGENCY", "Municipality"),
    "absurd name": with_cell(ROW, "LAW ENFORCEMENT AGENCY", "x" * 500),
    "date as name": with_cell(ROW, "LAW ENFORCEMENT AGENCY", date(2026, 3, 1)),
    "terminated": with_cell(ROW, "LAW ENFORCEMENT AGENCY", f"{ROW[1]} - TERMINATED"),
    "rescinded": with_cell(ROW, "LAW ENFORCEMENT AGENCY", f"{ROW[1]} (rescinded 3/1/2026)"),
    "expired": with_cell(ROW, "LAW ENFORCEMENT AGENCY", f"EXPIRED: {ROW[1]}"),
    "withdrawn": with_cell(ROW, "LAW ENFORCEMENT AGENCY", f"{ROW[1]}, withdrawn"),
    "no longer": with_cell(ROW, "LAW ENFORCEMENT AGENCY", f"{ROW[1]} no longer participating"),
    "two types": with_cell(ROW, "SUPPORT TYPE", "Task Force Model / Jail Enforcement Model"),
    "a total": with_cell(ROW, "LAW ENFORCEMENT AGENCY", f"Total: {ROW[1]}"),
    "agency as county": with_cell(with_cell(ROW, "COUNTY", ROW[1]), "LAW ENFORCEMENT AGENCY", ROW[3]),
    "county and type swapped": (*ROW[:2], ROW[3], ROW[2], *ROW[4:]),
    "state and type swapped": (ROW[2], ROW[1], ROW[0], *ROW[3:]),
    "error for a state": with_cell(ROW, "STATE", "#REF!"),
    "error for a name": with_cell(ROW, "LAW ENFORCEMENT AGENCY", "#NAME?"),
    "error for a support type": with_cell(ROW, "SUPPORT TYPE", "#VALUE!"),
    **{
        note: with_cell(ROW, "LAW ENFORCEMENT AGENCY", f"{ROW[1]} {note}")
        for note in ("(pending)", "- REMOVED", "(voided)", "- dissolved", "TERM 3/1/26", "- on hold", "(opted out)")
    },
    "withdrawn in the date": with_cell(ROW, "SIGNED", "Withdrawn 3/1/2026"),
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
async def test_an_agency_whose_row_cannot_be_read_is_not_gone(world, slip):
    rows = sheriffs()
    world.publish([*rows[:7], slip, *rows[8:]])
    assert await world.changes() == []
    assert not await world.store.held()
    told = await notices(world)
    assert len(told) == 1
    world.publish([cells("Wise County Sheriff's Office"), *rows[:7], slip, *rows[8:]])  # one row lower: not told again
    assert await world.changes() == [("signed", "Wise County Sheriff's Office")]
    assert (await notices(world)).keys() == told.keys()
    world.publish([*rows, cells("Wise County Sheriff's Office")])
    assert await world.changes() == []
    assert await notices(world) == {}


@pytest.mark.parametrize("mark", ["*", " *", "†", " (NEW)", " - NEW", " – new!"])
async def test_a_mark_behind_a_name_is_not_part_of_it(world, mark):
    rows = sheriffs()
    rows[7] = with_cell(rows[7], "LAW ENFORCEMENT AGENCY", rows[7][1] + mark)
    world.publish([*rows, cells(f"Wise County Sheriff's Office{mark}")])
    assert await world.changes() == [("signed", "Wise County Sheriff's Office")]


@pytest.mark.parametrize("glue", ["\n", "; ", " / ", " and ", " & "])
async def test_two_agencies_in_one_cell_hold_the_list(world, glue):
    rows = sheriffs()
    both = with_cell(rows[7], "LAW ENFORCEMENT AGENCY", f"{rows[7][1]}{glue}{rows[8][1]}")
    world.publish([*rows[:7], both, *rows[9:]])
    assert await world.changes() == []
    assert "names two agencies" in await reasons(world)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        *(("SIGNED", text) for text in ("#REF!", "#NAME?", "########", "TBD", "11/2026", "link pending")),
        *((column, text) for column in ("COUNTY", "TYPE") for text in ("#REF!", "#DIV/0!", "#SPILL!")),
    ],
)
async def test_a_cell_that_cannot_be_read_does_not_contradict_what_is_known(world, column, text):
    rows = sheriffs()
    world.publish([*rows[:7], with_cell(rows[7], column, text), *rows[8:]])
    assert await world.changes() == []


async def test_a_column_of_errors_holds_the_list(world):
    world.publish([with_cell(row, "SIGNED", "#REF!") for row in sheriffs()])
    assert await world.changes() == []
    assert "signing date" in await reasons(world)


async def test_a_row_of_errors_in_the_place_of_an_agency_holds_the_list(world):
    rows = sheriffs()
    world.publish([*rows[:7], ("#REF!",) * 8, *rows[8:]])
    assert await world.changes() == []
    assert "can't be read" in await reasons(world)


@pytest.mark.parametrize(
    "extra", [("TEXAS", "Subtotal", None, None, "Task Force Model", 9), ("TOTAL", 20), ("TEXAS", "Total agencies")]
)
async def test_a_row_of_totals_is_no_agency(world, extra):
    world.publish([*sheriffs()[:9], extra, *sheriffs()[9:]])
    assert await world.changes() == []
    assert len(await notices(world)) == 1


async def test_an_agency_that_left_beside_an_unreadable_row_of_another_holds_the_list(world):
    rows = sheriffs()
    world.publish([*rows[:6], SLIPS["terminated"], *rows[8:]])
    assert await world.changes() == []
    assert [a.agency for a in (await world.held()).gone] == ["Garza County Sheriff's Office"]


@pytest.mark.parametrize("slip", ["blank support type", "blank agency", "absurd name", "no state", "header again"])
async def test_a_new_row_that_cannot_be_read_is_told_to_the_operator(world, slip):
    new = cells("Wise County Sheriff's Office", county="Wise County", day=date(2026, 11, 18))
    row = {
        "blank support type": with_cell(new, "SUPPORT TYPE", None),
        "blank agency": with_cell(new, "LAW ENFORCEMENT AGENCY", None),
        "absurd name": with_cell(new, "LAW ENFORCEMENT AGENCY", "Wise " * 100),
        "no state": with_cell(new, "STATE", "Somewhere"),
        "header again": HEADER,
    }[slip]
    world.publish([*sheriffs()[:9], row, *sheriffs()[9:]])
    assert await world.changes() == []
    (text,) = (await notices(world)).values()
    assert text.startswith("Row 11 of the participating list ")


@pytest.mark.parametrize(("number", "is_held"), [(5, False), (6, True)])
async def test_more_than_five_unreadable_rows_hold_the_list(world, number, is_held):
    rows = [
        with_cell(row, "SUPPORT TYPE", None) for row in sheriffs(("Wise", "Young", "Zapata", "Ward", "Webb", "Wood"))
    ]
    world.publish([*sheriffs(), *rows[:number]])
    assert await world.changes() == []
    assert bool(await world.store.held()) is is_held


async def test_a_new_kind_of_agreement_is_still_read(world):
    new = cells("Wise County Sheriff's Office", support="Transport Officer Program")
    world.publish([*sheriffs(), new])
    assert await world.changes() == [("signed", "Wise County Sheriff's Office")]


# ── mass corrections ─────────────────────────────────────────────────────────────────────────────────────────────────

STATES = ("ALABAMA", "FLORIDA", "GEORGIA", "TEXAS")
MIXED = [with_cell(row, "STATE", STATES[n % 4]) for n, row in enumerate(sheriffs())]


def sorted_alone(rows, column):
    values = sorted((row[PARTICIPATING.index(column)] for row in rows), key=str)
    return [with_cell(row, column, value) for row, value in zip(rows, values, strict=True)]


def shifted_dates(row, **days):
    return with_cell(row, "SIGNED", row[5] - timedelta(**days))


def day_and_month_swapped(row):
    day = row[5]
    return with_cell(row, "SIGNED", day.replace(month=day.day, day=day.month) if day.day <= 12 else day)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: sorted_alone(rows, "STATE"),
        lambda rows: sorted_alone(rows[::-1], "COUNTY"),
        lambda rows: sorted_alone(rows, "SIGNED"),
        lambda rows: [(row[1], row[0], *row[2:]) for row in rows],
        lambda rows: [(*row[:2], row[3], row[2], *row[4:]) for row in rows],
        lambda rows: [shifted_dates(row, days=1462) for row in rows],
        lambda rows: [with_cell(row, "SIGNED", None) for row in rows],
        lambda rows: [day_and_month_swapped(row) for row in rows],
        lambda rows: [shifted_dates(row, days=-1) for row in rows],
        lambda rows: [with_cell(row, "SIGNED", DAY) for row in rows],
        lambda rows: [with_cell(row, "SIGNED", rows[at - 1][5]) for at, row in enumerate(rows)],
        lambda rows: [with_cell(row, "SUPPORT TYPE", "Jail Enforcement Model") for row in rows],
    ],
    ids=[
        "states",
        "counties",
        "dates",
        "swapped headers",
        "swapped counties",
        "1904",
        "no dates",
        "swapped days",
        "a day later",
        "one date",
        "a row down",
        "support types",
    ],
)
async def test_many_values_replaced_at_once_hold_the_list(tmp_path, spoil):
    world = IceHarness(tmp_path / "mixed")
    for rows in (MIXED, spoil(MIXED)):
        world.publish(rows)
        assert {kind for kind, _ in await world.changes()} <= {"listed"}
    assert (await world.held()).reasons
    await world.store.close()


@pytest.mark.parametrize(("number", "is_held"), [(10, False), (11, True)])
async def test_a_few_dates_may_be_corrected_at_once(world, number, is_held):
    rows = [shifted_dates(row, days=30) if n < number else row for n, row in enumerate(sheriffs())]
    world.publish(rows)
    assert len(await world.changes()) == (0 if is_held else number)
    assert bool(await world.store.held()) is is_held


async def test_posted_documents_and_mere_form_never_hold_the_list(world):
    links = {f"G{row}": f"https://www.ice.gov/doclib/287gMOA/{row}.pdf" for row in range(2, 22)}
    world.publish(body=workbook(sheriffs(), header=PARTICIPATING, links=links))
    assert {kind for kind, _ in await world.changes()} == {"amended"}
    respelt = [with_cell(row, "LAW ENFORCEMENT AGENCY", row[1].upper().replace("'", "\u2019")) for row in sheriffs()]
    world.publish(body=workbook(respelt, header=PARTICIPATING, links=links))
    await world.poll()
    assert not await world.store.held()


# ── dates in words ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        *("March 1, 2025", "01-Mar-25", "1 March 2025", "Mar. 1st, 2025", "1-MAR-2025", "Saturday, March 1, 2025"),
        *("20250301", "03012025", "3/1/25", "03.01.2025", "2025-03-01", "March 1st, 2025"),
        *("March 01 2025", "1st of March 2025", "2025-Mar-01", "MARCH 1,2025"),
    ],
)
def test_a_date_in_words_is_a_date(text):
    assert signed_date(text) == date(2025, 3, 1)


@pytest.mark.parametrize("text", ["March 2025", "May", "March 32, 2025", "Marchand 1", "pending"])
def test_words_that_name_no_day_are_no_date(text):
    assert signed_date(text) is None


# ── a cell far out ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["XFD1048576", "ZZ3", "A1048576", "A99000", "BL99000", "XFD99000"])
async def test_a_list_with_a_stray_cell_far_out_is_held_and_can_be_approved(world, place):
    stray = Raw(f'<c r="{place}" t="str"><v>x</v></c>')
    far = f'</row><row r="{place.lstrip("ABDFLXZ")}">{stray}</row><row r="90">'
    new = cells("Wise County Sheriff's Office")
    world.publish([*sheriffs(), new, (Raw(far),)])
    assert await world.changes() == []
    assert place in await reasons(world)
    found = await world.rule(await world.held(), Ruling.APPROVED)
    assert [change.agreement.agency for change in found.changes] == ["Wise County Sheriff's Office"]
