"""Two publications of ICE's list to poll in turn: real ones from the archive, and small ones of our own."""

from datetime import UTC, datetime

from support.program import row

BEFORE, AFTER = "participatingAgencies08282025am.xlsx", "participatingAgencies08292025pm.xlsx"  # in the archive

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
