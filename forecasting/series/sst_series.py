"""A valid SST series: °C on a regular grid of times in UTC, NaN where a value is missing."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Union

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.observations import choose_clock, regular_grid
from forecasting.series.shape import missing_runs
from forecasting.series.times import SECONDS, YEAR, Floats, Times, month_of, short
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, parse_units, sea_temperatures
from forecasting.series.weather import COVARIATES, WIND_UNITS_REMEDY, Weather, WeatherReader, WindUnits
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
        weather: over the series, which may reach beyond its end; None without any.
    """

    values: Floats
    start: np.datetime64
    step: TimeStep
    notes: tuple[str, ...] = field(default=())
    weather: Weather | None = field(default=None, kw_only=True)

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
        return SstSeries(self.values[begin:end], self.times[begin], self.step, weather=self.weather)

    def until_last_observation(self) -> "SstSeries":
        """Return the series without missing values at its end."""
        observed = np.flatnonzero(np.isfinite(self.values))
        return SstSeries(self.values[: observed[-1] + 1], self.start, self.step, self.notes, weather=self.weather)

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
        clock = choose_clock(*_clocks_of(series.index, "Series"))
        return cls.from_observations(clock, _numbers_of(series, "the Series"), units=units, step=step)

    def with_weather(
        self,
        weather: "Weather | pd.DataFrame",
        *,
        units: Units = "celsius",
        wind_units: WindUnits = "m/s",
        source: str | None = None,
    ) -> "SstSeries":
        """Return the series with the weather over it.

        Args:
            weather: a DataFrame indexed by time (UTC where without a time zone) with the columns ``air_temperature``
                and ``wind_speed``, or one of them. Rows after the end of the series are a forecast. Rows of older
                forecasts have their time of issue in a column ``issued``, which is empty in the others.
            units: of the air temperature.
            wind_units: of the wind speed.
            source: where the weather comes from; the forecast repeats it.

        Raises:
            SeriesError: if the weather is not that of this series, or its values are implausible.
        """
        if isinstance(weather, Weather):
            return replace(self, weather=weather)
        import pandas as pd

        utc, local = _clocks_of(weather.index, "DataFrame")
        issued, columns = None, {str(name): column for name, column in weather.items()}
        if "issued" in columns:
            try:
                times = pd.to_datetime(columns.pop("issued"), utc=True, format="ISO8601")
            except ValueError as error:
                raise SeriesError(f"the values of issued must be times: {error}") from None
            issued = times.dt.tz_localize(None).to_numpy().astype(SECONDS)
        numbers = {name: _numbers_of(column, name) for name, column in columns.items()}
        reader = WeatherReader(self.step, self.start, self.values, units, wind_units, WIND_UNITS_REMEDY)
        read = reader.of_rows(local if self.step.calendar_month else utc, numbers, issued, source)
        if read is None:
            raise SeriesError(f"weather: it has no values: give {' and '.join(COVARIATES)}, or one of them")
        return replace(self, weather=read)

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


def to_sst_series(data: SeriesLike, weather: "Weather | pd.DataFrame | None" = None) -> SstSeries:
    """Convert one series of SST; an :class:`SstSeries` is returned unchanged.

    Args:
        data: an SstSeries; a pandas Series or a DataFrame with one column, indexed by time; or an xarray DataArray
            whose only dimension is time. Times without a time zone are UTC. Values are in °C, unless the attribute
            ``units`` of a DataArray says otherwise. A DataFrame may also have the columns ``air_temperature`` (°C) and
            ``wind_speed`` (m/s), with rows after the last SST, where the series ends.
        weather: over the series, °C and m/s; see :meth:`SstSeries.with_weather`.

    Raises:
        TypeError: if ``data`` is anything else.
        SeriesError: if the index holds no times, the values are not a valid series, or their units are not known.
    """
    if weather is not None:
        return to_sst_series(data).with_weather(weather)
    if isinstance(data, SstSeries):
        return data
    import pandas as pd

    if isinstance(data, pd.Series):
        return SstSeries.from_pandas(data)
    if isinstance(data, pd.DataFrame):
        over = [name for name in data.columns if name in COVARIATES]
        sst = data.drop(columns=over)
        if sst.shape[1] != 1:
            raise _unsupported(f"a DataFrame with {data.shape[1]} columns")
        series = SstSeries.from_pandas(sst.iloc[:, 0])
        if not data[over].notna().any(axis=None):
            return series
        return series.until_last_observation().with_weather(data[over])
    # A caller with an xarray object has already imported xarray; others should not wait for the import.
    module = sys.modules.get("xarray")
    if module is not None and isinstance(data, module.DataArray):
        if data.ndim != 1:
            raise _unsupported(f"a DataArray with the dimensions {data.dims}")
        return SstSeries.from_pandas(data.to_series(), units=_units_of(data))
    name = f"{type(data).__module__}.{type(data).__qualname__}"
    raise _unsupported(name.removeprefix("builtins."))


def _clocks_of(index: "pd.Index[Any]", of: str) -> tuple[Times, Times]:
    """Return the times of an index in UTC, and on the clock of its time zone."""
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        raise SeriesError(f"the index of the {of} must contain times: convert it with pandas.to_datetime")
    utc = index.to_numpy() if index.tz is None else index.tz_convert("UTC").tz_localize(None).to_numpy()
    return utc.astype(SECONDS), index.tz_localize(None).to_numpy().astype(SECONDS)


def _numbers_of(column: "pd.Series[Any]", name: str) -> Floats:
    try:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SeriesError(f"the values of {name} must be numbers: {error}") from None


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
