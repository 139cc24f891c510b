"""Batch scoring of a daily grid by one universal network, from cold start to finished file, by part."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from benchmarks.batch.scoring import run_command
from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology

_DEGREES: Final = 0.25
_SHAPE: Final = (240, 320)
"""Rows and columns, from the corner on."""

_CORNER: Final = (-30.0, -40.0)
"""Degrees north and east, in the Atlantic."""

_SMALL: Final = (8, 8)

_DAYS: Final = 60
_HORIZON: Final = 14
_GLOBAL_CELLS: Final = 691_000
"""Cells of sea on a grid of the whole Earth of 0.25°."""

_PERSISTENCE: Final = 0.97
"""Share of an anomaly that remains after a day."""


def measure() -> Iterator[str]:
    """Yield lines for a run: seconds by part and cell, and memory."""
    with tempfile.TemporaryDirectory() as folder:
        start, _, _ = _run(Path(folder) / "small", _SMALL)
        seconds, peak, summary = _run(Path(folder) / "large", _SHAPE)
    cells, parts = summary["forecast"], summary["seconds_by_part"]
    yield f"{cells} cells of sea, {_DAYS} days in, {_HORIZON} days and two intervals out, by {summary['model']}"
    yield f"{seconds:.1f} s, peak memory of all processes {peak / 2**20:.0f} MiB"
    yield ", ".join(f"{part} {took:.1f} s ({took / cells * 1e6:.0f} µs a cell)" for part, took in parts.items())
    whole = start + (seconds - start) * _GLOBAL_CELLS / cells
    yield f"{_SMALL[0] * _SMALL[1]} cells take {start:.1f} s; at this rate {_GLOBAL_CELLS} take {whole:.0f} s"
    yield f"{summary['good'] / cells:.0%} of the forecasts are marked good"


def _run(folder: Path, shape: tuple[int, int]) -> tuple[float, int, dict[str, Any]]:
    """Score a grid; return seconds, peak memory in bytes, and the summary."""
    folder.mkdir()
    grid, output = folder / "grid.nc", folder / "forecast.nc"
    write_grid(grid, shape)
    options = ("--horizon", str(_HORIZON), "--levels", "80,95", "--processes", "2", "--quiet")
    seconds, _, peak = run_command((str(grid), str(output), *options))
    summary: dict[str, Any] = json.loads(output.with_name("forecast.nc.summary.json").read_text())
    with xr.open_dataset(output, engine="h5netcdf") as forecasts:
        summary["good"] = int((forecasts["quality"].values == 1).sum())
    return seconds, peak, summary


def write_grid(path: Path, shape: tuple[int, int], count: int = _DAYS, corner: tuple[float, float] = _CORNER) -> None:
    """Write so many days of the climatology plus anomalies that decay within weeks and are alike in near cells.

    ``corner`` is the southern and western edge, degrees north and east. Land has no values.
    """
    random = np.random.default_rng(1)
    latitude = corner[0] + _DEGREES * (np.arange(shape[0]) + 0.5)
    longitude = corner[1] + _DEGREES * (np.arange(shape[1]) + 0.5)
    days = np.arange("2024-01-01", count, dtype="datetime64[D]")
    usual = evaluate(
        GlobalClimatology.load().coefficients(latitude[:, None], longitude[None, :]), days.astype("datetime64[s]")
    )
    blocks = random.normal(0, 0.15, (count, shape[0] // 8, shape[1] // 8))
    pushes = np.kron(blocks, np.ones((1, 8, 8))) + random.normal(0, 0.05, (count, *shape))
    anomaly = np.empty_like(pushes)
    anomaly[0] = pushes[0] * 4
    for day in range(1, count):
        anomaly[day] = _PERSISTENCE * anomaly[day - 1] + pushes[day]
    values = (np.moveaxis(usual, 2, 0) + anomaly).astype(np.float32)
    sst = xr.Variable(("time", "lat", "lon"), values, {"units": "Celsius"})
    axes = {
        "time": days.astype("datetime64[ns]"),
        "lat": ("lat", latitude, {"units": "degrees_north"}),
        "lon": ("lon", longitude, {"units": "degrees_east"}),
    }
    packed = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -999, "zlib": True, "complevel": 4,
              "chunksizes": (1, *shape)}  # fmt: skip
    xr.Dataset({"sst": sst}, axes).to_netcdf(path, engine="h5netcdf", encoding={"sst": packed})
