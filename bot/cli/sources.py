"""Commands for local sources: `read`, `sources`, `sources check` and `sources add`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from shlex import join
from typing import Annotated

import typer

from bot.app import control_socket, one_shot
from bot.app.wiring import utc_now
from bot.cli.options import Json, State, subject
from bot.cli.output import print_csv, print_lines, print_table, say
from bot.commands import local_sources
from bot.commands.as_json import JsonObject
from bot.commands.local_sources import document_at, is_anothers, next_meetings, of_its_body, place_of, proposed
from bot.commands.operator import one_state
from bot.config import catalog
from bot.config.settings import Settings
from bot.domain.agenda import Place
from bot.domain.agendas.coverage import coverage as counted_coverage
from bot.domain.letters import counted
from bot.domain.text.rich_text import legible
from bot.domain.text.wording import state_name
from bot.domain.time_zones import zone_or_utc
from bot.domain.web_address import host_of, masked
from bot.errors import SourceError, StoreBusy, UsageError
from bot.fetch import Fetch, Limits
from bot.observability.logs import prepared
from bot.pipeline.local_requests import added_sources, verified_on
from bot.pipeline.ocr import Ocr
from bot.sources import LOCAL
from bot.sources.formats.document_text import SCANNED
from bot.sources.local.front_page import look_at
from bot.sources.local.recognize import list_needed

MOST_OFFERED = 4  # sources that a page links to
read_app = subject()
app = typer.Typer(invoke_without_command=True, no_args_is_help=False, rich_markup_mode=None)

ItsState = Annotated[str | None, typer.Option("--state", help="Its state: a postal code or a name, as in NC.")]
Kind = Annotated[
    str | None,
    typer.Option("--kind", help=f"Its platform: {', '.join(list(LOCAL)[:-1])} or {list(LOCAL)[-1]}."),
]


def _fetch(settings: Settings) -> Fetch:
    """Return a Fetch for an interactive command, with timeouts of less than a minute."""
    return Fetch(
        contact=settings.contact,
        limits=Limits(host_gap=settings.host_gap, connect=5, read=12, total=50),
        allow_loopback=settings.allow_loopback,
    )


# ── read ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@read_app.command()
def read(
    address: Annotated[str, typer.Argument(help="The address of a site, a feed, a page or a PDF.")],
    kind: Kind = None,
    state: ItsState = None,
    json_: Json = False,
) -> None:
    """Read a local agenda and print its items. Nothing is recorded. Exits with 1 if the agenda can't be read."""
    settings = prepared()
    place = _in_its_zone(place_of(address, kind=kind or document_at(address), state=one_state(state) or ""))
    try:
        place, found = asyncio.run(_read(settings, place, is_kind_given=kind is not None))
    except SourceError as fault:
        say(str(fault))
        raise typer.Exit(1) from None
    if json_:
        print_lines(found)
    else:
        _print_reading(place, found)
    if place.kind == "page" and kind is None and document_at(address) is None:
        _say_what_it_leads_to(settings, place)


def _say_what_it_leads_to(settings: Settings, place: Place) -> None:
    """Name the portals that a page shows or links to, because they have more to read than the page itself."""
    for each in _look(settings, place)[0][:MOST_OFFERED]:
        there = f"{masked(each.address)} ({each.kind})"
        say(f"This page shows or links to {there}. To read that, run the command with it.")
    if needed := _list_needed(place):
        say(needed)


def _in_its_zone(place: Place) -> Place:
    """Return the place with its state's usual time zone. If the state is unknown, return the place unchanged."""
    if not place.state:
        return place
    return replace(place, zone=catalog.USUAL_ZONE[place.state])


async def _read(settings: Settings, place: Place, *, is_kind_given: bool) -> tuple[Place, list[JsonObject]]:
    """Read the place and return it with the results.

    If no kind was given, the returned place may have a different kind.
    """
    tesseract = await Ocr().tesseract() if settings.ocr else None
    async with _fetch(settings) as fetch:
        if is_kind_given:
            return place, await local_sources.read(fetch, place, utc_now(), tesseract)
        return await local_sources.read_unknown(fetch, place, utc_now(), tesseract)


def _print_reading(place: Place, found: Sequence[JsonObject]) -> None:
    print(f"{place.kind}: {masked(place.address)}")
    for one in found:
        if one["what"] == "item":
            _print_item(one)
        elif one["what"] == "mention":
            page = f" (page {one['page']})" if one["page"] else ""
            by_ocr = ", read by OCR: check the document" if one["by_ocr"] else ""
            print(f"    mentions {one['matched']}{page}{by_ocr}\n      “{one['excerpt']}”")
    for one in found:
        if one["what"] == "problem":
            say(one["problem"])
    items = counted(sum(one["what"] == "item" for one in found), "item")
    mentions = counted(sum(one["what"] == "mention" for one in found), "mention")
    say(f"{items}, {mentions} of 287(g).")


def _print_item(item: JsonObject) -> None:
    when = " ".join(filter(None, (item["date"], item["time"]))) or "no date"
    print(f"\n{when}  {legible(item['title'])}")
    details = (item["body"] if item["body"] != item["title"] else "", item["status"], item["address"])
    print(f"    {'  '.join(filter(None, map(legible, details)))}")
    if item["pages_read_by_ocr"]:
        print(f"    {counted(len(item['pages_read_by_ocr']), 'scanned page')} read by OCR")
    if item["unreadable"]:
        is_scan = item["unreadable"].startswith(SCANNED)
        print(f"    {item['unreadable']}" if is_scan else f"    couldn't be read: {item['unreadable']}")


# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.callback()
def sources(ctx: typer.Context, state: State = None, json_: Json = False) -> None:
    """List local sources and their status. The catalog is in config/sources."""
    if ctx.invoked_subcommand is not None:
        if state is not None or json_:
            raise UsageError(f"Put the options after the command: countersign sources {ctx.invoked_subcommand} …")
        return
    settings, code = prepared(), one_state(state)
    places = [place for place in _all_places(settings).values() if code in {None, place.state}]
    statuses = {status.source: status for status in one_shot.read(settings, lambda store: store.source_statuses())}
    found = local_sources.listed(places, statuses)
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
            one["verified"] or ("read" if one["last_read"] else "no"),
            one["problem"] or "",
        ]
        for one in found
    )
    print_table(columns, rows)
    if not found:
        say(_no_source(code))
        return
    say(f"{counted(len(found), 'source')}. An unverified one is read only if someone watches its state by name.")


def _all_places(settings: Settings) -> Mapping[str, Place]:
    """Return the sources of the catalog and those that the operator added in chat."""
    return {**catalog.places(), **one_shot.read(settings, added_sources)}


@app.command()
def export(
    state: State = None,
    json_: Json = False,
    csv_: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also the sources that could never be read.")] = False,
) -> None:
    """Print the sources that could be read, as tables for config/sources.

    Each has the day when it was last read.
    """
    settings, code = prepared(), one_state(state)
    statuses = {status.source: status for status in one_shot.read(settings, lambda store: store.source_statuses())}
    found = [
        replace(place, verified=verified_on(statuses.get(name), place))
        for name, place in sorted(_all_places(settings).items(), key=lambda named: (named[1].state, named[0]))
        if code in {None, place.state}
    ]
    chosen = [place for place in found if every or place.verified is not None]
    if json_:
        print_lines(map(local_sources.export_json, chosen))
    elif csv_:
        print_csv([local_sources.export_json(place) for place in chosen])
    else:
        _print_tables(chosen)
    say(f"{counted(len(chosen), 'source')} of {len(found):,}.")


def _print_tables(places: Sequence[Place]) -> None:
    """Print the sources' tables, each state's below the name of its file."""
    for state, here in groupby(places, key=lambda place: place.state):
        print(f"# {catalog.FOLDER}/{state}.toml\n")
        for place in here:
            print(f"{catalog.table(place)}\n")
    secret = [place for place in places if masked(place.address) != place.address]
    if secret:
        names = "; ".join(place.name for place in secret)
        say(f"These addresses hold a token. Take it out before you pass the tables on: {names}")


@app.command()
def coverage(
    state: State = None,
    json_: Json = False,
    csv_: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
) -> None:
    """Show how many counties and cities have a source, by state.

    It counts all counties, and the counties and cities with an agreement.
    """
    settings, code = prepared(), one_state(state)
    known = one_shot.read(settings, lambda store: store.known())
    rows = [
        local_sources.coverage_json(row)
        for row in counted_coverage(_all_places(settings).values(), known.participating.values())
        if code is None or row.state == code
    ]
    if json_:
        print_lines(rows)
    elif csv_:
        print_csv(rows)
    else:
        columns = (
            "state",
            "counties",
            "with a source",
            "counties with an agreement",
            "with a source",
            "cities with an agreement",
            "with a source",
        )
        print_table(columns, ([str(value) for value in row.values()] for row in rows))
        if not rows:
            say(f"{state_name(code or '')} isn't counted. Coverage is of the states and the District of Columbia.")
            return
        if not known.participating:
            say("ICE's list hasn't been read yet, so no agreement is counted. To read it, run: countersign poll")


@app.command()
def check(
    name: Annotated[
        str | None, typer.Argument(help="A source, as `countersign sources` lists it. By default, all of them.")
    ] = None,
    state: State = None,
    json_: Json = False,
) -> None:
    """Read local sources once and print the results.

    A source that can be read counts as verified. Exits with 1 if any source fails.
    """
    settings, code = prepared(), one_state(state)
    found = _all_places(settings)
    places = [catalog.named(found, name)] if name else [p for p in found.values() if code in {None, p.state}]
    if not places:
        raise UsageError(_no_source(code))
    answers = _check(settings, places, as_lines=json_)
    failed = sum(not answer["read"] for answer in answers)
    say(f"Read {len(answers) - failed:,} of {counted(len(answers), 'source')}.")
    raise typer.Exit(1 if failed else 0)


def _no_source(code: str | None) -> str:
    where = f" in {state_name(code)}" if code else ""
    return f"The catalog has no source{where}. Add one: countersign sources add ADDRESS --state {code or 'NC'}"


def _check(settings: Settings, places: Sequence[Place], *, as_lines: bool) -> list[JsonObject]:
    """Check the places and print the results.

    If the data folder is in use, the running program checks the places instead. Otherwise this process checks them and
    prints each result as it arrives.
    """

    def print_result(answer: JsonObject) -> None:
        _print_check(answer, as_lines=as_lines)

    try:
        return one_shot.write_here(settings, say, lambda runner: local_sources.check(runner, places, print_result))
    except StoreBusy:
        if settings.database_url is not None:
            raise
    say("The running program is reading them. You will see the results when it has finished.")
    answers = control_socket.hand_over(settings.data, "check", {"names": [place.name for place in places]})["checked"]
    for answer in answers:
        print_result(answer)
    return list(answers)


def _print_check(answer: JsonObject, *, as_lines: bool) -> None:
    name = answer["name"]
    if as_lines:
        print_lines([answer])
    elif not answer["read"]:
        print(f"{name}: not read: {answer['problem'].removeprefix(f'{name}: ')}")
    elif answer["unchanged"]:
        print(f"{name}: nothing new since last time")
    else:
        unreadable = f", {answer['unreadable']:,} couldn't be read" if answer["unreadable"] else ""
        print(
            f"{name}: {counted(answer['new'], 'new item')}, {answer['to_come']:,} upcoming, "
            f"{counted(answer['mentions'], 'mention')} of 287(g){unreadable}"
        )
        for problem in answer["problems"]:
            print(f"    {problem}")


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="Any address on the site.")],
    state: ItsState = None,
    county: Annotated[str, typer.Option(help="Its county, without the word “County”.")] = "",
    name: Annotated[str, typer.Option(help="Its name, as in “Nash County”.")] = "",
    zone: Annotated[str, typer.Option(help="Its time zone, if it isn't the usual one in its state.")] = "",
    kind: Kind = None,
    write: Annotated[bool, typer.Option("--write", help="Write the table to config/sources.")] = False,
    unread: Annotated[bool, typer.Option("--unread", help="Don't read the source first.")] = False,
) -> None:
    """Propose a source for config/sources. The source's platform is detected, and the source is read once as a test."""
    settings = prepared()
    place = place_of(address, kind=kind, state=one_state(state) or "", county=county, name=name)
    if place.state:
        _checked(place, zone)
    if not unread:
        place = _looked_at(settings, place, is_given=(kind is not None, bool(name)))
    if kind is None and (needed := _list_needed(place)):
        raise UsageError(needed)
    place = _checked(place, zone)
    if not unread:
        place = _read_once(settings, place, is_kind_given=kind is not None)
    if write:
        say(f"Written to {catalog.add(place)}:")
    else:
        say(f"Put this in config/sources/{place.state}.toml, or run the command again with --write:")
    print(catalog.table(place))


def _list_needed(place: Place) -> str:
    """Return what to give instead of an address on a known platform that isn't a place's list of meetings, or ""."""
    needed = list_needed(place.address) if place.kind == "page" else ""
    return needed and (
        f"I know the platform at {host_of(place.address)}, but this address isn't a place's list of meetings. Open the "
        f"list in a browser and copy its address, which looks like {needed}"
    )


def _checked(place: Place, zone: str) -> Place:
    """Return a valid table's place, in its zone. Raise UsageError if its state isn't known or it is in the catalog."""
    usual = catalog.usual_zone(place.state, place.county, catalog.places().values()) if place.state else ""
    place = proposed(place)
    return catalog.checked(replace(place, zone=zone or usual))


def _looked_at(settings: Settings, place: Place, *, is_given: tuple[bool, bool]) -> Place:
    """Return the source that a page shows or links to, with the body, state and county that the site names.

    If the page can't be fetched, return the place as it is; reading it will say why.
    """
    has_kind, has_name = is_given
    inside, stated = _look(settings, place)
    found = place if has_kind else _chosen(place, inside, stated)
    return replace(found, name=place.name, state=found.state or stated[1]) if has_name else of_its_body(found, stated)


def _look(settings: Settings, place: Place) -> tuple[list[Place], tuple[str, str]]:
    """Return the sources that a place's page leads to, and whose site it is. Return neither if it can't be fetched."""

    async def look() -> tuple[list[Place], tuple[str, str]]:
        async with _fetch(settings) as fetch:
            return await look_at(fetch, place)

    try:
        return asyncio.run(look())
    except SourceError:
        return [], ("", "")


def _chosen(place: Place, inside: Sequence[Place], stated: tuple[str, str]) -> Place:
    """Return the source to propose: the first that a page leads to, if it isn't another place's, or the page itself."""
    own = [each for each in inside if not is_anothers(each, place, stated)]
    for each in inside:
        if each not in own:
            say(f"This page also links to {masked(each.address)} ({each.kind}), which seems to be another place's.")
    if own:
        say(f"This page shows or links to {masked(own[0].address)} ({own[0].kind}), so that is proposed instead.")
        say("To propose the page itself, run the command again with --kind page.")
        for each in own[1:MOST_OFFERED]:
            say(f"It also links to {masked(each.address)} ({each.kind}). To propose that, run the command with it.")
        return replace(own[0], state=place.state or own[0].state, county=place.county)
    if place.kind == "page" and not list_needed(place.address):
        say("I don't know this site's platform, so I read it as a page: its whole text counts as one item.")
    return place


def _command_for(place: Place, *, kind: str) -> str:
    """Return the command that proposes this source, with all that is known about it."""
    name = place.name.removesuffix(f", {place.state}")
    options = {"--state": place.state, "--name": name, "--county": place.county, "--kind": kind}
    given = [word for option, value in options.items() if value for word in (option, value)]
    return join(["countersign", "sources", "add", masked(place.address), *given])


def _read_once(settings: Settings, place: Place, *, is_kind_given: bool) -> Place:
    """Read the place, print how many items were found and return the place with its actual kind."""
    try:
        place, found = asyncio.run(_read(settings, place, is_kind_given=is_kind_given))
    except SourceError as fault:
        say(str(fault))
        again = _command_for(place, kind=place.kind if is_kind_given else "")
        say(f"A source that can't be read isn't proposed. To propose it anyway, run: {again} --unread")
        raise typer.Exit(1) from None
    numbers = {what: sum(one["what"] == what for one in found) for what in ("item", "mention", "problem")}
    coming = next_meetings(found, utc_now().astimezone(zone_or_utc(place.zone)).date())
    for line in coming:
        say(f"  {legible(line)}")
    say(f"Kind: {place.kind}. Read {', '.join(counted(number, what) for what, number in numbers.items())}.")
    return place
