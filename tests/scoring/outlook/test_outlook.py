"""``sst outlook``: from a grid to a folder with forecasts, events, maps and a page."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import sync_playwright

from forecasting.downloads import FetchError
from forecasting.erddap import parse_span
from forecasting.references.baselines import REFERENCES
from scoring.outlook.colours import ANOMALIES, CATEGORIES, COAST, LAND, PROBABILITIES
from scoring.outlook.source import download
from scoring.outlook.words import Seen
from tests.forks import Process
from tests.page.browser import AA, find_chromium, launch
from tests.scoring.commands import exists, finish, wait_for
from tests.scoring.grids.sample import opened, save
from tests.scoring.heatwaves import DAYS, START, with_departure
from tests.scoring.outlook.sample import (
    COLUMNS,
    EAST,
    ISLAND,
    ROWS,
    WEST,
    baseline_file,
    grid,
    latest,
    names,
    outlook,
    saved,
)
from tests.servers.erddap import GRID_INFO, Answer, Erddap, serving

HORIZON = 3
DAYS_OF_NEXT_NIGHT = 61


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
    assert data.attrs["forecast_baseline_kind"] == "position"
    assert data.attrs["forecast_baseline"].startswith("2010 to 2020, a coarse climatology")


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
    assert described["usual"]["years"] == [2010, 2020]
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


def test_a_raster_has_a_pixel_for_each_cell_from_the_north_and_is_transparent_without_a_forecast(folder: Path) -> None:
    described = json.loads((folder / "latest" / "outlook.json").read_text())
    anomaly = opened(folder / "latest" / "outlook.nc")["anomaly"].isel(time=0).values[::-1]
    scale = described["scales"]["anomaly"]
    colours = np.asarray(scale["colours"])[np.digitize(anomaly, scale["edges"])]
    raster = np.asarray(Image.open(folder / "latest" / described["layers"]["anomaly"][0]["raster"]).convert("RGBA"))
    is_known = np.isfinite(anomaly)
    assert raster.shape == (ROWS, COLUMNS, 4)
    assert (raster[..., 3] == np.where(is_known, 255, 0)).all()
    assert (raster[is_known][:, :3] == colours[is_known]).all()


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


DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
"""Linear RGB that people without green receptors see (Machado et al. 2009)."""


def seen(colours: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Return linear RGB without green receptors, ``(n, 3)``."""
    parts = np.asarray(colours) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    without: np.ndarray = np.clip(linear @ DEUTERANOPIA.T, 0, 1)
    return without


def test_each_step_of_a_scale_is_lighter_or_darker_and_warm_is_not_cool_to_the_colour_blind() -> None:
    half = len(ANOMALIES.colours) // 2
    for colours in (
        CATEGORIES.colours,
        PROBABILITIES.colours,
        ANOMALIES.colours[half:],
        ANOMALIES.colours[half - 1 :: -1],
    ):
        lightness = seen(colours) @ (0.2126, 0.7152, 0.0722)
        assert (np.diff(lightness) < 0).all()
    cool, warm = seen(ANOMALIES.colours[half - 1 :: -1]), seen(ANOMALIES.colours[half:])
    assert (cool[:, 2] > cool[:, 0]).all()
    assert (warm[:, 0] > warm[:, 2]).all()


@pytest.mark.long
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


@pytest.mark.long
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
    assert described["usual"] == {
        "baseline": "grid",
        "kind": "grid",
        "years": [2012, 2023],
        "text": "2012 to 2023 of the grid",
        "warning": None,
    }
    forecast = opened(tmp_path / "out" / "latest" / "outlook.nc")
    assert forecast.attrs["forecast_baseline_kind"] == "grid"
    assert forecast["event_heatwave_state"].values.tolist() == [[2, 0], [2, 0]]
    assert forecast["event_cold_spell_state"].values.tolist() == [[0, 2], [0, 2]]


def test_a_file_says_what_is_usual(seas: Path, tmp_path: Path) -> None:
    usual = baseline_file(tmp_path, "climatology", "threshold", "cold_threshold")
    command = (saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1, "--baseline", usual)
    assert outlook(*command) == 0
    with xr.open_dataset(usual, engine="h5netcdf") as given:
        day = given["climatology"].isel(dayofyear=60)  # 1 March
        months = given["climatology"].values.reshape(366, ROWS, COLUMNS)
    data = opened(tmp_path / "out" / "latest" / "outlook.nc")
    np.testing.assert_allclose(data["anomaly"][0], data["sst"][0] - day, atol=1e-5)
    assert (data["event_heatwave_state"].isel(lon=WEST) == 2).all()
    assert (data["event_cold_spell_state"].isel(lon=EAST) == 2).all()
    assert (data["event_cold_spell_state"].isel(lon=WEST) == 0).all()
    days = np.arange("2016-01-01", "2017-01-01", dtype="datetime64[D]").astype("datetime64[M]").astype(int) % 12
    warmest = np.stack([months[days == month].mean(axis=0) for month in range(12)]).max(axis=0)
    np.testing.assert_allclose(data["event_heat_stress_mmm"].isel(lon=WEST), warmest[:, WEST], atol=1e-4)
    assert (data.attrs["forecast_baseline_kind"], data.attrs["forecast_baseline"]) == ("file", "the baseline usual.nc")
    described = json.loads((tmp_path / "out" / "latest" / "outlook.json").read_text())
    assert described["caption"][1] == "Usual: the baseline usual.nc."


@pytest.mark.long
def test_a_file_without_cold_thresholds_gives_no_cold_spells(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = baseline_file(tmp_path, "climatology", "threshold")
    command = (saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1, "--baseline", usual)
    assert outlook(*command) == 0
    data = opened(tmp_path / "out" / "latest" / "outlook.nc")
    assert (data["event_heatwave_state"].isel(lon=WEST) == 2).all()
    assert np.isnan(data["event_cold_spell_probability"]).all()
    assert "28 without event cold spell: the threshold of the baseline is above" in capsys.readouterr().out


@pytest.mark.long
def test_a_file_in_chunks_of_cells_is_read_as_one_in_chunks_of_days(seas: Path, tmp_path: Path) -> None:
    usual = baseline_file(tmp_path, "climatology", "threshold")
    with xr.open_dataset(usual, engine="h5netcdf") as data:
        encoding = {name: {"chunksizes": (366, 1, 2)} for name in data.data_vars}
        data.load().to_netcdf(tmp_path / "cells.nc", engine="h5netcdf", encoding=encoding)
    command = ("--artifacts", seas, "--horizon", 1, "--baseline")
    assert outlook(saved(tmp_path), "-o", tmp_path / "days", *command, usual) == 0
    assert outlook(tmp_path / "in.nc", "-o", tmp_path / "cells", *command, tmp_path / "cells.nc") == 0
    expected, data = (opened(tmp_path / name / "latest" / "outlook.nc") for name in ("days", "cells"))
    for name in ("anomaly", "event_heatwave_threshold", "event_heat_stress_mmm"):
        np.testing.assert_array_equal(data[name], expected[name])


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        yield server


@pytest.mark.long
def test_a_box_of_a_dataset_on_a_server_is_downloaded(erddap: Erddap, seas: Path, tmp_path: Path) -> None:
    content = bytes(grid().to_netcdf(engine="scipy"))
    erddap.files["/erddap/griddap/year.nc"] = Answer(content)
    command = ("-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1, "--days", 60)
    address = f"{erddap.url}/griddap/year.html"
    assert outlook(address, *command, "--lat=-4:-1", "--lon", "176:183") == 0
    assert erddap.asked[-1] == "/erddap/griddap/year.nc?sst[last-59:1:last][0][(-4):1:(-1)][(176):1:(183)]"
    described = json.loads((tmp_path / "out" / "latest" / "outlook.json").read_text())
    assert "from sst of year.nc" in described["caption"][0]
    # A command for another box does not replace the file that this one may still read.
    assert outlook(address, *command, "--lat=-4:-2", "--lon", "176:183") == 0
    assert len(list((tmp_path / "out" / ".downloads").rglob("year.nc"))) == 2


@pytest.mark.parametrize(
    ("limits", "west", "box", "parts"),
    [
        ("-179.0, 180.0", 176, "176:183", ("(176):1:(180)", "(-179):1:(-177)")),
        ("0.0, 359.0", -4, "-4:3", ("(356):1:(359)", "(0):1:(3)")),
        ("-179.0, 180.0", 176, "-180:180", ("(-179):1:(180)",)),
    ],
)
def test_a_box_across_the_edge_of_the_longitudes_is_downloaded_in_two_parts(
    erddap: Erddap, tmp_path: Path, limits: str, west: int, box: str, parts: tuple[str, ...]
) -> None:
    data = grid()
    data = data.rename(lat="latitude", lon="longitude").assign_coords(longitude=west + np.arange(8.0))
    data["longitude"].attrs |= {"units": "degrees_east", "actual_range": [0.0, 1.0]}
    low, high = map(float, limits.split(","))
    stored = data.assign_coords(
        longitude=("longitude", (data["longitude"].values - low) % 360 + low, data["longitude"].attrs)
    )
    erddap.files["/erddap/info/line/index.csv"] = Answer(
        GRID_INFO.replace("0.125, 359.875", limits).replace("1440", "360").replace("0.25", "1.0")
    )
    index = "sst[0:1:last][0][(-4):1:(-1)][{}]"
    sides = np.split(np.arange(8), [int((data["longitude"] <= (high if west > 0 else -1)).sum())])
    for part, columns in zip(parts, sides, strict=False):
        content = bytes(stored.isel(longitude=columns).to_netcdf(engine="scipy"))
        erddap.files[f"/erddap/griddap/line.nc?{index.format(part)}"] = Answer(content)
    options = ((-4.0, -1.0), parse_span(box)), 90, None, tmp_path, print
    file = download(f"{erddap.url}/griddap/line.html", *options, quiet=True)
    assert [asked.rpartition("[")[2] for asked in erddap.asked] == [f"{part}]" for part in parts]
    assert [file] == list(file.parent.iterdir())
    if len(parts) == 2:
        joined = xr.load_dataset(file, engine="scipy")
        assert "actual_range" not in joined["longitude"].attrs
        assert joined["longitude"].dims == ("longitude",)
        np.testing.assert_array_equal(joined["longitude"], west + np.arange(8))
        np.testing.assert_allclose(joined["sst"], data["sst"])


def test_parts_of_other_days_are_not_joined(erddap: Erddap, tmp_path: Path) -> None:
    erddap.files["/erddap/info/line/index.csv"] = Answer(GRID_INFO.replace("0.125, 359.875", "-179.0, 180.0"))
    data = grid().rename(lat="latitude", lon="longitude")
    for part, days in (("(176):1:(180)", slice(0, 59)), ("(-179):1:(-177)", slice(1, 60))):
        content = bytes(data.isel(time=days).to_netcdf(engine="scipy"))
        erddap.files[f"/erddap/griddap/line.nc?sst[0:1:last][0][(-4):1:(-1)][{part}]"] = Answer(content)
    box = ((-4.0, -1.0), (176.0, 183.0))
    with pytest.raises(FetchError, match="since the dataset has just changed; run the same command again"):
        download(f"{erddap.url}/griddap/line", box, 90, None, tmp_path, print, quiet=True)


@pytest.mark.parametrize(
    ("page", "answer", "sentence"),
    [
        ("griddap/none", None, "unknown datasetID=none"),
        ("griddap/year", Answer("<html><title>Down</title>"), "sent a web page (Down) instead of data"),
        ("griddap/year", Answer("no grid"), "year.nc: is not NetCDF or Zarr"),
        ("griddap/buoy", None, "buoy is a table, not a grid"),
        ("tabledap/buoy", None, "is not a dataset of griddap"),
    ],
)
def test_a_server_without_the_grid_is_quoted(
    erddap: Erddap, tmp_path: Path, capsys: pytest.CaptureFixture[str], page: str, answer: Answer | None, sentence: str
) -> None:
    if answer is not None:
        erddap.files["/erddap/griddap/year.nc"] = answer
    box = ("--lat=-4:-1", "--lon", "176:183", "--variable", "sst")
    assert outlook(f"{erddap.url}/{page}", "-o", tmp_path / "out", *box) == 2
    assert sentence in capsys.readouterr().err
    assert not [name for name in names(tmp_path / "out") if name != ".downloads"] if answer else True


def test_the_page_shows_each_map_with_its_words_by_keyboard_and_from_a_file(folder: Path) -> None:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium is installed")
    errors = list[str]()
    with sync_playwright() as playwright, launch(playwright, chromium) as browser:
        page = browser.new_page(color_scheme="dark")
        page.on("console", lambda message: errors.append(message.text))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto((folder / "latest" / "index.html").resolve().as_uri())
        page.get_by_label("Day").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#day").inner_text() == "2024-03-02, day 2"
        degrees = page.locator("#legend li").all_inner_texts()
        assert (len(degrees), degrees[1]) == (18, "−4 to −3.5")
        page.get_by_label("Marine heatwaves, probability").check()
        image = page.locator("#map")
        assert str(image.get_attribute("src")) == "maps/heatwave-probability-2.png"
        assert page.evaluate("document.getElementById('map').decode().then(() => true)")
        legend = page.get_by_role("list", name="Colours: probability").get_by_role("listitem").all_inner_texts()
        assert legend[:2] + legend[-1:] == ["below 10 %", "10 % to 20 %", "90 % or more"]
        text = page.locator("#text").inner_text()
        assert text.startswith("A marine heatwave is more likely than not in 43 % of the sea.")
        assert text in str(image.get_attribute("alt"))
        violations = Axe().run(page, options=AA).response["violations"]
        assert [violation["id"] for violation in violations] == []
    assert errors == []


def start(*arguments: object) -> Process:
    command = [sys.executable, "-m", "scoring", "outlook", *map(str, arguments)]
    return Process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def killed(process: Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


def without_disk(process: Process) -> None:
    """Let no file of the process grow, as if the disk were full."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, 1))


@pytest.fixture(scope="module")
def undisturbed(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outlook of a grid in one go."""
    path = tmp_path_factory.mktemp("undisturbed")
    given = saved(path, grid(west=1.0))
    assert outlook(given, "-o", path / "out", "--artifacts", seas, "--horizon", 1, "--chunk", COLUMNS) == 0
    return path / "out" / "latest"


@pytest.mark.long
@pytest.mark.parametrize(
    ("reached", "disturb"),
    [
        ("staged", killed),
        ("parts/000001.part", killed),
        ("complete/outlook.nc", killed),
        ("complete/maps/anomaly-1.png", killed),
        ("staged.half", without_disk),
        ("parts/000001.part", without_disk),
        ("complete/maps", without_disk),
    ],
)
def test_a_kill_or_a_full_disk_leaves_the_last_outlook_and_the_next_run_continues(
    seas: Path, undisturbed: Path, tmp_path: Path, reached: str, disturb: Callable[[Process], None]
) -> None:
    command = (saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1, "--processes", 0)
    assert outlook(*command) == 0
    saved(tmp_path, grid(west=1.0))
    process = start(*command, "--chunk", COLUMNS)
    wait_for(process, lambda: exists(reached)(tmp_path / "out" / ".outlook.nc.partial"))
    if process.poll() is None:
        disturb(process)
    status, _, errors = finish(process)
    if status == 0:  # it was over before the disturbance
        pytest.skip("the machine is too busy")
    assert latest(tmp_path / "out") == "2024-02-29"
    assert opened(tmp_path / "out" / "latest" / "outlook.nc").attrs["source"]
    if disturb is without_disk:
        assert (status, errors.splitlines()[-1]) == (
            1,
            "scoring outlook: stopped: [Errno 27] File too large; run the same command again to resume",
        )
    assert outlook(*command, "--chunk", COLUMNS) == 0
    assert names(tmp_path / "out") == ["2024-02-29", "2024-02-29-2", "latest"]
    assert latest(tmp_path / "out") == "2024-02-29-2"
    ours, expected = (opened(folder / "outlook.nc") for folder in (tmp_path / "out" / "latest", undisturbed))
    xr.testing.assert_identical(ours, expected)
    for picture in (undisturbed / "maps").iterdir():
        assert (tmp_path / "out" / "latest" / "maps" / picture.name).read_bytes() == picture.read_bytes()


@pytest.mark.long
def test_an_unfinished_outlook_does_not_stop_the_next_night(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1, "--processes", 0)
    process = start(*command, "--chunk", COLUMNS)
    wait_for(process, lambda: exists("staged")(tmp_path / "out" / ".outlook.nc.partial"))
    process.kill()
    finish(process)
    saved(tmp_path, grid(days=DAYS_OF_NEXT_NIGHT))
    assert outlook(*command, "--chunk", COLUMNS) == 0
    assert "discarding an unfinished outlook, since the input has changed" in capsys.readouterr().err
    assert names(tmp_path / "out") == ["2024-03-01", "latest"]


def test_a_folder_called_latest_is_refused_before_the_work_starts(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "latest").mkdir(parents=True)
    assert outlook(saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas) == 2
    assert "latest is not a link to the newest outlook" in capsys.readouterr().err
    assert names(tmp_path / "out") == ["latest"]


def points() -> xr.Dataset:
    flat = grid().stack(point=("lat", "lon")).reset_index("point")
    for name in ("lat", "lon"):
        flat[name].attrs["units"] = {"lat": "degrees_north", "lon": "degrees_east"}[name]
    return flat


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


def in_kelvin_as_celsius() -> xr.Dataset:
    return without_units().assign(sst=without_units()["sst"].assign_attrs(units="Celsius"))


def every_six_hours() -> xr.Dataset:
    return grid().assign_coords(time=grid()["time"].values[0] + np.arange(60) * np.timedelta64(6, "h"))


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
        (points, 2, "its dimensions point are not one of latitude and one of longitude"),
        (curvilinear, 2, "its lat has two dimensions, so that the grid is curvilinear"),
        (lambda: grid(np.nan, np.nan), 3, "every value of sst is missing: the grid has no sea cell"),
        (under_ice, 3, "the sea is under ice, and there is nothing to forecast"),
        (without_units, 2, "variable sst does not state its units; set --units to"),
        (in_kelvin_as_celsius, 2, "the values look like kelvin: set the units to kelvin with --units"),
        (every_six_hours, 2, "its step is 6 hours, but an outlook needs daily values; average it with --resample day"),
        (lambda: grid().isel(lon=[1, 0, *range(2, 8)]), 2, "its lon does not increase or decrease all the way;"),
        (lambda: grid().isel(lat=[1, 0, 2, 3]), 2, "its lat does not increase or decrease all the way; sort it first"),
        (lambda: grid(days=9), 3, "contains 9 steps of one day"),
        (lambda: grid(days=1), 3, "contains 1 time, but a forecast needs a series of them"),
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


@pytest.mark.long
def test_a_missing_day_is_bridged_and_said_and_longitudes_may_jump_at_the_date_line(
    folder: Path, seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = grid().isel(time=[*range(30), *range(31, 60)])
    wrapped = data.assign_coords(lon=("lon", (data["lon"].values + 180) % 360 - 180, data["lon"].attrs))
    assert wrapped["lon"].values[4:6].tolist() == [-180, -179]
    assert outlook(saved(tmp_path, wrapped), "-o", tmp_path / "o", "--artifacts", seas, "--horizon", 1) == 0
    assert "1 of the last 60 steps of one day are missing from the file" in capsys.readouterr().err
    described, expected = (
        json.loads((path / "latest" / "outlook.json").read_text()) for path in (tmp_path / "o", folder)
    )
    assert (described["bounds"], described["size"]) == (expected["bounds"], expected["size"])
    assert len(set(described["layers"])) == len(expected["layers"])
    bounds = opened(tmp_path / "o" / "latest" / "outlook.nc")["lon_bnds"].values
    np.testing.assert_allclose(bounds, wrapped["lon"].values[:, None] + np.array([-0.5, 0.5]))


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        ("anomaly", [0.04, -0.02], "On average, the sea is as warm as usual; 50 % of it is warmer."),
        ("anomaly", [-0.1, -0.1], "On average, the sea is 0.1 °C cooler than usual; 0 % of it is warmer."),
        (
            "probability",
            [0.5, 0.2],
            "Nowhere is a marine heatwave more likely than not. The highest probability is 50 % near 0° N 10° E.",
        ),
        (
            "probability",
            [0.2, 1.0],
            "is more likely than not in 50 % of the sea. The highest probability is 100 % near",
        ),
    ],
)
def test_little_is_not_said_as_a_number_of_nothing(kind: str, values: list[float], sentence: str) -> None:
    seen = Seen(np.zeros(1), np.array([10.0, 11.0]), "marine heatwave")
    assert sentence in seen.text(kind, np.array([values], dtype=np.float32))


def test_a_file_in_place_of_the_folder_is_refused(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    assert outlook(saved(tmp_path), "-o", tmp_path / "out", "--artifacts", seas) == 2
    assert "is a file; --output names a folder" in capsys.readouterr().err
