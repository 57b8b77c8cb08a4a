"""The buttons under a Slack message, within Slack's limits."""

from collections.abc import Sequence
from typing import Any

from bot.domain.chat.request import Button

FORM = "settings"  # the name of the settings form, of the shortcut and of the buttons that open it
LONGEST_LABEL = 75  # characters on a button
MOST_IN_ROW = 25  # buttons
MOST_ROWS = 40  # of buttons; a message holds 50 blocks

Block = dict[str, Any]


def buttons(rows: Sequence[Sequence[Button]]) -> list[list[Block]]:
    """Return rows of buttons. The value of each button is its command."""
    return [[_button(button, f"ask:{row}:{column}") for column, button in enumerate(rows[row])]
            for row in range(min(len(rows), MOST_ROWS))]  # fmt: skip


def _button(button: Button, name: str) -> Block:
    label = button.text if len(button.text) <= LONGEST_LABEL else f"{button.text[: LONGEST_LABEL - 1]}…"
    text = {"type": "plain_text", "text": label, "emoji": False}
    target = {"url": button.url} if button.url else {"value": button.command}
    return {"type": "button", "action_id": FORM if button.command == FORM else name, "text": text} | target


def action_blocks(rows: Sequence[Sequence[Block]]) -> list[Block]:
    """Return a block for each row of buttons."""
    return [{"type": "actions", "elements": list(row[:MOST_IN_ROW])} for row in rows if row]
