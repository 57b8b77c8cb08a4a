"""Commands for subscriptions: `subscribe`, `unsubscribe`, `subscriptions`, `deliver`, `deliveries`."""

import json
from typing import Annotated

import typer

from bot.app.one_shot import read, write
from bot.channels import CHANNELS
from bot.cli.options import Json, TakesChatNumber, subject
from bot.cli.output import counted, print_lines, print_table, say
from bot.commands.as_json import JsonObject, receipt_json, subscription_json
from bot.observability.logs import prepared

app = subject()

Channel = Annotated[str, typer.Argument(help=f"One of {', '.join(CHANNELS)}.")]


@app.command(cls=TakesChatNumber)
def subscribe(
    channel: Channel,
    address: Annotated[str, typer.Argument(help="The id of a chat or channel. For apprise, a URL like mailto://…")],
    states: Annotated[str, typer.Option(help="Postal codes or names, as in TX,Florida; or all.")],
    cadence: Annotated[str, typer.Option(help="instant, daily or weekly (Mondays).")] = "instant",
    at: Annotated[str, typer.Option(help="The local time of a daily or weekly digest.")] = "09:00",
    tz: Annotated[str, typer.Option(help="The time zone of --at.")] = "UTC",
    language: Annotated[str, typer.Option(help="en or es.")] = "en",
    json_: Json = False,
) -> None:
    """Subscribe a channel, or change its settings. Only future changes are sent. Nothing is posted now."""
    wanted = {"channel": channel, "address": address, "states": states, "cadence": cadence, "at": at, "tz": tz}
    answer = write(prepared(), say, "subscribe", wanted | {"language": language})
    _print_subscription("Changed" if answer["changed"] else "Subscribed", answer["subscription"], as_line=json_)


@app.command(cls=TakesChatNumber)
def unsubscribe(
    channel: Channel,
    address: Annotated[str, typer.Argument(help="The id of a chat, a channel or a subscription.")],
    json_: Json = False,
) -> None:
    """End a subscription."""
    answer = write(prepared(), say, "unsubscribe", {"channel": channel, "address": address})
    _print_subscription("Ended", answer["subscription"], as_line=json_)


def _print_subscription(verb: str, subscription: JsonObject, *, as_line: bool) -> None:
    if as_line:
        print_lines([subscription])
    else:
        print(f"{verb}: {_as_text(subscription)}")


def _as_text(subscription: JsonObject) -> str:
    s = subscription
    states = "all states" if s["states"] == "all" else ", ".join(s["states"])
    when = "at once" if s["cadence"] == "instant" else f"{s['cadence']} at {s['at']} {s['tz']}"
    paused = f", paused: {s['paused']}" if s["paused"] else ""
    return f"{s['channel']} {s['address']} ({s['id']}), {states}, {when}{paused}"


@app.command()
def subscriptions(json_: Json = False) -> None:
    """List subscriptions."""
    found = [subscription_json(s) for s in read(prepared(), lambda store: store.subscriptions())]
    if json_:
        print_lines(found)
    elif not found:
        say("No subscriptions yet. `countersign subscribe --help` shows how to add one.")
    else:
        for subscription in found:
            print(_as_text(subscription))


@app.command()
def deliver() -> None:
    """Send all messages that are due now. Exits with 1 if a message can't be sent."""
    answer = write(prepared(), say, "deliver", {})
    say(f"{counted(answer['messages'], 'message')} sent.")
    for problem in answer["problems"]:
        say(problem)
    raise typer.Exit(1 if answer["problems"] else 0)


@app.command()
def deliveries(
    failed: Annotated[bool, typer.Option("--failed", help="Only messages that could not be sent.")] = False,
    json_: Json = False,
) -> None:
    """List the messages from the last 90 days, oldest first.

    The list includes failed messages and the reasons they failed.
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
