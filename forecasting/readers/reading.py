"""Contents of a file, before and after they become series."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.flags import Marked
from forecasting.readers.place import Place
from forecasting.remedies import Syntax, in_python
from forecasting.series.shape import missing_runs
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, iso
from forecasting.series.units import Units, parse_units
from forecasting.series.weather import WeatherReader

UNSAID: Final = "by default, as the file does not say"
"""Source of units that the file does not state."""

OF_STATION: Final = "as for the station, as the file does not say"
"""Source of units that only the station states."""


def as_requested(name: str, units: Units, written: str) -> tuple[Units, str, tuple[str, ...]]:
    """Return the requested units of a column, their source, and a warning if the file has ``written`` others."""
    warning = f"read {name} in {units}, as requested, although the file says {written}"
    return units, "as requested", (warning,) if parse_units(written) not in (None, units) else ()


@dataclass(frozen=True)
class ColumnNames:
    """Columns of a table, or variables of a grid, that were read."""

    time: str
    value: str
    station: str | None = None
    flags: str | None = None
    weather: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ReadStation:
    """One station of a file: a series, or the reason why there is none.

    Attributes:
        name: None if the file holds one series without a name.
        units: the units of the values in the file.
        units_from: where the units come from.
        flags: number of values by QARTOD flag.
        warnings: one sentence per doubt that the user should check.
        marked: values flagged suspect or fail; °C, at their times in the series, if there is one. None without flags.
        position: the last position; None if the file does not say, or the station moves.
        series: None if there is an error.
        error: why there is no series, and what to do.
    """

    name: str | None
    columns: ColumnNames
    units: Units
    units_from: str
    flags: dict[int, int]
    warnings: tuple[str, ...]
    marked: Marked | None = None
    position: Place | None = None
    series: SstSeries | None = None
    error: FileError | None = None

    @property
    def problem(self) -> str | None:
        """The error as a sentence, with options as in Python."""
        return None if self.error is None else str(self.error)


@dataclass(frozen=True, eq=False)
class WeatherRows:
    """Rows of weather at one place.

    Attributes:
        times: UTC ``(rows,)``.
        columns: by name, °C and m/s ``(rows,)``, NaN where missing.
        issued: times of issue of older forecasts, NaT in the other rows ``(rows,)``; None without any.
    """

    times: Times
    columns: Mapping[str, Floats]
    issued: Times | None = None

    def joined(self, other: "WeatherRows") -> "WeatherRows":
        """Return the rows of both, neither of which has a time of issue."""
        columns = {
            name: np.concatenate([part.columns.get(name, np.full(len(part.times), np.nan)) for part in (self, other)])
            for name in {**self.columns, **other.columns}
        }
        return WeatherRows(np.concatenate([self.times, other.times]), columns)

    def over(self, series: SstSeries, source: str | None = None) -> SstSeries:
        """Return the series up to its last observation, with this weather; without, if no row has a value."""
        reader = WeatherReader(
            series.step,
            series.start,
            series.values,
            wind_remedy="State its units, as in the header `wind_speed (knots)`, or convert it to m/s",
            missing_remedy="; if it marks a missing value, leave it empty or declare it with the option missing",
            has_header=True,
        )
        weather = reader.of_rows(self.times, self.columns, self.issued, source)
        return series if weather is None else replace(series.until_last_observation(), weather=weather)


@dataclass(frozen=True)
class StationObservations:
    """Observations of one station in the order of the file.

    Attributes:
        station: what is known of the station, without its series.
        times: UTC, ``(n,)``.
        values: in the units of the station, ``(n,)``, NaN where missing, marked as missing or flagged bad.
        where: describes where the i-th observation is in the file.
        notes: one sentence per choice or change.
        weather: at the same times; None without columns of weather.
    """

    station: ReadStation
    times: Times
    values: Floats
    where: Callable[[int], str]
    notes: tuple[str, ...] = ()
    weather: WeatherRows | None = None


@dataclass(frozen=True)
class Grid:
    """A grid without a chosen place.

    Attributes:
        step: the step, as :class:`~forecasting.series.timestep.TimeStep` writes it; None if the times are irregular.
        times: number of distinct times.
        start: first time, UTC; None if there are no times.
        end: last time, UTC.
        cells: number of cells along each dimension of space.
        latitudes: least and greatest, degrees north.
        longitudes: least and greatest, degrees east, as in the file.
        range: °C, least and greatest value at a time in the middle; None if it was not read or is not of a sea.
        example: the cell with a value at that time that is nearest to the middle of the grid.
        notes: one sentence per choice or doubt.
    """

    time: str
    value: str
    units: Units
    units_from: str
    step: str | None
    times: int
    start: np.datetime64 | None
    end: np.datetime64 | None
    cells: dict[str, int]
    latitudes: tuple[float, float]
    longitudes: tuple[float, float]
    range: tuple[float, float] | None
    example: Place | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """What was read from a file."""

    path: Path
    format: str
    stations: tuple[ReadStation, ...]
    error: FileError | None = None
    grid: Grid | None = None

    @property
    def problem(self) -> str | None:
        """The error as a sentence, with options as in Python."""
        return None if self.error is None else str(self.error)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stations; empty if the file holds one series without a name."""
        return tuple(station.name for station in self.stations if station.name is not None)

    @property
    def series(self) -> SstSeries:
        """The one series."""
        if self.error is not None:
            raise FileError.of(self.error, f"{self.path}: ")
        series = self.stations[0].series
        assert series is not None
        return series


def describe(station: ReadStation, syntax: Syntax = in_python) -> dict[str, Any]:
    """Describe a station: columns, units and flags; ``series`` or ``problem``; the other is None."""
    columns = asdict(station.columns).items()
    return {
        "name": station.name,
        "columns": {role: [*name] if isinstance(name, tuple) else name for role, name in columns if name is not None},
        "units": station.units,
        "units_from": station.units_from,
        "flags": {str(flag): count for flag, count in station.flags.items()},
        "warnings": list(station.warnings),
        "series": None if station.series is None else _describe_series(station.series),
        "problem": None if station.error is None else station.error.written(syntax),
    }


def describe_grid(grid: Grid) -> dict[str, Any]:
    """Describe a grid without a chosen place."""
    described = asdict(grid)
    return {
        "columns": {"time": described.pop("time"), "value": described.pop("value")},
        **described,
        "start": None if grid.start is None else iso(grid.start),
        "end": None if grid.end is None else iso(grid.end),
        "latitudes": list(grid.latitudes),
        "longitudes": list(grid.longitudes),
        "range": None if grid.range is None else [round(end, 3) for end in grid.range],
        "example": None if grid.example is None else list(grid.example),
        "notes": list(grid.notes),
    }


def _describe_series(series: SstSeries) -> dict[str, Any]:
    runs = missing_runs(series.values)
    lengths = runs[:, 1] - runs[:, 0]
    return {
        "step": str(series.step),
        "values": len(series),
        "start": iso(series.times[0]),
        "end": iso(series.times[-1]),
        "least": round(float(np.nanmin(series.values)), 3),
        "most": round(float(np.nanmax(series.values)), 3),
        "missing": int(lengths.sum()),
        "gaps": len(runs),
        "longest_gap": int(lengths.max(initial=0)),
        "notes": list(series.describe()[1:]),
    }
