"""Where the chunks of a run are scored: in this process, in others on this machine, or on a Dask cluster.

Only the command writes, so a process that outlives a killed command cannot spoil anything.
"""

import logging
import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import suppress
from itertools import repeat
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from scoring.errors import ScoringError
from scoring.job import Failure, Job, Part, try_chunk
from scoring.models import Models

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_AHEAD: Final = 2
"""Chunks submitted per thread of a cluster: enough that no thread waits, few enough that results do not pile up."""

Outcome = tuple[int, Part | Failure]
"""The number of a chunk, with its part of the output or the reason why it failed."""


class Engine:
    """Scores chunks in this process, one after another."""

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """Score each of ``chunks`` once, in any order."""
        for chunk in chunks:
            yield chunk, try_chunk(job, chunk)

    def close(self) -> None:
        """Release all resources."""


class _Distributed(Engine, ABC):
    """Hands chunks out to executors while any of them is free."""

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`Engine`."""
        waiting = iter(chunks)
        running: dict[Future[Part | Failure], tuple[int, Executor]] = {}
        while True:
            # Free ones first: ``zip`` takes no chunk that nobody is free for.
            for executor, chunk in zip(
                self._free([executor for _, executor in running.values()]), waiting, strict=False
            ):
                running[_submit(executor, job, chunk)] = (chunk, executor)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                chunk, executor = running.pop(future)
                yield chunk, self._outcome(future, executor)

    @abstractmethod
    def _free(self, busy: list[Executor]) -> Iterable[Executor]:
        """Return an executor for each chunk that may be submitted now; ``busy`` has one for each that is running."""

    @abstractmethod
    def _outcome(self, future: "Future[Part | Failure]", executor: Executor) -> Part | Failure:
        """Return the part of the output, or why the chunk failed."""


def _submit(executor: Executor, job: Job, chunk: int) -> "Future[Part | Failure]":
    try:
        return executor.submit(try_chunk, job, chunk)
    except BrokenProcessPool as error:  # its process ended while it had nothing to do
        future = Future[Part | Failure]()
        future.set_exception(error)
        return future


class Processes(_Distributed):
    """Worker processes of one torch thread each, which start and load the model in the background.

    Each process has an executor of its own: if one dies, the chunks of the others go on.
    """

    def __init__(self, count: int, model: Models) -> None:
        # One process loads torch, and the workers are forked from it.
        self._context = _context()
        self._model = model
        self._reader, self._lifeline = self._context.Pipe(duplex=False)
        self._workers: list[Executor] = []
        self._starting = threading.Thread(target=self._start, args=(count,), daemon=True)
        self._starting.start()

    def close(self) -> None:
        """Stop the processes."""
        self._starting.join()
        self._lifeline.close()
        for worker in self._workers:
            worker.shutdown()
        self._reader.close()

    def _start(self, count: int) -> None:
        self._workers += [self._new() for _ in range(count)]

    def _new(self) -> Executor:
        worker = ProcessPoolExecutor(1, self._context, _begin_worker, (self._reader, self._model))
        worker.submit(int)  # starts the process
        return worker

    def _free(self, busy: list[Executor]) -> Iterable[Executor]:
        self._starting.join()
        return [worker for worker in self._workers if worker not in busy]

    def _outcome(self, future: "Future[Part | Failure]", executor: Executor) -> Part | Failure:
        try:
            return future.result()
        except BrokenProcessPool:
            executor.shutdown()
            self._workers[self._workers.index(executor)] = self._new()
            return Failure("its worker process ended; if memory ran out, try a smaller --chunk")


def _context() -> "ForkServerContext | SpawnContext":
    """Return the start method: fork from a server that has loaded torch, if the platform supports it."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def _begin_worker(lifeline: "Connection[Any, Any]", model: Models) -> None:
    """Prepare a worker process, which ends as soon as the command closes its end of ``lifeline``, or is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command stops its workers itself
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    with suppress(Exception):
        model.load()  # an error is reported with each chunk


def _end_with(lifeline: "Connection[Any, Any]") -> None:
    lifeline.poll(None)
    os._exit(1)


class Cluster(_Distributed):
    """The workers of a Dask scheduler. Dask reschedules the chunks of a worker that dies."""

    def __init__(self, address: str, say: Callable[[str], None], patience: float = 10.0) -> None:
        """Connect to the scheduler at ``address``."""
        from distributed import Client  # takes a second

        # Connection errors are reported below, in one sentence.
        for name in ("distributed", "distributed.client", "tornado.application", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._address = address
        self._say = say
        try:
            self._client = Client(address, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ScoringError(f"no Dask scheduler responds at {address}: {reason}") from None
        # Not pure, so that a retried chunk is a new task.
        self._executor: Executor = self._client.get_executor(pure=False)

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`Engine`."""
        if not self._threads():
            self._say(f"the scheduler at {self._address} has no workers yet; waiting for the first")
        yield from super().run(job, chunks)

    def close(self) -> None:
        """Disconnect; the cluster keeps running."""
        self._client.close()

    def _free(self, busy: list[Executor]) -> Iterable[Executor]:
        return repeat(self._executor, max(0, max(1, self._threads()) * _AHEAD - len(busy)))

    def _threads(self) -> int:
        """Return the number of threads of all current workers, which may come and go during a run."""
        info = self._client.scheduler_info(n_workers=-1)
        if "workers" not in info:
            raise self._is_gone()
        return sum(worker["nthreads"] for worker in info["workers"].values())

    def _is_gone(self) -> ConnectionError:
        return ConnectionError(f"lost the connection to the Dask scheduler at {self._address}")

    def _outcome(self, future: "Future[Part | Failure]", executor: Executor) -> Part | Failure:
        try:
            return future.result()
        except (OSError, CancelledError):
            # Not the chunk's fault: every submitted chunk is lost with the connection.
            raise self._is_gone() from None
        except Exception as error:
            # Errors that `try_chunk` cannot catch: a worker that keeps dying, or one with another version of this
            # program.
            reason = " ".join(str(error).split())[:300]
            return Failure(f"{type(error).__name__}: {reason}")
