"""The meetings of the next week in digests, and reminders on the evening before."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.domain.agenda import CANCELLED, OFF_AGENDA, POSTPONED, RESCHEDULED, Mention, Subject
from bot.domain.agendas.link import AgendaLog
from bot.domain.agendas.scans import Scan
from bot.domain.agreement import Agreement, ListName, Publication, SupportType
from bot.domain.change import Change, Kind
from bot.domain.language import Language
from bot.domain.messages.compose import Circumstances, compose
from bot.domain.messages.meetings import due_reminders, reminder, scanned, this_week, to_come
from bot.domain.subscription import Cadence, Filter, Subscription
from bot.domain.text.rich_text import plain_text
from bot.domain.text.wording import Wording

NOW = datetime(2026, 12, 7, 23, 30, tzinfo=UTC)  # Monday, 6:30 p.m. in New York
MEETS = datetime(2026, 12, 8, 23, 30, tzinfo=UTC)  # the evening after


def change(seq=1, *, item="1", status="", at=MEETS, on=None, state="NC", county="Nash", kind=Kind.MENTIONED, **more):
    said = Mention(
        source=f"{county} County, {state}", item=item, state=state, county=county, title=more.pop("title", "MOA with ICE"),
        address="https://nash.example/1", evidence="e", body=more.pop("body", "Board of Commissioners"),
        zone="America/New_York", meets_at=at, meets_on=on or (at.date() if at else None), status=status, **more,
    )  # fmt: skip
    found = Agreement(state=state, agency=said.body, canonical="board", support_type=SupportType.OTHER, county=county)
    publication = Publication(name="agenda", address="a", evidence="e", observed_at=NOW - timedelta(days=3), rows=1)
    return Change(
        seq=seq, kind=kind, list=ListName.PARTICIPATING, agreement=found, publication=publication, row=None, mention=said,
        recorded_at=NOW - timedelta(days=3),
    )  # fmt: skip


def chat(**more):
    watched = more.pop("filter", Filter(counties={"NC/nash": 9}))
    return Subscription(
        id="1", channel="telegram", address="42", filter=watched, tz="America/New_York", hears_reminders=True,
        pinned_at=NOW, **more,
    )  # fmt: skip


def editions(*changes):
    return AgendaLog(changes).last_editions()


def test_a_reminder_names_the_body_the_time_and_the_item():
    (meeting,) = due_reminders(chat(), editions(change()), NOW)
    assert plain_text(reminder(Language.ENGLISH, meeting, NOW, "America/New_York")) == (
        "Tomorrow, with 287(g) on the agenda: Board of Commissioners, Nash County, NC\n"
        "Dec. 8, 2026, at 6:30 p.m. EST. The meeting was on the calendar when I last checked.\n"
        "• MOA with ICE\nhttps://nash.example/1"
    )
    assert plain_text(reminder(Language.SPANISH, meeting, NOW, "America/New_York")).startswith(
        "Mañana, con el 287(g) en la agenda: Board of"
    )


@pytest.mark.parametrize(
    ("to", "log", "now"),
    [
        (chat(), [change()], NOW - timedelta(minutes=31)),  # before 6 p.m.
        (chat(), [change()], MEETS + timedelta(minutes=1)),  # it has begun
        (replace(chat(), hears_reminders=False), [change()], NOW),
        (chat(paused="stopped"), [change()], NOW),
        (chat(quiet_until=NOW + timedelta(days=1)), [change()], NOW),
        (chat(filter=Filter(counties={"NC/pitt": 0})), [change()], NOW),
        (chat(filter=Filter(counties={"NC/nash": 0}, kinds={Kind.SIGNED: 0})), [change()], NOW),
        (chat(), [change(subject=Subject.RELATED, kind=Kind.RELATED)], NOW),
        *((chat(), [change(status=status)], NOW) for status in (CANCELLED, POSTPONED, OFF_AGENDA)),
        (chat(), [replace(change(), recorded_at=NOW - timedelta(minutes=5))], NOW),  # just told
    ],
)
def test_no_reminder_is_due(to, log, now):
    assert due_reminders(to, editions(*log), now) == () or list(due_reminders(to, editions(*log), now)) == []


def test_a_meeting_that_was_moved_is_reminded_of_on_its_new_day_only():
    first = change()
    later = change(2, at=MEETS + timedelta(days=7), status=RESCHEDULED, before=first.mention)
    log = editions(first, later)
    assert list(due_reminders(chat(), log, NOW)) == []
    (meeting,) = due_reminders(chat(), log, NOW + timedelta(days=7))
    assert meeting.day == date(2026, 12, 15)


def test_several_items_of_one_meeting_are_one_reminder_and_a_retracted_one_is_none():
    other = change(2, item="2", title="Jail contract")
    (meeting,) = due_reminders(chat(), editions(change(), other), NOW)
    assert [mention.title for mention in meeting.mentions] == ["MOA with ICE", "Jail contract"]
    taken_back = replace(change(3), kind=Kind.RETRACTED, retracts=1)
    assert list(due_reminders(chat(), editions(change(), taken_back), NOW)) == []


def test_the_evening_before_is_that_of_the_chats_own_time_zone():
    in_hawaii = replace(chat(), tz="Pacific/Honolulu")  # 1:30 p.m. there, and the meeting is at 1:30 p.m. tomorrow
    assert list(due_reminders(in_hawaii, editions(change()), NOW)) == []
    assert len(due_reminders(in_hawaii, editions(change()), NOW + timedelta(hours=5))) == 1


def test_a_meeting_without_a_time_is_reminded_of_the_evening_before_its_day():
    log = editions(change(at=None, on=date(2026, 12, 8)))
    assert len(due_reminders(chat(), log, NOW)) == 1


def test_a_digest_names_the_meetings_of_the_next_seven_days_except_its_own_news():
    later = change(2, item="2", at=MEETS + timedelta(days=7), county="Pitt")
    to = chat(filter=Filter(states={"NC": 99}))
    lines = this_week(to, Wording(Language.ENGLISH, to.tz), editions(change(), later), ())
    assert plain_text(lines) == (
        "This week:\n• Board of Commissioners, Nash County, NC, Dec. 8, 2026, at 6:30 p.m. EST: MOA with ICE"
    )
    assert this_week(to, Wording(Language.ENGLISH, to.tz), editions(change()), {change().mention.key}) == ()
    spanish = this_week(
        replace(to, language=Language.SPANISH), Wording(Language.SPANISH, to.tz), editions(change()), ()
    )
    assert plain_text(spanish).startswith("Esta semana:\n")


def test_meetings_are_in_order_and_past_ones_are_left_out():
    log = editions(change(1, at=MEETS + timedelta(days=2)), change(2, item="2"), change(3, item="3", at=NOW))
    assert [meeting.day.day for meeting in to_come(log, Filter(states={"NC": 0}), NOW, "UTC")] == [8, 10]


# ── scanned documents ────────────────────────────────────────────────────────────────────────────────────────────────


def scan(number=1, **more):
    values = {
        "item": f"event/{number}", "source": "Nash County, NC", "state": "NC", "county": "Nash", "title": "Agenda",
        "body": "Board of Commissioners", "address": f"https://nash.example/{number}.pdf", "sha256": "e",
        "meets_at": MEETS, "seen_at": NOW - timedelta(days=1),
    }  # fmt: skip
    return Scan(**{**values, **more})


@pytest.mark.parametrize(
    ("language", "title"),
    [(Language.ENGLISH, "Scanned, not read:"), (Language.SPANISH, "Documentos escaneados, sin leer:")],
)
def test_a_digest_names_scanned_documents_with_their_links(language, title):
    to = chat(cadence=Cadence.DAILY, language=language)
    lines = scanned(to, Wording(language, to.tz), [scan()])
    day = {Language.ENGLISH: "Dec. 8, 2026", Language.SPANISH: "8 de diciembre de 2026"}[language]
    assert plain_text(lines) == f"{title}\n• Board of Commissioners, Nash County, NC, {day}: Agenda"
    assert lines[1][1].href == "https://nash.example/1.pdf"


def test_a_digest_names_five_scanned_documents_and_counts_the_others():
    to = chat(cadence=Cadence.DAILY)
    lines = scanned(to, Wording(Language.ENGLISH, to.tz), [scan(number) for number in range(8)])
    assert (len(lines), plain_text(lines[-1:])) == (7, "• and 3 more scanned documents")
    assert scanned(to, Wording(Language.ENGLISH, to.tz), []) == ()


@pytest.mark.parametrize(
    ("more", "is_told"),
    [({"cadence": Cadence.DAILY, "hears_always": True}, True), ({"cadence": Cadence.DAILY}, False), ({}, False)],
)
def test_a_scanned_document_alone_causes_no_message(more, is_told):
    digest = compose(chat(**more), [], upto=9, about=Circumstances(page="https://ice.example/", scans=[scan()]))
    assert (digest is not None) is is_told
    assert digest is None or "Scanned, not read:" in plain_text(digest.lead)
