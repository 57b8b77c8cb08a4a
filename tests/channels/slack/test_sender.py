"""Slack's sending side: its rich text and limits, and what its refusals mean."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from support.loopback.server import Fault, delayed, page
from support.loopback.slack import LoopbackSlack, broken, flooded, read, refused
from support.loopback.slack_people import eventually

from bot.channels.rate_limit import RateLimit
from bot.channels.slack.sender import SlackSender
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.text.rich_text import Span
from bot.errors import SendError

CHANNEL = "C024BE91L"


def digest(*lines: Span, times: int = 1) -> Digest:
    items = tuple(Item(lines=(lines,), covers=(number + 1,)) for number in range(times))
    return Digest(upto=times, title=(Span("News", strong=True),), sections=(Section(heading=(), items=items),))


@pytest.fixture
async def server():
    async with LoopbackSlack() as server:
        yield server


@pytest.fixture
async def slack(server: LoopbackSlack):
    channel = SlackSender(token=server.token, base_url=server.url, rate_limit=RateLimit(clock=lambda: 0.0))
    yield channel
    await channel.close()


async def verdict(slack: SlackSender) -> SendError:
    [part] = slack.render(digest(Span("Bay County")))
    with pytest.raises(SendError) as refusal:
        await slack.send(CHANNEL, part)
    return refusal.value


HARD = "*bold* _x_ ~y~ `z` <!channel> @here :ice: <https://evil.example|link> & 'q'"


def test_scraped_text_appears_literally_in_rich_text() -> None:
    [part] = SlackSender(token="x").render(digest(Span(HARD), Span(" MOA", "https://x.example/?a=1&b=|2>")))

    assert part.payload["blocks"] == [
        {"type": "header", "text": {"type": "plain_text", "text": "News", "emoji": False}},
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": HARD},
                        {"type": "link", "url": "https://x.example/?a=1&b=%7C2%3E", "text": " MOA"},
                    ],
                }
            ],
        },
    ]


def test_the_text_for_notifications_is_short_and_escaped() -> None:
    [part] = SlackSender(token="x").render(replace(digest(Span("x")), title=(Span(HARD),)))

    text = part.payload["text"]
    assert text.startswith("*bold* _x_ ~y~ `z` &lt;!channel&gt; @here :ice: &lt;https://evil.example|link&gt; &amp;")
    assert len(text) < 400
    assert not read({"text": text}).links


def test_no_message_is_longer_than_slack_accepts_however_it_counts() -> None:
    parts = SlackSender(token="x").render(digest(Span("Bay County "), Span("é" * 50, "https://x.example/"), times=500))

    sizes = [len(json.dumps(part.payload["blocks"], ensure_ascii=False).encode()) for part in parts]
    assert max(sizes) <= 12_000
    assert min(sizes[:-1]) > 10_500
    assert sum(len(read(part.payload).links) for part in parts) == 500


async def test_links_do_not_unfurl_with_or_without_markup(slack: SlackSender, server: LoopbackSlack) -> None:
    [part] = slack.render(digest(Span("MOA", "https://x.example/")))
    await slack.send(CHANNEL, part)
    await slack.send(CHANNEL, part, plain=True)

    for call in server.called("chat.postMessage"):
        assert call.arguments["unfurl_links"] is False
        assert call.arguments["unfurl_media"] is False
    assert [message.text for message in server.messages] == ["News\nMOA", "News\n\nMOA"]


async def test_without_markup_nothing_is_read_as_markup(slack: SlackSender, server: LoopbackSlack) -> None:
    [part] = slack.render(digest(Span(HARD)))
    await slack.send(CHANNEL, part, plain=True)

    [call] = server.called("chat.postMessage")
    assert call.arguments["mrkdwn"] is False
    assert call.arguments["blocks"] is None
    assert "<" not in call.arguments["text"]
    assert server.told(CHANNEL) == [f"News\n\n{HARD}"]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("not_in_channel", "/invite @Countersign"),
        ("is_archived", "archived"),
        ("restricted_action", "administrator"),
        ("restricted_action_read_only_channel", "read-only"),
        ("messages_tab_disabled", "Messages tab"),
        ("user_disabled", "left"),
        ("channel_is_limited_access", "administrator"),
        ("channel_not_found", "/invite"),
    ],
)
async def test_a_refusal_says_how_to_mend_it_and_only_a_persons_act_is_one(
    slack: SlackSender, server: LoopbackSlack, code: str, says: str
) -> None:
    server.script(CHANNEL, refused(code))
    error = await verdict(slack)

    assert error.refused
    assert error.by_person == (code == "user_disabled")
    assert not error.credentials_rejected
    assert says in str(error)
    assert code in str(error)


@pytest.mark.parametrize(
    "code", ["account_inactive", "token_revoked", "token_expired", "invalid_auth", "not_authed", "missing_scope"]
)
async def test_a_rejected_token_concerns_the_whole_workspace(
    slack: SlackSender, server: LoopbackSlack, code: str
) -> None:
    server.refuse = code
    error = await verdict(slack)

    assert error.credentials_rejected
    assert not error.by_person
    assert code in str(error)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (flooded(35), 35.0),
        (refused("ratelimited"), 30.0),
        (Fault(status=429, body="Too many requests", headers={"Retry-After": "7"}), 7.0),
        *(
            (Fault(status=429, body="Too many requests", headers={"Retry-After": asked}), seconds)
            for asked, seconds in {
                "soon": 30.0,
                "nan": 30.0,
                "inf": 30.0,
                "-7": 30.0,
                "": 30.0,
                "99999999999": 3_600.0,
                "9" * 400: 3_600.0,
                "Fri, 31 Dec 9999 23:59:59 GMT": 3_600.0,
                "Thu, 01 Jan 1970 00:00:00 GMT": 0.0,
            }.items()
        ),
    ],
)
async def test_a_flood_holds_back_every_channel_of_the_workspace(
    slack: SlackSender, server: LoopbackSlack, fault: Fault, seconds: float
) -> None:
    server.script(CHANNEL, fault)
    error = await verdict(slack)

    assert (error.retry_after, error.scope) == (seconds, "platform")
    assert slack.rate_limit.opens_in("C0000000") == seconds


@pytest.mark.parametrize("code", ["msg_too_long", "msg_blocks_too_long", "invalid_blocks", "no_text"])
async def test_a_rejected_text_can_be_sent_without_markup(slack: SlackSender, server: LoopbackSlack, code: str) -> None:
    server.script(CHANNEL, refused(code))
    error = await verdict(slack)

    assert error.too_long
    assert not error.by_person


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (refused("internal_error"), "internal_error"),
        (refused("fatal_error", after=True), "fatal_error"),
        (refused("service_unavailable"), "service_unavailable"),
        (refused("something_new"), "something_new"),
        (broken(), "HTTP 500"),
        (broken(503), "HTTP 503"),
        (page("<html>Maintenance</html>"), "HTTP 200"),
        (page("<html>Sign in</html>", 401), "HTTP 401"),
        (page("[]"), ""),
        (Fault(body='"text"'), ""),
    ],
)
async def test_an_outage_or_a_foreign_answer_is_tried_again(
    slack: SlackSender, server: LoopbackSlack, fault: Fault, why: str
) -> None:
    server.script(CHANNEL, fault)
    error = await verdict(slack)

    assert vars(error) == vars(SendError("as any other", maybe_sent=True))
    assert str(error).startswith(f"Slack did not confirm the post ({why}")
    assert str(error).endswith("the message may have been posted")


async def test_a_send_waiting_for_a_slow_answer_keeps_no_other_from_a_connection(server: LoopbackSlack) -> None:
    server.plan = lambda _: delayed(3_600)
    sender = SlackSender(token=server.token, base_url=server.url, call_timeout=3_600, rate_limit=RateLimit())
    [part] = sender.render(digest(Span("Bay County")))
    sending = [asyncio.create_task(sender.send(f"C{number:08}", part)) for number in range(150)]
    await eventually(lambda: len(server.calls) == 150)
    for send in sending:
        send.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    await sender.close()


@pytest.mark.slow
async def test_one_channel_gets_one_message_a_second_within_the_limit_the_platform_enforces() -> None:
    async with LoopbackSlack(limits=True) as server:
        sender = SlackSender(token=server.token, base_url=server.url)
        [part] = sender.render(digest(Span("Bay County")))
        started = time.monotonic()
        for _ in range(3):
            await sender.send(CHANNEL, part)
            await sender.send("C0000000", part)
        took = time.monotonic() - started
        await sender.close()

    assert len(server.messages) == len(server.calls) == 6
    assert took > 1.9
