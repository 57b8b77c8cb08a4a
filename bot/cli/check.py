"""The command `check`, which says what is wrong with this installation."""

import asyncio
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

import typer

from bot.cli.options import Json, subject
from bot.cli.output import print_lines
from bot.config.in_force import DEFAULT, NOT_SET, Setting
from bot.domain.finding import Finding, Group, Verdict, count_of
from bot.domain.letters import counted

app = subject()

SIGNS = {Verdict.OK: "✓", Verdict.WARNING: "!", Verdict.WRONG: "✗", Verdict.UNKNOWN: "?"}
PLAIN_SIGNS = {Verdict.OK: "+", Verdict.WARNING: "!", Verdict.WRONG: "x", Verdict.UNKNOWN: "?"}
COLORS = {Verdict.OK: typer.colors.GREEN, Verdict.WARNING: typer.colors.YELLOW, Verdict.WRONG: typer.colors.RED}
SETTINGS = "settings"  # the group under which the settings in force are printed
WIDEST = 100  # columns
VERDICT = 17  # columns for the sign and the word


@app.command()
def check(json_: Json = False) -> None:
    """Find out what is wrong with this installation, and what to do about it.

    Looks at the settings, the tokens, the chats, the store, the disk, the clock, ICE's site and the public address. It
    changes nothing and may run beside the program. Exits with 1 if something is wrong.
    """
    from bot.app.check import checked  # noqa: PLC0415 - imports a web server, which short commands don't need
    from bot.app.wiring import utc_now  # noqa: PLC0415 - the same
    from bot.observability.logs import set_up_logs  # noqa: PLC0415 - the same

    set_up_logs(None, quiet=True)
    found = asyncio.run(checked(os.environ, utc_now))
    problems = count_of(found.groups, Verdict.WRONG)
    if json_:
        print_lines(setting_json(setting) for setting in found.settings)
        print_lines(line for group in found.groups for line in group_json(group))
        print_lines([{"problems": problems, "warnings": count_of(found.groups, Verdict.WARNING)}])
    else:
        lines = as_text(found.settings, found.groups, width=_width(), signs=_signs())
        in_color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print("\n".join(map(_colored, lines) if in_color else lines))
    raise typer.Exit(1 if problems else 0)


def setting_json(setting: Setting) -> dict[str, str]:
    """Return a setting as JSON."""
    return {"setting": setting.name, "value": setting.value, "origin": setting.origin}


def group_json(group: Group) -> list[dict[str, str]]:
    """Return the findings of a group as JSON."""
    return [
        {"group": group.name, "verdict": each.verdict.value, "said": each.said, "advice": each.advice}
        for each in group.findings
    ]


def as_text(
    settings: Sequence[Setting], groups: Sequence[Group], *, width: int, signs: dict[Verdict, str]
) -> list[str]:
    """Return the report as lines of at most `width` columns, unless a word is longer."""
    lines: list[str] = []
    for group in groups:
        of_settings = _of_settings(settings, width) if group.name == SETTINGS else []
        lines += [group.name, *of_settings]
        lines += [line for finding in group.findings for line in _of_finding(finding, width, signs)]
        lines.append("")
    return [*lines, _summary(groups)]


def _of_settings(settings: Sequence[Setting], width: int) -> list[str]:
    """Return a line for each setting that someone set, and a paragraph about the others."""
    given = [setting for setting in settings if setting.origin != DEFAULT]
    usual = [setting for setting in settings if setting.origin == DEFAULT]
    widest = max((len(setting.name) for setting in given), default=0)
    said = [f"{each.name:{widest}}  {each.value} ({each.origin})" for each in given]
    if usual:
        named = ", ".join(f"{each.name}={each.value}" for each in usual if each.value != NOT_SET)
        unset = sum(each.value == NOT_SET for each in usual)
        said.append(f"default: {named}; and {unset} more that aren't set")
    return [line for text in said for line in _wrapped(text, "  ", "    ", width)]


def _of_finding(finding: Finding, width: int, signs: dict[Verdict, str]) -> list[str]:
    mark = f"{f'  {signs[finding.verdict]} {finding.verdict.value}':{VERDICT}}"
    return _wrapped(f"{finding.said} {finding.advice}".strip(), mark, " " * VERDICT, width)


def _wrapped(text: str, first: str, rest: str, width: int) -> list[str]:
    """Wrap a text, but never within an address or a command's option."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _summary(groups: Sequence[Group]) -> str:
    warnings, unchecked = count_of(groups, Verdict.WARNING), count_of(groups, Verdict.UNKNOWN)
    more = [counted(warnings, "warning")] if warnings else []
    more += [f"{unchecked:,} not checked"] if unchecked else []
    start = f"{', '.join(more)}, " if more else ""
    return f"{start}{counted(count_of(groups, Verdict.WRONG), 'problem')}"


def _colored(line: str) -> str:
    """Return a line as a terminal shows it: names of groups in bold, and the word of each verdict in its color."""
    if line and not line.startswith(" "):
        return typer.style(line, bold=True)
    word = next((each for each in Verdict if each in COLORS and f" {each.value} " in line[:VERDICT]), None)
    return line if word is None else typer.style(line[:VERDICT], fg=COLORS[word]) + line[VERDICT:]


def _width() -> int:
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def _signs() -> dict[Verdict, str]:
    """Return the signs that the terminal can show."""
    try:
        "".join(SIGNS.values()).encode(sys.stdout.encoding or "ascii")
    except (UnicodeError, LookupError):
        return PLAIN_SIGNS
    return SIGNS
