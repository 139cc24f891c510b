"""``sst verify --other`` of outlooks: other people's forecasts of the same grid, in the layouts that they come in."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.scoring.grids.sample import opened, save
from tests.scoring.outlook.sample import COLUMNS, LEADS, MORNINGS, ROWS
from tests.scoring.outlook.test_verify_outlooks import scores, verify

DAY = np.timedelta64(1, "D")
ISSUED = np.datetime64("2024-01-01", "ns") + np.array([days - 1 for days in MORNINGS]) * DAY


def damped(folder: Path) -> xr.Dataset:
    """Return the damped anomalies of all outlooks as the forecasts of others, ``(run, lead, lat, lon)``."""
    outlooks = [opened(path / "outlook.nc") for path in sorted((folder / "out").glob("20*"))]
    values = np.stack([each["damped"].values for each in outlooks])
    degrees = {"lat": {"units": "degrees_north"}, "lon": {"units": "degrees_east"}}
    axes = {name: (name, outlooks[0][name].values, attrs) for name, attrs in degrees.items()}
    reference = ("forecast_reference_time", ISSUED, {"standard_name": "forecast_reference_time"})
    period = ("forecast_period", np.arange(1, LEADS + 1) * DAY.astype("timedelta64[ns]"))
    return xr.Dataset(
        {"sst": (("forecast_reference_time", "forecast_period", "lat", "lon"), values, {"units": "degC"})},
        {"forecast_reference_time": reference, "forecast_period": period, **axes},
    )


def as_they_are(data: xr.Dataset) -> xr.Dataset:
    return data


def of_models(data: xr.Dataset) -> xr.Dataset:
    leads = ("lead_time", 24.0 * np.arange(1, LEADS + 1), {"units": "hours"})
    renamed = data.rename(forecast_reference_time="init_time", forecast_period="lead_time")
    renamed["init_time"].attrs.clear()
    return renamed.transpose("lead_time", "init_time", ...).assign_coords(lead_time=leads)


def of_grib(data: xr.Dataset) -> xr.Dataset:
    renamed = data.rename(forecast_reference_time="time", forecast_period="step")
    valid = renamed["time"].drop_attrs() + renamed["step"]
    return renamed.assign_coords(valid_time=valid.assign_attrs(standard_name="time"))


def in_a_row(data: xr.Dataset) -> xr.Dataset:
    row = data.stack(case=("forecast_period", "forecast_reference_time")).reset_index("case")
    row = row.transpose("case", "lat", "lon")
    valid = row["forecast_reference_time"] + row["forecast_period"]
    return row.drop_vars("forecast_period").rename(forecast_reference_time="reftime").assign_coords(time=valid)


def turned(data: xr.Dataset) -> xr.Dataset:
    kelvin = (data["sst"] + 273.15).assign_attrs(units="kelvin")
    west = ("lon", (data["lon"].values + 180) % 360 - 180, data["lon"].attrs)
    return data.assign(sst=kelvin).assign_coords(lon=west).isel(lat=slice(None, None, -1)).transpose("lon", ...)


def later_in_the_day(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(forecast_reference_time=ISSUED + np.timedelta64(18, "h"))


def wider(data: xr.Dataset) -> xr.Dataset:
    axes = {"lat": data["lat"].values[0] + np.arange(-2.0, ROWS), "lon": data["lon"].values[0] + np.arange(-3.0, 12)}
    return data.reindex(axes).assign_coords({name: (name, values, data[name].attrs) for name, values in axes.items()})


@pytest.mark.long
@pytest.mark.parametrize(
    "layout",
    [as_they_are, of_models, of_grib, in_a_row, turned, later_in_the_day, wider],
    ids=lambda each: each.__name__,
)
def test_the_same_forecasts_have_the_same_scores_in_every_layout(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    layout: Callable[[xr.Dataset], xr.Dataset],
) -> None:
    theirs = save(layout(damped(folder)), tmp_path / "their-model.nc")
    assert_damped(folder, capsys, theirs)


@pytest.mark.long
def test_a_zarr_store_is_read(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_damped(folder, capsys, save(of_grib(damped(folder)), tmp_path / "their-model.zarr"))


@pytest.mark.long
def test_a_folder_has_a_file_for_each_reference_time(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "their-model").mkdir()
    for i, issued in enumerate(ISSUED):
        run = damped(folder).isel(forecast_reference_time=i)
        valid = run.assign_coords(time=("forecast_period", issued + run["forecast_period"].values))
        run = valid.swap_dims(forecast_period="time").drop_vars("forecast_period")
        save(run, tmp_path / "their-model" / f"{i}.nc")
    assert_damped(folder, capsys, tmp_path / "their-model")


@pytest.mark.long
def test_a_file_has_a_single_forecast(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i, j in np.ndindex(3, LEADS):
        save(damped(folder).isel(forecast_reference_time=i, forecast_period=j), tmp_path / f"{i}-{j}.nc")
    assert_damped(folder, capsys, f"their_model={tmp_path}/*.nc")


def assert_damped(folder: Path, capsys: pytest.CaptureFixture[str], theirs: object) -> None:
    """Check that forecasts which are damped anomalies have the scores of these, and ours are as without them."""
    found = scores(capsys, folder / "out", folder / "came.nc", "--other", theirs)
    for lead, alone in zip(found["regions"]["ocean"]["leads"], without_others(folder), strict=True):
        ours, *references, others = lead["models"]
        expected = next(each for each in references if each["model"] == "damped")
        assert others["model"] == "their_model"
        assert others["n"] == expected["n"] == 3 * ROWS * (COLUMNS - 1)
        for score in ("rmse", "mae", "bias"):
            assert others[score] == pytest.approx(expected[score], abs=2e-5)
        assert ours["skill"]["their_model"] == pytest.approx(ours["skill"]["damped"], abs=1e-3)
        del ours["skill"]["their_model"]
        assert [ours, *references] == alone["models"]


@cache
def without_others(folder: Path) -> Any:
    """Return the scores of each lead without other forecasts."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert verify(folder / "out", folder / "came.nc", "--format", "json") == 0
    return json.loads(printed.getvalue())["regions"][0]["leads"]


@pytest.mark.long
def test_only_common_pairs_are_compared(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = damped(folder).isel(forecast_reference_time=[0, 2], forecast_period=[1, 2]).load()
    data["sst"][0, 0, 1, 0] = np.nan
    data["sst"][:, :, :, 4:] = np.nan
    path = save(data, tmp_path / "theirs.nc")
    options = ("--other", path, "--maps", tmp_path / "maps.nc")
    found = scores(capsys, folder / "out", folder / "came.nc", *options)["regions"]["ocean"]["leads"]
    assert [len(lead["models"]) for lead in found] == [6, 7, 7]
    assert [lead["models"][-1]["n"] for lead in found[1:]] == [2 * ROWS * 3 - 1, 2 * ROWS * 3]
    assert found[0]["models"][0]["skill"]["theirs"] is None
    maps, came = opened(tmp_path / "maps.nc"), opened(folder / "came.nc")["sst"]
    assert np.isnan(maps["skill_theirs"][0]).all()
    outlooks = [opened(path / "outlook.nc") for path in sorted((folder / "out").glob("20*"))]
    errors = {
        name: np.stack([outlooks[i][name].values[2] - came.values[MORNINGS[i] + 2] for i in (0, 2)])
        for name in ("sst", "damped")
    }
    ours, others = (np.sqrt((each[:, :, :3] ** 2).mean(axis=0)) for each in errors.values())
    np.testing.assert_allclose(maps["skill_theirs"][2, :, :3], 1 - ours / others, atol=1e-3)
    assert maps["n"][2].values[0].tolist() == [3, 3, 3, 0, 3, 3, 3, 3]
    said = 2 * ROWS * 3 * 2 - 1
    assert verify(folder / "out", folder / "came.nc", "--other", path) == 0
    printed = capsys.readouterr()
    assert f"theirs: {said} forecasts of cells in common\n" in printed.err
    assert "vs theirs" in printed.out


@pytest.mark.long
def test_of_several_runs_of_a_day_the_last_counts(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = damped(folder)
    first = (last + 5).assign_coords(forecast_reference_time=ISSUED - np.timedelta64(12, "h") + DAY)
    later = last.assign_coords(forecast_reference_time=ISSUED + np.timedelta64(18, "h"))
    both = xr.concat([later, first], "forecast_reference_time", data_vars="minimal")
    both["sst"].attrs["units"] = "degC"
    valid = both["forecast_reference_time"].dt.floor("D") + both["forecast_period"]
    both = both.assign_coords(time=valid).drop_vars("forecast_period")
    assert_damped(folder, capsys, f"their_model={save(both, tmp_path / 'runs.nc')}")


@pytest.mark.long
def test_cells_of_a_coarser_grid_have_all_cells_inside(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = damped(folder)
    coarse = fine.isel(lat=slice(None, None, 2), lon=slice(None, None, 2))
    for name in ("lat", "lon"):
        coarse = coarse.assign_coords({name: (name, fine[name].values[::2] + 0.5, fine[name].attrs)})
    came = opened(folder / "came.nc")["sst"]
    found = scores(capsys, folder / "out", folder / "came.nc", "--other", save(coarse, tmp_path / "coarse.nc"))
    last = found["regions"]["ocean"]["leads"][2]["models"][-1]
    repeated = coarse["sst"].values[:, 2].repeat(2, axis=1).repeat(2, axis=2)
    error = repeated - np.stack([came.values[days + 2] for days in MORNINGS])
    assert last["n"] == int(np.isfinite(error).sum())
    area = np.broadcast_to(np.cos(np.deg2rad(came["lat"].values))[:, None], error.shape)
    known = np.isfinite(error)
    assert last["bias"] == pytest.approx(np.average(error[known], weights=area[known]), abs=2e-5)
    assert verify(folder / "out", folder / "came.nc", "--other", tmp_path / "coarse.nc") == 0
    assert "has other cells: each of the outlooks' takes the one that it is in" in capsys.readouterr().err


@pytest.mark.long
def test_an_older_outlook_of_this_program_is_a_forecast_of_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scores(capsys, folder / "out", folder / "came.nc", "--other", f"ours={folder / 'out'}/20*/outlook.nc")
    for lead in found["regions"]["ocean"]["leads"]:
        ours, *_, theirs = lead["models"]
        assert (theirs["n"], theirs["rmse"], ours["skill"]["ours"]) == (ours["n"], ours["rmse"], 0)


def without_times(data: xr.Dataset) -> xr.Dataset:
    return data.isel(forecast_period=0, drop=True).rename(forecast_reference_time="day").drop_attrs()


def a_month_later(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(forecast_reference_time=ISSUED + 30 * DAY)


def far_ahead(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(forecast_period=data["forecast_period"].values + 10 * DAY)


def six_hourly(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(forecast_period=np.arange(4, 4 + LEADS) * np.timedelta64(6, "h").astype("m8[ns]"))


def elsewhere(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(lat=("lat", data["lat"].values + 40, data["lat"].attrs))


def without_units(data: xr.Dataset) -> xr.Dataset:
    return data.assign(sst=data["sst"].drop_attrs())


def without_units_of_time(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(forecast_period=np.arange(1, LEADS + 1))


def of_what_time(data: xr.Dataset) -> xr.Dataset:
    renamed = data.rename(forecast_reference_time="time", forecast_period="step")
    renamed["time"].attrs.clear()
    return renamed


def curvilinear(data: xr.Dataset) -> xr.Dataset:
    lat, lon = xr.broadcast(data["lat"] + 0.01 * data["lon"], data["lon"])
    turned = data.drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    return turned.assign_coords(lat=(("y", "x"), lat.values), lon=(("y", "x"), lon.values))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            without_times,
            "does not say from when its forecasts are: it needs forecast_reference_time and forecast_period",
        ),
        (
            a_month_later,
            "has no forecast from the same day at the same lead: its reference days are 2024-03-20 to 2024-03-22 and "
            "its leads 1 to 3, but the outlooks' are 2024-02-19 to 2024-02-21 and 1 to 3;",
        ),
        (far_ahead, "its leads 11 to 13, but the outlooks'"),
        (six_hourly, "has several times a day, such as 2024-02-20T00:00:00 and 2024-02-20T06:00:00"),
        (elsewhere, "has no cell of the outlook: its latitudes are 36 to 39 every 1"),
        (without_units, "variable sst does not state its units; correct the file: the options of reading are for"),
        (without_units_of_time, "variable forecast_period does not state a unit of time"),
        (of_what_time, "variable time may be the reference time of each lead, or a valid time"),
        (curvilinear, "not one of latitude and one of longitude"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_others_that_cannot_be_compared_are_refused(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[xr.Dataset], xr.Dataset],
    sentence: str,
) -> None:
    theirs = save(change(damped(folder)), tmp_path / "theirs.nc")
    capsys.readouterr()
    assert verify(folder / "out", folder / "came.nc", "--other", theirs) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"sst verify: {theirs}: ")
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        (("damped=theirs.nc",), "damped is the name of our own forecasts"),
        (("a=theirs.nc", "a=came.nc"), "several forecasts are called a"),
        (("theirs.csv",), "theirs.csv: no such file"),
        (("table.csv",), "is not NetCDF or Zarr; other forecasts of a grid are a grid"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    others: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(folder)
    Path("table.csv").write_text("time,sst\n2024-01-01,20\n")
    options = [option for other in others for option in ("--other", other)]
    assert verify("out", "came.nc", *options) == 2
    assert sentence in capsys.readouterr().err
