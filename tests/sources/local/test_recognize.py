import pytest

from bot.sources.local.recognize import recognize


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
