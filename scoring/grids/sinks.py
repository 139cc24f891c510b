"""Output files of gridded forecasts, written row by row."""

import errno
import os
from pathlib import Path
from typing import Any, Final, Protocol

import h5netcdf
import numpy as np
import numpy.typing as npt
import xarray as xr

from scoring.grids.variable import Variable

Index = tuple[slice, ...]

_OVERHEAD: Final = 1_000_000
"""Upper bound on the bytes of a NetCDF file besides its values."""
_COMPRESSED: Final[dict[str, Any]] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class Sink(Protocol):
    """An output file open for writing."""

    def create(self, name: str, dims: dict[str, int], chunks: tuple[int, ...], variable: Variable) -> None:
        """Add a variable with these sizes by dimension, filled with missing values."""

    def write(self, name: str, index: Index, values: npt.NDArray[np.generic]) -> None:
        """Set part of a variable."""

    def close(self) -> None:
        """Finish and close the file."""


class NetcdfSink:
    """NetCDF 4, compressed."""

    def __init__(self, path: Path, skeleton: xr.Dataset, size: int) -> None:
        _reserve(path, size + _OVERHEAD)
        skeleton.to_netcdf(path, engine="h5netcdf")
        self._file = h5netcdf.File(path, "a")

    def create(self, name: str, dims: dict[str, int], chunks: tuple[int, ...], variable: Variable) -> None:
        """See :class:`Sink`."""
        for dim, size in dims.items():
            if dim not in self._file.dimensions:
                self._file.dimensions[dim] = size
        fill = None if variable.fill is None else np.dtype(variable.dtype).type(variable.fill)
        created = self._file.create_variable(
            name, tuple(dims), variable.dtype, fillvalue=fill, chunks=chunks or None, **(_COMPRESSED if chunks else {})
        )
        created.attrs.update(variable.attributes)

    def write(self, name: str, index: Index, values: npt.NDArray[np.generic]) -> None:
        """See :class:`Sink`."""
        self._file.variables[name][index] = values

    def close(self) -> None:
        """See :class:`Sink`."""
        self._file.close()


class ZarrSink:
    """Zarr, format 3."""

    def __init__(self, path: Path, skeleton: xr.Dataset, size: int) -> None:
        import zarr  # takes half a second

        skeleton.to_zarr(path, zarr_format=3, consolidated=False)
        self._group = zarr.open_group(path, mode="a")

    def create(self, name: str, dims: dict[str, int], chunks: tuple[int, ...], variable: Variable) -> None:
        """See :class:`Sink`."""
        attributes = {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in variable.attributes.items()
        }
        if variable.fill is not None and np.dtype(variable.dtype).kind == "i":
            attributes["_FillValue"] = int(variable.fill)  # fill values of Zarr do not mark missing integers
        self._group.create_array(
            name, shape=tuple(dims.values()), chunks=chunks, dtype=variable.dtype, fill_value=variable.fill or 0,
            dimension_names=tuple(dims), attributes=attributes,
        )  # fmt: skip

    def write(self, name: str, index: Index, values: npt.NDArray[np.generic]) -> None:
        """See :class:`Sink`."""
        array: Any = self._group[name]
        array[index] = values

    def close(self) -> None:
        """Do nothing: every write is already complete."""


def _reserve(path: Path, size: int) -> None:
    """Reserve ``size`` bytes on disk, because HDF5 aborts the process if the disk fills up while writing.

    Raises:
        OSError: if there is not enough space.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # the file system cannot reserve space
                raise


SINKS: Final[dict[str, type[NetcdfSink] | type[ZarrSink]]] = {"netcdf": NetcdfSink, "zarr": ZarrSink}
