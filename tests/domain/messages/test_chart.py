"""The picture of a digest, and its words."""

from calendar import month_abbr
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.agreement import Agreement, ListName, Publication, SupportType
from bot.domain.change import Change, Kind, Known
from bot.domain.geography.states import STATES
from bot.domain.language import Language
from bot.domain.messages import chart
from bot.domain.messages.chart import draw, picture_for
from bot.domain.messages.figures import Figures, Moves, figures, history, moves
from bot.domain.pictures import course, svg
from bot.domain.subscription import Cadence, Filter, Subscription

MONDAY = datetime(2025, 9, 1, 13, tzinfo=UTC)  # 9:00 in New York
DAY = timedelta(days=1)


def agreement(number: int, state: str = "FL", **more) -> Agreement:
    name = f"agency {number}"
    return Agreement(state=state, agency=name.title(), canonical=name, support_type=SupportType.TFM, **more)


def change(kind: Kind, what: Agreement, at: datetime, on: ListName = ListName.PARTICIPATING, **more) -> Change:
    place = Publication(name="list.xlsx", address="https://ice.example/", evidence=str(at), observed_at=at, rows=1)
    return Change(kind=kind, list=on, agreement=what, publication=place, row=None, **more)


def numbered(*changes: Change) -> list[Change]:
    return [replace(one, seq=seq, recorded_at=one.publication.observed_at) for seq, one in enumerate(changes, start=1)]


def log() -> list[Change]:
    """Return a log: three agreements in August; last week two new, one gone, one new and gone, one corrected."""
    august = datetime(2025, 8, 1, 12, tzinfo=UTC)
    return numbered(
        *(change(Kind.LISTED, agreement(number), august) for number in range(3)),
        change(Kind.LISTED, agreement(9), august, ListName.PENDING),
        change(Kind.SIGNED, agreement(3, "GA"), MONDAY - 8 * DAY),
        change(Kind.SIGNED, agreement(4, "TX"), MONDAY - 3 * DAY),
        change(Kind.SIGNED, agreement(5, "TX"), MONDAY - 3 * DAY),
        change(Kind.WITHDRAWN, agreement(0), MONDAY - 2 * DAY),
        change(Kind.SIGNED, agreement(6, "OK"), MONDAY - 2 * DAY),
        change(Kind.WITHDRAWN, agreement(6, "OK"), MONDAY - DAY),
        change(Kind.CORRECTED, agreement(1, "AL"), MONDAY - DAY, was=agreement(1)),
        change(Kind.APPLIED, agreement(7, "NY"), MONDAY - DAY, ListName.PENDING),
    )


def subscription(**more) -> Subscription:
    usual = {"cadence": Cadence.WEEKLY, "tz": "America/New_York", "pinned_at": MONDAY, "pinned": 100, "cursor": 5}
    usual |= {"filter": Filter(states={"*": 0})}
    return Subscription(id="1", channel="telegram", address="42", **usual | more)


# From the log to figures


def test_the_line_has_a_point_for_each_publication_that_changed_the_list() -> None:
    points = history(log()).points

    assert [total for _, total in points] == [3, 4, 6, 6, 5]
    assert [at for at, _ in points][-1] == MONDAY - DAY


def test_the_map_counts_what_is_on_the_list_now() -> None:
    counts = history(log()).counts

    assert {state: count for state, count in counts.items() if count} == {"AL": 1, "FL": 1, "GA": 1, "TX": 2}
    assert set(counts) == set(STATES)


def test_a_week_shows_only_its_net_changes() -> None:
    shown = figures(history(log()), subscription(), log())

    assert shown.moves == {"FL": Moves(0, 1), "TX": Moves(2, 0)}
    assert (shown.since, shown.until) == (date(2025, 8, 25), date(2025, 9, 1))


def test_agreements_listed_at_first_sight_are_not_new() -> None:
    assert moves(log()[:4]) == {}


def test_a_returned_agreement_is_gained_and_a_retracted_one_is_not() -> None:
    back = change(Kind.REINSTATED, agreement(0), MONDAY)
    wrong = change(Kind.SIGNED, agreement(8, "NV"), MONDAY)
    taken_back = change(Kind.RETRACTED, agreement(8, "NV"), MONDAY, retracts=2, retracted=Kind.SIGNED)

    assert moves(numbered(back, wrong)) == {"FL": Moves(1, 0), "NV": Moves(1, 0)}
    assert moves(numbered(back, wrong, taken_back)) == {"FL": Moves(1, 0)}
    assert history(numbered(back, wrong, taken_back)).points[-1].total == 2


def test_days_are_in_the_zone_of_the_reader() -> None:
    late = [change(Kind.LISTED, agreement(1), datetime(2025, 9, 2, 3, tzinfo=UTC))]

    for tz, day in (("America/New_York", 1), ("Pacific/Guam", 2)):
        to = subscription(tz=tz, pinned_at=datetime(2025, 9, 2, 3, tzinfo=UTC))
        shown = figures(history(late), to, late)
        assert shown.series == ((date(2025, 9, day), 1),)
        assert shown.until == date(2025, 9, day)


agreements = st.builds(agreement, st.integers(1, 4), st.sampled_from(["FL", "TX"]))


@st.composite
def any_log(draw) -> list[Change]:
    """Draw changes of every kind to a few agreements, some renamed into one another."""
    found = []
    for number in range(draw(st.integers(0, 30))):
        kind = draw(st.sampled_from(list(Kind)))
        was = draw(agreements) if kind in {Kind.RENAMED, Kind.CORRECTED, Kind.AMENDED} else None
        on = draw(st.sampled_from(ListName))
        found.append(change(kind, draw(agreements), MONDAY + number * DAY, on, was=was))
    return numbered(*found)


@settings(deadline=None)
@given(changes=any_log())
def test_the_total_always_matches_what_is_known(changes: list[Change]) -> None:
    past, known = history(changes), Known().after(changes)

    assert (past.points[-1].total if past.points else 0) == len(known.participating)
    assert sum(past.counts.values()) == len(known.participating)


# Digests with a picture


def test_an_instant_alert_has_no_picture_and_neither_has_a_list_that_was_never_read() -> None:
    applied = numbered(change(Kind.APPLIED, agreement(1), MONDAY, ListName.PENDING))

    assert picture_for(subscription(cadence=Cadence.INSTANT), log()) is None
    assert picture_for(subscription(), []) is None
    assert picture_for(subscription(), applied) is None
    assert picture_for(subscription(cadence=Cadence.DAILY), log()) is not None


def test_a_picture_drawn_again_is_the_same_to_the_byte() -> None:
    again = [picture_for(subscription(), log()) for _ in range(2)]

    assert again[0] == again[1]


# The drawing


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


def test_it_shows_every_state_and_territory_once_with_its_badges() -> None:
    picture = picture_for(subscription(), log())
    shown = texts(picture.strips[0])

    assert [shown.count(state) for state in STATES] == [1] * len(STATES)
    assert (shown.count("+2"), shown.count("−1")) == (2, 2)  # on the tile, and in all
    assert shown[0] == "287(g): 5 agreements on ICE’s list"
    assert "In 4 states and territories as of Sept. 1, 2025" in shown
    assert "From 3 on Aug. 1, 2025, to 5 on Sept. 1, 2025" in shown
    assert "Changes from Aug. 25 to Sept. 1, 2025" in shown


def test_in_spanish_it_says_the_same() -> None:
    picture = picture_for(subscription(language=Language.SPANISH), log())
    shown = texts(picture.strips[0])

    assert shown[0] == "287(g): 5 acuerdos en la lista de ICE"
    assert "De 3 el 1 ago 2025 a 5 el 1 sept 2025" in shown
    assert "Cambios del 25 ago al 1 sept 2025" in shown
    assert picture.title == (
        "287(g): 5 acuerdos en la lista de ICE; 2 nuevos, 1 ya no está en la lista, del 25 ago al 1 sept 2025"
    )
    assert "2 nuevos, en Texas (2); 1 ya no está en la lista, en Florida (1)." in picture.alt


def test_no_text_is_too_small_for_a_phone() -> None:
    picture = picture_for(subscription(), log())
    sizes = [float(e.get("font-size")) for e in ET.fromstring(picture.strips[0]).iter() if e.tag.endswith("text")]

    assert min(sizes) * 358 / chart.WIDTH >= 9  # pixels


def test_nothing_sticks_out_of_the_picture() -> None:
    crowded = {state: Moves(123, 123) for state in STATES}
    shown = Figures(
        series=((date(2025, 1, 1), 9_999), (date(2026, 8, 1), 1)),
        counts=dict.fromkeys(STATES, 500) | {"": 3},
        moves=crowded,
        since=date(2026, 8, 1),
        until=date(2026, 8, 8),
    )
    picture = draw(shown, Language.SPANISH)

    for element in ET.fromstring(picture.strips[0]).iter():
        if element.tag.endswith("rect") and element.get("x"):
            x, y, width, height = (float(element.get(name)) for name in ("x", "y", "width", "height"))
            assert x >= 0
            assert x + width <= chart.WIDTH
            assert y >= 0
            assert y + height <= int(ET.fromstring(picture.strips[0]).get("height"))
    assert "3 más sin estado legible" in texts(picture.strips[0])


def test_text_that_looks_like_markup_is_text() -> None:
    drawn = svg.text(0, 0, '<b>&"x"</b>', size=15)

    assert ET.fromstring(drawn).text == '<b>&"x"</b>'


def line(*points: tuple[date, int], until: date) -> list[str]:
    shown = Figures(series=points, counts={}, moves={}, since=until - timedelta(days=7), until=until)
    return texts(draw(shown, Language.ENGLISH).strips[0])


def test_a_longer_log_is_drawn_from_january_2025_with_the_total_of_that_day() -> None:
    shown = line((date(2024, 6, 1), 120), (date(2024, 12, 1), 135), (date(2025, 3, 1), 200), until=date(2025, 9, 1))

    assert "From 135 on Jan. 1, 2025, to 200 on Sept. 1, 2025" in shown


def test_the_line_starts_with_the_log() -> None:
    shown = line((date(2025, 2, 21), 151), (date(2025, 3, 1), 200), until=date(2025, 9, 1))

    assert "From 151 on Feb. 21, 2025, to 200 on Sept. 1, 2025" in shown
    assert "Mar 2025" in shown
    assert "May" in shown
    assert not [text for text in shown if text.startswith("Jan")]


@pytest.mark.parametrize(
    ("days", "named"),
    [(1, "Jan. 2, 2025"), (59, "March 1, 2025"), (60, "Feb"), (700, "Jul"), (1_500, "Jan 2026"), (20_000, "Jan 2030")],
)
def test_the_time_axis_has_a_few_names_however_long_it_is(days: int, named: str) -> None:
    shown = line((date(2025, 1, 1), 10), until=date(2025, 1, 1) + days * DAY)

    names = [text for text in shown if text[:3] in month_abbr]
    assert named in names
    assert 2 <= len(names) <= 7


@pytest.mark.parametrize(("most", "lines"), [(0, 2), (1, 2), (3, 4), (135, 4), (1_274, 4), (1_843, 5), (120_000, 4)])
def test_the_other_axis_begins_at_zero_and_has_round_numbers(most: int, lines: int) -> None:
    frame = course.Frame(date(2025, 1, 1), date(2025, 2, 1), most)

    assert len(range(0, frame.top + 1, frame.step)) == lines
    assert frame.top >= most


# The words


def test_the_alternative_text_describes_the_picture() -> None:
    assert picture_for(subscription(), log()).alt == (
        "287(g): 5 agreements on ICE's list. From 3 on Aug. 1, 2025, to 5 on Sept. 1, 2025. "
        "Most in Texas (2), Alabama (1), Florida (1) and Georgia (1). "
        "Changes from Aug. 25 to Sept. 1, 2025: 2 new, in Texas (2); 1 no longer listed, in Florida (1)."
    )


def test_a_week_without_changes_is_called_one() -> None:
    quiet = picture_for(subscription(pinned_at=MONDAY + 30 * DAY, cursor=12), log())

    assert quiet.title == "287(g): 5 agreements on ICE's list. No changes from Sept. 24 to Oct. 1, 2025"
    assert quiet.alt.endswith("No changes from Sept. 24 to Oct. 1, 2025.")
    assert not [text for text in texts(quiet.strips[0]) if text[0] in "+−"]


def test_changes_are_not_mentioned_on_the_first_day() -> None:
    first = picture_for(subscription(cursor=0), numbered(change(Kind.LISTED, agreement(1), MONDAY)))

    assert first.title == "287(g): 1 agreement on ICE's list"
    assert first.alt == "287(g): 1 agreement on ICE's list. First read on Sept. 1, 2025. Most in Florida (1)."


@pytest.mark.parametrize("language", list(Language))
def test_the_alternative_text_is_never_longer_than_slack_takes(language: Language) -> None:
    shown = Figures(
        series=((date(2025, 9, 30), 123_456), (date(2026, 9, 30), 123_456)),
        counts=dict.fromkeys(STATES, 12_345) | {"": 12_345},
        moves={state: Moves(123_456, 123_456) for state in STATES},
        since=date(2025, 12, 28),
        until=date(2026, 1, 4),
    )
    picture = draw(shown, language)

    assert 500 < len(picture.alt) <= 1_000
    assert len(picture.title) < 200
