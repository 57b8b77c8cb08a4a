"""The reasons for a retraction, in the reader's language, with the operator's words beside them."""

from collections.abc import Mapping

from bot.domain.change import Change, Reason
from bot.domain.language import Language
from bot.domain.text.catalog import Phrase
from bot.domain.text.formats import name_in

OF_LISTS: Mapping[Reason, Phrase] = {
    Reason.MISREAD: Phrase("We misread a row on ICE's list."),
    Reason.ICE_ERROR: Phrase("ICE's list had an error, and ICE has corrected it."),
    Reason.WRONG_AGENCY: Phrase("We named the wrong agency."),
}
OF_AGENDAS: Mapping[Reason, Phrase] = {
    Reason.MISREAD: Phrase("We misread the agenda."),
    Reason.WRONG_AGENCY: Phrase("We named the wrong agency."),
}
CHOICES: Mapping[Reason, Phrase] = {
    Reason.MISREAD: Phrase("We misread it"),
    Reason.ICE_ERROR: Phrase("ICE corrected its list"),
    Reason.WRONG_AGENCY: Phrase("Wrong agency"),
    Reason.OTHER: Phrase("Something else"),
}
IN_LANGUAGE = Phrase("(in {tongue}) “{words}”")


def reasons_for(change: Change) -> tuple[Reason, ...]:
    """Return the reasons that can apply to a change. ICE can't have corrected a local agenda."""
    return (*(OF_LISTS if change.mention is None else OF_AGENDAS), Reason.OTHER)


def explained(retraction: Change, language: Language) -> str:
    """Return the reason for a retraction and the operator's words, marked if they are in another language."""
    phrases = OF_LISTS if retraction.mention is None else OF_AGENDAS
    phrase = phrases.get(retraction.reason) if retraction.reason is not None else None
    return " ".join(filter(None, (phrase(language) if phrase else "", _words(retraction, language))))


def _words(retraction: Change, language: Language) -> str:
    """Return the operator's words in the reader's language or, if there are none, in another one."""
    words = {Language.ENGLISH: retraction.because, **retraction.because_in}
    if retraction.reason is None:  # an older program's, in a language that it didn't record
        return retraction.because
    if words.get(language):
        return words[language]
    other = next((other for other in Language if words.get(other)), None)
    return IN_LANGUAGE(language, tongue=name_in(language, other), words=words[other]) if other else ""
