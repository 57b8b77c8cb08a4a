"""The buttons under a Telegram message, within Telegram's limits."""

from collections.abc import Sequence

import structlog
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.domain.chat.request import Button
from bot.domain.web_address import web_parts

WIDEST_ROW = 8
MOST_BUTTONS = 100
LONGEST_COMMAND = 64  # bytes in a button's command

log = structlog.get_logger()


def keyboard(rows: Sequence[Sequence[Button]], pointer: str = "") -> InlineKeyboardMarkup | None:
    """Return the buttons that fit Telegram's limits, and omit the others.

    The limits are 8 buttons per row, 100 buttons in total and 64 bytes per command. Telegram refuses a whole message
    because of a link to a host such as localhost.
    """
    wide = [[button for button in row if _is_accepted(button, pointer)] for row in rows]
    narrow = [row[at : at + WIDEST_ROW] for row in wide for at in range(0, len(row), WIDEST_ROW)]
    kept, left = [], MOST_BUTTONS
    for row in narrow:
        kept.append([_button(b, pointer) for b in row[:left]])
        left -= len(kept[-1])
    missing = sum(map(len, rows)) - sum(map(len, kept))
    if missing:
        log.warning(
            "telegram: there were too many buttons, or some were too long; the extra ones were left out",
            buttons=missing,
        )
    return InlineKeyboardMarkup([row for row in kept if row]) if any(kept) else None


def _is_accepted(button: Button, pointer: str) -> bool:
    if button.url:
        parts = web_parts(button.url)
        return parts is not None and "." in (parts.hostname or "")
    return len(f"{pointer}{button.command}".encode()) <= LONGEST_COMMAND


def _button(button: Button, pointer: str) -> InlineKeyboardButton:
    if button.url:
        return InlineKeyboardButton(button.text, url=button.url)
    return InlineKeyboardButton(button.text, callback_data=f"{pointer}{button.command}")
