"""Micro-batching: everything that waits when the network is free becomes one batch.

A call of the network costs nearly the same for one window as for thirty (benchmarks/). So requests that arrive in the
same turn of the event loop run together. No request waits for others to come: before a batch starts, the loop turns
only as long as that brings in requests which the system has already received.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import Context
from http import HTTPStatus
from typing import Final, Generic, Protocol, TypeVar

from opentelemetry.trace import Tracer

from service.http.problems import ProblemError
from service.telemetry.spans import INFERENCE, QUEUE, part_tracer, record

logger = logging.getLogger("service")

FULL: Final = 64
"""Number of waiting jobs at which a batch starts without another turn of the loop."""

Job = TypeVar("Job")
Result = TypeVar("Result")
Result_contra = TypeVar("Result_contra", contravariant=True)

Run = Callable[[Sequence[Job], Sequence[float]], Sequence[Result]]
"""Runs jobs together, given the seconds that each of them has waited, the longest first. Returns a result for each."""


class ResultSink(Protocol[Result_contra]):
    """Takes the result of a job: a future, or something simpler."""

    def done(self) -> bool:
        """Whether the result is no longer wanted."""

    def set_result(self, result: Result_contra, /) -> None:
        """Take the ``result`` of the job."""

    def set_exception(self, error: Exception, /) -> None:
        """Take the ``error`` that the job failed with."""


class QueuedJob(Generic[Job, Result]):
    """A job and where its result goes. A plain class, since creating a dataclass costs twice as much."""

    __slots__ = ("answer", "job", "since")

    def __init__(self, job: Job, answer: ResultSink[Result], since: float) -> None:
        self.job = job
        self.answer = answer
        self.since = since


class Batcher(Generic[Job, Result]):
    """Runs the small jobs of many requests together, on the event loop or in ``workers``.

    Jobs do not affect each other. One that is cancelled or overdue (after ``seconds``) is left out. If a batch fails,
    each of its jobs runs alone.
    """

    def __init__(
        self,
        run: Run[Job, Result],
        seconds: float,
        workers: Executor | None = None,
        weigh: Callable[[Job], int] = lambda job: 0,
        max_weight: int = 0,
    ) -> None:
        """Build batches of jobs that weigh up to ``max_weight`` together; a heavier job is a batch of its own."""
        self._run = run
        self._seconds = seconds
        self._workers = workers
        self._weigh = weigh
        self._max_weight = max_weight
        self._queue: list[QueuedJob[Job, Result]] = []
        self._seen = 0
        self._busy = False
        self._last = 0.0, 0
        """When the last batch began, and how many jobs it had."""
        self._context = Context()
        """A batch belongs to no request, whichever began it."""

    async def submit(self, job: Job) -> Result:
        """Run ``job``, and return its result.

        Raises:
            ProblemError: 504 if its turn did not come in time.
            Exception: the error that the job failed with.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        tracer = part_tracer()
        if tracer is None:
            self.enqueue(job, answer)
            return await answer
        timed = _TimedAnswer(answer, lambda: self._last)
        self.enqueue(job, timed)
        try:
            return await answer
        finally:
            timed.record(tracer)

    def enqueue(self, job: Job, answer: ResultSink[Result]) -> None:
        """Queue ``job``; ``answer`` gets its result, or the error that :meth:`submit` would raise."""
        self._queue.append(QueuedJob(job, answer, time.perf_counter()))
        if len(self._queue) == 1 and not self._busy:
            asyncio.get_running_loop().call_soon(self._turn, context=self._context)

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
        if self._queue and (self._workers is None or not batch):
            # Everything else that waits on the loop runs in between.
            loop.call_soon(self._turn, context=self._context)
        if not batch:
            return
        self._last = now, len(batch)
        jobs, waits = [waiting.job for waiting in batch], [now - waiting.since for waiting in batch]
        if self._workers is None:
            _deliver_all(batch, self._run_all(jobs, waits))
        else:
            self._busy = True
            running = loop.run_in_executor(self._workers, self._run_all, jobs, waits)
            running.add_done_callback(lambda done: self._finish(batch, done))

    def _split(self) -> list[QueuedJob[Job, Result]]:
        """Take the jobs of one batch out of the queue."""
        weight = 0
        for n, waiting in enumerate(self._queue):
            weight += self._weigh(waiting.job)
            if n and weight > self._max_weight:
                queue, self._queue = self._queue[:n], self._queue[n:]
                return queue
        queue, self._queue = self._queue, []
        return queue

    def _is_wanted(self, waiting: QueuedJob[Job, Result], now: float) -> bool:
        if waiting.answer.done():
            return False
        if now - waiting.since > self._seconds:
            detail = f"the forecast did not start within {self._seconds:g} seconds; try again later"
            _deliver(waiting.answer, ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail))
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

    def _finish(
        self, batch: list[QueuedJob[Job, Result]], done: "asyncio.Future[Sequence[Result | Exception]]"
    ) -> None:
        self._busy = False
        _deliver_all(batch, done.result())
        if self._queue:
            self._turn()


class _TimedAnswer(Generic[Result]):
    """The answer to a job whose parts are traced: it notes when its batch began and ended."""

    def __init__(self, answer: "asyncio.Future[Result]", last: Callable[[], tuple[float, int]]) -> None:
        self._answer = answer
        self._last = last
        self._since = time.perf_counter()
        self._batch: tuple[float, float, int] | None = None

    def done(self) -> bool:
        return self._answer.done()

    def set_result(self, result: Result, /) -> None:
        begin, jobs = self._last()
        self._batch = begin, time.perf_counter(), jobs
        self._answer.set_result(result)

    def set_exception(self, error: Exception, /) -> None:
        self._answer.set_exception(error)

    def record(self, tracer: Tracer) -> None:
        """Record the wait, and the batch if there was one, as parts of the current request."""
        now, counter = time.time_ns(), time.perf_counter()
        begin, end, jobs = self._batch or (counter, counter, 0)

        def unix(seconds: float) -> int:
            return now - round((counter - seconds) * 1e9)

        record(tracer, QUEUE, unix(self._since), unix(begin))
        if jobs:
            record(tracer, INFERENCE, unix(begin), unix(end), **{"sst.batch.requests": jobs})


def _deliver_all(batch: list[QueuedJob[Job, Result]], results: "Sequence[Result | Exception]") -> None:
    for waiting, result in zip(batch, results, strict=True):
        if not waiting.answer.done():
            _deliver(waiting.answer, result)


def _deliver(answer: ResultSink[Result], result: "Result | Exception") -> None:
    try:
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
    except Exception:
        # One broken sink must not keep the others of the batch from their results.
        logger.exception("cannot deliver a result")
