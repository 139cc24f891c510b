"""Causal features of a series: everything at a step rests on that step and those before it."""

import math

import torch
from torch import Tensor, nn

from training.pretraining.spec import Spec

_YEAR_SECONDS = 365.2425 * 86400.0


class Features(nn.Module):
    """Scale a series by its own volatility, and compare each value with those before it.

    A series enters as anomalies from the climatology of its position, or as it is. Missing values are replaced by the
    last one before them.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.step_seconds = spec.step_seconds
        self.cycle = spec.cycle
        self.ahead = list(spec.cycle_ahead)
        self.smooth = 3 if spec.cycle > 100 else 0
        decays = [0.5 ** (1 / half_life) for half_life in spec.half_lives]
        self.register_buffer("decays", torch.tensor(decays, dtype=torch.float64))
        scale = 0.5 ** (1 / spec.scale_half_life)
        short = 0.5 ** (5 / spec.scale_half_life)
        self.register_buffer("scale_decays", torch.tensor([scale, short], dtype=torch.float64))
        rates = [2 * math.pi / period for period in spec.periods]
        self.register_buffer("rates", torch.tensor(rates, dtype=torch.float64))
        # What the volatility is before anything was observed weighs as much as this many increments.
        self.prior_weight = 4.0
        self.means = len(spec.half_lives)
        # constant, waves, increments, exponential means, whole mean, cycle, anomaly
        self.size = 1 + 2 * len(spec.periods) + 4 + self.means + 1 + len(self.ahead) + 1 + 1

    def forward(self, anomaly: Tensor, last_time: Tensor, positioned: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Compute the features.

        Args:
            anomaly: °C, float64 ``(batch, steps)``, NaN where missing.
            last_time: Unix seconds of the last step, float64 ``(batch,)``.
            positioned: 1 where ``anomaly`` is relative to a climatology, else 0, float64 ``(batch,)``.

        Returns:
            The features ``(batch, steps, size)``; the inputs of the cell ``(batch, steps, inputs)``; the filled series
            and its volatility, both °C ``(batch, steps)``; and 1 where observed ``(batch, steps)``.
        """
        batch, steps = anomaly.shape
        seen = ~torch.isnan(anomaly)
        observed = seen.to(anomaly.dtype)
        places = torch.arange(steps, device=anomaly.device).unsqueeze(0).expand(batch, steps)
        last_seen = torch.cummax(torch.where(seen, places, torch.full_like(places, -1)), 1)[0]
        first = torch.argmax(observed, 1, keepdim=True)
        source = torch.where(last_seen < 0, first.expand(batch, steps), last_seen)
        filled = torch.gather(torch.nan_to_num(anomaly), 1, source)
        begun = last_seen >= 0
        began = begun.to(anomaly.dtype)
        age = (places - last_seen).to(anomaly.dtype) * began  # steps since the last observation
        x = filled - filled[:, -1:]

        increments = torch.diff(x, dim=1, prepend=x[:, :1])
        after = torch.cat([torch.ones_like(age[:, :1]), 1 + age[:, :-1]], 1)  # steps that an increment spans
        both = observed * torch.cat([torch.zeros_like(began[:, :1]), began[:, :-1]], 1)
        power = increments * increments / after * both
        sums = scan(torch.stack([power, both, power, both], 2), self.scale_decays.repeat_interleave(2))
        total, count = torch.cumsum(power, 1), torch.cumsum(both, 1)
        overall = (total + 1e-6) / (count + 1e-2)
        weight = self.prior_weight
        variance = (sums[:, :, 0] + weight * overall) / (sums[:, :, 1] + weight)
        recent = (sums[:, :, 2] + weight * variance) / (sums[:, :, 3] + weight)
        scale = torch.sqrt(variance + 1e-6)
        bound = 8.0

        levels = scan(torch.cat([(x * observed).unsqueeze(2).expand(batch, steps, self.means),
                                 observed.unsqueeze(2).expand(batch, steps, self.means)], 2), self.decays.repeat(2))
        means = levels[:, :, : self.means] / torch.clamp(levels[:, :, self.means :], min=1e-9)
        whole = torch.cumsum(x * observed, 1) / torch.clamp(torch.cumsum(observed, 1), min=1.0)
        unit = scale.unsqueeze(2)
        nothing = began.unsqueeze(2)
        distances = (x.unsqueeze(2) - torch.cat([means, whole.unsqueeze(2)], 2)) / unit * nothing

        scaled = torch.clamp(increments / scale, -bound, bound)
        lagged = [scaled]
        for lag in range(1, 4):
            lagged.append(torch.cat([torch.zeros_like(scaled[:, :lag]), scaled[:, :-lag]], 1) if steps > lag else torch.zeros_like(scaled))
        lags = torch.stack(lagged, 2)

        turned = self.turn(x, observed, began)
        distance = turned[:, :, :1] / unit
        tendencies = turned[:, :, 1:] / unit

        elapsed = (torch.arange(steps, device=anomaly.device, dtype=anomaly.dtype) - (steps - 1)) * self.step_seconds
        times = last_time.unsqueeze(1) + elapsed.unsqueeze(0)
        angles = times.unsqueeze(2) * self.rates
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], 2)

        flag = positioned.view(batch, 1, 1).expand(batch, steps, 1)
        level = (filled / scale).unsqueeze(2) * flag
        one = torch.ones_like(flag)
        features = torch.cat([one, waves, lags, distances, distance, tendencies, torch.clamp(level, -40.0, 40.0)], 2)

        roughness = torch.log(recent / (variance + 1e-6)).unsqueeze(2)
        squashed = torch.asinh(torch.cat([distances, distance, tendencies, level], 2))
        season = torch.cat([torch.cos(angles[:, :, :1]), torch.sin(angles[:, :, :1])], 2)
        inputs = torch.cat([scaled.unsqueeze(2) * 0.5, observed.unsqueeze(2), torch.log1p(age).unsqueeze(2), roughness * 0.5,
                            squashed * 0.5, season, flag], 2)
        pair = both * torch.cat([torch.zeros_like(both[:, :1]), both[:, :-1]], 1)
        products = torch.stack([scaled * lagged[1] * pair, scaled * lagged[2] * pair, scaled * scaled * pair,
                                (increments == 0).to(x.dtype) * pair, pair], 2)
        sums = torch.cumsum(products, 1)
        power = sums[:, :, 2:3] + 3.0
        pairs = torch.log1p(count).unsqueeze(2)
        context = torch.cat([sums[:, :, :2] / power, sums[:, :, 3:4] / (sums[:, :, 4:] + 1.0), pairs * 0.2,
                             torch.log(scale).unsqueeze(2) * 0.5, torch.log(overall + 1e-6).unsqueeze(2) * 0.25,
                             torch.asinh(distances[:, :, -1:]) * 0.5, torch.asinh(level) * 0.5, flag], 2)
        return features, inputs, context, x, scale, observed

    def turn(self, x: Tensor, observed: Tensor, began: Tensor) -> Tensor:
        """The distance from one cycle ago, and how the series went on from there: °C, ``(batch, steps, 1 + ahead)``."""
        batch, steps = x.shape
        size = 1 + len(self.ahead)
        if steps <= self.cycle + self.smooth:
            return torch.zeros(batch, steps, size, dtype=x.dtype, device=x.device)
        weights, values = observed, x * observed
        if self.smooth > 0:
            values, weights = centred_sum(values, self.smooth), centred_sum(weights, self.smooth)
        there = (weights > 0.5).to(x.dtype)
        smooth = values / torch.clamp(weights, min=1.0)
        reach = steps - self.cycle - self.smooth  # steps whose smoothed value one cycle ago is known
        now = x[:, -reach:]
        offset = steps - reach - self.cycle
        then = smooth[:, offset : offset + reach]
        known = there[:, offset : offset + reach]
        parts = [(now - then) * known]
        for ahead in self.ahead:
            parts.append((smooth[:, offset + ahead : offset + ahead + reach] - then) * known * there[:, offset + ahead : offset + ahead + reach])
        turned = torch.stack(parts, 2)
        return torch.cat([torch.zeros(batch, steps - reach, size, dtype=x.dtype, device=x.device), turned], 1)


def centred_sum(values: Tensor, reach: int) -> Tensor:
    """Sums over ``reach`` steps to either side, ``(batch, steps)``."""
    padded = torch.nn.functional.pad(values, (reach + 1, reach))
    sums = torch.cumsum(padded, 1)
    return sums[:, 2 * reach + 1 :] - sums[:, : -(2 * reach + 1)]


def scan(forcing: Tensor, decay: Tensor) -> Tensor:
    """Integrate ``y[t] = decay · y[t - 1] + forcing[t]`` in a logarithmic number of passes, ``(batch, steps, …)``."""
    shift = 1
    steps = forcing.shape[1]
    while shift < steps:
        forcing = torch.cat([forcing[:, :shift], forcing[:, shift:] + decay * forcing[:, :-shift]], 1)
        decay = decay * decay
        shift *= 2
    return forcing
