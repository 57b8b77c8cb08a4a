"""Scanned agendas from the poll to the message: remembered, told once, and read with OCR if it is on."""

import asyncio
import json
import os
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.loopback.local import LoopbackLegistar, pdf
from support.places import TLS, TUESDAY, no_wait
from support.scans import drawn, scan_of, scanned, stamped, typed

from bot.commands.as_json import change_json
from bot.domain.agenda import AgendaItem, LocalReading, Place
from bot.domain.change import Kind
from bot.domain.document import Document
from bot.fetch import Clock, Fetch, Limits
from bot.pipeline import ocr
from bot.pipeline.ocr import Ocr
from bot.pipeline.runner import Runner
from bot.pipeline.scans import all_scans, remember_scans
from bot.store.tiny.store import TinyStore
from bot.worker.worker import Worker

NASH = "Nash County, NC"
AGENDA = """3. Consider a 287(9) agreement between the Sheriff
   and U.S. Immigration and Customs Enforcement"""
SCAN = scan_of("BOARD OF COMMISSIONERS\n\n" + AGENDA)


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda fd: None)


@pytest.fixture
def reads(tmp_path, monkeypatch):
    """Put a program in the place of Tesseract that counts its readings and always reads the same."""
    program, text = tmp_path / "bin" / "tesseract", tmp_path / "text"
    program.parent.mkdir()
    text.write_text(AGENDA)
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --list-langs ]; then echo "List (1):"; echo eng; else cat >/dev/null; cat {text}; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return text.write_text


class Nash:
    """Nash County on Legistar, with a runner that reads its agendas and, if it should, its scans."""

    def __init__(self, server: LoopbackLegistar, folder: Path, *, is_on: bool) -> None:
        self.server, self.now, self.store = server, TUESDAY, TinyStore.open(folder)
        self.place = Place(
            name=NASH, kind="legistar", address=server.address, state="NC", county="Nash", zone="America/New_York"
        )
        self.fetch = Fetch(
            contact=None,
            limits=Limits(host_gap=0),
            allow_loopback=True,
            tls=TLS,
            clock=Clock(now=lambda: self.now, sleep=no_wait),
        )
        self.runner = Runner(
            store=self.store, fetch=self.fetch, sources={}, channels={}, now=lambda: self.now,
            every=timedelta(hours=1), page="https://ice.example/", places={NASH: self.place}, ocr=Ocr() if is_on else None,
        )  # fmt: skip

    async def poll(self, after=timedelta(hours=1)):
        self.now += after
        return (await self.runner.poll_agenda(self.place)).changes

    async def scans(self):
        return await all_scans(self.store, self.now)

    def publish(self, *pages, status=""):
        body = pages[0] if isinstance(pages[0], bytes) else pdf(*pages)
        self.server.files["/agenda.pdf"] = body
        self.server.events[77] |= {
            "EventAgendaFile": f"{self.server.base}/agenda.pdf",
            "EventLastModifiedUtc": f"2026-11-24T{len(self.server.asked):010}",
        } | ({"EventAgendaStatusName": status} if status else {})


@pytest.fixture
async def nash(request, tmp_path):
    async with LoopbackLegistar() as server:
        server.event(77, "Board of Commissioners", "2026-12-01", "6:30 PM")
        server.item(77, 1, "Call to order")
        at = Nash(server, tmp_path / "data", is_on=getattr(request, "param", True))
        async with at.fetch:
            await at.poll()
            yield at
        await at.store.close()


async def test_a_mention_in_a_scan_is_recorded_and_says_so(nash, reads):
    nash.publish(SCAN)
    assert await nash.poll() == ()
    [change] = await nash.runner.read_next_scan()
    said = change.mention
    assert (change.kind, said.page, said.by_ocr, said.has_scans) == (Kind.MENTIONED, 1, True, False)
    assert "287(9) agreement" in said.excerpt
    assert change_json(change)["mention"]["by_ocr"] is True
    assert (await nash.store.evidence(said.evidence)).body == SCAN


@pytest.mark.slow
async def test_an_unchanged_scan_is_read_once_and_a_changed_one_again(nash, reads):
    nash.publish(SCAN)
    await nash.poll()
    assert await nash.runner.read_next_scan() is not None
    for _ in range(3):
        nash.publish(SCAN)
        await nash.poll(timedelta(days=1))
        assert await nash.runner.read_next_scan() is None
    assert nash.server.count("/agenda.pdf") == 5  # OCR itself fetched it once
    nash.publish(scan_of("Another edition"))
    await nash.poll()
    assert await nash.runner.read_next_scan() == ()


@pytest.mark.slow
async def test_polls_after_ocr_neither_repeat_nor_end_the_mention(nash, reads):
    nash.publish(SCAN)
    await nash.poll()
    await nash.runner.read_next_scan()
    for _ in range(3):
        nash.publish(SCAN)
        assert await nash.poll(timedelta(days=1)) == ()
    reads("OCR reads nothing of it this time")
    nash.publish(scan_of("The same, scanned again"))
    assert await nash.poll() == ()
    assert await nash.runner.read_next_scan() == ()


@pytest.mark.slow
async def test_a_stamped_scan_that_is_polled_again_does_not_end_the_mention(nash, reads):
    nash.server.items[77] = []
    packet = stamped(drawn(typed(AGENDA)), "RECEIVED NOV 24 2026", is_wrapped=False)
    nash.publish(packet)
    await nash.poll()
    assert len(await nash.runner.read_next_scan()) == 1
    for body in (packet, stamped(drawn(typed("x")), "RECEIVED NOV 25 2026", is_wrapped=False)):
        nash.publish(body)
        assert await nash.poll(timedelta(days=1)) == ()


@pytest.mark.slow
async def test_scans_of_a_source_s_former_site_are_neither_read_nor_told(nash, reads):
    nash.publish(SCAN)
    await nash.poll()
    async with LoopbackLegistar() as other:
        other.event(5, "Board of Commissioners", "2026-12-01", "6:30 PM")
        nash.place = replace(nash.place, address=other.address)
        nash.runner.places[NASH] = nash.place
        assert await nash.runner.read_next_scan() is None
        await nash.poll()
    assert await nash.scans() == []


@pytest.mark.slow
async def test_a_restart_between_the_poll_and_ocr_loses_nothing(nash, reads, tmp_path):
    nash.publish(SCAN)
    await nash.poll()
    await nash.store.close()
    again = Nash(nash.server, tmp_path / "data", is_on=True)
    again.now = nash.now
    async with again.fetch:
        assert len(await again.runner.read_next_scan()) == 1
    nash.store = again.store


@pytest.mark.slow
async def test_words_that_the_typed_pages_have_are_not_told_again_by_ocr(nash, reads):
    nash.server.items[77] = []
    nash.publish(
        scanned("Agreement under Section 287(g) of the Immigration and Nationality Act", drawn(typed("x"), dpi=30))
    )
    [change] = await nash.poll()
    assert (change.mention.by_ocr, change.mention.has_scans) == (False, True)
    assert await nash.runner.read_next_scan() == ()


@pytest.mark.slow
async def test_an_attachment_in_a_typed_packet_is_read(nash, reads):
    nash.publish(scanned("Agenda: call to order, minutes, adjournment", drawn(typed("x"), dpi=30), "Adjourn"))
    await nash.poll()
    [change] = await nash.runner.read_next_scan()
    assert (change.mention.page, change.mention.by_ocr) == (2, True)


@pytest.mark.slow
async def test_a_scan_that_is_gone_is_tried_three_times(nash, reads):
    nash.publish(SCAN)
    await nash.poll()
    nash.server.files.clear()
    for _ in range(3):
        assert await nash.runner.read_next_scan() == ()
        assert await nash.runner.read_next_scan() is None
        nash.now += timedelta(hours=3)
    assert await nash.runner.read_next_scan() is None
    [scan] = await nash.scans()
    assert "answered 400" in scan.problem
    assert scan.is_unread


@pytest.mark.slow
async def test_a_scan_that_ocr_cannot_read_is_tried_three_times_and_stays_unread(nash, tmp_path, reads):
    (tmp_path / "bin" / "tesseract").write_text(
        '#!/bin/sh\n[ "$1" = --list-langs ] && echo List && echo eng && exit\nexit 3'
    )
    nash.publish(SCAN)
    await nash.poll()
    for _ in range(3):
        assert await nash.runner.read_next_scan() == ()
        assert await nash.runner.read_next_scan() is None
        nash.now += timedelta(hours=3)
    assert await nash.runner.read_next_scan() is None
    [scan] = await nash.scans()
    assert (scan.is_unread, scan.problem) == (True, "page 1: tesseract failed with exit code 3")


@pytest.mark.slow
async def test_polls_of_the_same_place_go_on_while_a_scan_is_read(nash, tmp_path, reads):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    (tmp_path / "bin" / "tesseract").write_text(
        f'#!/bin/sh\n[ "$1" = --list-langs ] && echo List && echo eng && exit\nread line < {begun}; exec sleep 600'
    )
    nash.publish(SCAN)
    await nash.poll()
    reading = asyncio.create_task(nash.runner.read_next_scan())
    await asyncio.to_thread(begun.write_text, "go on\n")  # waits until Tesseract runs
    nash.server.item(77, 2, "Agreement with ICE under Section 287(g)")
    nash.publish(SCAN)
    [change] = await nash.poll()
    assert not change.mention.by_ocr
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert [scan.is_waiting(nash.now) for scan in await nash.scans()] == [True]


@pytest.mark.slow
async def test_a_meeting_that_moves_while_its_scan_is_read_is_told_at_its_new_time(nash, reads, monkeypatch):
    nash.publish(SCAN)
    await nash.poll()
    read = ocr.with_ocr

    async def then_move(*about):
        done = await read(*about)
        nash.server.events[77]["EventDate"] = "2026-12-08T00:00:00"
        nash.publish(SCAN)
        await nash.poll()
        return done

    monkeypatch.setattr(ocr, "with_ocr", then_move)
    [change] = await nash.runner.read_next_scan()
    assert change.mention.meets_on == date(2026, 12, 8)


@pytest.mark.slow
async def test_a_worker_reads_scans_beside_its_other_work(nash, reads):
    nash.publish(SCAN)
    await nash.poll()
    worker = Worker(nash.runner)
    await worker.tick()
    await worker.idle()
    assert [change.mention.by_ocr for change in await nash.store.changes()] == [True]


@pytest.mark.slow
async def test_a_scan_without_words_stays_unread(nash, reads):
    reads("")
    nash.publish(SCAN)
    await nash.poll()
    assert await nash.runner.read_next_scan() == ()
    [scan] = await nash.scans()
    assert (scan.is_unread, scan.problem) == (True, "OCR finds no words on it")


@pytest.mark.parametrize("text", ["{", "null", "7", '["?"]', '{"scans": []}', "[{}]", '[{"seen_at": "soon"}]'])
async def test_scans_that_another_version_stored_stop_neither_digests_nor_polls(text, nash, reads):
    await nash.store.note("scan", "Wake County, NC", text)
    await nash.store.note("scan", NASH, text)
    nash.publish(SCAN)
    await nash.poll()
    assert [scan.source for scan in await nash.scans()] == [NASH]


async def test_a_document_behind_a_signed_address_is_fetched_again_where_it_was_asked_for(nash):
    final, asked = "https://files.example/a.pdf?sig=SECRET", f"{nash.server.base}/agenda.pdf"
    document = Document(
        address=asked, name="a", body=SCAN, sha256="a" * 64, headers={"final-address": final}, fetched_at=nash.now
    )
    item = AgendaItem(id="event/77", title="x", address=asked, pages=("",), scans=(1,), evidence="a" * 64)
    reading = LocalReading(items=(item,), documents=(document, replace(document, address=final, sha256="b" * 64)))
    [scan] = await remember_scans(nash.store, nash.place, reading, nash.now, is_first=False)
    assert scan.fetched_from == asked
    reading = LocalReading(items=(replace(item, evidence="b" * 64),), documents=reading.documents)
    [scan] = await remember_scans(nash.store, nash.place, reading, nash.now, is_first=False)
    assert scan.fetched_from == ""
    assert await remember_scans(nash.store, nash.place, LocalReading(starts_over=True), nash.now, is_first=True) == ()
    assert await nash.scans() == []


@pytest.mark.parametrize("nash", [False], indirect=True)
async def test_without_ocr_scans_are_remembered_and_not_read(nash, reads):
    nash.publish("", "")
    await nash.poll()
    assert await nash.runner.read_next_scan() is None
    [scan] = await nash.scans()
    assert (scan.title, scan.source, scan.scanned, scan.pages) == ("Board of Commissioners", NASH, 2, 2)
    assert scan.address.endswith("/agenda.pdf")
    assert json.loads((await nash.store.notes("scan"))[NASH])[0]["item"] == "event/77"
    nash.publish("The agenda, typed")
    await nash.poll()
    assert await nash.scans() == []


async def test_without_tesseract_it_is_said_once_and_reading_goes_on(nash, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    nash.publish(SCAN)
    await nash.poll()
    assert await nash.runner.read_next_scan() is None
    assert await nash.runner.read_next_scan() is None
    assert [scan.is_unread for scan in await nash.scans()] == [True]
    assert capsys.readouterr().out.count("scans aren't read, because tesseract isn't installed") == 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tesseract") is None, reason="Tesseract isn't installed")
async def test_the_real_tesseract_finds_a_mention_and_none_where_there_is_none(nash):
    nash.publish(SCAN)
    await nash.poll()
    [change] = await nash.runner.read_next_scan()
    assert change.mention.by_ocr
    nash.publish(scan_of("4. Amend Sec. 287(9) of the Code of Ordinances\n5. Ice rink: $287.90 for 287 (6) bags"))
    await nash.poll()
    assert await nash.runner.read_next_scan() == ()
