"""`countersign check` finds what is wrong, asks politely and disturbs nothing."""

import json
import os
import resource
import socket
from contextlib import AsyncExitStack, asynccontextmanager, chdir
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.loopback.ice import LoopbackIce
from support.loopback.server import Fault, dropped
from support.loopback.slack import LoopbackSlack
from support.loopback.slack import refused as slack_refused
from support.loopback.telegram import CHANNEL, LoopbackTelegram, refused, unknown_chat

from bot.app.check import checked, host, stored
from bot.channels.examination import ServerTime
from bot.channels.sealed_address import AddressSeal
from bot.cli.check import PLAIN_SIGNS, SIGNS, as_text
from bot.domain.finding import Verdict, count_of
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.store.tiny.store import TinyStore

SCOPES = "commands,chat:write,chat:write.public,channels:read,groups:read,users:read,files:write,im:history,im:write"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5".replace("y", "0").replace("z", "1")


class Place:
    """Loopback platforms, and the environment of a program among them."""

    def __init__(self, ice, telegram, slack, folder: Path) -> None:
        self.ice, self.telegram, self.slack, self.folder = ice, telegram, slack, folder
        self.env = {
            "COUNTERSIGN_DATA": str(folder / "data"),
            "COUNTERSIGN_ICE_URL": ice.url,
            "COUNTERSIGN_SOURCES": "ice",
            "COUNTERSIGN_ALLOW_LOOPBACK": "1",
            "COUNTERSIGN_HOST_GAP": "0",
            "COUNTERSIGN_CONTACT": "desk@example.org",
            "COUNTERSIGN_OPERATOR": "telegram:42",
            "TELEGRAM_BOT_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.url,
        }

    def with_slack(self, scopes: str = SCOPES) -> None:
        """Set the Slack app up, with these permissions."""
        self.env |= {
            "SLACK_BOT_TOKEN": self.slack.token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.url,
        }
        about = {"ok": True, "user": "countersign", "team": "Loopback", "team_id": "T0LOOPBACK"}
        self.slack.fail("auth.test", Fault(body=about, headers={"X-OAuth-Scopes": scopes}))

    async def subscribe(self, *addresses: str, channel: str = "telegram", **fields) -> None:
        """Store a subscription for each address."""
        store = TinyStore.open(self.folder / "data")
        for address in addresses:
            wanted = Subscription(id="", channel=channel, address=address, filter=Filter(states={ALL_STATES: 0}))
            saved = await store.subscribe(wanted)
            if fields:
                await store.change_subscription(replace(saved, **fields))
        await store.close()

    async def note(self, kind: str, key: str, value: str) -> None:
        store = TinyStore.open(self.folder / "data")
        await store.note(kind, key, value)
        await store.close()

    async def check(self, *, shifted: timedelta = timedelta(0), without: tuple[str, ...] = (), **env: str):
        """Look at everything, with this machine's clock shifted."""
        wanted = {name: value for name, value in (self.env | env).items() if name not in without}
        return await checked(wanted, lambda: datetime.now(UTC) + shifted, self.folder)


def said(found, verdict: Verdict = Verdict.WRONG) -> str:
    """Return the findings with this verdict as text."""
    return "\n".join(
        f"{group.name}: {f.said} {f.advice}" for group in found.groups for f in group.findings if f.verdict is verdict
    )


def everything(found) -> str:
    return "\n".join(as_text(found.settings, found.groups, width=10_000, signs=SIGNS))


@pytest.fixture
async def place(tmp_path):
    async with AsyncExitStack() as stack:
        ice = await stack.enter_async_context(LoopbackIce())
        telegram = await stack.enter_async_context(LoopbackTelegram())
        slack = await stack.enter_async_context(LoopbackSlack())
        yield Place(ice, telegram, slack, tmp_path)


@asynccontextmanager
async def answering(*, status: int = 200, text: str = "ok\n", path: str = "/live", headers=None):
    """Serve one path at a free port, and yield the address."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    app = web.Application()
    app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_an_installation_that_is_well_has_no_problems(place):
    place.with_slack()
    await place.subscribe("-42")
    await place.subscribe("C024BE91L", channel="slack")

    found = await place.check()

    assert count_of(found.groups, Verdict.WRONG) == 0, said(found)
    text = everything(found)
    assert "The bot is @countersign_bot" in text
    assert "It has all 9 scopes of the manifest" in text
    assert "The app token works" in text
    assert "2 chats reachable" in text  # the operator and the group
    assert text.splitlines()[-1].endswith("0 problems")
    assert not place.slack.links, "no connection is opened"
    asked = {call.method for call in place.telegram.calls}
    assert not asked & {"getUpdates", "deleteWebhook", "setWebhook", "sendMessage", "setMyCommands"}


async def test_each_setting_names_its_origin_and_no_secret_is_shown(place):
    (place.folder / "config").mkdir()
    (place.folder / "config" / "countersign.toml").write_text("stale_hours = 9\nport = 0\n")

    found = await place.check(COUNTERSIGN_SECRET_KEY="k" * 5 + "0123456789abcdefghijklmnopqrstuvw")

    origins = {setting.name: (setting.value, setting.origin) for setting in found.settings}
    assert origins["COUNTERSIGN_POLL_SECONDS"] == ("900", "default")
    assert origins["TELEGRAM_BOT_TOKEN"] == ("set, 44 characters", "environment")
    assert origins["COUNTERSIGN_SECRET_KEY"][0] == "set, 38 characters"
    assert "countersign.toml:2: port" in said(found)
    text = everything(found) + json.dumps([str(s) for s in found.settings])
    assert place.telegram.token not in text
    assert "0123456789" not in text


async def test_a_file_without_faults_is_named_as_the_origin(place):
    (place.folder / "config").mkdir()
    (place.folder / "config" / "countersign.toml").write_text("stale_hours = 9\n")

    found = await place.check()

    origin = next(setting.origin for setting in found.settings if setting.name == "COUNTERSIGN_STALE_HOURS")
    assert origin.endswith("config/countersign.toml")


async def test_a_wrong_value_in_the_env_file_is_left_out_and_the_others_keep_their_origin(place):
    path = place.folder / ".env"
    path.write_text("COUNTERSIGN_STALE_HOURS=9\nCOUNTERSIGN_POLL_SECONDS=often\nCOUNTERSIGN_CONTAKT=x\n")

    found = await place.check()

    origins = {setting.name: (setting.value, setting.origin) for setting in found.settings}
    assert origins["COUNTERSIGN_STALE_HOURS"] == ("9", str(path))
    assert origins["COUNTERSIGN_POLL_SECONDS"] == ("900", "default")
    assert "COUNTERSIGN_POLL_SECONDS: " in said(found)
    assert f"COUNTERSIGN_CONTAKT is set ({path})" in said(found, Verdict.WARNING)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"COUNTERSIGN_SECRET_KEY": "too short"}, "COUNTERSIGN_SECRET_KEY has 9 characters and needs at least 32"),
        ({"COUNTERSIGN_SECRET_KEY": "ab" * 20}, "repeats a few characters"),
        ({"COUNTERSIGN_POLL_SECONDS": "often"}, "COUNTERSIGN_POLL_SECONDS: "),
        ({"COUNTERSIGN_POLL_SECONDS": "43200"}, "longer than COUNTERSIGN_STALE_HOURS"),
        ({"COUNTERSIGN_SOURCES": "local", "COUNTERSIGN_HEARTBEAT_URL": "https://hc.example.org/1"}, "leaves out ICE's"),
        ({"COUNTERSIGN_OPERATOR": "slack:C024BE91L"}, "slack isn't set up, so the operator hears nothing"),
        ({"SLACK_APP_TOKEN": "xapp-1-loopback-0000"}, "SLACK_APP_TOKEN is set without SLACK_BOT_TOKEN"),
        ({"SLACK_SIGNING_SECRET": SIGNING_SECRET}, "SLACK_SIGNING_SECRET is set without COUNTERSIGN_PUBLIC_URL"),
        ({"SLACK_BOT_TOKEN": "xapp-1-loopback-0000"}, "SLACK_BOT_TOKEN holds an app-level token"),
        ({"SLACK_BOT_TOKEN": "xoxp-1-loopback-0000"}, "SLACK_BOT_TOKEN holds a person's token"),
        ({"SLACK_BOT_TOKEN": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"}, "SLACK_BOT_TOKEN holds a Telegram token"),
        ({"SLACK_BOT_TOKEN": "xoxb-"}, "SLACK_BOT_TOKEN can't be a bot token"),
        ({"SLACK_APP_TOKEN": "xoxb-1-loopback-0000"}, "SLACK_APP_TOKEN holds a bot token"),
        ({"TELEGRAM_BOT_TOKEN": "xoxb-1-loopback-0000"}, "TELEGRAM_BOT_TOKEN holds a Slack token"),
        ({"TELEGRAM_BOT_TOKEN": "bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"}, "begins with “bot”"),
        ({"TELEGRAM_BOT_TOKEN": "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"}, "can't be a Telegram token"),
        ({"COUNTERSIGN_PUBLIC_URL": "http://bot.example.org"}, "Telegram posts only to https:// addresses"),
        ({"COUNTERSIGN_PUBLIC_URL": "https://127.0.0.1:9443"}, "Telegram posts only to the ports 443, 80, 88, 8443"),
        ({"COUNTERSIGN_WEB_CONNECTIONS_PER_CLIENT": "500"}, "one client can keep all others out"),
        ({"DATABASE_URL": "postgresql://countersign:@db/countersign"}, "its password is empty"),
    ],
)
async def test_wrong_and_contradicting_settings_are_wrong_without_asking_anyone(place, env, expected):
    found = await place.check(**env)

    assert expected in said(found)
    origins = {setting.name: setting.origin for setting in found.settings}
    left_out = {name for name in env if f"{name}: " in said(found)}
    assert all((origins[name] == "default") == (name in left_out) for name in env)
    assert next(f.advice or f.said for g in found.groups for f in g.findings if f.verdict is Verdict.WRONG)


async def test_no_platform_ever_gets_another_platforms_token(place):
    place.with_slack()
    swapped = {"TELEGRAM_BOT_TOKEN": place.slack.token, "SLACK_BOT_TOKEN": place.telegram.token}

    await place.check(**swapped)

    assert not place.telegram.calls
    assert place.telegram.token not in {call.token for call in place.slack.calls}


async def test_spaces_and_quotes_around_a_token_do_no_harm(place):
    found = await place.check(TELEGRAM_BOT_TOKEN=f' "{place.telegram.token}"\n')

    assert "The bot is @countersign_bot" in everything(found)


async def test_an_unknown_variable_gets_the_nearest_name(place):
    found = await place.check(COUNTERSIGN_CONTAKT="x", COUNTERSIGN_QWERTZ="x", TELEGRAM_BOT_TOKN="x", SLACKWARE="x")

    warnings = said(found, Verdict.WARNING)
    assert "COUNTERSIGN_CONTAKT is set (environment) but isn't a setting. Did you mean COUNTERSIGN_CONTACT?" in warnings
    assert "COUNTERSIGN_QWERTZ is set" in warnings
    assert "Did you mean TELEGRAM_BOT_TOKEN?" in warnings
    assert "SLACKWARE" not in warnings


async def test_a_revoked_token_is_wrong_and_never_shown(place):
    place.with_slack()
    place.telegram.unauthorized, place.slack.refuse = True, "token_revoked"

    found = await place.check()

    assert "Telegram rejects the bot's token" in said(found)
    assert "(token_revoked)" in said(found)
    assert place.telegram.token.partition(":")[2] not in everything(found)


async def test_an_expired_slack_token_and_a_socket_mode_that_is_off_are_wrong(place):
    place.with_slack()
    place.slack.fail("apps.connections.open", slack_refused("socket_mode_disabled"))
    await place.check()
    place.slack.behave()
    place.slack.fail("auth.test", slack_refused("token_expired"))
    place.slack.fail("apps.connections.open", slack_refused("socket_mode_disabled"))

    found = await place.check()

    assert "it has expired" in said(found)
    assert "Socket Mode is off" in said(found)


async def test_a_missing_scope_is_named_with_what_it_is_for(place):
    place.with_slack(scopes="commands,chat:write,chat:write.public,channels:read,groups:read,users:read,im:history")

    found = await place.check()

    assert "It lacks 2 scopes: files:write (pictures), im:write (direct messages)." in said(found)
    assert "install the app again" in said(found)


async def test_chats_that_cannot_be_reached_are_named_and_the_rest_are_counted(place):
    place.with_slack()
    place.telegram.unknown.add("-77")
    place.telegram.members[str(CHANNEL), str(110201543)] = "left"
    await place.subscribe("-42", "-77", "-42:7", str(CHANNEL))
    await place.subscribe("C0GONE0001", channel="slack")
    place.slack.fail("conversations.info", slack_refused("channel_not_found"))

    found = await place.check()

    assert "Chat -77 can't be reached: chat not found." in said(found)
    assert "countersign unsubscribe telegram -77" in said(found)
    assert f"The bot is no longer in chat {CHANNEL} (left)" in said(found)
    assert "C0GONE0001: Slack can't find this channel" in said(found)
    assert "2 chats reachable" in said(found, Verdict.OK)  # the topic is in the same group


async def test_an_archived_channel_and_a_private_one_without_the_app_are_wrong(place):
    place.with_slack()
    await place.subscribe("C0ARCHIVED", "C0PRIVATE1", channel="slack")
    for channel in ({"is_archived": True}, {"is_private": True, "is_member": False}):
        place.slack.fail("conversations.info", Fault(body={"ok": True, "channel": channel}))

    found = await place.check()

    assert "C0ARCHIVED: This Slack channel is archived" in said(found)
    assert "C0PRIVATE1: The app isn't in this Slack channel" in said(found)


@pytest.mark.slow
async def test_only_a_few_of_many_chats_are_asked_about_and_paused_ones_are_not(place):
    await place.subscribe(*(f"-{1000 + number}" for number in range(30)))
    await place.subscribe("-5", paused="stopped")

    found = await place.check()

    asked = [call.arguments["chat_id"] for call in place.telegram.calls if call.method == "getChat"]
    assert len(asked) == 20
    assert "-5" not in asked
    assert "20 of 31 chats reachable; the others weren't asked about." in said(found, Verdict.OK)
    assert "1 subscription paused" in said(found, Verdict.WARNING)


async def test_privacy_mode_that_is_off_is_a_warning(place):
    me = {"id": 110201543, "is_bot": True, "username": "countersign_bot", "can_read_all_group_messages": True}
    place.telegram.fail("getMe", Fault(body={"ok": True, "result": me}))

    assert "Privacy mode is off" in said(await place.check(), Verdict.WARNING)


async def test_a_webhook_of_someone_else_and_its_last_error_are_found(place):
    public = "https://127.0.0.1"
    place.telegram.webhook = {"url": "https://other.example.org/hook"}
    assert "A webhook is registered at other.example.org" in said(await place.check(), Verdict.WARNING)
    assert "The registered webhook is at other.example.org/hook, not at" in said(
        await place.check(COUNTERSIGN_PUBLIC_URL=public)
    )
    failed = {
        "url": f"{public}/telegram/webhook",
        "pending_update_count": 4,
        "last_error_date": int(datetime.now(UTC).timestamp()) - 60,
        "last_error_message": "Wrong response from the webhook: 502 Bad Gateway",
    }
    place.telegram.fail("getWebhookInfo", Fault(body={"ok": True, "result": failed}))
    found = await place.check(COUNTERSIGN_PUBLIC_URL=public)
    assert "502 Bad Gateway" in said(found)
    assert "4 updates from people waiting" in said(found, Verdict.WARNING)


async def test_two_programs_with_one_token_are_found_without_polling(place):
    now = datetime.now(UTC)
    await place.note("token conflicts", "telegram", (now - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"))

    assert "Another program used this bot's token" in said(await place.check())
    assert "Another program" not in said(await place.check(shifted=timedelta(hours=2)))


@pytest.mark.slow
async def test_offline_says_what_could_not_be_checked_and_finds_the_rest(place):
    nowhere = {
        "COUNTERSIGN_ICE_URL": "http://127.0.0.1:1/287g",
        "TELEGRAM_API_URL": "http://127.0.0.1:1/bot",
        "SLACK_API_URL": "http://127.0.0.1:1/api/",
        "SLACK_BOT_TOKEN": place.slack.token,
        "SLACK_APP_TOKEN": place.slack.app_token,
        "COUNTERSIGN_SECRET_KEY": "short",
    }

    found = await place.check(**nowhere)

    unknown = said(found, Verdict.UNKNOWN)
    assert "Is this machine online?" in unknown
    assert "telegram: The bot's token: 127.0.0.1 couldn't be reached" in unknown
    assert "slack: The Slack app: 127.0.0.1 couldn't be reached" in unknown
    assert "clock: No server answered" in unknown
    assert count_of(found.groups, Verdict.WRONG) == 1  # the key
    assert place.telegram.token not in everything(found)


async def test_a_shortened_token_is_found_offline(place):
    found = await place.check(TELEGRAM_API_URL="http://127.0.0.1:1/bot", TELEGRAM_BOT_TOKEN="110201543:AAHdqTcvCH1v")

    assert "After the colon, TELEGRAM_BOT_TOKEN has 12 characters" in said(found)


async def test_a_proxy_that_answers_in_place_of_a_platform_is_not_a_wrong_token(place):
    place.telegram.fail("getMe", Fault(status=200, body="<html>Please log in</html>"))

    assert "something else answered with status 200" in said(await place.check(), Verdict.UNKNOWN)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "verdict", "expected"),
    [
        (Fault(status=403), Verdict.WRONG, "www.ice.gov refuses this host"),
        (Fault(status=503), Verdict.WARNING, "nothing is wrong here"),
        (dropped(), Verdict.WARNING, "nothing is wrong here"),
    ],
)
async def test_ice_that_refuses_or_is_down_is_told_in_the_words_of_the_status(place, fault, verdict, expected):
    async with answering(status=fault.status, path="/{any:.*}") as base:
        url = f"{base}/287g" if not fault.drop else "http://127.0.0.1:1/287g"
        found = await place.check(COUNTERSIGN_ICE_URL=url)

    wanted = "other sites answer, so that site is down" if fault.drop else expected
    assert wanted in said(found, verdict)


async def test_a_clock_that_is_two_days_off_is_wrong_and_two_minutes_are_a_warning(place):
    assert "clock of this machine is 2 days ahead." in said(await place.check(shifted=timedelta(days=2, minutes=1)))
    assert "clock of this machine is 2 days behind." in said(await place.check(shifted=-timedelta(days=2, minutes=1)))
    found = await place.check(shifted=timedelta(minutes=2, seconds=30))
    assert "clock: The clock of this machine is 2 minutes ahead." in said(found, Verdict.WARNING)


async def test_an_answer_with_an_odd_time_or_odd_letters_stops_nothing(place):
    odd = {"Date": "Fri, 27 Nov 2026 15:40:48 +99999999999999"}
    body = '{"ok": true, "result": {"username": "\\ud800\\u001b[31m"}, "user": "\\ud800"}'

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, headers=odd)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        address = str(server.make_url("/"))
        found = await place.check(TELEGRAM_API_URL=f"{address}bot", COUNTERSIGN_ICE_URL=f"{address}287g")

    assert "The bot is @" in everything(found)
    assert everything(found).replace("\n", "").isprintable()


def test_one_server_with_a_wrong_clock_does_not_make_ours_wrong():
    now = datetime.now(UTC)
    right, late = ServerTime("a.example", now, now), ServerTime("b.example", now - timedelta(days=2), now)

    assert [finding.said for finding in host.of_clock([late, right])] == [
        "It agrees with a.example.",
        "The clock of b.example is 2 days behind.",
    ]


async def test_a_data_folder_that_is_a_file_is_wrong(place):
    (place.folder / "data").write_text("not a folder")

    assert "is a file, not a folder" in said(await place.check())


@pytest.mark.parametrize("to", ["data", "nowhere"])
async def test_a_data_folder_that_is_a_broken_link_is_wrong(place, to):
    (place.folder / "data").symlink_to(to)

    assert "is a link that leads nowhere" in said(await place.check())


async def test_a_data_folder_that_cannot_exist_stops_nothing_else(place):
    found = await place.check(COUNTERSIGN_DATA=str(place.folder / ("a" * 300)))

    assert "no folder can have this name" in said(found)
    assert "agrees with" in everything(found)


async def test_a_folder_that_takes_no_writes_is_wrong(place):
    found = await place.check(COUNTERSIGN_DATA="/proc/countersign")

    assert "Can't write to /proc" in said(found)


@pytest.mark.parametrize("name", ["lock", "evidence", "state.json"])
async def test_a_file_in_the_folder_that_only_another_user_may_write_is_named(place, name):
    await place.subscribe("-42")
    (place.folder / "data" / "evidence").mkdir()
    path = place.folder / "data" / name
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read and write everything")
    found = await place.check()
    path.chmod(0o700)

    assert f"This user can't read and write {name} in" in said(found)
    assert "chown -R USER FOLDER" in said(found)


async def test_damage_in_the_store_is_found(place):
    await place.subscribe("-42")
    next((place.folder / "data").glob("journal-*.jsonl")).write_text("nonsense\n{}\n{}\n")

    found = await place.check()

    assert "store:" in said(found) + said(found, Verdict.WARNING)


async def test_nothing_is_left_in_the_folder_and_no_lock_is_taken(place):
    await place.subscribe("-42")
    before = sorted((place.folder / "data").iterdir())
    store = TinyStore.open(place.folder / "data")  # a program that is running
    try:
        found = await place.check()
    finally:
        await store.close()

    assert sorted((place.folder / "data").iterdir()) == before
    assert "It opens and can be read" in said(found, Verdict.OK)


async def test_the_public_address_must_answer_as_countersign_does(place):
    async with answering() as ours, answering(text="<html>Welcome to nginx</html>") as other:
        free = {"PORT": str(free_port()), "TELEGRAM_BOT_TOKEN": "", "COUNTERSIGN_OPERATOR": ""}
        well = await place.check(COUNTERSIGN_PUBLIC_URL=ours, **free)
        wrong = await place.check(COUNTERSIGN_PUBLIC_URL=other, **free)
        with_path = await place.check(COUNTERSIGN_PUBLIC_URL=f"{ours}/bot", **free)

    assert f"{ours} answers." in said(well, Verdict.OK)
    assert "and not as Countersign does" in said(wrong)
    assert "The address has a path, /bot" in said(with_path)


@pytest.mark.slow
async def test_our_own_answer_is_no_sign_of_a_network_and_no_other_clock(place):
    async with answering() as ours:
        nowhere = {"COUNTERSIGN_ICE_URL": "http://127.0.0.1:1/287g", "TELEGRAM_API_URL": "http://127.0.0.1:1/bot"}
        found = await place.check(PORT=ours.rpartition(":")[2], **nowhere)

    assert "Is this machine online?" in said(found, Verdict.UNKNOWN)
    assert "clock: No server answered" in said(found, Verdict.UNKNOWN)


async def test_an_answer_that_makes_no_sense_stops_nothing_else(place):
    odd = {"url": "https://127.0.0.1/telegram/webhook", "last_error_date": 10**30}
    place.telegram.fail("getWebhookInfo", Fault(body={"ok": True, "result": odd}))

    found = await place.check(COUNTERSIGN_PUBLIC_URL="https://127.0.0.1")

    assert "telegram: An answer made no sense (OverflowError)" in said(found, Verdict.UNKNOWN)
    assert "ICE's lists: " in said(found, Verdict.OK)


async def test_a_port_that_another_program_has_is_wrong(place):
    async with answering(text="something else") as other:
        found = await place.check(PORT=other.rpartition(":")[2])
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, but not listening
        bound = await place.check(PORT=str(held.getsockname()[1]))

    assert "is taken by another program" in said(found)
    assert "can't be opened: Address already in use" in said(bound)


async def test_a_subscription_on_a_channel_that_is_not_set_up_is_wrong(place):
    await place.subscribe("C024BE91L", channel="slack")

    found = await place.check()

    assert "slack: 1 subscription can't be served, because slack isn't set up." in said(found)


async def test_the_report_fits_a_terminal_of_eighty_columns(place):
    place.with_slack()
    found = await place.check(COUNTERSIGN_SECRET_KEY="short")

    lines = as_text(found.settings, found.groups, width=80, signs=PLAIN_SIGNS)

    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []
    assert "\n".join(lines).isascii() or all(ord(letter) < 0x2190 for line in lines for letter in line)
    assert lines[-1].endswith("1 problem")


async def test_a_chat_that_telegram_refuses_for_now_is_not_wrong(place):
    place.telegram.fail("getChat", refused(429, "Too Many Requests: retry after 5", retry_after=5), unknown_chat())
    await place.subscribe("-43")

    found = await place.check()

    assert "Chat 42: Telegram answered “Too Many Requests" in said(found, Verdict.UNKNOWN)
    assert "Chat -43 can't be reached" in said(found)


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


async def test_a_full_disk_is_wrong(place):
    (place.folder / "data").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        found = host.of_folder(place.folder / "data")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert found[0].verdict is Verdict.WRONG
    assert found[0].said.endswith("data: File too large.")
    assert not list((place.folder / "data").iterdir())


async def test_the_monitor_is_never_pinged_by_the_check(place):
    async with answering(path="/{any:.*}") as monitor:
        well = await place.check(COUNTERSIGN_HEARTBEAT_URL=f"{monitor}/5f8e9a3c")
    metadata = await place.check(COUNTERSIGN_HEARTBEAT_URL="http://169.254.169.254/5f8e9a3c")

    assert "127.0.0.1 is pinged after each good reading" in said(well, Verdict.OK)
    assert "169.254.169.254 isn't a public address" in said(metadata)
    assert "5f8e9a3c" not in everything(metadata)


async def test_a_running_program_that_is_stuck_is_wrong(place, monkeypatch):
    monkeypatch.setattr(stored, "PATIENCE", 0.1)
    (place.folder / "data").mkdir()
    with chdir(place.folder / "data"), socket.socket(socket.AF_UNIX) as silent:
        silent.bind("control.sock")
        silent.listen()
        found = await place.check()

    assert "The running program doesn't answer" in said(found)


async def test_addresses_that_another_key_encrypted_are_wrong(place):
    key = "0123456789abcdefghijklmnopqrstuvw"
    sealed = AddressSeal(key).seal("mailto://me:secret@example.org")
    await place.subscribe(sealed, channel="apprise")

    assert "encrypted with" not in said(await place.check(COUNTERSIGN_SECRET_KEY=key))
    assert "1 subscription encrypted with COUNTERSIGN_SECRET_KEY, which isn't set" in said(await place.check())
    assert "1 subscription encrypted with another COUNTERSIGN_SECRET_KEY" in said(
        await place.check(COUNTERSIGN_SECRET_KEY=key[::-1])
    )
