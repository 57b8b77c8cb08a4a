"""Functions that parse, resolve, check and mask addresses."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import httpx

from bot.domain.web_address import masked, web_parts
from bot.domain.web_address import short as short  # noqa: PLC0414 - `body` takes it from here
from bot.errors import Unreadable, Unsafe

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_METADATA = ipaddress.ip_address("fd00:ec2::254")  # a cloud's metadata service, in a private network
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all other IPv6 addresses are special or not assigned
# The ranges of IANA's special-purpose registries, without those that ipaddress knows in every version.
# No site is in any of them. 2002::/16 isn't listed, because it is checked by the IPv4 address inside it.
_SPECIAL = tuple(
    ipaddress.ip_network(each)
    for each in (
        "168.63.129.16/32",  # a cloud's metadata service; not in a registry
        "192.0.0.0/24",  # protocol assignments, with another cloud's metadata service
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.175.48.0/24",  # AS112
        "2001::/23",  # protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID, DRIP
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


async def checked_addresses(
    host: str, port: int, resolve: Resolve, *, allow_loopback: bool, allow_private: bool = False
) -> list[Address]:
    """Resolve a host name once and return its addresses.

    Raise Unsafe if any address isn't allowed. Raise OSError or ValueError if the name can't be resolved.
    """
    addresses = [ipaddress.ip_address(each) for each in dict.fromkeys(await resolve(host, port))]
    for address in addresses:
        is_ours = (allow_loopback and is_loopback(address)) or (allow_private and is_private(address))
        if not is_public(address) and not is_ours:
            leads = "" if str(address) == host else f"{short(host)} resolves to "
            raise Unsafe(f"{leads}{address}{', which' if leads else ''} isn't a public address")
    return addresses


async def system_resolve(host: str, port: int) -> list[str]:
    """Return a host name's addresses from the system's resolver.

    A literal IP address is returned as is, without using a thread.
    """
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def is_loopback(address: Address) -> bool:
    """Return whether an address is ::1 or in 127.0.0.0/8."""
    return address.is_loopback and (address.version == 4 or address == ipaddress.IPv6Address("::1"))


def is_private(address: Address) -> bool:
    """Return whether an address is in a private network, where an operator may have a server."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    plain = mapped or address
    return any(plain in network for network in _PRIVATE) and plain != _METADATA


def is_public(address: Address) -> bool:
    """Return whether an address is on the public internet.

    If an IPv6 address contains an IPv4 address, check the IPv4 address instead.
    """
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if wrapped is not None:
            return is_public(wrapped)
    inside = address.is_multicast or address.is_reserved or address.is_link_local or not address.is_global
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    return not inside and not any(address in special for special in _SPECIAL)


def parsed(address: str) -> httpx.URL:
    """Parse an address and return the URL. Raise Unsafe if the address isn't acceptable.

    The error message never includes the address, because it may contain a password.
    """
    try:
        url = httpx.URL(address)
        port, _ = url.port, url.host  # httpx decodes an internationalized host only when it is read
    except (httpx.InvalidURL, ValueError) as invalid:  # IDNAError and UnicodeError are ValueErrors
        raise Unsafe("the address isn't valid") from invalid
    if url.scheme not in {"http", "https"}:
        raise Unsafe(f"the address starts with {short(url.scheme, 20)!r}, not http or https")
    if url.userinfo:
        raise Unsafe("the address contains a user name or password")
    if not re.fullmatch(rb"[\w.:-]+", url.raw_host) or web_parts(str(url)) is None:
        raise Unsafe("the address has no valid host name")
    if port is not None and not 1 <= port <= 65_535:
        raise Unsafe("the address has no valid port")
    return url


def redirect_target(url: httpx.URL, status: int, location: str | None) -> httpx.URL:
    """Return the URL that a redirect points to. Raise an error if we won't follow it."""
    if not location:
        raise Unreadable(f"{shown(url)} answered {status} without saying where to go")
    try:
        target = parsed(str(url.join(location)))
    except (Unsafe, httpx.InvalidURL, ValueError) as refused:
        why = refused if isinstance(refused, Unsafe) else "the address isn't valid"
        raise Unsafe(f"{shown(url)} redirects to an address we won't follow: {why}") from refused
    if url.scheme == "https" and target.scheme == "http":
        raise Unsafe(f"{shown(url)} redirects from https to http ({shown(target)})")
    return target


def shown(url: httpx.URL) -> str:
    """Return the URL masked and shortened, for errors and logs."""
    return short(masked(str(url)))
