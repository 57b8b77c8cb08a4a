"""`countersign` and `python -m bot`: the version check, and the last place where an error can go."""

import gc
import sys


def main() -> int:
    """Run the command line; every error is one line, never a traceback."""
    if sys.version_info < (3, 11):  # noqa: UP036 - somebody may run it with an older Python all the same
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"Countersign needs Python 3.11 or later; this is {version}.", file=sys.stderr)  # noqa: T201 - no log yet
        return 1
    gc.disable()  # what is imported stays: looking for garbage in it takes a tenth of the start
    from bot.cli.main import command_line  # noqa: PLC0415 - after the version check

    gc.freeze()
    gc.enable()
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
