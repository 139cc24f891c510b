"""Fits of several cells and seeds, in one process or in several."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any, Final

import torch

from forecasting.errors import ForecastError
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fitting import CPU, Fit, fit, total_epochs
from training.fit.kept_fits import Job, KeptFits

Progress = Callable[[int], object]
"""Hears how many more epochs are done."""

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class _Run:
    """What all fits of a run have in common."""

    dataset: Dataset
    config: TrainingConfig
    kept: KeptFits | None
    device: torch.device

    def fit(self, job: Job, told: Progress) -> Fit:
        """Fit one network, and keep it."""
        made = fit(self.dataset, self.config, *job, told, self.device)
        if self.kept is not None:
            self.kept.save(job, made)
        return made


def jobs(config: TrainingConfig) -> list[Job]:
    """What there is to fit: every cell with every seed, the published seed first."""
    return [(cell, config.seed + k) for k in range(config.seeds) for cell in config.cells]


def fit_all(
    dataset: Dataset,
    config: TrainingConfig,
    workers: int = 1,
    progress: Progress | None = None,
    kept: KeptFits | None = None,
    device: torch.device = CPU,
) -> dict[Job, Fit]:
    """Fit every job; the result does not depend on ``workers``.

    Each fit is saved in ``kept`` as it is done, and those that are there are not made again.

    Raises:
        ForecastError: if a worker process is lost.
    """
    torch.set_num_threads(1)  # as each worker does: more threads add up in another order, and are slower
    run, every = _Run(dataset, config, kept, device), jobs(config)
    told = progress or (lambda epochs: None)
    done = {job: known for job in every if kept and (known := kept.load(job))}
    todo = [job for job in every if job not in done]
    told(len(done) * total_epochs(dataset, config))
    if workers == 1 or len(todo) < 2:
        made = {job: run.fit(job, told) for job in todo}
    else:
        made = _fit_in_processes(run, todo, workers, told)
    return {job: done.get(job) or made[job] for job in every}


def _fit_in_processes(run: _Run, todo: list[Job], workers: int, told: Progress) -> dict[Job, Fit]:
    context = multiprocessing.get_context("spawn")
    epochs, stop = context.SimpleQueue(), context.Event()
    try:
        with ProcessPoolExecutor(min(workers, len(todo)), context, _start_worker, (run, epochs, stop)) as pool:
            try:
                with _undisturbed():
                    fits = {job: pool.submit(_fit_job, job) for job in todo}
                busy = True
                while busy:
                    busy = bool(wait(fits.values(), _POLL_SECONDS).not_done)
                    while not epochs.empty():
                        told(epochs.get())
                return {job: future.result() for job, future in fits.items()}
            except BaseException:
                stop.set()
                # Waited for: one that has just been started still has to find what is shared with it.
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        raise ForecastError("a process that was fitting a network died, perhaps for want of memory") from None


_INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Interruptions wait: a process whose start is interrupted says so by a traceback.

    Processes that begin meanwhile have them blocked. Only the main thread is ever interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
    # One that another thread receives would be heeded in this one all the same.
    heeded = {one: signal.signal(one, lambda number, frame: held.append(number)) for one in _INTERRUPTIONS}
    try:
        yield
    finally:
        for one, handler in heeded.items():
            signal.signal(one, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if held:
            signal.raise_signal(held[0])


_worker: "tuple[_Run, SimpleQueue[int], Event]"
"""Of a process that fits for another: the run, what hears of each epoch, and what tells to stop."""


def _start_worker(*setup: Any) -> None:
    global _worker
    # SIGINT, which a terminal sends to every process, stays the parent's to heed.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    torch.set_num_threads(1)
    _worker = setup


def _fit_job(job: Job) -> Fit:
    run, epochs, stop = _worker
    parent = multiprocessing.parent_process()

    def told(done: int) -> None:
        if stop.is_set() or not (parent and parent.is_alive()):
            raise SystemExit
        epochs.put(done)

    return run.fit(job, told)
