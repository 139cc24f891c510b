"""`sst outlook` of the world at 0.25° with one network, from cold start to finished folder."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from benchmarks.batch.ocean_grid import write_grid
from benchmarks.batch.scoring import run_command
from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology

_SHAPE: Final = (720, 1440)
_CORNER: Final = (-90.0, -180.0)
_MARGIN: Final = 0.6
"""Of the thresholds above and below the climatology, °C."""


def measure() -> Iterator[str]:
    """Yield lines for the run: seconds, processor time, memory and size."""
    with tempfile.TemporaryDirectory() as folder:
        grid, usual, output = (Path(folder) / name for name in ("sst.nc", "usual.nc", "outlooks"))
        write_grid(grid, _SHAPE, corner=_CORNER)
        _write_baseline(usual, grid)
        options = ("-o", str(output), "--model", "lstm", "--baseline", str(usual), "--processes", "2", "--quiet")
        seconds, cpu, peak = run_command(("outlook", str(grid), *options))
        outlook = (output / "latest").resolve()
        summary = json.loads((outlook / "outlook.json").read_text())["summary"]
        size = sum(path.stat().st_size for path in outlook.rglob("*") if path.is_file())
    parts = ", ".join(f"{part} {took:.1f} s" for part, took in summary["seconds_by_part"].items())
    yield f"{summary['forecast']} cells of sea, 60 days in, 7 days out: {seconds:.0f} s ({parts})"
    yield f"{cpu:.0f} s of CPU, peak memory of all processes {peak / 2**20:.0f} MiB, outlook {size / 2**20:.0f} MiB"


def _write_baseline(path: Path, grid: Path) -> None:
    with xr.open_dataset(grid, engine="h5netcdf") as axes:
        lat, lon = axes["lat"], axes["lon"]
        coefficients = GlobalClimatology.load().coefficients(lat.values[:, None], lon.values[None, :])
    days = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]").astype("datetime64[s]")
    packed: npt.NDArray[np.int16] = np.empty((len(days), *_SHAPE), dtype=np.int16)
    for day, time in enumerate(days):
        values = evaluate(coefficients, time[None])[..., 0]
        packed[day] = np.where(np.isfinite(values), np.round(values * 100), -999)
    margin = round(_MARGIN * 100)
    for name, added in (("climatology", 0), ("threshold", margin), ("cold_threshold", -margin)):
        values = np.where(packed == -999, packed, packed + np.int16(added))
        attributes = {"units": "Celsius", "scale_factor": 0.01, "_FillValue": np.int16(-999)}
        variable = xr.Variable(("dayofyear", "lat", "lon"), values, attributes)
        dataset = xr.Dataset({name: variable}, {"dayofyear": np.arange(1, 367), "lat": lat, "lon": lon})
        encoding = {name: {"zlib": True, "complevel": 1, "chunksizes": (1, *_SHAPE)}}
        dataset.to_netcdf(path, mode="a", engine="h5netcdf", encoding=encoding)
