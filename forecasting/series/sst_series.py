"""A valid SST series: °C on a regular grid of times in UTC, NaN where a value is missing."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Union

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.observations import choose_clock, regular_grid
from forecasting.series.shape import missing_runs
from forecasting.series.times import YEAR, Floats, Times, month_of, short
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, parse_units, sea_temperatures
from forecasting.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray

_SEASON_MONTHS: Final = 3
_SEASON_YEARS: Final = 3
"""Calendar months, and years of each, that are enough to know the normal temperature in that part of the year."""


def _position(index: int) -> str:
    return f"value {index}"


@dataclass(frozen=True, eq=False)
class SstSeries:
    """A regular series of sea-surface temperature.

    Attributes:
        values: °C, float64 ``(n,)``; NaN where missing.
        start: time of the first value, UTC.
        step: the step between two values.
        notes: what was changed when the series was read, a sentence each; missing values are not mentioned.
    """

    values: Floats
    start: np.datetime64
    step: TimeStep
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.values)

    @property
    def times(self) -> Times:
        """The time of each value, UTC ``(n,)``."""
        return self.step.range(self.start, len(self))

    @property
    def observed_years(self) -> float:
        """Total length of the observed values, in Julian years; gaps do not count."""
        return int(np.isfinite(self.values).sum()) * self.step.seconds / YEAR

    @property
    def observed_months(self) -> tuple[int, ...]:
        """Calendar months (1 to 12) with at least one observed value."""
        observed = self.times[np.isfinite(self.values)]
        return tuple(map(int, np.unique(month_of(observed) + 1)))

    @property
    def holds_every_season(self) -> bool:
        """Whether every calendar month has a value, and all values together cover close to a year."""
        return len(self.observed_months) == 12 and self.observed_years >= 0.9

    @property
    def repeats_its_seasons(self) -> bool:
        """Whether at least three calendar months were observed, each in at least three years."""
        months = np.unique(self.times[np.isfinite(self.values)].astype("datetime64[M]").astype(np.int64)) % 12
        _, years = np.unique(months, return_counts=True)
        return len(years) >= _SEASON_MONTHS and bool(years.min() >= _SEASON_YEARS)

    @property
    def seasonal_years(self) -> float:
        """Years of values from which the normal temperature of each observed month is known; 0 if too few.

        With every season observed: the observed years, if at least one. With some seasons only: the years in which
        those were observed, if at least three.
        """
        if self.holds_every_season:
            return self.observed_years if self.observed_years >= 1 else 0.0
        return self.observed_years * 12 / len(self.observed_months) if self.repeats_its_seasons else 0.0

    def part(self, begin: int, end: int) -> "SstSeries":
        """Return the values from position ``begin`` to ``end`` (exclusive) as a series."""
        return SstSeries(self.values[begin:end], self.times[begin], self.step)

    def until_last_observation(self) -> "SstSeries":
        """Return the series without missing values at its end."""
        observed = np.flatnonzero(np.isfinite(self.values))
        return SstSeries(self.values[: observed[-1] + 1], self.start, self.step, self.notes)

    def describe(self) -> tuple[str, ...]:
        """Return the notes, and a sentence on the missing values if there are any."""
        runs = missing_runs(self.values)
        if not len(runs):
            return self.notes
        lengths = runs[:, 1] - runs[:, 0]
        longest = short(self.times[runs[lengths.argmax(), 0]])
        missing = f"{lengths.sum()} of {len(self)} values are missing, in {counted(len(runs), 'gap')}"
        return (*self.notes, f"{missing}; the longest, of {lengths.max()}, begins {longest}")

    def to_pandas(self) -> "pd.Series[float]":
        """Return the values as a pandas Series with times (UTC) as index."""
        import pandas as pd

        index = pd.DatetimeIndex(self.times, name="time").tz_localize("UTC")
        return pd.Series(self.values, index=index, name="sst")

    @classmethod
    def from_pandas(
        cls, series: "pd.Series[float]", *, units: Units = "celsius", step: TimeStep | None = None
    ) -> "SstSeries":
        """Convert a pandas Series.

        Args:
            series: its index contains times (UTC where without a time zone) or monthly periods.
            units: the units of the values.
            step: the step of the series; inferred from the times if None.

        Raises:
            SeriesError: if the index does not contain times, or the values are not a valid series.
        """
        import pandas as pd

        index = series.index
        if isinstance(index, pd.PeriodIndex):
            index = index.to_timestamp()
        if not isinstance(index, pd.DatetimeIndex):
            raise SeriesError("the index of the Series must contain times: convert it with pandas.to_datetime")
        times = index.to_numpy() if index.tz is None else index.tz_convert("UTC").tz_localize(None).to_numpy()
        local = index.tz_localize(None).to_numpy()
        clock = choose_clock(times.astype("datetime64[s]"), local.astype("datetime64[s]"))
        try:
            values = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SeriesError(f"the values of the Series must be numbers: {error}") from None
        return cls.from_observations(clock, values, units=units, step=step)

    @classmethod
    def from_observations(
        cls,
        times: Times,
        values: Floats,
        *,
        units: Units = "celsius",
        step: TimeStep | None = None,
        where: Callable[[int], str] = _position,
    ) -> "SstSeries":
        """Put observations on a regular grid.

        Unsorted times are sorted; of a repeated time the first value is kept; a skipped time becomes a missing value.
        Sorting and repeated times leave a note.

        Args:
            times: the times of the observations, UTC ``(n,)``, in any order.
            values: the values in ``units``, ``(n,)``, NaN where missing.
            units: the units of the values.
            step: the step of the grid; inferred from the times if None.
            where: describes where the i-th observation is in the caller's input.

        Raises:
            SeriesError: if a value is not a sea temperature, the times are not regular, or every value is missing.
        """
        values = sea_temperatures(values, units, where)
        if np.isnat(times).any():
            i = int(np.isnat(times).argmax())
            raise SeriesError(f"{where(i)} has no time", index=i)
        if not len(times):
            raise SeriesError("the series has no values")
        if not np.isfinite(values).any():
            raise SeriesError("every value of the series is missing")
        if step is not None and (times == step.range(times[0], len(times))).all():
            return cls(values, times[0], step)
        return cls(*regular_grid(times, values, step, where))


SeriesLike = Union[SstSeries, "pd.Series[float]", "pd.DataFrame", "xarray.DataArray"]
"""The types that :func:`to_sst_series` accepts."""


def to_sst_series(data: SeriesLike) -> SstSeries:
    """Convert one series of SST; an :class:`SstSeries` is returned unchanged.

    Args:
        data: an SstSeries; a pandas Series or a DataFrame with one column, indexed by time; or an xarray DataArray
            whose only dimension is time. Times without a time zone are UTC. Values are in °C, unless the attribute
            ``units`` of a DataArray says otherwise.

    Raises:
        TypeError: if ``data`` is anything else.
        SeriesError: if the index holds no times, the values are not a valid series, or their units are not known.
    """
    if isinstance(data, SstSeries):
        return data
    import pandas as pd

    if isinstance(data, pd.Series):
        return SstSeries.from_pandas(data)
    if isinstance(data, pd.DataFrame):
        if data.shape[1] != 1:
            raise _unsupported(f"a DataFrame with {data.shape[1]} columns")
        return SstSeries.from_pandas(data.iloc[:, 0])
    # A caller with an xarray object has already imported xarray; others should not wait for the import.
    module = sys.modules.get("xarray")
    if module is not None and isinstance(data, module.DataArray):
        if data.ndim != 1:
            raise _unsupported(f"a DataArray with the dimensions {data.dims}")
        return SstSeries.from_pandas(data.to_series(), units=_units_of(data))
    name = f"{type(data).__module__}.{type(data).__qualname__}"
    raise _unsupported(name.removeprefix("builtins."))


def _units_of(data: "xarray.DataArray") -> Units:
    written = data.attrs.get("units")
    if written is None:
        return "celsius"
    units = parse_units(str(written))
    if units is None:
        raise SeriesError(
            f"the DataArray is in {str(written)[:40]!r}, not in a known unit of temperature: convert it to °C, and set "
            'its attribute units to "degree_Celsius"'
        )
    return units


def _unsupported(given: str) -> TypeError:
    return TypeError(
        "expected one series: an SstSeries, a pandas Series, a pandas DataFrame with one column, or an xarray "
        f"DataArray whose only dimension is time; got {given}"
    )
