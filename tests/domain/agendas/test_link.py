"""Which agencies on ICE's list a mention may be about."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.listings import row

from bot.domain.agenda import CANCELLED, Mention, Subject
from bot.domain.agendas.link import AgendaLog, is_meant, listed_there
from bot.domain.agendas.track import mention_change
from bot.domain.agreement import ListName, Publication
from bot.domain.change import Change, Kind

NOW = datetime(2026, 12, 20, 12, tzinfo=UTC)


def agency(name, county="", state="FL", kind=None):
    kind = kind or ("County" if "County" in name or "Parish" in name else "Municipality")
    return row(name, state, county, agency_type=kind)


SHERIFF = agency("Marion County Sheriff's Office", "Marion County")


def said(title="Agreement under Section 287(g)", body="Board of County Commissioners", **more):
    about = {"source": "Marion County, FL", "item": "event/1/item/2", "state": "FL", "county": "Marion"} | more
    return Mention(title=title, body=body, address="https://x.example/1", evidence="e", **about)


@pytest.mark.parametrize(
    ("mention", "listed", "meant"),
    [
        (said(), SHERIFF, True),
        (said(), agency("Marion County Sheriff's Office", "Marion County", "OH"), False),
        (said(), agency("Pinal County Sheriff's Office", "Pinal County"), False),
        (said(), agency("Ocala Police Department", "Marion County"), False),  # in the county, but not of it
        (said(), agency("Marion County Constable Precinct 1", "Marion County"), False),
        (said("The Sheriff asks to join 287(g)"), SHERIFF, True),
        (
            said("The constable asks to join 287(g)"),
            agency("Marion County Constable Precinct 1", "Marion County"),
            True,
        ),
        (said("The constable asks to join 287(g)"), SHERIFF, False),
        (said(), agency("Marion County Sheriff's Office", "Marian County"), True),  # a slip of ICE's
        (said(), agency("Marion County Sheriff's Office", "#N/A"), True),
        (said(), agency("Levy County Sheriff's Office", "#N/A"), False),
        (said(), agency("Correctional Facility", "#REF!", kind="County"), False),  # of which county?
        (said(state="AR", county="Pope"), agency("Pope County Sheriff's Office", "Pop County", "AR"), True),
        (said(county="St. Lucie"), agency("St. Lucie County Sheriff's Office", "Saint Luice County"), True),
        (said("Sheriff of Saint Lucie County", "Agenda", county=""), agency("St. Lucie County Sheriff's Office"), True),
        (said(state="MD", county="Baltimore"), agency("Baltimore Sheriff's Office", "Baltimore City", "MD"), False),
        (said("287(g) at the county jail"), agency("Marion County Corrections Department", "Marion County"), True),
        (said("287(g) at the county jail"), SHERIFF, True),
        (said("287(g) for the Ocala Police"), agency("Ocala Police Department", "Marion County"), True),
        (said("287(g) for the police", "City Council", source="Ocala, FL"), agency("Ocala Police Department"), True),
        (said("287(g)", "City Council", source="Ocala, FL", county=""), agency("Ocala Police Department"), True),
        (said("287(g)", "City Council", source="Ocala, FL"), SHERIFF, False),
        (said("287(g) with the sheriff", "City Council", source="Ocala, FL"), SHERIFF, True),
        (said("287(g)", "City Council", source="Marion, FL", county=""), agency("Marion Police Department"), True),
        (said(), agency("Marion Police Department", "Marion County"), False),  # the town is not the county
        (said("287(g)", "Town Council", source="Melbourne Beach, FL", county=""), agency("Melbourne Police"), False),
        (said("287(g)", "Town Council", source="Melbourne Beach, FL", county=""), agency("Melbourne Beach PD"), True),
        (said("287(g)", "City Council", source="North Miami, FL", county=""), agency("Miami Police"), False),
        (said("Sheriff of Marion County: 287(g)", "Agenda", source="news", county=""), SHERIFF, True),
        (said("Sheriff: 287(g)", "Agenda", source="news", county=""), SHERIFF, False),  # of which county?
    ],
)
def test_the_place_and_the_words_tell_which_agency_is_meant(mention, listed, meant):
    assert is_meant(listed, mention) is meant


def test_if_the_agency_is_not_listed_others_of_the_county_are_given():
    ocala = agency("Ocala Police Department", "Marion County")
    elsewhere = agency("Levy County Sheriff's Office", "Levy County")
    participating = {a.key: a for a in (ocala, elsewhere)}
    assert listed_there(participating, said()) == (ocala,)
    assert listed_there(participating | {SHERIFF.key: SHERIFF}, said()) == (SHERIFF,)
    assert listed_there(participating, replace(said(), county="")) == ()
    slipped = agency("Ocala Police Department", "Mario County")
    assert listed_there({slipped.key: slipped}, said()) == (slipped,)
    nowhere = agency("Ocala Police Department", "#N/A")
    assert listed_there({nowhere.key: nowhere}, replace(said(), county="Atlantis")) == ()


def publication(at=NOW):
    return Publication(name="x", address="https://x.example", evidence="e", observed_at=at, rows=0)


def spoke(mention, days_ago=30, seq=1, kind=Kind.MENTIONED, **more):
    at = NOW - timedelta(days=days_ago)
    return replace(mention_change(mention, publication(at), kind), seq=seq, recorded_at=at, **more)


def signed(agreement=SHERIFF):
    change = Change(
        kind=Kind.SIGNED, list=ListName.PARTICIPATING, agreement=agreement, publication=publication(), row=2
    )
    return replace(change, seq=99, recorded_at=NOW)


def test_a_signing_is_linked_to_the_mention_on_the_commissions_agenda():
    mention = said(meets_on=date(2026, 12, 1))
    assert AgendaLog((spoke(mention),)).mention_behind(signed()) == mention
    assert (
        AgendaLog((spoke(mention),)).mention_behind(signed(agency("Levy County Sheriff's Office", "Levy County")))
        is None
    )
    assert AgendaLog((spoke(mention, days_ago=181),)).mention_behind(signed()) is None
    assert AgendaLog().mention_behind(signed()) is None


def test_a_related_mention_does_not_explain_a_signing():
    related = said(meets_on=date(2026, 12, 1), subject=Subject.RELATED)
    assert AgendaLog((spoke(related, kind=Kind.RELATED),)).mention_behind(signed()) is None


def test_the_last_edition_counts_unless_it_was_retracted():
    first = said(meets_on=date(2026, 12, 1))
    moved = replace(first, meets_on=date(2026, 12, 8)).after(first)
    taken_back = spoke(first, seq=3, kind=Kind.RETRACTED, retracts=1, retracted=Kind.MENTIONED)
    assert AgendaLog((spoke(first), spoke(moved, 20, 2))).mention_behind(signed()) == moved
    assert AgendaLog((spoke(first), taken_back)).mention_behind(signed()) is None


def test_among_several_meetings_the_last_one_held_counts():
    early, late = said(item="a", meets_on=date(2026, 11, 3)), said(item="b", meets_on=date(2026, 12, 1))
    to_come = said(item="c", meets_on=date(2027, 1, 5))
    called_off = said(item="d", meets_on=date(2026, 12, 10), status=CANCELLED)
    log = tuple(spoke(mention, seq=n) for n, mention in enumerate((late, early, to_come, called_off), start=1))
    assert AgendaLog(log).mention_behind(signed()) == late
    assert AgendaLog(log[2:]).mention_behind(signed()) == to_come
    assert AgendaLog(log[3:]).mention_behind(signed()) == called_off
