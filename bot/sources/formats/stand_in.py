"""Recognize a page that a server sends, with a status of 200, in place of the one we asked for.

Such a page is short and its heading or text shows what it is, or it shows nothing without a script. It must not be
mistaken for an agenda from which every item has vanished.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

FEW = 60  # words; a page with more is judged only by its title and its main heading
MANY = 400  # words; no page with more stands in for another
SHELL = 15  # words that a page shows before its script has run
LONGEST_HEADING = 12  # words


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_REFUSAL = _pattern(
    r"\baccess (?:denied|forbidden)\b",
    r"\baccess to this \w+ (?:is|was|has been) (?:denied|forbidden|blocked|restricted)\b",
    r"\b40[13]\b.{0,12}\b(?:forbidden|unauthorized|denied)|^\W*(?:forbidden|unauthorized|blocked)\W*$",
    r"\b(?:not authorized|unauthorized) to (?:view|access|see)|\byou (?:don[’']t|do not) have (?:permission|access)\b",
    r"\byour request (?:was|has been|is) (?:blocked|rejected|denied)\b",
    r"\brequest (?:has been blocked|could not be satisfied)",
    r"\brequested URL was rejected|\byou (?:have been|are|were) blocked|\bunusual (?:traffic|activity) from your\b",
    r"\btoo many requests\b|\brate limit(?:ed| exceeded)\b|\bacceso denegado\b",
)
_CHALLENGE = _pattern(
    r"\b(?:checking|verifying|validating) (?:if |that )?(?:your (?:browser|connection)|the site connection|you are)\b",
    r"^\W*(?:just a moment|one moment,? please|attention required|pardon our interruption|please stand by)\b",
    r"\b(?:you are|you[’']re|are you) (?:not )?(?:a )?(?:human|robot)\b|\bnot a robot\b|captcha\b",
    r"\b(?:complete|performing|passing) (?:the |a )?security (?:check|verification)|\bddos protection\b",
    r"^\W*security (?:check|verification|challenge)\W*$",
)
_SCRIPT = _pattern(
    r"\b(?:enable|turn on|switch on|requires?|needs?|activate|allow|without) (?:\w+ ){0,3}javascript\b",
    r"\b(?:enable|turn on|switch on) (?:\w+ ){0,3}cookies\b",
    r"\b(?:javascript|cookies) (?:is|are|must be|has been|have been|seems?) (?:\w+ ){0,3}"
    r"(?:required|disabled|enabled|off|needed)",
    r"\bhabilit\w+ javascript|^\W*(?:loading|please wait|redirecting)\b\W*$|\bbeing redirected\b",
)
_LOGIN = _pattern(
    r"\b(?:log|sign)(?:ging|ning)?[ -]?(?:in|on)\b|\biniciar sesi[oó]n|\bsession (?:has |was )?(?:expired|timed out)",
    r"\bauthentication required",
)
_MAINTENANCE = _pattern(
    r"\b(?:down|offline|unavailable) (?:for|due to) (?:\w+ ){0,3}maintenance\b|\bmaintenance mode\b",
    r"\b(?:site|website|portal|page|server|application|we)(?:(?: is| are| will be)|[’']s|[’']re)\b[^.]{0,40}"
    r"\b(?:undergoing|under|performing|doing)\b[^.]{0,30}\bmaintenance\b",
    r"\b(?:site|website) maintenance\W*$|^\W*(?:scheduled|system|server|under) maintenance\W*$",
    r"\bsitio .{0,20}en mantenimiento\b",
    r"\b(?:site|website|portal|page|server|application|service)\b[^.]{0,40}\b(?:temporarily|currently) "
    r"(?:unavailable|offline|down|out of service)|^\W*temporarily unavailable|\bbe back (?:soon|shortly|online)\b",
)
_ERROR = _pattern(
    r"\b(?:404|50[0234])\b.{0,20}\b(?:error|not found|gateway|unavailable|time-?out)",
    r"\berror (?:code )?(?:404|50[0234])\b|\bfile or directory not found",
    r"\bpage (?:not|cannot|(?:was|is|could|can) ?(?:not|n?[’']t)) (?:be )?(?:found|displayed|available)\b",
    r"\bpage (?:does not|doesn[’']t) exist\b",
    r"\b(?:internal server|runtime|application|database) error\b|\bserver error in\b|\bservice unavailable\b",
    r"\bbad gateway\b|\bgateway time-?out\b|\berror (?:has )?occurred\b|\bsomething went wrong\b",
)
_NO_SITE = _pattern(
    r"\bdomain (?:name )?(?:is |may be |has )?(?:for sale|parked|expired)\b",
    r"\b(?:account|site|website) (?:has been |is )?suspended\b",
    r"\bwelcome to nginx\b|\bapache2? .{0,20}default page\b|\bIIS windows\b|\bsite not found\b",
)
DENIAL, ROBOT_CHECK, NEEDS_SCRIPT = "a page that denies access", "a check for robots", "a page that needs a script"
_SAID = (
    (DENIAL, _REFUSAL),
    (ROBOT_CHECK, _CHALLENGE),
    (NEEDS_SCRIPT, _SCRIPT),
    ("a maintenance page", _MAINTENANCE),
    ("an error page", _ERROR),
    ("the page of a host without a site", _NO_SITE),
)


def stand_in(soup: "BeautifulSoup", text: str) -> str:
    """Describe a page that was sent in place of the one we asked for, such as "a login page".

    Return an empty string for any other page. `text` is the page's readable text.
    """
    words = len(text.split())
    if words > MANY:
        return ""
    headings = [heading for heading in _headings(soup) if len(heading.split()) <= LONGEST_HEADING]
    for kind, pattern in _SAID:
        if any(map(pattern.search, headings)) or (words <= FEW and pattern.search(text)):
            return kind
    if _asks_for_password(soup) and (not words or any(map(_LOGIN.search, headings))):
        return "a login page"
    if words <= FEW and _LOGIN.search(text) and (_asks_for_password(soup) or any(map(_LOGIN.search, headings))):
        return "a login page"
    if words <= SHELL and _needs_script(soup):
        return NEEDS_SCRIPT
    return "" if words else "a page without text"


def _headings(soup: "BeautifulSoup") -> list[str]:
    """Return the page's title and main heading as strings with single spaces."""
    return [" ".join(each.get_text(" ").split()) for each in (soup.title, soup.h1) if each is not None]


def _asks_for_password(soup: "BeautifulSoup") -> bool:
    return soup.find("input", attrs={"type": re.compile("^password$", re.IGNORECASE)}) is not None


def _needs_script(soup: "BeautifulSoup") -> bool:
    """Return whether a page seems to need a script to show its content.

    Such a page asks the reader to turn on scripts, or has a script and an empty element for it to fill.
    """
    if any(_SCRIPT.search(each.get_text(" ")) for each in soup.find_all("noscript")):
        return True
    return soup.find("script", src=True) is not None and any(
        each.get("id") and not each.contents for each in soup.find_all(["div", "main", "section"])
    )
