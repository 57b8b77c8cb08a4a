"""Decide whether a meeting takes place, from the words that a platform has about it. All platforms use this function.

Such words also tell what a meeting is about. "Special Meeting to consider cancellation of the 287(g) agreement" takes
place. So each clause is written as a row of letters, one a word (see `status_words.KINDS`), and a status counts only if
the grammar around it says that it speaks of a meeting. If it might as well speak of an agreement, the status is empty.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from itertools import islice

from bot.domain.agenda import CANCELLED, POSTPONED, RECESSED, RESCHEDULED
from bot.domain.agendas import status_words

_ORDER = (CANCELLED, POSTPONED, RESCHEDULED, RECESSED)
_STATUSES: Mapping[str, Mapping[str, str]] = {
    "C": status_words.HAPPENED,
    "W": status_words.OFTEN_OTHERWISE,
    "D": status_words.TO_A_DAY,
    "K": status_words.NOUN,
    "A": status_words.DOES,
}
_BREAKS = "-:(/)"  # a dash, a colon, a parenthesis or a slash
_WINDOW = 60  # words on each side
_MOST_WORDS = 20  # of a clause that may be a status; a title has one or two
_LONGEST = 4_000  # letters of a field; of a longer one, its beginning and its end


def _one_of(patterns: Mapping[str, str]) -> str:
    return "|".join(rf"(?P<{name}>\b(?:{words})\b(?!'))" for name, words in patterns.items())


_NAMED = {f"{kind}_{status}": words for kind, by in _STATUSES.items() for status, words in by.items()}
_STATUS_WORD = re.compile(rf"\b(?:{'|'.join(_NAMED.values())})\b")
_WORD = re.compile(
    rf"(?P<w_seeming>\b(?:{status_words.KINDS['w']})\b)|{_one_of(_NAMED)}|"
    rf"{_one_of({kind: words for kind, words in status_words.KINDS.items() if kind != 'w'})}|"
    r"(?P<w>\w+(?:'\w+)?)|(?P<dash>[-*~#=<>]+)|(?P<mark>[:/,()])"
)
_SAID_OTHERWISE = tuple((re.compile(said), plain) for said, plain in status_words.SAID_OTHERWISE)
_NO_MEETING = re.compile(status_words.NO_MEETING)
_SAYS_NO = re.compile(r"\b(?:no|not|won't|sin|quorum|cuorum|reces[so]+)\b|n't")

_MARKUP = re.compile(
    r"</?(?:b|i|u|s|a|p|br|em|h\d|li|ul|td|tr|div|span|font|strong|small|strike|del|mark|su[bp])\b[^<>]{0,200}>",
    re.IGNORECASE,
)
_ACCENTS = re.compile("[\u0300-\u036f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": " - ", "—": " - ", "―": " - ", "−": " - ",
                        "[": "(", "]": ")", "{": "(", "}": ")", "&": " and ", "_": " "})  # fmt: skip
_SPREAD = re.compile(r"\b(?:[A-Z] ){5,}[A-Z]\b")  # C A N C E L E D
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FILE = re.compile(r"\.(?:pdf|docx?|html?|rtf|txt|aspx)\b", re.IGNORECASE)
_BESIDE = re.compile(rf"(?<=\w)(?<!un)-(?={_STATUS_WORD.pattern})|(?<=[a-z]d)-(?=\w)|(?<=ion)-(?=\w)")
_JOINED = re.compile(  # noticeofcancellation.pdf
    r"(?<=[a-z]{3})(?=cancel|postpone|reschedul)|(?<=noticeof)(?=cancel)|(?<=notice)(?=of ?cancel)|"
    r"(?:(?<=cancellation)|(?<=cancelled)|(?<=canceled))(?=[a-z]{3}|\d)|(?<=notice)(?=\d)"
)
_PROGRAM = re.compile(r"\b287[ -]?\(? ?g\b ?\)?", re.IGNORECASE)
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=\w)|(?<=\w)-(?=[^\W\d])")
_CLAUSES = re.compile(r"(?<=[a-z0-9)])\.\s+(?=[A-Z*])|(?<=[A-Z]{4})\.\s+|[;\n\r|•·]+|\s\*+\s|(?<=\S)!+")


def meeting_status(*words: str) -> str:
    """Return one of the statuses in `bot.domain.agenda`, or an empty string if the meeting takes place as planned.

    Each of `words` is one field: a title, a place, a comment or the name of a document.
    """
    said = (status for field in words for clause in _clauses(field) for status in _statuses(clause))
    found = ""
    for status in said:
        if status == CANCELLED:
            return status
        found = min(found or status, status, key=_ORDER.index)
    return found


def _clauses(field: str) -> Iterator[str]:
    """Yield a field's clauses without markup, accents, invisible characters and names run together."""
    text = field if len(field) <= _LONGEST else f"{field[: _LONGEST // 2]}\n{field[-_LONGEST // 2 :]}"
    text = _MARKUP.sub(" ", unescape(unescape(text)) if "&" in text else text)
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    is_file_name = not re.search(r"\s|_-_", text.strip())
    text = _CAMEL.sub(" ", _FILE.sub(" ", text).translate(_PLAIN))
    if is_file_name:
        text = re.sub(r"[-+.]|%20", " ", text)
    text = _SPREAD.sub(lambda spread: spread[0].replace(" ", ""), _PROGRAM.sub("287G ", text))
    return (" ".join(clause.split()) for clause in _CLAUSES.split(text))


def _statuses(clause: str) -> Iterator[str]:
    plain = _JOINED.sub(" ", re.sub(r"'s\b|(?:^|(?<=- ))\W{0,20}re: ", "", clause.lower()))
    says_no = _SAYS_NO.search(plain)
    if not says_no and not _STATUS_WORD.search(plain):
        return
    plain = _HYPHEN.sub(" ", _BESIDE.sub(" - ", plain))
    if says_no:
        no_meeting = _NO_MEETING.search(plain)
        if no_meeting and not re.search("[OIq]", _read(plain[: no_meeting.start()], "").kinds):
            yield CANCELLED
        for said, canceled in _SAID_OTHERWISE:
            plain = said.sub(canceled, plain)
    row = _read(plain, clause)
    for at, status in islice(row.statuses.items(), _MOST_WORDS):
        if _Around(row, at).is_news():
            yield status


@dataclass(frozen=True, slots=True)
class _Row:
    """A clause as a row of letters, with the status that each status word stands for and those in capitals."""

    kinds: str
    statuses: Mapping[int, str]
    loud: frozenset[int]
    feminine: frozenset[int]
    del_after: frozenset[int]  # "reprogramada del 3 de enero": the new date


def _read(plain: str, clause: str) -> _Row:
    """Read a clause in small letters; the clause as it was written tells which words are in capitals."""
    kinds: list[str] = []
    statuses: dict[int, str] = {}
    loud, feminine, del_after = set[int](), set[int](), set[int]()
    for found in _WORD.finditer(plain):
        kind, _, status = str(found.lastgroup).partition("_")
        if status in _ORDER:
            statuses[len(kinds)] = status
            if re.search(rf"[a-z]\)?\W+{re.escape(found[0].upper())}\b", clause):
                loud.add(len(kinds))
            if found[0].endswith(("a", "as")):
                feminine.add(len(kinds))
        elif found[0] in {"del", "de"}:
            del_after.add(len(kinds) - 1)
        kinds.append({"dash": "-", "mark": found[0]}.get(kind, kind))
    return _Row("".join(kinds), statuses, frozenset(loud), frozenset(feminine), frozenset(del_after))


def _run(kinds: str) -> str:
    """Return the noun phrase at the beginning, such as "the 287(g) meeting" in "the 287(g) meeting of the board"."""
    found = re.match("[awsdmjogETtBN]*", kinds)
    return found[0] if found else ""


def _noun(kinds: str) -> str:
    """Return the last noun in a row of letters: E or B for a meeting, T for a thing, or an empty string."""
    found = re.search("[EBTt](?=[^EBTt]*$)", kinds)
    return found[0].upper() if found else ""


def _names_thing(kinds: str) -> bool:
    return "T" in kinds or "t" in kinds


def _heads(kinds: str) -> list[str]:
    """Return the head of each part between marks: the last noun of the noun phrase that begins the part."""
    runs = (_run(part.lstrip("pr")) for part in re.split(r"[-:(/),]", kinds) if part[:1] != "n")
    return [noun for run in runs if (noun := _noun(re.sub("(?<=E)t.*", "", run)))]  # "Meeting 287(g)"


class _Around:
    """The words around one status word, and what they say of it."""

    def __init__(self, row: _Row, at: int) -> None:
        self._kind, self._status = row.kinds[at], row.statuses[at]
        self._left, self._right = row.kinds[max(0, at - _WINDOW) : at], row.kinds[at + 1 : at + 1 + _WINDOW]
        if at in row.feminine and re.search("[EB]", self._left):  # "reunión sobre el acuerdo cancelada": the meeting
            self._left = re.sub("t[Tt]*", lambda things: "w" * len(things[0]), self._left)
        self._is_loud, self._is_whole = at in row.loud, not (self._left + self._right).strip("-:(/),dm")
        self._has_del = at in row.del_after
        self._near = re.split(r"[-(/)]", self._left)[-1]  # a colon doesn't end "Discussion: …"
        self._beside = self._near.split(":")[-1]

    def is_news(self) -> bool:
        """Return whether the word says that the meeting itself is canceled, postponed, rescheduled or recessed."""
        if self._is_denied() or self._is_supposed():
            return False
        if self._kind == "K":
            return self._is_notice()
        if self._kind == "A":
            return self._object() in {"E", "B"} or (self._beside[-1:] == "x" and self._subject() in {"E", "B"})
        if self._kind == "D" and not re.match("[pr]a?(?:m|dp?m)", self._right):
            return False
        if self._kind in "WD" or self._status == RECESSED:
            return self._happened_to_a_meeting()
        return self._happened()

    def _is_denied(self) -> bool:
        """Return whether the words beside it take it back, or speak of another meeting's fate or an earlier day."""
        return bool(
            re.search(r"n[wxhg]{0,2}$|M[^,:]{0,3}$|g[xh]*$|q[xhg]*$|f[^,:]*$", self._beside)
            or re.match("[xh]*z|[-(]?f|I|o", self._right)
            or re.match("[awdmj]*[EB][xh]" if self._kind != "K" else "x", self._right)  # "canceled meetings are marked"
            or "z" in self._left
            or (self._has_del and self._kind != "K" and self._status != CANCELLED)
        )

    def _is_supposed(self) -> bool:
        """Return whether it stands in what a meeting is about, or in a clause with "if"."""
        if "I" in self._near:
            return True
        if "O" not in self._near:
            return False
        about = self._near.index("O")
        is_about_something = _noun(_run(self._near[:about])) not in {"E", "B"}
        return is_about_something or self._kind in "KA" or bool(self._object())

    def _object(self) -> str:
        """Return the noun that follows it, as in "canceled Planning Commission meeting", or T if any is a thing."""
        run = _run(self._right)
        if self._is_loud or self._right[:1] == "j":
            return _noun(run)
        return "T" if _names_thing(run) else _noun(run)

    def _subject(self) -> str:
        """Return the noun that a verb such as "has been canceled" is about, w for an unknown one, or nothing."""
        for part in reversed(re.split("[,q]", self._beside.rstrip("xhg"))):
            if noun := _noun(_run(part)):
                return noun
            if part and re.fullmatch("[w]*[w][wadmj]*|[adm]+w[wadmj]*", _run(part)):
                return "w"
        return ""

    def _happened_to_a_meeting(self) -> bool:
        """Decide on a word such as "deferred" or "recessed", which often speaks of other things."""
        if self._object() or "w" in _run(self._right):
            return False
        if self._is_whole:
            return True
        if re.search("[^xh][xh]+$", self._beside):
            return self._subject() in {"E", "B"}
        if self._is_set_off():
            is_dated = self._status in {RECESSED, RESCHEDULED} and not _names_thing(self._left)
            return is_dated or (bool(re.search("[EB]", self._left)) and self._fits_left())
        return bool(re.search("[EB]w?[dma]*$", self._beside))

    def _happened(self) -> bool:
        """Decide on a participle, such as "canceled"."""
        thing_or_meeting = self._object()
        if self._beside[-1:] == "h":  # "the sheriff has canceled the agreement"
            return thing_or_meeting in {"E", "B"}
        if self._beside[-1:] == "x":
            return self._is_said_of_meeting(self._subject(), thing_or_meeting)
        if self._is_set_off() or self._is_loud:
            return self._is_tag(thing_or_meeting)
        if re.search(r"(?<!N)pa?$", self._beside):  # "of the canceled meeting"
            return False
        return self._is_within(thing_or_meeting)

    def _is_said_of_meeting(self, subject: str, object_: str) -> bool:
        if subject == "w":
            return self._is_loud and object_ != "T" and not _names_thing(self._near)
        return subject in {"E", "B"} or (subject == "" and object_ != "T")

    def _is_set_off(self) -> bool:
        return not self._beside.strip("dmx") or self._left[-1] == ","

    def _is_tag(self, object_: str) -> bool:
        """Decide on a word that stands by itself, as in "Council - CANCELED", or at the beginning."""
        if object_:
            return object_ != "T"
        if re.search("[^s]:$", self._left) and "w" in _run(self._right):  # "Special Meeting: canceled flights"
            return False
        if self._left.strip("-(/),:admw"):
            return self._fits_left() and not (self._right[:1] == ":" and _heads(self._following())[:1] == ["T"])
        return self._fits_right()

    def _fits_left(self) -> bool:
        """Return whether the title in front of a tag names a meeting, or at least nothing that could be canceled."""
        left, heads = self._left, _heads(self._left)
        if "E" in heads:
            return True
        if heads[-1:] == ["B"]:
            return not re.search("O.*[Tt]", left)
        if _names_thing(left):
            return False
        return self._right[:1] not in {"-", ":"} or self._fits_right()

    def _following(self) -> str:
        """Return what follows the next mark: in "CANCELED due to snow: City Council", the council."""
        following = re.split(r"[-:(/)]", self._right, maxsplit=1)[1:]
        return re.sub(r"(?:^|(?<=[-:(/)]))n[^-:(/)]*", "", "".join(following))  # "CANCELED (no items)"

    def _fits_right(self) -> bool:
        """Return whether a title that begins with the tag goes on as a meeting's, as in "CANCELED: City Council"."""
        following = self._following()
        heads = _heads(following)
        if "E" in heads:
            return True
        if heads[:1] == ["B"]:
            return not re.search("O.*[Tt]", following)
        return not _names_thing(following)

    def _is_within(self, object_: str) -> bool:
        """Decide on a participle between words, as in "Regular Meeting canceled due to snow"."""
        if "q" in self._beside or object_ == "T":
            return False
        nearest = _noun(self._beside)
        if object_:
            return not _names_thing(self._beside)
        if re.search("w", _run(self._right)):
            return nearest == "E"
        if nearest:
            return nearest != "T"
        return self._right.lstrip("dm")[:1] in {"", "-", "(", ")", "/", ",", "r"} or not re.search("w", self._beside)

    def _is_notice(self) -> bool:
        """Decide on a noun, such as "cancellation", which is news only if it announces that a meeting isn't held."""
        before = re.sub("Npa?$", "", self._beside)
        near = re.split("[pr]", before)[-1]
        is_spoken_of = near != before and not _noun(near)  # "on the notice of cancellation from ICE"
        if is_spoken_of or _noun(near) == "T":
            return False
        if of := re.match("N?pa?", self._right):
            return self._is_of_meeting(_run(self._right[of.end() :]))
        if _names_thing(_run(self._right)):
            return False
        if _noun(near):
            return True
        if self._right[:1] == "N" or before != self._beside:
            return self._fits_left() if self._left.strip("-(/),:admwNp") else self._fits_right()
        return "w" not in before and self._stands_alone(is_dated=bool(re.search("[dm]", before)))

    def _is_of_meeting(self, run: str) -> bool:
        """Return whether a noun is one of a meeting or a day, as in "cancellation of the December 1 meeting"."""
        if re.match("[^j]*[Tt].*j", run):  # "of the agreement and hearing"
            return False
        return _noun(run) in {"E", "B"} or (run != "" and "w" not in run and not _names_thing(run))

    def _stands_alone(self, *, is_dated: bool) -> bool:
        """Return whether a title says nothing but "Cancellation", a day, and perhaps whose meeting it was."""
        if _names_thing(self._left + self._right):
            return False
        if self._right[:1] in set(_BREAKS) and _heads(self._following()):
            return self._fits_right()
        return not (_run(self._right).strip("wdmj") if is_dated else self._right.strip("dmj-:(/),"))
