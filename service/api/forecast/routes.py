"""The routes of ``/forecast``: for a dataset's own series, and for the caller's.

``GET`` and ``POST`` are answered in :mod:`service.api.forecast.handler`, NDJSON in
:mod:`service.api.forecast.streaming`, and Arrow and Parquet in :mod:`service.api.forecast.columns.streams`. Most small
``POST`` requests do not pass through here: the server answers them in :mod:`service.server.hot_path`, with the
functions of the handler and without FastAPI.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.api.dependencies import LifecycleDep, RegistryDep, SeriesDatasetQuery, SettingsDep
from service.api.forecast.handler import answer_forecast, forecast_dataset
from service.api.forecast.query import ForecastQuery, LinesQuery
from service.api.forecast.schemas import (
    EXAMPLES,
    AllLine,
    FailedAllLine,
    FailedLine,
    ForecastAnswer,
    ForecastLine,
    ForecastRequest,
)
from service.api.openapi import BYTES, ndjson_lines, problems, query_parameters, request_body
from service.gate.gate import unheld
from service.http.media import ARROW_TYPE, NDJSON_TYPE, PARQUET_TYPE
from service.http.problems import Problem

router = APIRouter(prefix="/forecast", tags=["forecast"])

_BODY = request_body(ForecastRequest, examples=EXAMPLES)
_BODY["requestBody"]["content"] |= {name: {"schema": BYTES} for name in (NDJSON_TYPE, ARROW_TYPE, PARQUET_TYPE)}
_BODY["requestBody"]["description"] = (
    "JSON; or NDJSON, for more series than fit into one request. In NDJSON each line is an `InputSeries`, and the "
    "options are query parameters. The service responds line by line while it reads. If it has to stop early, the last "
    "line is a problem document. An Arrow stream or a Parquet file has the columns `id`, `time` and `sst`, and "
    "optionally `latitude` and `longitude`, one series after another; `Accept` selects the format of the response."
)
_LINES_QUERY = query_parameters(
    LinesQuery, "model", "horizon", "level", "threshold", "units", "events", "paths", "check", "as_of",
    note="Use it with NDJSON, Arrow or Parquet, or with a JSON body that leaves it out.",
)  # fmt: skip


@router.get(
    "",
    operation_id="forecastDataset",
    summary="Forecast a dataset",
    response_model=ForecastAnswer,
    responses=problems(404, 422, 503),
)
def get_forecast(registry: RegistryDep, settings: SettingsDep, query: Annotated[ForecastQuery, Query()]) -> Response:
    """Forecast what follows the last observation of a dataset's own series."""
    return Response(forecast_dataset(registry, settings, query), media_type="application/json")


@router.post(
    "",
    operation_id="forecastSeries",
    summary="Forecast your series",
    response_model=ForecastAnswer,
    responses=problems(400, 404, 406, 413, 415, 422, 503, 504)
    | {
        200: {
            "content": ndjson_lines(ForecastLine, FailedLine, AllLine, FailedAllLine, Problem)
            | {name: {"schema": BYTES} for name in (ARROW_TYPE, PARQUET_TYPE)}
        }
    },
    openapi_extra=_BODY | _LINES_QUERY,
)
async def post_forecast(
    request: Request,
    lifecycle: LifecycleDep,
    settings: SettingsDep,
    dataset: SeriesDatasetQuery = None,
    strict: Annotated[bool, Query(description="Return 422 if any series cannot be forecast.")] = False,
) -> Response:
    """Forecast what follows each of your series, from one to thousands.

    A series that cannot be forecast has an `error` in its place.
    """
    headers = dict(request.scope["headers"])
    content, _ = await answer_forecast(lifecycle, settings, request.scope, headers, await request.body(), unheld)
    return Response(content, media_type="application/json")
