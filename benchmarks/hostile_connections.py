# ruff: noqa: E402 - the loopback servers lie among the tests
"""Attack the program's port while ICE publishes, and measure how late the subscribers are told.

    python benchmarks/hostile_connections.py [--idle 1100] [--slow 800] [--commands 2000]

The program runs as a process of its own that may open 1,024 files, with webhooks at its port, beside ICE, Telegram and
Slack on loopback. It polls once a second; twenty chats are subscribed. One publication comes in quiet, one beside idle and
slow connections from many addresses, which are opened again whenever they are closed, and one together with valid commands
from as many chats, all at once. The benchmark fails if the hostile connections delay the last subscriber by more than
3 s, or the commands by more than 5 s.
"""

import argparse
import asyncio
import json
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import httpx
from support.loopback.slack_people import SIGNING_SECRET, encoded, signed
from support.program import row, world
from support.waiting import wait_for

FILES = 1_024
EACH = 10  # subscribers on each platform
LATER_BY_ATTACK, LATER_BY_COMMANDS = 3.0, 5.0  # seconds
SIGNED = datetime(2026, 11, 19)  # noqa: DTZ001 - a date cell has no zone
FIRST_DAY = datetime(2026, 11, 20, 9, tzinfo=UTC)
TELEGRAM, SLACK = [str(700 + n) for n in range(EACH)], [f"C0000000{n:02}" for n in range(EACH)]


# ── the strangers, in a process of their own ─────────────────────────────────────────────────────────────────────────


async def besiege(port, idle, slow):
    await asyncio.gather(*(hold(port, number, drips=number >= idle) for number in range(idle + slow)))


async def hold(port, number, *, drips):
    """Keep half a request open; drip bytes into it or send nothing more. Connect again when the program hangs up."""
    source = (f"127.0.{1 + number // 200}.{1 + number % 200}", 0)
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
            ended = asyncio.create_task(end_of(reader))
            length = "POST /slack/commands HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n" if number % 2 else ""
            writer.write((length or "GET /health HTTP/1.1\r\nHost: h\r\nX-A: ").encode())
            while not ended.done():
                await asyncio.wait({ended}, timeout=2.0)
                if drips and not ended.done():
                    writer.write(b"a")
            writer.close()
        await asyncio.sleep(1.0)


async def end_of(reader):
    with suppress(OSError):
        await reader.read()


def strangers(port, idle, slow):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(besiege(port, idle, slow))


@contextmanager
def siege(port, idle, slow):
    process = get_context("spawn").Process(target=strangers, args=(port, idle, slow), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


# ── the people, in a process of their own ────────────────────────────────────────────────────────────────────────────


def telegram_update(number):
    chat = {"id": 100_000 + number, "type": "private"}
    who = {"id": chat["id"], "is_bot": False, "first_name": "A"}
    command = {"text": "/recent TX", "entities": [{"type": "bot_command", "offset": 0, "length": 7}]}
    return {"update_id": number, "message": {"message_id": number, "date": 1, "chat": chat, "from": who} | command}


def slack_command(number, base):
    return {
        "command": "/countersign", "text": "recent TX", "team_id": "T0LOOP", "channel_id": f"D1{number:07}",
        "user_id": f"U1{number:07}", "response_url": f"{base}/answers/{number}", "trigger_id": f"1.{number}",
        "api_app_id": "A0APP",
    }  # fmt: skip


async def type_all(port, count, secret, slack):
    """Send all commands at once, each over a connection of its own; return how often each status came back."""

    async def posted(number):
        if number % 2:
            body, headers = json.dumps(telegram_update(number)).encode(), {"X-Telegram-Bot-Api-Secret-Token": secret}
            path, headers = "/telegram/webhook", headers | {"Content-Type": "application/json"}
        else:
            body, headers = encoded("slash_commands", slack_command(number, slack))
            path, headers = "/slack/commands", headers | signed(body)
        lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            status = (await reader.readline()).decode().strip()
            writer.close()
        except OSError as fault:
            return type(fault).__name__
        return status

    statuses = await asyncio.gather(*map(posted, range(count)))
    return {status: statuses.count(status) for status in set(statuses)}


def people(port, count, secret, slack, said):
    said.send(asyncio.run(type_all(port, count, secret, slack)))


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Stage:
    """The program among its platforms, and the list that ICE publishes."""

    def __init__(self, here, port):
        self.here, self.port, self.rows = here, port, []
        self.number = 0

    def publish(self):
        """Publish one more agency; return its name."""
        self.number += 1
        name = f"Number {self.number} County Sheriff's Office"
        self.rows.append(row("TEXAS", name, signed=SIGNED, county=f"Number {self.number} County"))
        at = FIRST_DAY + timedelta(days=self.number)
        self.here.publish_rows(f"participatingAgencies{at:%m%d%Y}am.xlsx", self.rows, at=at)
        return name

    def told(self, name):
        """Return the chats that were alerted about an agency."""
        messages = [*self.here.telegram.messages, *self.here.slack.messages]
        return {message.chat for message in messages if name in message.text} & {*TELEGRAM, *SLACK}

    def seconds_until_told(self):
        start, name = time.monotonic(), self.publish()
        wait_for(lambda: len(self.told(name)) == 2 * EACH, seconds=240, every=0.02)
        return time.monotonic() - start


def slowest_health(port, seconds):
    """Ask for the program's health again and again; return the longest time to an answer, and the failures."""
    longest, failures, until = 0.0, 0, time.monotonic() + seconds
    while time.monotonic() < until:
        start = time.monotonic()
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=10)
        except httpx.HTTPError:
            failures += 1
        longest = max(longest, time.monotonic() - start)
        time.sleep(0.2)
    return longest, failures


@contextmanager
def running(here, port, log):
    env = here.env | {
        "PORT": str(port), "COUNTERSIGN_PUBLIC_URL": "https://bot.example.org", "COUNTERSIGN_POLL_SECONDS": "1",
        "SLACK_SIGNING_SECRET": SIGNING_SECRET, "COUNTERSIGN_LOG": "json",
    }  # fmt: skip
    with log.open("wb") as out:
        program = subprocess.Popen(
            here.command("run"), env=env, stdout=out, stderr=out,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES)),  # noqa: PLW1509 - one thread
        )  # fmt: skip
    try:
        wait_for(lambda: here.telegram.webhook.get("secret_token"))
        yield program
    finally:
        program.send_signal(signal.SIGTERM)
        start = time.monotonic()
        program.wait(60)
        print(f"{'stopping, seconds':52}{time.monotonic() - start:>10.2f}  exit code {program.returncode}")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def cpu(program):
    fields = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main(options):
    with tempfile.TemporaryDirectory() as folder, world(Path(folder) / "data") as here:
        port, log = free_port(), Path(folder) / "log"
        stage = Stage(here, port)
        stage.publish()
        for platform, chats in (("telegram", TELEGRAM), ("slack", SLACK)):
            for chat in chats:
                here.run("subscribe", platform, chat, "--states", "TX")
        with running(here, port, log) as program:
            wait_for(lambda: '"listed"' in log.read_text())
            quiet = max(stage.seconds_until_told() for _ in range(3))
            lines, spent = log.read_text().count("\n"), cpu(program)
            with siege(port, options.idle, options.slow):
                longest, failures = slowest_health(port, 10)
                besieged = max(stage.seconds_until_told() for _ in range(3))
                files = len(list(Path(f"/proc/{program.pid}/fd").iterdir()))
            lines, spent = log.read_text().count("\n") - lines, cpu(program) - spent
            ours, theirs = get_context("spawn").Pipe()
            typing = get_context("spawn").Process(
                target=people,
                args=(port, options.commands, here.telegram.webhook["secret_token"], here.slack.base, theirs),
            )
            typing.start()
            wait_for(lambda: len(here.telegram.called("sendMessage")) > 6 * EACH + 10, every=0.01)
            typed, worked = time.monotonic(), cpu(program)
            busy = stage.seconds_until_told()
            statuses = ours.recv()
            answered = time.monotonic() - typed
            worked = cpu(program) - worked
            typing.join()
        traceback = "Traceback" in log.read_text()
    print(f"{'told in quiet, seconds (the slowest of three)':52}{quiet:>10.2f}")
    print(f"{'told beside hostile connections, seconds':52}{besieged:>10.2f}")
    print(f"{'slowest /health meanwhile, seconds':52}{longest:>10.2f}  {failures} failed")
    print(f"{'files open, of ' + str(FILES):52}{files:>10}")
    print(f"{'log lines and CPU seconds meanwhile':52}{lines:>10}  {spent:.1f} s")
    print(f"{'told beside ' + str(options.commands) + ' commands, seconds':52}{busy:>10.2f}")
    print(f"{'all commands accepted after, seconds':52}{answered:>10.2f}  {statuses}, CPU {worked:.1f} s")
    late = besieged - quiet > LATER_BY_ATTACK or busy > LATER_BY_COMMANDS
    return 1 if late or traceback or failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--idle", type=int, default=1_100)
    parser.add_argument("--slow", type=int, default=800)
    parser.add_argument("--commands", type=int, default=2_000)
    sys.exit(main(parser.parse_args()))
