"""The window, horizon and longest filled gap of a forecast."""

from typing import NamedTuple

from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep


class ForecastShape(NamedTuple):
    """The sizes of a forecast, in steps.

    Attributes:
        window: number of values that a forecast starts from.
        horizon: number of leads.
        fill_limit: longest gap that is interpolated inside a window.
    """

    window: int
    horizon: int
    fill_limit: int

    @classmethod
    def for_step(cls, step: TimeStep) -> "ForecastShape":
        """Return the defaults for a step.

        The window is two years of months, half a year of weeks, thirty days, or two days of a shorter step. The horizon
        is a year of months, thirteen weeks, fourteen days, or one day of a shorter step. The gap is an eighth of the
        window. Below a day, window and horizon have between 24 and 48 steps.
        """
        if step.calendar_month:
            return cls(24, 12, 3)
        if step.is_under_a_day:
            # One day has only two tidal cycles, too few to separate the tide from the daily cycle.
            window, horizon = (min(max(round(days * DAY / step.seconds), 24), 48) for days in (2, 1))
            return cls(window, horizon, window // 8)
        return cls(30, 14, 3) if step.seconds < 5 * DAY else cls(26, 13, 3)

    def leading(self, horizon: int) -> "ForecastShape":
        """Return the shape with another number of leads."""
        return self._replace(horizon=horizon)
