"""The command that writes the public pages as files: `pages`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.app.one_shot import read
from bot.channels.setup import is_web_address
from bot.cli.options import subject
from bot.cli.output import say
from bot.domain.letters import counted
from bot.errors import UsageError
from bot.observability.logs import prepared
from bot.store import Store

if TYPE_CHECKING:
    from bot.web.pages.export import Export

app = subject()


@app.command()
def pages(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the files.")],
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="The public address of the pages. The default is COUNTERSIGN_PUBLIC_URL.")
    ] = "",
) -> None:
    """Write the public pages, feeds and data as files for a static host.

    Only files that changed are written again. Files that are no longer needed are removed if an earlier run wrote them.
    """
    from bot.app.web_wiring import installation, page_origin  # noqa: PLC0415 - imports a web server, which short commands don't need
    from bot.web.pages.cache import model_now  # noqa: PLC0415 - the same
    from bot.web.pages.export import export  # noqa: PLC0415 - the same

    settings = prepared()
    if base_url and not is_web_address(base_url):
        raise UsageError(f"“{base_url}” isn't a web address. Use one such as https://www.example.org.")
    about = installation(settings, base_url)

    async def write(store: Store) -> "Export":
        return await export(await model_now(page_origin(settings, store)), store, about, folder)

    try:
        done = read(settings, write)
    except OSError as fault:
        raise UsageError(f"{folder} can't be written: {fault.strerror}. Name a folder that you may write to.") from None
    removed = f" {counted(done.removed, 'file')} removed." if done.removed else ""
    say(f"{counted(len(done.files), 'file')} in {folder}, {done.written:,} of them new or changed.{removed}")
