"""What one reading of a source brought, and what we remember of the source until the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.agreement import ListName
from bot.domain.document import Document, Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What we remember of a source. Times are UTC.

    `read_at` is when it was last read well (an unchanged answer counts), `changed_at` when it last gave something new,
    `tried_at` the last try. `problem` says what is wrong since `problem_since`; `failures` counts tries since then.
    `due_at` is the next poll, never before `not_before` (a server's own Retry-After). `facts` belong to the source.
    """

    source: str
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    tried_at: datetime | None = None
    read_at: datetime | None = None
    changed_at: datetime | None = None
    problem: str | None = None
    problem_since: datetime | None = None
    failures: int = 0
    due_at: datetime | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The documents that stand for each list now, unchanged or not; a list that is not published is not among them.

    `pages` are other documents that are evidence (the page that links the lists, when it says something new).
    `headline` is the total that the page itself gives. `validators` and `facts` go into the memory. `problems` are
    failures that did not hinder the rest.
    """

    documents: Mapping[ListName, Document]
    pages: tuple[Document, ...] = ()
    headline: int | None = None
    validators: Mapping[str, Validators] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
