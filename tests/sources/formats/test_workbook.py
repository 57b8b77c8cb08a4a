import html
import importlib
import io
import math
import re
import tracemalloc
import warnings
import zipfile
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.archive import ARCHIVE, lists, needs_archive
from support.cpu_budget import cpu_budget
from support.workbooks import (
    DECLARATION,
    MAIN,
    PARTICIPATING,
    RELATED,
    SHEET,
    Raw,
    packed,
    parts,
    reference,
    relationships,
    sheet,
    workbook,
)

from bot.errors import Unreadable
from bot.sources.formats.limits import WORKBOOK
from bot.sources.formats.workbook import looks_like, read_workbook

at = datetime.fromisoformat
ROOT = Path(__file__).parents[3]
STRINGS, STYLES, BOOK = "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"
BOOK_RELS, SHEET_RELS = "xl/_rels/workbook.xml.rels", "xl/worksheets/_rels/sheet1.xml.rels"
BAKER = (
    "FLORIDA",
    "Baker County Sheriff's Office",
    "County",
    "Baker County",
    "Warrant Service Officer",
    date(2025, 3, 1),
    "link",
)
ADDRESS = "https://www.ice.gov/doclib/287gMOA/BakerSOFL_WSO_MOA_030125.pdf"


def oracle(source):
    """Return the title, rows and links of each visible sheet as openpyxl reads them: results, or else formulas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book, results = openpyxl.load_workbook(source), openpyxl.load_workbook(source, data_only=True)
    return [
        (
            sheet.title,
            [
                [
                    result.value if cell.data_type == "f" and _has_result(result) else cell.value
                    for cell, result in zip(row, row_of_results, strict=True)
                ]
                for row, row_of_results in zip(sheet.iter_rows(), results[sheet.title].iter_rows(), strict=True)
            ],
            {
                (cell.row, cell.column): cell.hyperlink.target
                for row in sheet.iter_rows()
                for cell in row
                if cell.hyperlink and cell.hyperlink.target
            },
        )
        for sheet in book.worksheets
        if sheet.sheet_state == "visible"
    ]


def _has_result(cell):
    """Return whether a formula was saved with its result; openpyxl puts a link's address where nothing is."""
    return cell.value is not None and not (cell.hyperlink and cell.value == cell.hyperlink.target)


def ours(body):
    return [(sheet.title, sheet.rows, sheet.links) for sheet in read_workbook(body)]


def assert_same(body, source=None):
    theirs = oracle(source or io.BytesIO(body))
    mine = ours(body)
    assert mine == theirs
    assert _types(mine) == _types(theirs)  # 1, 1.0 and True are equal, but not the same


def _types(sheets):
    return [[[type(value) for value in row] for row in rows] for _, rows, _ in sheets]


def rows_of(*rows, **options):
    """Return the rows we read from a sheet with these rows."""
    (only,) = read_workbook(workbook(rows, **options))
    return only.rows


def changed(part, old, new, rows=(BAKER,), **options):
    """Return a workbook with one part changed."""
    written = parts(rows, **options)
    assert old in written[part]
    return packed({**written, part: written[part].replace(old, new, 1)})


def with_sheet(cells, rest=""):
    """Return a workbook whose sheet contains this XML."""
    xml = f'{DECLARATION}<worksheet xmlns="{MAIN}" xmlns:r="{RELATED}"><sheetData>{cells}</sheetData>{rest}</worksheet>'
    return packed({**parts([]), SHEET: xml})


def refusal(body):
    """Return the sentence that refuses the workbook."""
    with pytest.raises(Unreadable) as caught:
        read_workbook(body)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert 10 < len(sentence) < 200
    return sentence


# ── openpyxl as the oracle ───────────────────────────────────────────────────────────────────────────────────────────


@needs_archive
@pytest.mark.slow
def test_every_list_ice_published_reads_as_in_openpyxl():
    paths = lists()
    assert len(paths) >= 384
    for path in paths:
        assert_same(path.read_bytes(), path)
        assert len(read_workbook(path.read_bytes())) == 1


@needs_archive
@pytest.mark.parametrize(
    "name",
    [
        "participating/participatingAgencies-20250221214937.xlsx",  # the first
        "participating/participatingAgencies-20250301180751.xlsx",  # written by another program than the rest
        "participating/participatingAgencies05162025am.xlsx",  # an address as a cell's text
        "participating/participatingAgencies12302025am.xlsx",  # the largest
        "pending/pendingAgencies-20250221214937.xlsx",
    ],
)
def test_a_list_ice_published_reads_as_in_openpyxl(name):
    path = ARCHIVE / name
    assert_same(path.read_bytes(), path)


NUMBERS = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=40
)
DATES = st.dates(date(1900, 3, 1), date(9999, 12, 30)) | st.datetimes(at("1900-03-01"), at("9999-12-30"))
VALUES = (
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXTS.filter(lambda text: not text.startswith("="))
    | DATES
    | st.times()
    | st.timedeltas(timedelta(0), timedelta(days=9999))
    | st.sampled_from(["#N/A", "#REF!", "=SUM(A1:A2)", "link\xa0|\xa0addendum", " ", "_x000D_", "two\nlines"])
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(VALUES, max_size=9), max_size=6),
    links=st.dictionaries(
        st.tuples(st.integers(1, 6), st.integers(1, 9)), st.sampled_from([ADDRESS, "mailto:a@b.gov"])
    ),
    epoch=st.sampled_from([openpyxl.utils.datetime.WINDOWS_EPOCH, openpyxl.utils.datetime.MAC_EPOCH]),
)
@example(rows=[["=SUM(A1:A2)"]], links={(1, 1): ADDRESS}, epoch=openpyxl.utils.datetime.WINDOWS_EPOCH)
def test_anything_openpyxl_writes_reads_as_in_openpyxl(rows, links, epoch):
    book = openpyxl.Workbook()
    book.epoch = epoch
    for row_number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            if isinstance(value, date) and value.year < 1905 and epoch.year == 1904:
                continue
            book.active.cell(row_number, column, value)
    for place, target in links.items():
        if book.active.cell(*place).value not in (None, ""):
            book.active.cell(*place).hyperlink = target
    body = io.BytesIO()
    book.save(body)
    assert_same(body.getvalue())


CODES = [
    *(
        "General",
        "0",
        "0.00",
        "#,##0",
        "@",
        "m/d/yyyy",
        "yyyy-mm-dd",
        "[$-409]mmmm d, yyyy;@",
        "[$-F800]dddd, mmmm dd, yyyy",
    ),
    *(
        '"day "0',
        "[Red]0",
        "[h]:mm:ss",
        "[mm]:ss",
        "[ss]",
        "[HH]:mm",
        "h:mm AM/PM",
        '0"d"',
        "\\d0",
        "_d0",
        "0;yyyy",
        "[Blue]d",
    ),
]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("date1904", [False, True])
def test_a_number_is_a_date_when_its_format_says_so(code, date1904):
    numbers = ("0", "0.5", "0.9999999999", "1", "59", "60", "61.25", "45717", "45717.123456789", "2957003")
    cells = [Raw(f'<c r="{reference(1, n)}" s="5"><v>{number}</v></c>') for n, number in enumerate(numbers, start=1)]
    assert_same(workbook([cells], code=code, date1904=date1904))


@pytest.mark.parametrize("number", range(60))
def test_the_formats_excel_never_writes_out_are_known(number):
    body = changed(STYLES, '<xf numFmtId="22"/>', f'<xf numFmtId="{number}"/>', rows=[(at("2025-03-01 12:30"),)])
    assert_same(body)


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2"/>',
        '<c r="B2" s="1"/>',
        '<c r="B2"><v></v></c>',
        '<c r="B2"><v>1E3</v></c>',
        '<c r="B2"><v>-7</v></c>',
        '<c r="B2" t="n"><v>0.1</v></c>',
        '<c r="B2" t="str"><v> a b </v></c>',
        '<c r="B2" t="str"><v/></c>',
        '<c r="B2" t="e"><v>#N/A</v></c>',
        '<c r="B2" t="b"><v>0</v></c>',
        '<c r="B2" t="d"><v>2025-03-01</v></c>',
        '<c r="B2" t="d"><v>2025-03-01T12:30:00</v></c>',
        '<c r="B2" t="d"><v>2025-03-01T12:30:00Z</v></c>',
        '<c r="B2" t="d"><v>12:30:00</v></c>',
        '<c r="B2"><f>1+1</f><v>2</v></c>',
        '<c r="B2" t="str"><f>A1&amp;"x"</f><v>ax</v></c>',
        '<c r="B2" t="inlineStr"><is><t>a</t></is></c>',
        '<c r="B2" t="inlineStr"><is><r><t>a</t></r><r><rPr><b/></rPr><t xml:space="preserve"> b</t></r></is></c>',
        '<c r="B2" t="inlineStr"><is><t/></is></c>',
        "<c><v>1</v></c><c><v>2</v></c>",
        '<c r="D2"><v>4</v></c><c r="B2"><v>2</v></c><c><v>3</v></c>',
        '<c s="1" r="B2"><v>45717</v></c><c s="1" r="D2"><v>45718</v></c>',
        '<c r="B2" t="s"><v> 0 </v></c>',
        "<c\n  r = 'B2'\tt='str' ><v\n>a</v\n></c ><c r='C2' />",
        '<c r="B2" note="/>" t="str"><v>a > b</v></c>',
        '<c r="B2" t="str"><v><![CDATA[<c r="C2"><v>1</v></c>]]></v></c>',
        '<!--<c r="C2"><v>1</v></c>--><c r="B2"><v>1</v></c><?row r="9"?>',
        '<c r="B2" t="str"><v>&#65;&#x42;&amp;lt;&#38;gt;&#146;</v></c>',
        '<c r="&#66;2" t="&#115;tr"><v>a\r\nb\rc</v></c>',
    ],
)
def test_a_cell_of_any_kind_reads_as_in_openpyxl(cell):
    written = parts([("x",)])
    xml = f'{DECLARATION}<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="2">{cell}</row></sheetData></worksheet>'
    assert_same(packed({**written, SHEET: xml}))


def test_rows_without_numbers_come_in_order():
    assert_same(with_sheet("<row><c><v>1</v></c></row><row/><row><c><v>3</v></c></row><row/>"))


def test_rows_out_of_order_or_in_two_pieces_are_sorted_and_joined():
    assert_same(
        with_sheet(
            '<row r="3"><c r="B3"><v>3</v></c></row><row r="1"><c r="A1"><v>1</v></c></row><row r="3"><c r="A3"><v>4</v></c></row>'
        )
    )


def test_empty_cells_with_a_style_count_but_empty_rows_do_not():
    assert_same(with_sheet('<row r="1"><c r="A1"><v>1</v></c><c r="M1" s="1"/></row><row r="1048576" ht="15"/>'))


def test_a_sheet_without_cells_has_no_rows():
    assert ours(with_sheet("")) == [("Sheet1", [], {})]
    assert_same(with_sheet(""))


def test_rich_text_is_joined_without_its_pronunciation():
    runs = '<si><r><t>Miami</t></r><r><t xml:space="preserve">-Dade </t></r><rPh sb="0" eb="1"><t>mee</t></rPh></si>'
    body = changed(STRINGS, "<si>", runs + "<si>", rows=[("x",)])
    assert ours(body)[0][1] == [["Miami-Dade "]]
    assert_same(body)


# ── where we differ from openpyxl ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "serial", ["1e300", "-1", "-0.5", "2958466", "99999999999999999999", "2958465.9999999999", "1e999"]
)
@pytest.mark.parametrize("style", [1, 2, 5])
@pytest.mark.parametrize("date1904", [False, True])
def test_a_date_outside_the_calendar_stays_a_number(serial, style, date1904):
    ((value,),) = rows_of([Raw(f'<c r="A1" s="{style}"><v>{serial}</v></c>')], date1904=date1904)
    assert type(value) in (int, float)
    assert math.isclose(value, float(serial))


@pytest.mark.parametrize("serial", ["1e300", "-1e12", "99999999999999999999", "1e999"])
def test_a_duration_that_is_too_long_stays_a_number(serial):
    ((value,),) = rows_of([Raw(f'<c r="A1" s="4"><v>{serial}</v></c>')])
    assert math.isclose(value, float(serial))


def test_a_cell_with_only_a_link_stays_empty_although_openpyxl_fills_in_the_address():
    body = workbook([BAKER], links={"H1": ADDRESS, "A9": ADDRESS})
    (only,) = read_workbook(body)
    assert only.rows[0][-1] == "link"
    assert len(only.rows) == 1
    assert only.links == {(1, 8): ADDRESS, (9, 1): ADDRESS}
    assert oracle(io.BytesIO(body))[0][1][8][0] == ADDRESS


def test_text_declared_as_a_date_stays_text_if_it_is_not_one():
    assert rows_of([Raw('<c r="A1" t="d"><v>soon</v></c>'), Raw('<c r="B1" t="d"><v>2025-02-30T00:00</v></c>')]) == [
        ["soon", "2025-02-30T00:00"]
    ]


def test_a_shared_formula_gives_the_text_in_its_own_cell():
    shared = ('<c r="A1"><f t="shared" ref="A1:B1" si="0">C1+1</f></c>', '<c r="B1"><f t="shared" si="0"/></c>')
    assert rows_of([Raw(cell) for cell in shared]) == [["=C1+1", "="]]


def test_cells_under_a_merged_cell_keep_their_values_and_links():
    body = changed(
        SHEET, "</sheetData>", '</sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells>', links={"B1": ADDRESS}
    )
    (only,) = read_workbook(body)
    assert only.rows[0][:2] == list(BAKER[:2])
    assert only.links == {(1, 2): ADDRESS}


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_is_found_by_row_and_column_counted_from_one():
    body = workbook([BAKER], header=PARTICIPATING, links={"G2": ADDRESS})
    assert read_workbook(body)[0].links == {(2, 7): ADDRESS}
    assert_same(body)


def test_a_sheet_with_only_links_is_read():
    body = changed(SHEET, "<sheetData></sheetData>", "<sheetData/>", rows=(), links={"B2": ADDRESS})
    assert ours(body) == [("Sheet1", [], {(2, 2): ADDRESS})]


def test_a_link_over_a_range_covers_each_of_its_cells():
    body = workbook([BAKER] * 3, links={"G1:G2": ADDRESS, "F2:G3": f"{ADDRESS}?b=1&c=2"})
    assert read_workbook(body)[0].links == {
        (1, 7): ADDRESS,
        **dict.fromkeys([(2, 6), (2, 7), (3, 6), (3, 7)], f"{ADDRESS}?b=1&c=2"),
    }
    assert_same(body)


def test_a_link_inside_the_workbook_is_not_a_link():
    body = workbook([BAKER], links={"G1": "#Sheet1!A1", "F1": ADDRESS})
    assert read_workbook(body)[0].links == {(1, 6): ADDRESS}


def test_a_link_to_a_part_of_the_package_is_not_a_link():
    body = changed(SHEET_RELS, ' TargetMode="External"', "", links={"G1": ADDRESS})
    assert read_workbook(body)[0].links == {}


def test_twenty_thousand_links_do_not_take_quadratic_time():
    count = 20_000
    body = workbook([("link",)] * count, links={f"A{n}": f"{ADDRESS}?{n}" for n in range(1, count + 1)})
    with cpu_budget(60):  # it takes less than a second
        (only,) = read_workbook(body)
    assert len(only.links) == count


# ── other programs' habits ───────────────────────────────────────────────────────────────────────────────────────────

EXPECTED = [
    (
        "Sheet1",
        [list(PARTICIPATING), [*BAKER[:5], at("2025-03-01"), "link", None]],
        {(2, 7): ADDRESS},
    )
]


@pytest.mark.parametrize(
    "options",
    [{}, {"inline": True}, {"prefix": "x:"}, {"strict": True}, {"prefix": "x:", "strict": True}, {"date1904": True}],
    ids=str,
)
def test_a_list_reads_the_same_in_every_dialect(options):
    assert ours(workbook([BAKER], header=PARTICIPATING, links={"G2": ADDRESS}, **options)) == EXPECTED


def _utf16(written):
    return {**written, SHEET: written[SHEET].replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")}


def _absolute(written):
    return {**written, BOOK_RELS: written[BOOK_RELS].replace('Target="', 'Target="/xl/')}


def _loud(written):
    return {name.upper(): xml for name, xml in written.items()}


def _backslashes(written):
    return {name.replace("/", "\\"): xml for name, xml in written.items()}


def _other_key(written):
    return {**written, SHEET: written[SHEET].replace("xmlns:r=", "xmlns:rel=").replace(" r:id=", " rel:id=")}


def _no_styles_or_texts_but_strangers(written):
    return {**written, "xl/theme/theme1.xml": "<broken", "customXml/item1.xml": b"\xff\xfe", "docProps/": ""}


def _dimension_that_lies(written):
    return {**written, SHEET: written[SHEET].replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')}


def _spaced_out(written):
    return {name: xml.replace("><", ">\n  <") for name, xml in written.items()}


@pytest.mark.parametrize(
    "dialect",
    [
        _utf16,
        _absolute,
        _loud,
        _backslashes,
        _other_key,
        _no_styles_or_texts_but_strangers,
        _dimension_that_lies,
        _spaced_out,
    ],
)
def test_a_list_reads_the_same_despite_the_habits_of_its_writer(dialect):
    written = dialect(parts([BAKER], header=PARTICIPATING, links={"G2": ADDRESS}))
    assert ours(packed(written)) == EXPECTED
    assert ours(packed(written, compression=zipfile.ZIP_STORED)) == EXPECTED


TRICKY = [(" a  b ", "<&>\"'", "]]>", "two\nlines", "-- ?> />"), (1, None, True, at("2025-03-01 12:30"), "=x")]
DECOYS = ("<!---->", '<!-- <row r="7"><c r="B7"><v>7</v></c></row> -->', "<?decoy <si><t>7</t></si> ?>", "<?decoy?>")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["", "x:"]), st.booleans())
def test_a_list_reads_the_same_however_its_xml_is_written(random, prefix, inline):
    written = parts(TRICKY, prefix=prefix, inline=inline, links={"A1": f"{ADDRESS}?a=1&b='2'"}, title="A > B")
    assert ours(packed({name: _rewritten(xml, random) for name, xml in written.items()})) == ours(packed(written))


def _rewritten(xml, random):
    """Return the same document as an odd program might write it."""
    tokens = re.findall(r"<[^>]*>|[^<]+", xml.removeprefix(DECLARATION))
    odd = (_odd_tag(token, random) if token.startswith("<") else _odd_text(token, random) for token in tokens)
    return "".join(part + (random.choice(DECOYS) if random.random() < 0.1 else "") for part in odd)


def _odd_tag(tag, random):
    name, body = re.fullmatch(r"<(/?[^\s/>]+)(.*)>", tag, re.DOTALL).groups()
    attributes = re.findall(r"""([^\s=]+)=("[^"]*"|'[^']*')""", body.removesuffix("/"))
    random.shuffle(attributes)
    space, tail = random.choice(("", " ", "\n", "\t ")), random.choice(("", " ", "\r\n"))
    for number, (key, value) in enumerate(attributes):
        plain = value[1:-1].replace("&gt;", ">")
        if random.random() < 0.5:
            plain = "'" + plain.replace("'", "&apos;") + "'" if '"' in plain or random.random() < 0.5 else f'"{plain}"'
        else:
            plain = '"' + "".join(f"&#{ord(character)};" for character in html.unescape(plain)) + '"'
        attributes[number] = f" {space}{key}{space}={space}{plain}"
    opened = f"<{name}{''.join(attributes)}"
    if not body.endswith("/"):
        return f"{opened}{tail}>"
    return random.choice((f"{opened}{tail}/>", f"{opened}></{name}{tail}>"))


def _odd_text(text, random):
    plain = html.unescape(text)
    return random.choice(
        (
            text,
            text.replace("&gt;", ">").replace("]]>", "]]&gt;").replace("\n", "\r\n"),
            "<![CDATA[" + plain.replace("]]>", "]]]]><![CDATA[>") + "]]>",
            "".join(f"&#x{ord(character):X};" for character in plain),
            f"{text[:1]}<!-- < -->{text[1:]}" if "&" not in text else text,
        )
    )


def test_hidden_sheets_are_left_out_and_the_others_keep_their_order():
    written = parts([BAKER])
    sheets = (
        sheet("Z", 1) + sheet("hidden", 2, "rId1", "hidden") + sheet("gone", 3, "rId9", "veryHidden") + sheet("A", 4)
    )
    written[BOOK] = written[BOOK].replace(sheet("Sheet1"), sheets)
    assert [found.title for found in read_workbook(packed(written))] == ["Z", "A"]


def test_a_workbook_without_shared_strings_or_styles_is_read():
    written = parts([(45717, 1.5)])
    written[BOOK_RELS] = relationships({"rId1": f"{RELATED}/worksheet"}, {"rId1": "worksheets/sheet1.xml"})
    del written[STRINGS], written[STYLES]
    assert ours(packed(written)) == [("Sheet1", [[45717, 1.5]], {})]


# ── XML that only a parser of namespaces and trees reads right ───────────────────────────────────────────────────────

ODD_SHEETS = {
    "a row after the rows": ("", '<row r="1"><c r="A1"><v>2</v></c></row>'),
    "a second place for rows": ("", '<sheetData><row r="2"><c r="A2"><v>2</v></c></row></sheetData>'),
    "a cell in a wrapper": ('<y><c r="B1"><v>2</v></c></y>', ""),
    "a stranger among the cells": ('<extLst><ext><c r="B1"><v>2</v></c></ext></extLst>', ""),
    "a cell of another namespace": ('<c xmlns="urn:y" r="B1"><v>2</v></c>', ""),
    "another prefix of ours": (f'<q:c xmlns:q="{MAIN}" r="B1"><q:v>2</q:v></q:c>', ""),
    "a text outside its holder": ('<c r="B1" t="inlineStr"><t>2</t></c>', ""),
    "a text and a value": ('<c r="B1" t="inlineStr"><v>2</v><is><t>3</t></is></c>', ""),
    "two texts": ('<c r="B1" t="inlineStr"><is><t>2</t><t>3</t></is></c>', ""),
    "a text before the runs": ('<c r="B1" t="inlineStr"><is><t>2</t><r><t>3</t></r></is></c>', ""),
    "neither true nor false": ('<c r="B1" t="b"><v>2</v></c>', ""),
    "a link in a wrapper": ("", '<y><hyperlinks><hyperlink ref="A1" location="A1"/></hyperlinks></y>'),
    "a link outside the links": ("", '<hyperlink ref="A1" location="A1"/>'),
    "a stranger among the links": ("", '<hyperlinks><y><hyperlink ref="A1" location="A1"/></y></hyperlinks>'),
    "two formulas where cells share one": (
        '<c r="B1"><f t="shared" si="0" ref="B1:C1">A1+1</f></c><c r="C1"><f t="shared" si="0">A1+2</f><v>2</v></c>',
        "",
    ),
}


@pytest.mark.parametrize(("cell", "rest"), ODD_SHEETS.values(), ids=ODD_SHEETS)
def test_a_sheet_that_is_not_built_like_one_is_refused(cell, rest):
    refusal(with_sheet(f'<row r="1"><c r="A1"><v>1</v></c>{cell}</row>', rest))


@pytest.mark.parametrize("part", [BOOK, SHEET, STRINGS, STYLES, BOOK_RELS])
@pytest.mark.parametrize("address", ["urn:y", "", MAIN.upper(), f"{MAIN}'"])
def test_a_part_in_a_namespace_we_do_not_know_is_refused(part, address):
    body = changed(part, re.search('xmlns="[^"]*"', parts([BAKER])[part])[0], f'xmlns="{address}"')
    assert "namespaces" in refusal(body)


def test_relations_in_a_namespace_we_do_not_know_are_refused():
    assert "relations in a namespace" in refusal(changed(SHEET, RELATED, "urn:y", links={"G1": ADDRESS}))


@pytest.mark.parametrize(
    ("part", "element"),
    [(BOOK, f"<sheets>{sheet('B')}</sheets>"), (BOOK, "<workbookPr/>"), (STYLES, "<cellXfs/>"), (STYLES, "<numFmts/>")],
)
def test_a_part_with_two_of_what_it_has_once_is_refused(part, element):
    root = {BOOK: "</workbook>", STYLES: "</styleSheet>"}[part]
    assert re.search("two of|twice", refusal(changed(part, root, element + root)))


def test_a_sheet_or_relation_by_another_name_is_refused():
    assert "belongs" in refusal(changed(BOOK, "<sheet ", "<leaf "))
    assert "belongs" in refusal(changed(BOOK_RELS, "<Relationship ", "<Relation "))


def test_two_relations_of_one_name_are_refused():
    twin = f'<Relationship Id="rId1" Type="{RELATED}/hyperlink" Target="x"/></Relationships>'
    assert "two relations" in refusal(changed(SHEET_RELS, "</Relationships>", twin, links={"G1": ADDRESS}))


def test_styles_without_a_relation_are_not_ignored():
    assert "styles" in refusal(changed(BOOK_RELS, f"{RELATED}/styles", f"{RELATED}/other"))


@pytest.mark.parametrize("title", ["", "SHEET1"])
def test_sheets_without_a_name_of_their_own_are_refused(title):
    assert "name" in refusal(changed(BOOK, "</sheets>", sheet(title, 2) + "</sheets>"))


def test_a_sheet_of_an_unknown_kind_is_refused_but_a_chart_is_left_out():
    with_kind = {"rId1": f"{RELATED}/worksheet", "rId3": f"{RELATED}/styles", "rId2": f"{RELATED}/sharedStrings"}
    targets = {"rId1": "worksheets/sheet1.xml", "rId2": "sharedStrings.xml", "rId3": "styles.xml", "rId9": "x.xml"}
    for kind, is_read in (("chartsheet", True), ("number", False)):
        written = parts([BAKER])
        written[BOOK] = written[BOOK].replace("</sheets>", sheet("Chart", 2, "rId9") + "</sheets>")
        written[BOOK_RELS] = relationships({**with_kind, "rId9": f"{RELATED}/{kind}"}, targets)
        if is_read:
            assert [found.title for found in read_workbook(packed(written))] == ["Sheet1"]
        else:
            assert "kind" in refusal(packed(written))


def test_a_style_may_be_written_with_zeros():
    assert rows_of([Raw('<c r="A1" s="01"><v>45717</v></c>')]) == [[at("2025-03-01")]]


def test_a_cell_that_is_written_again_loses_its_first_link():
    first = f'<c r="A1" t="str"><f>HYPERLINK("{ADDRESS}")</f><v>link</v></c>'
    (only,) = read_workbook(with_sheet(f'<row r="1">{first}<c r="A1"><v>1</v></c></row>'))
    assert (only.rows, only.links) == ([[1]], {})


def test_the_last_of_two_links_on_a_cell_counts_even_if_it_leads_into_the_workbook():
    body = changed(SHEET, "</hyperlinks>", '<hyperlink ref="G1" location="A1"/></hyperlinks>', links={"G1": ADDRESS})
    assert read_workbook(body)[0].links == {}
    assert_same(body)


@pytest.mark.slow
def test_mutated_workbooks_say_what_openpyxl_reads_or_are_refused(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    fuzz = importlib.import_module("fuzz_workbooks")
    outcomes = {seed: fuzz.tried(fuzz.workbook_of(seed)) for seed in range(1, 601)}
    wrong = {seed: found for seed, found in outcomes.items() if found.outcome in ("differs", "broke")}
    assert wrong == {}
    assert sum(found.outcome == "the same" for found in outcomes.values()) > 100


@pytest.mark.slow
def test_an_undamaged_workbook_of_the_benchmark_is_read(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    fuzz = importlib.import_module("fuzz_workbooks")
    for seed in range(200):
        body = packed(fuzz.made(fuzz.Dice(seed)))
        assert read_workbook(body)
        assert fuzz.tried(body).outcome == "the same"


# ── files that aren't workbooks ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "an empty file"),
        (b" \r\n", "an empty file"),
        (b"<!DOCTYPE html><html><title>Access Denied</title></html>", "a web page"),
        (b"\xef\xbb\xbf\n<HTML lang=en>", "a web page"),
        (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b'{"error": "not found"}', "JSON"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Excel workbook in the old .xls format"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "an Excel workbook protected with a password",
        ),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"STATE,LAW ENFORCEMENT AGENCY\n", "plain text"),
        (b"\x00\x01\x02", "binary data"),
    ],
)
def test_anything_but_a_workbook_is_named_for_what_it_is(body, kind):
    assert looks_like(body) == kind
    assert refusal(body) == f"this is not an Excel workbook (.xlsx): it looks like {kind}"


def test_a_zip_that_is_not_a_workbook_is_refused():
    assert "not an Excel workbook" in refusal(packed({"a.txt": "hello"}))
    assert "not an Excel workbook" in refusal(packed({}))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_workbook_is_refused_with_a_clear_sentence(share):
    body = workbook([BAKER])
    assert refusal(body[: int(len(body) * share)]) == "the workbook is damaged or incomplete"


def test_a_workbook_with_a_wrong_checksum_is_refused():
    body = packed(parts([BAKER], inline=True), compression=zipfile.ZIP_STORED)
    assert refusal(body.replace(b"Baker", b"Maker")) == "the workbook is damaged or incomplete"


def test_a_workbook_with_a_password_is_refused():
    body = bytearray(workbook([BAKER]))
    for start in _positions(body, b"PK\x01\x02"):
        body[start + 8] |= 1
    assert refusal(bytes(body)) == "the workbook is protected with a password"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_excel_never_uses_is_refused(method):
    assert "uses a compression" in refusal(packed(parts([BAKER]), compression=method))


@pytest.mark.parametrize("part", [BOOK, SHEET, STRINGS, STYLES])
def test_a_workbook_without_one_of_its_parts_is_refused(part):
    written = parts([BAKER])
    del written[part]
    assert refusal(packed(written)) == f"the part {part.lower()!r} of the workbook is missing"


def test_a_workbook_without_relations_is_refused():
    written = parts([BAKER], links={"G1": ADDRESS})
    assert "not an Excel workbook" in refusal(packed({k: v for k, v in written.items() if k != "_rels/.rels"}))
    assert "refers to 'rId1'" in refusal(packed({k: v for k, v in written.items() if k != BOOK_RELS}))
    assert "refers to 'rId1'" in refusal(packed({k: v for k, v in written.items() if k != SHEET_RELS}))


def test_a_workbook_with_only_hidden_sheets_is_refused():
    assert "no visible sheet" in refusal(changed(BOOK, 'state="visible"', 'state="hidden"'))


PARTS = ["_rels/.rels", BOOK, BOOK_RELS, SHEET, SHEET_RELS, STRINGS, STYLES]


@pytest.mark.parametrize("part", PARTS)
def test_broken_xml_in_any_part_is_refused(part):
    written = parts([BAKER], links={"G1": ADDRESS})
    assert (
        refusal(packed({**written, part: written[part][:-3]}))
        == f"the part {part.lower()!r} of the workbook is not valid XML"
    )
    assert "not valid XML" in refusal(packed({**written, part: ""}))
    assert "not valid XML" in refusal(packed({**written, part: "\0"}))


@pytest.mark.parametrize("part", PARTS)
def test_xml_of_another_kind_in_any_part_is_refused(part):
    assert "has 'html' where" in refusal(packed({**parts([BAKER], links={"G1": ADDRESS}), part: "<html/>"}))


LAUGHS = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE worksheet>",
        '<!DOCTYPE worksheet SYSTEM "https://example.com/a.dtd">',
        '<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        f'<!DOCTYPE lolz [<!ENTITY lol0 "lol">{LAUGHS}]>',
    ],
    ids=["bare", "external", "file", "laughs"],
)
@pytest.mark.parametrize("part", PARTS)
def test_a_document_type_in_any_part_is_refused(part, doctype):
    written = parts([BAKER], links={"G1": ADDRESS})
    xml = written[part].replace(DECLARATION, DECLARATION + doctype).replace(">STATE<", ">&lol9;<")
    assert "declares a document type" in refusal(packed({**written, part: xml}))


@pytest.mark.parametrize(
    "damage", ["</worksheet><!-- x --><worksheet/>", "</worksheet>x", "<x:c/></worksheet>", '<c x:r=""/></worksheet>x']
)
def test_content_behind_the_root_or_with_an_unknown_prefix_is_refused(damage):
    assert "not valid XML" in refusal(changed(SHEET, "</worksheet>", damage))


def test_an_undeclared_entity_is_refused():
    assert "not valid XML" in refusal(with_sheet('<row r="1"><c r="A1" t="str"><v>&lol;</v></c></row>'))


@pytest.mark.parametrize("encoding", ["no-such-code", "zip", "shift_jis", "utf-7", "unicode_escape", "idna", "hex"])
def test_an_encoding_no_workbook_has_is_refused(encoding):
    refusal(changed(SHEET, 'encoding="UTF-8"', f'encoding="{encoding}"'))


# ── files that would cost too much ───────────────────────────────────────────────────────────────────────────────────


def peak(body):
    """Return the peak memory in MiB that reading or refusing takes, without the bytes themselves."""
    tracemalloc.start()
    try:
        with suppress(Unreadable):
            read_workbook(body)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def bomb(part, filling, size, **options):
    """Return a workbook with this filling repeated behind the root's opening tag, up to this size."""
    written = parts([BAKER], **options)
    head, tag, rest = written[part].partition(">\n")
    root, close, rest = rest.partition(">")
    times = size // len(filling)
    return packed({**written, part: head + tag + root + close + filling * times + rest})


@pytest.mark.parametrize("part", [SHEET, STRINGS, STYLES, BOOK])
def test_a_zip_bomb_is_refused_in_little_memory(part):
    body = bomb(part, "<a>" + " " * 30_000 + "</a>", 4 * WORKBOOK["bytes when unpacked"])
    assert len(body) < WORKBOOK["bytes when unpacked"] // 100
    assert refusal(body) == "the workbook is too large: more than 16,777,216 bytes when unpacked"
    assert peak(body) < 4


def test_a_zip_bomb_whose_headers_lie_is_refused_in_little_memory():
    written = parts([BAKER])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in written.items():
            archive.writestr(name, content + " " * 2 * WORKBOOK["bytes when unpacked"] if name == SHEET else content)
        archive.getinfo(SHEET).file_size = 1_000
    refusal(file.getvalue())
    assert peak(file.getvalue()) < 4


def test_a_part_read_many_times_counts_every_time():
    written = parts([BAKER])
    filler = "<a>" + " " * 30_000 + "</a>"
    written[SHEET] = written[SHEET].replace("<sheetData>", filler * 20 + "<sheetData>")
    written[BOOK] = written[BOOK].replace(sheet("Sheet1"), sheet("Sheet1") * 90)
    assert "bytes when unpacked" in refusal(packed(written))


def test_overlapping_files_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts([BAKER]).items():
            archive.writestr(name, content)
        archive.getinfo(STRINGS).header_offset = archive.getinfo(SHEET).header_offset
    assert refusal(file.getvalue()) == "the workbook is damaged or incomplete"


def test_two_files_with_one_name_are_refused():
    assert "same name" in refusal(packed({**parts([BAKER]), SHEET.upper(): "<worksheet/>"}))


def test_more_files_than_any_list_has_are_refused():
    written = {**parts([BAKER]), **{f"f{n}": "" for n in range(WORKBOOK["files"])}}
    assert refusal(packed(written)) == "the workbook is too large: more than 1,000 files"


def test_more_sheets_than_any_list_has_are_refused():
    assert "more than 100 sheets" in refusal(changed(BOOK, sheet("Sheet1"), sheet("Sheet1") * 101))


@pytest.mark.parametrize("place", ["ZZZZ1", "a1", "$A$1", "BM01"])
def test_a_cell_with_an_absurd_reference_is_refused(place):
    row = place.lstrip("ABDFMXZa$0")
    assert "outside A1 to BL100000" in refusal(with_sheet(f'<row r="{row}"><c r="{place}"><v>1</v></c></row>'))


@pytest.mark.parametrize("row", ["1048576", "100001"])
def test_a_cell_in_an_absurd_row_is_refused(row):
    assert "more than 100,000 rows" in refusal(with_sheet(f'<row r="{row}"><c/></row>'))


@pytest.mark.parametrize("place", ["XFD1048576", "BM1", "XFD1", "A1048576", "A100001"])
def test_a_few_cells_far_out_are_left_out_and_named(place):
    row = place.lstrip("ABDFMX")
    far = f'<row r="{row}"><c r="{place}"><v>1</v></c></row>'
    (only,) = read_workbook(with_sheet(f'<row r="1"><c r="A1"><v>7</v></c></row>{far}'))
    assert (only.rows, only.strays) == ([[7]], (place,))
    assert "too large" in refusal(with_sheet(far * 6))


@pytest.mark.parametrize("place", ["A99000", "BL99000", "C1003", "H100000"])
def test_a_few_cells_far_below_are_left_out_and_named(place):
    far = f'<row r="{place.lstrip("ABCHL")}"><c r="{place}"><v>1</v></c></row>'
    (only,) = read_workbook(with_sheet(f'<row r="1"><c r="A1"><v>7</v></c></row>{far}'))
    assert (only.rows, only.strays) == ([[7]], (place,))


def test_more_than_a_few_rows_far_below_are_read():
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in (1, *range(2_000, 2_006)))
    (only,) = read_workbook(with_sheet(rows))
    assert (len(only.rows), only.strays) == (2_005, ())


@pytest.mark.parametrize("place", ["A0", "A", "7", "A1:B2", "A-1", "A1 "])
def test_a_cell_with_an_invalid_reference_is_refused(place):
    refusal(with_sheet(f'<row r="1"><c r="{place}"><v>1</v></c></row>'))


def test_a_cell_in_the_wrong_row_is_refused():
    assert "is in the wrong row" in refusal(with_sheet('<row r="1"><c r="A2"><v>1</v></c></row>'))


@pytest.mark.parametrize("row", ["0", "-1", f"-{10**4000}", f"{10**4000}", "1e3", "x", "", "9" * 5000])
def test_a_row_without_a_proper_number_is_refused(row):
    refusal(with_sheet(f'<row r="{row}"><c><v>1</v></c></row>'))


def test_cells_far_apart_are_refused_in_little_memory():
    body = with_sheet('<row r="1"><c r="BL1"/></row><row r="90000"><c r="A90000"/></row>')
    assert refusal(body) == "the workbook is too large: more than 1,000,000 cells"
    assert peak(body) < 16


def test_many_sheets_of_cells_far_apart_are_refused_in_little_memory():
    written = parts([BAKER])
    written[SHEET] = written[SHEET].replace("<sheetData>", '<sheetData><row r="9000"><c r="BL9000"/></row>')
    written[BOOK] = written[BOOK].replace(sheet("Sheet1"), sheet("Sheet1") * 90)
    assert "cells" in refusal(packed(written))
    assert peak(packed(written)) < 16


def test_a_row_with_more_cells_than_any_list_has_is_refused():
    for count in (WORKBOOK["columns"], WORKBOOK["columns"] + 6):
        body = with_sheet(f'<row r="1">{"".join(f"""<c r="{reference(1, n)}"/>""" for n in range(1, count + 1))}</row>')
        if count == WORKBOOK["columns"]:
            assert ours(body) == [("Sheet1", [[None] * count], {})]
        else:
            assert "'BR1' is outside A1 to BL100000" in refusal(body)


@pytest.mark.parametrize("cell", ["<c/>", "<c><v>1</v></c>"])
def test_endless_cells_in_a_row_are_refused(cell):
    assert "more than 64 columns" in refusal(with_sheet(f"<row>{cell * 10_000}</row>"))


def test_endless_rows_are_refused():
    assert "rows" in refusal(with_sheet("<row><c/></row>" * (WORKBOOK["rows"] + 1)))


@pytest.mark.parametrize(
    "content",
    [
        "<v>1<t>2</t>3</v>",
        "<v><c/></v>",
        "<v>1</v><v>2</v>",
        "<v>1<v>2</v></v>",
        "<f>A<t/></f>",
        "<is><t>a<r/>b</t></is>",
    ],
)
def test_a_cell_with_two_values_is_refused(content):
    cell = f'<c r="A1" t="inlineStr">{content}</c>'
    assert re.search(
        "more than one (value, formula or )?text|some text in the workbook contains",
        refusal(with_sheet(f'<row r="1">{cell}</row>')),
    )
    if "<t>" in content:
        assert "contains 'r/t/r'" in refusal(changed(STRINGS, "<si>", "<si><r><t>a<r/>b</t></r></si><si>"))


def test_a_row_within_a_row_is_refused():
    for inner in ("<row/>", '<row r="2"><c/></row>', "<row><c><v>2</v></c></row>"):
        assert "something other than cells in row 1" in refusal(with_sheet(f'<row r="1"><c r="A1">{inner}</c></row>'))


def test_deeply_nested_elements_are_refused():
    assert "not valid XML" in refusal(with_sheet("<a>" * 1_000_000))
    assert "not valid XML" in refusal(with_sheet("<a>" * 1_000_000 + "</a>" * 1_000_000))


def test_a_cell_with_more_text_than_excel_allows_is_refused():
    longest = WORKBOOK["characters in a cell"]
    ((value,),) = rows_of(["x" * longest])
    assert len(value) == longest
    for inline in (False, True):
        assert "32,767 characters in a cell" in refusal(workbook([["x" * (longest + 1)]], inline=inline))
        assert "32,767 characters in a cell" in refusal(workbook([["&" * (longest + 1)]], inline=inline))


def test_a_cell_with_more_rich_text_than_excel_allows_is_refused():
    runs = "<r><t>ten letters</t></r>" * 10_000
    assert "characters in a cell" in refusal(
        with_sheet(f'<row r="1"><c r="A1" t="inlineStr"><is>{runs}</is></c></row>')
    )


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1" x="{}"/>',
        '<row x="{}"/>',
        '<row r="1"><c r="A1" x="{}"/></row>',
        '<row r="1"><c r="A1" t="str"><v>{}</v></c></row>',
        '<row r="1"><c r="A1" t="inlineStr"><is><t>{}</t></is></c></row>',
    ],
)
def test_an_endless_tag_or_text_is_refused(cells):
    endless = "characters in one row, text or tag"
    assert (
        refusal(with_sheet(cells.format("x" * 1_100_000)))
        == f"the workbook is too large: more than 1,048,576 {endless}"
    )
    assert endless in refusal(
        changed(SHEET_RELS, 'Id="rId1"', f'Id="rId1" x="{"x" * 1_100_000}"', links={"G1": ADDRESS})
    )
    assert endless in refusal(changed(STRINGS, "<si>", f"<si><r/>{'<t>xy</t>' * 200_000}"))
    refusal(with_sheet(cells.format("x" * 12_000_000)))


@pytest.mark.parametrize("index", ["7", "-1", "x", "", "1e0", "9" * 4000, "9" * 5000])
def test_a_reference_to_missing_text_is_refused(index):
    body = with_sheet(f'<row r="1"><c r="A1" t="s"><v>{index}</v></c></row>')
    if index:
        refusal(body)
    else:
        assert ours(body) == [("Sheet1", [[None]], {})]


@pytest.mark.parametrize("number", ["x", "1,5", "--1", "0x10", "9" * 5000, "1e", "nan"])
def test_an_invalid_number_is_refused(number):
    assert "where a number belongs" in refusal(with_sheet(f'<row r="1"><c r="A1"><v>{number}</v></c></row>'))


@pytest.mark.parametrize(
    "area", ["A1:XFD1048576", "G1:G1048576", "XFD1", "A1:BL100000", "", "A1:B2:C3", "G", "Sheet1!A1"]
)
def test_a_link_over_an_absurd_area_is_refused(area):
    body = changed(SHEET, 'ref="G1"', f'ref="{area}"', links={"G1": ADDRESS})
    refusal(body)
    assert peak(body) < 4


def test_a_link_whose_area_ends_before_it_begins_covers_nothing():
    assert read_workbook(changed(SHEET, 'ref="G1"', 'ref="G2:G1"', links={"G1": ADDRESS}))[0].links == {}


def test_many_links_over_the_same_area_are_refused():
    body = changed(
        SHEET, "<hyperlink ", '<hyperlink ref="A1:A9000" r:id="rId1"/>' * 12 + "<hyperlink ", links={"G1": ADDRESS}
    )
    assert refusal(body) == "the workbook is too large: more than 100,000 links"
    assert peak(body) < 16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "filling"),
    [
        *((SHEET, filling) for filling in ("<a/>", "<row/>", "<row><c/></row>")),
        *(
            (SHEET, filling)
            for filling in ("<!---->", "<?a?>", "<a b='>'/>", "<![CDATA[<]]>", "<a>" * 99 + "</a>" * 99)
        ),
        *((STRINGS, filling) for filling in ("<si><t>xy</t></si>", "\U0001f600&amp;", "<x:a/>")),
        (STYLES, "<cellXfs><xf/></cellXfs>"),
        (SHEET_RELS, "<Relationship/>"),
    ],
)
def test_the_worst_workbook_within_the_limits_stays_within_time_and_memory(part, filling):
    body = bomb(part, filling, WORKBOOK["bytes when unpacked"] - 40_000, links={"G1": ADDRESS})
    with cpu_budget(300):  # the slowest takes about ten seconds, because memory is traced
        assert peak(body) < 256


@pytest.mark.parametrize("filling", ["<si/>", "<si><t>ab</t></si>"])
def test_more_texts_than_any_list_has_are_refused(filling):
    assert "texts" in refusal(bomb(STRINGS, filling, len(filling) * (WORKBOOK["texts"] + 1)))


def test_more_styles_than_excel_allows_are_refused():
    assert "styles" in refusal(changed(STYLES, "<cellXfs>", "<cellXfs>" + "<xf/>" * (WORKBOOK["styles"] + 1)))
    codes = "".join(f'<numFmt numFmtId="{n}"/>' for n in range(WORKBOOK["styles"] + 1))
    assert "styles" in refusal(changed(STYLES, "</numFmts>", codes + "</numFmts>"))


def test_an_endless_number_format_does_not_take_quadratic_time():
    for code in ("[" * 500_000, '"' * 500_001, "[h" * 250_000, "\\" * 500_000):
        with cpu_budget(60):  # it takes milliseconds
            assert len(rows_of((1,), code=code)) == 1


# ── random damage ────────────────────────────────────────────────────────────────────────────────────────────────────

SMALL = parts(
    [BAKER, (1, 2.5, True, None, clock(8, 15), timedelta(hours=30), "link")],
    header=PARTICIPATING,
    links={"G2:G3": ADDRESS},
)
FLIPS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8)


def _flipped(content, flips):
    damaged = bytearray(content)
    for place, byte in flips:
        damaged[place % len(damaged)] = byte
    return bytes(damaged)


def _read_or_refused(body):
    with suppress(Unreadable):
        for found in read_workbook(body):
            assert len({len(row) for row in found.rows}) <= 1


@settings(max_examples=400, deadline=None)
@given(flips=FLIPS, keep=st.floats(0, 1) | st.just(1.0), stored=st.booleans())
def test_a_damaged_zip_is_read_or_refused_and_never_crashes(flips, keep, stored):
    body = packed(SMALL, compression=zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    _read_or_refused(_flipped(body, flips)[: math.ceil(len(body) * keep)])


@settings(max_examples=400, deadline=None)
@given(flips=FLIPS, part=st.sampled_from(PARTS))
def test_a_damaged_part_is_read_or_refused_and_never_crashes(flips, part):
    _read_or_refused(packed({**SMALL, part: _flipped(SMALL[part].encode(), flips)}, compression=zipfile.ZIP_STORED))


WORDS = [
    "0",
    "-1",
    "1e999",
    "nan",
    "rId1",
    "rId9",
    "A1",
    "XFD1048576",
    "A1:B2",
    "../..",
    "/",
    "",
    " ",
    "s",
    "d",
    "é",
    "9" * 400,
]


@settings(max_examples=400, deadline=None)
@given(
    part=st.sampled_from(PARTS),
    which=st.integers(0, 200),
    word=st.sampled_from(WORDS) | TEXTS.filter(lambda t: '"' not in t),
)
def test_a_part_with_an_absurd_attribute_is_read_or_refused_and_never_crashes(part, which, word):
    pieces = SMALL[part].split('"')
    if len(pieces) > 6:
        pieces[7 + which * 2 % (len(pieces) - 7) | 1 if len(pieces) > 9 else 1] = word
    _read_or_refused(packed({**SMALL, part: '"'.join(pieces)}, compression=zipfile.ZIP_STORED))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(body):
    refusal(body)
    refusal(b"PK\x03\x04" + body)


def _positions(body, needle):
    start = body.find(needle)
    while start >= 0:
        yield start
        start = body.find(needle, start + 1)
