"""The bodies of requests, read up to a limit and decompressed, and the compression of responses."""

import asyncio
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.bodies import part_of, too_large
from service.http.media import weighed
from service.http.problems import ProblemError
from service.middleware.access import READING
from service.middleware.limits import STREAMS
from service.settings import Settings
from service.worker.accounts import Account, current
from service.worker.json_bodies import SMALL_BYTES, working_bytes

_WINDOW_BITS: Final = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}

_STEP_BYTES: Final = 2**20
"""Bytes that are decompressed at once, in a few milliseconds."""

Hold = Callable[[int], object]
"""Reserves memory: is called with the bytes that a body takes in all, whenever they grow, and may refuse."""


class BodyMiddleware:
    """Reads the body of each request before its route runs, and waits until there is memory for work on it.

    Memory is reserved as the body arrives. Bodies that a route reads piece by piece are only counted.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._limit = settings.max_body_bytes
        self._most_of_stream = settings.max_stream_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        account = current.get()
        if scope["type"] == "http" and account is not None and scope["method"] not in READING:
            if scope[STREAMS]:
                receive = self._counted(receive, account)
            else:
                receive = replay(await self._read(scope, receive, account), receive)
        await self._app(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, account: Account) -> bytes:
        headers = dict(scope["headers"])
        body = await read_body(receive, headers, self._limit, account.hold)
        if b"content-encoding" in headers:
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-encoding"]
        if len(body) <= SMALL_BYTES:
            account.hold(len(body) + working_bytes(body))
        else:
            await account.begin_work(working_bytes(body))
        return body

    def _counted(self, receive: Receive, account: Account) -> Receive:
        """Return a ``receive`` that reserves what arrives, up to what a route keeps of it."""
        size = 0

        async def receive_counted() -> Message:
            nonlocal size
            message = await receive()
            size = min(size + len(message.get("body", b"")), self._most_of_stream)
            account.hold(size)
            return message

        return receive_counted


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


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int, hold: Hold) -> bytes:
    """Return the whole body, decompressed if necessary.

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


async def _read_rest(receive: Receive, message: Message, limit: int, hold: Hold) -> bytes:
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


async def _decompress(body: bytes, encoding: bytes, limit: int, hold: Hold) -> bytes:
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


class CompressionMiddleware(GZipMiddleware):
    """Compresses responses of 4 KiB or more for clients that accept gzip.

    Forecasts for the caller's series are not compressed: they may be large, and the event loop would stand still. The
    inference protocol compresses its own responses, because one of its clients asks for gzip everywhere but
    decompresses inferences only.
    """

    def __init__(self, app: ASGIApp) -> None:
        # Higher levels save little, and take up to ten times as long.
        super().__init__(app, minimum_size=4_096, compresslevel=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http" and not _is_uncompressed(scope):
            accepted = Headers(scope=scope).get("accept-encoding", "").lower()
            if any(name == "gzip" and weight > 0 for name, weight in map(weighed, accepted.split(","))):
                await super().__call__(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _is_uncompressed(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith("/v2") or (scope["method"] == "POST" and path.endswith("/forecast"))
