"""Forecasts: of what follows a dataset's own last observation, and of callers' series."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope

from forecasting.series import Units
from service.call import Headers
from service.dependencies import (
    DatasetQuery,
    HorizonQuery,
    LifecycleDep,
    ModelQuery,
    RegistryDep,
    SettingsDep,
    ready,
)
from service.errors import Problem, ProblemError, found_in
from service.forecasts import forecast_dataset, forecast_series
from service.gate import JSON, Answer, Direct, Hold, Stream, unheld
from service.lifecycle import Lifecycle
from service.media import NDJSON_TYPE, require_json
from service.openapi import lines, problems, query_parameters, request_body
from service.schemas import (
    AllForecasts,
    AllLine,
    FailedAllLine,
    FailedLine,
    ForecastLine,
    ForecastRequest,
    ModelForecast,
    SeriesIn,
)
from service.settings import Settings
from service.streaming import LinesQuery, forecast_lines, without_blanks
from service.writing import Json, Wanted

router = APIRouter(prefix="/forecast", tags=["forecast"])

_BODY = request_body(ForecastRequest)
_BODY["requestBody"]["content"] |= lines(NDJSON_TYPE, SeriesIn)
_BODY["requestBody"]["description"] = (
    "JSON; or, for more series than fit into a request, NDJSON: a series on each line, and all else in the query. "
    "It is answered line by line while it comes in; where the answer breaks off, its last line is a problem document."
)
_LINES_QUERY = query_parameters(LinesQuery, "model", "horizon", "level", "threshold", "units", only="for NDJSON bodies")

LevelQuery = Annotated[
    list[int] | None,
    BeforeValidator(without_blanks),
    Query(max_length=16, description="percent; repeatable; default 80 and 95; an empty one asks for no intervals"),
]
ThresholdQuery = Annotated[
    Sequence[Annotated[float, Field(allow_inf_nan=False)]],
    Query(max_length=16, description="temperature whose probability of being exceeded is wanted; repeatable"),
]
UnitsQuery = Annotated[Units, Query(description="of all temperatures")]

_IN_THE_BODY: Final = ("model", "horizon", "level", "levels", "threshold", "thresholds", "units")

_read = ForecastRequest.__pydantic_validator__.validate_json


@router.get("", response_model=ModelForecast | AllForecasts, responses=problems(404, 422, 503))
def get_forecast(
    registry: RegistryDep,
    dataset: DatasetQuery = None,
    model: ModelQuery = "best",
    horizon: HorizonQuery = 1,
    level: LevelQuery = None,
    threshold: ThresholdQuery = (),
    units: UnitsQuery = "celsius",
) -> Json:
    """The forecast that follows the dataset's own last observation."""
    levels = None if level is None else tuple(level)
    return forecast_dataset(registry, dataset, model, Wanted(horizon, levels, tuple(threshold), units))


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
    content, _ = await _answer(lifecycle, settings, request.scope, headers, await request.body(), unheld)
    return Response(content, media_type="application/json")


def direct(lifecycle: Lifecycle, settings: Settings) -> Direct:
    """The same answer for the gate, which calls it without FastAPI."""
    return partial(_answer, lifecycle, settings)


def stream(lifecycle: Lifecycle, settings: Settings) -> Stream:
    """The answer to series that come line by line, for the gate."""
    return partial(_stream, lifecycle, settings)


async def _stream(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, receive: Receive
) -> AsyncGenerator[bytes]:
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        detail = "lines are read as they come: send them without Content-Encoding"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "identity"})
    query = LinesQuery.read(scope["query_string"])
    async with aclosing(forecast_lines(ready(lifecycle), settings, query, receive)) as pieces:
        async for piece in pieces:
            yield piece


class _Query(BaseModel):
    dataset: str | None = None
    strict: bool = False


_NO_QUERY = _Query()


def read_request(query_string: bytes, headers: Headers, body: bytes) -> tuple[ForecastRequest, str | None, bool]:
    """What a request asks for, the dataset that its query names, and whether it is strict.

    Raises:
        ProblemError: 415 if the body is not announced as JSON.
        RequestValidationError: if the query or the body cannot be understood, or the query says what the body has to.
    """
    require_json(headers)
    query, where = _NO_QUERY, "query"
    try:
        if query_string:
            said = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
            _refuse_misplaced(said)
            query = _Query.model_validate(said)
        where = "body"
        return _read(body), query.dataset or None, query.strict
    except ValidationError as error:
        places = found_in(body, error)
        raise RequestValidationError([{**one, "loc": (where, *one["loc"])} for one in places]) from None


def _refuse_misplaced(query: Mapping[str, str]) -> None:
    for name in _IN_THE_BODY:
        if name in query:
            said = f"{name} belongs into the body, beside series; in the query NDJSON alone has it"
            raise RequestValidationError([{"type": "misplaced", "loc": ("query", name), "msg": said}])


async def _answer(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, body: bytes, hold: Hold
) -> Answer:
    request, dataset, strict = read_request(scope["query_string"], headers, body)

    def hold_answer(size: int) -> None:
        hold(len(body) + size)

    return await forecast_series(ready(lifecycle), settings, request, dataset, hold_answer, strict=strict), JSON
