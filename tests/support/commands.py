"""The commands and options of `countersign`, for checking what documents and examples type."""

import shlex
from collections.abc import Iterator, Sequence

import typer.main
from typer.core import TyperGroup

from bot.cli.main import NAME, app
from bot.domain.chat.characters import plain_option

UsageError = typer.BadParameter.__base__  # of any wrong option or argument
PROGRAM = typer.main.get_command(app)


def names(command, before: str = "") -> Iterator[str]:
    """Yield the name of every command, with the group's name in front."""
    for name, each in sorted(command.commands.items()):
        if not each.hidden:
            yield f"{before}{name}"
            if isinstance(each, TyperGroup):
                yield from names(each, f"{before}{name} ")


def command_line(words: Sequence[str]) -> list[str]:
    """Return the arguments of a command line that starts the program, whatever folder it is in."""
    program, *rest = words
    assert program.rpartition("/")[2] == NAME, f"{program} isn't the program"
    for end, word in enumerate(rest):
        if word in {">", ">>", "|", "&&", "&", ";"}:
            return rest[:end]
    return rest


def parsed(line: str) -> str:
    """Parse a command line as the program does, and return the name of its command. Nothing is run."""
    words = [plain_option(word) for word in command_line(shlex.split(line))]
    command, context, name = PROGRAM, None, NAME
    while True:
        try:
            context = command.make_context(name, list(words), parent=context)
        except UsageError as fault:
            raise AssertionError(f"{line}: {fault.format_message()}") from None
        rest = [*context._protected_args, *context.args] if isinstance(command, TyperGroup) else []
        if not rest:
            return context.command_path
        name, words = rest[0], rest[1:]
        assert name in command.commands, f"{line}: there is no command {name!r}"
        command = command.commands[name]
