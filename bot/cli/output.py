"""Terminal output: tables, JSON lines, CSV, counts and a progress bar."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from bot.commands.as_json import JsonObject, change_json
from bot.domain.change import Change
from bot.domain.letters import counted
from bot.domain.text.rich_text import escaped_json, legible
from bot.domain.text.wording import state_name
from bot.errors import UsageError
from bot.observability.person import wrapped


def say(text: str) -> None:
    """Print a notice to stderr."""
    print(text, file=sys.stderr)


def say_wrapped(text: str) -> None:
    """Print a notice to stderr, wrapped between words if it's a terminal."""
    lines = text.split("\n") if sys.stderr.isatty() else []
    say("\n".join(wrapped(line) for line in lines) if lines else text)


def print_lines(found: Iterable[JsonObject]) -> None:
    """Print each object as one line of JSON."""
    for line in found:
        print(escaped_json(json.dumps(line, ensure_ascii=False)))


def print_changes(found: Sequence[JsonObject], *, as_lines: bool) -> None:
    """Print changes as JSON lines or as a table."""
    if as_lines:
        print_lines(found)
        return
    columns = ("observed", "kind", "state", "agency", "type", "signed")
    print_table(
        columns,
        ([_minute(c), c["kind"], c["state"], _name(c), c["support_type"] or "", date_cell(c)] for c in found),
    )


def print_effect(effect: JsonObject) -> None:
    """Print what one chat of each language would read, and how many chats would be told."""
    for code, text in effect["messages"].items():
        print(f"── {code} ──\n{text}\n")
    languages = ", ".join(f"{n:,} in {code}" for code, n in effect["languages"].items())
    print(f"{counted(effect['chats'], 'chat')} would be told{f' ({languages})' if languages else ''}.")
    if effect["paused"]:
        print(f"{counted(effect['paused'], 'paused chat')} would be told after the pause.")
    if effect["unserved"]:
        print(f"{counted(effect['unserved'], 'chat')} can't be told, because the channel isn't set up.")


def date_cell(found: JsonObject) -> str:
    """Return the signing date of a change or an agreement for a table. If the date is doubtful, say so."""
    return f"{found['signed']} (doubtful)" if found["signed_doubtful"] else found["signed"] or ""


def _minute(change: JsonObject) -> str:
    return str(change["observed_at"])[:16].replace("T", " ")


def _name(change: JsonObject) -> str:
    was = change["was"]
    if change["mention"]:
        return legible(f"{change['agency']}: {change['mention']['title']}")
    if change["kind"] == "renamed" and was:
        return f"{change['agency']} (was {was['agency']})"
    if change["kind"] == "corrected" and was and was["state"] != change["state"]:
        return f"{change['agency']} (was under {state_name(was['state'])})"
    return str(change["agency"])


def print_csv(rows: Sequence[JsonObject]) -> None:
    """Print objects with the same keys as CSV, with a heading."""
    if rows:
        table = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def print_bytes(text: bytes) -> None:
    """Print text that is the same on every terminal and in every file."""
    sys.stdout.write(text.decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns under their headings on a terminal. Otherwise, print tab-separated lines.

    On a narrow terminal, long cells continue on the next line. Without rows, nothing is printed: say that in words.
    """
    found = list(rows)
    if found and not sys.stdout.isatty():
        for row in (columns, *found):
            print("\t".join(row))
    elif found:
        headings = (Column(name, overflow="fold") for name in columns)
        table = Table(*headings, box=None, pad_edge=False, header_style="bold")
        for row in found:
            table.add_row(*row)
        Console().print(table, markup=False)


class ProgressBar:
    """A progress bar, shown only on a terminal."""

    def __init__(self, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._on = sys.stderr.isatty()
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        if self._on:
            self._bar.start()
        return self

    def show(self, done: int, doing: str) -> None:
        """Show the number of finished items and the name of the current one."""
        self._bar.update(self._task, completed=done, description=doing)

    def show_of(self, done: int, total: int, doing: str) -> None:
        """Update the progress bar, including the total, which may change during the work."""
        self._bar.update(self._task, completed=done, total=total, description=doing)

    def __exit__(self, *_: object) -> None:
        if self._on:
            self._bar.stop()


class LinesFile:
    """A file of changes, with one JSON object per line. Without a path, nothing is written."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._file: TextIO | None = path.open("w", encoding="utf-8") if path else None
        except OSError as fault:
            raise UsageError(f"Can't write {path}: {fault.strerror}.") from None

    def __enter__(self) -> Self:
        return self

    def write(self, change: Change) -> None:
        """Write one change."""
        if self._file:
            self._file.write(escaped_json(json.dumps(change_json(change), ensure_ascii=False)) + "\n")

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()
