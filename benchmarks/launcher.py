"""Start the program for crash.py: `countersign`, but with short waits after a failure.

    python benchmarks/launcher.py [--cursor-first] run

After a failed send it retries after 1 to 4 seconds instead of 1 minute to 6 hours, and it waits 3 seconds for a platform's
answer instead of 20. Everything else is unchanged. With --cursor-first the cursor moves before the message is sent, which
loses messages, to prove that crash.py notices.
"""

import sys
from datetime import timedelta
from functools import partialmethod

from bot.__main__ import main
from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.pipeline import deliver
from bot.store.tiny.store import TinyStore

ANSWER_WITHIN = 3.0  # seconds; a busy machine answers sooner


def shorten_waits():
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
    shorten_waits()
    if "--cursor-first" in sys.argv:
        sys.argv.remove("--cursor-first")
        move_the_cursor_first()
    sys.exit(main())
