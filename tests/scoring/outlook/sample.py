"""A daily grid across the date line: warmer than usual in the west, cooler in the east, with an island between."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import sst
from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from tests.scoring.grids.sample import daily, save

ROWS, COLUMNS, DAYS = 4, 8, 60
CORNER = (-4.0, 176.0)
ISLAND = 3
"""Its column."""
MORNINGS = (50, 51, 52)
"""Days of the grid that outlooks to verify were made from."""
LEADS = 3
WEST, EAST = slice(0, ISLAND), slice(ISLAND + 1, COLUMNS)


def grid(west: float = 2.5, east: float = -2.5, days: int = DAYS) -> xr.Dataset:
    """Return the grid, whose halves depart from the usual temperature by these °C."""
    lat, lon = CORNER[0] + np.arange(ROWS), CORNER[1] + np.arange(COLUMNS)
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(days) * np.timedelta64(1, "D")
    usual = np.moveaxis(evaluate(GlobalClimatology.load().coefficients(lat[:, None], lon), times), -1, 0)
    departure = np.full(COLUMNS, np.nan)
    departure[WEST], departure[EAST] = west, east
    noise = np.random.default_rng(2).normal(0, 0.05, usual.shape)
    return daily((usual + departure + noise).astype(np.float64), corner=CORNER)


def saved(folder: Path, data: xr.Dataset | None = None, name: str = "in.nc") -> Path:
    """Write a grid; returns its path."""
    return save(grid() if data is None else data, folder / name)


def baseline_file(folder: Path, *names: str) -> Path:
    """Write a baseline that is half a degree above the climatology of each position, with thresholds 1 °C from it."""
    lat, lon = CORNER[0] + np.arange(ROWS), CORNER[1] + np.arange(COLUMNS)
    days = np.datetime64("2016-01-01T12:00:00") + np.arange(366) * np.timedelta64(1, "D")
    usual = np.moveaxis(evaluate(GlobalClimatology.load().coefficients(lat[:, None], lon), days), -1, 0) + 0.5
    fields = {"climatology": usual, "threshold": usual + 1, "cold_threshold": usual - 1}
    axes = {"lat": lat, "lon": lon, "dayofyear": np.arange(1, 367)}
    dims = ("dayofyear", "lat", "lon")
    data = xr.Dataset({name: (dims, fields[name], {"units": "Celsius"}) for name in names}, axes)
    return save(data, folder / "usual.nc")


def outlook(*arguments: Any) -> int:
    """Run the command in this process and return its exit status."""
    return sst.run(["outlook", *map(str, arguments)])


def latest(folder: Path) -> str:
    """Return the name of the outlook that ``latest`` links to."""
    return str((folder / "latest").readlink())


def names(folder: Path) -> list[str]:
    """Return the names of what is in a folder, sorted."""
    return sorted(inner.name for inner in folder.iterdir())
