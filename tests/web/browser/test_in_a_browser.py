"""The pages in a real browser: narrow and wide, light and dark, in both languages, by keyboard and on paper."""

import asyncio
import threading
from contextlib import contextmanager
from io import BytesIO

import pytest
from pypdf import PdfReader
from support.browser import browser
from web.pages.test_pages import filled, served

from bot.domain.site.page import HTML
from bot.domain.site.pages import PAGES, page_at
from bot.store.tiny.store import TinyStore

__all__ = ["browser"]

PATHS = (
    "/", "/states/TX", "/states/GU", "/agencies/tx-galveston-county-sheriffs-office", "/counties/tx-galveston-county",
    "/changes", "/changes/3", "/changes/before/4", "/states/TX/changes", "/states/TX/changes/before/5", "/meetings", "/about", "/287g", "/data", "/search?q=police", "/nothing-here",
)  # fmt: skip


def test_no_kind_of_page_is_forgotten_here():
    kinds = {page.pattern for page in PAGES if page.content_type == HTML}
    assert kinds == {found[0].pattern for path in PATHS if (found := page_at(path.partition("?")[0])) is not None}


@contextmanager
def site(port):
    """Serve the pages from a thread, because the browser's driver has an event loop of its own."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve():
        store = await filled(TinyStore.in_memory())
        async with served(store, port):
            ready.set()
            await stop.wait()
        await store.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


@pytest.fixture(scope="module")
def address(unused_tcp_port_factory):
    with site(unused_tcp_port_factory()) as found:
        yield found


def open_pages(browser, address, prefix="", **options):
    """Yield each page and its path, opened without script of its own. Check that the browser reports nothing."""
    context = browser.new_context(**options)
    said = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    for path in PATHS:
        page.goto(address + prefix + path)
        yield page, path
    context.close()
    assert [text for text in said if "404" not in text] == []


def test_a_browser_opens_the_first_page(browser, address):
    """The one test of the browser that isn't slow, so that `make test` says if there is none."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("h1").is_visible()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("prefix", ["", "/es"])
def test_no_page_scrolls_sideways(browser, address, width, prefix):
    for page, path in open_pages(browser, address, prefix, viewport={"width": width, "height": 800}):
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "scheme", "prefix"),
    [(390, "light", ""), (390, "dark", ""), (1280, "light", ""), (1280, "dark", ""), (320, "light", "/es")],
)
def test_axe_finds_nothing(browser, address, width, scheme, prefix):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "bypass_csp": True}
    for page, path in open_pages(browser, address, prefix, **options):
        found = axe.run(page)
        assert found.violations_count == 0, (path, found.generate_report())


FOCUSABLE = """() => [...document.querySelectorAll('a[href], button, input, select, summary, textarea')]
    .filter(e => e.tabIndex >= 0 && e.checkVisibility()).map(e => e.outerHTML.slice(0, 160))"""
FOCUSED = """() => {
    const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect()
    return {html: e.outerHTML.slice(0, 160), ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 0}
}"""


@pytest.mark.slow
@pytest.mark.parametrize(("width", "prefix"), [(1280, ""), (390, "/es")])
def test_the_keyboard_reaches_everything_in_the_order_of_the_page_and_shows_where_it_is(
    browser, address, width, prefix
):
    for page, path in open_pages(browser, address, prefix, viewport={"width": width, "height": 800}):
        expected, reached = page.evaluate(FOCUSABLE), []
        for _ in expected:
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            reached.append(focused["html"])
            assert focused["seen"], (path, focused["html"])
            assert focused["ring"] or 'class="skip"' in focused["html"], (path, focused["html"])
        assert reached == expected, path


@pytest.mark.slow
def test_the_first_tab_skips_to_the_content(browser, address):
    for page, path in open_pages(browser, address):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", path
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main", path


def tab_to(page, name):
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id || document.activeElement.type") == name:
            return
    pytest.fail(f"the keyboard doesn't reach {name}")


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False])
def test_search_and_filters_work_by_keyboard_and_without_script(browser, address, script):
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{address}/")
    if not script:  # then nothing tells where the focus is
        page.focus("#q")
    else:
        tab_to(page, "q")
    page.keyboard.type("Galveston County")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith("/counties/tx-galveston-county")
    page.goto(f"{address}/states/TX")
    page.focus("#name")
    page.keyboard.type("galveston")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "q=galveston" in page.url
    assert "order=date" in page.url
    assert page.locator("#agencies ~ .table tbody tr, section[aria-labelledby=agencies] tbody tr").count() == 1
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "/es"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_work_without_script_and_on_paper(browser, address, prefix, scheme):
    for page, path in open_pages(browser, address, prefix, java_script_enabled=False, color_scheme=scheme):
        assert page.locator("h1").count() == 1, path
        page.emulate_media(media="print")
        assert page.locator("h1").is_visible(), path
        assert not page.locator("header nav").is_visible(), path
        printed = PdfReader(BytesIO(page.pdf()))
        words = " ".join(sheet.extract_text() for sheet in printed.pages)
        assert " ".join(page.locator("h1").inner_text().split())[:12] in " ".join(words.split()), path
        page.emulate_media(media="screen")


@pytest.mark.slow
def test_a_hostile_name_stays_text_in_a_browser(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(f"{address}/states/GA")
    page.locator("a.name").last.click()
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
    context.close()


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(browser, address):
    asked = []
    context = browser.new_context()
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    for path in PATHS:
        page.goto(address + path)
    context.close()
    assert [url for url in asked if not url.startswith(address)] == []
