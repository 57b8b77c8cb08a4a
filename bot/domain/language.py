"""The languages readers can choose."""

from enum import StrEnum


class Language(StrEnum):
    """A reader's language. English is written in the code; every other language has a catalog in `bot/locale`."""

    ENGLISH = "en"
    SPANISH = "es"

    @classmethod
    def of_locale(cls, locale: str | None) -> "Language":
        """Return the language of a platform's locale, such as es-MX; English if we don't speak that language."""
        code = (locale or "").replace("_", "-").partition("-")[0].lower()
        return next((language for language in cls if language.value == code), cls.ENGLISH)
