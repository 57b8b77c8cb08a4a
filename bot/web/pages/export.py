"""Write the pages as files for a static host.

The same store gives the same files. A page is rendered only if the program, the settings or anything that it depends on
has changed, and its file is written only if its bytes have changed. A file that is no longer needed is removed if an
earlier export wrote it and no one has changed it since: a record in the folder names what was written.
"""

import asyncio
import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot import __version__
from bot.domain.site.model import Model
from bot.store import Store
from bot.web.pages.fingerprints import Fingerprints
from bot.web.pages.rendering import Installation, files_beside, missing_page, png_here, render, targets

RECORD = ".countersign-pages.json"


@dataclass(slots=True)
class Export:
    """One export into a folder. `files` has the SHA-256 of each file by its path, and `drawn` the file of each picture.

    `inputs` has the fingerprint of the inputs of each page by the path of its file. Pictures are kept by the SHA-256 of
    their drawing, because converting one takes a tenth of a second.
    """

    folder: Path
    files: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)
    written: int = 0
    removed: int = 0
    before: dict[str, str] = field(default_factory=dict)
    drawn_before: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    inputs_before: dict[str, str] = field(default_factory=dict)
    rendered: int = 0

    def has(self, path: str, inputs: str) -> bool:
        """Return whether the last export wrote this file from the same inputs, and no one has changed it since."""
        if not inputs or self.inputs_before.get(path) != inputs:
            return False
        try:
            body = (self.folder / path).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(body).hexdigest() == self.before.get(path)

    def keep(self, path: str) -> None:
        """Keep a file that the last export wrote."""
        self.files[path], self.inputs[path] = self.before[path], self.inputs_before[path]

    def put(self, path: str, body: bytes) -> None:
        """Write a file unless it has these bytes already."""
        self.files[path] = hashlib.sha256(body).hexdigest()
        self.written += _put(self.folder / path, body)

    def to_png(self, svg: str) -> bytes:
        """Convert a drawing, or read the picture that an earlier export made of it."""
        drawing = hashlib.sha256(svg.encode()).hexdigest()
        path = self.drawn_before.get(drawing, "")
        if path in self.before and (file := self.folder / path).is_file():
            found = file.read_bytes()
            if hashlib.sha256(found).hexdigest() == self.before[path]:
                return found
        return png_here(svg)

    def remove_what_is_left(self) -> None:
        """Remove the files of the last export that this one doesn't have, and the folders that are empty then."""
        root = self.folder.resolve()
        for path in sorted(self.before.keys() - self.files.keys()):
            file = (self.folder / path).resolve()
            if not file.is_relative_to(root) or not file.is_file():
                continue
            if hashlib.sha256(file.read_bytes()).hexdigest() == self.before[path]:
                file.unlink()
                self.removed += 1
                _remove_empty(file.parent, root)

    def keep_record(self) -> None:
        """Record what was written."""
        record = {"version": __version__, "files": self.files, "drawn": self.drawn, "inputs": self.inputs}
        _put(self.folder / RECORD, (json.dumps(record, sort_keys=True, indent=0) + "\n").encode())


async def export(model: Model, store: Store, installation: Installation, folder: Path) -> Export:
    """Write all pages and the evidence. Return what was done."""
    installation = replace(installation, has_forms=False)
    started = await asyncio.to_thread(_opened, folder)
    await asyncio.to_thread(_write_pages, model, installation, started)
    for sha256 in sorted(model.site.evidence):
        path = f"evidence/{sha256}"
        if (folder / path).exists():  # its name is its hash, so it can't have changed
            started.files[path] = sha256
        elif (document := await store.evidence(sha256)) is not None:
            started.put(path, document.body)
    started.remove_what_is_left()
    started.keep_record()
    return started


def _opened(folder: Path) -> Export:
    """Begin an export. If the record can't be read, no file is removed."""
    try:
        found: Any = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files, drawn = dict(found["files"]), dict(found["drawn"]) if found["version"] == __version__ else {}
        inputs = dict(found.get("inputs", {}))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        files, drawn, inputs = {}, {}, {}
    return Export(folder, before=_texts(files), drawn_before=_texts(drawn), inputs_before=_texts(inputs))


def _texts(found: dict[Any, Any]) -> dict[str, str]:
    return {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}


def _write_pages(model: Model, installation: Installation, started: Export) -> None:
    started.put("404.html", missing_page(model, installation).body)
    drawings: list[str] = []

    def to_png(svg: str) -> bytes:
        drawings.append(hashlib.sha256(svg.encode()).hexdigest())
        return started.to_png(svg)

    drawn_as = {file: drawing for drawing, file in started.drawn_before.items()}
    fingerprints = Fingerprints(model, installation)
    for target in targets(model):
        file, inputs = file_of(target), fingerprints.of(target)
        if started.has(file, inputs):
            started.keep(file)
            if file in drawn_as:
                started.drawn[drawn_as[file]] = file
            continue
        started.put(file, render(model, target, {}, installation, to_png).body)
        started.rendered += 1
        if inputs:
            started.inputs[file] = inputs
        if drawings:
            started.drawn[drawings.pop()] = file
    for path, beside in files_beside(model, installation):
        started.put(file_of(path), beside.body)


def file_of(path: str) -> str:
    """Return the file from which static hosts answer a path."""
    plain = path.strip("/")
    is_file = "." in plain.rpartition("/")[2]  # no address of an HTML page contains a dot
    return plain if is_file else f"{plain}/index.html".lstrip("/")


def _put(path: Path, body: bytes) -> bool:
    """Write a file unless it has these bytes already. Return whether it was written."""
    if path.is_file() and path.read_bytes() == body:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    half.write_bytes(body)
    half.replace(path)
    return True


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
