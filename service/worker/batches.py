"""Micro-batches: everything that waits when the network is free becomes one batch.

A call of the network costs nearly the same for one window as for thirty (benchmarks/). So requests that arrive in the
same turn of the event loop run together. No request waits for others to come: before a batch starts, the loop turns
only as long as that brings in requests which the system has already received.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import Context
from http import HTTPStatus
from typing import Final, Generic, TypeVar

from opentelemetry.trace import Tracer

from service.http.problems import ProblemError
from service.telemetry.tracing import INFERENCE, QUEUE, part_tracer, record

FULL: Final = 64
"""Number of waiting jobs at which a batch starts without another turn of the loop."""

Job = TypeVar("Job")
Result = TypeVar("Result")

Run = Callable[[Sequence[Job], Sequence[float]], Sequence[Result]]
"""Runs jobs together, given the seconds that each of them has waited, the longest first. Returns a result for each."""


class _Waiting(Generic[Job, Result]):
    """A job that waits for its batch. A plain class, since creating a dataclass costs twice as much."""

    __slots__ = ("begin", "end", "job", "jobs", "result", "since")

    def __init__(self, job: Job, result: "asyncio.Future[Result]") -> None:
        self.job = job
        self.result = result
        self.since = time.perf_counter()
        self.begin = self.end = 0.0
        self.jobs = 0

    def deliver(self, result: "Result | Exception") -> None:
        self.end = time.perf_counter()
        if self.result.done():
            return
        if isinstance(result, Exception):
            self.result.set_exception(result)
        else:
            self.result.set_result(result)

    def record(self, tracer: Tracer) -> None:
        """Record the wait, and the batch if there was one, as parts of the current request."""
        now, counter = time.time_ns(), time.perf_counter()

        def unix(seconds: float) -> int:
            return now - round((counter - seconds) * 1e9)

        record(tracer, QUEUE, unix(self.since), unix(self.begin or counter))
        if self.jobs:
            record(tracer, INFERENCE, unix(self.begin), unix(self.end), **{"sst.batch.requests": self.jobs})


class Batches(Generic[Job, Result]):
    """Runs the small jobs of many requests together, on the event loop or in the threads of ``executor``.

    Jobs do not affect each other. One that is cancelled or overdue (after ``seconds``) is left out. If a batch fails,
    each of its jobs runs alone.
    """

    def __init__(
        self,
        run: Run[Job, Result],
        seconds: float,
        executor: Executor | None = None,
        weigh: Callable[[Job], int] = lambda job: 0,
        max_weight: int = 0,
    ) -> None:
        """Build batches of jobs that weigh up to ``max_weight`` together; a heavier job is a batch of its own."""
        self._run = run
        self._seconds = seconds
        self._executor = executor
        self._weigh = weigh
        self._max_weight = max_weight
        self._queue: list[_Waiting[Job, Result]] = []
        self._seen = 0
        self._busy = False
        self._context = Context()
        """A batch belongs to no request, whichever began it."""

    async def submit(self, job: Job) -> Result:
        """Run ``job`` in a batch, and return its result."""
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Job, Result] = _Waiting(job, loop.create_future())
        self._queue.append(waiting)
        if len(self._queue) == 1 and not self._busy:
            loop.call_soon(self._turn, context=self._context)
        tracer = part_tracer()
        if tracer is None:
            return await waiting.result
        try:
            return await waiting.result
        finally:
            waiting.record(tracer)

    def _turn(self) -> None:
        """Start a batch, unless the last turn of the loop brought in more jobs."""
        loop = asyncio.get_running_loop()
        if self._seen < len(self._queue) < FULL:
            self._seen = len(self._queue)
            loop.call_soon(self._turn, context=self._context)
            return
        now = time.perf_counter()
        queue, self._seen = self._split(), 0
        batch = [waiting for waiting in queue if self._is_wanted(waiting, now)]
        if self._queue and (self._executor is None or not batch):
            # Everything else that waits on the loop runs in between.
            loop.call_soon(self._turn, context=self._context)
        if not batch:
            return
        for waiting in batch:
            waiting.begin, waiting.jobs = now, len(batch)
        jobs, waits = [waiting.job for waiting in batch], [now - waiting.since for waiting in batch]
        if self._executor is None:
            _deliver(batch, self._run_all(jobs, waits))
        else:
            self._busy = True
            running = loop.run_in_executor(self._executor, self._run_all, jobs, waits)
            running.add_done_callback(lambda done: self._finish(batch, done))

    def _split(self) -> list[_Waiting[Job, Result]]:
        """Take the jobs of one batch out of the queue."""
        weight = 0
        for n, waiting in enumerate(self._queue):
            weight += self._weigh(waiting.job)
            if n and weight > self._max_weight:
                queue, self._queue = self._queue[:n], self._queue[n:]
                return queue
        queue, self._queue = self._queue, []
        return queue

    def _is_wanted(self, waiting: _Waiting[Job, Result], now: float) -> bool:
        if waiting.result.done():
            return False
        if now - waiting.since > self._seconds:
            detail = f"the forecast did not start within {self._seconds:g} seconds; try again later"
            waiting.deliver(ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail))
            return False
        return True

    def _run_all(self, jobs: list[Job], waits: list[float]) -> "Sequence[Result | Exception]":
        try:
            return self._run(jobs, waits)
        except Exception:
            return [self._run_alone(job, wait) for job, wait in zip(jobs, waits, strict=True)]

    def _run_alone(self, job: Job, wait: float) -> "Result | Exception":
        try:
            return self._run([job], [wait])[0]
        except StopIteration as error:
            # A future does not accept StopIteration, and the rest of the batch would wait forever.
            return RuntimeError(f"StopIteration: {error}")
        except Exception as error:
            return error

    def _finish(self, batch: list[_Waiting[Job, Result]], done: "asyncio.Future[Sequence[Result | Exception]]") -> None:
        self._busy = False
        _deliver(batch, done.result())
        if self._queue:
            self._turn()


def _deliver(batch: list[_Waiting[Job, Result]], results: "Sequence[Result | Exception]") -> None:
    for waiting, result in zip(batch, results, strict=True):
        waiting.deliver(result)
