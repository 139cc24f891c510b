"""The release whose step suits a series that has another step."""

import math
from collections.abc import Mapping

from forecasting.series.timestep import TimeStep
from forecasting.universal.steps.resampling import Resampling


def nearest_step(step: TimeStep, horizons: Mapping[TimeStep, int], horizon: int = 1) -> TimeStep | None:
    """Return the step of a release that forecasts series at ``step``; None if there is none.

    That is ``step`` itself or the nearest one by ratio, among those that reach far enough if any does. Series that
    resolve the daily cycle prefer a release that does. A calendar month is near to itself only, because its times do
    not follow a number of seconds.

    Args:
        step: of the series.
        horizons: number of leads of each release, by step.
        horizon: number of steps after the end of the series that are to be forecast.
    """
    if step in horizons or step.calendar_month:
        return step if step in horizons else None
    fixed = [other for other in horizons if not other.calendar_month]
    reaching = [other for other in fixed if Resampling(step, other).needed(0, horizon) <= horizons[other]]

    def distance(other: TimeStep) -> tuple[bool, float]:
        loses_cycle = step.daily_harmonics(1) > 0 and not other.is_under_a_day
        return loses_cycle, abs(math.log(other.seconds / step.seconds))

    return min(reaching or fixed, key=distance, default=None)
