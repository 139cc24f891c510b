"""The core: from a series of sea-surface temperature to a forecast and its accuracy.

from forecasting import load_forecaster

forecaster = load_forecaster("nino12-gru")
forecaster.forecast(series, horizon=3).to_pandas()
"""

from typing import TYPE_CHECKING, Any

from forecasting.errors import FileError, ForecastError, ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.extras import needs_extra
from forecasting.networks.forecast import Forecast
from forecasting.readers import read_csv
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster
    from forecasting.releases.registry import Registry, load_forecaster
    from forecasting.releases.universal_catalog import load_universal

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
    "TrustedKeys",
    "UnknownNameError",
    "load_forecaster",
    "load_universal",
    "read_csv",
]


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds; programs that only read files should not wait for it.
    if name == "Forecaster":
        with needs_extra("torch", "A forecaster"):
            from forecasting.networks.forecaster import Forecaster

        return Forecaster
    if name in ("Registry", "load_forecaster"):
        with needs_extra("torch", "Loading a forecaster"):
            from forecasting.releases import registry

        return getattr(registry, name)
    if name == "load_universal":
        with needs_extra("torch", "Loading a universal release"):
            from forecasting.releases.universal_catalog import load_universal

        return load_universal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
