"""Look at this machine: the data folder, the disk and the clock."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from bot.channels.examination import ServerTime
from bot.domain.finding import Finding, fine, unknown, warning, wrong
from bot.domain.health import in_bytes, span

FULL, SCARCE = 50 * 10**6, 500 * 10**6  # bytes
PROBE_BYTES = 64 * 1024
FEWEST_FILES = 1_000
MOST_NAMED = 3
SKEWED, ASKEW = timedelta(minutes=5), timedelta(minutes=1)  # Slack refuses what is five minutes off


# ── the data folder ──────────────────────────────────────────────────────────────────────────────────────────────────


def of_folder(path: Path) -> list[Finding]:
    """Return whether the data folder exists, can be written to and has room."""
    is_there = os.access(path, os.F_OK)  # unlike Path.exists(), it never fails
    if not is_there and os.path.lexists(path):
        return [wrong(f"{path} is a link that leads nowhere.", "Remove the link, or create the folder it leads to.")]
    there = next((each for each in (path.absolute(), *path.absolute().parents) if os.access(each, os.F_OK)), Path("/"))
    if not there.is_dir():
        return [wrong(f"{there} is a file, not a folder.", "Set COUNTERSIGN_DATA to a folder.")]
    found = [] if is_there else [fine(f"The data folder {path} doesn't exist yet; the program creates it.")]
    own = _of_own_files(path) if is_there else []
    return [*found, *_of_writing(there), *own, *_of_room(there)]


def _of_writing(folder: Path) -> list[Finding]:
    """Write a small file and remove it. Permissions alone don't say whether a disk takes anything."""
    probe = folder / f".check-{os.getpid()}"
    try:
        with probe.open("xb") as file:
            file.write(b"\0" * PROBE_BYTES)
            file.flush()
            os.fsync(file.fileno())
    except OSError as fault:
        advice = "Free some space, or give the program's user this folder: chown USER FOLDER"
        return [wrong(f"Can't write to {folder}: {fault.strerror or fault}.", advice)]
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return []


def _of_own_files(folder: Path) -> list[Finding]:
    """Return whether there are files that this user may not write, such as after a command that root ran."""
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_file() or path.name == "evidence")
    except OSError:  # the store can't be read, either, and that is said
        return []
    closed = [path.name for path in inside if not os.access(path, os.R_OK | os.W_OK)]
    if not closed:
        return []
    advice = "Give all of it to the program's user: chown -R USER FOLDER"
    named = ", ".join(closed[:MOST_NAMED]) + (", …" if len(closed) > MOST_NAMED else "")
    return [wrong(f"This user can't read and write {named} in {folder}.", advice)]


def _of_room(folder: Path) -> list[Finding]:
    try:
        free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
    except OSError as fault:
        return [unknown(f"The free space on the disk of {folder} can't be read: {fault.strerror}.")]
    said = f"{in_bytes(free)} free on the disk of {folder}."
    if files.f_files and files.f_favail < FEWEST_FILES:
        return [wrong(f"The disk of {folder} has room for only {files.f_favail:,} more files.", "Remove some files.")]
    if free < FULL:
        return [wrong(f"Only {said}", "Free some space; the program stops recording when the disk is full.")]
    return [
        warning(
            f"Only {said}", "A year of ICE's lists takes about 35 MB, and the documents of local agendas come on top."
        )
        if free < SCARCE
        else fine(said)
    ]


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_clock(times: Sequence[ServerTime]) -> list[Finding]:
    """Compare this machine's clock with the servers that answered. If it agrees with one of them, it's right."""
    if not times:
        return [unknown("No server answered, so the clock couldn't be compared.")]
    by_host = {time.host: time.ours - time.theirs for time in times}
    agree = sorted(host for host, ahead in by_host.items() if abs(ahead) <= ASKEW)
    if agree:
        others = [warning(_off(f"The clock of {host}", -ahead)) for host, ahead in by_host.items() if host not in agree]
        return [fine(f"It agrees with {', '.join(agree)}."), *others]
    ahead = min(by_host.values(), key=abs)
    advice = "Turn on time synchronization (NTP), as with: timedatectl set-ntp true"
    return [(wrong if abs(ahead) >= SKEWED else warning)(_off("The clock of this machine", ahead), advice)]


def _off(clock: str, ahead: timedelta) -> str:
    """Return in a sentence how far a clock is off."""
    return f"{clock} is {span(abs(ahead))} {'ahead' if ahead > timedelta(0) else 'behind'}."
