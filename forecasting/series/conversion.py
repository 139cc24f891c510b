"""Conversion of pandas and xarray objects to an SstSeries."""

import sys
from typing import TYPE_CHECKING, Union

from forecasting.series.sst_series import SstSeries

if TYPE_CHECKING:
    import pandas as pd
    import xarray

SeriesLike = Union[SstSeries, "pd.Series[float]", "pd.DataFrame", "xarray.DataArray"]
"""The types that :func:`to_sst_series` accepts."""


def to_sst_series(data: SeriesLike) -> SstSeries:
    """Convert one series of SST in °C; an :class:`SstSeries` is returned unchanged.

    Args:
        data: an SstSeries; a pandas Series or a DataFrame with one column, indexed by time; or an xarray DataArray
            whose only dimension is time. Times without a time zone are UTC.

    Raises:
        TypeError: if ``data`` is anything else.
        SeriesError: if the index holds no times, or the values are not a valid series.
    """
    if isinstance(data, SstSeries):
        return data
    import pandas as pd

    if isinstance(data, pd.Series):
        return SstSeries.from_pandas(data)
    if isinstance(data, pd.DataFrame):
        if data.shape[1] != 1:
            raise _unsupported(f"a DataFrame with {data.shape[1]} columns")
        return SstSeries.from_pandas(data.iloc[:, 0])
    # A caller with an xarray object has already imported xarray; others should not wait for the import.
    module = sys.modules.get("xarray")
    if module is not None and isinstance(data, module.DataArray):
        if data.ndim != 1:
            raise _unsupported(f"a DataArray with the dimensions {data.dims}")
        return SstSeries.from_pandas(data.to_series())
    name = f"{type(data).__module__}.{type(data).__qualname__}"
    raise _unsupported(name.removeprefix("builtins."))


def _unsupported(given: str) -> TypeError:
    return TypeError(
        "expected one series: an SstSeries, a pandas Series, a pandas DataFrame with one column, or an xarray "
        f"DataArray whose only dimension is time; got {given}"
    )
