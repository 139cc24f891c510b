"""A grid of temperatures as a whole: every cell, some times at once. For the series of one place see ``grids``."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.base.flags import heed, unheeded
from forecasting.readers.base.options import Options
from forecasting.readers.base.validity import Validity
from forecasting.readers.grid.ancillary import find_flags, find_unheeded, flags_of
from forecasting.readers.grid.cf import find_time, find_times, find_units, one_depth, opened, readable
from forecasting.readers.grid.variables import find_variable
from forecasting.series.times import Times
from forecasting.series.units import Units, to_celsius

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Field:
    """One variable on a grid whose values are read piece by piece.

    Attributes:
        data: all that the file holds.
        value: the temperatures as the file has them, without a dimension of depth.
        flags: QARTOD flags of theirs; None where there are none.
        units: of ``value``.
        time: name of the variable of times.
        along: the dimension of time.
        times: in the order of the file, ``(n,)``.
        kind: ``netcdf`` or ``zarr``.
        validity: what its values have to be.
        notes: what was chosen, and what to look at.
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
        """Dimensions besides time, in the order of the file."""
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
        """°C at some times, ``(times, cells)``, NaN where missing or flagged so; ``rows`` of the first of ``dims``.

        Raises:
            FileError: if they cannot be read.
        """
        with readable(self.kind):
            values, _ = self.validity.masked(self._take(self.value, steps, rows))
            if self.flags is not None:
                flags = flags_of(self.flags, self._take(self.flags, steps, rows))
                values = heed(values.astype(np.float64), flags, str(self.flags.name)).values
        celsius = values if self.units == "celsius" else to_celsius(values, self.units)
        return np.asarray(celsius, dtype=np.float32).reshape(len(values), -1)

    def _take(self, variable: "xr.DataArray", steps: slice, rows: slice) -> npt.NDArray[Any]:
        index = {self.along: steps} | ({self.dims[0]: rows} if self.dims else {})
        values = np.asarray(variable.isel(index).transpose(self.along, *self.dims).values)
        return np.asarray(values, dtype=None if values.dtype.kind == "f" else np.float64)


@contextmanager
def open_field(path: Path, kind: str, options: Options) -> Iterator[Field]:
    """The temperatures of a ``netcdf`` file or ``zarr`` store on their grid.

    Raises:
        FileError: if it cannot be read, or its variables cannot be understood: which, and what to do.
    """
    with opened(path, kind) as data:
        with readable(kind):
            field = _understand(data, kind, options)
        yield field


def _understand(data: "xr.Dataset", kind: str, options: Options) -> Field:
    name = find_variable(data, options)
    value = data[name]
    if value.dtype.kind not in "fiu":
        raise FileError(f"variable {name} holds no numbers")
    units, _, doubt = find_units(value, options)
    time = find_time(data, value, options)
    along = str(data[time].dims[0])
    taken = {"value": value}
    flags = find_flags(data, name, options)
    if flags is not None:
        taken["flags"] = data[flags]
    aside = find_unheeded(data, name, options)
    notes = [] if aside is None else [unheeded(None, None, aside)]
    taken = one_depth(data, taken, along, options, notes)
    times = find_times(data, time)
    if np.isnat(times).any():
        raise FileError(f"variable {time} lacks the time of step {int(np.isnat(times).argmax())}; correct the file")
    validity = Validity.of(value, options.missing)
    said = (*notes, *doubt)
    return Field(data, taken["value"], taken.get("flags"), units, time, along, times, kind, validity, said)
