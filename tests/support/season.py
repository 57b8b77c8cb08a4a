"""A first list and its newcomers, and waiting for what a program does."""

import time
from datetime import UTC, datetime

from support.program import row

BEFORE, AFTER = "participatingAgencies08282025am.xlsx", "participatingAgencies08292025pm.xlsx"


A_DAY = datetime(2026, 11, 20, 17, tzinfo=UTC)


SIGNED = datetime(2026, 11, 19)  # noqa: DTZ001 - a date cell has no zone


SHERIFFS = [
    row("TEXAS", "Archer County Sheriff's Office", "Warrant Service Officer", SIGNED, "Archer County"),
    row("OKLAHOMA", "Canadian County Sheriff's Office", "Warrant Service Officer", SIGNED, "Canadian County"),
    row("OHIO", "Butler County Sheriff's Office", "Jail Enforcement Model", SIGNED, "Butler County"),
]


NEWCOMERS = [
    row("TEXAS ", "Bell County Sheriff’s Office", "Warrant Services Officer", SIGNED, "Bell County"),
    row("OHIO", "Delaware County Sheriff's Office", "Task Force Model", SIGNED, "Delaware County"),
]


def texts(messages, chat: str) -> str:
    return "\n".join(m.text for m in messages if m.chat == chat)


def wait_for(condition, *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)
