"""ICE's lists as published since February 2025, which lie beside this repository where they are at hand at all.

Without them the tests that need them are skipped on a developer's machine; where CI is set they fail instead.
"""

import os
from pathlib import Path

import pytest

ARCHIVE: Path = Path(__file__).parents[2].parent / "shared" / "ice-archive"

needs_archive = pytest.mark.skipif(
    not ARCHIVE.exists() and not os.environ.get("CI"),
    reason="ICE's published lists are not beside this repository (../shared/ice-archive)",
)


def lists(kind: str = "*") -> list[Path]:
    """Return all lists, or those of one kind ("participating", "pending"), by name."""
    return sorted(ARCHIVE.glob(f"{kind}/*.xlsx"))
