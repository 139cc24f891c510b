import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from forecasting.errors import SeriesError
from forecasting.series.sst_series import SeriesLike, SstSeries, to_sst_series
from tests.conftest import daily

SERIES = daily([20.0, 21.0, np.nan, 22.0])


def data_array() -> xr.DataArray:
    return xr.DataArray(SERIES.values, coords={"time": SERIES.times.astype("datetime64[ns]")}, dims="time")


@pytest.mark.parametrize(
    "data",
    [
        SERIES,
        SERIES.to_pandas(),
        SERIES.to_pandas().to_frame(),
        data_array(),
        data_array().assign_coords(lat=43.0),
        xr.Dataset({"sst": data_array()})["sst"],
    ],
    ids=["SstSeries", "Series", "DataFrame", "DataArray", "DataArray of a place", "DataArray of a Dataset"],
)
def test_pandas_and_xarray_objects_are_the_same_series(data: SeriesLike) -> None:
    series = to_sst_series(data)
    assert series.values.tolist() == pytest.approx(SERIES.values.tolist(), nan_ok=True)
    assert (series.times == SERIES.times).all()
    assert series.step == SERIES.step


@pytest.mark.parametrize(
    ("data", "given"),
    [
        (SERIES.values, "numpy.ndarray"),
        ([20.0, 21.0], "list"),
        (None, "NoneType"),
        (pd.concat([SERIES.to_pandas(), SERIES.to_pandas()], axis=1), "a DataFrame with 2 columns"),
        (data_array().expand_dims(lat=[43.0]), r"a DataArray with the dimensions \('lat', 'time'\)"),
        (data_array().to_dataset(name="sst"), "xarray.core.dataset.Dataset"),
    ],
)
def test_anything_else_is_refused_with_what_is_expected(data: SeriesLike, given: str) -> None:
    expected = "an SstSeries, a pandas Series, a pandas DataFrame with one column, or an xarray DataArray whose only"
    with pytest.raises(TypeError, match=f"{expected} dimension is time; got {given}"):
        to_sst_series(data)


@pytest.mark.parametrize("data", [pd.Series([20.0, 21.0]), xr.DataArray([20.0, 21.0], dims="x")])
def test_an_index_without_times_is_refused(data: SeriesLike) -> None:
    with pytest.raises(SeriesError, match="must contain times"):
        to_sst_series(data)


@pytest.mark.parametrize(
    ("units", "values"),
    [("degF", SERIES.values * 1.8 + 32), ("K", SERIES.values + 273.15), ("degree_Celsius", SERIES.values)],
)
def test_the_units_of_a_data_array_are_converted(units: str, values: np.ndarray[Any, Any]) -> None:
    series = to_sst_series(data_array().copy(data=values).assign_attrs(units=units))
    assert series.values.tolist() == pytest.approx(SERIES.values.tolist(), nan_ok=True)


def test_unknown_units_of_a_data_array_are_refused() -> None:
    with pytest.raises(SeriesError, match="the DataArray is in 'm s-1', not in a known unit of temperature: convert"):
        to_sst_series(data_array().assign_attrs(units="m s-1"))


def test_a_series_is_not_copied() -> None:
    assert isinstance(SERIES, SstSeries)
    assert to_sst_series(SERIES) is SERIES


def test_a_pandas_series_does_not_load_xarray() -> None:
    code = (
        "import sys, pandas as pd; from forecasting.series.sst_series import to_sst_series; "
        "to_sst_series(pd.Series([20.0, 21.0], index=pd.date_range('2001-01-01', periods=2))); "
        "sys.exit('xarray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
