"""The public pages over real HTTP: what they say, how they are served, and the failures that another tracker had."""

import asyncio
import gzip
import re
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from support.samples import NOON, agreement, change, document, held, publication, record, spoken

from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.document import digest
from bot.errors import StoreError
from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import Origin, PageCache, model_now
from bot.web.pages.export import export, file_of
from bot.web.pages.rendering import Installation, render_everything
from bot.web.pages.routes import Pages, RateLimit
from bot.web.server import Views, serving

NOW = NOON + timedelta(hours=1)
EVERY = (
    "/", "/states/TX", "/states/VT", "/counties/tx-galveston-county", "/changes", "/meetings", "/about", "/287g",
    "/data", "/search?q=police",
)  # fmt: skip
HOSTILE = '<script>alert(1)</script> "Police" Department'
INSTALLATION = Installation(base="https://example.org", contact="desk@example.org")


class Clock:
    now = NOW

    def __call__(self):
        return self.now


def galveston(**more):
    about = {"agency": "Galveston County Sheriff's Office", "canonical": "galveston county sheriff office"}
    return agreement(1, "TX", **about | {"county": "Galveston County", "agency_type": "County"} | more)


async def filled(store):
    """Fill a store with a listed agency, one that left, a hostile name and an agenda."""
    left = agreement(7, "TX")
    hostile = agreement(8, "GA", agency=HOSTILE, canonical="script alert 1 script police department")
    first = [change(Kind.LISTED, galveston()), change(Kind.LISTED, left)]
    body = b"PK\x03\x04 a list"
    shown = replace(publication(2), evidence=digest(body))
    later = [change(Kind.SIGNED, hostile, shown), change(Kind.WITHDRAWN, left, shown, before=publication(1))]
    files = tuple(document(body=each) for each in (b"1", b"an agenda"))
    await store.record(record(await store.known(), first, documents=files))
    listed = record(await store.known(), later, documents=(document(body=body),), at=NOON)
    await store.record(listed)
    await store.record(record(await store.known(), [spoken(state="TX", county="Galveston")]))
    return store


@pytest.fixture
async def store():
    store = await filled(TinyStore.in_memory())
    yield store
    await store.close()


def origin(store, clock):
    return Origin(store=store, now=clock, stale_after=timedelta(hours=6))


@asynccontextmanager
async def served(store, port, clock=None, limit=None):
    cache = PageCache(origin(store, clock or Clock()), INSTALLATION)
    pages = Pages(cache, limit or RateLimit(1_000_000, 1_000_000))
    async with (
        serving(port, Views(None, None, ""), pages=pages),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        client.cache = cache
        yield client


@pytest.fixture
async def ask(store, unused_tcp_port):
    async with served(store, unused_tcp_port) as client:
        yield client


@pytest.mark.slow
async def test_every_link_on_every_page_answers_in_both_languages(ask):
    seen, waiting = set(), ["/", "/es", "/nothing-here"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await ask.get(path)
        assert answer.status_code in {200, 301, 302} or path == "/nothing-here", (path, answer.status_code)
        if "html" in answer.headers.get("Content-Type", ""):
            found = re.findall(r'(?:href|src|action)="(/[^"#]*)', answer.text)
            waiting += [target.replace("&amp;", "&") for target in found]
    assert len(seen) > 200


@pytest.mark.parametrize("path", EVERY)
async def test_a_hostile_name_stays_text_and_the_policy_allows_no_script(ask, path):
    for prefix in ("", "/es"):
        answer = await ask.get(prefix + path)
        assert "<script" not in answer.text
        assert "style=" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers


async def test_the_hostile_agency_has_a_page_with_its_name_escaped(ask):
    answer = await ask.get("/states/GA")
    link = re.search(r'href="(/agencies/ga-[^"]+)"', answer.text)[1]
    shown = await ask.get(link)
    assert (shown.status_code, "&lt;script&gt;alert(1)&lt;/script&gt;" in shown.text) == (200, True)


@pytest.mark.parametrize("prefix", ["", "/es"])
@pytest.mark.parametrize("state", ["empty", "stale", "held", "held before any list"])
async def test_every_page_of_a_stale_held_or_empty_store_answers_and_says_so(store, unused_tcp_port, state, prefix):
    clock, words = Clock(), {"empty": "No list has been read yet", "stale": "not been able to read ICE"}
    shown = TinyStore.in_memory() if state in {"empty", "held before any list"} else store
    if state == "stale":
        clock.now = NOW + timedelta(days=2)
    if "held" in state:
        await shown.put_held([held()])
    async with served(shown, unused_tcp_port, clock) as client:
        for path in EVERY:
            if state == "held before any list" and path.startswith("/search"):
                continue
            answer = await client.get(prefix + path)
            assert answer.status_code == 200, path
            if not prefix:
                assert words.get(state, "looks wrong and is being checked") in answer.text, path
            assert "0th" not in answer.text


async def test_a_page_that_has_not_changed_is_304_and_comes_compressed(ask):
    first = await ask.get("/states/TX", headers={"Accept-Encoding": "gzip"})
    plain = await ask.get("/states/TX", headers={"Accept-Encoding": "identity"})
    assert first.headers["Content-Encoding"] == "gzip"
    assert first.text == plain.text
    assert first.headers["ETag"] != plain.headers["ETag"]
    again = await ask.get("/states/TX", headers={"If-None-Match": first.headers["ETag"], "Accept-Encoding": "gzip"})
    assert (again.status_code, again.content) == (304, b"")
    assert (await ask.head("/states/TX")).status_code == 200
    assert (await ask.post("/states/TX")).status_code == 405
    assert (await ask.post("/telegram/elsewhere")).status_code == 404


async def test_many_requests_for_one_missing_page_wait_for_one_rendering(ask, monkeypatch):
    from bot.web.pages import cache

    rendered, render = [], cache.render
    monkeypatch.setattr(cache, "render", lambda *given: rendered.append(given[1]) or render(*given))
    await asyncio.gather(*(ask.cache.page("/states/TX", {}) for _ in range(50)))
    assert rendered == ["/states/TX"]


async def test_new_changes_drop_the_pages_of_the_last_version(store, unused_tcp_port, monkeypatch):
    monkeypatch.setattr("bot.web.pages.cache.ASK_AGAIN", 0.0)
    async with served(store, unused_tcp_port) as client:
        assert "Bell County" not in (await client.get("/")).text
        bell = agreement(9, "TX", agency="Bell County Sheriff's Office", canonical="bell county sheriff office")
        await store.record(record(await store.known(), [change(Kind.SIGNED, bell, publication(3))]))
        assert "Bell County" in (await client.get("/")).text


async def test_a_store_that_fails_is_503_at_first_and_later_the_last_pages(store, unused_tcp_port, monkeypatch):
    monkeypatch.setattr("bot.web.pages.cache.ASK_AGAIN", 0.0)
    known = store.known

    async def fails():
        raise StoreError("/var/data is damaged")

    monkeypatch.setattr(store, "known", fails)
    async with served(store, unused_tcp_port) as client:
        broken = await client.get("/es")
        assert (broken.status_code, "/var/data" in broken.text) == (503, False)
        monkeypatch.setattr(store, "known", known)
        assert (await client.get("/")).status_code == 200
        monkeypatch.setattr(store, "known", fails)
        assert (await client.get("/")).status_code == 200


async def test_names_and_lower_case_lead_to_a_states_page(ask):
    for asked in ("/states/tx", "/states/texas", "/states/Texas", "/states/tejas"):
        answer = await ask.get(asked)
        assert (answer.status_code, answer.headers["Location"]) == (301, "/states/TX")
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert (await ask.get("/es/states/new-york")).headers["Location"] == "/es/states/NY"
    assert (await ask.get("/states/XX")).status_code == 404
    assert (await ask.get("/about/")).headers["Location"] == "/about"
    for odd in ("//evil.example/", "/agencies/A%0d%0aSet-Cookie:x", "/states/%00", "/changes/9999999999", "/changes/x"):
        assert (await ask.get(str(ask.base_url).rstrip("/") + odd)).status_code == 404, odd


async def test_a_search_for_exactly_one_county_goes_there_and_answers_no_where_there_is_none(ask):
    for asked in ("Galveston County", "galveston county, texas", "Galveston TX"):
        answer = await ask.get("/search", params={"q": asked})
        assert answer.headers.get("Location") == "/counties/tx-galveston-county", asked
    assert "Yes: 1 local agency" in (await ask.get("/counties/tx-galveston-county")).text
    assert "No: no county or city agency" in (await ask.get("/counties/tx-loving-county")).text
    assert (await ask.get("/counties/tx-atlantis-county")).status_code == 404
    assert "&lt;b&gt;" in (await ask.get("/search", params={"q": "<b>" * 200})).text


async def test_evidence_is_a_file_to_keep_and_only_what_the_log_names_is_served(ask):
    sha256 = digest(b"PK\x03\x04 a list")
    answer = await ask.get(f"/evidence/{sha256}")
    assert answer.content == b"PK\x03\x04 a list"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="participating')
    assert answer.headers["Content-Type"].endswith("spreadsheetml.sheet")
    assert (answer.headers["X-Content-Type-Options"], answer.headers["ETag"]) == ("nosniff", f'"{sha256}"')
    for unknown in (digest(b"else"), "..%2f..%2fetc", "x"):
        assert (await ask.get(f"/evidence/{unknown}")).status_code == 404


async def test_a_client_with_too_many_requests_is_asked_to_wait(store, unused_tcp_port):
    async with served(store, unused_tcp_port, limit=RateLimit(60, 3)) as client:
        codes = [(await client.get("/about")).status_code for _ in range(5)]
    assert codes[:3] == [200, 200, 200]
    assert codes[-1] == 429


async def test_canonical_links_name_the_page_itself_and_its_pair(ask):
    """Another tracker's canonical links led to language redirects."""
    for path, own in (("/states/TX", "/states/TX"), ("/es/states/TX", "/es/states/TX")):
        text = (await ask.get(path)).text
        assert f'<link rel="canonical" href="https://example.org{own}">' in text
        assert 'hreflang="es" href="https://example.org/es/states/TX"' in text
        assert 'hreflang="en" href="https://example.org/states/TX"' in text
    answer = await ask.get("/states/TX", headers={"Accept-Language": "es"})
    assert (answer.status_code, 'lang="en"' in answer.text[:200]) == (200, True)


async def test_robots_sitemap_and_security_txt(ask):
    assert "Disallow: /search" in (await ask.get("/robots.txt")).text
    sitemap = (await ask.get("/sitemap.xml")).text
    assert "https://example.org/es/states/TX" in sitemap
    assert "/search" not in sitemap
    assert "Contact: mailto:desk@example.org" in (await ask.get("/.well-known/security.txt")).text


# ── on both stores, and exported ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
async def test_the_folder_and_postgresql_give_the_same_bytes_and_the_export_is_what_is_served(
    store, database, unused_tcp_port
):
    from bot.store.postgres.store import PostgresStore

    other = await filled(await PostgresStore.open(database))
    try:
        clock = Clock()
        ours = dict(render_everything(await model_now(origin(store, clock)), INSTALLATION))
        theirs = dict(render_everything(await model_now(origin(other, clock)), INSTALLATION))
        assert ours == theirs
        async with served(other, unused_tcp_port) as client:
            for path in ("/", "/es/states/TX", "/changes/3", "/sitemap.xml", "/images/counties.svg"):
                assert (await client.get(path)).content == ours[path].body, path
    finally:
        await other.close()


@pytest.mark.slow
async def test_an_export_writes_only_what_changed_and_every_link_in_it_is_a_file(store, tmp_path):
    about = await model_now(origin(store, Clock()))
    done = await export(about, store, INSTALLATION, tmp_path)
    assert len(done.files) == done.written
    assert (await export(about, store, INSTALLATION, tmp_path)).written == 0
    for page in tmp_path.rglob("*.html"):
        for target in re.findall(r'href="(/[^"#?]*)', page.read_text()):
            assert (tmp_path / file_of(target)).is_file() or (tmp_path / target.strip("/")).is_file(), (page, target)


# ── what another tracker had to repair ───────────────────────────────────────────────────────────────────────────────


async def test_an_agency_stays_listed_while_it_is_on_the_list(ask):
    text = (await ask.get("/states/TX")).text
    assert "Galveston County Sheriff’s Office" in text.split('id="agencies"')[1]
    assert "Galveston" not in text.split('id="gone"')[1].split("</section>")[0]


async def pages_after(*steps):
    store = TinyStore.in_memory()
    for number, changes in enumerate(steps, start=1):
        await store.record(record(await store.known(), changes, number=number))
    model = await model_now(origin(store, Clock()))
    return model.site.agencies


async def test_a_curly_apostrophe_makes_no_second_agency():
    curly = galveston(agency="Galveston County Sheriff’s Office", support_type=SupportType.WSO)
    agencies = await pages_after([change(Kind.LISTED, galveston())], [change(Kind.SIGNED, curly, publication(2))])
    assert list(agencies.by_slug) == ["tx-galveston-county-sheriffs-office"]
    assert len(agencies.by_slug["tx-galveston-county-sheriffs-office"].rows) == 2


async def test_a_rename_leads_to_the_new_address_and_back_when_it_is_undone():
    old = galveston()
    new = galveston(agency="Galveston Sheriff", canonical="galveston sheriff")
    renamed = change(Kind.RENAMED, new, publication(2), was=old)
    there = await pages_after([change(Kind.LISTED, old)], [renamed])
    assert there.redirects == {"tx-galveston-county-sheriffs-office": "tx-galveston-sheriff"}
    assert there.by_slug["tx-galveston-sheriff"].earlier == ("Galveston County Sheriff's Office",)
    back = await pages_after(
        [change(Kind.LISTED, old)], [renamed], [change(Kind.RENAMED, old, publication(3), was=new)]
    )
    assert back.redirects == {"tx-galveston-sheriff": "tx-galveston-county-sheriffs-office"}


async def test_a_spelling_keeps_its_page_if_one_of_its_agreements_left_and_another_moved():
    old, second = galveston(), galveston(support_type=SupportType.WSO)
    new = galveston(agency="Galveston Sheriff", canonical="galveston sheriff")
    agencies = await pages_after(
        [change(Kind.LISTED, old), change(Kind.LISTED, second)],
        [change(Kind.RENAMED, new, publication(2), was=old), change(Kind.WITHDRAWN, second, publication(2))],
    )
    assert agencies.redirects == {}
    assert agencies.by_slug["tx-galveston-county-sheriffs-office"].now_at == ("tx-galveston-sheriff",)


async def test_an_address_is_never_given_to_another_agency():
    one = agreement(1, "TX", agency="St. Mary's Police", canonical="saint marys police", county="Bexar")
    two = agreement(2, "TX", agency="St Marys Police", canonical="st marys police", county="Travis")
    agencies = await pages_after([change(Kind.LISTED, one)], [change(Kind.SIGNED, two, publication(2))])
    assert set(agencies.by_slug) == {"tx-st-marys-police", "tx-st-marys-police-travis"}


async def test_gzip_of_a_page_has_no_time_in_it(ask):
    page = await ask.cache.page("/about", {})
    assert page.packed == gzip.compress(page.rendered.body, 6, mtime=0)


async def test_times_are_absolute_and_have_a_zone(ask):
    text = (await ask.get("/")).text
    assert re.search(r"List read May 14, 2026, at \d+(:\d\d)? [ap]\.m\. EDT|List read May 14, 2026, at noon EDT", text)
    assert " ago" not in text


async def test_while_a_new_version_is_built_others_get_the_last_pages(ask, store, monkeypatch):
    from bot.web.pages import cache

    monkeypatch.setattr(cache, "ASK_AGAIN", 0.0)
    before = await ask.cache.page("/", {})
    begun, goes_on, build = threading.Event(), threading.Event(), cache.site_of

    def slowly(*given):
        begun.set()
        assert goes_on.wait(60)
        return build(*given)

    monkeypatch.setattr(cache, "site_of", slowly)
    bell = agreement(9, "TX", agency="Bell County Sheriff's Office", canonical="bell county sheriff office")
    await store.record(record(await store.known(), [change(Kind.SIGNED, bell, publication(3))]))
    first = asyncio.create_task(ask.cache.page("/", {}))
    await asyncio.to_thread(begun.wait, 60)
    assert await ask.cache.page("/", {}) is before
    goes_on.set()
    assert b"Bell County" in (await first).rendered.body
    assert b"Bell County" in (await ask.cache.page("/", {})).rendered.body
