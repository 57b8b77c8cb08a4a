"""Take the screenshots of the public pages for README, with data made for it and no content of others.

    PYTHONPATH=. python scripts/screenshots.py docs/images

It needs Debian's chromium and the packages of the group `dev`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import asyncio  # noqa: E402 - the samples lie among the tests
import threading  # noqa: E402

from playwright.sync_api import sync_playwright  # noqa: E402

sys.path.append(str(ROOT / "benchmarks"))
from pages import log_of, site  # noqa: E402
from support.samples import record  # noqa: E402

from bot.store.tiny.store import TinyStore  # noqa: E402

PORT = 8_766
SHOTS = (
    ("home", "/", 1280, 1300, "light"),
    ("home-phone", "/", 390, 1000, "light"),
    ("home-dark", "/", 390, 1000, "dark"),
    ("state", "/states/TX", 1280, 1300, "light"),
    ("change", "/changes/900", 1280, 800, "light"),
    ("spanish", "/es", 390, 1000, "light"),
)


def serve(ready, stop):
    async def work():
        store = TinyStore.in_memory()
        for changes in log_of(1_200, 2_400):
            await store.record(record(await store.known(), changes))
        async with site(store, PORT):
            ready.set()
            await asyncio.to_thread(stop.wait)
        await store.close()

    asyncio.run(work())


def main(folder):
    ready, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=serve, args=(ready, stop))
    thread.start()
    ready.wait()
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for name, path, width, height, scheme in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(f"http://127.0.0.1:{PORT}{path}")
            page.screenshot(path=folder / f"page-{name}.png")
            page.close()
        browser.close()
    stop.set()
    thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
