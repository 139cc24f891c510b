"""Media types of request bodies."""

from http import HTTPStatus
from typing import Final

from service.http.problems import ProblemError
from service.http.security_headers import RawHeaders

_JSON: Final = b"application/json"

NDJSON_TYPE: Final = "application/x-ndjson"
NDJSON: Final[RawHeaders] = ((b"content-type", NDJSON_TYPE.encode()),)
"""Of an answer: JSON, one value a line."""


def is_ndjson(headers: dict[bytes, bytes]) -> bool:
    """Whether the headers announce JSON, one value a line."""
    stated = headers.get(b"content-type", b"")
    # Most announce something shorter, and are not looked at any closer.
    return len(stated) >= len(NDJSON_TYPE) and _media_type(stated) == NDJSON_TYPE.encode()


def _media_type(stated: bytes) -> bytes:
    return stated.partition(b";")[0].strip().lower()


def wants_ndjson(accept: str) -> bool:
    """Whether the header ``Accept`` asks for JSON, one value a line, before JSON; else JSON is answered."""
    weights = dict(weighed(one) for one in accept.lower().split(","))
    named = weights.get(NDJSON_TYPE)
    others = weights.get("application/*", weights.get("*/*", 0.0))
    plain = weights.get(_JSON.decode(), others)
    return others > plain if named is None else named > 0 and named >= plain


def weighed(offer: str) -> tuple[str, float]:
    """A media range or a coding, in lower case, and its weight (RFC 9110, 12.4.2): 1 where it states none."""
    name, *parameters = (one.strip() for one in offer.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                break
    return name, 1.0


def require_json(headers: dict[bytes, bytes]) -> None:
    """Whether the headers announce JSON.

    Raises:
        ProblemError: 415 if not.
    """
    stated = headers.get(b"content-type", b"")
    if stated == _JSON:
        return
    media_type = _media_type(stated)
    if media_type == _JSON or (media_type.startswith(b"application/") and media_type.endswith(b"+json")):
        return
    said = f"{media_type.decode('latin-1')[:64]!r} is not" if media_type else "no media type was sent; it should be"
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{said} JSON: send the header Content-Type: application/json"
    )
