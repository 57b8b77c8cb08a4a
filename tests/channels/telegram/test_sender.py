"""Telegram's sending side: its markup and limits, and what its refusals mean."""

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.loopback.server import page
from support.loopback.telegram import LoopbackTelegram, blocked, broken, flooded, migrated, read, refused, units

from bot.channels.rate_limit import RateLimit, Turn
from bot.channels.telegram.sender import TelegramSender
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.text.rich_text import Span
from bot.errors import SendError

pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be")  # as bot.channels.telegram.sender has it


def digest(*lines: Span, times: int = 1) -> Digest:
    items = tuple(Item(lines=(lines,), covers=(number + 1,)) for number in range(times))
    return Digest(upto=times, title=(Span("News", strong=True),), sections=(Section(heading=(), items=items),))


def texts(of: Digest) -> list[str]:
    return [part.payload["text"] for part in TelegramSender(token="1:x").render(of)]


def still() -> RateLimit:
    """A rate limit whose clock stands still: what it was told to hold stays held that long."""
    return RateLimit(clock=lambda: 0.0)


@pytest.fixture
async def server():
    async with LoopbackTelegram() as server:
        yield server


@pytest.fixture
async def telegram(server: LoopbackTelegram):
    channel = TelegramSender(token=server.token, base_url=server.url, rate_limit=still())
    yield channel
    await channel.close()


async def verdict(telegram: TelegramSender, address: str = "42") -> SendError:
    [part] = telegram.render(digest(Span("Bay County")))
    with pytest.raises(SendError) as refusal:
        await telegram.send(address, part)
    return refusal.value


def test_scraped_text_is_escaped_and_only_our_own_markup_remains() -> None:
    [text] = texts(digest(Span("A & B <b> "), Span("the 'MOA'", 'https://x.example/?a=1&b="2"', strong=True)))

    assert text == (
        "<b>News</b>\n\nA &amp; B &lt;b&gt; <a href=\"https://x.example/?a=1&amp;b=%222%22\"><b>the 'MOA'</b></a>"
    )


def test_length_is_counted_in_utf_16_as_telegram_does() -> None:
    parts = texts(digest(Span("🙂" * 100), times=60))

    assert all(3_800 < units(read(text, "HTML").text) <= 4_096 for text in parts[:-1])


def test_escaping_does_not_count_toward_the_length() -> None:
    [text] = texts(digest(Span("&" * 100), times=39))

    assert len(text) > 19_000


def test_no_message_has_more_marked_runs_than_telegram_shows() -> None:
    parts = texts(digest(Span("x", "https://x.example/"), Span(" "), Span("y", strong=True), times=200))

    readings = [read(text, "HTML") for text in parts]
    assert all(reading.entities <= 90 for reading in readings)
    assert sum(len(reading.links) for reading in readings) == 200


def test_long_addresses_count_toward_the_size_of_a_message() -> None:
    parts = texts(digest(Span("x", "https://x.example/" + "y" * 900), times=40))

    readings = [read(text, "HTML") for text in parts]
    assert len(parts) == 5
    assert sum(len(reading.links) for reading in readings) == 40


async def test_a_group_is_addressed_by_its_negative_number_and_a_channel_by_its_name(
    telegram: TelegramSender, server: LoopbackTelegram
) -> None:
    [part] = telegram.render(digest(Span("Bay County")))
    await telegram.send("-1001234567890", part)
    await telegram.send("@some_channel", part)

    assert [message.chat for message in server.messages] == ["-1001234567890", "@some_channel"]


@pytest.mark.parametrize(
    "fault",
    [
        blocked(),
        blocked("Forbidden: user is deactivated"),
        blocked("Forbidden: bot was kicked from the group chat"),
        blocked("Forbidden: bot was kicked from the supergroup chat"),
        blocked("Forbidden: bot was kicked from the channel chat"),
    ],
)
async def test_what_a_person_did_is_told_apart_from_what_the_platform_says(
    telegram: TelegramSender, server: LoopbackTelegram, fault
) -> None:
    server.script(42, fault)
    error = await verdict(telegram)

    assert error.by_person
    assert error.refused


@pytest.mark.parametrize(
    "fault",
    [
        blocked("Forbidden: bot is not a member of the channel chat"),
        blocked("Forbidden: bot can't initiate conversation with a user"),
        refused(400, "Bad Request: chat not found"),
        refused(400, "Bad Request: have no rights to send a message"),
        refused(400, "Bad Request: not enough rights to send text messages to the chat"),
        refused(400, "Bad Request: need administrator rights in the channel chat"),
        refused(400, "Bad Request: PEER_ID_INVALID"),
        refused(400, "Bad Request: CHAT_WRITE_FORBIDDEN"),
        refused(403, "Forbidden: CHAT_RESTRICTED"),
    ],
)
async def test_a_refusal_that_may_pass_is_no_persons_act_and_the_reason_is_given(
    telegram: TelegramSender, server: LoopbackTelegram, fault
) -> None:
    server.script(42, fault)
    error = await verdict(telegram)

    reason = fault.body["description"].partition(": ")[2]
    assert error.refused
    assert not error.by_person
    assert not error.credentials_rejected
    assert not error.too_long
    assert reason.lower() in str(error).lower()


async def test_a_group_that_became_a_supergroup_reports_its_new_number(
    telegram: TelegramSender, server: LoopbackTelegram
) -> None:
    server.script(-42, migrated(-1001234567890))
    error = await verdict(telegram, "-42")

    assert error.moved_to == "-1001234567890"
    assert not error.by_person
    [part] = telegram.render(digest(Span("Bay County")))
    await telegram.send(error.moved_to, part)
    assert server.told("-1001234567890")


@pytest.mark.parametrize("setting", ["", "1"])
async def test_a_flood_says_how_long_to_wait_in_seconds(
    telegram: TelegramSender, server: LoopbackTelegram, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", setting)
    server.script(42, flooded(35))
    error = await verdict(telegram)

    assert (error.retry_after, error.scope) == (35.0, "address")
    assert telegram.rate_limit.opens_in("42") == 35
    assert telegram.rate_limit.opens_in("43") == 0


async def test_a_flood_in_a_second_chat_meanwhile_counts_for_the_whole_bot(
    telegram: TelegramSender, server: LoopbackTelegram
) -> None:
    server.script(42, flooded(35))
    server.script(43, flooded(30))
    await verdict(telegram, "42")
    error = await verdict(telegram, "43")

    assert (error.retry_after, error.scope) == (30.0, "platform")
    assert telegram.rate_limit.opens_in("44") == 30
    assert telegram.rate_limit.opens_in("42") == 35


async def test_a_flood_in_a_second_chat_after_the_first_one_ended_is_its_own(
    telegram: TelegramSender, server: LoopbackTelegram
) -> None:
    server.script(42, flooded(0))
    server.script(43, flooded(30))
    await verdict(telegram, "42")
    error = await verdict(telegram, "43")

    assert (error.retry_after, error.scope) == (30.0, "address")
    assert telegram.rate_limit.opens_in("44") == 0


@pytest.mark.parametrize("asked", [99_999_999_999, -5, float("nan"), float("inf"), "soon", 10**30])
async def test_a_senseless_wait_is_bounded(telegram: TelegramSender, server: LoopbackTelegram, asked) -> None:
    server.script(42, flooded(asked))
    error = await verdict(telegram)

    assert not error.refused
    assert error.retry_after is None or 0 <= error.retry_after <= 3_600
    assert telegram.rate_limit.opens_in("42") <= 3_600


async def test_repeated_floods_in_one_chat_stay_its_own(telegram: TelegramSender, server: LoopbackTelegram) -> None:
    server.script(42, flooded(35), flooded(36))
    await verdict(telegram)
    telegram.rate_limit = still()
    error = await verdict(telegram)

    assert error.scope == "address"
    assert telegram.rate_limit.opens_in("43") == 0


@pytest.mark.parametrize(
    "description",
    [
        "Bad Request: message is too long",
        "Bad Request: can't parse entities: Unsupported start tag",
        "Bad Request: ENTITIES_TOO_LONG",
        "Bad Request: something new",
    ],
)
async def test_a_rejected_text_can_be_sent_without_markup(
    telegram: TelegramSender, server: LoopbackTelegram, description: str
) -> None:
    server.script(42, refused(400, description))
    error = await verdict(telegram)

    assert error.too_long
    assert not error.by_person
    await telegram.send("42", telegram.render(digest(Span("Bay <County>")))[0], plain=True)
    assert server.told(42) == ["News\n\nBay <County>"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (broken(), "Internal Server Error"),
        (broken(502, "Bad Gateway"), "Bad Gateway"),
        (broken(409, "Conflict: terminated by other getUpdates request"), "Conflict"),
        (page("<html>Maintenance</html>"), "Invalid server response"),
        (page("<html>Nothing here</html>", 404), "something else answered"),
        (page("<html>Sign in</html>", 401), "something else answered"),
        (page('{"ok": true}'), "KeyError"),
        (page("null"), "Invalid server response"),
    ],
)
async def test_an_outage_or_a_foreign_answer_is_tried_again(
    telegram: TelegramSender, server: LoopbackTelegram, fault, why: str
) -> None:
    server.script(42, fault)
    error = await verdict(telegram)

    assert vars(error) == vars(SendError("as any other", maybe_sent=True))
    assert str(error).startswith("Telegram did not confirm delivery (")
    assert why in str(error)
    assert str(error).endswith("the message may have arrived")


@pytest.mark.parametrize("token", ["110201543:wrong", "no-token"])
async def test_a_wrong_token_is_told_apart_from_a_wrong_chat(server: LoopbackTelegram, token: str) -> None:
    channel = TelegramSender(token=token, base_url=server.url, rate_limit=RateLimit())
    error = await verdict(channel)
    await channel.close()

    assert error.credentials_rejected
    assert not error.by_person
    assert token not in str(error)


def test_even_our_own_log_at_its_lowest_level_shows_no_address_with_the_token() -> None:
    """Run in a process of its own, because the libraries' loggers are set as the program sets them."""
    code = f"""
import asyncio, logging, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from bot.channels.rate_limit import RateLimit
from bot.channels.telegram.sender import TelegramSender
from bot.errors import SendError
from support.loopback.server import page
from support.loopback.telegram import LoopbackTelegram, blocked
from channels.telegram.test_sender import digest, Span
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
for name in ("httpx", "httpcore"):
    logging.getLogger(name).setLevel(logging.WARNING)
async def main():
    async with LoopbackTelegram() as server:
        channel = TelegramSender(token=server.token, base_url=server.url, rate_limit=RateLimit())
        server.script(42, None, blocked(), page(f"<html>/bot{{server.token}}/</html>"), page(server.token, 502))
        for part in channel.render(digest(Span("Bay"))) * 4:
            try:
                print(await channel.send("42", part))
            except SendError:
                logging.exception("not sent")
        await channel.close()
asyncio.run(main())
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.count("not sent") == 3
    assert "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw" not in shown.stdout + shown.stderr


@pytest.mark.slow
async def test_thirty_chats_get_their_messages_within_the_limits_the_platform_enforces() -> None:
    async with LoopbackTelegram(limits=True) as server:
        channel = TelegramSender(token=server.token, base_url=server.url)
        [part] = channel.render(digest(Span("Bay County")))
        started = time.monotonic()
        for chat in range(1, 31):
            await channel.send(str(chat), part)
        for _ in range(2):
            await channel.send("42", part)
        took = time.monotonic() - started
        await channel.close()

    assert len(server.messages) == 32
    assert len(server.called("sendMessage")) == 32
    assert took > 1.9


async def test_nothing_but_the_message_is_sent_to_the_platform(
    telegram: TelegramSender, server: LoopbackTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="telegram")
    await telegram.send("42", telegram.render(digest(Span("Bay County")))[0])

    assert [call.method for call in server.calls] == ["sendMessage"]
    assert set(server.calls[0].arguments) == {"chat_id", "text", "parse_mode", "link_preview_options"}
    assert not [record for record in caplog.records if record.name.startswith("telegram")]


async def test_a_turn_counts_from_when_its_request_was_written_whatever_the_answer(
    telegram: TelegramSender, server: LoopbackTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(Turn, "written", lambda _: order.append("written"))
    faults = [broken(), None]
    server.plan = lambda _: order.append("came") or faults.pop(0)
    await verdict(telegram)
    [part] = telegram.render(digest(Span("Bay County")))
    await telegram.send("42", part)
    assert order == ["written", "came"] * 2
