# ruff: noqa: E402 - the loopback servers lie among the tests
"""Let many chats that nothing is stored about talk to the bot, and count the memory that each leaves.

    python benchmarks/chat_memory.py [--only slack] [--chats 5000] [--top 0]

Each chat sends one command through the listener's webhook and gets its answer from the platform on loopback; nothing is
subscribed. Python's own accounting (tracemalloc) counts what the process holds after every fifth of the chats. The benchmark
fails if the last two fifths leave more than 256 bytes a chat. With --top, it prints that many places that allocated.
"""

import argparse
import asyncio
import gc
import json
import sys
import tracemalloc
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from support.loopback.slack import LoopbackSlack
from support.loopback.slack_people import SIGNING_SECRET, encoded, signed
from support.loopback.telegram import LoopbackTelegram
from support.waiting import eventually

from bot.channels.rate_limit import RateLimit
from bot.channels.slack.listener import SlackListener
from bot.channels.slack.sender import CHANNEL, SlackSender
from bot.channels.telegram.listener import SECRET_HEADER, TelegramListener
from bot.channels.telegram.sender import TelegramSender, limits_of
from bot.domain.chat.request import Reply
from bot.domain.text.rich_text import Span

LEVEL = 256  # bytes a chat
AT_ONCE = 50


class Answering:
    """A chat handler that stores nothing."""

    async def answer(self, asked):
        return Reply(lines=((Span(f"You asked {asked.text}, {asked.bot}."),),))

    async def subscription(self, *_):
        return None


async def slack_chats(count):
    """Yield after each batch of chats has been answered."""
    async with LoopbackSlack() as server:
        sender = SlackSender(token=server.token, base_url=server.url, rate_limit=RateLimit(each=lambda _: CHANNEL))
        listener = SlackListener(sender, signing_secret=SIGNING_SECRET)
        listening = asyncio.create_task(listener.listen(Answering()))
        await asyncio.sleep(0)  # it begins
        for first in range(0, count, AT_ONCE):
            for number in range(first, first + AT_ONCE):
                channel, user = f"C1{number:07}", f"U1{number:07}"
                server.users[user] = {"team_id": "T0LOOP", "locale": "en-US"}
                command = {
                    "command": "/countersign", "text": "status", "team_id": "T0LOOP", "channel_id": channel,
                    "user_id": user, "response_url": server.answer_url(channel, user), "trigger_id": f"1.{number}",
                    "api_app_id": "A0APP",
                }  # fmt: skip
                body, headers = encoded("slash_commands", command)
                answer = await listener.receive("/slack/commands", headers | signed(body), body)
                assert answer.status == 200, answer
            await eventually(lambda: len(server.answers) >= AT_ONCE)
            forget(server)
            yield first + AT_ONCE
        listening.cancel()
        await asyncio.wait({listening})
        await sender.close()


async def telegram_chats(count):
    """Yield after each batch of chats has been answered."""
    async with LoopbackTelegram() as server:
        sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit(each=limits_of))
        listener = TelegramListener(sender, menu={})
        listener.webhook("https://bot.example.org/telegram/webhook", "secret")
        listening = asyncio.create_task(listener.listen(Answering()))
        await eventually(lambda: "url" in server.webhook)
        for first in range(0, count, AT_ONCE):
            updates = [update(number) for number in range(first, first + AT_ONCE)]
            await asyncio.gather(*(listener.receive("", {SECRET_HEADER: "secret"}, body) for body in updates))
            await eventually(lambda: len(server.messages) >= AT_ONCE)
            forget(server)
            yield first + AT_ONCE
        listening.cancel()
        await asyncio.wait({listening})
        await sender.close()


def update(number):
    who = {"id": 100_000 + number, "is_bot": False, "first_name": "A"}
    command = {"text": "/status", "entities": [{"type": "bot_command", "offset": 0, "length": 7}]}
    chat = {"id": who["id"], "type": "private"}
    message = {"message_id": 1, "date": 1, "chat": chat, "from": who} | command
    return json.dumps({"update_id": number, "message": message}).encode()


def forget(server):
    """Let the loopback server forget what arrived, because it isn't the program."""
    for name in ("messages", "calls", "answers", "users", "urls", "edits", "_urls", "_answer_urls"):
        if hasattr(server, name):
            getattr(server, name).clear()


async def measured(name, chats, count, top):
    tracemalloc.start(8 if top else 1)
    ours = (tracemalloc.Filter(False, f"{ROOT}/tests/*"), tracemalloc.Filter(False, tracemalloc.__file__))
    sizes, before = [], None
    async for done in chats(count):
        if done % (count // 5) == 0:
            gc.collect()
            shot = tracemalloc.take_snapshot().filter_traces(ours)
            sizes.append(sum(trace.size for trace in shot.traces))
            before = before or (shot if done >= count // 5 * 3 else None)
            print(f"{name + ', KiB after ' + format(done, ',') + ' chats':52}{sizes[-1] / 1024:>10,.0f}", flush=True)
    for difference in shot.compare_to(before, "traceback" if top else "lineno")[:top]:
        print(difference, *difference.traceback.format(), sep="\n")
    tracemalloc.stop()
    each = (sizes[4] - sizes[2]) / (count // 5 * 2)
    print(f"{name + ', bytes for each further chat':52}{each:>10,.0f}")
    return each <= LEVEL


async def main(options):
    every = {"slack": slack_chats, "telegram": telegram_chats}
    chosen = {options.only: every[options.only]} if options.only else every
    return 0 if all([await measured(name, chats, options.chats, options.top) for name, chats in chosen.items()]) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("slack", "telegram"))
    parser.add_argument("--chats", type=int, default=5_000)
    parser.add_argument("--top", type=int, default=0)
    sys.exit(asyncio.run(main(parser.parse_args())))
