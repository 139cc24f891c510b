"""Prediction intervals and exceedance probabilities from residuals out of sample.

Split-conformal prediction: Lei et al. (2018, J. Am. Stat. Assoc. 113, 1094). The half-width at level 1 − α is the
⌈(n + 1)(1 − α)⌉-th smallest of n absolute residuals, and covers with that probability where future errors are
exchangeable with those.
"""

import math
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.errors import RequestError
from forecasting.timestep import Floats

LEVELS: Final = (50, 60, 70, 80, 90, 95, 99)
"""Percent. Those that the residuals are enough for are offered."""

_PROBABILITIES: Final = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)
_DECIMALS: Final = 6


class ErrorDistribution(BaseModel, frozen=True):
    """Calibrated errors by lead; the first entry of each is lead 1.

    Attributes:
        n: residuals that each lead was calibrated on.
        half_width: °C, by level in percent.
        probabilities: at which ``quantiles`` stand.
        quantiles: °C, of observation minus forecast, by lead.
    """

    n: tuple[int, ...]
    half_width: dict[int, tuple[float, ...]]
    probabilities: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]

    @classmethod
    def calibrate(cls, residuals: Floats) -> "ErrorDistribution":
        """From residuals (observation minus forecast) out of sample, °C ``(n, leads)``, NaN where there is none."""
        columns = [np.sort(column[np.isfinite(column)]) for column in residuals.T]
        fewest = min(len(column) for column in columns)
        offered = [level for level in LEVELS if _rank(fewest, level) <= fewest]
        return cls(
            n=tuple(len(column) for column in columns),
            half_width={level: tuple(_half_width(column, level) for column in columns) for level in offered},
            probabilities=_PROBABILITIES,
            quantiles=tuple(
                tuple(round(float(q), _DECIMALS) for q in np.quantile(column, _PROBABILITIES)) for column in columns
            ),
        )

    def half_widths(self, level: int, horizon: int) -> Floats:
        """Half-width of the interval at ``level`` percent, °C ``(horizon,)``.

        Raises:
            RequestError: if the level is not offered.
        """
        if level not in self.half_width:
            offered = ", ".join(map(str, self.half_width)) or "none"
            raise RequestError(f"no interval of {level} % is calibrated; levels offered: {offered}", field="levels")
        return np.asarray(self.half_width[level][:horizon])

    def exceedance(self, forecast: Floats, threshold: float) -> Floats:
        """Probability that SST exceeds ``threshold`` °C, at each lead of ``forecast`` ``(horizon,)``.

        Interpolated between the quantiles; beyond the outermost, it stays at their probability.
        """
        pairs = zip(forecast, self.quantiles, strict=False)
        below = [float(np.interp(threshold - value, quantiles, self.probabilities)) for value, quantiles in pairs]
        return 1.0 - np.asarray(below)


def _rank(n: int, level: int) -> int:
    return math.ceil((n + 1) * level / 100)


def _half_width(ordered: Floats, level: int) -> float:
    absolute = np.sort(np.abs(ordered))
    return round(float(absolute[_rank(len(absolute), level) - 1]), _DECIMALS)
