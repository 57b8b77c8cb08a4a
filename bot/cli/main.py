"""The `countersign` command: its subcommands, and the exit codes and messages for errors."""

import errno
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated

import typer

from bot import __version__
from bot.cli import check, init, lists, manual, pages, run, sources, storage, subscriptions
from bot.cli.output import say
from bot.domain.chat.characters import plain_option
from bot.domain.letters import counted
from bot.errors import ConfigError, CountersignError, UsageError

NAME = "countersign"
OF_THE_MACHINE = {  # errors of the disk, of permissions and of paths, which aren't ours to mend
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG),
}

app = typer.Typer(
    cls=manual.Manual,
    no_args_is_help=True,
    epilog=manual.EXIT_CODES,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    run.app,
    init.app,
    check.app,
    lists.app,
    subscriptions.app,
    sources.read_app,
    pages.app,
    storage.app,
    manual.app,
):
    app.add_typer(part)
app.add_typer(sources.app, name="sources")
manual.add_examples(app)


def command_line() -> int:
    """Run the command that was typed, and return the exit code.

    The code is 1 if the command failed, and 2 if the command or the settings were wrong.
    """
    _replace_closed_streams()
    try:
        app([plain_option(word) for word in sys.argv[1:]], prog_name=NAME)  # also when it runs as `python -m bot`
    except ConfigError as fault:
        for problem in fault.problems:
            say(problem)
        say(f"{counted(len(fault.problems), 'problem')} with the configuration. Nothing was done.")
        return 2
    except CountersignError as fault:
        say(str(fault))
        return 2 if isinstance(fault, UsageError) else 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader closed the pipe
    except KeyboardInterrupt:
        return 130
    except Exception as fault:  # noqa: BLE001 - users never see a traceback
        say(_unforeseen(fault))
        return 1
    return 0


def _replace_closed_streams() -> None:
    """Open the null device for each standard stream that is closed, so that no file of ours gets its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end


def _unforeseen(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.errno in OF_THE_MACHINE:
        return f"Stopped: {fault.filename or 'the output or the disk'} can't be used ({fault.strerror})."
    return f"Countersign failed with an internal error. Please report it and attach the file {_saved_traceback()}."


def _saved_traceback() -> str:
    """Write the current traceback to a temporary file and return its path."""
    with tempfile.NamedTemporaryFile("w", prefix="countersign-", suffix=".txt", delete=False) as file:
        file.write(f"Countersign {__version__}, Python {sys.version}\n\n{traceback.format_exc()}")
    return file.name


def _print_version(asked: bool) -> None:
    if asked:
        print(f"countersign {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Tells people when a police agency joins or leaves ICE's 287(g) program.

    Settings come from config/countersign.toml, .env and the environment; the README lists them.
    """
