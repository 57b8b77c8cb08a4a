"""Show what Telegram and Slack would show of a message, as pages for the screenshots."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bot.channels.protocols import Part
from bot.domain.chat.request import Button
from bot.pipeline.rasterize import fonts

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><style>{faces}{style}body {{ width: {width}px }}</style><body>{body}</body></html>
"""
_FACES = "".join(
    f"@font-face {{ font-family: Letters; src: url('{Path(file).as_uri()}'); font-weight: {weight} }}"
    for file in fonts()
    for weight in [700 if "bold" in file.casefold() else 400]
)
LINK = r'<a href="\1">\2</a>'
_MRKDWN_LINK = re.compile(r"&lt;([^|&]+)\|(.+?)&gt;")


def _page(platform: str, body: str, width: int) -> str:
    style = (Path(__file__).parent / f"{platform}.css").read_text(encoding="utf-8")
    return _PAGE.format(faces=_FACES, style=style, width=width, body=body)


def telegram(parts: Sequence[Part], buttons: Sequence[Sequence[Button]], at: str, *, width: int) -> str:
    """Return the page of a message in Telegram, with its buttons below it."""
    shown = [_bubble(part, at, is_first=number == 0) for number, part in enumerate(parts)]
    keys = "".join(f'<div class="keys">{_spans(button.text for button in row)}</div>' for row in buttons)
    return _page("telegram", "".join(shown) + keys, width)


def _bubble(part: Part, at: str, *, is_first: bool) -> str:
    name = '<div class="from">Countersign</div>' if is_first and part.picture is None else ""
    text = str(part.payload["title"] if part.picture is not None else part.payload["text"])
    text = text.replace("</blockquote>\n", "</blockquote>").replace("<blockquote expandable>", "<blockquote>")
    picture = f'<img alt="" src="{_data_url(part.picture)}">' if part.picture is not None else ""
    return f'<div class="bubble">{picture}{name}<div class="text">{text}<span class="at">{at}</span></div></div>'


def slack(parts: Sequence[Part], channel: str, at: str, *, width: int) -> str:
    """Return the page of a message in a Slack channel."""
    shown = "".join(_picture(part) if part.picture is not None else _blocks(part) for part in parts)
    name = f'<div class="from">Countersign<i>APP</i><small>{at}</small></div>'
    body = f'<div class="channel"># {escape(channel)}</div><div class="message">{name}{shown}</div>'
    return _page("slack", body, width)


def _picture(part: Part) -> str:
    assert part.picture is not None
    return f'<img alt="" src="{_data_url(part.picture)}">'


def _blocks(part: Part) -> str:
    return "".join(_block(block) for block in part.payload["blocks"])


def _block(block: Mapping[str, Any]) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h3>{escape(block['text']['text'])}</h3>"
    if kind == "rich_text":
        return f'<div class="rich">{"".join(_rich(each) for each in block["elements"])}</div>'
    if kind == "context":
        texts = (
            _MRKDWN_LINK.sub(r'<a href="\1">\2</a>', escape(each["text"], quote=False)) for each in block["elements"]
        )
        return f'<div class="context">{"".join(texts)}</div>'
    if kind == "actions":
        return f'<div class="actions">{_spans(each["text"]["text"] for each in block["elements"])}</div>'
    raise ValueError(f"no one shows a block of type {kind} yet")


def _rich(element: Mapping[str, Any]) -> str:
    if "elements" in element:
        return "".join(_rich(each) for each in element["elements"])
    text = escape(element.get("text", element.get("url", "")))
    if element["type"] == "link":
        text = f'<a href="{escape(element["url"])}">{text}</a>'
    return f"<b>{text}</b>" if element.get("style", {}).get("bold") else text


def _spans(texts: Iterable[str]) -> str:
    return "".join(f"<span>{escape(text)}</span>" for text in texts)


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
