"""Fitting of one network: to train, to validate it; to train and validation, to test it; to everything, to serve it.

The cell is trained on its own. The weights of the autoregression are computed in closed form, first for one step, then
for its whole roll-out. The two are then mixed. The optimiser is AdamW with a linear warm-up and a cosine decay to zero,
so the last weights are the ones to keep. docs/background/study.md describes the alternatives that were tried.
"""

import copy
import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any, Final

import torch
from torch import Tensor, nn

from forecasting.errors import ForecastError
from forecasting.evaluation.division import SPLITS
from forecasting.evaluation.report import LossCurves
from forecasting.models.checkpoint import CPU
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Examples
from training.fit.fit_data import FitData, Network, new_network
from training.fit.networks import RecurrentForecaster

WARM_UP_SHARE: Final = 0.1
"""Share of the steps during which the learning rate rises."""

MAX_GRADIENT_NORM: Final = 1.0
"""Norm to which gradients are clipped."""

FULL_SHARE_UNEXPLAINED: Final = 0.5
"""Share of the increments' seasonal variance that the autoregression has to leave for a cell to get its full weight.

If it leaves almost nothing, as for smoothed analyses, the errors of the cell outweigh what it adds.
"""


@dataclass(frozen=True)
class Fit:
    """A fitted network."""

    cell: str
    seed: int
    selected: Network
    evaluated: Network
    final: Network
    epochs: int
    loss: LossCurves
    seconds: float


def fit(
    data: tuple[FitData, FitData, FitData],
    cell: str,
    seed: int,
    progress: Callable[[int], object],
    device: torch.device = CPU,
) -> Fit:
    """Fit one network; the same arguments give the same weights on the same machine."""
    begin = time.perf_counter()
    training = _Training(cell, seed, progress, device)
    (selected, loss), (evaluated, _), (final, final_loss) = map(training.run, data)
    seconds = round(sum(prepared.seconds for prepared in data) + time.perf_counter() - begin, 2)
    return Fit(cell, seed, selected, evaluated, final, len(final_loss.train), loss, seconds)


def total_epochs(dataset: Dataset, config: TrainingConfig) -> int:
    """Return the number of epochs of one :func:`fit`."""
    windows = accumulate(len(dataset.origins(part, horizon=1)) for part in SPLITS)
    return sum(config.schedule(count).epochs for count in windows)


@dataclass(frozen=True)
class _Training:
    """Training of the networks of one fit; the attributes are arguments of :func:`fit`."""

    cell: str
    seed: int
    progress: Callable[[int], object]
    device: torch.device

    def run(self, data: FitData) -> tuple[Network, LossCurves]:
        """Train a new network; returns it and its loss by epoch."""
        config, device, examples = data.config, self.device, data.examples
        schedule = config.schedule(len(examples))
        curves: tuple[list[float], list[float]] = ([], [])
        # Dropout draws from the global generator.
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            network = new_network(self.cell, config, data.seen).to(device)
            optimiser = new_optimiser(network, config)
            steps = schedule.epochs * math.ceil(len(examples) / schedule.batch)
            rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
            for _ in range(schedule.epochs):
                curves[0].append(self._epoch(network, data, schedule.batch, rate))
                if data.validation is not None:
                    curves[1].append(_evaluate(network, data.validation.to(device), config))
                self.progress(1)
        _add_autoregression(network.cpu(), data)
        return data.placed(network.eval()), LossCurves(train=tuple(curves[0]), validation=tuple(curves[1]))

    def _epoch(
        self, network: RecurrentForecaster, data: FitData, size: int, rate: torch.optim.lr_scheduler.LambdaLR
    ) -> float:
        """Train on all examples once, in batches of ``size``; returns the mean loss."""
        network.train()
        examples, total = data.examples, 0.0
        for batch in torch.randperm(len(examples)).split(size):
            rate.optimizer.zero_grad()
            loss = _loss(network, examples.take(batch).to(self.device), data.config)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
            rate.optimizer.step()
            rate.step()
            total += loss.item() * len(batch)
        return round(total / len(examples), 6)


def _add_autoregression(network: RecurrentForecaster, data: FitData) -> None:
    """Mix the cell, which is kept from drifting if it does not know the season, with a copy of the autoregression."""
    if not network.annual:
        known, _ = network.known(data.examples.sst, data.examples.valid_time[:, 0])
        network.centre(known)
    if data.autoregression is not None:
        network.linear = copy.deepcopy(data.autoregression.linear)
        share = data.config.share(len(data.examples))
        network.mix(share * min(1.0, data.unexplained / FULL_SHARE_UNEXPLAINED) ** 2)


def new_optimiser(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return AdamW for a network. Its matrices decay, and its biases do not."""
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    biases = [weights for weights in network.parameters() if weights.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def _rate(step: int, steps: int) -> float:
    """Return the learning rate at ``step``, counted from 0, as a share of the peak."""
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _loss(network: RecurrentForecaster, examples: Examples, config: TrainingConfig) -> Tensor:
    """Return the Huber loss over the cell's leads.

    Errors are in one-step spreads times the square root of the lead: the spread of a random walk at that lead.
    """
    sst, losses = examples.sst, []
    for lead in range(min(config.cell_leads, examples.leads)):
        forecast = network(sst, examples.valid_time[:, lead])
        error = (forecast - examples.target[:, lead]) / (network.spread * math.sqrt(lead + 1))
        error = error[error.isfinite()]
        losses.append(nn.functional.huber_loss(error, torch.zeros_like(error), delta=config.huber_delta))
        sst = torch.cat([sst[:, 1:], forecast[:, None]], dim=1)
    return torch.stack(losses).nanmean()


@torch.no_grad()
def _evaluate(network: RecurrentForecaster, examples: Examples, config: TrainingConfig) -> float:
    return round(_loss(network.eval(), examples, config).item(), 6)


Progress = Callable[[int], object]
"""Called with the number of epochs completed since the last call."""

Job = tuple[str, int]
"""Cell and seed of a fit."""

Fits = dict[Job, Fit]

_POLL_SECONDS: Final = 0.1


def jobs(config: TrainingConfig) -> list[Job]:
    """Return every network to fit: each cell with each seed, the published seed first."""
    return [(cell, config.seed + offset) for offset in range(config.seeds) for cell in config.cells]


def fit_all(
    dataset: Dataset,
    config: TrainingConfig,
    workers: int = 1,
    progress: Progress | None = None,
    device: torch.device = CPU,
) -> Fits:
    """Fit every job; the result does not depend on ``workers``."""
    torch.set_num_threads(1)  # as each worker does: with more threads, sums come out differently, and more slowly
    prepare, count = partial(FitData.of_dataset, dataset, config), len(jobs(config))
    report_epochs = progress or (lambda epochs: None)
    if workers == 1 or count < 2:
        data = prepare()
        return {job: fit(data, *job, report_epochs, device) for job in jobs(config)}
    context = multiprocessing.get_context("spawn")
    epochs, stop = context.SimpleQueue(), context.Event()
    setup = prepare, device, epochs, stop
    try:
        with ProcessPoolExecutor(min(workers, count), context, _start_worker, setup) as pool:
            try:
                with _deferred_interruptions():
                    futures = {job: pool.submit(_fit_job, job) for job in jobs(config)}
                busy = True
                while busy:
                    busy = bool(wait(futures.values(), _POLL_SECONDS).not_done)
                    while not epochs.empty():
                        report_epochs(epochs.get())
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


_worker: "tuple[Callable[[], tuple[FitData, FitData, FitData]], torch.device, SimpleQueue[int], Event]"
"""In a worker process: what returns the data, the device, the queue for completed epochs, and the event to stop."""


def _start_worker(prepare: Any, *setup: Any) -> None:
    global _worker
    # A terminal sends SIGINT to every process; only the parent handles it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    torch.set_num_threads(1)
    _worker = (cache(prepare), *setup)


def _fit_job(job: Job) -> Fit:
    data, device, epochs, stop = _worker
    parent = multiprocessing.parent_process()

    def report_epochs(count: int) -> None:
        if stop.is_set() or not (parent and parent.is_alive()):
            raise SystemExit
        epochs.put(count)

    return fit(data(), *job, report_epochs, device)
