"""What a reader reads of an agenda, in English and Spanish, and as Telegram and Slack are handed it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from support.listings import row

from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.domain.agenda import CANCELLED, OFF_AGENDA, OFF_CALENDAR, POSTPONED, RESCHEDULED, Mention
from bot.domain.agendas.link import AgendaLog
from bot.domain.agendas.track import mention_change
from bot.domain.agreement import ListName, Publication
from bot.domain.change import Change, Kind
from bot.domain.language import Language
from bot.domain.messages.compose import Circumstances, compose, correct
from bot.domain.subscription import Filter, Subscription
from bot.domain.text.rich_text import plain_text

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)
PAGE = "https://www.ice.gov/identify-and-arrest/287g"
SHERIFF = row("Marion County Sheriff's Office", "FL", "Marion County", signed=date(2025, 3, 12))
DEED = Mention(
    source="Marion County, FL",
    item="event/77/matter/412",
    state="FL",
    county="Marion",
    body="Board of Commissioners",
    title="Approve a Memorandum of Agreement under Section 287(g)",
    address="https://marion.example/77?a=1&b=2",
    evidence="e",
    zone="America/New_York",
    meets_on=date(2026, 12, 1),
    meets_at=datetime(2026, 12, 1, 18, 30, tzinfo=NEW_YORK),
    matched=("287(g)", "Memorandum … ICE"),
    excerpt="The Sheriff asks for <two> deputies & a van.",
    page=12,
    listed=(SHERIFF,),
)


def publication(name="agenda.pdf"):
    return Publication(name=name, address="https://marion.example/a", evidence="e", observed_at=NOW, rows=0)


def digest_of(*changes, language="en", agendas=()):
    numbered = [replace(change, seq=seq, recorded_at=NOW) for seq, change in enumerate(changes, start=1)]
    news = Filter(states={"FL": 0}, kinds=dict.fromkeys(Kind, 0))
    who = Subscription(
        id="s1", channel="x", address="1", filter=news, language=Language(language), tz="America/Chicago"
    )
    about = Circumstances(page=PAGE, agendas=AgendaLog(tuple(agendas)))
    return compose(who, numbered, upto=99, about=about)


def read(*changes, **options):
    """Title, headings and items as a reader has them, a line a line."""
    digest = digest_of(*changes, **options)
    lines = [digest.title]
    for section in digest.sections:
        lines += [section.heading, *(line for item in section.items for line in item.lines)]
    return plain_text([*lines, *digest.footer]).splitlines()


def said(kind=Kind.MENTIONED, before=None, **more):
    return mention_change(replace(DEED, **more).after(before), publication(), kind)


def test_a_mention_says_who_meets_when_what_it_says_what_matched_and_what_is_listed():
    assert read(said()) == [
        "287(g): 1 local agenda item",
        "Florida: on a local agenda",
        "Board of Commissioners, Marion County, December 1, 2026, 6:30 PM EST",
        "Approve a Memorandum of Agreement under Section 287(g)",
        "“The Sheriff asks for <two> deputies & a van.” (page 12)",
        "ICE lists there now: Marion County Sheriff's Office (Task Force Model since March 12, 2025).",
        "Words that matched: 287(g) · Memorandum … ICE. Read November 24, 2026, 11:00 AM CST.",
        "What stands on an agenda is not signed yet; a vote may go either way.",
        "ICE's 287(g) page",
    ]


def test_the_same_in_spanish():
    assert read(said(), language="es")[:7] == [
        "287(g): 1 punto en una agenda local",
        "Florida: en la agenda de un gobierno local",
        "Board of Commissioners, condado de Marion, 1 de diciembre de 2026, 18:30 EST",
        "Approve a Memorandum of Agreement under Section 287(g)",
        "«The Sheriff asks for <two> deputies & a van.» (página 12)",
        "En la lista de ICE figura allí: Marion County Sheriff's Office (Modelo de fuerza de tarea (Task Force Model) "
        "desde el 12 de marzo de 2025).",
        "Palabras que coinciden: 287(g) · Memorandum … ICE. Leída el 24 de noviembre de 2026, 11:00 CST.",
    ]


@pytest.mark.parametrize(
    ("change", "english", "spanish"),
    [
        (said(already=True), "It stood there when we read", "Ya figuraba cuando"),
        (said(listed=()), "ICE lists no agency of Marion County now.", "ninguna agencia del condado de Marion."),
        (said(status=CANCELLED, before=DEED), "The meeting is cancelled.", "La reunión se canceló."),
        (said(status=POSTPONED, before=DEED), "The meeting is postponed.", "La reunión se aplazó."),
        (said(status=OFF_CALENDAR, before=DEED), "was taken off the calendar.", "ya no figura en el calendario."),
        (said(status=OFF_AGENDA, before=DEED), "The agenda no longer speaks of it.", "La agenda ya no lo menciona."),
        (
            said(status=RESCHEDULED, before=replace(DEED, meets_on=date(2026, 11, 30), meets_at=None)),
            "The meeting is rescheduled; it was set for November 30, 2026.",
            "La reunión se reprogramó; estaba prevista para el 30 de noviembre de 2026.",
        ),
        (
            said(before=replace(DEED, meets_on=date(2026, 11, 30), meets_at=None)),
            "Moved: it was set for November 30, 2026.",
            "Cambió de fecha: estaba prevista para el 30 de noviembre de 2026.",
        ),
        (
            said(before=replace(DEED, status=CANCELLED)),
            "It takes place after all; before: the meeting is cancelled.",
            "Se celebrará de todos modos; antes: la reunión se canceló.",
        ),
        (
            said(Kind.AMENDED, before=replace(DEED, title="A first title")),
            "Before: “A first title”",
            "Antes: «A first title»",
        ),
    ],
)
def test_what_was_changed_is_said(change, english, spanish):
    assert any(english in line for line in read(change))
    assert any(spanish in line for line in read(change, language="es"))


def test_nothing_is_said_of_ices_list_where_it_or_the_county_is_not_known():
    for change in (said(listed=None), said(listed=(), county="")):
        assert not any("ICE lists" in line for line in read(change))


def test_the_place_is_named_where_body_and_county_do_not_say_it():
    town = said(source="Davie, FL", county="", body="Town Council", meets_at=None, listed=None)
    assert "Town Council, Davie, December 1, 2026" in read(town)
    parish = mention_change(replace(DEED, state="LA", county="Iberia", source="Iberia Parish, LA"), publication())
    digest = compose(
        Subscription(id="s1", channel="x", address="1", filter=Filter(states={"LA": 0})),
        [replace(parish, seq=1, recorded_at=NOW)],
        upto=1,
        about=Circumstances(page=PAGE),
    )
    assert plain_text([digest.sections[0].items[0].lines[0]]).startswith("Board of Commissioners, Iberia Parish, ")


def signed(observed_at=NOW):
    where = replace(publication("list.xlsx"), observed_at=observed_at)
    return Change(kind=Kind.SIGNED, list=ListName.PARTICIPATING, agreement=SHERIFF, publication=where, row=3)


def test_a_signing_says_what_stood_on_the_agenda_before_is_still_to_come_or_was_called_off():
    later = datetime(2026, 12, 9, 12, tzinfo=UTC)
    earlier = [replace(said(), seq=1, recorded_at=NOW)]
    off = [replace(said(status=CANCELLED), seq=1, recorded_at=NOW)]
    title = DEED.title
    assert f"Was on the agenda of the Board of Commissioners on December 1, 2026: {title}" in read(
        signed(later), agendas=earlier
    )
    assert f"Is on the agenda of the Board of Commissioners for December 1, 2026: {title}" in read(
        signed(), agendas=earlier
    )
    assert (
        f"Was on the agenda of the Board of Commissioners on December 1, 2026: {title} (the meeting is cancelled)"
        in (read(signed(later), agendas=off))
    )
    assert f"Estuvo en la agenda de Board of Commissioners el 1 de diciembre de 2026: {title}" in read(
        signed(later), agendas=earlier, language="es"
    )


def test_a_mention_that_was_wrong_is_taken_back_in_its_own_words():
    wrong = replace(
        said(), kind=Kind.RETRACTED, retracted=Kind.MENTIONED, retracts=1, because="It is a zoning code.", seq=2
    )
    who = Subscription(id="s1", channel="x", address="1", filter=Filter(states={"FL": 0}))
    digest = correct(who, wrong, NOW, page=PAGE)
    said_ = plain_text(digest.sections[0].items[0].lines)
    assert said_ == (
        "On November 24, 2026 we told you of an agenda of Board of Commissioners, Florida: "
        "“Approve a Memorandum of Agreement under Section 287(g)”. That was wrong: It is a zoning code."
    )


def test_telegram_and_slack_are_handed_it_with_its_link_and_nothing_in_it_is_markup():
    digest = digest_of(said(title="<b>287(g)</b> & *more*"))
    [html] = [
        part.payload["text"] for part in TelegramSender(token="1:x", base_url="http://127.0.0.1/bot").render(digest)
    ]
    assert '<a href="https://marion.example/77?a=1&amp;b=2">&lt;b&gt;287(g)&lt;/b&gt; &amp; *more*</a>' in html
    assert "“The Sheriff asks for &lt;two&gt; deputies &amp; a van.” (page 12)" in html
    [blocks] = [part.payload["blocks"] for part in SlackSender(token="x", base_url="http://127.0.0.1/").render(digest)]
    elements = blocks[0]["elements"][0]["elements"]
    link = next(each for each in elements if each["type"] == "link")
    assert (link["url"], link["text"]) == ("https://marion.example/77?a=1&b=2", "<b>287(g)</b> & *more*")
