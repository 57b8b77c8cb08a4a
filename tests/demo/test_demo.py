"""`countersign demo` as a visitor runs it: in a browser, scene by scene, until Ctrl-C."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.browser import browser
from support.demonstration import demonstration
from support.program import bare_env

__all__ = ["browser"]

WITHIN = 240_000  # milliseconds, on a busy machine


def is_open(address):
    port = int(re.search(r":(\d+)/", address)[1])
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


def children(process):
    """Return the processes that a process has started and that still run."""
    tasks = Path(f"/proc/{process.pid}/task")
    return [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def visit(browser, address, **options):
    """Open the page; return it and what the browser complained about."""
    context = browser.new_context(**options)
    page, said = context.new_page(), []
    page.set_default_timeout(WITHIN)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    return page, said


@pytest.mark.slow
def test_every_scene_happens_in_a_browser_and_a_click_approves_the_held_list(browser, tmp_path):
    with demonstration(tmp_path / "tmp", "--pace", "0") as demo:
        chats, public = demo.address("chats:"), demo.address("public page:")
        page, said = visit(browser, chats, viewport={"width": 1400, "height": 1200})
        page.locator("#turn-text").wait_for()
        reader, lectora = page.locator("#reader-log").inner_text(), page.locator("#lectora-log").inner_text()
        assert "Fable Falls Police Department (Texas) is new on ICE's 287(g) list" in reader
        assert "Fable Falls Police Department (Texas) entra en la lista 287(g) de ICE" in lectora
        assert "287(g) on the agenda for" in reader
        assert "Was on the agenda of the Pretend Harbor Town Council" in reader
        assert "Storybook Springs Police Department (Texas) is no longer on ICE's 287(g) list" in reader
        assert "Make-Believe Mesa" not in page.locator(".columns").inner_text()
        assert "as “Make-Believe Mesa Police Department”. No one was told." in page.locator("#lines").inner_text()
        for room, words in (("daily", "1 new 287(g) agreement"), ("diario", "1 nuevo acuerdo 287(g)")):
            assert words in page.locator(f"#{room}-log").inner_text()
            picture = page.locator(f"#{room}-log img").first
            assert picture.evaluate("image => image.complete && image.naturalWidth") > 500
        assert "Georgia" not in page.locator("#desk-log").inner_text()

        page.locator("#operator .key", has_text="Approve").click()
        page.locator("#operator .key", has_text="Yes, approve").click()
        page.get_by_text("The season is over").wait_for()
        assert "Georgia: 12 agreements no longer on ICE's 287(g) list" in page.locator("#reader-log").inner_text()
        assert "Georgia: 12 acuerdos ya no están" in page.locator("#lectora-log").inner_text()
        assert page.locator("#scene-list > .done").count() == page.locator("#scene-list > li").count()
        assert "Evidence" in page.locator("#reader-log").inner_text()

        page.locator("#reader-text").fill("/list NC")
        page.locator("#reader .say button").click()
        page.locator("#reader-log").get_by_text("/list NC").wait_for()
        page.locator("#reader-log").get_by_text("Fable Sound").last.wait_for()
        assert said == []

        page.goto(public)
        assert "Every agency and every list on these pages is made up" in page.inner_text("body")
        assert "46 agreements" in page.inner_text("body")
        page.context.close()
        assert demo.end() == 0, demo.printed
        assert "Traceback" not in demo.printed
        assert "warning" not in demo.printed


@pytest.mark.slow
def test_it_works_without_script_on_a_phone_in_the_dark_and_a_rejected_list_tells_nobody(browser, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with demonstration(tmp_path / "tmp", "--pace", "0") as demo:
        chats = demo.address("chats:")
        page, said = visit(browser, chats, viewport={"width": 390, "height": 844}, java_script_enabled=False)
        page.locator("#turn-text").wait_for()
        for label in ("Reject", "Yes, reject"):
            key = page.locator("#operator .key", has_text=label)
            while not key.count():
                page.goto(chats)
            with page.expect_navigation():
                key.click()
        while "The season is over" not in page.inner_text("body"):
            page.goto(chats)
        assert "You rejected the list. No one was told anything." in page.locator("#lines").inner_text()
        assert "no longer on ICE's list" not in page.locator("#daily-log").inner_text().partition("Georgia:")[2]
        page.context.close()
        for scheme in ("light", "dark"):
            for width in (320, 390, 1400):
                looks = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
                page, more = visit(browser, chats, **looks)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                found = axe.run(page)
                assert found.violations_count == 0, (scheme, width, found.generate_report())
                said += more
                page.context.close()
        assert said == []
        demo.end()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "until"),
    [
        (signal.SIGINT, "the folder"),
        (signal.SIGTERM, "the folder"),
        (signal.SIGINT, "chats:"),
        (signal.SIGHUP, "chats:"),
        (signal.SIGTERM, "is new on ICE's list"),
        (signal.SIGINT, "Your turn"),
    ],
)
def test_a_signal_leaves_no_folder_no_process_and_no_port(number, until, tmp_path):
    with demonstration(tmp_path / "tmp", "--pace", "0") as demo:
        addresses = []
        if until == "the folder":
            while not list(demo.folder.iterdir()):
                assert demo.process.poll() is None
        else:
            addresses.append(demo.address("chats:"))
        if until not in {"the folder", "chats:"}:
            addresses.append(demo.address("public page:"))
            demo.read_until(until)
            assert all(map(is_open, addresses))
            assert list(demo.folder.iterdir())
        started = children(demo.process)
        assert demo.end(number) == 0, demo.printed
        assert "Nothing is left behind." in demo.printed
        assert "Traceback" not in demo.printed
        assert list(demo.folder.iterdir()) == []
        assert not any(map(is_open, addresses))
        assert not [child for child in started if Path(f"/proc/{child}").exists()]


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as door,
        demonstration(tmp_path / "tmp", "--port", str(door.getsockname()[1])) as demo,
    ):
        assert demo.process.wait(120) == 2
        port = door.getsockname()[1]
        assert demo.process.stdout.read() == (
            f"Port {port} is taken. Choose another with --port, or leave it out to use any free one.\n"
        )
        assert list(demo.folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pace", "nan"), "--pace"),
        (("--pace", "-1"), "--pace"),
        (("--port", "99999"), "--port"),
    ],
)
def test_a_wrong_option_is_said_in_a_sentence(options, said, tmp_path):
    with demonstration(tmp_path / "tmp", *options) as demo:
        assert demo.process.wait(120) == 2
        printed = demo.process.stdout.read()
        assert said in printed
        assert "Traceback" not in printed
        assert list(demo.folder.iterdir()) == []


def test_a_machine_without_a_temporary_folder_is_told_what_to_do(tmp_path):
    gone = str(tmp_path / "gone")
    without = f"import sys, tempfile; tempfile.tempdir = {gone!r}; from bot.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", without, "demo", "--no-open"]
    done = subprocess.run(command, cwd=tmp_path, env=bare_env(tmp_path), check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "can't make one: No such file or directory. Set TMPDIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_reader_of_the_output_that_goes_away_ends_it_and_leaves_nothing(tmp_path):
    with demonstration(tmp_path / "tmp", "--pace", "0") as demo:
        demo.read_until("chats:")
        demo.process.stdout.close()
        assert demo.process.wait(240) is not None
        assert list(demo.folder.iterdir()) == []


@pytest.mark.slow
def test_a_second_demonstration_finds_ports_of_its_own(tmp_path):
    with demonstration(tmp_path / "one") as one, demonstration(tmp_path / "two") as two:
        addresses = [demo.address(of) for demo in (one, two) for of in ("chats:", "public page:")]
        assert len(set(addresses)) == 4
        assert all(map(is_open, addresses))
        one.end()
        two.end()
