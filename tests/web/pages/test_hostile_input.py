"""The pages as an attacker asks for them, and names as an attacker would write them."""

import asyncio
import csv
import io
import json
import sqlite3
from dataclasses import replace
from urllib.parse import quote

import pytest
from icalendar import Calendar
from lxml import etree
from support.samples import agreement, change, publication, record, spoken
from web.pages.test_pages import INSTALLATION, Clock, origin, served, store  # noqa: F401 - a fixture

from bot.domain.change import Kind
from bot.store.tiny.store import TinyStore
from bot.web.pages.cache import model_now
from bot.web.pages.rendering import SECURITY, render, targets
from bot.web.pages.routes import RateLimit


async def asked(port, path, *headers, method="GET"):
    """Send a request as raw bytes. Return the status, the headers and the body."""
    head = [f"{method} {path} HTTP/1.1", "Host: here", "Connection: close", *headers]
    sent = "".join(f"{line}\r\n" for line in (*head, ""))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent.encode("latin-1", "replace"))
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), {n.lower(): v for n, _, v in (line.partition(": ") for line in rest)}, body


@pytest.mark.parametrize(
    "path",
    [
        "/" + "a" * 7000, "/" + "a/" * 3000, "/%", "/%zz", "/%00", "/%ff%fe", "/%c0%af", "/states/%E2%82",
        "/agencies/" + quote("ñ" * 100), "/agencies/tx-%0d%0aSet-Cookie:x=1", "/states/TX%0aX", "/%0a", "/es/%0d%0a",
        "//evil.example/", "///", "/%2f%2fevil.example/", "/\\\\evil.example/", "/es//evil.example/", "/es/es/",
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/changes/%D9%A3", "/changes/9999999999", "/evidence/%00",
        "/evidence/" + "a" * 5000, "/assets/..%2fsite.css", "/agencies/TX-NO-SUCH", "/counties/XX-NOWHERE",
        "/states/%20TX", "/changes/before/%D9%A3", "/sitemap.xml/",
    ],
)  # fmt: skip
async def test_a_path_that_no_page_has_is_404_with_our_headers(store, unused_tcp_port, path):  # noqa: F811
    async with served(store, unused_tcp_port):
        status, headers, body = await asked(unused_tcp_port, path)
    assert status == 404
    assert headers["content-security-policy"] == SECURITY["Content-Security-Policy"]
    assert "location" not in headers
    assert "set-cookie" not in headers
    assert b'<form class="search"' in body


@pytest.mark.parametrize("path", ["/search?q=%ED%A0%80", "/search?q=%00%0d%0a", "/search?" + "q=a&" * 1500,
    "/search?q=" + "%F0%9F%98%80" * 400, "/states/TX?q=%1b%5b31m&type=%00&order=%ff", "/changes?before=-1&kind=%00",
    "/changes?before=99999999999999999999999", "/changes?state=%E2%80%AE", "/changes/before/999999999"])  # fmt: skip
async def test_a_query_is_only_words(store, unused_tcp_port, path):  # noqa: F811
    async with served(store, unused_tcp_port):
        status, headers, body = await asked(unused_tcp_port, path)
    assert status == 200
    assert "noindex" in body.decode() or "?" not in path
    assert not any(ord(char) < 32 and char not in "\n\t" for char in body.decode())
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("header", [
    "If-None-Match: " + '"a",' * 1800, 'If-None-Match: "', "If-None-Match: W/", "If-Modified-Since: yesterday",
    "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT", 'If-Match: "x"', "Range: bytes=0-10", "Range: bananas",
    "Range: bytes=-1,5-2,999999-", 'If-Range: "x"', "Accept-Language: " + "x;q=," * 1200, "Accept-Language: \xff\xfe",
    "Accept-Encoding: gzip;q=0.0.0", "Accept-Encoding: ;;;,,,=", "Cookie: " + "a=b;" * 1500, "Origin: null",
    "X-Forwarded-For: " + "1," * 2000, "X-Forwarded-Host: evil.example", "Upgrade: websocket",
])  # fmt: skip
@pytest.mark.parametrize("kind", ["page", "file"])
async def test_a_header_that_means_nothing_here_changes_nothing(store, unused_tcp_port, header, kind):  # noqa: F811
    evidence = (await store.changes())[0].publication.evidence
    path = "/states/TX" if kind == "page" else f"/evidence/{evidence}"
    async with served(store, unused_tcp_port):
        status, headers, body = await asked(unused_tcp_port, path, header)
        _, _, usual = await asked(unused_tcp_port, path)
    assert status == 200
    assert body == usual or headers["content-encoding"] == "gzip"
    assert "evil" not in str(headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "OPTIONS"])
async def test_other_methods_are_refused_wherever_there_is_something_to_read(store, unused_tcp_port, method):  # noqa: F811
    evidence = (await store.changes())[0].publication.evidence
    async with served(store, unused_tcp_port) as client:
        css = (await client.get("/")).text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        for path in ("/", css, f"/evidence/{evidence}", "/robots.txt", "/feed.atom", "/search?q=TX", "/es/states/TX"):
            status, headers, _ = await asked(unused_tcp_port, path, method=method)
            assert (status, headers["allow"]) == (204 if method == "OPTIONS" else 405, "GET, HEAD, OPTIONS"), path
            assert headers["content-security-policy"]
        for path in ("/nothing", f"/evidence/{'0' * 64}", "/assets/none.css"):
            status, headers, _ = await asked(unused_tcp_port, path, method=method)
            assert status == 404, path
            assert headers["content-security-policy"]


async def test_head_has_the_headers_of_get_and_no_body(store, unused_tcp_port):  # noqa: F811
    evidence = (await store.changes())[0].publication.evidence
    async with served(store, unused_tcp_port):
        for path in ("/", "/nothing", "/agreements.csv", f"/evidence/{evidence}", "/search?q=TX", "/robots.txt"):
            get, head = [await asked(unused_tcp_port, path, method=method) for method in ("GET", "HEAD")]
            volatile = {"date"}
            assert head[0] == get[0], path
            assert {n: v for n, v in head[1].items() if n not in volatile} == {
                n: v for n, v in get[1].items() if n not in volatile
            }, path
            assert head[2] == b"", path


async def test_no_method_escapes_the_limit_of_a_client(store, unused_tcp_port):  # noqa: F811
    async with served(store, unused_tcp_port, limit=RateLimit(per_minute=1, burst=3)):
        found = [(await asked(unused_tcp_port, "/nothing", method=method))[0] for method in ("POST", "OPTIONS") * 3]
    assert found == [404, 404, 404, 429, 429, 429]


async def test_paths_without_a_page_are_rendered_once(store, unused_tcp_port, monkeypatch):  # noqa: F811
    from bot.web.pages import cache

    done = []
    monkeypatch.setattr(cache, "render", lambda *given: done.append(given[1]) or render(*given))
    async with served(store, unused_tcp_port):
        for number in range(5):
            assert (await asked(unused_tcp_port, f"/nothing-{number}"))[0] == 404
            assert b'lang="es"' in (await asked(unused_tcp_port, f"/es/nothing-{number}"))[2]
    assert done == ["/nothing-0", "/es/nothing-0"]


NAMES = [
    "\ud800 police", "a\x00b police", "x\ufffe\uffff police", "\x1b[31m police", "\u202egnitset police", "=1+1",
    "＝1+1", "\n=1+1", "-2+3", "@SUM(A1)", "]]> & <![CDATA[", "{{7*7}} {x} {0} %s", "'; DROP TABLE agreements; --",
    "\x85\x0b\x0c p", "\U000e0041 tag police", "--><svg onload=alert(1)>", "\r\nBEGIN:VEVENT",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile():
    async def model():
        made = TinyStore.in_memory()
        for number, name in enumerate(NAMES):
            row = agreement(
                number, "TX", agency=name, canonical=f"agency {number}", county=name, agency_type=name,
                moa="javascript:alert(1)", addendum="data:text/html,x",
            )  # fmt: skip
            said = spoken(
                number, state="TX", county="Galveston", title=name, body=name, excerpt=name, matched=(name,),
                address="javascript:alert(1)",
            )  # fmt: skip
            where = replace(publication(number + 1), name=name, address="javascript:alert(1)")
            await made.record(record(await made.known(), [change(Kind.SIGNED, row, where), said]))
        return await model_now(origin(made, Clock()))

    return asyncio.run(model())


@pytest.mark.slow
def test_hostile_names_break_no_page_no_feed_and_no_file(hostile):
    for path in targets(hostile):
        found = render(hostile, path, {}, INSTALLATION, lambda svg: svg.encode())
        text, ending = found.body, path.rpartition(".")[2]
        assert found.status in {200, 301}, path
        if ending in {"atom", "svg"}:
            etree.fromstring(text)
        elif ending == "json":
            json.loads(text)
        elif ending == "ics":
            Calendar.from_ical(text)
            assert text.count(b"\r\nBEGIN:VEVENT") == text.count(b"\r\nUID:"), path
        elif "/" not in ending and ending == "csv":
            rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
            assert len({len(row) for row in rows}) == 1, path
            assert [c for row in rows for c in row if c[:1] in set("=+-@\t\r\n＝＋－＠")] == [], path
        elif ending == "sqlite":
            database = sqlite3.connect(":memory:")
            database.deserialize(text)
            assert database.execute("SELECT count(*) FROM agreements").fetchone() == (len(NAMES),)
            database.close()
        elif "." not in path.rpartition("/")[2]:
            page = text.decode()
            assert not set(page) & set("\x00\x0b\x0c\x1b\x85\u202e\ufffe\uffff"), path
            assert "javascript:" not in page.replace("javascript:alert(1)</", "")
            assert 'href="javascript' not in page
            assert "<svg onload" not in page
            assert "49" not in page.partition("<h1")[2].partition("</h1>")[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_search_finds_what_it_may_and_stays_text(hostile, name):
    page = render(hostile, "/search", {"q": name}, INSTALLATION)
    assert page.status == 200
    assert b"<svg onload" not in page.body
