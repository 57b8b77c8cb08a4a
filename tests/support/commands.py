"""The commands and options of `countersign`, for checking what documents and examples type."""

from collections.abc import Iterator, Sequence
from typing import Any

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


def found(words: Sequence[str]) -> tuple[Any, str]:
    """Return the command that the first words name, and its name. Options of the program itself name none."""
    command, name = PROGRAM, ""
    for word in words:
        if not isinstance(command, TyperGroup) or word.startswith("-"):
            break
        assert word in command.commands, f"there is no command {f'{name} {word}'.strip()!r}"
        command, name = command.commands[word], f"{name} {word}".strip()
    return command, name


def parsed(words: Sequence[str]) -> str:
    """Parse a command line as the program does, and return the name of its command. Nothing is run."""
    assert words[0] == NAME
    command, name = found(words[1:])
    rest = [plain_option(word) for word in words[1 + len(name.split()) :]]
    if not name:
        known = {option for part in PROGRAM.params for option in part.opts}
        assert set(rest) <= known | {"--help", "-h"}, f"{' '.join(words)}: not an option"
        return name
    try:
        command.make_context(name, [word for word in rest if word not in {"--help", "-h"}])
    except UsageError as fault:
        raise AssertionError(f"{' '.join(words)}: {fault.format_message()}") from None
    return name
