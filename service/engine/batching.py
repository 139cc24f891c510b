"""Micro-batching: whatever waits when the network is free goes through it as one batch.

A call of the network costs nearly the same for one window as for thirty (benchmarks/). Requests that arrive in the same
turn of the event loop are therefore run together, without any of them waiting for others to come: before a batch
starts, the loop turns as long as that brings in requests that the system has already received, and no longer.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Final, Generic, Protocol, TypeVar

from service.http.problems import ProblemError

logger = logging.getLogger("service")

FULL: Final = 64
"""Jobs waiting at which a batch starts without another turn of the loop."""

Job = TypeVar("Job")
Result = TypeVar("Result")
Result_contra = TypeVar("Result_contra", contravariant=True)

Run = Callable[[Sequence[Job], Sequence[float]], Sequence[Result]]
"""Does jobs together, given the seconds that each of them has waited, the first the longest; one result a job."""


class ResultSink(Protocol[Result_contra]):
    """Whoever waits for a result: a future, or less."""

    def done(self) -> bool:
        """Whether nobody waits for the result any more."""

    def set_result(self, result: Result_contra, /) -> None:
        """Take the ``result`` of the job."""

    def set_exception(self, error: Exception, /) -> None:
        """Take the ``error`` that the job failed with."""


class QueuedJob(Generic[Job, Result]):
    """Not a dataclass, whose beginning costs twice as much; there is one a request."""

    __slots__ = ("answer", "job", "since")

    def __init__(self, job: Job, answer: ResultSink[Result], since: float) -> None:
        self.job = job
        self.answer = answer
        self.since = since


class Batcher(Generic[Job, Result]):
    """Runs the small jobs of many requests together: on the event loop, or in ``workers`` where those are given.

    A job that is cancelled, overdue (after ``seconds``) or bad does not touch its neighbours: it is left out, or where
    the batch fails for it, each of the batch is run alone.
    """

    def __init__(
        self,
        run: Run[Job, Result],
        seconds: float,
        workers: Executor | None = None,
        weigh: Callable[[Job], int] = lambda job: 0,
        most: int = 0,
    ) -> None:
        """A batch holds jobs that weigh ``most`` together, or one that weighs more."""
        self._run = run
        self._seconds = seconds
        self._workers = workers
        self._weigh = weigh
        self._most = most
        self._queue: list[QueuedJob[Job, Result]] = []
        self._seen = 0
        self._busy = False

    async def submit(self, job: Job) -> Result:
        """The result of ``job``.

        Raises:
            ProblemError: 504 if its turn did not come in time.
            Exception: whatever it failed with.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.enqueue(job, answer)
        return await answer

    def enqueue(self, job: Job, answer: ResultSink[Result]) -> None:
        """Have ``answer`` told the result of ``job``, or what :meth:`submit` raises."""
        self._queue.append(QueuedJob(job, answer, time.perf_counter()))
        if len(self._queue) == 1 and not self._busy:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Start a batch, unless the last turn of the loop brought in more to wait for."""
        loop = asyncio.get_running_loop()
        if self._seen < len(self._queue) < FULL:
            self._seen = len(self._queue)
            loop.call_soon(self._turn)
            return
        now = time.perf_counter()
        queue, self._seen = self._split(), 0
        batch = [waiting for waiting in queue if self._is_wanted(waiting, now)]
        if self._queue and (self._workers is None or not batch):
            # Whatever else waits on the loop has its turn between.
            loop.call_soon(self._turn)
        if not batch:
            return
        jobs, waits = [waiting.job for waiting in batch], [now - waiting.since for waiting in batch]
        if self._workers is None:
            _answer(batch, self._run_all(jobs, waits))
        else:
            self._busy = True
            running = loop.run_in_executor(self._workers, self._run_all, jobs, waits)
            running.add_done_callback(lambda done: self._finish(batch, done))

    def _split(self) -> list[QueuedJob[Job, Result]]:
        """What goes as one batch; the rest stays in the queue."""
        weight = 0
        for n, waiting in enumerate(self._queue):
            weight += self._weigh(waiting.job)
            if n and weight > self._most:
                queue, self._queue = self._queue[:n], self._queue[n:]
                return queue
        queue, self._queue = self._queue, []
        return queue

    def _is_wanted(self, waiting: QueuedJob[Job, Result], now: float) -> bool:
        if waiting.answer.done():
            return False
        if now - waiting.since > self._seconds:
            detail = f"the forecast did not start within {self._seconds:g} seconds; try again later"
            _tell(waiting.answer, ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail))
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
            # No future takes it as it is, and the rest of the batch would wait for ever.
            return RuntimeError(f"StopIteration: {error}")
        except Exception as error:
            return error

    def _finish(
        self, batch: list[QueuedJob[Job, Result]], done: "asyncio.Future[Sequence[Result | Exception]]"
    ) -> None:
        self._busy = False
        _answer(batch, done.result())
        if self._queue:
            self._turn()


def _answer(batch: list[QueuedJob[Job, Result]], results: "Sequence[Result | Exception]") -> None:
    for waiting, result in zip(batch, results, strict=True):
        if not waiting.answer.done():
            _tell(waiting.answer, result)


def _tell(answer: ResultSink[Result], result: "Result | Exception") -> None:
    try:
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
    except Exception:
        # Whoever cannot be told does not keep the others of the batch from hearing.
        logger.exception("an answer could not be given")
