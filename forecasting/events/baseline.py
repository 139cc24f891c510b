"""Days of a calendar year of 366 days: what is usual on each at a place, and where unusual begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from forecasting.climatology.annual_cycle import annual_terms, evaluate
from forecasting.climatology.global_climatology import SPREAD_COEFFICIENTS, GlobalClimatology
from forecasting.climatology.usual import OF_BASELINE, OF_POSITION, Usual, of_series
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Bools, Floats, Times, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import counted, in_degrees

DAYS: Final = 366
FEBRUARY_29: Final = 59
"""Its index, from 0."""

Indices = npt.NDArray[np.int64]


def day_of_year(times: Times) -> Indices:
    """Return the index of each day in a leap year, from 0 to 365: 1 March is 60 in every year."""
    days = times.astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    index = (days - years.astype("datetime64[D]")).astype(np.int64)
    shifted: Indices = index + (~is_leap(years.astype(np.int64) + 1970) & (index >= FEBRUARY_29))
    return shifted


def days_from(start: np.datetime64, count: int) -> Indices:
    """Return what :func:`day_of_year` does, for ``count`` consecutive days; not to be changed."""
    return _days_from(int(start.astype("datetime64[D]").astype(np.int64)), count)


@lru_cache(maxsize=16)
def _days_from(first: int, count: int) -> Indices:
    """Cached, because the cells of a grid share their times."""
    days = day_of_year(np.arange(first, first + count).astype("datetime64[D]"))
    days.setflags(write=False)
    return days


def is_leap(years: Indices) -> Bools:
    """Return whether each year has a 29 February."""
    leap: Bools = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    return leap


def require_days(step: TimeStep, subject: str) -> None:
    """Refuse other steps than days."""
    if step != TimeStep(DAY):
        remedy = ": send daily means" if step.seconds < DAY else ""
        raise SeriesError(f"the step is {in_words(str(step))}, but {subject} need daily values{remedy}")


def smooth(by_day: Floats, width: int) -> Floats:
    """Return centred means over ``width`` days of a year that repeats, skipping days that are NaN.

    Args:
        by_day: a value for each day of the year, ``(366,)``.
        width: an odd number of days.
    """
    known = np.isfinite(by_day)
    if not known.any():
        return by_day
    smoothed = by_day.copy()
    reach = width // 2
    repeated = np.pad(by_day[known], reach, mode="wrap")
    smoothed[known] = np.convolve(repeated, np.full(width, 1 / width), mode="valid")
    return smoothed


Kind = Literal["marine_heatwave", "marine_cold_spell"]

WHOLE_BASELINE_YEARS: Final = 30
"""Years of a baseline that is long enough (Hobday et al. 2016)."""

_LEAST_YEARS: Final = 10
_LEAST_SHARE: Final = 0.2
"""Share of days that a baseline needs: sparse days leave most of the year without a threshold."""
_HALF_WINDOW_DAYS: Final = 5
_WINDOW_DAYS: Final = 2 * _HALF_WINDOW_DAYS + 1
_SMOOTHING_DAYS: Final = 31

PERCENTILES: Final[dict[Kind, float]] = {"marine_heatwave": 90.0, "marine_cold_spell": 10.0}
"""The threshold of each kind of event."""

_DAYS_PER_YEAR: Final = 365.25

COARSE_BASELINE: Final = ForecastWarning(
    "coarse_baseline",
    "Climatology and threshold are those of the position on a grid of 2 degrees, not of the series. Near coasts, both "
    "may be wrong by more than a degree, and in the open sea, the threshold may be too far from usual: send ten years "
    "of daily values, or a baseline of the place.",
)
"""Warning for readers of events whose baseline is that of a position."""


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


POSITION: Final = "position"
"""What names the baseline of a position in requests, settings and options."""

_LEAP_YEAR: Final = np.arange("2016-01-01T12", "2017-01-01", np.timedelta64(1, "D"), dtype="datetime64[s]")


class Position(NamedTuple):
    """Whose climatology is the baseline: degrees north and east; NaN where they are not known."""

    latitude: float
    longitude: float


@dataclass(frozen=True, eq=False)
class Baseline:
    """Climatology and threshold for each day of the year, after Hobday et al. (2016, Prog. Oceanogr. 141, 227).

    Attributes:
        climatology: usual SST, °C, ``(366,)``; NaN for days that were never observed.
        threshold: SST beyond which a day is extreme, °C, ``(366,)``.
        period: that they were computed from; None if the caller gave them.
        fitted_percentile: that was computed as the threshold; None if the caller gave it.
        position: whether it is that of a position.
    """

    climatology: Floats
    threshold: Floats
    period: Period | None = None
    fitted_percentile: float | None = None
    position: bool = False

    @classmethod
    def of_position(cls, position: Position, percentile: Kind | float) -> "Baseline":
        """Return the climatology of a position, with a percentile of a normal distribution of daily anomalies."""
        if np.isnan(position).any():
            raise SeriesError('the baseline "position" needs a position: send latitude and longitude')
        if isinstance(percentile, str):
            percentile = PERCENTILES[percentile]
        (usual,), (threshold,) = baselines_of_positions(np.asarray([position]), percentile)
        if np.isnan(usual[0]):
            raise SeriesError(
                f"the baseline cannot be that of the position {in_degrees(*position)}, which is on land, far "
                "from the sea: correct the position, or send a climatology and a threshold for each of 366 days"
            )
        return cls(usual, threshold, None, percentile, position=True)

    @classmethod
    def fit(cls, series: SstSeries, percentile: Kind | float, period: Period | None = None) -> "Baseline":
        """Compute mean and percentile over 11 days around each day of the year, smoothed over 31 days.

        29 February is interpolated.
        """
        return cls.fit_each(series, (percentile,), period)[0]

    @classmethod
    def fit_each(
        cls, series: SstSeries, percentiles: Iterable[Kind | float], period: Period | None = None
    ) -> "list[Baseline]":
        """Return what :meth:`fit` does for each of several percentiles; the values are sorted once."""
        require_days(series.step, "marine heatwaves, cold spells and percentiles of the day of the year")
        chosen = observed_period(series, period)
        around = np.sort(_around(series, chosen), axis=1)
        counts = np.isfinite(around).sum(axis=1)
        climatology = np.full(DAYS, np.nan)
        np.divide(np.nansum(around, axis=1, dtype=np.float64), counts, out=climatology, where=counts > 0)
        usual = _of_every_day(climatology)
        numbers = (PERCENTILES[one] if isinstance(one, str) else one for one in percentiles)
        return [cls(usual, _of_every_day(_percentile(around, counts, one)), chosen, one) for one in numbers]

    @property
    def percentile(self) -> float:
        """What the threshold is: a given one counts as the 90th if it is above the climatology, else the 10th."""
        if self.fitted_percentile is not None:
            return self.fitted_percentile
        is_above = np.nanmean(self.threshold - self.climatology) > 0
        return PERCENTILES["marine_heatwave" if is_above else "marine_cold_spell"]

    @property
    def usual(self) -> Usual:
        """What it rests on."""
        if self.position:
            return OF_POSITION
        return OF_BASELINE if self.period is None else of_series(self.period.start, self.period.end)

    @property
    def warnings(self) -> tuple[ForecastWarning, ...]:
        """Warnings for readers of its events."""
        if self.position:
            return (COARSE_BASELINE,)
        if self.period is None or not self.is_short:
            return ()
        years = f"{self.period.years:.0f} years"
        message = f"The baseline covers {years}; thirty are recommended. Thresholds and categories are less certain."
        return (ForecastWarning("short_baseline", message),)

    def at(self, times: Times) -> tuple[Floats, Floats]:
        """Return climatology and threshold at times ``(n,)``, °C."""
        day = day_of_year(times)
        climatology, threshold = self.climatology[day], self.threshold[day]
        unknown = np.isnan(climatology)
        if unknown.any():
            raise SeriesError(
                f"no year of the baseline has values around {short(times[unknown][0])[5:]} (month and day): send a "
                "longer series, or a baseline with a climatology and a threshold for each of 366 days"
            )
        return climatology, threshold

    @property
    def is_short(self) -> bool:
        """Whether it was computed from fewer than thirty years."""
        return self.period is not None and round(self.period.years) < WHOLE_BASELINE_YEARS


def baselines_of_positions(positions: Floats, percentile: float) -> tuple[Floats, Floats]:
    """Return climatology and threshold of :meth:`Baseline.of_position`, °C ``(n, 366)`` each; NaN on land.

    Args:
        positions: degrees north and east, ``(n, 2)``; NaN where they are not known.
        percentile: of the threshold, from 0 to 100.
    """
    climatology, known = GlobalClimatology.load(), ~np.isnan(positions).any(axis=1)
    usual, threshold = np.full((2, len(positions), DAYS), np.nan)
    coefficients = climatology.coefficients(*positions[known].T).astype(np.float64)
    usual[known] = evaluate(coefficients, _LEAP_YEAR)
    days = annual_terms(_LEAP_YEAR)[:, :SPREAD_COEFFICIENTS]
    spread = np.exp(climatology.spread(*positions[known].T).astype(np.float64) @ days.T)
    threshold[known] = usual[known] + NormalDist().inv_cdf(percentile / 100) * spread
    return usual, threshold


def _of_every_day(by_day: Floats) -> Floats:
    """Return the smoothed values of each day of the year, with 29 February between its neighbours."""
    by_day[FEBRUARY_29] = (by_day[FEBRUARY_29 - 1] + by_day[FEBRUARY_29 + 1]) / 2
    return smooth(by_day, _SMOOTHING_DAYS)


def _around(series: SstSeries, period: Period) -> npt.NDArray[np.floating]:
    """Return the values on the days around each day of the year, of all years: ``(366, n)``, NaN where missing.

    Values that float32 holds exactly, such as those of most grids, are returned as such: it sorts four times as fast.
    """
    first = int(series.start.astype("datetime64[D]").astype(np.int64))
    start, end = int(period.start.astype(np.int64)), int(period.end.astype(np.int64))
    positions = _positions(first, len(series), start, end)
    single = series.values.astype(np.float32)
    values = single if np.array_equal(single, series.values, equal_nan=True) else series.values
    padded = np.pad(values, (_HALF_WINDOW_DAYS, 3 * _HALF_WINDOW_DAYS + 1), constant_values=np.nan)
    return sliding_window_view(padded, _WINDOW_DAYS)[positions].reshape(DAYS, -1)


@lru_cache(maxsize=16)
def _positions(first: int, length: int, start: int, end: int) -> Indices:
    """Return where each day of the year is in a series, ``(366, years)``; far behind its end for days outside.

    Cached, because the cells of a grid share their times.
    """
    first_year, last_year = np.asarray([start, end]).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    years = np.arange(first_year, last_year + 1)
    january_1 = years.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    day = np.arange(DAYS)
    shifted = day[:, np.newaxis] - ((day > FEBRUARY_29)[:, np.newaxis] & ~is_leap(years + 1970))
    days = january_1 + shifted
    inside = (days >= max(start, first)) & (days <= min(end, first + length - 1))
    positions: Indices = np.where(inside, days - first, length + 2 * _HALF_WINDOW_DAYS)
    positions.setflags(write=False)
    return positions


def _percentile(ordered: npt.NDArray[np.floating], counts: Indices, percentile: float) -> Floats:
    """Return what ``numpy.percentile`` does for each row."""
    rank = np.maximum(counts - 1, 0) * (percentile / 100)
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(counts - 1, 0))
    rows = np.arange(len(ordered))
    below, above = (ordered[rows, at].astype(np.float64) for at in (low, high))
    share = rank - low
    difference = above - below
    # From the nearer end, as numpy does.
    between: Floats = np.where(share >= 0.5, above - difference * (1 - share), below + difference * share)
    return between


def observed_period(series: SstSeries, period: Period | None = None) -> Period:
    """Return the part of ``period`` that a daily series covers; the whole series if None."""
    observed = series.start.astype("datetime64[D]") + np.flatnonzero(np.isfinite(series.values))
    if period is not None:
        observed = observed[(observed >= period.start) & (observed <= period.end)]
    covered = Period(observed[0], observed[-1]) if len(observed) else None
    if covered is None or round(covered.years, 1) < _LEAST_YEARS:
        years = f"{covered.years:.1f} years" if covered else "no values"
        where, remedy = "", "send a longer series"
        if period is not None:
            where = f" between {period.start} and {period.end}"
            remedy = "choose another period, or send a longer series"
        raise SeriesError(
            f"the series has {years}{where}, but a baseline needs {counted(_LEAST_YEARS, 'year')}: {remedy}, or a "
            "baseline with a climatology and a threshold for each of 366 days"
        )
    share = len(observed) / _DAYS_PER_YEAR / covered.years
    if share < _LEAST_SHARE:
        raise SeriesError(
            f"only {share:.0%} of the days from {covered.start} to {covered.end} have a value, but a baseline needs "
            f"{_LEAST_SHARE:.0%}: send a more complete series, or a baseline with a climatology and a threshold for "
            "each of 366 days"
        )
    return covered
