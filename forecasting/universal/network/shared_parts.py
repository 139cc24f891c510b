"""What the networks of a release have in common is computed once for all of them.

Networks that were trained together differ in their cell and in what follows it. Before the cell come the features of a
series and the companion, which take most of the time.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from forecasting.series.times import Floats
from forecasting.universal.network.forecaster import Coefficients, Steps, UniversalForecaster

_PARTS: Final = ("features", "companion", "network", "usual", "states", "cell_steps", "level_centre", "level_spread")
_COMMON: Final = ("features", "companion")
_TOLERANCE_CELSIUS: Final = 1e-4
_COLDEST_FORECAST_CELSIUS: Final = -3.0


class SharedParts:
    """Several networks that share all parts before their cells."""

    def __init__(self, networks: Sequence[UniversalForecaster]) -> None:
        self._networks = networks
        self._common = networks[0].module
        self._device = networks[0].device
        self._horizon = networks[0].metadata.horizon

    @classmethod
    def of(cls, networks: Sequence[UniversalForecaster]) -> "SharedParts | None":
        """Return what ``networks`` share; None if their checkpoints have other parts, or do not share them.

        Forecasts by parts are compared with those of each network, so that a checkpoint that combines its parts in
        another way is not used by parts.
        """
        modules = [network.module for network in networks]
        if len(modules) < 2 or not all(hasattr(module, part) for module in modules for part in _PARTS):
            return None
        if not all(_equal(modules[0], module) for module in modules[1:]):
            return None
        parts = cls(networks)
        return parts if parts._agree() else None

    def backtest(
        self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps
    ) -> dict[str, Floats]:
        """Return what :meth:`UniversalForecaster.backtest` returns, by full name of the network."""
        with torch.inference_mode():
            sst = torch.from_numpy(values.astype(np.float32)).to(self._device)
            time = torch.from_numpy(last_time).to(self._device)
            climatology = torch.from_numpy(coefficients).to(self._device)
            places = torch.from_numpy(origins).to(self._device)
            answers = self._run(sst, time, climatology, places)
        names = [network.metadata.model for network in self._networks]
        return {name: answer.cpu().numpy().astype(np.float64) for name, answer in zip(names, answers, strict=True)}

    def _run(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor) -> list[Tensor]:
        common, steps = self._common, sst.shape[1]
        positioned = torch.isfinite(climatology[:, 0]).to(torch.float64)
        usual = common.usual(steps, last_time, climatology)
        anomaly = sst.to(torch.float64) - usual[:, :steps]
        start = max(0, int(origins[0]) + 1 - common.cell_steps)
        features, inputs, context, x, scale, observed = common.features(anomaly, last_time, positioned, start)
        mean, spread, fit = common.companion(features, x, scale, observed, positioned, origins)
        filled = (x + usual[:, :steps])[:, origins] + (anomaly[:, -1:] - x[:, -1:])
        level = ((filled - common.level_centre) / common.level_spread).unsqueeze(2)
        context = torch.cat([context[:, origins - start], level, torch.ones_like(level)], 2)
        known = [part.to(torch.float32).flatten(0, 1) for part in (mean, spread, fit, context)]
        leads = torch.arange(1, self._horizon + 1, device=sst.device)
        change = usual[:, origins.unsqueeze(1) + leads] - usual[:, origins].unsqueeze(2)
        base = (filled.unsqueeze(2) + change).to(torch.float32).unsqueeze(3)
        unit = scale[:, origins].to(torch.float32).unsqueeze(2).unsqueeze(3)
        answers, narrow = [], inputs.to(torch.float32)
        for network in self._networks:
            states = network.module.states(narrow, origins - start).flatten(0, 1)
            scaled = network.module.network(states, *known).view(*base.shape[:3], -1)
            answers.append(torch.clamp(base + scaled * unit, min=_COLDEST_FORECAST_CELSIUS))
        return answers

    def _agree(self) -> bool:
        """Whether forecasts by parts are those of each network, with and without a position and gaps."""
        metadata = self._networks[0].metadata
        steps = min(metadata.maximum, 4 * metadata.minimum)
        values = 15.0 + np.sin(np.arange(2.0 * steps)).reshape(2, steps)
        values[1, steps // 3 : steps // 2] = np.nan
        coefficients = np.full((2, 7), np.nan, dtype=np.float32)
        coefficients[1] = [15.0, 2.0, 1.0, 0.2, 0.1, 0.0, 0.1]
        origins = np.arange(metadata.minimum - 1, steps, 2, dtype=np.int64)
        inputs = values, np.asarray([0.0, 1e9]), coefficients, origins
        try:
            answers = self.backtest(*inputs)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            return False
        for network in self._networks:
            answer, whole = answers[network.metadata.model], network.backtest(*inputs)
            if answer.shape != whole.shape or not np.allclose(answer, whole, rtol=0, atol=_TOLERANCE_CELSIUS):
                return False
        return True


def _equal(module: torch.jit.ScriptModule, other: torch.jit.ScriptModule) -> bool:
    """Whether the parts before the cells have the same weights."""
    for name in _COMMON:
        states, others = getattr(module, name).state_dict(), getattr(other, name).state_dict()
        if states.keys() != others.keys() or not all(torch.equal(states[key], others[key]) for key in states):
            return False
    return True
