"""Requests that ask for another protocol, which the service does not speak."""

from collections.abc import Iterable
from typing import Final

import httptools

_HEADERS: Final = frozenset({b"http2-settings", b"upgrade"})


def head_without_upgrade(
    parser: httptools.HttpRequestParser, url: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Return the head of a request without its upgrade to another protocol, for a new parser.

    Java's client asks for HTTP/2 in this way. The parser would take the body that follows for the other protocol.

    Args:
        parser: has read the head.
        url: the target of the request.
        headers: of the request, with names in lower case.
    """
    lines = [parser.get_method(), b" ", url, b" HTTP/", parser.get_http_version().encode(), b"\r\n"]
    for name, value in headers:
        kept = value
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            kept = b", ".join(token for token in tokens if token.lower() not in _HEADERS)
        if kept and name not in _HEADERS:
            lines += (name, b": ", kept, b"\r\n")
    return b"".join([*lines, b"\r\n"])
