"""The seasonal cycle of a place: a mean and harmonics of the year and, for steps shorter than a day, of the day."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from forecasting.errors import SeriesError
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, Floats, Times, unix_seconds
from forecasting.series.timestep import TimeStep

ANNUAL_HARMONICS: Final = 3
DAILY_HARMONICS: Final = 2

_STIFFNESS: Final = 1e-4
"""Penalty for each observed value on the squared second derivative of the annual cycle, in units of the year."""

SINGULAR_RATIO: Final = 1e-10
"""Relative singular value below which the observations do not determine a term."""


@dataclass(frozen=True)
class Harmonics:
    """The terms of a seasonal cycle."""

    annual: int
    daily: int
    calendar_months: bool

    @classmethod
    def whole(cls, step: TimeStep) -> "Harmonics":
        """Return all terms that a series of this ``step`` can have."""
        return cls(ANNUAL_HARMONICS, DAILY_HARMONICS if step.is_under_a_day else 0, step.calendar_month)

    @property
    def count(self) -> int:
        """Number of terms: the mean, then cosine and sine of each harmonic of the year, then of the day."""
        return 1 + 2 * (self.annual + self.daily)

    def at(self, times: Times) -> Floats:
        """Return the terms at ``times`` ``(n,)``: ``(n, count)``."""
        seconds = unix_seconds(times)
        year = times.astype("datetime64[M]").astype(np.int64) / 12 if self.calendar_months else seconds / YEAR
        return self._terms(year, seconds / DAY)

    def after(self, step: TimeStep, steps: npt.NDArray[np.int64]) -> Floats:
        """Return the terms a number of ``steps`` ``(n,)`` after a time at which all cycles begin: ``(n, count)``."""
        elapsed = steps.astype(np.float64)
        year = elapsed / 12 if self.calendar_months else elapsed * (step.seconds / YEAR)
        return self._terms(year, elapsed * (step.seconds / DAY))

    def curvature(self, n: int) -> Floats:
        """Return rows that penalise the curvature of the annual harmonics, for ``n`` values: ``(count, count)``."""
        squares = np.zeros(self.count)
        squares[1 : 1 + 2 * self.annual] = np.repeat(np.arange(1.0, self.annual + 1), 2) ** 2
        return np.diag(np.sqrt(_STIFFNESS * n) * squares)

    def _terms(self, years: Floats, days: Floats) -> Floats:
        columns = [np.ones_like(years)]
        for turns, harmonics in ((years, self.annual), (days, self.daily)):
            for harmonic in range(1, harmonics + 1):
                angle = 2 * np.pi * harmonic * (turns % 1.0)
                columns += [np.cos(angle), np.sin(angle)]
        return np.stack(columns, axis=1)


class Climatology(BaseModel, frozen=True):
    """Mean and harmonics fitted by least squares.

    Attributes:
        annual_harmonics: of a Julian year.
        daily_harmonics: of a day; 0 if the step is a day or longer.
        calendar_months: whether the year has twelve months of equal length, as in a monthly series.
        coefficients: °C: the mean, then cosine and sine of each harmonic of the year, then of the day.
    """

    annual_harmonics: int
    daily_harmonics: int
    calendar_months: bool
    coefficients: tuple[float, ...]

    @classmethod
    def fit(cls, series: SstSeries) -> "Climatology":
        """Fit to the observed values of ``series``.

        Three annual harmonics need values in every calendar month, or in the same months of three years; in the latter
        case, a small penalty on their curvature keeps them from oscillating where nothing was observed. With nine
        months and 0.6 years of values in total, one harmonic is fitted; with less, none.
        """
        whole = Harmonics.whole(series.step)
        harmonics = Harmonics(_annual_harmonics(series), whole.daily, whole.calendar_months)
        observed: npt.NDArray[np.bool_] = np.isfinite(series.values)
        count = int(observed.sum())
        if count < harmonics.count:
            raise SeriesError(
                f"a climatology needs at least {harmonics.count} observed values, but the series has {count}"
            )
        terms, values = harmonics.at(series.times[observed]), series.values[observed]
        if harmonics.annual == ANNUAL_HARMONICS and not series.holds_every_season:
            terms, values = np.vstack([terms, harmonics.curvature(count)]), np.append(values, np.zeros(harmonics.count))
        coefficients = np.linalg.lstsq(terms, values, rcond=SINGULAR_RATIO)[0]
        return cls(
            annual_harmonics=harmonics.annual,
            daily_harmonics=harmonics.daily,
            calendar_months=harmonics.calendar_months,
            coefficients=tuple(map(float, coefficients)),
        )

    def __call__(self, times: Times) -> Floats:
        """Return the climatology, °C, at ``times`` of any shape."""
        harmonics = Harmonics(self.annual_harmonics, self.daily_harmonics, self.calendar_months)
        values: Floats = harmonics.at(times.reshape(-1)) @ np.asarray(self.coefficients)
        return values.reshape(times.shape)


def _annual_harmonics(series: SstSeries) -> int:
    if series.holds_every_season or series.repeats_its_seasons:
        return ANNUAL_HARMONICS
    return 1 if len(series.observed_months) >= 9 and series.observed_years >= 0.6 else 0
