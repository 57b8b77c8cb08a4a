"""Data, pictures to embed and the API: right types, the same bytes everywhere, open to other sites and harmless."""

import asyncio
import csv
import hashlib
import io
import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import jsonschema
import pytest
from lxml import etree
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.samples import NOON, agreement, change, publication, record, signed
from web.pages.test_feeds import body, model_of
from web.pages.test_pages import HOSTILE, INSTALLATION, NOW, Clock, filled, galveston, origin, served

from bot.domain.agreement import ListName, SupportType
from bot.domain.change import Kind
from bot.domain.geography.counties import OTHER_NAME, counties
from bot.domain.geography.states import STATES
from bot.domain.site.history import carried, counts_over_time, course_of
from bot.domain.site.invitations import start_word, watched_words
from bot.domain.site.model import Site
from bot.domain.site.tables import TABLES
from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import model_now
from bot.web.pages.export import RECORD, export
from bot.web.pages.rendering import Installation, png_here, render, render_everything

OF_PAGES = (
    "/states/TX",
    "/counties/tx-galveston-county",
    "/agencies/tx-galveston-county-sheriffs-office",
    "/agreements",
)
PICTURES = (
    "/states/TX/badge.svg",
    "/states/TX/card.svg",
    "/states/TX/card.png",
    "/badge.svg",
    "/card.svg",
    "/card.png",
)
COMPARED = [
    *(f"{path}{tail}" for path in OF_PAGES for tail in (".csv", ".json")), *PICTURES, "/es/card.png", "/feed.atom",
    "/es/feed.json", "/meetings.ics", "/data/countersign.sqlite", "/data/countersign.zip", "/openapi.json",
    "/changes/3.json", "/feed/withdrawn.atom", "/states/TX/feed.json",
]  # fmt: skip


@pytest.fixture
async def store():
    store = await filled(TinyStore.in_memory())
    yield store
    await store.close()


@pytest.fixture
async def model(store):
    return await model_now(origin(store, Clock()))


@pytest.fixture
async def ask(store, unused_tcp_port):
    async with served(store, unused_tcp_port) as client:
        yield client


def rows(model, path, **query):
    return list(csv.DictReader(io.StringIO(body(model, path, **query).decode())))


def items(model, path, **query):
    return json.loads(body(model, path, **query))["items"]


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", OF_PAGES)
def test_each_page_has_its_agreements_as_csv_and_json(model, path):
    found = [row for row in rows(model, f"{path}.csv") if row["agency"] == "Galveston County Sheriff's Office"]
    assert [(r["state"], r["county_fips"], r["signed"], r["row"]) for r in found] == [
        ("TX", "48167", "2026-01-02", "33")
    ]
    assert found[0]["agency_url"] == "https://example.org/agencies/tx-galveston-county-sheriffs-office"
    assert found[0]["first_seen"] == "2026-05-14T12:01:00Z"
    assert found[0]["list_name"] == "participating2.xlsx"
    (item,) = [i for i in items(model, f"{path}.json") if i["agency"] == "Galveston County Sheriff's Office"]
    assert {name: str(item[name]) for name in ("agency_url", "list_sha256", "first_seen")}.items() <= found[0].items()


def test_an_agency_that_left_and_a_county_without_agencies_have_empty_tables(model):
    gone = json.loads(body(model, "/agencies/tx-numero-7-police-department.json"))
    assert (gone["items"], [c["kind"] for c in gone["changes"]]) == ([], ["withdrawn", "listed"])
    assert rows(model, "/counties/tx-harris-county.csv") == []
    assert rows(model, "/states/GU.csv") == []
    for path in ("/states/ZZ.csv", "/counties/tx-nowhere-county.json", "/agencies/nobody.csv", "/changes/99.json"):
        assert render(model, path, {}, INSTALLATION).status == 404, path


@pytest.mark.parametrize("name", ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\tx"])
async def test_a_cell_that_a_spreadsheet_could_run_begins_with_an_apostrophe(name):
    found = await model_of(
        [signed(1, "TX"), change(Kind.SIGNED, agreement(2, "TX", agency=name, canonical="odd name"))]
    )
    for path in ("/agreements.csv", "/changes.csv", "/states/TX.csv"):
        assert f"'{name}" in [row["agency"] for row in rows(found, path)], path
    assert name in [item["agency"] for item in items(found, "/agreements.json")]


async def test_a_new_spelling_keeps_the_day_on_which_the_agreement_was_first_seen():
    renamed = change(
        Kind.RENAMED, agreement(1, "TX", agency="Bell Police", canonical="bell police"), publication(60),
        was=agreement(1, "TX"),
    )  # fmt: skip
    found = await model_of([signed(1, "TX", publication(5))], [renamed])
    assert [r["first_seen"] for r in rows(found, "/agreements.csv")] == ["2026-05-14T12:05:00Z"]


def test_every_column_is_explained_on_the_data_page_and_no_file_has_another(model):
    for prefix in ("", "/es"):
        page = body(model, f"{prefix}/data").decode()
        for table in TABLES:
            assert all(f"<code>{column.name}</code>" in page for column in table.columns)
            header = body(model, f"/{table.name}.csv").decode().partition("\n")[0]
            assert header.split(",") == [column.name for column in table.columns]


async def test_the_parts_of_the_change_log_join_without_a_gap():
    found = await model_of([signed(number, "TX") for number in range(250)])
    seen, path = [], "/changes.json"
    while path:
        part = json.loads(body(found, path))
        seen += [item["seq"] for item in part["items"]]
        path = (part["next"] or "").removeprefix("https://example.org")
    assert seen == list(range(250, 0, -1))
    assert [int(row["seq"]) for row in rows(found, "/changes.csv")] == list(range(1, 251))
    first = json.loads(body(found, "/changes.json", state="TX", kind="signed"))
    assert first["next"] == "https://example.org/changes.json?state=TX&kind=signed&before=151"
    second = json.loads(body(found, "/changes.json", state="TX", kind="signed", before="51"))
    assert ([item["seq"] for item in second["items"]], second["next"]) == (list(range(50, 0, -1)), None)
    assert items(found, "/changes.json", state="FL") == []
    assert render(found, "/changes.json", {"state": "ZZ"}, INSTALLATION).status == 404


def test_the_whole_is_the_same_in_csv_json_and_sqlite(model):
    whole = json.loads(body(model, "/data/countersign.json"))
    archive = zipfile.ZipFile(io.BytesIO(body(model, "/data/countersign.zip")))
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(body(model, "/data/countersign.sqlite"))
        for table in TABLES:
            text = archive.read(f"countersign/{table.name}.csv")
            assert text == body(model, f"/{table.name}.csv")
            (count,) = database.execute(f"SELECT count(*) FROM {table.name}").fetchone()
            assert count == len(whole[table.name]) == len(list(csv.reader(io.StringIO(text.decode())))) - 1
        assert database.execute("SELECT agency FROM agreements WHERE state = 'GA'").fetchone() == (HOSTILE,)
        assert database.execute("SELECT typeof(row), typeof(signed_doubtful) FROM agreements").fetchone() == (
            "integer", "integer",
        )  # fmt: skip


def test_the_same_data_give_the_same_bytes(model):
    for path in ("/data/countersign.sqlite", "/data/countersign.zip", "/card.png", "/feed.atom", "/meetings.ics"):
        assert body(model, path) == body(model, path)


# ── the API ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_description_of_the_api_is_valid_and_true(model):
    described = json.loads(body(model, "/openapi.json"))
    OpenAPIV31SpecValidator(described).validate()
    slugs = {"counties": "tx-galveston-county", "agencies": "tx-galveston-county-sheriffs-office"}
    for pattern, methods in described["paths"].items():
        if "{end}" in pattern:
            continue  # no hundred changes
        slug = slugs.get(pattern.split("/")[1], "")
        path = pattern.replace("{state}", "TX").replace("{slug}", slug).replace("{seq}", "3")
        answer = body(model, path)
        content = methods["get"]["responses"]["200"]["content"]
        if schema := content.get("application/json", {}).get("schema"):
            jsonschema.validate(json.loads(answer), schema | {"components": described["components"]})


@pytest.mark.parametrize(
    "path", ["/agreements.json", "/changes.csv", "/feed.atom", "/states/TX/card.svg", "/openapi.json"]
)
async def test_scripts_of_other_sites_may_read_data_and_pictures_but_no_page(ask, path):
    answer = await ask.get(path)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    again = await ask.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    asked = {"Origin": "https://news.example", "Access-Control-Request-Method": "GET"}
    assert (await ask.options(path, headers=asked)).status_code == 204
    page = await ask.get("/states/TX")
    assert "Access-Control-Allow-Origin" not in page.headers
    assert (await ask.options("/states/TX", headers=asked)).status_code == 405


async def test_data_has_no_language_so_the_spanish_address_leads_to_it(ask):
    answer = await ask.get("/es/states/TX.csv")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/states/TX.csv")


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prefix", ["", "/es"])
@pytest.mark.parametrize("path", PICTURES)
def test_pictures_to_embed_say_what_they_show_and_are_kept_for_a_quarter_of_an_hour(model, path, prefix):
    answer = render(model, prefix + path, {}, INSTALLATION)
    assert answer.headers["Cache-Control"] == "public, max-age=900"
    if path.endswith(".png"):
        assert (answer.body[:8], answer.body[16:24]) == (b"\x89PNG\r\n\x1a\n", b"\x00\x00\x04\xb0\x00\x00\x02v")
        return
    drawing = etree.fromstring(answer.body)
    text = " ".join(drawing.itertext())
    assert ("agreement" if not prefix else "acuerdo") in text
    assert not drawing.xpath("//*[local-name()='script' or @href or @onload]")


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_the_html_to_paste_is_text_in_a_field_and_leads_to_the_page(model, prefix):
    page = body(model, f"{prefix}/states/TX").decode()
    fields = etree.HTML(page).xpath("//textarea[@readonly]")
    assert len(fields) == 2
    for field in fields:
        (link,) = etree.HTML(field.text).xpath("//a")
        (picture,) = link.xpath("img")
        assert link.get("href") == f"https://example.org{prefix}/states/TX"
        path = picture.get("src").removeprefix("https://example.org")
        assert render(model, path, {}, INSTALLATION).headers["Content-Type"] == "image/svg+xml"
        assert picture.get("alt")


async def test_every_page_names_a_card_for_link_previews_that_exists(model):
    for path in ("/", "/states/TX", "/states/VT", "/agencies/tx-galveston-county-sheriffs-office", "/about"):
        page = etree.HTML(body(model, path).decode())
        (address,) = page.xpath("//meta[@property='og:image']/@content")
        assert page.xpath("//meta[@property='og:image:alt']/@content")[0]
        found = render(model, address.removeprefix("https://example.org"), {}, INSTALLATION)
        assert found.headers["Content-Type"] == "image/png"


# ── subscribing ──────────────────────────────────────────────────────────────────────────────────────────────────────


EVERY_WAY = Installation(
    base="https://example.org",
    invitations={"telegram": "https://t.me/{bot}", "slack": "https://example.org/slack/install"},
)


@pytest.mark.parametrize(
    ("path", "start", "command"),
    [
        ("/states/TX", "TX", "watch TX"),
        ("/es/states/GU", "GU", "watch GU"),
        ("/counties/tx-galveston-county", "galveston-county-tx", "watch Galveston County TX"),
        ("/agencies/tx-galveston-county-sheriffs-office", "TX", "watch TX"),
    ],
)
async def test_a_page_offers_the_ways_that_run_here_with_its_place_chosen(store, path, start, command):
    await store.note("bot names", "telegram", "SampleBot")
    page = body(await model_now(origin(store, Clock())), path, EVERY_WAY).decode()
    assert f'href="https://t.me/SampleBot?start={start}"' in page
    assert 'href="https://example.org/slack/install"' in page
    assert f"<code>/countersign {command}</code>" in page
    drawing = page.partition('<svg class="qr"')[2] or page.partition('class="qr"')[2]
    assert drawing
    assert "style=" not in page


async def test_a_page_offers_only_feeds_if_no_chat_runs_here(store, model):
    page = body(model, "/states/TX").decode()
    assert "t.me" not in page
    assert "slack" not in page.lower()
    assert 'href="/states/TX/feed.atom"' in page
    without_name = body(model, "/states/TX", EVERY_WAY).decode()
    assert "t.me" not in without_name


def test_the_words_in_a_link_choose_the_right_county_nearly_everywhere():
    real = [county for state in STATES for county in counties(state) if county.kind != OTHER_NAME]
    by_state = [county for county in real if start_word(county) == county.state]
    assert len(by_state) < 10
    assert all(len(start_word(county)) <= 64 for county in real)
    assert watched_words(next(c for c in real if c.fips == "24510")) == "Baltimore City MD"


# ── counts since February 2025 ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_copy_has_the_course_from_its_first_minute():
    empty = Site()
    course = course_of(empty, "")
    assert (course.points[0][0], sum(course.points[0][1].values())) == (date(2025, 2, 21), 151)
    assert course.until == carried()[-1].day
    page = body(await model_of(), "/").decode()
    assert "course-title" in page


async def test_between_the_counts_we_carry_and_our_first_list_the_chart_has_a_gap():
    later = replace(publication(1), observed_at=NOON + timedelta(days=200))
    found = await model_of([change(Kind.LISTED, agreement(number, "TX"), later) for number in range(3)])
    course = course_of(found.site, "TX")
    assert course.gap == (date(2026, 5, 18), date(2026, 11, 30))
    assert sum(course.points[-1][1].values()) == 3
    assert "p-gap" in body(found, "/states/TX").decode()
    gone = course_of(found.site, "FL")
    assert (sum(gone.points[-2][1].values()) > 100, sum(gone.points[-1][1].values())) == (True, 0)
    last = {(c.state, c.kind): c.agreements for c in counts_over_time(found.site)}
    assert (last["TX", SupportType.TFM], last["FL", SupportType.TFM]) == (3, 0)


async def test_our_own_counts_replace_the_ones_we_carry_from_our_first_list_on(model):
    course = course_of(model.site, "TX")
    assert course.gap is None
    assert [day for day, _ in course.points if day >= date(2026, 5, 14)] == [date(2026, 5, 14)]
    found = list(counts_over_time(model.site))
    assert {count.by for count in found if count.day < date(2026, 5, 14)} == {"archive"}
    assert {count.by for count in found if count.day >= date(2026, 5, 14)} == {"countersign"}
    assert found == sorted(found, key=lambda count: count.day)


# ── export ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def exported(store, folder):
    """Export, and convert only the cards that a test compares, because a hundred of them take seconds."""
    model = await model_now(origin(store, Clock()))
    cards = [path for path in COMPARED if path.endswith(".png")]
    drawings = {render(model, path, {}, INSTALLATION, to_png=str.encode).body for path in cards}

    def converted(svg):
        return png_here(svg) if svg.encode() in drawings else svg.encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.web.pages.export.png_here", converted)
        return await export(model, store, INSTALLATION, folder)


@pytest.fixture(scope="module")
def first_export(tmp_path_factory):
    """Export once, because all pages take a while; tests begin with copies of it."""
    folder = tmp_path_factory.mktemp("export")

    async def run():
        store = await filled(TinyStore.in_memory())
        done = await exported(store, folder)
        await store.close()
        return done

    done = asyncio.run(run())
    assert done.written == len(done.files)
    return folder


@pytest.fixture
def folder(first_export, tmp_path):
    return Path(shutil.copytree(first_export, tmp_path / "pages"))


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
async def test_an_export_after_one_change_writes_only_what_changed(store, folder):
    before = snapshot(folder)
    again = await exported(store, folder)
    assert (again.written, again.removed, snapshot(folder)) == (0, 0, before)
    known = await store.known()
    shown = known.seen[ListName.PARTICIPATING]
    moved = change(Kind.AMENDED, galveston(moa="https://www.ice.gov/new.pdf"), shown, was=galveston())
    await store.record(record(known, [moved], at=NOW))
    second = await exported(store, folder)
    after = snapshot(folder)
    changed = {path for path in after if after[path] != before.get(path)}
    assert second.written == len(changed) - 1  # the record of the export isn't counted
    assert {"agencies/tx-galveston-county-sheriffs-office.json", "changes/6/index.html"} <= {str(p) for p in changed}
    assert not [path for path in changed if "agencies/ga-" in str(path) and path.name != "index.html"]


async def test_an_export_removes_what_it_wrote_and_nothing_else(store, folder):
    ours, theirs, edited = (folder / name for name in ("old/index.html", "CNAME", "edited.txt"))
    for path in (ours, theirs, edited):
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    outside = folder.parent / "outside.txt"
    outside.write_text("old")
    written = json.loads((folder / RECORD).read_text())
    digest = hashlib.sha256(b"old").hexdigest()
    written["files"] |= {"old/index.html": digest, "edited.txt": "0" * 64, "../outside.txt": digest}
    (folder / RECORD).write_text(json.dumps(written))
    done = await exported(store, folder)
    assert done.removed == 1
    assert (ours.parent.exists(), theirs.exists(), edited.exists(), outside.exists()) == (False, True, True, True)


@pytest.mark.parametrize("record_of", ["", "[]", "{", '{"version": "0"}', '{"version": 1, "files": [1], "drawn": {}}'])
@pytest.mark.slow
async def test_a_record_that_cannot_be_read_removes_nothing(store, folder, record_of):
    (folder / RECORD).write_text(record_of)
    done = await exported(store, folder)
    assert (done.written, done.removed) == (0, 0)


async def test_what_is_exported_is_what_is_served(store, model, ask, folder):
    for path in COMPARED:
        assert (folder / path.strip("/")).read_bytes() == (await ask.get(path)).content, path
    everything = {path for path, _ in render_everything(model, INSTALLATION, str.encode)}
    assert set(COMPARED) <= everything
