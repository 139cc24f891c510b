"""Fitting one network: on the training part, to see how it does on the validation part; then on both, to be published.

The cell learns alone; the weights of the autoregression are computed, for one step and then for its whole roll-out; and
the two are mixed. AdamW with a linear warm-up and a cosine descent to nothing, so that the last weights are the ones to
keep. What was tried, and how it was chosen, is in docs/background/study.md.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.report import LossCurves
from forecasting.series import SstSeries
from training.config import TrainingConfig
from training.dataset import Dataset
from training.examples import Examples
from training.inputs import Scaling
from training.networks import RecurrentForecaster
from training.places import Places
from training.rollout import fit_to_rollout

WARM_UP_SHARE = 0.1
"""Share of the steps over which the learning rate rises."""

CPU: Final = torch.device("cpu")

MAX_GRADIENT_NORM = 1.0
"""Norm that gradients are clipped to."""

FULL_SHARE_UNEXPLAINED: Final = 0.5
"""What the autoregression leaves of the increments' variance about their season, from which on a cell has its share.

Where it leaves nearly nothing, as of smoothed analyses, what the cell errs counts more than what it adds.
"""

MAX_ROLLOUT_LEADS = 48
"""Leads of the roll-out that weights are fitted to, at most."""


@dataclass(frozen=True)
class Fit:
    """A fitted network.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        seed: of its initial weights and batches.
        selected: fitted on the training part alone: what validation residuals are measured with.
        final: fitted on train and validation in the same way: what is published.
        epochs: that ``final`` was fitted for.
        loss: Huber's, by epoch of ``selected``, of its cell alone.
        seconds: wall time.
    """

    cell: str
    seed: int
    selected: RecurrentForecaster
    final: RecurrentForecaster
    epochs: int
    loss: LossCurves
    seconds: float


def fit(
    dataset: Dataset,
    config: TrainingConfig,
    cell: str,
    seed: int,
    told: Callable[[int], object],
    device: torch.device = CPU,
) -> Fit:
    """Fit one network on ``dataset``; the same arguments give the same weights on the same machine.

    ``told`` hears of every epoch: :func:`total_epochs` in all. The cell learns on ``device``; what is computed in
    closed form, and the network that is returned, are on the CPU.
    """
    begin = time.perf_counter()
    leads = leads_learnt(config)
    train, validation = (Examples.of(dataset.origins(part, leads)) for part in ("train", "validation"))
    both = train.joined(validation)
    descent = _Descent(config, cell, seed, told, device)
    selected, loss = descent.run(dataset.past("train"), train, validation)
    final, again = descent.run(dataset.past("validation"), both)
    seconds = round(time.perf_counter() - begin, 2)
    return Fit(cell, seed, selected, final, len(again.train), loss, seconds)


def total_epochs(dataset: Dataset, config: TrainingConfig) -> int:
    """How many epochs one :func:`fit` takes."""
    train, validation = (len(dataset.origins(part, horizon=1)) for part in ("train", "validation"))
    return config.schedule(train).epochs + config.schedule(train + validation).epochs


@dataclass(frozen=True)
class _Descent:
    """How the networks of one fit are trained; attributes as the arguments of :func:`fit`."""

    config: TrainingConfig
    cell: str
    seed: int
    told: Callable[[int], object]
    device: torch.device

    def run(
        self, seen: SstSeries, examples: Examples, validation: Examples | None = None
    ) -> tuple[RecurrentForecaster, LossCurves]:
        """A new network trained on ``examples``, scaled by ``seen``; the loss on ``validation`` too if given.

        Of several places it learns what they differ by from what is usual at each.
        """
        config, device = self.config, self.device
        places = Places.of(seen, config)
        if places is not None:
            seen, examples = places.anomalies, places.relative(examples)
            validation = places.relative(validation) if validation else None
        rolled, examples = examples, examples.with_next()
        validation = validation.with_next() if validation else None
        schedule = config.schedule(len(examples))
        curves: tuple[list[float], list[float]] = ([], [])
        # Dropout draws from the global generator.
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            network = _begun(self.cell, config, seen).to(device)
            optimiser = _optimiser(network, config)
            steps = schedule.epochs * math.ceil(len(examples) / schedule.batch)
            rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
            for _ in range(schedule.epochs):
                curves[0].append(self._epoch(network, examples, schedule.batch, rate))
                if validation is not None:
                    curves[1].append(_evaluate(network, validation.to(device), config))
                self.told(1)
        _complete(network.cpu(), rolled, config, config.share(len(examples)))
        return network.eval(), LossCurves(train=tuple(curves[0]), validation=tuple(curves[1]))

    def _epoch(
        self, network: RecurrentForecaster, examples: Examples, size: int, rate: torch.optim.lr_scheduler.LambdaLR
    ) -> float:
        """Pass over all ``examples``, ``size`` at once; returns their mean loss."""
        network.train()
        total = 0.0
        for batch in torch.randperm(len(examples)).split(size):
            rate.optimizer.zero_grad()
            loss = _loss(network, examples.take(batch).to(self.device), self.config)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
            rate.optimizer.step()
            rate.step()
            total += loss.item() * len(batch)
        return round(total / len(examples), 6)


def _begun(cell: str, config: TrainingConfig, seen: SstSeries) -> RecurrentForecaster:
    """A new network, scaled by what it is to see."""
    scaling = Scaling.of(seen, trend=config.counts_trend(seen.step))
    return RecurrentForecaster(cell, config, seen.step, scaling)


def fit_autoregression(config: TrainingConfig, seen: SstSeries, examples: Examples) -> RecurrentForecaster:
    """A network that forecasts by its autoregression alone, which takes no descent.

    Args:
        config: of the run.
        seen: what it is scaled by.
        examples: to learn from, at :func:`leads_learnt`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = _begun(config.cells[0], config, seen)
    _complete(network, examples, config, 0.0)
    return network.eval()


def leads_learnt(config: TrainingConfig) -> int:
    """How many leads a network is fitted to."""
    return min(config.horizon, MAX_ROLLOUT_LEADS)


def _complete(network: RecurrentForecaster, rolled: Examples, config: TrainingConfig, share: float) -> None:
    """Put the autoregression beside the cell, which keeps its ``share``; without seasons to know, have it not drift.

    The autoregression has the mean of the weights of its alternatives: one step ahead, the mean of their forecasts.
    """
    examples = rolled.with_next()
    known, season = network.known(examples.sst, examples.valid_time[:, 0])
    if not network.annual:
        network.centre(known)
    if config.autoregression:
        increments = examples.increments(network.spread)
        linear, found = network.linear, []
        for terms in linear.alternatives:
            linear.taken = terms
            weights, costs = linear.fit(known, season, increments, examples.valid_time[:, 0])
            fit_to_rollout(network, rolled, weights, costs, config.later_leads)
            found.append(terms.share * linear.weights)
        linear.weights.copy_(torch.stack(found).sum(0))
        left = increments - linear(known, season)
        usual = season @ torch.linalg.lstsq(season, increments[:, None], driver="gelsd").solution[:, 0]
        unexplained = float(left.square().mean() / (increments - usual).square().mean())
        network.mix(share * min(1.0, unexplained / FULL_SHARE_UNEXPLAINED) ** 2)


def _optimiser(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    biases = [weights for weights in network.parameters() if weights.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def _rate(step: int, steps: int) -> float:
    """Share of the peak learning rate at ``step``, from 0."""
    warm = max(1, round(WARM_UP_SHARE * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _loss(network: RecurrentForecaster, examples: Examples, config: TrainingConfig) -> Tensor:
    """Huber's loss over the cell's leads, in one-step spreads times the root of the lead, as of a random walk."""
    sst, losses = examples.sst, []
    for lead in range(min(config.cell_leads, examples.leads)):
        said = network(sst, examples.valid_time[:, lead])
        error = (said - examples.target[:, lead]) / (network.spread * math.sqrt(lead + 1))
        error = error[error.isfinite()]
        losses.append(nn.functional.huber_loss(error, torch.zeros_like(error), delta=config.huber_delta))
        sst = torch.cat([sst[:, 1:], said[:, None]], dim=1)
    return torch.stack(losses).nanmean()


@torch.no_grad()
def _evaluate(network: RecurrentForecaster, examples: Examples, config: TrainingConfig) -> float:
    return round(_loss(network.eval(), examples, config).item(), 6)
