"""Request bodies, read up to a limit and decompressed up to the same."""

import re
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.types import Message, Receive

from service.errors import ProblemError

_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}

_SMALL: Final = 2**16
"""Bytes of JSON which can hold no more objects than there is memory for."""

_OBJECTS: Final = 1_000
_OBJECTS_A_SERIES: Final = 4
"""What JSON may hold of them: more than any request needs, so that others are told what is wrong with them."""

_UP_TO_A_BRACE: Final = re.compile(rb'(?:[^"{]++|"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z))*+', re.DOTALL)


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


def refuse_many_objects(content: bytes, max_series: int) -> None:
    """Refuse JSON with far more objects than ``max_series`` need: while it is read each takes hundreds of bytes.

    Raises:
        ProblemError: 422 if it has.
    """
    most = _OBJECTS + _OBJECTS_A_SERIES * max_series
    # Those in strings count here, so that few are looked at any closer.
    if len(content) <= _SMALL or content.count(b"{") <= most:
        return
    at = -1
    for _ in range(most + 1):
        found = _UP_TO_A_BRACE.match(content, at + 1)
        at = len(content) if found is None else found.end()
        if at == len(content):
            return
    detail = f"more than {most} objects, each in braces, are too many: no request that is taken needs so many"
    raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


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
