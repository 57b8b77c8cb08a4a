"""Webhooks over a real store and a loopback receiver; the test sets the clock."""

import json
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.chat import FIRST, NOW, SECOND, SIGNED, Chat
from support.loopback.webhook import Receiver
from support.program import row

from bot.app.wiring import StoredNotes
from bot.channels.webhook.sender import WebhookSender
from bot.commands.as_json import change_json
from bot.commands.operator import encrypt_addresses, retract, subscribe, unsubscribe
from bot.domain.messages.digest import Digest
from bot.domain.messages.health_notices import for_operator
from bot.domain.text.rich_text import Span
from bot.errors import SendError, UsageError
from bot.fetch.post import Poster
from bot.pipeline.deliver import deliver
from bot.pipeline.token_recovery import probe_rejected_tokens
from bot.store.tiny.store import TinyStore

KEY, OTHER = "a secret key that is long enough to be one", "another secret key that is long enough"
DOCS = Path(__file__).parents[3] / "docs" / "webhooks.md"
LATER = NOW + timedelta(hours=1)


def documented():
    """Return the function of the documentation that checks a signature."""
    (block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    space: dict = {}
    exec(block, space)
    return space["is_genuine"]


class World(Chat):
    """A store, a webhook at a loopback receiver, and the clock."""

    def __init__(self, store, receiver: Receiver, key: str | None = None) -> None:
        super().__init__(store)
        self.receiver = receiver
        self.address = f"{receiver.base}/hooks?token=hunter2"
        self.open(key)

    def open(self, key: str | None) -> None:
        """Start again with this secret key."""
        poster = Poster(allow_loopback=True, now=lambda: self.now)
        self.sender = WebhookSender(poster, StoredNotes(self.store).of("webhook"), secret_key=key, now=lambda: self.now)
        self.runner = replace(self.runner, channels={"webhook": self.sender})

    async def subscribe(self, **options):
        return await subscribe(self.runner, channel="webhook", address=self.address, **{"states": "all"} | options)

    async def deliver(self, at: datetime):
        self.now = at
        return [
            await deliver(
                due,
                store=self.store,
                channels=self.runner.channels,
                now=lambda: self.now,
                page="https://ice.example/287g",
            )
            for due in await self.store.due(at)
        ]

    async def hook(self):
        (found,) = await self.store.subscriptions()
        return found

    def is_genuine(self, secret: str, delivery, monkeypatch, at: datetime | None = None) -> bool:
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", (at or self.now).timestamp)
            return documented()(secret, delivery.headers, delivery.body)


@pytest.fixture
async def here(tmp_path):
    store = TinyStore.open(tmp_path)
    async with Receiver() as receiver:
        world = World(store, receiver)
        await world.publish(FIRST, NOW - timedelta(days=1))
        yield world
        await world.sender.close()
    await world.store.close()


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_changes_arrive_as_signed_json_with_their_evidence(here, monkeypatch):
    secret = (await here.subscribe())["secret"]
    await here.publish(SECOND, NOW)
    (done,) = await here.deliver(LATER)
    assert done.problem is None
    (delivery,) = here.receiver.deliveries
    assert here.is_genuine(secret, delivery, monkeypatch)
    assert delivery.path == "/hooks?token=hunter2"
    assert delivery.headers["Countersign-Event"] == "changes"
    assert delivery.headers["Content-Type"] == "application/json; charset=utf-8"
    message = delivery.message
    assert (message["version"], message["id"], message["part"], message["parts"]) == (1, delivery.id, 1, 1)
    logged = {change.seq: change_json(change) for change in await here.store.changes()}
    told = {change["seq"]: change for change in message["changes"]}
    assert {change["kind"] for change in told.values()} == {"signed", "withdrawn"}
    for seq, change in told.items():
        assert {name: change[name] for name in logged[seq]} == logged[seq]
    signed = next(c for c in told.values() if c["agency"] == "Butler Police Department")
    assert (signed["list"], signed["row"], len(signed["evidence"])) == ("participating", 5, 64)
    assert signed["publication"] in signed["address"]
    assert "Butler Police Department" in message["text"]
    (receipt,) = await here.store.receipts()
    assert (receipt.message_id, sorted(receipt.changes)) == (delivery.id, sorted(told))


async def test_every_documented_field_is_there_and_every_field_is_documented(here):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    await here.deliver(LATER)
    page = DOCS.read_text(encoding="utf-8")
    message = here.receiver.deliveries[0].message
    assert all(f"`{name}`" in page for name in message)
    table = page[page.index("Each change has the fields") : page.index("## Check the signature")]
    names = [
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    assert len(names) > 15
    assert all(name in message["changes"][0] for name in names)
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": list(message),
        "properties": {
            "version": {"const": 1},
            "id": {"type": "string", "pattern": "^[0-9a-f-]{36}$"},
            "event": {"enum": ["changes", "correction", "notice", "ping"]},
            "composed_at": {"type": ["string", "null"], "pattern": "Z$"},
            "headline": {"type": "string"},
            "text": {"type": "string"},
            "upto": {"type": ["integer", "null"]},
            "part": {"type": "integer", "minimum": 1},
            "parts": {"type": "integer", "minimum": 1},
            "changes": {"type": "array", "items": {"type": "object"}},
        },
    }
    Draft202012Validator(schema).validate(message)
    await here.sender.send(here.address, here.sender.ping("A test"))
    Draft202012Validator(schema).validate(here.receiver.deliveries[1].message)


async def test_the_words_are_in_the_language_of_the_subscription_and_the_data_is_not(here):
    await here.subscribe(language="es")
    await here.publish(SECOND, NOW)
    await here.deliver(LATER)
    message = here.receiver.deliveries[0].message
    assert "nuevo" in message["headline"]
    assert {change["kind"] for change in message["changes"]} == {"signed", "withdrawn"}


async def test_a_long_message_is_split_and_no_change_is_lost_or_repeated(here):
    await here.subscribe()
    many = [row("TEXAS", f"Town {n} Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(400)]
    await here.publish(FIRST + many, NOW)
    await here.deliver(LATER)
    messages = [delivery.message for delivery in here.receiver.deliveries]
    assert len(messages) >= 2
    assert [(m["part"], m["parts"]) for m in messages] == [(n, len(messages)) for n in range(1, len(messages) + 1)]
    assert max(len(delivery.body) for delivery in here.receiver.deliveries) < 2**20
    assert len({m["id"] for m in messages}) == len(messages)
    seqs = [change["seq"] for message in messages for change in message["changes"]]
    assert len(seqs) == len(set(seqs)) == 400
    for message in messages:
        assert all(change["agency"] in message["text"] for change in message["changes"])


async def test_a_retraction_is_a_correction_that_names_the_wrong_change(here):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    await here.deliver(LATER)
    wrong = here.receiver.deliveries[0].message["changes"][0]["seq"]
    await retract(here.runner, seq=wrong, because="We misread the list.")
    await here.deliver(LATER + timedelta(hours=1))
    correction = here.receiver.deliveries[1].message
    assert correction["event"] == "correction"
    (change,) = correction["changes"]
    assert (change["kind"], change["retracts"], change["because"]) == ("retracted", wrong, "We misread the list.")


async def test_a_notice_has_words_and_no_changes_and_each_day_its_own_id(here):
    await here.subscribe(cadence="daily", at="09:00")
    hook = await here.hook()
    await here.store.change_subscription(replace(hook, hears_always=True))
    for day in (1, 2):
        await here.deliver(NOW + timedelta(days=day))
    first, second = here.receiver.deliveries
    assert [each.message["event"] for each in (first, second)] == ["notice", "notice"]
    assert first.message["changes"] == []
    assert first.id != second.id


async def test_each_ping_is_an_event_of_its_own(here, monkeypatch):
    secret = (await here.subscribe())["secret"]
    for minutes in (0, 1):
        here.now = NOW + timedelta(minutes=minutes)
        await here.sender.send(here.address, here.sender.ping("This is a test."))
    first, second = here.receiver.deliveries
    assert first.headers["Countersign-Event"] == first.message["event"] == "ping"
    assert first.message["text"] == "This is a test."
    assert first.id != second.id
    assert here.is_genuine(secret, second, monkeypatch)


async def test_a_hostile_name_stays_text_in_json(here):
    await here.subscribe()
    name = 'Bell "County\\" </script> Sheriff\u2028\u2019s'
    await here.publish([*FIRST, row("TEXAS", name, "Task Force Model", SIGNED, "Bell County")], NOW)
    await here.deliver(LATER)
    (change,) = here.receiver.deliveries[0].message["changes"]
    assert change["agency"].startswith('Bell "County\\" </script> Sheriff')


# ── the same message twice ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_sent_again_has_the_same_id_and_bytes_and_a_new_timestamp(here, monkeypatch):
    secret = (await here.subscribe())["secret"]
    await here.publish(SECOND, NOW)
    here.receiver.answers.append(500)
    (failed,) = await here.deliver(LATER)
    assert "500" in failed.problem
    await here.deliver(LATER + timedelta(hours=2))
    first, again = here.receiver.deliveries
    assert (first.id, first.body) == (again.id, again.body)
    assert first.headers["Countersign-Timestamp"] != again.headers["Countersign-Timestamp"]
    assert here.is_genuine(secret, again, monkeypatch)


async def test_a_kill_before_the_receipt_repeats_the_message_under_the_same_id(here, tmp_path):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    due = (await here.store.due(LATER))[0]
    await here.store.pin(due.id, await here.store.last_seq(), LATER)

    class Killed(BaseException):
        pass

    async def killed(receipt):
        raise Killed

    here.store.sent = killed
    with pytest.raises(Killed):
        await here.deliver(LATER)
    del here.store.sent
    await here.store.close()
    here.store = TinyStore.open(tmp_path)
    here.open(None)
    await here.deliver(LATER + timedelta(minutes=5))
    first, again = here.receiver.deliveries
    assert (first.id, first.body) == (again.id, again.body)


async def test_the_id_stays_if_only_the_language_changed_between_two_tries(here):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.receiver.answers.append(500)
    await here.deliver(LATER)
    await here.subscribe(language="es")
    await here.deliver(LATER + timedelta(hours=2))
    first, again = here.receiver.deliveries
    assert first.message["text"] != again.message["text"]
    assert first.id == again.id


async def test_two_addresses_get_the_same_change_under_two_ids(here):
    await here.subscribe()
    here.address += "2"
    await here.subscribe()
    await here.publish(SECOND, NOW)
    await here.deliver(LATER)
    first, second = here.receiver.deliveries
    assert first.message["changes"] == second.message["changes"]
    assert first.id != second.id


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_gone_pauses_at_once_and_subscribing_again_resumes_without_a_new_secret(here):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.receiver.answers.append(410)
    (done,) = await here.deliver(LATER)
    assert done.paused
    assert "410" in (await here.hook()).paused
    assert await here.deliver(LATER + timedelta(days=3)) == []
    assert "secret" not in await here.subscribe()
    await here.deliver(LATER + timedelta(days=3))
    assert here.receiver.deliveries[0].id == here.receiver.deliveries[1].id


@pytest.mark.parametrize("status", [400, 401, 404, 405, 413, 301, 302, 307, 308])
async def test_a_refusal_pauses_only_once_it_has_lasted_for_two_days(here, status):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.receiver.answers.extend([(status, {"Location": f"{here.receiver.base}/elsewhere"})] * 100)
    at = LATER
    while (await here.hook()).paused is None:
        await here.deliver(at)
        at = (await here.hook()).retry_at or at
    assert timedelta(days=2) <= at - LATER < timedelta(days=3)
    hook = await here.hook()
    assert not hook.refused
    assert str(status) in hook.paused
    assert {delivery.path for delivery in here.receiver.deliveries} == {"/hooks?token=hunter2"}


@pytest.mark.parametrize("status", [500, 503, 408])
async def test_a_receiver_in_trouble_for_days_is_asked_until_it_works(here, status):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.receiver.answers.extend([status] * 100)
    at = LATER
    while (await here.hook()).paused is None:
        await here.deliver(at)
        at = (await here.hook()).retry_at or at
    assert (await here.hook()).refused


@pytest.mark.parametrize("status", [429, 503])
async def test_the_receiver_says_how_long_to_wait(here, status):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.receiver.answers.append((status, {"Retry-After": "600"}))
    await here.deliver(LATER)
    hook = await here.hook()
    assert timedelta(seconds=600) <= hook.retry_at - LATER <= timedelta(seconds=602)
    assert hook.failures == 0


async def test_one_webhook_that_is_down_for_days_leaves_the_others_alone(here):
    await here.subscribe()
    here.address += "2"
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.receiver.answers.extend([500] * 100)
    at = LATER
    while not all(hook.refused for hook in await here.store.subscriptions()):
        await here.deliver(at)
        at = max(filter(None, (hook.retry_at for hook in await here.store.subscriptions())), default=at)
    here.receiver.answers.clear()
    here.receiver.answers.extend([204, 500])
    await probe_rejected_tokens(here.store, at)
    await here.deliver(at)
    assert sorted(hook.refused for hook in await here.store.subscriptions()) == [False, True]


async def test_a_notice_about_a_webhook_that_is_down_does_not_show_its_address(here):
    await here.subscribe()
    hook = await here.hook()
    down = replace(hook, paused="127.0.0.1 answered 500 (for 2 days)", refused=True, failing_since=NOW)
    notices = list(for_operator(statuses=(), held=(), subscriptions=(down,), now=NOW, stale_after=timedelta(hours=6)))
    assert any(hook.id in notice.text for notice in notices)
    assert "hunter2" not in repr(notices)


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_secret_is_shown_once_and_kept(here):
    first = await here.subscribe()
    assert len(first["secret"]) > 40
    again = await here.subscribe(states="TX")
    assert again["changed"]
    assert "secret" not in again
    await unsubscribe(here.runner, channel="webhook", address=here.address)
    assert await here.store.notes("webhook") == {}
    assert (await here.subscribe())["secret"] != first["secret"]


@pytest.mark.parametrize("given", ["new", "a secret of my own, 32 letters".replace(" ", "-")])
async def test_for_a_day_after_a_new_secret_both_sign(here, monkeypatch, given):
    old = (await here.subscribe())["secret"]
    new = (await here.subscribe(secret=given))["secret"]
    assert new != old
    assert given in {"new", new}
    for hours, both in ((0, True), (23, True), (25, False)):
        here.now = NOW + timedelta(hours=hours)
        await here.sender.send(here.address, here.sender.ping("A test"))
        delivery = here.receiver.deliveries[-1]
        assert here.is_genuine(new, delivery, monkeypatch)
        assert here.is_genuine(old, delivery, monkeypatch) is both


async def test_a_second_new_secret_does_not_give_the_first_more_time(here, monkeypatch):
    first = (await here.subscribe())["secret"]
    await here.subscribe(secret="new")
    here.now = NOW + timedelta(hours=20)
    await here.subscribe(secret="new")
    here.now = NOW + timedelta(hours=25)
    await here.sender.send(here.address, here.sender.ping("A test"))
    delivery = here.receiver.deliveries[0]
    assert not here.is_genuine(first, delivery, monkeypatch)
    assert delivery.headers["Countersign-Signature"].count("v1=") == 2


@pytest.mark.parametrize(
    "given", ["short", "x" * 201, "with a space in it, and long enough", "ñandú-ñandú-ñandú-ñandú-ñandú"]
)
async def test_a_bad_secret_is_refused_unquoted_and_nothing_is_stored(here, given):
    with pytest.raises(UsageError, match="24 to 200") as refused:
        await here.subscribe(secret=given)
    assert given not in str(refused.value)
    assert await here.store.subscriptions() == ()
    assert await here.store.notes("webhook") == {}


async def test_a_channel_that_signs_nothing_takes_no_secret(here):
    with pytest.raises(UsageError, match="--secret"):
        await subscribe(here.runner, channel="telegram", address="42", states="TX", secret="x" * 30)


async def test_a_changed_body_another_secret_and_an_old_message_are_not_genuine(here, monkeypatch):
    secret = (await here.subscribe())["secret"]
    await here.sender.send(here.address, here.sender.ping("A test"))
    (delivery,) = here.receiver.deliveries
    assert here.is_genuine(secret, delivery, monkeypatch)
    assert not here.is_genuine(secret + "x", delivery, monkeypatch)
    assert not here.is_genuine(secret, delivery._replace(body=delivery.body + b" "), monkeypatch)
    assert not here.is_genuine(secret, delivery, monkeypatch, at=here.now + timedelta(minutes=6))
    later = {**delivery.headers, "Countersign-Timestamp": str(int(here.now.timestamp()) + 60)}
    assert not here.is_genuine(secret, delivery._replace(headers=later), monkeypatch)
    assert not here.is_genuine(secret, delivery._replace(headers={}), monkeypatch)


# ── what is stored ───────────────────────────────────────────────────────────────────────────────────────────────────


def on_disk(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_with_a_key_neither_address_nor_secret_reaches_the_disk(here, tmp_path, monkeypatch):
    here.open(KEY)
    secret = (await here.subscribe())["secret"]
    assert (await here.hook()).shown_address == "http://***"
    await here.publish(SECOND, NOW)
    await here.deliver(LATER)
    assert here.is_genuine(secret, here.receiver.deliveries[0], monkeypatch)
    await here.store.close()
    kept = on_disk(tmp_path)
    assert secret.encode() not in kept
    assert b"hunter2" not in kept


async def test_secrets_stored_before_there_was_a_key_are_encrypted_and_still_sign(here, tmp_path, monkeypatch):
    secret = (await here.subscribe())["secret"]
    assert secret.encode() in on_disk(tmp_path)
    here.open(KEY)
    await encrypt_addresses(here.runner)
    assert await encrypt_addresses(here.runner) == 0
    assert secret.encode() not in on_disk(tmp_path)
    assert b"hunter2" not in on_disk(tmp_path)
    assert "secret" not in await here.subscribe()
    await here.publish(SECOND, NOW)
    await here.deliver(LATER)
    assert here.is_genuine(secret, here.receiver.deliveries[0], monkeypatch)


@pytest.mark.parametrize("key", [None, OTHER])
async def test_without_the_right_key_sending_says_so_and_is_not_given_up(here, key):
    here.open(KEY)
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.open(key)
    (done,) = await here.deliver(LATER)
    assert "COUNTERSIGN_SECRET_KEY" in done.problem
    assert not done.paused
    assert here.receiver.deliveries == []


async def test_a_webhook_without_a_secret_is_never_sent_to_unsigned(here):
    with pytest.raises(SendError, match="no secret"):
        await here.sender.send(here.address, here.sender.ping("A test"))
    assert here.receiver.deliveries == []


async def test_no_error_or_receipt_shows_the_address(here):
    await here.subscribe()
    await here.publish(SECOND, NOW)
    here.receiver.answers.append(404)
    (done,) = await here.deliver(LATER)
    receipts = json.dumps([(r.error, r.address) for r in await here.store.receipts()])
    assert "hunter2" not in done.problem + receipts
    assert "/hooks" not in done.problem + receipts


def test_a_digest_of_another_part_of_the_program_is_a_notice():
    sender = WebhookSender(Poster(), StoredNotes(TinyStore.in_memory()).of("webhook"))
    (part,) = sender.render(Digest(upto=0, title=(Span("ICE's list can't be read"),), sections=()))
    assert (part.payload["event"], part.payload["upto"]) == ("notice", None)
    assert part.payload["headline"] == "ICE's list can't be read"
