"""Batch scoring from cold start to finished file, compared with a minimal script on one thread."""

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

_GRID: Final = (720, 1440)
_STATIONS: Final = 10_000
_MONTHS: Final = 100
_TREND: Final = (0.1, 1.0, 3.0)

_BARE_GRID: Final = """
import sys, numpy as np, torch, xarray as xr
torch.set_num_threads(1)
source, output, checkpoint = sys.argv[1:]
with xr.open_dataset(source, engine="h5netcdf") as data:
    sst = data["sst"].values
module = torch.jit.load(checkpoint)
windows = np.ascontiguousarray(sst.reshape(len(sst), -1).T[:, -24:])
sea = np.flatnonzero(np.isfinite(windows).all(axis=1))
inputs, times = torch.from_numpy(windows[sea].astype("f4")), torch.full((512,), 1293840000.0, dtype=torch.float64)
with torch.inference_mode():
    forecasts = torch.cat([module(some, times[: len(some)]) for some in inputs.split(512)]).numpy()
field = np.full(windows.shape[0], np.nan, dtype="f4")
field[sea] = forecasts
xr.Dataset({"sst": (("lat", "lon"), field.reshape(sst.shape[1:]))}).to_netcdf(output, engine="h5netcdf")
"""

_BARE_TABLE: Final = """
import sys, numpy as np, pandas as pd, torch
torch.set_num_threads(1)
source, output, checkpoint = sys.argv[1:]
table = pd.read_csv(source, parse_dates=["time"])
module = torch.jit.load(checkpoint)
names, windows = [], []
for name, some in table.groupby("station", sort=False):
    names.append(name)
    windows.append(some["sst"].to_numpy()[-24:])
inputs, times = torch.from_numpy(np.stack(windows).astype("f4")), torch.full((512,), 1293840000.0, dtype=torch.float64)
with torch.inference_mode():
    forecasts = torch.cat([module(some, times[: len(some)]) for some in inputs.split(512)]).numpy()
pd.DataFrame({"station": names, "sst": forecasts}).to_csv(output, index=False)
"""


_PR_SET_CHILD_SUBREAPER: Final = 36


class Usage(NamedTuple):
    """What a command took."""

    seconds: float
    cpu: float
    peak: int


def measure() -> Iterator[str]:
    """Yield lines for a grid and a table, with the command and the script; and for the time by number of cells."""
    version = Path("artifacts/nino12/current").read_text().strip()
    checkpoint = f"artifacts/nino12/{version}/gru.pt"
    with tempfile.TemporaryDirectory() as folder:
        grid, table = Path(folder) / "grid.nc", Path(folder) / "table.csv"
        write_grid(grid, _GRID)
        yield _compare("grid of 720 × 1440, 24 months", grid, Path(folder) / "out.nc", _BARE_GRID, checkpoint)
        write_table(table)
        yield _compare(
            "table of 1 000 000 rows, 10 000 stations", table, Path(folder) / "out.csv", _BARE_TABLE, checkpoint
        )
        for share in _TREND:
            write_grid(grid, (round(_GRID[0] * share), _GRID[1]))
            used = _run(_command(grid, Path(folder) / "out.nc"))
            yield f"{share:.0%} of that grid's cells: {used.seconds:.1f} s ({used.cpu:.1f} s of CPU)"


def _compare(title: str, source: Path, output: Path, bare: str, checkpoint: str) -> str:
    """Compare the better of three runs of each, run in turn."""
    minimal = [sys.executable, "-W", "ignore", "-c", bare, str(source), f"{output}.bare", checkpoint]
    runs = [(_run(minimal), _run(_command(source, output))) for _ in range(3)]
    seconds, cpu = (tuple(min(getattr(run[i], name) for run in runs) for i in range(2)) for name in ("seconds", "cpu"))
    peak = _run(_command(source, output), watched=True).peak
    return (
        f"{title}: {seconds[1]:.1f} s ({cpu[1]:.1f} s of CPU), a minimal script {seconds[0]:.1f} s ({cpu[0]:.1f} s), "
        f"ratio {seconds[1] / seconds[0]:.2f} ({cpu[1] / cpu[0]:.2f}); peak memory of all processes "
        f"{peak / 2**20:.0f} MiB"
    )


def _command(source: Path, output: Path) -> list[str]:
    model = ("--model", "nino12-gru")
    return [sys.executable, "-m", "scoring", str(source), str(output), *model, "--overwrite", "--quiet"]


def run_command(arguments: Sequence[str]) -> Usage:
    """Run batch scoring with ``arguments``, and watch its memory."""
    return _run([sys.executable, "-m", "scoring", *arguments], watched=True)


def _run(command: Sequence[str], *, watched: bool = False) -> Usage:
    """Run a command; memory is measured only if it is ``watched``, because that takes time of the same cores."""
    # Processes that outlive the command become children of this one, so that their time counts too.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    before, begin = _cpu_seconds(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, start_new_session=True)
    peak, over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while watched and not over.wait(0.2):
            peak = max(peak, _resident_bytes(process.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    status = process.wait()
    seconds = time.perf_counter() - begin
    over.set()
    watching.join()
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-process.pid, 0)
    if status:
        raise RuntimeError(f"status {status}: {' '.join(command)[:200]}")
    return Usage(seconds, _cpu_seconds() - before, peak)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident_bytes(session: int) -> int:
    """Memory of all processes of a session, with shared pages counted once."""
    total = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and os.getsid(int(entry.name)) == session:
                lines = (entry / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) * 1_024 for line in lines if line.startswith("Pss:"))
        except OSError:
            continue
    return total


def write_grid(path: Path, shape: tuple[int, int]) -> None:
    """Write two years of months, packed like OISST, 30 % land."""
    random = np.random.default_rng(1)
    months = np.arange("2009-01", "2011-01", dtype="datetime64[M]").astype("datetime64[ns]")
    lat, lon = np.linspace(-89.875, 89.875, shape[0]), np.linspace(0.125, 359.875, shape[1])
    season = 3 * np.sin(2 * np.pi * np.arange(24) / 12).astype("f4")[:, None, None]
    values = (
        24 * np.cos(np.radians(lat)).astype("f4")[:, None] + season + random.normal(0, 0.4, (24, *shape)).astype("f4")
    )
    values[:, np.kron(random.random((shape[0] // 8, shape[1] // 8)) < 0.3, np.ones((8, 8), dtype=bool))] = np.nan
    sst = xr.Variable(("time", "lat", "lon"), np.clip(values, -1.8, 35), {"units": "Celsius"})
    axes = {
        "time": months,
        "lat": ("lat", lat, {"units": "degrees_north"}),
        "lon": ("lon", lon, {"units": "degrees_east"}),
    }
    packed = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -999, "zlib": True, "complevel": 4,
              "chunksizes": (1, *shape)}  # fmt: skip
    xr.Dataset({"sst": sst}, axes).to_netcdf(path, engine="h5netcdf", encoding={"sst": packed})


def write_table(path: Path) -> None:
    """Write a hundred months of every station, sorted by month."""
    random = np.random.default_rng(1)
    months = np.datetime64("2011-01") - np.arange(_MONTHS, 0, -1)
    season = 3 * np.sin(2 * np.pi * np.arange(_MONTHS) / 12)[:, None]
    values = np.round(20 + season + random.normal(0, 0.4, (_MONTHS, _STATIONS)), 2)
    names = np.asarray([f"S{i:05}" for i in range(_STATIONS)])
    times = np.repeat(np.char.add(months.astype("datetime64[D]").astype(str), "T00:00:00Z"), _STATIONS)
    frame = pd.DataFrame({"station": np.tile(names, _MONTHS), "time": times, "sst": values.ravel()})
    frame.to_csv(path, index=False)
