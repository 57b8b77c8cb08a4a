"""Compare one pass over 2,000 local pages by countersign and by urlwatch 2.29, side by side in one run.

    python benchmarks/local_sources.py [--sources 2000] [--runs 3] [--changed 20] [--without-validators]

A loopback server in a separate process serves the pages, each after 50 ms. Both programs read all pages once. The
benchmark then measures reading the unchanged pages again: CPU seconds and peak memory of the whole process, as the
operating system accounts for them. Last, some pages change (half of them now mention 287(g)), and both programs must
find them. With --without-validators the server sends neither ETag nor Last-Modified, so every page is read whole.

urlwatch is installed in a temporary folder, with pip as it is configured. Start-up counts for both. Both run from
compiled modules: pip compiles urlwatch's, and the first pass compiles ours.
"""

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import venv
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from statistics import median

from measure import Cost, measured

LATENCY = 0.05  # seconds
ENV = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
SIDES = ("countersign", "urlwatch 2.29")


def page(number: int, *, changed: bool, mentions: bool) -> bytes:
    """Return a page like a county's: a menu, about forty agenda items and a footer, some 14 KB."""
    words = random.Random(number)
    topics = ("drainage easement", "road resurfacing", "library hours", "zoning variance", "fire truck", "audit report")
    items = [f"Item {n}: consider {words.choice(topics)} no. {words.randrange(10_000)}" for n in range(1, 41)]
    if changed:
        items.insert(3, "Item 3a: consider a new playground at the north end of the park")
    if mentions:
        items.insert(5, "Item 5a: consider a 287(g) agreement between the Sheriff and ICE")
    menu = "".join(f'<li><a href="/department/{n}">Department {n}</a></li>' for n in range(60))
    rows = "".join(
        f'<tr><td class="item">{item}</td><td><a href="/document/{item[5:8]}">PDF</a></td></tr>' for item in items
    )
    return (
        f"<!doctype html><html><head><title>Board of County Commissioners {number}</title><style>{'.a{color:#123}' * 200}</style>"
        f"</head><body><ul>{menu}</ul><main><h1>Agenda</h1><table>{rows}</table></main><footer>County {number}</footer></body></html>"
    ).encode()


def serve(port: "Synchronized[int]", changed: "Synchronized[int]", validators: bool) -> None:
    """Run the loopback server, in a separate process."""
    import asyncio

    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(LATENCY)
        number = int(request.match_info["number"])
        is_changed = number < changed.value
        tag = f'"{number}-{int(is_changed)}"'
        headers = {"ETag": tag} if validators else {}
        if validators and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        body = page(number, changed=is_changed, mentions=is_changed and number % 2 == 0)
        return web.Response(body=body, content_type="text/html", headers=headers)

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/county/{number}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.value = runner.addresses[0][1]
        await asyncio.Event().wait()

    asyncio.run(run())


class Countersign:
    """A folder with a catalog of the pages, and a store."""

    def __init__(self, folder: Path, base: str, sources: int) -> None:
        self.folder = folder
        catalog = folder / "config" / "sources"
        catalog.mkdir(parents=True)
        tables = (
            f'["County {n}"]\nkind = "page"\naddress = "{base}/county/{n}"\nzone = "America/New_York"\n'
            for n in range(sources)
        )
        (catalog / "FL.toml").write_text("\n".join(tables))
        self.env = ENV | {
            "COUNTERSIGN_DATA": str(folder / "data"),
            "COUNTERSIGN_ALLOW_LOOPBACK": "true",
            "COUNTERSIGN_HOST_GAP": "0",
        }
        self.command = [str(Path(sys.executable).parent / "countersign"), "sources", "check", "--json"]

    def read(self) -> Cost:
        return measured(self.command, cwd=self.folder, env=self.env)

    @staticmethod
    def seen(output: str) -> int:
        """Return the number of pages with something new."""
        return sum(json.loads(line).get("new", 0) > 0 for line in output.splitlines() if line.startswith("{"))


class Urlwatch:
    """A folder with the same pages as jobs."""

    def __init__(self, folder: Path, base: str, sources: int) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=True)
        pip = [str(folder / "venv" / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check", "urlwatch==2.29"]
        subprocess.run(pip, check=True)
        jobs = (f"name: County {n}\nurl: {base}/county/{n}\nfilter:\n- html2text\n" for n in range(sources))
        (folder / "urls.yaml").write_text("---\n".join(jobs))
        (folder / "config.yaml").write_text(
            "display: {new: false, error: true, unchanged: false}\nreport: {stdout: {enabled: true, color: false}, text: {details: false, footer: false}}\n"
        )
        self.env = ENV
        self.command = [
            str(folder / "venv" / "bin" / "urlwatch"),
            *("--urls", "urls.yaml", "--config", "config.yaml", "--cache", "cache.db"),
        ]  # fmt: skip

    def read(self) -> Cost:
        return measured(self.command, cwd=self.folder, env=self.env)

    @staticmethod
    def seen(output: str) -> int:
        return sum("CHANGED: " in line for line in output.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=2_000)
    parser.add_argument("--changed", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without-validators", action="store_true")
    options = parser.parse_args()
    port, changed = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(port, changed, not options.without_validators), daemon=True)
    server.start()
    while not port.value:
        server.join(0.05)
    base = f"http://127.0.0.1:{port.value}"
    with tempfile.TemporaryDirectory() as folder:
        sides = []
        for name, side in zip(("ours", "theirs"), (Countersign, Urlwatch), strict=True):
            (Path(folder) / name).mkdir()
            sides.append(side(Path(folder) / name, base, options.sources))
        for side in sides:
            side.read()  # the first pass
        rows = [[side.read() for side in sides] for _ in range(options.runs)]
        changed.value = options.changed
        seen = [side.seen(side.read().output) for side in sides]
    server.terminate()
    print(
        f"{options.sources} unchanged sources, median of {options.runs} passes; then {options.changed} of them changed"
    )
    print(f"{'':16}{'CPU seconds':>12}{'peak MiB':>10}{'ours / it':>11}{'changed, seen':>15}")
    for number, name in enumerate(SIDES):
        cpu, peak = median(row[number].cpu for row in rows), max(row[number].peak for row in rows)
        ratio = median(row[0].cpu / row[number].cpu for row in rows)
        print(f"{name:16}{cpu:12.2f}{peak:10.0f}{ratio:11.2f}{seen[number]:15}")


if __name__ == "__main__":
    main()
