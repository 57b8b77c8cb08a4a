"""The Unix socket in the data folder through which the running program receives commands.

The client sends one line of JSON: `{"command": …, "arguments": {…}}`. The program replies with one line, either
`{"answer": …}` or `{"error": …, "usage": bool}`.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, chdir, suppress
from pathlib import Path
from typing import Any

import structlog

from bot.commands.as_json import JsonObject
from bot.commands.operator import carry_out
from bot.errors import CountersignError, StoreBusy, StoreError, UsageError
from bot.pipeline.runner import Runner

NAME = "control.sock"
LONGEST_LINE = 64 << 20  # bytes; the answer to a first poll contains thousands of changes

log = structlog.get_logger()


@asynccontextmanager
async def listening(runner: Runner, folder: Path) -> AsyncIterator[None]:
    """Accept and run commands while the block runs."""
    (folder / NAME).unlink(missing_ok=True)
    bound = _bound(folder)
    server = await asyncio.start_unix_server(lambda r, w: _serve(runner, r, w), sock=bound, limit=LONGEST_LINE)
    try:
        yield
    finally:
        server.close()
        with suppress(OSError):
            (folder / NAME).unlink(missing_ok=True)


def _bound(folder: Path) -> socket.socket:
    """Return a bound socket that only its owner can use.

    Bind the socket by its short name from inside the folder, because a socket path is limited to 108 bytes.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        with chdir(folder):
            bound.bind(NAME)
    except OSError as fault:
        bound.close()
        raise StoreError(f"Can't create a socket in {folder}: {fault.strerror}.") from fault
    finally:
        os.umask(mask)
    bound.setblocking(False)
    return bound


async def _serve(runner: Runner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        answer = await _answer(runner, await reader.readline())
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    except (ConnectionError, ValueError) as fault:
        log.warning("a command was interrupted", problem=str(fault))
    finally:
        writer.close()


async def _answer(runner: Runner, line: bytes) -> JsonObject:
    try:
        request = json.loads(line)
        name, arguments = str(request["command"]), dict(request["arguments"])
    except (ValueError, KeyError, TypeError):
        return {"error": "The running program didn't understand the command.", "usage": True}
    try:
        return {"answer": await carry_out(runner, name, arguments)}
    except CountersignError as fault:
        return {"error": str(fault), "usage": isinstance(fault, UsageError)}
    except Exception:
        log.exception("a command failed unexpectedly", command=name)
        return {"error": f"{name} failed with an internal error. The running program's log has it.", "usage": False}


def hand_over(folder: Path, name: str, arguments: Mapping[str, Any], *, patience: float | None = None) -> JsonObject:
    """Send a command to the running program and return the answer. If the program reports an error, raise it.

    Wait for the answer as long as it takes, or at most `patience` seconds.
    """
    request = json.dumps({"command": name, "arguments": arguments}).encode() + b"\n"
    try:
        with chdir(folder), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as program:
            program.settimeout(patience)
            program.connect(NAME)
            program.sendall(request)
            with program.makefile("rb") as answers:
                line = answers.readline()
    except OSError as fault:
        raise StoreBusy(
            f"Another program is writing to {folder} but isn't accepting commands ({fault.strerror}). "
            "Try again when it has finished."
        ) from fault
    if not line:
        raise StoreError("The running program stopped before it answered. The command may have been carried out.")
    answer = json.loads(line)
    if "error" in answer:
        raise (UsageError if answer["usage"] else CountersignError)(answer["error"])
    return dict(answer["answer"])
