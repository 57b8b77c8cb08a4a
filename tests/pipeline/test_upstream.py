"""Another Countersign as the source: what it serves, chains of them, and upstreams that lie, are old or go away."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.ice_site import PAGE, IceHarness, cells, constables

from bot.domain.document import Document, digest
from bot.domain.source_status import ICE
from bot.domain.way import Way
from bot.errors import Missing, Unreachable
from bot.pipeline.mirror import mirrored
from bot.sources.formats.handover_json import to_json
from bot.sources.upstream import Upstream

BASE = "https://reader.example.org"
FIRST = [cells("Alvin Police Department"), *constables(12)]
SECOND = [*FIRST, cells("Brazoria County Sheriff's Office")]


class MirrorSite:
    """Answers for an upstream's mirror in place of a fetcher. `lies` replaces the bytes of a document."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.fault = None
        self.lies = {}
        self.asked = []

    @property
    def at(self):
        return self.upstream.site.at

    async def get(self, address, *, source, validators=None, accept="*/*", last_good=None):
        self.asked.append(address)
        if self.fault is not None:
            raise self.fault
        sha256 = address.rpartition("/")[2]
        if sha256 == "mirror":
            handover = await mirrored(self.upstream.store, PAGE)
            if handover is None:
                raise Unreachable(f"{address} answered 503")
            body = to_json(handover)
        else:
            body = self.lies.get(sha256) or (await self.upstream.store.evidence(sha256)).body
        unchanged = validators is not None and validators.sha256 == digest(body)
        return Document(
            address=address,
            name="mirror",
            body=b"" if unchanged else body,
            sha256=digest(body),
            headers={},
            fetched_at=self.at,
            unchanged=unchanged,
        )


class Downstream(IceHarness):
    """An installation that reads another one."""

    def __init__(self, folder, upstream):
        super().__init__(folder)
        self.ice = Upstream(self.ice, BASE, self.store.evidence)
        self.site = MirrorSite(upstream)

    async def poll(self, **_):
        from support.ice_site import EVERY

        from bot.pipeline.poll_list import poll_list

        return await poll_list(self.ice, store=self.store, fetch=self.site, now=lambda: self.site.at, every=EVERY)


@pytest.fixture
def reader(tmp_path):
    return IceHarness(tmp_path / "reader")


@pytest.fixture
def down(tmp_path, reader):
    return Downstream(tmp_path / "down", reader)


async def log_of(ice):
    return [(change.kind, change.agreement.agency) for change in await ice.store.changes()]


async def test_an_installation_reads_what_its_upstream_has_read_and_says_so(reader, down):
    reader.publish(FIRST)
    await reader.poll()
    await down.poll()
    reader.publish(SECOND)
    await reader.poll()
    (change,) = (await down.poll()).changes
    assert change.publication.way is Way.UPSTREAM
    assert await log_of(down) == await log_of(reader)
    assert (await down.store.source_status(ICE)).read_at == (await reader.store.source_status(ICE)).read_at


async def test_an_upstream_of_an_upstream_passes_everything_on(tmp_path, reader, down):
    last = Downstream(tmp_path / "last", down)
    last.site = MirrorSite(down)
    down.site.upstream = reader
    for rows in (FIRST, SECOND, SECOND[1:]):
        reader.publish(rows)
        await reader.poll()
        await down.poll()
        await last.poll()
    assert await log_of(last) == await log_of(reader)
    assert len(await log_of(last)) > len(FIRST)


async def test_nothing_newer_leaves_the_last_reading_as_it_was_and_asks_for_no_bytes(reader, down):
    reader.publish(FIRST)
    await reader.poll()
    await down.poll()
    before = await down.store.source_status(ICE)
    down.site.asked.clear()
    reader.site.at += timedelta(minutes=20)
    assert (await down.poll()).problem is None
    after = await down.store.source_status(ICE)
    assert (after.read_at, after.failures) == (before.read_at, 0)
    assert after.tried_at == reader.site.at
    assert down.site.asked == [f"{BASE}/mirror"]


async def test_a_new_reading_of_the_same_list_fetches_no_bytes_again(reader, down):
    reader.publish(FIRST)
    await reader.poll()
    await down.poll()
    down.site.asked.clear()
    await reader.poll()
    await down.poll()
    assert down.site.asked == [f"{BASE}/mirror"]
    assert (await down.store.source_status(ICE)).read_at == (await reader.store.source_status(ICE)).read_at


async def test_an_upstream_that_lies_about_its_bytes_changes_nothing_and_is_told_in_words(reader, down):
    reader.publish(FIRST)
    await reader.poll()
    await down.poll()
    told = await log_of(down)
    reader.publish(SECOND)
    await reader.poll()
    new = (await mirrored(reader.store, PAGE)).documents[1]
    down.site.lies = {new.sha256: b"PK another list"}
    problem = (await down.poll()).problem
    assert BASE in problem
    assert "don't match their SHA-256" in problem
    assert await log_of(down) == told
    down.site.lies = {}
    assert len((await down.poll()).changes) == 1


async def test_an_upstream_that_has_stopped_reading_is_told_in_words(reader, down):
    reader.publish(FIRST)
    await reader.poll()
    await down.poll()
    reader.site.at += timedelta(hours=4)
    assert "last read ICE's lists at" in (await down.poll()).problem


@pytest.mark.parametrize("fault", [Missing("404 Not Found"), Unreachable("couldn't be reached")])
async def test_an_upstream_that_goes_away_isnt_ices_trouble(reader, down, fault):
    reader.publish(FIRST)
    await reader.poll()
    await down.poll()
    down.site.fault = fault
    assert f"the upstream {BASE} can't be used" in (await down.poll()).problem
    status = await down.store.source_status(ICE)
    assert (status.failures, status.trouble) == (1, None)


async def test_an_upstream_that_hasnt_read_anything_yet_is_no_list(reader, down):
    assert "503" in (await down.poll()).problem
    assert await log_of(down) == []


async def test_a_list_that_the_upstream_holds_is_vetted_again_here(reader, down):
    reader.publish([*FIRST, *constables(30)])
    await reader.poll()
    await down.poll()
    reader.publish(FIRST[:3])
    await reader.poll()
    assert await reader.store.held()
    assert (await down.poll()).changes == ()
    (held,) = await down.store.held()
    assert held.publication.way is Way.UPSTREAM
    assert replace(held.publication, way=Way.DIRECT).evidence == (await reader.held()).publication.evidence
