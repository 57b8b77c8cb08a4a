r"""Translate messages into the reader's language.

The English text is in the code and is the message's ID. The Spanish text is in
`bot/locale/es/LC_MESSAGES/countersign.po`, which is read directly and doesn't need to be compiled. After adding or
changing a message, update the catalogs with Babel:

    pybabel extract bot -F pyproject.toml -o countersign.pot --no-location -c NOTE: --no-default-keywords \
        -k say:2 -k say_line:2 -k say_count:2,3 -k Phrase:1,1t -k Phrase:1,2,2t -k t:1 -k tn:1,2
    pybabel update -i countersign.pot -d bot/locale -D countersign --no-fuzzy-matching --ignore-obsolete

In the templates of pages, `t` and `tn` stand for `say` and `say_count` in the page's language.
Babel doesn't find messages inside f-strings, so don't call `say` in an f-string.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from string import Formatter

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bot.domain.language import Language
from bot.domain.text.formats import formats
from bot.domain.text.rich_text import Line, Span


def say(language: Language, message: str, **values: object) -> str:
    """Return a message in a language, with its values filled in. Integers are formatted for that language."""
    return _translations(language).gettext(message).format(**_shown(language, values))


def say_count(language: Language, one: str, many: str, n: int, **values: object) -> str:
    """Return the singular or plural form of a message for the number `n`, with its values filled in."""
    return _translations(language).ngettext(one, many, n).format(**_shown(language, {"n": n, **values}))


def say_line(language: Language, message: str, **values: object) -> Line:
    """Return a message as a line. Values that are spans keep their links and bold type."""
    shown = _shown(language, values)
    spans: list[Span] = []
    for text, name, _, _ in Formatter().parse(_translations(language).gettext(message)):
        value = shown[name] if name else ""
        spans += [Span(text), value if isinstance(value, Span) else Span(str(value))]
    return tuple(span for span in spans if span.text)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A message that is translated when it is called. If it has a plural form (`many`), the value `n` is required."""

    one: str
    many: str | None = None

    def __call__(self, language: Language, **values: object) -> str:
        """Return the phrase in one language."""
        if self.many is None:
            return say(language, self.one, **values)
        n = values.pop("n")
        assert isinstance(n, int)
        return say_count(language, self.one, self.many, n, **values)


def _shown(language: Language, values: Mapping[str, object]) -> dict[str, object]:
    number = formats(language).number
    return {name: number(value) if isinstance(value, int) else value for name, value in values.items()}


@cache
def _translations(language: Language) -> NullTranslations:
    """Load the catalog for a language once per process.

    The domain may read this file because the catalog is part of the program, like the English text in the code.
    """
    if language is Language.ENGLISH:
        return NullTranslations()
    po = files("bot").joinpath("locale", language.value, "LC_MESSAGES", "countersign.po")
    with po.open("rb") as text:
        catalog = read_po(text, locale=language.value)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)
