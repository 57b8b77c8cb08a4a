"""The picture of up to three states: their counties, what is new or gone, and the course of their totals."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from bot.domain.agreement import Agreement, ListName, Publication, SupportType
from bot.domain.change import Change, Kind
from bot.domain.geography.counties import OTHER_NAME, counties
from bot.domain.geography.shapes import county_shapes, state_shapes
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.messages.chart import picture_for
from bot.domain.messages.picture import Picture
from bot.domain.pictures.county_map import nation_map, state_map
from bot.domain.subscription import Cadence, Filter, Subscription

MONDAY = datetime(2025, 9, 1, 13, tzinfo=UTC)
DAY = timedelta(days=1)


def agreement(name: str, county: str, state: str = "TX", **more) -> Agreement:
    agency = f"{name} Police Department"
    return Agreement(
        state=state, agency=agency, canonical=agency.lower(), support_type=SupportType.TFM, county=county, **more
    )


def log(*more: tuple[Kind, Agreement]) -> list[Change]:
    begun = [(Kind.LISTED, agreement("Old", "Harris County"), 60), (Kind.LISTED, agreement("Far", "", "FL"), 60)]
    found = []
    for kind, what, days in [*begun, *((kind, what, 2) for kind, what in more)]:
        at = MONDAY - days * DAY
        place = Publication(name="list.xlsx", address="https://ice.example/", evidence=str(at), observed_at=at, rows=1)
        seq = len(found) + 1
        found.append(
            Change(
                kind=kind,
                list=ListName.PARTICIPATING,
                agreement=what,
                publication=place,
                row=None,
                seq=seq,
                recorded_at=at,
            )
        )
    return found


def subscription(*states: str, **more) -> Subscription:
    usual = {
        "cadence": Cadence.WEEKLY,
        "pinned_at": MONDAY,
        "pinned": 1_000,
        "cursor": 2,
        "created_at": MONDAY - 50 * DAY,
    }
    usual |= {"filter": Filter(states=dict.fromkeys(states, 0))}
    return Subscription(id="1", channel="telegram", address="42", **usual | more)


NEWS = [
    (Kind.SIGNED, agreement("Houston", "Harris County")),
    (Kind.SIGNED, agreement("Rangers", "Travis County", agency_type="State Agency")),
    (Kind.SIGNED, agreement("Nowhere", "#N/A")),
    (Kind.WITHDRAWN, agreement("Old", "Harris County")),
]


def marks(picture: Picture, kind: str) -> int:
    drawn = (element for svg in picture.strips for element in ET.fromstring(svg).iter())
    return sum(element.get("class") == kind and element.tag.endswith("circle") for element in drawn)


def test_a_map_shows_the_new_and_the_gone_and_says_how_many_it_cannot_place() -> None:
    picture = picture_for(subscription("TX"), log(*NEWS))

    assert (marks(picture, "p-new"), marks(picture, "p-gone")) == (1, 1)
    assert picture.title == (
        "Texas: 3 agreements on ICE's list; 3 new, 1 no longer listed, from Aug. 25 to Sept. 1, 2025"
    )
    assert "1 of a state agency and 1 without a known county" in picture.alt
    assert "3 new, in Harris; 1 no longer listed, in Harris." in picture.alt


def test_it_covers_the_time_since_the_last_digest() -> None:
    sent = subscription("TX", last_sent_at=MONDAY - 20 * DAY)

    assert "from Aug. 12 to Sept. 1, 2025" in picture_for(sent, log(*NEWS)).title


def test_a_subscription_of_today_gets_no_course_but_learns_since_when_the_list_is_read() -> None:
    for states in (["TX"], ["TX", "FL"], ["*"]):
        new = subscription(*states, created_at=MONDAY - timedelta(hours=1))
        picture = picture_for(new, log(*NEWS))

        assert not [svg for svg in picture.strips if "p-area" in svg.split("</style>")[1]]
        assert "We've been reading ICE's list since July 3, 2025." in picture.alt


@pytest.mark.parametrize("language", list(Language))
def test_the_alternative_text_fits_and_a_picture_composed_again_is_the_same(language: Language) -> None:
    real = [county.name for county in counties("TX") if county.kind != OTHER_NAME]
    news = [(Kind.SIGNED, agreement(f"Town {n}", f"{name} County")) for n, name in enumerate(real)]
    to = subscription("TX", "FL", "VA", language=language)
    picture = picture_for(to, log(*news))

    assert picture == picture_for(replace(to), log(*news))
    assert 300 < len(picture.alt) <= 1_000
    assert marks(picture, "p-new") == len(real)


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_county_of_a_state_with_a_map_has_a_shape_and_the_others_a_picture_without(state: str) -> None:
    real = {county.fips for county in counties(state) if county.kind != OTHER_NAME}
    made_since = {"02066"}  # Copper River, which the geometry of 2017 has as a part of Valdez-Cordova
    if state_shapes()[state].width:
        assert {fips for fips in real - made_since if not county_shapes()[fips].shape} == set()
        assert state_map(state, {}, Language.ENGLISH) is not None
    else:
        assert state_map(state, {}, Language.ENGLISH) is None
    assert ET.fromstring(picture_for(subscription(state), log()).strips[0]) is not None


def test_a_drawing_for_a_page_has_a_title_a_description_and_no_style() -> None:
    for drawing in (
        state_map("TX", {"48201": 3}, Language.ENGLISH, link=str),
        nation_map({"48201": 3}, Language.ENGLISH),
    ):
        svg = drawing.inline("map")

        assert 'aria-labelledby="map-title map-desc"' in svg
        assert "<style" not in svg
        assert "style=" not in svg
        ET.fromstring(svg)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("states", [["TX"], ["GU"], ["NC", "SC", "WV"], ["MP", "NC", "SC"]])
def test_no_text_is_below_9_pixels_on_a_phone_and_a_long_headline_wraps(states: list[str], language: Language) -> None:
    picture = picture_for(subscription(*states, language=language), log(*NEWS))
    texts = [e for svg in picture.strips for e in ET.fromstring(svg).iter() if e.tag.endswith("text")]

    assert min(float(text.get("font-size")) for text in texts) * 358 / 600 >= 9
    assert float(texts[0].get("font-size")) >= 25


@pytest.mark.parametrize("states", [["TX"], ["TX", "FL"], ["*"]])
@pytest.mark.parametrize("language", list(Language))
def test_a_span_of_one_day_names_the_day_once(states: list[str], language: Language) -> None:
    news = [replace(change, recorded_at=MONDAY - timedelta(hours=1)) for change in log(*NEWS)]
    news = [
        replace(one, publication=replace(one.publication, observed_at=MONDAY - timedelta(hours=1)))
        if one.seq > 2
        else one
        for one in news
    ]
    to = subscription(*states, language=language, created_at=MONDAY - timedelta(hours=2), cadence=Cadence.DAILY)
    picture = picture_for(to, news)

    for words in (picture.title, picture.alt):
        assert words.count("Sept. 1, 2025" if language is Language.ENGLISH else "1 sept 2025") >= 1
        assert "from Sept. 1" not in words
        assert "del 1 sept al" not in words


def test_a_state_with_one_county_says_nothing_of_counties_and_few_are_named_without_most() -> None:
    assert "counties" not in picture_for(subscription("GU"), log()).alt
    assert "1 of 254 counties has an agreement: Harris." in picture_for(subscription("TX"), log()).alt


def test_two_states_share_the_strips_that_do_not_depend_on_the_other() -> None:
    one, other = (picture_for(subscription("TX", state), log(*NEWS)) for state in ("FL", "VA"))

    assert len(set(one.strips) & set(other.strips)) == 2  # Texas and the legend
