"""Bodies of requests: their media types, how they are read up to a limit and decompressed, and the lines of NDJSON."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Message, Receive

from service.http.problems import ProblemError

Headers = dict[bytes, bytes]
"""Request headers, by name in lower case."""

_JSON: Final = "application/json"

NDJSON_TYPE: Final = "application/x-ndjson"


def media_type_of(headers: Headers) -> str:
    """Return the media type that the headers announce, in lower case and without parameters."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def wants_ndjson(accept: str) -> bool:
    """Whether the header ``Accept`` prefers NDJSON to JSON."""
    weights = dict(weighed(offer) for offer in accept.lower().split(","))
    ndjson = weights.get(NDJSON_TYPE)
    others = weights.get("application/*", weights.get("*/*", 0.0))
    json = weights.get(_JSON, others)
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
    media_type = media_type_of(headers)
    return media_type == _JSON or (media_type.startswith("application/") and media_type.endswith("+json"))


def require_json(headers: Headers) -> None:
    """Raise ProblemError (415) unless the headers announce JSON."""
    if is_json(headers):
        return
    shown = media_type_of(headers)[:64]
    reason = f"unsupported media type {shown!r}" if shown else "the header Content-Type is missing"
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{reason}: send JSON with the header Content-Type: application/json"
    )


BATCH: Final = 256
"""The most lines that are passed on together."""


def part_of(message: Message) -> tuple[bytes, bool]:
    """Return the piece of a body that a message holds, and whether more follow."""
    if message["type"] == "http.disconnect":
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the client disconnected before sending the whole body")
    return message.get("body", b""), message.get("more_body", False)


def too_large(limit: int) -> ProblemError:
    """Return the refusal of a body over the limit."""
    detail = f"the body is too large: send at most {limit} bytes"
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, reason="body_too_large")


def refuse_compression(headers: dict[bytes, bytes], kind: str) -> None:
    """Raise ProblemError (415) if the headers announce a compressed body, which a ``kind`` of body may not be."""
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        detail = f"a compressed {kind} body is not supported: send it without Content-Encoding"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "identity"})


class Line(NamedTuple):
    """One line of a body."""

    number: int
    content: bytes | None


async def read_lines(receive: Receive, limit: int) -> AsyncIterator[list[Line]]:
    """Yield the lines of a body in batches, as soon as they arrive. Blank lines are skipped.

    Nothing is received while a batch is processed, so a client that sends too fast has to wait.
    """
    cutter = _Cutter(limit)
    more = True
    while more:
        piece, more = part_of(await receive())
        lines = cutter.cut(piece + (b"" if more else b"\n"))
        for begin in range(0, len(lines), BATCH):
            yield lines[begin : begin + BATCH]


class _Cutter:
    """Cuts pieces into lines. A line that is too long is dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial = bytearray()
        self._is_long = False
        self._number = 0

    def cut(self, piece: bytes) -> list[Line]:
        """Return the lines that end in ``piece``."""
        *ends, rest = piece.split(b"\n")
        lines = [self._end(end) for end in ends]
        self._keep(rest)
        return [line for line in lines if line.content is None or line.content.strip()]

    def _end(self, end: bytes) -> Line:
        self._keep(end)
        self._number += 1
        line = Line(self._number, None if self._is_long else bytes(self._partial))
        self._partial.clear()
        self._is_long = False
        return line

    def _keep(self, piece: bytes) -> None:
        self._is_long |= len(self._partial) + len(piece) > self._limit
        if self._is_long:
            self._partial.clear()
        else:
            self._partial += piece


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
    """Return the whole body, decompressed if necessary."""
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
