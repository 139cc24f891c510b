"""Addresses that users name: which are public, and how responses show them."""

import re
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

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

_SCHEME: Final = re.compile(r"([a-z][a-z0-9]{0,31})://", re.IGNORECASE)

_SHOWN: Final = re.compile(r"[a-z][a-z0-9]{0,31}://(?:[^/?#@]+/)?\.\.\.#[0-9a-f]{6}", re.IGNORECASE)
"""An address as responses show it."""

_WITH_HOST: Final = re.compile(
    r"(?:apprise|form|gotify|hassio|http|json|mailto|matrix|mmost|mqtt|ncloud|nctalk|ntfy|rocket|xml)s?"
)
"""Schemes whose addresses begin with a host. Those of others may begin with a password."""

_HOST: Final = re.compile(
    r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]+|localhost|[0-9.]+|\[[0-9a-f:.]+\])(?::\d+)?", re.IGNORECASE
)
"""A host and its port. A name without a dot may also be a topic, which is a secret."""

_FINGERPRINT: Final = 6
"""Digits that tell two addresses of one host apart, and too few to find what is hidden by trying."""


def is_public(address: str) -> bool:
    """Return whether an address, such as ``192.0.2.1`` or ``fe80::1%eth0``, can be anywhere on the Internet.

    An IPv6 address that leads to an IPv4 address is as public as that one.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.is_site_local:
            return False
        translated = IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _TRANSLATED else None
        ip = translated or ip.ipv4_mapped or ip.sixtofour or ip
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local
    listed = any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)
    return ip.is_global and not (special or listed)


def is_private_name(host: str) -> bool:
    """Return whether a host is this machine or a private address. Other names are checked once they are resolved."""
    try:
        return not is_public(host)
    except ValueError:
        return f".{host}".endswith(".localhost")


def scheme_of(address: str) -> str:
    """Return the scheme of an address, in lower case; empty if it has none."""
    found = _SCHEME.match(address)
    return found[1].lower() if found else ""


def host_of(address: str) -> str:
    """Return the host of an address, with its port if it has one; empty if what stands there may be a secret."""
    scheme = scheme_of(address)
    if not _WITH_HOST.fullmatch(scheme):
        return ""
    rest = address.partition("://")[2]
    host = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if scheme in ("http", "https"):
        return host
    # Without a path, or in this mode, ntfy has a topic there.
    is_topic = scheme.startswith("ntfy") and ("/" not in rest.partition("?")[0].rstrip("/") or "mode=" in rest)
    return "" if is_topic or not _HOST.fullmatch(host) else host


def is_shown(address: str) -> bool:
    """Return whether an address has the form in which responses show it."""
    return _SHOWN.fullmatch(address) is not None


def shown_address(address: str) -> str:
    """Return an address with nothing but its scheme, host and six digits; one that is shown already, as it is.

    The user, the path and the query may hold a secret.
    """
    if is_shown(address):
        return address
    scheme, host = address.partition("://")[0], host_of(address)
    return f"{scheme}://{host}{'/' if host else ''}...#{sha256(address.encode()).hexdigest()[:_FINGERPRINT]}"
