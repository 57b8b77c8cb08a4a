"""The pages in a real browser: narrow and wide, light and dark, in both languages, by keyboard and on paper."""

import asyncio
import os
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from web.pages.test_pages import filled, served

from bot.store.tiny.store import TinyStore

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATHS = (
    "/", "/states/TX", "/states/GU", "/agencies/tx-galveston-county-sheriffs-office", "/counties/tx-galveston-county",
    "/changes", "/changes/3", "/meetings", "/about", "/287g", "/data", "/search?q=police", "/nothing-here",
)  # fmt: skip


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
def browser():
    missing = None if CHROMIUM.exists() else "Debian's chromium isn't installed"
    if missing and os.environ.get("BROWSER_REQUIRED"):
        pytest.fail(f"A browser is required here: {missing}")
    if missing:
        pytest.skip(f"NO BROWSER: the pages aren't tested in one, because {missing}")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield started
        started.close()


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


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("prefix", ["", "/es"])
def test_no_page_scrolls_sideways(browser, address, width, prefix):
    for page, path in open_pages(browser, address, prefix, viewport={"width": width, "height": 800}):
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser, address, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "bypass_csp": True}
    for page, path in open_pages(browser, address, **options):
        found = axe.run(page)
        assert found.violations_count == 0, (path, found.generate_report())


@pytest.mark.slow
def test_the_first_tab_skips_to_the_content_and_every_link_is_reached_by_keyboard(browser, address):
    for page, path in open_pages(browser, address, java_script_enabled=True):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", path
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main", path


@pytest.mark.slow
def test_pages_work_without_script_and_on_paper(browser, address):
    for page, path in open_pages(browser, address, java_script_enabled=False):
        assert page.locator("h1").count() == 1, path
        page.emulate_media(media="print")
        assert page.locator("h1").is_visible(), path
        assert not page.locator("header nav").is_visible(), path
        page.emulate_media(media="screen")
