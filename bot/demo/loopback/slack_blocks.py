"""Slack's blocks, read as strictly as the documentation allows and turned into what a reader sees."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from bot.demo.loopback.server import Reading, Refused
from bot.demo.loopback.telegram_html import anchor

LONGEST_TEXT = 40_000
LONGEST_SECTION = 3_000
LONGEST_MESSAGE = 13_200
MOST_BLOCKS = 50
STYLES = {"bold": "strong", "italic": "em", "strike": "s", "code": "code"}


def read(message: Mapping[str, Any]) -> Reading:
    """Turn the arguments of chat.postMessage into text and links; raise Refused if Slack would refuse them."""
    text, blocks = message.get("text") or "", message.get("blocks") or []
    if len(text) > LONGEST_TEXT:
        raise Refused("msg_too_long")
    if not blocks:
        if not text.strip():
            raise Refused("no_text")
        return mrkdwn(text) if message.get("mrkdwn", True) else _plain(_unescaped(text))
    if not isinstance(blocks, Sequence) or len(blocks) > MOST_BLOCKS:
        raise Refused("invalid_blocks")
    readings = [read_block(block) for block in blocks]
    if sum(map(_size, blocks)) > LONGEST_MESSAGE:
        raise Refused("msg_blocks_too_long")
    shown = [reading for block, reading in zip(blocks, readings, strict=True) if block["type"] != "actions"]
    return _all(shown, "\n", "")


def _size(block: Mapping[str, Any]) -> int:
    """Return the length Slack counts for a block: of rich text its JSON (our guess), of others text plus a frame."""
    if block["type"] == "rich_text":
        return len(json.dumps(block, ensure_ascii=False).encode())
    return 100 + sum(len(text) for text in _texts(block))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def read_block(block: Any) -> Reading:  # noqa: PLR0911 - one line for each type of block
    """Read one block; raise Refused if Slack would refuse it."""
    require(isinstance(block, Mapping))
    match block.get("type"):
        case "rich_text":
            return _in_tag("div", _rich_text(block))
        case "section":
            return _in_tag("p", _section(block))
        case "header":
            require(block.get("text", {}).get("type") == "plain_text")
            return _in_tag("h3", _text_object(block["text"], 150))
        case "context":
            require(bool(block.get("elements")) and len(block["elements"]) <= 10)
            texts = [element for element in block["elements"] if element.get("type") != "image"]
            return _in_tag("small", _all([_text_object(element, LONGEST_SECTION) for element in texts], " "))
        case "actions":
            require(bool(block.get("elements")) and len(block["elements"]) <= 25)
            for element in block["elements"]:
                _button(element)
            return Reading("")
        case "divider":
            return Reading("", html="<hr>")
        case "image":
            require(bool(block.get("alt_text")) and ("image_url" in block or "slack_file" in block))
            return _in_tag("p", _plain(block["alt_text"]))
        case _:
            raise Refused("invalid_blocks")


def _section(block: Mapping[str, Any]) -> Reading:
    if "text" in block:
        return _text_object(block["text"], LONGEST_SECTION)
    require(bool(block.get("fields")) and len(block["fields"]) <= 10)
    return _all([_text_object(field, 2_000) for field in block["fields"]], "\n")


def _button(element: Mapping[str, Any]) -> None:
    require(element.get("type") == "button" and element.get("text", {}).get("type") == "plain_text")
    require(0 < len(element["text"]["text"]) <= 75)
    require(len(element.get("value", "")) <= 2_000 and 0 < len(element.get("action_id", "")) <= 255)


def buttons_of(blocks: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return each button's label and value."""
    elements = [element for block in blocks if block["type"] == "actions" for element in block["elements"]]
    names = Counter(element["action_id"] for element in elements)
    require(not names or max(names.values()) == 1)
    return tuple((element["text"]["text"], element.get("value", "")) for element in elements)


def _text_object(value: Any, limit: int) -> Reading:
    require(isinstance(value, Mapping) and isinstance(value.get("text"), str))
    require(0 < len(value["text"]) <= limit)
    if value.get("type") == "plain_text":
        return _plain(value["text"])
    require(value.get("type") == "mrkdwn")
    return mrkdwn(value["text"])


def _rich_text(block: Mapping[str, Any]) -> Reading:
    elements = block.get("elements")
    require(isinstance(elements, list) and bool(elements))
    return _all([_rich_section(element) for element in elements or ()], "\n", "")


def _rich_section(section: Mapping[str, Any]) -> Reading:
    elements = section.get("elements")
    require(isinstance(elements, list))
    match section.get("type"):
        case "rich_text_list":
            require(section.get("style") in {"bullet", "ordered"})
            items = [_rich_section(element) for element in elements or ()]
            tag = "ul" if section["style"] == "bullet" else "ol"
            return _in_tag(tag, _all([_in_tag("li", item) for item in items], "\n", ""))
        case "rich_text_section":
            return _in_tag("p", _all([_rich_element(element) for element in elements or ()], ""))
        case "rich_text_quote":
            return _in_tag("blockquote", _all([_rich_element(element) for element in elements or ()], ""))
        case "rich_text_preformatted":
            return _in_tag("pre", _all([_rich_element(element) for element in elements or ()], ""))
        case _:
            raise Refused("invalid_blocks")


def _rich_element(element: Mapping[str, Any]) -> Reading:
    text = element.get("text")
    style = element.get("style", {})
    require(set(element) <= {"type", "text", "url", "style", "name", "user_id"})
    require(set(style) <= set(STYLES) and all(value is True for value in style.values()))
    return _styled(_bare_element(element, text), style)


def _bare_element(element: Mapping[str, Any], text: Any) -> Reading:
    match element.get("type"):
        case "text":
            require(isinstance(text, str) and bool(text))
            return _plain(text)
        case "link":
            url = element.get("url")
            require(isinstance(url, str) and bool(re.fullmatch(r"(https?://|mailto:)[!-~]+", url)))
            require(text is None or (isinstance(text, str) and bool(text)))
            return _link(text or str(url), str(url))
        case "emoji":
            return _plain(f":{element.get('name')}:")
        case "user":
            return _plain(f"@{element.get('user_id')}")
        case _:
            raise Refused("invalid_blocks")


def _styled(reading: Reading, style: Mapping[str, bool]) -> Reading:
    for name in style:
        reading = _in_tag(STYLES[name], reading)
    return reading


def mrkdwn(text: str) -> Reading:
    """Read the links and mentions of Slack's markup. The text keeps its stars and underscores; the page shows them."""
    links: list[tuple[str, str]] = []
    shown, html, end = "", "", 0
    for found in re.finditer(r"<([^<>]*)>", text):
        before, (target, _, label) = text[end : found.start()], found[1].partition("|")
        shown, html, end = shown + before, html + _marked(before), found.end()
        if target.startswith(("http://", "https://", "mailto:")):
            link = _link(_unescaped(label or target), _unescaped(target))
            links += link.links
            shown, html = shown + (label or target), html + link.html
        else:
            named = {"!": "@", "@": "@", "#": "#"}.get(target[:1], "") + (label or target[1:])
            shown, html = shown + named, html + escape(_unescaped(named))
    return Reading(_unescaped(shown + text[end:]), tuple(links), html=html + _marked(text[end:]))


def _marked(text: str) -> str:
    """Return a piece of Slack's markup as HTML."""
    html = escape(_unescaped(text))
    html = re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", r"<strong>\1</strong>", html)
    return re.sub(r"(?<!\w)_([^_\n]+)_(?!\w)", r"<em>\1</em>", html)


def _plain(text: str) -> Reading:
    return Reading(text, html=escape(text))


def _link(text: str, url: str) -> Reading:
    return Reading(text, ((text, url),), html=f"{anchor(url)}{escape(text)}</a>")


def _in_tag(tag: str, reading: Reading) -> Reading:
    return Reading(reading.text, reading.links, html=f"<{tag}>{reading.html}</{tag}>")


def _all(readings: Sequence[Reading], between: str, between_html: str | None = None) -> Reading:
    text = between.join(reading.text for reading in readings)
    html = (between if between_html is None else between_html).join(reading.html for reading in readings)
    return Reading(text, tuple(link for reading in readings for link in reading.links), html=html)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def require(condition: bool) -> None:
    """Raise Refused with Slack's code for blocks of the wrong shape, unless the condition is true."""
    if not condition:
        raise Refused("invalid_blocks")
