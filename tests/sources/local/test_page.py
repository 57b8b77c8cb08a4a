from dataclasses import replace
from datetime import timedelta

import pytest
from support.loopback.local import LoopbackWeb, Reply, page, pdf
from support.places import PAGES, Reader, needs_pages

from bot.domain.agenda import Place
from bot.errors import Unreadable

HOUR = timedelta(hours=1)


@pytest.fixture
async def web():
    async with LoopbackWeb() as web:
        yield web


@pytest.fixture
def reader(web) -> Reader:
    return Reader(Place(name="Fine", kind="page", address=f"{web.base}/page", state="NY", body="Town Board"))


async def test_a_page_with_the_same_text_is_unchanged_whatever_its_bytes(web, reader):
    web.files["/page"] = page("<p class='a1'>Agenda</p><script>token('1')</script>", title="Town of Fine")
    (item,) = (await reader.read()).items
    assert (item.id, item.title, item.text, item.body) == ("page", "Town of Fine", "Agenda", "Town Board")
    web.files["/page"] = page("<div><p class='a2'>Agenda</p></div><script>token('2')</script>")
    assert (await reader.read(HOUR)).unchanged
    web.files["/page"] = page("<p>Agenda: 287(g)</p>")
    (item,) = (await reader.read(HOUR)).items
    assert item.text == "Agenda: 287(g)"


async def test_only_the_selected_part_counts(web, reader):
    reader.place = replace(reader.place, selector="#agenda")
    web.files["/page"] = page("<p>Visitors: 7</p><div id='agenda'>Budget</div>")
    (item,) = (await reader.read()).items
    assert item.text == "Budget"
    web.files["/page"] = page("<p>Visitors: 8</p><div id='agenda'>Budget</div>")
    assert (await reader.read(HOUR)).unchanged
    reader.place = replace(reader.place, selector="p")
    (item,) = (await reader.read(HOUR)).items
    assert item.text == "Visitors: 8"


async def test_a_selector_that_matches_nothing_is_an_error(web, reader):
    reader.place = replace(reader.place, selector="#gone")
    web.files["/page"] = page("<p>x</p>")
    with pytest.raises(Unreadable):
        await reader.read()


async def test_a_pdf_gives_its_pages(web, reader):
    web.files["/page"] = pdf("Agreement under Section 287(g)", "")
    (item,) = (await reader.read()).items
    assert "287(g)" in item.pages[0]
    assert item.title == "Fine"
    assert item.unreadable == "scanned, not read: no text on 1 of its 2 pages (2)"


async def test_a_scan_is_reported_as_unreadable(web, reader):
    web.files["/page"] = pdf("", "")
    (item,) = (await reader.read()).items
    assert item.unreadable == "scanned, not read: no text on any of its 2 pages"


@pytest.mark.parametrize("body", [b'{"a": 1}', b"<rss><channel/></rss>", b"PK\x03\x04", b"text"])
async def test_anything_but_a_page_or_a_pdf_is_refused(web, reader, body):
    web.fails["/page"] = Reply(body)
    with pytest.raises(Unreadable, match="neither a PDF nor a web page"):
        await reader.read()


@needs_pages
@pytest.mark.parametrize("name", sorted(path.name for path in PAGES.glob("fine-ny-*.html")))
async def test_real_pages_are_read(web, reader, name):
    web.files["/page"] = (PAGES / name).read_bytes()
    (item,) = (await reader.read()).items
    assert item.title == "Meeting Detail" or item.title.endswith(":: Town of Fine")
    assert "Town Board" in item.text
    assert "function" not in item.text
