"""The Unix socket in the data folder through which commands that write reach the running program.

One line of JSON each way: `{"command": …, "arguments": {…}}`, then `{"answer": …}` or `{"error": …, "usage": bool}`.
"""

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from contextlib import asynccontextmanager, chdir, suppress
from pathlib import Path
from typing import Any

import structlog

from bot.commands.operator import Answer, carry_out
from bot.errors import CountersignError, StoreBusy, StoreError, UsageError
from bot.pipeline.runner import Runner

NAME = "control.sock"
LONGEST_LINE = 64 << 20  # bytes; the answer to a first poll holds thousands of changes

log = structlog.get_logger()


@asynccontextmanager
async def listening(runner: Runner, folder: Path) -> Any:
    """Carry out commands that arrive while the program runs."""
    (folder / NAME).unlink(missing_ok=True)
    door = _bound(folder)
    server = await asyncio.start_unix_server(lambda r, w: _serve(runner, r, w), sock=door, limit=LONGEST_LINE)
    try:
        yield
    finally:
        server.close()
        with suppress(OSError):
            (folder / NAME).unlink(missing_ok=True)


def _bound(folder: Path) -> socket.socket:
    """The socket, readable by nobody else; bound by a short name, for a path may hold only 108 letters."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        with chdir(folder):
            door.bind(NAME)
    except OSError as fault:
        door.close()
        raise StoreError(f"No socket can be made in {folder}: {fault.strerror}.") from fault
    finally:
        os.umask(mask)
    door.setblocking(False)
    return door


async def _serve(runner: Runner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        answer = await _answer(runner, await reader.readline())
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    except (ConnectionError, ValueError) as fault:
        log.warning("a command was broken off", problem=str(fault))
    finally:
        writer.close()


async def _answer(runner: Runner, line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        return {"answer": await carry_out(runner, request["command"], request["arguments"])}
    except (ValueError, KeyError, TypeError):
        return {"error": "The command was not understood.", "usage": True}
    except CountersignError as fault:
        return {"error": str(fault), "usage": isinstance(fault, UsageError)}
    except Exception:
        log.exception("a command failed in a way nobody foresaw")
        return {"error": "The running program failed at it; its log says how.", "usage": False}


def hand_over(folder: Path, name: str, arguments: Mapping[str, Any]) -> Answer:
    """Have the running program carry out a command, and wait for its answer; its errors are raised here."""
    request = json.dumps({"command": name, "arguments": arguments}).encode() + b"\n"
    try:
        with chdir(folder), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.connect(NAME)
            door.sendall(request)
            with door.makefile("rb") as answers:
                line = answers.readline()
    except OSError as fault:
        raise StoreBusy(
            f"Another program writes {folder} but takes no commands ({fault.strerror}); try again when it has ended."
        ) from fault
    if not line:
        raise StoreError("The running program ended before it answered; what was asked may have been done.")
    answer = json.loads(line)
    if "error" in answer:
        raise (UsageError if answer["usage"] else CountersignError)(answer["error"])
    return dict(answer["answer"])
