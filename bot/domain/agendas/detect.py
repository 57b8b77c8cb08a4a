"""Find passages about 287(g) or related subjects in the text of an agenda.

287(g) refers to agreements with ICE to enforce immigration law. Related subjects are detaining people for ICE,
detainers, cooperation, sanctuary ordinances and agreements with Homeland Security Investigations.

A sign is a pattern of words. Some signs always count. Others count only near words about a certain topic. For example,
ICE's full name counts only near an agreement. Some signs don't count if they refer to something else with the same
name, such as "Section 287(g) of the Zoning Code". They still count if immigration is mentioned nearby. "Near" means
within REACH characters in the same paragraph.

The letters ICE alone are never a sign. They count near both an agreement and immigration, in an agreement between ICE
and a sheriff, police department or jail, and in "ICE MOA".

Repetition in the patterns is limited, and each pattern scans the text at most once. Processing time therefore grows
linearly with the length of the text.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice

from bot.domain.agenda import AgendaItem, Passage, Subject
from bot.domain.agendas.hyphens import rejoin_words

REACH = 200  # characters
SENTENCE = 1_000  # characters on either side of the words to search for the ends of the sentence
FRONT = 48  # characters before the words to search for a namesake
EXCERPT = 300  # characters
MOST_PASSAGES = 100  # of one text; a packet with the whole agreement in it mentions it on every page


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


# ── topics: words near a sign ────────────────────────────────────────────────────────────────────────────────────────

_MIGRATION = r"\b[il1|](?:m|rn){2}[il1|]gra[tf][il1|!][o0]n"  # the way scans misread it, too
_LETTERS = r"(?-i:(?<![\w(.])(?:ICE\b|I\. ?C\. ?E\.?(?!\w)))(?:['’]s)?"
_ICE = (
    rf"{_LETTERS}(?! ?(?:storms?|rinks?|cream|machines?|control|skat\w+|hockey|arenas?|plants?|melt|jams?|"
    r"box|packs?|makers?|houses?|fishing|safety|dams?|removal|mountain|miller|systems?|services|supply|compan\w+|inc|"
    r"llc|co|caps?|ages?|hotels?|brew\w*|engines?|vehicles?|cars?|carving|sculpt\w+)\b)"
)
_ICE_IN_FULL = (
    rf"{_MIGRATION}s?(?: ?(?:and|&|/|,|\+|-and-) ?| )cust[o0](?:m|rn)s?(?: |/|-)enf[o0]rce(?:m|rn)ent",
    r"\binmigraci[oó]n y (?:control de )?aduanas",
    r"\bcontrol de (?:inmigraci[oó]n y aduanas|aduanas e inmigraci[oó]n)",
    r"\benforcement and removal operations|(?-i:\bICE ?[ /–-] ?ERO\b)",
)
_IMMIGRATION = (
    rf"(?<!citizenship and ){_MIGRATION}\b(?!-era)(?! ?(?:and|&|/|,|\+|-) ?(?:customs|citizenship|naturali))"
    r"(?! (?:services?|legal|lawyer|law (?:office|firm|clinic|center)|attorney|assistance|aid|history|museum|heritage|"
    r"status|courts?|clinic|forms?|resource|reform|advoca|consul|support|fraud|inspect|physical|medical))",
    r"(?<!servicios de )\binmigraci[oó]n\b(?! y (?:ciudadan|control|aduan))",
    r"\bmigratori[ao]s?\b",
    r"\bdeport(?:ed|ation|able|aci[oó]n)\b|\bnon-?citizens?\b|\bdetainers?\b",
)
_ENFORCING = (
    rf"{_MIGRATION} (?:enforcement|officers?|officials?|agents?|authorit\w+|custody|detention|detainers?|detainees?|"
    r"functions?|duties|warrants?|violat\w+|holds?|agreements?)\b",
    rf"{_MIGRATION} (?:laws|law(?! (?:office|firm|clinic|center|school|practice)))\b",
    rf"\benforc\w+ (?:(?:of|the|all|our|federal|civil|us|u\.s\.) ){{0,4}}{_MIGRATION}\b(?!-era| consult)",
    r"\bley(?:es)? (?:federal(?:es)? )?de inmigraci[oó]n",
    r"\b(?:agentes?|oficial(?:es)?|autoridad(?:es)?|funciones|servicio) (?:federal(?:es)? )?de inmigraci[oó]n\b(?! "
    r"y ciudadan)",
    r"\b(?:autoridad(?:es)?|ley(?:es)?|funci[oó]n(?:es)?|agentes?|oficial(?:es)?) (?:federal(?:es)? "
    r")?migratori[ao]s?\b",
)
_AGREEMENT = (
    r"\bagree(?:m|rn)[ec]nts?\b|\bme(?:m|rn)or[aá]nd(?:[a-z]{1,3}\b|~)|\bmo[au]s?\b|\bcontracts?\b|\bcompacts?\b",
    r"\bigsas?\b|\baddend(?:um|a)\b",
    r"\bpartner(?:s|ing|ed|ships?)?\b",
    r"\bacuerdos?\b|\bconvenios?\b|\bcontratos?\b|\balianza\b",
)
_DEALINGS = (
    *_AGREEMENT,
    r"\bparticipat\w+|\bcooperat\w+|\bcollaborat\w+|\bdelegat\w+|\bdeputiz\w+|\bcross-designat\w+|\bprograms?\b",
    r"\b(?:terminat|withdr|rescind|renew)\w+|\btrained by\b|\bwork(?:s|ed|ing)? with\b|\bapplication (?:to|with)\b",
    r"\bdetaine[er]s?\b|\b(?:house|hold)s? (?:federal )?(?:inmates|prisoners|persons|people)\b",
    r"\bparticipa\w*|\bcoopera\w*|\bcolabora\w*|\bprogramas?\b",
)
_FORCE = (
    r"\bsheriff|\bpolice\b|\bdeput(?:y|ies)\b|\bconstables?\b|\bjails?\b|\bdetention\b|\blaw enforcement\b",
    r"\balguacil|\bpolic[ií]a\b|\bc[aá]rcel",
)
_ACTS = (
    r"\bconsider\w*|\bdiscuss\w*|\bapprov\w+|\badopt\w*|\bresolutions?\b|\bordinances?\b|\bauthoriz\w+|\brequest\w*",
    r"\bpresentation\b|\bupdate\b|\bhearing\b|\bworkshop\b",
)
_TOPICS = {
    "agreement": _pattern(*_AGREEMENT),
    "taking part": _pattern(
        *_AGREEMENT,
        r"\bparticipat\w+|\bdeputiz\w+|\bcross-designat\w+|\bdeleg(?:at|ar|aci|ue)\w*",
        r"\bjoin(?:s|ed|ing)? (?:(?:a|the|ice|federal|regional) ){0,3}task forces?\b",
    ),
    "memorandum": _pattern(r"\bme(?:m|rn)or[aá]nd(?:[a-z]{1,3}\b|~)|\bmo[au]s?\b"),
    "dealings": _pattern(*_DEALINGS),
    "immigration": _pattern(*_IMMIGRATION, r"\bdetainees?\b"),
    "enforcing": _pattern(*_ENFORCING, r"\bdetaine[er]s?\b|\bdetention\b|\b287|\bdelegat\w+"),
    "federal": _pattern(*_IMMIGRATION, *_ICE_IN_FULL, _ICE, r"(?-i:\b(?:INA|DHS)\b|\bI\.N\.A\.)|\bnationality act\b"),
    "ICE": _pattern(*_IMMIGRATION, *_ICE_IN_FULL, _ICE, r"(?-i:\(ICE\)|\b(?:INA|DHS)\b)"),
    "law enforcement": _pattern(*_FORCE),
    "business": _pattern(*_ACTS, *_FORCE),
    "context": _pattern(
        *_AGREEMENT, *_FORCE, *_IMMIGRATION, r"\b287|\btraining\b|\bprogram\b|\badministrative warrants?\b|\bICE\b"
    ),
    "scanned": _pattern(
        *_IMMIGRATION,
        *_ICE_IN_FULL,
        _ICE,
        r"(?-i:\b(?:INA|DHS)\b)|\bnationality act\b|\bhomeland security\b",
        r"\bme(?:m|rn)or[aá]nd(?:[a-z]{1,3}\b|~)|(?-i:\bMO[AU]\b)",
    ),
    "read as federal": _pattern(
        *_IMMIGRATION,
        *_ICE_IN_FULL,
        _ICE,
        r"(?-i:\b(?:INA|DHS|[1l|]CE)\b|\bI\.N\.A\.)|\bnationality act\b|\bhomeland security\b",
        r"\b8 u\.? ?s\.? ?c\b|\btask force model\b|\bwarrant service\b|\bjail enforcement\b",
    ),
    "nationality act": _pattern(r"\bnationality act\b|(?-i:\bINA\b)|\bI\.N\.A\."),
    "agency": _pattern(rf"{_MIGRATION}", r"\bmigratori[ao]s?\b|(?-i:\bDHS\b)", *_ICE_IN_FULL, _ICE),
    "agreement by law": _pattern(*_FORCE, r"\b(?:s\.?b\.?|senate bill) ?8\b"),  # Texas's law that requires it
    # words that tell 287(g) from a related subject
    "delegation": _pattern(
        r"\b287|\b1357\b|\bdeputiz\w+|\bdeleg(?:at|ar|aci|ue)\w*|\bcross-designat\w+|\btask[ -]force\b",
        rf"{_MIGRATION} (?:officer )?(?:officers?|functions|powers)\b|\badministrative warrants?\b|\bnominat\w+",
        rf"\benforc\w+ (?:(?:the|federal|civil) ){{0,3}}{_MIGRATION} laws?\b",
        rf"\b(?:question|interrogat)\w*\b|\bact(?:ing)? as {_MIGRATION}|\bjail enforcement\b",
    ),
    "detention": _pattern(
        r"\bigsas?\b|\bintergovernmental services? agreement|\bbasic ordering agreement|\bboas?\b|\bbeds?\b",
        r"\bbed ?space\b",
        r"\bper diem\b|\b48[ -]hours?\b|\bhouse(?! bill)\b|\bhousing\b|\binmates?\b|\bdetainees?\b|\bdetaine[er]s?\b",
        r"\bprisoners?\b|\broster\b",
        r"\bdetention (?:services?|facilit\w+|contracts?|agreements?|beds?|space|of)\b",
        r"\bprocessing (?:center|facility)",
        r"\b(?:detain|hold|house|transport)(?:ing|s)? (?:of )?(?:people|persons|individuals|immigrants|federal)\b",
        r"\btransportation\b",
        r"\bgeo group\b|\bcorecivic\b|\bprison\b",
        r"\balojar\b|\bdetenid[oa]s\b|\bcamas\b|\bcentro de detenci[oó]n|\b[oó]rden(?:es)? de retenci[oó]n",
        r"\bdetenciones\b",
    ),
    "dealings over detention": _pattern(
        *_AGREEMENT,
        r"\big(?:a|sa)s?\b|\bboas?\b|\bleas(?:e|es|ing)\b|\brent(?:s|al|ing)?\b|\brates?\b|\breimburs\w+|\bbilling\b",
        r"\bmodification\b|\bban(?:s|ning)?\b|\bpolic(?:y|ies)\b",
        r"\bprocedures?\b|\bordinances?\b|\bresolutions?\b|\breports?\b|\bpol[ií]ticas?\b|\bordenanzas?\b",
        r"\bacuerdos?\b",
        r"\brequests?\b|\bhonor\w*|\bact\b|\bbriefing\b|\bnotif\w+|\bforum\b|\bpresentation\b|\bdiscuss(?:ion)?\b",
    ),
    "cooperation": _pattern(
        r"\b(?:not|no|never|nor) (?:\w{1,20} ){0,3}enforc\w+",
        r"\b(?:non-?)?cooperat\w+|\bcollaborat\w+|\bassist(?:s|ing|ance)?\b|\bhonor\w*|\bnotif\w+|\baccess\b",
        r"\bgeneral orders?\b",
        r"\b(?:polic(?:y|ies)|ordinances?|resolutions?|directives?)\b[^.;\n]{0,60}\b(?:limit|restrict|prohibit|bar|"
        r"bann?)(?:s|ing)?\b",
        r"\buse of (?:city|county|town|local|municipal|public) (?:resources|funds|property|personnel)\b",
        r"\bwelcoming\b|\bsanctuary\b",
        r"\bcooperaci[oó]n\b|\bcolaboraci[oó]n\b|\bsantuario\b|\bt(?:rust|ruth) act\b|\bpol[ií]ticas?\b",
    ),
    "cooperating bodies": _pattern(
        *_FORCE,
        r"\bpolic(?:y|ies)\b|\bordinances?\b|\bresolutions?\b|\bcustody\b|\bchapter\b|\bgeneral orders?\b",
        r"\bordenanzas?\b",
        r"\b(?:city|county|town) (?:buildings?|property|resources|staff|employees)\b|\bpol[ií]ticas?\b",
    ),
    "asking": _pattern(r"\binquir\w+|\bask(?:s|ed|ing)?\b|\bquestion\w*|\bpreguntar\b"),
    "taking part with investigators": _pattern(*_AGREEMENT, r"\btask[ -]forces?\b|\breimburs\w+|\bdesignat\w+"),
    # words that show that something else is meant
    "something else": _pattern(
        r"\bconduct\b|\btactics\b|\baccountab\w+|\b(?:un)?mask\w*|\bface coverings?\b|\buse of force\b|\bcondemn\w*",
        r"\bkilling\b",
        r"\bschools?\b(?! resource)|\bstudents?\b|\bvisitors?\b|\bfamily separation\b",
        r"\bzon(?:ing|ed)\b|\brezon\w+",
        r"\bmoratorium on (?:(?:new|private|immigration|ice|the) ){0,3}(?:detention|facilit\w+|prisons?|jails?)\b",
        r"\b(?:conditional|special|land)[ -]use\b|\bsite plans?\b|\bbuilding permits?\b|\bindustrial\b|\bvariances?\b",
        r"\bsub-?(?:recipients?|grantees?|contract\w+)\b|\bgrantees?\b",
        r"\bgrant (?:assurances?|conditions?|terms|agreement|award)\b|\bassurances\b",
        r"\binterfer\w+|\bterms and conditions\b|\bI-9s?\b|\bcontractors?\b|\bvendors?\b|\b1373\b",
        r"\baward conditions?\b|\bcongress\w*|\bdefund\w*|\babolish\w*",
    ),
    "other sanctuaries": _pattern(
        r"\bamendment\b|\bguns?\b|\bfirearms?\b|\bunborn\b|\bbirds?\b|\bwildlife\b|\banimals?\b|\bplats?\b",
        r"\bmarine\b|\bconstitution\w*",
        r"\bmonarchs?\b|\bpollinators?\b|\bpets?\b|\bchurch\b|\bworship\b",
    ),
    "cold": _pattern(
        r"\b(?:snow|salt|sand|rinks?|hockey|skat\w+|arenas?|storms?|parks?|recreation|machines?|concessions?|"
        r"refrigerat\w+|frozen)\b"
    ),
    "other ICE business": _pattern(
        r"\bhomeland security investigations\b|(?-i:\bHSI\b)|\bforfeiture\b",
        r"\btrafficking\b|\bexploitation\b|\bcounterfeit",
        r"\b(?:career|job|resource) fairs?\b|\brecruit(?:ers?|ing|ment)\b|\bstudents?\b|\be-verify\b|\bemployers?\b",
        r"\bleas(?:e|es|ing)\b|\boffice space\b|\b(?:firing|shooting|gun|pistol) range\b|\bparking\b|\btower\b",
    ),
    "ICE operations": _pattern(
        r"\braid(?:s|ed)?\b|\barrest(?:s|ed)\b|\bshooting\b|\bprotest\w*|\bactivit(?:y|ies)\b|\bpresence\b|\bsurge\b|"
        r"\brall(?:y|ies)\b|\bcondemn\w*"
    ),
    "legal help": _pattern(
        r"\blegal (?:services?|aid|defen[cs]e|representation|clinic)\b|\bknow[ -]your[ -]rights\b",
        r"\brapid[ -]response\b|\bfamilies affected\b|\bcharit(?:y|ies)\b|\bnaturali[sz]ation\b",
    ),
    "job": _pattern(
        r"\bpositions?\b|\bvacan\w+|\b(?:part|full)-time\b|\breclassif\w+|\bpay grade\b|\bsalar(?:y|ies)\b|\bjob\b",
        r"\bhir(?:e|ing)\b|\bmunicipal court\b",
    ),
    "measures": _pattern(
        r"\bounces?\b|\boz\b|\bgrams?\b|\bkg\b|\bprotein\b|\bservings?\b|\bmenus?\b|\bnutrition\w*|\brecipes?\b|"
        r"\bflour\b"
    ),
}


# ── signs: the words themselves ──────────────────────────────────────────────────────────────────────────────────────

# not in 1,287, 18-287, B-287 or 115C-287, but in post-287
_ALONE = r"(?<!\d)(?<!\d[-–.,/])(?<!\$)(?<!\b[a-z]-)(?<!\d[a-z]-)"
_A_LAW = r"(?:codes?|ordinances?|charter|statutes?|bylaws|f\.s\.|ldc|udc)"
_ONE_OF_MANY = r" ?(?:through|thru|to|-|–) ?\d{1,4} ?(?:\([a-z]\)|[a-z]\b)"  # 287(g) through 291(g)
_NUMBERED = _pattern(
    rf"\b(?:{_A_LAW}|zoning|title|chapter|article|rules?|regulations?|lots?|parcels?|tracts?|blocks?|items?|pages?|"
    r"exhibits?|plats?|bills?|claims?|checks?|warrants|vouchers?|bids?|tab|vehicle|badge|gate|permit|resolution|suite|"
    r"apt|unit|room|bus|route|highway|hwy|map|account|invoice|roads?|[cfst][rm]|[hs]\.?[bjr]\.?|public act|local|"
    r"union|bridge)"
    r"(?:,? ?(?:section|sec\.?|§{1,2}|no\.?|number|#))? ?$",
    r"\b\d{1,4} ?\([a-z]\)(?:,? and|,? or|,| &| through| to|-) ?$",  # 285(g), 286(g) and
)
_CODED = _pattern(
    _NUMBERED.pattern,
    r"(?-i:[A-Z])$",  # CNX287G
    r"\b(?!(?:post|anti|pre|non|pro|ice|dhs|ina|ero)-)[a-z]{2,4}-$",  # WP-287G, but post-287g
)
_OF_A_LAW = _pattern(
    r"(?: ?\(\w{1,4}\)){0,3},? of (?:[\w'’.&-]{1,20} ){0,5}?"
    rf"(?:{_A_LAW}|plan|manual|(?<!nationality )(?<!of the )act)(?!\w)",
    rf"(?: ?\(\w{{1,4}}\)){{0,3}}, (?=(?-i:[A-Z]))(?:[\w'’.&-]{{1,20}} ){{0,3}}?{_A_LAW}(?!\w)",
    r" (?:building|zoning|development|municipal|county|city|town|village|government|traffic|health|fire|tax) code",
    r",? (?:and )?(?!287)\d{1,4} ?\([a-z]\)",  # 287 (G), 41 (F)
    _ONE_OF_MANY,
)
_STREET = _pattern(
    r"\.? (?:[a-z]{2,20} )?(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|court|blvd|boulevard|line)\b",
    r"/|\. ?(?-i:[A-Z])[a-z]",
    _ONE_OF_MANY,
)
_PROGRAM = r"(?:program|agreement|moa|mou|memorand|partnership|contract|task force|training|authority|jail|warrant)"
_OTHER_FORCE = _pattern(
    r"\b(?:drugs?|fentanyl|narcotics?|opioids?|gangs?|crimes?|homeless(?:ness)?|housing|broadband|climate|violence|"
    r"trafficking|theft|economic|recovery|arts|safety|traffic|health|education|budget|water|fire|mayor['’]s|"
    r"governor['’]s|"
    r"cyber|regional|multi-\w{1,20}|inter-?agency|joint|fugitive|terrorism|overdose|equity|tourism|downtown) $"
)
_MODEL_OF = _pattern(
    r"s? (?:air\w*|planes?|rail\w*|trains?|ships?|boats?|rockets?|cars?|kits?|polic(?:y|ies)|ordinances?|codes?|"
    r"legislation|laws?|acts?|rules?|homes?)\b"
)
_MODEL_FOR = _pattern(r"s? (?:for|of|on|to)\b")
_NOT_MORE = r"(?! ?(?-i:[A-Z])|&|\d)"  # ICE Something is a company


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """A pattern of words that indicates a mention of 287(g) or a related subject.

    Every topic in `needs` must appear near the words. Every match contains at least one of the `stems`, which allows a
    fast first check. Stems are lowercase unless the words themselves must be capitalized.

    The words don't count if `before` matches immediately before them, if `behind` matches immediately after them or if
    a topic in `unless` appears near them. A nearby `saved_by` topic overrides these exclusions. If `never` matches
    immediately after the words, they never count. If `subject` is None, the surrounding words determine the subject.
    """

    words: re.Pattern[str]
    stems: tuple[str, ...]
    needs: tuple[str, ...] = ()
    before: re.Pattern[str] | None = None
    behind: re.Pattern[str] | None = None
    never: re.Pattern[str] | None = None
    unless: tuple[str, ...] = ()
    saved_by: str = ""
    subject: Subject | None = Subject.PROGRAM


_287_SIGNS = (
    _Sign(
        words=_pattern(rf"{_ALONE}287-?[ \n]?[(\[{{][ \n]?g(?![a-z]|\.? (?-i:[A-Z])[a-z])(?: ?[)\]}}])?"),
        stems=("287",),
        before=_NUMBERED,
        behind=_OF_A_LAW,
        saved_by="federal",
    ),
    _Sign(
        words=_pattern(rf"{_ALONE}287g\b\)?"),
        stems=("287g",),
        before=_CODED,
        never=_STREET,
        unless=("measures",),
        saved_by="federal",
    ),
    _Sign(
        words=_pattern(
            rf"{_ALONE}287[ .-]g(?=[\"”»)]{{0,2}} {_PROGRAM})",
            r"\b(?:programa|acuerdo|convenio|secci[oó]n) [\"“«(]?287[ .-]?g\b",
        ),
        stems=("287",),
        before=_NUMBERED,
        saved_by="federal",
    ),
    _Sign(
        words=_pattern(rf"{_ALONE}287[ .-]g\b"),
        stems=("287",),
        needs=("federal",),
        never=_STREET,
        unless=("measures",),
    ),
    _Sign(
        words=_pattern(rf"{_ALONE}287 g(?=\.?(?:$|[,;:)\n]))"),
        stems=("287 g",),
        needs=("business",),
        before=_NUMBERED,
        unless=("measures",),
    ),
    _Sign(
        # as a scan may misread it
        words=_pattern(
            rf"{_ALONE}(?!287 ?[(\[{{] ?g)2 ?[8B&S] ?[7?T/] ?[({{\[] ?[g9q] ?[)}}\]]",
            rf"{_ALONE}287 ?[l|!i1t] ?g ?[)\]]",
        ),
        stems=("g)", "g )", "9)", "9 )", "q)", "q )", "g]", "g}"),
        needs=("scanned",),
    ),
    _Sign(
        words=_pattern(
            r"[\"“(]{1,2}287[\"”)]{1,2}", rf"{_ALONE}287(?= (?:program|agreement|moa|mou|memorand|partnership)\w*)"
        ),
        stems=("287",),
        needs=("ICE",),
        before=_NUMBERED,
    ),
    _Sign(words=_pattern(r"\btwo(?:[ -]hundred(?:[ -]and)?)?[ -]eighty[ -]seven ?\(? ?g\b"), stems=("eighty",)),
    _Sign(
        words=_pattern(
            r"\b(?:section|sec\.?|secci[oó]n|ina|i\.n\.a\.,?) ?§? ?287\b(?! ?[-(.]\w)",
            r"§{1,2} ?287\b(?! ?[-(.]\w)",
        ),
        stems=("287",),
        needs=("federal",),
        never=_OF_A_LAW,
    ),
    _Sign(
        words=_pattern(r"\b8 u\.? ?s\.? ?(?:c\.?|code)a?,? ?(?:§{1,2}|sec(?:tion|\.)?)? ?1357 ?\( ?g ?\)"),
        stems=("1357",),
    ),
    _Sign(words=_pattern(rf"{_ALONE}1357 ?\( ?g ?\)"), stems=("1357",), needs=("federal",)),
    _Sign(
        words=_pattern(r"\b8 u\.? ?s\.? ?(?:c\.?|code)a?,? ?(?:§{1,2}|sec(?:tion|\.)?)? ?1357\b(?! ?\()"),
        stems=("1357",),
        needs=("taking part",),
    ),
)
_READ_STEMS = ("2", "z")
_MODEL_SIGNS = (
    _Sign(
        words=_pattern(r"\bwarrants? services? offic(?:er|e)s?\b"),
        stems=("warrant",),
        unless=("job",),
        saved_by="context",
    ),
    _Sign(
        words=_pattern(
            r"\bjail[ -]enforcement[ -]models?\b",
            r"\bmodelo de (?:cumplimiento|aplicaci[oó]n de la ley) en (?:la )?c[aá]rcel",
        ),
        stems=("jail", "modelo"),
    ),
    _Sign(
        words=_pattern(r"(?-i:\bTask Force Model)s?\b"),
        stems=("task force m",),
        before=_OTHER_FORCE,
        never=_MODEL_OF,
        saved_by="federal",
    ),
    _Sign(
        words=_pattern(
            r"\btask[ -]force[ -]models?\b",
            r"\bmodelo de (?:grupo|fuerza) (?:de trabajo|de tarea|operativ[ao])",
        ),
        stems=("task", "modelo"),
        needs=("context",),
        before=_OTHER_FORCE,
        never=_MODEL_OF,
        saved_by="federal",
    ),
    _Sign(
        words=_pattern(r"(?<!a )\btask force model\b"),
        stems=("task force m",),
        needs=("business",),
        before=_OTHER_FORCE,
        behind=_MODEL_FOR,
        never=_MODEL_OF,
    ),
    _Sign(words=_pattern(r"\btask[ -]force[ -]officer[ -]models?\b"), stems=("task",), needs=("federal",)),
    _Sign(
        words=_pattern(r"\btask[ -]force[ -]officers?\b"),
        stems=("task",),
        needs=("ICE", "agreement"),
        unless=("other ICE business",),
    ),
    _Sign(
        words=_pattern(
            r"\bjail enforcement (?:officers?|program)\b",
            r"\boficial(?:es)? de servicio de [oó]rdenes",
            r"(?-i:\b(?:WSO|TFM|JEM)\b)",
        ),
        stems=("jail enf", "oficial", "wso", "tfm", "jem"),
        needs=("ICE",),
    ),
)
_COLD_BEFORE = _pattern(r"\b(?:snow|dry|black|bagged|reddy|sea)(?:,? (?:and|&) |[ /-])$")
_MEMORANDUM = (
    r"(?:mo[au]|me(?:m|rn)or[aá]nd(?:um|urn|~)(?: (?:of|de) (?:agree(?:m|rn)ent|understanding|acuerdo|entendimiento))?)"
)
_WITH = r"(?:with|w/|con)"
_ICE_SIGNS = (
    _Sign(
        words=_pattern(*_ICE_IN_FULL),
        stems=("cust", "aduanas", "removal operations", "ERO"),
        needs=("dealings",),
        unless=("other ICE business", "legal help", "something else"),
        saved_by="enforcing",
        subject=None,
    ),
    _Sign(
        words=_pattern(*_ICE_IN_FULL),
        stems=("cust", "aduanas", "removal operations", "ERO"),
        needs=("business",),
        unless=("other ICE business", "ICE operations", "legal help", "something else"),
        subject=None,
    ),
    _Sign(
        words=_pattern(rf"{_LETTERS} (?:moa|me(?:m|rn)orandum of agreement)\b"),
        stems=("ICE", "C.E", "C. E"),
        subject=None,
    ),
    _Sign(
        words=_pattern(
            rf"{_LETTERS} (?:proposed |new |draft |federal )?(?:task[ -]force|agree(?:m|rn)ents?|partnership|"
            rf"cooperation|mou|memorandum|program)\b"
        ),
        stems=("ICE", "C.E", "C. E"),
        needs=("law enforcement",),
        subject=None,
    ),
    _Sign(
        words=_pattern(rf"{_LETTERS} task[ -]force (?:agreements?|program|moa|model)\b"),
        stems=("ICE", "C.E", "C. E"),
    ),
    _Sign(
        words=_pattern(
            rf"\b{_MEMORANDUM} ?[-–—:|/,(] ?(?:u\.?s\.? )?(?:ice|i\.c\.e\.)(?= ?(?:[-–—,:;|/()\n]|$))",
            rf"{_LETTERS} ?[-–—:|/] ?{_MEMORANDUM}\b",
            rf"\b(?:moa|memorandum of agreement) (?:{_WITH}|between [^.;\n]{{1,80}} and) (?:the )?(?:u\.?s\.? "
            rf")?{_ICE}{_NOT_MORE}",
        ),
        stems=("ice", "i.c.e", "c. e"),
        before=_COLD_BEFORE,
        unless=("cold",),
        subject=None,
    ),
    _Sign(
        words=_pattern(_ICE),
        stems=("ICE", "C.E", "C. E"),
        needs=("agreement", "immigration"),
        before=_COLD_BEFORE,
        unless=("legal help", "something else"),
        saved_by="delegation",
        subject=None,
    ),
    _Sign(
        words=_pattern(
            r"\b(?:agree(?:m|rn)ents?|mo[au]s?|contracts?|understanding|memorand(?:um|a)|partnerships?|acuerdos?|"
            r"convenios?|"
            rf"entendimiento) (?:[^.;\n]{{1,40}} )?{_WITH} (?:the ",
            rf"el )?(?:u\.?s\.? )?(?:dhs[ /-]{{1,3}})?{_ICE}{_NOT_MORE}",
        ),
        stems=("ICE", "C.E", "C. E"),
        needs=("agreement by law",),
        subject=None,
    ),
    _Sign(
        words=_pattern(rf"\btrained by (?:the )?(?:u\.?s\.? )?{_ICE}{_NOT_MORE}"),
        stems=("ICE", "C.E", "C. E"),
        needs=("law enforcement",),
    ),
    _Sign(
        words=_pattern(rf"\b(?:question|detain|arrest|hold)(?:s|ing)?\b[^.;\n]{{1,40}} for {_ICE}{_NOT_MORE}"),
        stems=("ICE", "C.E", "C. E"),
        needs=("agreement",),
        subject=None,
    ),
    _Sign(
        words=_pattern(rf"\b(?:work(?:s|ing)? (?:for|with)|partner(?:s|ing|ed)? with) {_ICE}{_NOT_MORE}"),
        stems=("ICE", "C.E", "C. E"),
        needs=("agreement", "law enforcement"),
        subject=None,
    ),
    _Sign(
        words=_pattern(
            rf"\bbetween [^.;\n]{{1,80}} and (?:the )?(?:u\.?s\.? )?{_ICE}{_NOT_MORE}",
            rf"\bbetween (?:the )?(?:u\.?s\.? )?{_ICE} and\b",
            r"(?-i:\bDHS ?[-–/] ?ICE\b)",
            rf"\bhomeland security ?[-–/,] ?{_LETTERS}",
            rf"{_LETTERS} (?:detention|detainees?|detainers?|holds|custody)\b(?! (?:pond|basin))",
        ),
        stems=("ICE", "C.E", "C. E"),
        needs=("agreement", "law enforcement"),
        subject=None,
    ),
)
_IMMIGRATION_SIGNS = (
    _Sign(
        words=_pattern(
            r"\b(?:functions|duties|powers|authority) of (?:an )?immigration officers?\b",
            r"\bimmigration officer functions\b|\bdelegation of immigration authority\b",
        ),
        stems=("immigration",),
    ),
    _Sign(words=_pattern(r"\bdelegat(?:ion|es?|ed|ing)\b"), stems=("delegat",), needs=("nationality act",)),
    _Sign(
        words=_pattern(r"\bdeputi[sz](?:ed|es?|ing|ation)\b|\bcross-designat\w+"),
        stems=("deputi", "cross-d"),
        needs=("agency",),
        unless=("other ICE business", "legal help"),
    ),
    _Sign(
        words=_pattern(*_ENFORCING),
        stems=("gra",),
        needs=("taking part",),
        unless=("legal help", "something else"),
        saved_by="delegation",
        subject=None,
    ),
    _Sign(
        words=_pattern(*_IMMIGRATION[:2]),
        stems=("gra",),
        needs=("memorandum",),
        unless=("legal help", "something else"),
        saved_by="delegation",
        subject=None,
    ),
)
_RELATED_SIGNS = (
    _Sign(
        words=_pattern(r"\bhomeland security investigations\b|(?-i:\bHSI\b)"),
        stems=("homeland", "HSI"),
        needs=("taking part with investigators",),
        subject=Subject.RELATED,
    ),
    _Sign(
        words=_pattern(
            r"\bsanctuary[ -](?:cit(?:y|ies)|count(?:y|ies)|polic(?:y|ies)|jurisdictions?|states?|ordinances?|"
            r"status)\b",
            r"\b(?:ciudad(?:es)?|condado|ordenanza|pol[ií]tica) (?:de )?santuario\b",
            r"\bsanctuary for (?:all )?(?:immigrants?|migrants?|refugees|undocumented)",
        ),
        stems=("sanctuary", "santuario"),
        unless=("other sanctuaries",),
        saved_by="agency",
        subject=Subject.RELATED,
    ),
    _Sign(
        words=_pattern(r"\bwelcoming (?:city|county|community|ordinance|policy)\b|\bt(?:rust|ruth) act\b"),
        stems=("welcoming", "trust act", "truth act"),
        needs=("agency",),
        subject=Subject.RELATED,
    ),
    _Sign(
        words=_pattern(r"\bdetaine[er]s?\b|\bI-247"),
        stems=("detaine", "i-247"),
        needs=("agency",),
        unless=("legal help", "something else"),
        saved_by="dealings over detention",
        subject=Subject.RELATED,
    ),
    _Sign(
        words=_pattern(
            _ICE, *_ICE_IN_FULL, rf"{_MIGRATION} (?:detention|detainees?|detainers?|prisoners?|inmates?|holds?)\b"
        ),
        stems=("ICE", "C.E", "C. E", "cust", "aduanas", "gra", "removal operations"),
        needs=("detention", "dealings over detention"),
        before=_COLD_BEFORE,
        unless=("legal help", "something else", "cold"),
        subject=Subject.RELATED,
    ),
    _Sign(
        words=_pattern(_ICE, *_ICE_IN_FULL, *_ENFORCING),
        stems=("ICE", "C.E", "C. E", "cust", "aduanas", "gra", "removal operations"),
        needs=("cooperation", "cooperating bodies"),
        before=_COLD_BEFORE,
        unless=("legal help", "something else", "cold", "other ICE business"),
        subject=Subject.RELATED,
    ),
    _Sign(
        words=_pattern(rf"(?:{_MIGRATION}|\bcitizenship) status\b"),
        stems=("status",),
        needs=("asking", "law enforcement"),
        unless=("legal help",),
        subject=Subject.RELATED,
    ),
)
_SIGNS = (*_287_SIGNS, *_MODEL_SIGNS, *_ICE_SIGNS, *_IMMIGRATION_SIGNS, *_RELATED_SIGNS)

# Signs that count only in text that OCR has read. It takes a g for a 9 or a q, and loses or misreads parentheses. The
# same words may be a fee, an item's number or a section of another law, so all of them need words about immigration, or
# a program or an agreement of a police agency.
_READ_287 = rf"{_ALONE}[2Z] ?[8B&S§] ?[7?T/]"
_READ_G = (
    rf"{_READ_287} ?[({{\[<] ?(?:[g9q8623&aesy@¢®©]|[a-z¢][gq98])(?!\w)(?: ?[)}}\]>|!])?",  # 2B7(9) or 287{{¢g)
    rf"{_READ_287} ?[|l!i1tfc¢€/] ?[gq986] ?[)}}\]]",  # 287|g) or 28718)
    rf"{_READ_287} ?[gq986&@] ?[)}}\]]",  # 2879)
    rf"{_READ_287} ?[({{\[] ?[gq9][l1|!j]\b",  # 287(gl
)
_READ_ICE = r"(?-i:(?<![\w(.])(?:[1l|][CG]E\b|IGE\b|[1l|]\. ?[CG]\. ?E\.?(?!\w)))"
_OCR_SIGNS = (
    _Sign(
        words=_pattern(*_READ_G),
        stems=_READ_STEMS,
        needs=("read as federal",),
        before=_NUMBERED,
        behind=_OF_A_LAW,
        unless=("cold", "measures"),
        saved_by="nationality act",
    ),
    _Sign(
        words=_pattern(*(rf"(?:{words})(?=[\"”»)]{{0,2}} {_PROGRAM})" for words in (*_READ_G, rf"{_READ_287} ?[@)]"))),
        stems=_READ_STEMS,
        needs=("law enforcement",),
        before=_NUMBERED,
        behind=_OF_A_LAW,
    ),
    _Sign(words=_pattern(rf"{_ALONE}1357 ?[({{\[|l] ?[g9q] ?[)}}\]]?"), stems=("1357",), needs=("read as federal",)),
    _Sign(
        words=_pattern(_READ_ICE),
        stems=("CE", "GE", "C.", "G."),
        needs=("agreement", "immigration"),
        unless=("legal help", "something else", "cold"),
        saved_by="delegation",
        subject=None,
    ),
    _Sign(
        words=_pattern(
            rf"{_READ_ICE} (?:moa|me(?:m|rn)orandum of agreement|task[ -]force (?:agreement|program|model))\b",
            rf"\b(?:agreement|contract|mo[au]) {_WITH} (?:the )?(?:u\.?s\.? )?{_READ_ICE}{_NOT_MORE}",
        ),
        stems=("CE", "GE", "C.", "G."),
        needs=("law enforcement",),
        unless=("cold",),
        subject=None,
    ),
)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_Span = tuple[int, int]
_Spans = tuple["array[int]", "array[int]"]  # the starts and the ends
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_LABEL = re.compile(r"(?:\d{1,3}[.)]|[A-Za-z][.)]|[ivxIVX]{1,5}[.)]|[•▪●◦‣*–—-])(?= )")  # of the next item on a list
_END = re.compile(r"[.!?;][\"”’)]? (?=[\"“¿¡(§]?[A-ZÀ-Ý0-9])|\n")
_ABBREVIATED = re.compile(
    r"\b(?:[a-z]|nos?|secs?|st|ste|ft|mt|dept|mr|mrs|ms|dr|jr|sr|inc|co|art|ch|vs|hon|lt|sgt|capt|res|ord|div|ext|"
    r"gov)\.$",
    re.IGNORECASE,
)


def find_passages(text: str, *, page: int | None = None, by_ocr: bool = False) -> tuple[Passage, ...]:
    """Return the relevant passages in the text, one per sentence and at most MOST_PASSAGES.

    Each passage has the given page number. In text that OCR has read, the likely misreadings of 287(g) count, too.
    """
    return tuple(islice(_Text(text, by_ocr=by_ocr).passages(page), MOST_PASSAGES))


def passages_in(item: AgendaItem) -> tuple[Passage, ...]:
    """Return the passages in an item's title, text and pages.

    A passage that appears in both the title and the text is returned once.
    """
    once = {_key(passage): passage for passage in (*find_passages(item.title), *find_passages(item.text))}
    pages = (
        find_passages(text, page=number, by_ocr=number in item.by_ocr)
        for number, text in enumerate(item.pages, start=1)
    )
    return (*once.values(), *chain.from_iterable(pages))


def _key(passage: Passage) -> str:
    return passage.excerpt.casefold().rstrip(" .;:…")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A match for a sign that counts."""

    span: _Span
    matched: str
    subject: Subject


class _Text:
    """Cleaned text with one line per paragraph, and the positions of the words for each topic."""

    def __init__(self, text: str, *, by_ocr: bool) -> None:
        self.plain = _cleaned(text)
        self._by_ocr = by_ocr
        self._topic_spans: dict[str, _Spans] = {}

    def passages(self, page: int | None) -> Iterator[Passage]:
        """Yield a passage for each relevant sentence, in text order.

        If a sentence contains words about 287(g), its subject is 287(g), and `matched` contains only those words.
        """
        sentence, found = (0, 0), list[_Found]()
        for one in self._counted():
            if found and one.span[0] >= sentence[1]:
                yield self._passage(sentence, found, page)
                found = []
            if not found:
                sentence = self._sentence(one.span)
            found.append(one)
        if found:
            yield self._passage(sentence, found, page)

    def _passage(self, sentence: _Span, found: Sequence[_Found], page: int | None) -> Passage:
        about = [one for one in found if one.subject is Subject.PROGRAM] or found
        excerpt = self._excerpt(sentence, about[0].span)
        matched, subject = _joined(one.matched for one in about), about[0].subject
        return Passage(matched=matched, excerpt=excerpt, page=page, subject=subject, by_ocr=self._by_ocr)

    def _counted(self) -> Iterator[_Found]:
        """Yield the matches that count, in text order.

        A match inside a longer match is skipped, unless only the shorter match is about 287(g).
        """
        small, reached = self.plain.lower(), {Subject.PROGRAM: 0, Subject.RELATED: 0}
        known = (*_SIGNS, *_OCR_SIGNS) if self._by_ocr else _SIGNS
        signs = [sign for sign in known if any(stem in small or stem in self.plain for stem in sign.stems)]
        for one in merge(*map(self._matches, signs), key=lambda found: (found.span[0], -found.span[1])):
            if one.span[1] > reached[one.subject]:
                reached[Subject.RELATED] = max(reached[Subject.RELATED], one.span[1])
                if one.subject is Subject.PROGRAM:
                    reached[Subject.PROGRAM] = one.span[1]
                yield one

    def _matches(self, sign: _Sign) -> Iterator[_Found]:
        for match in sign.words.finditer(self.plain):
            span = match.span()
            needed = [self._near(topic, span) for topic in sign.needs]
            if None not in needed and not self._is_namesake(sign, span):
                words = self._words([span, *filter(None, needed)])
                yield _Found(span=span, matched=words, subject=sign.subject or self._subject(span))

    def _subject(self, span: _Span) -> Subject:
        """Return the subject of a match, based on the words near it."""
        if self._near("delegation", span):
            return Subject.PROGRAM
        is_policy = self._near("cooperation", span) and not self._near("agreement", span)
        return Subject.RELATED if self._near("detention", span) or is_policy else Subject.PROGRAM

    def _is_namesake(self, sign: _Sign, span: _Span) -> bool:
        start, end = span
        if sign.never and sign.never.match(self.plain, end):
            return True
        named = (
            (sign.before and sign.before.search(self.plain, max(0, start - FRONT), start))
            or (sign.behind and sign.behind.match(self.plain, end))
            or any(self._near(topic, span) for topic in sign.unless)
        )
        return bool(named) and not (sign.saved_by and self._near(sign.saved_by, span))

    def _near(self, topic: str, span: _Span) -> _Span | None:
        """Return the position of the nearest words for a topic, within REACH characters and in the same paragraph."""
        starts, ends = self._topic(topic)
        start, end = span
        left = max(self.plain.rfind("\n", max(0, start - REACH), start) + 1, start - REACH)
        stop = self.plain.find("\n", end, end + REACH)
        right = stop if stop >= 0 else end + REACH
        behind = bisect_left(starts, start)
        near = [
            (starts[index], ends[index])
            for index in (behind - 1, behind)
            if 0 <= index < len(starts) and left <= starts[index] and ends[index] <= right
        ]
        return min(near, key=lambda one: max(one[0] - end, start - one[1]), default=None)

    def _topic(self, topic: str) -> _Spans:
        if topic not in self._topic_spans:
            starts, ends = array("Q"), array("Q")
            for match in _TOPICS[topic].finditer(self.plain):
                starts.append(match.start())
                ends.append(match.end())
            self._topic_spans[topic] = starts, ends
        return self._topic_spans[topic]

    def _words(self, spans: list[_Span]) -> str:
        apart: list[_Span] = []
        for start, end in sorted(spans, key=lambda one: (one[0], -one[1])):
            if not apart or start >= apart[-1][1]:
                apart.append((start, end))
        return " … ".join(self.plain[start:end].replace("\n", " ") for start, end in apart)

    def _sentence(self, span: _Span) -> _Span:
        start, end = span
        left, right = max(0, start - SENTENCE), min(len(self.plain), end + SENTENCE)
        left = max((ending.end() for ending in self._ends(left, start + 1)), default=left)
        return left, next((ending.start() + 1 for ending in self._ends(end, right)), right)

    def _ends(self, start: int, end: int) -> Iterator[re.Match[str]]:
        endings = _END.finditer(self.plain, start, end)
        return (one for one in endings if not _ABBREVIATED.search(self.plain, max(0, one.start() - 8), one.start() + 1))

    def _excerpt(self, sentence: _Span, words: _Span) -> str:
        """Return the sentence. If it is too long, shorten it at word boundaries, keeping the matched words."""
        start, end = sentence
        if end - start > EXCERPT:
            start = max(start, min(words[0] - EXCERPT // 3, end - EXCERPT))
            end = min(end, start + EXCERPT - 2)
        if start > sentence[0]:
            start = self.plain.find(" ", start, words[0]) + 1 or start
        if end < sentence[1]:
            end = max(self.plain.rfind(" ", words[1], end), words[1])
        inner = self.plain[start:end].replace("\n", " ").strip()
        return ("…" if start > sentence[0] else "") + inner + ("…" if end < sentence[1] else "")


def _joined(words: Iterable[str]) -> str:
    return ", ".join({word.casefold(): word for word in words}.values())


def _cleaned(text: str) -> str:
    """Clean up text: one line per paragraph, single spaces, no hyphenated line breaks and no invisible characters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2010", "-")
    return "\n".join(_paragraphs(_INVISIBLE.sub("", rejoin_words(text))))


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in text.splitlines():
        words = " ".join(line.split())
        if lines and (not words or _LABEL.match(words)):
            yield " ".join(lines)
            lines = []
        if words:
            lines.append(words)
    if lines:
        yield " ".join(lines)
