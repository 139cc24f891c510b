"""Files that forecasts on a grid are written to, row by row, after their skeleton."""

import errno
import os
from pathlib import Path
from typing import Any, Final, Protocol

import h5netcdf
import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr

Index = tuple[slice, ...]

_OVERHEAD: Final = 1_000_000
"""Bytes of NetCDF besides the values, at most."""
_COMPRESSED: Final[dict[str, Any]] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class Sink(Protocol):
    """A file that is open for writing."""

    def create(
        self, name: str, dims: dict[str, int], chunks: tuple[int, ...], dtype: str, attributes: dict[str, Any]
    ) -> None:
        """Add a variable: sizes by dimension; missing everywhere."""

    def write(self, name: str, index: Index, values: npt.NDArray[np.generic]) -> None:
        """Set part of a variable."""

    def close(self) -> None:
        """Complete the file."""


class NetcdfSink:
    """NetCDF 4, compressed."""

    def __init__(self, path: Path, skeleton: xr.Dataset, size: int) -> None:
        _reserve(path, size + _OVERHEAD)
        skeleton.to_netcdf(path, engine="h5netcdf")
        self._file = h5netcdf.File(path, "a")

    def create(
        self, name: str, dims: dict[str, int], chunks: tuple[int, ...], dtype: str, attributes: dict[str, Any]
    ) -> None:
        """See :class:`Sink`."""
        for dim, size in dims.items():
            if dim not in self._file.dimensions:
                self._file.dimensions[dim] = size
        fill = np.float32(np.nan) if dtype == "float32" else None
        variable = self._file.create_variable(
            name, tuple(dims), dtype, fillvalue=fill, chunks=chunks or None, **(_COMPRESSED if chunks else {})
        )
        variable.attrs.update(attributes)

    def write(self, name: str, index: Index, values: npt.NDArray[np.generic]) -> None:
        """See :class:`Sink`."""
        self._file.variables[name][index] = values

    def close(self) -> None:
        """See :class:`Sink`."""
        self._file.close()


class ZarrSink:
    """Zarr, format 3."""

    def __init__(self, path: Path, skeleton: xr.Dataset, size: int) -> None:
        skeleton.to_zarr(path, zarr_format=3, consolidated=False)
        self._group = zarr.open_group(path, mode="a")

    def create(
        self, name: str, dims: dict[str, int], chunks: tuple[int, ...], dtype: str, attributes: dict[str, Any]
    ) -> None:
        """See :class:`Sink`."""
        fill = np.nan if dtype == "float32" else 0
        plain = {key: one.tolist() if isinstance(one, np.ndarray) else one for key, one in attributes.items()}
        self._group.create_array(
            name, shape=tuple(dims.values()), chunks=chunks, dtype=dtype, fill_value=fill,
            dimension_names=tuple(dims), attributes=plain,
        )  # fmt: skip

    def write(self, name: str, index: Index, values: npt.NDArray[np.generic]) -> None:
        """See :class:`Sink`."""
        array = self._group[name]
        assert isinstance(array, zarr.Array)
        array[index] = values

    def close(self) -> None:
        """Every write is complete already."""


def _reserve(path: Path, size: int) -> None:
    """Refuse to begin where the disk is too full: HDF5 brings down the process when a file cannot be completed.

    Raises:
        OSError: if there is no room for ``size`` bytes.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # as file systems say that cannot reserve
                raise


SINKS: Final[dict[str, type[NetcdfSink] | type[ZarrSink]]] = {"netcdf": NetcdfSink, "zarr": ZarrSink}
