"""A host that ICE refuses is fed by a relay, over HTTP: the running program, `countersign relay` and forgeries."""

import json
import signal
import socket
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from support.archive import needs_archive
from support.program import texts, world
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS
from support.waiting import wait_for

from bot.domain.relay_signature import signed

SECRET = "a-secret-that-both-machines-share"
FAST = {"COUNTERSIGN_POLL_SECONDS": "1", "COUNTERSIGN_RELAY_SECRET": SECRET}
HOST = {"COUNTERSIGN_CONTACT": "host@example.org"}
FIRST, SECOND = "participatingAgencies11202026am.xlsx", "participatingAgencies11202026pm.xlsx"
WEEK = [
    "participatingAgencies08272025am.xlsx",
    "participatingAgencies08272025pm.xlsx",
    "participatingAgencies08282025am.xlsx",
    "participatingAgencies08282025pm.xlsx",
    "participatingAgencies08292025pm.xlsx",
]


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def refuse_the_host(ice) -> None:
    """Let ICE's edge answer 403 to the host, and everything to the relay."""
    usual = ice._usual

    def answer(request):
        from aiohttp import web

        if "host@example.org" in request.headers["User-Agent"] and request.path != "/robots.txt":
            return web.Response(status=403, text="<html><body><h1>Access Denied</h1></body></html>")
        return usual(request)

    ice._usual = answer


@contextmanager
def a_host(here, tmp_path, **env):
    """Run a host that ICE refuses while the block runs; yield its address."""
    port = free_port()
    program = here.start("run", log=tmp_path / "host.log", PORT=str(port), **FAST, **HOST, **env)
    try:
        wait_for(lambda: "serving" in (tmp_path / "host.log").read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    assert "Traceback" not in (tmp_path / "host.log").read_text()


def relay_once(here, tmp_path, to, *, expect=0):
    folder = str(tmp_path / "relay")
    return here.run("relay", "--to", to, "--once", "--folder", folder, expect=expect, **FAST)


def test_a_relay_feeds_a_host_that_ice_refuses_and_each_change_is_told_once(tmp_path):
    with world(tmp_path / "data") as here:
        refuse_the_host(here.ice)
        here.publish_rows(FIRST, SHERIFFS, at=A_DAY)
        here.run("subscribe", "telegram", "42", "--states", "all")
        with a_host(here, tmp_path) as to:
            relay_once(here, tmp_path, to)
            here.publish_rows(SECOND, SHERIFFS + NEWCOMERS, at=A_DAY)
            for _ in range(3):
                relay_once(here, tmp_path, to)
            wait_for(lambda: "Bell County" in texts(here.telegram.messages, "42"))
        told = texts(here.telegram.messages, "42")
        assert told.count("Bell County") == 1
        (change, *_) = [c for c in here.lines("changes") if c["agency"].startswith("Bell")]
        assert change["way"] == "relay"
        assert "read by a relay" in told
        log = (tmp_path / "host.log").read_text()
        assert "refuses this host" in log
        assert SECRET not in log


def post(address, body, headers):
    request = urllib.request.Request(f"{address}/relay", data=body, headers=dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_forged_late_replayed_oversized_and_changed_handovers_are_refused_in_words(tmp_path):
    with world(tmp_path / "data") as here:
        refuse_the_host(here.ice)
        with a_host(here, tmp_path) as to:
            now, body = datetime.now(UTC), b'{"version": 1, "documents": []}'
            status, said = post(to, body, {})
            assert (status, "isn't signed" in said["said"]) == (401, True)
            status, said = post(to, body, signed("another-secret-of-a-stranger", "ab" * 16, now, body))
            assert (status, "COUNTERSIGN_RELAY_SECRET" in said["said"]) == (401, True)
            for late in (timedelta(minutes=6), -timedelta(minutes=6)):
                status, said = post(to, body, signed(SECRET, "cd" * 16, now + late, body))
                assert (status, "clock" in said["said"]) == (401, True)
            status, said = post(to, body + b" ", signed(SECRET, "ef" * 16, now, body))
            assert (status, "isn't the one that was signed" in said["said"]) == (401, True)
            whole = json.dumps(
                {
                    "version": 1,
                    "documents": [
                        {
                            "address": here.ice.url,
                            "name": "x",
                            "headers": {},
                            "fetched_at": now.isoformat(),
                            "sha256": "0" * 64,
                        }
                    ],
                }
            ).encode()
            headers = signed(SECRET, "01" * 16, now, whole)
            assert post(to, whole, headers)[0] == 409
            status, said = post(to, whole, headers)
            assert (status, "already sent" in said["said"]) == (401, True)
            large = dict(signed(SECRET, "02" * 16, now, body)) | {"Content-Length": str(1 << 30)}
            status, said = post(to, body, large)
            assert (status, "16 MiB" in said["said"]) == (413, True)
            assert post(to, body, signed(SECRET, "03" * 16, now, body))[0] == 422
        log = (tmp_path / "host.log").read_text()
        assert "a handover was refused" in log
        assert not here.lines("agreements")


def test_without_the_secret_there_is_no_door_and_the_relay_says_what_to_set(tmp_path):
    with world(tmp_path / "data") as here:
        refused = here.run("relay", "--to", "http://127.0.0.1:9", "--once", expect=2)
        assert "COUNTERSIGN_RELAY_SECRET" in refused.stderr
        assert "isn't a web address" in here.run("relay", "--to", "bot.example.org", "--once", expect=2, **FAST).stderr


def test_readings_made_while_the_host_was_away_arrive_in_order(tmp_path):
    with world(tmp_path / "data") as here:
        refuse_the_host(here.ice)
        here.run("subscribe", "telegram", "42", "--states", "all")
        gone = f"http://127.0.0.1:{free_port()}"
        here.publish_rows(FIRST, SHERIFFS, at=A_DAY)
        relay_once(here, tmp_path, gone, expect=1)
        here.publish_rows(SECOND, SHERIFFS + NEWCOMERS, at=A_DAY)
        relay_once(here, tmp_path, gone, expect=1)
        with a_host(here, tmp_path) as to:
            relay_once(here, tmp_path, to)
            wait_for(lambda: "Bell County" in texts(here.telegram.messages, "42"))
        kinds = [(c["kind"], c["agency"]) for c in here.lines("changes")]
        assert len([kind for kind, _ in kinds if kind == "listed"]) == len(SHERIFFS)
        assert len([kind for kind, _ in kinds if kind == "signed"]) == len(NEWCOMERS)


@needs_archive
def test_a_week_of_the_archive_through_a_relay_is_what_a_direct_reader_records(tmp_path):
    with world(tmp_path / "direct") as direct, world(tmp_path / "data") as here:
        refuse_the_host(here.ice)
        with a_host(here, tmp_path) as to:
            for name in WEEK:
                here.publish(name)
                direct.publish(name)
                relay_once(here, tmp_path, to)
                direct.run("poll")
        wanted = [(c["kind"], c["state"], c["agency"], c["support_type"]) for c in direct.lines("changes")]
        assert [(c["kind"], c["state"], c["agency"], c["support_type"]) for c in here.lines("changes")] == wanted
        assert len(wanted) > 500
