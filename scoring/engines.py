"""Who scores the chunks: this process, or several of this machine. A Dask cluster is in ``cluster``.

An engine only computes. Nothing but the command itself writes, so that what outlives a killed command cannot.
"""

import ctypes
import multiprocessing
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Final, Protocol

from scoring.job import Failure, Job, Part, attempt
from scoring.model import ModelFile

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

Outcome = tuple[int, Part | Failure]
"""The number of a chunk, and its part of the output or why it failed."""

_PR_SET_PDEATHSIG: Final = 1


class Engine(Protocol):
    """Scores chunks, in any order."""

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """Score each of ``chunks`` once."""

    def close(self) -> None:
        """Give back what it holds."""


class InProcess:
    """This process, one chunk after another."""

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`Engine`."""
        for chunk in chunks:
            yield chunk, attempt(job, chunk)

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: "Connection[Any, Any]"
    chunk: int | None = None


class Processes:
    """Processes of one torch thread each. They start, and load the model, while the caller does other things."""

    def __init__(self, count: int, model: ModelFile) -> None:
        # One process loads torch, and the others are forked from it: their start costs nothing more.
        self._context = context()
        self._model = model
        self._workers: list[_Worker] = []
        self._starting = threading.Thread(target=self._start, args=(count,), daemon=True)
        self._starting.start()

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`Engine`. A process that dies fails its chunk, and is replaced."""
        self._starting.join()
        waiting = iter(chunks)
        for worker in self._workers:
            self._hand_out(worker, job, waiting)
        while busy := {worker.connection: worker for worker in self._workers if worker.chunk is not None}:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                worker = busy[ready]
                assert worker.chunk is not None
                chunk = worker.chunk
                try:
                    outcome: Part | Failure = ready.recv()
                except (EOFError, OSError):
                    outcome = self._replace(worker)
                self._hand_out(worker, job, waiting)
                yield chunk, outcome

    def close(self) -> None:
        """End the processes."""
        self._starting.join()
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.process.terminate()
            worker.process.join()

    def _start(self, count: int) -> None:
        self._workers += [self._new() for _ in range(count)]

    def _new(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self._model), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _hand_out(self, worker: _Worker, job: Job, waiting: Iterator[int]) -> None:
        worker.chunk = next(waiting, None)
        if worker.chunk is not None:
            with suppress(OSError):  # one that is dead is noticed where its answer is waited for
                worker.connection.send((job, worker.chunk))

    def _replace(self, worker: _Worker) -> Failure:
        worker.process.join()
        code = worker.process.exitcode
        worker.connection.close()
        new = self._new()
        worker.process, worker.connection = new.process, new.connection
        return Failure(f"the process that scored it ended with {_name(code)}")


def context() -> "ForkServerContext | SpawnContext":
    """How processes are started: forked from one that has loaded torch, where the system can."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def _name(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"status {code}"


def serve(connection: "Connection[Any, Any]", model: ModelFile) -> None:
    """Score what comes through ``connection`` until it closes: what a process of :class:`Processes` does."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends its processes itself
    with suppress(Exception):
        model.load()  # what is wrong is said of each chunk
    with suppress(EOFError, OSError):
        while True:
            task: tuple[Job, int] = connection.recv()
            connection.send(attempt(*task))


def _end_with_parent() -> None:
    """On Linux, leave nothing computing where the command was killed; elsewhere it ends with its chunk."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
