"""The ID, the response headers, the metrics and the log lines of every request, and the response to every error."""

import itertools
import os
import re
import time
from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.trace import Tracer
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.problems import REFUSAL, error_response
from service.http.security_headers import security_headers
from service.middleware.access import is_audited
from service.settings import Settings
from service.telemetry.logs import log_access, log_audit, request_scope
from service.telemetry.metrics import OTHER, Metrics
from service.telemetry.tracing import trace_parts

STATUS: Final = "response_status"
"""Key in the scope of a request whose response has begun: its status."""

_VALID_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


class RequestMiddleware:
    """Gives each request an ID and each response its headers, and counts and logs both.

    The ID is the client's ``X-Request-ID`` if that is valid. Routes see a HEAD request as GET; the server leaves the
    body of the response out.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, routes: Iterable[str], policies: Mapping[str, str]
    ) -> None:
        """Wrap ``app``.

        Args:
            app: answers the requests.
            settings: says whether each request is logged.
            metrics: counts the requests.
            routes: the templates of the routes, the labels of the metrics.
            policies: the Content-Security-Policy of each path whose response is not data.
        """
        self._app = app
        self._log_all = settings.access_log
        self._metrics = metrics
        self._routes = [(compile_path(template)[0], template) for template in routes]
        self._headers = security_headers()
        self._page_headers = {path: security_headers(policy) for path, policy in policies.items()}
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
        request_id = scope["request_id"] = self._request_id(scope)
        request_scope.set(scope)
        tracer: Tracer | None = scope["app"].state.tracer
        if tracer is not None:
            trace_parts(tracer)
        added = [(b"x-request-id", request_id.encode()), *self._page_headers.get(scope["path"], self._headers)]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope[STATUS] = message["status"]
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in added if header[0] not in given)]
            await send(message)

        self._metrics.started(1)
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._metrics.ended(1)
            self._record(scope, method, time.perf_counter() - begin)

    def _request_id(self, scope: Scope) -> str:
        sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        if sent and _VALID_ID.fullmatch(sent):
            return str(sent.decode())
        return f"{self._prefix}{next(self._ids):08x}"

    def _record(self, scope: Scope, method: str, seconds: float) -> None:
        """Count a request by route, method and status, and log it if it is audited or all are logged."""
        route, status, path = self._route(scope), scope.get(STATUS, 0), scope["path"]
        self._metrics.request(route, method, status, seconds)
        if REFUSAL in scope:
            self._metrics.rejected(scope[REFUSAL])
        if is_audited(path, method):
            log_audit(path, route, method, status, seconds)
        if self._log_all:
            log_access(route, method, status, seconds)

    def _route(self, scope: Scope) -> str:
        """Return the template of the route that has answered, or that a refused request was meant for."""
        route = scope.get("route")
        if route is not None:
            return str(route.path)
        return next((template for pattern, template in self._routes if pattern.match(scope["path"])), OTHER)


class ProblemMiddleware:
    """Answers the errors of the middleware behind it, and those of routes that nothing else handles."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http" or STATUS in scope:
                raise
            await error_response(error, scope)(scope, receive, send)
