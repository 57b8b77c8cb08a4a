"""An export renders only what changed, and still writes what an export into an empty folder would."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.samples import agreement, change, publication, record, spoken
from web.pages.test_pages import INSTALLATION, NOW, Clock, filled, galveston, origin

from bot.domain.agreement import ListName, SupportType
from bot.domain.change import Kind
from bot.domain.source_status import MOVED_TO
from bot.pipeline.captures import CAPTURES
from bot.store.tiny.store import TinyStore
from bot.web.pages import export as exporting
from bot.web.pages import fingerprints
from bot.web.pages.cache import model_now
from bot.web.pages.export import RECORD, export, file_of
from bot.web.pages.rendering import missing_page, render_everything

COUNTY = agreement(
    3, "OK", agency="Tulsa County Sheriff's Office", canonical="tulsa county sheriff office", county="Tulsa County"
)


def as_it_is(svg):
    """Stand in for the conversion to PNG, which takes a tenth of a second: the same drawing gives the same bytes."""
    return svg.encode()


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr(exporting, "png_here", as_it_is)


def steps(known):
    """Yield what can happen between two exports, with the changes that are recorded then."""
    shown = known.seen[ListName.PARTICIPATING]
    newer = replace(publication(9), observed_at=NOW + timedelta(days=1))
    moved = replace(galveston(), agency="Galveston Co. Sheriff", canonical="galveston co sheriff")
    away = replace(COUNTY, state="KS", county="")
    yield "an agency joins in a new county", [change(Kind.SIGNED, COUNTY, newer)]
    yield (
        "a document is posted, on the same list",
        [change(Kind.AMENDED, galveston(moa="https://www.ice.gov/new.pdf"), shown, was=galveston())],
    )
    yield "an agency is renamed", [change(Kind.RENAMED, moved, newer, was=galveston(moa="https://www.ice.gov/new.pdf"))]
    yield "an agency moves to another state", [change(Kind.CORRECTED, away, newer, was=COUNTY)]
    yield (
        "an agency gets another type",
        [
            change(Kind.SIGNED, replace(away, support_type=SupportType.JEM), newer),
            change(Kind.WITHDRAWN, away, newer, before=shown),
        ],
    )
    yield "an application is pending", [change(Kind.APPLIED, agreement(20, "VT"), newer, ListName.PENDING)]
    yield "a meeting is announced", [spoken(state="TX", county="Galveston", item="next")]
    yield (
        "a report is retracted",
        [
            replace(
                change(Kind.RETRACTED, agreement(7, "TX"), shown), retracts=4, retracted=Kind.WITHDRAWN, because="no"
            )
        ],
    )


async def other_steps(store, clock):
    """Do what can happen without a change in the log. Yield after each step."""
    shown = (await store.known()).seen[ListName.PARTICIPATING]
    status = await store.source_status("ice")
    await store.remember(replace(status, read_at=NOW + timedelta(minutes=5), facts={MOVED_TO: "https://www.ice.gov/x"}))
    yield "the list is read again, from another address"
    await store.note(CAPTURES, shown.evidence, "https://web.archive.org/web/1/list")
    yield "the last list is captured"
    await store.note(CAPTURES, publication(1).evidence, "https://web.archive.org/web/1/first")
    yield "an old list is captured"
    await store.note("bot names", "telegram", "countersign_bot")
    yield "a bot begins to listen"
    clock.now = NOW + timedelta(days=40)
    yield "a month passes, and the list is old"


async def compared(store, clock, folder):
    """Export, and compare with everything rendered anew. Return the export."""
    model = await model_now(origin(store, clock))
    done = await export(model, store, INSTALLATION, folder)
    here = replace(INSTALLATION, has_forms=False)
    expected = {file_of(path): found.body for path, found in render_everything(model, here, as_it_is)}
    expected["404.html"] = missing_page(model, here).body
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    found = {path: body for path, body in found.items() if path != RECORD and not path.startswith("evidence/")}
    assert sorted(path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path)) == []
    return done


@pytest.mark.slow
async def test_after_anything_that_can_happen_an_export_is_what_a_new_one_would_be(here, tmp_path):
    store, clock = await filled(TinyStore.in_memory()), Clock()
    await compared(store, clock, tmp_path)
    for what, changes in steps(await store.known()):
        await store.record(record(await store.known(), changes, at=NOW))
        done = await compared(store, clock, tmp_path)
        assert 0 < done.rendered < len(done.files) - 20, what
    async for what in other_steps(store, clock):
        done = await compared(store, clock, tmp_path)
        assert 0 < done.rendered < len(done.files) - 20, what
    await store.close()


async def exported(store, folder):
    return await export(await model_now(origin(store, Clock())), store, INSTALLATION, folder)


@pytest.mark.slow
async def test_a_page_is_rendered_again_if_the_program_or_its_settings_or_its_file_changed(here, tmp_path, monkeypatch):
    store = await filled(TinyStore.in_memory())
    first = await exported(store, tmp_path)
    always = (await exported(store, tmp_path)).rendered
    assert always < first.rendered / 2
    page = tmp_path / "changes" / "1" / "index.html"
    body = page.read_bytes()
    page.write_bytes(b"someone wrote this")
    done = await exported(store, tmp_path)
    assert (done.rendered, done.written, page.read_bytes()) == (always + 1, 1, body)
    page.unlink()
    assert (await exported(store, tmp_path)).written == 1
    written = json.loads((tmp_path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps({name: written[name] for name in ("version", "files", "drawn")}))
    assert (await exported(store, tmp_path)).rendered == first.rendered  # a record of an earlier version has no inputs
    (tmp_path / RECORD).write_text(json.dumps(written | {"inputs": {"changes/1/index.html": 1}}))
    assert (await exported(store, tmp_path)).rendered == first.rendered
    model = await model_now(origin(store, Clock()))
    elsewhere = await export(model, store, replace(INSTALLATION, base="https://other.example"), tmp_path)
    assert elsewhere.rendered == first.rendered
    made_up = replace(model, site=replace(model.site, is_demonstration=True))
    assert (await export(made_up, store, INSTALLATION, tmp_path)).rendered == first.rendered
    monkeypatch.setattr(fingerprints, "program", lambda: "another version")
    assert (await exported(store, tmp_path)).rendered == first.rendered
    await store.close()
