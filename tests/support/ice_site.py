"""Poll ICE's lists without a network: a real store, an ICE site in memory and a clock that the test sets."""

from datetime import UTC, date, datetime, timedelta

from bot.domain.agreement import ListName
from bot.domain.document import Document, digest
from bot.errors import Missing
from bot.pipeline.poll_list import poll_list, rule
from bot.sources.ice import Ice
from bot.store.tiny.store import TinyStore
from support.workbooks import PARTICIPATING, PENDING, workbook

PAGE = "https://www.ice.gov/identify-and-arrest/287g"
BASE = "https://www.ice.gov/doclib/about/offices/ero/287g/"
EVERY = timedelta(minutes=10)
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)
DAY = date(2026, 11, 12)


def cells(name, state="TEXAS", support="Task Force Model", county="", day=DAY):
    return (state, name, "County", county, support, day, "link pending", None)


def constables(count):
    return [cells(f"Hill County Constable Precinct {number}", county="Hill County") for number in range(1, count + 1)]


class CountingIce(Ice):
    """The source of ICE's lists, which counts how often it parses one."""

    def __init__(self):
        super().__init__(PAGE)
        self.parsed = 0

    def parse(self, document, name, *, first_sheet=False):
        self.parsed += 1
        return super().parse(document, name, first_sheet=first_sheet)


class Site:
    """Answers for ICE's site in place of a fetcher. An address may hold an error. Unchanged bytes get a 304."""

    def __init__(self):
        self.has = {}
        self.at = NOON

    async def get(self, address, *, source, validators=None, last_good=None):
        body = self.has.get(address, Missing(f"{address} answered 404"))
        if isinstance(body, Exception):
            raise body
        name = address.rpartition("/")[2]
        unchanged = validators is not None and validators.sha256 == digest(body)
        return Document(
            address=address,
            name=name,
            body=b"" if unchanged else body,
            sha256=digest(body),
            headers={},
            fetched_at=self.at,
            unchanged=unchanged,
        )


class IceHarness:
    """A store, ICE's source and site, and a clock; publishes lists and polls them."""

    def __init__(self, folder):
        self.store = TinyStore.open(folder)
        self.site = Site()
        self.ice = CountingIce()
        self.number = 0
        self.links = {}

    def publish(self, rows=None, *, body=None, name=ListName.PARTICIPATING, header=None, headline=None, dated=None):
        """Link a new list on the page, named for a day or with a number."""
        self.number += 1
        address = f"{BASE}{name}Agencies{dated or self.number}.xlsx"
        if body is None:
            header = header or (PARTICIPATING if name is ListName.PARTICIPATING else PENDING)
            body = workbook(rows, header=header)
        self.site.has[address] = body
        self.links[name] = address
        self.write_page(headline)

    def write_page(self, headline=None):
        words = {ListName.PARTICIPATING: "Participating Agencies", ListName.PENDING: "Pending Agencies"}
        said = f"ICE has signed {headline:,} Memorandums of Agreement" if headline is not None else ""
        links = "".join(f'<a href="{link}">{words[name]}</a>' for name, link in self.links.items())
        self.site.has[PAGE] = f"<!DOCTYPE html><html><body><p>{said}</p>{links}</body></html>".encode()

    async def poll(self, *, hours=0.2, source=None):
        """Poll the source, a little later."""
        self.site.at += timedelta(hours=hours)
        return await poll_list(
            source or self.ice, store=self.store, fetch=self.site, now=lambda: self.site.at, every=EVERY
        )

    async def changes(self, **poll):
        """Poll, and return each change as kind and agency."""
        return [(change.kind.value, change.agreement.agency) for change in (await self.poll(**poll)).changes]

    async def rule(self, held, ruling):
        return await rule(held.id, ruling, source=self.ice, store=self.store, now=lambda: self.site.at)

    async def held(self):
        (held,) = await self.store.held()
        return held

    async def source_status(self):
        return await self.store.source_status("ice")
