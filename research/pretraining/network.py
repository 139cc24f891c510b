"""The universal network: a recurrent cell beside a regression that adapts to the series, its fit, and its export."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.climatology.annual_cycle import FREEZING_POINT
from forecasting.models.checkpoint import CPU
from forecasting.series.times import YEAR
from research.pretraining.companion import Companion, Moments, fit_prior
from research.pretraining.examples import LEVEL_CENTRE, LEVEL_SPREAD, Stretches
from research.pretraining.features import Features
from research.spec import Spec

LEVELS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""Probabilities of the quantiles."""

_NORMAL: Final = (-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96)
_WIDTH: Final = 128
_CELLS: Final = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class UniversalNetwork(nn.Module):
    """The recurrent cell, and how it is combined with the companion.

    Without the companion, the cell and what is known of the context forecast alone.
    """

    def __init__(
        self, cell: str, spec: Spec, inputs: int, context: int, hidden: int = 64, companion: bool = True
    ) -> None:
        super().__init__()
        self.interpolation: Tensor
        self.roots: Tensor
        self.gaps: Tensor
        self.horizon = spec.horizon
        self.companion = companion
        self.quantiles = len(LEVELS)
        knots = len(spec.knots)
        self.cell = _CELLS[cell](inputs, hidden, 1, batch_first=True)
        self.hidden = nn.Linear(hidden + 3 * knots + context, _WIDTH)
        self.head = nn.Linear(_WIDTH, self.horizon * (1 + self.quantiles))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        leads = torch.arange(1, spec.horizon + 1, dtype=torch.float32)
        self.register_buffer("interpolation", _interpolation(spec.knots, leads))
        self.register_buffer("roots", torch.tensor(spec.knots, dtype=torch.float32).sqrt())
        gaps = torch.diff(torch.tensor(_NORMAL))
        self.register_buffer("gaps", torch.log(torch.expm1(gaps)))

    def run(self, inputs: Tensor) -> Tensor:
        """Return the states of the cell after each step, ``(n, steps, hidden)``."""
        states: Tensor = self.cell(inputs)[0]
        return states

    def forward(self, states: Tensor, mean: Tensor, spread: Tensor, fit: Tensor, context: Tensor, leads: int) -> Tensor:
        """Forecast scaled increments.

        From the states of the cell at the origins, float32 ``(n, hidden)``, what the companion returns, each
        ``(n, knots)``, and the context, ``(n, context)``.
        """
        if not self.companion:
            mean, spread, fit = torch.zeros_like(mean), self.roots.expand_as(spread), torch.zeros_like(fit)
        known = torch.cat([states, torch.asinh(mean / self.roots), torch.log(spread / self.roots), fit, context], 1)
        asked, interpolation = leads * (1 + self.quantiles), self.interpolation[:, :leads]
        hidden = nn.functional.gelu(self.hidden(known))
        out = nn.functional.linear(hidden, self.head.weight[:asked], self.head.bias[:asked])
        out = out.view(-1, leads, 1 + self.quantiles)
        centre, width = mean @ interpolation, spread @ interpolation
        average = centre + width * out[:, :, 0]
        middle = self.quantiles // 2
        median = average + width * out[:, :, 1 + middle]
        gaps = torch.cat([out[:, :, 1 : 1 + middle], out[:, :, 2 + middle :]], 2)
        gaps = nn.functional.softplus(gaps + self.gaps) * width.unsqueeze(2)
        below = median.unsqueeze(2) - torch.flip(torch.cumsum(torch.flip(gaps[:, :, :middle], [2]), 2), [2])
        above = median.unsqueeze(2) + torch.cumsum(gaps[:, :, middle:], 2)
        return torch.cat([average.unsqueeze(2), below, median.unsqueeze(2), above], 2)


def _interpolation(knots: tuple[int, ...], leads: Tensor) -> Tensor:
    """Return the matrix from values at the knots to values at all leads, linear in the square root of the lead."""
    roots = torch.tensor(knots, dtype=torch.float32).sqrt()
    matrix = torch.zeros(len(knots), len(leads))
    for column, lead in enumerate(leads.sqrt().tolist()):
        above = min(int((roots < lead - 1e-6).sum()), len(knots) - 1)
        if above == 0:
            matrix[0, column] = 1
            continue
        low, high = float(roots[above - 1]), float(roots[above])
        share = min(1.0, (lead - low) / (high - low))
        matrix[above - 1, column], matrix[above, column] = 1 - share, share
    return matrix


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


def fit_companion(spec: Spec, size: int, parts: Iterable[tuple[Moments, Tensor]]) -> Companion:
    """Fit the two priors of a companion of ``size`` predictors to many series.

    Each of ``parts`` has moments of series, ``(n, knots, …)``, and 1 for those with a position, else 0, ``(n,)``.
    """
    companion = Companion(spec, size)
    all_moments, positions = zip(*parts, strict=True)
    moments = Moments(*(torch.cat(part) for part in zip(*all_moments, strict=True)))
    positioned = torch.cat(positions)
    for knot, lead in enumerate(spec.knots):
        usable = moments.rows[:, knot] > _FEWEST_ROWS
        for prior in (0, 1):
            chosen = usable & ((positioned > 0.5) == bool(prior))
            mean, precision, noise = fit_prior(Moments(*(part[chosen, knot] / lead for part in moments)), float(lead))
            companion.mean[prior, knot] = mean
            companion.precision[prior, knot] = precision
            companion.noise[prior, knot] = noise
    return companion


def fit_network(
    cell: str, spec: Spec, examples: Stretches, settings: FitSettings, device: torch.device = CPU
) -> UniversalNetwork:
    """Fit one network on a device, and return it on the CPU; the weights of the last epoch are kept."""
    torch.manual_seed(settings.seed)
    inputs, context = examples.inputs.shape[2], examples.context.shape[2] + 2
    network = UniversalNetwork(cell, spec, inputs, context, settings.hidden, settings.companion).to(device)
    count = len(examples.inputs)
    batch = min(settings.batch, count)
    batches = count // batch
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=settings.epochs * batches + 1, pct_start=0.15
    )
    for _ in range(settings.epochs):
        for rows in torch.randperm(count).split(batch)[:batches]:
            hidden = (torch.rand(len(rows)) < HIDDEN_LEVELS).to(device)
            loss = _loss(network, examples.take(rows).to(device), hidden)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return network.cpu().eval()


def _loss(network: UniversalNetwork, examples: Stretches, hidden: Tensor) -> Tensor:
    """Return the Huber loss of the mean plus pinball losses of the quantiles, in usual changes of each series."""
    n, origins = examples.origins.shape
    states = network.run(examples.inputs)
    states = states.gather(1, examples.origins.unsqueeze(2).expand(-1, -1, states.shape[2]))
    shown = torch.ones_like(examples.level) * (~hidden).view(-1, 1, 1)
    context = torch.cat([examples.context, examples.level * shown, shown], 2)
    known = [part.flatten(0, 1) for part in (states, examples.mean, examples.spread, examples.fit, context)]
    forecast = network(*known, network.horizon).view(n, origins, network.horizon, -1)
    error = (examples.target - forecast[..., 0]) * examples.unit
    point = nn.functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=_OUTLIER)
    away = (examples.target.unsqueeze(3) - forecast[..., 1:]) * examples.unit.unsqueeze(3)
    levels = torch.tensor(LEVELS, device=error.device)
    pinball = torch.maximum(levels * away, (levels - 1) * away).mean(3) * 4
    loss: Tensor = ((point + pinball) * examples.weight).sum() / examples.weight.sum()
    return loss


_UPDATE_GROWTH: Final = 1.2
"""The companion of an exported network is updated whenever the past has grown by this factor."""


class UniversalModule(nn.Module):
    """A universal network as it is exported."""

    def __init__(self, spec: Spec, features: Features, companion: Companion, network: UniversalNetwork) -> None:
        super().__init__()
        self.widths: Tensor
        self.window = min(spec.maximum, 365)
        self.step_seconds = int(spec.step_seconds)
        self.seconds = spec.step_seconds
        self.horizon = spec.horizon
        self.minimum = spec.minimum
        self.maximum = spec.maximum
        self.levels = list(LEVELS)
        self.cell_steps = spec.cell_steps
        self.level_centre, self.level_spread = LEVEL_CENTRE, LEVEL_SPREAD
        self.year_rate = 2 * math.pi / YEAR
        self.freezing = FREEZING_POINT
        self.growth = _UPDATE_GROWTH
        self.features = features
        self.companion = companion
        self.network = network
        leads = torch.arange(1, spec.horizon + 1, dtype=torch.float32)
        self.register_buffer("widths", (1 + spec.widening * (1 - 1 / leads)).unsqueeze(1))

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step, without a position."""
        nowhere = torch.full((sst.shape[0], 7), float("nan"), device=sst.device)
        return self.quantiles(sst, valid_time - self.seconds, nowhere)[:, 0, 0]

    @torch.jit.export
    def quantiles(self, sst: Tensor, last_time: Tensor, climatology: Tensor) -> Tensor:
        """Forecast all leads from the last value."""
        origins = torch.tensor([sst.shape[1] - 1], device=sst.device)
        return self.backtest(sst, last_time, climatology, origins)[:, 0]

    @torch.jit.export
    def backtest(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor) -> Tensor:
        """Forecast all leads from each of ``origins``, seeing only what came before.

        The ``origins`` are increasing steps, int64 ``(origins,)``; forecasts from missing values are those from the
        last value before. The other arguments are those of :meth:`quantiles`.
        """
        return self.answer(self.prepare(sst, last_time, climatology, origins, self.horizon))

    @torch.jit.export
    def prepare(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor, leads: int) -> list[Tensor]:
        """Compute what the networks of one release share: everything but the cell, and what follows it.

        The arguments are those of :meth:`backtest`, and the number of leads, from the first; :meth:`answer` of each
        network takes the result.
        """
        steps = sst.shape[1]
        positioned = torch.isfinite(climatology[:, 0]).to(torch.float64)
        usual = self.usual(steps, last_time, climatology)
        anomaly = sst.to(torch.float64) - usual[:, :steps]
        start = max(0, int(origins[0]) + 1 - self.cell_steps)
        features, inputs, context, x, scale, observed = self.features(anomaly, last_time, positioned, start)
        mean, spread, fit = self.companion(features, x, scale, observed, positioned, origins, self.growth)
        filled = (x + usual[:, :steps])[:, origins] + (anomaly[:, -1:] - x[:, -1:])
        level = ((filled - self.level_centre) / self.level_spread).unsqueeze(2)
        context = torch.cat([context[:, origins - start], level, torch.ones_like(level)], 2)
        ahead = usual[:, origins.unsqueeze(1) + torch.arange(1, leads + 1, device=sst.device)]
        base = filled.unsqueeze(2) + ahead - usual[:, origins].unsqueeze(2)
        parts = [inputs, mean, spread, fit, context, scale[:, origins], base]
        return [part.to(torch.float32) for part in parts] + [origins - start]

    @torch.jit.export
    def answer(self, prepared: list[Tensor]) -> Tensor:
        """Forecast from what :meth:`prepare` of any network of the same release returned: as :meth:`backtest`."""
        inputs, mean, spread, fit, context, scale, base, origins = prepared
        states, leads = self.states(inputs, origins), base.shape[2]
        known = [part.flatten(0, 1) for part in (states, mean, spread, fit, context)]
        scaled = self.network(known[0], known[1], known[2], known[3], known[4], leads)
        scaled = scaled.view(len(inputs), len(origins), leads, 1 + len(self.levels))
        middle = scaled[:, :, :, 1 + len(self.levels) // 2].unsqueeze(3)
        spread_out = middle + (scaled[:, :, :, 1:] - middle) * self.widths[:leads]
        increments = torch.cat([scaled[:, :, :, :1], spread_out], 3) * scale.unsqueeze(2).unsqueeze(3)
        return torch.clamp(base.unsqueeze(3) + increments, min=-3.0)

    def states(self, inputs: Tensor, origins: Tensor) -> Tensor:
        """Return the states of the cell at the origins, each after at most the last ``cell_steps`` steps."""
        batch, size = inputs.shape[0], self.cell_steps
        if len(origins) == 1:
            end = int(origins[0]) + 1
            return self.network.run(inputs[:, max(0, end - size) : end])[:, -1:]
        # Overlapping stretches, of which the second half counts, cost no more than a few forecasts.
        half = size // 2
        padded = nn.functional.pad(inputs, (0, 0, size, half))
        skipped = int(origins[0]) // half + 1
        stretches = padded[:, skipped * half :].unfold(1, size, half).transpose(2, 3)
        count = stretches.shape[1]
        states = self.network.run(stretches.flatten(0, 1)).view(batch, count, size, -1)[:, :, half:]
        return states.flatten(1, 2)[:, origins - (skipped - 1) * half]

    def usual(self, steps: int, last_time: Tensor, climatology: Tensor) -> Tensor:
        """Return the climatology at each step of the context and each lead, °C; zero without one."""
        # The middle of each step, since values are means of steps that are named by their start.
        positions = torch.arange(1 - steps, self.horizon + 1, device=last_time.device, dtype=torch.float64) + 0.5
        times = last_time.unsqueeze(1) + positions.unsqueeze(0) * self.seconds
        angle = times * self.year_rate
        known = torch.nan_to_num(climatology.to(torch.float64))
        usual = known[:, :1].expand(-1, positions.shape[0])
        for harmonic in range(1, 4):
            usual = usual + known[:, 2 * harmonic - 1 : 2 * harmonic] * torch.cos(harmonic * angle)
            usual = usual + known[:, 2 * harmonic : 2 * harmonic + 1] * torch.sin(harmonic * angle)
        there = torch.isfinite(climatology[:, :1])
        return torch.where(there, torch.clamp(usual, min=self.freezing), torch.zeros_like(usual))


AnyModule = UniversalModule | torch.jit.ScriptModule
"""A network before it is exported, or after."""
