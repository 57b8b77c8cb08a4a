"""Take the pictures of README and docs: alerts in Telegram and Slack, a digest, and the public pages.

    .venv/bin/python scripts/screenshots.py docs/pictures

The messages are the program's own, about the made-up season of `countersign demo`. The script needs Debian's
chromium and the packages of the group `dev`. Run it again when a message or a page looks different.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "pictures")]

import structlog  # noqa: E402 - after the path, like all that follow
from chat_pages import slack, telegram  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from season import LAST, STATE, Told, recorded  # noqa: E402

from bot.channels import command_prefix  # noqa: E402
from bot.channels.protocols import Part  # noqa: E402
from bot.channels.slack.sender import SlackSender  # noqa: E402
from bot.channels.telegram.sender import TelegramSender  # noqa: E402
from bot.domain.language import Language  # noqa: E402
from bot.domain.lists.totals import Standing  # noqa: E402
from bot.domain.messages.chart import picture_for  # noqa: E402
from bot.domain.messages.compose import Circumstances, compose  # noqa: E402
from bot.domain.messages.digest import Digest  # noqa: E402
from bot.domain.messages.picture import Image  # noqa: E402
from bot.domain.subscription import Cadence, Filter, Subscription  # noqa: E402
from bot.pipeline.rasterize import image_of  # noqa: E402
from bot.sources.ice import PAGE  # noqa: E402
from bot.store.rules.transitions import pinned  # noqa: E402
from bot.store.tiny.store import TinyStore  # noqa: E402
from bot.web.pages.cache import Origin, model_now  # noqa: E402
from bot.web.pages.export import export  # noqa: E402
from bot.web.pages.rendering import Installation  # noqa: E402

AT = "12:45 PM"
NO_TOKEN = "1:x"  # noqa: S105 - nothing is sent


class Shot(NamedTuple):
    """A picture of one page: its name, its address, the width and height of the window, and how sharp it is.

    Without a height, the picture shows the whole page.
    """

    name: str
    address: str
    width: int
    height: int | None = None
    scale: float = 2


def shots(folder: Path, told: Told, base: str) -> list[Shot]:
    """Write the chats as pages into a folder, and return all pictures to take."""
    alert = message(told, subscriber(told.before_last))
    on_slack = message(told, subscriber(told.before_last, channel="slack"))
    spanish = message(told, subscriber(told.before_last, language=Language.SPANISH))
    reader = subscriber(told.before_news, cadence=Cadence.WEEKLY)
    weekly = message(told, reader)
    pages = {
        "telegram": telegram(rendered("telegram", alert), alert.buttons, AT, width=440),
        "telegram-spanish": telegram(rendered("telegram", spanish), spanish.buttons, AT, width=440),
        "slack": slack(rendered("slack", on_slack), "newsroom-immigration", AT, width=640),
        "digest": telegram(rendered("telegram", weekly, drawn(told, reader)), weekly.buttons, AT, width=440),
    }
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    made = [
        Shot(name, (folder / f"{name}.html").as_uri(), 640 if name == "slack" else 440, scale=1.25) for name in pages
    ]
    return [*made, Shot("page", f"{base}/states/{STATE}", 1120, 900, scale=1)]


def subscriber(
    cursor: int,
    *,
    channel: str = "telegram",
    cadence: Cadence = Cadence.INSTANT,
    language: Language = Language.ENGLISH,
) -> Subscription:
    """Return a chat that watches the state and was told everything up to this change."""
    return Subscription(
        id="1",
        channel=channel,
        address="1",
        filter=Filter(states={STATE: 0}),
        cadence=cadence,
        tz="America/Chicago",
        language=language,
        cursor=cursor,
    )


def message(told: Told, to: Subscription) -> Digest:
    """Compose the message about everything that the chat hasn't been told."""
    earlier = Standing().after(told.log[: to.cursor]) if to.cadence is not Cadence.INSTANT else None
    standing = Standing().after(told.log)
    about = Circumstances(page=PAGE, standing=standing, earlier=earlier, prefix=command_prefix(to.channel))
    found = compose(to, told.log, upto=len(told.log), about=about)
    assert found is not None
    return found


def rendered(channel: str, digest: Digest, picture: Image | None = None) -> Sequence[Part]:
    """Return the parts of a message as the channel sends them."""
    sender = TelegramSender(token=NO_TOKEN) if channel == "telegram" else SlackSender(token=NO_TOKEN)
    return sender.render(digest, picture)


def drawn(told: Told, to: Subscription) -> Image:
    """Return the picture of a digest."""
    picture = picture_for(pinned(to, len(told.log), LAST.at + timedelta(hours=3)), told.log)
    assert picture is not None
    return image_of(picture)


class Files(SimpleHTTPRequestHandler):
    """Serves the exported pages as a static host does, and logs nothing."""

    def translate_path(self, path: str) -> str:
        found = Path(super().translate_path(path))
        return str(found / "index.html" if found.is_dir() else found)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def exported(store: TinyStore, folder: Path) -> None:
    """Write the public pages into a folder, as `countersign pages` does."""
    origin = Origin(store=store, now=lambda: LAST.at + timedelta(minutes=11), stale_after=timedelta(hours=6))
    await export(await model_now(origin), store, Installation(base="https://www.example.org", source=PAGE), folder)


async def season(folder: Path) -> Told:
    """Record the season, write its public pages into a folder, and return what readers are told."""
    store, told = await recorded()
    await exported(store, folder)
    return told


def take(browser: Browser, shot: Shot, folder: Path) -> None:
    """Take one picture, and write it into a folder."""
    window = {"width": shot.width, "height": shot.height or 400}
    page = browser.new_page(viewport=window, device_scale_factor=shot.scale)
    page.goto(shot.address)
    page.screenshot(path=folder / f"{shot.name}.png", full_page=shot.height is None)
    page.close()


def main(target: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photograph(folder, asyncio.run(season(folder / "pages")), target)


def photograph(folder: Path, told: Told, target: Path) -> None:
    """Take all pictures."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        with serving(folder / "pages") as base:
            for shot in shots(folder, told, base):
                take(browser, shot, target)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
