"""The program as crash.py starts it: `countersign`, with failures forgotten sooner than a person would want.

    python benchmarks/launcher.py [--cursor-first] run

After a failed send it tries again after 1 to 4 seconds in place of 1 minute to 6 hours, and waits 1 second for a
platform's answer in place of 20; all else is as it is. With --cursor-first the cursor moves before the message is sent:
a program that loses messages, to see that crash.py notices.
"""

import sys
from datetime import timedelta
from functools import partialmethod

from bot.__main__ import main
from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.pipeline import deliver
from bot.store.tiny.store import TinyStore

ANSWER_WITHIN = 1.0  # seconds


def hurry():
    deliver.FIRST_BACK_OFF = timedelta(seconds=1)
    deliver.LONGEST_BACK_OFF = timedelta(seconds=4)
    for sender in (TelegramSender, SlackSender):
        sender.__init__ = partialmethod(sender.__init__, call_timeout=ANSWER_WITHIN)


def move_the_cursor_first():
    pin = TinyStore.pin

    async def pinned_and_advanced(store, subscription_id, upto, at):
        pinned = await pin(store, subscription_id, upto, at)
        await store.advance(subscription_id, upto)
        return pinned

    TinyStore.pin = pinned_and_advanced


if __name__ == "__main__":
    hurry()
    if "--cursor-first" in sys.argv:
        sys.argv.remove("--cursor-first")
        move_the_cursor_first()
    sys.exit(main())
