"""POST /series with NetCDF, which is read in a process of its own."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions, read
from forecasting.readers.subprocess_reading import Request, answer
from service.api.uploads.answer import in_query
from service.api.uploads.grid_files import GridFiles, is_asleep
from service.http.problems import ProblemError
from service.http.reading_query import MAX_LINES, MAX_STATIONS
from tests.service.requests import answered, refusal

TIMES = np.arange("2019-01-01", "2021-01-01", dtype="datetime64[D]").astype("datetime64[ns]")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As GHRSST's analyses: kelvin on a grid, some of it land."""
    path = tmp_path_factory.mktemp("grids") / "analysis.nc"
    season = 288 + 5 * np.cos(2 * np.pi * np.arange(len(TIMES)) / 365.25)
    values = season[:, None, None] + np.random.default_rng(0).normal(0, 0.3, (len(TIMES), 3, 4))
    values[:, 0, 0] = np.nan
    attributes = {"units": "kelvin", "standard_name": "sea_surface_foundation_temperature"}
    data = xr.Dataset(
        {"analysed_sst": (("time", "lat", "lon"), values.astype("f4"), attributes)},
        {
            "time": TIMES,
            "lat": ("lat", [40.0, 40.5, 41.0], {"units": "degrees_north"}),
            "lon": ("lon", [1.0, 1.5, 2.0, 2.5], {"units": "degrees_east"}),
        },
    )
    data.to_netcdf(path, engine="h5netcdf")
    return path


def post(client: httpx.Client, path: Path, **parameters: str) -> httpx.Response:
    headers = {"Content-Type": "application/netcdf"}
    return client.post("/series", content=path.read_bytes(), headers=headers, params=parameters, timeout=60)


def test_a_place_on_a_grid_is_read_as_training_reads_it(client: httpx.Client, grid: Path) -> None:
    answer = answered(post(client, grid, at="40.1,1.1"))
    (station,) = answer["stations"]
    assert (answer["format"], answer["problem"]) == ("NetCDF", None)
    assert (station["units"], station["units_from"]) == ("kelvin", "by the attribute units")
    assert any("the nearest sea cell" in note for note in station["summary"]["notes"])
    there = read(grid, ReadingOptions(at=(40.1, 1.1))).series
    (series,) = answer["series"]
    assert (series["step"], series["start"]) == ("day", "2019-01-01T00:00:00Z")
    assert series["values"] == pytest.approx(there.values.tolist())
    assert (series["latitude"], series["longitude"]) in [(40.5, 1.0), (40.0, 1.5)]


def test_a_grid_without_a_place_lists_the_choices(client: httpx.Client, grid: Path) -> None:
    answer = answered(post(client, grid))
    assert answer["series"] == answer["stations"] == []
    assert answer["problem"] == (
        "is a grid of 3 × 4 cells, latitudes 40 to 41 and longitudes 1 to 2.5; choose a place with at=LAT,LON"
    )


def test_a_damaged_file_gets_a_sentence_without_a_server_path(client: httpx.Client, grid: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.nc"
    cut.write_bytes(grid.read_bytes()[:9_000])
    response = post(client, cut)
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert detail.startswith("the file: cannot read it as NetCDF: ")
    assert "upload.nc" not in detail
    assert refusal(client, "time,sst\n", format="netcdf").startswith("the file: cannot read it as NetCDF")


SPIN = (sys.executable, "-c", "print('ready', flush=True)\nwhile True: pass")
"""In place of what reads a file, one that computes for ever."""


def test_a_file_is_refused_by_the_cpu_time_that_reading_it_takes(grid: Path) -> None:
    reads = GridFiles(processor_seconds=1, seconds=3_600, reader=SPIN)
    message = "the file: reading took more than 1 s of computing time, so the file is damaged or too large; "
    message += "send one place as CSV"
    with pytest.raises(FileError, match=message):
        asyncio.run(reads.read(grid.read_bytes(), ReadingOptions()))


def test_a_file_that_waits_too_long_for_the_cpu_is_reported_as_a_busy_server(grid: Path) -> None:
    with pytest.raises(ProblemError, match=r"the server is too busy: .*; try again later") as caught:
        asyncio.run(GridFiles(seconds=0, reader=SPIN).read(grid.read_bytes(), ReadingOptions()))
    assert caught.value.status == 503
    assert caught.value.headers == {"Retry-After": "10"}


def test_is_asleep_distinguishes_a_waiting_process_from_a_busy_one() -> None:
    for program, asleep in (("cat", True), (SPIN, False)):
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if asleep:
                process.stdin.write(b"ready\n")
                process.stdin.flush()
            assert process.stdout.readline() == b"ready\n"  # past its start
            assert any(is_asleep(process.pid) for _ in range(100_000 if asleep else 100)) == asleep
            process.kill()
    assert not is_asleep(process.pid)


def stations(path: Path, count: int, values: int) -> Path:
    times = np.datetime64("2000-01-01", "ns") + np.arange(values) * np.timedelta64(1, "D")
    data = xr.Dataset(
        {"sst": (("station", "time"), np.full((count, values), 15, dtype="i1"), {"units": "celsius"})},
        {"time": times, "station": [f"s{i}" for i in range(count)]},
    )
    data.to_netcdf(path, engine="h5netcdf", encoding={"sst": {"zlib": True}})
    return path


@pytest.mark.parametrize(
    ("count", "values", "sentence"),
    [
        (MAX_STATIONS + 1, 2, "holds 501 stations, more than the limit of 500; choose one with station="),
        (400, 2_600, f"holds 1040000 values, more than the limit of {MAX_LINES}; keep a shorter period"),
    ],
)
def test_a_file_that_expands_too_much_is_refused_unread(tmp_path: Path, count: int, values: int, sentence: str) -> None:
    path = stations(tmp_path / "many.nc", count, values)
    error = answer(Request(path, ReadingOptions(max_stations=MAX_STATIONS, max_lines=MAX_LINES)))
    assert isinstance(error, FileError)
    assert error.written(in_query) == f"the file: {sentence}"
    assert isinstance(answer(Request(path, ReadingOptions(station="s1", max_lines=MAX_LINES))), Reading)


def test_a_server_without_the_extra_says_so(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)  # what an import finds where it is not installed
    assert str(answer(Request(grid, ReadingOptions()))) == (
        "the file: reading NetCDF and Zarr needs the extra `grids` (no package 'xarray'): "
        "pip install 'sst-forecasting[grids]'"
    )
