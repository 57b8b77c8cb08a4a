"""The public pages over real HTTP: what they say, how they are served, and the failures that another tracker had."""

import asyncio
import gzip
import json
import re
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta

import httpx
import pytest
from support.samples import NOON, agreement, change, document, held, publication, record, spoken

from bot.domain.agenda import Place
from bot.domain.agreement import ListName, SupportType
from bot.domain.change import Kind
from bot.domain.document import digest
from bot.domain.source_status import MOVED_TO
from bot.domain.way import Way
from bot.errors import Blocked, NoConnection, StoreError, Unreachable
from bot.fetch.certificates import certificates
from bot.pipeline.captures import CAPTURES
from bot.pipeline.scans import SCANS
from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import Origin, PageCache, model_now
from bot.web.pages.export import export, file_of
from bot.web.pages.rendering import Installation, render, render_everything, targets
from bot.web.pages.routes import Pages, RateLimit
from bot.web.server import Views, serving

NOW = NOON + timedelta(hours=1)
EVERY = (
    "/", "/states/TX", "/states/VT", "/counties/tx-galveston-county", "/changes", "/states/TX/changes", "/meetings", "/about", "/287g",
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
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, verify=certificates()) as client,
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


# ── where the list comes from ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "others", "words"),
    [
        (Blocked("HTTP 403"), None, "refuses the machine"),
        (Unreachable("HTTP 503"), None, "answers with errors or too slowly"),
        (NoConnection("no route"), None, "has no connection to it"),
        (NoConnection("no route"), NOW + timedelta(days=1), "be reached, but other sites can"),
    ],
)
async def test_a_page_with_an_old_list_says_why_ices_list_is_not_read(store, unused_tcp_port, fault, others, words):
    status = replace(await store.source_status("ice"), read_at=NOW)
    await store.remember(status.failed(fault, NOW + timedelta(hours=8), timedelta(minutes=15)))
    if others is not None:
        await store.remember(replace(await store.source_status("a-county"), read_at=others))
    clock = Clock()
    async with served(store, unused_tcp_port, clock) as client:
        assert words not in (await client.get("/")).text  # the list is still fresh
        clock.now = NOW + timedelta(days=1)
        client.cache._asked_at = -10
        for path in EVERY:
            assert words in (await client.get(path)).text, path
        spanish = (await client.get("/es/")).text
        assert "sitio de ICE" in spanish
    empty = TinyStore.in_memory()
    refused = await empty.source_status("ice")
    await empty.remember(refused.failed(Blocked("HTTP 403"), NOW, timedelta(minutes=15)))
    model = await model_now(origin(empty, clock))
    assert "refuses the machine" in render(model, "/", {}, INSTALLATION).body.decode()


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (Way.RELAY, "List read by a relay May 14, 2026, at 9 a.m. EDT"),
        (Way.UPSTREAM, "List read by another Countersign May 14, 2026, at 9 a.m. EDT"),
        (Way.ARCHIVE, "List captured by the Internet Archive May 14, 2026, at 9 a.m. EDT"),
        (Way.DIRECT, "List read May 14, 2026, at 9 a.m. EDT"),
    ],
)
async def test_a_page_says_which_way_the_last_reading_came(store, way, words):
    earlier = Way.RELAY if way is not Way.RELAY else Way.UPSTREAM
    status = (await store.source_status("ice")).read_by(earlier, NOW - timedelta(hours=2), timedelta(minutes=15), None)
    status = replace(status.read_by(way, NOW, timedelta(minutes=15), None), read_at=NOW)
    await store.remember(status)
    page = render(await model_now(origin(store, Clock())), "/", {}, INSTALLATION).body.decode()
    assert words in page


async def test_the_footer_says_the_way_of_the_list_and_links_to_ices_page_where_it_is_now():
    store = TinyStore.in_memory()
    shown = replace(publication(1), way=Way.RELAY)
    await store.record(record(await store.known(), [change(Kind.LISTED, galveston(), shown)]))
    about = replace(INSTALLATION, source="https://www.ice.gov/identify-and-arrest/287g")
    for facts, page in (({}, about.source), ({MOVED_TO: "https://www.ice.gov/287g"}, "https://www.ice.gov/287g")):
        await store.remember(replace(await store.source_status("ice"), facts=facts))
        text = render(await model_now(origin(store, Clock())), "/", {}, about).body.decode().split("<footer>")[1]
        assert f'<a href="{page}" rel="nofollow noreferrer">' in text
        assert "read by a relay" in text
    odd = replace(INSTALLATION, source="http://127.0.0.1:1/287g")
    await store.remember(replace(await store.source_status("ice"), facts={}))
    assert "127.0.0.1" not in render(await model_now(origin(store, Clock())), "/", {}, odd).body.decode()


async def test_captures_are_linked_as_a_second_witness(store, unused_tcp_port):
    shown = (await store.known()).seen[ListName.PARTICIPATING]
    mention = (await store.changes())[4].mention
    copy, of_meeting = "https://web.archive.org/web/20260514/list", "https://web.archive.org/web/20260514/agenda"
    await store.note(CAPTURES, shown.evidence, copy)
    await store.note(CAPTURES, publication(1).evidence, "javascript:alert(1)")
    await store.note(CAPTURES, mention.evidence, "")  # given up
    await store.note(CAPTURES, mention.address, of_meeting)
    async with served(store, unused_tcp_port) as client:
        page = (await client.get("/changes/4")).text
        assert page.count(f'<a href="{copy}" rel="nofollow noreferrer">copy at the Internet Archive</a>') == 1
        assert "javascript:" not in page
        assert f'href="{copy}"' in (await client.get("/")).text
        assert f'href="{of_meeting}"' in (await client.get("/changes/5")).text
        assert (await client.get("/changes/4.json")).json()["archived"] == copy
        assert (await client.get("/changes/1.json")).json()["archived"] is None
        file = await client.get(f"/evidence/{shown.evidence}")
        assert file.headers["Link"] == f'<{copy}>; rel="memento"'
        await store.note(CAPTURES, shown.evidence, "https://web.archive.org/web/2/other")
        client.cache._asked_at = -10
        assert "/web/2/other" in (await client.get("/changes/4")).text


async def test_the_error_page_does_not_say_that_no_list_was_read(store, unused_tcp_port, monkeypatch):
    async with served(store, unused_tcp_port) as client:

        async def broken():
            raise StoreError("the disk is gone")

        monkeypatch.setattr(store, "last_seq", broken)
        page = await client.get("/")
    assert page.status_code == 503
    assert "No list has been read yet" not in page.text


# ── older changes ────────────────────────────────────────────────────────────────────────────────────────────────────


async def many(count):
    """Return a store with a log of this many changes, of which the first ten were there at first."""
    store = TinyStore.in_memory()
    first = [change(Kind.LISTED, agreement(number)) for number in range(10)]
    rest = [change(Kind.SIGNED, agreement(number), publication(number)) for number in range(10, count)]
    await store.record(record(await store.known(), [*first, *rest]))
    return store


def followed(read, path):
    """Return the changes on a page and on all older ones, and the paths of these pages."""
    seqs, paths = [], []
    while path:
        text = read(path)
        paths.append(path)
        seqs += [int(seq) for seq in re.findall(r'href="(?:/es)?/changes/(\d+)"', text)]
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = following[1].replace("&amp;", "&") if following else None
        assert path not in paths
    return seqs, paths


@pytest.mark.parametrize("count", [11, 109, 110, 111, 209, 210, 211, 310, 352])
@pytest.mark.parametrize("stem", ["/changes", "/es/changes", "/states/TX/changes"])
async def test_older_changes_join_without_a_gap_at_paths_that_a_static_host_has(count, stem):
    store = await many(count)
    model = await model_now(origin(store, Clock()))
    exported = set(targets(model))
    seqs, paths = followed(lambda path: render(model, path, {}, INSTALLATION).body.decode(), stem)
    wanted = [c.seq for c in model.site.changes if c.kind is not Kind.LISTED and ("TX" in c.states or "TX" not in stem)]
    assert seqs == wanted[::-1]
    assert [path for path in paths if path not in exported or "?" in path] == []


async def test_an_older_page_stays_the_same_as_the_log_grows():
    before = await model_now(origin(await many(330), Clock()))
    after = await model_now(origin(await many(352), Clock()))
    older = [path for path in targets(before) if "/before/" in path]
    assert len(older) >= 4
    for path in older:
        assert render(before, path, {}, INSTALLATION).body == render(after, path, {}, INSTALLATION).body, path


async def test_addresses_of_older_changes_that_were_shared_before_still_answer(unused_tcp_port):
    async with served(await many(250), unused_tcp_port) as client:
        old = await client.get("/changes?before=151&state=TX&kind=signed")
        assert re.findall(r'href="/changes/(\d+)"', old.text)[0] == "147"
        plain = (await client.get("/changes?before=151")).text
        assert re.findall(r'href="/changes/(\d+)"', plain) == re.findall(
            r'href="/changes/(\d+)"', (await client.get("/changes/before/151")).text
        )
        assert (await client.get("/states/texas/changes")).headers["Location"] == "/states/TX/changes"
        assert (await client.get("/states/nowhere/changes")).status_code == 404
        assert (await client.get("/changes/before/0")).status_code == 200
        assert (await client.get("/changes/before/999999999")).status_code == 200
        rows = (await client.get("/states/TX/changes.csv")).text.splitlines()
        assert len(rows) == 1 + (await client.get("/changes.csv?state=TX")).text.count("\n") - 1
        assert (await client.get("/states/XX/changes.csv")).status_code == 404


# ── what an editor would find wrong ──────────────────────────────────────────────────────────────────────────────────


def drawn(page):
    return re.search(r'<svg[^>]*aria-labelledby="course.*?</svg>', page, re.DOTALL)[0]


@pytest.mark.parametrize("prefix", ["", "/es"])
async def test_the_chart_of_an_old_or_held_list_ends_where_our_knowledge_does(store, prefix):
    fresh = await model_now(origin(store, Clock()))
    clock = Clock()
    clock.now = NOW + timedelta(days=40)
    old = await model_now(origin(store, clock))
    await store.put_held([held()])
    checked = await model_now(origin(store, clock))
    for path in (f"{prefix}/", f"{prefix}/states/TX"):
        now, later, on_hold = (render(each, path, {}, INSTALLATION).body.decode() for each in (fresh, old, checked))
        assert drawn(now) == drawn(later) == drawn(on_hold), path
    home = {each: render(each_model, f"{prefix}/", {}, INSTALLATION).body.decode() for each, each_model in
            (("fresh", fresh), ("old", old), ("held", checked))}  # fmt: skip
    words = ("May 14, 2026", " now</h2>") if not prefix else ("14 de mayo de 2026", " ahora</h2>")
    assert words[1] in home["fresh"]
    for name in ("old", "held"):
        assert words[1] not in home[name]
        assert re.search(rf'<h2 id="course">[^<]*{words[0]}</h2>', home[name])
        assert ("It last changed" if not prefix else "135") in home[name]


async def test_an_application_is_not_marked_like_an_agreement(store):
    known = await store.known()
    await store.record(record(known, [change(Kind.APPLIED, agreement(30, "TX"), name=ListName.PENDING)]))
    page = render(await model_now(origin(store, Clock())), "/changes", {"kind": "applied"}, INSTALLATION).body.decode()
    assert "Application pending" in page
    assert 'class="sign other"' in page
    assert 'class="sign new"' not in page


async def test_a_change_has_its_date_at_the_top_and_links_to_the_documents_it_names(store):
    page = render(await model_now(origin(store, Clock())), "/changes/4", {}, INSTALLATION).body.decode()
    assert "<strong>May 14, 2026.</strong>" in page.partition('id="evidence"')[0]
    shown = (await store.known()).seen[ListName.PARTICIPATING]
    moved = change(Kind.AMENDED, galveston(moa="https://www.ice.gov/new.pdf"), shown, was=galveston(moa="javascript:x"))
    await store.record(record(await store.known(), [moved]))
    page = render(await model_now(origin(store, Clock())), "/changes/6", {}, INSTALLATION).body.decode()
    assert '<a href="https://www.ice.gov/new.pdf" rel="nofollow noreferrer">https://www.ice.gov/new.pdf</a>' in page
    assert 'href="javascript' not in page


@pytest.mark.parametrize(("prefix", "title"), [("", "Scanned, not read"), ("/es", "Documentos escaneados, sin leer")])
async def test_the_meetings_page_lists_documents_that_are_scans_with_their_links(store, prefix, title):
    def scan(item, **more):
        about = {"state": "NC", "source": "Nash County, NC", "title": f"Agenda <{item}>", "sha256": "e", "seen_at": NOW}
        return {"address": f"https://nash.gov/{item}.pdf", "meets_at": date(2026, 6, 2), "item": item, **about, **more}

    values = [
        scan("1"),
        scan("2", is_read=True),
        scan("3", meets_at=NOW.date() - timedelta(days=1)),
        scan("4", pages=9),
    ]
    values.append(scan("5", address="javascript:alert(1)", meets_at=None))
    await store.note(SCANS, "Nash County, NC", json.dumps(values, default=lambda moment: moment.isoformat()))
    shown = render(await model_now(origin(store, Clock())), f"{prefix}/meetings", {}, INSTALLATION).body.decode()
    section = shown.partition('id="scans"')[2].partition("</section>")[0]
    assert section.startswith(f">{title}</h2>")
    assert '<a href="https://nash.gov/1.pdf" rel="nofollow noreferrer">Agenda &lt;1&gt;</a>' in section
    assert "Agenda &lt;5&gt;" in section
    assert section.count("<li>") == 2
    assert "javascript" not in section


@pytest.mark.parametrize(("prefix", "counties"), [("", "Counties"), ("/es", "Condados")])
async def test_the_meetings_page_says_whose_agendas_can_be_read_and_leaves_out_what_no_list_has(
    store, prefix, counties
):
    nash = Place(name="Nash County, NC", kind="page", address="https://x.gov", state="NC", fips="37127")
    model = await model_now(origin(store, Clock()))
    shown = render(model, f"{prefix}/meetings", {}, replace(INSTALLATION, places=(nash,))).body.decode()
    assert f'<th scope="row">{counties}</th><td>3,143</td><td>1</td>' in shown
    assert "Cities whose police" not in shown
    assert "Ciudades cuya" not in shown
    assert 'id="coverage"' not in render(model, f"{prefix}/meetings", {}, INSTALLATION).body.decode()
