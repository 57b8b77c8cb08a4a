"""ICE refuses this host, is down or can't be reached, or its page has moved: each is told apart and said plainly."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.ice_site import BASE, EVERY, NOON, PAGE, IceHarness, cells, constables

from bot.domain.health import facts, wrong
from bot.domain.messages.health_notices import for_operator
from bot.domain.source_status import ICE, SourceStatus, Trouble
from bot.domain.way import Way
from bot.errors import Blocked, Disallowed, Missing, NoConnection, Unreachable
from bot.fetch import Fetch, Limits

FIRST = [cells("Alvin Police Department"), *constables(12)]
OTHER = "https://www.ice.gov/287g"
STALE = timedelta(hours=6)
AKAMAI = (
    b"<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n \nYou don't have permission to "
    b'access "http&#58;&#47;&#47;www&#46;ice&#46;gov&#47;" on this server.<P>\nReference&#32;&#35;18&#46;7f\n</BODY></HTML>'
)
CHALLENGE = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>"
    b"<p>Checking your browser before accessing www.ice.gov.</p></body></html>"
)
FIREWALL = (
    b"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your "
    b"administrator.<br><br>Your support ID is: 1234</body></html>"
)


@pytest.fixture
def ice(tmp_path):
    return IceHarness(tmp_path / "data")


async def notices(ice):
    return [
        notice.text
        for notice in for_operator(
            statuses=await ice.store.source_statuses(),
            held=await ice.store.held(),
            subscriptions=(),
            now=ice.site.at,
            stale_after=STALE,
        )
    ]


async def status_of(ice) -> SourceStatus:
    return await ice.store.source_status(ICE)


@pytest.mark.parametrize(
    "answer", [Blocked("403 Forbidden"), Blocked("429 Too Many Requests"), AKAMAI, CHALLENGE, FIREWALL]
)
async def test_a_refusal_is_said_plainly_with_the_three_ways_and_holds_nothing(ice, answer):
    ice.publish(FIRST)
    ice.site.has[PAGE] = answer
    assert (await ice.poll()).problem
    status = await status_of(ice)
    assert status.trouble is Trouble.REFUSED
    (_, said) = wrong(status, ice.site.at, STALE)
    assert "refuses this host" in said
    for way in ("countersign relay", "COUNTERSIGN_UPSTREAM", "COUNTERSIGN_WAYBACK_READ"):
        assert way in said
    (notice,) = await notices(ice)
    assert "refuses this host" in notice
    assert await ice.store.held() == ()


@pytest.mark.parametrize("body", [AKAMAI, CHALLENGE, FIREWALL])
async def test_a_block_page_in_place_of_the_workbook_is_a_refusal_too(ice, body):
    ice.publish(FIRST)
    await ice.poll()
    ice.publish(body=body)
    await ice.poll()
    assert (await status_of(ice)).trouble is Trouble.REFUSED
    assert await ice.store.held() == ()
    ice.publish([*FIRST, cells("Buda Police Department")])
    assert await ice.changes() == [("signed", "Buda Police Department")]
    assert (await status_of(ice)).trouble is None


async def test_one_refusal_of_a_host_that_has_read_before_is_no_notice_but_three_are(ice):
    ice.publish(FIRST)
    await ice.poll()
    ice.site.has[PAGE] = Blocked("403 Forbidden")
    for _ in range(2):
        await ice.poll()
        assert await notices(ice) == []
    await ice.poll()
    (notice,) = await notices(ice)
    assert "refuses this host" in notice
    found = facts(
        now=ice.site.at,
        statuses=await ice.store.source_statuses(),
        held=0,
        log_end=0,
        subscriptions=(),
        stale_after=STALE,
    )
    assert any("refuses this host" in reason for reason in found.reasons)
    assert found.as_json()["ice"]["trouble"] == "refused"


async def test_when_the_relay_falls_silent_and_ice_refuses_us_the_operator_hears_at_once(ice):
    ice.publish(FIRST)
    await ice.poll()
    status = await status_of(ice)
    await ice.store.remember(status.read_by(Way.RELAY, ice.site.at, EVERY, None))
    ice.site.has[PAGE] = Blocked("403 Forbidden")
    await ice.poll(hours=1.1)
    (notice,) = await notices(ice)
    assert "the relay that reads it for us last reported at 2026-11-20T17:12:00Z" in notice


def test_robots_txt_isnt_a_refusal_of_this_host():
    assert Trouble.of(Disallowed("robots.txt asks us not to read it")) is None


def failing(fault) -> SourceStatus:
    return SourceStatus(source=ICE).failed(fault, NOON, timedelta(minutes=15))


def test_a_server_that_answers_with_errors_is_down_and_nothing_is_wrong_here():
    (_, said) = wrong(failing(Unreachable("503 Service Unavailable")), NOON, STALE)
    assert "down or overloaded" in said


def test_no_connection_to_ice_alone_is_ices_trouble_and_to_anything_is_ours():
    status = failing(NoConnection("www.ice.gov couldn't be reached"))
    (_, said) = wrong(status, NOON, STALE, reached_at=NOON + timedelta(minutes=1))
    assert "ICE's site is down" in said
    for reached_at in (None, NOON - timedelta(hours=1)):
        (_, said) = wrong(status, NOON, STALE, reached_at=reached_at)
        assert "this machine may be offline" in said


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "http://no-such-name.invalid/"])
async def test_a_closed_port_and_an_unknown_name_are_no_connection(address):
    async def nobody(host, port):
        raise OSError("no such name")

    async def at_once(_):
        return None

    from bot.fetch import Clock

    resolve = {"resolve": nobody} if "invalid" in address else {}
    fetch = Fetch(contact=None, limits=Limits(host_gap=0), allow_loopback=True, clock=Clock(sleep=at_once), **resolve)
    async with fetch:
        with pytest.raises(NoConnection):
            await fetch.get(address, source="ice")


# ── the page moves ───────────────────────────────────────────────────────────────────────────────────────────────────


def move(ice, to):
    ice.site.has[to] = ice.site.has.pop(PAGE)


async def test_a_page_that_is_gone_is_found_at_its_other_address_and_the_operator_hears_once(ice):
    ice.publish(FIRST)
    await ice.poll()
    ice.publish([*FIRST, cells("Buda Police Department")])
    move(ice, OTHER)
    assert await ice.changes() == [("signed", "Buda Police Department")]
    (notice,) = await notices(ice)
    assert OTHER in notice
    assert (await status_of(ice)).problem is None
    ice.site.has[PAGE] = AssertionError("the old address isn't asked again")
    assert await ice.changes() == []
    assert await notices(ice) == [notice]


async def test_a_page_that_moves_back_is_found_again(ice):
    ice.publish(FIRST)
    await ice.poll()
    move(ice, OTHER)
    await ice.poll()
    ice.site.has[PAGE] = ice.site.has.pop(OTHER)
    await ice.poll()
    assert (await status_of(ice)).problem is None
    assert await notices(ice) == []


async def test_a_page_without_a_list_is_sought_elsewhere_after_three_readings(ice):
    ice.publish(FIRST)
    await ice.poll()
    ice.site.has[OTHER] = ice.site.has[PAGE]
    for number in range(3):
        ice.site.has[PAGE] = f"<html><body><p>Partner with us. {number}</p></body></html>".encode()
        await ice.poll()
        assert (await status_of(ice)).problem is None if number == 2 else (await status_of(ice)).problem
    (notice,) = await notices(ice)
    assert OTHER in notice
    assert await ice.store.held() == ()


async def test_an_address_without_a_list_is_no_page_of_ices(ice):
    ice.publish(FIRST)
    await ice.poll()
    ice.site.has[PAGE] = Missing("404 Not Found")
    ice.site.has[OTHER] = b"<html><body><p>Fact sheets</p></body></html>"
    assert "404" in (await ice.poll()).problem
    assert BASE in str((await status_of(ice)).facts["links"])


async def test_a_status_of_an_older_program_opens_and_a_new_one_survives_the_store(ice, tmp_path):
    ice.publish(FIRST)
    await ice.poll()
    ice.site.has[PAGE] = Blocked("403 Forbidden")
    await ice.poll()
    status = await status_of(ice)
    await ice.store.close()
    again = IceHarness(tmp_path / "data")
    assert await again.store.source_status(ICE) == status
    assert replace(status, heard={}, trouble=None).heard == {}
