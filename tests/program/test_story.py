"""The story this program is for: 287(g) is on an agenda, then ICE lists the sheriff, and readers hear about both."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from support.archive import ARCHIVE, needs_archive
from support.loopback.local import LoopbackLegistar
from support.program import texts, world
from support.sample_lists import A_DAY, AFTER, BEFORE, NEWCOMERS, SHERIFFS
from support.waiting import wait_for

from bot.domain.agreement import ListName
from bot.domain.document import Document, digest
from bot.domain.language import Language
from bot.domain.text.wording import Wording
from bot.sources.ice import Ice

MOA = "Memorandum of agreement between the Sheriff and ICE under Section 287(g) & addendum"
DAY = datetime.now(UTC) + timedelta(days=9)
ON_THE_DAY = Wording(Language.ENGLISH, "UTC").day(DAY.date())


@pytest.fixture
def here(tmp_path):
    with world(tmp_path / "data") as made, LoopbackLegistar().run_in_thread() as made.legistar:
        made.legistar.event(77, "Board of Commissioners", f"{DAY:%Y-%m-%d}", "6:30 PM")
        made.legistar.item(77, 2, MOA, matter=412)
        yield made


def agreements(name):
    body = (ARCHIVE / "participating" / name).read_bytes()
    at = datetime(2025, 9, 1, tzinfo=UTC)
    sheet = Document(address=name, name=name, body=body, sha256=digest(body), headers={}, fetched_at=at)
    return {row.key: row for row in Ice("https://x.example").parse(sheet, ListName.PARTICIPATING).agreements}


def watch(here, state, county, zone="America/New_York"):
    here.catalog(
        state,
        f'["{county} County"]\nkind = "legistar"\naddress = "{here.legistar.address}"\ncounty = "{county}"\n'
        f'zone = "{zone}"\n',
    )


@contextmanager
def running(here) -> Iterator[None]:
    """Run the program, and kill it at the end like a power cut."""
    program = here.start("run", COUNTERSIGN_POLL_SECONDS="1")
    try:
        wait_for((here.folder / "control.sock").exists)
        yield
    finally:
        program.kill()
        said, log = program.communicate(timeout=60)
        (here.folder / "control.sock").unlink(missing_ok=True)
    assert "Traceback" not in log, log[-3000:]
    assert here.telegram.token not in said + log


def tell_the_story(here, agency, next_list):
    with running(here):
        wait_for(lambda: "Board of Commissioners" in texts(here.telegram.messages, "42"))
        wait_for(lambda: here.lines("deliveries"))  # a kill before the receipt may repeat the message
    first = texts(here.telegram.messages, "42")
    assert MOA in first
    assert f"{ON_THE_DAY}, at 6:30 p.m." in first
    assert "Words matched:" in first
    assert agency not in first
    told = len(here.telegram.messages)

    next_list()
    with running(here):
        wait_for(lambda: agency in texts(here.telegram.messages[told:], "42"))
    second = texts(here.telegram.messages[told:], "42")
    told_of = second[second.index(agency) :]
    assert f"On the agenda of the Board of Commissioners for {ON_THE_DAY}: {MOA}" in told_of
    assert second.count("Board of Commissioners") == 1
    mentions = [change for change in here.lines("changes") if change["kind"] == "mentioned"]
    assert [(m["agency"], m["mention"]["item"]) for m in mentions] == [
        ("Board of Commissioners", "event/77/matter/412")
    ]


@pytest.mark.slow
@needs_archive
def test_an_agenda_mention_then_a_kill_then_the_sheriff_on_the_real_list(here):
    before, after = agreements(BEFORE), agreements(AFTER)
    gained = [row for key, row in sorted(after.items()) if key not in before]
    sheriff = next(row for row in gained if "Sheriff" in row.agency and row.county and row.agency_type == "County")
    watch(here, sheriff.state, sheriff.county.removesuffix(" County"))
    here.publish(BEFORE)
    here.run("subscribe", "telegram", "42", "--states", sheriff.state)
    tell_the_story(here, sheriff.agency, lambda: here.publish(AFTER, scheme="B"))


@pytest.mark.slow
def test_an_agenda_mention_then_a_kill_then_the_sheriff_on_a_list_of_our_own(here):
    watch(here, "TX", "Bell", "America/Chicago")
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("subscribe", "telegram", "42", "--states", "TX")
    tell_the_story(
        here,
        "Bell County Sheriff",
        lambda: here.publish_rows("participatingAgencies11202026pm.xlsx", SHERIFFS + NEWCOMERS, at=A_DAY),
    )


def test_agendas_are_left_alone_while_no_one_watches_their_state(here):
    watch(here, "TX", "Bell", "America/Chicago")
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("subscribe", "telegram", "42", "--states", "OH")
    here.run("subscribe", "telegram", "43", "--states", "all")
    assert here.lines("poll", "--local") == []
    assert here.legistar.count() == 0
    assert "local sources: 0 of 1 watched, 0 failing, 0 parked" in here.run("status").stdout

    here.run("sources", "check", "Bell County")  # once it was read well, those who watch all states get it
    assert here.legistar.count() > 0
    assert "local sources: 1 of 1 watched" in here.run("status").stdout
    here.run("deliver")
    assert MOA in texts(here.telegram.messages, "43")
    assert not texts(here.telegram.messages, "42")


def test_a_cron_job_reads_the_places_that_are_watched_and_due(here):
    watch(here, "TX", "Bell", "America/Chicago")
    here.publish_rows("participatingAgencies11202026am.xlsx", SHERIFFS, at=A_DAY)
    here.run("subscribe", "telegram", "42", "--states", "TX")
    assert here.lines("poll") == []
    assert here.legistar.count() == 0
    [change] = here.lines("poll", "--local")
    assert (change["kind"], change["mention"]["title"]) == ("mentioned", MOA)
    asked = here.legistar.count()
    assert here.lines("poll", "--local") == []
    assert here.legistar.count() == asked  # not due yet
    here.run("deliver")
    assert MOA in texts(here.telegram.messages, "42")
