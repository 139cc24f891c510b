"""Training examples of the universal networks: stretches of simulated and real series, with origins inside them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from research.pretraining.companion import Companion, Moments
from research.pretraining.features import Features
from research.simulation.seas import show_positions, simulate_seas
from research.spec import Spec

LEVEL_CENTRE: Final = 15.0
LEVEL_SPREAD: Final = 10.0
"""°C; the networks see the level relative to these."""

_STRETCHES: Final = 4
_ORIGINS: Final = 6
_BATCH: Final = 50


class Stretches(NamedTuple):
    """Stretches of series with origins inside them; all float32."""

    inputs: Tensor
    origins: Tensor
    mean: Tensor
    spread: Tensor
    fit: Tensor
    context: Tensor
    level: Tensor
    target: Tensor
    weight: Tensor
    unit: Tensor

    def take(self, rows: Tensor | slice) -> "Stretches":
        """Return some of the examples."""
        return Stretches(*(column[rows] for column in self))

    def to(self, device: torch.device) -> "Stretches":
        """Return the examples on a device."""
        return Stretches(*(column.to(device) for column in self))


class Panel(NamedTuple):
    """Series to train on."""

    anomaly: Tensor
    sst: Tensor
    last_time: Tensor
    positioned: Tensor
    climatology: Tensor


def joined(parts: Sequence[Stretches]) -> Stretches:
    """Join examples."""
    return Stretches(*map(torch.cat, zip(*parts, strict=True)))


def simulated_panel(spec: Spec, seed: int, n: int) -> Panel:
    """Simulate ``n`` series; half of those that are not of an area have a position."""
    random = np.random.default_rng(seed)
    seas = simulate_seas(random, spec.step, n, spec.training_steps)
    climatology = show_positions(random, seas)
    positioned = np.isfinite(climatology[:, 0])
    anomaly = np.where(positioned[:, np.newaxis], seas.sst - seas.usual(), seas.sst)
    return Panel(
        torch.from_numpy(anomaly),
        torch.from_numpy(seas.sst),
        torch.full((n,), seas.times[-1], dtype=torch.float64),
        torch.from_numpy(positioned.astype(np.float64)),
        torch.from_numpy(climatology),
    )


@torch.no_grad()
def companion_moments(features: Features, companion: Companion, panel: Panel) -> Moments:
    """Return the moments of each series, ``(n, knots, …)``."""
    parts = []
    for anomaly, last, positioned in _batches(panel):
        end = anomaly.shape[1] - 1
        predictors, _, _, x, scale, observed = features(anomaly, last, positioned, end)
        parts.append(companion.moments(predictors, x, scale, observed, end))
    return Moments(*(torch.cat(part) for part in zip(*parts, strict=True)))


@torch.no_grad()
def make_examples(
    spec: Spec, features: Features, companion: Companion, panel: Panel, random: np.random.Generator
) -> Stretches:
    """Cut stretches from a panel, the same for all series of a batch; half end early, to learn short contexts."""
    steps, horizon, size = panel.sst.shape[1], spec.horizon, spec.cell_steps
    last = steps - horizon - 1
    half, parts = _STRETCHES // 2, []
    for (anomaly, time, positioned), sst in zip(_batches(panel), panel.sst.split(_BATCH), strict=True):
        predictors, inputs, context, x, scale, observed = features(anomaly, time, positioned, 0)
        usual = _usual_sizes(x, observed, horizon)
        early = np.exp(random.uniform(np.log(spec.minimum + 2), np.log(last), half))
        late = random.uniform(min(spec.minimum + size, last - 1), last, _STRETCHES - half)
        for end in np.concatenate([early, late]).astype(int).tolist():
            low = max(spec.minimum - 1, end - size + 9)
            chosen = np.sort(random.choice(np.arange(low, end + 1), min(_ORIGINS, end + 1 - low), replace=False))
            if len(chosen) < _ORIGINS:
                chosen = np.concatenate([np.full(_ORIGINS - len(chosen), chosen[0]), chosen])
            origins = torch.from_numpy(chosen)
            mean, spread, fit = companion(
                predictors[:, : end + 1],
                x[:, : end + 1],
                scale[:, : end + 1],
                observed[:, : end + 1],
                positioned,
                origins,
                1.0,
            )
            stretch = inputs[:, max(0, end - size + 1) : end + 1]
            stretch = torch.nn.functional.pad(stretch, (0, 0, size - stretch.shape[1], 0))
            ahead = origins.unsqueeze(1) + torch.arange(1, horizon + 1)
            target = (x[:, ahead] - x[:, origins].unsqueeze(2)) / scale[:, origins].unsqueeze(2)
            weight = observed[:, ahead] * observed[:, origins].unsqueeze(2)
            level = (torch.nan_to_num(sst[:, origins]) - LEVEL_CENTRE) / LEVEL_SPREAD
            inside = (origins - (end - size + 1)).expand(len(sst), -1)
            unit = scale[:, origins].unsqueeze(2) / usual.unsqueeze(1)
            values = [stretch, inside, mean, spread, fit, context[:, origins], level.unsqueeze(2), target, weight, unit]
            parts.append(Stretches(*(v if v.dtype == torch.int64 else v.to(torch.float32) for v in values)))
    return joined(parts)


def _batches(panel: Panel) -> "zip[tuple[Tensor, Tensor, Tensor]]":
    return zip(panel.anomaly.split(_BATCH), panel.last_time.split(_BATCH), panel.positioned.split(_BATCH), strict=True)


def _usual_sizes(x: Tensor, observed: Tensor, horizon: int) -> Tensor:
    """Return the root mean square of the increments of each series over each lead, °C, ``(n, horizon)``."""
    sizes = []
    for lead in range(1, horizon + 1):
        both = observed[:, lead:] * observed[:, :-lead]
        square = ((x[:, lead:] - x[:, :-lead]) ** 2 * both).sum(1)
        sizes.append(torch.sqrt((square + 1e-8) / (both.sum(1) + 1e-4)))
    return torch.clamp(torch.stack(sizes, 1), min=1e-3)
