"""Fingerprints of a page's inputs, so that an export can tell a page that it doesn't have to render again.

A fingerprint covers the program and its libraries, the settings, the page's address, and everything in the model that
the page depends on (`bot/domain/site/inputs.py`).
"""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from importlib.metadata import distributions
from importlib.resources import files
from importlib.resources.abc import Traversable

from bot.domain.change import Change
from bot.domain.page_addresses import path_in
from bot.domain.site.agencies import Agency
from bot.domain.site.model import Model
from bot.domain.site.pages import located, page_at
from bot.domain.site.request import Request
from bot.web.pages.rendering import Installation

LENGTH = 32  # hexadecimal digits


class Fingerprints:
    """The fingerprints of the pages of one model."""

    def __init__(self, model: Model, settings: Installation) -> None:
        self._model, self._base = model, settings.base
        self._common = f"{program()} {settings!r} {model.site.is_demonstration}"
        self._seen: dict[int, str] = {}  # by the identity of a part of the model, which lives as long as the model
        self._inputs: dict[object, str] = {}  # a state's page, feeds and pictures share theirs

    def of(self, target: str) -> str:
        """Return the fingerprint of the page at a path, or an empty string if the page is always rendered."""
        language, path = located(target)
        found = page_at(path)
        if found is None or found[0].rests_on is None:
            return ""
        page, parts = found
        request = Request(model=self._model, language=language, parts=parts, path=path, base=self._base)
        assert page.rests_on is not None
        key = (page.rests_on, language, *sorted(parts.items()))
        if key not in self._inputs:
            self._inputs[key] = _digest(self._text(page.rests_on(request)))
        return _digest(f"{self._common}\n{path_in(language, path)}\n{self._inputs[key]}")

    def _text(self, value: object) -> str:
        """Return a text that is the same only for the same value. Each change and each agency is written out once."""
        if isinstance(value, tuple):
            return f"({' '.join(map(self._text, value))})"
        if not isinstance(value, Change | Agency):
            return repr(value)
        if id(value) not in self._seen:
            parts = (getattr(value, each.name) for each in fields(value)) if isinstance(value, Agency) else ()
            self._seen[id(value)] = _digest(" ".join(map(self._text, parts)) or repr(value))
        return self._seen[id(value)]


@cache
def program() -> str:
    """Return a digest of the program and of the libraries that it may use."""
    digest = hashlib.sha256(sys.version.encode())
    for each in sorted(f"{found.metadata['Name']} {found.version}" for found in distributions()):
        digest.update(f"{each}\n".encode())
    for file in _files(files("bot")):
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(folder: Traversable) -> Iterator[Traversable]:
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            yield from _files(each) if each.name != "__pycache__" else ()
        else:
            yield each


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
