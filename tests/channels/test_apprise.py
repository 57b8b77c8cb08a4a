"""Apprise: anything that takes a text, set up by the operator; its address holds a password."""

import json
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from support.chat import FIRST, NOW, SIGNED, Chat
from support.loopback.server import LoopbackServer
from support.program import row, world
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS

from bot.channels.apprise import AppriseSender
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.text.rich_text import Span
from bot.errors import SendError
from bot.pipeline.deliver import deliver
from bot.store.tiny.store import TinyStore

SECRET = "hunter2-hunter2"


class Sink(LoopbackServer):
    """Takes what Apprise's json:// posts."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[dict] = []
        self.status = 200
        self.statuses: list[int] = []

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.posted.append(json.loads(await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else self.status)


def a_digest() -> Digest:
    item = Item(
        lines=((Span("Bell County Sheriff's Office"),), (Span("MOA", href="https://www.ice.gov/a.pdf"),)), covers=(7,)
    )
    return Digest(
        upto=7, title=(Span("287(g): 1 new agreement"),), sections=(Section(heading=(Span("Texas"),), items=(item,)),)
    )


def address(sink: Sink) -> str:
    return sink.base.replace("http://", f"json://reporter:{SECRET}@")


async def test_a_digest_arrives_as_plain_text_with_its_links_written_out():
    with Sink().run_in_thread() as sink:
        (part,) = AppriseSender().render(a_digest())
        await AppriseSender().send(address(sink), part)
    assert sink.posted[0]["title"] == "287(g): 1 new agreement"
    assert "MOA (https://www.ice.gov/a.pdf)" in sink.posted[0]["message"]


class Flooded(Sink):
    """A self-hosted Fluxer, which answers 429 and says how long to wait."""

    def __init__(self, asked: str) -> None:
        super().__init__()
        self.asked = asked

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.posted.append({})
        if len(self.posted) > 1:
            return web.Response(status=204)
        return web.Response(status=429, headers={"Retry-After": self.asked})


@pytest.mark.parametrize("asked", ["99999999", "3600", "inf", "99999999999"])
async def test_a_service_that_asks_for_too_long_a_wait_is_asked_again_later_and_holds_no_thread(asked):
    with Flooded(asked).run_in_thread() as server:
        (part,) = AppriseSender().render(a_digest())
        with pytest.raises(SendError) as fault:
            await AppriseSender(call_timeout=20).send(
                server.base.replace("http://", "fluxer://") + "/000000000000000000/" + "x" * 64, part
            )
    assert len(server.posted) == 1
    assert fault.value.retry_after is None or 10 < fault.value.retry_after <= 3_600
    if asked in {"99999999", "3600"}:
        assert fault.value.retry_after is not None


async def test_a_refusal_shows_no_more_of_the_address_than_its_kind():
    with Sink().run_in_thread() as sink:
        sink.status = 500
        (part,) = AppriseSender().render(a_digest())
        with pytest.raises(SendError) as fault:
            await AppriseSender().send(address(sink), part)
    assert "json" in str(fault.value)
    assert SECRET not in str(fault.value)


@pytest.mark.slow
def test_no_output_log_or_receipt_shows_the_password(tmp_path):
    with world(tmp_path / "data") as here, Sink().run_in_thread() as sink:
        here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
        here.run("poll")
        shown = here.run("subscribe", "apprise", address(sink), "--states", "all")
        here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY)
        here.run("poll")
        sink.status = 500
        failed = here.run("deliver", expect=1)
        listed = here.run("subscriptions", "--json")
        receipts = here.run("deliveries", "--json")
        said = [shown, failed, listed, receipts, here.run("deliveries"), here.run("status")]
        assert all(SECRET not in done.stdout + done.stderr for done in said)
        assert json.loads(listed.stdout)["address"] == "json://***"
        assert json.loads(receipts.stdout.splitlines()[-1])["error"]
        assert datetime.fromisoformat(json.loads(receipts.stdout.splitlines()[-1])["at"])


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────

LONG = "An agency whose name is long enough to fill a line of a message, and then some & more <all over again>"
SERVICES = (
    "json://localhost", "mailto://u:p@example.org", "ntfy://localhost/x", "mmost://localhost/token",
    "discord://123456789012345678/abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "gotify://localhost/token",
    "mailto://u:p@example.org?format=text", "tgram://123456789:abcdefg_hijklmnop/12315544/", "msteams://a/b/c/",
)  # fmt: skip


def a_long_digest(count: int = 200) -> Digest:
    items = tuple(Item(lines=((Span(f"{number} {LONG}"),),), covers=(number,)) for number in range(1, count + 1))
    return Digest(upto=count, title=(Span("287(g): many"),), sections=(Section(heading=(Span("Texas"),), items=items),))


@pytest.mark.parametrize("service", SERVICES)
def test_each_part_is_one_message_of_its_service(service):
    import apprise

    made = apprise.Apprise()
    if not made.add(service + ("&" if "?" in service else "?") + "overflow=split"):
        pytest.skip("this release of Apprise writes the address in another way")
    parts = AppriseSender().for_address(service).render(a_long_digest())
    assert [seq for part in parts for seq in part.covers] == list(range(1, 201))
    for part in parts:
        calls = list(made._create_notify_gen(**part.payload, body_format=apprise.NotifyFormat.TEXT))
        for plugin, content in [(call[0], call[1]) for call in calls]:
            sent = plugin._apply_overflow(content["body"], title=content["title"], body_format=content["body_format"])
            assert len(sent) == 1


def test_a_service_with_room_for_all_gets_one_part():
    assert len(AppriseSender().for_address("json://localhost").render(a_long_digest(20))) == 1
    assert len(AppriseSender().for_address("mmost://localhost/token").render(a_long_digest(100))) > 2


async def test_a_part_that_fails_is_sent_again_without_those_before_it():
    store = TinyStore.in_memory()
    talk = Chat(store)
    many = [row("TEXAS", f"Town {n} Police Department", "Task Force Model", SIGNED, "Bell County") for n in range(90)]
    await talk.publish(FIRST, NOW - timedelta(days=1))
    with Sink().run_in_thread() as sink:
        service = sink.base.replace("http://", "mmost://") + "/token"
        mine = Subscription(id="", channel="apprise", address=service, filter=Filter(states={ALL_STATES: 0}))
        mine = await store.subscribe(mine)
        await talk.publish(FIRST + many, NOW)
        sink.statuses = [200, 500]

        async def deliver_now():
            [due] = await store.due(talk.now)
            channels = {"apprise": AppriseSender()}
            return await deliver(due, store=store, channels=channels, now=lambda: talk.now, page="https://ice.example")

        assert (await deliver_now()).problem
        talk.now += timedelta(hours=1)
        assert (await deliver_now()).problem is None
    [first, failed, again, *_] = (posted["text"] for posted in sink.posted)
    assert failed == again
    assert [posted["text"] for posted in sink.posted].count(first) == 1
    receipts = [(r.part, r.error is None) for r in await store.receipts(mine.id)]
    assert receipts[:3] == [(1, True), (2, False), (2, True)]
    assert (await store.subscription(mine.id)).due_at is None
    await store.close()
