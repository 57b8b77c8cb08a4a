"""The relay's folder survives damage, holds one relay, and keeps no bytes that nobody needs."""

from dataclasses import replace

import pytest
from support.ice_site import EVERY, IceHarness, constables

from bot.errors import StoreBusy
from bot.fetch.post import Posted
from bot.pipeline.relay import STATE, Relay, RelayFolder


class Host:
    """A host that takes handovers, or answers as it is told. It lacks what nobody has sent it."""

    def __init__(self):
        self.status = 200
        self.bodies = []

    async def post(self, address, content, headers, *, cap):
        self.bodies.append(content)
        return Posted(self.status, None, {}, None, b'{"said": "so"}')


def relay(ice, path, host):
    return Relay(
        ice=ice.ice,
        fetch=Options(ice.site),
        poster=host,
        folder=RelayFolder(path),
        to="https://bot.example.org",
        secret="a-secret-that-both-machines-share",
        now=lambda: ice.site.at,
        every=EVERY,
    )


class Options:
    """A fetcher with all the options that ICE's site in memory doesn't need."""

    def __init__(self, site):
        self.site = site

    async def get(self, address, *, source, validators=None, last_good=None, **_):
        return await self.site.get(address, source=source, validators=validators, last_good=last_good)


@pytest.fixture
def ice(tmp_path):
    return IceHarness(tmp_path / "data")


async def test_only_one_relay_uses_a_folder(tmp_path):
    first = RelayFolder(tmp_path / "relay")
    with pytest.raises(StoreBusy):
        RelayFolder(tmp_path / "relay")
    first.close()
    RelayFolder(tmp_path / "relay").close()


@pytest.mark.parametrize("damage", [b"", b"{", b'{"status": 1}', b"\xff" * 100])
async def test_a_damaged_folder_is_begun_anew(tmp_path, ice, damage):
    ice.publish(constables(3))
    made = relay(ice, tmp_path / "relay", Host())
    assert await made.read()
    made.folder.close()
    (tmp_path / "relay" / STATE).write_bytes(damage)
    again = relay(ice, tmp_path / "relay", Host())
    assert await again.read()
    assert len(again.folder.state.waiting) == 1


async def test_bytes_that_are_lost_are_read_again_in_full(tmp_path, ice):
    ice.publish(constables(3))
    made = relay(ice, tmp_path / "relay", Host())
    await made.read()
    await made.hand_over()
    made.folder.close()
    for path in (tmp_path / "relay" / "evidence").rglob("*.gz"):
        path.write_bytes(b"damaged")
    again = relay(ice, tmp_path / "relay", Host())
    assert await again.read()
    (waiting,) = again.folder.state.waiting
    assert all(again.folder.body(sha256) for sha256 in waiting.hashes)


async def test_while_the_host_is_away_each_new_list_waits_and_unchanged_readings_dont_pile_up(tmp_path, ice):
    host = Host()
    host.status = 503
    made = relay(ice, tmp_path / "relay", host)
    for count in (3, 4, 5):
        ice.publish(constables(count))
        for _ in range(5):
            ice.site.at += EVERY
            assert await made.read()
            assert not await made.hand_over()
    waiting = made.folder.state.waiting
    assert len(waiting) == 6
    assert len({handover.hashes for handover in waiting}) == 3
    host.status = 200
    assert await made.hand_over()
    assert made.folder.state.waiting == ()
    kept = {path.stem for path in (tmp_path / "relay" / "evidence").rglob("*.gz")}
    assert len(kept) <= len(made.folder.state.status.validators)


async def test_a_reading_that_the_host_cant_use_doesnt_block_the_next(tmp_path, ice):
    host = Host()
    host.status = 422
    ice.publish(constables(3))
    made = relay(ice, tmp_path / "relay", host)
    await made.read()
    assert await made.hand_over()
    assert made.folder.state.waiting == ()
    assert replace(made.folder.state.status, heard={}).read_at == ice.site.at
