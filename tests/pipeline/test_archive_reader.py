"""The Internet Archive as the last resort: only while ICE refuses us, half an hour apart, and only what is newer."""

import json
from datetime import UTC, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from support.ice_site import EVERY, NOON, PAGE, IceHarness, cells, constables

from bot.domain.document import Document, digest
from bot.domain.source_status import ICE, Trouble
from bot.domain.way import Way
from bot.errors import Blocked, Unreachable
from bot.pipeline.archive_reader import ArchiveReader
from bot.pipeline.runner import Runner

ARCHIVE = "https://web.archive.org"
FIRST = [cells("Alvin Police Department"), *constables(12)]
SECOND = [*FIRST, cells("Brazoria County Sheriff's Office")]
HALF_HOUR = timedelta(minutes=30)


class ArchiveSite:
    """The Archive's index and its copies, in place of a fetcher."""

    def __init__(self):
        self.captures = {}  # by address: the bytes by timestamp
        self.asked = []
        self.fault = None
        self.index = None

    def capture(self, site, at):
        """Capture everything that ICE's site has now."""
        for address, body in site.has.items():
            if isinstance(body, bytes):
                self.captures.setdefault(address, {})[f"{at.astimezone(UTC):%Y%m%d%H%M%S}"] = body

    async def get(self, address, *, source, accept="*/*", validators=None):
        self.asked.append(address)
        if self.fault is not None:
            raise self.fault
        parts = urlsplit(address)
        if parts.path == "/cdx/search/cdx":
            asked = parse_qs(parts.query)
            (url,), since = asked["url"], asked.get("from", [""])[0]
            found = [[at, url] for at in sorted(self.captures.get(url, {})) if at >= since]
            body = self.index or json.dumps([["timestamp", "original"], *found[-1:]] if found else []).encode()
        else:
            at, _, url = address.removeprefix(f"{ARCHIVE}/web/").partition("id_/")
            body = self.captures[url][at]
        name = address.rpartition("/")[2]
        headers = {"content-type": "text/html", "etag": '"of the archive"'}
        return Document(address=address, name=name, body=body, sha256=digest(body), headers=headers, fetched_at=NOON)


class Here(IceHarness):
    """A store, ICE's site and the Archive."""

    def __init__(self, folder):
        super().__init__(folder)
        self.archive = ArchiveSite()
        self.runner = Runner(
            store=self.store,
            fetch=self.archive,
            sources={ICE: self.ice},
            channels={},
            now=lambda: self.site.at,
            every=EVERY,
            page=PAGE,
        )
        self.reader = ArchiveReader(self.runner, self.ice, ARCHIVE)

    async def look(self, *, later=HALF_HOUR):
        self.site.at += later
        self.archive.asked.clear()
        await self.reader.step()

    async def refuse(self):
        """Let ICE refuse us from now on, and find out."""
        self.kept, self.site.has = self.site.has, {PAGE: Blocked("403 Forbidden")}
        await self.poll()
        self.site.has = self.kept

    async def log(self):
        return [(change.kind.value, change.agreement.agency) for change in await self.store.changes()]


@pytest.fixture
def here(tmp_path):
    return Here(tmp_path / "data")


async def test_while_ice_refuses_a_newer_capture_is_recorded_with_its_own_time_and_way(here):
    here.publish(FIRST)
    await here.poll()
    here.publish(SECOND)
    await here.refuse()
    captured_at = here.site.at + timedelta(minutes=3)
    here.archive.capture(here.site, captured_at)
    await here.look()
    *_, change = await here.store.changes()
    assert (change.kind.value, change.agreement.agency) == ("signed", "Brazoria County Sheriff's Office")
    assert (change.publication.way, change.publication.observed_at) == (Way.ARCHIVE, captured_at)
    status = await here.store.source_status(ICE)
    assert status.read_at == captured_at
    assert (status.trouble, status.failures) == (Trouble.REFUSED, 1)


async def test_our_own_back_off_from_ice_goes_on_beside_the_archive(here):
    here.publish(FIRST)
    await here.refuse()
    before = await here.store.source_status(ICE)
    here.archive.capture(here.site, here.site.at)
    await here.look()
    after = await here.store.source_status(ICE)
    assert after.read_at is not None
    assert (after.due_at, after.failures, after.problem) == (before.due_at, before.failures, before.problem)


async def test_when_ice_answers_again_its_own_word_goes_on_and_nothing_is_told_twice(here):
    here.publish(FIRST)
    await here.poll()
    here.publish(SECOND)
    await here.refuse()
    here.archive.capture(here.site, here.site.at + timedelta(minutes=1))
    await here.look()
    told = await here.log()
    assert await here.changes() == []
    assert await here.log() == told
    assert (await here.store.source_status(ICE)).trouble is None


async def test_it_looks_every_half_hour_and_asks_for_no_copy_that_isnt_newer(here):
    here.publish(FIRST)
    await here.poll()
    here.archive.capture(here.site, here.site.at - timedelta(hours=1))
    await here.refuse()
    await here.look()
    assert here.archive.asked
    assert all("/cdx/" in address for address in here.archive.asked)
    await here.look(later=timedelta(minutes=20))
    assert here.archive.asked == []
    await here.look(later=timedelta(minutes=10))
    assert here.archive.asked


async def test_it_asks_nothing_while_ice_answers_or_a_relay_feeds_us(here):
    here.publish(FIRST)
    await here.poll()
    await here.look()
    assert here.archive.asked == []
    await here.refuse()
    status = await here.store.source_status(ICE)
    await here.store.remember(status.read_by(Way.RELAY, here.site.at, EVERY, None))
    await here.look()
    assert here.archive.asked == []


async def test_an_old_list_behind_a_new_capture_of_the_page_changes_nothing(here):
    here.publish(SECOND)
    await here.poll()
    told = await here.log()
    old = dict(here.site.has)
    here.publish(FIRST)  # the list of yesterday, captured yesterday and still linked by a stale copy of the page
    here.archive.capture(here.site, here.site.at - timedelta(days=1))
    here.archive.captures[PAGE] = {f"{here.site.at + timedelta(minutes=20):%Y%m%d%H%M%S}": here.site.has[PAGE]}
    here.site.has = old
    await here.refuse()
    await here.look()
    assert await here.log() == told
    assert (await here.store.held()) == ()


@pytest.mark.parametrize(
    "trouble", [{"fault": Unreachable("503")}, {"fault": Blocked("429")}, {"index": b"<html>Sorry</html>"}]
)
async def test_an_archive_in_trouble_is_only_logged(here, trouble):
    here.publish(FIRST)
    await here.refuse()
    for name, value in trouble.items():
        setattr(here.archive, name, value)
    before = await here.store.source_status(ICE)
    await here.look()
    assert await here.store.source_status(ICE) == before


async def test_a_block_page_that_the_archive_captured_is_no_list(here):
    here.publish(FIRST)
    await here.poll()
    told = await here.log()
    await here.refuse()
    block = b"<html><head><title>Access Denied</title></head><body><h1>Access Denied</h1></body></html>"
    address = here.links["participating"]
    here.archive.captures = {
        PAGE: {f"{here.site.at + timedelta(minutes=5):%Y%m%d%H%M%S}": here.site.has[PAGE]},
        address: {f"{here.site.at + timedelta(minutes=6):%Y%m%d%H%M%S}": block},
    }
    await here.look()
    assert await here.log() == told
    assert await here.store.held() == ()
