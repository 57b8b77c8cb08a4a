"""ICE's lists as published since February 2025, which may lie beside this repository.

Without them, the tests that need them are skipped on a developer's machine and fail if CI is set.
"""

import os
from functools import cache
from pathlib import Path

import pytest

from bot.domain.agreement import Agreement
from bot.errors import Unreadable
from bot.pipeline.replay import document_of, entries
from bot.sources.ice import Ice

ARCHIVE: Path = Path(__file__).parents[2].parent / "shared" / "ice-archive"

needs_archive = pytest.mark.skipif(
    not ARCHIVE.exists() and not os.environ.get("CI"),
    reason="ICE's published lists are not beside this repository (../shared/ice-archive)",
)


def lists(kind: str = "*") -> list[Path]:
    """Return all lists in the archive, or those of one kind ("participating" or "pending"), sorted by name."""
    return sorted(ARCHIVE.glob(f"{kind}/*.xlsx"))


@cache
def agreements(most: int | None = None) -> tuple[Agreement, ...]:
    """Return all agreements that any list in the archive has, or those of the last `most` lists, without repetitions."""
    found: dict[tuple[object, ...], Agreement] = {}
    for entry in entries(ARCHIVE)[-most if most else None :]:
        try:
            listing = Ice().parse(document_of(entry), entry.list)
        except Unreadable:
            continue
        found |= {agreement.facts: agreement for agreement in listing.agreements}
    return tuple(found.values())
