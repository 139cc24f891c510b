"""The variables of a grid, and their values at all cells."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions
from forecasting.readers.grid.fields import open_field
from tests.forecasting.readers.files import expect, refuse
from tests.forecasting.readers.grid.test_grids import copernicus, field, ghrsst, oisst

TIMES = np.arange("2001-01-01", "2001-01-11", dtype="datetime64[D]").astype("datetime64[ns]")


def save(folder: Path, **variables: dict[str, str]) -> Path:
    values = 10.0 + np.arange(10) / 10
    data = {name: ("time", values, {"units": "degC"} | attributes) for name, attributes in variables.items()}
    xr.Dataset(data, {"time": TIMES}).to_netcdf(folder / "one.nc", engine="h5netcdf")
    return folder / "one.nc"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("temperature", {"standard_name": "air_temperature"}),
        ("temp", {"long_name": "2 m air temperature"}),
        ("temperature", {"long_name": "Temperature at 2 m"}),
        ("temp", {"long_name": "2 metre temperature"}),
        ("sst", {"standard_name": "sea_surface_temperature_anomaly"}),
        ("sst", {"long_name": "Monthly SST anomaly"}),
    ],
)
def test_attributes_override_a_usual_name(tmp_path: Path, name: str, attributes: dict[str, str]) -> None:
    path = save(tmp_path, other={}, **{name: attributes})
    refuse(path, rf"no sea-temperature variable, only .*; {name} is something else, according to its \w+ \(")
    expect(path, {"value_column": name}, n=10)
    expect(save(tmp_path, water_temp={}, **{name: attributes}), value="water_temp")


@pytest.mark.parametrize(
    "title", ["Sea surface temperature, bias corrected", "Temperature of the air-sea interface", ""]
)
def test_a_usual_name_is_used_whatever_else_its_title_mentions(tmp_path: Path, title: str) -> None:
    expect(save(tmp_path, sst={"long_name": title}), value="sst")


@pytest.mark.parametrize(("name", "title"), [("temp", "Water temperature at 2 m"), ("sst", "Temperature at 2 m")])
def test_two_metres_are_a_depth_if_the_variable_is_about_water(tmp_path: Path, name: str, title: str) -> None:
    expect(save(tmp_path, **{name: {"long_name": title}}), value=name)


def test_sea_surface_is_preferred_to_any_surface(tmp_path: Path) -> None:
    skin = {"standard_name": "surface_temperature"}
    expect(save(tmp_path, skt=skin, sst={}), value="sst")
    expect(save(tmp_path, skt=skin), value="skt")


def test_a_bare_name_and_a_sea_name_together_are_ambiguous(tmp_path: Path) -> None:
    refuse(save(tmp_path, temp={}, sst_raw={}), "2 variables that could be SST: temp, sst_")


def test_a_title_that_says_sea_temperature_identifies_a_variable(tmp_path: Path) -> None:
    sea = {"long_name": "SEA SURFACE TEMPERATURE (C)"}
    expect(save(tmp_path, T_25=sea, T_21={"long_name": "AIR TEMPERATURE (C)"}), value="T_25")
    refuse(save(tmp_path, T_25=sea, T_20={"long_name": "Sea temperature at 20 m"}), "no sea-temperature variable")


@pytest.mark.parametrize(
    "title", ["Air temperature over sea", "Sea ice surface temperature", "Wet bulb temperature over water"]
)
def test_a_title_that_only_mentions_the_sea_does_not_identify_one(tmp_path: Path, title: str) -> None:
    refuse(save(tmp_path, x={"long_name": title}), "no sea-temperature variable")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grid.nc"


def test_a_packed_grid_is_celsius_with_its_land_missing_and_without_its_single_depth(path: Path) -> None:
    oisst().to_netcdf(path, engine="h5netcdf")
    with open_field(path, "netcdf", ReadingOptions()) as grid:
        assert (grid.dims, grid.shape, grid.along, grid.units) == (("lat", "lon"), (5, 360), "time", "celsius")
        np.testing.assert_allclose(grid.celsius(slice(2, 4)), field()[2:4].reshape(2, -1), atol=0.006)


def test_kelvin_becomes_celsius_and_rows_are_read_alone(path: Path) -> None:
    ghrsst().transpose("lat", "lon", "time").to_netcdf(path, engine="h5netcdf")
    with open_field(path, "netcdf", ReadingOptions()) as grid:
        assert grid.dims == ("lat", "lon")
        west = np.argsort((np.arange(0.5, 360) + 180) % 360)
        np.testing.assert_allclose(grid.celsius(slice(9, 10), slice(1, 2)), field()[9:, 1, west], atol=0.001)


def test_a_depth_is_chosen(path: Path) -> None:
    copernicus().to_netcdf(path, engine="h5netcdf")
    with open_field(path, "netcdf", ReadingOptions(depth=100)) as grid:
        np.testing.assert_allclose(grid.celsius(slice(0, 1)), field(5.0)[:1].reshape(1, -1), rtol=1e-6)
    with pytest.raises(FileError, match="choose one with depth="), open_field(path, "netcdf", ReadingOptions()):
        pass


def test_flags_of_qartod_make_values_missing(path: Path) -> None:
    data = xr.Dataset({"sst": oisst()["sst"]})
    data["sst_qc"] = (data["sst"].dims, np.where(np.arange(360) == 5, 4, 1) + np.zeros((10, 1, 5, 360), np.int8))
    data.to_netcdf(path, engine="h5netcdf")
    with open_field(path, "netcdf", ReadingOptions()) as grid:
        missing = np.isnan(grid.celsius(slice(0, 1))).reshape(5, 360)
    assert np.flatnonzero(missing[0]).tolist() == [5, *range(20, 30)]


def test_limits_of_packed_values_can_be_unpacked(path: Path) -> None:
    data = oisst()
    data["sst"].attrs = {"units": "Celsius", "valid_min": np.int16(-3), "valid_max": np.int16(17)}
    data.to_netcdf(path, engine="h5netcdf")
    with open_field(path, "netcdf", ReadingOptions()) as grid:
        sst = grid.celsius(slice(0, 1)).reshape(5, 360)
    assert np.flatnonzero(np.isnan(sst[0])).tolist() == [*range(20, 30), *range(201, 360)]


def test_sentinels_and_values_outside_the_valid_range_are_missing(path: Path) -> None:
    values = np.array([[14.5, -99.9], [15, 44]], dtype=np.float32)
    sst = xr.Variable(("time", "x"), values, {"units": "degC", "valid_max": np.float32(30)})
    xr.Dataset({"sst": sst}, {"time": np.array(["2001-01-01", "2001-01-02"], "datetime64[ns]")}).to_netcdf(
        path, engine="h5netcdf"
    )
    with open_field(path, "netcdf", ReadingOptions(missing=(-99.9,))) as grid:
        np.testing.assert_array_equal(grid.celsius(slice(0, 2)), [[14.5, np.nan], [15, np.nan]])
