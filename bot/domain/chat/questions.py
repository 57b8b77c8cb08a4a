"""Sentences that don't begin with a command: the place in them, and the question about it.

The commands and the short phrases of `words` come first. This reads what is left, such as "hi can you tell me if
Gwinnett County GA is working with ICE", by the words in it and not by its grammar. It never stops or deletes anything.
"""

import re
from collections.abc import Callable, Sequence

from bot.domain.chat import parser, towns
from bot.domain.chat.parser import Misunderstood
from bot.domain.geography.states import STATES
from bot.domain.geography.zips import is_zip
from bot.domain.letters import capitalized

LONGEST_PLACE = 7  # words
_SHORTEST_NAME = 4  # letters of a state's name or a town's in the middle of a sentence

_BEFORE_A_TOWN = frozenset({"in", "en", "at", "near", "from", "for", "around", "of", "de"})
_COUNTY_WORDS = frozenset({"county", "parish", "condado", "parroquia"})
_OFFICES = frozenset({"police", "sheriff", "sheriffs", "sheriff's", "dept", "department", "office", "pd", "policia"})
_EDGES = frozenset(
    {
        "in", "en", "at", "near", "from", "for", "around", "of", "de", "del", "the", "la", "el", "los", "las", "and",
        "y", "or", "o", "a", "is", "any", "if", "si", "i", "my", "mi", "to", "has", "did", "does", "anyone",
    }
)  # fmt: skip
_POLICE_AFTER = re.compile(r"(?P<kind>police|pd|sheriff)\b")
_POLICE_BEFORE = re.compile(
    r"(?P<kind>policia|police|alguacil|sheriff)(?: (?:municipal|of|in|de la ciudad))?(?: del?)?$"
)
_TOPICS = re.compile(
    r"(?P<undo>\bundo\b|\bdeshac\w+|\b(?:me )?equivoque\b|\bdid ?n[o']?t mean to\b|\bby (?:mistake|accident)\b"
    r"|\bborr\w+ lo ultimo\b|\btake (?:that|it) back\b)"
    r"|(?P<data>\b(?:api|rss|csv|json|feeds?|spreadsheet|dataset|download|descargar)\b)"
    r"|(?P<hours>\b(?:at night|overnight|quiet hours|de noche|por la noche|only between|solo entre|(?:before|after) \d)"
    r"\b)"
    r"|(?P<about>\b(?:government|gobierno|privacy|privacidad|my (?:info|data)|mis datos|store"
    r"|who (?:runs|made|pays))\b)"
    r"|(?P<raids>\b(?:raids?|redadas?|checkpoints?|retenes?|operativos?)\b)"
    r"|(?P<what>\b(?:difference|diferencia|compare|versus|vs)\b.*\b(?:models?|modelos?|task force|jail|warrant)\b)"
)
_MY_PLACES = re.compile(
    r"\b(?:what|which|que|cuales) (?:places?|states?|county|counties|alerts?|agencies|lugares|estados|condados"
    r"|alertas)\b.*\b(?:am i|i am|i'?m|do i|i have|sigo|vigilo|estoy|tengo)\b"
)
_LANGUAGE = re.compile(r"\b(?:in|to|en|al?) (?P<tongue>spanish|espanol|castellano|english|ingles)\b")
_HOW = re.compile(r"\b(?:how (?:do|can|would|should) (?:i|we)|how to|como (?:le )?(?:hago|puedo|se))\b")
_ADDING = re.compile(r"\b(?:add|follow|watch|another|agreg\w+|anad\w+|seguir|vigilar|otro)\b")
_ONLY = re.compile(
    r"\b(?:only|just|solo|solamente) (?:want|need|follow|watch|quiero|necesito)\b|\b(?:quiero|want) (?:solo|only)\b"
)
_REMOVING = re.compile(r"\b(?:remove|drop|unfollow|unwatch|quita\w*|quite|elimina\w*|deja de|dejar de)\b")
_COPY = re.compile(r"\b(?:copy|pdf|moa|memorand\w*|contract|text of|copia|convenio|documento)\b")
_RECENT = re.compile(
    r"\b(?:new in|what'?s new|anything new|news|changes?|changed|updates? (?:in|on|from)|ever (?:left|quit)"
    r"|(?:this|last|past) (?:\d+ )?(?:days?|weeks?|months?|year)|lately|recently|withdr[ae]w\w*|dropped out|nuevo"
    r"|novedades|recientes?|ultim[oa]s|esta semana|este mes|left the program|(?:has|have) .*\bleft)\b"
)
_WATCHING = re.compile(
    r"\b(?:notify|alerts?|updates?|tell me when|let me know|the moment|as soon as|follow|watch|subscribe|add|track"
    r"|keep me|whenever|send me (?:an? )?(?:emails?|messages?|texts?)"
    r"|avis\w+|alertas?|notifi\w+|siga\w*|seguir|vigil\w+|agreg\w+|anad\w+|suscrib\w+)\b"
)
_ASKING = re.compile(
    r"\b(?:is|are|has|have|does|do|did|was|were|can|could|if|whether|know|saber|si|esta|estan|trabaja\w*|participa\w*"
    r"|coopera\w*|colabora\w*|firmo|tiene\w*|which|who|cuales|quien\w*|pueden?)\b"
)
_OF_ICE = re.compile(
    r"\b(?:ice|287\S*|list|listed|lista|program\w*|signed|sign|joined|agreements?|acuerdos?|participat\w*"
    r"|participa\w*|migra|inmigracion|immigration|cooperat\w*|coopera\w*|trabaja\w*|work(?:s|ing)?|deport\w*)\b"
)
_STOPPED = re.compile(
    r"\b(?:pulled over|stops? me|arrest\w*|detain\w*|traffic stop|si me para\w*|me para\w*|me detien\w*|me agarr\w*"
    r"|entregar\w*|hand (?:me|people|us) over|undocumented|indocumentad\w*|what does (?:that|it|this) mean for)\b"
)
_PART_OF_A_STATE = re.compile(
    r"\bcentral\b|\b(?:southern|northern|eastern|western|upstate|south|north|east|west) (?!carolina|dakota|virginia)"
)
_CADENCE = re.compile(
    r"\b(?P<cadence>weekly|daily|every (?:day|week|morning)|each (?:day|week)|once a (?:day|week)|one a (?:day|week)"
    r"|semanal\w*|diari[oa]\w*|cada (?:dia|semana)|una vez (?:al dia|a la semana)|todos los dias)\b"
    r"|\b(?P<day>(?:mon|tues|wednes|thurs|fri|satur|sun)day|lunes|martes|miercoles|jueves|viernes|sabado|domingo)s?\b"
)
_HOUR = re.compile(
    r"\b(?:at |a las? )?(?P<at>noon|midnight|mediodia|medianoche|\d{1,2}(?::\d\d)?"
    r" ?(?:[ap]\.? ?m\b\.?|(?:de|por|en) la (?:manana|tarde|noche)|in the (?:morning|afternoon|evening)|o'?clock)"
    r"|\d{1,2}:\d\d)"
)
_ZONE = re.compile(r"\b(?P<zone>(?:eastern|central|mountain|pacific)(?: time)?|[ecmp][sd]?t|hora del? \w+)\b")


def asked(line: str, fold: Callable[[str], str]) -> tuple[str, str] | None:
    """Return the command that a sentence asks for, or None. `fold` removes case and accents, letter by letter."""
    whole = fold(line)
    topic = _TOPICS.search(whole)
    named = (topic.lastgroup or "") if topic else ""
    if named in {"undo", "about", "what"}:
        return named, ""
    if named in {"data", "hours"}:
        return "faq", named
    if _MY_PLACES.search(whole):
        return "settings", ""
    if _HOW.search(whole) and _ADDING.search(whole):
        return "howto", "watch"
    return _asked_of_a_place(line, whole, fold, named)


def _asked_of_a_place(line: str, whole: str, fold: Callable[[str], str], topic: str) -> tuple[str, str] | None:
    place, agency = place_in(line.split(), fold)
    if topic:
        return "faq", f"{topic} {place}".strip()
    if place and (only := _ONLY.search(whole)) is not None:
        return "watch", f"only {place_in(line[only.end() :].split(), fold)[0] or place}"
    if place:
        return _about_place(whole, place, agency)
    if (spoken := _LANGUAGE.search(whole)) is not None:
        return "language", spoken["tongue"]
    if often := _digest(whole):
        return "digest", often
    return ("faq", "stopped") if _STOPPED.search(whole) else None


def _digest(whole: str) -> str:
    """Return the words after /digest for "a weekly summary on Mondays at 8 am"."""
    spoken = list(_CADENCE.finditer(whole))
    if not spoken:
        return ""
    day = next(filter(None, (each["day"] for each in spoken)), "")
    is_weekly = day or re.search("week|seman", spoken[0]["cadence"] or "")
    hour, zone = _HOUR.search(whole), _ZONE.search(whole)
    words = ("weekly" if is_weekly else "daily", day, hour["at"] if hour else "", zone["zone"] if zone else "")
    return " ".join(filter(None, words))


def _about_place(whole: str, place: str, agency: str) -> tuple[str, str]:
    """Return the question about a place or about one of its agencies."""
    looked_up = ("agency", agency) if agency else ("list", place)
    readings = (
        (_REMOVING.search(whole), ("unwatch", place)),
        (agency and any(topic.search(whole) for topic in (_COPY, _OF_ICE, _STOPPED)), looked_up),
        (_WATCHING.search(whole), ("place" if _PART_OF_A_STATE.search(whole) else "watch", place)),
        (_RECENT.search(whole), ("recent", place)),
        (_ASKING.search(whole) and _OF_ICE.search(whole), looked_up),
        (agency, looked_up),
    )
    return next((command for is_meant, command in readings if is_meant), ("place", place))


# ── the place in a sentence ──────────────────────────────────────────────────────────────────────────────────────────


def place_in(words: Sequence[str], fold: Callable[[str], str]) -> tuple[str, str]:
    """Return the place in a sentence and, if an agency of the place is named, the agency's name."""
    bare = [word.strip('.,;:()"“”') for word in words]
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(bare):
        size = _size_at(bare, words, at, fold)
        if size:
            found.append((at, at + size))
        at += size or 1
    if not found:
        return "", ""
    places = [" ".join(bare[start:end]) for start, end in found]
    joined = "; ".join(dict.fromkeys(places)) if all(map(_is_definite, places)) else max(places, key=_weight)
    return joined, next(filter(None, (_agency_at(bare, *span, fold) for span in found)), "")


def _weight(place: str) -> int:
    return 2 * _is_definite(place) + (" " in place)


def _is_definite(place: str) -> bool:
    try:
        return parser.where(place) != parser.Where()
    except Misunderstood:
        return False


def _size_at(bare: Sequence[str], words: Sequence[str], at: int, fold: Callable[[str], str]) -> int:
    """Return how many words from here on are a place, or 0."""
    if fold(bare[at]) in _EDGES and bare[at].upper() not in STATES:
        return 0
    for size in range(min(LONGEST_PLACE, len(bare) - at), 0, -1):
        span = bare[at : at + size]
        inside = words[at : at + size - 1]
        last = fold(span[-1])
        if not last or last in _OFFICES | _EDGES - {"la", "de", "or", "in"} or any(w[-1:] in ".;:" for w in inside):
            continue
        is_pointed_at = (at > 0 and fold(bare[at - 1]) in _BEFORE_A_TOWN) or fold(
            " ".join(bare[at + size : at + size + 1])
        ) in _OFFICES
        text = " ".join(words[at : at + size]).rstrip(".,;:")
        if _is_likely(span, fold, is_pointed_at=is_pointed_at) and _is_place(text):
            return size
    return 0


def _is_likely(span: Sequence[str], fold: Callable[[str], str], *, is_pointed_at: bool) -> bool:
    """Return True if words look like a place, so that they are worth reading.

    A town without its state must have a capital or stand beside a word that points at it.
    """
    last, name = span[-1], " ".join(span)
    if is_zip(name) or name in STATES:
        return True
    if len(name) < _SHORTEST_NAME or parser.is_state(name):
        return len(name) >= _SHORTEST_NAME
    if not _COUNTY_WORDS.isdisjoint(map(fold, span)):
        return len(span) > 1
    for size in (1, 2):
        if len(span) > size and parser.is_state(" ".join(span[-size:])):
            rest = " ".join(span[:-size]).rstrip(",")
            return towns.is_known(rest) or bool(towns.in_states(rest))
    return (is_pointed_at or last[:1].isupper()) and towns.is_known(name)


def _is_place(text: str) -> bool:
    try:
        return parser.where(text) != parser.Where()
    except Misunderstood as fault:
        return bool(fault.choices) and fault.why in {"county_state", "which_county"}


def _agency_at(bare: Sequence[str], start: int, end: int, fold: Callable[[str], str]) -> str:
    """Return the name of the agency that the place is part of: "hialeah police dept", "la policía de Dallas"."""
    after = _POLICE_AFTER.match(fold(" ".join(bare[end : end + 2])))
    kind = after or _POLICE_BEFORE.search(fold(" ".join(bare[max(0, start - 5) : start])))
    if kind is None:
        return ""
    name = " ".join(word for word in bare[start:end] if word not in STATES)
    name = re.sub(r"^condado (?:del? )?(.+)", r"\1 County", name, flags=re.IGNORECASE)
    name = " ".join(capitalized(word) for word in name.split())
    state = next((word for word in bare[start:end] if word in STATES), "")
    is_sheriff = kind["kind"] in {"sheriff", "alguacil"}
    if is_sheriff and not name.endswith("County"):
        name = f"{name} County"
    return " ".join(filter(None, (state, name, "Sheriff" if is_sheriff else "Police")))
