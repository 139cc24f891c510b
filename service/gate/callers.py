"""Who a request counts for: its key, or the address that it comes from."""

import ipaddress
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from service.gate.keys import ANONYMOUS, Key

_PREFIX: Final = 64
"""Bits of an IPv6 address that identify a caller, who may choose the others."""


def caller_of(scope: Scope, key: Key | None = None) -> str:
    """Return who a request counts for: its ``key``, else its address, or its /64 network of IPv6."""
    if key is not None and key is not ANONYMOUS:
        return f"key {key.name}"
    client = scope.get("client")
    return _network_of(client[0]) if client else ""


@lru_cache(maxsize=4_096)
def _network_of(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(address), _PREFIX), strict=False))
