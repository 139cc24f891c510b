"""Degree heating weeks (DHW): heat stress on corals, past and forecast.

After NOAA Coral Reef Watch, version 3.1 (Skirving et al. 2020, Remote Sens. 12, 3856;
https://coralreefwatch.noaa.gov/product/5km/methodology.php). A hotspot is SST minus the maximum monthly mean, and
DHW of a day is the sum of the hotspots of at least 1 °C on this day and the 83 days before it, divided by 7.

Alert levels are those since December 2023. They are of single days; Coral Reef Watch's maps show the highest of seven
days.
"""

from functools import lru_cache
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from forecasting.climatology import annual_cycle
from forecasting.climatology.usual import OF_BASELINE, OF_POSITION, Usual, of_series
from forecasting.errors import SeriesError
from forecasting.events.baseline import Indices, Period, observed_period, require_days
from forecasting.events.definitions import HeatStress
from forecasting.events.outcomes import MEDIAN_AND_BOUNDS, AlertLevel, HeatStressOutcome
from forecasting.events.outlook import Arrays, EventPast, Futures, Outlook
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import CALENDAR_MONTHS, Floats

Source = Literal["request", "series", "position"]

_FIRST_YEAR: Final = 1985
_LAST_YEAR: Final = 2012
_CENTRE: Final = 1988.2857

_LEAST_DAYS: Final = 15
"""Days with a value that a month needs for a mean."""

_LEAST_MEANS: Final = 5
"""Means that show what is usual in a calendar month: half as many as the years that a baseline needs."""


class MaximumMonthlyMean(NamedTuple):
    """The usual mean SST of the warmest month."""

    sst: float
    source: Source
    period: Period | None = None
    warnings: tuple[ForecastWarning, ...] = ()

    @property
    def usual(self) -> Usual:
        """What it rests on; one from the request is a baseline."""
        if self.source == "position":
            return OF_POSITION
        return OF_BASELINE if self.period is None else of_series(self.period.start, self.period.end)


def maximum_monthly_mean(past: SstSeries, coefficients: npt.NDArray[np.float32] | None) -> MaximumMonthlyMean:
    """Return that of a daily past, or of the climatology of its position if the past is too short.

    A past that covers the years from 1985 to 2012 gives it as Coral Reef Watch computes it. Any other past of ten years
    gives the highest of the means over all of its years, with a warning.
    """
    computed = _of_past(past) or _of_position(coefficients)
    if computed is None:
        raise SeriesError(
            "degree heating weeks need the maximum monthly mean (mmm): send it, ten years of daily values in all "
            "months, or a position at sea"
        )
    return computed


def _of_past(past: SstSeries) -> MaximumMonthlyMean | None:
    try:
        period = observed_period(past)
    except SeriesError:
        return None
    first_year, means = _monthly_means(past)
    years = first_year + np.arange(len(means))
    standard = (years >= _FIRST_YEAR) & (years <= _LAST_YEAR)
    if standard.sum() == _LAST_YEAR - _FIRST_YEAR + 1 and _enough(means[standard]):
        usual = _on_line(years[standard], means[standard])
        first, last = np.datetime64(f"{_FIRST_YEAR}-01-01"), np.datetime64(f"{_LAST_YEAR}-12-31")
        covered = Period(max(period.start, first), min(period.end, last))
        return MaximumMonthlyMean(float(usual.max()), "series", covered)
    if not _enough(means):
        return None
    message = (
        f"The maximum monthly mean is that of {period.start} to {period.end}. Coral Reef Watch uses the level of 1988: "
        "if the sea has warmed since then, degree heating weeks are too low."
    )
    usual = np.nanmean(means, axis=0)
    return MaximumMonthlyMean(float(usual.max()), "series", period, (ForecastWarning("approximate_mmm", message),))


def _monthly_means(past: SstSeries) -> tuple[int, Floats]:
    """Return the first year, and the mean of each month, °C ``(years, 12)``; NaN for months with too few days."""
    first, begins = _months(past.start.astype("datetime64[D]"), len(past))
    observed = np.isfinite(past.values)
    days = np.add.reduceat(observed, begins, dtype=np.int64)
    sums = np.add.reduceat(np.where(observed, past.values, 0.0), begins)
    before = first % 12
    means = np.full(-(-(before + len(begins)) // 12) * 12, np.nan)
    np.divide(sums, days, out=means[before : before + len(begins)], where=days >= _LEAST_DAYS)
    return 1970 + first // 12, means.reshape(-1, 12)


@lru_cache(maxsize=16)
def _months(start: np.datetime64, count: int) -> tuple[int, Indices]:
    """Return the month of ``start``, since 1970, and the index of the first of ``count`` days in each month.

    Cached, because the cells of a grid share their times.
    """
    months = (start + np.arange(count)).astype(CALENDAR_MONTHS).astype(np.int64)
    return int(months[0]), np.flatnonzero(np.diff(months, prepend=months[0] - 1))


def _enough(means: Floats) -> bool:
    return bool((np.isfinite(means).sum(axis=0) >= _LEAST_MEANS).all())


def _on_line(years: npt.NDArray[np.int64], means: Floats) -> Floats:
    """Return, for each calendar month, the line through its means ``(years, 12)`` at 1988.2857."""
    x = np.where(np.isfinite(means), years[:, np.newaxis], np.nan)
    x_mean, y_mean = np.nanmean(x, axis=0), np.nanmean(means, axis=0)
    slope = np.nansum((x - x_mean) * (means - y_mean), axis=0) / np.nansum((x - x_mean) ** 2, axis=0)
    line: Floats = y_mean + slope * (_CENTRE - x_mean)
    return line


def _of_position(coefficients: npt.NDArray[np.float32] | None) -> MaximumMonthlyMean | None:
    if coefficients is None or not np.isfinite(coefficients).all():
        return None
    message = (
        "The maximum monthly mean comes from a coarse climatology of 2010 to 2020, which is off by 0.7 °C on open "
        "coasts and by more in bays. Degree heating weeks are usually lower than those of Coral Reef Watch, whose "
        "climatology is cooler, and may be far too high or too low. Send mmm, or ten years of daily values."
    )
    warmest = float(annual_cycle.maximum_monthly_mean(coefficients))
    return MaximumMonthlyMean(warmest, "position", None, (ForecastWarning("approximate_mmm", message),))


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

LEVEL_PROBABILITIES: Final[dict[AlertLevel, str]] = {
    "Warning": "probability_warning",
    "Alert Level 1": "probability_alert_1",
}
"""Columns of the probability of an alert level or a higher one, by the levels that are verified."""

_BOUNDS: Final = ("median", "lower", "upper")

_ALERT_WEEKS: Final = (4.0, 8.0, 12.0, 16.0, 20.0)
"""°C weeks at which each alert level begins, the first being a warning."""


def heat_stress(futures: Futures, warmest: Floats) -> Arrays:
    """Return the columns of degree heating weeks above ``warmest``, °C ``(n,)``, and the probabilities ``by_level``.

    Days of the past without a value add nothing.
    """
    n, leads = len(warmest), slice(1 + futures.unobserved, None)
    past = np.full((n, WINDOW_DAYS), np.nan)
    recent = futures.past[:, -WINDOW_DAYS:]
    past[:, WINDOW_DAYS - recent.shape[1] :] = recent
    hotspots = np.nan_to_num(past - warmest[:, None])
    without = degree_heating_weeks(np.concatenate([hotspots, np.zeros((n, futures.steps))], axis=1))
    by_level = np.zeros((n, len(LEVELS), futures.horizon))
    by_level[:, 0] = 1.0
    found: Arrays = {
        "mmm": warmest,
        "now": without[:, 0],
        "alert": alert_levels(hotspots[:, -1], without[:, 0]),
        **{name: without[:, leads].copy() for name in _BOUNDS},
    }
    for rows in futures.parts((futures.ends[1] > warmest[:, None]).any(axis=1)):
        ahead = futures.by_path(futures.values(rows)[:, : futures.steps]).transpose(0, 2, 1)
        known = np.broadcast_to(hotspots[rows, None], (len(rows), futures.paths, WINDOW_DAYS))
        all_hotspots = np.concatenate([known, ahead - warmest[rows, None, None]], axis=2)
        weeks = degree_heating_weeks(all_hotspots)[..., leads]
        levels = alert_levels(all_hotspots[..., WINDOW_DAYS + futures.unobserved :], weeks)
        for name, quantile in zip(_BOUNDS, np.quantile(weeks, MEDIAN_AND_BOUNDS, axis=1), strict=True):
            found[name][rows] = quantile
        for i in range(len(LEVELS)):
            by_level[rows, i] = (levels == i).mean(axis=1)
    found |= {"by_level": by_level, "likely_alert": by_level.argmax(axis=1)}
    for level, name in LEVEL_PROBABILITIES.items():
        found[name] = np.minimum(by_level[:, LEVELS.index(level) :].sum(axis=1), 1.0)
    return found


def evaluate_heat_stress(event: HeatStress, outlook: Outlook) -> HeatStressOutcome:
    """Return what :func:`heat_stress` does for one series."""
    usual = _usual(event, outlook)
    one = {name: values[0] for name, values in heat_stress(outlook.futures, np.array([usual.sst])).items()}
    return HeatStressOutcome(
        name=event.name,
        maximum_monthly_mean=usual.sst,
        source=usual.source,
        usual=usual.usual,
        now=float(one["now"]),
        level=LEVELS[one["alert"]],
        median=one["median"],
        lower=one["lower"],
        upper=one["upper"],
        level_probability={name: share for name, share in zip(LEVELS, one["by_level"], strict=True) if share.any()},
        calibrated=outlook.calibrated,
        warnings=(*usual.warnings, *_gaps(outlook.past)),
        period=usual.period,
        columns=one,
    )


def levels_of_heat(event: HeatStress, past: EventPast, last: int = 1) -> Indices:
    """Return the alert level on each of the last days of the past, as its index in :data:`LEVELS`, ``(last,)``."""
    usual = _usual(event, past)
    hotspots = np.nan_to_num(_last_days(past, WINDOW_DAYS - 1 + last) - usual.sst)
    return alert_levels(hotspots[WINDOW_DAYS - 1 :], degree_heating_weeks(hotspots))


def _usual(event: HeatStress, past: EventPast) -> MaximumMonthlyMean:
    require_days(past.past.step, "degree heating weeks")
    if event.maximum_monthly_mean is None:
        return maximum_monthly_mean(past.past, past.coefficients)
    return MaximumMonthlyMean(event.maximum_monthly_mean, "request")


def _last_days(past: EventPast, days: int) -> Floats:
    """Return the last days of the past, °C ``(days,)``; NaN before its first."""
    recent = past.past.values[-days:]
    return np.concatenate([np.full(days - len(recent), np.nan), recent])


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
    """Return the alert level of each day, as its index in :data:`LEVELS`.

    Args:
        hotspots: SST minus the maximum monthly mean, °C.
        weeks: degree heating weeks, °C weeks, of the same shape.
    """
    alert = 2 + np.searchsorted(_ALERT_WEEKS, weeks + _ROUNDING, side="right")
    watch = np.where(hotspots > _ROUNDING, 1, 0)
    levels: Indices = np.where(hotspots >= _LEAST_HOTSPOT - _ROUNDING, alert, watch)
    return levels


def _gaps(past: SstSeries) -> tuple[ForecastWarning, ...]:
    known = int(np.isfinite(past.values[-WINDOW_DAYS:]).sum())
    if known == WINDOW_DAYS:
        return ()
    message = (
        f"Only {known} of the {WINDOW_DAYS} days before the forecast have a value. The others add nothing, so degree "
        "heating weeks may be too low."
    )
    return (ForecastWarning("incomplete_past", message),)
