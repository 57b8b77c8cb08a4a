"""Options of the command line: each replaces what it names, and an error speaks of the option, never of a chat."""

import re
from dataclasses import replace

import pytest
from support.chat import FIRST, NOW, SECOND, Chat

from bot.channels.console import ConsoleSender
from bot.commands.operator import carry_out
from bot.commands.options import EXPLAINED, explained
from bot.commands.preview import preview
from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.chat.parser import Misunderstood
from bot.domain.chat.replies import MISTAKES
from bot.errors import CountersignError, SendError, UsageError
from bot.store.tiny.store import TinyStore

HERE = {"channel": "telegram", "address": "-100123"}


@pytest.fixture
async def chat(tmp_path):
    store = TinyStore.open(tmp_path)
    yield Chat(store)
    await store.close()


@pytest.mark.parametrize("why", sorted(MISTAKES.keys() | EXPLAINED.keys() | {"a reason that is new"}))
def test_no_error_of_the_command_line_speaks_of_a_chat_command(why):
    names = re.findall(r"{(\w+)}", str(MISTAKES.get(why, "")) + EXPLAINED.get(why, ""))
    for values in (dict.fromkeys(names, "x"), {}):
        said = explained(Misunderstood(why, **{k: v for k, v in values.items() if k != "option"}), "--states", "x")
        assert said.startswith("--states: ")
        assert not re.search(r"(^|\s)/\w|\bSend\b", said)


async def test_each_option_changes_one_thing_and_leaves_the_rest(chat):
    first = {"states": "TX", "county": ["Lake County FL"], "agency": ["Tampa Police"], "types": "TFM"}
    first |= {"kinds": "signed,withdrawn", "cadence": "daily", "at": "8:00", "tz": "Chicago", "language": "es"}
    await carry_out(chat.runner, "subscribe", HERE | first)
    before = await chat.mine("-100123")
    for given, changed in (
        ({"states": "OH"}, {"states": {"OH"}}),
        ({"county": ["none"]}, {"counties": set()}),
        ({"types": "all"}, {"support_types": set()}),
        ({"types": "WSO JEM"}, {"support_types": {SupportType.WSO, SupportType.JEM}}),
        ({"kinds": "+amended"}, {"kinds": {Kind.SIGNED, Kind.WITHDRAWN, Kind.AMENDED}}),
        ({"agency": ["Miami", "Orange"]}, {"agencies": {"miami", "orange"}}),
        ({"county": ["33594", "Tampa FL", "Harris County TX"]}, {"counties": {"FL/hillsborough", "TX/harris"}}),
        (
            {"agency_types": ["sheriffs in TX", "statewide agencies of Florida"]},
            {"agency_types": {"sheriff@TX", "state@FL"}},
        ),
        ({"agency_types": ["none"]}, {"agency_types": set()}),
    ):
        await carry_out(chat.runner, "subscribe", HERE | given)
        after = await chat.mine("-100123")
        names = ("states", "counties", "agencies", "agency_types", "support_types", "kinds")
        expected = {name: set(getattr(before.filter, name)) for name in names} | changed
        assert {name: {str(e).casefold() if name == "agencies" else e for e in getattr(after.filter, name)}
                for name in names} == {n: {str(e).casefold() if n == "agencies" else e for e in v}
                                       for n, v in expected.items()}  # fmt: skip
        settings = ("cadence", "at", "tz", "language")
        assert [getattr(after, name) for name in settings] == [getattr(before, name) for name in settings]
        before = after


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Nothing would be watched"),
        ({"states": "Texsa"}, "--states: .*Did you mean Texas"),
        ({"states": "none"}, "Nothing would be watched"),
        ({"county": ["Harris County"]}, "--county: which state"),
        ({"county": ["TX"]}, "--county: 'TX' isn't a county"),
        ({"county": [" "]}, "--county is empty"),
        ({"agency": ["x"]}, "--agency: .* 3 to 80 letters"),
        ({"states": "TX", "types": "police"}, "--type"),
        ({"agency_types": ["JEM"]}, "--agency-type"),
        ({"agency_types": ["sheriffs in Springfield"]}, "--agency-type"),
        ({"county": ["Kansas City"]}, "--county"),
        ({"states": "TX", "kinds": "sined"}, "--kinds: .*Did you mean signed"),
        ({"states": "TX", "kinds": "-all"}, "--kinds would leave nothing"),
        ({"states": "TX", "at": "9:00"}, "--at sets the time of a digest"),
        ({"states": "TX", "weekday": "Thursday"}, "--weekday sets the day of a weekly digest"),
        ({"states": "TX", "cadence": "daily", "weekday": "Thursday"}, "--weekday sets the day of a weekly digest"),
        ({"states": "TX", "cadence": "weekly", "weekday": "Thrusday"}, "isn't a day of the week"),
        ({"states": "TX", "cadence": "weekly", "weekday": "3"}, "isn't a day of the week"),
        ({"states": "TX", "cadence": "instant", "at": "9:00"}, "--at sets the time of a digest"),
        ({"states": "TX", "cadence": "hourly"}, "--cadence: 'hourly'"),
        ({"states": "TX", "tz": "UTC-5"}, "--tz: .*big city"),
        ({"states": "TX", "language": "fr"}, "--language: .*en or es"),
        ({"states": "TX", "topic": 0}, "--topic takes the number"),
        ({"states": "TX", "channel": "slack", "address": "C0123456789", "topic": 7}, "slack has no topics"),
    ],
)
async def test_a_wrong_option_is_refused_in_its_own_words_and_changes_nothing(chat, given, said):
    with pytest.raises(UsageError, match=said):
        await carry_out(chat.runner, "subscribe", HERE | given)
    assert not await chat.store.subscriptions()


async def test_a_topic_has_its_own_subscription_and_a_time_alone_is_enough_for_a_digest(chat):
    made = await carry_out(chat.runner, "subscribe", HERE | {"states": "TX", "topic": 7, "cadence": "daily"})
    assert made["subscription"]["address"] == "-100123:7"
    later = await carry_out(chat.runner, "subscribe", HERE | {"topic": 7, "at": "17:30"})
    assert (later["subscription"]["at"], later["subscription"]["cadence"]) == ("17:30", "daily")


async def test_a_weekly_digest_has_a_day_and_keeps_it(chat):
    await carry_out(chat.runner, "subscribe", HERE | {"states": "TX", "cadence": "weekly", "weekday": "Thursday"})
    later = await carry_out(chat.runner, "subscribe", HERE | {"at": "17:30"})
    assert (later["subscription"]["weekday"], later["subscription"]["cadence"]) == (3, "weekly")


async def test_a_subscription_is_paused_for_a_while_and_resumed_once(chat):
    await carry_out(chat.runner, "subscribe", HERE | {"states": "TX"})
    with pytest.raises(UsageError, match=r"--for: .*3 days"):
        await carry_out(chat.runner, "pause", HERE | {"span": "a bit"})
    paused = await carry_out(chat.runner, "pause", HERE | {"span": "3 days"})
    assert paused["until"] == "2026-11-27T12:00:00Z"
    assert (await carry_out(chat.runner, "resume", HERE))["was"] == "paused"
    assert (await chat.mine("-100123")).quiet_until is None
    assert (await carry_out(chat.runner, "resume", HERE))["was"] is None
    with pytest.raises(UsageError, match="no subscription"):
        await carry_out(chat.runner, "resume", HERE | {"address": "5"})


async def test_a_preview_is_what_a_subscriber_would_have_gotten(chat):
    await chat.publish(FIRST, NOW.replace(day=20))
    await chat.publish(SECOND, NOW.replace(day=23))

    async def shown(watched, **options):
        how = {"days": 7, "now": NOW, "page": "https://ice.example/287g"} | options
        return await preview(chat.store, watched, **how)

    texas = await shown({"states": "TX"})
    assert "Bell County Sheriff's Office" in texas
    assert "Butler" not in texas
    assert "Butler Police Department" in await shown({"counties": ["Butler County OH"]})
    assert await shown({"states": "TX"}, language="es") != texas
    assert await shown({"states": "TX"}, now=NOW.replace(day=30), days=1) == ""
    with pytest.raises(UsageError, match="--days"):
        await shown({"states": "TX"}, days=0)


class Refusing(ConsoleSender):
    """A sender that fails as a platform does."""

    name = "telegram"
    fault: SendError

    async def send(self, address, part, *, plain=False, ready=None):
        raise self.fault


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (SendError("Telegram can't send to this chat: chat not found", refused=True), "chat not found"),
        (SendError("The group became a supergroup", moved_to="-1005"), "Use its new address, -1005"),
        (SendError("Telegram asked us to wait", retry_after=7.2), "Try again in 7 seconds"),
        (SendError("The topic doesn't accept messages: TOPIC_CLOSED", fallback="-100123"), "would go to -100123"),
    ],
)
async def test_a_test_message_says_what_came_back(chat, fault, said):
    with pytest.raises(UsageError, match="telegram isn't set up"):
        await carry_out(chat.runner, "test", HERE)
    sender = Refusing()
    sender.fault = fault
    runner = replace(chat.runner, channels={"telegram": sender})
    with pytest.raises(CountersignError, match=said):
        await carry_out(runner, "test", HERE)
