"""The console, for as long as no other channel is set up."""

import io

import pytest

from bot.channels.console import ConsoleSender
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.text.rich_text import Span
from bot.errors import SendError

DIGEST = Digest(
    upto=1,
    title=(Span("News", strong=True),),
    sections=(
        Section(
            heading=(Span("Florida"),),
            items=(
                Item(lines=((Span("Bay County Sheriff’s Office signed the Task Force Model on May 4, 2026. "), Span("MOA", "https://www.ice.gov/doclib/about/offices/ero/287g/moa/bay.pdf")),)),
                Item(lines=((Span("https://x.example/", "https://x.example/"),),)),
            ),
        ),
    ),
)  # fmt: skip


async def test_a_digest_is_printed_wrapped_with_links_after_their_text() -> None:
    stream = io.StringIO()
    console = ConsoleSender(stream=stream, width=60)
    [part] = console.render(DIGEST)

    assert await console.send("console", part) == "1"
    assert await console.send("console", part, plain=True) == "2"
    assert stream.getvalue() == (
        "News\n"
        "\n"
        "Florida\n"
        "Bay County Sheriff’s Office signed the Task Force Model on\n"
        "  May 4, 2026. MOA\n"
        "  (https://www.ice.gov/doclib/about/offices/ero/287g/moa/bay.pdf)\n"
        "https://x.example/\n"
        "\n"
        "News\n"
        "\n"
        "Florida\n"
        "Bay County Sheriff’s Office signed the Task Force Model on May 4, 2026. MOA\n"
        "https://x.example/\n"
        "\n"
    )


async def test_a_digest_of_any_length_is_one_part() -> None:
    items = tuple(Item(lines=((Span("x" * 100),),), covers=(number,)) for number in range(5_000))
    digest = Digest(upto=1, title=(Span("N"),), sections=(Section(heading=(), items=items),))

    [part] = ConsoleSender().render(digest)
    assert len(part.covers) == 5_000


async def test_it_prints_to_standard_output_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    console = ConsoleSender()
    await console.send("console", console.render(DIGEST)[0])

    assert capsys.readouterr().out.startswith("News\n\nFlorida\n")


async def test_a_character_the_stream_lacks_becomes_a_question_mark() -> None:
    raw = io.BytesIO()
    console = ConsoleSender(stream=io.TextIOWrapper(raw, encoding="ascii"))
    await console.send("console", console.render(DIGEST)[0])

    assert b"Sheriff?s Office" in raw.getvalue()


async def test_a_closed_stream_is_a_failed_send() -> None:
    stream = io.StringIO()
    stream.close()
    console = ConsoleSender(stream=stream)
    with pytest.raises(SendError, match="Nothing can be printed"):
        await console.send("console", console.render(DIGEST)[0])
