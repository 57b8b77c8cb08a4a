"""Commands for subscriptions: to set them up, pause them, try them out and deliver to them."""

import sys
from calendar import day_name
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from bot.app.one_shot import read, write
from bot.app.wiring import utc_now
from bot.channels import CHANNELS
from bot.cli.options import (
    CHANNEL_NAMES,
    Agency,
    AgencyType,
    County,
    InLanguage,
    Json,
    Kinds,
    States,
    TakesChatNumber,
    Topic,
    Type,
    Zone,
    subject,
)
from bot.cli.output import print_lines, print_table, say
from bot.commands.as_json import JsonObject, receipt_json, subscription_json
from bot.commands.preview import preview as previewed
from bot.domain.letters import counted
from bot.domain.subscription import Subscription
from bot.errors import UsageError
from bot.observability.logs import prepared
from bot.store import Store, Unreadable

app = subject()

_UNSERVED = {"console": "Nothing is printed there, because the console is used only until another channel is set up."}

Channel = Annotated[str, typer.Argument(help=f"One of {', '.join(CHANNELS)}.", autocompletion=CHANNEL_NAMES)]
Address = Annotated[str, typer.Argument(help="The id of a chat, a channel or a subscription.")]


@app.command(cls=TakesChatNumber)
def subscribe(
    channel: Channel,
    address: Annotated[
        str,
        typer.Argument(
            help="The id of a chat or channel. For apprise, a URL like mailto://…; for webhook, one like https://…"
        ),
    ],
    states: States = None,
    county: County = None,
    agency: Agency = None,
    agency_type: AgencyType = None,
    types: Type = None,
    kinds: Kinds = None,
    cadence: Annotated[str | None, typer.Option(help="instant (the default), daily or weekly.")] = None,
    weekday: Annotated[
        str | None, typer.Option(help="The day of a weekly digest, as in Thursday; Monday by default.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The local time of a daily or weekly digest; 09:00 by default.")
    ] = None,
    tz: Zone = None,
    language: InLanguage = None,
    topic: Topic = None,
    secret: Annotated[
        str | None,
        typer.Option(
            help="For webhook, the secret to sign with, or new to replace it. Countersign makes the first one."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Subscribe a channel, or change its settings. Only future changes are sent. Nothing is posted now.

    Each option replaces one setting of an existing subscription and leaves the others alone. To remove states, counties
    or agencies, set the option to none.
    """
    options: dict[str, Any] = {"states": states, "county": county, "agency": agency, "types": types, "kinds": kinds}
    options |= {
        "agency_types": agency_type,
        "cadence": cadence,
        "weekday": weekday,
        "at": at,
        "tz": tz,
        "language": language,
        "topic": topic,
        "secret": secret,
    }
    answer = write(prepared(), say, "subscribe", {"channel": channel, "address": address} | _given(options))
    new_secret = answer.get("secret")
    shown = answer["subscription"] | ({"secret": new_secret} if new_secret else {})
    _print_subscription("Changed" if answer["changed"] else "Subscribed", shown, as_line=json_)
    if new_secret and not json_:
        print(f"Secret: {new_secret}")
        say("Keep it: it isn't shown again. Check each message's signature with it, as docs/webhooks.md shows.")
    if not answer.get("served", True):  # an older running program doesn't say
        say(_UNSERVED.get(channel, f"{channel} isn't set up, so nothing is sent there. Set its token."))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given. An older running program knows only some of them."""
    return {name: value for name, value in options.items() if value is not None and value != []}


@app.command(cls=TakesChatNumber)
def pause(
    channel: Channel,
    address: Address,
    span: Annotated[str, typer.Option("--for", metavar="SPAN", help="“3 days”, “2 weeks” or a date: 2026-12-24.")],
    json_: Json = False,
) -> None:
    """Pause a subscription. When the pause ends, one message has what it missed."""
    answer = write(prepared(), say, "pause", {"channel": channel, "address": address, "span": span})
    _print_subscription(f"Paused until {answer['until']}", answer["subscription"], as_line=json_)


@app.command(cls=TakesChatNumber)
def resume(channel: Channel, address: Address, json_: Json = False) -> None:
    """End a subscription's pause, even if the program paused it because messages were refused."""
    answer = write(prepared(), say, "resume", {"channel": channel, "address": address})
    verb = "Resumed" if answer["was"] else "It wasn't paused"
    _print_subscription(verb, answer["subscription"], as_line=json_)


@app.command("test", cls=TakesChatNumber)
def send_test(
    channel: Channel,
    address: Annotated[str, typer.Argument(help="The id of a chat or channel. For apprise, a URL like mailto://…")],
    language: InLanguage = None,
    topic: Topic = None,
) -> None:
    """Send a real test message to a chat and print the answer. Exits with 1 if it couldn't be sent."""
    given = _given({"channel": channel, "address": address, "language": language, "topic": topic})
    answer = write(prepared(), say, "test", given)
    print(f"Sent as message {answer['message_id']}." if answer["message_id"] else "Sent.")


@app.command()
def preview(
    states: States = None,
    county: County = None,
    agency: Agency = None,
    agency_type: AgencyType = None,
    types: Type = None,
    kinds: Kinds = None,
    days: Annotated[int, typer.Option(help="Cover this many days, up to 366.")] = 7,
    cadence: Annotated[str | None, typer.Option(help="instant (the default), daily or weekly.")] = None,
    tz: Zone = None,
    language: InLanguage = None,
) -> None:
    """Print what a subscriber would have gotten lately. Nothing is sent or stored."""
    settings = prepared()
    watched = _given(
        {"states": states, "counties": county, "agencies": agency, "types": types, "kinds": kinds}
        | {"agency_types": agency_type}
    )
    how = {"cadence": cadence, "tz": tz, "language": language}
    text = read(
        settings,
        lambda store: previewed(
            store, watched, days=days, now=utc_now(), page=settings.ice_url, public_url=settings.base_url, **how
        ),
    )
    if text:
        print(text)
    else:
        span = "day" if days == 1 else counted(days, "day")
        say(f"Nothing matched in the last {span}, so no message would have been sent.")


@app.command(cls=TakesChatNumber)
def unsubscribe(
    channel: Annotated[str | None, typer.Argument(help=f"One of {', '.join(CHANNELS)}.")] = None,
    address: Annotated[str | None, typer.Argument(help="The id of a chat, a channel or a subscription.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="End every subscription or, with a channel, every one on that channel.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --all, don't ask whether you're sure.")] = False,
    json_: Json = False,
) -> None:
    """End a subscription, or all of them with --all. No one is told.

    With --all, it first says how many would end and asks. Past messages stay in `countersign deliveries`.
    """
    if all_:
        _unsubscribe_all(channel, address, yes=yes, json_=json_)
        return
    if channel is None or address is None:
        raise UsageError("Name a channel and an address, as in: countersign unsubscribe telegram 12345. Or add --all.")
    answer = write(prepared(), say, "unsubscribe", {"channel": channel, "address": address})
    _print_subscription("Ended", answer["subscription"], as_line=json_)


def _unsubscribe_all(channel: str | None, address: str | None, *, yes: bool, json_: bool) -> None:
    if address is not None:
        raise UsageError("--all ends every subscription, so it takes no address. Leave out one of the two.")
    if channel is not None and channel not in CHANNELS:
        raise UsageError(f"There is no channel {channel!r}. Choose one of: {', '.join(CHANNELS)}.")
    settings = prepared()
    stored, _ = read(settings, _stored)
    found = [s for s in stored if channel in (None, s.channel)]
    if not found:
        say("There are no subscriptions to end.")
        return
    counts = Counter(s.channel for s in found)
    many = ", ".join(f"{number:,} on {name}" for name, number in sorted(counts.items()))
    say(f"This ends {counted(len(found), 'subscription')} ({many}) with their settings. It can't be undone.")
    if settings.broadcast:
        say("The next start subscribes the channels in [[broadcast]] tables again.")
    if not (yes or _is_sure(len(found))):
        say("Nothing was ended.")
        raise typer.Exit(1)
    answer = write(settings, say, "unsubscribe_all", {"ids": [s.id for s in found]})
    if json_:
        print_lines(answer["subscriptions"])
    else:
        print(f"Ended {counted(len(answer['subscriptions']), 'subscription')}.")


def _is_sure(number: int) -> bool:
    """Ask for the number of subscriptions. Raise UsageError if no one can answer."""
    if not sys.stdin.isatty():
        raise UsageError("To end them without being asked, add --yes. Nothing was ended.")
    return input(f"To end them, type {number}: ").strip().replace(",", "") == str(number)


@app.command()
def mend(
    subscription: Annotated[str, typer.Argument(metavar="ID", help="The id that `countersign status` names.")],
    tz: Annotated[str, typer.Option(help="The time zone to use if its own isn't known.")] = "UTC",
    json_: Json = False,
) -> None:
    """Mend a stored subscription that can't be read.

    Readable settings are kept. The others are reset to their defaults.
    """
    answer = write(prepared(), say, "mend", {"subscription": subscription, "tz": tz})
    say(f"It couldn't be read: {answer['was']}.")
    _print_subscription("Mended", answer["subscription"], as_line=json_)


def _print_subscription(verb: str, subscription: JsonObject, *, as_line: bool) -> None:
    if as_line:
        print_lines([subscription])
    else:
        print(f"{verb}: {_as_text(subscription)}")


def _as_text(subscription: JsonObject) -> str:
    s = subscription
    watches = s.get("watches") or ("all states" if s["states"] == "all" else ", ".join(s["states"]))  # an older program
    day = f" on {day_name[s['weekday']]}" if s["cadence"] == "weekly" else ""
    when = "at once" if s["cadence"] == "instant" else f"{s['cadence']}{day} at {s['at']} {s['tz']}"
    paused = f", paused: {s['paused']}" if s["paused"] else ""
    return f"{s['channel']} {s['address']} ({s['id']}): {watches}; {when}{paused}"


@app.command()
def subscriptions(json_: Json = False) -> None:
    """List subscriptions."""
    stored, unreadable = read(prepared(), _stored)
    found = [subscription_json(s) for s in stored]
    for one in unreadable:
        say(one.sentence)
    if json_:
        print_lines(found)
    elif not found:
        say("No subscriptions yet. `countersign subscribe --help` shows how to add one.")
    else:
        for subscription in found:
            print(_as_text(subscription))


async def _stored(store: Store) -> tuple[Sequence[Subscription], Sequence[Unreadable]]:
    return await store.subscriptions(), await store.unreadable()


@app.command()
def deliver() -> None:
    """Send all messages that are due now. Exits with 1 if a message can't be sent."""
    answer = write(prepared(), say, "deliver", {})
    if answer["messages"] or answer["problems"]:
        say(f"{counted(answer['messages'], 'message')} sent.")
    else:
        say("No message was due.")
    for problem in answer["problems"]:
        say(problem)
    raise typer.Exit(1 if answer["problems"] else 0)


@app.command()
def deliveries(
    failed: Annotated[bool, typer.Option("--failed", help="Only messages that could not be sent.")] = False,
    json_: Json = False,
) -> None:
    """List the messages from the last 90 days, oldest first.

    The list includes failed messages and the reason for each failure.
    """
    receipts = read(prepared(), lambda store: store.receipts())
    found = [receipt_json(receipt) for receipt in receipts if receipt.error is not None or not failed]
    if json_:
        print_lines(found)
        return
    columns = ("at", "channel", "address", "part", "changes", "result")
    rows = (
        [
            r["at"][:16].replace("T", " "),
            r["channel"],
            r["address"],
            f"{r['part']}/{r['parts']}",
            str(len(r["changes"])),
            r["error"] or f"message {r['message_id']}",
        ]
        for r in found
    )
    print_table(columns, rows)
    if not found:
        say(f"No {'failed messages' if failed else 'messages'} in the last 90 days.")
