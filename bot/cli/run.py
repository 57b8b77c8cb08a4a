"""Commands that run until they are stopped: `run`, `worker` and `web`."""

from bot.cli.options import subject

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
