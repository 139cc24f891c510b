"""The outermost layer: what every request passes, and the short way that POST /forecast takes from there.

A request gets its id, is refused where the process drains, is full, or the body is too large, and is counted. FastAPI's
own stack costs more than a forecast in a batch does, so POST /forecast is answered here, by the same function that its
route in the OpenAPI document names.
"""

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from service.bodies import read_body, too_large
from service.errors import ProblemError, error_response
from service.lifecycle import Lifecycle
from service.rate_limit import RateLimiter
from service.security import Access
from service.security_headers import RawHeaders
from service.settings import Settings

Headers = dict[bytes, bytes]
"""Of a request, by name in lower case."""

Direct = Callable[[Scope, Headers, bytes], Awaitable[bytes]]
"""Answers a request with JSON, from its scope, headers and body."""

_SOUND: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_ALWAYS: Final = ("/health/", "/metrics", "/v2/health/")
"""Answered also by a process that drains or is full: those who watch it need to hear so."""


_LOOK_EVERY: Final = 0.25
"""Seconds between looks for requests that are overdue."""

_DIGITS: Final = 18
"""More of them state no length that a number needs to be made of."""


@dataclass(frozen=True)
class Guard:
    """Who may call, how often, and what their browsers are told.

    Attributes:
        access: checks keys.
        limiter: counts the calls of each.
        headers: of every answer.
        page_headers: in place of those, by path.
    """

    access: Access
    limiter: RateLimiter
    headers: RawHeaders
    page_headers: Mapping[str, RawHeaders]


class Gate:
    """The application that the server calls."""

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        lifecycle: Lifecycle,
        guard: Guard,
        direct: Mapping[str, Direct],
    ) -> None:
        """``direct`` answers POST by path, without ``app``."""
        self.app = app
        self.guard = guard
        self.settings = settings
        self.lifecycle = lifecycle
        self.direct = direct
        self._calls: dict[_Call, None] = {}
        self._bytes = 0
        self._ids = itertools.count(1)
        self._prefix = os.urandom(8).hex()
        self._watch: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = _Call(scope, receive, send, self._deadline())
        call.own_headers = self.guard.page_headers.get(scope["path"], self.guard.headers)
        scope["request_id"] = self._request_id(call.headers)
        self._calls[call] = None
        try:
            await self._serve(call)
        except asyncio.CancelledError:
            if not call.overdue or call.status:
                raise
            call.task.uncancel()
            await call.refuse(_too_late(self.settings.request_seconds))
        except Exception as error:
            if call.status:
                raise
            await call.refuse(error)
        finally:
            del self._calls[call]
            self._bytes -= call.held

    def _request_id(self, headers: Headers) -> str:
        """The client's own where it sent a sound one, else a new one."""
        sent = headers.get(b"x-request-id")
        if sent and _SOUND.fullmatch(sent):
            return sent.decode()
        return f"{self._prefix}{next(self._ids):08x}"

    async def _serve(self, call: "_Call") -> None:
        scope = call.scope
        self._admit(call)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            # Routes see GET for HEAD; the server, which looks at its own scope, leaves the body out.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self.app({**scope, "method": method}, call.receive, call.send)
            return
        body = await read_body(call.receive, call.headers, self.settings.max_body_bytes)
        direct = self.direct.get(scope["path"]) if scope["method"] == "POST" else None
        if direct:
            await call.answer(await direct(scope, call.headers, body))
        else:
            await self.app(call.with_plain_body(), call.replay(body), call.send)

    def _admit(self, call: "_Call") -> None:
        """Let a request in, or not.

        Raises:
            ProblemError: if not.
        """
        settings = self.settings
        stated = call.headers.get(b"content-length", b"0")
        size = int(stated) if stated.isdigit() and len(stated) < _DIGITS else 0
        if size > settings.max_body_bytes:
            raise too_large(settings.max_body_bytes)
        if self.lifecycle.draining or len(self._calls) > settings.max_waiting:
            if not call.scope["path"].startswith(_ALWAYS):
                raise self._unavailable()
        elif self._bytes + size > settings.max_waiting_bytes:
            raise self._unavailable()
        self.guard.limiter.admit(self.guard.access.check(call.scope["path"], call.headers.get(b"authorization")))
        call.held = size
        self._bytes += size

    def _unavailable(self) -> ProblemError:
        if self.lifecycle.draining:
            return ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the service is about to stop; try again in a second",
                headers={"Retry-After": "1", "Connection": "close"},
            )
        detail = "too many requests are waiting; try again in a second"
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})

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
            # They stand in the order in which they began.
            if call.deadline > now:
                break
            if not call.overdue:
                call.overdue = True
                call.task.cancel()
        self._watch = loop.call_later(_LOOK_EVERY, self._look) if self._calls else None


def _too_late(seconds: float) -> ProblemError:
    detail = f"the request was not answered within {seconds:g} seconds; send less at once, or try again later"
    return ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail, headers={"Connection": "close"})


class _Call:
    """One request on its way."""

    __slots__ = ("_send", "deadline", "headers", "held", "overdue", "own_headers", "receive", "scope", "status", "task")

    def __init__(self, scope: Scope, receive: Receive, send: Send, deadline: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.scope = scope
        self.headers: Headers = dict(scope["headers"])
        self.receive = receive
        self.deadline = deadline
        self.task: asyncio.Task[object] = task
        self.overdue = False
        self.held = 0
        self.own_headers: RawHeaders = ()
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass on what is answered, with what every answer carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            request_id = (b"x-request-id", self.scope["request_id"].encode())
            message["headers"] = [*message["headers"], request_id, *self.own_headers]
        await self._send(message)

    async def answer(self, content: bytes) -> None:
        """Answer with JSON."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})

    async def refuse(self, error: Exception) -> None:
        """Answer with an error."""
        await error_response(error, self.scope)(self.scope, self.receive, self.send)

    def with_plain_body(self) -> Scope:
        """The scope for a body that was decompressed."""
        if b"content-encoding" not in self.headers:
            return self.scope
        return {**self.scope, "headers": [pair for pair in self.scope["headers"] if pair[0] != b"content-encoding"]}

    def replay(self, body: bytes) -> Receive:
        """What the application receives in place of the body that was read."""
        messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(messages, None) or await self.receive()

        return receive
