"""HTTP/1.1 based on uvicorn's, with a fast path for requests that arrive in one piece.

uvicorn lets an application receive and answer piece by piece, which costs more than a forecast in a batch. A request to
one of the gate's own paths whose body arrives together with its head needs none of that. It goes to
:mod:`service.server.hot_path`, or else to the gate as a whole. The gate alone decides what is refused, and how.
"""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from service.gate.call import Headers
from service.http.security_headers import as_lines
from service.server.connection.http_connection import HttpConnection
from service.server.hot_path import HotPath

_UNUSUAL: Final = frozenset(
    {b"content-encoding", b"expect", b"origin", b"sec-fetch-site", b"transfer-encoding", b"upgrade"}
)
"""Headers that make the connection read a request in pieces."""


class Protocol(HttpConnection):
    """A connection that answers whole requests on the fast path, and reads all others in pieces."""

    def __init__(self, hot_path: HotPath, **arguments: Any) -> None:
        """``arguments`` are those that uvicorn passes."""
        super().__init__(hot_path.gate, **arguments)
        self.hot_path = hot_path
        self.never = asyncio.Event()
        """The event that uvicorn sets when more of a request arrives. Whole requests never wait for it."""
        self._busy_poll = hot_path.gate.settings.busy_poll_microseconds / 1e6
        self._awake_until = 0.0
        """Until when the loop keeps turning, in the time of :func:`time.perf_counter`."""
        self._pieces: list[bytes] | None = None
        """Pieces of the body of a request that may take the fast path, while it is read."""
        self._fields: Headers = {}
        self._is_proxied = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin on a new connection, which may be that of a proxy."""
        super().connection_made(transport)
        self._is_proxied = self.client is not None and self.client[0] in self.hot_path.proxies

    def data_received(self, data: bytes) -> None:
        """Read the bytes that have arrived, and let the loop sleep again."""
        self._awake_until = 0.0
        super().data_received(data)

    def await_rest_of_head(self, size: int) -> None:
        """Wait for the rest of a head, or leave the fast path if the head is complete and the body is not."""
        if self._pieces is None:
            super().await_rest_of_head(size)
        else:
            self._leave_fast_path()

    def on_headers_complete(self) -> None:
        """Choose the path of the request whose head has been read."""
        if not self.parser.should_upgrade() and self._is_simple() and not self.has_large_head():
            self._pieces = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, or pass it on if the request is read in pieces."""
        if self._pieces is None:
            super().on_body(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Answer a request that has arrived as a whole, by the hot path or the gate."""
        if self._pieces is None:
            super().on_message_complete()
            return
        body, self._pieces = b"".join(self._pieces), None
        path, _, query = self.url.partition(b"?")
        scope = self.scope
        scope["method"], scope["path"] = "POST", path.decode("ascii")
        scope["raw_path"], scope["query_string"] = path, query
        if self._is_proxied:
            # As uvicorn's middleware does for all other requests.
            forwarded = b", ".join([value for name, value in self.headers if name == b"x-forwarded-for"])
            if forwarded:
                scope["client"] = self.hot_path.proxies.get_trusted_client_address(forwarded.decode("latin-1"))
        self.cycle = cycle = _WholeCycle(self, body)
        if not self.hot_path.try_handle(cycle, self._fields, body):
            self._start_asgi_task(cycle, self.gate)  # type: ignore[arg-type]

    def _is_simple(self) -> bool:
        """Whether a request needs no waiting, streaming, pipelining, compression or tracing."""
        parser, cycle = self.parser, self.cycle
        self._fields = dict(self.headers)
        return (
            parser.get_method() == b"POST"
            and self.gate.is_direct(self.url, self._fields)
            and (cycle is None or cycle.response_complete)
            and not self.flow.write_paused
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and _UNUSUAL.isdisjoint(self._fields)
        )

    def on_whole_response_complete(self) -> None:
        """Wait for the next request, after the answer to a whole request has been written."""
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self.idle_timer.restart()
        before, self.hot_path.latest = self.hot_path.latest, self
        if self._busy_poll and before is self:
            # A core that has slept takes longer to wake, and its caches are cold. With several clients there is work
            # before it sleeps, and looking too early finds one request where there would have been a batch.
            self._awake_until = time.perf_counter() + self._busy_poll
            self.loop.call_soon(self._stay_awake)

    @property
    def is_awake(self) -> bool:
        """Whether the connection keeps the loop awake to wait for its next request."""
        return time.perf_counter() < self._awake_until

    def _stay_awake(self) -> None:
        if self.is_awake:
            self.loop.call_soon(self._stay_awake)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self.hot_path.latest is self:
            self.hot_path.latest = None
        super().connection_lost(exc)

    def _leave_fast_path(self) -> None:
        pieces, self._pieces = self._pieces or [], None
        self.begin()
        for piece in pieces:
            super().on_body(piece)


class _WholeCycle(RequestResponseCycle):
    """A request that has been read as a whole, and an answer that is sent in one piece."""

    # The initial state of uvicorn's class.
    disconnected = response_started = response_complete = more_body = False
    keep_alive = True
    _start: Any = None

    def __init__(self, protocol: Protocol, body: bytes) -> None:
        self.scope = protocol.scope
        self.transport = protocol.direct
        self.logger = protocol.logger
        self.default_headers = protocol.server_state.default_headers
        self.on_response: Callable[..., None] = protocol.on_whole_response_complete
        self.message_event = protocol.never
        self._body: bytes | None = body

    async def receive(self) -> ASGIReceiveEvent:
        """Return the body as one message, and then that the client has disconnected."""
        if self._body is None:
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: ASGISendEvent) -> None:
        """Keep the head of the answer, and write it together with the body."""
        if message["type"] == "http.response.start":
            self.response_started = True
            self._start = message
            return
        assert message["type"] == "http.response.body"
        assert not message.get("more_body")
        headers = list(self._start["headers"])
        kept = [header for header in headers if header[0] != b"connection"]
        # The only value that is ever sent here is close.
        self.keep_alive = self.keep_alive and len(kept) == len(headers)
        self.answer(self._start["status"], as_lines(kept), message["body"])

    def answer(self, status: int, lines: bytes, content: bytes) -> None:
        """Write the whole answer; ``lines`` are its headers."""
        transport = self.transport
        if self.disconnected or transport.is_closing():
            # Only requests with a task are marked when the connection is lost.
            self.disconnected = True
            return
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        transport.write(b"".join((STATUS_LINE[status], _dated(tuple(self.default_headers)), lines, end, content)))
        self.response_complete = True
        if not self.keep_alive:
            transport.close()
        self.on_response()


_dated = lru_cache(maxsize=2)(as_lines)
"""Header lines that all answers of the same second share, the date among them."""
