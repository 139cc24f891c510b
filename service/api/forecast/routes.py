"""The routes of ``/forecast``: for a dataset's own series, and for the caller's.

JSON is answered in :mod:`service.api.forecast.handler`, NDJSON in :mod:`service.api.forecast.streaming`, and others
by the plug-ins whose ``streams`` name them.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.api.dependencies import SERIES_DATASET, CatalogDep, SettingsDep
from service.api.forecast.handler import ForecastQuery, LinesQuery, forecast_dataset, forecast_series, merge
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
from service.engine.serving import Lifecycle
from service.http.bodies import NDJSON_TYPE, require_json
from service.http.paths import Stream
from service.http.problems import Problem
from service.middleware.deadlines import STREAMED
from service.middleware.requests import HEADERS
from service.settings import Settings

router = APIRouter(prefix="/forecast", tags=["forecast"])

_BODY = request_body(ForecastRequest, examples=EXAMPLES)
_BODY["requestBody"]["content"][NDJSON_TYPE] = {"schema": BYTES}
_BODY["requestBody"]["description"] = (
    "JSON; or NDJSON, for more series than fit into one request. In NDJSON each line is an `InputSeries`, and the "
    "options are query parameters. The service responds line by line while it reads. If it has to stop early, the last "
    "line is a problem document."
)
_QUERY: Final = (
    {
        "name": "dataset",
        "in": "query",
        "required": False,
        "description": SERIES_DATASET,
        "schema": {"type": "string"},
    },
    {
        "name": "strict",
        "in": "query",
        "required": False,
        "description": "Return 422 if any series cannot be forecast.",
        "schema": {"type": "boolean", "default": False},
    },
)
_LINES_QUERY = query_parameters(
    LinesQuery, "model", "horizon", "level", "threshold", "units", "events", "paths", "check", "as_of",
    note="Use it with a body other than JSON, or with a JSON body that leaves it out.",
)  # fmt: skip


@router.get(
    "",
    operation_id="forecastDataset",
    summary="Forecast a dataset",
    response_model=ForecastAnswer,
    responses=problems(404, 422, 503),
)
def get_forecast(catalog: CatalogDep, settings: SettingsDep, query: Annotated[ForecastQuery, Query()]) -> Response:
    """Forecast what follows the last observation of a dataset's own series."""
    return Response(forecast_dataset(catalog, settings, query), media_type="application/json")


@router.post(
    "",
    operation_id="forecastSeries",
    summary="Forecast your series",
    response_model=ForecastAnswer,
    responses=problems(400, 404, 406, 413, 415, 422, 503, 504)
    | {200: {"content": ndjson_lines(ForecastLine, FailedLine, AllLine, FailedAllLine, Problem)}},
    openapi_extra=_BODY | {"parameters": [*_QUERY, *_LINES_QUERY["parameters"]]},
)
async def post_forecast(request: Request) -> Response:
    """Forecast what follows each of your series, from one to thousands.

    A series that cannot be forecast has an `error` in its place.
    """
    state, scope = request.app.state, request.scope
    lifecycle: Lifecycle = state.lifecycle
    settings: Settings = state.settings
    stream: Stream | None = scope[STREAMED]
    if stream is not None:
        return stream.answer(request)
    serving, body = lifecycle.ready(), await request.body()
    require_json(scope[HEADERS])
    query = LinesQuery.read(scope["query_string"]) if scope["query_string"] else None
    asked = await serving.read_json(ForecastRequest, body, settings.max_series, settings.max_body_bytes)
    if query is not None:
        asked = merge(asked, query)
    content = await forecast_series(serving, settings, asked, strict=query is not None and query.strict)
    return Response(content, media_type="application/json")
