"""The buttons under an alert. Links to public pages work even where no one may send commands, as in a channel."""

from collections.abc import Collection, Sequence

from bot.domain.agreement import Agreement
from bot.domain.change import Change
from bot.domain.chat.request import Button
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.page_addresses import PageLinks
from bot.domain.text.catalog import say
from bot.domain.text.headlines import agency_of
from bot.domain.text.wording import state_name

LONGEST_COMMAND = 50  # bytes; Telegram accepts 64, of which the number of a group's topic takes some


def buttons(
    told: Sequence[Change], language: Language, links: PageLinks | None = None, watched: Collection[str] = ()
) -> tuple[tuple[Button, ...], ...]:
    """Return rows of buttons: the public pages, the only agency's history, the only state's list, and the settings.

    If nothing is told, the links lead to the only state that is `watched`, or to all changes.
    """
    linked = () if links is None else _links(told, language, links, watched)
    return tuple(row for row in (linked, *_commands(told, language)) if row)


def page_of(told: Sequence[Change], links: PageLinks, watched: Collection[str] = ()) -> str:
    """Return the page that shows the news: the only agency's, the only change's, the only state's or all changes."""
    only = told[0] if len(told) == 1 else None
    if only is not None and only.mention is not None:
        return links.change(only.seq)
    found = agency_of(told)
    state = _only_state(told, watched)
    return (found and links.agency(found.agreement)) or (state and links.state(state)) or links.changes


def _links(
    told: Sequence[Change], language: Language, links: PageLinks, watched: Collection[str]
) -> tuple[Button, ...]:
    page, state = page_of(told, links, watched), _only_state(told, watched)
    of_state = links.state(state) if state is not None else None
    if state is None or of_state is None:
        return (Button(say(language, "All changes"), url=page),)
    second = Button(say(language, "{state} page", state=state_name(state, language)), url=of_state)
    if page == of_state:
        return (second,)
    first = say(language, "Agenda item page") if told[0].mention is not None else say(language, "Agency page")
    return (Button(first, url=page), second)


def _only_state(told: Sequence[Change], watched: Collection[str]) -> str | None:
    states = ({change.agreement.state for change in told} if told else set(watched)) & STATES.keys()
    return next(iter(states)) if len(states) == 1 else None


def _commands(told: Sequence[Change], language: Language) -> tuple[tuple[Button, ...], ...]:
    row = []
    if told and (state := _only_state(told, ())) is not None:
        row.append(Button(say(language, "All of {state}", state=state_name(state, language)), f"list {state}"))
    row.append(Button(say(language, "Settings"), "settings"))
    found = agency_of(told)
    command = history_command(found.agreement) if found is not None else ""
    if command:
        return (Button(say(language, "History and evidence"), command),), tuple(row)
    return (tuple(row),)


def history_command(agreement: Agreement) -> str:
    """Return the command for an agency's history, with as much of its name as a button holds."""
    if agreement.state not in STATES:
        return ""
    words = agreement.agency.split()
    for count in range(len(words), 0, -1):
        command = f"agency {agreement.state} {' '.join(words[:count])}"
        if len(command.encode()) <= LONGEST_COMMAND:
            return command
    return ""
