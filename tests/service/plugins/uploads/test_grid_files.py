"""POST /series with NetCDF, which is read in a process of its own."""

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import httpx
import numpy as np
import pytest
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions, read
from forecasting.readers.subprocess_reading import respond
from forecasting.readers.text import MAX_TEXT
from service.http.query import MAX_LINES, MAX_STATIONS
from service.plugins.uploads.reading import FileReader, in_query
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
    return client.post("/series", content=path.read_bytes(), headers=headers, params=parameters)


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


SECRET = b"The key of the service is 0123456789abcdef."


def make_external(file: h5py.File, secret: Path) -> None:
    file.create_dataset("sst", (len(SECRET),), "u1", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def make_virtual(file: h5py.File, secret: Path) -> None:
    with h5py.File(secret, "w") as other:
        other["sst"] = np.frombuffer(SECRET, "u1")
    layout = h5py.VirtualLayout((len(SECRET),), "u1")
    layout[:] = h5py.VirtualSource(secret, "sst", (len(SECRET),))
    file.create_virtual_dataset("sst", layout)


def make_external_link(file: h5py.File, secret: Path) -> None:
    make_virtual(file, secret)
    del file["sst"]
    file["sst"] = h5py.ExternalLink(str(secret), "sst")


def make_soft_link(file: h5py.File, secret: Path) -> None:
    make_external_link(file, secret)
    file.move("sst", "far/elsewhere")
    file["sst"] = h5py.SoftLink("far/elsewhere")


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (make_external, "sst keeps its values in other files (external storage)"),
        (make_virtual, "sst is a virtual dataset, which combines other files"),
        (make_external_link, "sst is a link to another file"),
        (make_soft_link, "elsewhere is a link to another file"),
    ],
)
def test_an_upload_cannot_show_another_file_of_the_server(
    client: httpx.Client, tmp_path: Path, make: Callable[[h5py.File, Path], None], sentence: str, userblock: int
) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    path = tmp_path / "upload.nc"
    with h5py.File(path, "w", userblock_size=userblock) as file:
        make(file, tmp_path / "secret")
        file["time"] = np.arange(len(SECRET))
        file["time"].attrs["units"] = "days since 2020-01-01"
        file["time"].make_scale("time")
        if isinstance(file.get("sst", getlink=True), h5py.HardLink):
            file["sst"].dims[0].attach_scale(file["time"])
    message = f"the file: variable {sentence}: only the file itself is read; copy the values into it"
    client.put("/stations/mole", json={"step": "day"})
    for place in ("/series", "/stations/mole/observations"):
        answer = client.post(place, content=path.read_bytes(), params={"format": "netcdf"})
        assert (answer.status_code, answer.json()["detail"]) == (422, message)


def test_a_virtual_dataset_of_your_own_can_be_read_from_disk(grid: Path, tmp_path: Path) -> None:
    with h5py.File(grid) as source, h5py.File(tmp_path / "joined.nc", "w") as file:
        for name in ("time", "lat", "lon"):
            source.copy(name, file)
        layout = h5py.VirtualLayout(source["analysed_sst"].shape, "f4")
        layout[:] = h5py.VirtualSource(source["analysed_sst"])
        joined = file.create_virtual_dataset("analysed_sst", layout)
        joined.attrs["units"] = "kelvin"
        for place, name in enumerate(("time", "lat", "lon")):
            joined.dims[place].attach_scale(file[name])
    there = ReadingOptions(at=(40.1, 1.1))
    assert read(tmp_path / "joined.nc", there).series.values.tolist() == read(grid, there).series.values.tolist()


SEES = """
import os, sys
from forecasting.errors import FileError
from forecasting.readers.subprocess_reading import dump
opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in range(100) if os.path.exists(f"/dev/fd/{fd}")]
others = [name for name in opened if not name.startswith(("pipe:", "socket:", "/dev/null"))]
sys.stdout.buffer.write(dump(FileError(" ".join([*os.environ, *os.listdir(), *others]))))
"""


def test_the_process_that_reads_an_upload_gets_nothing_else(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SST_STORE_PASSWORD", "secret")
    with grid.open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        with pytest.raises(FileError) as caught:
            asyncio.run(FileReader(reader=("-c", SEES)).read(b"", ReadingOptions(), MAX_TEXT))
    allowed = {
        "ARROW_DEFAULT_MEMORY_POOL", "HDF5_USE_FILE_LOCKING", "LC_CTYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
        "PYTHONPATH",
    }  # fmt: skip
    assert set(str(caught.value).split()) - {"LD_LIBRARY_PATH"} <= allowed


@pytest.mark.parametrize("written", [pickle.dumps(os.getcwd), b"[]\n", b"12\n", b'["Popen", "id"]\n', b""])
def test_a_process_that_answers_otherwise_counts_as_crashed(written: bytes) -> None:
    reader = ("-c", f"import sys; sys.stdout.buffer.write({written!r})")
    with pytest.raises(FileError, match="is damaged and crashed the reader"):
        asyncio.run(FileReader(reader=reader).read(b"", ReadingOptions(), MAX_TEXT))


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
    error = respond(path, ReadingOptions(max_stations=MAX_STATIONS, max_lines=MAX_LINES), MAX_TEXT)
    assert isinstance(error, FileError)
    assert error.written(in_query) == f"the file: {sentence}"
    assert isinstance(respond(path, ReadingOptions(station="s1", max_lines=MAX_LINES), MAX_TEXT), Reading)


def test_a_server_without_the_extra_says_so(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)  # what an import finds where it is not installed
    assert str(respond(grid, ReadingOptions(), MAX_TEXT)) == (
        "the file: reading NetCDF and Zarr needs the extra `grids` (no package 'xarray'): "
        "pip install 'sst-forecasting[grids]'"
    )
