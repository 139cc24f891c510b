"""Grids read on the cells of an outlook: by latitude and longitude, whatever their order."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.grid.fields import Field
from forecasting.readers.options import ReadingOptions
from forecasting.series.times import DAY, Floats, Times
from scoring.grids.field import open_files
from scoring.grids.input import SAME_DEGREES
from scoring.outlook.grid import regular_axes

Values = npt.NDArray[np.float32]
T = TypeVar("T")


class OpenFiles(Generic[T]):
    """Files that stay open while they are used; of too many, the least recently used one is closed."""

    def __init__(self, opened: Callable[[Path], AbstractContextManager[T]], most: int) -> None:
        self._opened, self._most = opened, most
        self._open: OrderedDict[Path, tuple[AbstractContextManager[T], T]] = OrderedDict()

    def __getitem__(self, path: Path) -> T:
        """Return an open file."""
        if path not in self._open:
            context = self._opened(path)
            self._open[path] = context, context.__enter__()
            if len(self._open) > self._most:
                _, (oldest, _) = self._open.popitem(last=False)
                oldest.__exit__(None, None, None)
        self._open.move_to_end(path)
        return self._open[path][1]

    def close(self) -> None:
        """Close all of them."""
        while self._open:
            _, (context, _) = self._open.popitem()
            context.__exit__(None, None, None)


@dataclass(frozen=True, eq=False)
class Axes:
    """Latitudes and longitudes of a regular grid."""

    dims: tuple[str, str]
    lat: Floats
    lon: Floats

    @classmethod
    def of(cls, field: Field) -> "Axes":
        """Return those of a grid."""
        axes = regular_axes(field)
        if axes is None:
            raise FileError(f"its dimensions {', '.join(field.dims)} are not one of latitude and one of longitude")
        return cls(*axes)

    @property
    def size(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self.lat), len(self.lon)

    def are(self, other: "Axes") -> bool:
        """Return whether the cells of another grid are the same, in the same order."""
        return self.size == other.size and all(
            np.allclose(ours, theirs, rtol=0, atol=SAME_DEGREES)
            for ours, theirs in ((self.lat, other.lat), (self.lon, other.lon))
        )

    def places_in(self, other: "Axes", *, nearest: bool = False) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the row and the column in ``other`` of each of these; −1 where it has none."""
        north = np.abs(self.lat[:, None] - other.lat)
        east = np.abs((self.lon[:, None] - other.lon + 180) % 360 - 180)
        rows, columns = (
            np.where(gap.min(axis=1) <= SAME_DEGREES + (_step(axis) / 2 if nearest else 0), gap.argmin(axis=1), -1)
            for gap, axis in ((north, other.lat), (east, other.lon))
        )
        if (rows < 0).all() or (columns < 0).all():
            raise FileError(
                f"has no cell of the outlook: its latitudes are {_range(other.lat)} and its longitudes "
                f"{_range(other.lon)}, but those of the outlook are {_range(self.lat)} and {_range(self.lon)}; "
                "interpolate it to the cells of the outlook first"
            )
        return rows, columns


def _step(axis: Floats) -> float:
    return float(np.median(np.abs(np.diff(axis)))) if len(axis) > 1 else 0.0


def _range(axis: Floats) -> str:
    step = f" every {_step(axis):.4g}" if len(axis) > 1 else ""
    return f"{axis.min():.4g} to {axis.max():.4g}{step}"


@dataclass(frozen=True, eq=False)
class PlacedField:
    """A grid whose values are read on the cells of an outlook."""

    grid: Field
    axes: Axes
    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]

    @classmethod
    def of(cls, grid: Field, cells: Axes, *, nearest: bool = False) -> "PlacedField":
        """Place a grid; see :meth:`Axes.places_in`."""
        axes = Axes.of(grid)
        return cls(grid, axes, *cells.places_in(axes, nearest=nearest))

    @property
    def cells(self) -> int:
        """Number of cells of the outlook that the grid has."""
        return int((self.rows >= 0).sum() * (self.columns >= 0).sum())

    def at(self, step: int) -> Values:
        """Return the values at a time of the grid, °C ``(rows, columns)`` of the outlook, NaN where there are none."""
        on_cells = np.full((len(self.rows), len(self.columns)), np.nan, dtype=np.float32)
        values = self.grid.celsius(slice(step, step + 1)).reshape(self.grid.shape)
        values = values if self.axes.dims == self.grid.dims else values.T
        inside = np.ix_(self.rows >= 0, self.columns >= 0)
        on_cells[inside] = values[np.ix_(self.rows[self.rows >= 0], self.columns[self.columns >= 0])]
        return on_cells


@dataclass(eq=False)
class AlignedGrid:
    """A daily grid of observations, read on the cells of an outlook."""

    placed: PlacedField
    kept: int = 1
    _at: dict[int, int] = field(default_factory=dict)
    _values: "OrderedDict[int, Values]" = field(default_factory=OrderedDict)

    @property
    def cells(self) -> int:
        """Number of cells of the outlook that the grid has."""
        return self.placed.cells

    def days(self) -> Times:
        """Return the days of the grid, ascending."""
        return np.asarray(sorted(self._at)).astype("datetime64[D]")

    def on(self, day: np.datetime64) -> Values:
        """Return what was observed on a day, °C ``(rows, columns)`` of the outlook, NaN where nothing was."""
        number = int(day.astype("datetime64[D]").astype(np.int64))
        if number not in self._at:
            return np.full((len(self.placed.rows), len(self.placed.columns)), np.nan, dtype=np.float32)
        if number not in self._values:
            self._values[number] = self.placed.at(self._at[number])
            if len(self._values) > self.kept:
                self._values.popitem(last=False)
        return self._values[number]

    def between(self, days: Times, rows: slice) -> Values:
        """Return what was observed on some days in some rows of the outlook, °C ``(rows, columns, days)``."""
        return np.stack([self.on(day)[rows] for day in days], axis=-1)


@contextmanager
def aligned_grid(files: tuple[Path, ...], reading: ReadingOptions, cells: Axes) -> Iterator[AlignedGrid]:
    """Open a grid of observations for the cells of an outlook."""
    with open_files(files, reading) as observed:
        days = observed.times.astype("datetime64[D]").astype(np.int64).tolist()
        if len(set(days)) < len(days):
            raise FileError(f"has several times a day, but an outlook is of days ({DAY // 3600} hours); average it")
        yield AlignedGrid(PlacedField.of(observed, cells), _at={day: i for i, day in enumerate(days)})
