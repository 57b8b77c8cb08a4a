"""Print how a publication in an archive of ICE's lists reads in chat, in both languages.

python benchmarks/show_messages.py participatingAgencies08292025pm [--archive ../shared/ice-archive]
    [--states TX FL] [--weekly] [--languages en es] [--channels telegram slack]
"""

import argparse
import asyncio
import logging
import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import structlog

from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.domain.change import Change
from bot.domain.language import Language
from bot.domain.lists.totals import Standing
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.messages.digest import Digest
from bot.domain.subscription import ALL_STATES, Cadence, Filter, Subscription
from bot.pipeline.replay import entries, replay
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore

PAGE = "https://www.ice.gov/identify-and-arrest/287g"
SENDERS = {"telegram": TelegramSender(token="1:x"), "slack": SlackSender(token="x")}
PREFIXES = {"telegram": "/", "slack": "/countersign "}


async def log_until(archive: Path, name: str) -> tuple[Sequence[Change], int]:
    """Return the log through a publication, and the number of the last change before it."""
    store = TinyStore.in_memory()
    before = 0
    async for _, entry, _ in replay(entries(archive), source=Ice(page=PAGE), store=store):
        log = await store.changes()
        if entry.path.name.startswith(name):
            return log, before
        before = len(log)
    raise SystemExit(f"{archive} has no list that starts with {name}")


def composed(log: Sequence[Change], before: int, options: argparse.Namespace, language: str, channel: str) -> Digest:
    to = Subscription(
        id="1",
        channel=channel,
        address="1",
        filter=Filter(states=dict.fromkeys(options.states, 0)),
        cadence=Cadence.WEEKLY if options.weekly else Cadence.INSTANT,
        tz="America/Chicago",
        language=Language(language),
        cursor=before,
    )
    standing, earlier = Standing().after(log), Standing().after(log[:before])
    about = Circumstances(
        page=PAGE, standing=standing, earlier=earlier if options.weekly else None, prefix=PREFIXES[channel]
    )
    digest = compose(to, log, upto=len(log), about=about)
    if digest is None:
        raise SystemExit("Nothing to tell.")
    return digest


def main(options: argparse.Namespace) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    log, before = asyncio.run(log_until(options.archive, options.publication))
    before = before if options.since is None else asyncio.run(log_until(options.archive, options.since))[1]
    for channel in options.channels:
        for language in options.languages:
            digest = composed(log, before, options, language, channel)
            for number, part in enumerate(SENDERS[channel].render(digest), start=1):
                units = len(part.plain.encode("utf-16-le")) // 2
                where = "thread" if part.in_thread else "message"
                print(f"──── {channel}, {language}, {where} {number}: {units:,} units, {len(part.covers)} changes ────")
                print(
                    unescape(re.sub(r'<a href="[^"]*">|</a>', "", str(part.payload["text"])))
                    if channel == "telegram"
                    else part.plain
                )
            print("buttons:", [[button.text for button in row] for row in digest.buttons], end="\n\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("publication")
    parser.add_argument("--archive", type=Path, default=Path(__file__).parents[2] / "shared" / "ice-archive")
    parser.add_argument("--since", help="begin with this earlier publication, as a weekly digest does")
    parser.add_argument("--states", nargs="+", default=[ALL_STATES])
    parser.add_argument("--weekly", action="store_true")
    parser.add_argument("--languages", nargs="+", default=["en", "es"])
    parser.add_argument("--channels", nargs="+", default=list(SENDERS), choices=list(SENDERS))
    main(parser.parse_args())
