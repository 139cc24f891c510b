"""Media types: what a body is announced as, and what a client accepts."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from service.http.problems import ProblemError

Headers = dict[bytes, bytes]
"""Request headers, by name in lower case."""

_JSON: Final = b"application/json"

NDJSON_TYPE: Final = "application/x-ndjson"
ARROW_TYPE: Final = "application/vnd.apache.arrow.stream"
PARQUET_TYPE: Final = "application/vnd.apache.parquet"

STREAMED_TYPES: Final = frozenset({NDJSON_TYPE, ARROW_TYPE, PARQUET_TYPE})
"""Media types of bodies that may be answered while they come in."""

_SHORTEST_STREAMED: Final = min(map(len, STREAMED_TYPES))


def streamed_type(headers: Headers) -> str | None:
    """Return which of :data:`STREAMED_TYPES` the headers announce; None if none of them."""
    header = headers.get(b"content-type", b"")
    # Most headers are shorter, and need no closer look.
    if len(header) < _SHORTEST_STREAMED:
        return None
    media_type = _media_type(header).decode("latin-1")
    return media_type if media_type in STREAMED_TYPES else None


def _media_type(header: bytes) -> bytes:
    return header.partition(b";")[0].strip().lower()


def wants_ndjson(accept: str) -> bool:
    """Whether the header ``Accept`` prefers NDJSON to JSON."""
    weights = dict(weighed(offer) for offer in accept.lower().split(","))
    ndjson = weights.get(NDJSON_TYPE)
    others = weights.get("application/*", weights.get("*/*", 0.0))
    json = weights.get(_JSON.decode(), others)
    return others > json if ndjson is None else ndjson > 0 and ndjson >= json


def preferred(accept: str, offers: Sequence[str]) -> str | None:
    """Return which of ``offers`` the header ``Accept`` prefers, the first among equals; None if it takes none.

    An empty header takes any.
    """
    weights = dict(weighed(offer) for offer in accept.lower().split(",") if offer.strip())
    if not weights:
        return offers[0]

    def weight(offer: str) -> float:
        ranges = (offer, f"{offer.partition('/')[0]}/*", "*/*")
        return next((weights[name] for name in ranges if name in weights), 0.0)

    best = max(offers, key=weight)
    return best if weight(best) > 0 else None


def weighed(offer: str) -> tuple[str, float]:
    """Return a media range or coding, in lower case, and its weight (RFC 9110, 12.4.2), which defaults to 1."""
    name, *parameters = (part.strip() for part in offer.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                break
    return name, 1.0


def is_json(headers: Headers) -> bool:
    """Whether the headers announce JSON."""
    header = headers.get(b"content-type", b"")
    if header == _JSON:
        return True
    media_type = _media_type(header)
    return media_type == _JSON or (media_type.startswith(b"application/") and media_type.endswith(b"+json"))


def require_json(headers: Headers) -> None:
    """Raise ProblemError (415) unless the headers announce JSON."""
    if is_json(headers):
        return
    media_type = _media_type(headers.get(b"content-type", b""))
    shown = media_type.decode("latin-1")[:64]
    reason = f"unsupported media type {shown!r}" if media_type else "the header Content-Type is missing"
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{reason}: send JSON with the header Content-Type: application/json"
    )
