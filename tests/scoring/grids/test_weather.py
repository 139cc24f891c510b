"""Weather in the variables of grids."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from forecasting.models.checkpoint import CPU
from forecasting.readers import ReadingOptions
from forecasting.readers import read as read_file
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import to_sst_series
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import Weather
from scoring.events import EventRequest
from scoring.grids.field import members_of, open_files
from scoring.grids.input import GridInput
from scoring.models import models_for_grid
from tests.forecasting.series.test_weather import assert_same
from tests.scoring.commands import score
from tests.scoring.grids.sample import daily, opened, save, walks

STEPS, AHEAD = 30, 4
DAY = TimeStep.parse("day")


def windy(wind_units: str = "m s-1", factor: float = 1.0, step: str = "1D") -> xr.Dataset:
    """A grid with weather ahead of its SST, which is missing there; of one cell, there is no wind."""
    per_day = {"1D": 1, "6h": 4}[step]
    count = (STEPS + AHEAD) * per_day
    sst = np.repeat(walks(STEPS + AHEAD), per_day, axis=0)
    sst[STEPS * per_day :] = np.nan
    data = daily(sst, step=step)
    times = np.arange(count) // per_day
    air = 20.0 + 0.1 * times[:, None, None] + np.arange(12).reshape(3, 4)
    wind = 5.0 + 0.1 * times[:, None, None] + np.zeros((3, 4))
    wind[:, 1, 1] = np.nan
    dims = ("time", "lat", "lon")
    return data.assign(
        air_temperature=(dims, air + 273.15, {"units": "K"}),
        wind_speed=(dims, wind * factor, {"units": wind_units}),
    )


def staged(path: Path, seas: Path, folder: Path, options: ReadingOptions) -> tuple[SeriesBatch, list[str]]:
    """Return the series of all cells as a chunk has them, with what was staged, and why some of it cannot be used."""
    model = models_for_grid(Catalog.open(seas, CPU, lazy=True).select("ocean-daily-gru", None), lambda: DAY)
    given = GridInput(path, (path,), options, AHEAD, (), EventRequest(), model)
    folder.mkdir()
    given.stage(1_000, folder, quiet=True)
    job = given.job(folder)
    sst = np.fromfile(folder / "cells.f4", "<f4").reshape(job.layout.steps, -1).T.astype(np.float64)
    starts = np.full(12, np.datetime64(job.layout.start, "s"))
    return job.with_weather(SeriesBatch.of_rows(sst, starts, DAY), np.arange(12))


def expected(cell: int) -> Weather | None:
    data = windy().isel(lat=cell // 4, lon=cell % 4)
    table = data[["sst", "air_temperature", "wind_speed"]].to_dataframe()[["sst", "air_temperature", "wind_speed"]]
    table["air_temperature"] -= 273.15
    return to_sst_series(table.astype(np.float32).astype(np.float64)).weather


@pytest.mark.parametrize(
    ("wind_units", "factor", "step"), [("m s-1", 1.0, "1D"), ("knots", 3600 / 1852, "1D"), ("m/s", 1.0, "6h")]
)
def test_variables_of_weather_are_those_that_python_reads(
    seas: Path, tmp_path: Path, wind_units: str, factor: float, step: str
) -> None:
    path = save(windy(wind_units, factor, step), tmp_path / "in.nc")
    options = ReadingOptions() if step == "1D" else ReadingOptions(resample=DAY)
    batch, unusable = staged(path, seas, tmp_path / "staged", options)
    assert not unusable
    assert len(batch.weather) == 12
    for cell in (0, 5, 11):
        assert len(batch[cell]) == STEPS
        found = batch.weather[cell]
        known = expected(cell)
        assert known is not None
        assert_same(replace(found, values=np.round(found.values, 3)), replace(known, values=np.round(known.values, 3)))
        assert len(found.values) == STEPS + AHEAD


def test_forecasts_follow_the_last_sst_and_weather_that_is_not_used_is_counted(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = windy().drop_vars(["air_temperature", "wind_speed"])
    for name, data in {"plain": plain, "windy": windy(), "mph": windy("mph")}.items():
        grid = save(data, tmp_path / f"{name}.nc")
        assert score(grid, tmp_path / f"out-{name}.nc", "--artifacts", seas, "--horizon", 2) == 0
    assert "weather_ignored: ocean-daily-gru takes no weather: it is ignored" in capsys.readouterr().err
    outputs = {name: opened(tmp_path / f"out-{name}.nc") for name in ("plain", "windy", "mph")}
    for output in outputs.values():
        np.testing.assert_array_equal(output["sst"], outputs["plain"]["sst"])
        np.testing.assert_array_equal(output["time"], np.arange("2024-01-31", "2024-02-02", dtype="datetime64[D]"))
    summaries = {name: json.loads((tmp_path / f"out-{name}.nc.summary.json").read_text()) for name in outputs}
    assert [summaries[name]["warnings"].get("weather_ignored", 0) for name in outputs] == [0, 12, 12]
    assert "variable wind_speed is not used: 'mph' is not a known unit of it" in summaries["mph"]["notes"]


def test_weather_of_a_cell_that_cannot_be_used_is_a_sentence(seas: Path, tmp_path: Path) -> None:
    strange = windy()
    strange["wind_speed"][3, 0, 1] = 99.0
    path = save(strange, tmp_path / "in.nc")
    batch, unusable = staged(path, seas, tmp_path / "staged", ReadingOptions())
    assert sorted(batch.weather) == [0, *range(2, 12)]
    (sentence,) = unusable
    assert re.match(
        r"the cell at -?\d+, \d+: weather: wind_speed is 99 m/s at 2024-01-04, more than any wind", sentence
    )


@pytest.mark.parametrize("hours", [0, 12])
def test_a_day_of_weather_may_be_labelled_by_its_middle(tmp_path: Path, hours: int) -> None:
    data = windy()
    start = data["time"].to_numpy()[0].astype("datetime64[s]")
    path = save(data.assign_coords(time=data["time"] + np.timedelta64(hours, "h")), tmp_path / "in.nc")
    with open_files([path], ReadingOptions(value_column="sst")) as field:
        members, _ = members_of(field, start, STEPS, DAY, averaged=False)
    assert [indices.tolist() for indices in members] == [[i] for i in range(STEPS)]


@pytest.mark.parametrize("options", [ReadingOptions(at=(-3.0, 201.0)), ReadingOptions(sample=12)])
def test_the_weather_of_one_cell_is_read_with_its_series(tmp_path: Path, options: ReadingOptions) -> None:
    stations = read_file(save(windy(), tmp_path / "in.nc"), options).stations
    station = stations[5 if options.sample else 0]
    assert station.columns.weather == ("air_temperature", "wind_speed")
    assert station.series is not None
    assert len(station.series) == STEPS
    found, known = station.series.weather, expected(5)
    assert found is not None
    assert known is not None
    assert_same(replace(found, values=np.round(found.values, 3)), replace(known, values=np.round(known.values, 3)))


def test_the_weather_of_one_place_is_read_with_its_series(tmp_path: Path) -> None:
    series = read_file(save(windy().isel(lat=0, lon=0), tmp_path / "in.nc")).series
    found, known = series.weather, expected(0)
    assert found is not None
    assert known is not None
    assert_same(replace(found, values=np.round(found.values, 3)), replace(known, values=np.round(known.values, 3)))
