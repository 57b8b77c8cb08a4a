"""Options that several commands share."""

import re
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
State = Annotated[str | None, typer.Option("--state", help="Only this state: a postal code or a name.")]


class TakesChatNumber(TyperCommand):
    """A command whose last argument may be a group's number, which starts with a minus sign but isn't an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move negative numbers after `--`, where nothing is parsed as an option."""
        numbers = [word for word in args if re.fullmatch(r"-\d+", word)]
        if numbers and "--" not in args:
            args = [*(word for word in args if word not in numbers), "--", *numbers]
        return super().parse_args(ctx, args)


def subject() -> typer.Typer:
    """Return an empty group for the commands on one subject. `main` merges all groups into one list."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
