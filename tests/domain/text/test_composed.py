"""English sentences that are kept in a store, in an operator's Spanish."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.samples import held
from support.workbooks import workbook

from bot.domain.agreement import ListName
from bot.domain.chat.operator import held_reply
from bot.domain.document import Document, digest
from bot.domain.health import Crowd, Standing, span, wrong
from bot.domain.language import Language
from bot.domain.messages.health_notices import for_operator
from bot.domain.source_status import ICE, MOVED_TO, SourceStatus, Trouble
from bot.domain.subscription import Filter, Subscription
from bot.domain.text.composed import in_language
from bot.domain.text.rich_text import plain_text
from bot.domain.way import Way
from bot.errors import Unreadable
from bot.sources.ice import Ice

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HEADER = ("STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "COUNTY", "SUPPORT TYPE", "SIGNED", "MOA", "ADDENDUM")


def spanish(sentence: str) -> str:
    return in_language(sentence, Language.SPANISH)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("500 of 1,000 agreements would leave the list at once", "saldrían de la lista de una vez 500 de 1,000 acuerdos"),
        ("1 row can't be read (row 7 has no agency)", "no se puede leer 1 fila (la fila 7 no tiene agencia)"),
        ("26 of 500 agreements would have another signing date at once",
         "cambiarían de fecha de firma de una vez 26 de 500 acuerdos"),
        ("telegram: every message has failed for 2 hours (3 subscriptions in back-off)",
         "telegram: todos los mensajes fallan desde hace 2 horas (3 suscripciones en espera)"),
        ("expected a workbook, got a web page", "se esperaba un libro de Excel y llegó una página web"),
        ("something new is wrong", "(en inglés) “something new is wrong”"),
    ],
)  # fmt: skip
def test_a_sentence_is_said_in_spanish_with_its_values_or_else_quoted(reason, said):
    assert spanish(reason) == said
    assert in_language(reason, Language.ENGLISH) == reason


def read(body: bytes, name: str) -> str:
    document = Document(
        address=f"https://ice.example/{name}", name=name, body=body, sha256=digest(body), headers={}, fetched_at=NOW
    )
    with pytest.raises(Unreadable) as fault:
        Ice().parse(document, ListName.PARTICIPATING)
    return str(fault.value)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"%PDF-1.7 no list", b"\xd0\xcf\x11\xe0 an old workbook", b"<!doctype html><p>We'll be back", b"plain words",
        b'{"error": 1}', workbook([["TEXAS", "x"]], header=("A", "B")),
        workbook([["TEXAS", "Bell Police", "x"]], header=("STATE", "LAW ENFORCEMENT AGENCY", "SIGNED")),
        workbook([["TEXAS", "Bell Police", "x"]], header=("STATE", "AGENCY", "SIGNED")),
    ],
)  # fmt: skip
def test_why_a_document_is_no_list_is_said_in_spanish(body):
    assert "en inglés" not in spanish(read(body, "list.xlsx"))


@pytest.mark.parametrize("trouble", [None, *Trouble])
@pytest.mark.parametrize("heard", [{}, {Way.RELAY: NOW - timedelta(days=1)}])
@pytest.mark.parametrize("reached", [None, NOW])
def test_what_is_wrong_with_ices_lists_is_said_in_spanish(trouble, heard, reached):
    status = SourceStatus(
        source=ICE, trouble=trouble, heard=heard, problem_since=NOW - timedelta(hours=9), read_at=NOW - timedelta(days=20),
        problem="ice: https://www.ice.gov/287g answered 503; never read successfully",
        read_since=NOW - timedelta(days=40), changed_at=NOW - timedelta(days=35),
    )  # fmt: skip
    found = wrong(status, NOW, timedelta(hours=6), reached)
    assert len(found) == (3 if trouble is None else 4)
    assert found[0] == "ICE's lists can't be read (https://www.ice.gov/287g answered 503)"
    assert not [each for each in map(spanish, found) if "en inglés" in each or "hour" in each or "day" in each]


def test_what_is_wrong_with_a_channel_is_said_in_spanish():
    crowd = Crowd(
        standings={Standing.ACTIVE: 0, Standing.FAILING: 1, Standing.PAUSED: 0}, due=1, late=1, oldest_due=NOW,
        mute_since=NOW - timedelta(hours=3), refused_at_once=5, unserved=1,
    )  # fmt: skip
    found = [spanish(reason) for reason in crowd.reasons("slack", NOW)]
    assert len(found) == 3
    assert all(each.startswith("slack: ") for each in found)


def test_a_held_list_shows_its_reasons_in_the_operators_language():
    one = replace(held(), reasons=("it repeats participating1.xlsx: an old list, linked again",))
    text = plain_text(held_reply(Language.SPANISH, one, None).lines)
    assert "Motivo: repite participating1.xlsx: es una lista antigua, enlazada otra vez." in text


@pytest.mark.parametrize(
    ("length", "said"), [(1, "1 segundo"), (90, "1 minuto"), (7_200, "2 horas"), (172_800, "2 días")]
)
def test_a_span_is_said_in_spanish(length, said):
    assert spanish(f"no new list for {span(timedelta(seconds=length))}").endswith(said)


@pytest.mark.parametrize("trouble", [None, *Trouble])
def test_notices_about_ices_lists_are_told_in_the_operators_language(trouble):
    status = SourceStatus(
        source=ICE,
        trouble=trouble,
        problem="ice: https://www.ice.gov/287g answered 403 Forbidden; never read successfully",
        problem_since=NOW - timedelta(hours=9),
        failures=9,
        facts={MOVED_TO: "https://www.ice.gov/new"},
    )
    paused = Subscription(
        id="7",
        channel="telegram",
        address="42",
        filter=Filter(),
        paused="Telegram says chat not found",
        failing_since=NOW,
    )
    found = list(
        for_operator(
            statuses=[status], held=(), subscriptions=[paused], now=NOW, stale_after=timedelta(hours=6), channels=()
        )
    )
    assert len(found) == (4 if trouble is Trouble.REFUSED else 3)
    for notice in found:
        assert notice.text == notice.texts[Language.ENGLISH]
        assert notice.texts[Language.SPANISH] != notice.text
        assert "en inglés" not in notice.texts[Language.SPANISH]
