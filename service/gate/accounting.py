"""The accounts of requests: how many wait, what they hold in memory, and how each of them ended.

Both ways to an answer, the gate and :mod:`service.server.hot_path`, keep their accounts here.
"""

import asyncio
import time
from http import HTTPStatus

from starlette.types import Scope

from service.engine.lifecycle import Lifecycle
from service.gate.policy import is_audited
from service.http.problems import ProblemError, shutting_down
from service.settings import Settings
from service.telemetry.logs import log_access, log_audit, request_scope
from service.telemetry.metrics import Metrics


class RequestAccount:
    """The account of one request.

    Attributes:
        begin: when the request arrived, in the time of :func:`time.perf_counter`.
        held: bytes that are reserved for its body and its answer.
    """

    __slots__ = ("begin", "held")

    def __init__(self) -> None:
        self.begin = time.perf_counter()
        self.held = 0

    @property
    def seconds(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.begin


class Accounting:
    """Keeps the accounts of one process.

    Each request is opened, may hold bytes, and is closed once its answer is ready. A request that is answered here also
    counts as in flight between :meth:`start` (or :meth:`start_soon`) and :meth:`end`, and is recorded once.

    Attributes:
        waiting: requests that are open.
    """

    def __init__(self, settings: Settings, lifecycle: Lifecycle, metrics: Metrics) -> None:
        self.waiting = 0
        self._bytes = 0
        self._starting = 0
        self._settings = settings
        self._lifecycle = lifecycle
        self._metrics = metrics

    def open(self) -> RequestAccount:
        """Open the account of a request that has just arrived."""
        self.waiting += 1
        return RequestAccount()

    def hold(self, account: RequestAccount, size: int) -> None:
        """Reserve ``size`` bytes for a request, including what it holds already.

        Raises:
            ProblemError: 503 if all requests together would hold too much. The request keeps what it held.
        """
        more = size - account.held
        if more <= 0:
            return
        if self._bytes + more > self._settings.max_waiting_bytes:
            raise self.unavailable()
        self._bytes += more
        account.held = size

    def release(self, account: RequestAccount) -> None:
        """Free the bytes that a request holds."""
        self._bytes -= account.held
        account.held = 0

    def close(self, account: RequestAccount) -> None:
        """Close the account of a request: it no longer waits, and holds nothing."""
        self.waiting -= 1
        self.release(account)

    def start(self) -> None:
        """Count a request as in flight."""
        self._metrics.started(1)

    def start_soon(self) -> None:
        """Count a request as in flight, together with all others of this turn of the event loop."""
        if not self._starting:
            asyncio.get_running_loop().call_soon(self._start_all)
        self._starting += 1

    def _start_all(self) -> None:
        count, self._starting = self._starting, 0
        self._metrics.started(count)

    def end(self, count: int = 1) -> None:
        """Count ``count`` requests as no longer in flight."""
        self._metrics.ended(count)

    def record(self, account: RequestAccount, scope: Scope, route: str, status: int) -> None:
        """Count an answered request by route, method and status, and log it.

        Calls that :func:`is_audited` names are always logged, others where the access log is on.
        """
        seconds, method, path = account.seconds, scope["method"], scope["path"]
        self._metrics.request(route, method, status, seconds)
        audited = is_audited(path, method)
        if audited or self._settings.access_log:
            token = request_scope.set(scope)
            if audited:
                log_audit(path, route, method, status, seconds)
            if self._settings.access_log:
                log_access(route, method, status, seconds)
            request_scope.reset(token)

    def record_refusal(self, error: Exception) -> None:
        """Count the reason of a refusal, where ``error`` has one."""
        if isinstance(error, ProblemError) and error.reason:
            self._metrics.rejected(error.reason)

    def unavailable(self) -> ProblemError:
        """Return the 503 for a request that there is no room for, or that comes while the service stops."""
        if self._lifecycle.draining:
            return shutting_down()
        detail = "too many requests are waiting; try again in a second"
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}, reason="overloaded")
