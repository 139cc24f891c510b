"""The core: from a series of sea-surface temperature to a forecast and its accuracy.

from forecasting import load_forecaster

forecaster = load_forecaster("nino12-gru")
forecaster.forecast(series, horizon=3).to_pandas()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from forecasting.bundled import NINO12
from forecasting.errors import FileError, ForecastError, ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.extras import needs_extra

if TYPE_CHECKING:
    from forecasting.forecasts.forecast import Forecast
    from forecasting.models.place.forecaster import Forecaster
    from forecasting.readers import read_csv
    from forecasting.releases.catalog import Catalog, load_forecaster, load_universal
    from forecasting.releases.trust import TrustedKeys
    from forecasting.series.sst_series import SstSeries
    from forecasting.series.timestep import TimeStep

__all__ = [
    "NINO12",
    "Catalog",
    "FileError",
    "Forecast",
    "ForecastError",
    "Forecaster",
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

_MODULES: Final = {
    "Catalog": "forecasting.releases.catalog",
    "Forecast": "forecasting.forecasts.forecast",
    "Forecaster": "forecasting.models.place.forecaster",
    "SstSeries": "forecasting.series.sst_series",
    "TimeStep": "forecasting.series.timestep",
    "TrustedKeys": "forecasting.releases.trust",
    "load_forecaster": "forecasting.releases.catalog",
    "load_universal": "forecasting.releases.catalog",
    "read_csv": "forecasting.readers",
}
"""Where each name is imported from on first use: pandas and torch take seconds, and many programs need neither."""

_NEEDS_TORCH: Final = {
    "Catalog": "Loading a forecaster",
    "Forecaster": "A forecaster",
    "load_forecaster": "Loading a forecaster",
    "load_universal": "Loading a universal release",
}
"""The names that need torch, as the subject of the error without it."""


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _NEEDS_TORCH:
        with needs_extra("torch", _NEEDS_TORCH[name]):
            import_module("torch")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    # help() and completion load what this names, and torch may not be installed.
    return sorted({*globals(), *__all__} - _NEEDS_TORCH.keys())
