"""Explain why ICE's lists can't be read: ICE refuses this host, its site is down or this machine is offline.

`explained` goes by the stored status, for reports that come later. `in_words` goes by the error itself, for the person
who is watching when it happens.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum

from bot.domain.source_status import ICE, SourceStatus, Trouble
from bot.domain.timestamps import stamp
from bot.domain.way import Way
from bot.errors import (
    Blocked,
    Disallowed,
    InternalSourceError,
    Missing,
    NoConnection,
    SourceError,
    Unreachable,
    Unreadable,
    Unsafe,
    Untrusted,
)

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
ONLY_ICE = "I can't connect to www.ice.gov, but other sites answer, so ICE's site is down"
OFFLINE = (
    "I can't connect to www.ice.gov, and nothing else has answered since, so this machine may be offline; check "
    "its network and its DNS"
)
DOWN = "www.ice.gov answers with errors or too slowly, so it's down or overloaded; nothing is wrong here"

BEHIND_A_PAGE = "If this network has a sign-in page, open a web browser here and sign in."
IN_WORDS: tuple[tuple[type[SourceError], str], ...] = (  # the first that fits
    (NoConnection, "I can't reach {host}. Is this machine online?"),
    (
        Untrusted,
        "I can't be sure that it's {host} that answers, because its certificate isn't valid here ({detail}). Check "
        f"this machine's date and time, and ask whoever runs its network about a proxy. {BEHIND_A_PAGE}",
    ),
    (Unreachable, "{host} is down or too slow ({detail}). Nothing is wrong here, and there is nothing for you to do."),
    (
        Disallowed,
        "The robots.txt of {host} asks programs not to read ICE's page, so I don't. Check COUNTERSIGN_ICE_URL, or read "
        "from another Countersign with COUNTERSIGN_UPSTREAM (docs/relay.md).",
    ),
    (
        Blocked,
        "{host} refuses this machine ({detail}). It refuses many cloud hosts, and I don't get around that. You can "
        "run a relay on a machine that it answers, such as one at home or in an office: `countersign init --relay` "
        "sets it up, and docs/relay.md explains this and two other ways.",
    ),
    (
        Missing,
        "ICE's page isn't where it was ({detail}). Look for its 287(g) page on {host}, and set COUNTERSIGN_ICE_URL to "
        "the new address.",
    ),
    (
        Unsafe,
        f"Something between here and {{host}} answers in its place ({{detail}}). {BEHIND_A_PAGE} Otherwise, ask "
        "whoever runs the network about its DNS or its proxy.",
    ),
    (
        InternalSourceError,
        "I couldn't read what {host} sent because of a bug in Countersign. Please report it: {detail}",
    ),
    (
        Unreadable,
        f"{{host}} answered, but not with its list ({{detail}}). {BEHIND_A_PAGE} Otherwise, ICE has changed its page "
        "or is working on it; if this lasts for a day, please report it.",
    ),
    (SourceError, "{host} didn't give me its list ({detail}). If this lasts for a day, please report it."),
)
OF_A_PLACE: tuple[tuple[type[SourceError], str], ...] = (  # the first that fits
    (NoConnection, "{host} can't be reached"),
    (Untrusted, "the certificate of {host} isn't valid here"),
    (Unreachable, "{host} is down or too slow"),
    (Disallowed, "the robots.txt of {host} asks programs not to read them"),
    (Blocked, "{host} refuses this machine"),
    (Missing, "their address is gone ({detail}); if it has moved, change it in config/sources"),
    (SourceError, "{detail}"),
)
ONLY_THIS_SITE = "I can't reach {host}, but other sites answer, so that site is down. There is nothing for you to do."


def in_words(fault: SourceError, host: str, *, others_answer: bool = False) -> str:
    """Return what a failed reading means and what to do, in words for anyone.

    `others_answer` is true if other sites have answered since the problem began.
    """
    root = _root(fault)
    if isinstance(root, NoConnection) and others_answer:
        return ONLY_THIS_SITE.format(host=host)
    said = next(words for kind, words in IN_WORDS if isinstance(root, kind))
    return said.format(host=host, detail=_bare(root))


def place_in_words(fault: SourceError, place: str, host: str) -> str:
    """Return what a failed reading of a local government's agendas means, in words for anyone."""
    root = _root(fault)
    why = next(words for kind, words in OF_A_PLACE if isinstance(root, kind))
    detail = _bare(root).removeprefix(f"{place}: ")
    return f"I couldn't read the agendas of {place}, because {why.format(host=host, detail=detail)}."


def no_list(reason: str, host: str) -> str:
    """Return what it means that something other than the list arrived, in words for anyone."""
    return in_words(Unreadable(reason), host)


def _root(fault: SourceError) -> SourceError:
    """Return the error that says the most: the first of its kind, before each step added its own words to it.

    A plain SourceError stands for the error that caused it, such as that of another Countersign.
    """
    while True:
        cause = fault.__cause__
        cause = getattr(cause, "fault", cause)  # of an error that may be temporary
        if not isinstance(cause, SourceError) or (type(cause) is not type(fault) and type(fault) is not SourceError):
            return fault
        fault = cause


def _bare(fault: SourceError) -> str:
    """Return the text of an error for use within a sentence, without the name of the source."""
    return bare_problem(str(fault), ICE)


def bare_problem(problem: str, source: str) -> str:
    """Return a stored problem for use within a sentence, without the name of the source and its last reading."""
    text = problem.removeprefix(f"{source}: ").rstrip(".")
    text = re.sub(r"; (never read successfully|last read successfully [-0-9: ]+ UTC)$", "", text)
    return text.removesuffix(": the site is turning us away right now")


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
    """Return the reason for the current problem with ICE's site, or None if there is no such problem.

    `reached_at` is the last time anything else on the network answered us.
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
    """Return the last time another source was read or a message was sent, or None."""
    read = [status.read_at for status in statuses if status.source != ICE]
    return max(filter(None, (*read, *sent)), default=None)
