"""Decide whether a meeting takes place, from the words that a platform has about it. All platforms use this function.

Such words also tell what a meeting is about. So each word of a clause gets a kind (see `status_words.Kind`), and a
status counts only if the grammar around it says that it speaks of a meeting:

    CANCELED : City  Council
    HAPPENED : OTHER BODY
        A tag, and after it a body that meets: canceled.

    Cancelled : Sheriff's 287(g)          MOA
    HAPPENED  : OTHER     MASCULINE_THING THING
        A tag, and after it a thing that could be canceled: no status.

    Special Meeting to consider cancellation of the agreement
    OTHER   MEETING OF CONSIDER ACT          OF THE THING
        CONSIDER opens what the meeting is about: no status.

If a word might as well speak of an agreement, it gives no status. The module is in the order of the work: clean a field
and cut it into clauses, read a clause word by word, and judge each word that stands for a status.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from itertools import islice

from bot.domain.agenda import CANCELLED, POSTPONED, RECESSED, RESCHEDULED
from bot.domain.agendas import status_words
from bot.domain.agendas.status_words import Kind

_ORDER = (CANCELLED, POSTPONED, RESCHEDULED, RECESSED)
_LONGEST = 4_000  # letters of a field; of a longer one, its beginning and its end
_WINDOW = 60  # words on each side
_MOST_WORDS = 20  # of a clause that may be a status; a title has one or two


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
_SPACE = re.compile(r"\s|_-_")
_FILE_SPACE = re.compile(r"[-+.]|%20")  # "Notice-of-Cancellation.pdf"
_FILE_TYPE = re.compile(r"\.(?:pdf|docx?|html?|rtf|txt|aspx)\b", re.IGNORECASE)
_CAPITAL_WITHIN = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # "IllinoisCANCELLED"
_PROGRAM = re.compile(r"\b287[ -]?\(? ?g\b ?\)?", re.IGNORECASE)  # "287(g)", "287-g"
_SPREAD = re.compile(r"\b(?:[A-Z] ){5,}[A-Z]\b")  # "C A N C E L E D"
_CLAUSE_END = re.compile(  # "Vote on the 287(g) agreement. This meeting is canceled."
    r"(?<=[a-z0-9)])\.\s+(?=[A-Z*])|(?<=[A-Z]{4})\.\s+|[;\n\r|•·]+|\s\*+\s|(?<=\S)!+"
)


def _clean(field: str) -> str:
    """Return a field without markup, accents, invisible characters and names run together."""
    text = field if len(field) <= _LONGEST else f"{field[: _LONGEST // 2]}\n{field[-_LONGEST // 2 :]}"
    text = _MARKUP.sub(" ", unescape(unescape(text)) if "&" in text else text)
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKD", text))
    is_file_name = not _SPACE.search(text.strip())
    text = _CAPITAL_WITHIN.sub(" ", _FILE_TYPE.sub(" ", text).translate(_PLAIN))
    if is_file_name:
        text = _FILE_SPACE.sub(" ", text)
    return _SPREAD.sub(lambda spread: spread[0].replace(" ", ""), _PROGRAM.sub("287G ", text))


# Read a clause word by word.

_STATUSES = {  # by kind and status, such as C_cancelled
    f"{kind}_{status}": words for kind, said in status_words.STATUSES.items() for status, words in said.items()
}
_STATUS_WORD = re.compile(rf"\b(?:{'|'.join(_STATUSES.values())})\b")
_WORD = re.compile(  # the group that fits is named by the word's kind, or by its kind and status
    rf"(?P<{Kind.OTHER}_seeming>\b(?:{status_words.SEEMING})\b)|"
    + "".join(rf"(?P<{name}>\b(?:{words})\b(?!'))|" for name, words in (_STATUSES | status_words.KINDS).items())
    + rf"(?P<{Kind.OTHER}>\w+(?:'\w+)?)|(?P<dash>[-*~#=<>]+)|(?P<mark>[:/,()])"
)
_LEFT_OUT = re.compile(r"'s\b|(?:^|(?<=- ))\W{0,20}re: ")  # "Sheriff's", "RE: Meeting canceled"
_JOINED = re.compile(  # "noticeofcancellation.pdf"
    r"(?<=[a-z]{3})(?=cancel|postpone|reschedul)|(?<=noticeof)(?=cancel)|(?<=notice)(?=of ?cancel)|"
    r"(?:(?<=cancellation)|(?<=cancelled)|(?<=canceled))(?=[a-z]{3}|\d)|(?<=notice)(?=\d)"
)
_DASH = re.compile(  # a hyphen instead of a dash: "Hearing on ICE contract-Canceled", "Cancellation-Regular meeting"
    rf"(?<=\w)(?<!un)-(?={_STATUS_WORD.pattern})|(?<=[a-z]d)-(?=\w)|(?<=ion)-(?=\w)"
)
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=\w)|(?<=\w)-(?=[^\W\d])")  # "work-session", not "12-8"
_SAYS_NO = re.compile(r"\b(?:no|not|won't|sin|quorum|cuorum|reces[so]+)\b|n't")  # else the next two needn't be tried
_NO_MEETING = re.compile("|".join(status_words.NO_MEETING))
_SAID_OTHERWISE = tuple((re.compile(said), plain) for said, plain in status_words.SAID_OTHERWISE)


def _statuses(clause: str) -> Iterator[str]:
    """Yield the statuses that a clause gives the meeting."""
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
    for at, status in islice(row.statuses.items(), _MOST_WORDS):
        if _StatusWord(row, at, clause).is_news():
            yield status


@dataclass(frozen=True, slots=True)
class _Row:
    """A clause as a row of kinds, one letter a word or a mark, and the status that each status word stands for."""

    kinds: str
    words: list[str]
    statuses: Mapping[int, str]


def _read(plain: str) -> _Row:
    """Give each word its kind. `plain` is in small letters."""
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


# Judge each status word by rules about kinds. In the examples, a rule matches the words in <>.

_SEVERAL = {
    "meetings": Kind.MEETING + Kind.BODY,
    "things": Kind.THING + Kind.MASCULINE_THING,
    "nouns": Kind.MEETING + Kind.BODY + Kind.THING + Kind.MASCULINE_THING,
    "dates": Kind.DAY + Kind.NUMBER,
    "marks": r"\-:(/),",
    "breaks": r"\-:(/)",
}


def _rule(written: str) -> re.Pattern[str]:
    """Compile a rule such as "not [is has]* $": a regular expression in which a kind's name stands for its letter."""
    letters = re.sub("[a-z_]+", lambda name: _SEVERAL.get(name[0]) or Kind[name[0].upper()], written)
    return re.compile(letters.replace(" ", ""))


# Which words are a noun phrase, or a part of a title?
_MEETINGS = frozenset({Kind.MEETING, Kind.BODY})
_MEETING, _THING = _rule("[meetings]"), _rule("[things]")
_MASCULINE_THINGS = _rule("masculine_thing [things]*")
_NOUN_PHRASE = _rule("[the other status dates and or previously notice nouns]*")
_LAST_NOUN = _rule("[nouns] (?= [^ nouns]* $)")
_UNKNOWN_PHRASE = _rule("[the dates]* other [the dates and other]*")  # "<The flights> were canceled"
_MARK, _BREAK, _BREAK_BUT_COLON = _rule("[marks]"), _rule("[breaks]"), _rule("[-(/)]")
_THING_AFTER_MEETING = _rule("(?<= meeting) masculine_thing .*")  # "Meeting <287(g)> - CANCELED"
_REASON = _rule("(?: ^ | (?<= [breaks])) not [^ breaks]*")  # "CANCELLED (<no agenda items>)"
_CONSIDERS_THING = _rule("consider .* [things]")  # "City Council: <discuss ICE agreement> - CANCELED"

# Is it denied or supposed?
_SUPPOSES = _rule("consider | if | that")  # "<If> quorum fails, no meeting"
_DENIED_BEFORE = _rule(
    "not [other is has previously]{0,2} $ |"  # "Meeting is <not> canceled"
    "may [^,:]{0,3} $ |"  # "<Puede ser> cancelada"
    "previously [is has]* $ |"  # "<Previously> postponed"
    "that [is has previously]* $ |"  # "Meeting on the 287(g) agreement <that was> canceled"
    "from [^,:]* $"  # "<In place of the> canceled Nov. 3 meeting"
)
_DENIED_AFTER = _rule(
    "[is has]* reinstated |"  # "Meeting cancellation <rescinded>"
    "[-(]? from |"  # "Postponed <from> November 3"
    "if |"  # "Meetings are canceled <if> the schools are closed"
    "or"  # "Canceled <or> Continued?"
)
_MEETING_DOES = _rule("[the other dates and]* [meetings] [is has]")  # "Cancelled <meetings are> marked"

# Was a meeting "deferred", "moved" or "recessed"?
_TO_A_DAY = _rule("[of because] the? (?: day | number of? day)")  # "Moved <to Tuesday>"
_ONLY_DATES = _rule("[marks dates]*")  # "<12-1-26:> SUSPENDIDA"
_AFTER_VERB = _rule("[^ is has] [is has]+ $")  # "The <meeting was> recessed until Dec. 8"
_AFTER_MEETING = _rule("[meetings] other? [dates the]* $")  # "<Hearing> vacated"

# Is "canceled" said of a meeting?
_COMMA_OR_THAT = _rule(", | that")  # "Special Meeting<,> the 287(g) agreement was canceled"
_STARTS_PART = _rule("[dates is]*")  # "Item 5 - <Dec. 1> CANCELED"
_AFTER_OF = _rule("(?<! notice) of the? $")  # "Minutes <of the> canceled Nov. 17 meeting"
_AFTER_COLON = _rule("[^ status] : $")  # "Special <Meeting:> canceled flights"
_UNKNOWN_TITLE = _rule("[marks the dates other]*")  # "<Room 5 -> CANCELED"
_ENDS_PART = _rule("[dates]* ( $ | [-()/,] | because)")  # "P&Z Cancelled <due> to snow"

# Is it the cancellation of a meeting?
_NOTICE_OF = _rule("notice of the? $")  # "<Notice of> Cancellation"
_PREPOSITION = _rule("of | because")  # "Presentation to City Council <on> cancellation"
_OF = _rule("notice? of the?")  # "Cancellation <of> Meeting"
_THING_AND_MORE = _rule("[^ and]* [things] .* and")  # "Cancellation of <287(g) agreement and> hearing"
_DAY = _rule("[the status dates and or previously notice]+")  # "Cancellation of <December 1>"
_UNKNOWN_NOTICE = _rule("[marks the dates other notice of]*")  # "<Notice of> Cancellation (287(g) MOA)"
_NAMES_AND_DATES = _rule("[dates and other]*")  # "12-1-26 Cancellation <Room 5>"
_DATES_AND_MARKS = _rule("[marks dates and]*")  # "Cancellation <12-1-26>"


def _noun_phrase(kinds: str) -> str:
    """Return the noun phrase at the beginning, such as "the 287(g) meeting" in "the 287(g) meeting of the board"."""
    found = _NOUN_PHRASE.match(kinds)
    return found[0] if found else ""


def _noun(kinds: str) -> Kind | None:
    """Return the last noun: a meeting, a body or a thing."""
    found = _LAST_NOUN.search(kinds)
    return found and (Kind.THING if _THING.match(found[0]) else Kind(found[0]))


def _heads(kinds: str) -> list[Kind]:
    """Return the head of each part between marks: the last noun of the noun phrase that begins the part."""
    parts = (part for part in _MARK.split(kinds) if not part.startswith(Kind.NOT))
    phrases = (_noun_phrase(part.lstrip(Kind.OF + Kind.BECAUSE)) for part in parts)
    return [noun for phrase in phrases if (noun := _noun(_THING_AFTER_MEETING.sub("", phrase)))]


class _StatusWord:
    """A status word and the words around it.

    "Canceled" is a tag in "Council - CANCELED". It has an object in "canceled Council meeting", and a subject in "the
    meeting was canceled".
    """

    def __init__(self, row: _Row, at: int, clause: str) -> None:
        word = row.words[at]
        self._kind, self._status = Kind(row.kinds[at]), row.statuses[at]
        self._left, self._right = row.kinds[max(0, at - _WINDOW) : at], row.kinds[at + 1 : at + 1 + _WINDOW]
        if word.endswith(("a", "as")) and _MEETING.search(self._left):  # "Reunión de ICE cancelada"
            self._left = _MASCULINE_THINGS.sub(lambda things: Kind.OTHER * len(things[0]), self._left)
        self._part = _BREAK_BUT_COLON.split(self._left)[-1]  # "Agenda: ICE" of "City Hall - Agenda: ICE canceled"
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
            or (self._right.startswith(Kind.IS) if is_act else _MEETING_DOES.match(self._right))
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
        return _noun(_noun_phrase(before)) not in _MEETINGS  # not "Meeting to discuss ICE has been canceled"

    def _object(self) -> Kind | None:
        """Return the noun that follows it, as in "canceled Planning Commission meeting", or a thing if any is one."""
        phrase = _noun_phrase(self._right)
        is_apart = self._is_loud or self._right.startswith(Kind.AND)
        return Kind.THING if _THING.search(phrase) and not is_apart else _noun(phrase)

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
        if _ONLY_DATES.fullmatch(self._left + self._right):
            return True
        if _AFTER_VERB.search(self._beside):
            return self._subject() in _MEETINGS
        if self._is_set_off():
            is_dated = self._status in {RECESSED, RESCHEDULED} and not _THING.search(self._left)
            return is_dated or (bool(_MEETING.search(self._left)) and self._fits_left())
        return bool(_AFTER_MEETING.search(self._beside))

    def _happened(self) -> bool:
        """Decide on a participle, such as "canceled"."""
        object_ = self._object()
        if self._beside.endswith(Kind.HAS):  # "the sheriff has canceled the agreement"
            return object_ in _MEETINGS
        if self._beside.endswith(Kind.IS):  # "the meeting is canceled"
            return self._is_said_of_meeting(self._subject(), object_)
        if self._is_set_off() or self._is_loud:
            return self._is_tag(object_)
        return not _AFTER_OF.search(self._beside) and self._is_within(object_)

    def _is_said_of_meeting(self, subject: Kind | None, object_: Kind | None) -> bool:
        """Decide on a participle with a verb, as in "This meeting has been canceled"."""
        if subject == Kind.OTHER:
            return self._is_loud and object_ != Kind.THING and not _THING.search(self._part)
        return subject in _MEETINGS or (subject is None and object_ != Kind.THING)

    def _is_set_off(self) -> bool:
        return bool(_STARTS_PART.fullmatch(self._beside)) or self._left.endswith(",")

    def _is_tag(self, object_: Kind | None) -> bool:
        """Decide on a word that stands by itself, as in "Council - CANCELED", or at the beginning."""
        if object_:
            return object_ != Kind.THING
        if _AFTER_COLON.search(self._left) and Kind.OTHER in _noun_phrase(self._right):
            return False
        if _UNKNOWN_TITLE.fullmatch(self._left):
            return self._fits_right()
        names_thing = self._right.startswith(":") and _heads(self._following())[:1] == [Kind.THING]
        return self._fits_left() and not names_thing

    def _is_within(self, object_: Kind | None) -> bool:
        """Decide on a participle between words, as in "Regular Meeting canceled due to snow"."""
        nearest = _noun(self._beside)
        if Kind.THAT in self._beside or object_ == Kind.THING:
            return False
        if object_:
            return not _THING.search(self._beside)
        if Kind.OTHER in _noun_phrase(self._right):
            return nearest == Kind.MEETING
        if nearest:
            return nearest != Kind.THING
        return bool(_ENDS_PART.match(self._right)) or Kind.OTHER not in self._beside

    def _is_notice(self) -> bool:
        """Decide on a noun, such as "cancellation", which is news only if it announces that a meeting isn't held."""
        before = _NOTICE_OF.sub("", self._beside)
        near = _PREPOSITION.split(before)[-1]
        is_spoken_of = near != before and not _noun(near)  # "meeting on the notice of cancellation"
        if is_spoken_of or _noun(near) == Kind.THING:
            return False
        if of := _OF.match(self._right):
            return self._is_of_meeting(_noun_phrase(self._right[of.end() :]))
        if _THING.search(_noun_phrase(self._right)):
            return False
        if _noun(near):
            return True
        if self._right.startswith(Kind.NOTICE) or before != self._beside:
            return self._fits_right() if _UNKNOWN_NOTICE.fullmatch(self._left) else self._fits_left()
        return Kind.OTHER not in before and self._stands_alone(is_dated=Kind.DAY in before or Kind.NUMBER in before)

    def _is_of_meeting(self, phrase: str) -> bool:
        """Return whether a noun is one of a meeting or a day, as in "cancellation of the December 1 meeting"."""
        return not _THING_AND_MORE.match(phrase) and (_noun(phrase) in _MEETINGS or bool(_DAY.fullmatch(phrase)))

    def _stands_alone(self, *, is_dated: bool) -> bool:
        """Return whether a title says nothing but "Cancellation", a day, and perhaps whose meeting it was."""
        if _THING.search(self._left + self._right):
            return False
        if _BREAK.match(self._right) and _heads(self._following()):
            return self._fits_right()
        if is_dated:
            return bool(_NAMES_AND_DATES.fullmatch(_noun_phrase(self._right)))
        return bool(_DATES_AND_MARKS.fullmatch(self._right))

    def _fits_left(self) -> bool:
        """Return whether the title in front of a tag names a meeting, or at least nothing that could be canceled."""
        heads = _heads(self._left)
        if Kind.MEETING in heads:
            return True
        if heads[-1:] == [Kind.BODY]:
            return not _CONSIDERS_THING.search(self._left)
        return not _THING.search(self._left) and (self._right[:1] not in {"-", ":"} or self._fits_right())

    def _fits_right(self) -> bool:
        """Return whether a title that begins with the tag goes on as a meeting's, as in "CANCELED: City Council"."""
        following = self._following()
        heads = _heads(following)
        if Kind.MEETING in heads:
            return True
        if heads[:1] == [Kind.BODY]:
            return not _CONSIDERS_THING.search(following)
        return not _THING.search(following)

    def _following(self) -> str:
        """Return what follows the next mark: in "CANCELED due to snow: City Council", the council."""
        return _REASON.sub("", "".join(_BREAK.split(self._right, maxsplit=1)[1:]))
