"""What `countersign init` tries, against servers that send one byte after another and never finish."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from support.loopback.slack import APP_TOKEN
from support.loopback.telegram import TOKEN

from bot.app.first_setup import first_reading, introduced, send_test_message
from bot.config.settings import load
from bot.errors import CountersignError, Unreachable


@contextmanager
def trickling():
    """Serve an answer that never ends, a byte at a time, and yield the port."""
    loop = asyncio.new_event_loop()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except OSError:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


def settings_at(port):
    at = f"http://127.0.0.1:{port}"
    return load(
        env={}, answers={
            "COUNTERSIGN_ALLOW_LOOPBACK": "1", "COUNTERSIGN_ICE_URL": f"{at}/287g", "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": f"{at}/bot", "SLACK_API_URL": f"{at}/api/", "SLACK_APP_TOKEN": APP_TOKEN,
            "SLACK_BOT_TOKEN": "xoxb-loopback-0000000000",
        }
    )  # fmt: skip


@pytest.mark.parametrize("channel", ["telegram", "slack"])
def test_a_platform_that_trickles_is_given_up(channel):
    with trickling() as port, pytest.raises(Unreachable, match=r"didn't finish within 0\.5 s"):
        introduced(settings_at(port), channel, within=0.5)


@pytest.mark.parametrize("chat", ["telegram:42", "slack:C024BE91L"])
def test_a_test_message_to_a_platform_that_trickles_is_given_up(chat):
    with trickling() as port, pytest.raises(CountersignError, match=r"within 0\.5 s"):
        send_test_message(settings_at(port), chat, within=0.5)


def test_a_first_reading_that_trickles_is_given_up_and_is_no_refusal():
    with trickling() as port:
        said, is_refused = first_reading(settings_at(port), within=0.5)
    assert "is down or too slow (it didn't finish within 0.5 s)" in said
    assert not is_refused
