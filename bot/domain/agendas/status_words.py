"""The words that `meeting_status` knows, in English and Spanish, by what they do in a title or a notice.

Each entry is a regular expression for whole words, without accents because the text is folded first. The order of the
kinds decides which one a word belongs to.
"""

from bot.domain.agenda import CANCELLED, POSTPONED, RECESSED, RESCHEDULED

HAPPENED = {  # "canceled", also with the typos of real calendars
    CANCELLED: (
        r"cancel{1,4}e{0,2}d{1,2}|cancl{1,2}e?d|canc'?d|ca(?:c|n)el{1,2}ed|cnacel{1,2}ed|canx|cxl(?:l?e?d)?|"
        r"call(?:ed)? off|cancelad[oa]s?"
    ),
    POSTPONED: r"post?ponn?e?d|pospuest[oa]s?|aplazad[oa]s?|postergad[oa]s?",
    RESCHEDULED: r"re ?-?sche?du?e?le?d|reprogramad[oa]s?|reagendad[oa]s?|date changed",
    RECESSED: r"recess?ed|recesad[oa]s?",
}
OFTEN_OTHERWISE = {  # a street is vacated, an item deferred: these count only if a meeting is what they speak of
    CANCELLED: r"vacated",
    POSTPONED: r"deferred|suspended|suspendid[oa]s?|diferid[oa]s?",
}
TO_A_DAY = {  # "moved to Room 5" moves no meeting to another day
    RESCHEDULED: r"moved|changed|trasladad[oa]s?|movid[oa]s?|cambiad[oa]s?",
    RECESSED: r"adjourned|continued",
}
NOUN = {
    CANCELLED: r"cancel{1,4}at{1,2}i?ons?|cancelacion(?:es)?",
    POSTPONED: r"postponements?|aplazamientos?|posposicion(?:es)?|postergacion(?:es)?",
    RESCHEDULED: r"reschedul(?:e|ing)|reprogramacion(?:es)?|(?<=meeting )date change|date change(?= notice)|"
    r"cambio de fecha",
}
DOES = {  # "the board cancels its meeting"
    CANCELLED: r"cancels|cancelan?|cancelo|cancelaron",
    POSTPONED: r"postpones|pospon(?:e|en)|pospuso|aplazan?|aplazo|suspend(?:e|en|io)",
    RESCHEDULED: r"reschedules|reprograman?|reprogramo",
}

KINDS = {
    "w": (  # the words of other kinds that aren't what they seem
        r"un ?cancel\w+|(?:to )?review(?= (?:and \w+ )?(?:board|committee|commission|panel|council|session|meeting)s?)|"
        r"(?:note|given|advised|notified|informed|announced?|announces|aware|inform|advise|informa|informamos|avisa|"
        r"notifica|comunica|anuncia) (?:you |al publico )?(?:that|que)|until further notice|hasta nuevo aviso|"
        r"call to order"
    ),
    "T": (  # what a meeting may be about: an agreement and its like
        r"(?:ice|immigration|287g) task force|(?:sheriff|alguacil)(?= (?:\w+ )?notice)|task force (?:model|officer|agent)s?|"
        r"agreements?|contracts?|mo[au]s?|memorand\w+|ordinances?|resolutions?|polic(?:y|ies)|programs?|licen[cs]es?|"
        r"permits?|leases?|grants?|bonds?|checks?|warrants?|projects?|bids?|rfps?|elections?|taxes|debts?|invoices?|"
        r"polls?|insurance|services?|orders?|appointments?|applications?|partnerships?|participation|items?|models?|"
        r"immigration|detainers?|deportations?|raids?|fees?|business|opportunit(?:y|ies)|pensions?|"
        r"resolucion(?:es)?|polizas?|politicas?|licencias?|subvencion(?:es)?|ordenanzas?|inmigracion|tarifas?"
    ),
    "t": (  # things that are masculine in Spanish: "cancelada" can't be said of them
        r"287g?|ice|dhs|acuerdos?|contratos?|convenios?|memorandos?|programas?|proyectos?|permisos?|fondos?|impuestos?|decretos?|"
        r"servicios?|puntos?"
    ),
    "E": (
        r"meetings?|mtgs?|sessions?|hearings?|work ?sessions?|work ?shops?|retreats?|gatherings?|town ?halls?|forums?|"
        r"briefings?|events?|eventos?|(?:tele|video)?conferences?|reunion(?:es)?|sesion(?:es)?|audiencias?|vistas? publicas?|"
        r"asambleas?|talleres|taller|foros?|plenos?"
    ),
    "B": (
        r"council|commission|boards?|committees?|comm?ittees?|court|trustees|supervisors|commissioners|selectmen|"
        r"selectboard|task force|caucus|agendas?|notice and call|work ?groups?|subcommittees?|authority|concejo|consejo|cabildo|"
        r"ayuntamiento|comision|comite|junta|comisionados|convocatorias?"
    ),
    "s": r"status|estado|estatus",
    "N": r"notices?|notifications?|avisos?|notificacion(?:es)?|anuncios?",
    "I": (  # opens a clause that isn't news
        r"if|whether|unless|should|in case(?: of)?|in the event|how|why|when|once|"
        r"si|en caso de|cuando|a menos|salvo|como|por que"
    ),
    "q": r"that|which|who|que|cual",
    "M": r"may|might|could|can|would|subject to|change or|pued[ae]n?|podria[n]?",
    "O": (  # opens what a meeting is about
        r"consider\w*|discuss\w*|debat\w+|review\w*|vot(?:e|es|ing)|approv\w+|authoriz\w+|adopt\w*|requests?|requesting|"
        r"propos\w+|petition\w*|motion|regarding|re|about|concerning|deliberat\w+|potential|possible|report on|"
        r"update on|updates? about|terminat\w+|discus\w+|debatir|debate|votar|votacion|aprob\w+|autoriz\w+|solicit\w+|"
        r"revis\w+|analizar|tratar|sobre|acerca|respecto|relativ[oa]s?|referente|posible|mocion|presupuesto para"
    ),
    "f": (  # another meeting's fate
        r"replac\w+|in (?:place|lieu) of|in its place|make ?-?up (?:of|for)|instead of|en (?:lugar|vez) de|"
        r"reemplaza\w*|sustitu\w+|from|desde"
    ),
    "u": r"scheduled|planned|programad[oa]s?|previst[oa]s?|convocad[oa]s?",
    "g": r"previously|originally|formerly|earlier|anteriormente|originalmente|previamente",
    "n": r"not|never|no|no longer|isn't|wasn't|hasn't|aren't|nunca|tampoco|ya no",
    "z": r"reinstated|restored|back on|rescinded|withdrawn|reversed|lifted|retracted",
    "h": r"has|have|had|having|ha|han|habia",
    "x": (
        r"is|are|was|were|been|be|being|now|hereby|stands?|also|both|officially|es|esta|estan|fue|fueron|sido|queda|"
        r"quedan|sera|seran|se|will|shall|must"
    ),
    "r": r"due|because|owing|as|per|until|till|lack|want|debido|por|hasta|pending|in observance",
    "p": (
        r"of|on|for|with|to|at|by|between|in|after|over|under|against|among|into|de|del|al|para|con|en|entre|a la|ante|"
        r"contra"
    ),
    "a": r"the|a|an|it|this|these|its|their|our|his|her|all|any|el|la|los|las|un|una|esta|este|su|sus|todas?",
    "j": r"and|y|e",
    "o": r"or|o|u",
    "m": (
        r"\d{1,2}[/-]\d{1,2}(?:[/-]\d{2,4})?|(?:jan|febr?)(?:uary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|"
        r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|(?:mon|tues?|wednes|thurs?|fri|satur|sun)day|"
        r"tomorrow|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|"
        r"lunes|martes|miercoles|jueves|viernes|sabado|domingo|manana"
    ),
    "d": r"\d[\w/.:-]*|a\.?m|p\.?m|noon|today|tonight|hoy",
}

# Other ways to say it, in the words that the grammar knows
SAID_OTHERWISE = (
    (
        r"\b(?:(?:will|shall|is|are|was|were|did) ?)?(?:not|n't|won't) (?:be |being |been |to be )?"
        r"(?:held|taking place|take place|be meeting|meet(?:ing)?(?= (?:on|this|in|for|today|tonight|as)\b|\W*$)|convened?)",
        " is canceled",
    ),
    (r"no se (?:llevara a cabo|celebrara|realizara|efectuara|reunira|llevo a cabo|celebro|realizo)", " se cancela"),
    (r"no (?:tendra|tuvo) lugar", " esta cancelada"),
    (r"(?:did not|didn't) (?:have|reach|make|establish|meet)(?: an?)? quorum", " is canceled"),
    (r"(?<!for )(?<!to )(?<!of )(?<!por )(?:no|sin|no hubo) (?:quorum|cuorum)", " is canceled"),
    (
        r"(?:^|(?<=[-:(] )|(?<=[-:(]))\W*(?:lack of (?:a )?quorum|falta de (?:quorum|cuorum))\b(?=\W*$|\W+\d| [-(])",
        "canceled",
    ),
    (
        r"(?:adjourned|closed|ended|levantada|terminada) (?:for|due to|because of|por)(?: an?| the| la)? "
        r"(?:lack of|want of|no|falta de)(?: an?)? (?:quorum|cuorum)",
        "canceled",
    ),
)
NO_MEETING = (
    r"(?:^|[^\w\s]\s*|\b(?:there (?:is|will be)|council|board|commission|court|committee)\s+)no (?:\w+ ){0,3}"
    r"(?:meeting|session|hearing)s?(?: (?:today|tonight|scheduled|this (?:week|month)|will be held|held))?"
    r"(?=\W*$|\s*[^\w\s']|\s+(?:due|because|on|for|in|\d)\b|\s+\d)|"
    r"\bnot be an? (?:\w+ ){0,3}(?:meeting|session|hearing)\b|"
    r"\b(?:no (?:hay|habra|hubo)|sin) (?:\w+ ){0,2}(?:reunion(?:es)?|sesion(?:es)?|audiencias?|juntas?|asambleas?)\b|"
    r"\brecess notice\b|\bnotice of recess\b|\baviso de receso\b|"
    r"\b(?:council|board|commission|court|committee|concejo|consejo|cabildo|junta|comision|comite)"
    r"(?: municipal| is| on| in| esta| en| de){0,3} (?:recess|receso)\b"
    r"(?=\W*$|\W+(?:until|for|this|from|through|week|hasta|por|durante)\b|\s+\d| - )|"
    r"^\W*(?:summer|winter|spring|fall|holiday|legislative|august|december)(?: holiday)? recess\W*$"
)
