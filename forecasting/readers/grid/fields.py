"""The temperatures of a grid, whose cells are read some times at once; see ``grids`` for the series of one place."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.covariates import Covariate
from forecasting.readers.flags import apply_flags, describe_unused
from forecasting.readers.grid.cf import (
    Validity,
    find_covariates,
    find_flags,
    find_time,
    find_times,
    find_units,
    find_unused_quality,
    find_variable,
    flags_of,
    one_depth,
)
from forecasting.readers.grid.store import opened, readable
from forecasting.readers.options import ReadingOptions, refuse_size
from forecasting.remedies import Remedy
from forecasting.series.times import Times
from forecasting.series.units import Units, to_celsius

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Field:
    """The temperatures of a grid, and what belongs to them.

    Attributes:
        variables: ``value``, as in the file, and perhaps ``flags``, ``unused``: quality in an unsupported scheme, and
            those of ``weather``. None of them has a dimension of depth.
        units_from: where the units come from.
        time: the name of the variable of times.
        along: the dimension of time.
        times: UTC, in the order of the file, ``(n,)``.
        validity: which values are valid.
        notes: one sentence per choice.
        doubts: warnings, such as that the requested units contradict the file.
        weather: the covariates among the variables.
    """

    data: "xr.Dataset"
    variables: "dict[str, xr.DataArray]"
    units: Units
    units_from: str
    time: str
    along: str
    times: Times
    kind: str
    validity: Validity
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    weather: tuple[Covariate, ...]

    @property
    def value(self) -> "xr.DataArray":
        """The temperatures."""
        return self.variables["value"]

    @property
    def unused(self) -> str | None:
        """The name of a variable of quality in an unsupported scheme."""
        return str(self.variables["unused"].name) if "unused" in self.variables else None

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
        """Read °C at some times, ``(times, cells)``, NaN where missing or flagged bad."""
        with readable(self.kind):
            values, _ = self.validity.masked(self._read_values(self.value, steps, rows))
            if (variable := self.variables.get("flags")) is not None:
                flags = flags_of(variable, self._read_values(variable, steps, rows))
                values = apply_flags(values.astype(np.float64), flags, str(variable.name)).values
        celsius = values if self.units == "celsius" else to_celsius(values, self.units)
        return np.asarray(celsius, dtype=np.float32).reshape(len(values), -1)

    def _read_values(self, variable: "xr.DataArray", steps: slice, rows: slice) -> npt.NDArray[Any]:
        index = {self.along: steps} | ({self.dims[0]: rows} if self.dims else {})
        values = np.asarray(variable.isel(index).transpose(self.along, *self.dims).values)
        return np.asarray(values, dtype=None if values.dtype.kind == "f" else np.float64)


@contextmanager
def open_field(path: Path, kind: str, options: ReadingOptions) -> Iterator[Field]:
    """Open the temperatures of a ``netcdf`` file or ``zarr`` store on their grid, whose times are all known."""
    with opened(path, kind) as data:
        with readable(kind):
            field = find_field(data, kind, options)
        if np.isnat(field.times).any():
            step = int(np.isnat(field.times).argmax())
            raise FileError(f"variable {field.time} has no time for step {step}; correct the file")
        unused = () if field.unused is None else (describe_unused(None, None, field.unused),)
        yield replace(field, notes=(*unused, *field.notes, *field.doubts))


def find_field(data: "xr.Dataset", kind: str, options: ReadingOptions) -> Field:
    """Find the variables to read; times may be NaT."""
    name = find_variable(data, options)
    if data[name].dtype.kind not in "fiu":
        raise FileError(f"variable {name} does not hold numbers")
    units, units_from, doubts = find_units(data[name], options)
    time = find_time(data, data[name], options)
    refuse_size(data[time].size, "values", options)
    times, along = find_times(data, time), str(data[time].dims[0])
    if along not in data[name].dims:
        message = f"variable {name} has no dimension {along}, along which {time} holds times"
        raise FileError(message, remedy=Remedy.of("; choose another time variable with {}", "time_column"))
    flags = find_flags(data, name, options)
    unused = find_unused_quality(data, name) if flags is None and options.flags is None else None
    notes: list[str] = []
    weather, unknown = find_covariates(data, name)
    names = {"value": name, "flags": flags, "unused": unused, **{each.name: each.column for each in weather}}
    variables = {role: data[each] for role, each in names.items() if each is not None}
    variables = one_depth(data, variables, along, options, notes)
    validity = Validity.of(data[name], options.missing)
    doubts = (*doubts, *unknown)
    return Field(
        data, variables, units, units_from, time, along, times, kind, validity, tuple(notes), doubts, tuple(weather)
    )
