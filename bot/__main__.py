"""The entry point of `countersign` and `python -m bot`. It checks the Python version and runs the command line."""

import gc
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - someone may still run an older Python
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"Countersign needs Python 3.11 or later; this is {version}.", file=sys.stderr)  # noqa: T201 - no log yet
        return 1
    gc.disable()  # imported modules are never freed, and scanning them would add a tenth to startup
    from bot.cli.main import command_line  # noqa: PLC0415 - only after the version check

    gc.freeze()
    gc.enable()
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
