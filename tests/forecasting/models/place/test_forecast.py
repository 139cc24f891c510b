import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecast import Forecast
from forecasting.models.place.forecaster import Forecaster
from forecasting.series.sst_series import SstSeries


@pytest.fixture(scope="module")
def forecast(gru: Forecaster, nino12: SstSeries) -> Forecast[Distribution]:
    return gru.forecast(nino12.part(0, len(nino12)), 3, levels=(80, 95), thresholds=(24, 25.5))


@pytest.fixture(scope="module")
def warned(gru: Forecaster, nino12: SstSeries) -> Forecast[Distribution]:
    """A forecast from a window that is too cold and has a gap."""
    values = nino12.values[-24:] - 20
    values[5] = np.nan
    return gru.forecast(SstSeries(values, nino12.times[-24], nino12.step), 2)


def test_a_table_has_intervals_probabilities_and_whether_they_are_calibrated(forecast: Forecast[Distribution]) -> None:
    table = forecast.to_pandas()
    assert list(table.columns) == [
        "sst", "lower_80", "upper_80", "lower_95", "upper_95", "calibrated", "exceedance_24", "exceedance_25.5"
    ]  # fmt: skip
    assert table["exceedance_24"].tolist() == forecast.exceedance(24.0).tolist()
    assert table["exceedance_25.5"].tolist() == forecast.exceedance(25.5).tolist()
    assert table["calibrated"].tolist() == [True] * 3
    assert table["calibrated"].dtype == np.bool_
    assert table.attrs == {"warnings": []}


def test_a_table_keeps_its_warnings_through_selections_and_parquet(
    warned: Forecast[Distribution], tmp_path: Path
) -> None:
    table = warned.to_pandas()
    assert table["calibrated"].tolist() == [False] * 2
    warnings = [{"code": warning.code, "message": warning.message} for warning in warned.warnings]
    assert [warning["code"] for warning in warnings] == ["gap_filled", "outside_training"]
    table.to_parquet(tmp_path / "forecast.parquet")
    for kept in (table[["sst"]].head(1), pd.read_parquet(tmp_path / "forecast.parquet")):
        assert kept.attrs["warnings"] == warnings


def test_a_dataset_has_the_same_values_as_the_table(forecast: Forecast[Distribution]) -> None:
    data, table = forecast.to_xarray(), forecast.to_pandas()
    assert dict(data.sizes) == {"time": 3, "level": 2, "threshold": 2}
    assert data["sst"].values.tolist() == table["sst"].tolist()
    for side in ("lower", "upper"):
        for level in (80, 95):
            assert data[side].sel(level=level).values.tolist() == table[f"{side}_{level}"].tolist()
    assert data["exceedance"].sel(threshold=25.5).values.tolist() == table["exceedance_25.5"].tolist()
    assert (data["time"].values == pd.DatetimeIndex(table.index).tz_localize(None).to_numpy()).all()
    assert bool(data["calibrated"])


def test_a_dataset_has_cf_attributes(forecast: Forecast[Distribution]) -> None:
    data = forecast.to_xarray()
    for name in ("sst", "lower", "upper", "threshold"):
        assert data[name].attrs["standard_name"] == "sea_surface_temperature"
        assert data[name].attrs["units"] == "degree_Celsius"
    assert data["time"].attrs["standard_name"] == "time"
    assert data["exceedance"].attrs["units"] == "1"
    assert data.attrs["Conventions"] == "CF-1.11"


@pytest.mark.parametrize("fixture", ["forecast", "warned"])
def test_a_dataset_survives_netcdf(fixture: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    data: xr.Dataset = request.getfixturevalue(fixture).to_xarray()
    data.to_netcdf(tmp_path / "forecast.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "forecast.nc", engine="h5netcdf") as read:
        xr.testing.assert_allclose(read, data)
        assert bool(read["calibrated"]) == bool(data["calibrated"])
        assert read.attrs["warnings"] == data.attrs["warnings"]


def test_a_dataset_has_a_line_for_each_warning(warned: Forecast[Distribution]) -> None:
    data = warned.to_xarray()
    lines = data.attrs["warnings"].split("\n")
    assert lines == [f"{warning.code}: {warning.message}" for warning in warned.warnings]
    assert data["exceedance"].shape == (2, 0)
    assert not bool(data["calibrated"])


def test_without_xarray_the_error_names_its_extra(
    forecast: Forecast[Distribution], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(
        ImportError, match=r"^Forecast.to_xarray needs the extra `grids` \(no package 'xarray'\): pip install"
    ):
        forecast.to_xarray()


def test_the_share_of_paths_beyond_a_threshold_is_the_probability(gru: Forecaster, nino12: SstSeries) -> None:
    forecast = gru.forecast(nino12, 3, thresholds=(24,))
    outlook = forecast.outlook(nino12)
    thresholds = forecast.sst + np.asarray([-4.0, 0.1, 3.0])
    np.testing.assert_allclose((outlook.paths > thresholds).mean(axis=0), outlook.exceedance(thresholds), atol=6e-4)
    np.testing.assert_array_equal(outlook.exceedance(24.0), forecast.exceedance(24.0))
