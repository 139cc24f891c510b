"""Fitting one network."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.report import LossCurves
from forecasting.rolling import Origins
from forecasting.series import SstSeries
from forecasting.timestep import unix_seconds
from training.config import TrainingConfig
from training.dataset import Dataset
from training.networks import RecurrentForecaster, Scaling


@dataclass(frozen=True)
class Fit:
    """A fitted network.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        seed: of its initial weights and batches.
        selected: fitted on the training part alone: what validation residuals are measured with.
        final: fitted on train and validation, for as many epochs: what is published.
        epochs: that were chosen.
        loss: by epoch, in squared one-step spreads, while they were chosen.
        seconds: wall time.
    """

    cell: str
    seed: int
    selected: RecurrentForecaster
    final: RecurrentForecaster
    epochs: int
    loss: LossCurves
    seconds: float


@dataclass(frozen=True)
class _Examples:
    """Tensors of one part: °C, Unix seconds, °C."""

    sst: Tensor
    valid_time: Tensor
    target: Tensor

    @classmethod
    def of(cls, origins: Origins) -> "_Examples":
        return cls(
            torch.from_numpy(origins.windows.astype(np.float32)),
            torch.from_numpy(unix_seconds(origins.valid_time)),
            torch.from_numpy(origins.targets[:, 0].astype(np.float32)),
        )

    def __len__(self) -> int:
        return len(self.target)

    def joined(self, other: "_Examples") -> "_Examples":
        return _Examples(
            torch.cat([self.sst, other.sst]),
            torch.cat([self.valid_time, other.valid_time]),
            torch.cat([self.target, other.target]),
        )


def fit(dataset: Dataset, config: TrainingConfig, cell: str, seed: int, told: Callable[[int], object]) -> Fit:
    """Fit one network on ``dataset``; the same arguments give the same weights on the same machine.

    ``told`` hears of the epochs done: ``config.epochs`` in all.
    """
    begin = time.perf_counter()
    train = _Examples.of(dataset.origins("train", horizon=1))
    validation = _Examples.of(dataset.origins("validation", horizon=1))
    selected = _Run(config, cell, seed, dataset.past("train"), train)
    losses: list[tuple[float, float]] = []
    best: tuple[float, int, dict[str, Tensor]] = (float("inf"), 0, {})
    for epoch in range(1, config.epochs + 1):
        losses.append((selected.epoch(), selected.loss(validation)))
        told(1)
        if losses[-1][1] < best[0]:
            best = losses[-1][1], epoch, {k: v.clone() for k, v in selected.network.state_dict().items()}
        elif epoch - best[1] >= 20:
            break
    selected.network.load_state_dict(best[2])
    final = _Run(config, cell, seed, dataset.past("validation"), train.joined(validation))
    for _ in range(best[1]):
        final.epoch()
    told(config.epochs - len(losses))
    return Fit(
        cell=cell,
        seed=seed,
        selected=selected.network,
        final=final.network,
        epochs=best[1],
        loss=LossCurves(train=tuple(a for a, _ in losses), validation=tuple(b for _, b in losses)),
        seconds=round(time.perf_counter() - begin, 2),
    )


class _Run:
    """A network on its way."""

    def __init__(self, config: TrainingConfig, cell: str, seed: int, seen: SstSeries, examples: _Examples) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = RecurrentForecaster(
                cell, config.hidden, config.layers, config.window, seen.step, Scaling.of(seen)
            )
        self.examples = examples
        self.generator = torch.Generator().manual_seed(seed)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.learning_rate, weight_decay=1e-2)

    def epoch(self) -> float:
        order = torch.randperm(len(self.examples), generator=self.generator)
        total = 0.0
        for batch in order.split(64):
            self.optimiser.zero_grad()
            loss = self._batch_loss(self.examples, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            total += loss.item() * len(batch)
        return total / len(order)

    def _batch_loss(self, examples, batch):
        predicted = self.network(examples.sst[batch], examples.valid_time[batch])
        return nn.functional.mse_loss(predicted, examples.target[batch]) / self.network.spread**2

    @torch.no_grad()
    def loss(self, examples: _Examples) -> float:
        return self._batch_loss(examples, torch.arange(len(examples))).item()
