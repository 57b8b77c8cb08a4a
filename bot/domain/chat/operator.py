"""The operator's conversation: held lists, the program's health and retractions, as lines with buttons.

Only the chats that COUNTERSIGN_OPERATOR names have these commands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.change import Change, Kind, Reason
from bot.domain.chat.request import Button, Reply
from bot.domain.language import Language
from bot.domain.lists.vetting import Held, Ruling
from bot.domain.text.catalog import Phrase
from bot.domain.text.composed import in_language
from bot.domain.text.formats import formats, name_in
from bot.domain.text.reasons import CHOICES, reasons_for
from bot.domain.text.rich_text import Line, Span
from bot.domain.text.wording import COUNTED, LISTS, Wording, state_name

VERBS = ("held", "health", "retract", "approve", "reject", "suggested")
NAMED = 10  # names in a notice, for each kind of change
NAMED_IN_DETAILS = 150
_ORDER = (Kind.WITHDRAWN, Kind.SIGNED)  # first departures, then additions

SAID: Mapping[str, Phrase] = {
    "on_hold": Phrase("On hold: {name} ({list})"),
    "why": Phrase("Why: {reasons}."),
    "changes": Phrase("If you approve it, these changes will be recorded:"),
    "no_changes": Phrase("If you approve it, no changes will be recorded."),
    "unusable": Phrase("It can't be approved. It changes nothing and will be dropped when the next good list arrives."),
    "rejected_before": Phrase("You rejected it. It stays on hold until ICE publishes a different list."),
    "all_names": Phrase("To see all names, press Details, or run: countersign approve {id} --dry-run"),
    "all_on_terminal": Phrase("To see all names, run: countersign approve {id} --dry-run"),
    "more": Phrase("and {n} more"),
    "chats": Phrase("{n} chat would be told{languages}.", "{n} chats would be told{languages}."),
    "no_chats": Phrase("No chat would be told."),
    "paused": Phrase("{n} paused chat would be told later.", "{n} paused chats would be told later."),
    "unserved": Phrase("{n} chat is on a channel that isn't set up.", "{n} chats are on channels that aren't set up."),
    "nothing_held": Phrase("Nothing is on hold."),
    "approve_sure": Phrase("Approve {name}?"),
    "reject_sure": Phrase("Reject {name}? It then stays on hold until ICE publishes a different list."),
    "approved": Phrase("Approved: {name}. {n} change is recorded.", "Approved: {name}. {n} changes are recorded."),
    "rejected": Phrase("Rejected: {name}. It stays on hold until ICE publishes a different list."),
    "already_approved": Phrase("That list was already approved."),
    "already_rejected": Phrase("That list was already rejected."),
    "replaced": Phrase("That list has been replaced, so nothing was decided. This is on hold now:"),
    "no_longer_held": Phrase("That list is no longer on hold, so nothing was decided."),
    "healthy": Phrase("Everything works."),
    "problems": Phrase("{n} problem:", "{n} problems:"),
    "counts": Phrase("Subscriptions: {subscriptions}; paused: {paused}. Lists on hold: {held}."),
    "retract_how": Phrase(
        "Send /retract with the number of the change, as in /retract 1234. The command `countersign changes --json` "
        "prints the numbers."
    ),
    "retract_unknown": Phrase("Change {seq} doesn't exist or was never sent, so there is nothing to retract."),
    "retract_done": Phrase("Change {seq} was already retracted."),
    "retract_what": Phrase("Change {seq}: {agency}, {support}, {state}: {happened}."),
    "retract_mention": Phrase("Change {seq}: “{title}” on an agenda of the {agency}, {state}."),
    "retract_why": Phrase("Why is it wrong? To add words of your own, send /retract {seq} misread YOUR WORDS"),
    "retract_words": Phrase(
        "Send the reason in your own words: /retract {seq} other YOUR WORDS. To give them in both languages, send "
        "/retract {seq} other ENGLISH | SPANISH"
    ),
    "retract_reads": Phrase("This is what they would read in {tongue}:"),
    "retract_one_language": Phrase(
        "Your words are in only one language. Readers in the other will see them as a quotation."
    ),
    "retract_old": Phrase("That button is out of date, so nothing was retracted. Send /retract {seq} again."),
    "retracted": Phrase(
        "Change {seq} is retracted. {n} chat is being told.", "Change {seq} is retracted. {n} chats are being told."
    ),
    "failed": Phrase("That didn't work: {problem}"),
    "help": Phrase("For the operator: /held, /health, /suggested and /retract NUMBER"),
    # buttons
    "b_approve": Phrase("Approve"),
    "b_reject": Phrase("Reject"),
    "b_details": Phrase("Details"),
    "b_back": Phrase("Back"),
    "b_yes_reject": Phrase("Yes, reject it"),
    "b_yes_approve": Phrase("Yes, approve and tell {n} chat", "Yes, approve and tell {n} chats"),
    "b_yes_retract": Phrase("Yes, retract and tell {n} chat", "Yes, retract and tell {n} chats"),
}


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator's channel and address. Without a channel, notices are only logged."""

    channel: str | None = None
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect of a decision: the changes it would record, and the number of chats that would be told.

    `languages` has the number of chats in each language, and `messages` has what one of them would read. `paused` chats
    would be told once they resume, and `unserved` chats are on channels that aren't set up. `chats` counts neither.
    """

    changes: Sequence[Change] = ()
    chats: int = 0
    paused: int = 0
    unserved: int = 0
    languages: Mapping[Language, int] = field(default_factory=dict)
    messages: Mapping[Language, str] = field(default_factory=dict)


def said(language: Language, key: str, **values: object) -> str:
    """Return the sentence for a key."""
    return SAID[key](language, **values)


def line(language: Language, key: str, **values: object) -> Line:
    """Return the sentence for a key as a line."""
    return (Span(said(language, key, **values)),)


# ── held lists ───────────────────────────────────────────────────────────────────────────────────────────────────────


def held_reply(language: Language, held: Held, effect: Effect | None, *, details: bool = False) -> Reply:
    """Show a held listing with its reasons, names and buttons. `effect` is None if it can't be approved."""
    title = said(language, "on_hold", name=held.publication.name, list=LISTS[held.list](language))
    lines: list[Line] = [(Span(title, strong=True),), line(language, "why", reasons=_reasons(language, held))]
    if held.ruling is Ruling.REJECTED:
        lines.append(line(language, "rejected_before"))
    if effect is None:
        return Reply(lines=(*lines, line(language, "unusable")), in_place=True)
    lines += _names(language, held, effect.changes, details=details)
    lines += heard(language, effect)
    return Reply(lines=tuple(lines), buttons=(_held_buttons(language, held, details=details),), in_place=True)


def _reasons(language: Language, held: Held) -> str:
    return "; ".join(in_language(reason, language) for reason in held.reasons)


def _held_buttons(language: Language, held: Held, *, details: bool) -> tuple[Button, ...]:
    which = f"{held.id} {held.version}"
    found = [Button(said(language, "b_approve"), f"approve {which}")]
    if held.ruling is not Ruling.REJECTED:
        found.append(Button(said(language, "b_reject"), f"reject {which}"))
    other = ("b_back", f"held {which}") if details else ("b_details", f"held {which} all")
    return (*found, Button(said(language, other[0]), other[1]))


def _names(language: Language, held: Held, changes: Sequence[Change], *, details: bool) -> list[Line]:
    """Return a line for each kind of change with its agencies. A notice names a few, and the details nearly all."""
    most = NAMED_IN_DETAILS if details else NAMED
    lines = [line(language, "changes" if changes else "no_changes")]
    is_cut = False
    for kind in (*_ORDER, *(kind for kind in Kind if kind not in _ORDER)):
        found = [change for change in changes if change.kind is kind]
        if found:
            is_cut = is_cut or len(found) > most
            lines.append(_named(language, kind, found, most))
    if is_cut:
        lines.append(line(language, "all_on_terminal" if details else "all_names", id=held.id))
    return lines


def _named(language: Language, kind: Kind, found: Sequence[Change], most: int) -> Line:
    count = COUNTED[kind](language, n=len(found)) if kind in COUNTED else str(len(found))
    ordered = sorted((c.agreement.state, c.agreement.agency, c.agreement.support_type.value) for c in found)
    names = [f"{agency} ({state}, {support})" for state, agency, support in ordered[:most]]
    if len(found) > most:
        names.append(said(language, "more", n=len(found) - most))
    return (Span(f"{count}: ", strong=True), Span("; ".join(names)))


def heard(language: Language, effect: Effect) -> list[Line]:
    """Return lines that say how many chats would be told."""
    if not effect.chats:
        lines = [line(language, "no_chats")]
    else:
        lines = [line(language, "chats", n=effect.chats, languages=_languages(language, effect.languages))]
    if effect.paused:
        lines.append(line(language, "paused", n=effect.paused))
    if effect.unserved:
        lines.append(line(language, "unserved", n=effect.unserved))
    return lines


def _languages(reader: Language, counts: Mapping[Language, int]) -> str:
    number = formats(reader).number
    named = ", ".join(f"{name_in(reader, each)} {number(n)}" for each, n in counts.items())
    return f" ({named})"


def approve_reply(language: Language, held: Held, effect: Effect) -> Reply:
    """Ask the operator to confirm an approval. The button says how many chats it tells."""
    which = f"{held.id} {held.version}"
    yes = Button(said(language, "b_yes_approve", n=effect.chats), f"approve {which} yes")
    lines = (line(language, "approve_sure", name=held.publication.name), *_counts(language, effect.changes))
    return Reply(
        lines=(*lines, *heard(language, effect)), buttons=((yes, _back(language, f"held {which}")),), in_place=True
    )


def _counts(language: Language, changes: Sequence[Change]) -> list[Line]:
    counted = [
        COUNTED[kind](language, n=n)
        for kind in (*_ORDER, *(kind for kind in Kind if kind not in _ORDER))
        if kind in COUNTED and (n := sum(change.kind is kind for change in changes))
    ]
    return [(Span(f"{'; '.join(counted)}."),)] if counted else []


def reject_reply(language: Language, held: Held) -> Reply:
    """Ask the operator to confirm a rejection."""
    which = f"{held.id} {held.version}"
    yes = Button(said(language, "b_yes_reject"), f"reject {which} yes")
    sure = line(language, "reject_sure", name=held.publication.name)
    return Reply(lines=(sure,), buttons=((yes, _back(language, f"held {which}")),), in_place=True)


def _back(language: Language, command: str) -> Button:
    return Button(said(language, "b_back"), command)


# ── retractions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def change_line(wording: Wording, change: Change) -> Line:
    """Return a line that names the change to retract."""
    language, agreement = wording.language, change.agreement
    values = {"seq": str(change.seq), "agency": agreement.agency, "state": state_name(agreement.state, language)}
    if change.mention is not None:
        return line(language, "retract_mention", title=change.mention.title, **values)
    happened = wording.happened(change.kind, change)
    return line(language, "retract_what", support=wording.support(agreement), happened=happened, **values)


def reasons_reply(wording: Wording, change: Change, effect: Effect) -> Reply:
    """Show a change that may have been sent in error, who got it, and a button for each reason."""
    language = wording.language
    buttons = [Button(CHOICES[reason](language), f"retract {change.seq} {reason}") for reason in reasons_for(change)]
    return Reply(
        lines=(
            change_line(wording, change),
            *heard(language, effect),
            line(language, "retract_why", seq=str(change.seq)),
        ),
        buttons=tuple((button,) for button in buttons),
        in_place=True,
    )


def retract_reply(wording: Wording, change: Change, effect: Effect, confirm: str, *, is_quoted: bool) -> Reply:
    """Show what each reader would get, and ask the operator to confirm. The button sends `confirm`."""
    language = wording.language
    lines: list[Line] = [change_line(wording, change), *heard(language, effect)]
    for each, text in effect.messages.items():
        lines += [(), (Span(said(language, "retract_reads", tongue=name_in(language, each)), strong=True),)]
        lines += [(Span(row),) for row in text.splitlines()]
    if is_quoted:
        lines += [(), line(language, "retract_one_language")]
    yes = Button(said(language, "b_yes_retract", n=effect.chats), confirm)
    return Reply(lines=tuple(lines), buttons=((yes, _back(language, f"retract {change.seq}")),), in_place=True)


def reason_in(text: str) -> Reason | None:
    """Return the reason with this name, however its words are joined, or None."""
    word = text.casefold().replace("_", "-")
    return Reason(word) if word in Reason.__members__.values() else None
