"""Fitting the networks of several cells and seeds, in one process or in several."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any, Final

import torch

from forecasting.errors import ForecastError
from forecasting.networks.device import CPU
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fit_data import FitData
from training.fit.fitting import Fit, fit

Progress = Callable[[int], object]
"""Called with the number of epochs completed since the last call."""

Job = tuple[str, int]
"""Cell and seed of a fit."""

Fits = dict[Job, Fit]

_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class _Run:
    """What the fits of a run have in common."""

    dataset: Dataset
    config: TrainingConfig
    device: torch.device

    @cached_property
    def data(self) -> tuple[FitData, FitData, FitData]:
        return FitData.of_dataset(self.dataset, self.config)

    def fit(self, job: Job, progress: Progress) -> Fit:
        """Fit one network."""
        return fit(self.data, *job, progress, self.device)


def jobs(config: TrainingConfig) -> list[Job]:
    """Every network to fit: each cell with each seed, the published seed first."""
    return [(cell, config.seed + offset) for offset in range(config.seeds) for cell in config.cells]


def fit_all(
    dataset: Dataset,
    config: TrainingConfig,
    workers: int = 1,
    progress: Progress | None = None,
    device: torch.device = CPU,
) -> Fits:
    """Fit every job; the result does not depend on ``workers``.

    Args:
        dataset: to fit to.
        config: settings of the run.
        workers: number of processes.
        progress: called as epochs are completed.
        device: that cells are trained on.

    Raises:
        ForecastError: if a worker process dies.
    """
    torch.set_num_threads(1)  # as each worker does: with more threads, sums come out differently, and more slowly
    run, all_jobs = _Run(dataset, config, device), jobs(config)
    report_epochs = progress or (lambda epochs: None)
    if workers == 1 or len(all_jobs) < 2:
        return {job: run.fit(job, report_epochs) for job in all_jobs}
    return _fit_in_processes(run, all_jobs, workers, report_epochs)


def _fit_in_processes(run: _Run, all_jobs: list[Job], workers: int, progress: Progress) -> Fits:
    context = multiprocessing.get_context("spawn")
    epochs, stop = context.SimpleQueue(), context.Event()
    try:
        with ProcessPoolExecutor(min(workers, len(all_jobs)), context, _start_worker, (run, epochs, stop)) as pool:
            try:
                with _deferred_interruptions():
                    futures = {job: pool.submit(_fit_job, job) for job in all_jobs}
                busy = True
                while busy:
                    busy = bool(wait(futures.values(), _POLL_SECONDS).not_done)
                    while not epochs.empty():
                        progress(epochs.get())
                return {job: future.result() for job, future in futures.items()}
            except BaseException:
                stop.set()
                # Wait: a worker that has just started still needs the queue and the event.
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        raise ForecastError(
            "a worker process died while fitting a network, possibly out of memory; try fewer --workers"
        ) from None


_INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def _deferred_interruptions() -> Iterator[None]:
    """Hold interruptions back until the end of the block: a process interrupted while starting prints a traceback.

    Processes started in the block inherit the blocked signals. Only the main thread is ever interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
    # A signal that another thread receives would still be handled in this one.
    handlers = {number: signal.signal(number, lambda caught, frame: held.append(caught)) for number in _INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if held:
            signal.raise_signal(held[0])


_worker: "tuple[_Run, SimpleQueue[int], Event]"
"""In a worker process: the run, the queue for completed epochs, and the event that asks the worker to stop."""


def _start_worker(*setup: Any) -> None:
    global _worker
    # A terminal sends SIGINT to every process; only the parent handles it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    torch.set_num_threads(1)
    _worker = setup


def _fit_job(job: Job) -> Fit:
    run, epochs, stop = _worker
    parent = multiprocessing.parent_process()

    def report_epochs(count: int) -> None:
        if stop.is_set() or not (parent and parent.is_alive()):
            raise SystemExit
        epochs.put(count)

    return run.fit(job, report_epochs)
