"""Count the agreements, agencies and states on ICE's participating list, using the change log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.agreement import Key, ListName
from bot.domain.change import LEAVING, Change

JANUARY_2025 = 135  # agreements on ICE's list at the end of January 2025, before this project's records begin


@dataclass(frozen=True, slots=True)
class Totals:
    """The size of the participating list at one point in the log.

    `before` is the number of agreements at an earlier time.
    """

    agreements: int
    agencies: int
    states: int
    before: int


def totals(changes: Iterable[Change], *, earlier: datetime) -> Totals:
    """Count the agreements on the list after these changes, and the agreements at the time `earlier` (UTC).

    The changes must begin at the start of the log.
    """
    on_list: set[Key] = set()
    before: int | None = None
    for change in changes:
        if before is None and change.recorded_at is not None and change.recorded_at > earlier:
            before = len(on_list)
        if change.list is not ListName.PARTICIPATING or not change.is_of_lists:
            continue
        if change.was is not None:
            on_list.discard(change.was.key)
        if change.kind in LEAVING:
            on_list.discard(change.agreement.key)
        else:
            on_list.add(change.agreement.key)
    return Totals(
        agreements=len(on_list),
        agencies=len({(key.state, key.agency) for key in on_list}),
        states=len({key.state for key in on_list}),
        before=len(on_list) if before is None else before,
    )
