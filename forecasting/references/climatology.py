"""The seasonal cycle of a place: a mean and harmonics of the year and, under daily steps, of the day."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from forecasting.errors import SeriesError
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import DAY, YEAR, Floats, Times, TimeStep, unix_seconds

ANNUAL_HARMONICS: Final = 3
DAILY_HARMONICS: Final = 2

_STIFFNESS: Final = 1e-4
"""Penalty on the square of a season's second derivative, in squared terms of the year, for each value observed."""

SINGULAR_RATIO: Final = 1e-10
"""Relative size below which a term counts as not told apart by what was observed."""


@dataclass(frozen=True)
class Harmonics:
    """The terms that a seasonal cycle is made of.

    Attributes:
        annual: harmonics of a Julian year.
        daily: harmonics of a day; 0 where the step is a day or more.
        calendar_months: whether the year is divided into twelve equal months, as a monthly series is.
    """

    annual: int
    daily: int
    calendar_months: bool

    @classmethod
    def whole(cls, step: TimeStep) -> "Harmonics":
        """All that a series of this ``step`` can have."""
        return cls(ANNUAL_HARMONICS, DAILY_HARMONICS if step.is_under_a_day else 0, step.calendar_month)

    @property
    def count(self) -> int:
        """Of terms: the mean, then cosine and sine of each harmonic, the year's before the day's."""
        return 1 + 2 * (self.annual + self.daily)

    def at(self, times: Times) -> Floats:
        """Their values at ``times`` ``(n,)``: ``(n, count)``."""
        seconds = unix_seconds(times)
        year = times.astype("datetime64[M]").astype(np.int64) / 12 if self.calendar_months else seconds / YEAR
        return self._turned(year, seconds / DAY)

    def after(self, step: TimeStep, steps: npt.NDArray[np.int64]) -> Floats:
        """Their values so many ``steps`` ``(n,)`` after a time at which all cycles begin: ``(n, count)``."""
        counted = steps.astype(np.float64)
        year = counted / 12 if self.calendar_months else counted * (step.seconds / YEAR)
        return self._turned(year, counted * (step.seconds / DAY))

    def curvature(self, n: int) -> Floats:
        """Rows that hold the year's harmonics from swinging, beside ``n`` values: ``(count, count)``."""
        squares = np.zeros(self.count)
        squares[1 : 1 + 2 * self.annual] = np.repeat(np.arange(1.0, self.annual + 1), 2) ** 2
        return np.diag(np.sqrt(_STIFFNESS * n) * squares)

    def _turned(self, years: Floats, days: Floats) -> Floats:
        columns = [np.ones_like(years)]
        for turns, harmonics in ((years, self.annual), (days, self.daily)):
            for k in range(1, harmonics + 1):
                angle = 2 * np.pi * k * (turns % 1.0)
                columns += [np.cos(angle), np.sin(angle)]
        return np.stack(columns, axis=1)


class Climatology(BaseModel, frozen=True):
    """Mean and harmonics fitted by least squares.

    Attributes:
        annual_harmonics: of a Julian year.
        daily_harmonics: of a day; 0 where the step is a day or more.
        calendar_months: whether the year is divided into twelve equal months, as a monthly series is.
        coefficients: °C: the mean, then cosine and sine of each harmonic, the year's before the day's.
    """

    annual_harmonics: int
    daily_harmonics: int
    calendar_months: bool
    coefficients: tuple[float, ...]

    @classmethod
    def fit(cls, series: SstSeries) -> "Climatology":
        """Fit to the observed values of ``series``.

        Three annual harmonics need values of every calendar month, or of the same months in three years: then they are
        held from swinging where nothing was observed, by a small penalty on their curvature. With nine months, and 0.6
        years of values in all, a single harmonic is fitted; with less, none.

        Raises:
            SeriesError: if there are fewer observed values than coefficients.
        """
        whole = Harmonics.whole(series.step)
        harmonics = Harmonics(_annual_harmonics(series), whole.daily, whole.calendar_months)
        observed: npt.NDArray[np.bool_] = np.isfinite(series.values)
        seen = int(observed.sum())
        if seen < harmonics.count:
            raise SeriesError(f"a climatology needs at least {harmonics.count} observed values, not {seen}")
        terms, values = harmonics.at(series.times[observed]), series.values[observed]
        if harmonics.annual == ANNUAL_HARMONICS and not series.holds_every_season:
            terms, values = np.vstack([terms, harmonics.curvature(seen)]), np.append(values, np.zeros(harmonics.count))
        coefficients = np.linalg.lstsq(terms, values, rcond=SINGULAR_RATIO)[0]
        return cls(
            annual_harmonics=harmonics.annual,
            daily_harmonics=harmonics.daily,
            calendar_months=harmonics.calendar_months,
            coefficients=tuple(map(float, coefficients)),
        )

    def __call__(self, times: Times) -> Floats:
        """°C at ``times``, of any shape."""
        harmonics = Harmonics(self.annual_harmonics, self.daily_harmonics, self.calendar_months)
        values: Floats = harmonics.at(times.reshape(-1)) @ np.asarray(self.coefficients)
        return values.reshape(times.shape)


def _annual_harmonics(series: SstSeries) -> int:
    if series.holds_every_season or series.repeats_its_seasons:
        return ANNUAL_HARMONICS
    return 1 if len(series.observed_months) >= 9 and series.observed_years >= 0.6 else 0
