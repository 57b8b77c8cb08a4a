import re
from contextlib import suppress
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.agreement import SupportType
from bot.domain.change import NEVER_CHOSEN, TOLD_BY_DEFAULT, Kind
from bot.domain.chat import parser, words
from bot.domain.chat.parser import Misunderstood, When, Where
from bot.domain.chat.replies import MISTAKES
from bot.domain.chat.towns import county_or_town
from bot.domain.geography.counties import OTHER_NAME, counties
from bot.domain.geography.fold import exact_county
from bot.domain.geography.states import SPANISH_NAMES, STATES
from bot.domain.language import Language
from bot.domain.subscription import ALL_STATES, Cadence, county_entry

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
COUNTIES = [county for code in STATES for county in counties(code) if county.kind != OTHER_NAME]


def misunderstood(read, *typed):
    with pytest.raises(Misunderstood) as fault:
        read(*typed)
    return fault.value.why, fault.value.values


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ("TX", Where(states=("TX",))),
        ("tx oklahoma, New Mexico and fl TX", Where(states=("TX", "OK", "NM", "FL"))),
        ("everywhere", Where(states=(ALL_STATES,))),
        ("Harris County, TX", Where(counties=("TX/harris",))),
        ("Harris County Texas; West Feliciana Parish LA", Where(counties=("TX/harris", "LA/west feliciana"))),
        ("St. John the Baptist Parish LA", Where(counties=("LA/st john the baptist",))),
        ("AL Escambia County FL", Where(states=("AL",), counties=("FL/escambia",))),
        ("agency Tampa Police Dept.", Where(agencies=("tampa police department",))),
        ("jem TX task force model", Where(states=("TX",), support_types=(SupportType.JEM, SupportType.TFM))),
        ("", Where()),
        ("Washington County AR", Where(counties=("AR/washington",))),
        ("La Paz County AZ", Where(counties=("AZ/la paz",))),
        ("la paz az", Where(counties=("AZ/la paz",))),
        ("Washington AR", Where(states=("WA", "AR"))),  # a state's name alone means the state
        ("Delaware, OH", Where(states=("DE", "OH"))),
        ("Nevada and AR", Where(states=("NV", "AR"))),
        ("Harris Texas", Where(counties=("TX/harris",))),
        ("Harris County (Texas)", Where(counties=("TX/harris",))),
        ("TX, Harris County TX, Oklahoma", Where(states=("TX", "OK"), counties=("TX/harris",))),
        ("Lake County IN", Where(counties=("IN/lake",))),
        ("Harris County in Texas", Where(counties=("TX/harris",))),
        ("in, washington county ar y ok", Where(states=("IN", "OK"), counties=("AR/washington",))),
        ("Ohio County West Virginia Ohio County, KY", Where(counties=("WV/ohio", "KY/ohio"))),
        ("Washington County, Carolina del Norte", Where(counties=("NC/washington",))),
        ("el condado de Harris, Texas", Where(counties=("TX/harris",))),
        ("condado de Harris, en Texas", Where(counties=("TX/harris",))),
        ("parroquia de La Salle, Luisiana", Where(counties=("LA/la salle",))),
        ("municipio de Bayamón, Puerto Rico", Where(counties=("PR/bayamon",))),
        ("Anchorage Municipality AK; Juneau City and Borough AK", Where(counties=("AK/anchorage", "AK/juneau"))),
        ("Baltimore City MD, Baltimore County MD", Where(counties=("MD/baltimore city", "MD/baltimore"))),
        ("Virginia Beach VA, James City County VA", Where(counties=("VA/virginia beach", "VA/james city"))),
        ("Saint Landry Parish LA, De Soto FL", Where(counties=("LA/st landry", "FL/desoto"))),
        (
            "Lewis and Clark County MT and King and Queen County VA",
            Where(counties=("MT/lewis and clark", "VA/king and queen")),
        ),
        ("WSO Kings County, NY", Where(counties=("NY/kings",), support_types=(SupportType.WSO,))),
        ("Adams County CO, Ohio", Where(states=("OH",), counties=("CO/adams",))),
        ("Adams CO, Ohio", Where(states=("OH",), counties=("CO/adams",))),
        ("Adams Co., Ohio, jackson co tx", Where(counties=("OH/adams", "TX/jackson"))),
        ("Island County Washington, Ohio", Where(states=("OH",), counties=("WA/island",))),
        ("Brooklyn NY", Where(counties=("NY/kings",))),
        ("Dade County FL", Where(counties=("FL/miami dade",))),
    ],
)
def test_places_are_read_in_any_number_and_order(typed, where):
    assert parser.where(typed) == where


@pytest.mark.parametrize(
    ("typed", "why", "near"),
    [
        ("Texsa", "near_state", "TX"),
        ("West Virgnia", "near_state", "WV"),
        ("Arkansaw", "near_state", "AR"),  # also a town in Wisconsin, which takes its state's name
        ("Calif", "near_state", "CA"),
        ("Haris Texas", "near_county", "Harris"),
        ("La Paz Conty AZ", "near_county", "La Paz"),
        ("Washington Conty, AR", "near_county", "Washington"),
        ("TX, Haris County Texas, OK", "near_county", "Harris"),
        ("condado de Haris, Texas", "near_county", "Harris"),
        ("Texsa OK", "near_state", "TX"),
        ("La Paz", "county_state", None),
        ("Prentiss", "which_county", None),
        ("Oklahoma County, TX", "no_county", ""),
        ("Prentiss, OK", "no_county", ""),
        ("condado de Atlantis Texas", "no_county", ""),
        ("TXX", "no_state", None),
        ("Harris County", "county_state", None),
        ("Haris County TX", "near_county", "Harris"),
        ("Atlantis County FL", "no_county", ""),
        ("agency ab", "short_agency", None),
    ],
)
def test_an_unknown_place_is_answered_with_the_nearest_one(typed, why, near):
    said, values = misunderstood(parser.where, typed)
    assert said == why
    assert values.get("near") == near


FORMS = (
    "{name} County {code}",
    "{name} County, {state}",
    "{name} {code}",
    "{name}, {state}",
    "{lower} county {state_lower}",
    "{lower} {code_lower}",
    "{name} {kind} {code}",
    "condado de {name}, {state}",
    "condado de {lower}, {spanish}",
    "Condado {name} {code}",
    "parroquia de {name}, {state}",
    "municipio de {name} {code}",
    "{name} County ({state})",
)
SPANISH = {code: name for name, code in SPANISH_NAMES.items()}


@pytest.mark.parametrize(
    ("form", "counties"),
    [
        # the fast tests try each county in one of the forms, and the slow ones each in all of them
        *(pytest.param(form, COUNTIES[at :: len(FORMS)], id=form) for at, form in enumerate(FORMS)),
        *(pytest.param(form, COUNTIES, id=f"{form}, all", marks=pytest.mark.slow) for form in FORMS),
    ],
)
def test_every_county_is_read_in_every_form_also_among_other_entries(form, counties):
    missed = []
    for county in counties:
        typed = form.format(
            name=county.name, lower=county.name.lower(), kind=county.kind.title(),
            code=county.state, code_lower=county.state.lower(),
            state=STATES[county.state], state_lower=STATES[county.state].lower(),
            spanish=SPANISH.get(county.state, STATES[county.state]),
        )  # fmt: skip
        is_city = county.kind == "city" and "{kind}" in form
        entry = county_entry(county.state, f"{county.name} City" if is_city else county.name)
        expected = Where(counties=(entry,))
        has_kind = re.search("county|kind|condado|parroquia|municipio", form, re.IGNORECASE)
        if not has_kind and (state := as_state(county.name)):
            expected = Where(states=tuple(dict.fromkeys((state, county.state))))
        if not has_kind and county_or_town(exact_county(county.state, county.name), county.name) is not None:
            continue  # a town of that name is in another county, so there are buttons for both
        try:
            among = parser.where(f"GU, {typed}, Ohio")
            is_read = parser.where(typed) == expected
            is_read &= (among.counties, set(among.states)) == (expected.counties, {"GU", "OH", *expected.states})
        except Misunderstood:
            is_read = False
        if not is_read:
            missed.append(typed)
    assert missed == []


def as_state(name):
    """Return the postal code if the name alone is a state's."""
    with suppress(Misunderstood):
        found = parser.where(name)
        return found.states[0] if len(found.states) == 1 and not found.counties else None


@given(st.sampled_from(COUNTIES), st.sampled_from(FORMS), st.integers(0, 40), st.sampled_from("aeirstx "))
def test_a_suggestion_is_understood_and_never_what_was_typed(county, form, at, letter):
    right = form.format(
        name=county.name, lower=county.name.lower(), kind=county.kind, code=county.state,
        code_lower=county.state.lower(), state=STATES[county.state], state_lower=STATES[county.state].lower(),
        spanish=STATES[county.state],
    )  # fmt: skip
    typed = right[:at] + letter + right[at + 1 :]
    try:
        parser.where(typed)
    except Misunderstood as fault:
        instead = MISTAKES[fault.why].instead(Language.ENGLISH, **fault.values)
        suggested = re.search(r"/watch (.+?)(?: for the whole state| or /watch Texas)?\.$", instead)
        assert suggested[1].casefold() != typed.casefold()
        parser.where(suggested[1])


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Washington County", "Washington County"),
        ("TX, La Paz County, OH", "La Paz"),
        ("condado de Haris, Texas", "Haris"),
        ("Haris County TX", "Haris"),
        ("Anne Arundel County DM, OK", "Anne Arundel County"),
    ],
)
def test_the_whole_name_is_quoted_and_nothing_around_it(text, typed):
    assert misunderstood(parser.where, text)[1]["typed"] == typed


def test_a_long_text_is_quoted_in_part():
    _, values = misunderstood(parser.where, "x" * 500)
    assert values["typed"] == "x" * 39 + "…"


def test_kinds_are_a_list_or_edits_to_the_present_ones():
    assert parser.kinds("signed, dropped", ()) == (Kind.SIGNED, Kind.DROPPED)
    assert parser.kinds("+amended -signed", (Kind.SIGNED, Kind.APPLIED)) == (Kind.APPLIED, Kind.AMENDED)
    assert set(parser.kinds("default", ())) == TOLD_BY_DEFAULT
    assert set(parser.kinds("all", ())) == set(Kind) - NEVER_CHOSEN
    assert parser.kinds("+related", (Kind.SIGNED,)) == (Kind.SIGNED, Kind.RELATED)
    assert parser.kinds("+relacionados -retirados", (Kind.WITHDRAWN,)) == (Kind.RELATED,)
    assert misunderstood(parser.kinds, "sined", ())[1]["near"] == "signed"
    assert misunderstood(parser.kinds, "listed", ())[0] == "no_kind"


@pytest.mark.parametrize(
    ("typed", "when"),
    [
        ("off", When(Cadence.INSTANT)),
        ("8:00 America/Chicago", When(Cadence.DAILY, time(8), "America/Chicago")),
        ("weekly 5pm eastern", When(Cadence.WEEKLY, time(17), "America/New_York")),
        ("semanal a las 17.30", When(Cadence.WEEKLY, time(17, 30))),
        ("chicago", When(Cadence.DAILY, None, "America/Chicago")),
        ("12 am", When(Cadence.DAILY, time(0))),
        ("", When(Cadence.DAILY)),
    ],
)
def test_a_cadence_is_read_with_its_time_and_zone(typed, when):
    assert parser.when(typed) == when


@pytest.mark.parametrize(
    ("typed", "why", "near"),
    [
        ("Amerika/Chicago", "near_zone", "America/Chicago"),
        ("eastren time", "near_zone", "America/New_York"),
        ("25:00", "no_zone", ""),
    ],
)
def test_an_unknown_zone_is_answered_with_the_nearest_one(typed, why, near):
    said, values = misunderstood(parser.zone, typed)
    assert (said, values["near"]) == (why, near)


@pytest.mark.parametrize(
    ("typed", "end"),
    [
        ("3 days", datetime(2026, 7, 4, 12, tzinfo=UTC)),
        ("for 2h", datetime(2026, 7, 1, 14, tzinfo=UTC)),
        ("por 1 semana", datetime(2026, 7, 8, 12, tzinfo=UTC)),
        ("until 2026-12-01", datetime(2026, 12, 1, 6, tzinfo=UTC)),
    ],
)
def test_the_end_of_a_pause_is_a_span_or_a_day_in_the_readers_zone(typed, end):
    assert parser.until(typed, NOW, "America/Chicago") == end


@pytest.mark.parametrize("typed", ["", "forever", "0 days", "2 years", "until 2026-06-30", "until 2028-01-01"])
def test_a_pause_without_an_end_within_a_year_is_refused(typed):
    assert misunderstood(parser.until, typed, NOW, "UTC")[0] == "no_span"


def test_a_language_is_read_by_its_name_or_locale():
    assert [parser.language(typed) for typed in ("es", "Español", "es-MX")] == [Language.SPANISH] * 3
    assert [parser.language(typed) for typed in ("en", "English", "inglés")] == [Language.ENGLISH] * 3
    assert misunderstood(parser.language, "fr")[0] == "no_language"


def test_a_verb_is_read_without_its_slash_and_in_both_languages():
    assert words.verb("/Watch  TX   FL") == ("watch", "TX FL")
    assert words.verb("ayuda") == ("help", "")
    assert words.verb(" ") == ("", "")


def test_a_form_has_known_fields_only():
    assert parser.form("states=TX,OK at=09:00") == {"states": "TX,OK", "at": "09:00"}
    for typed in ("", "nonsense", "states=TX color=red"):
        assert misunderstood(parser.form, typed)[0] == "no_form"


@given(st.text(max_size=60))
def test_any_text_is_read_or_misunderstood_and_never_breaks(typed):
    readers = (parser.where, parser.when, parser.zone, parser.language, parser.form, words.verb, parser.agency)
    for read in (*readers, lambda text: parser.kinds(text, ()), lambda text: parser.until(text, NOW, "UTC")):
        with suppress(Misunderstood):
            read(typed)
