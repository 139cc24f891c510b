"""Fit the companion's prior, then the networks."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.networks.device import CPU
from training.pretraining.data.companion import Companion, Moments, fit_prior
from training.pretraining.data.examples import Examples
from training.pretraining.network import LEVELS, UniversalNetwork
from training.pretraining.spec import Spec

HIDDEN_LEVELS: Final = 0.25
"""Share of the examples that do not show the level, so that an unusual climate does not mislead."""


_OUTLIER: Final = 2.5
_FEWEST_ROWS: Final = 40


@dataclass(frozen=True)
class FitSettings:
    """How the networks are fitted, the same for the three cells."""

    epochs: int = 6
    batch: int = 256
    rate: float = 2e-3
    decay: float = 1e-3
    hidden: int = 64
    seed: int = 0
    companion: bool = True


def fit_companion(companion: Companion, spec: Spec, moments: Moments, positioned: Tensor) -> None:
    """Fit the two priors of the companion, in place, to the moments of many series ``(n, knots, …)``."""
    for place, lead in enumerate(spec.knots):
        usable = moments.rows[:, place] > _FEWEST_ROWS
        for prior in (0, 1):
            chosen = usable & ((positioned > 0.5) == bool(prior))
            mean, precision, noise = fit_prior(Moments(*(part[chosen, place] / lead for part in moments)), float(lead))
            companion.mean[prior, place] = mean
            companion.precision[prior, place] = precision
            companion.noise[prior, place] = noise


def fit_network(
    cell: str, spec: Spec, examples: Examples, settings: FitSettings, device: torch.device = CPU
) -> UniversalNetwork:
    """Fit one network on a device, and return it on the CPU; the weights of the last epoch are kept."""
    torch.manual_seed(settings.seed)
    inputs, context = examples.inputs.shape[2], examples.context.shape[2] + 2
    network = UniversalNetwork(cell, spec, inputs, context, settings.hidden, settings.companion).to(device)
    batch = min(settings.batch, len(examples))
    batches = len(examples) // batch
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=settings.epochs * batches + 1, pct_start=0.15
    )
    for _ in range(settings.epochs):
        for rows in torch.randperm(len(examples)).split(batch)[:batches]:
            hidden = (torch.rand(len(rows)) < HIDDEN_LEVELS).to(device)
            loss = _loss(network, examples.take(rows).to(device), hidden)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return network.cpu().eval()


def _loss(network: UniversalNetwork, examples: Examples, hidden: Tensor) -> Tensor:
    """Huber loss of the mean and pinball losses of the quantiles, in units of what is usual in each series."""
    n, origins = examples.origins.shape
    states = network.run(examples.inputs)
    states = states.gather(1, examples.origins.unsqueeze(2).expand(-1, -1, states.shape[2]))
    shown = torch.ones_like(examples.level) * (~hidden).view(-1, 1, 1)
    context = torch.cat([examples.context, examples.level * shown, shown], 2)
    known = [part.flatten(0, 1) for part in (states, examples.mean, examples.spread, examples.fit, context)]
    forecast = network(*known).view(n, origins, network.horizon, -1)
    error = (examples.target - forecast[..., 0]) * examples.unit
    point = nn.functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=_OUTLIER)
    away = (examples.target.unsqueeze(3) - forecast[..., 1:]) * examples.unit.unsqueeze(3)
    levels = torch.tensor(LEVELS, device=error.device)
    pinball = torch.maximum(levels * away, (levels - 1) * away).mean(3) * 4
    loss: Tensor = ((point + pinball) * examples.weight).sum() / examples.weight.sum()
    return loss
