"""What a forecast contains."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from forecasting.forecasts.forecast import DEFAULT_LEVELS
from forecasting.series.units import Units, to_celsius

ANY_LEVEL: Final = range(1, 100)
"""The interval levels, percent, of a model that offers every one."""


class ForecastOptions(NamedTuple):
    """What each forecast contains.

    Attributes:
        horizon: number of leads after the end of each series.
        levels: interval levels, percent; None for those of :data:`DEFAULT_LEVELS` that the model offers.
        thresholds: temperatures, in ``units``, whose probabilities of exceedance are forecast.
        units: units of all temperatures in the forecasts and thresholds.
        check: whether to leave out values that are implausible given the forecasts made before them.
        backtest: whether to forecast the past of each series too, where the model learns from that.
    """

    horizon: int = 1
    levels: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] = ()
    units: Units = "celsius"
    check: bool = False
    backtest: bool = True

    def offered_levels(self, offered: "range | Mapping[int, object]") -> tuple[int, ...]:
        """Return the interval levels for a model that offers these."""
        if self.levels is not None:
            return self.levels
        return tuple([level for level in DEFAULT_LEVELS if level in offered])

    @property
    def celsius_thresholds(self) -> tuple[float, ...]:
        """The thresholds in °C."""
        return tuple(to_celsius(self.thresholds, self.units).tolist())
