"""The seasonal cycle of a place: a mean and harmonics of the year and, under daily steps, of the day."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from forecasting.errors import SeriesError
from forecasting.series import SstSeries
from forecasting.timestep import DAY, MONTH, YEAR, Floats, Times, TimeStep, unix_seconds

ANNUAL_HARMONICS: Final = 3
DAILY_HARMONICS: Final = 2

_LONGEST_KEPT: Final = 2_000
"""Values of a series up to which its :class:`Design` is kept: 256 of them stay under 60 MB."""

_LONGEST_STACKED: Final = 60
"""The same for those of every month of the year together, which take a millisecond to make: they stay under 5 MB."""


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

    def terms(self, times: Times) -> Floats:
        """Their values at ``times`` ``(n,)``: ``(n, count)``."""
        seconds = unix_seconds(times)
        year = times.astype("datetime64[M]").astype(np.int64) / 12 if self.calendar_months else seconds / YEAR
        columns = [np.ones_like(seconds)]
        for turns, harmonics in ((year, self.annual), (seconds / DAY, self.daily)):
            for k in range(1, harmonics + 1):
                angle = 2 * np.pi * k * (turns % 1.0)
                columns += [np.cos(angle), np.sin(angle)]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Design:
    """Least squares of harmonics on one axis of times, whatever the values.

    Attributes:
        terms: at each of ``n`` times and those of the leads after them, ``(n + leads, count)``.
        solve: coefficients from the observed values, ``(count, observed)``.
    """

    terms: Floats
    solve: Floats


def phases(step: TimeStep, starts: Times) -> npt.NDArray[np.int64]:
    """What the harmonics of a series depend on, of all that its start says: for months, the month of the year."""
    if step.calendar_month:
        months: npt.NDArray[np.int64] = starts.astype("datetime64[M]").astype(np.int64) % 12
        return months
    return starts.astype("datetime64[s]").astype(np.int64)


def design(
    harmonics: Harmonics, step: TimeStep, phase: int, n: int, leads: int = 0, observed: bytes | None = None
) -> Design:
    """The least squares of ``n`` values from ``phase`` on, of which ``observed`` (bytes of bool; None for all) count.

    Kept, since series that share their times share it.
    """
    make = _design if n <= _LONGEST_KEPT else _design.__wrapped__
    return make(harmonics, step, phase, n, leads, observed)


def designs(step: TimeStep, valid_time: Times, n: int, leads: int) -> tuple[Floats, Floats]:
    """:class:`Design` for all that series of ``n`` values can have, whose first lead is at ``valid_time`` ``(k,)``.

    Returns:
        ``terms`` and ``solve`` of each: ``(k, n + leads, count)`` and ``(k, count, n)``.
    """
    phase = phases(step, valid_time)
    if step.calendar_month and n <= _LONGEST_STACKED:
        # Whole years of leads, so that few of them are made.
        terms, solve = _designs_of_months(n, -(-leads // 12) * 12)
        return terms[phase, : n + leads], solve[phase]
    harmonics = Harmonics.whole(step)
    phase = (phase - n) % 12 if step.calendar_month else phase - n * step.seconds
    different, which = np.unique(phase, return_inverse=True)
    found = [design(harmonics, step, one, n, leads) for one in different.tolist()]
    return np.stack([one.terms for one in found])[which], np.stack([one.solve for one in found])[which]


@lru_cache(maxsize=64)
def _designs_of_months(n: int, leads: int) -> tuple[Floats, Floats]:
    """Those of monthly series whose first lead is in each month of the year, ``(12, …)``."""
    harmonics = Harmonics.whole(MONTH)
    found = [design(harmonics, MONTH, (month - n) % 12, n, leads) for month in range(12)]
    return np.stack([one.terms for one in found]), np.stack([one.solve for one in found])


@lru_cache(maxsize=256)
def _design(harmonics: Harmonics, step: TimeStep, phase: int, n: int, leads: int, observed: bytes | None) -> Design:
    start = np.datetime64(phase, "M" if step.calendar_month else "s")
    terms = harmonics.terms(step.range(start, n + leads))
    seen = terms[:n] if observed is None else terms[:n][np.frombuffer(observed, dtype=np.bool_)]
    return Design(terms, np.asarray(np.linalg.pinv(seen), dtype=np.float64))


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

        Three annual harmonics need values of every calendar month. With nine months, and 0.6 years of values in all, a
        single harmonic is fitted; with less, none: it would be free to swing where nothing was observed.

        Raises:
            SeriesError: if there are fewer observed values than coefficients.
        """
        whole = Harmonics.whole(series.step)
        harmonics = Harmonics(_annual_harmonics(series), whole.daily, whole.calendar_months)
        observed: npt.NDArray[np.bool_] = np.isfinite(series.values)
        seen = int(observed.sum())
        if seen < harmonics.count:
            raise SeriesError(f"a climatology needs at least {harmonics.count} observed values, not {seen}")
        mask = None if seen == len(series) else observed.tobytes()
        phase = int(phases(series.step, np.asarray(series.start)))
        solve = design(harmonics, series.step, phase, len(series), observed=mask).solve
        return cls(
            annual_harmonics=harmonics.annual,
            daily_harmonics=harmonics.daily,
            calendar_months=harmonics.calendar_months,
            coefficients=tuple(map(float, solve @ series.values[observed])),
        )

    def __call__(self, times: Times) -> Floats:
        """°C at ``times``, of any shape."""
        harmonics = Harmonics(self.annual_harmonics, self.daily_harmonics, self.calendar_months)
        values: Floats = harmonics.terms(times.reshape(-1)) @ np.asarray(self.coefficients)
        return values.reshape(times.shape)


def _annual_harmonics(series: SstSeries) -> int:
    if series.holds_every_season:
        return ANNUAL_HARMONICS
    return 1 if len(series.observed_months) >= 9 and series.observed_years >= 0.6 else 0
