"""Grids read on the cells of an outlook: by latitude and longitude, whatever their order."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.grid.fields import Field
from forecasting.readers.options import ReadingOptions
from forecasting.series.times import DAY, Floats, Times
from scoring.grids.field import open_files
from scoring.grids.input import positions_of
from scoring.outlook.grid import axes_of

Values = npt.NDArray[np.float32]

SAME_DEGREES: Final = 1e-3
_DAYS_KEPT: Final = 64
"""Days of a grid that are kept: those around the leads of an outlook."""


@dataclass(frozen=True, eq=False)
class Axes:
    """Latitudes and longitudes of a regular grid.

    Attributes:
        dims: dimensions of latitude and longitude.
        lat: degrees north of the rows, ``(rows,)``.
        lon: degrees east of the columns, ``(columns,)``.
    """

    dims: tuple[str, str]
    lat: Floats
    lon: Floats

    @classmethod
    def of(cls, field: Field) -> "Axes":
        """Return those of a grid.

        Raises:
            FileError: if it has none.
        """
        dims, places = axes_of(field), positions_of(field)
        if dims is None or places is None:
            raise FileError(f"its dimensions {', '.join(field.dims)} are not one of latitude and one of longitude")
        grid = places.astype(np.float64).reshape(*field.shape, 2)
        if dims != field.dims:
            grid = grid.swapaxes(0, 1)
        return cls(dims, grid[:, 0, 0], grid[0, :, 1])

    @property
    def size(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self.lat), len(self.lon)

    def places_in(self, other: "Axes") -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the row and the column in ``other`` of each of these; −1 where it has none.

        Raises:
            FileError: if they have no cell in common.
        """
        north = np.abs(self.lat[:, None] - other.lat)
        east = np.abs((self.lon[:, None] - other.lon + 180) % 360 - 180)
        rows, columns = (np.where(gap.min(axis=1) <= SAME_DEGREES, gap.argmin(axis=1), -1) for gap in (north, east))
        if (rows < 0).all() or (columns < 0).all():
            raise FileError(
                f"has no cell of the outlook: its latitudes are {_range(other.lat)} and its longitudes "
                f"{_range(other.lon)}, but those of the outlook are {_range(self.lat)} and {_range(self.lon)}; "
                "interpolate it to the cells of the outlook first"
            )
        return rows, columns


def _range(axis: Floats) -> str:
    step = f" every {np.median(np.abs(np.diff(axis))):.4g}" if len(axis) > 1 else ""
    return f"{axis.min():.4g} to {axis.max():.4g}{step}"


@dataclass(eq=False)
class AlignedGrid:
    """A daily grid of observations, read on the cells of an outlook.

    Attributes:
        rows: its row for each row of the outlook, −1 where it has none.
        columns: its column for each column of the outlook.
    """

    grid: Field
    axes: Axes
    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    _at: dict[int, int]
    _kept: "OrderedDict[int, Values]" = field(default_factory=OrderedDict)

    @property
    def cells(self) -> int:
        """Number of cells of the outlook that the grid has."""
        return int((self.rows >= 0).sum() * (self.columns >= 0).sum())

    def days(self) -> Times:
        """Return the days of the grid, ascending."""
        return np.asarray(sorted(self._at)).astype("datetime64[D]")

    def on(self, day: np.datetime64) -> Values:
        """Return what was observed on a day, °C ``(rows, columns)`` of the outlook, NaN where nothing was."""
        number = int(day.astype("datetime64[D]").astype(np.int64))
        if number not in self._kept:
            self._kept[number] = self._read(number)
            if len(self._kept) > _DAYS_KEPT:
                self._kept.popitem(last=False)
        return self._kept[number]

    def _read(self, day: int) -> Values:
        on_cells = np.full((len(self.rows), len(self.columns)), np.nan, dtype=np.float32)
        at = self._at.get(day)
        if at is not None:
            values = self.grid.celsius(slice(at, at + 1)).reshape(self.grid.shape)
            values = values if self.axes.dims == self.grid.dims else values.T
            inside = np.ix_(self.rows >= 0, self.columns >= 0)
            on_cells[inside] = values[np.ix_(self.rows[self.rows >= 0], self.columns[self.columns >= 0])]
        return on_cells


@contextmanager
def aligned_grid(files: tuple[Path, ...], reading: ReadingOptions, cells: Axes) -> Iterator[AlignedGrid]:
    """Open a grid of observations for the cells of an outlook.

    Raises:
        FileError: if it cannot be read, is not daily, or has none of the cells.
    """
    with open_files(files, reading) as observed:
        times = observed.times
        days = times.astype("datetime64[D]").astype(np.int64)
        if len(set(days.tolist())) < len(days):
            raise FileError(f"has several times a day, but an outlook is of days ({DAY // 3600} hours); average it")
        axes = Axes.of(observed)
        rows, columns = cells.places_in(axes)
        yield AlignedGrid(observed, axes, rows, columns, {day: i for i, day in enumerate(days.tolist())})
