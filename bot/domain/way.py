"""The ways a document from ICE can reach this program."""

from enum import StrEnum


class Way(StrEnum):
    """The way a document arrived: from ICE itself, or through someone who read it there.

    The bytes are ICE's in each case. Only the fetcher differs, and so does the certainty of the time.
    """

    DIRECT = "direct"
    RELAY = "relay"
    UPSTREAM = "upstream"
    ARCHIVE = "archive"
