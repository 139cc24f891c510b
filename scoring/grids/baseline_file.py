"""Staging the baselines of the cells of a grid."""

from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from forecasting.errors import FileError
from forecasting.events.days import DAYS
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.base.text import sniff_binary
from forecasting.readers.grid.cf import find_units
from forecasting.readers.grid.fields import Field
from forecasting.readers.grid.store import opened, readable
from forecasting.series.units import to_celsius
from scoring.errors import ScoringError, in_one_line
from scoring.grids.baselines import BASELINES, NAMES, Values

_DAY_NAMES: Final = ("dayofyear", "doy", "day_of_year", "day")
_NEAR_DEGREES: Final = 1e-3


def stage_baselines(path: Path, field: Field, folder: Path) -> None:
    """Write climatology and threshold of each cell of ``field`` to ``folder``, °C as float32 ``(2, 366, cells)``.

    Raises:
        ScoringError: if the file does not have them for each day of a leap year, on the grid of ``field``.
    """
    try:
        _stage(path, field, folder)
    except FileError as error:
        raise ScoringError(f"{path}: {in_one_line(error)}") from None


def _stage(path: Path, field: Field, folder: Path) -> None:
    kind = sniff_binary(path)
    if kind not in ("netcdf", "zarr"):
        raise FileError("is not NetCDF or Zarr; a baseline of a grid is a grid, or a period such as 1983/2012")
    with opened(path, kind) as data, readable(kind), (folder / BASELINES).open("wb") as file:
        for name in NAMES:
            if name not in data.data_vars:
                raise FileError(f"has no variable {name}; it needs climatology and threshold (dayofyear, …)")
            file.write(_values(data[name], field).astype("<f4").data)


def _values(given: xr.DataArray, field: Field) -> Values:
    """Return °C ``(366, cells)`` in the order of the cells of ``field``."""
    along = next((name for name in _DAY_NAMES if given.sizes.get(name) == DAYS), None)
    if along is None:
        sizes = ", ".join(f"{dim} ({size})" for dim, size in given.sizes.items())
        raise FileError(f"variable {given.name} has dimensions {sizes}, but needs dayofyear with {DAYS} days")
    for dim in field.dims:
        if given.sizes.get(dim) != field.value.sizes[dim]:
            raise FileError(f"variable {given.name} has another number of points along {dim} than the input; regrid it")
        if dim in given.coords and dim in field.value.coords:
            _check_axis(given, field, dim)
    units, _, _ = find_units(given, ReadingOptions())
    values = np.asarray(given.transpose(along, *field.dims).values, dtype=np.float64).reshape(DAYS, -1)
    return to_celsius(values, units).astype(np.float32)


def _check_axis(given: xr.DataArray, field: Field, dim: str) -> None:
    theirs, ours = np.asarray(given[dim].values), np.asarray(field.value[dim].values)
    is_number = theirs.dtype.kind in "fiu" and ours.dtype.kind in "fiu"
    same = np.allclose(theirs, ours, rtol=0, atol=_NEAR_DEGREES) if is_number else np.array_equal(theirs, ours)
    if not same:
        raise FileError(f"its {dim} differs from that of the input; regrid it, or sort it the same way")
