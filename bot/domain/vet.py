"""Is this listing to be believed? What is not is held: it changes nothing, and the operator is told once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.agreement import Agreement, ListName, Publication


class Ruling(StrEnum):
    """What the operator said of a held listing."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A listing that is not believed yet.

    What is held is the set of disappearances `gone` (empty where the document could not be read as the list at all).
    `publication` is the newest document that says so. `since` and `last_at` are the first and last reading (UTC) that
    had just these disappearances and `readings` counts them, unchanged answers too. `told` once the operator knows.
    """

    id: int
    source: str
    list: ListName
    publication: Publication
    reasons: tuple[str, ...]
    gone: tuple[Agreement, ...]
    since: datetime
    last_at: datetime
    readings: int = 1
    told: bool = False
    ruling: Ruling | None = None

    @property
    def releasable(self) -> bool:
        """Whether time or the operator can release it: something was read, only not believed."""
        return bool(self.gone)
