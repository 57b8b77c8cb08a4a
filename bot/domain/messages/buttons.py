"""The buttons under an alert. Links to public pages belong here too: they work even where no one may send commands."""

from collections.abc import Sequence

from bot.domain.agreement import Agreement
from bot.domain.change import Change
from bot.domain.chat.request import Button
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.text.catalog import say
from bot.domain.text.headlines import agency_of
from bot.domain.text.wording import state_name

LONGEST_COMMAND = 50  # bytes; Telegram accepts 64, of which the number of a group's topic takes some


def buttons(told: Sequence[Change], language: Language) -> tuple[tuple[Button, ...], ...]:
    """Return rows of buttons: the only agency's history, the only state's list, and the settings."""
    states = {change.agreement.state for change in told} & STATES.keys()
    row = []
    if len(states) == 1:
        (state,) = states
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
