"""The universal checkpoint: everything from a caller's series to quantiles in °C, in one TorchScript module."""

import math

import torch
from torch import Tensor, nn

from forecasting.climatology.annual_cycle import FREEZING_POINT
from forecasting.series.times import YEAR
from training.pretraining.data.companion import Companion
from training.pretraining.data.examples import LEVEL_CENTRE, LEVEL_SPREAD
from training.pretraining.data.features import Features
from training.pretraining.network import LEVELS, UniversalNetwork
from training.pretraining.spec import Spec


class UniversalModule(nn.Module):
    """A universal network as it is exported.

    Attributes:
        window: values of :meth:`forward`.
        step_seconds: length of the step.
        horizon: number of leads.
        minimum: smallest context.
        maximum: longest context that is used.
        levels: probabilities of the quantiles.
    """

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
        self.features = features
        self.companion = companion
        self.network = network
        leads = torch.arange(1, spec.horizon + 1, dtype=torch.float32)
        self.register_buffer("widths", (1 + spec.widening * (1 - 1 / leads)).unsqueeze(1))

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step, without a position.

        Args:
            sst: °C, float32 ``(batch, window)``; NaN where missing.
            valid_time: Unix seconds of the step to forecast, float64 ``(batch,)``.

        Returns:
            °C, float32 ``(batch,)``.
        """
        nowhere = torch.full((sst.shape[0], 7), float("nan"), device=sst.device)
        return self.quantiles(sst, valid_time - self.seconds, nowhere)[:, 0, 0]

    @torch.jit.export
    def quantiles(self, sst: Tensor, last_time: Tensor, climatology: Tensor) -> Tensor:
        """Forecast all leads from the last value.

        Args:
            sst: °C, float32 ``(batch, steps)``; NaN where missing; the last value must not be missing.
            last_time: Unix seconds of the last step, float64 ``(batch,)``.
            climatology: mean, then cosine and sine of three harmonics of the Julian year, °C, float32 ``(batch, 7)``;
                NaN without a position.

        Returns:
            The mean, then the quantiles at ``levels``, °C, float32 ``(batch, horizon, 1 + levels)``.
        """
        origins = torch.tensor([sst.shape[1] - 1], device=sst.device)
        return self.backtest(sst, last_time, climatology, origins)[:, 0]

    @torch.jit.export
    def backtest(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor) -> Tensor:
        """Forecast all leads from each of ``origins``, seeing only what came before.

        Args:
            sst: as in :meth:`quantiles`.
            last_time: as in :meth:`quantiles`.
            climatology: as in :meth:`quantiles`.
            origins: steps to forecast from, increasing, int64 ``(origins,)``; forecasts from missing values are those
                from the last value before.

        Returns:
            °C, float32 ``(batch, origins, horizon, 1 + levels)``.
        """
        return self.answer(self.prepare(sst, last_time, climatology, origins))

    @torch.jit.export
    def prepare(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor) -> list[Tensor]:
        """Compute what the networks of one release share: everything but the cell, and what follows it.

        Args:
            sst: as in :meth:`quantiles`.
            last_time: as in :meth:`quantiles`.
            climatology: as in :meth:`quantiles`.
            origins: as in :meth:`backtest`.

        Returns:
            What :meth:`answer` of each network takes.
        """
        batch, steps = sst.shape
        positioned = torch.isfinite(climatology[:, 0]).to(torch.float64)
        usual = self.usual(steps, last_time, climatology)
        anomaly = sst.to(torch.float64) - usual[:, :steps]
        start = max(0, int(origins[0]) + 1 - self.cell_steps)
        features, inputs, context, x, scale, observed = self.features(anomaly, last_time, positioned, start)
        mean, spread, fit = self.companion(features, x, scale, observed, positioned, origins)
        filled = (x + usual[:, :steps])[:, origins] + (anomaly[:, -1:] - x[:, -1:])
        level = ((filled - self.level_centre) / self.level_spread).unsqueeze(2)
        context = torch.cat([context[:, origins - start], level, torch.ones_like(level)], 2)
        leads = torch.arange(1, self.horizon + 1, device=sst.device)
        ahead = usual[:, (origins.unsqueeze(1) + leads.unsqueeze(0)).flatten()]
        base = filled.unsqueeze(2) + ahead.view(batch, len(origins), self.horizon) - usual[:, origins].unsqueeze(2)
        parts = [inputs, mean, spread, fit, context, scale[:, origins], base]
        return [part.to(torch.float32) for part in parts] + [origins - start]

    @torch.jit.export
    def answer(self, prepared: list[Tensor]) -> Tensor:
        """Forecast from what :meth:`prepare` of any network of the same release returned: as :meth:`backtest`."""
        inputs, mean, spread, fit, context, scale, base, origins = prepared
        states = self.states(inputs, origins)
        known = [part.flatten(0, 1) for part in (states, mean, spread, fit, context)]
        scaled = self.network(known[0], known[1], known[2], known[3], known[4])
        scaled = scaled.view(len(inputs), len(origins), self.horizon, 1 + len(self.levels))
        middle = scaled[:, :, :, 1 + len(self.levels) // 2].unsqueeze(3)
        spread_out = middle + (scaled[:, :, :, 1:] - middle) * self.widths
        increments = torch.cat([scaled[:, :, :, :1], spread_out], 3) * scale.unsqueeze(2).unsqueeze(3)
        return torch.clamp(base.unsqueeze(3) + increments, min=-3.0)

    def states(self, inputs: Tensor, origins: Tensor) -> Tensor:
        """States of the cell at the origins, each after at most the last ``cell_steps`` steps."""
        batch, size = inputs.shape[0], self.cell_steps
        if len(origins) == 1:
            end = int(origins[0]) + 1
            return self.network.run(inputs[:, max(0, end - size) : end])[:, -1:]
        # Overlapping stretches, of which the second half counts, cost no more than a few forecasts.
        half = size // 2
        padded = nn.functional.pad(inputs, (0, 0, size, half))
        stretches = padded.unfold(1, size, half).transpose(2, 3)
        count = stretches.shape[1]
        states = self.network.run(stretches.flatten(0, 1)).view(batch, count, size, -1)[:, :, half:]
        return states.flatten(1, 2)[:, origins + half]

    def usual(self, steps: int, last_time: Tensor, climatology: Tensor) -> Tensor:
        """The climatology at each step of the context and each lead, °C; zero without one."""
        places = torch.arange(1 - steps, self.horizon + 1, device=last_time.device, dtype=torch.float64)
        times = last_time.unsqueeze(1) + places.unsqueeze(0) * self.seconds
        angle = times * self.year_rate
        known = torch.nan_to_num(climatology.to(torch.float64))
        usual = known[:, :1].expand(-1, places.shape[0])
        for harmonic in range(1, 4):
            usual = usual + known[:, 2 * harmonic - 1 : 2 * harmonic] * torch.cos(harmonic * angle)
            usual = usual + known[:, 2 * harmonic : 2 * harmonic + 1] * torch.sin(harmonic * angle)
        there = torch.isfinite(climatology[:, :1])
        return torch.where(there, torch.clamp(usual, min=self.freezing), torch.zeros_like(usual))


AnyModule = UniversalModule | torch.jit.ScriptModule
"""A network before it is exported, or after."""
