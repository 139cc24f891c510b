"""What holds for every request: its ID, place, deadline, key and body, and the headers, metrics and log lines.

All of it is one ASGI middleware, since each further one would wrap the messages of every request once more.
"""

import asyncio
import itertools
import os
import re
import time
from collections.abc import Iterable
from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.engine.serving import Lifecycle
from service.http.bodies import media_type_of, read_body, replay, stated_length, too_large, weighed
from service.http.paths import PATHS, Paths
from service.http.problems import REFUSAL, error_response, shutting_down
from service.middleware.access import KEY, READING, Access, RateLimiter, caller_of
from service.middleware.browsers import CorsMiddleware, Origins, security_headers
from service.middleware.deadlines import DEADLINE, STATUS, STREAMED, Deadline, Deadlines
from service.middleware.keys import ANONYMOUS
from service.settings import Settings
from service.telemetry.logs import CALLER, log_access, log_audit, request_scope
from service.telemetry.metrics import OTHER, Metrics
from service.telemetry.tracing import trace_parts
from service.worker.accounts import Account, Accounts, current, overloaded
from service.worker.json_bodies import SMALL_BYTES, working_bytes

HEADERS: Final = "headers_by_name"
"""Key in the scope of every request: the values of its headers by name; of a repeated header, the last."""

_VALID_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

_COMPRESSED_BYTES: Final = 4_096
"""Bytes from which a response is compressed."""


class RequestMiddleware:
    """Admits each request, reads its body, and completes its response.

    - The ID is the client's ``X-Request-ID`` if that is valid.
    - A request is refused if another web page may have sent it, if there is no place for it, or if its key does not
      allow it. Nothing is reserved for a body that is only announced: memory is reserved as it arrives.
    - Errors of the routes that nothing else handles become problem documents.
    - Routes see a HEAD request as GET; the server leaves the body of the response out.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        lifecycle: Lifecycle,
        access: Access,
        metrics: Metrics,
        routes: Iterable[str],
        paths: Paths,
    ) -> None:
        """Wrap ``app``."""
        self._app = app
        # Higher levels save little, and take up to ten times as long.
        self._compressing = GZipMiddleware(app, minimum_size=_COMPRESSED_BYTES, compresslevel=1)
        self._respond: ASGIApp = CorsMiddleware(self._serve, settings.origins) if settings.origins else self._serve
        self._settings, self._lifecycle, self._metrics = settings, lifecycle, metrics
        self._origins, self._access, self._limiter = Origins(settings), access, RateLimiter(settings.rate_limit)
        self._accounts = Accounts(settings)
        self._deadlines = Deadlines(settings.request_seconds, lifecycle, access.is_for_admins)
        self._paths = paths
        self._routes = [(compile_path(template)[0], template) for template in routes]
        self._headers = security_headers()
        self._own_names = {b"x-request-id", *dict(self._headers)}
        self._ids = itertools.count(1)
        self._prefix = os.urandom(8).hex()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, method = time.perf_counter(), scope["method"]
        if method == "HEAD":
            # A copy: by its own scope, the server knows that it has to leave out the body.
            scope = {**scope, "method": "GET"}
        headers = scope[HEADERS] = dict(scope["headers"])
        sent = headers.get(b"x-request-id", b"")
        request_id = sent.decode() if _VALID_ID.fullmatch(sent) else f"{self._prefix}{next(self._ids):08x}"
        scope["request_id"], scope[PATHS] = request_id, self._paths
        request_scope.set(scope)
        if self._lifecycle.tracer is not None:
            trace_parts(self._lifecycle.tracer)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope[STATUS] = message["status"]
                given, added = message["headers"], self._headers
                names = {name for name, _ in given}
                if not names.isdisjoint(self._own_names):
                    added = tuple(header for header in added if header[0] not in names)
                message["headers"] = [*given, (b"x-request-id", request_id.encode()), *added]
            await send(message)

        self._metrics.started(1)
        try:
            await self._respond(scope, receive, send_with_headers)
        finally:
            self._metrics.ended(1)
            self._record(scope, method, time.perf_counter() - begin)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        account = Account(self._accounts, caller_of(scope))
        current.set(account)
        deadline = scope[DEADLINE] = Deadline(self._deadlines, scope, receive)
        try:
            self._admit(scope, account)
            receive = await self._received(scope, deadline.receive, account)
            await (self._compressing if self._may_compress(scope) else self._app)(scope, receive, send)
            return
        except asyncio.CancelledError:
            if STATUS in scope or (refused := deadline.take_error()) is None:
                raise
            response = error_response(refused, scope)
        except Exception as error:
            if STATUS in scope:
                raise
            response = error_response(error, scope)
        finally:
            deadline.end()
            # They refer to each other: only a garbage collection, which stops everything, could free them.
            del scope[DEADLINE]
            account.release()
        await response(scope, receive, send)

    def _admit(self, scope: Scope, account: Account) -> None:
        """Raise ProblemError if a request may not pass; otherwise note its key."""
        headers, method, path = scope[HEADERS], scope["method"], scope["path"]
        self._origins.check(method, headers)
        media_type = media_type_of(headers) if method == "POST" else ""
        scope[STREAMED] = self._paths.streamed.get((path, media_type))
        if scope[STREAMED] is None and stated_length(headers) > self._settings.max_body_bytes:
            raise too_large(self._settings.max_body_bytes)
        is_operators = self._paths.is_operators(path)
        if not is_operators:
            if self._lifecycle.draining:
                raise shutting_down()
            if self._accounts.waiting > self._settings.max_waiting:
                raise overloaded()
        key = self._access.check(path, headers.get(b"authorization"), method)
        if key is not None:
            scope[CALLER], scope[KEY] = key.name, key
        if not is_operators:
            account.identify(account.caller if key is None or key is ANONYMOUS else f"key {key.name}")
        self._limiter.admit(key)

    async def _received(self, scope: Scope, receive: Receive, account: Account) -> Receive:
        """Read the body, and wait until there is memory for it; a route that reads it itself is only counted."""
        if scope["method"] in READING:
            return receive
        if scope[STREAMED] is not None:
            return _counted(receive, account, self._settings.max_stream_bytes)
        headers = scope[HEADERS]
        body = await read_body(receive, headers, self._settings.max_body_bytes, account.reserve)
        if headers.pop(b"content-encoding", None) is not None:
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-encoding"]
        if len(body) <= SMALL_BYTES:
            account.reserve(len(body) + working_bytes(body))
        else:
            account.reserve(len(body))
            await account.begin_work(working_bytes(body))
        return replay(body, receive)

    def _may_compress(self, scope: Scope) -> bool:
        """Return whether a large response is compressed: the client accepts gzip, and the event loop need not wait.

        Forecasts for the caller's series may be large.
        """
        path, accepted = scope["path"], scope[HEADERS].get(b"accept-encoding")
        is_forecast = scope["method"] == "POST" and path.endswith("/forecast")
        if accepted is None or is_forecast or self._paths.protocol(path) is not None:
            return False
        offers = map(weighed, accepted.decode("latin-1").lower().split(","))
        return any(name == "gzip" and weight > 0 for name, weight in offers)

    def _record(self, scope: Scope, method: str, seconds: float) -> None:
        """Count a request by route, method and status, and log it if it is audited or all are logged."""
        answered, status, path = scope.get("route"), scope.get(STATUS, 0), scope["path"]
        if answered is not None:
            route = str(answered.path)
        else:
            # A refused request counts for the route that it was meant for.
            route = next((template for pattern, template in self._routes if pattern.match(path)), OTHER)
        self._metrics.request(route, method, status, seconds)
        if REFUSAL in scope:
            self._metrics.rejected(scope[REFUSAL])
        if self._access.is_audited(path, method):
            log_audit(path, route, method, status, seconds)
        if self._settings.access_log:
            log_access(route, method, status, seconds)


def _counted(receive: Receive, account: Account, most: int) -> Receive:
    """Return a ``receive`` that reserves what arrives, up to the bytes that a route keeps of it."""
    size = 0

    async def receive_counted() -> Message:
        nonlocal size
        message = await receive()
        size = min(size + len(message.get("body", b"")), most)
        account.reserve(size)
        return message

    return receive_counted
