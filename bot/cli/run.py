"""Commands that run until they are stopped: `run`, `worker`, `web`, `relay` and `demo`."""

import os
import re
from typing import Annotated

import typer

from bot.cli.options import subject
from bot.config.data_folder import current_folder, relay_folder
from bot.errors import UsageError

app = subject()


@app.command()
def run() -> None:
    """Poll, send alerts and answer chats until stopped. SIGTERM or Ctrl-C lets the work in progress finish first."""
    from bot.app import lifecycle  # noqa: PLC0415 - imports a web server, which short commands don't need

    lifecycle.run()


@app.command()
def worker() -> None:
    """Poll and send alerts, alongside other workers. All workers with the same DATABASE_URL share the work."""
    from bot.app import lifecycle  # noqa: PLC0415 - imports a web server, which short commands don't need

    lifecycle.work()


@app.command()
def web() -> None:
    """Serve webhooks, pages and health checks. Listens on PORT. Without DATABASE_URL, it serves only health checks."""
    from bot.app import lifecycle  # noqa: PLC0415 - imports a web server, which short commands don't need

    lifecycle.serve()


@app.command()
def relay(
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="The web address of the Countersign that ICE refuses.")],
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="A folder for readings that the host hasn't taken yet. By default, “relay” in the current folder.",
            show_default=False,
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Read and hand over once, then exit; for a timer.")] = False,
) -> None:
    """Read ICE's lists here and hand them to a Countersign on a host that ICE refuses.

    Set the same COUNTERSIGN_RELAY_SECRET on both machines. With --once, it exits with 1 if ICE couldn't be read or the
    host didn't take the reading.
    """
    from bot.app.other_ways import relay_to  # noqa: PLC0415 - imports a web server, which short commands don't need
    from bot.observability.logs import running  # noqa: PLC0415 - the same

    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", to):
        raise UsageError(f"{to!r} isn't a web address. Use one like https://bot.example.org.")
    if folder is not None and not folder.strip():
        raise UsageError("--folder is empty. Name a folder, as in --folder relay, or leave it out.")
    path = relay_folder(folder, os.environ, current_folder())
    if not relay_to(running(), to, path, once=once):
        raise typer.Exit(1)


@app.command()
def demo(
    pace: Annotated[float, typer.Option(min=0, max=600, metavar="SECONDS", help="The time between two scenes.")] = 7.0,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, metavar="PORT", help="The port of the page; by default, 8287 or a free one."),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Don't open a browser.")] = False,
) -> None:
    """Show on this machine what Countersign does, with made-up lists. It needs no account and no internet.

    This program plays ICE, Telegram and Slack. It doesn't touch your own settings and data.
    """
    from bot.demo import program  # noqa: PLC0415 - imports web servers

    program.run(program.Options(port=port, pace=pace, opens=not no_open), lambda text: print(text, flush=True))
