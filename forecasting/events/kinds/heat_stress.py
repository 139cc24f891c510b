"""Degree heating weeks (DHW): heat stress on corals, past and forecast.

After NOAA Coral Reef Watch, version 3.1 (Skirving et al. 2020, Remote Sens. 12, 3856;
https://coralreefwatch.noaa.gov/product/5km/methodology.php). A hotspot is SST minus the maximum monthly mean, and
DHW of a day is the sum of the hotspots of at least 1 °C on this day and the 83 days before it, divided by 7.

Alert levels are those since December 2023. They are of single days; Coral Reef Watch's maps show the highest of seven
days.
"""

from typing import Final, get_args

import numpy as np

from forecasting.events.days import Indices, require_days
from forecasting.events.definitions import HeatStress
from forecasting.events.kinds.maximum_monthly_mean import MaximumMonthlyMean, maximum_monthly_mean
from forecasting.events.outcomes import MEDIAN_AND_BOUNDS, AlertLevel, HeatStressOutcome
from forecasting.events.outlook import Outlook
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import Floats

WINDOW_DAYS: Final = 84
"""Days whose hotspots are summed, including the day itself."""

_DAYS_PER_WEEK: Final = 7
_LEAST_HOTSPOT: Final = 1.0
"""°C: cooler days add nothing."""

_ROUNDING: Final = 1e-9
"""°C: 302.55 K minus a maximum monthly mean of 28.4 °C is 1 °C."""

LEVELS: Final[tuple[AlertLevel, ...]] = get_args(AlertLevel)

FIRST_ACTIVE_LEVEL: Final = LEVELS.index("Warning")
"""The lowest level at which heat adds to degree heating weeks."""

_ALERT_WEEKS: Final = (4.0, 8.0, 12.0, 16.0, 20.0)
"""°C weeks at which each alert level begins, the first being a warning."""


def judge_heat_stress(event: HeatStress, outlook: Outlook) -> HeatStressOutcome:
    """Return degree heating weeks and the probability of each alert level at each lead.

    Days of the past without a value add nothing.

    Raises:
        SeriesError: if the step is not a day, or the maximum monthly mean is unknown.
    """
    require_days(outlook.past.step, "degree heating weeks")
    if event.maximum_monthly_mean is None:
        usual = maximum_monthly_mean(outlook)
    else:
        usual = MaximumMonthlyMean(event.maximum_monthly_mean, "request")
    past = np.full(WINDOW_DAYS, np.nan)
    recent = outlook.past.values[-WINDOW_DAYS:]
    past[-len(recent) :] = recent
    ahead = outlook.ahead
    paths = np.hstack([np.broadcast_to(past, (len(ahead), WINDOW_DAYS)), ahead])
    hotspots = np.nan_to_num(paths - usual.sst)
    weeks = degree_heating_weeks(hotspots)
    levels = alert_levels(hotspots[:, WINDOW_DAYS - 1 :], weeks)
    leads = slice(1 + outlook.unobserved, None)
    median, lower, upper = np.quantile(weeks[:, leads], MEDIAN_AND_BOUNDS, axis=0)
    shares = {name: (levels[:, leads] == i).mean(axis=0) for i, name in enumerate(LEVELS)}
    return HeatStressOutcome(
        name=event.name,
        maximum_monthly_mean=usual.sst,
        source=usual.source,
        usual=usual.usual,
        now=float(weeks[0, 0]),
        level=LEVELS[levels[0, 0]],
        median=median,
        lower=lower,
        upper=upper,
        level_probability={name: share for name, share in shares.items() if share.any()},
        calibrated=outlook.calibrated,
        warnings=(*usual.warnings, *_gaps(past)),
        period=usual.period,
    )


def degree_heating_weeks(hotspots: Floats) -> Floats:
    """Return degree heating weeks on each day that has 83 days before it, °C weeks: ``(..., n)`` to ``(..., n - 83)``.

    Args:
        hotspots: SST minus the maximum monthly mean, °C.
    """
    stress = np.where(hotspots >= _LEAST_HOTSPOT - _ROUNDING, hotspots, 0.0)
    sums = stress[..., :WINDOW_DAYS].sum(axis=-1, keepdims=True)
    changes = stress[..., WINDOW_DAYS:] - stress[..., :-WINDOW_DAYS]
    # The sum over days without stress must be 0, not a rest of the changes before it.
    weeks: Floats = np.maximum(np.cumsum(np.concatenate([sums, changes], axis=-1), axis=-1), 0.0) / _DAYS_PER_WEEK
    return weeks


def alert_levels(hotspots: Floats, weeks: Floats) -> Indices:
    """Return the alert level of each day, as its place in :data:`LEVELS`.

    Args:
        hotspots: SST minus the maximum monthly mean, °C.
        weeks: degree heating weeks, °C weeks, of the same shape.
    """
    alert = 2 + np.searchsorted(_ALERT_WEEKS, weeks + _ROUNDING, side="right")
    watch = np.where(hotspots > _ROUNDING, 1, 0)
    levels: Indices = np.where(hotspots >= _LEAST_HOTSPOT - _ROUNDING, alert, watch)
    return levels


def _gaps(past: Floats) -> tuple[ForecastWarning, ...]:
    known = int(np.isfinite(past).sum())
    if known == WINDOW_DAYS:
        return ()
    message = (
        f"Only {known} of the {WINDOW_DAYS} days before the forecast have a value. The others add nothing, so degree "
        "heating weeks may be too low."
    )
    return (ForecastWarning("incomplete_past", message),)
