"""The log's sentences about changes, for the operator who watches it at a terminal."""

from bot.domain.change import Change
from bot.domain.language import Language
from bot.domain.text.wording import Wording, state_name


def recorded_in_words(change: Change) -> str:
    """Return that a change was recorded, in words for anyone."""
    happened = Wording(Language.ENGLISH, "UTC").happened(change.kind, change)
    if change.mention is not None:
        return f"Recorded from {change.mention.source}: {change.mention.title} ({happened})."
    return f"Recorded: {change.agreement.agency} ({state_name(change.agreement.state)}), {happened}."
