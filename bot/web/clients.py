"""The clients that connections and requests come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

SITE = 64  # bits of an IPv6 address that one customer shares


@dataclass(frozen=True, slots=True)
class Clients:
    """Identifies the client behind a connection or request.

    `proxies` are the networks that we trust to forward client addresses.
    """

    proxies: Sequence[str] = ()

    def is_proxy(self, peer: str) -> bool:
        """Return True if the other end of a connection is one of our proxies."""
        address = _address(peer)
        return address is not None and any(address in ip_network(network) for network in self.proxies)

    def name(self, peer: str, forwarded_for: str = "") -> str:
        """Return the client's name. Behind our proxies, this is the last address that doesn't belong to a proxy.

        A client can write anything into X-Forwarded-For, but each proxy appends the address that it saw.
        """
        at = peer
        for entry in reversed(forwarded_for.split(",")):
            if not self.is_proxy(at) or _address(entry) is None:
                break
            at = entry
        return _site(at)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, with or without a port. Return None if the input isn't an address."""
    plain = text.strip().strip('"')
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        found = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _site(text: str) -> str:
    """Return an IPv4 address as it is. For an IPv6 address, return its network.

    A single customer can have billions of IPv6 addresses.
    """
    address = _address(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> (128 - SITE) << (128 - SITE), SITE)))
    return str(address or text)
