"""The obvious implementation of this service: a synchronous FastAPI endpoint, which runs in a thread pool."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastapi import FastAPI

from forecasting.models.checkpoint import CPU
from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, parse_time
from service.api.forecast.schemas import ForecastRequest
from service.engine.reading import InputSeries


def create() -> FastAPI:
    """The application, with the models loaded. Its responses have the same content as those of the service."""
    torch.set_num_threads(1)
    catalog = Catalog.open(Path("artifacts"), CPU, "nino12")
    app = FastAPI()

    # No response model, since validation would slow it down.
    @app.post("/forecast", response_model=None)
    def forecast(request: ForecastRequest) -> dict[str, Any]:
        _, (forecaster,) = catalog.resolve(request.model, request.dataset)
        return {
            "model": forecaster.metadata.model,
            "version": forecaster.metadata.version,
            "forecasts": [_forecast(forecaster, request.horizon, series) for series in request.series],
        }

    return app


def _forecast(forecaster: Forecaster, horizon: int, series: InputSeries) -> dict[str, Any]:
    forecast = forecaster.forecast(_read(series, forecaster), horizon)
    return {
        "id": series.id,
        "timestamps": [iso(time) for time in forecast.times],
        "sst": forecast.sst.tolist(),
        "intervals": [
            {"level": level, "lower": lower.tolist(), "upper": upper.tolist()}
            for level in forecast.levels
            for lower, upper in [forecast.interval(level)]
        ],
        "baselines": {name: values.tolist() for name, values in forecast.baselines.items()},
        "warnings": [{"code": warning.code, "message": warning.message} for warning in forecast.warnings],
    }


def _read(series: InputSeries, forecaster: Forecaster) -> SstSeries:
    values = np.array(series.values, dtype=np.float64)
    if series.timestamps is None:
        return SstSeries(values, parse_time(series.start or ""), forecaster.step)
    times = np.array([parse_time(text) for text in series.timestamps])
    return SstSeries.from_observations(times, values, step=forecaster.step)
