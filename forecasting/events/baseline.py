"""What is usual on each day of the year at a place, and where unusual begins."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from forecasting.errors import SeriesError
from forecasting.events.days import DAYS, FEBRUARY_29, day_of_year, smooth
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.wording import counted

Kind = Literal["marine_heatwave", "marine_cold_spell"]

WHOLE_BASELINE_YEARS: Final = 30
"""Years of a baseline that is long enough (Hobday et al. 2016)."""

_LEAST_YEARS: Final = 10
_LEAST_SHARE: Final = 0.2
"""Share of days that a baseline needs: sparse days leave most of the year without a threshold."""
_HALF_WINDOW_DAYS: Final = 5
_SMOOTHING_DAYS: Final = 31

PERCENTILES: Final[dict[Kind, float]] = {"marine_heatwave": 90.0, "marine_cold_spell": 10.0}
"""The threshold of each kind of event."""

_DAYS_PER_YEAR: Final = 365.25


@dataclass(frozen=True)
class Period:
    """A baseline period: its first and last day, ``datetime64[D]``, both included."""

    start: np.datetime64
    end: np.datetime64

    @property
    def years(self) -> float:
        """Its length."""
        days = (self.end - self.start).astype(np.int64) + 1
        return float(days) / _DAYS_PER_YEAR


@dataclass(frozen=True, eq=False)
class Baseline:
    """Climatology and threshold for each day of the year, after Hobday et al. (2016, Prog. Oceanogr. 141, 227).

    Attributes:
        climatology: usual SST, °C, ``(366,)``; NaN for days that were never observed.
        threshold: SST beyond which a day is extreme, °C, ``(366,)``.
        period: that they were computed from; None if the caller gave them.
        fitted_percentile: that was computed as the threshold; None if the caller gave it.
    """

    climatology: Floats
    threshold: Floats
    period: Period | None = None
    fitted_percentile: float | None = None

    @classmethod
    def fit(cls, series: SstSeries, percentile: Kind | float, period: Period | None = None) -> "Baseline":
        """Compute mean and percentile over 11 days around each day of the year, smoothed over 31 days.

        29 February is interpolated.

        Args:
            series: daily.
            percentile: of the threshold, from 0 to 100; or a kind of event, for the 90th of heatwaves or the 10th of
                cold spells.
            period: that counts; the whole series if None.

        Raises:
            SeriesError: if the period has less than ten years of the series.
        """
        chosen = _observed_period(series, period)
        days = series.times.astype("datetime64[D]")
        inside = (days >= chosen.start) & (days <= chosen.end)
        day = day_of_year(days)
        if isinstance(percentile, str):
            percentile = PERCENTILES[percentile]
        reach = np.arange(-_HALF_WINDOW_DAYS, _HALF_WINDOW_DAYS + 1)
        climatology, threshold = np.full(DAYS, np.nan), np.full(DAYS, np.nan)
        for d in range(DAYS):
            around = (np.flatnonzero(inside & (day == d))[:, None] + reach).ravel()
            values = series.values[around[(around >= 0) & (around < len(series))]]
            values = values[np.isfinite(values)]
            if d != FEBRUARY_29 and len(values):
                climatology[d], threshold[d] = values.mean(), np.percentile(values, percentile)
        for by_day in (climatology, threshold):
            by_day[FEBRUARY_29] = (by_day[FEBRUARY_29 - 1] + by_day[FEBRUARY_29 + 1]) / 2
        return cls(smooth(climatology, _SMOOTHING_DAYS), smooth(threshold, _SMOOTHING_DAYS), chosen, percentile)

    @property
    def percentile(self) -> float:
        """What the threshold is: a given one counts as the 90th if it is above the climatology, else the 10th."""
        if self.fitted_percentile is not None:
            return self.fitted_percentile
        is_above = np.nanmean(self.threshold - self.climatology) > 0
        return PERCENTILES["marine_heatwave" if is_above else "marine_cold_spell"]

    @property
    def is_short(self) -> bool:
        """Whether it was computed from fewer than thirty years."""
        return self.period is not None and round(self.period.years) < WHOLE_BASELINE_YEARS


def _observed_period(series: SstSeries, period: Period | None) -> Period:
    """Return the part of ``period`` that the series covers.

    Raises:
        SeriesError: if it is shorter than ten years, or mostly missing.
    """
    observed = series.times[np.isfinite(series.values)].astype("datetime64[D]")
    if period is not None:
        observed = observed[(observed >= period.start) & (observed <= period.end)]
    covered = Period(observed[0], observed[-1]) if len(observed) else None
    if covered is None or round(covered.years, 1) < _LEAST_YEARS:
        years = f"{covered.years:.1f} years" if covered else "no values"
        where = "" if period is None else f" between {period.start} and {period.end}"
        raise SeriesError(
            f"the series has {years}{where}, and a baseline needs {counted(_LEAST_YEARS, 'year')}: send a longer "
            "series, or a baseline with a climatology and a threshold for each of 366 days"
        )
    share = len(observed) / _DAYS_PER_YEAR / covered.years
    if share < _LEAST_SHARE:
        raise SeriesError(
            f"only {share:.0%} of the days from {covered.start} to {covered.end} have a value, and a baseline needs "
            f"{_LEAST_SHARE:.0%}: send a more complete series, or a baseline with a climatology and a threshold for "
            "each of 366 days"
        )
    return covered
