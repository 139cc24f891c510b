"""The range that a forecast may have, given the past of the series and the climatology of its position."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import DAY, YEAR, Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import SEA_RANGE
from forecasting.universal.network.forecaster import Coefficients

_MARGIN_CELSIUS: Final = 5.0
_CELSIUS_PER_DAY: Final = 0.3
"""How far a forecast may be beyond the past: a constant and, where the past does not show a year, a rate.

Of 45,000 windows of 700 real series, 0.2 % are followed by values further away.
"""


class AllowedRange(NamedTuple):
    """The lowest and the highest forecast that is allowed for each of several series at each lead.

    Attributes:
        low: °C, ``(n, leads)``.
        high: °C, ``(n, leads)``.
    """

    low: Floats
    high: Floats

    @classmethod
    def of(
        cls, values: Floats, coefficients: Coefficients, step: TimeStep, ahead: npt.NDArray[np.int64]
    ) -> "AllowedRange":
        """Return the range that lasting values and the climatology span, and a margin.

        Args:
            values: of the series, °C ``(n, steps)``; NaN where missing.
            coefficients: climatology of each, °C ``(n, 7)``; NaN where it is not known.
            step: of the series.
            ahead: steps from the last value to each lead, ``(n, leads)``.
        """
        low, high = _lasting(values)
        usual, waves = coefficients[:, 0], coefficients[:, 1:].reshape(len(coefficients), -1, 2)
        amplitude = np.hypot(waves[..., 0], waves[..., 1]).sum(axis=1)
        low, high = np.fmin(low, usual - amplitude), np.fmax(high, usual + amplitude)
        years = np.isfinite(values).sum(axis=1) * step.seconds / YEAR
        rate = np.where(np.isnan(usual) & (years < 1), _CELSIUS_PER_DAY * step.seconds / DAY, 0.0)
        margin = _MARGIN_CELSIUS + rate[:, None] * ahead
        return cls(np.maximum(low[:, None] - margin, SEA_RANGE[0]), np.minimum(high[:, None] + margin, SEA_RANGE[1]))

    def excess(self, place: int, sst: Floats) -> float:
        """Return how far a forecast of the series at ``place``, °C ``(leads,)``, leaves the range, °C; else 0."""
        return float(np.maximum(np.maximum(self.low[place] - sst, sst - self.high[place]).max(), 0.0))

    def warning(self, place: int, sst: Floats, model: str, issued: str, *, allowed: bool) -> ForecastWarning:
        """Return the warning that the forecast of ``model`` leaves the range.

        Args:
            place: of the series.
            sst: the forecast, °C ``(leads,)``.
            model: that was preferred.
            issued: the model that forecasts instead; may be the same.
            allowed: whether its forecast is within the range.
        """
        lead = int((np.maximum(self.low[place] - sst, sst - self.high[place]) > 0).argmax())
        message = (
            f"{model} forecasts {sst[lead]:.2f} °C at lead {lead + 1}, outside the range that the past of the series "
            f"and the climatology allow ({self.low[place, lead]:.2f} to {self.high[place, lead]:.2f} °C)"
        )
        if issued != model:
            message += f": {issued} forecasts instead" if allowed else f": {issued}, which leaves it least, forecasts"
        if not allowed:
            message += "; the forecast is not calibrated"
        return ForecastWarning("implausible_forecast", f"{message}; check the last values", uncalibrated=not allowed)


def _lasting(values: Floats) -> tuple[Floats, Floats]:
    """Return the lowest and the highest value that three in a row reach, so that no spike counts, ``(n,)`` each.

    Where no three in a row are known, those of all values.
    """
    first, second, third = values[:, :-2], values[:, 1:-1], values[:, 2:]
    low = np.fmin.reduce(np.maximum(np.maximum(first, second), third), axis=1)
    high = np.fmax.reduce(np.minimum(np.minimum(first, second), third), axis=1)
    sparse = np.isnan(low)
    if sparse.any():
        low[sparse] = np.fmin.reduce(values[sparse], axis=1)
        high[sparse] = np.fmax.reduce(values[sparse], axis=1)
    return low, high
