"""The console channel, which prints messages to a stream if no other channel is set up."""

import sys
from collections.abc import Sequence
from textwrap import TextWrapper
from typing import TextIO

from bot.channels.protocols import Notes, Part, Ready, Sender, at_once
from bot.channels.setup import Setup, SharedSettings
from bot.domain.messages.digest import Digest
from bot.domain.messages.paginate import pages
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Line, Span, plain_text
from bot.errors import SendError, UsageError


class ConsoleSetup(Setup[SharedSettings]):
    """The setup of the console channel, which is used until a chat platform is set up."""

    name = "console"
    is_fallback = True

    def check_address(self, address: str) -> str:
        if address.strip() not in {"-", "console"}:
            raise UsageError(f"The console has only one address. Use console instead of {address!r}.")
        return "console"

    def make_sender(self, settings: SharedSettings, notes: Notes, *, sends: bool) -> Sender:  # noqa: ARG002
        return ConsoleSender()


class ConsoleSender:
    """Prints messages to `stream` (standard output by default), wrapped at `width` columns."""

    name = "console"
    timeout = 1.0

    def __init__(self, *, stream: TextIO | None = None, width: int = 100) -> None:
        self._stream = stream
        self._width = width
        self._count = 0

    def render(self, digest: Digest, picture: Image | None = None) -> tuple[Part, ...]:  # noqa: ARG002 - it shows none
        """Return the digest as one part of any length."""
        return tuple(
            Part(payload={"text": self._text(page.lines)}, plain=plain_text(page.lines), covers=page.covers)
            for page in pages(digest, lambda _: True)
        )

    async def send(
        self,
        address: str,  # noqa: ARG002 - the only one
        part: Part,
        *,
        plain: bool = False,
        ready: Ready = at_once,
    ) -> str:
        """Print one part. Return the count of printed parts as the message id."""
        await ready()
        text = part.plain if plain else part.payload["text"]
        stream = self._stream or sys.stdout
        try:
            print(_encodable(text, stream), end="\n\n", file=stream, flush=True)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise SendError(f"Nothing can be printed: {error}") from error
        self._count += 1
        return str(self._count)

    async def close(self) -> None:
        """Do nothing, because the stream belongs to the caller."""

    def _text(self, lines: Sequence[Line]) -> str:
        return "\n".join(wrapped for line in lines for wrapped in self._wrapped(line))

    def _wrapped(self, line: Line) -> list[str]:
        wrapper = TextWrapper(self._width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        return wrapper.wrap("".join(map(_with_address, line))) or [""]


def _with_address(span: Span) -> str:
    return f"{span.text} ({span.href})" if span.href and span.href != span.text else span.text


def _encodable(text: str, stream: TextIO) -> str:
    """Replace characters that the stream's encoding doesn't support with question marks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
