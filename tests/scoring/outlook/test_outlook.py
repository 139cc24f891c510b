"""``sst outlook``: from a grid to a folder with forecasts, events, maps and a page."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from forecasting.models.universal.references import REFERENCES
from scoring.outlook.colours import COAST, LAND
from tests.scoring.commands import exists, finish, wait_for
from tests.scoring.grids.sample import opened, save
from tests.scoring.heatwaves import DAYS, START, with_departure
from tests.scoring.outlook.sample import COLUMNS, EAST, ISLAND, WEST, grid, latest, names, outlook, saved
from tests.zygote import Popen

HORIZON = 3


@pytest.fixture(scope="module")
def folder(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outlooks of a grid of 60 days, relative to the climatology of each position."""
    path = tmp_path_factory.mktemp("outlook")
    assert outlook(saved(path), "-o", path / "out", "--artifacts", seas, "--horizon", HORIZON) == 0
    return path / "out"


def test_the_file_has_forecasts_references_anomalies_and_events(folder: Path) -> None:
    data = opened(folder / "latest" / "outlook.nc")
    sea = data.isel(lon=[0, COLUMNS - 1])
    for name in ("sst", "lower_80", "upper_80", "lower_95", "upper_95", "anomaly", *REFERENCES):
        assert np.isfinite(sea[name]).all(), name
        assert np.isnan(data[name].isel(lon=ISLAND)).all()
    np.testing.assert_allclose(sea["anomaly"], sea["sst"] - sea["event_heatwave_climatology"], atol=1e-5)
    assert (data["anomaly"].isel(lon=WEST) > 1).all()
    assert (data["anomaly"].isel(lon=EAST) < -1).all()
    observed = grid()["sst"].isel(time=-1)
    np.testing.assert_allclose(sea["persistence"][0], observed.isel(lon=[0, COLUMNS - 1]), atol=1e-5)
    assert (data["event_heatwave_state"].isel(lon=WEST) == 2).all()
    assert (data["event_heatwave_probability"].isel(lon=EAST) == 0).all()
    assert (data["event_cold_spell_state"].isel(lon=EAST) == 2).all()
    assert np.isfinite(sea["event_heat_stress_median"]).all()
    assert data["forecast_period"].values.astype("timedelta64[D]").astype(int).tolist() == [1, 2, 3]
    assert data["time_bnds"].values[0].astype("datetime64[D]").astype(str).tolist() == ["2024-03-01", "2024-03-02"]
    np.testing.assert_allclose(data["lon_bnds"][0], [175.5, 176.5])


def test_the_file_follows_cf_conventions(folder: Path) -> None:
    checker = Path(sys.executable).with_name("compliance-checker")
    command = [str(checker), "--test=cf:1.11", "--criteria=lenient", str(folder / "latest" / "outlook.nc")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_folder_says_what_is_usual_and_what_is_seen(folder: Path) -> None:
    assert latest(folder) == "2024-02-29"
    described = json.loads((folder / "latest" / "outlook.json").read_text())
    assert described["issued"] == "2024-02-29T00:00:00Z"
    assert described["days"] == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert described["usual"]["baseline"] == "position"
    assert "pass --baseline FILE" in described["usual"]["warning"]
    assert described["caption"][1] == "Usual: 2010 to 2020, a coarse climatology of each position (2°)."
    assert "in.nc, observed until 2024-02-29" in described["caption"][0]
    (first, *_) = described["layers"]["anomaly"]
    assert "cooler than usual; 43 % of it is warmer" in first["text"]
    assert "near 4° S" in described["layers"]["heatwave-probability"][0]["text"]
    (category, *_) = described["layers"]["heatwave-category"]
    assert category["text"].startswith("In 43 % of the sea, a marine heatwave is likely:")
    page = (folder / "latest" / "index.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    for layer in described["layers"].values():
        assert [(folder / "latest" / picture["file"]).is_file() for picture in layer] == [True] * HORIZON


def test_a_warm_cell_is_red_a_cool_one_is_blue_and_land_is_land(folder: Path) -> None:
    described = json.loads((folder / "latest" / "outlook.json").read_text())
    west, _, east, _ = described["bounds"]
    assert (west, east) == (175.5, 183.5)
    image = Image.open(folder / "latest" / described["layers"]["anomaly"][0]["file"]).convert("RGB")
    width, height = described["size"]
    left, top = (image.width - width) // 2, 42

    def pixel(column: float) -> tuple[int, ...]:
        at = image.getpixel((left + int(width * (column + 0.5) / COLUMNS), top + height // 2))
        assert isinstance(at, tuple)
        return at

    red, _, blue = pixel(0)
    assert red > blue + 40
    red, _, blue = pixel(COLUMNS - 1)
    assert blue > red + 40
    assert pixel(ISLAND) not in (LAND, COAST)  # small islands are not in the mask: no forecast


def test_the_same_grid_is_not_forecast_twice_and_other_data_get_a_folder_of_their_own(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1)
    assert outlook(*command) == 0
    assert outlook(*command) == 0
    assert "already complete" in capsys.readouterr().err
    saved(tmp_path, grid(west=1.0))
    assert outlook(*command) == 0
    assert names(tmp_path / "out") == ["2024-02-29", "2024-02-29-2", "latest"]
    assert latest(tmp_path / "out") == "2024-02-29-2"
    saved(tmp_path)
    assert outlook(*command) == 0
    assert latest(tmp_path / "out") == "2024-02-29"


def test_a_zarr_store_gives_a_zarr_store_with_the_same_values(folder: Path, seas: Path, tmp_path: Path) -> None:
    stored = saved(tmp_path, name="in.zarr")
    command = ("-o", tmp_path / "out", "--artifacts", seas, "--horizon", HORIZON, "--processes", 2, "--chunk", 8)
    assert outlook(stored, *command) == 0
    expected, data = (opened(path) for path in (folder / "latest/outlook.nc", tmp_path / "out/latest/outlook.zarr"))
    for name in ("sst", "anomaly", "damped", "event_heatwave_probability", "event_heat_stress_median"):
        np.testing.assert_allclose(data[name], expected[name], atol=1e-5, err_msg=name)
    ours, theirs = (names(out / "latest" / "maps") for out in (tmp_path / "out", folder))
    assert ours == theirs


def test_ten_years_of_the_grid_are_its_own_baseline(seas: Path, tmp_path: Path) -> None:
    values = np.stack([with_departure(9, 3.0), with_departure(9, -3.0, seed=4)], axis=1)[:, None, :].repeat(2, axis=1)
    lat, lon = ("lat", [36.0, 36.5], {"units": "degrees_north"}), ("lon", [-30.0, -29.5], {"units": "degrees_east"})
    times = np.datetime64(START, "ns") + np.arange(DAYS) * np.timedelta64(1, "D").astype("timedelta64[ns]")
    data = xr.Dataset(
        {"sst": (("time", "lat", "lon"), values, {"units": "Celsius"})}, {"time": times, "lat": lat, "lon": lon}
    )
    assert outlook(save(data, tmp_path / "in.nc"), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1) == 0
    described = json.loads((tmp_path / "out" / "latest" / "outlook.json").read_text())
    assert described["usual"] == {"baseline": "grid", "text": "2012 to 2023 of the grid", "warning": None}
    forecast = opened(tmp_path / "out" / "latest" / "outlook.nc")
    assert forecast["event_heatwave_state"].values.tolist() == [[2, 0], [2, 0]]
    assert forecast["event_cold_spell_state"].values.tolist() == [[0, 2], [0, 2]]


def start(*arguments: object) -> Popen:
    command = [sys.executable, "-m", "scoring", "outlook", *map(str, arguments)]
    return Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize(
    "reached", ["staged", "parts/000001.part", "complete/outlook.nc", "complete/maps/anomaly-1.png"]
)
def test_a_kill_leaves_the_last_outlook_and_the_next_run_continues(seas: Path, tmp_path: Path, reached: str) -> None:
    command = (saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1, "--processes", 0)
    assert outlook(*command) == 0
    saved(tmp_path, grid(west=1.0))
    process = start(*command, "--chunk", COLUMNS)
    wait_for(process, lambda: exists(reached)(tmp_path / "out" / ".outlook.nc.partial"))
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
        assert latest(tmp_path / "out") == "2024-02-29"
    finish(process)
    assert outlook(*command, "--chunk", COLUMNS) == 0
    assert names(tmp_path / "out") == ["2024-02-29", "2024-02-29-2", "latest"]
    assert latest(tmp_path / "out") == "2024-02-29-2"


def curvilinear() -> xr.Dataset:
    data = grid().rename(lat="y", lon="x")
    north, east = np.meshgrid(data["y"].values, data["x"].values, indexing="ij")
    data = data.drop_vars(["y", "x"])
    return data.assign_coords(lat=(("y", "x"), north + 0.1 * east), lon=(("y", "x"), east))


def without_units() -> xr.Dataset:
    data = grid()
    data["sst"].attrs = {}
    data["sst"] += 273.15
    return data


def under_ice() -> xr.Dataset:
    data = grid()
    data["sst"].values[np.isfinite(data["sst"].values)] = -1.8
    return data


def without_calendar() -> xr.Dataset:
    return grid().assign_coords(time=np.arange(60))


@pytest.mark.parametrize(
    ("make", "status", "sentence"),
    [
        (without_calendar, 2, "has no time dimension with CF units such as 'days since 1970-01-01'"),
        (curvilinear, 2, "its lat has two dimensions, so that the grid is curvilinear"),
        (lambda: grid(np.nan, np.nan), 3, "every value of sst is missing: the grid has no sea cell"),
        (under_ice, 3, "the sea is under ice, and there is nothing to forecast"),
        (without_units, 2, "set --units to"),
        (lambda: grid(days=9), 3, "contains 9 steps of one day"),
        (lambda: grid(days=70)[{"time": slice(None, None, 7)}], 2, "its step is one week, but an outlook needs daily"),
    ],
)  # fmt: skip
def test_a_grid_that_does_not_do_is_refused_before_the_work_starts(
    seas: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[], xr.Dataset],
    status: int,
    sentence: str,
) -> None:
    data = make()
    command = (saved(tmp_path, data), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1)
    assert outlook(*command) == status
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists() or not names(tmp_path / "out")


def test_a_missing_day_is_bridged_and_said(seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = grid().isel(time=[*range(30), *range(31, 60)])
    assert outlook(saved(tmp_path, data), "-o", tmp_path / "o", "--artifacts", seas, "--horizon", 1) == 0
    assert "1 of the last 60 steps of one day are missing from the file" in capsys.readouterr().err


def test_a_file_in_place_of_the_folder_is_refused(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    assert outlook(saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas) == 2
    assert "is a file; --output names a folder" in capsys.readouterr().err
