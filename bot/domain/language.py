"""The languages readers can choose."""

from enum import StrEnum


class Language(StrEnum):
    """The language in which a subscription is told."""

    ENGLISH = "en"
    SPANISH = "es"
