"""Apprise: anything that takes a text, set up by the operator; its address holds a password."""

import json
from datetime import datetime

import pytest
from aiohttp import web
from support.loopback.server import LoopbackServer
from support.program import world
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS

from bot.channels.apprise import AppriseSender
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.text.rich_text import Span
from bot.errors import SendError

SECRET = "hunter2-hunter2"


class Sink(LoopbackServer):
    """Takes what Apprise's json:// posts."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[dict] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.posted.append(json.loads(await request.read()))
        return web.Response(status=self.status)


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

    async def answer(self, request: web.Request) -> web.StreamResponse:
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
