"""The outermost layer, which every request passes that :mod:`service.server.hot_path` does not answer.

A request gets its id, is refused where the process drains, is full, or the body is too large, and is counted. The hot
path does so too for those that it answers, and leaves refusals to the gate. FastAPI's own stack costs more than a
forecast in a batch does, so POST /forecast and the inference protocol's ``infer`` are answered here, by the same
functions that their routes in the OpenAPI document name.
"""

import asyncio
import itertools
import os
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from opentelemetry.trace import Tracer
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from service.engine.lifecycle import Lifecycle
from service.gate.admission import Admission, Guard
from service.gate.call import Call, Headers
from service.gate.policy import REPOSITORY
from service.http.bodies import read_body
from service.http.media import NDJSON, is_ndjson
from service.http.problems import ProblemError, error_response
from service.http.security_headers import RawHeaders
from service.settings import Settings
from service.telemetry.instruments import OTHER
from service.telemetry.logs import log_access, request_scope
from service.telemetry.metrics import Metrics
from service.telemetry.tracing import traced

RawAnswer = tuple[bytes, RawHeaders]
"""A body, and the headers that say what it is."""

Hold = Callable[[int], None]
"""Hears how many bytes a request takes in all, and refuses what is too much."""

Direct = Callable[[Scope, Headers, bytes, Hold], Awaitable[RawAnswer]]
"""Answers a request, from its scope (with ``path_params``), headers and body."""


def unheld(size: int) -> None:
    """Where nothing is counted, as the gate does."""


Stream = Callable[[Scope, Headers, Receive], AsyncGenerator[bytes]]
"""Answers a request piece by piece, while it comes in."""

JSON: Final[RawHeaders] = ((b"content-type", b"application/json"),)

FAULT: Final = "fault"
"""In the scope of a request that could not be read: the error that says why."""

_SOUND: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_ESCAPES: Final = frozenset(b"%#")
"""In a URL: what says that it has to be taken apart with care."""

_LOOK_EVERY: Final = 0.25
"""Seconds between looks for requests that are overdue."""


class Gate:
    """The application that the server calls."""

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        lifecycle: Lifecycle,
        guard: Guard,
        metrics: Metrics,
        direct: Mapping[str, Direct],
        streams: Mapping[str, Stream],
        templates: Iterable[str] = (),
    ) -> None:
        """``direct`` answers POST by the path's template, without ``app``; ``streams`` by path, where it is NDJSON.

        ``templates`` are those of the routes of ``app``.
        """
        self.app = app
        self.guard = guard
        self.settings = settings
        self.lifecycle = lifecycle
        self.admission = Admission(settings, lifecycle, guard)
        self._direct = [(compile_path(template)[0], template, answer) for template, answer in direct.items()]
        self._plain = frozenset(template.encode() for template in direct if "{" not in template)
        self._streams = streams
        self._templates = [(compile_path(template)[0], template) for template in templates]
        self.metrics = metrics
        self.tracer: Tracer | None = None
        """Of requests that FastAPI does not see; set when the application starts, where tracing is on."""
        self._calls: dict[Call, None] = {}
        self._ids = itertools.count(1)
        self._prefix = os.urandom(8).hex()
        self._watch: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        call = Call(scope, receive, send, self._deadline())
        call.own_headers = self.guard.page_headers.get(scope["path"], self.guard.headers)
        scope["request_id"] = self.request_id(call.headers)
        request_scope.set(scope)
        self.metrics.started(1)
        self.admission.waiting += 1
        self._calls[call] = None
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
        finally:
            del self._calls[call]
            self.admission.waiting -= 1
            self.admission.release(call.held)
            seconds = time.perf_counter() - begin
            if call.route == OTHER and FAULT not in scope:
                call.route = self._template(scope["path"])
            self.metrics.ended(1)
            self.metrics.request(call.route, scope["method"], call.status, seconds)
            if self.settings.access_log:
                log_access(call.route, scope["method"], call.status, seconds)

    def is_direct(self, url: bytes, headers: Headers) -> bool:
        """Whether a POST to ``url``, as a client wrote it, is answered here, whole, and no span is wanted of it."""
        if self.tracer is not None or is_ndjson(headers):
            return False
        if url in self._plain:
            return True
        path = url.partition(b"?")[0].decode("latin-1")
        return url.isascii() and _ESCAPES.isdisjoint(url) and any(pattern.match(path) for pattern, _, _ in self._direct)

    def request_id(self, headers: Headers) -> str:
        """The client's own where it sent a sound one, else a new one."""
        sent = headers.get(b"x-request-id")
        if sent and _SOUND.fullmatch(sent):
            return sent.decode()
        return f"{self._prefix}{next(self._ids):08x}"

    async def _serve(self, call: Call) -> None:
        scope = call.scope
        if FAULT in scope:
            raise scope[FAULT]
        stream = self._streams.get(scope["path"]) if scope["method"] == "POST" and is_ndjson(call.headers) else None
        call.streams = stream is not None
        direct = self._find_direct(call) if scope["method"] == "POST" else None
        if direct is None:
            self._admit(call)
            await self._pass_on(call)
            return
        work = partial(self._answer, call, direct) if stream is None else partial(self._stream, call, stream)
        if self.tracer is None:
            await work()
            return

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            call.send_on = send
            try:
                await work()
            except Exception as error:
                # Within the span, so that it says how the request ended.
                if call.status:
                    raise
                await self._refuse(call, error)

        await traced(self.tracer, answer, call.route, scope, call.receive, call.send_on)

    def _find_direct(self, call: Call) -> Direct | None:
        for pattern, template, direct in self._direct:
            match = pattern.match(call.scope["path"])
            if match:
                call.route = template
                call.scope["path_params"] = match.groupdict()
                return direct
        return None

    def _template(self, path: str) -> str:
        """Of the route that a request was meant for which did not come so far."""
        return next((template for pattern, template in self._templates if pattern.match(path)), OTHER)

    async def _answer(self, call: Call, direct: Direct) -> None:
        self._admit(call)
        body = await self._read(call)
        await call.answer(*await direct(call.scope, call.headers, body, partial(self._hold, call)))

    async def _stream(self, call: Call, stream: Stream) -> None:
        """Answer while the request comes in; each piece of the answer has a deadline of its own."""
        self._admit(call)
        async with aclosing(stream(call.scope, call.headers, call.receive)) as pieces:
            async for piece in pieces:
                await call.pass_piece(piece, NDJSON)
                self._renew(call)
        await call.pass_piece(b"", NDJSON, last=True)

    def _renew(self, call: Call) -> None:
        """Give a call a new deadline, and the place among the others that goes with it."""
        del self._calls[call]
        call.deadline = self._deadline()
        self._calls[call] = None

    async def _pass_on(self, call: Call) -> None:
        """Have FastAPI answer."""
        scope = {**call.scope}
        try:
            if scope["method"] in ("GET", "HEAD", "OPTIONS"):
                # Routes see GET for HEAD; the server, which looks at its own scope, leaves the body out.
                scope["method"] = "GET" if scope["method"] == "HEAD" else scope["method"]
                await self.app(scope, call.receive, call.send)
            else:
                body = await self._read(call)
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-encoding"]
                await self.app(scope, call.replay(body), call.send)
        finally:
            call.route = getattr(scope.get("route"), "path", OTHER)

    async def _read(self, call: Call) -> bytes:
        limit = self.settings.max_body_bytes
        return await read_body(call.receive, call.headers, limit, partial(self._hold, call))

    def _hold(self, call: Call, size: int) -> None:
        """Count so many bytes for a request, in all, among those that wait.

        Raises:
            ProblemError: if that is more than all may hold together.
        """
        if size > call.held:
            self.admission.hold(size - call.held)
            call.held = size

    async def _refuse(self, call: Call, error: Exception) -> None:
        if isinstance(error, ProblemError) and error.reason:
            self.metrics.rejected(error.reason)
        response = error_response(error, call.scope)
        if call.status:
            # The server cuts the connection where an answer is not brought to its end, so that nobody takes it for one.
            await call.pass_piece(bytes(response.body) + b"\n", NDJSON)
        else:
            await response(call.scope, call.receive, call.send)

    def _admit(self, call: Call) -> None:
        """Let a request in, or not.

        Raises:
            ProblemError: if not.
        """
        size = self.settings.max_stream_bytes if call.streams else call.stated_length
        path, authorization = call.scope["path"], call.headers.get(b"authorization")
        self.admission.admit(self.admission.check(path, authorization, size, streams=call.streams), size)
        call.held = size

    def _deadline(self) -> float:
        """When a request that begins now is overdue; one timer watches over all, since one each would cost more."""
        loop = asyncio.get_running_loop()
        if self._watch is None:
            self._watch = loop.call_later(_LOOK_EVERY, self._look)
        return loop.time() + self.settings.request_seconds

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for call in self._calls:
            # They stand in the order of their deadlines.
            if call.deadline > now:
                break
            if not call.overdue:
                call.overdue = True
                call.task.cancel()
        self._watch = loop.call_later(_LOOK_EVERY, self._look) if self._calls else None

    def cancel_for(self, scope: object) -> None:
        """End the work on a request whose client has gone; changes to what is loaded are brought to their end."""
        call = next((call for call in self._calls if call.scope is scope), None)
        if call is None or call.status or call.left or call.scope["path"].startswith(REPOSITORY):
            return
        call.left = True
        call.task.cancel()

    def _cut_off(self, call: Call) -> ProblemError:
        """What a request hears whose task was cancelled, and what it is counted as where nobody hears it."""
        if call.left:
            return ProblemError(HTTPStatus.BAD_REQUEST, "the client left before it was answered")
        return self._too_late(call) if call.overdue else self.admission.unavailable()

    def _too_late(self, call: Call) -> ProblemError:
        seconds = self.settings.request_seconds
        detail = f"the request was not answered within {seconds:g} seconds; send less at once, or try again later"
        if call.streams:
            detail = f"no line could be answered for {seconds:g} seconds; send and read without longer pauses"
        return ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail, headers={"Connection": "close"}, reason="deadline")
