"""The accounts of requests: how many wait, what they hold in memory, and how each of them ended.

Both ways to an answer, the gate and :mod:`service.server.hot_path`, keep their accounts here.
"""

import asyncio
import time
from http import HTTPStatus
from typing import Final

from starlette.types import Scope

from service.engine.lifecycle import Lifecycle
from service.engine.running import return_free_memory
from service.gate.policy import is_audited
from service.http.problems import ProblemError, shutting_down
from service.settings import Settings
from service.telemetry.logs import log_access, log_audit, request_scope
from service.telemetry.metrics import Metrics

_LARGE_BYTES: Final = 32 * 2**20
"""Bytes of work after which the process gives memory back to the system."""


class RequestAccount:
    """The account of one request. It is a :class:`~service.engine.running.Reservation`.

    Attributes:
        begin: when the request arrived, in the time of :func:`time.perf_counter`.
        caller: who it counts for.
        held: bytes that are reserved for its body and its answer.
        working: bytes that are reserved for the work on it, if it is large.
    """

    __slots__ = ("_accounting", "_users", "begin", "caller", "held", "working")

    def __init__(self, accounting: "Accounting", caller: str) -> None:
        self.begin = time.perf_counter()
        self.caller = caller
        self.held = 0
        self.working = 0
        self._accounting = accounting
        self._users = 1

    @property
    def seconds(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.begin

    def retain(self) -> bool:
        """Keep the account open until one more :meth:`release`; return False if it is closed already."""
        if self._users:
            self._users += 1
        return self._users > 0

    def release(self) -> None:
        """Close the account, unless work for the request still runs."""
        self._users -= 1
        if not self._users:
            self._accounting.close(self)


class _Share:
    """What the open requests of one caller take up."""

    __slots__ = ("held", "places")

    def __init__(self) -> None:
        self.places = self.held = 0


class Turns:
    """Lets large requests be worked on while there is memory for it. Callers that have to wait take turns."""

    def __init__(self, capacity: int) -> None:
        """Give ``capacity`` bytes to the requests that are worked on at once, but to one of them at least."""
        self._free = self._capacity = capacity
        self._waiting: dict[str, dict[asyncio.Future[None], int]] = {}

    async def take(self, caller: str, size: int) -> int:
        """Wait until ``size`` bytes are free, or all if it is more; return what to give back."""
        size = min(size, self._capacity)
        if size <= self._free and not self._waiting:
            self._free -= size
            return size
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, {})[turn] = size
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come just before.
            self.give_back(0 if turn.cancelled() else size)
            raise
        return size

    def give_back(self, size: int) -> None:
        """Free ``size`` bytes, and begin the turns that they are enough for."""
        self._free += size
        for caller in [caller for caller, turns in self._waiting.items() if any(turn.cancelled() for turn in turns)]:
            self._keep(caller, {turn: n for turn, n in self._waiting[caller].items() if not turn.cancelled()})
        while self._waiting:
            caller, turns = next(iter(self._waiting.items()))
            turn, needed = next(iter(turns.items()))
            if needed > self._free:
                return
            self._free -= needed
            turn.set_result(None)
            # The caller's next request waits behind those of all others.
            del self._waiting[caller], turns[turn]
            self._keep(caller, turns)

    def _keep(self, caller: str, turns: dict[asyncio.Future[None], int]) -> None:
        if turns:
            self._waiting[caller] = turns
        else:
            self._waiting.pop(caller, None)


class Accounting:
    """Keeps the accounts of one process.

    Each request is opened, may hold bytes, and is closed once its answer is ready and its work has ended. One caller
    has at most ``settings.caller_share`` of the places and of the bytes. A request that is answered here also counts as
    in flight between :meth:`start` (or :meth:`start_soon`) and :meth:`end`, and is recorded once.

    Attributes:
        waiting: requests that are open.
        turns: of the work on large requests.
    """

    def __init__(self, settings: Settings, lifecycle: Lifecycle, metrics: Metrics) -> None:
        self.waiting = 0
        self.turns = Turns(settings.max_working_bytes)
        self._bytes = 0
        self._shares: dict[str, _Share] = {}
        self._most_places = max(1, int(settings.max_waiting * settings.caller_share))
        self._most_bytes = int(settings.max_waiting_bytes * settings.caller_share)
        self._starting = 0
        self._trimming: asyncio.Task[None] | None = None
        self._settings = settings
        self._lifecycle = lifecycle
        self._metrics = metrics

    def open(self, caller: str) -> RequestAccount:
        """Open the account of a request of ``caller`` that has just arrived."""
        self.waiting += 1
        self._share(caller).places += 1
        return RequestAccount(self, caller)

    def identify(self, account: RequestAccount, caller: str) -> None:
        """Count a request for ``caller``, now that the key is known.

        Raises:
            ProblemError: 503 if the caller has too many requests open.
        """
        if caller != account.caller:
            held = account.held
            self._leave(account)
            account.caller = caller
            share = self._share(caller)
            share.places += 1
            share.held += held
        if self._shares[caller].places > self._most_places:
            raise self.unavailable(" from this caller")

    def hold(self, account: RequestAccount, size: int) -> None:
        """Reserve ``size`` bytes for a request, including what it holds already.

        Raises:
            ProblemError: 503 if all requests together, or those of its caller, would hold too much. The request keeps
                what it held.
        """
        more = size - account.held
        if more <= 0:
            return
        share = self._shares[account.caller]
        if self._bytes + more > self._settings.max_waiting_bytes:
            raise self.unavailable()
        if share.held + more > self._most_bytes:
            raise self.unavailable(" from this caller")
        self._bytes += more
        share.held += more
        account.held = size

    async def begin_work(self, account: RequestAccount, size: int) -> None:
        """Wait until there is memory for work on a request that takes ``size`` bytes."""
        account.working = await self.turns.take(account.caller, size)

    def free(self, account: RequestAccount) -> None:
        """Free the bytes that a request holds."""
        self._bytes -= account.held
        self._shares[account.caller].held -= account.held
        account.held = 0

    def close(self, account: RequestAccount) -> None:
        """Close the account of a request: it no longer waits, and holds nothing."""
        self.free(account)
        self._leave(account)
        self.waiting -= 1
        if account.working:
            self.turns.give_back(account.working)
        if account.working > _LARGE_BYTES and self._trimming is None:
            self._trimming = asyncio.create_task(self._trim())

    async def _trim(self) -> None:
        await return_free_memory()
        self._trimming = None

    def _share(self, caller: str) -> _Share:
        share = self._shares.get(caller)
        if share is None:
            share = self._shares[caller] = _Share()
        return share

    def _leave(self, account: RequestAccount) -> None:
        """Take a request, and what it holds, out of the share of its caller."""
        share = self._shares[account.caller]
        share.places -= 1
        share.held -= account.held
        if not share.places:
            del self._shares[account.caller]

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

    def unavailable(self, whose: str = "") -> ProblemError:
        """Return the 503 for a request that there is no room for, or that comes while the service stops.

        ``whose`` says which requests take up the room.
        """
        if self._lifecycle.draining:
            return shutting_down()
        detail = f"too many requests are waiting{whose}; try again in a second"
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}, reason="overloaded")
