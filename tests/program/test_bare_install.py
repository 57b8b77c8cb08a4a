"""The program in an environment that holds only requirements.txt, outside the clone: as a buildpack, and as a wheel."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from support.program import row, world
from support.releases import OFFLINE, ROOT, bare_python, built_wheel, pip, source_tree
from support.waiting import wait_for

from bot import __version__

AT = datetime(2026, 11, 20, 17, tzinfo=UTC)
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


def environment(here, python):
    """Return what a host sets: the settings, and a PATH on which this Python comes first."""
    kept = {name: value for name, value in here.env.items() if name != "PYTHONPATH"}
    return kept | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "COUNTERSIGN_POLL_SECONDS": "1"}


def is_live(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/live").status_code == 200
    except httpx.TransportError:
        return False


def run_procfile(here, python, source, url, ports):
    """Run the lines of the Procfile as a host does: the release first, then all processes, ended by SIGTERM."""
    env = environment(here, python) | {"DATABASE_URL": url}
    subprocess.run(["/bin/sh", "-c", PROCFILE["release"]], cwd=source, env=env, check=True, capture_output=True)
    here.run("subscribe", "telegram", "42", "--states", "TX", DATABASE_URL=url)
    with ExitStack() as programs:
        started = {}
        for name, port in zip(("web", "worker"), ports, strict=True):
            log = programs.enter_context((here.folder.parent / f"{name}.log").open("w"))
            command = ["/bin/sh", "-c", f"exec {PROCFILE[name]}"]
            own = env | {"PORT": str(port), "COUNTERSIGN_PUBLIC_URL": "https://bot.example.org"}
            started[name] = subprocess.Popen(command, cwd=source, env=own, stdout=log, stderr=log)
            programs.callback(started[name].kill)
            wait_for(lambda port=port, name=name: is_live(port) or started[name].poll() is not None)
        wait_for(lambda: "Bell County" in httpx.get(f"http://127.0.0.1:{ports[0]}/states/TX").text)
        for program in started.values():
            program.send_signal(signal.SIGTERM)
        codes = {name: program.wait(60) for name, program in started.items()}
    logs = {name: (here.folder.parent / f"{name}.log").read_text() for name in started}
    assert codes == {"web": 0, "worker": 0}, logs
    assert "Traceback" not in "".join(logs.values())
    assert not (source / "data").exists(), "everything is in the database"


def run_wheel(here, command, empty):
    """Run an installed `countersign` from an empty folder."""
    env = environment(here, command)

    def says(*words):
        done = subprocess.run([command, *words], cwd=empty, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    assert says("--version") == f"countersign {__version__}\n"
    says("poll")
    assert "Bell County" in says("agreements")
    assert "ice" in says("status")
    says("pages", "site")
    assert "Bell County" in (empty / "site" / "states" / "TX" / "index.html").read_text()
    says("backup", "a.backup")
    says("restore", "a.backup", "--to", "restored")
    assert "Nash County, NC" in says("sources", "--state", "NC")


def show_demo(command, empty, port):
    """Run the demo of an installed `countersign` until its page is there, and end it as Ctrl-C does."""
    env = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    words = [command, "demo", "--no-open", "--port", str(port)]
    with (empty.parent / "demo.log").open("w") as log:
        demo = subprocess.Popen(words, cwd=empty, env=env, stdout=log, stderr=log)
    try:
        wait_for(lambda: is_served(port) or demo.poll() is not None)
        demo.send_signal(signal.SIGINT)
        code = demo.wait(60)
    finally:
        demo.kill()
    said = (empty.parent / "demo.log").read_text()
    assert code in {0, 130}, said
    assert "Traceback" not in said


def is_served(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made:
        made.publish_rows("participating11202026pm.xlsx", [row("TEXAS", "Bell County Sheriff's Office")], at=AT)
        yield made


@pytest.mark.slow
def test_the_procfile_runs_after_make_setup(here, server, tmp_path, unused_tcp_port_factory):
    ports = (unused_tcp_port_factory(), unused_tcp_port_factory())
    run_procfile(here, Path(sys.executable), source_tree(tmp_path / "source"), server.make(), ports)


@pytest.mark.slow
def test_the_procfile_and_the_wheel_run_with_nothing_but_requirements_txt(
    here, server, tmp_path, unused_tcp_port_factory
):
    python = bare_python(tmp_path / "bare")
    ports = (unused_tcp_port_factory(), unused_tcp_port_factory())
    run_procfile(here, python, source_tree(tmp_path / "source"), server.make(), ports)

    done = pip("install", "-q", *OFFLINE, str(built_wheel(ROOT, tmp_path / "wheel")), python=python)
    assert done.returncode == 0, done.stderr
    (tmp_path / "empty").mkdir()
    run_wheel(here, python.parent / "countersign", tmp_path / "empty")
    show_demo(python.parent / "countersign", tmp_path / "empty", unused_tcp_port_factory())
