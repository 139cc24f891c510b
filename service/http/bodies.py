"""Request bodies, read up to a limit and decompressed up to the same."""

import re
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.types import Message, Receive

from service.http.problems import ProblemError, invalid_body
from service.http.request_model import UnknownFieldsError

Body = TypeVar("Body", bound=BaseModel)

_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}

_SMALL: Final = 2**16
"""Bytes of JSON which can hold no more than there is memory for."""

_PARTS: Final = 1_000
_PARTS_A_SERIES: Final = 12
"""Objects and arrays that JSON may hold: more than are needed, so that a request of too many series is told so."""

_BYTES_A_VALUE: Final = 3
_BYTES_A_TEXT: Final = 8
"""Of the largest body, for each value or text in JSON: ``24,`` has three, and a month with its quotes nine."""

_UP_TO_A_PART: Final = re.compile(rb'(?:[^"{[]++|"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z))*+', re.DOTALL)


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int, hold: Callable[[int], object]) -> bytes:
    """The whole body, decompressed where it says that it is compressed.

    ``hold`` hears how many bytes it takes in memory, as often as that grows, and may refuse.

    Raises:
        ProblemError: 413 past ``limit`` bytes, before or after decompression; 415 for another compression than gzip
            and deflate; 400 where it cannot be decompressed, or the client left.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect" or message.get("more_body"):
        body = await _read_rest(receive, message, limit, hold)
    if len(body) > limit:
        raise too_large(limit)
    encoding = headers.get(b"content-encoding")
    if encoding is not None:
        body = decompress(body, encoding, limit)
    if encoding is not None or b"content-length" not in headers:
        hold(len(body))
    return body


async def _read_rest(receive: Receive, message: Message, limit: int, hold: Callable[[int], object]) -> bytes:
    pieces, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the client left before its body was complete")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise too_large(limit)
        hold(size)
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()


def read_json(model: type[Body], content: bytes, max_series: int, max_bytes: int) -> Body:
    """A body of JSON as ``model`` has it.

    Raises:
        ProblemError: as :func:`refuse_costly` does.
        RequestValidationError: if it is no JSON, or another.
    """
    refuse_costly(content, max_series, max_bytes)
    try:
        body: Body = model.__pydantic_validator__.validate_json(content, context=[])
    except (ValidationError, UnknownFieldsError) as error:
        raise invalid_body(content, error) from None
    return body


def refuse_costly(content: bytes, max_series: int, max_bytes: int) -> None:
    """Refuse JSON that would take many times its size while it is read.

    An object takes hundreds of bytes, a text or an array two hundred, a number a hundred. So there may be no more of
    them than several times ``max_series`` need, or a body of ``max_bytes`` holds of those that make sense.

    Raises:
        ProblemError: 422 if it has.
    """
    if len(content) <= _SMALL:
        return
    most = _PARTS + _PARTS_A_SERIES * max_series
    # Those in strings count here, so that few are looked at any closer.
    if content.count(b"{") + content.count(b"[") > most and _has_parts(content, most + 1):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"more than {most} objects and arrays are too many: no request that is taken needs so many",
        )
    for what, sign, signs, most in (
        ("values", b",", 1, max_bytes // _BYTES_A_VALUE),
        ("texts", b'"', 2, max_bytes // _BYTES_A_TEXT),
    ):
        # Counting costs a tenth of what reading does, and few bodies are large enough to need it.
        if len(content) > signs * most and content.count(sign) > signs * most:
            detail = f"more than {most} {what} are too many: send less in one request"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def _has_parts(content: bytes, n: int) -> bool:
    """Whether so many objects and arrays begin in JSON, outside of strings."""
    at = -1
    for _ in range(n):
        found = _UP_TO_A_PART.match(content, at + 1)
        at = len(content) if found is None else found.end()
        if at == len(content):
            return False
    return True


def too_large(limit: int) -> ProblemError:
    """The refusal of a body over the limit; the connection cannot go on behind a body that is not read."""
    detail = f"the body is too large: send at most {limit} bytes"
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers={"Connection": "close"}, reason="body_too_large"
    )


def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """``body`` as it was before ``encoding`` (the header's value): see :func:`read_body`."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name not in _WINDOW_BITS:
        said = name.decode("latin-1")[:64]
        detail = f"the compression {said!r} is not read here: send gzip, deflate, or the body as it is"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "gzip, deflate"})
    machine = zlib.decompressobj(_WINDOW_BITS[name])
    try:
        plain = machine.decompress(body, limit + 1)
    except zlib.error as error:
        detail = f"the body cannot be decompressed as {name.decode()}: {error}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail) from None
    if len(plain) > limit:
        raise too_large(limit)
    if machine.unused_data:
        detail = f"something follows the {name.decode()} body; send it as one piece"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    if not machine.eof:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the {name.decode()} body ends before it is complete")
    return plain
