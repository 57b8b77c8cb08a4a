"""The words that `meeting_status` knows, in English and Spanish, by what they do in a title or a notice.

Each entry is a regular expression for whole words in small letters and without accents, because the text is folded
first; the Spanish words follow the English ones. The first kind that fits a word takes it.
"""

from enum import StrEnum

from bot.domain.agenda import CANCELLED, POSTPONED, RECESSED, RESCHEDULED


class Kind(StrEnum):
    """The kinds of words, most of them named after one of their words. A clause becomes a row of their letters."""

    HAPPENED = "C"  # "canceled"
    OFTEN_OTHERWISE = "W"  # "deferred": counts only if a meeting is what it speaks of
    TO_A_DAY = "D"  # "moved": counts only if to another day
    ACT = "K"  # "cancellation"
    DOES = "A"  # "cancels"
    MEETING = "E"
    BODY = "B"  # a body that meets: "council"
    THING = "T"  # what a meeting may be about: "agreement"
    MASCULINE_THING = "t"  # the same, masculine in Spanish: "287(g)", "acuerdo"
    STATUS = "s"
    NOTICE = "N"
    CONSIDER = "O"  # opens what a meeting is about: "discuss", "vote", "regarding"
    IF = "I"  # opens a condition
    THAT = "q"
    MAY = "M"
    NOT = "n"
    REINSTATED = "z"  # takes a status back
    FROM = "f"  # names another meeting or an earlier day: "from", "replaces"
    PREVIOUSLY = "g"
    SCHEDULED = "u"
    IS = "x"
    HAS = "h"
    OF = "p"  # any preposition
    BECAUSE = "r"
    AND = "j"
    OR = "o"
    THE = "a"  # any article or determiner
    DAY = "m"  # a month, a weekday or a date
    NUMBER = "d"  # another number or an hour
    OTHER = "w"  # any other word


STATUSES = {
    Kind.HAPPENED: {  # also with the typos of real calendars
        CANCELLED: (
            r"cancel{1,4}e{0,2}d{1,2}|cancl{1,2}e?d|canc'?d|ca(?:c|n)el{1,2}ed|cnacel{1,2}ed|canx|cxl(?:l?e?d)?|"
            r"cncl'?d|call(?:ed)? off|"
            r"^cancel(?= ?[-:])|(?<=[-:*(\d] )cancel(?=\W*$| ?[-:])|(?<=\()cancel(?=\))|"
            r"cancelad[oa]s?"
        ),
        POSTPONED: r"post?ponn?e?d|pospuest[oa]s?|aplazad[oa]s?|postergad[oa]s?",
        RESCHEDULED: r"re ?-?sche?du?e?le?d|resched(?:'d)?|date changed|reprogramad[oa]s?|reagendad[oa]s?",
        RECESSED: r"recess?ed|recesad[oa]s?",
    },
    Kind.OFTEN_OTHERWISE: {  # a street is vacated, an item deferred
        CANCELLED: r"vacated",
        POSTPONED: r"deferred|suspended|suspendid[oa]s?|diferid[oa]s?",
    },
    Kind.TO_A_DAY: {  # not "moved to Room 5"
        RESCHEDULED: r"moved|changed|trasladad[oa]s?|movid[oa]s?|cambiad[oa]s?",
        RECESSED: r"adjourned|continued",
    },
    Kind.ACT: {
        CANCELLED: r"cancel{1,4}at{1,2}i?(?:ons?)?|cancelacion(?:es)?",
        POSTPONED: r"postponements?|aplazamientos?|posposicion(?:es)?|postergacion(?:es)?",
        RESCHEDULED: (
            r"reschedul(?:e|ing)|(?<=meeting )date change|date change(?= notice)|reprogramacion(?:es)?|cambio de fecha"
        ),
    },
    Kind.DOES: {  # "the board cancels its meeting"
        CANCELLED: r"cancels|cancelan?|cancelo|cancelaron",
        POSTPONED: r"postpones|pospon(?:e|en)|pospuso|aplazan?|aplazo|suspend(?:e|en|io)",
        RESCHEDULED: r"reschedules|reprograman?|reprogramo",
    },
}
SEEMING = (  # words that look like other kinds
    r"un ?cancel\w+|review(?= (?:\w+ ){0,2}(?:boards?|comm\w+|panel|council|session|meeting|hearing)\b)|"
    r"until further notice|call to order|election day|"
    r"(?:note|given|advised|notified|informed|announced?|announces|aware|inform|advise) (?:you )?that|"
    r"hasta nuevo aviso|(?:informa|informamos|avisa|notifica|comunica|anuncia) (?:al publico )?que"
)
KINDS = {
    Kind.THING: (  # what a meeting may be about: an agreement and its like
        r"(?:ice|immigration|287g) task force|task force (?:model|officer|agent)s?|"
        r"(?:sheriff|alguacil)(?= (?:\w+ )?notice)|agreements?|contracts?|mo[au]s?|igsas?|memorand\w+|addend(?:um|a)|"
        r"amendments?|ordinances?|resolutions?|polic(?:y|ies)|programs?|licen[cs]es?|permits?|leases?|grants?|bonds?|"
        r"bills? (?:no|\d[\w-]*)|legislation|deals?|checks?|warrants?|projects?|bids?|rfps?|elections?|taxes|debts?|"
        r"invoices?|polls?|insurance|services?|orders?|appointments?|applications?|partnerships?|participation|"
        r"cooperation|delegation|deputization|immigration|enforcement|detainers?|detentions?|deportations?|raids?|"
        r"marshals?|wso|jem|items?|models?|fees?|business|reports?|opportunit(?:y|ies)|pensions?|"
        r"resolucion(?:es)?|ordenanzas?|polizas?|politicas?|licencias?|subvencion(?:es)?|inmigracion|tarifas?"
    ),
    Kind.MASCULINE_THING: (  # things that are masculine in Spanish: "cancelada" can't be said of them
        r"287g?|ice|dhs|acuerdos?|contratos?|convenios?|memorandos?|programas?|proyectos?|permisos?|fondos?|"
        r"impuestos?|decretos?|servicios?|puntos?"
    ),
    Kind.MEETING: (
        r"meetings?|mtgs?|sessions?|hearings?|work ?sessions?|work ?shops?|retreats?|gatherings?|town ?halls?|forums?|"
        r"briefings?|events?|(?:tele|video)?conferences?|"
        r"reunion(?:es)?|sesion(?:es)?|audiencias?|vistas? publicas?|asambleas?|taller(?:es)?|foros?|plenos?|eventos?"
    ),
    Kind.BODY: (
        r"council|commission|boards?|comm?itt?ee?s?|court|trustees|supervisors|commissioners|selectmen|selectboard|"
        r"task force|caucus|agendas?|notice and call|work ?groups?|subcommittees?|authority|"
        r"concejo|consejo|cabildo|ayuntamiento|comision|comite|junta|comisionados|convocatorias?"
    ),
    Kind.STATUS: r"status|estado|estatus",
    Kind.NOTICE: r"notices?|notifications?|avisos?|notificacion(?:es)?|anuncios?",
    Kind.IF: (
        r"if|whether|unless|should|in case(?: of)?|in the event|how|why|when|once|"
        r"si|en caso de|cuando|a menos|salvo|como|por que"
    ),
    Kind.THAT: r"that|which|who|que|cual",
    Kind.MAY: (
        r"may(?= (?:be|not|also|have|still|need)\b)|might|could|can|would|subject to|change or|pued[ae]n?|podrian?"
    ),
    Kind.CONSIDER: (
        r"consider\w*|discuss\w*|debat\w+|review\w*|vot(?:e|es|ing)|approv\w+|authoriz\w+|adopt\w*|requests?|"
        r"requesting|propos\w+|petition\w*|motion|regarding|re|about|concerning|relative to|deliberat\w+|potential|"
        r"possible|report on|update on|updates? about|terminat\w+|"
        r"discus\w+|debatir|debate|votar|votacion|aprob\w+|autoriz\w+|solicit\w+|revis\w+|analizar|tratar|sobre|"
        r"acerca|respecto|relativ[oa]s?|referente|posible|mocion"
    ),
    Kind.FROM: (
        r"replac\w+|in (?:place|lieu) of|in its place|make ?-?up (?:of|for)|instead of|from|"
        r"en (?:lugar|vez) de|reemplaza\w*|sustitu\w+|desde"
    ),
    Kind.SCHEDULED: r"scheduled|planned|programad[oa]s?|previst[oa]s?|convocad[oa]s?",
    Kind.PREVIOUSLY: r"previously|originally|formerly|earlier|anteriormente|originalmente|previamente",
    Kind.NOT: r"not|never|no|no longer|isn't|wasn't|hasn't|aren't|nunca|tampoco|ya no",
    Kind.REINSTATED: r"reinstated|restored|back on|rescinded|withdrawn|reversed|lifted|retracted",
    Kind.HAS: r"has|have|had|having|ha|han|habia",
    Kind.IS: (
        r"is|are|was|were|been|be|being|now|hereby|stands?|further|also|both|officially|will|shall|must|"
        r"es|esta|estan|fue|fueron|sido|queda|quedan|sera|seran|se"
    ),
    Kind.BECAUSE: r"due|because|owing|as|per|until|till|lack|want|pending|in observance|debido|por|hasta",
    Kind.OF: (
        r"of|on|for|with|to|at|by|between|in|after|over|under|against|among|into|"
        r"de|del|al|para|con|en|entre|a la|ante|contra"
    ),
    Kind.THE: r"the|a|an|it|this|these|its|their|our|his|her|all|any|el|la|los|las|un|una|este|su|sus|todas?",
    Kind.AND: r"and|y|e",
    Kind.OR: r"or|o",
    Kind.DAY: (
        r"\d{1,2}[/-]\d{1,2}(?:[/-]\d{2,4})?|(?:jan|febr?)(?:uary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
        r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|"
        r"(?:mon|tues?|wednes|thurs?|fri|satur|sun)day|tomorrow|"
        r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|"
        r"lunes|martes|miercoles|jueves|viernes|sabado|domingo|manana"
    ),
    Kind.NUMBER: r"\d[\w/.:-]*|a\.?m|p\.?m|noon|today|tonight|hoy",
}

SAID_OTHERWISE = (  # put into words that the grammar knows
    (  # "MEETING NOT HELD"
        r"\b(?:(?:will|shall|is|are|was|were|did) ?)?(?:not|n't|won't) (?:be |being |been |to be )?"
        r"(?:held|taking place|take place|be meeting|convened?|"
        r"meet(?:ing)?(?! (?:the|with|its|their|any|all|an?|requirements|standards|deadlines)\b))",
        " is canceled",
    ),
    (r"no se (?:llevara a cabo|celebrara|realizara|efectuara|reunira|llevo a cabo|celebro|realizo)", " se cancela"),
    (r"no (?:tendra|tuvo) lugar", " esta cancelada"),
    (r"(?:did not|didn't) (?:have|reach|make|establish|meet)(?: an?)? quorum", " is canceled"),
    (r"(?<!for )(?<!to )(?<!of )(?<!por )(?:no|sin|no hubo) (?:quorum|cuorum)", " is canceled"),
    (  # the whole of a title or its part
        r"(?:^|(?<=[-:(] )|(?<=[-:(]))\W*(?:lack of (?:a )?quorum|falta de (?:quorum|cuorum))\b"
        r"(?=\W*$|\W+\d| [-(])",
        "canceled",
    ),
    (  # "Meeting adjourned for lack of quorum"
        r"(?:adjourned|closed|ended|levantada|terminada) (?:for|due to|because of|por)(?: an?| the| la)? "
        r"(?:lack of|want of|no|falta de)(?: an?)? (?:quorum|cuorum)",
        "canceled",
    ),
)
NO_MEETING = (
    (  # "There will be no regular meeting today", "Holiday - No Meeting"
        r"(?:^|[^\w\s]\s*|\b(?:there (?:is|will be)|council|board|commission|court|committee)\s+)no (?:\w+ ){0,3}"
        r"(?:meeting|session|hearing)s?(?: (?:today|tonight|scheduled|this (?:week|month)|will be held|held))?"
        r"(?=\W*$|\s*[^\w\s']|\s+(?:due|because|for|in)\b|\s+\d|\s+on (?:the )?(?:\d{1,2}\b|\w+day\b|"
        r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|thanks|christmas|new)))"
    ),
    r"\bnot be an? (?:\w+ ){0,3}(?:meeting|session|hearing)\b",  # "There will not be a Board meeting"
    r"\b(?:no (?:hay|habra|hubo)|sin) (?:\w+ ){0,2}(?:reunion(?:es)?|sesion(?:es)?|audiencias?|juntas?|asambleas?)\b",
    r"\brecess notice\b|\bnotice of recess\b|\baviso de receso\b",
    (  # "Council is on recess until Sept. 1"
        r"\b(?:council|board|commission|court|committee|concejo|consejo|cabildo|junta|comision|comite)"
        r"(?: municipal| is| on| in| esta| en| de){0,3} (?:recess|receso)\b"
        r"(?=\W*$|\W+(?:until|for|this|from|through|week|hasta|por|durante)\b|\s+\d| - )"
    ),
    r"^\W*(?:summer|winter|spring|fall|holiday|legislative|august|december)(?: holiday)? recess\W*$",
)
