"""Functions that repair the cells of ICE's lists: states, support types, dates, web addresses and agency names."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from functools import cache, lru_cache
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from bot.domain.agreement import SupportType
from bot.domain.geography.counties import county_names
from bot.domain.geography.states import STATES

SUPPORT_TYPES = {
    SupportType.JEM: "Jail Enforcement Model",
    SupportType.WSO: "Warrant Service Officer",
    SupportType.TFM: "Task Force Model",
}

_NOTHING = frozenset({"", "n/a", "na", "none", "-", "--"})
_NO_COUNTY = re.compile(r"#\s*n[\W_]*[a?][\W_]*a?[!?]*", re.IGNORECASE)  # ICE prints #N/A where a city has no county
_ERROR_VALUE = re.compile(
    rf"{_NO_COUNTY.pattern}|#\s*(?:ref|value|name|null|num|div\W*0|spill|calc)[!?]*|#{{2,}}", re.IGNORECASE
)
_MARKS = re.compile(
    r"(?:\s*[*\u2020\u2021\u00a7\u00b9\u00b2\u00b3]+|\s[(\[*\-\u2013\u2014\s]*new!*[)\]*]*)$", re.IGNORECASE
)
_APOSTROPHES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'", "\u00b4": "'", "\u2032": "'"})
_FIRST_YEAR, _LAST_YEAR = 1996, 2100  # section 287(g) was enacted on 1996-09-30
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")


@lru_cache(maxsize=20_000)
def tidy(text: str) -> str:
    """Remove invisible characters and extra spaces from a cell, and convert typographic apostrophes to plain ones."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    return " ".join(text.translate(_APOSTROPHES).split())


def cell_text(value: object) -> str:
    """Return a cell of any type as tidy text, or an empty string for a placeholder such as #N/A, #REF!, none or -."""
    text = tidy(value) if isinstance(value, str) else "" if value is None else str(value)
    return "" if text.casefold() in _NOTHING or _ERROR_VALUE.fullmatch(text) else text


def is_error(value: object) -> bool:
    """Return whether a cell holds an error of Excel's, such as #REF!. #N/A isn't one: ICE prints it for no county."""
    text = tidy(value) if isinstance(value, str) else ""
    return bool(_ERROR_VALUE.fullmatch(text)) and not _NO_COUNTY.fullmatch(text)


def without_marks(agency: str) -> str:
    """Return an agency's name without the marks that a clerk puts after a new or footnoted one (*, "- NEW")."""
    return _MARKS.sub("", agency) if agency[-1:] in "*\u2020\u2021\u00a7\u00b9\u00b2\u00b3!)]wW" else agency


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAME = re.compile(
    r"(?:(?<!\d)(\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?[\s\-./,]*)?"
    r"\b((?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:[a-z]{2,6})?)\b\.?"
    r"(?(1)|[\s\-./,]*(\d{1,2})(?!\d)(?:st|nd|rd|th)?)[\s\-./,]*",
    re.IGNORECASE,
)


@cache
def state_code(text: str) -> str | None:
    """Return the postal code for a state that is written out, abbreviated or misspelled, or None if it is ambiguous."""
    plain = bare_letters(text)
    if plain.upper() in STATES:
        return plain.upper()
    names = {bare_letters(name): code for code, name in STATES.items()} | {"virginislands": "VI", "washingtondc": "DC"}
    if plain in names:
        return names[plain]
    near = process.extract(plain, list(names), scorer=OSA.distance, score_cutoff=2, limit=2)
    if not near or len(plain) < 4 or (len(near) > 1 and near[1][1] == near[0][1]):
        return None
    return names[near[0][0]]


@cache
def support_type(text: str) -> SupportType:
    """Return the support type in a cell, or OTHER if it isn't one of the three known types."""
    plain = bare_letters(text)
    if plain.upper() in SupportType.__members__:
        return SupportType[plain.upper()]
    for kind, stem in (
        (SupportType.JEM, "jailenforc"),
        (SupportType.WSO, "warrantserv"),
        (SupportType.TFM, "taskforce"),
    ):
        if plain.startswith(stem) or OSA.distance(plain, bare_letters(SUPPORT_TYPES[kind]), score_cutoff=3) <= 3:
            return kind
    return SupportType.OTHER


@cache
def agency_type(text: str) -> str:
    """Correct ICE's TYPE column to County, Municipality or State Agency. Return any other text unchanged."""
    kinds = {"county": "County", "municipality": "Municipality", "municipal": "Municipality", "state": "State Agency",
             "stateagency": "State Agency"}  # fmt: skip
    plain = bare_letters(text)
    near = process.extractOne(plain, list(kinds), scorer=OSA.distance, score_cutoff=2)
    return kinds[near[0]] if near and len(plain) > 4 else text


def signed_date(value: object) -> date | None:
    """Return the date on which ICE countersigned, or None if the cell has no valid date.

    Misprints such as 05/082025, 7/72025 and the year 5025 are corrected. A date before the law was enacted is invalid.
    A future date is kept, because this function has no access to today's date.
    """
    if isinstance(value, datetime):
        read = value.date()
    elif isinstance(value, date):
        read = value
    else:
        found = _date_text(value) if isinstance(value, str) else None
        if found is None:
            return None
        read = found
    if read.year >= _LAST_YEAR:
        read = _with_year(read, 2000 + read.year % 100) or read
    return read if date(_FIRST_YEAR, 9, 30) <= read < date(_LAST_YEAR, 1, 1) else None


def _date_text(text: str) -> date | None:
    parts = re.findall(r"\d+", _MONTH_NAME.sub(_month_first, text))
    if len(parts) == 2 and len(parts[1]) in (5, 6):  # month/dayyear
        parts = [parts[0], parts[1][:-4], parts[1][-4:]]
    elif len(parts) == 1 and len(parts[0]) == 8:  # yyyymmdd or mmddyyyy
        at = 4 if parts[0][:2] == "20" and parts[0][4:6] <= "12" else 2
        parts = [parts[0][:at], parts[0][at : at + 2], parts[0][at + 2 :]]
    if len(parts) < 3:
        return None
    if len(parts[0]) == 4:  # yyyy-mm-dd, as text
        parts = [parts[1], parts[2], parts[0]]
    if any(len(part) > 4 for part in parts[:3]):
        return None
    month, day, year = int(parts[0]), int(parts[1]), int(parts[2])
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None


def _month_first(named: re.Match[str]) -> str:
    """Return a matched date such as "March 1" or "01-Mar" in the form "3/1/"."""
    before, month, after = named.groups()
    return f"{_MONTHS.index(month[:3].casefold()) + 1}/{before or after}/"


def _with_year(day: date, year: int) -> date | None:
    try:
        return day.replace(year=year)
    except ValueError:
        return None


@lru_cache(maxsize=20_000)
def web_address(target: str) -> str | None:
    """Return the web address in a link, or None if there is none.

    Wrappers that mail filters, web archives and browser extensions put around the address are removed.
    """
    for _ in range(5):  # the worst so far is a mail filter around a browser extension
        inner = _wrapped(tidy(target))
        if inner is None:
            break
        target = inner
    match = re.match(r"(https?):/+([^/].*)", tidy(target), re.IGNORECASE)
    if match is None:
        return None
    rest = match[2]
    scheme = "https" if rest.lower().startswith("www.ice.gov/") else match[1].lower()
    return quote(f"{scheme}://{rest}", safe="%/:?#[]@!$&'()*+,;=~-._", errors="replace")


def _wrapped(target: str) -> str | None:
    """Return the original address from a mail filter's, archive's or extension's link, or None if it isn't wrapped."""
    if (original := unarchived(target)) != target:
        return original
    parts = _split(target)
    if parts is None:
        return ""
    if parts.hostname and parts.hostname.endswith("safelinks.protection.outlook.com"):
        return parse_qs(parts.query).get("url", [""])[0]
    return parts.path.lstrip("/") if parts.scheme == "chrome-extension" else None


_ARCHIVED = re.compile(
    r"(?:(?:https?:)?/+)?(?:(?:(?:www\.)?web\.archive\.org|wayback\.archive\.org|(?:www\.)?archive\.org)/+(?:web|save)/+"
    r"|(?:www\.)?archive\.(?:today|ph|is|li|vn|fo|md)/+(?:o/+\w+/+)?|(?:www\.)?webcitation\.org/+|/?web/+(?=\d))"
    r"(?:(?:\d{1,14}\*?|\*|newest|oldest)(?:[a-z]{2}_)?/+)?(?P<original>(?:https?(?::/*|%3A)|www\.).*)",
    re.IGNORECASE | re.DOTALL,
)
_DEFAULT_PORT = re.compile(r"^(http://[^/]+):80(?=/|$)|^(https://[^/]+):443(?=/|$)", re.IGNORECASE)


def unarchived(address: str) -> str:
    """Return the original address of an archived web page. Return any other address unchanged."""
    found = _ARCHIVED.fullmatch(address.strip())
    if found is None:
        return address
    original = found["original"]
    if re.match(r"https?%3A", original, re.IGNORECASE):
        original = unquote(original)
    original = f"http://{original}" if original[:4].casefold() == "www." else original
    original = re.sub(r"^(https?):/*", r"\1://", original, flags=re.IGNORECASE)
    return _DEFAULT_PORT.sub(lambda port: port[1] or port[2], original)


def _split(target: str) -> SplitResult | None:
    try:
        return urlsplit(target)
    except ValueError:
        return None


# ── names of agencies ────────────────────────────────────────────────────────────────────────────────────────────────

_SHORT = {
    "pd": "police department", "so": "sheriff office", "sd": "sheriff department", "dps": "department of public safety",
    "bocc": "board of county commissioners", "boc": "board of commissioners", "doc": "department of corrections",
    "dept": "department", "dpt": "department",
    "div": "division", "co": "county", "cnty": "county", "twp": "township", "boro": "borough", "univ": "university",
    "st": "saint", "ste": "sainte", "ft": "fort", "mt": "mount", "pct": "precinct", "dist": "district",
    "corr": "corrections", "corrs": "corrections", "natl": "national", "atty": "attorney", "comm": "commission",
    "comms": "commissioners", "ofc": "office", "no": "number", "gov": "government", "auth": "authority",
    "reg": "regional", "jud": "judicial", "cir": "circuit", "svcs": "services", "enf": "enforcement",
    "sheriffs": "sheriff", "constables": "constable", "marshals": "marshal", "attorneys": "attorney",
    "prosecutors": "prosecutor", "solicitors": "solicitor", "const": "constable", "prec": "precinct",
    "isd": "independent school district", "hts": "heights", "bch": "beach", "spgs": "springs", "vlg": "village",
    "govt": "government", "ctr": "center", "twsp": "township",
}  # fmt: skip
_ORDINALS = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7",
    "eighth": "8", "ninth": "9", "tenth": "10", "eleventh": "11", "twelfth": "12", "thirteenth": "13",
    "fourteenth": "14", "fifteenth": "15", "sixteenth": "16", "seventeenth": "17", "eighteenth": "18",
    "nineteenth": "19", "twentieth": "20", "i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6",
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10",
}  # fmt: skip
_PLAIN = (
    "county", "department", "police", "sheriff", "office", "constable", "township", "borough", "university",
    "corrections", "authority", "commissioners", "division", "district", "precinct",
)  # fmt: skip
_ACRONYM = re.compile(r"\(\s*(?![IVX]+\b)[A-Z]{2,6}\s*\)|/\s*(?![IVX]+\b)[A-Z]{2,6}\s*$")  # "… / THP", "(DPS)"
_INITIALS = re.compile(r"\b([a-z])\.(?=[a-z]\b)")  # the dots in "P.D."
_NUMBERED = re.compile(r"\b(pct|prec|precinct|dist|district|ward|no)(\d)")  # "Pct1"
_COMPASS = {"n": "north", "s": "south", "e": "east", "w": "west"}  # "N. Miami Beach", in front only
_FILLER = frozenset({"of", "the", "and", "for", "at", "in", "a", "s", "number"})
_GENERIC = frozenset(
    {"department", "office", "division", "services", "service", "bureau", "unit", "agency", "law", "enforcement",
     "municipal"}
)  # fmt: skip
_PLACE_KINDS = frozenset({"city", "town", "township", "borough", "village", "county", "parish"})
_DIRECTIONS = frozenset(
    {"north", "south", "east", "west", "northern", "southern", "eastern", "western", "northeast", "northwest",
     "southeast", "southwest", "central", "upper", "lower", "new", "old", "great", "little"}
)  # fmt: skip
_NEVER_SILENT = frozenset({"township", "village", "city"})  # after a name: Melbourne Village isn't Melbourne
_BRANCHES = frozenset({"corrections", "correctional", "jail", "prison", "detention"})
_SITES = frozenset({"center", "facility"})  # of a branch; alone they belong to a place's name (Newton Center)
_GOVERNING = frozenset({"board", "trustees", "commissioners", "commission", "council", "regents", "authority"})
_OWN_FORCE = frozenset({"police", "public", "safety"})  # a board's own; a sheriff or a constable is elected separately
ELECTED = frozenset({"sheriff", "constable", "marshal", "attorney", "prosecutor", "solicitor"})  # never a place
_PARTS = frozenset({"division", "unit", "bureau", "section"})
_NUMBERED_BY = frozenset({"precinct", "district", "ward", "place"})


@lru_cache(maxsize=20_000)
def canonical(agency: str, state: str) -> str:
    """Normalize an agency's name for comparison.

    This removes differences in case, accents, punctuation, abbreviations, possessives and ordinals.
    """
    text = _ACRONYM.sub(" ", tidy(agency))
    text = "".join(map(_plain_letter, unicodedata.normalize("NFKD", text))).casefold()
    text = _INITIALS.sub(r"\1", text.replace("'", "").replace("&", " and "))
    words = _without_state_behind(re.findall(r"[a-z0-9]+", _NUMBERED.sub(r"\1 \2", text)), text, state)
    if words and words[0].upper() == state:  # "MT Dept of Justice" in Montana
        words[:1] = _letters_words(STATES[state])
    elif len(words) > 1 and words[0] in _COMPASS:
        words[0] = _COMPASS[words[0]]
    return " ".join(_folded(word) for word in words)


def _plain_letter(char: str) -> str:
    """Remove an accent, and replace any other non-ASCII character with a dash or a space."""
    return char if char.isascii() else "" if unicodedata.combining(char) else "-" if char in "\u2013\u2014" else " "


def _without_state_behind(words: list[str], text: str, state: str) -> list[str]:
    """Remove the state from the end of a name.

    This can be its postal code ("Hill County, TX"), once or more, or its full name after a comma or a dash.
    """
    name, code = _letters_words(STATES.get(state, "")), state.casefold()
    if len(words) > 1 and words[-1] == code and code not in _SHORT:
        return _without_state_behind(words[:-1], "", state)
    if name and words[-len(name) :] == name and re.search(rf"(,|\s-)\s*{name[0]}", text) and len(words) > len(name):
        return words[: -len(name)]
    return words


@cache
def _folded(word: str) -> str:
    number = re.fullmatch(r"(\d+)(st|nd|rd|th)?", word)
    if number:
        return number[1].lstrip("0") or "0"
    word = _ORDINALS.get(word) or _SHORT.get(word, word)
    if len(word) < 5 or word in _PLAIN:
        return word
    return next((plain for plain in _PLAIN if word[0] == plain[0] and OSA.distance(word, plain) == 1), word)


@dataclass(frozen=True, slots=True)
class Name:
    """A canonical name, split into its parts.

    `words` are the words in order, without filler, generic words, kinds of place, numbers or the state's name.
    `numbers` and `directions` distinguish agencies with similar names (Precinct 1 and Precinct 2, North and South).
    `kinds` are kinds of place, such as city, township or county. `behind` contains the kinds that follow the name
    (Melbourne Village). `parts` are words such as division or unit. `is_linked` is True if a small word joins two words
    (University of Tampa), which may then be in either order. `body` contains the words for the place or institution,
    without the police, branch or board that acts for it. `place` contains the same words in order, without elected
    offices or the words that go with numbers.
    """

    words: tuple[str, ...]
    numbers: frozenset[str]
    directions: frozenset[str]
    kinds: frozenset[str]
    behind: frozenset[str]
    parts: frozenset[str]
    is_linked: bool
    body: frozenset[str]
    place: tuple[str, ...]


@lru_cache(maxsize=20_000)
def name_of(canonical_name: str, state: str) -> Name:
    """Split a canonical name into its parts."""
    words = canonical_name.split()
    in_front = _letters_words(STATES.get(state, ""))
    if words[: len(in_front)] == in_front and len(words) > len(in_front):
        words = words[len(in_front) :]
    left = [w for w in words if w not in _FILLER | _GENERIC | _PLACE_KINDS and not w.isdigit()]
    body = frozenset(left) - _BRANCHES - _SITES - _GOVERNING - _OWN_FORCE
    return Name(
        words=tuple(left),
        body=body,
        place=tuple(w for w in left if w in body - ELECTED - _NUMBERED_BY),
        numbers=frozenset(w for w in words if w.isdigit()),
        directions=frozenset(words) & _DIRECTIONS,
        kinds=frozenset("county" if w == "parish" else w for w in words if w in _PLACE_KINDS),
        behind=frozenset(w for w, next_ in zip(words, [*words[1:], ""], strict=False) if next_ != "of") & _PLACE_KINDS,
        parts=frozenset(words) & _PARTS,
        is_linked=any(
            w in _FILLER and {*around} <= {*left} for w, *around in zip(words[1:], words, words[2:], strict=False)
        ),
    )


class Likeness(IntEnum):
    """How similar two names are, from least to most."""

    DIFFERENT = 0
    LOOKALIKE = 1
    """each word resembles its counterpart (Freedom, Freeborn)"""
    BODY = 2
    """the same place or institution, but one name gives the board or lacks a number or the word Township"""
    TYPO = 3
    """each word is within a slip of the pen of its counterpart"""
    EXTENDED = 4
    """one name adds a branch"""
    SAME = 5
    """the same words in any order, apart from generic ones"""


@lru_cache(maxsize=20_000)
def likeness(one: str, other: str, state: str) -> Likeness:
    """Compare two canonical names from the same state. Names with different numbers or directions are two agencies."""
    a, b = name_of(one, state), name_of(other, state)
    if two_numbers(a, b) or _two_kinds(a, b) or _turned_round(a, b):
        return Likeness.DIFFERENT
    if "".join(a.words) == "".join(b.words) and a.numbers == b.numbers:  # De Kalb, DeKalb
        return Likeness.BODY if _kind_added(a, b) else Likeness.SAME
    if a.directions != b.directions:
        return Likeness.DIFFERENT
    if a.numbers != b.numbers:
        return Likeness.BODY if _unnumbered(a) == _unnumbered(b) else Likeness.DIFFERENT
    found = _by_words(a, b) or _by_letters(a, b, state)
    if found is Likeness.TYPO and _has_state(one, state) != _has_state(other, state):
        return Likeness.LOOKALIKE  # Atlantis isn't Florida Atlantic
    return found


def _has_state(name: str, state: str) -> bool:
    in_front = " ".join(_letters_words(STATES.get(state, "")))
    return bool(in_front) and name.startswith(f"{in_front} ")


def two_numbers(a: Name, b: Name) -> bool:
    """Return whether both names have numbers and the numbers differ, as in Precinct 1 and Precinct 2."""
    return bool(a.numbers and b.numbers) and a.numbers != b.numbers


def _by_words(a: Name, b: Name) -> Likeness:
    extra = frozenset(a.words) ^ frozenset(b.words)
    if not extra:
        return Likeness.BODY if _kind_added(a, b) else Likeness.SAME
    if _kind_added(a, b) or not (a.body & b.body) - ELECTED - _NUMBERED_BY:
        return Likeness.DIFFERENT
    if _subset(a, b) and extra <= _BRANCHES | _SITES | _GOVERNING and not extra <= _SITES:
        return Likeness.EXTENDED
    acting = _GOVERNING & extra or extra <= _OWN_FORCE
    if (a.body == b.body and acting) or (_subset(a, b) and a.parts != b.parts):
        return Likeness.BODY
    return Likeness.DIFFERENT


def _kind_added(a: Name, b: Name) -> bool:
    """Return whether only one name has a word that makes it a different place, such as township or county."""
    added = a.kinds ^ b.kinds
    silent = added - (a.behind | b.behind) - {"township"}
    return bool((added - silent) & _NEVER_SILENT) or ("county" in added and "police" in a.words + b.words)


def _turned_round(a: Name, b: Name) -> bool:
    """Return whether the two words of the place are swapped. Park Forest and Forest Park are two places."""
    is_turned = len(a.place) == 2 and a.place != b.place and a.place == b.place[::-1]
    return is_turned and not (a.is_linked or b.is_linked)


def _unnumbered(name: Name) -> frozenset[str]:
    return frozenset(name.words) - _NUMBERED_BY


def _two_kinds(a: Name, b: Name) -> bool:
    """Return whether the kinds of place conflict. A township and a borough with the same name are two places."""
    return bool(a.kinds and b.kinds) and not (a.kinds <= b.kinds or b.kinds <= a.kinds)


def _subset(a: Name, b: Name) -> bool:
    return set(a.words) <= set(b.words) or set(b.words) <= set(a.words)


def _by_letters(a: Name, b: Name, state: str) -> Likeness:
    """Compare the words that differ, letter by letter. The names of two real counties are always different."""
    left, right = _rest(a.words, b.words), _rest(b.words, a.words)
    real = real_names(state)
    if len(left) != len(right) or not left or _both_real(a, b, state) or (real & {*left} and real & {*right}):
        return Likeness.DIFFERENT
    pairs = list(zip(left, right, strict=True))
    if all(_slip(x, y) for x, y in pairs) and a.kinds == b.kinds:
        return Likeness.TYPO
    return Likeness.LOOKALIKE if all(_resembles(x, y) for x, y in pairs) else Likeness.DIFFERENT


def _rest(words: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    left = list(others)
    return [w for w in words if not (w in left and (left.remove(w) or True))]  # type: ignore[func-returns-value]


def _slip(x: str, y: str) -> bool:
    """Return whether the words differ by one typo, or by two in a long word. The first letters must be the same."""
    if x[0] != y[0] or max(len(x), len(y)) < 4:
        return False
    slips = OSA.distance(x, y, score_cutoff=2)
    long = min(len(x), len(y)) >= 8 and len(x) != len(y)
    return slips == 1 or (slips == 2 and (long or x in _PLAIN or y in _PLAIN))  # Sherrif


def _resembles(x: str, y: str) -> bool:
    """Return whether two long words are similar, such as Brookfield and Brookford.

    They must start with the same three letters and differ in at most three letters.
    """
    return x[:3] == y[:3] and OSA.distance(x, y, score_cutoff=3) <= 3 and JaroWinkler.similarity(x, y) >= 0.85


def _both_real(a: Name, b: Name, state: str) -> bool:
    here, there = _county_in_front(a.words, state), _county_in_front(b.words, state)
    return bool(here and there) and here != there


@lru_cache(maxsize=20_000)
def _county_in_front(words: tuple[str, ...], state: str) -> str:
    """Return the longest real county name at the start of the words, or an empty string if there is none."""
    real = real_names(state)
    fronts = (" ".join(words[:length]) for length in (3, 2, 1))
    return next((front for front in fronts if front in real), "")


@cache
def real_names(state: str) -> frozenset[str]:
    return frozenset(canonical(name, state) for name in county_names(state))


def bare_letters(text: str) -> str:
    """Return the letters and digits of a string in lowercase, without accents, spaces or punctuation."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text).casefold())


def _letters_words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", name.casefold())
