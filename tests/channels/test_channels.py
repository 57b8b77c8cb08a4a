"""The rules for every channel. A channel in the registry without a case here fails."""

import io
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape, unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.loopback import slack as slack_loopback
from support.loopback import telegram as telegram_loopback
from support.loopback.server import ANYONE, LoopbackServer, delayed, dropped, late, page
from support.loopback.slack import LoopbackSlack
from support.loopback.telegram import LoopbackTelegram

from bot.app.wiring import StoredNotes
from bot.channels import CHANNELS, Part, Sender
from bot.channels.apprise import AppriseSender
from bot.channels.console import ConsoleSender
from bot.channels.rate_limit import Limit, RateLimit
from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.channels.webhook.sender import WebhookSender
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.messages.paginate import LONGEST_LABEL
from bot.domain.text.rich_text import Span, legible, plain_text
from bot.errors import SendError, UsageError
from bot.fetch.post import Poster
from bot.store.tiny.store import TinyStore

pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be")  # as bot.channels.telegram.sender has it

FAULTS = [
    dropped(),
    dropped(after=True),
    page("<html>Maintenance</html>"),
    page("Bad gateway", 502),
    page("[]"),
]


@dataclass(frozen=True)
class Case:
    """How the tests make a sender and read what its platform shows. `addresses` are as typed and as stored.

    `make` takes the options of the sender: where its platform is, and what a test changes.
    """

    make: Callable[..., Sender]
    read: Callable[[Part], str]
    read_plain: Callable[[Part], str]
    server: type[LoopbackServer] | None
    addresses: dict[str, str]
    refused: tuple[str, ...]
    faults: tuple = ()
    shows_addresses: bool = False  # the address of a link follows its text
    is_secret: bool = False  # an address contains a password and is never repeated

    @property
    def address(self) -> str:
        return next(iter(self.addresses.values()))


def at(server: LoopbackServer, **options) -> dict:
    """The options of a sender whose platform is this server; without more options nothing limits its rate."""
    return {"token": server.token, "base_url": server.url, "rate_limit": RateLimit()} | options


CASES = {
    "apprise": Case(
        make=AppriseSender,
        read=lambda part: "\n".join(text for text in (part.payload["title"], part.payload["body"]) if text),
        read_plain=lambda part: part.plain,
        server=None,
        addresses={
            "json://127.0.0.1:9/": "json://127.0.0.1:9/",
            " mailto://a:b@example.org ": "mailto://a:b@example.org",
        },
        refused=("", "nonsense", "gopher://example.org", "42"),
        shows_addresses=True,
        is_secret=True,
    ),
    "console": Case(
        make=lambda: ConsoleSender(stream=io.StringIO()),
        read=lambda part: part.payload["text"],
        read_plain=lambda part: part.plain,
        server=None,
        addresses={"console": "console", "-": "console"},
        refused=("", "stdout", "42"),
        shows_addresses=True,
    ),
    "slack": Case(
        make=lambda **options: SlackSender(**({"token": "xoxb-1"} | options)),
        read=lambda part: slack_loopback.read(part.payload).text,
        read_plain=lambda part: slack_loopback.read({"text": escape(part.plain), "mrkdwn": False}).text,
        server=LoopbackSlack,
        addresses={
            "C024BE91L": "C024BE91L",
            " G024BE91L ": "G024BE91L",
            "U024BE91L": "U024BE91L",
            "https://example.slack.com/archives/C024BE91L": "C024BE91L",
            "https://example.slack.com/archives/C024BE91L/p1700000000000000": "C024BE91L",
        },
        refused=("", "#general", "general", "c024be91l", "C02", "https://example.com/archives/C024BE91L"),
        faults=(
            slack_loopback.broken(),
            slack_loopback.flooded(3),
            *map(slack_loopback.refused, ("fatal_error", "is_archived", "invalid_auth", "no_such_error", "")),
        ),
    ),
    "telegram": Case(
        make=lambda **options: TelegramSender(**({"token": telegram_loopback.TOKEN} | options)),
        read=lambda part: telegram_loopback.read(part.payload["text"], "HTML").text,
        read_plain=lambda part: telegram_loopback.read(part.plain).text,
        server=LoopbackTelegram,
        addresses={
            "42": "42",
            " -1001234567890 ": "-1001234567890",
            "@Some_Channel": "@some_channel",
            "https://t.me/Some_Channel": "@some_channel",
        },
        refused=("", "0", "-", "ada", "@ada lovelace", "@x", "4.2", "٤٢", "https://example.com/Some_Channel"),
        faults=(
            telegram_loopback.blocked(),
            telegram_loopback.unknown_chat(),
            telegram_loopback.migrated(-1001),
            telegram_loopback.flooded(3),
            telegram_loopback.broken(),
            telegram_loopback.broken(409, "Conflict: terminated by other getUpdates request"),
            telegram_loopback.broken(404, "Not Found"),
            telegram_loopback.broken(400, "Bad Request: something new"),
        ),
    ),
    "webhook": Case(
        make=lambda: WebhookSender(Poster(), StoredNotes(TinyStore.in_memory()).of("webhook")),
        read=lambda part: part.payload["text"],
        read_plain=lambda part: part.plain,
        server=None,
        addresses={
            "https://hooks.example.org/a": "https://hooks.example.org/a",
            " https://Hooks.example.org:443 ": "https://hooks.example.org/",
        },
        refused=("", "nonsense", "http://hooks.example.org/", "https://a:b@hooks.example.org/", "42"),
        is_secret=True,
    ),
}
every_channel = pytest.mark.parametrize("name", sorted(CHANNELS))
every_platform = pytest.mark.parametrize("name", sorted(name for name, case in CASES.items() if case.server))


@asynccontextmanager
async def running(name: str):
    case = CASES[name]
    if case.server is None:
        yield case.make(), None
        return
    async with case.server() as server:
        sender = case.make(**at(server))
        yield sender, server
        await sender.close()


# Any digest of any text

hard_text = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.characters(codec=None), max_size=30),  # half surrogate pairs too
    st.sampled_from(
        [
            "Bay County Sheriff's Office",
            "<b>bold</b> & <i>",
            "*bold* _x_ ~y~ `z`",
            "<!channel> @here :ice: <@U024BE91L>",
            "\u202egnp.exe\u202c",
            "\u200b\ufeff",
            "&amp; &lt; &#x27;",
            "a\r\nb\tc\u2028d\x00e",
            "w" * 500,
            "🙂" * 300,
            "👩\u200d👩\u200d👧 " * 40,
        ]
    ),
)
long_text = st.builds(lambda text, times: " ".join([text] * times), hard_text, st.integers(1, 60))
hard_href = st.one_of(
    st.none(),
    hard_text,
    st.sampled_from(
        [
            "https://www.ice.gov/doclib/a b.pdf",
            'https://x.example/?a="b"&c=<d>|e',
            "mailto:a@example.gov",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://[",
            "https://ice.gov@evil.example/",
            "https://x.example/" + "&" * 1_900,
            "https://x.example/" + "y" * 3_000,
            "HTTPS://X.EXAMPLE/é",
        ]
    ),
)
spans = st.builds(Span, hard_text, hard_href, st.booleans())
lines = st.lists(spans, max_size=4).map(tuple)
long_lines = st.builds(lambda text, href: (Span(text, href),), long_text, hard_href)
bodies = st.lists(st.one_of(lines, lines, lines, long_lines), max_size=4).map(tuple)


@st.composite
def digests(draw) -> Digest:
    """Sections of items numbered in order; some of them many times over, some of items longer than any message."""
    numbers = iter(range(1, 100_000))
    sections = []
    for _ in range(draw(st.integers(0, 3))):
        drawn = draw(st.lists(bodies, max_size=4)) * draw(st.sampled_from([1, 1, 1, 12]))
        items = tuple(Item(lines=body, covers=(next(numbers),)) for body in drawn)
        sections.append(Section(heading=draw(st.one_of(lines, long_lines)), items=items))
    title, footer = draw(st.one_of(lines, long_lines)), draw(bodies)
    return Digest(upto=next(numbers), title=title, sections=tuple(sections), footer=footer)


any_digest = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@every_channel
def test_every_channel_has_a_case(name: str) -> None:
    assert name in CASES, f"add a case for {name} to CASES in tests/channels/test_channels.py"


@every_channel
def test_a_channel_has_the_name_it_is_registered_under(name: str) -> None:
    sender = CASES[name].make()

    assert CHANNELS[name].name == sender.name == name
    assert sender.timeout > 0


def test_the_registry_imports_no_platform_library() -> None:
    code = "import bot.channels, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"apprise", "telegram", "slack_sdk", "slack_bolt", "aiohttp", "httpx", "cryptography"} & set(loaded)


@every_channel
def test_an_address_is_stored_in_the_platforms_own_form(name: str) -> None:
    for typed, stored in CASES[name].addresses.items():
        assert CHANNELS[name].check_address(typed) == stored
        assert CHANNELS[name].check_address(stored) == stored


@every_channel
def test_a_wrong_address_is_rejected_with_a_sentence_that_quotes_it(name: str) -> None:
    for typed in CASES[name].refused:
        with pytest.raises(UsageError) as refusal:
            CHANNELS[name].check_address(typed)
        assert CASES[name].is_secret or repr(typed) in str(refusal.value)
        assert str(refusal.value).endswith(".")


@pytest.mark.slow
@every_channel
@any_digest
@given(digest=digests())
def test_the_platform_accepts_every_part_of_any_digest_and_shows_every_item_in_order(name: str, digest: Digest) -> None:
    case = CASES[name]
    parts = case.make().render(digest)

    shown, position = "".join("".join(case.read(part).split()) for part in parts), 0
    for section in digest.sections:
        for item in section.items:
            for text in _texts(item, whole=not case.shows_addresses):
                position = _end_of(text, shown, position)


def _texts(item: Item, *, whole: bool) -> list[str]:
    """What must appear without a break, apart from white space: an item or, where addresses follow, each of its spans."""
    texts = ["".join(legible(span.text).split()) for line in item.lines for span in line]
    return ["".join(texts)] if whole else texts


def _end_of(text: str, shown: str, position: int) -> int:
    found = shown.find(text, position)
    if found >= 0:
        return found + len(text)
    assert len(text) > 500, f"{text!r} is not shown, or is cut"
    for char in text:
        position = shown.index(char, position) + 1
    return position


@pytest.mark.slow
@every_channel
@any_digest
@given(digest=digests())
def test_exactly_one_part_names_each_change_in_order_and_the_same_way_every_time(name: str, digest: Digest) -> None:
    parts = CASES[name].make().render(digest)

    assert tuple(seq for part in parts for seq in part.covers) == digest.covers
    assert CASES[name].make().render(digest) == parts


@every_channel
@any_digest
@given(digest=digests())
@pytest.mark.slow
def test_the_platform_also_accepts_every_part_without_markup(name: str, digest: Digest) -> None:
    case = CASES[name]
    for part in case.make().render(digest):
        assert unescape(case.read_plain(part)).split() == unescape(part.plain).split()


@pytest.mark.slow
@every_channel
@any_digest
@given(digest=digests())
def test_a_reader_sees_no_character_that_hides_or_reverses_text(name: str, digest: Digest) -> None:
    for part in CASES[name].make().render(digest):
        for text in (part.plain, CASES[name].read(part)):
            assert not re.search(
                "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", text
            )


def news(count: int = 1) -> Digest:
    items = tuple(
        Item(
            lines=((Span(f"Agency {number} & Sons <PD>"), Span(" memorandum", "https://www.ice.gov/moa?a=1&b=2")),),
            covers=(number,),
        )
        for number in range(1, count + 1)
    )
    return Digest(
        upto=count,
        title=(Span("287(g): news", strong=True),),
        sections=(Section(heading=(Span("Florida", strong=True),), items=items),),
        footer=((Span("From ICE's list."),),),
    )


@every_platform
async def test_a_message_arrives_as_a_reader_should_see_it(name: str) -> None:
    async with running(name) as (sender, server):
        parts = sender.render(news(200))
        ids = [await sender.send(CASES[name].address, part) for part in parts]

        assert len(parts) > 1
        assert [message.message_id for message in server.messages] == ids
        assert len(set(ids)) == len(ids)
        text = "\n".join(server.told(CASES[name].address))
        text = text.replace("\n\n", "\n")  # Slack's blocks have their own space between them
        assert text.startswith(f"287(g): news (1/{len(parts)})\nFlorida\nAgency 1 & Sons <PD> memorandum\n")
        assert text.endswith("\nFrom ICE's list.")
        links = [link for message in server.messages for link in message.links]
        assert {href for _, href in links} == {"https://www.ice.gov/moa?a=1&b=2"}
        assert len(links) == 200
        assert not any(message.preview for message in server.messages)


@every_platform
async def test_a_part_can_be_sent_without_markup(name: str) -> None:
    async with running(name) as (sender, server):
        [part] = sender.render(news())
        await sender.send(CASES[name].address, part, plain=True)

        [message] = server.messages
        assert message.text == part.plain
        assert "Agency 1 & Sons <PD> memorandum" in message.text
        assert not message.links
        assert not message.preview


@pytest.mark.slow
@every_platform
async def test_a_send_fails_only_with_a_verdict_and_never_shows_the_token(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bot")
    for library in ("telegram", "slack_sdk", "aiohttp", "asyncio"):
        caplog.set_level(logging.INFO, logger=library)
    for library in ("httpx", "httpcore"):
        caplog.set_level(logging.WARNING, logger=library)
    async with running(name) as (sender, server):
        echo = page(f"<html>502: cannot reach /bot{server.token}/sendMessage ({server.token})</html>", 502)
        faults = [*FAULTS, echo, page(server.token), *CASES[name].faults]
        server.script(ANYONE, *faults)
        [part] = sender.render(news())
        for fault in faults:
            sender.rate_limit = RateLimit()
            with pytest.raises(SendError) as refusal:
                await sender.send(CASES[name].address, part)
            assert not shows(refusal.value, server.token), fault
        assert await sender.send(CASES[name].address, part)
        secret = server.token.rpartition(":")[2]

    assert secret not in caplog.text
    assert secret not in repr(sender)


def shows(error: BaseException, token: str) -> bool:
    """Return True if an error or any of its causes contains the token or the server's address."""
    chain, texts = [error], []
    while chain:
        error = chain.pop()
        texts += [str(error), repr(error), repr(vars(error))]
        chain += [cause for cause in (error.__cause__, error.__context__) if cause]
    return any(secret in text for text in texts for secret in (token.rpartition(":")[2], "http://"))


@every_platform
async def test_a_rejected_token_concerns_the_whole_platform(name: str) -> None:
    case = CASES[name]
    async with case.server() as server:
        server.token = "another"
        sender = case.make(**at(server, token="123:wrong"))
        with pytest.raises(SendError) as refusal:
            await sender.send(case.address, sender.render(news())[0])
        await sender.close()

    assert refusal.value.credentials_rejected
    assert "wrong" not in str(refusal.value).replace("it is wrong", "")
    assert not server.messages


@every_platform
async def test_an_unreachable_platform_is_tried_again(name: str) -> None:
    async with running(name) as (sender, server):
        await server.__aexit__()
        with pytest.raises(SendError) as refusal:
            await sender.send(CASES[name].address, sender.render(news())[0])

    verdict = refusal.value
    assert vars(verdict) == vars(SendError("tried again as any other"))
    assert "can't be reached (" in str(verdict), "nothing was written, so nothing may have arrived"


@every_platform
async def test_a_message_is_not_sent_again_when_the_connection_drops_after_it_arrived(name: str) -> None:
    async with running(name) as (sender, server):
        server.script(ANYONE, None, dropped(after=True))
        [part] = sender.render(news())
        await sender.send(CASES[name].address, part)  # the open connection tempts a library to try again
        with pytest.raises(SendError, match="may have") as unconfirmed:
            await sender.send(CASES[name].address, part)

        assert unconfirmed.value.maybe_sent
        assert len(server.messages) == 2


@every_platform
async def test_a_sender_waits_for_a_slow_answer_no_longer_than_its_timeout(name: str) -> None:
    async with running(name) as (sender, server):
        impatient = CASES[name].make(**at(server, call_timeout=1.5))
        server.script(ANYONE, delayed(0.1), late(600))
        [part] = sender.render(news())
        assert await sender.send(CASES[name].address, part)
        with pytest.raises(SendError, match="may have") as refusal:
            await impatient.send(CASES[name].address, part)
        await impatient.close()

        assert not shows(refusal.value, server.token)


@every_platform
async def test_a_message_whose_turn_does_not_come_in_time_is_not_sent(name: str) -> None:
    case = CASES[name]
    async with case.server() as server:
        once_an_hour = RateLimit(each=lambda _: (Limit(1, 3_600),))
        sender = case.make(**at(server, patience=0.05, rate_limit=once_an_hour))
        [part] = sender.render(news())
        await sender.send(case.address, part)
        with pytest.raises(SendError, match="Not sent") as refusal:
            await sender.send(case.address, part)
        await sender.close()

    assert refusal.value.not_our_turn
    assert 0 < refusal.value.retry_after <= 3_600
    assert len(server.messages) == 1


@every_channel
async def test_an_unused_channel_closes_even_twice(name: str) -> None:
    async with running(name) as (sender, _):
        await sender.close()
        await sender.close()


@every_platform
async def test_an_item_longer_than_a_message_continues_in_the_next(name: str) -> None:
    async with running(name) as (sender, server):
        text = " ".join(f"word{number}" for number in range(4_000))
        item = Item(lines=((Span("Begin "), Span(text, "https://x.example/"), Span(" end.")),), covers=(1,))
        heading = (Span("Texas", strong=True),)
        digest = Digest(upto=1, title=(Span("News"),), sections=(Section(heading=heading, items=(item,)),))
        parts = sender.render(digest)
        for part in parts:
            await sender.send(CASES[name].address, part)

    shown = [message.text.replace("\n\n", "\n").split("\n", 2) for message in server.messages]
    assert [title for title, *_ in shown] == [f"News ({number + 1}/{len(parts)})" for number in range(len(parts))]
    assert [heading for _, heading, _ in shown] == ["Texas", *["Texas …"] * (len(parts) - 1)]
    assert " ".join(body.strip() for *_, body in shown) == f"Begin {text} end."
    assert [part.covers for part in parts] == [()] * (len(parts) - 1) + [(1,)]


@every_channel
def test_the_repeated_title_and_headings_are_short_and_have_no_links(name: str) -> None:
    heading = (Span("A heading " * 100, "https://x.example/"),)
    items = tuple(Item(lines=((Span("x" * 100),),)) for _ in range(300))
    digest = Digest(upto=1, title=heading, sections=(Section(heading=heading, items=items),))

    for part in CASES[name].make().render(digest):
        title, *rest = part.plain.split("\n")
        assert len(title) <= LONGEST_LABEL + len(" (00/00)")
        assert len(rest[1]) <= LONGEST_LABEL + 2
        assert "x.example" not in CASES[name].read(part)


def test_plain_text_has_no_markup() -> None:
    assert plain_text(((Span("a", strong=True), Span("b", "https://x.example/")), (), (Span("c"),))) == "ab\n\nc"
