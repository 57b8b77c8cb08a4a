"""Another way of reading an agenda isn't an amendment, and another word is one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.samples import NOON, spoken

from bot.domain.agenda import AgendaItem, Passage, Place
from bot.domain.agendas.editions import says_the_same
from bot.domain.agendas.track import PlaceContext, changes_from
from bot.domain.change import Kind

FROM_PDF = "Consider approval of the “Task Force Model” agree-\nment with U.S. Immi gration and Customs Enforcement under 287(g)."
PDF = replace(spoken().mention, excerpt=FROM_PDF, matched=("287(g)", "Task Force\nModel"), page=12, evidence="a" * 64)


@pytest.mark.parametrize(
    "excerpt",
    [
        'Consider approval of the "Task Force Model" agreement with U.S. Immigration and Customs Enforcement under 287(g).',
        "consider  approval of the «Task Force Model» agreement with US Immigration and Customs Enforcement under 287 (g)",
        "… approval of the Task Force Model agreement with U.S. Immigration and Customs Enforcement under 287(g). "
        "The Sheriff recommends it.",
        "Consider approval of the Task Force Model Page 3 of 9 agreement with U.S. Immigration and Customs Enforcement "
        "under 287(g).",
    ],
)
def test_the_plain_text_of_a_pdf_says_the_same(excerpt):
    plain = replace(PDF, excerpt=excerpt, matched=("287(g)",), page=None, evidence="b" * 64)
    assert says_the_same(PDF, plain)
    assert says_the_same(plain, PDF)


@pytest.mark.parametrize(
    "changed",
    [
        {"excerpt": FROM_PDF.replace("approval", "rejection"), "page": None},
        {"excerpt": FROM_PDF.replace("Consider", "Rescind")},
        {"excerpt": f"{FROM_PDF} The motion failed."},
        {"excerpt": "Something else about 287(g)", "page": None},
        {"matched": ("287(g)", "Warrant Service Officer")},
        {"title": "Termination of an agreement under Section 287(g)", "page": None},
        {"body": "Another board"},
    ],
)
def test_other_words_are_an_amendment(changed):
    assert not says_the_same(PDF, replace(PDF, evidence="b" * 64, **changed))


SCANNED = replace(
    PDF, by_ocr=True, excerpt=FROM_PDF.replace("287(g)", "2B7(9)").replace("Force", "F0rce"), matched=("2B7(9)",)
)


@pytest.mark.parametrize("by_ocr", [True, False])
def test_a_scan_that_is_read_with_other_misreadings_says_the_same(by_ocr):
    again = replace(PDF, by_ocr=by_ocr, evidence="b" * 64)
    assert says_the_same(SCANNED, again)
    assert says_the_same(again, SCANNED)


@pytest.mark.parametrize(
    ("old", "new"), [("approval", "rejection"), ("Consider", "Rescind"), ("287(g).", "287(g). It failed.")]
)
def test_other_words_in_a_scan_are_an_amendment(old, new):
    assert not says_the_same(SCANNED, replace(PDF, by_ocr=True, evidence="b" * 64, excerpt=FROM_PDF.replace(old, new)))


def test_other_figures_in_a_scan_are_an_amendment():
    one, other = (replace(SCANNED, excerpt=f"{FROM_PDF} It costs ${cost},000 a year.", evidence=cost) for cost in "49")
    assert not says_the_same(one, other)


def test_the_same_bytes_say_the_same_whatever_is_read_from_them():
    assert says_the_same(PDF, replace(PDF, excerpt="Recognized otherwise, with 287(g)", matched=("287(g)",), page=3))


@pytest.mark.parametrize(
    ("excerpt", "kinds"), [(FROM_PDF.replace("-\n", ""), []), ("Rescind it: 287(g)", [Kind.AMENDED])]
)
def test_a_place_read_in_another_way_gets_no_false_amendment(excerpt, kinds):
    place = Place(name=PDF.source, kind="civicclerk", address=PDF.address, state="NC", county="Nash", zone=PDF.zone)
    item = AgendaItem(
        id=PDF.item, title=PDF.title, body=PDF.body, text=excerpt, address=PDF.address, evidence="b" * 64,
        meets_at=PDF.meets_at,
    )  # fmt: skip
    passages = tuple(Passage(matched=word, excerpt=excerpt) for word in PDF.matched)
    before = replace(spoken(), mention=PDF, seq=1, recorded_at=NOON)
    context = PlaceContext(log=[before], participating=None, is_first=False)
    found = changes_from(place, [(item, passages)], (), context, NOON)
    assert [change.kind for change in found] == kinds


@pytest.mark.parametrize(
    ("by_ocr", "pages", "scans", "kinds"),
    [
        (False, ("Cover", "Budget", "Adjourn"), (1,), [Kind.MENTIONED]),
        (True, ("Cover", "Budget", "Adjourn"), (1,), []),
        (False, ("RECEIVED NOV 24",), (1,), []),
        (False, ("Cover", "RECEIVED", "RECEIVED"), (2, 3), []),
        (True, ("Cover", "Budget"), (), [Kind.MENTIONED]),
    ],
)
def test_a_stamp_on_a_scan_takes_nothing_off_an_agenda(by_ocr, pages, scans, kinds):
    place = Place(name=PDF.source, kind="civicclerk", address=PDF.address, state="NC", county="Nash", zone=PDF.zone)
    item = AgendaItem(
        id=PDF.item, title=PDF.title, body=PDF.body, pages=pages, scans=scans, address=PDF.address, evidence="b" * 64,
        meets_at=PDF.meets_at,
    )  # fmt: skip
    before = replace(spoken(), mention=replace(PDF, by_ocr=by_ocr), seq=1, recorded_at=NOON)
    context = PlaceContext(log=[before], participating=None, is_first=False)
    found = changes_from(place, [(item, ())], (), context, PDF.meets_at - timedelta(days=1))
    assert [change.kind for change in found] == kinds
