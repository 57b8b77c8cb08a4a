"""Decide whether a meeting takes place, from the words that a platform has about it. All platforms use this function.

Such words also tell what a meeting is about. So each clause is read word by word (see `status_words.Kind`), and a
status counts only if the grammar around it says that it speaks of a meeting. Three examples:

    CANCELED: City Council          HAPPENED : OTHER BODY               a tag in front of a body that meets: canceled
    Cancelled: Sheriff's 287(g) MOA HAPPENED : OTHER MASCULINE_THING THING                  in front of a thing: empty
    Special Meeting to consider cancellation of the agreement
                                    OTHER MEETING OF CONSIDER ACT OF THE THING      part of what it's about: empty

If it might as well speak of an agreement, the status is empty. The module follows a field from top to bottom: clean it,
cut it into clauses, read their words, and judge each word that stands for a status.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape

from bot.domain.agenda import CANCELLED, POSTPONED, RECESSED, RESCHEDULED
from bot.domain.agendas import status_words
from bot.domain.agendas.status_words import Kind

_ORDER = (CANCELLED, POSTPONED, RESCHEDULED, RECESSED)
_LONGEST = 4_000  # letters of a field; of a longer one, its beginning and its end
_WINDOW = 60  # words on each side


def meeting_status(*words: str) -> str:
    """Return one of the statuses in `bot.domain.agenda`, or an empty string if the meeting takes place as planned.

    Each of `words` is one field: a title, a place, a comment or the name of a document.
    """
    said = (status for field in words for clause in _CLAUSE_END.split(_clean(field)) for status in _statuses(clause))
    found = ""
    for status in said:
        if status == CANCELLED:
            return status
        found = min(found or status, status, key=_ORDER.index)
    return found


# Clean a field and cut it into clauses.

_MARKUP = re.compile(
    r"</?(?:b|i|u|s|a|p|br|em|h\d|li|ul|td|tr|div|span|font|strong|small|strike|del|mark|su[bp])\b[^<>]{0,200}>",
    re.IGNORECASE,
)
_INVISIBLE = re.compile("[\u0300-\u036f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": " - ", "—": " - ", "―": " - ", "−": " - ",
                        "[": "(", "]": ")", "{": "(", "}": ")", "&": " and ", "_": " "})  # fmt: skip
_BETWEEN_WORDS = re.compile(r"\s|_-_")  # a file's name has none: "Notice-of-Cancellation.pdf"
_FILE_TYPE = re.compile(r"\.(?:pdf|docx?|html?|rtf|txt|aspx)\b", re.IGNORECASE)
_CAPITAL_WITHIN = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # "IllinoisCANCELLED"
_PROGRAM = re.compile(r"\b287[ -]?\(? ?g\b ?\)?", re.IGNORECASE)  # "287(g)", "287-g"
_SPREAD = re.compile(r"\b(?:[A-Z] ){5,}[A-Z]\b")  # "C A N C E L E D"
_CLAUSE_END = re.compile(r"(?<=[a-z0-9)])\.\s+(?=[A-Z*])|(?<=[A-Z]{4})\.\s+|[;\n\r|•·]+|\s\*+\s|(?<=\S)!+")


def _clean(field: str) -> str:
    """Return a field without markup, accents, invisible characters and names run together."""
    text = field if len(field) <= _LONGEST else f"{field[: _LONGEST // 2]}\n{field[-_LONGEST // 2 :]}"
    text = _MARKUP.sub(" ", unescape(unescape(text)) if "&" in text else text)
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKD", text))
    is_file_name = not _BETWEEN_WORDS.search(text.strip())
    text = _CAPITAL_WITHIN.sub(" ", _FILE_TYPE.sub(" ", text).translate(_PLAIN))
    if is_file_name:
        text = re.sub(r"[-+.]|%20", " ", text)
    return _SPREAD.sub(lambda spread: spread[0].replace(" ", ""), _PROGRAM.sub("287G ", text))


# Read a clause word by word.

_STATUS_WORDS = {
    f"{kind}_{status}": words
    for kind, by_status in (
        (Kind.HAPPENED, status_words.HAPPENED),
        (Kind.OFTEN_OTHERWISE, status_words.OFTEN_OTHERWISE),
        (Kind.TO_A_DAY, status_words.TO_A_DAY),
        (Kind.ACT, status_words.ACT),
        (Kind.DOES, status_words.DOES),
    )
    for status, words in by_status.items()
}
_STATUS_WORD = re.compile(rf"\b(?:{'|'.join(_STATUS_WORDS.values())})\b")
_WORD = re.compile(  # the name of the group that fits is the word's kind, and behind a _ its status
    rf"(?P<{Kind.OTHER}_seeming>\b(?:{status_words.SEEMING})\b)|"
    + "".join(rf"(?P<{name}>\b(?:{words})\b(?!'))|" for name, words in (_STATUS_WORDS | status_words.KINDS).items())
    + rf"(?P<{Kind.OTHER}>\w+(?:'\w+)?)|(?P<dash>[-*~#=<>]+)|(?P<mark>[:/,()])"
)
_LEFT_OUT = re.compile(r"'s\b|(?:^|(?<=- ))\W*re: ")  # "ICE's", "Re: Meeting canceled"
_JOINED = re.compile(  # "noticeofcancellation"
    r"(?<=[a-z]{3})(?=cancel|postpone|reschedul)|(?<=noticeof)(?=cancel)|(?<=notice)(?=of ?cancel)|"
    r"(?:(?<=cancellation)|(?<=cancelled)|(?<=canceled))(?=[a-z]{3}|\d)|(?<=notice)(?=\d)"
)
_DASH = re.compile(  # a hyphen that stands for a dash: "Meeting-Cancelled", "cancelled-City", "cancellation-City"
    rf"(?<=\w)(?<!un)-(?={_STATUS_WORD.pattern})|(?<=[a-z]d)-(?=\w)|(?<=ion)-(?=\w)"
)
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=\w)|(?<=\w)-(?=[^\W\d])")  # "work-session", but not "12-8"
_SAYS_NO = re.compile(r"\b(?:no|not|won't|sin|quorum|cuorum|reces[so]+)\b|n't")  # without it, the next two can't fit
_NO_MEETING = re.compile(status_words.NO_MEETING)
_SAID_OTHERWISE = tuple((re.compile(said), plain) for said, plain in status_words.SAID_OTHERWISE)


def _statuses(clause: str) -> Iterator[str]:
    clause = " ".join(clause.split())
    plain = _JOINED.sub(" ", _LEFT_OUT.sub("", clause.lower()))
    says_no = _SAYS_NO.search(plain)
    if not says_no and not _STATUS_WORD.search(plain):
        return
    plain = _HYPHEN.sub(" ", _DASH.sub(" - ", plain))
    if says_no:
        no_meeting = _NO_MEETING.search(plain)
        if no_meeting and not _SUPPOSES.search(_read(plain[: no_meeting.start()]).kinds):
            yield CANCELLED
        for said, canceled in _SAID_OTHERWISE:
            plain = said.sub(canceled, plain)
    row = _read(plain)
    for at, status in row.statuses.items():
        if _StatusWord(row, at, clause).is_news():
            yield status


@dataclass(frozen=True, slots=True)
class _Row:
    """A clause as a row of kinds, one letter a word or a mark, and the status that each status word stands for."""

    kinds: str
    words: list[str]
    statuses: Mapping[int, str]


def _read(plain: str) -> _Row:
    kinds: list[str] = []
    words: list[str] = []
    statuses: dict[int, str] = {}
    for found in _WORD.finditer(plain):
        kind, _, status = str(found.lastgroup).partition("_")
        if status in _ORDER:
            statuses[len(kinds)] = status
        kinds.append({"dash": "-", "mark": found[0]}.get(kind, kind))
        words.append(found[0])
    return _Row("".join(kinds), words, statuses)


# The grammar: regular expressions over rows of kinds.


def _rule(written: str) -> re.Pattern[str]:
    """Compile a rule in which each kind is written by its name and spaces are ignored, such as "not [is has]* $"."""
    return re.compile(re.sub("[a-z_]+", lambda name: Kind[name[0].upper()], written).replace(" ", ""))


_MEETINGS = {Kind.MEETING, Kind.BODY}
_NAMES_MEETING = _rule("[meeting body]")
_NAMES_THING = _rule("[thing masculine_thing]")
_MASCULINE_THINGS = _rule("masculine_thing [thing masculine_thing]*")
_NOUN_PHRASE = _rule("[the other status number day and or previously notice meeting body thing masculine_thing]*")
_LAST_NOUN = _rule("[meeting body thing masculine_thing] (?= [^ meeting body thing masculine_thing]* $)")
_UNKNOWN_PHRASE = _rule("[the number day]* other [the number day and other]*")  # the flights
_AFTER_NUMBER = _rule("(?<= meeting) masculine_thing .*")  # Meeting 287(g)
_THING_AND_MORE = _rule("[^ and]* [thing masculine_thing] .* and")  # the agreement and the hearing
_CONSIDERS_THING = _rule("consider .* [thing masculine_thing]")  # Council to discuss the agreement

_MARK = re.compile("[-:(/),]")
_PART_END = re.compile("[-:(/)]")
_PART_END_BUT_COLON = re.compile("[-(/)]")
_COMMA_OR_THAT = _rule(", | that")
_PREPOSITION = _rule("of | because")
_TAKEN_BACK_PART = _rule("(?: ^ | (?<= [-:(/)])) not [^-:(/)]*")  # CANCELED (no items): City Council

_SUPPOSES = _rule("consider | if | that")
_DENIED_BEFORE = _rule(
    "not [other is has previously]{0,2} $ |"  # has not been | canceled
    "may [^,:]{0,3} $ |"  # may be | canceled
    "previously [is has]* $ |"  # previously | canceled
    "that [is has previously]* $ |"  # which was | canceled
    "from [^,:]* $"  # replaces the | canceled
)
_DENIED_AFTER = _rule(
    "[is has]* reinstated |"  # cancellation | has been rescinded
    "[-(]? from |"  # rescheduled | from May 5
    "if | or"  # canceled | if, canceled | or moved
)
_DOES_SOMETHING = _rule("[the other number day and]* [meeting body] [is has]")  # canceled | meetings are in red
_TO_A_DAY = _rule("[of because] the? (?: day | number of? day)")  # moved | to December 8
_AFTER_SUBJECT_AND_VERB = _rule("[^ is has] [is has]+ $")  # the meeting was | recessed
_JUST_AFTER_MEETING = _rule("[meeting body] other? [number day the]* $")  # Board meeting | recessed
_AFTER_COLON = _rule("[^ status] : $")  # Special Meeting: | canceled flights
_AFTER_OF = _rule("(?<! notice) of the? $")  # of the | canceled meeting
_BEFORE_END = _rule("[number day]* ( $ | [-()/,] | because)")  # canceled | due to snow
_AFTER_NOTICE = _rule("notice of the? $")  # Notice of | Cancellation
_BEFORE_OF = _rule("notice? of the?")  # Cancellation Notice | of the

_DATE_AND_VERB = _rule("[number day is]*")
_DATE = _rule("[-:(/), number day]*")
_DATES = _rule("[-:(/), number day and]*")
_NAMES_AND_DATES = _rule("[number day and other]*")
_UNKNOWN_TITLE = _rule("[-:(/), the number day other]*")
_UNKNOWN_NOTICE = _rule("[-:(/), the number day other notice of]*")


def _noun_phrase(kinds: str) -> str:
    """Return the noun phrase at the beginning, such as "the 287(g) meeting" in "the 287(g) meeting of the board"."""
    found = _NOUN_PHRASE.match(kinds)
    return found[0] if found else ""


def _noun(kinds: str) -> Kind | None:
    """Return the last noun: a meeting, a body or a thing."""
    found = _LAST_NOUN.search(kinds)
    return found and (Kind.THING if _NAMES_THING.match(found[0]) else Kind(found[0]))


def _heads(kinds: str) -> list[Kind]:
    """Return the head of each part between marks: the last noun of the noun phrase that begins the part."""
    parts = (part for part in _MARK.split(kinds) if not part.startswith(Kind.NOT))
    phrases = (_noun_phrase(part.lstrip(Kind.OF + Kind.BECAUSE)) for part in parts)
    return [noun for phrase in phrases if (noun := _noun(_AFTER_NUMBER.sub("", phrase)))]


class _StatusWord:
    """A status word and the words around it, as rows of kinds."""

    def __init__(self, row: _Row, at: int, clause: str) -> None:
        word = row.words[at]
        self._kind, self._status = Kind(row.kinds[at]), row.statuses[at]
        self._left, self._right = row.kinds[max(0, at - _WINDOW) : at], row.kinds[at + 1 : at + 1 + _WINDOW]
        if word.endswith(("a", "as")) and _NAMES_MEETING.search(self._left):  # "reunión sobre el acuerdo cancelada"
            self._left = _MASCULINE_THINGS.sub(lambda things: Kind.OTHER * len(things[0]), self._left)
        self._part = _PART_END_BUT_COLON.split(self._left)[-1]  # "Agenda: ICE" of "City Hall - Agenda: ICE canceled"
        self._beside = self._part.split(":")[-1]  # "ICE"
        self._is_loud = bool(re.search(rf"[a-z]\)?\W+{re.escape(word.upper())}\b", clause))  # "Meeting CANCELED"
        self._has_old_day = row.words[at + 1 : at + 2] in (["del"], ["de"])  # "reprogramada del 3 de enero"

    def is_news(self) -> bool:
        """Return whether the word says that the meeting itself is canceled, postponed, rescheduled or recessed."""
        if self._is_denied() or self._is_supposed():
            return False
        if self._kind == Kind.ACT:
            return self._is_notice()
        if self._kind == Kind.DOES:
            is_passive = self._beside.endswith(Kind.IS)  # "la reunión se cancela"
            return self._object() in _MEETINGS or (is_passive and self._subject() in _MEETINGS)
        if self._kind == Kind.TO_A_DAY and not _TO_A_DAY.match(self._right):
            return False
        if self._kind in {Kind.OFTEN_OTHERWISE, Kind.TO_A_DAY} or self._status == RECESSED:
            return self._happened_to_a_meeting()
        return self._happened()

    def _is_denied(self) -> bool:
        """Return whether the words beside it take it back, or speak of another meeting's fate or an earlier day."""
        is_act = self._kind == Kind.ACT
        return bool(
            _DENIED_BEFORE.search(self._beside)
            or _DENIED_AFTER.match(self._right)
            or (self._right.startswith(Kind.IS) if is_act else _DOES_SOMETHING.match(self._right))
            or Kind.REINSTATED in self._left
            or (self._has_old_day and not is_act and self._status != CANCELLED)
        )

    def _is_supposed(self) -> bool:
        """Return whether it stands in what a meeting is about, or in a clause with "if"."""
        if Kind.IF in self._part:
            return True
        before, considers, _ = self._part.partition(Kind.CONSIDER)
        if not considers:
            return False
        if self._kind in {Kind.ACT, Kind.DOES} or self._object():
            return True
        return _noun(_noun_phrase(before)) not in _MEETINGS  # "Special Meeting to discuss ICE is canceled" isn't

    def _object(self) -> Kind | None:
        """Return the noun that follows it, as in "canceled Planning Commission meeting", or a thing if any is one."""
        phrase = _noun_phrase(self._right)
        is_of_its_own = self._is_loud or self._right.startswith(Kind.AND)
        return Kind.THING if _NAMES_THING.search(phrase) and not is_of_its_own else _noun(phrase)

    def _subject(self) -> Kind | None:
        """Return the noun that a verb such as "has been canceled" is about, OTHER for an unknown one, or None."""
        for part in reversed(_COMMA_OR_THAT.split(self._beside.rstrip(Kind.IS + Kind.HAS + Kind.PREVIOUSLY))):
            if noun := _noun(_noun_phrase(part)):
                return noun
            if _UNKNOWN_PHRASE.fullmatch(_noun_phrase(part)):
                return Kind.OTHER
        return None

    def _happened_to_a_meeting(self) -> bool:
        """Decide on a word such as "deferred" or "recessed", which often speaks of other things."""
        if self._object() or Kind.OTHER in _noun_phrase(self._right):
            return False
        if _DATE.fullmatch(self._left + self._right):
            return True
        if _AFTER_SUBJECT_AND_VERB.search(self._beside):
            return self._subject() in _MEETINGS
        if self._is_set_off():
            is_dated = self._status in {RECESSED, RESCHEDULED} and not _NAMES_THING.search(self._left)
            return is_dated or (bool(_NAMES_MEETING.search(self._left)) and self._fits_left())
        return bool(_JUST_AFTER_MEETING.search(self._beside))

    def _happened(self) -> bool:
        """Decide on a participle, such as "canceled"."""
        object_ = self._object()
        if self._beside.endswith(Kind.HAS):  # "the sheriff has canceled the agreement"
            return object_ in _MEETINGS
        if self._beside.endswith(Kind.IS):  # "the meeting is canceled"
            return self._is_said_of_meeting(self._subject(), object_)
        if self._is_set_off() or self._is_loud:
            return self._is_tag(object_)
        if _AFTER_OF.search(self._beside):
            return False
        return self._is_within(object_)

    def _is_said_of_meeting(self, subject: Kind | None, object_: Kind | None) -> bool:
        if subject == Kind.OTHER:
            return self._is_loud and object_ != Kind.THING and not _NAMES_THING.search(self._part)
        return subject in _MEETINGS or (subject is None and object_ != Kind.THING)

    def _is_set_off(self) -> bool:
        return bool(_DATE_AND_VERB.fullmatch(self._beside)) or self._left.endswith(",")

    def _is_tag(self, object_: Kind | None) -> bool:
        """Decide on a word that stands by itself, as in "Council - CANCELED", or at the beginning."""
        if object_:
            return object_ != Kind.THING
        if _AFTER_COLON.search(self._left) and Kind.OTHER in _noun_phrase(self._right):
            return False
        if _UNKNOWN_TITLE.fullmatch(self._left):
            return self._fits_right()
        names_thing_below = self._right.startswith(":") and _heads(self._following())[:1] == [Kind.THING]
        return self._fits_left() and not names_thing_below

    def _is_within(self, object_: Kind | None) -> bool:
        """Decide on a participle between words, as in "Regular Meeting canceled due to snow"."""
        nearest = _noun(self._beside)
        if Kind.THAT in self._beside or object_ == Kind.THING:
            return False
        if object_:
            return not _NAMES_THING.search(self._beside)
        if Kind.OTHER in _noun_phrase(self._right):
            return nearest == Kind.MEETING
        if nearest:
            return nearest != Kind.THING
        return bool(_BEFORE_END.match(self._right)) or Kind.OTHER not in self._beside

    def _is_notice(self) -> bool:
        """Decide on a noun, such as "cancellation", which is news only if it announces that a meeting isn't held."""
        before = _AFTER_NOTICE.sub("", self._beside)
        near = _PREPOSITION.split(before)[-1]
        if _noun(near) == Kind.THING or (near != before and not _noun(near)):  # "on the notice of cancellation by ICE"
            return False
        if of := _BEFORE_OF.match(self._right):
            return self._is_of_meeting(_noun_phrase(self._right[of.end() :]))
        if _NAMES_THING.search(_noun_phrase(self._right)):
            return False
        if _noun(near):
            return True
        if self._right.startswith(Kind.NOTICE) or before != self._beside:
            return self._fits_right() if _UNKNOWN_NOTICE.fullmatch(self._left) else self._fits_left()
        return Kind.OTHER not in before and self._stands_alone(is_dated=Kind.DAY in before or Kind.NUMBER in before)

    def _is_of_meeting(self, phrase: str) -> bool:
        """Return whether a noun is one of a meeting or a day, as in "cancellation of the December 1 meeting"."""
        if _THING_AND_MORE.match(phrase):
            return False
        names_nothing = Kind.OTHER in phrase or bool(_NAMES_THING.search(phrase)) or not phrase
        return _noun(phrase) in _MEETINGS or not names_nothing

    def _stands_alone(self, *, is_dated: bool) -> bool:
        """Return whether a title says nothing but "Cancellation", a day, and perhaps whose meeting it was."""
        if _NAMES_THING.search(self._left + self._right):
            return False
        if _PART_END.match(self._right) and _heads(self._following()):
            return self._fits_right()
        if is_dated:
            return bool(_NAMES_AND_DATES.fullmatch(_noun_phrase(self._right)))
        return bool(_DATES.fullmatch(self._right))

    def _fits_left(self) -> bool:
        """Return whether the title in front of a tag names a meeting, or at least nothing that could be canceled."""
        heads = _heads(self._left)
        if Kind.MEETING in heads:
            return True
        if heads[-1:] == [Kind.BODY]:
            return not _CONSIDERS_THING.search(self._left)
        if _NAMES_THING.search(self._left):
            return False
        return self._right[:1] not in {"-", ":"} or self._fits_right()

    def _fits_right(self) -> bool:
        """Return whether a title that begins with the tag goes on as a meeting's, as in "CANCELED: City Council"."""
        following = self._following()
        heads = _heads(following)
        if Kind.MEETING in heads:
            return True
        if heads[:1] == [Kind.BODY]:
            return not _CONSIDERS_THING.search(following)
        return not _NAMES_THING.search(following)

    def _following(self) -> str:
        """Return what follows the next mark: in "CANCELED due to snow: City Council", the council."""
        return _TAKEN_BACK_PART.sub("", "".join(_PART_END.split(self._right, maxsplit=1)[1:]))
