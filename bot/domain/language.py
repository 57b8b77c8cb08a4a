"""The languages readers can choose."""

from enum import StrEnum


class Language(StrEnum):
    """The language of a subscription's messages."""

    ENGLISH = "en"
    SPANISH = "es"
