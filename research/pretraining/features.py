"""Causal features of a series: everything at a step rests on that step and those before it."""

import math
from typing import Final

import torch
from torch import Tensor, nn

from research.spec import Spec

_BLOCK: Final = 32


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
        self.lags = list(spec.lags)
        self.means = len(spec.half_lives)
        scale = 0.5 ** (1 / spec.scale_half_life)
        short = 0.5 ** (5 / spec.scale_half_life)
        decays = [0.5 ** (1 / half_life) for half_life in spec.half_lives]
        self.scan = Scan([scale, short, *decays])
        self.rates: Tensor
        rates = [2 * math.pi / period for period in spec.periods]
        self.register_buffer("rates", torch.tensor(rates, dtype=torch.float64))
        self.prior_weight = 4.0  # the volatility of the whole past counts as much as this many increments
        self.bound = 8.0
        self.size = 1 + 2 * len(spec.periods) + len(spec.lags) + self.means + 1 + 1 + len(self.ahead) + 1
        self.inputs = 4 + self.means + 2 + 1 + len(self.ahead) + 2 + 1
        self.context = 9 + 2 * len(spec.periods)

    def forward(
        self, anomaly: Tensor, last_time: Tensor, positioned: Tensor, start: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Compute the features."""
        batch, steps = anomaly.shape
        seen = ~torch.isnan(anomaly)
        observed = seen.to(anomaly.dtype)
        positions = torch.arange(steps, device=anomaly.device).unsqueeze(0).expand(batch, steps)
        last_seen = torch.cummax(torch.where(seen, positions, -1), 1)[0]
        begun = last_seen >= 0
        began = begun.to(anomaly.dtype)
        first = torch.argmax(observed, 1, keepdim=True)
        filled = torch.gather(torch.nan_to_num(anomaly), 1, torch.where(begun, last_seen, first))
        age = (positions - last_seen).to(anomaly.dtype) * began  # steps since the last observation
        x = filled - filled[:, -1:]

        increments = torch.diff(x, dim=1, prepend=x[:, :1])
        spans = nn.functional.pad(age[:, :-1], (1, 0)) + 1
        both = observed * nn.functional.pad(began[:, :-1], (1, 0))
        power = increments * increments / spans * both
        weighed = (x * observed).unsqueeze(2).expand(batch, steps, self.means)
        twice = torch.stack([power, power], 2)
        sums = self.scan(torch.cat([twice, weighed], 2))
        rows = 1 if bool(seen.all()) else batch  # complete series count alike
        pairs, ones = both[:rows].unsqueeze(2), observed[:rows].unsqueeze(2)
        counts = self.scan(torch.cat([pairs, pairs, ones.expand(rows, steps, self.means)], 2))
        count = torch.cumsum(both, 1)
        overall = (torch.cumsum(power, 1) + 1e-6) / (count + 1e-2)
        variance = (sums[:, :, 0] + self.prior_weight * overall) / (counts[:, :, 0] + self.prior_weight)
        scale = torch.sqrt(variance + 1e-6)
        unit = scale.unsqueeze(2)

        whole = torch.cumsum(x * observed, 1) / torch.clamp(torch.cumsum(observed, 1), min=1.0)
        means = torch.cat([sums[:, :, 2:] / torch.clamp(counts[:, :, 2:], min=1e-9), whole.unsqueeze(2)], 2)
        turned = self.turn(x, observed)
        distances = torch.cat([(x.unsqueeze(2) - means) * began.unsqueeze(2), turned], 2) / unit
        scaled = torch.clamp(increments / scale, -self.bound, self.bound)
        lagged = [nn.functional.pad(scaled, (lag, 0))[:, :steps] for lag in self.lags]
        elapsed = torch.arange(1 - steps, 1, device=anomaly.device, dtype=anomaly.dtype) * self.step_seconds
        angles = (last_time.unsqueeze(1) + elapsed).unsqueeze(2) * self.rates
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], 2)
        flag = positioned.view(batch, 1, 1).expand(batch, steps, 1)
        level = torch.clamp((filled / scale).unsqueeze(2) * flag, -40.0, 40.0)
        features = torch.cat([torch.ones_like(level), waves, torch.stack(lagged, 2), distances, level], 2)

        late = variance[:, start:]
        recent = (sums[:, start:, 1] + self.prior_weight * late) / (counts[:, start:, 1] + self.prior_weight)
        shapes = torch.asinh(torch.cat([distances[:, start:], level[:, start:]], 2).to(torch.float32)) * 0.5
        season = torch.stack([waves[:, start:, 0], waves[:, start:, len(self.rates)]], 2)
        inputs = torch.cat(
            [
                scaled[:, start:].unsqueeze(2) * 0.5,
                observed[:, start:].unsqueeze(2),
                torch.log1p(age[:, start:]).unsqueeze(2),
                torch.log(recent / (late + 1e-6)).unsqueeze(2) * 0.5,
                shapes,
                season,
                flag[:, start:],
            ],
            2,
        )
        pair = both * nn.functional.pad(both[:, :-1], (1, 0))
        square = scaled * scaled * pair
        products = torch.stack(
            [scaled * lagged[1] * pair, scaled * lagged[2] * pair, (increments == 0).to(x.dtype) * pair, square, pair],
            2,
        )
        totals = torch.cumsum(products, 1)[:, start:]
        known = torch.cat(
            [
                totals[:, :, :2] / (totals[:, :, 3:4] + 3.0),
                totals[:, :, 2:3] / (totals[:, :, 4:] + 1.0),
                torch.log1p(count[:, start:]).unsqueeze(2) * 0.2,
                torch.log(scale[:, start:]).unsqueeze(2) * 0.5,
                torch.log(overall[:, start:] + 1e-6).unsqueeze(2) * 0.25,
                shapes[:, :, self.means : self.means + 1],
                shapes[:, :, -1:],
                flag[:, start:],
                waves[:, start:],
            ],
            2,
        )
        return features, inputs, known, x, scale, observed

    def turn(self, x: Tensor, observed: Tensor) -> Tensor:
        """Return the distance from one cycle ago, and how the series went on: °C, ``(batch, steps, 1 + ahead)``."""
        batch, steps = x.shape
        size = 1 + len(self.ahead)
        reach = steps - self.cycle - self.smooth  # steps whose smoothed value one cycle ago is known
        if reach <= 0:
            return torch.zeros(batch, steps, size, dtype=x.dtype, device=x.device)
        weights, values = observed, x * observed
        if self.smooth > 0:
            values, weights = centred_sum(values, self.smooth), centred_sum(weights, self.smooth)
        there = (weights > 0.5).to(x.dtype)
        mean = values / torch.clamp(weights, min=1.0)
        offset = self.smooth
        cycle_ago, known = mean[:, offset : offset + reach], there[:, offset : offset + reach]
        parts = [(x[:, -reach:] - cycle_ago) * known]
        for ahead in self.ahead:
            later = slice(offset + ahead, offset + ahead + reach)
            parts.append((mean[:, later] - cycle_ago) * known * there[:, later])
        return nn.functional.pad(torch.stack(parts, 2), (0, 0, steps - reach, 0))


def centred_sum(values: Tensor, reach: int) -> Tensor:
    """Return the sums over ``reach`` steps to either side, ``(batch, steps)``."""
    sums = torch.cumsum(nn.functional.pad(values, (reach + 1, reach)), 1)
    return sums[:, 2 * reach + 1 :] - sums[:, : -(2 * reach + 1)]


class Scan(nn.Module):
    """Integrate ``y[t] = decay · y[t - 1] + forcing[t]``, a column for each decay, in blocks of steps."""

    def __init__(self, decays: list[float]) -> None:
        super().__init__()
        self.within: Tensor
        self.carried: Tensor
        self.block = _BLOCK
        base = torch.tensor(decays, dtype=torch.float64)
        ages = torch.arange(_BLOCK).unsqueeze(1) - torch.arange(_BLOCK)
        powers = base.view(-1, 1, 1) ** torch.clamp(ages, min=0)
        self.register_buffer("within", torch.where(ages >= 0, powers, 0.0))
        self.register_buffer("carried", base.unsqueeze(1) ** torch.arange(1, _BLOCK + 1))

    def forward(self, forcing: Tensor) -> Tensor:
        """Return the integral of ``forcing``, float64 ``(batch, steps, decays)``."""
        batch, steps, columns = forcing.shape
        blocks = (steps + self.block - 1) // self.block
        padded = nn.functional.pad(forcing, (0, 0, 0, blocks * self.block - steps))
        split = padded.permute(2, 1, 0).reshape(columns, blocks, self.block, batch)
        local = torch.matmul(self.within.unsqueeze(1), split)
        state = local[:, 0, -1]
        whole = [local[:, :1]]
        for block in range(1, blocks):
            now = local[:, block] + self.carried.unsqueeze(2) * state.unsqueeze(1)
            state = now[:, -1]
            whole.append(now.unsqueeze(1))
        return torch.cat(whole, 1).reshape(columns, blocks * self.block, batch)[:, :steps].permute(2, 1, 0)
