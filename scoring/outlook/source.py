"""A grid from an ERDDAP server: a box of a dataset, for its last days."""

import hashlib
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import xarray as xr

from forecasting.downloads import Downloader, FetchError, write_whole
from forecasting.erddap import (
    DatasetInfo,
    GridPart,
    SeriesQuery,
    Span,
    grid_parts,
    info_url,
    parse_info,
    server_address,
)
from forecasting.readers.grid.store import opened
from scoring.run import progress
from scoring.source import named

_LIMIT: Final = 4 << 30
"""Bytes of a response."""
_USUAL: Final = ("sst", "analysed_sst", "sea_surface_temperature", "CRW_SST", "thetao")

_OF_LONGITUDES: Final = ("geospatial_lon_min", "geospatial_lon_max", "Westernmost_Easting", "Easternmost_Easting")
"""Attributes of a file that are not true of two parts of it."""


def is_address(text: str) -> bool:
    """Return whether an input is the address of a server, not a path."""
    return text.startswith(("http://", "https://"))


def download(
    address: str,
    box: tuple[Span | None, Span | None],
    days: int,
    variable: str | None,
    folder: Path,
    tell: Callable[[str], object],
    *,
    quiet: bool,
) -> Path:
    """Download the last ``days`` of a box of a dataset; returns the path of the NetCDF file in ``folder``."""
    match = re.search(r"/griddap/([^./?#]+)", address)
    if match is None:
        raise FetchError(f"{address} is not a dataset of griddap; write https://HOST/erddap/griddap/DATASET")
    name, server = match[1], server_address(address)
    with Downloader.open(tell=tell) as downloader:
        info = parse_info(server, name, downloader.get(info_url(server, name)).decode("utf-8", "replace"))
        query = SeriesQuery((variable or _variable(info),), lat=box[0], lon=box[1])
        parts = grid_parts(info, query, days)
        tell(f"reading {query.variables[0]} of {name} from {server}")
        urls = "\n".join(part.url for part in parts)
        inner = folder / hashlib.sha256(urls.encode()).hexdigest()[:16]  # two commands may want other boxes at once
        inner.mkdir(parents=True, exist_ok=True)
        target = inner / f"{name}.nc"
        files = [target] if len(parts) == 1 else [inner / f"{name}-{i}.nc" for i in range(len(parts))]
        _download_all(parts, files, replace(downloader, limit=_LIMIT, is_text=False), quiet=quiet)
    if len(parts) > 1:
        _join(files, [part.shift for part in parts], target)
    return target


def _download_all(parts: list[GridPart], files: list[Path], downloader: Downloader, *, quiet: bool) -> None:
    sizes = [part.size for part in parts]
    total = None if None in sizes else sum(filter(None, sizes))
    with progress("downloading", total, "B", quiet=quiet) as bar:
        for part, file in zip(parts, files, strict=True):
            before, size = int(bar.n), part.size

            def received(sofar: int, before: int = before, size: int | None = size) -> None:
                # The header of the file comes on top of the values.
                bar.update(before + (sofar if size is None else min(sofar, size)) - bar.n)

            with write_whole(file) as opened_file:
                replace(downloader, received=received).download(part.url, opened_file)


def _join(files: list[Path], shifts: list[float], target: Path) -> None:
    """Write the parts of a box, from west to east, as one file, and remove them."""
    with ExitStack() as stack:
        sides = []
        for file, shift in zip(files, shifts, strict=True):
            with named(file):
                data = stack.enter_context(opened(file, "netcdf"))
            lon = data["longitude"]
            attributes = {name: value for name, value in lon.attrs.items() if name != "actual_range"}
            sides.append(data.assign_coords(longitude=("longitude", lon.values + lon.dtype.type(shift), attributes)))
        try:
            joined = xr.concat(
                sides, "longitude", data_vars="minimal", coords="minimal", compat="override", join="exact",
                combine_attrs="override",
            )  # fmt: skip
        except ValueError:
            raise FetchError(
                f"the parts of {target.name} on both sides of the edge of its longitudes have different times or "
                "latitudes, since the dataset has just changed; run the same command again"
            ) from None
        joined.attrs = {name: value for name, value in joined.attrs.items() if name not in _OF_LONGITUDES}
        with write_whole(target) as whole:
            whole.write(joined.to_netcdf(engine="scipy"))
    for file in files:
        file.unlink()


def _variable(info: DatasetInfo) -> str:
    temperature = [
        name for name in info.variables
        if info.attributes.get(name, {}).get("standard_name", "").startswith("sea_surface")
        and "temperature" in info.attributes[name]["standard_name"]
        and "anomaly" not in info.attributes[name]["standard_name"]
    ]  # fmt: skip
    found = next((name for name in (*_USUAL, *temperature) if name in info.variables), None)
    if found is None:
        raise FetchError(
            f"{info.name} has no variable of sea surface temperature, only {', '.join(info.variables)[:400]}; choose "
            "one with --variable"
        )
    return found
