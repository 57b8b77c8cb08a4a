"""Damage for readers: bytes, texts and JSON values changed at random, the same for the same seed."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from support.bad_addresses import UNUSABLE

TEXTS = (
    "", " ", "\n", "\x00", "\x1b[31m", "\u2028", "\u2029", "\x85", "\u202e", "\u200b", "\ufeff", "\ud800", "\udc80", "\uffff", "\ufdd0",
    "é", "ß", "İ", "ﬁ", "１２", "٣", "²", "①", "½", "😀", "👩‍👩‍👧", "a\u0301" * 20, "%", "%s", "%00", "{}", "{0.__class__}", "${x}",
    "&#55357;&#56832;", "&#0;", "&#x110000;", "&amp;lt;", "&nbsp", "<![CDATA[", "]]>", "<!--", "-->", "<", ">", "'", '"', "\\", "`",
    "-", "–", "—", "+", "=", "@", "#", "/", "//", "*", "_", "1" * 400, "9" * 5000, "-1", "0", "1e999", "nan", "inf", "None", "null", "true",
    "2026-02-30", "0000-00-00", "9999-12-31", "2026-12-01T24:00:00Z", "2026-12-01T18:30:00+99:99", "25:61", "12:00 AM", "a" * 3000,
    "287(g)", "Section 287(g) agreement", "TX", "Harris County TX", "all", "watch", "localtime", "Factory", "../etc/passwd", "GMT+1",
)  # fmt: skip
VALUES = (None, True, False, 0, -1, 1, 1.5, -0.0, 1e300, 2**31, 2**63, -(2**63), 10**30, "", [], {}, [[]], {"id": None})
BYTES = (
    b"", b"\x00", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"<", b">", b"&", b"\x1a",
    b"]]>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"<?xml version='1.0' encoding='utf-16'?>", b"<?xml encoding='nonsense'?>", b"&a;",
    b"<meta charset=utf-7>", b"<meta charset='x-user-defined'>", b"%PDF-1.7", b"PK\x03\x04", b"\x1f\x8b", b"{", b"}", b"[", b"]", b'"', b"\\",
    b"\\ud83d", b"\\u0000", b"</table>", b"</a>", b"<table>", b"<b>" * 60, b"[" * 600, b'{"a":' * 300, b"<p hidden>", b"<script>", b"<base href='//[/'>",
    b"1e400", b"-", b"999999999999999999999999999999",
)  # fmt: skip


def damaged_bytes(dice: Random, body: bytes) -> bytes:
    """Return the bytes with one to four places cut, repeated, flipped or replaced."""
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(body) + 1)
        end = min(len(body), start + int(dice.expovariate(1 / 12)))
        kind = dice.randrange(7)
        if kind == 0:
            body = body[:start] + body[end:]
        elif kind == 1:
            body = body[:end] + body[start:end] * dice.choice((1, 2, 40)) + body[end:]
        elif kind == 2 and body:
            at = min(start, len(body) - 1)
            body = body[:at] + bytes([body[at] ^ (1 << dice.randrange(8))]) + body[at + 1 :]
        elif kind == 3:
            body = body[:start] + dice.choice(BYTES) + body[end:]
        elif kind == 4:
            body = body[:start] + dice.choice(TEXTS).encode("utf-8", "surrogatepass") + body[end:]
        elif kind == 5:
            body = body[:start] + dice.choice(UNUSABLE).encode("utf-8", "surrogatepass") + body[start:]
        elif dice.random() < 0.2:
            body = body[:start]
    return body


def damaged_text(dice: Random, text: str) -> str:
    """Return the text with one to three places cut, repeated or replaced."""
    for _ in range(dice.randint(1, 3)):
        start = dice.randrange(len(text) + 1)
        end = min(len(text), start + dice.choice((0, 0, 1, 1, 2, 5)))
        inside = (dice.choice(TEXTS), text[start:end] * 2, "", dice.choice(UNUSABLE), chr(dice.randrange(0x110000)))
        text = text[:start] + dice.choice(inside) + text[end:]
    return text


def damaged_value(dice: Random, value: Any) -> Any:
    """Return a JSON value in which one to three parts have another type, another value, or are missing or repeated."""
    for _ in range(dice.randint(1, 3)):
        value = _damaged_once(dice, value)
    return value


def _damaged_once(dice: Random, value: Any) -> Any:
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        rest = {name: part for name, part in value.items() if name != key}
        return rest if dice.random() < 0.1 else {**value, key: _damaged_once(dice, value[key])}
    if isinstance(value, list) and value and dice.random() < 0.9:
        at = dice.randrange(len(value))
        between = dice.choice(([], [value[at]] * 2, [_damaged_once(dice, value[at])], [_damaged_once(dice, value[at])]))
        return [*value[:at], *between, *value[at + 1 :]]
    if isinstance(value, str) and dice.random() < 0.6:
        return damaged_text(dice, value)
    return dice.choice((*VALUES, dice.choice(TEXTS)))


def some(dice: Random, words: Sequence[str], damage: Callable[[Random, str], str] = damaged_text) -> str:
    """Return a few of the words in a row, one of them perhaps damaged."""
    chosen = [dice.choice(words) for _ in range(dice.randint(0, 5))]
    text = dice.choice((" ", " ", " ", ", ", ";", "\n", "  ")).join(chosen)
    return damage(dice, text) if dice.random() < 0.6 else text
