"""ICE's lists as published since February 2025, which may lie beside this repository.

Without them, the tests that need them are skipped on a developer's machine and fail if CI is set.
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
    """Return all lists in the archive, or those of one kind ("participating" or "pending"), sorted by name."""
    return sorted(ARCHIVE.glob(f"{kind}/*.xlsx"))
