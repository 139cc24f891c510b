"""Forecasts: of what follows a dataset's own last observation, and of callers' series."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope

from service.api.dependencies import DatasetQuery, LifecycleDep, RegistryDep, SettingsDep, ready
from service.api.forecast.answer import forecast_dataset, forecast_series
from service.api.forecast.query import ForecastQuery, LinesQuery
from service.api.forecast.schemas import (
    AllForecasts,
    AllLine,
    FailedAllLine,
    FailedLine,
    ForecastLine,
    ForecastRequest,
    ModelForecast,
)
from service.api.forecast.streaming import forecast_lines
from service.api.openapi import lines, problems, query_parameters, request_body
from service.engine.lifecycle import Lifecycle
from service.engine.series_schema import SeriesIn
from service.gate.call import Headers
from service.gate.gate import JSON, Hold, RawAnswer, unheld
from service.http.bodies import refuse_costly
from service.http.media import NDJSON_TYPE, require_json
from service.http.problems import Problem, ProblemError, invalid_body
from service.http.request_model import UnknownFieldsError
from service.settings import Settings

router = APIRouter(prefix="/forecast", tags=["forecast"])

_BODY = request_body(ForecastRequest)
_BODY["requestBody"]["content"] |= lines(NDJSON_TYPE, SeriesIn)
_BODY["requestBody"]["description"] = (
    "JSON; or, for more series than fit into a request, NDJSON: a series on each line, and all else in the query. "
    "It is answered line by line while it comes in; where the answer breaks off, its last line is a problem document."
)
_LINES_QUERY = query_parameters(
    LinesQuery, "model", "horizon", "level", "threshold", "units", only="for NDJSON, and JSON that does not say it"
)

_EITHER: Final = {
    "model": "model",
    "horizon": "horizon",
    "level": "levels",
    "threshold": "thresholds",
    "units": "units",
}
"""Parameters of the query, and what a body of JSON has in their place."""

_read = ForecastRequest.__pydantic_validator__.validate_json


@router.get("", response_model=ModelForecast | AllForecasts, responses=problems(404, 422, 503))
def get_forecast(registry: RegistryDep, settings: SettingsDep, query: Annotated[ForecastQuery, Query()]) -> Response:
    """The forecast that follows the dataset's own last observation."""
    return Response(forecast_dataset(registry, settings, query), media_type="application/json")


@router.post(
    "",
    response_model=ModelForecast | AllForecasts,
    responses=problems(400, 404, 413, 415, 422, 503, 504)
    | {200: {"content": lines(NDJSON_TYPE, ForecastLine, FailedLine, AllLine, FailedAllLine, Problem)}},
    openapi_extra=_BODY | _LINES_QUERY,
)
async def post_forecast(
    request: Request,
    lifecycle: LifecycleDep,
    settings: SettingsDep,
    dataset: DatasetQuery = None,
    strict: Annotated[bool, Query(description="answer 422 if any series cannot be forecast from")] = False,
) -> Response:
    """Forecasts for the caller's series, one or thousands. A bad one gets an error in its place."""
    headers = dict(request.scope["headers"])
    content, _ = await answer(lifecycle, settings, request.scope, headers, await request.body(), unheld)
    return Response(content, media_type="application/json")


async def stream(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, receive: Receive
) -> AsyncGenerator[bytes]:
    """The answer to series that come line by line: for the gate, which calls it without FastAPI."""
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        detail = "lines are read as they come: send them without Content-Encoding"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "identity"})
    query = LinesQuery.read(scope["query_string"])
    async with aclosing(forecast_lines(ready(lifecycle), settings, query, receive)) as pieces:
        async for piece in pieces:
            yield piece


def read_request(query_string: bytes, headers: Headers, body: bytes) -> tuple[ForecastRequest, str | None, bool]:
    """What a request asks for, the dataset that its query names, and whether it is strict.

    Raises:
        ProblemError: 415 if the body is not announced as JSON.
        RequestValidationError: if the query or the body cannot be understood, or they contradict each other.
    """
    require_json(headers)
    query = LinesQuery.read(query_string) if query_string else None
    try:
        request = _read(body, context=[])
    except (ValidationError, UnknownFieldsError) as error:
        raise invalid_body(body, error) from None
    if query is None:
        return request, None, False
    return _agreed(request, query), query.dataset or None, query.strict


def _agreed(request: ForecastRequest, query: LinesQuery) -> ForecastRequest:
    """The request, with what the query says and the body does not."""
    said: dict[str, object] = {}
    for name in query.model_fields_set & _EITHER.keys():
        own, value = _EITHER[name], getattr(query, name)
        value = tuple(value) if own == "thresholds" else value
        if own not in request.model_fields_set:
            said[own] = value
        elif getattr(request, own) != value:
            message = f"{name} is another in the query than {own} in the body: say it once"
            raise RequestValidationError([{"type": "contradiction", "loc": ("query", name), "msg": message}])
    return request.model_copy(update=said)


async def answer(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, body: bytes, hold: Hold
) -> RawAnswer:
    """The answer of :func:`post_forecast`: for the gate too, which calls it without FastAPI."""
    refuse_costly(body, settings.max_series, settings.max_body_bytes)
    request, dataset, strict = read_request(scope["query_string"], headers, body)

    def hold_answer(size: int) -> None:
        hold(len(body) + size)

    return await forecast_series(ready(lifecycle), settings, request, dataset, hold_answer, strict=strict), JSON
