"""Read mutated workbooks and compare each with what openpyxl reads from the same bytes.

    python benchmarks/fuzz_workbooks.py [--count 200000] [--seed 1] [--processes 2] [--show 20] [--keep FILE.xlsx]

Every workbook has its own seed: the first has --seed, the next has one more. A small list is made from the seed (or cut
from a list of the archive beside the project), then damaged in one to four places: cells, styles, formulas, texts, sheets,
links, relations, namespaces, encodings, tags, bytes. Only our own errors may come out. A workbook that is accepted must
have the cells and links that openpyxl reads; a workbook with a stray cell isn't accepted, because it holds the list.
A difference is printed with its seed. `--seed N --count 1` runs that one alone, and --keep saves the last workbook.

These differences from openpyxl are wanted; `bot/sources/formats/workbook.py` says why: a date that isn't in the calendar
stays a number, ISO's strict form is read like any other, a cell with only a link stays empty, a merged cell keeps its values, a formula gives its saved result, and
a link to a part of the workbook is none. Workbooks that openpyxl can't open are counted apart.
"""

import argparse
import io
import random
import re
import sys
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import openpyxl
from openpyxl.worksheet._reader import WorksheetReader

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.workbooks import PARTICIPATING, PENDING, SHEET, parts, reference, several  # noqa: E402

from bot.domain.agreement import ListName  # noqa: E402
from bot.domain.document import Document, digest  # noqa: E402
from bot.errors import CountersignError, Unreadable  # noqa: E402
from bot.sources.formats.workbook import Sheet, read_workbook  # noqa: E402
from bot.sources.ice import Ice  # noqa: E402

ARCHIVE = ROOT.parent / "shared" / "ice-archive"
FROM_ARCHIVE = 0.1  # of all workbooks, if there is an archive; these take longer
NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)
BATCH = 500

Dice = random.Random
Parts = dict[str, str | bytes]
Cells = dict[tuple[int, int], object]


# ── workbooks ────────────────────────────────────────────────────────────────────────────────────────────────────────

COUNTIES = ("Anderson", "Bell", "De Soto", "Dona Ana", "Miami-Dade", "Saint Clair", "Wise", "Zapata")
NAMES = ("County Sheriff's Office", "County Sheriff\u2019s Office", "Police Department", "County Constable Precinct 2")
STATES = ("TEXAS", "FLORIDA ", "Georgia", "OKLAHOMA", "Texsa", None, "#N/A")
SUPPORT = ("Task Force Model", "Warrant Service Officer", "Jail Enforcement Model", None)
MOAS = ("link", "link pending", "link\xa0|\xa0addendum", "https://www.ice.gov/doclib/287gMOA/a.pdf", None)
ADDRESSES = ("https://www.ice.gov/doclib/287gMOA/a.pdf", "https://x.gov/?a=1&b='2'", "mailto:a@b.gov", "#Sheet1!A1")


def made(dice: Dice) -> Parts:
    """Return the parts of a small list, written in one of the forms that programs write."""
    header = PARTICIPATING if dice.random() < 0.8 else PENDING
    rows = [row(dice)[: len(header)] for _ in range(dice.randint(1, 5))]
    if dice.random() < 0.25:
        tables = [[header, *rows], *([row(dice) for _ in range(2)] for _ in range(dice.randint(1, 2)))]
        states = ["visible", *dice.choices(("visible", "hidden", "veryHidden"), k=len(tables) - 1)]
        return unpacked(several(*tables, states=states))
    places = [dice.choice(("G2", "G3", "H2", "G2:H3", "A9", "B1")) for _ in range(dice.randint(0, 3))]
    return dict(
        parts(
            rows,
            header=header,
            links={place: dice.choice(ADDRESSES) for place in places},
            inline=dice.random() < 0.3,
            date1904=dice.random() < 0.15,
            prefix=dice.choice(("", "", "", "x:", "ss:")),
            strict=dice.random() < 0.15,
            code=dice.choice(CODES),
        )
    )


def row(dice: Dice) -> tuple[object, ...]:
    county = dice.choice(COUNTIES)
    day = date(2025, 3, 1) + timedelta(days=dice.randrange(600))
    signed = dice.choice((day, day, datetime(day.year, day.month, day.day, 12, 30), f"{day:%m/%d/%Y}", None))  # noqa: DTZ001
    name, kind = f"{county} {dice.choice(NAMES)}", dice.choice(("County", "Municipality"))
    where, support, moa = f"{county} County", dice.choice(SUPPORT), dice.choice(MOAS)
    return dice.choice(STATES), name, kind, where, support, signed, moa, dice.choice((None, None, "addendum"))


@lru_cache(maxsize=16)
def unpacked_file(path: Path) -> Parts:
    return unpacked(path.read_bytes())


def unpacked(body: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    return {name: text.decode() if name.endswith((".xml", ".rels")) else text for name, text in found.items()}


@lru_cache(maxsize=1)
def archive() -> tuple[Path, ...]:
    found = sorted((ARCHIVE / "pending").glob("*.xlsx")) + sorted((ARCHIVE / "participating").glob("*.xlsx"))
    return tuple(found[:: max(1, len(found) // 12)])


def cut(dice: Dice) -> Parts:
    """Return a list of the archive with only its first rows, so that it is read quickly."""
    found = dict(unpacked_file(dice.choice(archive())))
    head, data, rest = str(found[SHEET]).partition("<sheetData>")
    rows, _, rest = rest.partition("</sheetData>")
    last = dice.randint(2, 5)
    first = re.findall(r"<row.*?</row>", rows, re.DOTALL)[:last]
    rest = re.sub(
        r'<hyperlink (?=[^>]*ref="[A-Z]+(\d+)[":])[^>]*/>', lambda link: link[0] if int(link[1]) <= last else "", rest
    )
    found[SHEET] = f"{head}{data}{''.join(first)}</sheetData>{rest}"
    return found


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────

CODES = (
    "yyyy-mm-dd",
    "General",
    "m/d/yyyy;@",
    "[h]:mm",
    '"day "0',
    "0;yyyy",
    "[$-409]mmmm d, yyyy",
    "[Red]0",
    "@",
    "\\d0",
    "",
)
KINDS = ("s", "str", "inlineStr", "b", "e", "n", "d", "", "S", "x", "number")
WORDS = (
    *("0", "1", "2", "-1", "00", " 1 ", "+1", "1.0", "1.", ".5", "1e3", "1E400", "-0.0", "1_0", "\u0663", "0x1f"),
    *(
        "99999999999999999999",
        "45717",
        "45717.75",
        "2958465",
        "2958466",
        "59",
        "60",
        "61",
        "-45717",
        "4e9",
        "nan",
        "inf",
    ),
    *("Infinity", "true", "TRUE", "false", "yes", "#N/A", "#REF!", "#NAME?", "2025-03-01", "2025-03-01T12:30:00Z"),
    *("2025-02-30", "12:30:00", "24:00", "P1D", "2025-W09-6", "20250301", "Wise County", " a  b ", "a\nb", "a\r\nb"),
    *("&amp;", "&#10;", "&#x41;", "_x000D_", "_x005F_x0041_", "&lt;c&gt;", "<![CDATA[<c>]]>", "a<!-- x -->b", "\u00e9"),
    *(
        "",
        " ",
        "\u200b",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "=1+1",
        "x" * 40_000,
        "]]&gt;",
    ),
)
FORMULAS = (
    *("1+1", "VLOOKUP(B2,Raw!A:B,2)", 'HYPERLINK("https://a.gov/x.pdf","link")', 'HYPERLINK("#A1","link")', ""),
    *('HYPERLINK(CONCATENATE("https://a.gov/",A1))', 'hyperlink( "https://a.gov/""q""" )', 'A1&amp;"x"', "#REF!"),
    *('=HYPERLINK("https://a.gov/x.pdf")', "SUM(A1:A3)", "a<!-- x -->b"),
)
PLACES = (
    *("A1", "B2", "C3", "G2", "H2", "B2", "I9", "BL3", "BM3", "XFD3", "XFD1048576", "A100000", "A100001", "A99000"),
    *(
        "a2",
        "$A$1",
        "A01",
        "A0",
        "A",
        "2",
        "",
        "AAAA1",
        "A1:B2",
        " A2",
        "A1048577",
        "G2:G3",
        "G3:G2",
        "G2 G3",
        "A:A",
        "2:2",
    ),
)
TAGS = (
    *(
        "c",
        "row",
        "v",
        "f",
        "t",
        "is",
        "si",
        "r",
        "sst",
        "sheetData",
        "sheet",
        "sheets",
        "xf",
        "cellXfs",
        "numFmt",
        "hyperlink",
    ),
    *(
        "hyperlinks",
        "mergeCell",
        "rPh",
        "workbookPr",
        "Relationship",
        "extLst",
        "cellStyleXfs",
        "phoneticPr",
        "worksheet",
    ),
)
INSIDE = (
    *(
        "<!-- <v>9</v> -->",
        "<?x y?>",
        "<![CDATA[9]]>",
        " ",
        "\n",
        "9",
        "<v>9</v>",
        "<t>9</t>",
        "<f>A1</f>",
        '<c r="D2"><v>9</v></c>',
    ),
    *(
        "<is><t>9</t></is>",
        '<row r="2"><c><v>9</v></c></row>',
        "<row/>",
        "<c/>",
        "<si/>",
        "<si><t>9</t></si>",
        "<extLst/>",
    ),
    *(
        '<rPh sb="0" eb="1"><t>nine</t></rPh>',
        "<r><t>9</t></r>",
        "<r><rPr><b/></rPr><t> 9 </t></r>",
        "<x/>",
        "&#0;",
        "&x;",
        "&",
        "<",
    ),
    *(
        '<y:c xmlns:y="urn:y" r="D2"><y:v>9</y:v></y:c>',
        '<c xmlns="urn:y" r="D2"><v>9</v></c>',
        '<v xmlns="urn:y">9</v>',
    ),
    *(
        '<t xmlns="urn:y">9</t>',
        '<row xmlns="urn:y" r="2"><c><v>9</v></c></row>',
        "<mergeCells><mergeCell ref='A1:B2'/></mergeCells>",
    ),
    *(
        '<mc:AlternateContent xmlns:mc="urn:mc"><mc:Choice><c r="D2"><v>9</v></c></mc:Choice></mc:AlternateContent>',
        "<sheetData/>",
    ),
    *(
        '<extLst><ext uri="x"><c r="D2"><v>9</v></c></ext></extLst>',
        "<phoneticPr fontId='1'/>",
        "<t/>",
        "<v/>",
        "<f/>",
        "<is/>",
    ),
    *(
        '<hyperlink ref="B2" r:id="rId1"/>',
        '<hyperlink ref="B2" location="A1"/>',
        '<hyperlinks><hyperlink ref="B2" r:id="rId1"/></hyperlinks>',
    ),
)
ATTRIBUTES = (
    *(
        'r="B2"',
        'r="2"',
        't="s"',
        't="str"',
        's="1"',
        's="99"',
        's="-1"',
        's=" 1"',
        's="x"',
        'x="&gt;"',
        "y='<'",
        'xml:space="preserve"',
    ),
    *(
        'xmlns="urn:y"',
        'xmlns:z="urn:z" z:r="D2"',
        'TargetMode="External"',
        'TargetMode="Internal"',
        'state="hidden"',
        'hidden="1"',
    ),
    *(
        'spans="1:8"',
        'ht="15"',
        'numFmtId="14"',
        'applyNumberFormat="0"',
        'cm="1"',
        'location="A1"',
        'display="x"',
        'date1904="1"',
    ),
    *('xmlns:y="urn:y" y:id="rId1"', 'ref="B2"', 'count="1"', 'si="0"'),
)


def choice_of(found: list[re.Match[str]], dice: Dice) -> re.Match[str] | None:
    return dice.choice(found) if found else None


def any_part(found: Parts, dice: Dice) -> str:
    names = [name for name, text in found.items() if isinstance(text, str)]
    sheets = [name for name in names if "/worksheets/sheet" in name]
    return dice.choice(sheets if sheets and dice.random() < 0.6 else names)


def tags_in(text: str, *names: str) -> list[re.Match[str]]:
    """Return the opening tags with these names, with any prefix."""
    return list(re.finditer(rf"<((?:\w+:)?(?:{'|'.join(names)}))(?=[\s/>])([^<>]*?)(/?)>", text))


def some_tag(found: Parts, dice: Dice) -> tuple[str, str, re.Match[str]] | None:
    part = any_part(found, dice)
    text = str(found[part])
    tag = choice_of(tags_in(text, dice.choice(TAGS)) or tags_in(text, *TAGS), dice)
    return (part, text, tag) if tag else None


def cell_value(found: Parts, dice: Dice) -> None:
    """Write another cell in the place of one, or after it."""
    part = any_part(found, dice)
    text = str(found[part])
    prefix = "" if "<c " in text else "x:" if "<x:c" in text else "ss:"
    place = choice_of(list(re.finditer(rf'<{prefix}c r="(\w+)".*?(?:</{prefix}c>|(?<=/)>)', text)), dice)
    if place is not None:
        where = place[1] if dice.random() < 0.8 else dice.choice(PLACES)
        cell = (
            re.sub(r"<(/?)(?=[\w])", rf"<\1{prefix}", written_cell(where, dice))
            if prefix
            else written_cell(where, dice)
        )
        start = place.start() if dice.random() < 0.8 else place.end()
        found[part] = text[:start] + cell + text[place.end() :]


def written_cell(place: str, dice: Dice) -> str:
    kind = dice.choice((*KINDS, None, None))
    attributes = [f'r="{place}"'] if dice.random() < 0.85 else []
    attributes += [f't="{kind}"'] if kind is not None else []
    attributes += [f's="{dice.choice(("0", "1", "2", "3", "4", "5", "6", "01", "1"))}"'] if dice.random() < 0.4 else []
    dice.shuffle(attributes)
    inside = [f"<v>{dice.choice(WORDS)}</v>"] if dice.random() < 0.75 else []
    if dice.random() < 0.3:
        options = ("", "", ' t="shared" si="0"', ' t="shared" ref="A1:B2" si="0"', ' t="array" ref="A1"')
        inside.append(f"<f{dice.choice(options)}>{dice.choice(FORMULAS)}</f>")
    if kind == "inlineStr" or dice.random() < 0.1:
        runs = (
            "<t>{}</t>",
            "<r><t>{}</t></r><r><t>{}</t></r>",
            "<t>{}</t><rPh sb='0' eb='1'><t>x</t></rPh>",
            "<t/>",
            "",
        )
        inside.append(f"<is>{dice.choice(runs).replace('{}', dice.choice(WORDS))}</is>")
    dice.shuffle(inside)
    return f"<c{''.join(f' {a}' for a in attributes)}>{''.join(inside)}</c>"


def other_attribute(found: Parts, dice: Dice) -> None:
    """Drop, double, empty, replace or add an attribute."""
    if not (chosen := some_tag(found, dice)):
        return
    part, text, tag = chosen
    values = list(re.finditer(r"""\s([\w:]+)=(?:"([^"]*)"|'([^']*)')""", tag[2]))
    one = choice_of(values, dice)
    if one is None or dice.random() < 0.3:
        changed = f"{tag[2]} {dice.choice(ATTRIBUTES)}"
    else:
        pool = (*PLACES, *WORDS[:40], *KINDS, "rId1", "rId2", "rId9", "styles.xml", "worksheets/sheet1.xml")
        other = dice.choice(
            ("", f"{one[0]}{one[0]}", *4 * (f' {one[1]}="{dice.choice(pool)}"',), one[0].lower(), one[0].upper())
        )
        changed = tag[2][: one.start()] + other + tag[2][one.end() :]
    found[part] = f"{text[: tag.start()]}<{tag[1]}{changed}{tag[3]}>{text[tag.end() :]}"


def put_inside(found: Parts, dice: Dice) -> None:
    """Put something after an opening tag, before it, or before its closing tag."""
    if not (chosen := some_tag(found, dice)):
        return
    part, text, tag = chosen
    end = text.find(f"</{tag[1]}>", tag.end())
    at = dice.choice((tag.end(), tag.start(), end if end > 0 and not tag[3] else tag.end()))
    found[part] = text[:at] + dice.choice(INSIDE) + text[at:]


def whole_element(found: Parts, dice: Dice) -> None:
    """Drop an element, double it, move it, rename it or wrap it."""
    if not (chosen := some_tag(found, dice)):
        return
    part, text, tag = chosen
    end = tag.end() if tag[3] else text.find(f"</{tag[1]}>", tag.end()) + len(tag[1]) + 3
    element = text[tag.start() : end]
    name = dice.choice(TAGS)
    wrappers = (
        f"<{name}>{element}</{name}>",
        f'<y:y xmlns:y="urn:y">{element}</y:y>',
        f'<y xmlns="urn:y">{element}</y>',
    )
    renamed = re.sub(rf"(?<=<){tag[1]}|(?<=</){tag[1]}(?=>$)", name, element)
    other = dice.choice(
        ("", element * 2, element * 2, renamed, *wrappers, f"<!--{element}-->", f"<![CDATA[{element}]]>")
    )
    if dice.random() < 0.2 and (second := choice_of(tags_in(text[end:], tag[1].rpartition(":")[2]), dice)):
        cut = end + second.start()
        found[part] = text[: tag.start()] + text[end:cut] + element + text[cut:]
    else:
        found[part] = text[: tag.start()] + other + text[end:]


def namespace(found: Parts, dice: Dice) -> None:
    """Change a namespace, a prefix, or the case of a tag."""
    part = any_part(found, dice)
    text = str(found[part])
    one = choice_of(list(re.finditer(r'xmlns(?::(\w+))?="([^"]*)"', text)), dice)
    if one is None:
        return
    name = f"xmlns:{one[1]}" if one[1] else "xmlns"
    uris = (
        "urn:y",
        "",
        one[2].replace("schemas.openxmlformats.org", "purl.oclc.org/ooxml"),
        one[2].upper(),
        f"{one[2]}/",
    )
    swaps = (f'{name}="{dice.choice(uris)}"', f'xmlns:q="{one[2]}"', f'{one[0]} xmlns:q="{one[2]}"')
    found[part] = text[: one.start()] + dice.choice(swaps) + text[one.end() :]


def encoding(found: Parts, dice: Dice) -> None:
    """Write a part in another encoding than it says, or say another than it is written in."""
    part = any_part(found, dice)
    text = str(found[part])
    names = (
        "UTF-8",
        "utf8",
        "UTF-16",
        "utf-16-le",
        "us-ascii",
        "iso-8859-1",
        "windows-1252",
        "latin1",
        "utf-7",
        "cp037",
        "x",
    )
    said, used = (
        dice.choice(names),
        dice.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")),
    )
    text = text.replace('encoding="UTF-8"', f'encoding="{said}"') if dice.random() < 0.8 else text.partition("?>")[2]
    found[part] = text.encode(used, "xmlcharrefreplace" if "utf" not in used else "strict")


def part_itself(found: Parts, dice: Dice) -> None:
    """Drop a part, rename it, swap it with another or cut it off."""
    part, other = any_part(found, dice), any_part(found, dice)
    text = str(found[part])
    match dice.randrange(6):
        case 0:
            del found[part]
        case 1:
            found[dice.choice((part.upper(), part.replace("/", "\\"), f"/{part}", f"x{part}"))] = found.pop(part)
        case 2:
            found[part], found[other] = found[other], found[part]
        case 3:
            found[part] = text[: dice.randrange(len(text) + 1)]
        case 4:
            found[part] = text.replace("><", dice.choice((">\n  <", "> <", "><!-- x --><")))
        case 5:
            found[part] = text.replace('"', "'")


def letters(found: Parts, dice: Dice) -> None:
    """Change a few letters anywhere in a part."""
    part = any_part(found, dice)
    text = str(found[part])
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text) + 1)
        text = (
            text[:at]
            + dice.choice(("", "<", ">", "/", '"', "'", "&", " ", "0", "1", "9", "c", "r", "=", ":"))
            + text[at + dice.randint(0, 2) :]
        )
    found[part] = text


def merged(found: Parts, dice: Dice) -> None:
    part = any_part(found, dice)
    place = dice.choice(("A1:B1", "B2:B3", "F2:G2", "A1:H1", "B2", "A1:XFD1"))
    text = str(found[part])
    prefix = "x:" if "<x:" in text else "ss:" if "<ss:" in text else ""
    found[part] = re.sub(
        "(</(?:\\w+:)?sheetData>)",
        rf'\1<{prefix}mergeCells><{prefix}mergeCell ref="{place}"/></{prefix}mergeCells>',
        text,
    )


DAMAGE: tuple[tuple[Callable[[Parts, Dice], None], int], ...] = (
    *((cell_value, 8), (other_attribute, 6), (put_inside, 5), (whole_element, 4), (namespace, 1)),
    *((encoding, 1), (part_itself, 1), (letters, 1), (merged, 1)),
)


def damaged(found: Parts, dice: Dice) -> bytes:
    for _ in range(dice.randint(1, 4)):
        ((harm, _),) = dice.choices(DAMAGE, [weight for _, weight in DAMAGE])
        texts = [text for text in found.values() if isinstance(text, str)]
        if texts:
            harm(found, dice)
    return zipped(found, dice)


def zipped(found: Parts, dice: Dice) -> bytes:
    """Return the zip of these parts; a few have their bytes damaged too."""
    body = io.BytesIO()
    method = zipfile.ZIP_STORED if dice.random() < 0.3 else zipfile.ZIP_DEFLATED
    with warnings.catch_warnings(), zipfile.ZipFile(body, "w", method) as target:
        warnings.simplefilter("ignore")
        for name, text in found.items():
            target.writestr(name, text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
        if dice.random() < 0.02:
            target.writestr(dice.choice([*found, "x"]), "<x/>")
    whole = bytearray(body.getvalue())
    if dice.random() < 0.05:
        for _ in range(dice.randint(1, 4)):
            whole[dice.randrange(len(whole))] = dice.randrange(256)
    return bytes(whole[: dice.randrange(len(whole))] if dice.random() < 0.01 else whole)


def workbook_of(seed: int) -> bytes:
    """Return the mutated workbook that belongs to a seed."""
    dice = random.Random(seed)
    return damaged(cut(dice) if dice.random() < FROM_ARCHIVE and archive() else made(dice), dice)


# ── the comparison ───────────────────────────────────────────────────────────────────────────────────────────────────


class Result(NamedTuple):
    """The outcome for one workbook. `difference` tells what is wrong, if anything."""

    outcome: str
    difference: str = ""


def tried(body: bytes) -> Result:
    """Read one workbook, and compare what we read with openpyxl."""
    try:
        sheets = read_workbook(body)
        parse(body)
    except Unreadable:
        return Result("refused")
    except Exception:  # noqa: BLE001 - any other error is what we look for
        return Result("broke", traceback.format_exc(limit=-3).strip())
    if any(sheet.strays for sheet in sheets):
        return Result("held: a stray cell")
    try:
        formulas, results = loaded(body, data_only=False), loaded(body, data_only=True)
    except Exception as error:  # noqa: BLE001 - openpyxl raises anything
        return Result("openpyxl can't open it", f"{type(error).__name__}: {str(error)[:200]}".partition("\n")[0])
    found = difference(sheets, formulas, results)
    return Result("differs", found) if found else Result("the same")


def parse(body: bytes) -> None:
    """Parse the workbook as each of ICE's lists."""
    document = Document(address="x", name="x", body=body, sha256=digest(body), headers={}, fetched_at=NOW)
    for name in ListName:
        try:
            Ice("https://x").parse(document, name)
        except CountersignError:
            continue


def keep_merged(_: WorksheetReader) -> None:
    """Leave the values and links under merged cells, as we do."""


STRICT = {
    "http://purl.oclc.org/ooxml/spreadsheetml/main": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/officeDocument": "http://schemas.openxmlformats.org/officeDocument/2006",
}


ODD_NAMES = {name.lower(): name for name in ("[Content_Types].xml", "xl/sharedStrings.xml")}


def is_known(name: str) -> bool:
    return "\\" not in name and (name == name.lower() or name in ODD_NAMES.values() or not name.isupper())


def in_known_form(body: bytes) -> bytes:
    """Return the workbook with the namespaces, slashes and small letters that openpyxl knows."""
    with zipfile.ZipFile(io.BytesIO(body)) as source:
        found = {name: source.read(name) for name in source.namelist()}
    names = {name: name.replace("\\", "/").lower() for name in found}
    if not any(b"purl.oclc.org" in text.replace(b"\0", b"") for text in found.values()) and all(map(is_known, found)):
        return body
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as target:
        for name, text in found.items():
            for (strict, known), encoding in product(STRICT.items(), ("utf-8", "utf-16-le", "utf-16-be")):
                text = text.replace(strict.encode(encoding), known.encode(encoding))  # noqa: PLW2901 - step by step
            target.writestr(ODD_NAMES.get(names[name], names[name]), text)
    return changed.getvalue()


def keep_values(reader: WorksheetReader) -> None:
    """Bind the links, but leave empty cells empty, as we do."""
    before = {place: (cell._value, cell.data_type) for place, cell in reader.ws._cells.items()}
    BIND_LINKS(reader)
    for place, cell in reader.ws._cells.items():
        cell._value, cell.data_type = before.get(place, (None, "n"))


BIND_LINKS = WorksheetReader.bind_hyperlinks


def loaded(body: bytes, *, data_only: bool) -> list[openpyxl.worksheet.worksheet.Worksheet]:
    WorksheetReader.bind_merged_cells, WorksheetReader.bind_hyperlinks = keep_merged, keep_values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(in_known_form(body)), data_only=data_only)
    return [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]


def difference(sheets, formulas, results) -> str:
    titles, theirs = [sheet.title for sheet in sheets], [sheet.title for sheet in formulas]
    if titles != theirs:
        return f"sheets {titles} are {theirs} in openpyxl"
    for mine, formula, result in zip(sheets, formulas, results, strict=True):
        if found := sheet_difference(mine, formula, result):
            return f"{mine.title}: {found}"
    return ""


def sheet_difference(mine: Sheet, formulas, results) -> str:
    ours = {
        (number, column): value
        for number, cells in enumerate(mine.rows, start=1)
        for column, value in enumerate(cells, start=1)
        if value is not None
    }
    for place in sorted(ours.keys() | formulas._cells.keys()):
        formula, result = formulas._cells.get(place), results._cells.get(place)
        if not is_same(ours.get(place), formula, result):
            values = [cell.value if cell is not None else None for cell in (formula, result)]
            return f"{reference(*place)} is {ours.get(place)!r:.100}, in openpyxl {values!r:.100}"
        target = outside(formulas, formula)
        text = str(getattr(formula.value, "text", formula.value)) if formula is not None else ""
        link = mine.links.get(place)
        if link != target and not ("HYPERLINK" in text.upper() and (link or "").replace('"', '""') in text):
            return f"the link at {reference(*place)} is {link!r}, in openpyxl {target!r}"
    beyond = mine.links.keys() - ours.keys() - formulas._cells.keys()
    return f"openpyxl has no link at {beyond}" if beyond else ""


def is_same(mine: object, formula, result) -> bool:
    if formula is None:
        return mine is None
    value = formula.value
    if formula.data_type == "f":
        value = result.value
        if value is None:
            return mine in (None, "") or isinstance(mine, str)
        formula = result
    if isinstance(value, datetime | timedelta) and isinstance(mine, int | float) and mine < 0:
        return True
    if value == "#VALUE!" and formula.data_type == "e" and type(mine) in (int, float):
        return True
    return type(mine) is type(value) and mine == value


def outside(sheet, cell) -> str | None:
    """Return the target of a cell's link, unless it is a part of the workbook."""
    link = cell.hyperlink if cell is not None else None
    if link is None or not link.id:
        return None
    return link.target if sheet._rels.get(link.id).TargetMode == "External" else None


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def run(seeds: range) -> list[tuple[int, Result]]:
    return [(seed, tried(workbook_of(seed))) for seed in seeds]


def main() -> int:
    options = parsed()
    last = options.seed + options.count
    batches = [range(start, min(start + BATCH, last)) for start in range(options.seed, last, BATCH)]
    outcomes, refused, shown = Counter[str](), Counter[str](), 0
    if options.keep:
        options.keep.write_bytes(workbook_of(last - 1))
    with ProcessPoolExecutor(options.processes) as pool:
        for found in pool.map(run, batches):
            for seed, result in found:
                outcomes[result.outcome] += 1
                if result.outcome == "openpyxl can't open it":
                    refused[re.sub(r"[\d'\"].*", "", result.difference)] += 1
                elif result.difference and shown < options.show:
                    shown += 1
                    print(f"seed {seed} {result.outcome}: {result.difference}", flush=True)
    print(", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common()))
    for reason, count in refused.most_common(options.show):
        print(f"  openpyxl: {count:,} {reason}")
    return 1 if outcomes["differs"] or outcomes["broke"] else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", type=int, default=20)
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
