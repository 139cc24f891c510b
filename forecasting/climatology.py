"""The seasonal cycle of a place: a mean and harmonics of the year and, under daily steps, of the day."""

from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.errors import SeriesError
from forecasting.series import SstSeries
from forecasting.timestep import DAY, YEAR, Floats, Times, unix_seconds

ANNUAL_HARMONICS: Final = 3
DAILY_HARMONICS: Final = 2


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
        cycle = cls(
            annual_harmonics=_annual_harmonics(series),
            daily_harmonics=DAILY_HARMONICS if series.step.is_under_a_day else 0,
            calendar_months=series.step.calendar_month,
            coefficients=(),
        )
        observed = np.isfinite(series.values)
        terms = cycle._terms(series.times[observed])
        if len(terms) < terms.shape[1]:
            raise SeriesError(f"a climatology needs at least {terms.shape[1]} observed values, not {len(terms)}")
        coefficients = np.linalg.lstsq(terms, series.values[observed], rcond=None)[0]
        return cycle.model_copy(update={"coefficients": tuple(map(float, coefficients))})

    def __call__(self, times: Times) -> Floats:
        """°C at ``times``, of any shape."""
        values: Floats = self._terms(times.reshape(-1)) @ np.asarray(self.coefficients)
        return values.reshape(times.shape)

    def _terms(self, times: Times) -> Floats:
        seconds = unix_seconds(times)
        year = times.astype("datetime64[M]").astype(np.int64) / 12 if self.calendar_months else seconds / YEAR
        columns = [np.ones_like(seconds)]
        for turns, harmonics in ((year, self.annual_harmonics), (seconds / DAY, self.daily_harmonics)):
            for k in range(1, harmonics + 1):
                angle = 2 * np.pi * k * (turns % 1.0)
                columns += [np.cos(angle), np.sin(angle)]
        return np.stack(columns, axis=1)


def _annual_harmonics(series: SstSeries) -> int:
    if series.holds_every_season:
        return ANNUAL_HARMONICS
    return 1 if len(series.observed_months) >= 9 and series.observed_years >= 0.6 else 0
