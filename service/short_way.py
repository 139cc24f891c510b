"""The short way: POST /forecast of few series, from a request that has been read whole to the bytes of its answer.

It takes no task, no message and no future a request, and the answers of a batch are written one right after the other.
What is not sure to be forecast by the time its batch begins is left to the gate, which answers and refuses everything;
so what is refused, and how, is written there once.
"""

import time
from http import HTTPStatus
from typing import Any, Final, Protocol

from starlette.types import Scope

from service.call import Headers
from service.errors import ProblemError, error_response
from service.forecasts import Small, small_request
from service.gate import JSON, Gate
from service.logs import log_access, request_scope
from service.routes.forecast import read_request
from service.security_headers import RawHeaders
from service.serving import Entries

PATH: Final = "/forecast"


class Exchange(Protocol):
    """A request that has been read, and the way back to its client."""

    scope: Any

    def answer(self, status: int, headers: RawHeaders, content: bytes) -> None:
        """Write the whole answer."""


class ShortWay:
    """Takes the gate's place for the requests that it can answer."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._settings = gate.settings
        self._admission = gate.admission
        self._own_headers = gate.guard.page_headers.get(PATH, gate.guard.headers)

    def take(self, exchange: Exchange, headers: Headers, body: bytes) -> bool:
        """Whether the request is answered from here on; else it is as if it had not been looked at.

        It is one that the gate answers whole (:meth:`~service.gate.Gate.is_direct`).
        """
        scope, serving = exchange.scope, self._gate.lifecycle.serving
        if scope["path"] != PATH or serving is None:
            return False
        begin = time.perf_counter()
        self._admission.waiting += 1
        try:
            key = self._admission.check(PATH, headers.get(b"authorization"), len(body))
            request, dataset, strict = read_request(scope["query_string"], headers, body)
            asked = None if strict else small_request(serving, self._settings, request, dataset)
            if asked is not None:
                self._admission.admit(key, len(body))
        except Exception:
            # The gate meets the same, and says what it is.
            asked = None
        if asked is None:
            self._admission.waiting -= 1
            return False
        scope["request_id"] = self._gate.request_id(headers)
        self._gate.metrics.started()
        asked.lane.put(asked.series, asked.wanted, _Waiting(self, exchange, asked, len(body), begin))
        return True

    def finish(self, waiting: "_Waiting", result: Entries | Exception) -> None:
        """Answer a request that was taken."""
        exchange, seconds = waiting.exchange, time.perf_counter() - waiting.begin
        self._admission.waiting -= 1
        self._admission.release(waiting.size)
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            status, headers, content = self._written(waiting.asked, result, exchange.scope, seconds)
            request_id = (b"x-request-id", exchange.scope["request_id"].encode())
            exchange.answer(status, (*headers, request_id, *self._own_headers), content)
        finally:
            self._gate.metrics.request(PATH, "POST", status, seconds)
        if self._settings.access_log:
            token = request_scope.set(exchange.scope)
            log_access(PATH, "POST", status, seconds)
            request_scope.reset(token)

    def _written(
        self, asked: Small, result: Entries | Exception, scope: Scope, seconds: float
    ) -> tuple[int, RawHeaders, bytes]:
        if not isinstance(result, Exception):
            asked.lane.statistics.succeeded(seconds)
            content = asked.written(result)
            return HTTPStatus.OK, (*JSON, (b"content-length", b"%d" % len(content))), content
        asked.lane.statistics.failed(seconds)
        if isinstance(result, ProblemError) and result.reason:
            self._gate.metrics.rejected(result.reason)
        response = error_response(result, scope)
        return response.status_code, tuple(response.raw_headers), bytes(response.body)


class _Waiting:
    """What the batcher tells how a request went."""

    __slots__ = ("asked", "begin", "exchange", "size", "way")

    def __init__(self, way: ShortWay, exchange: Exchange, asked: Small, size: int, begin: float) -> None:
        self.way = way
        self.exchange = exchange
        self.asked = asked
        self.size = size
        self.begin = begin

    def done(self) -> bool:
        """Whether it has been answered otherwise: never."""
        return False

    def set_result(self, entries: Entries, /) -> None:
        """It went well."""
        self.way.finish(self, entries)

    def set_exception(self, error: Exception, /) -> None:
        """It did not."""
        self.way.finish(self, error)
