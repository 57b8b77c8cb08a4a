"""ICE's lists as listings, read from workbooks made by hand."""

from datetime import UTC, date, datetime

import pytest
from support.workbooks import PARTICIPATING, workbook

from bot.domain.agreement import ListName, SupportType
from bot.domain.document import Document, digest
from bot.errors import Unreadable
from bot.sources.ice import MOST_COLUMNS, Ice

NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
DAY = date(2026, 11, 12)


def cells(agency, day=DAY):
    return ("TEXAS", agency, "County", "Hill County", "Task Force Model", day, "link", None)


def read(*rows, links=None):
    """Return the listing in a workbook of these rows, which start on row 2."""
    body = workbook(rows, header=PARTICIPATING, links=links or {})
    document = Document(
        address="https://www.ice.gov/list.xlsx",
        name="list.xlsx",
        body=body,
        sha256=digest(body),
        headers={},
        fetched_at=NOON,
    )
    return Ice().parse(document, ListName.PARTICIPATING)


def test_a_row_unchanged_since_the_last_list_gives_the_same_object():
    moa = "https://www.ice.gov/doclib/287gMOA/hill.pdf"
    (before,) = read(cells("Hill County Sheriff's Office"), links={"G2": moa}).agreements
    listing = read(cells("Bell County Sheriff's Office"), cells("Hill County Sheriff's Office"), links={"G3": moa})
    assert listing.agreements[1] is before
    assert before.moa == moa


def test_rows_keep_their_numbers_even_with_blank_or_flawed_rows_between():
    listing = read(
        cells("Bell County Sheriff's Office"), (None,) * 8, cells(None), cells("Hill County Sheriff's Office")
    )
    assert [a.agency.split()[0] for a in listing.agreements] == ["Bell", "Hill"]
    assert listing.row_numbers == (2, 5)
    assert listing.unreadable == ("row 4 has no agency",)


def test_a_missing_support_type_differs_from_an_unknown_one():
    bare, odd = (list(cells("Hill County Sheriff's Office")) for _ in range(2))
    bare[4], odd[4] = "#N/A", "Jail Model"
    listing = read(cells("Bell County Sheriff's Office"), bare, odd)
    assert [a.support_type for a in listing.agreements] == [SupportType.TFM, SupportType.OTHER]
    assert listing.row_numbers == (2, 4)
    ((number, untyped),) = listing.untyped
    assert (number, untyped.agency, untyped.signed) == (3, "Hill County Sheriff's Office", DAY)
    assert listing.unreadable == ("row 3 has no support type",)


def test_a_future_signing_date_is_read_so_that_it_can_be_told_with_its_doubt():
    soon, in_nine_years, in_three_thousand = (
        read(cells("Hill County Sheriff's Office", day)).agreements[0]
        for day in (date(2026, 11, 23), "11/12/2035", "11/12/5025")
    )
    assert (soon.signed, soon.printed) == (date(2026, 11, 23), {})
    assert in_nine_years.signed == date(2035, 11, 12)
    assert (in_three_thousand.signed, in_three_thousand.printed) == (date(2025, 11, 12), {"SIGNED": "11/12/5025"})


ROW = "<tr><td>FLORIDA</td><td>Walton County Sheriff's Office</td><td>Task Force Model</td><td>2/1/2025</td><td>{}</td></tr>"
TABLE = (
    "<html><body><table><tr><th>STATE</th><th>LAW ENFORCEMENT AGENCY</th><th>SUPPORT TYPE</th><th>SIGNED</th>"
    "<th>MOA</th></tr>{}</table></body></html>"
)


@pytest.mark.parametrize(
    ("page", "href"),
    [
        ("https://www.ice.gov/287g", "https://www.ice.gov/doclib/walton.pdf"),
        ("https://www.ice.gov/287g", "/web/20250201000000/https://www.ice.gov/doclib/walton.pdf"),
        ("archive:287g.html", "//web.archive.org/web/20250201000000/https://www.ice.gov/doclib/walton.pdf"),
        ("https://web.archive.org/web/20250201000000id_/https://www.ice.gov/287g", "/doclib/walton.pdf"),
        ("https://web.archive.org/web/20250201000000/https://www.ice.gov/287g", "doclib/walton.pdf"),
        ("https://archive.ph/20250201000000/https://www.ice.gov/287g", "https://archive.ph/o/AbC12/https://www.ice.gov/doclib/walton.pdf"),
    ],
)  # fmt: skip
def test_a_page_from_a_web_archive_has_the_links_of_the_original(page, href):
    body = TABLE.format(ROW.format(f'<a href="{href}">MOA</a>')).encode()
    document = Document(
        address=page,
        name="287g",
        body=body,
        sha256=digest(body),
        headers={},
        fetched_at=datetime(2025, 2, 3, tzinfo=UTC),
    )
    (agreement,) = Ice().parse(document, ListName.PARTICIPATING).agreements
    assert agreement.moa == "https://www.ice.gov/doclib/walton.pdf"


def test_a_page_whose_header_lies_far_outside_the_list_is_unreadable():
    header = "".join(
        f"<th>{name}</th>" for name in ("STATE", "LAW ENFORCEMENT AGENCY", "SUPPORT TYPE", "SIGNED", "MOA")
    )
    body = f"<html><table><tr>{'<td></td>' * (MOST_COLUMNS - 1)}{header}</tr>{ROW.format('')}</table></html>".encode()
    document = Document(
        address="https://www.ice.gov/287g",
        name="287g",
        body=body,
        sha256=digest(body),
        headers={},
        fetched_at=datetime(2025, 2, 3, tzinfo=UTC),
    )
    with pytest.raises(Unreadable):
        Ice().parse(document, ListName.PARTICIPATING)
