"""The longer answers: the help, what 287(g) is and what this bot is."""

from collections.abc import Mapping
from datetime import timedelta

from bot.domain.language import Language
from bot.domain.text.catalog import Phrase, say_line
from bot.domain.text.formats import own_name
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import SUPPORT_TYPE_MEANINGS, SUPPORT_TYPE_NAMES

# The help by task. Each line fits a phone screen, about 35 characters wide, in both languages.
HELP: Mapping[Phrase, Mapping[str, Phrase]] = {
    Phrase("See who's on the list"): {
        "list FL": Phrase("by state"),
        "agency Tampa": Phrase("its history"),
        "recent": Phrase("latest changes"),
        "what": Phrase("what is 287(g)?"),
        "suggest": Phrase("agendas to read"),
    },
    Phrase("Change what you get"): {
        "watch Texas Ohio": Phrase("add states"),
        "watch Harris County TX": Phrase("county"),
        "watch agency Tampa": Phrase("by name"),
        "watch only TX": Phrase("nothing else"),
        "watch only TFM": Phrase("by type"),
        "unwatch TX": Phrase("remove it"),
        "states": Phrase("pick from a list"),
        "kinds": Phrase("which changes"),
    },
    Phrase("Change when you get it"): {
        "digest 8:00 Chicago": Phrase("daily"),
        "digest Thursday noon": Phrase("weekly"),
        "digest off": Phrase("right away"),
        "always on": Phrase("even if no news"),
        "stale on": Phrase("if I can't check"),
        "reminders on": Phrase("of meetings"),
        "pause 3 days": Phrase("take a break"),
        "resume": Phrase("end the break"),
    },
    Phrase("Your chat"): {
        "settings": Phrase("what you get"),
        "status": Phrase("when I last checked"),
        "undo": Phrase("take back a change"),
        "stop": Phrase("no more messages"),
        "forget": Phrase("delete your data"),
        "about": Phrase("who sends this"),
    },
}
_IN_WORDS: Mapping[str, Phrase] = {  # the commands with words that people can type in their language
    each.one: each
    for each in (
        Phrase("watch Harris County TX"),
        Phrase("digest Thursday noon"),
        Phrase("pause 3 days"),
    )
}
SLACK_HEAD = Phrase("Type {prefix} and then:")


def help_lines(language: Language, prefix: str) -> tuple[Line, ...]:
    """List what people can do, by task, short enough for a phone.

    Each command starts with `prefix`, such as a slash. A prefix that is a word is said once.
    """
    word = prefix.strip()
    is_word = len(word) > 1
    lines: list[Line] = [(Span(SLACK_HEAD(language, prefix=word)),)] if is_word else []
    for task, commands in HELP.items():
        lines.append((Span(task(language), strong=True),))
        rows = [(_typed(command, language), phrase(language)) for command, phrase in commands.items()]
        if "kinds" in commands:
            rows += [(f"language {other}", own_name(other)) for other in Language if other is not language]
        lines += [(Span(f"{'' if is_word else prefix}{command}"), Span(f"  {text}")) for command, text in rows]
    return tuple(lines)


def _typed(command: str, language: Language) -> str:
    return _IN_WORDS[command](language) if command in _IN_WORDS else command


def what_lines(language: Language, page: str) -> tuple[Line, ...]:
    """Explain the program, the three support types, MOAs, pending agencies and what a list can't prove."""
    models = [
        (
            Span(f"• {SUPPORT_TYPE_NAMES[kind](language)} ({kind.value}): ", strong=True),
            Span(f"{meaning(language)}."),
        )
        for kind, meaning in SUPPORT_TYPE_MEANINGS.items()
    ]
    return (
        (Span(_PROGRAM(language)),),
        *models,
        (Span(_MOA(language)),),
        (Span(_PROOF(language)),),
        say_line(language, "Source: {page}", page=Span(_PAGE(language), href=page)),
    )


def about_lines(language: Language, page: str, every: timedelta) -> tuple[Line, ...]:
    """Say what this bot is, where its facts come from, how often it reads them and what it stores."""
    return (
        (Span(_BOT(language)),),
        (Span(_CHECKED(language, n=max(1, round(every / timedelta(minutes=1))))),),
        (Span(_STORED(language)),),
        say_line(language, "Source: {page}", page=Span(_PAGE(language), href=page)),
    )


_PROGRAM = Phrase(
    "Section 287(g) of the Immigration and Nationality Act lets ICE give state and local officers some powers of "
    "immigration officers. Under its three models, officers:"
)
_MOA = Phrase(
    "ICE and the agency sign a memorandum of agreement (MOA); ICE posts many of them. “Pending” agencies have applied "
    "but aren't on the list of agreements yet."
)
_PROOF = Phrase(
    "A list shows what ICE published that day. It doesn't prove what officers do, and a missing row doesn't prove that "
    "an agreement ended."
)
_PAGE = Phrase("ICE's 287(g) page")
_BOT = Phrase(
    "I'm Countersign, a program that reads the lists on ICE's 287(g) page and tells you what changed. I'm not part of "
    "ICE or any police agency. Every alert names the list it comes from."
)
_CHECKED = Phrase("I check ICE's page every {n} minute.", "I check ICE's page every {n} minutes.")
_STORED = Phrase("I store this chat's number, its settings and what I sent here. To delete all of it, send /forget.")
