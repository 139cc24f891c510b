"""Fitting of one network: to train, to validate it; to train and validation, to test it; to everything, to serve it.

The cell is trained on its own. The weights of the autoregression are computed in closed form, first for one step, then
for its whole roll-out. The two are then mixed. The optimiser is AdamW with a linear warm-up and a cosine decay to zero,
so the last weights are the ones to keep. docs/background/study.md describes the alternatives that were tried.
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.evaluation.division import SPLITS
from forecasting.evaluation.model_report import LossCurves
from forecasting.networks.device import CPU
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.examples.tensors import Examples
from training.fit.fit_data import FitData, new_network
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
    """A fitted network.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        seed: of the initial weights and the batches.
        selected: network fitted to the training part only, to measure validation residuals.
        evaluated: network fitted to the training and validation parts in the same way, to measure its accuracy.
        final: network fitted to the whole series in the same way, to serve.
        epochs: number of epochs of ``final``.
        loss: Huber loss of the cell of ``selected``, by epoch.
        seconds: wall time of fitting, including that of computing the data, which fits share.
    """

    cell: str
    seed: int
    selected: RecurrentForecaster
    evaluated: RecurrentForecaster
    final: RecurrentForecaster
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
    """Fit one network; the same arguments give the same weights on the same machine.

    Args:
        data: from :meth:`FitData.of_dataset`; fits of several cells and seeds can share it.
        cell: ``rnn``, ``lstm`` or ``gru``.
        seed: of the initial weights and the batches.
        progress: called with 1 after every epoch, :func:`total_epochs` times in all.
        device: that the cell is trained on; the rest of the computation and the returned networks are on the CPU.
    """
    begin = time.perf_counter()
    training = _Training(cell, seed, progress, device)
    (selected, loss), (evaluated, _), (final, final_loss) = map(training.run, data)
    seconds = round(sum(prepared.seconds for prepared in data) + time.perf_counter() - begin, 2)
    return Fit(cell, seed, selected, evaluated, final, len(final_loss.train), loss, seconds)


def total_epochs(dataset: Dataset, config: TrainingConfig) -> int:
    """Number of epochs of one :func:`fit`."""
    windows = accumulate(len(dataset.origins(part, horizon=1)) for part in SPLITS)
    return sum(config.schedule(count).epochs for count in windows)


@dataclass(frozen=True)
class _Training:
    """Training of the networks of one fit; the attributes are arguments of :func:`fit`."""

    cell: str
    seed: int
    progress: Callable[[int], object]
    device: torch.device

    def run(self, data: FitData) -> tuple[RecurrentForecaster, LossCurves]:
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
        return network.eval(), LossCurves(train=tuple(curves[0]), validation=tuple(curves[1]))

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
        network.linear = copy.deepcopy(data.autoregression.network.linear)
        share = data.config.share(len(data.examples))
        network.mix(share * min(1.0, data.autoregression.unexplained / FULL_SHARE_UNEXPLAINED) ** 2)


def new_optimiser(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return AdamW for a network. Its matrices decay, and its biases do not."""
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    biases = [weights for weights in network.parameters() if weights.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def _rate(step: int, steps: int) -> float:
    """Learning rate at ``step``, counted from 0, as a share of the peak."""
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _loss(network: RecurrentForecaster, examples: Examples, config: TrainingConfig) -> Tensor:
    """Huber loss over the cell's leads.

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
