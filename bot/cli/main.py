"""The command line. What was asked for goes to stdout; logs and notices to stderr."""

import asyncio
import gc
import json
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import structlog
import typer
from typer.core import TyperCommand

from bot import __version__
from bot.app import control_socket
from bot.app.wiring import opened, operator, places, runner, sources, utc_now
from bot.cli import sources as local_sources
from bot.cli.output import LinesFile, ProgressBar, print_changes, print_csv, print_lines, print_table, say
from bot.commands.as_json import JsonObject as Answer
from bot.commands.as_json import agreement_json, change_json, held_json, receipt_json, subscription_json
from bot.commands.operator import broadcast, carry_out, one_state
from bot.commands.report import Report, report
from bot.config.settings import Settings
from bot.domain.agreement import ListName
from bot.domain.change import Kind
from bot.domain.lists.vetting import Held
from bot.domain.subscription import ALL_STATES, Filter, Subscription
from bot.domain.timestamps import stamp
from bot.errors import ConfigError, CountersignError, StoreBusy, StoreUnavailable, UsageError
from bot.observability.logs import prepared
from bot.pipeline import replay as replaying
from bot.pipeline.runner import Runner
from bot.pipeline.token_recovery import ask_again
from bot.sources.ice import Ice
from bot.store import transfer
from bot.store.tiny.store import TinyStore
from bot.store.transfer import Moved
from bot.worker.health_notices import notify
from bot.worker.worker import Worker

if TYPE_CHECKING:
    from bot.app.lifecycle import Service
    from bot.store.postgres.store import PostgresStore

app = typer.Typer(
    name="countersign",
    help="Tells people when a police agency joins or leaves ICE's 287(g) program.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
log = structlog.get_logger()
T = TypeVar("T")
START_WITHIN = 60.0  # seconds that a program which starts waits for a database

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
State = Annotated[str | None, typer.Option("--state", help="Only this state: a postal code or a name.")]


def command_line() -> int:
    """Run what was typed; the exit code. 2: it cannot be done as typed or configured; 1: it failed."""
    try:
        app()
    except ConfigError as fault:
        for problem in fault.problems:
            say(problem)
        say(f"{len(fault.problems)} problem(s) with the configuration; nothing was done.")
        return 2
    except CountersignError as fault:
        say(str(fault))
        return 2 if isinstance(fault, UsageError) else 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has gone; nobody minds
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001 - no traceback reaches a user
        say(f"Something failed that should not have. Please report it with the file {_trace()}.")
        return 1
    return 0


def _trace() -> str:
    """The traceback in a file, for whoever mends it."""
    with tempfile.NamedTemporaryFile("w", prefix="countersign-", suffix=".txt", delete=False) as file:
        file.write(f"Countersign {__version__}, Python {sys.version}\n\n{traceback.format_exc()}")
    return file.name


def _version(asked: bool) -> None:
    if asked:
        print(f"countersign {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    """Settings come from config/countersign.toml and the environment; the README lists them."""


# ── the program itself ───────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def run() -> None:
    """Watch, tell and answer, until it is stopped. SIGTERM or Ctrl-C lets what is under way come to its end."""
    _start(_run)


@app.command()
def worker() -> None:
    """Watch and tell only, beside other workers. All that have the same DATABASE_URL share the work."""
    _start(_work)


def _start(program: "Callable[[Service, Runner], Coroutine[Any, Any, None]]") -> None:
    from bot.app.lifecycle import service  # noqa: PLC0415 - a web server and its counts, which few commands need

    with service() as at_work:
        asyncio.run(_open_and(program, at_work))


async def _open_and(program: "Callable[[Service, Runner], Coroutine[Any, Any, None]]", at_work: "Service") -> None:
    settings = at_work.settings
    store = await _opened_in_time(settings)
    try:
        gc.freeze()  # what the store holds stays: there is no garbage to be looked for in it, again and again
        async with runner(settings, store, places(settings), at_work.metrics) as work, _taking_commands(work, settings):
            await _patiently(lambda: _set_up(settings, work))
            await program(at_work, work)
    finally:
        await store.close()


async def _opened_in_time(settings: Settings, *, readonly: bool = False) -> "TinyStore | PostgresStore":
    """The store of a program that starts, waited for; what it has to say goes to the log."""
    store = await _patiently(lambda: opened(settings, readonly=readonly))
    for notice in store.notices:
        log.warning(notice)
    return store


async def _patiently(do: Callable[[], Awaitable[T]]) -> T:
    """Do it once the database answers: it may be starting too. Whoever gives a wrong address is told after a minute."""
    until = time.monotonic() + START_WITHIN
    while True:
        try:
            return await do()
        except StoreUnavailable as fault:
            if time.monotonic() > until:
                raise
            log.warning("the database does not answer yet", problem=str(fault))
            await asyncio.sleep(3)


async def _set_up(settings: Settings, work: Runner) -> None:
    """What the configuration asks for; programs that start together do it one after the other."""
    while not await work.store.lease("set up"):  # noqa: ASYNC110 - another program is waited for
        await asyncio.sleep(0.2)
    try:
        await broadcast(work, settings.broadcast)
        await _welcome(work, settings)
        await ask_again(work.store, utc_now(), at_once=True)
    finally:
        await work.store.release("set up")


async def _run(at_work: "Service", work: Runner) -> None:
    from bot.app.listeners import hearing  # noqa: PLC0415 - a web server, which few commands need
    from bot.commands.chat import ChatCommands  # noqa: PLC0415 - what people may say, and few commands hear them

    settings = at_work.settings
    shows = settings.public_url is not None or settings.port is not None
    async with hearing(settings, work, ChatCommands(work), at_work.views(work.store) if shows else None):
        await _watch_and_tell(settings, work)


async def _work(at_work: "Service", work: Runner) -> None:
    """As `run`, but with a database `web` hears people."""
    from bot.web.server import serving  # noqa: PLC0415 - the same

    settings = at_work.settings
    if settings.database_url is None:
        await _run(at_work, work)
        return
    async with nullcontext() if settings.port is None else serving(settings.port, at_work.views(work.store)):
        await _watch_and_tell(settings, work)


async def _watch_and_tell(settings: Settings, work: Runner) -> None:
    from bot.worker import scheduler  # noqa: PLC0415 - slow to import, and no other command goes on

    stale_after = timedelta(hours=settings.stale_hours)

    async def also() -> None:
        await ask_again(work.store, utc_now())
        await notify(work, operator(settings), stale_after)

    await scheduler.run(Worker(work, also=also))


def _taking_commands(work: Runner, settings: Settings) -> AbstractAsyncContextManager[None]:
    """Take commands that write; with a database they write to it themselves."""
    if settings.database_url is not None:
        return nullcontext()
    return control_socket.listening(work, settings.data)


async def _welcome(work: Runner, settings: Settings) -> None:
    """Say what will happen; with no other channel, see to it that the console has a subscription."""
    subscriptions = await work.store.subscriptions()
    if "console" in work.channels and not subscriptions:
        filter_ = Filter(states={ALL_STATES: 0})
        await work.store.subscribe(
            Subscription(id="", channel="console", address="console", filter=filter_, created_at=utc_now())
        )
    log.info(
        "watching",
        page=settings.ice_url,
        every=f"{settings.poll_seconds:g} s",
        data="PostgreSQL" if settings.database_url is not None else str(settings.data),
        channels=sorted(work.channels),
        subscriptions=len(await work.store.subscriptions()),
    )


NO_WEBHOOKS = (
    "No webhooks are taken here: this process only reads the data folder, whose one writer is `countersign run`, which "
    "takes them at its own PORT. Set DATABASE_URL to have several processes share the work."
)


@app.command()
def web() -> None:
    """Hear people and show health, beside workers. It answers at PORT; without DATABASE_URL it shows health alone."""
    from bot.app.lifecycle import service  # noqa: PLC0415 - a web server and its counts, which few commands need

    with service() as at_work:
        asyncio.run(_web(at_work))


async def _web(at_work: "Service") -> None:
    from bot.app.listeners import DEFAULT_PORT, hearing  # noqa: PLC0415 - the same
    from bot.commands.chat import ChatCommands  # noqa: PLC0415 - the same
    from bot.web.server import serving  # noqa: PLC0415 - the same
    from bot.worker import scheduler  # noqa: PLC0415 - slow to import, and few commands go on

    settings = at_work.settings
    stop = scheduler.stop_asked()
    store = await _opened_in_time(settings, readonly=True)
    try:
        views = at_work.views(store)
        if settings.database_url is None:
            log.warning(NO_WEBHOOKS)
            async with serving(settings.port or DEFAULT_PORT, views, closed=NO_WEBHOOKS):
                await stop.wait()
        else:
            async with (
                runner(settings, store, observer=at_work.metrics, sends=False) as work,
                hearing(settings, work, ChatCommands(work), views),
            ):
                await stop.wait()
        log.info("stopping")
    finally:
        await store.close()


@app.command()
def migrate() -> None:
    """Make or mend the tables of the database. Without DATABASE_URL there is nothing to do."""
    settings = prepared()
    if settings.database_url is None:
        say("DATABASE_URL is not set: everything is kept in a folder, which needs no migration. Nothing to do.")
        return
    from bot.store.postgres.migrate import migrate as bring_up_to_date  # noqa: PLC0415 - slow to import, and few need it

    done = bring_up_to_date(settings.database_url.get_secret_value())
    say("The tables are those of this version now." if done else "The tables are those of this version already.")


@app.command()
def move(
    from_: Annotated[str, typer.Option("--from", metavar="DIR|URL", help="A data folder, or a postgresql:// address.")],
    to: Annotated[str, typer.Option("--to", metavar="DIR|URL", help="The same; it must hold nothing yet.")],
) -> None:
    """Copy everything to a database or back. It is proved by counts and hashes; the source stays as it is."""
    prepared()
    for place in (from_, to):
        if not place or ("://" in place and not _is_database(place)):
            raise UsageError("--from and --to each take a folder, or an address such as postgresql://user@host/name.")
    if not _is_database(from_) and not any(Path(from_).glob("journal-*.jsonl")):
        raise UsageError(f"{from_} is no data folder of Countersign, so that nothing was moved.")
    for moved in asyncio.run(_move(from_, to)):
        print(f"{moved.part:14} {moved.count:8}  {moved.sha256}")
    say("Everything is in both, with the same counts and SHA-256.")


async def _move(from_: str, to: str) -> Sequence[Moved]:
    source = await _store_at(from_)
    try:
        target = await _store_at(to)
        try:
            with ProgressBar(1) as bar:
                return await transfer.move(source, target, bar.show_of)
        finally:
            await target.close()
    finally:
        await source.close()


def _is_database(place: str) -> bool:
    return re.match(r"postgres(ql)?://", place) is not None


async def _store_at(place: str) -> transfer.Movable:
    if not _is_database(place):
        return TinyStore.open(Path(place))
    from bot.store.postgres.store import PostgresStore  # noqa: PLC0415 - slow to import, and few need it

    return await PostgresStore.open(place)


def _do(settings: Settings, command: str, **arguments: Any) -> Answer:
    """Do a command that writes, or have the running program do it."""
    try:
        return asyncio.run(_do_here(settings, command, arguments))
    except StoreBusy:
        if settings.database_url is not None:
            raise
        return control_socket.hand_over(settings.data, command, arguments)


async def _do_here(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Answer:
    store = await opened(settings)
    for notice in store.notices:
        say(notice)
    try:
        async with runner(settings, store, places(settings) if arguments.get("local") else None) as work:
            return await carry_out(work, command, arguments)
    finally:
        await store.close()


@app.command()
def poll(
    local: Annotated[
        bool, typer.Option("--local", help="Read the local sources too that are watched and due.")
    ] = False,
    json_: Json = False,
) -> None:
    """Read ICE's lists now and print what is new. It is recorded. Exit 1 when they could not be read."""
    answer = _do(prepared(), "poll", local=local)
    print_changes(answer["changes"], as_lines=json_)
    if answer["listed"]:
        say(f"First sight: {answer['listed']} agreements are the baseline; nobody is told of them.")
    for held in answer["held"]:
        say(f"Held ({held['id']}): {held['publication']}: {'; '.join(held['reasons'])}")
    for problem in (*answer["problems"], *answer["places"]["failed"]):
        say(problem)
    raise typer.Exit(1 if answer["problems"] else 0)


@app.command()
def deliver() -> None:
    """Tell every subscription that is due now. Exit 1 when one could not be reached."""
    answer = _do(prepared(), "deliver")
    say(f"{answer['messages']} message(s) sent.")
    for problem in answer["problems"]:
        say(problem)
    raise typer.Exit(1 if answer["problems"] else 0)


# ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────────


class _TakesChatNumber(TyperCommand):
    """A command whose last argument may be a group's number, which begins with a minus and is no option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, with such a number behind `--`, where nothing is taken for an option."""
        numbers = [word for word in args if re.fullmatch(r"-\d+", word)]
        if numbers and "--" not in args:
            args = [*(word for word in args if word not in numbers), "--", *numbers]
        return super().parse_args(ctx, args)


@app.command(cls=_TakesChatNumber)
def subscribe(
    channel: Annotated[str, typer.Argument(help="telegram, slack, apprise or console.")],
    address: Annotated[str, typer.Argument(help="A chat's or a channel's id; for apprise a URL such as mailto://…")],
    states: Annotated[str, typer.Option(help="Postal codes or names, as in TX,Florida; or all.")],
    cadence: Annotated[str, typer.Option(help="instant, daily or weekly (Mondays).")] = "instant",
    at: Annotated[str, typer.Option(help="When a daily or weekly digest is sent, local time.")] = "09:00",
    tz: Annotated[str, typer.Option(help="The time zone of that time.")] = "UTC",
    language: Annotated[str, typer.Option(help="en or es.")] = "en",
    json_: Json = False,
) -> None:
    """Tell a channel of changes from now on. Nothing is posted there now."""
    what = {"channel": channel, "address": address, "states": states, "cadence": cadence, "at": at, "tz": tz}
    answer = _do(prepared(), "subscribe", **what, language=language)
    _print_subscription("Changed" if answer["changed"] else "Subscribed", answer["subscription"], json_)


@app.command(cls=_TakesChatNumber)
def unsubscribe(
    channel: Annotated[str, typer.Argument(help="telegram, slack, apprise or console.")],
    address: Annotated[str, typer.Argument(help="A chat's or a channel's id, or the subscription's.")],
    json_: Json = False,
) -> None:
    """End a subscription."""
    answer = _do(prepared(), "unsubscribe", channel=channel, address=address)
    _print_subscription("Ended", answer["subscription"], json_)


def _print_subscription(verb: str, subscription: Answer, as_line: bool) -> None:
    if as_line:
        print(json.dumps(subscription, ensure_ascii=False))
    else:
        print(f"{verb}: {_subscription_text(subscription)}")


def _subscription_text(s: Answer) -> str:
    states = "all states" if s["states"] == "all" else ", ".join(s["states"])
    when = "at once" if s["cadence"] == "instant" else f"{s['cadence']} at {s['at']} {s['tz']}"
    return f"{s['channel']} {s['address']} ({s['id']}), {states}, {when}" + (
        f", paused: {s['paused']}" * bool(s["paused"])
    )


@app.command()
def subscriptions(json_: Json = False) -> None:
    """Who is told of what, how often."""
    found = [subscription_json(s) for s in _read(prepared(), "subscriptions")]
    if json_:
        print_lines(found)
    elif not found:
        say("No subscriptions yet. `countersign subscribe --help` says how to add one.")
    for subscription in found if not json_ else ():
        print(_subscription_text(subscription))


@app.command()
def deliveries(
    failed: Annotated[bool, typer.Option("--failed", help="Only what could not be sent.")] = False,
    json_: Json = False,
) -> None:
    """What was sent, and what could not be. The last 90 days, oldest first."""
    found = [receipt_json(r) for r in _read(prepared(), "receipts") if r.error is not None or not failed]
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


# ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(settings: Settings, what: str, **arguments: Any) -> Any:
    """Ask the store, beside a running program or without one; a folder that is not there yet holds nothing."""

    async def ask() -> Any:
        store = await opened(settings, readonly=True)
        try:
            return await getattr(store, what)(**arguments)
        finally:
            await store.close()

    return asyncio.run(ask())


@app.command()
def changes(
    since: Annotated[str | None, typer.Option(help="Only what was recorded since: a date or a time, UTC.")] = None,
    state: State = None,
    json_: Json = False,
) -> None:
    """The change log, oldest first."""
    code = one_state(state)
    found = _read(prepared(), "changes", since=_moment(since), states=[code] if code else None)
    print_changes([change_json(change) for change in found], as_lines=json_)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date. Write it as in 2026-11-24 or 2026-11-24T09:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@app.command()
def agreements(
    state: State = None,
    json_: Json = False,
    csv_: Annotated[bool, typer.Option("--csv", help="As a table for spreadsheets.")] = False,
) -> None:
    """The agreements on ICE's list now."""
    code = one_state(state)
    known = _read(prepared(), "known")
    found = [
        agreement_json(a, known.rows[ListName.PARTICIPATING].get(key))
        for key, a in sorted(known.participating.items())
        if code in (None, key.state)
    ]
    if json_:
        print_lines(found)
    elif csv_:
        print_csv(found)
    else:
        columns = ("state", "agency", "support_type", "county", "signed")
        print_table(columns, ([str(a[c] or "") for c in columns] for a in found))
        say(f"{len(found)} agreements.")


@app.command()
def held(json_: Json = False) -> None:
    """The listings that are not believed yet. With the reasons, and what they would take from the list."""
    found: list[Held] = _read(prepared(), "held")
    if json_:
        print_lines([held_json(h) for h in found])
        return
    for h in found:
        print(f"{h.id}  {h.list.value}: {h.publication.name}, since {stamp(h.since)}, {h.readings} reading(s)")
        for reason in h.reasons:
            print(f"    {reason}")
        for gone in h.gone:
            print(f"    would be gone: {gone.state}  {gone.agency}  {gone.support_type.value}")
    if not found:
        say("Nothing is held.")


@app.command()
def approve(held_id: Annotated[str, typer.Argument(metavar="ID", help="As `countersign held` prints it.")]) -> None:
    """Believe a held listing. What it says is recorded and told."""
    answer = _do(prepared(), "approve", held=held_id)
    print_changes(answer["changes"], as_lines=False)
    say("Approved.")


@app.command()
def reject(held_id: Annotated[str, typer.Argument(metavar="ID", help="As `countersign held` prints it.")]) -> None:
    """Never believe a held listing."""
    _do(prepared(), "reject", held=held_id)
    say("Rejected; it stays held until ICE publishes something else.")


@app.command()
def retract(
    seq: Annotated[int, typer.Argument(help="The change's number, as `countersign changes --json` prints it.")],
    because: Annotated[str, typer.Option(help="Why it was wrong, a sentence for those who were told.")],
) -> None:
    """Take a change back. Everyone who was told hears so, as a reply to the message; the log keeps both."""
    answer = _do(prepared(), "retract", seq=seq, because=because)
    say(f"Change {seq} is taken back by change {answer['change']['seq']}; `deliver` or the running program tells it.")


@app.command()
def status(
    json_: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when something is wrong.")] = False,
) -> None:
    """When each source was read, what is wrong."""
    settings = prepared()
    found = asyncio.run(_report(settings))
    if json_:
        print_lines(found.as_json())
    else:
        print(found.as_text())
    if check and found.is_wrong:
        raise typer.Exit(1)


async def _report(settings: Settings) -> Report:
    store = await opened(settings, readonly=True)
    try:
        return await report(
            store,
            now=utc_now(),
            sources=sources(settings),
            stale_hours=settings.stale_hours,
            places=places(settings),
        )
    finally:
        await store.close()


# ── local sources ────────────────────────────────────────────────────────────────────────────────────────────────────

app.add_typer(local_sources.app, name="sources")
app.command()(local_sources.read)


# ── replay ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with manifest.json and lists.")],
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the changes there.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Into the store, which must hold nothing yet.")] = False,
) -> None:
    """Run an archive of lists through the line. In a store that is thrown away."""
    settings = prepared()
    found = replaying.entries(folder)
    gc.disable()  # what a replay makes it keeps to its end: looking for garbage in it costs a tenth
    counts = asyncio.run(_replay(found, settings if keep else None, json_))
    said = ", ".join(f"{number} {kind.value}" for kind, number in sorted(counts.items()))
    say(f"{len(found)} lists: {said or 'no changes'}.")


async def _replay(found: list[replaying.Entry], settings: Settings | None, out: Path | None) -> dict[Kind, int]:
    """The number of changes of each kind; without settings nothing is kept."""
    counts: dict[Kind, int] = {}
    store = await opened(settings) if settings is not None else TinyStore.fleeting()
    try:
        if await store.last_seq() or (await store.known()).seen:
            raise UsageError("The store holds a history already; --keep fills only an empty one.")
        with ProgressBar(len(found)) as bar, LinesFile(out) as lines:
            async for done, entry, brought in replaying.replay(found, source=Ice(), store=store):
                bar.show(done, f"{entry.observed_at:%Y-%m-%d}")
                for change in brought:
                    counts[change.kind] = counts.get(change.kind, 0) + 1
                    if change.kind is not Kind.LISTED:
                        lines.write(change)
    finally:
        await store.close()
    return counts
