"""The agenda platforms that a town's own page shows or links to."""

from datetime import date

import pytest

from bot.commands.local_sources import next_meetings, of_its_body, place_of
from bot.domain.agendas.whose_site import stated_place
from bot.sources.formats.html import linked_addresses
from bot.sources.local.recognize import recognized_among

HERE = "https://www.example-county.gov/government/meetings"
DAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("html", "kind", "address"),
    [
        ('<iframe src="https://okaloosacountyfl.iqm2.com/Citizens/Default.aspx">', "iqm2", "https://okaloosacountyfl.iqm2.com/Citizens/Calendar.aspx"),
        ('<a href="https://tulsa.granicus.com/ViewPublisher.php?view_id=4">Agendas</a>', "feed", "https://tulsa.granicus.com/ViewPublisherRSS.php?view_id=4&mode=agendas"),
        ('<a href="https://austell-ga.municodemeetings.com/">x</a>', "municode", "https://austell-ga.municodemeetings.com/"),
        ('<a href="/AgendaCenter">Agendas</a>', "civicplus", "https://www.example-county.gov/AgendaCenter"),
        ('<iframe src="//pitt.legistar.com/Calendar.aspx">', "legistar", "https://webapi.legistar.com/v1/pitt"),
        ('<a href="https://pittnc.portal.civicclerk.com/event/5/files">x</a>', "civicclerk", "https://pittnc.api.civicclerk.com/v1"),
        ('<a href="https://lacity.primegov.com/Portal/Meeting?meetingTemplateId=1">x</a>', "primegov", "https://lacity.primegov.com"),
        ('<a href="https://public.destinyhosted.com/agenda_publish.cfm?id=63927&mt=ALL">x</a>', "destiny", "https://public.destinyhosted.com/agenda_publish.cfm?id=63927"),
        ('<a href="https://lakewales.novusagenda.com/agendapublic/">x</a>', "novusagenda", "https://lakewales.novusagenda.com/agendapublic/"),
        ('<a href="https://pitt.civicweb.net/Portal/">x</a>', "civicweb", "https://pitt.civicweb.net"),
        ('<iframe src="https://pub-pitt.escribemeetings.com/Meeting.aspx?Id=6f1c">', "escribe", "https://pub-pitt.escribemeetings.com"),
        ('<a href="https://pub-pitt.escribemeetings.com/?Year=2026">Agendas</a>', "escribe", "https://pub-pitt.escribemeetings.com"),
        ('<a href="https://go.boarddocs.com/nc/pitt/Board.nsf/vpublic?open">Agendas</a>', "boarddocs", "https://go.boarddocs.com/nc/pitt/Board.nsf/Public"),
        ('<iframe src="//www.boarddocs.com/nc/pitt/Board.nsf/goto?open&amp;id=ABC">', "boarddocs", "https://go.boarddocs.com/nc/pitt/Board.nsf/Public"),
    ],
)  # fmt: skip
def test_a_frame_or_a_link_to_a_platform_is_offered(html, kind, address):
    page = f"<html><a href='/news.rss'>News</a><a href='https://facebook.com/x'>f</a>{html}</html>".encode()
    (found,) = recognized_among(linked_addresses(page, HERE))
    assert (found.kind, found.address) == (kind, address)


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://www.civicplus.com/?utm=x">Websites by CivicPlus</a>',
        '<a href="https://connect.civicplus.com/referral">CivicPlus</a>',
        '<a href="https://www.iqm2.com/">IQM2</a><a href="/rss.xml">News</a>',
        '<a href="https://go.boarddocs.com/">BoardDocs</a><a href="https://www.escribemeetings.com/">eScribe</a>',
        '<a href="https://info.escribemeetings.com/demo">eScribe</a><a href="https://www.boarddocs.com/home">x</a>',
        '<a href="javascript:void(0)">x</a><a href="mailto:a@b.gov">y</a><iframe>',
    ],
)
def test_the_vendors_own_site_and_a_feed_of_news_are_not_offered(html):
    assert recognized_among(linked_addresses(f"<html>{html}</html>".encode(), HERE)) == []


def test_a_frame_comes_before_links():
    page = b'<a href="https://a-nc.municodemeetings.com">x</a><iframe src="https://b.legistar.com/Calendar.aspx">'
    assert [each.kind for each in recognized_among(linked_addresses(page, HERE))] == ["legistar", "municode"]


@pytest.mark.parametrize(
    ("address", "stated", "proposed"),
    [
        ("https://okaloosacountyfl.iqm2.com/", ("", ""), ("Okaloosa County", "FL", "Okaloosa", "12091")),
        ("https://www.gulfshoresal.gov/AgendaCenter", ("Gulf Shores", "AL"), ("Gulf Shores", "AL", "Baldwin", "")),
        ("https://la-caddoparish.civicplus.com", ("", ""), ("Caddo Parish", "LA", "Caddo", "22017")),
        ("https://hampton.legistar.com", ("Hampton", "VA"), ("Hampton", "VA", "Hampton", "51650")),
        ("https://tulsa-ok.granicus.com/ViewPublisher.php?view_id=4", ("City of Tulsa", "OK"), ("Tulsa", "OK", "", "")),
        ("https://tulsa-ok.granicus.com/ViewPublisher.php?view_id=4", ("", "OK"), ("Tulsa", "OK", "", "")),
        ("https://pittnc.portal.civicclerk.com", ("", ""), ("pittnc", "NC", "", "")),
        ("https://victoria.legistar.com", ("City of Victoria", "TX"), ("Victoria", "TX", "Victoria", "")),
        ("https://stl.legistar.com", ("City of St. Louis", "MO"), ("St. Louis", "MO", "St. Louis City", "29510")),
        (
            "https://www.elpasoco.com/AgendaCenter",
            ("El Paso County", "CO"),
            ("El Paso County", "CO", "El Paso", "08041"),
        ),
        ("https://agendas.example.org/x", ("", ""), ("agendas.example.org", "", "", "")),
    ],
)
def test_the_state_the_county_and_the_name_are_proposed(address, stated, proposed):
    place = of_its_body(place_of(address), stated)
    assert (place.state, place.county, place.fips) == proposed[1:]
    assert place.name == proposed[0] or not place.state


def test_a_site_says_whose_it_is_in_its_title_or_its_footer():
    assert stated_place(["Agenda Center • Kingsburg, CA • CivicEngage"], "") == ("Kingsburg", "CA")
    assert stated_place(["Pitt County Government"], "1717 W 5th St, Greenville, NC 27834") == ("Pitt County", "NC")
    assert stated_place(["Agendas"], "Fargo, ND 58102. Moorhead, MN 56560") == ("", "")


def test_the_next_meetings_are_shown_once_each_and_soonest_first():
    def item(day, title, clock=None):
        return {"what": "item", "date": day, "time": clock, "body": "Council", "title": title}

    found = [item("2026-12-08", "b", "18:30"), item("2026-12-02", "a"), item("2026-12-08", "c", "18:30"), item("2026-11-30", "d"), item(None, "e")]  # fmt: skip
    assert next_meetings(found, DAY) == ["2026-12-02  Council", "2026-12-08 18:30  Council"]
