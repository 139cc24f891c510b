"""Read request bodies, and decompress them, up to a limit."""

import asyncio
import re
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.types import Message, Receive

from service.http.large_json import SMALL_BYTES, Body, read_model
from service.http.problems import ProblemError

_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}

_STEP_BYTES: Final = 2**20
"""Bytes that are decompressed at once, in a few milliseconds."""

_BASE_PARTS: Final = 1_000
_PARTS_PER_SERIES: Final = 12
"""Objects and arrays that JSON may hold. A request with too many series stays below, so that its error says that."""

_BYTES_PER_VALUE: Final = 3
_BYTES_PER_STRING: Final = 8
"""The fewest bytes of a useful value or string in JSON: ``24,`` takes three, and a month with its quotes nine."""

_MEMORY_OF_VALUE: Final = 64
_MEMORY_OF_STRING: Final = 64
_MEMORY_OF_PART: Final = 512
"""Memory that a value, a string, and an object, an array or a row of a file take, with what is computed from them."""

_BEFORE_NEXT_PART: Final = re.compile(rb'(?:[^"{[]++|"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z))*+', re.DOTALL)


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int, hold: Callable[[int], object]) -> bytes:
    """Return the whole body, decompressed if necessary.

    ``hold`` is called with the bytes of memory that the body takes, whenever that grows, and may refuse.

    Raises:
        ProblemError: 413 above ``limit`` bytes, before or after decompression; 415 for a compression other than gzip
            and deflate; 400 if the body cannot be decompressed or the client disconnects.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect" or message.get("more_body"):
        body = await _read_rest(receive, message, limit, hold)
    if len(body) > limit:
        raise too_large(limit)
    hold(len(body))
    encoding = headers.get(b"content-encoding")
    return body if encoding is None else await _decompress(body, encoding, limit, hold)


async def _read_rest(receive: Receive, message: Message, limit: int, hold: Callable[[int], object]) -> bytes:
    pieces, size = [], 0
    while True:
        piece, more = part_of(message)
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        hold(size)
        if not more:
            return b"".join(pieces)
        message = await receive()


def part_of(message: Message) -> tuple[bytes, bool]:
    """Return the piece of a body that a message holds, and whether more follow.

    Raises:
        ProblemError: 400 if the client disconnected instead.
    """
    if message["type"] == "http.disconnect":
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the client disconnected before sending the whole body")
    return message.get("body", b""), message.get("more_body", False)


def read_json(model: type[Body], content: bytes, max_series: int, max_bytes: int) -> Body:
    """Return a JSON body as a ``model``.

    Raises:
        ProblemError: as :func:`refuse_costly` does.
        RequestValidationError: if it is not JSON, or not valid for the model.
    """
    refuse_costly(content, max_series, max_bytes)
    return read_model(model, content)


def refuse_costly(content: bytes, max_series: int, max_bytes: int) -> None:
    """Refuse JSON that would take many times its size in memory while it is parsed.

    An object takes hundreds of bytes, a string or an array two hundred, a number a hundred. So their numbers are
    limited: to several times what ``max_series`` series need, and to what a useful body of ``max_bytes`` can hold.

    Raises:
        ProblemError: 422 if there are too many.
    """
    if len(content) <= SMALL_BYTES:
        return
    most = _BASE_PARTS + _PARTS_PER_SERIES * max_series
    # This also counts brackets in strings, and rules out most bodies before the slower check.
    if content.count(b"{") + content.count(b"[") > most and _has_parts(content, most + 1):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"the JSON contains more than {most} objects and arrays, which no valid request needs",
        )
    for noun, sign, signs, most in (
        ("values", b",", 1, max_bytes // _BYTES_PER_VALUE),
        ("strings", b'"', 2, max_bytes // _BYTES_PER_STRING),
    ):
        # Counting takes a tenth of the time of parsing, and few bodies are large enough to need it.
        if len(content) > signs * most and content.count(sign) > signs * most:
            detail = f"the JSON contains more than {most} {noun}: split it into several requests"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def working_bytes(content: bytes) -> int:
    """Return about how much memory it takes to parse a body and to work on its content: more than most bodies take."""
    return (
        _MEMORY_OF_VALUE * content.count(b",")
        + _MEMORY_OF_STRING * (content.count(b'"') // 2)
        + _MEMORY_OF_PART * (content.count(b"{") + content.count(b"[") + content.count(b"\n"))
    )


def _has_parts(content: bytes, n: int) -> bool:
    """Whether JSON holds at least ``n`` objects and arrays, not counting brackets in strings."""
    at = -1
    for _ in range(n):
        match = _BEFORE_NEXT_PART.match(content, at + 1)
        at = len(content) if match is None else match.end()
        if at == len(content):
            return False
    return True


def too_large(limit: int) -> ProblemError:
    """Return the refusal of a body over the limit. It closes the connection, since the rest of the body is not read."""
    detail = f"the body is too large: send at most {limit} bytes"
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers={"Connection": "close"}, reason="body_too_large"
    )


def refuse_compression(headers: dict[bytes, bytes], kind: str) -> None:
    """Raise ProblemError (415) if the headers announce a compressed body, which a ``kind`` of body may not be."""
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        detail = f"a compressed {kind} body is not supported: send it without Content-Encoding"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "identity"})


async def _decompress(body: bytes, encoding: bytes, limit: int, hold: Callable[[int], object]) -> bytes:
    """Decompress ``body``, whose ``Content-Encoding`` is ``encoding``, in steps between which others get their turn."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name not in _WINDOW_BITS:
        shown = name.decode("latin-1")[:64]
        detail = f"unsupported Content-Encoding {shown!r}: use gzip or deflate, or send the body uncompressed"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "gzip, deflate"})
    decompressor = zlib.decompressobj(_WINDOW_BITS[name])
    pieces, size, rest = list[bytes](), 0, body
    while True:
        try:
            pieces.append(decompressor.decompress(rest, _STEP_BYTES))
        except zlib.error as error:
            reason = str(error).rpartition("data: ")[2]
            detail = f"the body cannot be decompressed as {name.decode()} ({reason}): check Content-Encoding"
            raise ProblemError(HTTPStatus.BAD_REQUEST, detail) from None
        size, rest = size + len(pieces[-1]), decompressor.unconsumed_tail
        if size > limit:
            raise too_large(limit)
        hold(len(body) + size)
        if len(pieces[-1]) < _STEP_BYTES:
            break
        await asyncio.sleep(0)
    if decompressor.unused_data:
        detail = f"there is data after the end of the {name.decode()} body: send a single {name.decode()} stream"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    if not decompressor.eof:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the {name.decode()} body is truncated")
    return b"".join(pieces)
