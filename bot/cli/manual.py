"""The manual: the list of commands by subject, an example for each command, and `countersign help`."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bot.cli.options import subject
from bot.domain.suggest import suggest
from bot.errors import UsageError

app = subject()

# The headings of the list, by the module of `bot.cli` that has the command.
_SUBJECTS = {
    "run": "Run the program",
    "init": "Run the program",
    "check": "Run the program",
    "lists": "ICE's lists",
    "subscriptions": "Subscriptions",
    "sources": "Local sources",
    "pages": "Public pages",
    "storage": "Storage",
}
_OTHERS = "More"

# One or two command lines for each command. `tests/cli/test_manual.py` runs their options through the parser.
_EXAMPLES = {
    "run": ("countersign run",),
    "demo": ("countersign demo", "countersign demo --pace 3 --no-open"),
    "init": ("countersign init", "countersign init --platform telegram --contact you@example.org"),
    "check": ("countersign check",),
    "worker": ("countersign worker",),
    "web": ("countersign web",),
    "relay": (
        "countersign relay --to https://bot.example.org",
        "countersign relay --to https://bot.example.org --once",
    ),
    "poll": ("countersign poll", "countersign poll --local --json"),
    "changes": ("countersign changes --state TX --since 2026-11-01", "countersign changes --csv > changes.csv"),
    "agreements": ("countersign agreements --state Florida", "countersign agreements --csv > agreements.csv"),
    "held": ("countersign held",),
    "approve": ("countersign approve 3f2a --dry-run", "countersign approve 3f2a"),
    "reject": ("countersign reject 3f2a",),
    "retract": (
        "countersign retract 1204 --reason misread --dry-run",
        'countersign retract 1204 --because "ICE listed this agency under another name."',
    ),
    "status": ("countersign status", "countersign status --check"),
    "subscribe": (
        "countersign subscribe telegram -1001234567890 --states TX,Oklahoma",
        "countersign subscribe slack C0123456789 --states all --cadence daily --at 08:00 --tz America/Chicago",
    ),
    "pause": ('countersign pause slack C0123456789 --for "3 days"',),
    "resume": ("countersign resume slack C0123456789",),
    "test": ("countersign test telegram 12345 --language es",),
    "preview": ('countersign preview --states TX --county "Harris County TX" --days 30',),
    "unsubscribe": ("countersign unsubscribe slack C0123456789",),
    "mend": ("countersign mend s12 --tz America/Denver",),
    "subscriptions": ("countersign subscriptions", "countersign subscriptions --json"),
    "deliver": ("countersign deliver",),
    "deliveries": ("countersign deliveries --failed",),
    "read": ("countersign read https://www.example.gov/AgendaCenter --state NC",),
    "pages": ("countersign pages public --base-url https://www.example.org",),
    "migrate": ("countersign migrate",),
    "backup": ("countersign backup countersign.backup", "countersign backup - > countersign.backup"),
    "restore": ("countersign restore countersign.backup", "countersign restore countersign.backup --to rehearsal"),
    "move": ("countersign move --from data --to postgresql://countersign@db.example.org/countersign",),
    "replay": ("countersign replay lists --json changes.jsonl", "countersign replay lists --keep"),
    "sources": ("countersign sources --state NC",),
    "sources coverage": (
        "countersign sources coverage --state NC",
        "countersign sources coverage --csv > coverage.csv",
    ),
    "sources export": ("countersign sources export --state NC", "countersign sources export --csv > sources.csv"),
    "sources check": ('countersign sources check "Nash County, NC"', "countersign sources check --state NC"),
    "sources add": (
        'countersign sources add https://www.example.gov/AgendaCenter --state NC --name "Nash County" --county Nash',
    ),
    "help": ("countersign help subscribe", "countersign help sources check"),
}

EXIT_CODES = (
    "Exit codes: 0 if it worked, 1 if it failed, 2 if the command or a setting is wrong, 130 if you pressed Ctrl-C."
)


class Manual(TyperGroup):
    """The list of commands under headings, with the whole first sentence of each, however narrow the terminal is."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands under their headings."""
        listed: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                line = (name, command.get_short_help_str(limit=1_000))
                listed.setdefault(_heading(command), []).append(line)
        for heading, lines in listed.items():
            with formatter.section(heading):
                formatter.write_dl(lines)


def _heading(command: Any) -> str:
    module = getattr(command.callback, "__module__", "").rpartition(".")[2]
    return _SUBJECTS.get(module, _OTHERS)


def add_examples(app: typer.Typer, before: str = "") -> None:
    """Give each command its examples, as the end of its help. `before` is the name of the group of commands."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        command.epilog = command.epilog or as_epilog(_EXAMPLES.get(f"{before}{name}", ()))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            name = f"{group.name} " if isinstance(group.name, str) else ""
            add_examples(group.typer_instance, name)
            group.epilog = as_epilog(_EXAMPLES.get(name.strip(), ()))


def as_epilog(examples: Sequence[str]) -> str | None:
    """Return examples as the end of a command's help. They aren't wrapped, so that each can be copied whole."""
    if not examples:
        return None
    return "\n".join(("\b", "Examples:" if len(examples) > 1 else "Example:", *(f"  {line}" for line in examples)))


def _commands(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a command in a shell."""
    program: Any = ctx.find_root().command
    return [name for name in program.commands if name.startswith(incomplete)]


@app.command("help")
def show_help(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]", help="By default, all of them.", autocompletion=_commands),
    ] = None,
) -> None:
    """Show how to use a command, with its options and an example."""
    root = ctx.find_root()
    *_, (last, found) = _path(root, words or [])
    print(found.get_help(last))


def _path(ctx: Any, words: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """Yield the context and the command of each word, beginning with the program itself."""
    command = ctx.command
    yield ctx, command
    for position, word in enumerate(words):
        names = command.list_commands(ctx) if isinstance(command, TyperGroup) else []
        if word not in names:
            before = " ".join(("countersign", *words[:position]))
            near = suggest(word, names)
            advice = f"Did you mean {before} {near}?" if near else "`countersign help` lists the commands."
            raise UsageError(f"{before} has no command “{word}”. {advice}")
        command = command.get_command(ctx, word)
        ctx = command.make_context(word, [], parent=ctx, resilient_parsing=True)
        yield ctx, command
