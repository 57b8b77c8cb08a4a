"""The part of the command line that is about local sources: `read`, `sources`, `sources check`, `sources add`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from bot.app import control_socket
from bot.app.wiring import opened, runner, utc_now
from bot.cli.output import print_lines, print_table, say
from bot.commands.local_sources import check as check_places
from bot.commands.local_sources import document_at, listed, place_of, proposed, what_it_is
from bot.commands.local_sources import read as read_place
from bot.commands.operator import one_state
from bot.config import catalog
from bot.config.settings import Settings
from bot.domain.agenda import Place
from bot.domain.source_status import SourceStatus
from bot.domain.text.rich_text import legible
from bot.domain.timestamps import stamp
from bot.errors import SourceError, StoreBusy, UsageError
from bot.fetch import Fetch, Limits
from bot.observability.logs import prepared

app = typer.Typer(invoke_without_command=True, no_args_is_help=False, rich_markup_mode=None)

Answer = dict[str, Any]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
State = Annotated[str | None, typer.Option("--state", help="A postal code or a name, as in NC.")]
Kind = Annotated[
    str | None,
    typer.Option("--kind", help="The platform: legistar, civicclerk, primegov, civicplus, feed or page."),
]


def _fetch(settings: Settings) -> Fetch:
    """Make a Fetch for a person who is waiting: it gives up on a silent server in less than a minute."""
    return Fetch(
        contact=settings.contact,
        limits=Limits(host_gap=settings.host_gap, connect=5, read=12, total=50),
        allow_loopback=settings.allow_loopback,
    )


# ── read ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(
    address: Annotated[str, typer.Argument(help="Of a site, a feed, a page or a PDF.")],
    kind: Kind = None,
    state: State = None,
    json_: Json = False,
) -> None:
    """Read one local address now. What its agendas hold is printed, nothing recorded. Exit 1 when it cannot be read."""
    settings = prepared()
    place = _in_its_zone(place_of(address, kind=kind or document_at(address), state=one_state(state) or ""))
    try:
        place, found = asyncio.run(_read(settings, place, is_named=kind is not None))
    except SourceError as fault:
        say(str(fault))
        raise typer.Exit(1) from None
    if json_:
        print_lines(found)
    else:
        _print_reading(place, found)


def _in_its_zone(place: Place) -> Place:
    """The place with the usual zone of its state, where the state is known."""
    if not place.state:
        return place
    return replace(place, zone=catalog.USUAL_ZONE[place.state])


async def _read(settings: Settings, place: Place, *, is_named: bool) -> tuple[Place, list[Answer]]:
    """What was read, and what of: a kind that nobody named may turn out to be another one."""
    async with _fetch(settings) as fetch:
        if is_named:
            return place, await read_place(fetch, place, utc_now())
        return await what_it_is(fetch, place, utc_now())


def _print_reading(place: Place, found: Sequence[Answer]) -> None:
    print(f"{place.kind}: {place.address}")
    for one in found:
        when = " ".join(filter(None, (one.get("date"), one.get("time")))) or "no date"
        if one["what"] == "item":
            print(f"\n{when}  {legible(one['title'])}")
            details = (one["body"] if one["body"] != one["title"] else "", one["status"], one["address"])
            print(f"    {'  '.join(filter(None, map(legible, details)))}")
            if one["unreadable"]:
                print(f"    could not be read: {one['unreadable']}")
        elif one["what"] == "mention":
            page = f" (page {one['page']})" if one["page"] else ""
            print(f"    speaks of it: {one['matched']}{page}\n      “{one['excerpt']}”")
    items = sum(one["what"] == "item" for one in found)
    mentions = sum(one["what"] == "mention" for one in found)
    for one in found:
        if one["what"] == "problem":
            say(one["problem"])
    say(f"{items} item(s), {mentions} mention(s) of 287(g).")


# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.callback()
def sources(ctx: typer.Context, state: State = None, json_: Json = False) -> None:
    """The local sources, and how they are. They stand in config/sources."""
    if ctx.invoked_subcommand is not None:
        if state is not None or json_:
            raise UsageError(f"Put the options behind it: countersign sources {ctx.invoked_subcommand} …")
        return
    settings, code = prepared(), one_state(state)
    places = [place for place in catalog.places().values() if code in {None, place.state}]
    found = listed(places, asyncio.run(_memories(settings)), stamp)
    if json_:
        print_lines(found)
        return
    columns = ("name", "kind", "county", "last read", "verified", "problem")
    rows = (
        [
            one["name"],
            one["kind"],
            one["county"] or "",
            (one["last_read"] or "never")[:16].replace("T", " "),
            one["verified"] or ("read well" if one["last_read"] else "no"),
            one["problem"] or "",
        ]
        for one in found
    )
    print_table(columns, rows)
    say(f"{len(found)} source(s). An unverified one is read only for those who watch its state by name.")


async def _memories(settings: Settings) -> Mapping[str, SourceStatus]:
    store = await opened(settings, readonly=True)
    try:
        return {status.source: status for status in await store.source_statuses()}
    finally:
        await store.close()


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="A source, as `sources` lists it; all of them without.")] = None,
    state: State = None,
    json_: Json = False,
) -> None:
    """Read sources once, say what came back. One that was read well counts as verified. Exit 1 if one failed."""
    settings, code = prepared(), one_state(state)
    found = catalog.places()
    places = [catalog.named(found, name)] if name else [p for p in found.values() if code in {None, p.state}]
    if not places:
        raise UsageError(
            f"The catalogue has no source in {code}. `countersign sources add ADDRESS --state {code}` adds one."
        )
    answers = _check(settings, places, as_lines=json_)
    failed = sum(not answer["read"] for answer in answers)
    say(f"{len(answers) - failed} of {len(answers)} read well.")
    raise typer.Exit(1 if failed else 0)


def _check(settings: Settings, places: Sequence[Place], *, as_lines: bool) -> list[Answer]:
    """Check them here, or have the running program do it."""

    def done(answer: Answer) -> None:
        _print_check(answer, as_lines=as_lines)

    try:
        return asyncio.run(_check_here(settings, places, done))
    except StoreBusy:
        if settings.database_url is not None:
            raise
    say("The running program reads them; what came back is said at the end.")
    answers = control_socket.hand_over(settings.data, "check", {"names": [place.name for place in places]})["checked"]
    for answer in answers:
        done(answer)
    return list(answers)


async def _check_here(settings: Settings, places: Sequence[Place], done: Callable[[Answer], None]) -> list[Answer]:
    store = await opened(settings)
    try:
        async with runner(settings, store) as work:
            return await check_places(work, places, done)
    finally:
        await store.close()


def _print_check(answer: Answer, *, as_lines: bool) -> None:
    if as_lines:
        print_lines([answer])
    elif not answer["read"]:
        print(f"{answer['name']}: not read: {answer['problem'].removeprefix(answer['name'] + ': ')}")
    elif answer["unchanged"]:
        print(f"{answer['name']}: read well, nothing new since the last time")
    else:
        unreadable = f", {answer['unreadable']} could not be read" if answer["unreadable"] else ""
        print(
            f"{answer['name']}: read well, {answer['new']} item(s), {answer['to_come']} to come, "
            f"{answer['mentions']} mention(s) of 287(g){unreadable}"
        )
        for problem in answer["problems"]:
            print(f"    {problem}")


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="Any address of the site.")],
    state: State = None,
    county: Annotated[str, typer.Option(help="The county, without the word.")] = "",
    name: Annotated[str, typer.Option(help="What it is called, as in “Nash County”.")] = "",
    zone: Annotated[str, typer.Option(help="Its time zone, where it is not that of most of the state.")] = "",
    kind: Kind = None,
    write: Annotated[bool, typer.Option("--write", help="Put it into config/sources.")] = False,
    unread: Annotated[bool, typer.Option("--unread", help="Do not read it first.")] = False,
) -> None:
    """Propose the table of an address. Its platform is recognised, and it is read once."""
    settings = prepared()
    place = _in_its_zone(proposed(place_of(address, kind=kind, state=one_state(state) or "", county=county, name=name)))
    place = catalog.checked(replace(place, zone=zone or place.zone))
    if not unread:
        try:
            place, found = asyncio.run(_read(settings, place, is_named=kind is not None))
        except SourceError as fault:
            say(str(fault))
            say("It is not proposed, since it cannot be read; --unread proposes it all the same.")
            raise typer.Exit(1) from None
        items = sum(one["what"] == "item" for one in found)
        say(f"It is {place.kind}; {items} item(s) were read, {len(found) - items} mention(s) or problem(s).")
    if write:
        say(f"Written into {catalog.add(place)}:")
    else:
        say(f"For config/sources/{place.state}.toml (or run it again with --write):")
    print(catalog.table(place))
