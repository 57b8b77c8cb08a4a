"""Commands for subscriptions: `subscribe`, `unsubscribe`, `subscriptions`, `deliver`, `deliveries`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bot.app.one_shot import read, write
from bot.channels import CHANNELS
from bot.cli.options import Json, TakesChatNumber, subject
from bot.cli.output import print_lines, print_table, say
from bot.commands.as_json import JsonObject, receipt_json, subscription_json
from bot.domain.health import counted
from bot.domain.subscription import Subscription
from bot.observability.logs import prepared
from bot.store import Store, Unreadable

app = subject()

_UNSERVED = {"console": "Nothing is printed there, because the console is used only until another channel is set up."}

Channel = Annotated[str, typer.Argument(help=f"One of {', '.join(CHANNELS)}.")]


@app.command(cls=TakesChatNumber)
def subscribe(
    channel: Channel,
    address: Annotated[
        str,
        typer.Argument(
            help="The id of a chat or channel. For apprise, a URL like mailto://…; for webhook, one like https://…"
        ),
    ],
    states: Annotated[str, typer.Option(help="Postal codes or names, as in TX,Florida; or all.")],
    cadence: Annotated[str | None, typer.Option(help="instant (the default), daily or weekly (Mondays).")] = None,
    at: Annotated[
        str | None, typer.Option(help="The local time of a daily or weekly digest; 09:00 by default.")
    ] = None,
    tz: Annotated[str | None, typer.Option(help="The time zone of --at; UTC by default.")] = None,
    language: Annotated[str | None, typer.Option(help="en (the default) or es.")] = None,
    secret: Annotated[
        str | None,
        typer.Option(help="For webhook, the secret to sign with, or new to replace it. The first one is made for you."),
    ] = None,
    json_: Json = False,
) -> None:
    """Subscribe a channel, or change its settings. Only future changes are sent. Nothing is posted now.

    Options that aren't given leave the settings of an existing subscription as they are.
    """
    options = {"cadence": cadence, "at": at, "tz": tz, "language": language, "secret": secret}
    given = {name: value for name, value in options.items() if value is not None}
    answer = write(prepared(), say, "subscribe", {"channel": channel, "address": address, "states": states} | given)
    new_secret = answer.get("secret")
    shown = answer["subscription"] | ({"secret": new_secret} if new_secret else {})
    _print_subscription("Changed" if answer["changed"] else "Subscribed", shown, as_line=json_)
    if new_secret and not json_:
        print(f"Secret: {new_secret}")
        say("Keep it: it isn't shown again. Check each message's signature with it, as docs/webhooks.md shows.")
    if not answer.get("served", True):  # an older running program doesn't say
        say(_UNSERVED.get(channel, f"{channel} isn't set up, so nothing is sent there. Set its token."))


@app.command(cls=TakesChatNumber)
def unsubscribe(
    channel: Channel,
    address: Annotated[str, typer.Argument(help="The id of a chat, a channel or a subscription.")],
    json_: Json = False,
) -> None:
    """End a subscription."""
    answer = write(prepared(), say, "unsubscribe", {"channel": channel, "address": address})
    _print_subscription("Ended", answer["subscription"], as_line=json_)


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
    states = "all states" if s["states"] == "all" else ", ".join(s["states"])
    when = "at once" if s["cadence"] == "instant" else f"{s['cadence']} at {s['at']} {s['tz']}"
    paused = f", paused: {s['paused']}" if s["paused"] else ""
    return f"{s['channel']} {s['address']} ({s['id']}), {states}, {when}{paused}"


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
