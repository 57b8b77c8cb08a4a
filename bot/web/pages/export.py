"""Write the pages as files for a static host. Only files whose bytes changed are written again."""

import asyncio
from pathlib import Path

from bot.domain.site.model import Model
from bot.store import Store
from bot.web.pages.rendering import Installation, missing_page, render_everything


async def export(model: Model, store: Store, installation: Installation, folder: Path) -> tuple[int, int]:
    """Write all pages and the evidence. Return the number of files, and the number of those that were written."""
    total, written = await asyncio.to_thread(_write_pages, model, installation, folder)
    for sha256 in sorted(model.site.evidence):
        path = folder / "evidence" / sha256
        if path.exists():  # its name is its hash, so it can't have changed
            total += 1
        elif (document := await store.evidence(sha256)) is not None:
            total, written = total + 1, written + _put(path, document.body)
    return total, written


def _write_pages(model: Model, installation: Installation, folder: Path) -> tuple[int, int]:
    total, written = 1, int(_put(folder / "404.html", missing_page(model, installation).body))
    for path, rendered in render_everything(model, installation):
        total, written = total + 1, written + _put(folder / file_of(path), rendered.body)
    return total, written


def file_of(path: str) -> str:
    """Return the file from which static hosts answer a path."""
    plain = path.strip("/")
    is_file = plain == "robots.txt" or plain.startswith(("assets/", "images/", ".well-known/"))
    return plain if is_file or plain.endswith((".xml", ".svg")) else f"{plain}/index.html".lstrip("/")


def _put(path: Path, body: bytes) -> bool:
    """Write a file unless it has these bytes already. Return whether it was written."""
    if path.is_file() and path.read_bytes() == body:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    half.write_bytes(body)
    half.replace(path)
    return True
