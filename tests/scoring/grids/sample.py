"""Monthly grids in the formats of OISST and GHRSST, with random values."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

MONTHS = np.arange("2009-01", "2011-01", dtype="datetime64[M]").astype("datetime64[ns]")
Array = np.ndarray[Any, Any]


def temperatures(rows: int = 6, columns: int = 8) -> Array:
    """Return °C, ``(24, rows, columns)``, to two decimals; the first two columns are land."""
    random = np.random.default_rng(5)
    season = 3 * np.sin(2 * np.pi * np.arange(24) / 12)[:, None, None]
    values = np.round(22 + season + random.normal(0, 0.4, (24, rows, columns)), 2)
    values[:, :, :2] = np.nan
    return values


def oisst(values: Array) -> xr.Dataset:
    """Return a grid like OISST's: packed, with a single depth and longitudes from 0 to 360."""
    lat, lon = np.linspace(-5, 5, values.shape[1]), np.linspace(0.5, 359.5, values.shape[2])
    packed = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -999}
    sst = xr.Variable(("time", "zlev", "lat", "lon"), values[:, None], {"units": "Celsius", "valid_max": 4500}, packed)
    axes = {"time": MONTHS, "zlev": ("zlev", [0.0], {"units": "meters"}),
            "lat": ("lat", lat, {"units": "degrees_north", "actual_range": [5.0, -5.0]}),
            "lon": ("lon", lon, {"units": "degrees_east"})}  # fmt: skip
    return xr.Dataset({"sst": sst, "err": sst * 0}, axes, {"history": "made up", "institution": "none"})


def ghrsst(values: Array) -> xr.Dataset:
    """Return a grid like GHRSST's: packed kelvin, longitudes from −180 to 180, descending latitudes."""
    data = oisst(values)
    packed = {"dtype": "int16", "scale_factor": 0.001, "add_offset": 298.15, "_FillValue": -32768}
    cf = {"units": "kelvin", "standard_name": "sea_surface_foundation_temperature", "cell_methods": "time: mean"}
    kelvin = xr.Variable(("time", "lat", "lon"), values + 273.15, cf, packed)
    west = data["lon"].values - 180
    return xr.Dataset({"analysed_sst": kelvin}, {"time": MONTHS, "lat": data["lat"], "lon": west}).isel(
        lat=slice(None, None, -1)
    )


def save(data: xr.Dataset, path: Path) -> Path:
    """Write NetCDF, or Zarr with one time per chunk; return ``path``."""
    if path.suffix == ".zarr":
        encoding = {name: {"chunks": (1, *variable.shape[1:])} for name, variable in data.data_vars.items()}
        data.to_zarr(path, consolidated=False, zarr_format=3, encoding=encoding)
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return path


def opened(path: Path) -> xr.Dataset:
    """Load an output completely."""
    engine: Any = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    options: Any = {"consolidated": False} if path.suffix == ".zarr" else {}
    with xr.open_dataset(path, engine=engine, **options) as data:
        return data.load()


def daily(
    values: Array, start: str = "2024-01-01", step: str = "1D", corner: tuple[float, float] = (-4.0, 200.0)
) -> xr.Dataset:
    """Return a grid of 1° with these °C ``(steps, rows, columns)``; the first cell is at ``corner``, °N and °E."""
    count, unit = int(step[:-1]), step[-1]
    times = np.datetime64(start).astype(f"datetime64[{unit}]") + count * np.arange(len(values))
    axes = {
        "time": times.astype("datetime64[ns]"),
        "lat": ("lat", corner[0] + np.arange(values.shape[1], dtype=np.float64), {"units": "degrees_north"}),
        "lon": ("lon", corner[1] + np.arange(values.shape[2], dtype=np.float64), {"units": "degrees_east"}),
    }
    return xr.Dataset({"sst": (("time", "lat", "lon"), values, {"units": "Celsius"})}, axes)


def walks(steps: int = 60, rows: int = 3, columns: int = 4, level: float = 27.0) -> Array:
    """Return random walks in °C, ``(steps, rows, columns)``."""
    random = np.random.default_rng(7)
    return level + np.cumsum(random.normal(0, 0.1, (steps, rows, columns)), axis=0)
