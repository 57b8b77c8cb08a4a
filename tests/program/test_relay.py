"""A host that ICE refuses is fed by a relay, over HTTP: the running program, `countersign relay` and forgeries."""

import json
import signal
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.archive import needs_archive
from support.program import texts, typed_in, world
from support.relay_kills import REFUSED, RELAYED, SECRET, free_port, refuse_the_host
from support.sample_lists import A_DAY, NEWCOMERS, SHERIFFS
from support.waiting import wait_for

from bot.domain.relay_signature import signed

ROOT = str(Path(__file__).parents[2])
FIRST, SECOND = "participatingAgencies11202026am.xlsx", "participatingAgencies11202026pm.xlsx"
WEEK = [
    "participatingAgencies08272025am.xlsx",
    "participatingAgencies08272025pm.xlsx",
    "participatingAgencies08282025am.xlsx",
    "participatingAgencies08282025pm.xlsx",
    "participatingAgencies08292025pm.xlsx",
]


@contextmanager
def a_host(here, tmp_path, **env):
    """Run a host that ICE refuses while the block runs; yield its address."""
    port = free_port()
    program = here.start("run", log=tmp_path / "host.log", PORT=str(port), **RELAYED, **REFUSED, **env)
    try:
        wait_for(lambda: "serving" in (tmp_path / "host.log").read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    assert "Traceback" not in (tmp_path / "host.log").read_text()


def relay_once(here, tmp_path, to, *, expect=0):
    last = int(time.time())
    wait_for(
        lambda: int(time.time()) > last, every=0.02
    )  # a handover's time has whole seconds, and must be a later one
    folder = str(tmp_path / "relay")
    return here.run("relay", "--to", to, "--once", "--folder", folder, expect=expect, **RELAYED)


@pytest.mark.slow
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
            assert (status, "doesn't match its signature" in said["said"]) == (401, True)
            whole = handover_of(here.ice.url)
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


def test_a_relay_finds_its_folder_from_any_working_directory_and_says_where_it_is(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    to = ("relay", "--to", f"http://127.0.0.1:{free_port()}", "--once")
    env = {"HOME": str(home), "XDG_STATE_HOME": "", "PYTHONPATH": ROOT, **RELAYED}
    env["COUNTERSIGN_ICE_URL"] = "http://127.0.0.1:1/287g"
    there = home / ".local" / "state" / "countersign" / "relay"
    for folder, words, found in (
        (home, ["--folder", "mine"], home / "mine"),
        (elsewhere, ["--folder", "../home/mine"], home / "mine"),
        (elsewhere, ["--folder", "~/mine"], home / "mine"),
        (elsewhere, [], elsewhere / "relay"),
    ):
        said = typed_in(folder, *to, *words, expect=1, **env).stderr
        assert f"folder={found}" in said.replace('"', "")
        assert (found / "relay.json").is_file()
    there.parent.mkdir(parents=True)
    (elsewhere / "relay").rename(there)
    assert str(there) in typed_in(home, *to, expect=1, **env).stderr, "it goes on with the readings that it has"


def test_a_relay_folder_that_cannot_be_written_is_a_sentence_that_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("x")
    to = ("relay", "--to", "http://127.0.0.1:9", "--once", "--folder")
    for folder, said in (("file/relay", "choose another with --folder"), ("", "--folder is empty")):
        done = typed_in(tmp_path, *to, folder, expect=1 if folder else 2, PYTHONPATH=ROOT, **RELAYED)
        assert said in done.stderr
        assert "COUNTERSIGN_DATA" not in done.stderr


def test_without_the_secret_there_is_no_door_and_the_relay_says_what_to_set(tmp_path):
    with world(tmp_path / "data") as here:
        refused = here.run("relay", "--to", "http://127.0.0.1:9", "--once", expect=2)
        assert "COUNTERSIGN_RELAY_SECRET" in refused.stderr
        assert (
            "isn't a web address" in here.run("relay", "--to", "bot.example.org", "--once", expect=2, **RELAYED).stderr
        )


@pytest.mark.slow
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


def recorded(place):
    return [(c["kind"], c["state"], c["agency"], c["support_type"]) for c in place.lines("changes")]


@needs_archive
@pytest.mark.slow
def test_each_list_of_a_week_through_a_relay_is_recorded_after_one_reading_like_a_direct_one(tmp_path):
    with world(tmp_path / "direct") as direct, world(tmp_path / "data") as here:
        refuse_the_host(here.ice)
        with a_host(here, tmp_path) as to:
            for name in WEEK:
                here.publish(name)
                direct.publish(name)
                relay_once(here, tmp_path, to)  # one poll each: the host needs no second one
                direct.run("poll")
                wanted = recorded(direct)
                wait_for(lambda wanted=wanted: recorded(here) == wanted)
        assert len(wanted) > 500


@pytest.mark.slow
def test_with_postgresql_a_web_process_takes_handovers_and_workers_tell_each_change_once(tmp_path, database):
    with world(tmp_path / "data") as here:
        refuse_the_host(here.ice)
        env = RELAYED | REFUSED | {"DATABASE_URL": database}
        here.publish_rows(FIRST, SHERIFFS, at=A_DAY)
        here.run("subscribe", "telegram", "42", "--states", "all", **env)
        ports = [free_port(), free_port()]
        programs = [here.start("worker", log=tmp_path / f"worker{n}.log", **env) for n in range(2)]
        programs += [here.start("web", log=tmp_path / f"web{port}.log", PORT=str(port), **env) for port in ports]
        try:
            for port in ports:
                log = tmp_path / f"web{port}.log"
                wait_for(lambda log=log: "serving" in log.read_text())
            first, second = (f"http://127.0.0.1:{port}" for port in ports)
            relay_once(here, tmp_path, first)
            here.publish_rows(SECOND, SHERIFFS + NEWCOMERS, at=A_DAY)
            relay_once(here, tmp_path, second)
            wait_for(lambda: "Bell County" in texts(here.telegram.messages, "42"))
            body = b'{"version": 1, "documents": []}'
            headers = signed(SECRET, "0a" * 16, datetime.now(UTC), whole := handover_of(here.ice.url))
            assert [post(first, whole, headers)[0], post(second, whole, headers)[0]] == [409, 401]
            assert post(first, body, headers)[0] == 401
        finally:
            for program in programs:
                program.send_signal(signal.SIGTERM)
            assert [program.wait(60) for program in programs] == [0, 0, 0, 0]
        assert texts(here.telegram.messages, "42").count("Bell County") == 1
        assert [c["way"] for c in here.lines("changes", **env)] == ["relay"] * (len(SHERIFFS) + len(NEWCOMERS))
        assert not any("Traceback" in path.read_text() for path in tmp_path.glob("*.log"))


@pytest.mark.slow
def test_one_installation_feeds_another_over_http(tmp_path):
    port = free_port()
    with world(tmp_path / "reader") as reader, world(tmp_path / "data") as here:
        reader.publish_rows(FIRST, SHERIFFS, at=A_DAY)
        serving = {"PORT": str(port), "COUNTERSIGN_SERVE_MIRROR": "1", "COUNTERSIGN_POLL_SECONDS": "1"}
        program = reader.start("run", log=tmp_path / "reader.log", **serving)
        mirror = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: "serving" in (tmp_path / "reader.log").read_text())
            wait_for(lambda: reader.lines("agreements"))
            more = {"COUNTERSIGN_UPSTREAM": mirror, "COUNTERSIGN_ICE_URL": reader.ice.url}
            here.run("poll", **more)
            reader.publish_rows(SECOND, SHERIFFS + NEWCOMERS, at=A_DAY)
            wait_for(lambda: len(reader.lines("changes")) == len(SHERIFFS) + len(NEWCOMERS))
            here.run("poll", **more)
            with urllib.request.urlopen(f"{mirror}/mirror", timeout=60) as answer:
                found = json.load(answer)
            assert {document["body"] for document in found["documents"]} == {None}
            with urllib.request.urlopen(f"{mirror}/mirror/{found['documents'][1]['sha256']}", timeout=60) as answer:
                assert answer.read().startswith(b"PK")
        finally:
            program.send_signal(signal.SIGTERM)
            assert program.wait(60) == 0
        assert [c["way"] for c in here.lines("changes")][-1] == "upstream"
        assert len(here.lines("changes")) == len(SHERIFFS) + len(NEWCOMERS)
        assert "by way of another Countersign" in here.run("status", **more).stdout
        gone = here.run("poll", expect=1, **more)
        assert f"the upstream {mirror} can't be used" in gone.stderr


def handover_of(page: str) -> bytes:
    """Return a handover of one document that nobody has."""
    at = datetime.now(UTC).isoformat()
    document = {"address": page, "name": "x", "headers": {}, "fetched_at": at, "sha256": "0" * 64}
    return json.dumps({"version": 1, "documents": [document]}).encode()
