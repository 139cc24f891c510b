"""The hot path: POST /forecast of few series, from a request that has been read whole to the bytes of its answer.

It takes no task, no message and no future a request, and the answers of a batch are written one right after the other.
What the gate would refuse before it is forecast, and what is too large for a batch, is left to the gate, which answers
and refuses everything; so what is refused, and how, is written there once.
"""

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Any, Final, Protocol

from service.api.forecast.answer import write_answer
from service.api.forecast.handler import plan_forecast
from service.api.forecast.request import read_request
from service.api.forecast.schemas import ForecastRequest
from service.engine.batch_forecaster import Entries, ForecastJob
from service.engine.serving import Serving, is_small
from service.gate.call import Headers
from service.gate.gate import JSON, Gate
from service.http.problems import ProblemError, error_response
from service.http.security_headers import as_lines
from service.telemetry.logs import log_access, request_scope

logger = logging.getLogger("service")

PATH: Final = "/forecast"

_LARGEST: Final = 2**16
"""Bytes of a body. What is larger is seldom for a batch, and would be read twice."""

_OK: Final = HTTPStatus.OK.value
_NONE_MADE: Final = HTTPStatus.INTERNAL_SERVER_ERROR.value, b"content-length: 0\r\n", b""


class Exchange(Protocol):
    """A request that has been read, and the way back to its client."""

    scope: Any

    def answer(self, status: int, lines: bytes, content: bytes) -> None:
        """Write the whole answer; ``lines`` are those of its headers."""


class HotPath:
    """Takes the gate's place for the requests that it can answer.

    Attributes:
        gate: that answers all others.
        latest: the connection that was answered last, where it is still there.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.latest: object = None
        self._admission = gate.admission
        self._metrics = gate.metrics
        own = gate.guard.page_headers.get(PATH, gate.guard.headers)
        self._lines = as_lines((*JSON, *own))
        self._lines_of_refusals = as_lines(own)
        self._ready: list[PendingResponse] = []
        """Requests whose answers are yet to be written."""
        self._new = 0
        """Requests that are yet to be counted as being in flight."""

    def try_handle(self, exchange: Exchange, headers: Headers, body: bytes) -> bool:
        """Whether the request is answered from here on; else it is as if it had not been looked at.

        It is one that the gate answers whole (:meth:`~service.gate.gate.Gate.is_direct`).
        """
        scope, gate, admission = exchange.scope, self.gate, self._admission
        serving = gate.lifecycle.serving
        if scope["path"] != PATH or serving is None or len(body) > _LARGEST:
            return False
        begin = time.perf_counter()
        admission.waiting += 1
        try:
            key = admission.check(PATH, headers.get(b"authorization"), len(body))
            request, dataset, strict = read_request(scope["query_string"], headers, body)
            job = plan_forecast(serving, gate.settings, request, dataset)
            # On a GPU batches wait for threads, so that a request needs a deadline of its own.
            taken = is_small(job) and job.forecasters[0].device.type == "cpu"
            if taken:
                admission.admit(key, len(body))
        except Exception:
            # The gate meets the same, and says what it is.
            taken = False
        if not taken:
            admission.waiting -= 1
            return False
        scope["request_id"] = gate.request_id(headers)
        if not self._new:
            asyncio.get_running_loop().call_soon(self._count_new)
        self._new += 1
        serving.enqueue(job, PendingResponse(self, exchange, serving, request, job, strict, len(body), begin))
        return True

    def _count_new(self) -> None:
        new, self._new = self._new, 0
        self._metrics.started(new)

    def finish(self, waiting: "PendingResponse", result: list[Entries] | Exception) -> None:
        """Make the answer to a request that was taken; it is written with the others of its batch."""
        self._admission.waiting -= 1
        self._admission.release(waiting.size)
        if not self._ready:
            # A write wakes its reader. Right after one another they wake it once, where it would fall asleep between.
            asyncio.get_running_loop().call_soon(self._write)
        self._ready.append(waiting)
        waiting.answer = self._written(waiting, result, time.perf_counter() - waiting.begin)

    def _write(self) -> None:
        ready, self._ready = self._ready, []
        self._metrics.ended(len(ready))
        for waiting in ready:
            exchange, (status, lines, content) = waiting.exchange, waiting.answer
            try:
                exchange.answer(status, lines, content)
            except Exception:
                # One that cannot be told does not keep the others from hearing.
                logger.exception("an answer could not be written")
            seconds = time.perf_counter() - waiting.begin
            self._metrics.request(PATH, "POST", status, seconds)
            if self.gate.settings.access_log:
                token = request_scope.set(exchange.scope)
                log_access(PATH, "POST", status, seconds)
                request_scope.reset(token)

    def _written(
        self, waiting: "PendingResponse", result: list[Entries] | Exception, seconds: float
    ) -> tuple[int, bytes, bytes]:
        scope, statistics = waiting.exchange.scope, waiting.serving.statistics
        own = b"content-length: %d\r\nx-request-id: %s\r\n"
        request_id = scope["request_id"].encode()
        try:
            if isinstance(result, Exception):
                raise result
            content = write_answer(waiting.request, waiting.job, result, waiting.strict)
        except Exception as error:
            for one in waiting.job.forecasters:
                statistics[one].failed(seconds)
            if isinstance(error, ProblemError) and error.reason:
                self._metrics.rejected(error.reason)
            response = error_response(error, scope)
            lines = as_lines((*response.raw_headers, (b"x-request-id", request_id)))
            return response.status_code, lines + self._lines_of_refusals, bytes(response.body)
        for one in waiting.job.forecasters:
            statistics[one].succeeded(seconds)
        return _OK, self._lines + own % (len(content), request_id), content


class PendingResponse:
    """What the batcher tells how a request went."""

    __slots__ = ("answer", "begin", "exchange", "job", "path", "request", "serving", "size", "strict")

    def __init__(
        self,
        path: HotPath,
        exchange: Exchange,
        serving: Serving,
        request: ForecastRequest,
        job: ForecastJob,
        strict: bool,
        size: int,
        begin: float,
    ) -> None:
        self.path = path
        self.exchange = exchange
        self.serving = serving
        self.request = request
        self.job = job
        self.strict = strict
        self.size = size
        self.begin = begin
        self.answer: tuple[int, bytes, bytes] = _NONE_MADE
        """Status, lines of headers, and content; as it stands, where none could be made."""

    def done(self) -> bool:
        """Whether it has been answered otherwise: never."""
        return False

    def set_result(self, found: list[Entries], /) -> None:
        """Answer with the entries that the batch came to."""
        self.path.finish(self, found)

    def set_exception(self, error: Exception, /) -> None:
        """Answer with the ``error`` that the job failed with."""
        self.path.finish(self, error)
