"""What a forecast is made of."""

from typing import NamedTuple

from forecasting.series.timestep import DAY, TimeStep


class ForecastShape(NamedTuple):
    """What a forecast is made of, in steps.

    Attributes:
        window: values that it starts from.
        horizon: leads.
        fill_limit: longest gap, in steps, that is interpolated inside a window.
    """

    window: int
    horizon: int
    fill_limit: int

    @classmethod
    def for_step(cls, step: TimeStep) -> "ForecastShape":
        """The defaults.

        Two years of months, half a year of weeks, thirty days, or two days of anything shorter; the horizon a year of
        months, thirteen weeks, fourteen days, or a day; a gap of an eighth of the window. Both have 24 to 48 steps of
        anything shorter than a day.
        """
        if step.calendar_month:
            return cls(24, 12, 3)
        if step.is_under_a_day:
            # Of a tide a single day holds two turns, hardly enough to tell it from the course of the day.
            window, horizon = (min(max(round(days * DAY / step.seconds), 24), 48) for days in (2, 1))
            return cls(window, horizon, window // 8)
        return cls(30, 14, 3) if step.seconds < 5 * DAY else cls(26, 13, 3)

    def leading(self, horizon: int) -> "ForecastShape":
        """The same for another number of leads."""
        return self._replace(horizon=horizon)
