"""The routes of KServe's time-series protocol, under ``/v1/timeseries``."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import LifecycleDep, RegistryDep, SettingsDep
from service.api.openapi import refusals, request_body
from service.api.timeseries.handler import answer_timeseries
from service.api.timeseries.schemas import EXAMPLES, TimeSeriesRequest, TimeSeriesResponse
from service.http.problems import TimeSeriesError

router = APIRouter(prefix="/v1/timeseries", tags=["time-series protocol"])


@router.post(
    "/forecast",
    operation_id="forecastTimeSeries",
    summary="Forecast time series",
    response_model=TimeSeriesResponse,
    responses=refusals(400, 404, 413, 415, 422, 503, 504, model=TimeSeriesError),
    openapi_extra=request_body(TimeSeriesRequest, examples=EXAMPLES),
)
async def forecast(request: Request, lifecycle: LifecycleDep, settings: SettingsDep) -> Response:
    """Forecast what follows each of your series, by the time-series protocol of KServe.

    A series that cannot be forecast has an `error` in its place. With `best`, `rnn`, `lstm` or `gru`, the universal
    release of its step forecasts it.
    """
    content = await answer_timeseries(lifecycle, settings, request.scope["query_string"], await request.body())
    return Response(content, media_type="application/json")


@router.get(
    "/models",
    operation_id="listTimeSeriesModels",
    summary="List the models",
    responses=refusals(503, model=TimeSeriesError),
)
def models(registry: RegistryDep) -> list[str]:
    """Return the full names of the models."""
    return [*registry.model_names]
