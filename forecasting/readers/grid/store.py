"""Open NetCDF files and Zarr stores.

xarray comes with an extra, and is only imported when a grid is read.
"""

import contextlib
import os
import re
import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecasting.errors import FileError, MissingExtraError, SeriesError
from forecasting.extras import needs_extra
from forecasting.readers.dates import FARTHEST_SECONDS, seconds_of_unit
from forecasting.readers.grid.codecs import refuse_unknown_codecs
from forecasting.wording import listed

if TYPE_CHECKING:
    import h5py
    import xarray as xr

_SAME: Final = 1e-3
"""Largest difference between fractions of a month that are meant to be equal."""
_MONTHS: Final = re.compile(r"months? since (\d{1,4})-(\d\d?)-0?1\b.*", re.IGNORECASE)


@contextmanager
def opened(path: Path, kind: str) -> "Iterator[xr.Dataset]":
    """Open a ``netcdf`` file or ``zarr`` store without reading its values."""
    with _needs_grids():
        import xarray
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on encodings is for authors of files
        with readable(kind):
            if kind == "zarr":
                refuse_unknown_codecs(path)
            data = _open(xarray, path, "zarr" if kind == "zarr" else _engine(path))
            if not data.data_vars:
                _refuse_groups(path, kind)
        with data:
            yield data


def refuse_other_files(path: Path, kind: str = "netcdf") -> None:
    """Refuse a ``netcdf`` file or ``zarr`` store that takes values from files outside of it; no value is read.

    HDF5 reads other files for datasets with external storage, for virtual datasets, and behind external links. Soft
    links only leave a file through an external link. In a Zarr store, links do, and a pipe would never end.
    """
    with readable(kind):
        if kind == "zarr":
            _refuse_links(path)
            return
        if _engine(path) != "h5netcdf":
            return
        import h5py

        with h5py.File(path, "r") as file:
            groups, seen = [file["/"]], {file["/"]}
            while groups:
                group = groups.pop()
                for name in group:
                    item = _own_item(group, name)
                    if isinstance(item, h5py.Group) and item not in seen:
                        groups.append(item)
                        seen.add(item)


def _refuse_links(store: Path) -> None:
    folders = [os.fspath(store)]
    while folders:
        with os.scandir(folders.pop()) as inside:
            for item in inside:
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.path)
                elif not item.is_file(follow_symlinks=False):
                    name = Path(item.path).relative_to(store)
                    raise FileError(
                        f"{name} is a link or no file: only the store itself is read; copy the file into it"
                    )


def _own_item(group: "h5py.Group", name: str) -> Any:
    """What a hard link leads to, None for a soft link; refuses what is in other files."""
    import h5py

    link = group.get(name, getlink=True)
    item = group[name] if isinstance(link, h5py.HardLink) else None
    where = ""
    if isinstance(link, h5py.ExternalLink):
        where = "is a link to another file"
    elif isinstance(item, h5py.Dataset) and item.external:
        where = "keeps its values in other files (external storage)"
    elif isinstance(item, h5py.Dataset) and item.is_virtual:
        where = "is a virtual dataset, which combines other files"
    if where:
        raise FileError(f"variable {name} {where}: only the file itself is read; copy the values into it")
    return item


def _open(xarray: ModuleType, path: Path, engine: str) -> "xr.Dataset":
    # Without its package, xarray would call an engine unknown.
    import_module(engine)
    try:
        data: xr.Dataset = xarray.open_dataset(path, engine=engine, chunks=None)
    except (ValueError, OverflowError):
        undated = xarray.open_dataset(path, engine=engine, chunks=None, decode_times=False)
        with contextlib.ExitStack() as opened_anew:
            opened_anew.enter_context(undated)
            _refuse_fill_times(undated)
            months = _months(undated)
            if not months:
                raise
            data = xarray.decode_cf(undated.assign_coords(months), mask_and_scale=False)
            opened_anew.pop_all()
    return data


def _months(data: "xr.Dataset") -> dict[Hashable, Any]:
    """Return the times in months, which xarray cannot decode, as the first day of each month."""
    decoded: dict[Hashable, Any] = {}
    for name, variable in data.variables.items():
        origin = _MONTHS.fullmatch(str(variable.attrs.get("units", "")))
        if origin is None or variable.dtype.kind not in "iuf":
            continue
        values = np.asarray(variable.values, dtype=np.float64)
        # Some files give the middle of each month, others its beginning.
        if not np.isfinite(values).all() or np.ptp(values - np.floor(values)) > _SAME:
            continue
        first = np.datetime64(f"{int(origin[1]):04}-{int(origin[2]):02}", "M")
        attributes = {key: value for key, value in variable.attrs.items() if key not in ("units", "calendar")}
        times = (first + np.floor(values).astype(np.int64)).astype("datetime64[s]")
        decoded[name] = (variable.dims, times, attributes)
    return decoded


def _refuse_fill_times(data: "xr.Dataset") -> None:
    """Refuse a time that is too far from the origin, such as an undeclared fill value."""
    for name, variable in data.variables.items():
        unit, _, origin = str(variable.attrs.get("units", "")).partition(" since ")
        seconds = seconds_of_unit(unit)
        if not origin or seconds is None or variable.dtype.kind not in "iuf":
            continue
        values = np.ravel(np.asarray(variable.values, dtype=np.float64))
        wrong = np.abs(values) * seconds >= FARTHEST_SECONDS
        if wrong.any():
            i = int(wrong.argmax())
            raise FileError(
                f"variable {name} holds {values[i]:g} as the time of step {i}, which is not a valid time; drop the "
                "step, or declare the number as _FillValue"
            )


def _refuse_groups(path: Path, kind: str) -> None:
    """Refuse a file whose variables are in groups, naming them."""
    paths = _zarr_paths(path) if kind == "zarr" else _netcdf_paths(path)
    groups = [group for group in dict.fromkeys(inner.rpartition("/")[0] for inner in paths) if group]
    if not groups:
        return
    advice = f"name one, such as {path.name}/{groups[0]}"
    if kind == "netcdf":
        advice = f"save one as a file, for example with xarray.open_dataset(path, group={groups[0]!r}).to_netcdf(other)"
    raise FileError(f"has its variables in groups ({listed(groups)}); {advice}")


def _netcdf_paths(path: Path) -> list[str]:
    """Paths of all variables of a file in all groups."""
    if _engine(path) != "h5netcdf":
        return []
    import h5py

    paths: list[str] = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: paths.append(name) if isinstance(item, h5py.Dataset) else None)
    return paths


def _zarr_paths(path: Path) -> list[str]:
    """Paths of the arrays of a Zarr store."""
    import zarr

    inside = zarr.open_group(path, mode="r").members(max_depth=None)
    return sorted(name for name, item in inside if isinstance(item, zarr.Array))


@contextmanager
def readable(kind: str) -> Iterator[None]:
    """Convert errors while reading a ``netcdf`` file or ``zarr`` store."""
    try:
        with _needs_grids():
            yield
    except SeriesError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        if undated := re.search(r"unable to decode time units '([^']*)'", reason):
            raise FileError(
                f"has times in {undated[1]!r}, which are not dates; write them as 'days since 1970-01-01'"
            ) from None
        advice = "check whether it is complete, or download it again"
        raise FileError(f"cannot read it as {'NetCDF' if kind == 'netcdf' else 'Zarr'}: {reason}; {advice}") from None


@contextmanager
def _needs_grids() -> Iterator[None]:
    try:
        with needs_extra("grids", "reading NetCDF and Zarr"):
            yield
    except MissingExtraError as error:
        raise FileError(str(error)) from None


def _engine(path: Path) -> str:
    """Return the library that reads a file; the netCDF library would crash on damaged classic files."""
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"CDF\x05":
        raise FileError("is NetCDF in the 64-bit data format; convert it, for example with nccopy -k netCDF-4")
    if head[:3] == b"CDF":
        return "scipy"
    import h5py

    # Open it here first, as h5netcdf prints a traceback from its finaliser if this fails.
    h5py.File(path, "r").close()
    return "h5netcdf"
