"""Events in grids: variables after the CF conventions, for each cell."""

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from forecasting.events.baseline import Baseline, Kind, Position
from forecasting.events.definitions import HeatStress, MarineEvent, ThresholdEvent
from forecasting.events.detection import find_events
from forecasting.events.evaluate import evaluate
from forecasting.forecasts.forecast import Forecast
from forecasting.releases.catalog import load_universal
from forecasting.series.sst_series import SstSeries
from tests.forecasting.models.universal import tiny
from tests.scoring.commands import score, snapshot
from tests.scoring.grids.sample import daily, oisst, opened, save, temperatures, walks
from tests.scoring.heatwaves import DAYS, HEATWAVE, START, cells, events_file

EVENTS = (
    {"name": "warm", "above": 15.5, "for": 3, "within": 4},
    HEATWAVE,
    {"name": "cold spell", "kind": "marine_cold_spell"},
    {"name": "bleaching", "kind": "degree_heating_weeks", "mmm": 16.0},
    {"name": "heat", "kind": "degree_heating_weeks"},
)
CATEGORIES = ("no_event", "moderate", "strong", "severe", "extreme")
HORIZON = 5


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(daily(cells(), START), tmp_path_factory.mktemp("heatwave") / "in.nc")


@pytest.fixture(scope="module")
def command(grid: Path, seas: Path) -> tuple[object, ...]:
    events = events_file(grid.parent, *EVENTS)
    return ("--artifacts", seas, "--model", "gru", "--horizon", HORIZON, "--events", events)


@pytest.fixture(scope="module")
def netcdf(grid: Path, command: tuple[object, ...]) -> Path:
    assert score(grid, grid.with_name("out.nc"), *command) == 0
    return grid.with_name("out.nc")


def past_of(row: int, column: int) -> SstSeries:
    return tiny.series(cells()[:, row, column].astype(np.float32), start=START)


@pytest.mark.parametrize("kind", ["marine_heatwave", "marine_cold_spell"])
def test_states_are_the_events_that_are_found_cell_by_cell(netcdf: Path, kind: Kind) -> None:
    forecasts = opened(netcdf)
    name = {"marine_heatwave": "event_heatwave", "marine_cold_spell": "event_cold_spell"}[kind]
    active = set()
    for row, column in product(range(3), range(3)):
        cell = forecasts.isel(lat=row, lon=column)
        if (row, column) in ((1, 0), (2, 1), (2, 2)):
            continue  # judged with forecasts of the last days, too short for a baseline, and land
        past = past_of(row, column)
        events = find_events(past, Baseline.fit(past, kind), kind)
        ongoing = events[-1] if events and events[-1].end == past.times[-1].astype("datetime64[D]") else None
        assert (cell[f"{name}_state"] == 2) == (ongoing is not None)
        assert CATEGORIES[int(cell[f"{name}_category"])] == (ongoing.category.lower() if ongoing else "no_event")
        if ongoing:
            active.add((row, column))
            assert cell[f"{name}_days"] == ongoing.days
    assert active == ({(1, 1)} if kind == "marine_cold_spell" else {(0, 0), (1, 2), (2, 0)})


def test_days_that_are_too_few_for_an_event_are_building(netcdf: Path) -> None:
    cell = opened(netcdf).isel(lat=0, lon=1)
    assert cell["event_heatwave_state"] == 1
    assert cell["event_heatwave_days"] == 3
    assert cell["event_heatwave_category"] == 0
    assert np.isnan(cell["event_heatwave_ends_within"]).all()
    assert cell["event_heatwave_onset_within"][-1] > 0.5


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 2), (1, 0), (1, 2)])
def test_a_cell_is_judged_as_its_series_is(netcdf: Path, seas: Path, row: int, column: int) -> None:
    """Also the one whose last two days are missing."""
    past = past_of(row, column)
    nowhere = np.full((1, 7), np.nan, dtype=np.float32)
    release = load_universal("ocean-daily", seas)
    (forecast,) = release.forecast_many([past], HORIZON, coefficients=nowhere, model="gru", backtest=False)
    assert isinstance(forecast, Forecast)
    outlook = forecast.outlook(past, paths=100)
    warm = evaluate(ThresholdEvent("warm", "above", 15.5, duration=3, within=4), outlook)
    heatwave = evaluate(MarineEvent("heatwave"), outlook)
    bleaching = evaluate(HeatStress("bleaching", 16.0), outlook)
    heat = evaluate(HeatStress("heat"), outlook)
    assert heat.period is not None
    cell = opened(netcdf).isel(lat=row, lon=column)
    wanted: dict[str, Any] = {
        "event_warm_probability": warm.probability,
        "event_warm_by_lead": warm.by_lead,
        "event_warm_peak": warm.peak.median,
        "event_heatwave_days": heatwave.state.days,
        "event_heatwave_intensity": heatwave.state.intensity,
        "event_heatwave_probability": heatwave.probability,
        "event_heatwave_onset_within": heatwave.onset_within,
        "event_heatwave_ends_within": np.nan if heatwave.ends_within is None else heatwave.ends_within,
        "event_heatwave_threshold": heatwave.threshold,
        "event_bleaching_now": bleaching.now,
        "event_bleaching_median": bleaching.median,
        "event_heat_mmm": heat.maximum_monthly_mean,
        "event_heat_upper": heat.upper,
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(cell[name].values, value, atol=2e-4, err_msg=name)
    if warm.onset is not None:
        assert cell["event_warm_onset"].values == warm.onset.median


def test_land_and_cells_without_a_baseline_are_missing(netcdf: Path) -> None:
    with xr.open_dataset(netcdf, engine="h5netcdf", mask_and_scale=False) as stored:
        assert stored["event_heatwave_state"].values[2].tolist() == [2, -1, -1]
        assert stored["event_heatwave_days"].values[2].tolist() == [9 + 11, -1, -1]
        assert np.isnan(stored["event_heatwave_probability"].values[:, 2, 1:]).all()
        assert np.isfinite(stored["event_warm_probability"].values[2, :2]).all()
        assert np.isfinite(stored["event_bleaching_now"].values[2, :2]).all()
        assert np.isnan(stored["event_bleaching_now"].values[2, 2])
    summary = json.loads(netcdf.with_name("out.nc.summary.json").read_text())
    assert [why.split(":")[0] for why in summary["events_not_judged"]] == ["heatwave", "cold spell", "heat"]
    assert set(summary["events_not_judged"].values()) == {1}


def test_variables_follow_cf_conventions(netcdf: Path) -> None:
    checker = Path(sys.executable).with_name("compliance-checker")
    arguments = [str(checker), "--test=cf:1.11", "--criteria=lenient", str(netcdf)]
    checked = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "Errors" not in checked.stdout, checked.stdout
    with xr.open_dataset(netcdf, engine="h5netcdf", mask_and_scale=False) as stored:
        category = stored["event_heatwave_category"]
        assert category.dtype == np.int8
        assert category.attrs["flag_meanings"].split() == [*CATEGORIES]
        assert category.attrs["flag_values"].tolist() == [0, 1, 2, 3, 4]
        assert category.attrs["_FillValue"] == -1
        assert stored["event_heatwave_state"].attrs["flag_meanings"] == "no_event building active"
        assert stored["event_bleaching_likely_alert"].attrs["flag_meanings"].split()[:4] == [
            "no_stress", "watch", "warning", "alert_level_1"
        ]  # fmt: skip
        assert stored["event_warm_by_lead"].attrs["units"] == "1"
        assert stored["event_bleaching_median"].attrs["units"] == "degree_Celsius week"
        assert "random walk" in stored["event_warm_probability"].attrs["comment"]


@pytest.mark.long
def test_processes_and_zarr_hold_the_same(
    grid: Path, command: tuple[object, ...], netcdf: Path, tmp_path: Path
) -> None:
    alone, shared = tmp_path / "a" / "out.zarr", tmp_path / "b" / "out.zarr"
    for output, processes in ((alone, 0), (shared, 2)):
        output.parent.mkdir()
        assert score(grid, output, *command, "--chunk", 3, "--processes", processes) == 0
    assert snapshot(alone) == snapshot(shared)
    xr.testing.assert_equal(opened(alone), opened(netcdf))


def test_an_archive_is_read_to_its_beginning_if_an_event_needs_it(
    command: tuple[object, ...], netcdf: Path, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    data = daily(cells(), START)
    for year, part in data.groupby("time.year"):
        save(part, tmp_path / "archive" / f"{year}.nc")
    assert score(tmp_path / "archive", tmp_path / "out.nc", *command) == 0
    xr.testing.assert_equal(opened(tmp_path / "out.nc"), opened(netcdf))
    command = (*command[:-1], events_file(tmp_path, {"name": "warm", "above": 15.5}))
    assert score(tmp_path / "archive", tmp_path / "few.nc", *command) == 0
    assert json.loads((tmp_path / "few.nc.summary.json").read_text())["files"] == 2


def baselines(kind: Kind = "marine_heatwave") -> xr.Dataset:
    """Return climatology and threshold of each cell of the grid with a whole past."""
    fields = np.full((2, 366, 3, 3), np.nan)
    for row, column in product(range(3), range(3)):
        past = past_of(row, column)
        if np.isfinite(past.values).mean() > 0.9:
            fitted = Baseline.fit(past, kind)
            fields[:, :, row, column] = fitted.climatology, fitted.threshold
    dims = ("dayofyear", "lat", "lon")
    grid = daily(cells()[:1])
    axes = {"lat": grid["lat"], "lon": grid["lon"], "dayofyear": np.arange(1, 367)}
    names = ("climatology", "threshold")
    return xr.Dataset(
        {name: (dims, field, {"units": "Celsius"}) for name, field in zip(names, fields, strict=True)}, axes
    )


def test_a_file_of_baselines_replaces_the_years_of_the_input(
    grid: Path, seas: Path, netcdf: Path, tmp_path: Path
) -> None:
    given = baselines().transpose("lon", "dayofyear", "lat")
    given = (given + 273.15).assign({name: (given[name] + 273.15).assign_attrs(units="kelvin") for name in given})
    save(given, tmp_path / "usual.nc")
    with xr.open_dataset(grid, engine="h5netcdf") as data:
        save(data.isel(time=slice(DAYS - 60, None)).load(), tmp_path / "recent.nc")
    events = events_file(tmp_path, HEATWAVE)
    command = ("--artifacts", seas, "--model", "gru", "--horizon", HORIZON, "--events", events)
    baseline = ("--baseline", tmp_path / "usual.nc")
    assert score(tmp_path / "recent.nc", tmp_path / "out.nc", *command, *baseline) == 0
    rows = [0, 2]  # the values that bridge a late cell count in a baseline from the input
    short, whole = opened(tmp_path / "out.nc").isel(lat=rows), opened(netcdf).isel(lat=rows)
    for name in short.data_vars:
        if str(name).startswith("event_heatwave"):
            np.testing.assert_allclose(short[name], whole[name], atol=1e-3, err_msg=str(name))


@pytest.mark.long
def test_a_low_percentile_is_that_of_cold_spells_in_a_file_of_baselines(
    grid: Path, command: tuple[object, ...], tmp_path: Path
) -> None:
    given = baselines()
    given["cold_threshold"] = given["climatology"] - 1.0
    given["cold_threshold"].attrs["units"] = "Celsius"
    save(given, tmp_path / "usual.nc")
    cool = [{"name": f"below {percent}", "below": {"percentile": percent}} for percent in (10, 25)]
    events = events_file(tmp_path, {"name": "cold spell", "kind": "marine_cold_spell"}, *cool)
    options = (*command[:-1], events, "--baseline", tmp_path / "usual.nc")
    assert score(grid, tmp_path / "out.nc", *options) == 0
    forecasts = opened(tmp_path / "out.nc")
    np.testing.assert_array_equal(forecasts["event_below_10_threshold"], forecasts["event_cold_spell_threshold"])
    assert np.isfinite(forecasts["event_below_10_threshold"]).any()
    assert np.isnan(forecasts["event_below_25_probability"]).all()  # the file has no such percentile


def test_a_grid_that_is_too_short_for_a_baseline_is_forecast_without_the_event(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = save(daily(walks()), tmp_path / "in.nc")
    options = ("--artifacts", seas, "--events", events_file(tmp_path, HEATWAVE))
    assert score(grid, tmp_path / "out.nc", *options) == 0
    forecasts = opened(tmp_path / "out.nc")
    assert np.isfinite(forecasts["sst"]).all()
    assert np.isnan(forecasts["event_heatwave_state"]).all()
    assert "12 without event heatwave: the series has … years, but a baseline needs … years" in capsys.readouterr().out


def test_a_baseline_may_be_the_climatology_of_each_cell(seas: Path, tmp_path: Path) -> None:
    grid = save(daily(walks() - walks().mean() + 31), tmp_path / "in.nc")
    options = ("--artifacts", seas, "--events", events_file(tmp_path, HEATWAVE), "--baseline", "position")
    assert score(grid, tmp_path / "out.nc", *options) == 0
    forecasts = opened(tmp_path / "out.nc")
    cell = forecasts.isel(lat=1, lon=2)
    usual = Baseline.of_position(Position(float(cell["lat"]), float(cell["lon"])), "marine_heatwave")
    _, threshold = usual.at(cell["time"].values.astype("datetime64[s]"))
    assert int(cell["event_heatwave_state"]) == 2
    np.testing.assert_allclose(cell["event_heatwave_threshold"], threshold, atol=1e-3)
    assert json.loads((tmp_path / "out.nc.summary.json").read_text())["warnings"]["coarse_baseline"] == 12


def test_a_network_of_one_place_judges_the_events_of_cells(artifacts: Path, tmp_path: Path) -> None:
    grid = save(oisst(temperatures()), tmp_path / "in.nc")
    events = events_file(tmp_path, {"name": "warm", "above": 22.0}, {"name": "cold", "below": 22.0})
    options = ("--dataset", "nino12", "--artifacts", artifacts, "--horizon", 2, "--events", events)
    assert score(grid, tmp_path / "out.nc", *options) == 0
    forecasts = opened(tmp_path / "out.nc")
    both = forecasts["event_warm_by_lead"] + forecasts["event_cold_by_lead"]
    np.testing.assert_allclose(both.values[:, :, 2:], 1, atol=1e-5)
    assert np.isnan(both.values[:, :, :2]).all()


def test_events_of_days_are_refused_on_a_grid_of_months(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = save(oisst(temperatures()), tmp_path / "in.nc")
    options = ("--dataset", "nino12", "--artifacts", artifacts, "--events", events_file(tmp_path, HEATWAVE))
    assert score(grid, tmp_path / "out.nc", *options) == 2
    assert "event 'heatwave' needs daily values, but the step is one month; leave it out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data.drop_vars("threshold"), "has no variable threshold; it needs climatology and threshold"),
        (lambda data: data.isel(dayofyear=slice(365)), "has dimensions dayofyear (365), lat (3), lon (3), but needs"),
        (lambda data: data.isel(lat=slice(2)), "has another number of points along lat than the input; regrid it"),
        (lambda data: data.assign_coords(lon=data["lon"] - 180), "its lon differs from that of the input; regrid it"),
    ],
)  # fmt: skip
def test_a_file_of_baselines_of_another_grid_is_refused(
    grid: Path,
    command: tuple[object, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[xr.Dataset], xr.Dataset],
    sentence: str,
) -> None:
    given = save(change(baselines()), tmp_path / "usual.nc")
    assert score(grid, tmp_path / "out.nc", *command, "--baseline", given) == 2
    assert f"sst score: {given}: " in (errors := capsys.readouterr().err)
    assert sentence in errors
