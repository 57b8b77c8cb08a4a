"""The Apprise channel, which sends to email, Discord, Teams, Matrix, ntfy, webhooks and many other services.

This channel only sends, and only the operator can set it up. An address such as mailto://… contains a password, so
output, logs and receipts show only the type of service.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from bot.channels.protocols import Notes, Part, Ready, Sender, at_once
from bot.channels.rate_limit import LONGEST_WAIT
from bot.channels.setup import Setup, SharedSettings
from bot.channels.stored_address import StoredForm
from bot.domain.letters import counted
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import Page, Role, pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, plain_text
from bot.domain.timestamps import bounded
from bot.errors import SendError, UsageError

MARGIN = 32  # characters of a message that a service may add, such as tags or a counter around the title


class AppriseSetup(Setup[SharedSettings]):
    """The setup of the Apprise channel. It has no settings, because everything is in the address."""

    name = "apprise"

    def check_address(self, address: str) -> str:
        """Return the address if Apprise supports it. Raise UsageError otherwise.

        The error doesn't quote the address, because it contains a password.
        """
        address = address.strip()
        is_text = not any("\ud800" <= letter <= "\udfff" for letter in address)
        if not is_text or not _scheme(address) or not _library().Apprise().add(address):
            raise UsageError(
                "Apprise doesn't understand this address. It should look like mailto://user:password@example.org or "
                "discord://id/token; Apprise's documentation lists every kind."
            )
        return address

    def make_sender(self, settings: SharedSettings, notes: Notes, *, sends: bool) -> Sender:  # noqa: ARG002
        return AppriseSender(secret_key=settings.secret_key.get_secret_value() if settings.secret_key else None)


class AppriseSender:
    """Sends messages through Apprise.

    `call_timeout` is in seconds. With `secret_key`, addresses are stored encrypted.
    """

    name = "apprise"

    def __init__(self, *, call_timeout: float = 30.0, secret_key: str | None = None, address: str = "") -> None:
        self.timeout = call_timeout
        self._secret_key = secret_key
        self._form = StoredForm(secret_key)
        self._address = address

    def for_address(self, address: str) -> "AppriseSender":
        """Return a sender that splits digests within the limits of the service at this address."""
        return AppriseSender(call_timeout=self.timeout, secret_key=self._secret_key, address=address)

    def stored_address(self, address: str) -> str:
        """Return the address as the store keeps it: encrypted if there is a secret key."""
        return self._form.stored(address)

    def _limits(self) -> "_Limits":
        """Return the service's limits. An address that can't be decrypted has the usual ones; its send will fail."""
        try:
            return _limits(self._form.opened(self._address))
        except SendError:
            return _limits("")

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:  # noqa: ARG002 - it shows none
        """Split the digest into parts, as HTML and as plain text with the link addresses in parentheses.

        Every part is one message of the service, so that each has a receipt and none is sent again for another.
        """
        found = pages(digest, self._limits().fits)
        return tuple(
            Part(
                payload={
                    "title": plain_text((page.title,)),
                    "body": _with_addresses(page.lines[1:]),
                },
                plain=plain_text(page.lines),
                covers=page.covers,
                html=_html(page),
            )
            for page in found
        )

    async def send(
        self,
        address: str,
        part: Part,
        *,
        plain: bool = False,  # noqa: ARG002 - the text is already plain
        ready: Ready = at_once,
    ) -> str:
        """Send one part. A failure is never treated as permanent, because Apprise doesn't report the cause."""
        apprise = _library()
        service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Countersign", async_mode=True))
        if not service.add(_splitting(self._form.opened(address))):
            raise SendError("Apprise no longer understands this address", refused=True)
        asked = [_BoundedWait(plugin, self.timeout / 2) for plugin in service]
        await ready()
        try:
            async with asyncio.timeout(self.timeout):
                done = await service.async_notify(**_body(part, service[0]))
        except Exception as error:  # noqa: BLE001 - each plugin fails in its own way; some quote the address
            raise _unconfirmed(address, error) from None
        if (wait := max(each.refused for each in asked)) > 0:
            problem = f"{_kind(address)} asked us to wait {counted(round(wait), 'second')}"
            raise SendError(problem, retry_after=bounded(wait, LONGEST_WAIT))
        if not done:
            raise SendError(f"{_kind(address)} refused the message or could not be reached")
        return "accepted"

    async def close(self) -> None:
        """Do nothing, because the sender keeps no connection open."""


class _BoundedWait:
    """Keeps an Apprise plugin from sleeping too long when its service asks it to wait.

    A sleeping plugin blocks a thread. When it wakes up, it would post a message that already counts as failed.
    `refused` is the length of the wait that was too long, in seconds, or 0.
    """

    def __init__(self, plugin: Any, longest: float) -> None:
        self.refused = 0.0
        self._throttle = plugin.throttle
        self._longest = longest
        plugin.throttle = self._checked

    def _checked(self, last_io: datetime | None = None, wait: float | None = None) -> None:
        if wait is not None and not wait <= self._longest:
            self.refused = bounded(wait) or self._longest
            raise TimeoutError("the service asks for too long a wait")
        self._throttle(last_io=last_io, wait=None if wait is None else max(wait, 0.0))


def _library() -> ModuleType:
    """Import Apprise when it is first needed, because the import is slow. Disable its log, which quotes passwords."""
    import apprise  # noqa: PLC0415 - see above

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise


def _with_addresses(lines: Sequence[Line]) -> str:
    return plain_text([tuple(_shown(span) for span in line) for line in lines])


def _shown(span: Span) -> Span:
    return Span(f"{span.text} ({span.href})") if span.href and span.href != span.text else Span(span.text)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The limits of a service's message. `grows` is True if it makes HTML of the text, which is longer."""

    body: int
    title: int
    lines: int
    grows: bool
    is_email: bool = False

    def fits(self, lines: Sequence[Line]) -> bool:
        """Return True if the service sends these lines, with the first as the title, in one message."""
        title, body = plain_text(lines[:1]), _with_addresses(lines[1:])
        whole = f"{title}\r\n{body}" if self.title <= 0 else body
        sent = _as_html(whole) if self.grows else whole
        size = _html_length(lines) if self.is_email else len(sent)
        return self.body >= size + MARGIN and (not self.lines or sent.count("\n") < self.lines)


def _limits(address: str) -> _Limits:
    """Return the limits of the service at an address, or Apprise's usual ones if the address is unknown."""
    apprise = _library()
    service = apprise.Apprise()
    if not address or not service.add(address):
        return _Limits(apprise.NotifyBase.body_maxlen, apprise.NotifyBase.title_maxlen, 0, grows=False)
    plugin = service[0]
    return _Limits(
        body=plugin.body_maxlen,
        title=0 if plugin.overflow_amalgamate_title else plugin.title_maxlen,  # or it counts as part of the body
        lines=plugin.body_max_line_count,
        grows=plugin.resolve_format(apprise.NotifyFormat.TEXT) == apprise.NotifyFormat.HTML,
        is_email=_is_email(plugin),
    )


def _splitting(address: str) -> str:
    """Add the option that makes Apprise cut a long title, and split a message that is still too long."""
    return f"{address}{'&' if '?' in address else '?'}overflow=split"


def _is_email(plugin: Any) -> bool:
    """Return whether a service sends email. Others that send HTML know only a few tags, and make them from text."""
    return bool(plugin.secure_protocol == "mailtos")


def _as_html(text: str) -> str:
    return escape(text).replace(" ", "&nbsp;").replace("\n", "<br/>\r\n")


def _body(part: Part, plugin: Any) -> dict[str, Any]:
    """Return the arguments of Apprise's call: HTML for a service that sends HTML, such as email, or else text."""
    apprise = _library()
    title = part.payload["title"]
    if _is_email(plugin):
        return {"title": title, "body": part.html, "body_format": apprise.NotifyFormat.HTML}
    return {"title": title, "body": part.payload["body"], "body_format": apprise.NotifyFormat.TEXT}


# Colors are set only for the footer and links, so that a client's dark mode can choose the others.
_STYLE = (
    "body{margin:0;font:16px/1.5 Helvetica,Arial,sans-serif}main{max-width:600px;margin:0 auto;padding:20px}"
    "h1{margin:0 0 16px;font-size:22px;line-height:1.3}section{margin:0 0 16px}div{margin:0 0 4px}"
    "div.i{padding-left:10px;text-indent:-10px}"
    "footer{padding-top:12px;border-top:1px solid #9aa5b1;color:#59646f;font-size:13px}a{color:#0b57a4}"
    "@media(prefers-color-scheme:dark){body{background:#15191e;color:#e6eaee}footer{color:#a3aeb9}a{color:#8ab8f0}}"
)
_START = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    f'<meta name="color-scheme" content="light dark"><style>{_STYLE}</style></head><body><main>'
)
_END = "</main></body></html>"
_LONGEST_TAGS = len("<section></section>")  # around a title or a block
_BULLET = "• "
_ITEM = '<div class="i">'  # its second line starts below the first, not below the bullet


def _html(page: Page) -> str:
    """Return a page as an HTML document that needs nothing from elsewhere, with the title as its heading."""
    blocks = [f"<h1>{_html_spans(page.title)}</h1>"]
    for block in page.blocks:
        tag = "footer" if block.role is Role.FOOTER else "section"
        blocks.append(f"<{tag}>{_html_lines(block.lines)}</{tag}>")
    return f"{_START}{''.join(blocks)}{_END}"


def _html_lines(lines: Sequence[Line]) -> str:
    return "".join(
        f"{_ITEM if plain_text((line,)).startswith(_BULLET) else '<div>'}{_html_spans(line) or '<br>'}</div>"
        for line in lines
    )


def _html_spans(line: Line) -> str:
    return "".join(map(_html_span, line))


def _html_span(span: Span) -> str:
    text = escape(span.text, quote=False)
    text = f"<b>{text}</b>" if span.strong else text
    return f'<a href="{escape(span.href)}">{text}</a>' if span.href else text


def _html_length(lines: Sequence[Line]) -> int:
    """Return the longest HTML that a page with these lines can have: each blank line starts a paragraph."""
    blanks = sum(not line for line in lines)
    return len(_html_lines(lines)) + (blanks + 2) * _LONGEST_TAGS + len(_START) + len(_END)


def _unconfirmed(address: str, error: Exception) -> SendError:
    said = f"{_kind(address)} failed ({type(error).__name__}); the message may have arrived"
    return SendError(said, maybe_sent=True)


def _kind(address: str) -> str:
    return _scheme(address) or "the service"


def _scheme(address: str) -> str:
    """Return the part before the first colon, such as "mailto", or "" if the address isn't valid."""
    try:
        return urlsplit(address).scheme
    except ValueError:
        return ""
