"""Webhook payloads with the right secret and a wrong type somewhere."""

import json

import pytest
from support.loopback.telegram import LoopbackTelegram

from bot.channels.rate_limit import RateLimit
from bot.channels.telegram.listener import TelegramListener
from bot.channels.telegram.sender import TelegramSender
from bot.channels.telegram.update_shape import has_wrong_type

PERSON = {"id": 42, "is_bot": False, "first_name": "Ada", "language_code": "es"}
CHAT = {"id": -100, "type": "supergroup", "title": "Newsroom", "is_forum": True}
MESSAGE = {
    "message_id": 7,
    "date": 1_790_000_000,
    "chat": CHAT,
    "from": PERSON,
    "text": "/watch TX",
    "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    "message_thread_id": 5,
    "is_topic_message": True,
}
PRESS = {"id": "1", "from": PERSON, "message": MESSAGE, "chat_instance": "1", "data": "status"}
MEMBERSHIP = {
    "chat": CHAT,
    "from": PERSON,
    "date": 1_790_000_000,
    "old_chat_member": {"status": "left", "user": PERSON},
    "new_chat_member": {"status": "member", "user": PERSON},
}
UPDATES = [{"message": MESSAGE}, {"channel_post": MESSAGE}, {"callback_query": PRESS}, {"my_chat_member": MEMBERSHIP}]
WRONG = [{"a": []}, [[1]], "text", 1e300, 10**30, True, -1.5]


def wrongly_typed(value, path=()):
    """Yield copies of a value in which one part has a type that it never has, with the path of that part."""
    for wrong in WRONG:
        if type(wrong) is not type(value):
            yield path, wrong
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        for at, wrong in wrongly_typed(part, (*path, key)):
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = wrong
            yield at, copy


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: next(iter(update)))
async def test_a_webhook_answers_400_to_a_wrong_type_anywhere_in_an_update(update):
    async with LoopbackTelegram() as server:
        sender = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit())
        chat = TelegramListener(sender, menu={})
        chat.webhook("https://bot.example/telegram", "secret")
        taken = []
        chat._take = taken.append
        headers = {"X-Telegram-Bot-Api-Secret-Token": "secret"}
        other = []
        for path, payload in wrongly_typed({"update_id": 1, **update}):
            answer = await chat.receive("/telegram/webhook", headers, json.dumps(payload).encode())
            if answer.status != 400:
                other.append((path, payload))
        await sender.close()
    assert other == []
    assert taken == []


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: next(iter(update)))
def test_an_update_as_telegram_sends_it_has_no_wrong_type(update):
    assert not has_wrong_type({"update_id": 1, **update, "something_new": {"in": [2027]}})


@pytest.mark.parametrize("missing", [{}, {"update_id": 1}, {"update_id": 1, "message": {}}])
def test_a_missing_field_is_no_wrong_type_because_telegram_adds_kinds_of_updates(missing):
    assert not has_wrong_type(missing)
