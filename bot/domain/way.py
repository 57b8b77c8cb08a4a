"""The ways in which a document of ICE's can reach this program."""

from enum import StrEnum


class Way(StrEnum):
    """The way a document arrived: from ICE itself, or through someone who read it there.

    The bytes are ICE's in each case. What differs is who fetched them, and so how sure the time is.
    """

    DIRECT = "direct"
    RELAY = "relay"
    UPSTREAM = "upstream"
    ARCHIVE = "archive"
