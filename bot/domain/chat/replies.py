"""Every sentence of the answers to people, in English and Spanish: one line of help for each thing gone wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.chat.parser import Misunderstood
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, STOPPED, Cadence, Filter, Settings
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import Wording

_SAID: Mapping[str, tuple[str, str]] = {
    # what was not understood
    "no_state": (
        "“{typed}” is no state. Send postal codes or names, as in /watch TX Florida",
        "«{typed}» no es un estado. Escriba códigos o nombres, como en /watch TX Florida",
    ),
    "near_state": (
        "“{typed}” is no state. Did you mean {name}? Then send /watch {near}",
        "«{typed}» no es un estado. ¿Quiso decir {name}? Entonces escriba /watch {near}",
    ),
    "county_state": (
        "In which state is {typed}? Send it with its state, as in /watch Harris County TX",
        "¿En qué estado está {typed}? Escríbalo con su estado, como en /watch Harris County TX",
    ),
    "near_county": (
        "{state} has no {typed} County. Did you mean {near}? Then send /watch {near} County {code}",
        "{state} no tiene un condado {typed}. ¿Quiso decir {near}? Entonces escriba /watch {near} County {code}",
    ),
    "no_county": (
        "{state} has no {typed} County that we know of.",
        "No conocemos un condado {typed} en {state}.",
    ),
    "short_agency": (
        "Send three letters or more of the agency's name, as in /agency Harris County Sheriff",
        "Escriba tres letras o más del nombre de la agencia, como en /agency Harris County Sheriff",
    ),
    "no_kind": (
        "“{typed}” is no kind of change. There are: {there}.",
        "«{typed}» no es un tipo de cambio. Hay: {there}.",
    ),
    "near_kind": (
        "“{typed}” is no kind of change. Did you mean {near}?",
        "«{typed}» no es un tipo de cambio. ¿Quiso decir {near}?",
    ),
    "no_kinds": (
        "That would leave nothing to tell. /pause or /stop end the messages.",
        "Así no quedaría nada que contar. /pause o /stop detienen los mensajes.",
    ),
    "no_zone": (
        "“{typed}” is no time and no time zone. Send it as in /digest 8:00 America/Chicago",
        "«{typed}» no es una hora ni una zona horaria. Escriba, por ejemplo, /digest 8:00 America/Chicago",
    ),
    "near_zone": (
        "“{typed}” is no time zone. Did you mean {near}?",
        "«{typed}» no es una zona horaria. ¿Quiso decir {near}?",
    ),
    "no_span": (
        "For how long? Send it as in /pause 3 days or /pause until 2027-01-15 (a year at most).",
        "¿Por cuánto tiempo? Escriba /pause 3 días o /pause until 2027-01-15 (un año como máximo).",
    ),
    "no_language": (
        "We speak English and Spanish: /language en or /language es",
        "Hablamos inglés y español: /language en o /language es",
    ),
    "no_form": ("The form was not understood; nothing was changed.", "No se entendió el formulario; nada cambió."),
    "no_command": (
        "“{typed}” is no command. /help lists them; /watch TX is the one to begin with.",
        "«{typed}» no es una orden. /help las enumera; empiece con /watch TX.",
    ),
    "near_command": (
        "“{typed}” is no command. Did you mean /{near}?",
        "«{typed}» no es una orden. ¿Quiso decir /{near}?",
    ),
    "not_watched": ("{what} was not watched; nothing was changed.", "{what} no se vigilaba; nada cambió."),
    "all_watched": (
        "You watch all states already. To watch only some, send /watch only TX FL",
        "Usted ya vigila todos los estados. Para vigilar solo algunos, escriba /watch only TX FL",
    ),
    "none_yet": (
        "Nothing is watched here yet. Send /watch TX (or another state) to begin.",
        "Aquí todavía no se vigila nada. Escriba /watch TX (u otro estado) para empezar.",
    ),
    "which_list": ("Which state? Send it as in /list FL", "¿Qué estado? Escriba, por ejemplo, /list FL"),
    # what was done
    "hello": (
        "Countersign tells this chat when a police agency joins or leaves ICE's 287(g) program. "
        "An administrator may send /watch TX (or another state) to begin; /help says more.",
        "Countersign avisa a este chat cuando una agencia policial entra o sale del programa 287(g) de ICE. "
        "Un administrador puede escribir /watch TX (u otro estado) para empezar; /help explica más.",
    ),
    "welcome": (
        "Countersign tells you when a police agency joins or leaves ICE's 287(g) program, as ICE's own list shows it. "
        "Choose states below, or send their names, as in /watch TX Oklahoma",
        "Countersign le avisa cuando una agencia policial entra o sale del programa 287(g) de ICE, según la lista de "
        "ICE. Elija estados abajo o escriba sus nombres, como en /watch TX Oklahoma",
    ),
    "confirm": ("Watch {what}?", "¿Vigilar {what}?"),
    "in_force": ("You will hear of {what}, {when}.", "Recibirá {what}, {when}."),
    "nothing_watched": ("Nothing is watched now.", "Ahora no se vigila nada."),
    "picker": (
        "Choose the states to watch. A check mark means watched.",
        "Elija los estados. Una marca significa que se vigila.",
    ),
    "picker_kinds": (
        "Choose what to hear of. A check mark means yes.",
        "Elija de qué enterarse. Una marca significa que sí.",
    ),
    "undone": ("Undone.", "Deshecho."),
    "undo_late": (
        "The settings have changed since; nothing was undone.",
        "La configuración cambió después; no se deshizo nada.",
    ),
    "paused": ("Paused until {when}. /resume ends the pause.", "En pausa hasta el {when}. /resume la termina."),
    "resumed": (
        "Going on. What was missed in the last 30 days comes once.",
        "Reanudado. Lo perdido en los últimos 30 días llega una vez.",
    ),
    "how_long": ("Pause for how long?", "¿Pausar por cuánto tiempo?"),
    "stopped": (
        "Stopped: no more messages. The settings are kept; /resume starts again, /forget erases them.",
        "Detenido: no habrá más mensajes. La configuración se guarda; /resume empieza de nuevo, /forget la borra.",
    ),
    "forget_sure": (
        "Erase all that is held of this chat: its settings and the record of what was sent here?",
        "¿Borrar todo lo que se guarda de este chat: su configuración y el registro de lo enviado?",
    ),
    "forgotten": (
        "Erased. Nothing is held of this chat any more.",
        "Borrado. Ya no se guarda nada de este chat.",
    ),
    "language_set": ("We will speak English here.", "Aquí hablaremos español."),
    # what was asked
    "preview": ("In the last seven days this would have told you:", "En los últimos siete días habría recibido:"),
    "preview_none": (
        "In the last seven days there was nothing of it.",
        "En los últimos siete días no hubo nada de eso.",
    ),
    "more": ("… and {n} more", "… y {n} más"),
    "listed_now": ("{n} agencies in {state} are on ICE's list", "{n} agencias de {state} están en la lista de ICE"),
    "listed_none": ("No agency in {state} is on ICE's list", "Ninguna agencia de {state} está en la lista de ICE"),
    "as_of": ("As of {name}, fetched {when}.", "Según {name}, leída el {when}."),
    "not_read_yet": ("ICE's list has not been read yet.", "La lista de ICE aún no se ha leído."),
    "recent": ("The latest changes:", "Los cambios más recientes:"),
    "recent_none": ("No changes yet.", "Todavía no hay cambios."),
    "agency_none": (
        "No agency's name on ICE's list, now or before, holds “{typed}”.",
        "Ninguna agencia de la lista de ICE, ahora o antes, lleva «{typed}» en su nombre.",
    ),
    "agency_many": ("{n} agencies hold “{typed}”; which one?", "{n} agencias llevan «{typed}»; ¿cuál?"),
    "history": ("History:", "Historia:"),
    "evidence": ("evidence {hash}", "evidencia {hash}"),
    "listed": ("on the list when we began", "en la lista cuando empezamos"),
    "status_read": (
        "{source}: last read well {when}",
        "{source}: última lectura buena el {when}",
    ),
    "status_never": ("{source}: never read well yet", "{source}: todavía sin lectura buena"),
    "status_wrong": ("{source}: {problem}", "{source}: {problem}"),
    "status_held": (
        "A list of ICE's is held: it looks wrong and changes nothing until it is checked.",
        "Una lista de ICE está retenida: parece errónea y no cambia nada hasta que se revise.",
    ),
    "stopped_now": ("Stopped.", "Detenido."),
    "paused_reason": ("Paused: {reason}.", "En pausa: {reason}."),
    "stale": (
        "ICE's list has not been read well since {when}. Changes since then are told when it can be read again.",
        "La lista de ICE no se ha podido leer bien desde el {when}. Los cambios se contarán cuando se lea de nuevo.",
    ),
    "stale_on": (
        "You will be told once a day while ICE's list cannot be read. /stale off ends that.",
        "Se le avisará una vez al día mientras no se pueda leer la lista de ICE. /stale off lo termina.",
    ),
    "stale_off": (
        "You will not be told when ICE's list cannot be read. /stale on changes that.",
        "No se le avisará cuando no se pueda leer la lista de ICE. /stale on lo cambia.",
    ),
    "always_on": (
        "A daily or weekly digest comes even when nothing changed. /always off ends that.",
        "El resumen diario o semanal llega aunque nada haya cambiado. /always off lo termina.",
    ),
    "always_off": (
        "A digest comes only when something changed. /always on changes that.",
        "El resumen llega solo cuando algo cambió. /always on lo cambia.",
    ),
    "choose_language": ("Which language?", "¿Qué idioma?"),
    # buttons
    "b_undo": ("Undo", "Deshacer"),
    "b_yes_watch": ("Yes, watch", "Sí, vigilar"),
    "b_choose": ("Choose states", "Elegir estados"),
    "b_all": ("All states", "Todos"),
    "b_done": ("Done", "Listo"),
    "b_day": ("1 day", "1 día"),
    "b_week": ("1 week", "1 semana"),
    "b_month": ("30 days", "30 días"),
    "b_erase": ("Erase", "Borrar"),
    "b_keep": ("Keep", "Conservar"),
    # parts of sentences
    "all_states": ("all states", "todos los estados"),
    "agencies_named": ("agencies named “{part}”", "agencias con «{part}» en el nombre"),
    "county_of": ("{county} County, {state}", "condado {county}, {state}"),
    "only_types": ("{where} ({types} only)", "{where} (solo {types})"),
    "instant": ("at once", "al momento"),
    "daily": ("once a day at {at} {tz}", "una vez al día a las {at} {tz}"),
    "weekly": ("on Mondays at {at} {tz}", "los lunes a las {at} {tz}"),
    "of_changes": ("{kinds} in {where}", "{kinds} en {where}"),
}
_KINDS: Mapping[Kind, tuple[str, str]] = {
    Kind.SIGNED: ("new agreements", "acuerdos nuevos"),
    Kind.WITHDRAWN: ("agencies no longer listed", "agencias que ya no figuran"),
    Kind.REINSTATED: ("agencies back on the list", "agencias que vuelven"),
    Kind.APPLIED: ("applications", "solicitudes"),
    Kind.MENTIONED: ("mentions on local agendas", "menciones en agendas locales"),
    Kind.DROPPED: ("applications gone", "solicitudes retiradas"),
    Kind.CORRECTED: ("corrections", "correcciones"),
    Kind.RENAMED: ("renamed agencies", "cambios de nombre"),
    Kind.AMENDED: ("amendments", "modificaciones"),
}
_HELP: tuple[tuple[str, str, str], ...] = (
    ("watch TX Oklahoma", "hear of these states", "recibir estos estados"),
    ("watch Harris County TX", "a county", "un condado"),
    ("watch agency Tampa Police", "an agency, by part of its name", "una agencia, por parte de su nombre"),
    ("unwatch TX", "no longer", "dejar de recibir"),
    ("digest 8:00 America/Chicago", "once a day; weekly 8:00, off", "una vez al día; weekly 8:00, off"),
    ("kinds", "what to hear of", "de qué enterarse"),
    ("pause 3 days", "and /resume", "y /resume"),
    ("list FL", "who is on the list now", "quién está en la lista"),
    ("recent", "the latest changes", "los últimos cambios"),
    ("agency Tampa", "its history and evidence", "su historia y evidencia"),
    ("status", "what is in force; last reading", "qué rige; última lectura"),
    ("language es", "español", "English: /language en"),
    ("stop", "no more messages; /forget erases", "sin más mensajes; /forget borra"),
)
_MENU = ("start", "watch", "unwatch", "digest", "kinds", "pause", "resume", "status", "list", "recent", "agency",
         "language", "stop", "forget", "help")  # fmt: skip
_MENU_SAID: Mapping[str, tuple[str, str]] = {
    "start": ("Begin", "Empezar"),
    "watch": ("Watch states: /watch TX Oklahoma", "Vigilar estados: /watch TX Oklahoma"),
    "unwatch": ("No longer watch: /unwatch TX", "Dejar de vigilar: /unwatch TX"),
    "digest": ("Once a day: /digest 8:00 America/Chicago", "Una vez al día: /digest 8:00 America/Chicago"),
    "kinds": ("What to hear of", "De qué enterarse"),
    "pause": ("Pause: /pause 3 days", "Pausar: /pause 3 días"),
    "resume": ("Go on", "Reanudar"),
    "status": ("What is in force, and the last reading", "Qué rige y la última lectura"),
    "list": ("Who is on ICE's list: /list FL", "Quién está en la lista: /list FL"),
    "recent": ("The latest changes", "Los últimos cambios"),
    "agency": ("One agency's history: /agency NAME", "Historia de una agencia: /agency NOMBRE"),
    "language": ("English or Spanish", "Español o inglés"),
    "stop": ("No more messages", "No más mensajes"),
    "forget": ("Erase all that is held of this chat", "Borrar lo que se guarda de este chat"),
    "help": ("Help", "Ayuda"),
}


def said(language: Language, key: str, **values: object) -> str:
    """A sentence by its name."""
    return _SAID[key][language is Language.SPANISH].format(**values)


def line(language: Language, key: str, **values: object) -> Line:
    """A sentence as a line."""
    return (Span(said(language, key, **values)),)


def misunderstood(language: Language, fault: Misunderstood) -> str:
    """The one helpful line for what was not understood."""
    return said(language, fault.why, **fault.values)


def kind_name(language: Language, kind: Kind) -> str:
    """A kind of change as a reader chooses it."""
    return _KINDS[kind][language is Language.SPANISH]


def help_lines(language: Language, prefix: str) -> tuple[Line, ...]:
    """Help that fits a phone: a command a line. `prefix` is what stands before a command, such as a slash."""
    rows = ((command, told[language is Language.SPANISH]) for command, *told in _HELP)
    return tuple((Span(f"{prefix}{command}", strong=True), Span(f"  {told}")) for command, told in rows)


def menu(language: Language) -> tuple[tuple[str, str], ...]:
    """The commands with what they do, for the platform's own menu."""
    return tuple((name, _MENU_SAID[name][language is Language.SPANISH]) for name in _MENU)


# ── what is in force ─────────────────────────────────────────────────────────────────────────────────────────────────


def in_force(language: Language, settings: Settings) -> str:
    """What a chat will hear of, and how often, in a sentence."""
    if settings.filter.is_empty:
        return said(language, "nothing_watched")
    told = ", ".join(kind_name(language, kind) for kind in Kind if kind in settings.filter.kinds)
    what = said(language, "of_changes", kinds=told, where=watched(language, settings.filter))
    return said(language, "in_force", what=what, when=how_often(language, settings))


def watched(language: Language, filter_: Filter) -> str:
    """The places and agencies that a filter watches, in words."""
    if ALL_STATES in filter_.states:
        places = [said(language, "all_states")]
    else:
        places = [STATES[code] for code in sorted(filter_.states, key=STATES.__getitem__)]
    places += [_county(language, entry) for entry in sorted(filter_.counties)]
    places += [said(language, "agencies_named", part=part) for part in sorted(filter_.agencies)]
    where = ", ".join(places)
    if not filter_.support_types:
        return where
    wording = Wording(language, "UTC")
    types = ", ".join(wording.support_type(kind) for kind in SupportType if kind in filter_.support_types)
    return said(language, "only_types", where=where, types=types)


def _county(language: Language, entry: str) -> str:
    code, _, name = entry.partition("/")
    return said(language, "county_of", county=name.title(), state=STATES[code])


def how_often(language: Language, settings: Settings) -> str:
    """The cadence in words."""
    if settings.cadence is Cadence.INSTANT:
        return said(language, "instant")
    at = f"{settings.at:%H:%M}" if language is Language.SPANISH else f"{settings.at.hour}:{settings.at:%M}"
    return said(language, settings.cadence.value, at=at, tz=settings.tz)


def until(language: Language, moment: datetime, tz: str) -> str:
    """A moment in the reader's zone and language."""
    return Wording(language, tz).moment(moment)


def names(kinds: Sequence[Kind]) -> str:
    """Kinds as they are typed."""
    return ", ".join(kind.value for kind in kinds)


def why_paused(language: Language, reason: str) -> str:
    """Why nothing is sent."""
    return said(language, "stopped_now") if reason == STOPPED else said(language, "paused_reason", reason=reason)
