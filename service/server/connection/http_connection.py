"""A connection of HTTP/1.1, based on uvicorn's, with limits and refusals of the service's own.

A request that is not valid HTTP still goes to the gate, with the error in its scope. So it waits for its turn behind
the requests before it, and is answered, logged and counted like any other refusal.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.gate.gate import FAULT, Gate
from service.server.connection.buffered_head import BufferedHeadProtocol
from service.server.connection.cycles import Http10Cycle, PiecewiseCycle
from service.server.connection.discarding import Discarding
from service.server.connection.idle_timer import IdleTimer
from service.server.connection.refusals import MAX_HEAD_BYTES, bad_request, head_too_large, malformed
from service.server.connection.upgrade import head_without_upgrade

DISCARD_PAUSE_SECONDS: Final = 2
"""Seconds without data after the last answer after which a connection is closed."""

IDLE_PAUSE_SECONDS: Final = 0.25
"""The same for a connection that was idle when the service stopped: a request may have been on its way."""


class HttpConnection(BufferedHeadProtocol):
    """A connection that reads requests in pieces, and refuses those that are not valid HTTP when their turn comes.

    It is closed if no complete head arrives within uvicorn's keep-alive time: since the connection was opened, since
    its last answer, or since the head began.

    Attributes:
        cycle: uvicorn's state of the newest request and its answer.
        running: the state of the request that is being answered; None if there is none.
        idle_timer: closes the connection if nothing has come for too long.
    """

    def __init__(self, gate: Gate, **arguments: Any) -> None:
        """``arguments`` are those that uvicorn passes."""
        super().__init__(**arguments)
        self.gate = gate
        self.running: RequestResponseCycle | None = None
        # It has a method once the head has been read, and before the first request.
        self.scope: Any = {"method": ""}
        self.idle_timer = IdleTimer(self.loop, self.timeout_keep_alive, self._is_idle, self.timeout_keep_alive_handler)
        self._head = 0
        """Bytes so far of an incomplete head."""
        self._max_head = 0
        """Upper bound of the bytes of the current head, so that few heads need to be measured."""
        self._ignores_input = False
        """Whether incoming data is discarded."""
        self._had_body = False
        """Whether a piece of a body has just arrived."""
        self._discarding: Discarding | None = None
        """Set once everything has been written, and the connection only waits for its client."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin on a new connection, which ``transport`` writes to."""
        super().connection_made(transport)
        self.idle_timer.restart()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, its current request and those that wait behind it."""
        super().connection_lost(exc)
        self.pipeline.clear()
        running, self.running = self.running, None
        if running is not None:
            running.disconnected = not running.response_complete
            running.message_event.set()
            if running.disconnected:
                self.gate.calls.cancel_for(running.scope)
        if self._discarding is not None:
            self._discarding.stop()
        self.idle_timer.stop()

    def data_received(self, data: bytes) -> None:
        """Read the bytes that have arrived."""
        if self._ignores_input:
            if self._discarding is not None:
                self._discarding.discard(len(data))
            return
        # Behind another request, not every byte of a head is measured: everything that came before counts.
        self._max_head = (self._max_head if self._head else 0) + len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._recover(data, error)
            if self._ignores_input:
                return
        if "method" not in self.scope:
            self.await_rest_of_head(len(data))
        elif self.cycle is not None and self.cycle.more_body:
            self._await_rest_of_body(len(data))
        else:
            self._head = 0

    def _recover(self, data: bytes, error: Exception) -> None:
        """Go on where the parser stopped: ignore an upgrade to another protocol, or refuse the request."""
        while isinstance(error, httptools.HttpParserUpgrade) and self.parser.get_method() != b"CONNECT":
            data = head_without_upgrade(self.parser, self.url, self.headers) + data[error.args[0] :]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            try:
                self.parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as another:
                error = another
            else:
                return
        if isinstance(error, httptools.HttpParserUpgrade):
            self._refuse(bad_request("CONNECT is not supported"))
        elif isinstance(error, httptools.HttpParserCallbackError):
            self.logger.error("failed to handle incoming data", exc_info=error.__context__)
            self._ignores_input = True
            self.transport.close()
        else:
            self._refuse(malformed(error))

    def await_rest_of_head(self, size: int) -> None:
        """Wait for the rest of a head after ``size`` bytes of it have arrived."""
        if self._head:
            self._head += size
        else:
            self.idle_timer.restart()
            # Behind another request, the start of the head is unknown: measure what has been read of it.
            self._head = size if self.cycle is None else sum(self._lengths())
        if self._head > MAX_HEAD_BYTES:
            self._refuse(head_too_large())

    def _await_rest_of_body(self, size: int) -> None:
        had_body, self._had_body = self._had_body, False
        # Data that is not part of the body is trailers, or the size of a chunk.
        self._head = 0 if had_body else self._head + size
        if self._head > MAX_HEAD_BYTES:
            self._refuse(head_too_large())

    def _lengths(self) -> Iterator[int]:
        yield len(self.url)
        for name, value in self.headers:
            yield len(name) + len(value) + len(": \r\n")

    def _refuse(self, error: Exception) -> None:
        """Answer the request that cannot be read with ``error`` when its turn comes, and ignore what follows."""
        self._ignores_input = True
        cycle = self.cycle
        if "method" in self.scope and cycle is not None and cycle.more_body:
            if cycle.response_complete:
                self.transport.close()
            assert isinstance(cycle, PiecewiseCycle)
            cycle.fault = error
            cycle.keep_alive = False
            cycle.message_event.set()
            return
        if "method" in self.scope:
            self.on_message_begin()
        self.begin(error)
        self.cycle.more_body = False

    def on_headers_complete(self) -> None:
        """Begin the request whose head the parser has read."""
        if self.parser.should_upgrade():
            # It is read once more, without the upgrade.
            return
        self.begin(head_too_large() if self.has_large_head() else None)

    def has_large_head(self) -> bool:
        """Whether the current head is over the limit."""
        return self._max_head > MAX_HEAD_BYTES and sum(self._lengths()) > MAX_HEAD_BYTES

    def begin(self, fault: Exception | None = None) -> None:
        """Start a request whose head has been read, or refused with ``fault``, after those before it are answered."""
        scope, parser, url = self.scope, self.parser, self.url
        version = parser.get_http_version()
        path, query = url.partition(b"?")[0], b""
        try:
            parsed = httptools.parse_url(url)
            path, query = parsed.path or b"/", parsed.query or b""
        except httptools.HttpParserInvalidURLError:
            fault = fault or bad_request("the target of the request is not a valid URL")
        scope["http_version"] = version
        scope["method"] = parser.get_method().decode("ascii") if url else ""
        scope["path"] = unquote(path.decode("latin-1"))
        scope["raw_path"], scope["query_string"] = path, query
        if fault is not None:
            scope[FAULT] = fault
        self._head = 0
        # Trailers would be added to the list of this request.
        self.headers = []
        before = self.cycle
        self.cycle = (PiecewiseCycle if version >= "1.1" else Http10Cycle)(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=fault is None and version >= "1.1" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        # uvicorn's type of an application does not fit the gate.
        app: Any = self.app if fault is None else self.gate
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body to the request."""
        self._had_body = True
        cycle = self.cycle
        if not cycle.body and not cycle.response_complete:
            # uvicorn would copy it twice: to what has arrived, which is nothing, and from there.
            cycle.body = body  # type: ignore[assignment]
            body = b""
        elif isinstance(cycle.body, bytes):
            cycle.body = bytearray(cycle.body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Mark the request as complete."""
        if not self.parser.should_upgrade():
            super().on_message_complete()
            # uvicorn does not set it if the request has been answered already.
            self.cycle.more_body = False
            if not self.pipeline and not self.transport.is_closing():
                # A large body paused it. Without reading, nobody would notice that the client leaves.
                self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Start the next request, or wait for one, after an answer has been written."""
        self.server_state.total_requests += 1
        if self._discarding is not None or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.idle_timer.restart()

    def _is_idle(self) -> bool:
        return not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete)

    def shutdown(self) -> None:
        """Close an idle connection, or close it after the current answer. Called when the server stops."""
        if self.cycle is None or self.cycle.response_complete:
            self._linger(IDLE_PAUSE_SECONDS)
        else:
            self.cycle.keep_alive = False

    def end(self) -> None:
        """Close the connection. If the client may still be sending, first give it time to read its answer."""
        cycle = self.cycle
        is_complete = cycle is None or not (self._ignores_input or cycle.more_body or self.flow.read_paused)
        if not is_complete:
            self._linger(DISCARD_PAUSE_SECONDS)
        elif self._discarding is None:
            self.direct.close()

    def _linger(self, pause_seconds: float) -> None:
        """Close for writing, and discard what arrives until the client closes or is silent for ``pause_seconds``."""
        if self._discarding is not None:
            return
        if self.direct.is_closing():
            self.direct.close()
            return
        self.idle_timer.stop()
        self._ignores_input = True
        self._discarding = Discarding(self.direct, self.loop, pause_seconds)
        self._discarding.start()
        self.flow.resume_reading()
