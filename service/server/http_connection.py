"""A connection of HTTP/1.1: uvicorn's, for requests in pieces, with bounds and refusals of the service's own.

A request that cannot be read goes to the gate all the same, with what is wrong with it in its scope: so it waits its
turn behind those before it, and is answered, named and counted like any other refusal.
"""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.gate.gate import FAULT, Gate
from service.http.problems import ProblemError
from service.server.buffered_head import OneWriteProtocol

MAX_HEAD_BYTES: Final = 2**16
"""Of a request line and its headers, and of the trailers behind a chunked body."""

DISCARD_SECONDS: Final = 30
"""Seconds for which a client may send on that has been answered for good, and what it sends is thrown away."""

DISCARD_PAUSE_SECONDS: Final = 2
"""Seconds without anything from such a client after which its connection is closed."""

DISCARD_BYTES: Final = 2**26
"""Bytes that such a client may send on."""

_OF_UPGRADES: Final = frozenset({b"http2-settings", b"upgrade"})
_CLOSE: Final = {"Connection": "close"}


class HttpConnection(OneWriteProtocol):
    """A connection that reads requests in pieces, and refuses in their turn those that it cannot read.

    It is closed when no whole head has come for the time that uvicorn calls keep-alive: since it was opened,
    since its last answer, or since the head began.

    Attributes:
        cycle: uvicorn's state of the newest request and its answer.
        running: the same of the request that is worked on; None where none is.
    """

    def __init__(self, gate: Gate, **arguments: Any) -> None:
        """``arguments`` are those that uvicorn gives."""
        super().__init__(**arguments)
        self.gate = gate
        self.running: RequestResponseCycle | None = None
        # A method stands in it once the head has been read; none is open before the first.
        self.scope: Any = {"method": ""}
        self._idle: asyncio.TimerHandle | None = None
        """Looks whether the connection is to be closed, since nothing came for long."""
        self._idle_since = 0.0
        self._head = 0
        """Bytes so far of a head that is not whole yet."""
        self._most = 0
        """Bytes that the head which is being read may have at most, so that few need to be counted."""
        self._is_deaf = False
        """Whether what comes in is thrown away."""
        self._had_body = False
        """Whether a piece of a body has just come in."""
        self._is_discarding = False
        """Whether all has been written, and what comes in yet is thrown away."""
        self._discard_until = 0.0
        self._left = 0
        """Bytes that may still be thrown away."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin on a new connection, which ``transport`` writes to."""
        super().connection_made(transport)
        self.wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, for the request that is worked on and those that wait behind it too."""
        super().connection_lost(exc)
        self.pipeline.clear()
        running, self.running = self.running, None
        if running is not None:
            running.disconnected = not running.response_complete
            running.message_event.set()
            if running.disconnected:
                self.gate.cancel_for(running.scope)
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def data_received(self, data: bytes) -> None:
        """Read the bytes that have come in."""
        if self._is_deaf:
            self._throw_away(len(data))
            return
        # Behind another request not all bytes of a head are counted yet, so that what came before counts whole.
        self._most = (self._most if self._head else 0) + len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._read_otherwise(data, error)
            if self._is_deaf:
                return
        if "method" not in self.scope:
            self.await_rest_of_head(len(data))
        elif self.cycle is not None and self.cycle.more_body:
            self._await_rest_of_body(len(data))
        else:
            self._head = 0

    def _read_otherwise(self, data: bytes, error: Exception) -> None:
        """Go on where the parser stopped: without a wish for another protocol, or with a refusal."""
        while isinstance(error, httptools.HttpParserUpgrade) and self.parser.get_method() != b"CONNECT":
            data = self._without_upgrade() + data[error.args[0] :]
            try:
                self.parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as another:
                error = another
            else:
                return
        if isinstance(error, httptools.HttpParserUpgrade):
            self._refuse(_bad_request("CONNECT is not answered here"))
        elif isinstance(error, httptools.HttpParserCallbackError):
            self.logger.error("what came in could not be taken", exc_info=error.__context__)
            self._is_deaf = True
            self.transport.close()
        else:
            self._refuse(_malformed(error))

    def await_rest_of_head(self, size: int) -> None:
        """Wait for the rest of a head of which ``size`` bytes have just come in."""
        if self._head:
            self._head += size
        else:
            self._idle_since = self.loop.time()
            # Behind another request it is not known where it began: what has been read of it is counted.
            self._head = size if self.cycle is None else sum(self._lengths())
        if self._head > MAX_HEAD_BYTES:
            self._refuse(_too_large())

    def _await_rest_of_body(self, size: int) -> None:
        had_body, self._had_body = self._had_body, False
        # Where nothing of it is body, it is trailers or what says how long a chunk is.
        self._head = 0 if had_body else self._head + size
        if self._head > MAX_HEAD_BYTES:
            self._refuse(_too_large())

    def _lengths(self) -> Iterator[int]:
        yield len(self.url)
        for name, value in self.headers:
            yield len(name) + len(value) + len(": \r\n")

    def _without_upgrade(self) -> bytes:
        """The head of a request that asks for another protocol, as Java's client does for HTTP/2, without the wish.

        The parser takes what follows such a head for the other protocol, and would lose the body: another begins anew.
        """
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            kept = value
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                kept = b", ".join(token for token in tokens if token.lower() not in _OF_UPGRADES)
            if kept and name not in _OF_UPGRADES:
                lines += (name, b": ", kept, b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"".join([*lines, b"\r\n"])

    def _refuse(self, error: Exception) -> None:
        """Answer what cannot be read on with ``error``, in its turn."""
        self._is_deaf = True
        cycle = self.cycle
        if "method" in self.scope and cycle is not None and cycle.more_body:
            if cycle.response_complete:
                self.transport.close()
            assert isinstance(cycle, _Request)
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
            # Read once more, without the wish.
            return
        self.begin(_too_large() if self.has_large_head() else None)

    def has_large_head(self) -> bool:
        """Whether the head that has been read is over the limit."""
        return self._most > MAX_HEAD_BYTES and sum(self._lengths()) > MAX_HEAD_BYTES

    def begin(self, fault: Exception | None = None) -> None:
        """Work on a request whose head has been read, or is given up, as soon as those before it are answered."""
        scope, parser, url = self.scope, self.parser, self.url
        version = parser.get_http_version()
        path, query = url.partition(b"?")[0], b""
        try:
            parsed = httptools.parse_url(url)
            path, query = parsed.path or b"/", parsed.query or b""
        except httptools.HttpParserInvalidURLError:
            fault = fault or _bad_request("the target of the request is no address")
        scope["http_version"] = version
        scope["method"] = parser.get_method().decode("ascii") if url else ""
        scope["path"] = unquote(path.decode("latin-1"))
        scope["raw_path"], scope["query_string"] = path, query
        if fault is not None:
            scope[FAULT] = fault
        self._head = 0
        # Trailers, which are read to the same list, are none of them.
        self.headers = []
        before = self.cycle
        self.cycle = (_Request if version >= "1.1" else _OldRequest)(
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
        # uvicorn's types know no partial applications.
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
        """Hand a piece of the body on to the request."""
        self._had_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Mark the request as read whole."""
        if not self.parser.should_upgrade():
            super().on_message_complete()
            # uvicorn leaves it where the request has been answered already.
            self.cycle.more_body = False
            if not self.pipeline and not self.transport.is_closing():
                # A large body stopped it; who does not read does not see that the client leaves.
                self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Begin the next request, or wait for one: an answer has been written."""
        self.server_state.total_requests += 1
        if self._is_discarding or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.wait_for_request()

    def wait_for_request(self) -> None:
        """Close the connection if none comes for long; one timer goes on, where uvicorn has one for each answer."""
        self._idle_since = self.loop.time()
        if self._idle is None:
            self._idle = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)

    def _look_whether_idle(self) -> None:
        self._idle = None
        if self.transport.is_closing() or not (self.cycle is None or self.cycle.response_complete):
            # With the end of the next answer it begins anew.
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle = self.loop.call_later(left, self._look_whether_idle)
        else:
            self.timeout_keep_alive_handler()

    def end(self) -> None:
        """Close the connection; where the client may be sending yet, not before it has had time to read its answer.

        A system that closes with something unread tells the other that the connection broke, which may cost it what it
        has not read (RFC 9112, section 9.6).
        """
        if self._is_discarding:
            return
        cycle = self.cycle
        is_sent = cycle is None or not (self._is_deaf or cycle.more_body or self.flow.read_paused)
        if is_sent or self.direct.is_closing():
            self.direct.close()
            return
        self._is_deaf = self._is_discarding = True
        self._left = DISCARD_BYTES
        self._discard_until = self.loop.time() + DISCARD_SECONDS
        self.direct.write_eof()
        self.flow.resume_reading()
        self._await_silence(DISCARD_BYTES)

    def _await_silence(self, left: int) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self.loop.call_later(DISCARD_PAUSE_SECONDS, self._look_whether_sent, left)

    def _look_whether_sent(self, left: int) -> None:
        if self._left == left or self.loop.time() > self._discard_until:
            self.direct.close()
        else:
            self._await_silence(self._left)

    def _throw_away(self, size: int) -> None:
        self._left -= size
        if self._is_discarding and self._left < 0:
            self.direct.close()


class _Request(RequestResponseCycle):
    """A request that may come in while it is worked on.

    Attributes:
        fault: what is wrong with its body.
    """

    fault: Exception | None = None

    async def receive(self) -> ASGIReceiveEvent:
        """As uvicorn's; raises what is wrong with the body."""
        message = await super().receive()
        if self.fault is not None:
            raise self.fault
        return message


class _OldRequest(_Request):
    """One of a client that knows no chunks: an answer of unknown length ends with the connection."""

    _has_length = True

    async def send(self, message: ASGISendEvent) -> None:
        """Send the answer, and end the connection behind a body of unknown length."""
        if message["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
            # Said here, uvicorn does not ask the headers.
            self.chunked_encoding = None if self._has_length else False
        elif message["type"] == "http.response.body" and not self._has_length:
            self.expected_content_length = len(message["body"])
        await super().send(message)


def _bad_request(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, detail, headers=_CLOSE)


def _malformed(error: Exception) -> ProblemError:
    is_target = isinstance(error, httptools.HttpParserInvalidURLError)
    remedy = "escape what is not ASCII in its target" if is_target else "let an HTTP library write it"
    return _bad_request(f"the request is not sound HTTP/1.1 ({error}): {remedy}")


def _too_large() -> ProblemError:
    detail = f"the head of the request is too large: send at most {MAX_HEAD_BYTES} bytes of target and headers"
    return ProblemError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail, headers=_CLOSE)
