"""A picture is a part of its own, before the text; whatever becomes of it, the text goes."""

from collections.abc import Callable

import pytest
from support.loopback import slack as slack_loopback
from support.loopback import telegram as telegram_loopback
from support.loopback.server import Fault, LoopbackServer, dropped, late
from support.loopback.slack import LoopbackSlack
from support.loopback.telegram import LoopbackTelegram

from bot.channels import Part, Sender
from bot.channels.rate_limit import RateLimit
from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.domain.messages.digest import Digest, Item, Section
from bot.domain.messages.picture import Image
from bot.domain.text.rich_text import Span
from bot.errors import SendError

pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be")  # as bot.channels.telegram.sender has it

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x04\xb0\x00\x00\x06\xb0" + b"x" * 90_000
IMAGE = Image(png=PNG, alt="5 agreements <now> & *then*.", title="287(g): 5 agreements on ICE's list & <more>")
CHAT, CHANNEL = "42", "C024BE91L"
NEWS = Digest(
    upto=1,
    title=(Span("News", strong=True),),
    sections=(Section(heading=(), items=(Item(lines=((Span("Bay County"),),), covers=(1,)),)),),
)
both = pytest.mark.parametrize("name", ["slack", "telegram"])


@pytest.fixture
async def telegram_server():
    async with LoopbackTelegram() as server:
        yield server


@pytest.fixture
def call_timeout() -> float:
    """Long enough however busy the machine is; a test of late answers sets a short one."""
    return 60.0


late_answers = pytest.mark.parametrize("call_timeout", [1.0])


@pytest.fixture
async def telegram(telegram_server: LoopbackTelegram, call_timeout: float):
    sender = TelegramSender(
        token=telegram_server.token, base_url=telegram_server.url, call_timeout=call_timeout, rate_limit=RateLimit()
    )
    yield sender
    await sender.close()


@pytest.fixture
async def slack_server():
    async with LoopbackSlack() as server:
        yield server


@pytest.fixture
async def slack(slack_server: LoopbackSlack, call_timeout: float):
    sender = SlackSender(
        token=slack_server.token, base_url=slack_server.url, call_timeout=call_timeout, rate_limit=RateLimit()
    )
    yield sender
    await sender.close()


@pytest.fixture
def sides(
    telegram: TelegramSender, telegram_server: LoopbackTelegram, slack: SlackSender, slack_server: LoopbackSlack
) -> dict[str, tuple[Sender, LoopbackServer, str]]:
    return {"telegram": (telegram, telegram_server, CHAT), "slack": (slack, slack_server, CHANNEL)}


def picture_of(sender: Sender) -> Part:
    return sender.render(NEWS, IMAGE)[0]


async def refusal_of(sender: Sender, address: str) -> SendError:
    with pytest.raises(SendError) as refusal:
        await sender.send(address, picture_of(sender))
    return refusal.value


@both
def test_a_picture_is_the_first_part_covers_no_change_and_leaves_the_text_alone(name: str) -> None:
    sender = {"slack": SlackSender, "telegram": TelegramSender}[name](token="1:x")
    picture, *texts = sender.render(NEWS, IMAGE)

    assert tuple(texts) == sender.render(NEWS)
    assert (picture.picture, picture.alt, picture.covers) == (PNG, IMAGE.alt, ())


@both
async def test_a_picture_arrives_intact_before_the_text(name: str, sides) -> None:
    sender, server, address = sides[name]
    for part in sender.render(NEWS, IMAGE):
        assert await sender.send(address, part)

    picture, text = server.messages
    assert (picture.chat, picture.photo, picture.text) == (address, PNG, IMAGE.title)
    assert (text.chat, text.text.split()) == (address, ["News", "Bay", "County"])


@both
async def test_a_picture_that_could_not_be_drawn_sends_nothing_and_counts_as_sent(name: str, sides) -> None:
    sender, server, address = sides[name]
    empty = sender.render(NEWS, Image(png=b"", alt="x", title="x"))[0]

    assert await sender.send(address, empty) == ""
    assert await sender.send(address, picture_of(sender), plain=True) == ""
    assert not server.calls


@both
@late_answers
async def test_a_picture_whose_fate_is_unknown_is_tried_again_like_a_text(name: str, sides) -> None:
    sender, server, address = sides[name]
    server.script(address, dropped(after=True), late(600))

    for _ in range(2):
        refusal = await refusal_of(sender, address)
        assert "may have" in str(refusal)
        assert vars(refusal) == vars(SendError("", maybe_sent=True))


@both
async def test_a_rejected_token_is_reported_for_pictures_too(name: str, sides) -> None:
    sender, server, address = sides[name]
    server.token = "9:other"
    if name == "slack":
        server.refuse = "invalid_auth"

    assert (await refusal_of(sender, address)).credentials_rejected


# Telegram


@pytest.mark.parametrize(
    ("code", "description"),
    [
        (400, "Bad Request: not enough rights to send photos to the chat"),
        (400, "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN"),
        (400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        (400, "Bad Request: chat not found"),
        (403, "Forbidden: bot was kicked from the supergroup chat"),
        (413, "Request Entity Too Large"),
    ],
)
async def test_whatever_telegram_objects_to_in_a_picture_does_not_stop_the_text(
    telegram: TelegramSender, telegram_server: LoopbackTelegram, code: int, description: str
) -> None:
    telegram_server.script(CHAT, telegram_loopback.refused(code, description))
    refusal = await refusal_of(telegram, CHAT)

    assert refusal.too_long
    assert not refusal.by_person
    assert "rejected this picture" in str(refusal)


@pytest.mark.parametrize("size", [b"\x00\x00\x20\x00\x00\x00\x20\x00", b"\x00\x00\x10\x00\x00\x00\x00\x10"])
async def test_the_loopback_rejects_pictures_that_telegram_would(
    telegram: TelegramSender, telegram_server: LoopbackTelegram, size: bytes
) -> None:
    part = telegram.render(NEWS, Image(png=PNG[:16] + size + PNG[24:], alt="x", title="x"))[0]
    with pytest.raises(SendError, match=r"(?i)photo_invalid_dimensions"):
        await telegram.send(CHAT, part)

    assert not telegram_server.messages


async def test_telegram_floods_and_moves_apply_to_pictures_as_to_texts(
    telegram: TelegramSender, telegram_server: LoopbackTelegram
) -> None:
    telegram_server.script(CHAT, telegram_loopback.migrated(-1001), telegram_loopback.flooded(7))

    assert (await refusal_of(telegram, CHAT)).moved_to == "-1001"
    assert (await refusal_of(telegram, CHAT)).retry_after == 7


async def test_a_caption_is_not_markup(telegram: TelegramSender, telegram_server: LoopbackTelegram) -> None:
    await telegram.send(CHAT, picture_of(telegram))

    [call] = telegram_server.called("sendPhoto")
    assert call.arguments["caption"] == IMAGE.title
    assert "parse_mode" not in call.arguments


# Slack


async def test_slack_gets_the_alternative_text_and_the_title(slack: SlackSender, slack_server: LoopbackSlack) -> None:
    file = await slack.send(CHANNEL, picture_of(slack))

    assert [call.method for call in slack_server.calls] == [
        "files.getUploadURLExternal",
        "upload",
        "files.completeUploadExternal",
    ]
    asked, uploaded, shared = slack_server.calls
    assert asked.arguments["alt_txt"] == IMAGE.alt
    assert int(asked.arguments["length"]) == len(PNG)
    assert uploaded.token == ""
    assert shared.arguments["channel_id"] == CHANNEL
    assert file.startswith("F")
    assert IMAGE.title in shared.arguments["files"]


@pytest.mark.parametrize(("address", "name"), [("U024BE91L", "channels"), ("D024BE91L", "channel_id")])
async def test_slack_takes_a_member_under_another_name_than_a_channel(
    slack: SlackSender, slack_server: LoopbackSlack, address: str, name: str
) -> None:
    slack_server.users["U024BE91L"] = {}
    await slack.send(address, picture_of(slack))

    [shared] = slack_server.called("files.completeUploadExternal")
    assert shared.arguments[name] == address
    assert slack_server.messages[0].photo == PNG


async def test_each_workspace_gets_pictures_with_its_own_token(slack_server: LoopbackSlack) -> None:
    slack_server.installed["xoxb-other"] = slack_loopback.Installed("T0OTHER00", "xoxb-other", "U0OTHER")

    async def tokens(team: str) -> str | None:
        return {"T0OTHER00": "xoxb-other"}.get(team)

    slack = SlackSender(tokens=tokens, base_url=slack_server.url, rate_limit=RateLimit())
    await slack.send(f"T0OTHER00/{CHANNEL}", picture_of(slack))
    await slack.close()

    assert [call.token for call in slack_server.calls] == ["xoxb-other", "", "xoxb-other"]
    assert slack_server.messages[0].chat == CHANNEL


GET, UPLOAD, SHARE = "files.getUploadURLExternal", "upload", "files.completeUploadExternal"


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        *((GET, slack_loopback.refused(code)) for code in ("missing_scope", "file_uploads_disabled", "no_such_error")),
        (GET, slack_loopback.refused("file_upload_size_restricted")),
        (UPLOAD, Fault(status=400, body="Bad Request")),
        (UPLOAD, Fault(status=503, body="<html>Unavailable</html>")),
        (UPLOAD, dropped()),
        *((SHARE, slack_loopback.refused(code)) for code in ("not_in_channel", "channel_not_found", "is_archived")),
        (SHARE, slack_loopback.refused("restricted_action")),
    ],
)
async def test_a_picture_that_slack_or_a_firewall_rejects_does_not_stop_the_text(
    slack: SlackSender, slack_server: LoopbackSlack, method: str, fault: Fault
) -> None:
    slack_server.fail(method, fault)
    refusal = await refusal_of(slack, CHANNEL)

    assert refusal.too_long
    assert not any((refusal.refused, refusal.by_person, refusal.credentials_rejected))
    assert "picture" in str(refusal)


@late_answers
async def test_an_upload_that_takes_too_long_does_not_stop_the_text(
    slack: SlackSender, slack_server: LoopbackSlack
) -> None:
    slack_server.fail(UPLOAD, late(600))

    assert (await refusal_of(slack, CHANNEL)).too_long


async def test_where_the_app_may_only_post_texts_the_text_still_goes_out(
    slack: SlackSender, slack_server: LoopbackSlack
) -> None:
    slack_server.outside.add("D024BE91L")

    assert (await refusal_of(slack, "D024BE91L")).too_long


PASSING = [slack_loopback.refused("internal_error"), slack_loopback.broken(), dropped()]


@pytest.mark.parametrize(
    ("method", "fault"),
    [*((method, fault) for method in (GET, SHARE) for fault in PASSING), (GET, Fault(body={"ok": True}))],
)
async def test_a_passing_failure_is_tried_again(
    slack: SlackSender, slack_server: LoopbackSlack, method: str, fault: Fault
) -> None:
    slack_server.fail(method, fault)

    assert vars(await refusal_of(slack, CHANNEL)) == vars(SendError("", maybe_sent=True))


async def test_a_flood_of_pictures_holds_back_only_pictures(slack: SlackSender, slack_server: LoopbackSlack) -> None:
    slack = SlackSender(token=slack_server.token, base_url=slack_server.url, patience=1)
    slack_server.fail(GET, slack_loopback.flooded(30))
    picture, text = slack.render(NEWS, IMAGE)
    with pytest.raises(SendError) as told:
        await slack.send(CHANNEL, picture)
    with pytest.raises(SendError) as held:
        await slack.send("C0ANOTHER", picture)
    await slack.send("C0ANOTHER", text)
    await slack.close()

    assert told.value.retry_after == 30
    assert held.value.retry_after == pytest.approx(30, abs=2)
    assert len(slack_server.called(GET)) == 1
    assert slack_server.told("C0ANOTHER") == ["News\nBay County"]


async def test_the_loopback_accepts_only_files_that_were_announced_and_uploaded(slack_server: LoopbackSlack) -> None:
    slack = SlackSender(token=slack_server.token, base_url=slack_server.url)
    client = slack.client
    ticket = await client.files_getUploadURLExternal(filename="a.png", length=3)
    for share, code in (([{"id": "F9"}], "file_not_found"), ([{"id": ticket["file_id"]}], "file_not_found")):
        with pytest.raises(Exception, match=code):
            await client.files_completeUploadExternal(files=share, channel_id=CHANNEL)
    with pytest.raises(Exception, match="alt_txt_too_large"):
        await client.files_getUploadURLExternal(filename="a.png", length=3, alt_txt="x" * 1_001)
    await slack.close()

    assert not slack_server.messages


# Neither


@both
@late_answers
async def test_a_verdict_on_a_picture_shows_neither_token_nor_address(name: str, sides) -> None:
    sender, server, address = sides[name]
    faults: list[Callable[[], Fault]] = [dropped, lambda: Fault(status=502, body=server.token), lambda: late(600)]
    method = "upload" if name == "slack" else "sendPhoto"
    for fault in faults:
        server.fail(method, fault())
        error: BaseException | None = await refusal_of(sender, address)
        while error is not None:
            shown = f"{error} {error!r} {vars(error)}"
            assert server.token.rpartition(":")[2] not in shown
            assert "http://" not in shown
            error = error.__cause__ or error.__context__
