"""The entry point of `countersign` and `python -m bot`. It checks the Python version and runs the command line."""

import gc
import os
import signal
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - someone may still run an older Python
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"Countersign needs Python 3.11 or later; this is {version}.", file=sys.stderr)  # noqa: T201 - no log yet
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    gc.disable()  # imported modules are never freed, and scanning them would add a tenth to startup
    from bot.cli.main import command_line  # noqa: PLC0415 - only after the version check

    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup does
            signal.signal(number, _interrupt)
    return command_line()


def _interrupt(number: int, _: object) -> None:
    """End a command as Ctrl-C does, so that it removes its temporary files. A second signal ends it at once."""
    signal.signal(number, _end)
    signal.raise_signal(signal.SIGINT)


def _end(number: int, _: object) -> None:
    """End the program by the signal itself, because Python would print a traceback during the imports.

    As process 1 of a container, the program wouldn't end at all without this.
    """
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # the kernel ignored the signal, because this is process 1


if __name__ == "__main__":
    sys.exit(main())
