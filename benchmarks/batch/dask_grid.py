"""Batch scoring of a daily grid in processes of its own and on a Dask cluster of two workers on the same machine."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

import xarray as xr
from distributed import LocalCluster

from benchmarks.batch.ocean_grid import write_grid
from benchmarks.batch.scoring import run_command

_SHAPE: Final = (240, 320)
_CHUNK: Final = 4_096
"""Cells: some twenty chunks, so that two workers end together."""

_ROUNDS: Final = 3
_OPTIONS: Final = ("--horizon", "7", "--levels", "80", "--chunk", str(_CHUNK), "--overwrite", "--quiet")
_MILLION: Final = 1_000_000


def measure() -> Iterator[str]:
    """Yield a table of seconds, and of seconds for a million cells of sea."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
    ):
        grid, output = Path(folder) / "grid.nc", Path(folder) / "forecast.nc"
        write_grid(grid, _SHAPE)
        with xr.open_dataset(grid, engine="h5netcdf") as data:
            cells = int(data["sst"].isel(time=-1).notnull().sum())
        ways = {
            "one process": ("--processes", "0"),
            "two processes": ("--processes", "2"),
            "two Dask workers": ("--cluster", str(cluster.scheduler_address)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(_ROUNDS):
            for name, options in ways.items():
                command = (str(grid), str(output), *_OPTIONS, *options)
                seconds[name].append(run_command(command).seconds)
    yield f"{cells} cells of sea, 60 days in, 7 days and one interval out, from start to finished file:"
    yield "| | s | of one process | s for a million cells |"
    yield "|---|---:|---:|---:|"
    for name, taken in seconds.items():
        ratio = median(took / alone for took, alone in zip(taken, seconds["one process"], strict=True))
        yield f"| {name} | {median(taken):.1f} | {ratio:.2f} | {median(taken) / cells * _MILLION:.0f} |"
    yield f"Medians of {_ROUNDS} rounds; the command reads, writes and starts in all of them."
