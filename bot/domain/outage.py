"""Explain why ICE's lists can't be read: ICE refuses this host, its site is down or this machine is offline."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum

from bot.domain.source_status import ICE, SourceStatus, Trouble
from bot.domain.timestamps import stamp
from bot.domain.way import Way

SURE_AFTER = 3  # failures in a row; an edge server may refuse anyone now and then
REFUSES = (
    "www.ice.gov refuses this host. It refuses many cloud hosts. You can run `countersign relay` on "
    "a machine that ICE answers, such as one at home or in an office (docs/relay.md); set COUNTERSIGN_UPSTREAM to "
    "another Countersign that shares its readings; or set COUNTERSIGN_WAYBACK_READ=1 to read the Internet Archive's "
    "captures"
)
SILENT = (
    "www.ice.gov refuses this host, and the relay that reads it for us last reported at {}. Restart it on its "
    "machine, or check its log there to see why it can't read ICE or reach this host (docs/relay.md)"
)
ONLY_ICE = "There is no connection to www.ice.gov, but other sites answer, so ICE's site is down"
OFFLINE = (
    "There is no connection to www.ice.gov, and nothing else has answered since, so this machine may be offline; check "
    "its network and its DNS"
)
DOWN = "www.ice.gov answers with errors or too slowly, so it's down or overloaded; nothing is wrong here"


class Outage(Enum):
    """The reason why ICE's lists can't be read."""

    REFUSED = "ICE refuses this host"
    SILENT = "ICE refuses this host, and the relay is silent"
    DOWN = "ICE's site answers with errors or too slowly"
    ONLY_ICE = "ICE's site can't be reached, but others can"
    OFFLINE = "nothing can be reached"


_EXPLAINED: Mapping[Outage, str] = {
    Outage.REFUSED: REFUSES,
    Outage.SILENT: SILENT,
    Outage.DOWN: DOWN,
    Outage.ONLY_ICE: ONLY_ICE,
    Outage.OFFLINE: OFFLINE,
}


def outage_of(status: SourceStatus, reached_at: datetime | None) -> Outage | None:
    """Return the reason of the current problem with ICE's site, or None if there is no problem of such a kind.

    `reached_at` is the last time when anything else on the network answered us.
    """
    if status.source != ICE or status.trouble is None:
        return None
    if status.trouble is Trouble.REFUSED:
        return Outage.SILENT if Way.RELAY in status.heard else Outage.REFUSED
    if status.trouble is Trouble.DOWN:
        return Outage.DOWN
    since = status.problem_since
    is_only_ice = since is not None and reached_at is not None and reached_at >= since
    return Outage.ONLY_ICE if is_only_ice else Outage.OFFLINE


def explained(status: SourceStatus, reached_at: datetime | None) -> str | None:
    """Return what the current problem with ICE's site means and what to do, or None if there is nothing to say."""
    outage = outage_of(status, reached_at)
    if outage is None:
        return None
    return _EXPLAINED[outage].format(stamp(status.heard[Way.RELAY]) if outage is Outage.SILENT else "")


def is_refused(status: SourceStatus) -> bool:
    """Return whether ICE seems to refuse us permanently and no list reaches us another way."""
    if status.source != ICE or status.trouble is not Trouble.REFUSED or status.problem_since is None:
        return False
    if status.read_at is None or (Way.RELAY in status.heard and status.read_at < status.problem_since):
        return True
    return status.failures >= SURE_AFTER and status.read_at < status.problem_since


def last_reached(statuses: Iterable[SourceStatus], sent: Iterable[datetime | None]) -> datetime | None:
    """Return the last time when another source was read or a message was sent, or None."""
    read = [status.read_at for status in statuses if status.source != ICE]
    return max(filter(None, (*read, *sent)), default=None)
