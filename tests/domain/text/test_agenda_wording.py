"""Agenda items as readers see them, in English and Spanish, and as Telegram and Slack get them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from support.listings import row

from bot.channels.slack.sender import SlackSender
from bot.channels.telegram.sender import TelegramSender
from bot.domain.agenda import CANCELLED, OFF_AGENDA, OFF_CALENDAR, POSTPONED, RECESSED, RESCHEDULED, Mention, Subject
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
    """Return title, headings and items as a reader sees them, line by line."""
    digest = digest_of(*changes, **options)
    lines = [digest.title, *digest.lead]
    for section in digest.sections:
        lines += [section.heading, *(line for item in section.items for line in item.lines)]
    return plain_text([*lines, *digest.footer]).splitlines()


def said(kind=Kind.MENTIONED, before=None, **more):
    return mention_change(replace(DEED, **more).after(before), publication(), kind)


def test_a_mention_says_who_meets_and_when_what_the_item_says_and_what_ice_lists():
    assert read(said()) == [
        "287(g) on the agenda for Dec. 1, 2026: Board of Commissioners, Marion County (Florida)",
        "An agenda item isn't an agreement. The vote could go either way.",
        "",
        "Board of Commissioners, Marion County, Dec. 1, 2026, at 6:30 p.m. EST",
        "Approve a Memorandum of Agreement under Section 287(g)",
        "“The Sheriff asks for <two> deputies & a van.” (page 12)",
        "Agencies there that are on ICE's list now: Marion County Sheriff's Office (Task Force Model since March 12, 2025).",
        "Words matched: 287(g) · Memorandum … ICE. Read on Nov. 24, 2026, at 11 a.m. CST.",
        "ICE's 287(g) page",
    ]


RELATED = {"title": "Approve a contract for detention beds with ICE", "excerpt": "", "subject": Subject.RELATED}


def test_a_related_subject_is_said_not_to_be_287g():
    lines = read(said(Kind.RELATED, **RELATED))
    assert (
        lines[0] == "ICE (not 287(g)) on the agenda for Dec. 1, 2026: Board of Commissioners, Marion County (Florida)"
    )
    assert "This is about detaining people for ICE or other cooperation, not about a 287(g) agreement." in lines
    spanish = read(said(Kind.RELATED, **RELATED), language="es")
    assert spanish[0].startswith("ICE (no 287(g)) en la agenda del 1 de diciembre de 2026: ")
    assert "Trata de detención para ICE o de cooperación con ICE, no de un acuerdo 287(g)." in spanish


def test_the_same_in_spanish():
    assert read(said(), language="es")[:8] == [
        "287(g) en la agenda del 1 de diciembre de 2026: Board of Commissioners, Marion County (Florida)",
        "Un punto de agenda no es un acuerdo. La votación puede ir en un sentido u otro.",
        "",
        "Board of Commissioners, condado de Marion, 1 de diciembre de 2026, 6:30 p.m. EST",
        "Approve a Memorandum of Agreement under Section 287(g)",
        "«The Sheriff asks for <two> deputies & a van.» (página 12)",
        "En la lista de ICE figura allí ahora: Marion County Sheriff's Office (Modelo de fuerza de tarea (Task Force Model) "
        "desde el 12 de marzo de 2025).",
        "Palabras que coinciden: 287(g) · Memorandum … ICE. Leída el 24 de noviembre de 2026, 11:00 a.m. CST.",
    ]


@pytest.mark.parametrize(
    ("change", "english", "spanish"),
    [
        (said(already=True), "It was already on the agenda", "Ya figuraba en la agenda cuando"),
        (said(listed=()), "No agency in Marion County is on ICE's list now.", "ninguna agencia del condado de Marion."),
        (said(status=CANCELLED, before=DEED), "The meeting is canceled.", "La reunión está cancelada."),
        (said(status=POSTPONED, before=DEED), "The meeting is postponed.", "La reunión está aplazada."),
        (
            said(status=RECESSED, before=DEED),
            "it continues at another time.",
            "se suspendió; continúa en otro momento.",
        ),
        (said(status=OFF_CALENDAR, before=DEED), "was taken off the calendar.", "se retiró del calendario."),
        (said(status=OFF_AGENDA, before=DEED), "The agenda no longer mentions it.", "La agenda ya no lo menciona."),
        (
            said(status=RESCHEDULED, before=replace(DEED, meets_on=date(2026, 11, 30), meets_at=None)),
            "The meeting has been rescheduled. It had been set for Nov. 30, 2026.",
            "La reunión está reprogramada. Estaba prevista para el 30 de noviembre de 2026.",
        ),
        (
            said(before=replace(DEED, meets_on=date(2026, 11, 30), meets_at=None)),
            "The meeting was moved. It had been set for Nov. 30, 2026.",
            "La reunión cambió de fecha. Estaba prevista para el 30 de noviembre de 2026.",
        ),
        (
            said(before=replace(DEED, status=CANCELLED)),
            "The meeting is on again; it had been canceled.",
            "La reunión vuelve a estar prevista; se había cancelado.",
        ),
        (
            said(Kind.AMENDED, before=replace(DEED, title="A first title")),
            "Before: “A first title”",
            "Antes: «A first title»",
        ),
    ],
)
def test_the_change_to_an_item_is_named(change, english, spanish):
    assert any(english in line for line in read(change))
    assert any(spanish in line for line in read(change, language="es"))


def test_ices_list_is_not_mentioned_if_it_or_the_county_is_unknown():
    for change in (said(listed=None), said(listed=(), county="")):
        assert not any("ICE's list" in line for line in read(change))


def test_the_place_is_named_if_body_and_county_leave_it_open():
    town = said(source="Davie, FL", county="", body="Town Council", meets_at=None, listed=None)
    assert "Town Council, Davie, Dec. 1, 2026" in read(town)
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


def test_a_signing_names_the_agenda_item_before_it_past_upcoming_or_called_off():
    later = datetime(2026, 12, 9, 12, tzinfo=UTC)
    earlier = [replace(said(), seq=1, recorded_at=NOW)]
    off = [replace(said(status=CANCELLED), seq=1, recorded_at=NOW)]
    title = DEED.title
    assert f"Was on the agenda of the Board of Commissioners on Dec. 1, 2026: {title}" in read(
        signed(later), agendas=earlier
    )
    assert f"On the agenda of the Board of Commissioners for Dec. 1, 2026: {title}" in read(signed(), agendas=earlier)
    assert f"Was on the agenda of the Board of Commissioners on Dec. 1, 2026: {title} · The meeting is canceled." in (
        read(signed(later), agendas=off)
    )
    assert f"Estuvo en la agenda de Board of Commissioners el 1 de diciembre de 2026: {title}" in read(
        signed(later), agendas=earlier, language="es"
    )


def test_a_wrong_mention_is_corrected_in_its_own_words():
    wrong = replace(
        said(), kind=Kind.RETRACTED, retracted=Kind.MENTIONED, retracts=1, because="It is a zoning code.", seq=2
    )
    who = Subscription(id="s1", channel="x", address="1", filter=Filter(states={"FL": 0}))
    digest = correct(who, wrong, NOW, page=PAGE)
    said_ = plain_text(digest.sections[0].items[0].lines)
    assert said_ == (
        "On Nov. 24, 2026, we sent you this in error: “Approve a Memorandum of Agreement under Section 287(g)” "
        "on an agenda of the Board of Commissioners, Florida. Reason: It is a zoning code."
    )


def test_telegram_and_slack_get_the_link_and_escape_everything_else():
    digest = digest_of(said(title="<b>287(g)</b> & *more*"))
    [html] = [
        part.payload["text"] for part in TelegramSender(token="1:x", base_url="http://127.0.0.1/bot").render(digest)
    ]
    assert '<a href="https://marion.example/77?a=1&amp;b=2">&lt;b&gt;287(g)&lt;/b&gt; &amp; *more*</a>' in html
    assert "“The Sheriff asks for &lt;two&gt; deputies &amp; a van.” (page 12)" in html
    [blocks] = [part.payload["blocks"] for part in SlackSender(token="x", base_url="http://127.0.0.1/").render(digest)]
    assert blocks[0]["type"] == "header"
    elements = blocks[1]["elements"][0]["elements"]
    link = next(each for each in elements if each["type"] == "link")
    assert (link["url"], link["text"]) == ("https://marion.example/77?a=1&b=2", "<b>287(g)</b> & *more*")


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "Some pages of the document are scans that I couldn't read. Open it to see them."),
     ("es", "Algunas páginas del documento están escaneadas y no pude leerlas. Ábralo para verlas.")],
)  # fmt: skip
def test_a_mention_says_so_if_pages_of_its_document_are_scans(language, line):
    assert line in read(said(has_scans=True), language=language)
    assert line not in read(said(), language=language)
    (section,) = digest_of(said(has_scans=True), language=language).sections
    links = [span.href for words in section.items[0].lines for span in words if span.text == line]
    assert links == [DEED.address]


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "Read by OCR: check the document."), ("es", "Texto leído con OCR: verifique el documento.")],
)
def test_a_mention_says_so_if_ocr_has_read_it(language, line):
    assert line in read(said(by_ocr=True), language=language)
    assert line not in read(said(), language=language)
    (section,) = digest_of(said(by_ocr=True), language=language).sections
    links = [span.href for words in section.items[0].lines for span in words if span.text == line]
    assert links == [DEED.address]
