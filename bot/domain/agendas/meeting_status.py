"""Decide whether a meeting takes place, from the words that a platform has about it. All platforms use this function.

Such words also tell what a meeting is about. "Special Meeting to consider cancellation of the 287(g) agreement" takes
place, so a word counts only in a pattern about the meeting itself. The patterns come from real calendars.
"""

import re
from collections.abc import Iterator

from bot.domain.agenda import CANCELLED, POSTPONED, RECESSED, RESCHEDULED

_MEETING = (
    r"meetings?|sessions?|hearings?|workshops?|work ?shops?|retreats?|gatherings?|town ?halls?|forums?|conferences?|"
    r"council|commissions?|boards?|committees?|court|trustees|supervisors|commissioners|selectmen|task force|caucus"
)
_THING = (
    r"agreements?|contracts?|mo[au]s?|memorand\w+|287\s?\(?g\)?|ordinances?|resolutions?|polic(?:y|ies)|programs?|"
    r"licen[cs]es?|permits?|leases?|grants?|bonds?|checks?|warrants?|projects?|bids?|rfps?|elections?|taxes|debts?|"
    r"invoices?|polls?|insurance|services?|orders?|appointments?|applications?|partnerships?|participation|items?"
)
_OPENS_SUBJECT = re.compile(
    r"\b(?:if|whether|unless|until|should|in case|in the event|consider\w*|discuss\w*|debat\w+|review\w*|"
    r"vot(?:e|es|ing)|approv\w+|authoriz\w+|adopt\w*|request\w*|propos\w+|petition\w*|motion|regarding|re|about|concerning|"
    r"deliberat\w+|potential|possible|appeal\w*|report on|update on|polic(?:y|ies) (?:on|for))\b",
    re.IGNORECASE,
)
_NOT_THIS_ONE = re.compile(
    r"\b(?:not|never|n't|isn[’']t|wasn[’']t)\s+(?:been\s+|be\s+)?$|"
    r"\b(?:replac\w+|in (?:place|lieu) of|make-?up (?:of|for)|instead of|from|previously|originally|"
    r"(?:of|for) (?:the|a))\b"
    r"[^,;:]*$",
    re.IGNORECASE,
)
_HEAD = re.compile(rf"\b(?:(?P<meeting>{_MEETING})|(?P<thing>{_THING}))\b", re.IGNORECASE)
_HAPPENED = re.compile(
    r"(?:\b|(?<=(?-i:[a-z]))(?=(?-i:[A-Z])))(?P<word>cancel{1,2}ed|postponed|rescheduled|reschedule(?= to\b)|"
    r"recessed)\b(?!\W*(?:from|items?|business|meeting\s*/)\b)",
    re.IGNORECASE,
)
_NOUN = re.compile(r"\b(?P<word>cancel{1,2}ations?|postponements?|rescheduling|recess)\b", re.IGNORECASE)
_VERB_BEFORE = re.compile(
    r"\b(?:is|are|was|were|been|be|being|now|hereby|stands?|also|both|officially)\s+$", re.IGNORECASE
)
_REASON = re.compile(
    r"\W*(?:$|(?:due|because|owing|for (?:lack|want)|as|per|by|at|on|until|till|to|and|-|until further|no quorum|"
    r"lack of|in observance|\d)\b)",
    re.IGNORECASE,
)
_NOT_HELD = re.compile(
    r"(?:^|[^\w\s]\s*|\b(?:there (?:is|will be)|council|board|commission|court)\s+)no (?:\w+ ){0,3}(?:meeting|session|"
    r"hearing)s?(?: (?:today|tonight|scheduled|this (?:week|month)|will be held|held))?(?=\W*$|\s*[^\w\s']|\s+(?:due|"
    r"because|on|for|in)\b)|"
    r"\bmeeting (?:will|is) not (?:be|being|take|taking|to be)\b|"
    r"\bmeeting (?:was )?not held\b|"
    r"\bno quorum\b|"
    r"\b(?:adjourned|closed|ended) (?:for|due to|because of) (?:a |the )?(?:lack|want) of (?:a )?quorum\b|"
    r"\brecess notice\b|\bnotice of recess\b|"
    r"\b(?:council|board|commission|court|committee) (?:is |in |on |is in |is on )"
    r"recess\b(?=\W*$|\W+(?:until|for|this|from|through|week)\b)",
    re.IGNORECASE,
)
_SPOKEN_OF = re.compile(  # "on the notice of cancellation from ICE"
    r"\b(?:on|about|over|of|to|after|with)\s+(?:the|a|an|its|their|our)\s+(?:[\w’']+\s+){0,2}?(?:notices? of\s+)?$",
    re.IGNORECASE,
)
_IN_A_CLAUSE = re.compile(
    r"\b(?:if|whether|unless|until|should|that|how|why|when|in case|in the event)\b", re.IGNORECASE
)
_STATUS = (("cancel", CANCELLED), ("postpone", POSTPONED), ("reschedul", RESCHEDULED), ("recess", RECESSED))
_ORDER = tuple(status for _, status in _STATUS)
_CLAUSES = re.compile(r"(?<=[a-z0-9)])\.\s+(?=[A-Z*])|[;\n\r|•·]+|\s\*+\s|(?<=\S)!+")


def meeting_status(*words: str) -> str:
    """Return one of the statuses in `bot.domain.agenda`, or an empty string if the meeting takes place as planned.

    Each of `words` is one field: a title, a place, a comment or the name of a document.
    """
    found = {status for field in words for clause in _CLAUSES.split(field) for status in _statuses(clause)}
    return next((status for status in _ORDER if status in found), "")


def _statuses(clause: str) -> Iterator[str]:
    if _NOT_HELD.search(clause) and not _OPENS_SUBJECT.search(clause):
        yield CANCELLED
    for found in _HAPPENED.finditer(clause):
        if _speaks_of_meeting(clause, found):
            yield _status(found["word"])
    for found in _NOUN.finditer(clause):
        if _is_notice(clause, found):
            yield _status(found["word"])


def _status(word: str) -> str:
    return next(status for begin, status in _STATUS if word.lower().startswith(begin))


def _speaks_of_meeting(clause: str, found: re.Match[str]) -> bool:
    """Return whether a participle, such as "canceled", describes the meeting itself."""
    before, after = clause[: found.start()], clause[found.end() :]
    nearest = re.split(r":\s|\s[(–—-]+\s?", before)[-1] if _VERB_BEFORE.search(before) else before
    if _opens_subject(nearest, before) or _NOT_THIS_ONE.search(re.sub(r"^.*[-–—*(]\s*$", "", before)):
        return False
    if _VERB_BEFORE.search(before):
        return _first(nearest) != "thing"
    if not re.search(r"\w", before):  # the clause begins with it
        return _begins_with_status(after)
    is_set_off = re.search(r"[-–—:(*\[/,]\W*$", before) is not None
    is_shouted = found[0].isupper() and not clause.isupper() and any(map(str.islower, clause))
    if is_set_off or is_shouted:
        return _kinds(before) != {"thing"} and (_first(after) != "thing" or bool(re.match(r"\W*[-–—:)]", after)))
    return bool(_REASON.match(after)) and _last(before) == "meeting"


def _opens_subject(nearest: str, before: str) -> bool:
    """Return whether the words in front of a participle are about it, as in "to consider if … is canceled".

    In "Meeting to discuss the budget - CANCELED", a dash ends the subject.
    """
    if re.search(r"[-–—(*\[]\W*$", before):
        return False
    opened = _OPENS_SUBJECT.search(nearest)
    if opened is None:
        return False
    return bool(_IN_A_CLAUSE.search(nearest)) or _first(nearest[: opened.start()]) != "meeting"


def _begins_with_status(after: str) -> bool:
    """Return whether a text that begins with "Canceled" continues as one about a meeting, or not at all."""
    return bool(re.match(r"\W*(?:$|[-–—:*)\]!/,.])", after)) or bool(_REASON.match(after)) or _first(after) != "thing"


def _is_notice(clause: str, found: re.Match[str]) -> bool:
    """Return whether a noun, such as "cancellation", announces that a meeting isn't held."""
    before, after = clause[: found.start()], clause[found.end() :]
    if _OPENS_SUBJECT.search(before) or _SPOKEN_OF.search(before) or _first(before) == "thing":
        return False
    if of := re.match(r"\W*(?:of|for)\s+(.*)", after, re.IGNORECASE | re.DOTALL):
        return _first(of[1]) != "thing" and (bool(re.search(r"\d", of[1])) or _first(of[1]) == "meeting")
    is_recess = found["word"].lower() == "recess"
    is_notice = re.match(r"\W*notices?\b", after, re.IGNORECASE) or re.search(
        r"\bnotices? of\s+$", before, re.IGNORECASE
    )
    if _first(after) == "thing":
        return False
    if is_notice:
        return True
    is_at_end = not re.search(r"\w", after)
    return not is_recess and is_at_end and (_last(before) in {"meeting", ""} or bool(re.search(r"[-–—:(]\W*$", before)))


def _first(words: str) -> str:
    """Return "meeting" or "thing", whichever noun comes first, or an empty string if there is none."""
    found = _HEAD.search(words)
    return (found.lastgroup or "") if found else ""


def _kinds(words: str) -> set[str | None]:
    return {found.lastgroup for found in _HEAD.finditer(words)}


def _last(words: str) -> str:
    found = list(_HEAD.finditer(words))
    return (found[-1].lastgroup or "") if found else ""
