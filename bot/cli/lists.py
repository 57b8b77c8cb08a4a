"""Commands for ICE's lists.

The commands are `poll`, `changes`, `agreements`, `held`, `approve`, `reject`, `retract` and `status`.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.app.one_shot import read, write
from bot.app.wiring import places, senders, sources, utc_now, where_stored
from bot.cli.options import DryRun, Json, State, subject
from bot.cli.output import (
    date_cell,
    print_bytes,
    print_changes,
    print_effect,
    print_lines,
    print_table,
    say,
    say_wrapped,
)
from bot.commands.as_json import agreement_json, change_json, held_json
from bot.commands.operator import one_state
from bot.commands.report import report
from bot.config.settings import Settings
from bot.domain.agreement import ListName
from bot.domain.change import Change, Known, Reason
from bot.domain.letters import counted
from bot.domain.lists.vetting import Held
from bot.domain.site.data_views import changes_matching
from bot.domain.site.model import Model
from bot.domain.site.tables import agreements_csv, changes_csv
from bot.domain.text.wording import state_name
from bot.domain.timestamps import stamp
from bot.errors import UsageError
from bot.observability.logs import prepared

app = subject()

Csv = Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")]
HeldId = Annotated[str, typer.Argument(metavar="ID", help="The id that `countersign held` prints.")]


@app.command()
def poll(
    local: Annotated[bool, typer.Option("--local", help="Also read the watched local sources that are due.")] = False,
    json_: Json = False,
) -> None:
    """Read ICE's lists now and print what's new. The changes are recorded. Exits with 1 if a list can't be read."""
    answer = write(prepared(), say, "poll", {"local": local})
    print_changes(answer["changes"], as_lines=json_)
    if not (json_ or answer["changes"] or answer["listed"] or answer["problems"]):
        say("Nothing new.")
    if answer["listed"]:
        say(f"First reading: {counted(answer['listed'], 'agreement')} recorded as the baseline. No alerts are sent.")
    for held in answer["held"]:
        say(f"Held ({held['id']}): {held['publication']}: {'; '.join(held['reasons'])}")
    kind = "in_words" if sys.stderr.isatty() and "in_words" in answer else "problems"
    problems: list[str] = answer[kind]
    for problem in (*problems, *answer["places"]["failed"]):
        say_wrapped(problem)
    raise typer.Exit(1 if answer["problems"] else 0)


@app.command()
def changes(
    since: Annotated[str | None, typer.Option(help="Only changes recorded since this date or time, UTC.")] = None,
    state: State = None,
    json_: Json = False,
    csv_: Csv = False,
) -> None:
    """Print the change log, oldest first. The page /data explains the columns of --csv."""
    _not_both(json_=json_, csv_=csv_)
    code, moment = one_state(state), _moment(since)
    states = [code] if code else None
    settings = prepared()
    if csv_:
        model, base = _page_model(settings)
        wanted = [c for c in changes_matching(model, code or "", "") if moment is None or _is_since(c, moment)]
        print_bytes(changes_csv(model, base, wanted))
        return
    found = read(settings, lambda store: store.changes(since=moment, states=states))
    print_changes([change_json(change) for change in found], as_lines=json_)
    if not (json_ or found):
        at_all = "No changes yet. `countersign poll` reads ICE's lists."
        say("No changes match." if since or code else at_all)


def _page_model(settings: Settings) -> tuple[Model, str]:
    """Return what the public pages show, and their address."""
    from bot.app.web_wiring import installation, page_origin  # noqa: PLC0415 - imports a web server, and only CSV needs it
    from bot.web.pages.cache import model_now  # noqa: PLC0415 - the same

    return read(settings, lambda store: model_now(page_origin(settings, store))), installation(settings).base


def _not_both(*, json_: bool, csv_: bool) -> None:
    if json_ and csv_:
        raise UsageError("--json and --csv can't be combined. Choose one.")


def _is_since(change: Change, moment: datetime) -> bool:
    return change.recorded_at is not None and change.recorded_at >= moment


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} isn't a date. Use a format like 2026-11-24 or 2026-11-24T09:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@app.command()
def agreements(
    state: State = None,
    json_: Json = False,
    csv_: Csv = False,
) -> None:
    """List the agreements that are now on ICE's list. The page /data explains the columns of --csv."""
    _not_both(json_=json_, csv_=csv_)
    code, settings = one_state(state), prepared()
    if csv_:
        model, base = _page_model(settings)
        listed = model.site.by_state.get(code, ()) if code else None
        print_bytes(agreements_csv(model, base, listed))
        return
    known = read(settings, lambda store: store.known())
    found = [
        agreement_json(agreement, known.rows[ListName.PARTICIPATING].get(key))
        for key, agreement in sorted(known.participating.items())
        if code in (None, key.state)
    ]
    if json_:
        print_lines(found)
    else:
        columns = ("state", "agency", "support_type", "county")
        print_table((*columns, "signed"), ([*(str(a[c] or "") for c in columns), date_cell(a)] for a in found))
        say(f"{counted(len(found), 'agreement')}." if found else _no_agreements(known, code))


def _no_agreements(known: Known, code: str | None) -> str:
    if ListName.PARTICIPATING not in known.seen:
        return "No agreements yet. `countersign poll` reads ICE's lists."
    return f"No agreement in {state_name(code)} is on ICE's list." if code else "No agreement is on ICE's list."


@app.command()
def held(json_: Json = False) -> None:
    """List the held listings, which haven't been accepted yet.

    Prints the reasons and the agreements that would leave the list.
    """
    found = read(prepared(), lambda store: store.held())
    if json_:
        print_lines(held_json(one) for one in found)
        return
    for one in found:
        _print_held(one)
    if not found:
        say("Nothing is held.")


def _print_held(held: Held) -> None:
    readings = counted(held.readings, "reading")
    print(f"{held.id}  {held.list.value}: {held.publication.name}, since {stamp(held.since)}, {readings}")
    for reason in held.reasons:
        print(f"    {reason}")
    for gone in held.gone:
        print(f"    would leave the list: {gone.state}  {gone.agency}  {gone.support_type.value}")


@app.command()
def approve(held_id: HeldId, dry_run: DryRun = False) -> None:
    """Accept a held listing. Its changes are recorded and sent."""
    answer = write(prepared(), say, "approve", {"held": held_id} | ({"dry_run": True} if dry_run else {}))
    print_changes(answer["changes"], as_lines=False)
    if dry_run:
        print_effect(answer["effect"])
        say(f"{counted(len(answer['changes']), 'change')} would be recorded. Nothing was approved.")
    else:
        say("Approved.")


@app.command()
def reject(held_id: HeldId) -> None:
    """Reject a held listing. It stays held until ICE publishes a different list."""
    write(prepared(), say, "reject", {"held": held_id})
    say("Rejected. It stays held until ICE publishes a different list.")


@app.command()
def retract(
    seq: Annotated[int, typer.Argument(help="The number of the change, as `countersign changes --json` prints it.")],
    reason: Annotated[
        str | None, typer.Option(help=f"Why it was wrong, given in each reader's language: {', '.join(Reason)}.")
    ] = None,
    because: Annotated[str | None, typer.Option(help="Your own words in English, with or without a reason.")] = None,
    because_es: Annotated[str | None, typer.Option("--because-es", help="Your own words in Spanish.")] = None,
    dry_run: DryRun = False,
    json_: Json = False,
) -> None:
    """Retract a change and tell everyone who got it.

    They get a reply to the original message. The log keeps the change and the retraction. Give --reason, --because or
    both. --dry-run prints how many chats would be told, and what they would read.
    """
    options = {"reason": reason, "because": because, "because_es": because_es, "dry_run": dry_run or None}
    given = {name: value for name, value in options.items() if value is not None}
    answer = write(prepared(), say, "retract", {"seq": seq} | given)
    if json_:
        print_lines([answer["change"] | {"effect": answer.get("effect")}])
    elif dry_run:
        print_effect(answer["effect"])
    if dry_run:
        say("Nothing was retracted.")
        return
    number = answer["change"]["seq"]
    say(f"Retracted change {seq} with change {number}. `countersign deliver` or the running program will send it.")


@app.command()
def status(
    json_: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if something is wrong.")] = False,
) -> None:
    """Show when each source was last read, and list any problems."""
    settings = prepared()
    found = read(
        settings,
        lambda store: report(
            store,
            now=utc_now(),
            sources=sources(settings),
            stale_hours=settings.stale_hours,
            places=places(settings),
            channels=senders(settings, store),
        ),
    )
    if json_:
        print_lines(found.as_json())
        for problem in found.channel_problems:
            say(problem)
    else:
        print(found.as_text())
        print(where_stored(settings))
        if settings.ocr:
            from bot.pipeline.ocr import readiness  # noqa: PLC0415 - few need it

            print(asyncio.run(readiness())[1])
    if check and found.is_wrong:
        raise typer.Exit(1)
