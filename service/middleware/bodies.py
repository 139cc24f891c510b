"""The bodies of requests, read up to a limit and decompressed."""

import asyncio
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.types import Message, Receive

from service.http.bodies import part_of, too_large
from service.http.media import Headers
from service.http.problems import ProblemError

_WINDOW_BITS: Final = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}

_STEP_BYTES: Final = 2**20
"""Bytes that are decompressed at once, in a few milliseconds."""

_MAX_LENGTH_DIGITS: Final = 19
"""Digits of a Content-Length, without leading zeros. A number with this many is over any limit, whatever follows."""

Reserve = Callable[[int], object]
"""Is called with the bytes that a body takes in all, whenever they grow, and may refuse."""


def stated_length(headers: Headers) -> int:
    """Return the Content-Length in bytes; 0 if it is missing or not a number."""
    stated = headers.get(b"content-length", b"0")
    return int(stated.lstrip(b"0")[:_MAX_LENGTH_DIGITS] or 0) if stated.isdigit() else 0


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that yields ``body``, which has been read already, and then what ``receive`` yields."""
    is_read = False

    async def receive_again() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def read_body(receive: Receive, headers: Headers, limit: int, reserve: Reserve) -> bytes:
    """Return the whole body, decompressed if necessary.

    Raises:
        ProblemError: 413 above ``limit`` bytes, before or after decompression; 415 for a compression other than gzip
            and deflate; 400 if the body cannot be decompressed or the client disconnects.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect" or message.get("more_body"):
        body = await _read_rest(receive, message, limit, reserve)
    if len(body) > limit:
        raise too_large(limit)
    encoding = headers.get(b"content-encoding")
    return body if encoding is None else await _decompress(body, encoding, limit, reserve)


async def _read_rest(receive: Receive, message: Message, limit: int, reserve: Reserve) -> bytes:
    pieces, size = [], 0
    while True:
        piece, more = part_of(message)
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        reserve(size)
        if not more:
            return b"".join(pieces)
        message = await receive()


async def _decompress(body: bytes, encoding: bytes, limit: int, reserve: Reserve) -> bytes:
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
        reserve(len(body) + size)
        if len(pieces[-1]) < _STEP_BYTES:
            break
        await asyncio.sleep(0)
    if decompressor.unused_data:
        detail = f"there is data after the end of the {name.decode()} body: send a single {name.decode()} stream"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    if not decompressor.eof:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the {name.decode()} body is truncated")
    return b"".join(pieces)
