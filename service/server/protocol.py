"""HTTP/1.1 as uvicorn speaks it, with a hot path for requests that come in one piece.

uvicorn's own path costs more than a forecast in a batch does: it lets an application receive and answer piece by
piece. A request to one of the gate's own paths whose body arrives together with its head needs none of that. It goes to
:mod:`service.server.hot_path`, and what that does not answer to the gate: what is refused, and how, is written there
once.
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
from service.server.hot_path import HotPath
from service.server.http_connection import HttpConnection

_UNUSUAL: Final = frozenset({b"content-encoding", b"expect", b"origin", b"transfer-encoding", b"upgrade"})
"""Headers with which a request is read in pieces."""


class Protocol(HttpConnection):
    """A connection on which whole requests take the hot path, and all others are read in pieces."""

    def __init__(self, hot_path: HotPath, **arguments: Any) -> None:
        """``arguments`` are those that uvicorn gives."""
        super().__init__(hot_path.gate, **arguments)
        self.hot_path = hot_path
        self.never = asyncio.Event()
        """Stands where uvicorn tells a request that waits that there is more; none waits here."""
        self._busy_poll = hot_path.gate.settings.busy_poll_microseconds / 1e6
        self._awake_until = 0.0
        """Until when the loop turns on, as :func:`time.perf_counter` has it."""
        self._pieces: list[bytes] | None = None
        """Of the body of a request that may take the hot path, while its head and body are read."""
        self._fields: Headers = {}

    def data_received(self, data: bytes) -> None:
        """Read the bytes that have come in, and let the loop sleep again."""
        self._awake_until = 0.0
        super().data_received(data)

    def await_rest_of_head(self, size: int) -> None:
        """Wait for the rest of a head; or leave the hot path, where the head is whole and the body is not."""
        if self._pieces is None:
            super().await_rest_of_head(size)
        else:
            self._leave_hot_path()

    def on_headers_complete(self) -> None:
        """Choose the path of the request whose head has been read."""
        if not self.parser.should_upgrade() and self._may_be_hot() and not self.has_large_head():
            self._pieces = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, or hand it on where the request is read in pieces."""
        if self._pieces is None:
            super().on_body(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Answer a request that has come whole, by the hot path or the gate."""
        if self._pieces is None:
            super().on_message_complete()
            return
        body, self._pieces = b"".join(self._pieces), None
        path, _, query = self.url.partition(b"?")
        scope = self.scope
        scope["method"], scope["path"] = "POST", path.decode("ascii")
        scope["raw_path"], scope["query_string"] = path, query
        self.cycle = cycle = _WholeRequest(self, body)
        if not self.hot_path.try_handle(cycle, self._fields, body):
            self._start_asgi_task(cycle, self.gate)  # type: ignore[arg-type]

    def _may_be_hot(self) -> bool:
        """Whether a request can do without waiting, streaming, pipelining, compression and tracing."""
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
        """The answer to a request that was read whole has been written."""
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self.wait_for_request()
        before, self.hot_path.latest = self.hot_path.latest, self
        if self._busy_poll and before is self:
            # A core that has slept takes longer to wake, and then finds its caches cold. With several clients there is
            # work before it sleeps, and whoever looks too early finds one request where there would have been a batch.
            self._awake_until = time.perf_counter() + self._busy_poll
            self.loop.call_soon(self._stay_awake)

    @property
    def is_awake(self) -> bool:
        """Whether it looks for the next request now, and the loop does not sleep."""
        return time.perf_counter() < self._awake_until

    def _stay_awake(self) -> None:
        if self.is_awake:
            self.loop.call_soon(self._stay_awake)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection."""
        if self.hot_path.latest is self:
            self.hot_path.latest = None
        super().connection_lost(exc)

    def _leave_hot_path(self) -> None:
        pieces, self._pieces = self._pieces or [], None
        self.begin()
        for piece in pieces:
            super().on_body(piece)


class _WholeRequest(RequestResponseCycle):
    """A request that has been read, and an answer that is sent in one piece."""

    # As uvicorn's begin.
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
        """The body, as one message; behind it, that the client is gone."""
        if self._body is None:
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: ASGISendEvent) -> None:
        """Take the head of the answer, and write it with the body."""
        if message["type"] == "http.response.start":
            self.response_started = True
            self._start = message
            return
        assert message["type"] == "http.response.body"
        assert not message.get("more_body")
        headers = list(self._start["headers"])
        kept = [header for header in headers if header[0] != b"connection"]
        # It says close: nothing else is ever said here.
        self.keep_alive = self.keep_alive and len(kept) == len(headers)
        self.answer(self._start["status"], as_lines(kept), message["body"])

    def answer(self, status: int, lines: bytes, content: bytes) -> None:
        """Head and body, written as one; ``lines`` are those of the headers."""
        transport = self.transport
        if self.disconnected or transport.is_closing():
            # Only what has a task is marked once the connection is lost.
            self.disconnected = True
            return
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        transport.write(b"".join((STATUS_LINE[status], _dated(tuple(self.default_headers)), lines, end, content)))
        self.response_complete = True
        if not self.keep_alive:
            transport.close()
        self.on_response()


_dated = lru_cache(maxsize=2)(as_lines)
"""Of the headers that every answer of a second has."""
