"""Handovers as JSON: what goes in comes out, and everything else is refused in words."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ice_site import NOON, PAGE

from bot.domain.document import Document, digest
from bot.domain.handover import Handover
from bot.domain.way import Way
from bot.errors import Unreadable
from bot.sources.formats.handover_json import from_json, to_json

BODY = b"<html>the page</html>"
GOOD = {
    "address": PAGE,
    "name": "287g",
    "headers": {"etag": '"1"'},
    "fetched_at": "2026-11-20T17:00:00Z",
    "sha256": digest(BODY),
    "body": base64.b64encode(BODY).decode(),
}


def as_json(*documents, version=1):
    return json.dumps({"version": version, "documents": documents}).encode()


@pytest.mark.parametrize("with_body", [True, False])
def test_a_handover_comes_out_as_it_went_in(with_body):
    document = Document(
        address=PAGE, name="287g", body=BODY, sha256=digest(BODY), headers={"etag": "1"}, fetched_at=NOON, way=Way.RELAY
    )
    handover = Handover(way=Way.RELAY, documents=(document,))
    (found,) = from_json(to_json(handover, [document.sha256] if with_body else []), Way.RELAY).documents
    assert found.body == (BODY if with_body else b"")
    assert (found.address, found.sha256, found.fetched_at) == (PAGE, document.sha256, NOON)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "isn't JSON"),
        (b"\xff\xfe", "isn't JSON"),
        (b"[" * 100_000, "isn't JSON"),
        (as_json(), "0 documents"),
        (as_json(*[GOOD] * 9), "9 documents"),
        (as_json(GOOD, version=2), "version 2"),
        (as_json(GOOD | {"body": base64.b64encode(b"another page").decode()}), "don't match their SHA-256"),
        (as_json(GOOD | {"body": "not base64!"}), "isn't JSON of the expected form"),
        (as_json(GOOD | {"sha256": "../../etc/passwd"}), "64 hexadecimal digits"),
        (as_json(GOOD | {"fetched_at": "2026-11-20T17:00:00"}), "isn't JSON of the expected form"),
        (as_json(GOOD | {"fetched_at": "0001-01-01T00:00:00+14:00"}), "time"),
        (as_json(GOOD | {"name": "x" * 3_000}), "too long"),
        (as_json(GOOD | {"name": "a\x00b"}), "can't be printed"),
        (as_json(GOOD | {"headers": {f"h{n}": "x" for n in range(20)}}), "too long"),
    ],
)
def test_anything_else_is_refused_in_words(text, said):
    with pytest.raises(Unreadable, match=said):
        from_json(text, Way.RELAY)


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_raise_anything_but_unreadable(text):
    with pytest.raises(Unreadable):
        from_json(text, Way.UPSTREAM)
