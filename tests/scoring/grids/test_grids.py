"""Grids in, grids out: every cell compared with independent code."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import iris_sample_data
import numpy as np
import pytest
import xarray as xr

from tests.scoring.commands import score
from tests.scoring.grids.sample import Array, ghrsst, oisst, opened, save, temperatures
from tests.scoring.independent import checkpoint, forecast

OSTIA = Path(iris_sample_data.path) / "ostia_monthly.nc"


def expected(artifacts: Path, values: Array, horizon: int = 1, last: str = "2010-12") -> Array:
    """°C ``(horizon, rows, columns)``."""
    flat = forecast(checkpoint(artifacts, "nino12", "gru"), values.reshape(len(values), -1), last, horizon)
    return flat.reshape(horizon, *values.shape[1:])


@pytest.mark.parametrize("make", [oisst, ghrsst])
@pytest.mark.parametrize(("given", "wanted"), [("in.nc", "out.zarr"), ("in.zarr", "out.nc")])
def test_every_cell_is_forecast_like_independent_code(
    artifacts: Path, tmp_path: Path, make: Callable[[Array], xr.Dataset], given: str, wanted: str
) -> None:
    values = temperatures()
    data = make(values)
    path = save(data, tmp_path / given)
    status = score(
        path, tmp_path / wanted, "--model", "nino12-gru", "--artifacts", artifacts, "--horizon", 3, "--chunk", 16
    )
    assert status == 0
    forecasts = opened(tmp_path / wanted)
    upside_down = bool(data["lat"][0] > data["lat"][-1])
    np.testing.assert_allclose(
        forecasts["sst"].values, expected(artifacts, values, 3)[:, :: -1 if upside_down else 1], atol=2e-4
    )
    np.testing.assert_array_equal(forecasts["lat"], data["lat"])
    np.testing.assert_array_equal(forecasts["lon"], data["lon"])
    assert forecasts["sst"].dims == ("time", "lat", "lon")
    assert forecasts["time"].values.astype("datetime64[M]").astype(str).tolist() == ["2011-01", "2011-02", "2011-03"]
    assert str(forecasts["forecast_reference_time"].values.astype("datetime64[M]")) == "2010-12"


@pytest.mark.long
def test_ostia_is_forecast_in_celsius_from_kelvin_with_its_land_missing(artifacts: Path, tmp_path: Path) -> None:
    assert score(OSTIA, tmp_path / "out.nc", "--model", "nino12-gru", "--artifacts", artifacts) == 0
    forecasts = opened(tmp_path / "out.nc")
    with xr.open_dataset(OSTIA, engine="h5netcdf") as given:
        kelvin = given["surface_temperature"].values.astype(np.float64)
        last = str(given["time"].values[-1].astype("datetime64[M]"))
    np.testing.assert_allclose(forecasts["sst"].values, expected(artifacts, kelvin - 273.15, last=last), atol=2e-3)
    np.testing.assert_array_equal(np.isnan(forecasts["sst"].values[0]), np.isnan(kelvin[-1]))
    assert forecasts["sst"].dims == ("time", "latitude", "longitude")


def test_a_missing_month_is_interpolated_whether_absent_or_empty(artifacts: Path, tmp_path: Path) -> None:
    values = temperatures()
    gone = values.copy()
    gone[20] = np.nan
    wanted = expected(artifacts, gone)
    assert np.isfinite(wanted[0, :, 2:]).all()
    save(oisst(gone), tmp_path / "empty.nc")
    # One time fewer than the window, but the step that is absent counts.
    save(oisst(values).isel(time=[*range(20), *range(21, 24)]), tmp_path / "absent.nc")
    assert score(tmp_path / "empty.nc", tmp_path / "a.nc", "--model", "nino12-gru", "--artifacts", artifacts) == 0
    np.testing.assert_allclose(opened(tmp_path / "a.nc")["sst"].values, wanted, atol=2e-4)
    assert score(tmp_path / "absent.nc", tmp_path / "b.nc", "--model", "nino12-gru", "--artifacts", artifacts) == 0
    np.testing.assert_allclose(opened(tmp_path / "b.nc")["sst"].values, wanted, atol=2e-4)


def test_dimensions_keep_their_order(artifacts: Path, tmp_path: Path) -> None:
    values = temperatures()
    path = save(oisst(values)[["sst"]].isel(zlev=0).transpose("lon", "time", "lat"), tmp_path / "in.nc")
    assert score(path, tmp_path / "out.nc", "--model", "nino12-gru", "--artifacts", artifacts, "--chunk", 10) == 0
    forecasts = opened(tmp_path / "out.nc")["sst"]
    assert forecasts.dims == ("lon", "time", "lat")
    np.testing.assert_allclose(forecasts.values, np.moveaxis(expected(artifacts, values), 2, 0), atol=2e-4)


def test_quality_distinguishes_ice_gaps_and_wrong_values_from_forecasts(artifacts: Path, tmp_path: Path) -> None:
    values = temperatures()
    values[-1, 0, 2] = np.nan
    values[5:15, 0, 3] = np.nan
    values[15, 0, 4] = 60.0
    data = oisst(values)
    del data["sst"].attrs["valid_max"]  # what lies outside is missing, and no wrong value
    assert (
        score(save(data, tmp_path / "in.nc"), tmp_path / "out.nc", "--dataset", "nino12", "--artifacts", artifacts) == 0
    )
    forecasts = opened(tmp_path / "out.nc")
    assert forecasts["quality"].values[0, :5].tolist() == [9, 9, 9, 9, 4]
    # The input is no longer than one window, so nothing says whether a forecast is good.
    assert set(np.unique(forecasts["quality"].values[1:, 2:])) <= {2, 3}
    np.testing.assert_array_equal(np.isnan(forecasts["sst"].values[0]), forecasts["quality"].values > 3)


@pytest.mark.parametrize("make", [oisst, ghrsst])
def test_the_output_follows_cf_conventions(
    artifacts: Path, tmp_path: Path, make: Callable[[Array], xr.Dataset]
) -> None:
    path = save(make(temperatures()), tmp_path / "in.nc")
    status = score(
        path, tmp_path / "out.nc", "--dataset", "nino12", "--artifacts", artifacts, "--levels", "80,90", "--horizon", 2
    )
    assert status == 0
    checker = Path(sys.executable).with_name("compliance-checker")
    command = [str(checker), "--test=cf:1.11", "--criteria=lenient", str(tmp_path / "out.nc")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "Errors" not in checked.stdout, checked.stdout
    forecasts = opened(tmp_path / "out.nc")
    attributes = forecasts["sst"].attrs
    assert (attributes["units"], attributes["units_metadata"]) == ("degree_Celsius", "temperature: on_scale")
    assert attributes["ancillary_variables"] == "quality lower_80 upper_80 lower_90 upper_90"
    assert "valid_max" not in attributes
    assert forecasts.attrs["history"].splitlines()[-1].startswith("python -m scoring: ")
    sea = forecasts["sst"].notnull()
    assert bool(
        ((forecasts["lower_90"] < forecasts["lower_80"]) & (forecasts["lower_80"] < forecasts["sst"]))
        .where(sea, True)
        .all()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.isel(time=slice(10)),
         r"in.nc: contains 10 steps of one month; nino12-gru needs at least 24: add 14 more"),
        (lambda data: data.assign_coords(time=np.arange("2001-01-01", "2001-01-25", dtype="datetime64[D]")),
         r"in.nc: its step is one day, but nino12-gru forecasts steps of one month; average it with --resample month"),
        (lambda data: data.isel(time=slice(0)), r"in.nc: contains 0 times, but a forecast needs a series of them"),
        (lambda data: data * np.nan, r"in.nc: every value of sst is missing: the grid has no sea cell"),
    ],
)  # fmt: skip
def test_a_grid_without_a_forecast_gets_one_sentence_and_status_3(
    artifacts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[xr.Dataset], xr.Dataset],
    message: str,
) -> None:
    save(change(oisst(temperatures())), tmp_path / "in.nc")
    assert score(tmp_path / "in.nc", tmp_path / "out.nc", "--model", "nino12-gru", "--artifacts", artifacts) == 3
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.nc").exists()


def test_a_grid_without_sea_temperatures_is_refused_with_one_sentence(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(oisst(temperatures()).rename(sst="x", err="y").drop_attrs(), tmp_path / "in.nc")
    assert score(tmp_path / "in.nc", tmp_path / "out.nc", "--model", "nino12-gru", "--artifacts", artifacts) == 2
    error = capsys.readouterr().err
    assert "in.nc: has no sea-temperature variable" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.nc").exists()


def test_the_named_variable_is_read(artifacts: Path, tmp_path: Path) -> None:
    values = temperatures()
    data = oisst(values)
    data["night"] = (data["sst"] - 1).assign_attrs(units="Celsius")
    path = save(data, tmp_path / "in.nc")
    common = ("--model", "nino12-gru", "--artifacts", artifacts, "--variable", "night")
    assert score(path, tmp_path / "out.nc", *common) == 0
    np.testing.assert_allclose(opened(tmp_path / "out.nc")["sst"].values, expected(artifacts, values - 1), atol=2e-4)


def test_a_grid_does_not_become_a_table(artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(oisst(temperatures()), tmp_path / "in.nc")
    assert score(path, tmp_path / "out.csv", "--dataset", "nino12", "--artifacts", artifacts) == 2
    assert "is a grid; write its forecasts to .nc or .zarr" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.nc"]


@pytest.mark.parametrize("output", ["out.nc", "out.csv"])
def test_a_broken_grid_is_not_taken_for_a_table(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    (tmp_path / "in.nc").write_bytes(b"<html>Not Found</html>")
    assert score(tmp_path / "in.nc", tmp_path / output, "--dataset", "nino12", "--artifacts", artifacts) == 2
    assert "in.nc: is neither NetCDF nor Zarr, although its name says so" in capsys.readouterr().err
