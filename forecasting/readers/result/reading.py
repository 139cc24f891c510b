"""What was found in a file, before and after it became a series."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.base.flags import Marked
from forecasting.readers.base.options import Place
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from forecasting.series.units import Units

UNSAID: Final = "by default: the file does not say"
"""What says so of units that nothing in the file names."""


@dataclass(frozen=True)
class Columns:
    """Columns, or variables of a grid, that were taken; None where there is none.

    Attributes:
        time: one name, or several that make a time together.
        value: of the temperatures.
        station: that tells stations apart.
        flags: of QARTOD flags.
    """

    time: str
    value: str
    station: str | None = None
    flags: str | None = None


@dataclass(frozen=True)
class Observations:
    """What one station of a file holds, as it stands there.

    Attributes:
        station: its name; None where the file holds one series without a name.
        times: UTC, ``(n,)``, in the order of the file.
        values: in ``units``, ``(n,)``, NaN where missing, by sentinel or by flag.
        place: says in words where the i-th stands in the file.
        columns: that were taken.
        units: of ``values``.
        units_from: what says so.
        flags: QARTOD flag → how often it came.
        notes: what was chosen or changed, a sentence each.
        warnings: what the user should look at, a sentence each.
        marked: values flagged suspect or fail, in ``units``; None where nothing is flagged.
    """

    station: str | None
    times: Times
    values: Floats
    place: Callable[[int], str]
    columns: Columns
    units: Units
    units_from: str
    flags: dict[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    marked: Marked | None = None


@dataclass(frozen=True)
class Station:
    """One station of a file, understood: a series, or the reason why there is none.

    Attributes:
        name: None where the file holds one series without a name.
        columns: that were taken.
        units: of the values in the file.
        units_from: what says so.
        flags: QARTOD flag → how often it came.
        warnings: what the user should look at.
        series: None where there is a problem.
        problem: why there is no series, and what to do.
        marked: values flagged suspect or fail, °C, each at the time in the series that it belongs to; None where there
            is no series, or nothing is flagged.
    """

    name: str | None
    columns: Columns
    units: Units
    units_from: str
    flags: dict[int, int]
    warnings: tuple[str, ...]
    series: SstSeries | None
    problem: str | None = None
    marked: Marked | None = None


@dataclass(frozen=True)
class Grid:
    """A grid of which no place was chosen.

    Attributes:
        time: variable of its times.
        value: variable of the temperatures.
        units: of them in the file.
        units_from: what says so.
        step: that the times keep to, as :class:`~forecasting.series.timestep.TimeStep` writes it; None where there is
            none.
        times: how many there are, without repeats.
        start: the first time, UTC; None where there is none.
        end: the last.
        cells: how many there are along each dimension of place.
        latitudes: least and greatest, degrees north.
        longitudes: least and greatest, degrees east, as the file has them.
        range: °C, least and greatest of one time in the middle; None where that was not read, or holds no sea's values.
        example: the cell next to the middle that holds a value then.
        notes: what was chosen, and what to look at, a sentence each.
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
    """A file, understood.

    Attributes:
        path: of the file.
        format: in words.
        stations: in the order of the file; none where a choice has to be made first.
        problem: why there is not one series, and what to do; None where there is.
        grid: of which a place has to be chosen; None where the file is another.
    """

    path: Path
    format: str
    stations: tuple[Station, ...]
    problem: str | None = None
    grid: Grid | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the stations; empty where the file holds one series without a name."""
        return tuple(station.name for station in self.stations if station.name is not None)

    @property
    def series(self) -> SstSeries:
        """The one series.

        Raises:
            FileError: if there is not exactly one, with what to choose.
        """
        if self.problem is not None:
            raise FileError(f"{self.path}: {self.problem}")
        series = self.stations[0].series
        assert series is not None
        return series
