"""People who type commands while crash.py kills the program, through a webhook that delivers each update up to three times.

As Telegram does, a typist delivers an update again until the program answers 200. In addition, a third of the updates
arrive again right away, and a third once more after the next command. A command that is handled again then would leave
another list of states than the one that was typed.
"""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import httpx

from bot.domain.geography.states import STATES

FIRST_CHAT = 9_000_001
MOST_CHATS = 1_000
HOME = "VT"  # always watched, so that no chat ever watches nothing
PAUSE = (0.05, 0.4)  # seconds between two commands of a chat
AGAIN = 1 / 3  # of the updates
PATIENCE = 60.0  # seconds


def is_typist(chat: str) -> bool:
    """Return True if a typist writes in this chat."""
    return chat.isdecimal() and FIRST_CHAT <= int(chat) < FIRST_CHAT + MOST_CHATS


@dataclass
class Typist:
    """One chat. `watched` is what it should watch once every command was handled exactly once, in order."""

    chat: int
    dice: Random
    watched: set[str] = field(default_factory=set)

    def command(self) -> str:
        if not self.watched:
            self.watched.add(HOME)
            return f"/watch {HOME}"
        state = self.dice.choice([state for state in sorted(STATES)[:12] if state != HOME])
        self.watched ^= {state}
        return f"/{'watch' if state in self.watched else 'unwatch'} {state}"


class Typists:
    """The chats, each typing in a thread of its own until `stop`.

    `webhook` returns the address and the headers of the program's webhook, as the program told them to Telegram.
    """

    def __init__(self, number: int, address: str, secret: Mapping[str, Any], seed: int) -> None:
        self.address, self._secret = address, secret
        self.chats = [Typist(FIRST_CHAT + index, Random(f"typist {seed} {index}")) for index in range(number)]
        self.typed = self.delivered = self.failed = 0
        self._ids = count(1)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._type, args=(chat,)) for chat in self.chats]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every chat finish its command."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _type(self, chat: Typist) -> None:
        late = None
        with httpx.Client(timeout=10) as client:
            while not self._over.is_set():
                update = self._update(chat.chat, chat.command())
                self._deliver(client, update)
                if late is not None:
                    self._deliver(client, late)
                if chat.dice.random() < AGAIN:
                    self._deliver(client, update)
                late = update if chat.dice.random() < AGAIN else None
                self._over.wait(chat.dice.uniform(*PAUSE))

    def _update(self, chat: int, text: str) -> dict[str, Any]:
        with self._lock:
            number = next(self._ids)
            self.typed += 1
        person = {"id": chat, "first_name": "Typist"}
        return {
            "update_id": number,
            "message": {
                "message_id": number,
                "date": int(time.time()),
                "chat": person | {"type": "private"},
                "from": person | {"is_bot": False, "language_code": "en"},
                "text": text,
                "entities": [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}],
            },
        }

    def _deliver(self, client: httpx.Client, update: Mapping[str, Any]) -> None:
        """Deliver an update again until it is answered 200. Give up `PATIENCE` seconds after the last kill."""
        end = math.inf
        while time.monotonic() < end:
            if self._over.is_set() and end == math.inf:
                end = time.monotonic() + PATIENCE
            with self._lock:
                self.delivered += 1
            headers = {"X-Telegram-Bot-Api-Secret-Token": str(self._secret.get("secret_token"))}
            try:
                if client.post(f"{self.address}/telegram/webhook", json=update, headers=headers).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        with self._lock:
            self.failed += 1
