"""The languages available to readers."""

from enum import StrEnum


class Language(StrEnum):
    """A reader's language. English text is in the code. Other languages have catalogs in `bot/locale`."""

    ENGLISH = "en"
    SPANISH = "es"

    @classmethod
    def of_locale(cls, locale: str | None) -> "Language":
        """Return the language for a platform's locale, such as es-MX.

        Default to English if the language isn't supported.
        """
        code = (locale or "").replace("_", "-").partition("-")[0].lower()
        return next((language for language in cls if language.value == code), cls.ENGLISH)
