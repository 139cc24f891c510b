"""Whole grids as OISST and GHRSST write them, with made-up values."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers.grid.fields import open_field
from forecasting.readers.options import ReadingOptions
from tests.forecasting.readers.grid.test_grids import copernicus, field, ghrsst, oisst


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
