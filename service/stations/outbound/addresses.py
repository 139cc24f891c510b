"""Which addresses of the Internet protocol are public."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

_Address = IPv4Address | IPv6Address

_NOT_PUBLIC: Final = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # shared by the customers of a provider; some clouds have their metadata there
        "168.63.129.16/32",  # Azure's platform
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "64:ff9b:1::/48",  # local translation to IPv4
    )
)
"""Networks that versions of Python classify differently, or not at all."""

_TRANSLATED: Final = ip_network("64:ff9b::/96")
"""Its last 32 bits are the IPv4 address that a translator connects to."""


def is_public(address: str) -> bool:
    """Return whether an address, such as ``192.0.2.1`` or ``fe80::1%eth0``, can be anywhere on the Internet.

    An IPv6 address that leads to an IPv4 address is as public as that one.

    Raises:
        ValueError: if it is not an address.
    """
    ip: _Address = ip_address(address.partition("%")[0])
    inner = _ipv4_inside(ip) if isinstance(ip, IPv6Address) else None
    return _is_public(ip if inner is None else inner)


def _is_public(ip: _Address) -> bool:
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local
    local = isinstance(ip, IPv6Address) and ip.is_site_local
    listed = any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)
    return ip.is_global and not (special or local or listed)


def _ipv4_inside(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to ``ip`` reach; None if there is none."""
    if ip in _TRANSLATED:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour
