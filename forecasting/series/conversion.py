"""Conversion of pandas and xarray objects to an SstSeries."""

import sys
from typing import TYPE_CHECKING, Union

from forecasting.errors import SeriesError
from forecasting.series.sst_series import SstSeries
from forecasting.series.units import Units, parse_units

if TYPE_CHECKING:
    import pandas as pd
    import xarray

SeriesLike = Union[SstSeries, "pd.Series[float]", "pd.DataFrame", "xarray.DataArray"]
"""The types that :func:`to_sst_series` accepts."""


def to_sst_series(data: SeriesLike) -> SstSeries:
    """Convert one series of SST; an :class:`SstSeries` is returned unchanged.

    Args:
        data: an SstSeries; a pandas Series or a DataFrame with one column, indexed by time; or an xarray DataArray
            whose only dimension is time. Times without a time zone are UTC. Values are in °C, unless the attribute
            ``units`` of a DataArray says otherwise.

    Raises:
        TypeError: if ``data`` is anything else.
        SeriesError: if the index holds no times, the values are not a valid series, or their units are not known.
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
        return SstSeries.from_pandas(data.to_series(), units=_units_of(data))
    name = f"{type(data).__module__}.{type(data).__qualname__}"
    raise _unsupported(name.removeprefix("builtins."))


def _units_of(data: "xarray.DataArray") -> Units:
    written = data.attrs.get("units")
    if written is None:
        return "celsius"
    units = parse_units(str(written))
    if units is None:
        raise SeriesError(
            f"the DataArray is in {str(written)[:40]!r}, not in a known unit of temperature: convert it to °C, and set "
            'its attribute units to "degree_Celsius"'
        )
    return units


def _unsupported(given: str) -> TypeError:
    return TypeError(
        "expected one series: an SstSeries, a pandas Series, a pandas DataFrame with one column, or an xarray "
        f"DataArray whose only dimension is time; got {given}"
    )
