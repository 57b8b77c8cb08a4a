"""Options shared by several commands."""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from bot.channels import CHANNELS
from bot.domain.geography.states import STATES
from bot.domain.language import Language


def _starting_with(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a function that completes the word that is being typed in a shell."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in known if word.casefold().startswith(incomplete.casefold())]

    return complete


CHANNEL_NAMES = _starting_with(CHANNELS)
STATE_CODES = _starting_with(STATES)
LANGUAGES = _starting_with(language.value for language in Language)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
State = Annotated[
    str | None,
    typer.Option("--state", help="Only this state: a postal code or a name.", autocompletion=STATE_CODES),
]
States = Annotated[
    str | None, typer.Option(help="Postal codes or names, as in TX,Florida; or all.", autocompletion=STATE_CODES)
]
County = Annotated[
    list[str] | None,
    typer.Option(metavar="PLACE", help="A county, as in “Harris County TX”, or a town or ZIP code in it. Repeatable."),
]
Agency = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Part of an agency's name, as in “Tampa Police”. Repeatable.")
]
AgencyType = Annotated[
    list[str] | None,
    typer.Option(
        "--agency-type", metavar="TYPE", help="As in “sheriffs in TX” or “statewide agencies of TX”. Repeatable."
    ),
]
Type = Annotated[str | None, typer.Option("--type", help="Only these support types: JEM, WSO, TFM; or all.")]
Kinds = Annotated[
    str | None,
    typer.Option(help="Kinds of change, as in signed,withdrawn; +amended adds one, -applied removes one; or default."),
]
Zone = Annotated[str | None, typer.Option(help="The time zone of all times, as in America/Chicago; UTC by default.")]
InLanguage = Annotated[str | None, typer.Option(help="en (the default) or es.", autocompletion=LANGUAGES)]
Topic = Annotated[int | None, typer.Option(help="The number of a topic in a Telegram group.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would happen and how many chats would be told; change nothing.")
]


class TakesChatNumber(TyperCommand):
    """A command that accepts a group's number as an argument.

    The number starts with a minus sign and must not be parsed as an option.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move negative numbers after `--`, so that they aren't parsed as options."""
        numbers = [word for word in args if re.fullmatch(r"-\d+(:\d+)?", word)]
        if numbers and "--" not in args:
            args = [*(word for word in args if word not in numbers), "--", *numbers]
        return super().parse_args(ctx, args)


def subject() -> typer.Typer:
    """Return an empty group for related commands. `main` merges all groups into one list."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
