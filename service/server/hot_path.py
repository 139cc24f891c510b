"""The hot path: answers POST /forecast of a few series, from a request that has been read to the bytes of its answer.

A request needs no task, no message and no future here, and the answers of a batch are written right after one another.
Requests that the gate would refuse before the forecast, and those that are too large for a batch, are left to the gate.
So there is one place that decides what is refused, and how.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final, Protocol

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.api.forecast.answer import write_answer
from service.api.forecast.handler import plan_forecast
from service.api.forecast.request import read_request
from service.api.forecast.schemas import ForecastRequest
from service.engine.batch_forecaster import Entries, ForecastJob
from service.engine.serving import Serving, is_small
from service.gate.accounting import RequestAccount
from service.gate.call import Headers
from service.gate.callers import caller_of
from service.gate.gate import JSON, Gate
from service.http.problems import error_response
from service.http.security_headers import as_lines
from service.telemetry.logs import CALLER

logger = logging.getLogger("service")

PATH: Final = "/forecast"

_MAX_BODY_BYTES: Final = 2**16
"""Bytes of a body. A larger one is seldom for a batch, and would be read twice."""

_BYTES_PER_VALUE: Final = 32
"""Memory of a value that has been parsed."""

_OK: Final = HTTPStatus.OK.value
_NO_ANSWER: Final = HTTPStatus.INTERNAL_SERVER_ERROR.value, b"content-length: 0\r\n", b""


class Exchange(Protocol):
    """A request that has been read, and the way back to its client."""

    scope: Any

    def answer(self, status: int, lines: bytes, content: bytes) -> None:
        """Write the whole answer; ``lines`` are its headers."""


class HotPath:
    """Answers requests in place of the gate, where it can.

    Attributes:
        gate: answers all other requests.
        latest: the connection that was answered last, while it is open.
        proxies: those that are trusted to say whose requests they pass on.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.latest: object = None
        self._admission = gate.admission
        self._accounting = gate.accounting
        # uvicorn's type of an application does not fit the gate.
        app: Any = gate
        self.proxies = ProxyHeadersMiddleware(app, gate.settings.proxies).trusted_hosts
        own_headers = gate.guard.page_headers.get(PATH, gate.guard.headers)
        self._lines = as_lines((*JSON, *own_headers))
        self._refusal_lines = as_lines(own_headers)
        self._ready: list[PendingResponse] = []
        """Responses that are ready to be written."""

    def try_handle(self, exchange: Exchange, headers: Headers, body: bytes) -> bool:
        """Take over a request; return False, with nothing changed, if the gate has to answer it.

        The request must be one that the gate answers whole (:meth:`~service.gate.gate.Gate.is_direct`).
        """
        scope, gate, accounting = exchange.scope, self.gate, self._accounting
        serving = gate.lifecycle.serving
        if scope["path"] != PATH or serving is None or len(body) > _MAX_BODY_BYTES:
            return False
        account = accounting.open(caller_of(scope))
        try:
            key = self._admission.check(PATH, headers.get(b"authorization"), len(body))
            request, dataset, strict = read_request(scope["query_string"], headers, body)
            job = plan_forecast(serving, gate.settings, request, dataset)
            # On a GPU, batches wait for threads, and a request needs a deadline of its own. Universal networks take
            # longer than the event loop may be held up.
            is_handled = isinstance(job, ForecastJob) and is_small(job) and job.forecasters[0].device.type == "cpu"
            if is_handled and isinstance(job, ForecastJob):
                self._admission.admit(account, scope, key, len(body) + _BYTES_PER_VALUE * job.steps)
        except Exception:
            # The gate runs into the same error, and answers with it.
            is_handled = False
        if not is_handled or not isinstance(job, ForecastJob):
            account.release()
            return False
        scope["request_id"] = gate.request_id(headers)
        if key is not None:
            scope[CALLER] = key.name
        accounting.start_soon()
        serving.enqueue(job, PendingResponse(self, exchange, account, serving, request, job, strict))
        return True

    def finish(self, response: "PendingResponse", result: list[Entries] | Exception) -> None:
        """Build the answer to a request from ``result``; it is written together with the others of its batch."""
        response.account.release()
        if not self._ready:
            # A write wakes its reader. Writes right after one another wake it once, before it falls asleep again.
            asyncio.get_running_loop().call_soon(self._write)
        self._ready.append(response)
        response.answer = self._build(response, result)

    def _write(self) -> None:
        ready, self._ready = self._ready, []
        self._accounting.end(len(ready))
        for response in ready:
            exchange, (status, lines, content) = response.exchange, response.answer
            try:
                exchange.answer(status, lines, content)
            except Exception:
                # One broken connection must not keep the others from their answers.
                logger.exception("cannot write a response")
            self._accounting.record(response.account, exchange.scope, PATH, status)

    def _build(self, response: "PendingResponse", result: list[Entries] | Exception) -> tuple[int, bytes, bytes]:
        scope, statistics = response.exchange.scope, response.serving.statistics
        own_lines = b"content-length: %d\r\nx-request-id: %s\r\n"
        request_id, seconds = scope["request_id"].encode(), response.account.seconds
        try:
            if isinstance(result, Exception):
                raise result
            content = write_answer(response.request, response.job, result, response.strict)
        except Exception as error:
            for forecaster in response.job.forecasters:
                statistics[forecaster].failed(seconds)
            self._accounting.record_refusal(error)
            refusal = error_response(error, scope)
            lines = as_lines((*refusal.raw_headers, (b"x-request-id", request_id)))
            return refusal.status_code, lines + self._refusal_lines, bytes(refusal.body)
        for forecaster in response.job.forecasters:
            statistics[forecaster].succeeded(seconds)
        return _OK, self._lines + own_lines % (len(content), request_id), content


class PendingResponse:
    """The answer to a request that is in a batch; the batcher hands it the result."""

    __slots__ = ("account", "answer", "exchange", "job", "path", "request", "serving", "strict")

    def __init__(
        self,
        path: HotPath,
        exchange: Exchange,
        account: RequestAccount,
        serving: Serving,
        request: ForecastRequest,
        job: ForecastJob,
        strict: bool,
    ) -> None:
        self.path = path
        self.exchange = exchange
        self.account = account
        self.serving = serving
        self.request = request
        self.job = job
        self.strict = strict
        self.answer: tuple[int, bytes, bytes] = _NO_ANSWER
        """Status, header lines and content. It stays as it is here if building the answer fails."""

    def done(self) -> bool:
        """Whether the result is no longer wanted: never."""
        return False

    def set_result(self, result: list[Entries], /) -> None:
        """Answer with the entries that the batch produced."""
        self.path.finish(self, result)

    def set_exception(self, error: Exception, /) -> None:
        """Answer with the error that the job failed with."""
        self.path.finish(self, error)
