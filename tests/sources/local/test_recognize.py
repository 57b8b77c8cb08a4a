import pytest

from bot.sources.local.recognize import list_needed, recognize


@pytest.mark.parametrize(
    ("address", "kind", "name", "proposed", "state"),
    [
        (
            "https://nashcounty.legistar.com/Calendar.aspx",
            "legistar",
            "nashcounty",
            "https://webapi.legistar.com/v1/nashcounty",
            "",
        ),
        (
            "https://webapi.legistar.com/v1/nyc/matters?$top=5&token=abc",
            "legistar",
            "nyc",
            "https://webapi.legistar.com/v1/nyc?token=abc",
            "",
        ),
        ("NashCounty.Legistar.com", "legistar", "nashcounty", "https://webapi.legistar.com/v1/nashcounty", ""),
        (
            "https://tenant.portal.civicclerk.com/event/5/files",
            "civicclerk",
            "tenant",
            "https://tenant.api.civicclerk.com/v1",
            "",
        ),
        ("https://slug.primegov.com/public/portal?x=1", "primegov", "slug", "https://slug.primegov.com", ""),
        (
            "https://client.granicus.com/ViewPublisher.php?view_id=3",
            "feed",
            "client-3",
            "https://client.granicus.com/ViewPublisherRSS.php?view_id=3&mode=agendas",
            "",
        ),
        ("https://host.gov/AgendaCenter", "civicplus", "host.gov", "https://host.gov/AgendaCenter", ""),
        (
            "http://al-alabaster.civicplus.com/AgendaCenter",
            "civicplus",
            "alabaster-al",
            "http://al-alabaster.civicplus.com/AgendaCenter",
            "AL",
        ),
        (
            "https://host.gov/RSSFeed.aspx?ModID=1&CID=All-0",
            "civicplus",
            "host.gov",
            "https://host.gov/AgendaCenter",
            "",
        ),
        (
            "https://legistar.council.nyc.gov/MeetingDetail.aspx?ID=1&GUID=2",
            "legistar",
            "legistar.council.nyc.gov",
            "https://legistar.council.nyc.gov/Calendar.aspx",
            "",
        ),
        (
            "https://agendas.nash.gov/DepartmentDetail.aspx?ID=24452&GUID=99C8E536-23D1-4912-AEC7-17CB05C140AE",
            "legistar",
            "agendas.nash.gov",
            "https://agendas.nash.gov/DepartmentDetail.aspx?ID=24452&GUID=99C8E536-23D1-4912-AEC7-17CB05C140AE",
            "",
        ),
        (
            "legistar.council.nyc.gov",
            "legistar",
            "legistar.council.nyc.gov",
            "https://legistar.council.nyc.gov/Calendar.aspx",
            "",
        ),
        (
            "https://agendas.nash.gov/View.ashx?M=A&ID=1",
            "page",
            "agendas.nash.gov-view.ashx",
            "https://agendas.nash.gov/View.ashx?M=A&ID=1",
            "",
        ),
        (
            "https://www.nash.gov/Calendar.aspx?CID=14",
            "page",
            "nash.gov-calendar",
            "https://www.nash.gov/Calendar.aspx?CID=14",
            "",
        ),
        (
            "https://nashcountync.iqm2.com/Citizens/",
            "iqm2",
            "nashcountync",
            "https://nashcountync.iqm2.com/Citizens/Calendar.aspx",
            "NC",
        ),
        (
            "https://sheboygan-wi.municodemeetings.com/x",
            "municode",
            "sheboygan-wi",
            "https://sheboygan-wi.municodemeetings.com/",
            "WI",
        ),
        ("https://nash.community.highbond.com/Portal/", "civicweb", "nash", "https://nash.community.highbond.com", ""),
        ("https://x.org/blog/feed", "feed", "x.org-blog-feed", "https://x.org/blog/feed", ""),
        (
            "https://www.co.nash.nc.us/boards/agenda.html#top",
            "page",
            "co.nash.nc.us-boards-agenda",
            "https://www.co.nash.nc.us/boards/agenda.html",
            "NC",
        ),
        (
            "http://nyc.legistar1.com/nyc/attachments/f6a2.pdf",
            "legistar",
            "nyc",
            "https://webapi.legistar.com/v1/nyc",
            "",
        ),
        (
            "https://legistar2.granicus.com/pitt/meetings/2026/1/1_A_Board.pdf",
            "legistar",
            "pitt",
            "https://webapi.legistar.com/v1/pitt",
            "",
        ),
        (
            "https://www.pittnc.civicclerk.com/Web/Player.aspx?id=1",
            "civicclerk",
            "pittnc",
            "https://pittnc.api.civicclerk.com/v1",
            "",
        ),
        (
            "https://destinyhosted.com/agenda_publish.cfm?ID=56691",
            "destiny",
            "destiny-56691",
            "https://public.destinyhosted.com/agenda_publish.cfm?id=56691",
            "",
        ),
        (
            "https://pitt.novusagenda.com/AgendaIntranet/?meetingtype=2",
            "novusagenda",
            "pitt-2",
            "https://pitt.novusagenda.com/agendapublic/?MeetingType=2",
            "",
        ),
        (
            "https://client.granicus.com/viewpublisher.php?View_ID=3&mode=vpodcast",
            "feed",
            "client-3",
            "https://client.granicus.com/ViewPublisherRSS.php?view_id=3&mode=agendas",
            "",
        ),
        (
            "https://go.boarddocs.com/nc/pitt",
            "boarddocs",
            "pitt-nc",
            "https://go.boarddocs.com/nc/pitt/Board.nsf/Public",
            "NC",
        ),
        ("http://127.0.0.1:8000/agenda.pdf", "page", "127.0.0.1-agenda.pdf", "http://127.0.0.1:8000/agenda.pdf", ""),
    ],
)
def test_an_address_is_recognized(address, kind, name, proposed, state):
    place = recognize(address)
    assert (place.kind, place.name, place.address, place.state) == (kind, name, proposed, state)


@pytest.mark.parametrize(
    "address",
    ["", "nash county", "ftp://nash.example/", "https://", "http://[::1", "https://a:b@nash.example/", "file:///etc/x",
     "https://nash.example:99999/", "javascript:alert(1)", "https://nash .example/"],
)  # fmt: skip
def test_anything_but_a_web_address_is_not_recognized(address):
    assert recognize(address) is None


def test_a_host_that_only_looks_like_a_platform_is_a_page():
    for address in ("https://legistar.com.evil.example/", "https://evillegistar.com/", "https://www.agendacenter.com/"):
        assert recognize(address).kind == "page"


@pytest.mark.parametrize(
    ("address", "needed"),
    [
        ("https://www.legistar.com/", "https://NAME.legistar.com/Calendar.aspx"),
        ("https://support.primegov.com", "https://NAME.primegov.com/public/portal"),
        ("https://webapi.legistar.com/Help", "https://NAME.legistar.com/Calendar.aspx"),
        ("https://pitt.granicus.com", "https://pitt.granicus.com/ViewPublisher.php?view_id=NUMBER"),
        ("https://pitt.granicus.com/AgendaViewer.php?event_id=12", "https://pitt.granicus.com/ViewPublisher.php?view_id=NUMBER"),
        ("https://www.granicus.com/ViewPublisher.php?view_id=3", "https://NAME.granicus.com/ViewPublisher.php?view_id=NUMBER"),
        ("https://mccmeetings.blob.core.usgovcloudapi.net/pittnc-pubu/MEET-Agenda-1.pdf", "https://NAME-ST.municodemeetings.com"),
        ("https://public.destinyhosted.com/docs/x.pdf", "https://public.destinyhosted.com/agenda_publish.cfm?id=NUMBER"),
        ("https://pitt.legistar.com", ""),
        ("https://www.pitt.gov/agendas", ""),
        ("https://x.granicus.com.evil.example/", ""),
    ],
)  # fmt: skip
def test_an_address_on_a_platform_that_is_no_places_list_says_what_is_needed(address, needed):
    assert recognize(address).kind == "page" or not needed
    assert list_needed(address) == needed
