"""The first line of a message, which is what a phone shows."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.samples import NOON, agreement, change, publication, spoken, subscription

from bot.domain.agenda import CANCELLED, OFF_AGENDA, OFF_CALENDAR, POSTPONED, RECESSED, RESCHEDULED
from bot.domain.agreement import SupportType
from bot.domain.change import Kind
from bot.domain.language import Language
from bot.domain.lists.totals import Standing
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.subscription import Filter
from bot.domain.text.rich_text import plain_text

WHO = "Board of Commissioners, Nash County (North Carolina)"


def numbered(*changes):
    return [replace(one, seq=seq, recorded_at=NOON) for seq, one in enumerate(changes, start=1)]


def composed(*changes, language=Language.ENGLISH, before=()):
    """Compose an alert about these changes, which come after those in `before`."""
    log = numbered(*before, *changes)
    to = replace(subscription(), filter=Filter(states={"*": 0}), language=language, cursor=len(before))
    about = Circumstances(page="https://ice.example/", standing=Standing().after(log))
    return compose(to, log[len(before) :], upto=len(log), about=about)


def first_lines(*changes, before=()):
    return [plain_text((composed(*changes, language=one, before=before).title,)) for one in Language]


@pytest.mark.parametrize(
    ("status", "english", "spanish"),
    [
        (CANCELLED, f"Meeting canceled: {WHO}, with 287(g) on the agenda", "Reunión cancelada: "),
        (POSTPONED, f"Meeting postponed: {WHO}, with 287(g) on the agenda", "Reunión aplazada: "),
        (RESCHEDULED, f"Meeting rescheduled: {WHO}, with 287(g) on the agenda", "Reunión reprogramada: "),
        (RECESSED, f"Meeting recessed: {WHO}, with 287(g) on the agenda", "Reunión suspendida, continuará después: "),
        ("of a later version", f"Meeting changed: {WHO}, with 287(g) on the agenda", "Reunión modificada: "),
        (
            OFF_CALENDAR,
            f"Meeting off the calendar: {WHO}, with 287(g) on the agenda",
            "Reunión retirada del calendario: ",
        ),
        (OFF_AGENDA, f"Off the agenda: 287(g), {WHO}", "Fuera de la agenda: 287(g), "),
    ],
)
def test_a_meeting_that_was_called_off_says_so_in_its_first_line(status, english, spanish):
    said = first_lines(spoken(status=status, before=spoken()))
    assert said[0] == english
    assert said[1].startswith(spanish)


def test_a_meeting_that_is_off_has_no_vote_to_come():
    vote = "The vote could go either way."
    assert vote in plain_text(composed(spoken()).lead)
    assert vote not in plain_text(composed(spoken(status=CANCELLED, before=spoken())).lead)
    assert vote in plain_text(composed(spoken(status=CANCELLED, before=spoken()), spoken(2)).lead)


@pytest.mark.parametrize("days", [-3, 7])
def test_a_meeting_that_moved_to_an_earlier_or_later_day_says_to_which_in_its_first_line(days):
    before = spoken()
    moved = spoken(
        before=before,
        meets_on=before.mention.meets_on + timedelta(days=days),
        meets_at=before.mention.meets_at + timedelta(days=days),
    )
    day = {-3: "May 16", 7: "May 26"}[days]
    dia = {-3: "16 de mayo", 7: "26 de mayo"}[days]
    english, spanish = first_lines(moved)
    assert english == f"Meeting moved to {day}, 2026, at 6:30 p.m. EDT: {WHO}, with 287(g) on the agenda"
    assert spanish.startswith(f"Reunión reprogramada para el {dia} de 2026, 6:30 p.m. EDT: ")


def test_a_meeting_without_a_day_and_one_that_is_on_again_say_so_in_their_first_lines():
    open_ = first_lines(spoken(before=spoken(), meets_on=None, meets_at=None))
    assert open_[0].startswith("Meeting moved, with no date yet: ")
    assert open_[1].startswith("Reunión reprogramada, aún sin fecha: ")
    again = first_lines(spoken(before=spoken(status=CANCELLED)))
    assert again[0].startswith("Meeting on again: ")
    assert again[1].startswith("La reunión sí se hará: ")


def of(support, **more):
    return agreement(
        1, "TX", agency="Keller Police Department", canonical="keller police department", support_type=support, **more
    )


BOTH = [change(Kind.LISTED, of(SupportType.TFM)), change(Kind.LISTED, of(SupportType.WSO))]


def test_an_agency_that_still_has_an_agreement_is_not_told_as_gone():
    english, spanish = first_lines(change(Kind.WITHDRAWN, of(SupportType.TFM)), before=BOTH)
    assert english == "Keller Police Department (Texas): 1 agreement no longer on ICE's 287(g) list"
    assert "Keller Police Department (Texas): " in spanish
    assert "1 acuerdo" in spanish
    digest = composed(change(Kind.WITHDRAWN, of(SupportType.TFM)), before=BOTH)
    text = plain_text([line for section in digest.all_sections for item in section.items for line in item.lines])
    assert "still listed: Warrant Service Officer" in text


def test_an_agency_that_lost_all_its_agreements_is_told_as_gone_once():
    gone = [change(Kind.WITHDRAWN, of(SupportType.TFM)), change(Kind.WITHDRAWN, of(SupportType.WSO))]
    english, _ = first_lines(*gone, before=BOTH)
    assert english == "Keller Police Department (Texas) is no longer on ICE's 287(g) list (2 agreements)"
    english, _ = first_lines(gone[0], before=BOTH[:1])
    assert english == "Keller Police Department (Texas) is no longer on ICE's 287(g) list"


def test_an_agency_that_had_an_agreement_before_is_not_told_as_new():
    english, _ = first_lines(change(Kind.SIGNED, of(SupportType.WSO)), before=BOTH[:1])
    assert english == "Keller Police Department (Texas) has 1 new 287(g) agreement"


def test_a_label_is_followed_by_a_small_letter():
    new = change(Kind.SIGNED, of(SupportType.WSO, moa=None, signed=date(2026, 5, 12)))
    other = change(
        Kind.SIGNED, agreement(2, "TX", moa=None, signed=date(2026, 5, 12)), publication(2), before=publication(1)
    )
    gone = change(Kind.WITHDRAWN, agreement(3, "TX"))
    lead = plain_text(composed(new, other, gone, before=[change(Kind.LISTED, agreement(3, "TX"))]).lead)
    assert "New: signed May 12, 2026. No MOA posted yet." in lead
