"""Read all cells of a grid, some times at once; see ``grids`` for the series of one place."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.flags import apply_flags, describe_unused
from forecasting.readers.grid.cf import (
    Validity,
    find_temperatures,
    find_times,
    flags_of,
    one_depth,
)
from forecasting.readers.grid.store import opened, readable
from forecasting.readers.options import ReadingOptions
from forecasting.series.times import Times
from forecasting.series.units import Units, to_celsius

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Field:
    """A variable on a grid whose values are read in pieces.

    Attributes:
        data: the whole dataset.
        value: the temperatures as in the file, without a dimension of depth.
        flags: their QARTOD flags; None if there are none.
        units: the units of ``value``.
        time: name of the variable of times.
        along: the dimension of time.
        times: UTC, in the order of the file, ``(n,)``.
        kind: ``netcdf`` or ``zarr``.
        validity: which values are valid.
        notes: notes on choices and doubts.
    """

    data: "xr.Dataset"
    value: "xr.DataArray"
    flags: "xr.DataArray | None"
    units: Units
    time: str
    along: str
    times: Times
    kind: str
    validity: Validity
    notes: tuple[str, ...]

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimensions other than time, in the order of the file."""
        return tuple(str(dim) for dim in self.value.dims if dim != self.along)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of :attr:`dims`."""
        return tuple(self.value.sizes[dim] for dim in self.dims)

    @property
    def cells(self) -> int:
        """Number of grid cells at one time."""
        return math.prod(self.shape)

    def celsius(self, steps: slice, rows: slice = slice(None)) -> npt.NDArray[np.float32]:
        """Read °C at some times, ``(times, cells)``, NaN where missing or flagged bad.

        Args:
            steps: positions of the times.
            rows: positions along the first of ``dims``.

        Raises:
            FileError: if the values cannot be read.
        """
        with readable(self.kind):
            values, _ = self.validity.masked(self._read_values(self.value, steps, rows))
            if self.flags is not None:
                flags = flags_of(self.flags, self._read_values(self.flags, steps, rows))
                values = apply_flags(values.astype(np.float64), flags, str(self.flags.name)).values
        celsius = values if self.units == "celsius" else to_celsius(values, self.units)
        return np.asarray(celsius, dtype=np.float32).reshape(len(values), -1)

    def _read_values(self, variable: "xr.DataArray", steps: slice, rows: slice) -> npt.NDArray[Any]:
        index = {self.along: steps} | ({self.dims[0]: rows} if self.dims else {})
        values = np.asarray(variable.isel(index).transpose(self.along, *self.dims).values)
        return np.asarray(values, dtype=None if values.dtype.kind == "f" else np.float64)


@contextmanager
def open_field(path: Path, kind: str, options: ReadingOptions) -> Iterator[Field]:
    """Open the temperatures of a ``netcdf`` file or ``zarr`` store on their grid.

    Raises:
        FileError: if it cannot be read, naming the variable and the remedy.
    """
    with opened(path, kind) as data:
        with readable(kind):
            field = _find_field(data, kind, options)
        yield field


def _find_field(data: "xr.Dataset", kind: str, options: ReadingOptions) -> Field:
    found = find_temperatures(data, options)
    value = data[found.name]
    along = str(data[found.time].dims[0])
    notes = [] if found.unused is None else [describe_unused(None, None, found.unused)]
    selected = one_depth(data, found.variables, along, options, notes)
    times = find_times(data, found.time)
    if np.isnat(times).any():
        raise FileError(f"variable {found.time} has no time for step {int(np.isnat(times).argmax())}; correct the file")
    return Field(
        data, selected["value"], selected.get("flags"), found.units, found.time, along, times, kind,
        Validity.of(value, options.missing), (*notes, *found.doubt),
    )  # fmt: skip
