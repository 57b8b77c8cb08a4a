"""Addresses from outside: their parts, or None if no program could request them."""

import pytest
from support.bad_addresses import UNUSABLE

from bot.domain.agreement import Agreement, SupportType
from bot.domain.lists.signing_dates import is_doubtful
from bot.domain.web_address import web_parts


@pytest.mark.parametrize("address", UNUSABLE)
def test_an_address_that_no_program_could_request_has_no_parts(address):
    assert web_parts(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://www.nashcountync.gov/AgendaCenter",
        "http://co_clerk.example.org:8080/x?y=[1]#z",
        "https://xn--mnchen-3ya.example/",
        "https://münchen.example/",
        "http://[2606:2800:220:1::1]:8080/",
        "http://93.184.216.34/",
        "https://www.example.gov./",
    ],
)
def test_an_address_that_a_site_could_have_keeps_its_parts(address):
    parts = web_parts(address)
    assert parts is not None
    assert parts.hostname


@pytest.mark.parametrize("moa", ["http://[/x", "https://www.ice.gov:99999/x.pdf", "http://exa\u2100mple.gov/x.pdf"])
def test_an_agreement_whose_link_is_broken_is_judged_without_it(moa):
    agreement = Agreement(
        state="TX", agency="Harris County", canonical="harris county", support_type=SupportType.JEM, moa=moa
    )
    assert is_doubtful(agreement) in {True, False}
