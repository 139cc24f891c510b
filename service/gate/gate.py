"""The outermost layer. Every request passes it, except those that :mod:`service.server.hot_path` answers.

The gate gives each request an id, refuses it if the process is stopping or full or the body is too large, and counts
it. The hot path does the same for the requests that it answers, and leaves every refusal to the gate. FastAPI's own
stack costs more than a forecast in a batch, so the gate itself answers POST /forecast and the inference protocol's
``infer``, with the same functions that their routes in the OpenAPI document name.
"""

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from opentelemetry.trace import Tracer
from starlette.routing import compile_path
from starlette.types import Message, Receive, Scope, Send

from service.engine.lifecycle import Lifecycle
from service.engine.running import reservation
from service.gate.accounting import Accounting
from service.gate.admission import Admission, Guard
from service.gate.call import KEY, RENEW_DEADLINE, Call, Headers, StreamedAnswer, WholeAnswer
from service.gate.callers import caller_of
from service.gate.calls_in_progress import CallsInProgress
from service.http.bodies import read_body, working_bytes
from service.http.large_json import SMALL_BYTES
from service.http.media import streamed_type
from service.http.problems import ProblemError, error_response
from service.http.security_headers import RawHeaders
from service.settings import Settings
from service.telemetry.instruments import OTHER
from service.telemetry.logs import CALLER, request_scope
from service.telemetry.metrics import Metrics
from service.telemetry.spans import trace_parts
from service.telemetry.tracing import traced

RawAnswer = tuple[bytes, RawHeaders]
"""The body of an answer, and the headers that describe it."""

Hold = Callable[[int], None]
"""Reserves memory for a request: takes its bytes in all, and raises ProblemError if there is no room."""

Direct = Callable[[Scope, Headers, bytes, Hold], Awaitable[RawAnswer]]
"""Answers a request, from its scope (with ``path_params``), headers and body."""


def unheld(size: int) -> None:
    """Reserve nothing: a :data:`Hold` for requests that are not counted."""


Stream = Callable[[Scope, Headers, Receive], StreamedAnswer]
"""Begins the answer to a request; raises if it refuses the request already."""

JSON: Final[RawHeaders] = ((b"content-type", b"application/json"),)

FAULT: Final = "fault"
"""Key in the scope of a request that could not be read: the error that says why."""

_VALID_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_ESCAPES: Final = frozenset(b"%#")
"""Characters of a URL that need a real parser."""


class Gate:
    """The application that the server calls.

    Attributes:
        accounting: the accounts of all requests, those of the hot path included.
        admission: decides which requests may pass.
        calls: those in progress, except those that the hot path answers.
        tracer: traces requests that FastAPI does not see; set when the application starts, if tracing is on.
    """

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        lifecycle: Lifecycle,
        guard: Guard,
        metrics: Metrics,
        direct: Mapping[str, Direct],
        streams: Mapping[tuple[str, str], Stream],
        templates: Iterable[str] = (),
    ) -> None:
        """Wire the gate.

        Args:
            app: answers what the gate does not answer itself.
            settings: limits and deadlines.
            lifecycle: says whether the process is stopping.
            guard: says who may call.
            metrics: counts requests.
            direct: answers POST requests, by path template, without ``app``.
            streams: answers POST requests while they come in, by path and media type of the body.
            templates: of the routes of ``app``.
        """
        self.app = app
        self.guard = guard
        self.settings = settings
        self.lifecycle = lifecycle
        self.metrics = metrics
        self.accounting = Accounting(settings, lifecycle, metrics)
        self.admission = Admission(settings, lifecycle, guard, self.accounting)
        self.tracer: Tracer | None = None
        self._answers_to = guard.origins.answers_to
        self._direct = [(compile_path(template)[0], template, answer) for template, answer in direct.items()]
        self._plain = frozenset(template.encode() for template in direct if "{" not in template)
        self._streams = streams
        self._templates = [(compile_path(template)[0], template) for template in templates]
        self.calls = CallsInProgress(settings.request_seconds)
        self._ids = itertools.count(1)
        self._prefix = os.urandom(8).hex()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        accounting = self.accounting
        call = Call(scope, receive, send, accounting.open(caller_of(scope)), self.calls.next_deadline())
        call.own_headers = self.guard.page_headers.get(scope["path"], self.guard.headers)
        scope["request_id"] = self.request_id(call.headers)
        request_scope.set(scope)
        reservation.set(call.account)
        if self.tracer is not None:
            trace_parts(self.tracer)
        accounting.start()
        self.calls.add(call)
        try:
            await self._serve_or_refuse(call)
        finally:
            self.calls.remove(call)
            call.account.release()
            if call.route == OTHER and FAULT not in scope:
                call.route = self._template(scope["path"])
            accounting.end()
            accounting.record(call.account, scope, call.route, call.status)

    def is_direct(self, url: bytes, headers: Headers) -> bool:
        """Whether the gate itself answers a POST to ``url``, as a whole, and without a span.

        ``url`` is the target as the client wrote it. A request for another host is refused like any other.
        """
        if self.tracer is not None or streamed_type(headers) or not self._answers_to(headers.get(b"host")):
            return False
        if url in self._plain:
            return True
        path = url.partition(b"?")[0].decode("latin-1")
        return url.isascii() and _ESCAPES.isdisjoint(url) and any(pattern.match(path) for pattern, _, _ in self._direct)

    def request_id(self, headers: Headers) -> str:
        """Return the client's X-Request-ID if it is valid, else a new id."""
        sent = headers.get(b"x-request-id")
        if sent and _VALID_ID.fullmatch(sent):
            return sent.decode()
        return f"{self._prefix}{next(self._ids):08x}"

    async def _serve_or_refuse(self, call: Call) -> None:
        try:
            await self._serve(call)
        except asyncio.CancelledError:
            if call.is_beyond_refusal or not (call.left or call.overdue or self.lifecycle.draining):
                raise
            call.task.uncancel()
            await self._refuse(call, self._cut_off(call))
        except Exception as error:
            if call.is_beyond_refusal:
                raise
            await self._refuse(call, error)

    async def _serve(self, call: Call) -> None:
        scope = call.scope
        if FAULT in scope:
            raise scope[FAULT]
        self.guard.origins.check(scope["method"], call.headers)
        media_type = streamed_type(call.headers) if scope["method"] == "POST" else None
        stream = self._streams.get((scope["path"], media_type)) if media_type else None
        call.streams = stream is not None
        direct = self._find_direct(call) if scope["method"] == "POST" else None
        if direct is None:
            self._admit(call)
            await self._pass_on(call)
            return
        work = partial(self._answer, call, direct) if stream is None else partial(self._stream, call, stream)
        if self.tracer is None:
            await work()
        else:
            await self._serve_traced(self.tracer, call, work)

    async def _serve_traced(self, tracer: Tracer, call: Call, work: Callable[[], Awaitable[None]]) -> None:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            call.send_on = send
            try:
                await work()
            except Exception as error:
                # Refuse within the span, so that the span has the status of the answer.
                if call.status:
                    raise
                await self._refuse(call, error)

        await traced(tracer, answer, call.route, call.scope, call.receive, call.send_on)

    def _find_direct(self, call: Call) -> Direct | None:
        for pattern, template, direct in self._direct:
            match = pattern.match(call.scope["path"])
            if match:
                call.route = template
                call.scope["path_params"] = match.groupdict()
                return direct
        return None

    def _template(self, path: str) -> str:
        """Return the template of the route that a request was meant for, if it was refused before it got there."""
        return next((template for pattern, template in self._templates if pattern.match(path)), OTHER)

    async def _answer(self, call: Call, direct: Direct) -> None:
        self._admit(call)
        body = await self._read(call)
        await call.answer(*await direct(call.scope, call.headers, body, partial(self._hold, call)))

    async def _stream(self, call: Call, stream: Stream) -> None:
        """Answer while the request comes in. Each piece of the answer sets a new deadline."""
        self._admit(call)
        answer = call.streamed = stream(call.scope, call.headers, self._counted(call))
        async with aclosing(answer.pieces) as pieces:
            async for piece in pieces:
                if isinstance(piece, WholeAnswer):
                    await call.answer(piece.content, answer.headers)
                    return
                if piece:
                    await call.pass_piece(piece, answer.headers)
                self.calls.renew_deadline(call)
        await call.pass_piece(b"", answer.headers, last=True)

    async def _pass_on(self, call: Call) -> None:
        """Let FastAPI answer."""
        scope = {**call.scope, RENEW_DEADLINE: partial(self.calls.renew_deadline, call)}
        send = call.send if self.tracer is None else call.send_in_span
        try:
            if scope["method"] in ("GET", "HEAD", "OPTIONS"):
                # Routes see GET for HEAD. The server looks at its own scope, and leaves the body out.
                scope["method"] = "GET" if scope["method"] == "HEAD" else scope["method"]
                await self.app(scope, call.receive, send)
            else:
                body = await self._read(call)
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-encoding"]
                await self.app(scope, call.replay(body), send)
        finally:
            call.route = getattr(scope.get("route"), "path", OTHER)

    async def _read(self, call: Call) -> bytes:
        """Read the body, and wait until there is memory for work on it."""
        limit = self.settings.max_body_bytes
        body = await read_body(call.receive, call.headers, limit, partial(self._hold, call))
        if len(body) <= SMALL_BYTES:
            call.parsed = working_bytes(body)
            self._hold(call, len(body))
        else:
            await self.accounting.begin_work(call.account, working_bytes(body))
        return body

    def _counted(self, call: Call) -> Receive:
        """Return the ``receive`` of a streamed request, which reserves what arrives, up to what is kept of it."""
        size = 0

        async def receive() -> Message:
            nonlocal size
            message = await call.receive()
            size = min(size + len(message.get("body", b"")), self.settings.max_stream_bytes)
            self._hold(call, size)
            return message

        return receive

    def _hold(self, call: Call, size: int) -> None:
        """Reserve ``size`` bytes in all for a request, beside what parsing takes.

        Raises:
            ProblemError: 503 if there is no room.
        """
        self.accounting.hold(call.account, size + call.parsed)

    async def _refuse(self, call: Call, error: Exception) -> None:
        self.accounting.record_refusal(error)
        response = error_response(error, call.scope)
        if call.status:
            # The server cuts the connection of an unfinished answer, so that nobody takes it for a whole one.
            assert call.streamed is not None
            await call.pass_piece(call.streamed.end_with(bytes(response.body)), call.streamed.headers)
        else:
            await response(call.scope, call.receive, call.send)

    def _admit(self, call: Call) -> None:
        """Raise ProblemError if a request may not pass."""
        size = call.stated_length
        path, authorization = call.scope["path"], call.headers.get(b"authorization")
        method = call.scope["method"]
        key = self.admission.check(path, authorization, size, method=method, streams=call.streams)
        if key is not None:
            call.scope[CALLER], call.scope[KEY] = key.name, key
        # Nothing is reserved for what is only announced.
        self.admission.admit(call.account, call.scope, key)

    def _cut_off(self, call: Call) -> ProblemError:
        """Return the error of a request whose task was cancelled. It is counted even if nobody receives it."""
        if call.left:
            return ProblemError(HTTPStatus.BAD_REQUEST, "the client disconnected before the response was sent")
        return self._too_late(call) if call.overdue else self.accounting.unavailable()

    def _too_late(self, call: Call) -> ProblemError:
        seconds = self.settings.request_seconds
        detail = f"the request was not answered within {seconds:g} seconds; send less at once, or try again later"
        if call.streams:
            detail = f"the connection made no progress for {seconds:g} seconds; send and read without longer pauses"
        return ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail, headers={"Connection": "close"}, reason="deadline")
