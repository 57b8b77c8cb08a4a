"""Dates in doubt, as digests tell them days later, in English and Spanish."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.listings import known_after, listing, moa, row

from bot.domain.agenda import Mention
from bot.domain.language import Language
from bot.domain.lists.reconcile import reconcile
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.subscription import Cadence, Filter, Subscription
from bot.domain.text.rich_text import plain_text
from bot.domain.text.wording import Wording

BAKER = row("Baker County Sheriff's Office", signed=date(2025, 12, 19))
TENAHA = row("Tenaha Police Department", "TX", signed=date(2025, 1, 7))
RIGHT = replace(TENAHA, signed=date(2026, 1, 7))
BEFORE = datetime(2026, 1, 6, 15, tzinfo=UTC)
DOUBT = "ICE's list says Jan. 7, 2025, which may be a typo"


def log(*lists):
    """Return the changes these lists bring, one a day, after a first one with Baker County."""
    known, found = known_after(listing([BAKER], at=BEFORE)), []
    for number, rows in enumerate(lists, start=2):
        step = reconcile(known, listing([BAKER, *rows], number, at=BEFORE + timedelta(days=number)))
        known, found = step.known, [*found, *step.changes]
    return [replace(change, seq=seq, recorded_at=BEFORE) for seq, change in enumerate(found, 1)]


def digest(changes, language=Language.ENGLISH, cursor=0):
    """Return the text of a digest of the changes after the cursor, to someone who gets amendments too."""
    kinds = {"signed": 0, "amended": 0, "withdrawn": 0}
    reader = Subscription(
        id="s1",
        channel="console",
        address="x",
        filter=Filter(states={"TX": 0}, kinds=kinds),
        cadence=Cadence.WEEKLY,
        language=language,
        cursor=cursor,
    )
    told = compose(reader, changes, upto=changes[-1].seq, about=Circumstances(page="https://www.ice.gov"))
    items = [line for section in told.sections for item in section.items for line in item.lines]
    return plain_text([told.title, *told.lead, *items])


def test_a_new_agreement_is_told_with_the_doubt():
    assert f"Signing date unclear: {DOUBT}. No MOA posted yet." in digest(log([TENAHA]))


def test_a_digest_of_a_date_corrected_since_tells_the_right_one_without_a_doubt():
    assert "Signed Jan. 7, 2026. " in digest(log([TENAHA], [RIGHT]))


def test_a_digest_of_an_moa_posted_since_tells_its_name_as_evidence():
    posted = replace(TENAHA, moa=moa("TenahaPDTX_TFM_MOA_01072026"))
    text = digest(log([TENAHA], [posted]))
    assert f"{DOUBT}; the MOA's file name says Jan. 7, 2026." in text
    assert text.endswith("MOA")


def test_a_corrected_year_is_told_as_the_correction_of_a_typo():
    changes = log([TENAHA], [RIGHT])
    assert "signing date corrected to Jan. 7, 2026; Jan. 7, 2025 may have been a typo" in digest(changes, cursor=1)
    spanish = digest(changes, Language.SPANISH, cursor=1)
    assert "fecha de firma corregida: 7 de enero de 2026; 7 de enero de 2025 pudo ser un error" in spanish


@pytest.mark.parametrize("year", [2025, 2016, 2027])
def test_a_date_amended_to_one_that_cannot_be_is_told_with_the_doubt(year):
    changes = log([RIGHT], [replace(RIGHT, signed=date(year, 1, 7))])
    doubt = f"ICE's list says Jan. 7, {year}, which may be a typo"
    assert f"signing date was Jan. 7, 2026; now {doubt}" in digest(changes, cursor=1)
    assert f"la lista de ICE dice 7 de enero de {year}, que puede ser un error" in digest(changes, Language.SPANISH, 1)


def test_a_date_added_later_is_told_with_the_doubt():
    blank = replace(TENAHA, signed=None)
    assert "No readable signing date." in digest(log([blank]))
    assert f"signing date added: {DOUBT}" in digest(log([blank], [TENAHA]), cursor=1)


def test_an_ordinary_new_date_is_told_as_before():
    changes = log([RIGHT], [replace(RIGHT, signed=date(2026, 1, 6))])
    assert "signing date now Jan. 6, 2026, was Jan. 7, 2026" in digest(changes, cursor=1)


def test_a_withdrawal_tells_the_list_it_was_last_on_and_no_doubtful_date():
    withdrawn = digest(log([TENAHA], []), cursor=1)
    assert "Last seen on participating2.xlsx." in withdrawn
    assert "2025" not in withdrawn
    assert "MOA" not in withdrawn


def test_a_doubtful_date_does_not_stand_first_for_being_the_oldest():
    text = digest(log([RIGHT, TENAHA, replace(row("Center Police Department", "TX"), signed=date(2026, 1, 7))]))
    assert text.index("Center") < text.index("Tenaha")


def test_an_agenda_item_names_an_agreement_there_with_the_doubt():
    (change,) = log([TENAHA])
    said = Mention(
        source="Shelby County, TX",
        item="1",
        state="TX",
        county="Shelby",
        body="Commissioners Court",
        title="Agreement under Section 287(g)",
        address="https://shelby.example/1",
        evidence="ab",
        zone="America/Chicago",
        listed=(change.agreement,),
    )
    line = plain_text([Wording(Language.ENGLISH, "UTC")._listed(said)])
    assert "(Task Force Model since Jan. 7, 2025, which may be a typo)" in line
