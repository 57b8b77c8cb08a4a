"""The words people type first: which command a message asks for, in English or Spanish.

Every platform and every check of permissions asks `verb`, so that a word can't be one command for the check and another
for the answer.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from re import Match

from bot.domain.chat import parser, questions
from bot.domain.chat.characters import plain
from bot.domain.chat.parser import Misunderstood
from bot.domain.geography.states import STATES
from bot.domain.language import Language

LONGEST_SENTENCE = 160  # characters
CODE = 2  # letters of a postal code
LONGEST_PHRASE = 3  # words of a message that isn't read as a sentence
LONGEST_PLACE = 8  # words of a message that may be a misspelled place

# Commands that buttons and forms send. Nothing in them is read as a sentence.
_OF_BUTTONS = frozenset(
    {
        "set", "pick", "kind", "states", "undo", "forget", "joined", "howto", "place", "fewer", "thanks", "panel",
        "faq", "here", "statewide",
    }
)  # fmt: skip
# Some of them also begin what people type, such as "statewide agencies of TX". A button adds these words.
_OF_BUTTON = {
    "set": re.compile(r"|.*=.*"), "here": re.compile(r"(?:in|near)[ \d]*"), "statewide": re.compile(r"(?:yes|no)\b.*"),
}  # fmt: skip
_OF_LIST = re.compile(r".+ (?:csv|[<>].+)", re.IGNORECASE)  # the file and the pages of a list
COMMANDS = frozenset(
    {
        "start", "help", "hello", "about", "what", "watch", "unwatch", "digest", "kinds", "pause", "resume", "settings",
        "status", "list", "recent", "agency", "language", "stop", "stale", "always", "suggest",
        "reminders", *_OF_BUTTONS,
    }
)  # fmt: skip
_ALIASES: Mapping[str, str] = {
    alias: command
    for command, aliases in {
        "help": "? ayuda commands comandos menu",
        "hello": "hi hey hola howdy saludos greetings buenas",
        "about": "acerca whois source sources fuente",
        "thanks": "thank gracias thx ty vale",
        "watch": "subscribe subscribed sub follow track monitor add watching vigilar vigila vigile vigilen vigilo "
        "seguir sigue siga sigo suscribir suscribirme suscribeme suscribame suscribase agregar anadir",
        "unwatch": "unfollow remove unsub dejar deja deje quitar quita quite",
        "stop": "unsubscribe cancel end quit optout parar cancelar cancela cancele baja basta alto",
        "digest": "resumen frequency frecuencia schedule horario",
        "kinds": "cambios tipos filters filtros",
        "pause": "pausa pausar mute snooze silenciar silencio",
        "resume": "reanudar reanuda reanude continuar continue unpause unmute restart reactivar",
        "settings": "preferences preference prefs options config configure configuration setup ajustes ajuste "
        "preferencias configuracion configurar opciones subscription subscriptions suscripcion suscripciones",
        "status": "estado",
        "list": "lista listar listado ver",
        "recent": "recientes reciente latest news changes updates novedades noticias ultimos",
        "agency": "agencia agencias agencies",
        "language": "idioma lenguaje lang",
        "undo": "deshacer",
        "suggest": "sugerir sugiero",
        "reminders": "reminder recordatorio recordatorios",
        "forget": "olvidar borrar erase",
        "start": "empezar comenzar iniciar inicio begin",
    }.items()
    for alias in aliases.split()
}  # fmt: skip
# These commands also begin ordinary sentences that ask for something else, such as "what's new" or "stop watching TX".
_OPENINGS = frozenset({"what", "start", "stop", "about", "hello", "thanks", "list", "kinds"})
_ONLY_SPANISH = frozenset(
    {
        "hola", "ayuda", "gracias", "quiero", "quisiera", "necesito", "puedo", "avisenme", "aviseme", "avisame",
        "vigilar", "seguir", "dejar", "pausa", "reanudar", "recientes", "agencia", "resumen", "ajustes", "idioma",
        "mensajes", "alertas", "recibir", "cancelar", "parar",
        "hago", "vivo", "donde", "policia", "ultimo", "equivoque", "quita", "agregar",
        "suscribirme", "cuantas", "buenos", "buenas", "favor", "cada",
    }
)  # fmt: skip
# Names of places have some of these words too, as in "La Paz County".
_SMALL_SPANISH = frozenset(
    {
        "que", "es", "el", "la", "los", "las", "de", "del", "en", "un", "una", "y", "mi", "me", "se", "lo", "ya",
        "como", "esta", "si", "para", "por", "con", "al", "su",
    }
)  # fmt: skip
_SMALL_ENGLISH = frozenset(
    {
        "the", "is", "are", "of", "and", "to", "for", "i", "my", "in", "it", "what", "how", "do", "does", "can", "from",
        "county", "police",
    }
)  # fmt: skip
MOST_IN_A_NAME = 2  # small Spanish words
_CODES_THAT_ARE_WORDS = frozenset({"hi", "ok", "me", "in", "or", "oh", "pa", "ma", "de", "la", "al", "id"})

_LEAD = (
    r"(?:(?:please|hey|hi|hello|hola|ok|okay|buen[oa]s? (?:dias|tardes|noches)|buenas|good (?:morning|afternoon"
    r"|evening)"
    r"|por favor|favor de|can you|could you|can i|could i|may i|would you|will you|i want(?: you)? to|i wanna"
    r"|i would like(?: you)? to|i'?d like(?: you)? to|i need(?: you)? to|let me|me gustaria|quiero|quisiera|deseo"
    r"|necesito|pueden?|puedes|podrian?|podrias|se puede|go ahead and|also|kindly|tambien)[ ,.]+)*"
)
_HOW = (
    r"(?:how (?:do|can|would|could|should) (?:i|you|we)|how to|como (?:hago para|puedo|se puede|me|le hago para))[ ,]+"
)
_ALERTS = (
    r"(?:alerts?|notifications?|notices|updates?|news|messages?|texts?|emails?|changes|alertas?|avisos?|notificaciones"
    r"|noticias|mensajes?|novedades|cambios|informacion)"
)
_ABOUT = r"(?: (?:for|about|on|in|of|from|to|when|if|whenever|the|de|del|sobre|en|para|si|cuando|a|al|que|la|el))*"
_TAIL = re.compile(
    r"[ ,.]*(?:\b(?:please|por favor|thanks|thank you|gracias|anymore|any more|right now|now|today|alerts?|updates?"
    r"|(?:this|last|past|esta|la) (?:week|month|year|semana)(?: pasada)?|yesterday|lately|recently|too|also"
    r"|tambien|signed"
    r"|joined|left|firmaron|participan?"
    r"|changes|alertas|(?:firm[ae]n?|sal[eg]an?|entr[ae]n?|signs?|joins?|leaves?|gets?|withdraws?|drops?|quits?)\b.*"
    r"|on (?:the|ice'?s) list.*|en la lista.*))?[ ,.]*$"
)
_FILLER = re.compile(
    r"^(?:(?:hay|there|are|me|to|for|about|on|in|of|from|the|all|any|out|agencies|agency|alerts|alertas|updates"
    r"|changes|counties"
    r"|watching|following|getting|sending|receiving|recibir|enviar|seguir|vigilar|seguimiento|state (?:of|de)"
    r"|estado de|de|del|en|el|la|los|las|al|a|sobre|para|agencias|cambios|and|y|recently|lately)\b[ ,]*)+"
)
_AGENCY_WORD = re.compile(
    r".*\S (?:police|sheriff'?s?|department|dept|pd|so|office|marshal'?s?|constable'?s?|patrol|troopers?|corrections"
    r"|policia|alguacil|university|jail)\b.*"
)
_OWN_NAME = re.compile(
    r"(?P<place>(?:(?!(?:in|of|for|en|de|del|and|y|or|all|the|any|every|los|las)\b)[^\s,;]+ )+)"
    r"(?:(?:state |city )?police(?: (?:department|dept))?|pd"
    r"|(?:county )?sheriff(?:'?s)?(?: (?:office|department|dept))?)"
)
_SPANISH_AGENCY = (
    (re.compile(r"(?:la )?polic[ií]a (?:municipal )?(?:del? )(.+)", re.IGNORECASE), r"\1 Police"),
    (
        re.compile(
            r"(?:el |la )?(?:oficina del )?(?:alguacil|sheriff) (?:del? )?(?:condado (?:del? )?)?(.+)", re.IGNORECASE
        ),
        r"\1 County Sheriff",
    ),
    (re.compile(r"(?:el )?condado (?:del? )(.+)", re.IGNORECASE), r"\1 County"),
)
_TERMS = (
    r"(?:287 ?\(?g\)?|tfms?|jems?|wsos?|moas?|memorand\w*|task force\w*|jail enforcement\w*|warrant service\w*"
    r"|pending|pendientes?|program\w*|agreements?|acuerdos?|support types?|models?|modelos?|fuerza de tarea\w*)"
)
_WEEKDAY = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|lunes|martes|miercoles|jueves|viernes|sabados?|domingos?|weekly"
)
_CADENCE = re.compile(
    rf"\b(?:daily|once (?:a|per|every) (?:day|week)|(?:every|each) (?:day|week|morning|evening|night"
    rf"|{_WEEKDAY})|weekly"
    rf"|diari[oa]s?|diariamente|semanal(?:es|mente)?|una vez (?:al dia|por dia|a la semana|por semana)"
    rf"|cada (?:dia|semana|manana|noche|{_WEEKDAY})|todos los (?:dias|{_WEEKDAY})|los {_WEEKDAY})\b"
)
_AROUND_CADENCE = re.compile(
    r"\b(?:please|is|are|be|enough|instead|only|just|can|i|get|receive|have|this|that|these|it|them|summary|summaries"
    r"|digest|digests|report|reports?|updates?|alerts?|messages?|emails?|send|me|want|would|like|to|an|my|for"
    r"|all|in|of"
    r"|morning|evening|night|per|resumen|un|por favor|favor|quiero|recibir|de|con|mensajes?|alertas?|suficiente|basta"
    r"|enviame|mandame|envienme|en|lugar|eso|esto|solo|mejor)\b"
)


def verb(text: str) -> tuple[str, str]:
    """Split a message into the command that it asks for and the remaining text.

    A message that asks for no command is split into its lowercase first word and the rest.
    """
    line = _tidy(text)
    asked = _read(line)
    is_long = len(line.split()) > LONGEST_PHRASE and len(line) <= LONGEST_SENTENCE
    is_named = re.match(r"(?:(?:un)?watch )?agenc(?:y|ia)\b", _fold(line)) is not None
    if asked[0] in {"watch", "unwatch", "place", "agency"} and not is_named and parser.leaves_something_out(line):
        return "watch", line
    return (questions.asked(line, _fold) if is_long and not is_named and not _is_sure(*asked) else None) or asked


def _is_sure(named: str, rest: str) -> bool:
    """Return False if a sentence may say more than the command that was read from it."""
    size = len(rest.split())
    if named in {"watch", "unwatch"} and rest.startswith("agency "):
        return size <= LONGEST_PLACE - 2
    if named in {"watch", "unwatch", "list", "recent", "place"}:
        is_list = named == "list"
        return bool(is_list and _OF_LIST.fullmatch(rest)) or (_is_readable(rest) if rest else not is_list)
    sizes = {"what": 0, "hello": 0, "stop": 0, "start": 0, "howto": LONGEST_PHRASE + 1}
    if named == "agency":
        return _agency(rest) is not None and size <= LONGEST_PLACE - 2
    return named in COMMANDS and size <= sizes.get(named, size)


def _is_readable(place: str) -> bool:
    place = re.sub(r"^(?:only|solo) ", "", place, flags=re.IGNORECASE)
    try:
        parser.where(place)
    except Misunderstood as fault:
        return len(place.split()) <= LONGEST_PHRASE and fault.why not in {"no_state", "no_county"}
    return True


def _read(line: str) -> tuple[str, str]:
    """Split a line into the command that it asks for and the remaining text, by its first words."""
    first, _, rest = line.partition(" ")
    word, rest = _fold(first), rest.strip()
    named = _ALIASES.get(word, word)
    if named in _OF_BUTTONS and word == named and (named not in _OF_BUTTON or _OF_BUTTON[named].fullmatch(rest)):
        return named, rest
    if named == "list" and _OF_LIST.fullmatch(rest):
        return named, rest
    if len(line) > LONGEST_SENTENCE:
        return named, rest
    if named in COMMANDS and not (named in _OPENINGS and rest):
        return _refined(named, rest)
    return _sentence(line) or (_refined(named, rest) if named in COMMANDS else _place(line)) or (first.casefold(), rest)


def tongue(text: str, otherwise: Language) -> Language:
    """Return Spanish if the message has words that only Spanish has, or else the language that the platform says."""
    words = set(re.findall(r"[a-z]+", _fold(text)))
    is_spanish = re.search("[¿¡ñÑ]", text) or not _ONLY_SPANISH.isdisjoint(words)
    small = len(words & _SMALL_SPANISH) if words.isdisjoint(_SMALL_ENGLISH) else 0
    return Language.SPANISH if is_spanish or small > MOST_IN_A_NAME else otherwise


def is_command(text: str) -> bool:
    """Return True if the text begins with a command, in any of its words."""
    first = _fold(_tidy(text).partition(" ")[0])
    return _ALIASES.get(first, first) in COMMANDS


def known_words() -> frozenset[str]:
    """Return the words that a misspelled command may stand for."""
    return (
        COMMANDS - _OF_BUTTONS | {"undo", "forget", "states"} | frozenset(w for w in _ALIASES if len(w) > len("news"))
    )


def corrected(command: str, fault: Misunderstood, *, near: str = "") -> str | None:
    """Return the command with the misspelled part replaced, or None if it can't be replaced."""
    typed, right = fault.values.get("typed", ""), near or fault.values.get("near", "")
    line = " ".join(plain(command).split())
    at = line.casefold().find(typed.casefold())
    if not typed or not right or at < 0:
        return None
    end = at + len(typed)
    if fault.why == "near_county" and not re.match(r" ?(?:county|parish)", line[end:], re.IGNORECASE):
        right += " County"
    return " ".join(f"{line[:at]}{right}{line[end:]}".split())


# ── reading a line ───────────────────────────────────────────────────────────────────────────────────────────────────


def _tidy(text: str) -> str:
    """Return the message on one line, without a slash in front and without question or exclamation marks."""
    return " ".join(re.sub(r"[¿¡?!]+", " ", plain(text)).lstrip("/- ").split()) or ("?" if "?" in text else "")


def _fold(text: str) -> str:
    """Return the text in lowercase without accents. Every character stays in its place."""
    return "".join(unicodedata.normalize("NFKD", char.lower())[:1] or char for char in text).rstrip(".,:;")


def _refined(named: str, rest: str) -> tuple[str, str]:
    if named in {"watch", "unwatch", "list", "recent", "start"} and rest:
        return _with_object(named, rest)
    if named == "stop" and (place := _object(rest)) is not None:
        return "unwatch", place
    return named, rest


def _with_object(named: str, rest: str) -> tuple[str, str]:
    """Return the command with the place or agency in the rest. Words around it are left out."""
    if named in {"watch", "unwatch"} and rest.casefold().startswith(("only ", "solo ", "agency", "agencia")):
        return named, rest
    if named in {"watch", "unwatch"} and (name := _own_name(rest) or _own_name(_trimmed(rest))) is not None:
        return named, f"agency {name}"
    place = _object(rest)
    if place is None and not _trimmed(rest) and named != "start":
        return named, ""
    if place is None and named in {"watch", "unwatch"} and (name := _agency(_trimmed(rest))) is not None:
        return named, f"agency {name}"
    return named, rest if place is None else place


def _object(text: str) -> str | None:
    """Return the place in a phrase such as "alerts for Texas, please", or None if there is none."""
    for part in dict.fromkeys((text, _trimmed(text))):
        with suppress(Misunderstood):
            if part and parser.where(part) != parser.Where():
                return part
    return None


def _trimmed(text: str) -> str:
    tail = _TAIL.search(_fold(text))
    text = text[: tail.start()] if tail else text
    lead = _FILLER.match(_fold(text) + " ")
    return text[lead.end() :].strip(" ,.") if lead else text.strip(" ,.")


def _agency(text: str) -> str | None:
    """Return the name of an agency in a phrase, in the order in which ICE writes it, or None if it names none."""
    if text.isspace() or not text:
        return None
    for pattern, order in _SPANISH_AGENCY:
        if pattern.fullmatch(text):
            return pattern.sub(order, text)
    return text if _AGENCY_WORD.fullmatch(_fold(text)) else None


def _own_name(text: str) -> str | None:
    """Return the text if it's one agency's own name, such as "Tampa Police", and not a type of agency in a place."""
    found = _OWN_NAME.fullmatch(_fold(text))
    if found is None or parser.is_state(found["place"]) or parser.is_agency_type(text):
        return None
    last = text[: found.end("place")].rsplit(maxsplit=1)[-1]
    return None if last in STATES else re.sub(r"\bPD$", "Police Department", text, flags=re.IGNORECASE)


# ── sentences ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sentence(line: str) -> tuple[str, str] | None:
    """Return the command that a sentence asks for. A question that begins with "how do I" asks how to send it."""
    whole = _fold(line)
    lead = re.match(rf"{_LEAD}(?P<how>{_HOW})?{_LEAD}", whole)
    assert lead is not None
    for start in dict.fromkeys((lead.end(), 0)):
        for pattern, answer in _SENTENCES:
            match = pattern.fullmatch(whole[start:])
            if match is None:
                continue
            asked = answer(match, line[start : start + match.end()])
            if asked is not None:
                return ("howto", " ".join(asked).strip()) if lead["how"] and asked[0] in _CHANGING else asked
    if lead["how"] or lead.end():
        named = verb(line[lead.end() :]) if line[lead.end() :] else ("hello", "")
        if named[0] in COMMANDS:
            return ("howto", " ".join(named).strip()) if lead["how"] and named[0] in _CHANGING else named
    return None


_CHANGING = frozenset({"watch", "unwatch", "digest", "kinds", "pause", "resume", "stop", "language", "forget", "undo"})
Answer = Callable[[Match[str], str], tuple[str, str] | None]


def _asked_place(match: Match[str], line: str) -> tuple[str, str] | None:
    place = _object(_rest(match, line))
    return ("place", place) if place is not None else None


def _always(named: str, rest: str = "") -> Answer:
    return lambda _match, _line: (named, rest)


def _rest(match: Match[str], line: str) -> str:
    start, end = match.span("object")
    return line[start:end].strip(" ,.") if start >= 0 else ""


def _watch(match: Match[str], line: str) -> tuple[str, str] | None:
    rest = _rest(match, line)
    named, place = _with_object("watch", rest)
    if not _trimmed(rest):
        return "watch", ""
    return (named, place) if place != rest or _object(rest) else ("watch", _trimmed(rest))


def _stop(_match: Match[str], line: str) -> tuple[str, str]:
    """Stop everything, or only a place that the sentence names. A short word such as "me" isn't a state's code here."""
    words = line.split()
    for start in range(1, len(words)):
        place = _object(" ".join(words[start:]))
        if place is not None and (
            len(place) > CODE or (place.isupper() and place.casefold() not in _CODES_THAT_ARE_WORDS)
        ):
            return "unwatch", place
    return "stop", ""


def _list(match: Match[str], line: str) -> tuple[str, str]:
    return _with_object("list", _rest(match, line))


def _recent(match: Match[str], line: str) -> tuple[str, str]:
    return "recent", _object(_rest(match, line)) or ""


def _is_listed(match: Match[str], line: str) -> tuple[str, str]:
    """Answer "is Tampa Police on the list?". The answer for a state is its list."""
    rest = _rest(match, line)
    typed = re.sub(r"^(?:the|el|la|los|las|an?|any|my|our|mi|nuestr[oa])\s+", "", rest, flags=re.IGNORECASE)
    if not typed or (typed != rest and re.match(r"(?:my|our|mi|nuestr)", _fold(rest))):
        return "list", ""
    with suppress(Misunderstood):
        where = parser.where(typed)
        if where.states and not where.counties:
            return "list", typed
        if where.counties:
            return "agency", f"{where.counties[0].partition('/')[0]} {re.split(r',| in ', typed)[0]}"
    return "agency", _agency(typed) or typed


def _cadence(_match: Match[str], line: str) -> tuple[str, str] | None:
    spoken = _CADENCE.search(_fold(line))
    if spoken is None:
        return None
    words = _AROUND_CADENCE.sub(" ", _fold(line[: spoken.start()] + line[spoken.end() :]))
    is_weekly = re.search(rf"\b(?:{_WEEKDAY}|week|semana|semanal\w*)\b", _fold(line))
    with suppress(Misunderstood):
        when = parser.when(f"{'weekly' if is_weekly else 'daily'} {line[spoken.start() : spoken.end()]} {words}")
        day = parser.WEEKDAYS[when.weekday][0] if when.weekday is not None else ""
        at = f"{when.at:%H:%M}" if when.at is not None else ""
        return "digest", " ".join(filter(None, (when.cadence.value, day, at, when.tz)))
    return None


def _spoken(match: Match[str], _line: str) -> tuple[str, str]:
    return "language", match["tongue"]


def _switched(match: Match[str], _line: str) -> tuple[str, str]:
    return ("resume" if match["on"] else "stop"), ""


_SENTENCES: tuple[tuple[re.Pattern[str], Answer], ...] = tuple(
    (re.compile(pattern), answer)
    for pattern, answer in (
        (rf"{_TERMS}|(?:what|que) {_TERMS}", _always("what")),
        (
            r"(?:what(?:'?s| is| are| does| do)?|explain|define|meaning of|tell me about|que (?:es|son"
            r"|significan?|quiere"
            r" decir)|explica\w*|cual es)\b(?: (?!new\b)\S+){0,4}? ?" + _TERMS + r"(?: (?:mean|means|stand for"
            r"|do|agreements?|models?|list|"
            r"agreement of .*|of .*|de .*|officer|mou))*",
            _always("what"),
        ),
        (
            r"who (?:are you|is this|made .*|runs? .*|built .*|operates? .*)|what (?:is|are) (?:this|you"
            r"|countersign|it)\b.*"
            r"|(?:from )?where (?:do|does|did|is|are) .*\b(?:data|info\w*|from|come|source)\b.*|about(?: .*)?"
            r"|(?:what(?:'s| is| are) )?(?:your|the) sources?.*|are you (?:ice|a |an |the |real|legit|official"
            r"|with|from|part).*"
            r"|is (?:this|it) (?:official|from ice|ice|a bot|real|legit|free|a scam|run by).*"
            r"|quien(?:es)? (?:eres|es usted|son ustedes|hace esto|esta detras).*"
            r"|de donde .*|que (?:es|hace) (?:esto|este bot|countersign).*|(?:esto )?es (?:oficial|de ice"
            r"|gratis|un bot).*",
            _always("about"),
        ),
        (
            r"(?:how (?:does|do|can|should) (?:this|it|i (?:start|begin|use)).*|get(?:ting)? started"
            r"|como (?:funciona|empiezo"
            r"|comienzo|se usa|lo uso).*|what (?:do|can|should) i do.*|start|begin)",
            _always("hello"),
        ),
        (
            r"(?:what (?:can|do) (?:you|i) (?:do|type|say|ask|send).*|que (?:puedes|puedo|sabes) hacer.*"
            r"|show commands)",
            _always("help"),
        ),
        (
            r"what am i .*|what do i (?:get|follow|watch|receive|have).*|(?:show |see |change |edit "
            r"|update )?(?:my|mis|the|your) "
            r"(?:settings|subscriptions?|alerts|preferences|places|ajustes|alertas|suscripci\w+)"
            r"|a que (?:estoy|me) .*|que (?:sigo|vigilo|recibo|estoy .*)|(?:change|edit|cambiar) (?:settings"
            r"|preferences|ajustes)",
            _always("settings"),
        ),
        (
            rf".*\b(?:too (?:many|much|often|frequent)|fewer|less (?:often|frequent\w*)|less {_ALERTS}|demasiad[oa]s?"
            rf"|menos {_ALERTS}|much[oa]s {_ALERTS})\b.*",
            _always("fewer"),
        ),
        (rf"(?:turn |switch )?(?:(?P<on>on)|off) (?:my |the |these )?{_ALERTS}", _switched),
        (rf"(?:(?P<on>activ\w+|enable)|desactiv\w+|apag\w+|disable) (?:las |los |mis |my |the )?{_ALERTS}", _switched),
        (rf"(?:turn )?(?:my |the |these )?{_ALERTS} (?:(?P<on>on)|off)", _switched),
        (
            r"(?:(?:change|switch|set|cambiar?|cambie|poner|pon)? ?(?:the |my |your |el )?(?:language|idioma"
            r"|lang)? ?(?:to|a|al|en|in)?"
            r"|do you speak|speak|talk|habl\w+|write|escrib\w+|answer|responde\w*|everything)(?: (?:to|in|en|a"
            r"|al|me|espanol))* ?"
            r"(?P<tongue>english|spanish|espanol|ingles|castellano)(?: (?:please|por favor|version))?",
            _spoken,
        ),
        (r"(?:delete|erase|forget|borrar?|borre|olvid\w+) (?:me|my|mis?|all|todo|everything)\b.*", _always("forget")),
        (
            r"(?:when|how often) (?:do|did|does|is|was|are|will)\b.*\b(?:check\w*|updated?|read"
            r"|refresh\w*)",
            _always("status"),
        ),
        (
            rf"(?:please )?(?:stop|quit|deje[ns]?|dejar|pare[ns]?|cancelar?|anular) .*"
            rf"|(?:i )?(?:do not|don'?t|no longer|ya no|no) (?:want|wish|need|quiero|deseo"
            rf"|necesito) .*\b(?:{_ALERTS}|receive"
            r"|get|hear|recibir|this|these|them|esto|mas|more)\b.*"
            r"|(?:do not|don'?t|ya no|no) (?:me |nos )?(?:send|text|message|contact|bother|envi|mand|escrib"
            r"|molest)\w*\b.*"
            rf"|no (?:more|mas) {_ALERTS}.*|(?:remove|unsubscribe|take|cancel|delete) (?:me|my|this)\b.*"
            rf"|opt(?: |-)?out.*"
            r"|leave me alone|(?:me )?(?:dar(?:me|se)?|doy|dame|deme|denme) de baja.*",
            _stop,
        ),
        (r"(?:take|need|i need|tomar) (?:a|un) (?:break|pause|descanso).*", _always("pause")),
        (
            r"(?:(?:only|just|solo|solamente) (?!\d).*\b(?:agreements?|acuerdos?|withdrawals?|departures?"
            r"|applications?"
            r"|solicitudes|pending|pendientes|new ones|kinds?)\b.*|(?:what|which) (?:kinds?"
            r"|types?) of (?:alerts|changes).*)",
            _always("kinds"),
        ),
        (
            r"(?:(?:i'?d like|i would like|i need)(?: \w+){0,2}? "
            + _ALERTS
            + r"|sign (?:me )?up|subscribe(?: me)?|follow|track|monitor|watch|add|alert me|notify me|notifyme"
            r"|tell me|text me|"
            r"email me|message me|ping me|let me know|inform me|keep me (?:posted|updated|informed|in the loop)"
            r"|keep an eye on|"
            r"start (?:watching|following|sending me)|(?:send|give|get|receive|want|i want"
            r"|start)(?: me)?(?: \w+){0,2}? "
            + _ALERTS
            + r"|interested in|i'?m interested in|i live in|i am in|i'?m in|vivo en|avis[ae]n?me|avisarme"
            r"|notifi(?:quen|ca|que|car)me"
            r"|me interesa|sigan?|vigil(?:ar|en|e|a)|seguir|suscrib\w+|inform(?:en|e|a)me|dig(?:a|an)me|dime"
            r"|(?:recibir|enviame|envienme|envieme|mandame|mandenme|mandeme|dame|deme"
            r"|tener)(?: \w+){0,2}? " + _ALERTS + r")" + _ABOUT + r"(?: (?P<object>.*))?",
            _watch,
        ),
        (
            r"(?:(?:any|show|see|give|get|me|what|what'?s|is|are|have|has|been|there|que|hay|de|the|these|los"
            r"|las|latest|last|"
            r"newest|most|recent|new|ultim[oa]s|ultim[oa]|algo|alguna|algun|tell|dime|ver|happened|changed"
            r"|joined|left|withdrew|signed|"
            r"dropped|who|quien|quienes|firmo|firmaron|salio|entro|cambio|paso|which|agencies) )*"
            r"(?:news|new|latest|changes|changed|updates?|novedades|noticias|cambios|cambiado|nuev[oa]s?|recent"
            r"|recently|recientes|"
            r"happened|joined|left|withdrew|signed|dropped out|dropped|salio|firmo|firmaron|unieron|cambio)"
            r"(?: (?:changes|updates|agreements|agencies|signings|acuerdos|agencias|cambios|recently|lately"
            r"|this|last|past|the|"
            r"week|month|year|today|yesterday|ultimamente|esta|este|semana|mes|hoy|ayer|recientes|recientemente))*"
            r"(?: (?:in|for|from|en|de)(?P<object> .+))?",
            _recent,
        ),
        (
            r"(?:(?:show|give|see|send|get) (?:me )?|(?:which|what|who|who'?s|list|lista|how many"
            r"|cuant[oa]s|que|cuales|"
            r"quien(?:es)?|ver|muestra(?:me)?|all|todas|the|full|whole|hay|esta|estan|are|is|there|las|la|el|los|una|a|of"
            r"|de)(?: |$))+"
            r"(?:\b(?:list|lista|agencies|agency|departments?|police|policias?|sheriffs?|offices?|agencias"
            r"|departamentos|"
            r"participat\w+|participan|listed|agreements|acuerdos|signed|on|en|in|the|la|with|have|tienen"
            r"|active|list of)\b ?)+"
            r"(?:\b(?:in|of|for|from|en|de|del|the|state of)\b ?)*(?P<object>.*)",
            _list,
        ),
        (r"do you (?:cover|have|include|watch|track|follow) (?P<object>.+)", _asked_place),
        (
            r"(?:does|do|has|is) ice (?:work\w*|cooperat\w*|sign\w*|have (?:an? )?(?:agreement"
            r"|deal)s?) with (?P<object>.+)",
            _is_listed,
        ),
        (
            r"(?:is|are|has|have|does|do|did|was|will|esta|estan|tienen?|firmo|participan?|coopera"
            r"|trabaja) (?P<object>.+?)"
            r" (?:on|in|part of|have|has|having|still|currently|sign|signed|join|joined|joining|participat\w*"
            r"|work\w*|cooperat\w*"
            r"|listed|enrolled|a member|en|con|un|algun|using|do|doing|tienen?|firmado|firmo)\b.*",
            _is_listed,
        ),
        (rf".*{_CADENCE.pattern}.*", _cadence),
        (
            r"(?:no,? thanks?(?: you)?|no,? gracias|sure|ok|okay|great|cool|perfect\w*|genial|thanks?(?: .*)?"
            r"|thank you.*"
            r"|(?:muchas )?gracias.*)",
            _always("thanks"),
        ),
    )
)


# ── a place alone ────────────────────────────────────────────────────────────────────────────────────────────────────


def _place(line: str) -> tuple[str, str] | None:
    """Return the command for a message that is only a place or an agency's name."""
    named = re.sub(r"^(?:show me|see|find|ver|buscar)\s+", "", line, flags=re.IGNORECASE)
    if named.upper() in STATES and named.casefold() in _CODES_THAT_ARE_WORDS and not named.isupper():
        return None
    if (name := _own_name(named) or _own_name(_trimmed(named))) is not None:
        return "agency", name
    if (place := _object(named)) is not None:
        return "place", place
    if (name := _agency(_trimmed(named))) is not None:
        return "agency", name
    return ("place", _trimmed(named)) if _is_misspelled_place(_trimmed(named)) else None


def _is_misspelled_place(text: str) -> bool:
    if not text or len(text.split()) > LONGEST_PLACE:
        return False
    try:
        parser.where(text)
    except Misunderstood as fault:
        return fault.why not in {"no_state", "no_place"} and (fault.why != "near_state" or _is_near(text, fault))
    return False


def _is_near(typed: str, fault: Misunderstood) -> bool:
    """Return True if the whole message is close to a state's name, not just a word in a sentence."""
    return len(typed.split()) <= len(STATES[fault.values["name"]].split())
