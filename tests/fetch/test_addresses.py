"""Addresses: which can be parsed, which are public, and what an error shows of them."""

import ipaddress

import pytest
from support.bad_addresses import UNUSABLE

from bot.domain.web_address import masked, masked_typed
from bot.errors import Unsafe
from bot.fetch.addresses import is_public, parsed, redirect_target


@pytest.mark.parametrize("address", UNUSABLE)
def test_an_unusable_address_is_refused_with_a_sentence(address):
    with pytest.raises(Unsafe, match=r"^the address [^\n]+$"):
        parsed(address)


@pytest.mark.parametrize(
    "location",
    ["http://xn--/", "//xn--a/x", "http://www.example:99999/", "http://www.example:0/", "http://[::1]x/", "//[/x"],
)
def test_a_redirect_to_an_unusable_address_is_refused_with_a_sentence(location):
    with pytest.raises(Unsafe, match=r"^http://www.example/ redirects to an address we won't follow: the address "):
        redirect_target(parsed("http://www.example/"), 302, location)


@pytest.mark.parametrize(
    "special",
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::1/128", "::/128",
        "::/96", "::ffff:0:0/104", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32",
        "2001:1::/32", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28",
        "2001:db8::/32", "2002:a00::/24", "2002:7f00::/24", "2620:4f:8000::/48", "3fff::/20", "4000::/3", "5f00::/16",
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ],
)  # fmt: skip
def test_no_address_of_a_special_range_is_public(special):
    network = ipaddress.ip_network(special)
    first, last = network[0], network[-1]
    between = network[network.num_addresses // 3]
    assert [str(each) for each in (first, between, last) if is_public(each)] == []


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "192.88.98.255", "192.88.100.1", "198.17.255.255", "2606:2800:220:1::1", "2a00:1450::1",
     "3ffe::1", "64:ff9b::808:808", "::ffff:8.8.8.8"],
)  # fmt: skip
def test_the_neighbors_of_special_ranges_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "typed",
    [
        "https://clerk:hunter2@www.example.gov/",
        "clerk:hunter2@www.example.gov/agendas",
        "https://clerk:hunter2#x@www.example.gov/",
        "https://clerk:hunter2/x@www.example.gov/",
        "mailto://clerk:hunter2@www.example.gov",
        "ftp://www.example.gov/?password=hunter2",
        "https:clerk:hunter2@www.example.gov",
    ],
)
def test_a_typed_address_is_shown_without_its_password(typed):
    assert "hunter2" not in masked_typed(typed)
    assert "example.gov" in masked_typed(typed)


def test_an_address_without_a_password_is_shown_as_it_was_typed():
    assert masked_typed("www.example.gov/agendas") == "www.example.gov/agendas"
    assert masked("https://medium.example/@clerk/feed") == "https://medium.example/@clerk/feed"
