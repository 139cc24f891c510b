"""The seasonal cycle of a place: a mean and harmonics of the year and, under daily steps, of the day."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from forecasting.errors import SeriesError
from forecasting.series import SstSeries
from forecasting.timestep import DAY, YEAR, Bools, Floats, Times, TimeStep, unix_seconds

ANNUAL_HARMONICS: Final = 3
DAILY_HARMONICS: Final = 2

_MAX_KEPT_VALUES: Final = 2_000
"""Values of a series and leads, together, up to which their :class:`Design` is kept: 64 of them stay under 30 MB."""

_MAX_MULTIPLIED_VALUES: Final = 500
"""Values up to which a :class:`Design` keeps the products of its terms, and their sums' inverses; half a MB at most."""

_STIFFNESS: Final = 1e-4
"""Penalty on the square of a season's second derivative, in squared terms of the year, for each value observed."""

_SINGULAR_RATIO: Final = 1e-10
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


@dataclass(frozen=True)
class Design:
    """Least squares of harmonics on series that end a step before their first lead.

    Whenever that is: cycles may begin anywhere, since a sine of another phase is a mix of sine and cosine.

    Attributes:
        terms: at each of ``n`` steps and those of the leads after them, ``(n + leads, count)``.
        solve: coefficients from ``n`` observed values, ``(count, n)``.
    """

    terms: Floats
    solve: Floats

    def fit(self, values: Floats, observed: Bools | None, lengths: npt.NDArray[np.int64]) -> Floats:
        """The cycle of each series at its steps and leads, °C ``(k, n + leads)``.

        Args:
            values: °C, ``(k, n)``.
            observed: where they are none that is missing, ``(k, n)``; None where none is.
            lengths: of the series, ``(k,)``: where one is shorter, nothing before it is observed.
        """
        if observed is None:
            coefficients = np.matvec(self.solve, values)
        else:
            together = np.vecmat(np.where(observed, values, 0.0), self.terms[: values.shape[1]])
            coefficients = np.matvec(self._inverses(observed, lengths), together)
        fitted: Floats = np.matvec(self.terms, coefficients)
        return fitted

    def _inverses(self, observed: Bools, lengths: npt.NDArray[np.int64]) -> Floats:
        """Of the normal equations of each series, ``(k, count, count)``."""
        n = observed.shape[1]
        if n > _MAX_MULTIPLIED_VALUES:
            seen = self.terms[:n] * observed[:, :, None]
            return _inverse(seen.transpose(0, 2, 1) @ seen)
        inverses: Floats = self._of_lengths[lengths]
        gaps = np.flatnonzero(observed.sum(axis=1) < lengths)
        if len(gaps):
            count = self.terms.shape[1]
            products = np.vecmat(observed[gaps].astype(np.float64), self._products)
            inverses[gaps] = _inverse(products.reshape(-1, count, count))
        return inverses

    @cached_property
    def _products(self) -> Floats:
        """Of each two terms at each of the ``n`` steps, ``(n, count · count)``."""
        n, count = self.solve.shape[1], self.terms.shape[1]
        return (self.terms[:n, :, None] * self.terms[:n, None, :]).reshape(n, count * count)

    @cached_property
    def _of_lengths(self) -> Floats:
        """What inverses are where nothing is missing, by how many of the last steps a series has."""
        n, count = self.solve.shape[1], self.terms.shape[1]
        normal = np.zeros((n + 1, count, count))
        normal[1:] = self._products[::-1].cumsum(axis=0).reshape(n, count, count)
        # With fewer values than terms there is none but a pseudo-inverse.
        few = np.linalg.pinv(normal[:count], rcond=_SINGULAR_RATIO, hermitian=True)
        return np.concatenate([few, _inverse(normal[count:])])


def design(step: TimeStep, n: int, leads: int) -> Design:
    """For all harmonics that series of ``n`` values at this ``step`` can have. Kept, since series share it."""
    make = _design if n + leads <= _MAX_KEPT_VALUES else _design.__wrapped__
    return make(step, n, leads)


@lru_cache(maxsize=64)
def _design(step: TimeStep, n: int, leads: int) -> Design:
    terms = Harmonics.whole(step).after(step, np.arange(-n, leads))
    return Design(terms, np.asarray(np.linalg.pinv(terms[:n], rcond=_SINGULAR_RATIO), dtype=np.float64))


def _inverse(products: Floats) -> Floats:
    """Of symmetric matrices ``(n, k, k)``, each the pseudo-inverse where that is another."""
    inverse: Floats
    try:
        inverse = np.asarray(np.linalg.inv(products), dtype=np.float64)
    except np.linalg.LinAlgError:
        inverse = np.full(products.shape, np.nan)
    # By Frobenius's norm, which is no less than the largest singular value; NaN is unsound.
    given, found = products.reshape(len(products), -1), inverse.reshape(len(products), -1)
    condition = np.sqrt(np.vecdot(given, given) * np.vecdot(found, found))
    unsound = ~(condition < 1 / _SINGULAR_RATIO)
    if unsound.any():
        inverse[unsound] = np.linalg.pinv(products[unsound], rcond=_SINGULAR_RATIO, hermitian=True)
    return inverse


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
        coefficients = np.linalg.lstsq(terms, values, rcond=_SINGULAR_RATIO)[0]
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
