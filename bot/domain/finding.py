"""Findings of `countersign check`: what is right, what is wrong, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The result of looking at one thing. Only what is wrong makes the check fail."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `said` says what was found, and `advice` says what to do about it."""

    verdict: Verdict
    said: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The findings about one part of the installation."""

    name: str
    findings: tuple[Finding, ...]


def fine(said: str) -> Finding:
    """Return a finding that nothing is wrong."""
    return Finding(Verdict.OK, said)


def warning(said: str, advice: str = "") -> Finding:
    """Return a finding about something that works but is probably not intended."""
    return Finding(Verdict.WARNING, said, advice)


def wrong(said: str, advice: str = "") -> Finding:
    """Return a finding about something that must be fixed."""
    return Finding(Verdict.WRONG, said, advice)


def unknown(said: str, advice: str = "") -> Finding:
    """Return a finding that something couldn't be checked, and why."""
    return Finding(Verdict.UNKNOWN, said, advice)


def count_of(groups: Sequence[Group], verdict: Verdict) -> int:
    """Return the number of findings with this verdict."""
    return sum(finding.verdict is verdict for group in groups for finding in group.findings)
