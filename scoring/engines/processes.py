"""Worker processes on this machine as engine."""

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
from typing import TYPE_CHECKING, Any, Final

from scoring.engines.engine import Outcome
from scoring.models.model import Model
from scoring.work.job import Failure, Job, Part, try_chunk

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext


_PR_SET_PDEATHSIG: Final = 1


@dataclass
class _Worker:
    process: BaseProcess
    connection: "Connection[Any, Any]"
    chunk: int | None = None


class Processes:
    """Worker processes of one torch thread each, which start and load the model in the background."""

    def __init__(self, count: int, model: Model) -> None:
        # One process loads torch, and the workers are forked from it.
        self._context = context()
        self._model = model
        self._workers: list[_Worker] = []
        self._starting = threading.Thread(target=self._start, args=(count,), daemon=True)
        self._starting.start()

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`Engine`. If a process dies, its chunk fails and a new process replaces it."""
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
        """Stop the processes."""
        self._starting.join()
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.process.terminate()
            worker.process.join()

    def _start(self, count: int) -> None:
        self._workers += [self._new() for _ in range(count)]

    def _new(self) -> _Worker:
        connection, worker_connection = self._context.Pipe()
        process = self._context.Process(target=serve, args=(worker_connection, self._model), daemon=True)
        process.start()
        worker_connection.close()
        return _Worker(process, connection)

    def _hand_out(self, worker: _Worker, job: Job, waiting: Iterator[int]) -> None:
        worker.chunk = next(waiting, None)
        if worker.chunk is not None:
            with suppress(OSError):  # `run` notices a dead process when it waits for the answer
                worker.connection.send((job, worker.chunk))

    def _replace(self, worker: _Worker) -> Failure:
        worker.process.join()
        code = worker.process.exitcode
        worker.connection.close()
        new = self._new()
        worker.process, worker.connection = new.process, new.connection
        return Failure(f"its worker process ended with {_name(code)}")


def context() -> "ForkServerContext | SpawnContext":
    """Return the start method: fork from a server that has loaded torch, if the platform supports it."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def _name(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"status {code}"


def serve(connection: "Connection[Any, Any]", model: Model) -> None:
    """Score the chunks that arrive through ``connection`` until it closes; runs in each worker process."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command stops its workers itself
    with suppress(Exception):
        model.load()  # an error is reported with each chunk
    with suppress(EOFError, OSError):
        while True:
            task: tuple[Job, int] = connection.recv()
            connection.send(try_chunk(*task))


def _end_with_parent() -> None:
    """On Linux, end this process when the command is killed; elsewhere it ends after its chunk."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
