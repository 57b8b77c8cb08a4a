# ruff: noqa: E402 - the loopback servers are part of the tests
"""Send one change to 2,000 Telegram chats from the embedded store, while a person asks questions.

    python benchmarks/pace.py [--chats 2000] [--seed 1] [--command]

The platform is a loopback Telegram in a separate process, with Telegram's limits on and answers that take 20 to 200 ms.
It counts the messages in each second. Everything else is the real program: store, worker, scheduler, channel. A person
asks every two seconds. Without --command, an answer is sent in an urgent turn of the channel; with it, the person sends
/status and the listener answers. The exit code is 1 if the pace was below 95 % of 25 messages a second, if more than 25
arrived within any one second, or if an answer took longer than a second.
"""

import argparse
import asyncio
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from support.loopback.server import delayed
from support.loopback.telegram import LoopbackTelegram
from support.samples import first_sight, record, signed

from bot.app.wiring import utc_now
from bot.channels.telegram.listener import TelegramListener
from bot.channels.telegram.sender import TelegramSender
from bot.commands import chat as commands
from bot.domain.chat import replies
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore
from bot.worker import scheduler
from bot.worker.worker import Worker

RATE = 25  # messages a second
ENOUGH = 0.95  # of it
ASKS_EVERY = 2.0  # seconds
PERSON = 7_000_000
FIRST = 1_000_000  # the id of the first chat


def serve(pipe, seed):
    """Run Telegram until told to stop; then send back the times and chats of all calls and all messages."""
    dice = Random(seed)
    with LoopbackTelegram(limits=True).run_in_thread() as telegram:
        telegram.plan = lambda _: delayed(dice.uniform(0.02, 0.2))
        pipe.send((telegram.token, telegram.url))
        while (chat := pipe.recv()) is not None:
            telegram.say("/status", chat=chat, user=chat)
        calls = [(call.at, str(call.arguments["chat_id"])) for call in telegram.called("sendMessage")]
        pipe.send((calls, [(message.at, message.chat) for message in telegram.messages]))


async def prepared(folder, chats):
    """Return a store that knows the baseline, in which every chat watches all states."""
    store = TinyStore.open(folder)
    await store.record(record(await store.known(), first_sight(5)))
    everything = Filter(states={ALL_STATES: 0})
    for chat in range(FIRST, FIRST + chats):
        await store.subscribe(Subscription(id="", channel="telegram", address=str(chat), filter=everything))
    return store


async def asking(channel, pipe, asked):
    """Ask something every two seconds; note the time of each command, or how long each answer took."""
    while True:
        await asyncio.sleep(ASKS_EVERY)
        if pipe is not None:
            asked.append(time.monotonic())
            pipe.send(PERSON)
            continue
        start = time.monotonic()
        await channel.turn(str(PERSON), urgent=True)
        await channel.bot.send_message(chat_id=PERSON, text="Here you are.")
        asked.append(time.monotonic() - start)


async def all_told(store, chats):
    """Wait until every chat is up to date, at most three times as long as it should take."""
    with suppress(TimeoutError):
        async with asyncio.timeout(3 * chats / RATE + 30):
            while any(s.due_at is not None for s in await store.subscriptions()):  # noqa: ASYNC110 - the store has no event for it
                await asyncio.sleep(0.5)


async def broadcast(folder, pipe, url, token, options):
    """Run the program on one change; return its own figures."""
    store = await prepared(folder, options.chats)
    channel = TelegramSender(token=token, base_url=url)
    runner = Runner(
        store=store,
        fetch=None,
        sources={},
        channels={"telegram": channel},
        now=utc_now,
        every=timedelta(minutes=15),
        page="https://www.ice.gov/identify-and-arrest/287g",
    )
    asked = []
    tasks = [asyncio.create_task(asking(channel, pipe if options.command else None, asked))]
    if options.command:
        menu = {language: replies.menu(language) for language in Language}
        tasks.append(asyncio.create_task(TelegramListener(channel, menu=menu).listen(commands.ChatCommands(runner))))
    cpu = time.process_time()
    await store.record(record(await store.known(), [signed(100, "TX")], at=utc_now()))
    worker = Worker(runner)
    work = asyncio.create_task(scheduler.run(worker, scheduler.stop_asked()))
    await all_told(store, options.chats)
    cpu = time.process_time() - cpu
    os.kill(os.getpid(), signal.SIGTERM)
    for task in (work, *tasks):
        if task is not work:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await worker.finish(within=10)
    await channel.close()
    receipts = await store.receipts()
    await store.close()
    return asked, cpu, Counter(receipt.error is None for receipt in receipts)


def in_each_second(times):
    """Return the number of arrivals in the second that ends with each arrival."""
    return [index + 1 - bisect_left(times, moment - 1 + 1e-6) for index, moment in enumerate(times)]


def answer_times(asked, arrived):
    """Return the time from each command to its answer; infinity for one that never came."""
    answers_at = [at for at, chat in arrived if chat == str(PERSON)]
    found = ([at for at in answers_at if at >= moment][:1] for moment in asked)
    return [at[0] - moment if at else float("inf") for moment, at in zip(asked, found, strict=True)]


def main(options):
    ours, theirs = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=serve, args=(theirs, options.seed), daemon=True)
    server.start()
    token, url = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        asked, cpu, receipts = asyncio.run(broadcast(Path(folder) / "data", ours, url, token, options))
    ours.send(None)
    calls, messages = ours.recv()
    server.join(10)

    times = sorted(at for at, _ in calls)
    told_at = sorted(at for at, chat in messages if chat != str(PERSON))
    waited = answer_times(asked[:-1], messages) if options.command else asked
    seconds = calls and max(at for at, chat in calls if chat != str(PERSON)) - times[0]
    pace = (len(calls) - 1) / seconds
    each = in_each_second(times)
    chats = Counter(chat for _, chat in messages if chat != str(PERSON))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    print(f"{'chats':44}{options.chats:>10,}")
    print(f"{'messages that arrived: changes + answers':44}{len(told_at):>10,} + {len(messages) - len(told_at)}")
    print(f"{'chats told once':44}{sum(n == 1 for n in chats.values()):>10,}")
    print(f"{'seconds':44}{seconds:>10.1f}")
    print(f"{'messages a second':44}{pace:>10.2f} ({pace / RATE:.1%} of {RATE})")
    over = sum(number > RATE for number in each)
    print(
        f"{'most in any second, wherever it begins':44}{max(each):>10} ({over} of {len(each):,} such seconds over {RATE})"
    )
    print(f"{'refused with 429':44}{len(calls) - len(messages):>10}")
    print(f"{'receipts: sent, failed':44}{receipts[True]:>10,}, {receipts[False]:,}")
    print(
        f"{'answers to a person, ms: median, longest':44}{statistics.median(waited) * 1e3:>10.0f}, {max(waited) * 1e3:.0f}"
    )
    print(f"{'CPU seconds':44}{cpu:>10.1f} ({cpu / seconds:.0%} of one core)")
    print(f"{'peak memory, MiB':44}{peak:>10.0f}")
    good = (
        pace >= ENOUGH * RATE
        and max(each) <= RATE
        and max(waited) <= 1.0
        and len(chats) == options.chats
        and set(chats.values()) == {1}
        and not receipts[False]
    )
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chats", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", action="store_true", help="let the person send /status to the bot")
    sys.exit(main(parser.parse_args()))
