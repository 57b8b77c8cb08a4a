"""Apprise addresses, encrypted in the store while COUNTERSIGN_SECRET_KEY is set."""

from datetime import UTC, datetime, timedelta

import pytest
from channels.test_apprise import SECRET, Sink, a_digest, address

from bot.channels.apprise import AppriseSender
from bot.channels.sealed_address import AddressSeal
from bot.commands.operator import encrypt_addresses, subscribe, unsubscribe
from bot.errors import SendError, UsageError
from bot.pipeline.runner import Runner
from bot.store.tiny.store import TinyStore

KEY, OTHER = "a secret key that is long enough to be one", "another secret key that is long enough"
PLAIN = f"json://reporter:{SECRET}@127.0.0.1:9"
WANTED = {"channel": "apprise", "states": "TX", "cadence": "instant", "tz": "UTC"}


def runner(store, key: str | None) -> Runner:
    return Runner(
        store=store,
        fetch=None,
        sources={},
        channels={"apprise": AppriseSender(secret_key=key)},
        now=lambda: datetime(2026, 11, 24, 12, tzinfo=UTC),
        every=timedelta(minutes=15),
        page="https://ice.example/287g",
    )


def on_disk(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_password_never_reaches_the_disk_and_the_subscription_is_found_by_its_plain_address(tmp_path):
    store = TinyStore.open(tmp_path)
    first = await subscribe(runner(store, KEY), address=PLAIN, **WANTED)
    again = await subscribe(runner(store, KEY), address=PLAIN, **WANTED | {"states": "OK"})
    assert (first["changed"], again["changed"], len(await store.subscriptions())) == (False, True, 1)
    assert first["subscription"]["address"] == "json://***"
    await store.close()
    assert SECRET.encode() not in on_disk(tmp_path)
    store = TinyStore.open(tmp_path)
    await unsubscribe(runner(store, KEY), channel="apprise", address=PLAIN)
    assert await store.subscriptions() == ()
    await store.close()


async def test_addresses_stored_before_there_was_a_key_are_encrypted_and_erased_from_every_file(tmp_path):
    store = TinyStore.open(tmp_path)
    old = await subscribe(runner(store, None), address=PLAIN, **WANTED)
    await store.close()
    assert SECRET.encode() in on_disk(tmp_path)
    store = TinyStore.open(tmp_path)
    assert await encrypt_addresses(runner(store, KEY)) == 1
    assert await encrypt_addresses(runner(store, KEY)) == 0
    [found] = await store.subscriptions()
    assert found.id == old["subscription"]["id"]
    assert SECRET.encode() not in on_disk(tmp_path)
    await store.close()


async def test_without_a_key_nothing_changes(tmp_path):
    store = TinyStore.open(tmp_path)
    await subscribe(runner(store, None), address=PLAIN, **WANTED)
    assert await encrypt_addresses(runner(store, None)) == 0
    assert (await store.subscriptions())[0].address == PLAIN
    await store.close()


async def test_an_encrypted_address_is_sent_to():
    with Sink().run_in_thread() as sink:
        sender = AppriseSender(secret_key=KEY)
        (part,) = sender.render(a_digest())
        await sender.send(sender.stored_address(address(sink)), part)
    assert sink.posted


@pytest.mark.parametrize("key", [None, OTHER])
async def test_without_the_right_key_sending_says_so_and_isnt_given_up(key):
    sender = AppriseSender(secret_key=key)
    (part,) = sender.render(a_digest())
    with pytest.raises(SendError, match="COUNTERSIGN_SECRET_KEY") as fault:
        await sender.send(AddressSeal(KEY).seal(PLAIN), part)
    assert not fault.value.refused


async def test_an_unknown_address_is_named_without_its_password(tmp_path):
    store = TinyStore.open(tmp_path)
    with pytest.raises(UsageError) as refused:
        await unsubscribe(runner(store, KEY), channel="apprise", address=PLAIN)
    assert SECRET not in str(refused.value)
    await store.close()


def test_an_address_moved_to_another_scheme_or_changed_does_not_open():
    sealed = AddressSeal(KEY).seal(PLAIN)
    assert AddressSeal(KEY).unseal(sealed) == PLAIN
    assert AddressSeal(KEY).seal(sealed) == sealed
    assert AddressSeal(KEY).unseal(sealed.replace("json:", "xml:")) is None
    assert AddressSeal(KEY).unseal(sealed[:-6] + "AAAAAA") is None
