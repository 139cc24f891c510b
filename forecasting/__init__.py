"""The core: from a series of sea-surface temperature to a forecast and its accuracy.

from forecasting import load_forecaster

forecaster = load_forecaster("nino12-gru")
forecaster.forecast(series, horizon=3).to_pandas()
"""

from forecasting.errors import FileError, ForecastError, ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster
from forecasting.readers import read_csv
from forecasting.registry import Registry, load_forecaster
from forecasting.series import SstSeries
from forecasting.timestep import TimeStep

__all__ = [
    "FileError",
    "Forecast",
    "ForecastError",
    "Forecaster",
    "Registry",
    "ReleaseError",
    "RequestError",
    "SeriesError",
    "SstSeries",
    "TimeStep",
    "UnknownNameError",
    "load_forecaster",
    "read_csv",
]
