"""``/v1/timeseries``: the time-series protocol of KServe, forecasts with the forecasts of ``POST /forecast``.

Its reference: https://kserve.github.io/website/docs/reference/time_series/api. Fields that the protocol does not have
are allowed everywhere in a request; those that the service does not know either are ignored.
"""

import math
import re
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from fastapi import APIRouter, Request
from orjson import loads
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from forecasting.errors import RequestError
from forecasting.forecasts.options import Horizon, InputUnits
from forecasting.models.base import ALL
from forecasting.requests import Finite, InputTime
from service.api.dependencies import CatalogDep, LifecycleDep, SettingsDep
from service.api.forecast.handler import forecast_series
from service.api.forecast.schemas import ForecastRequest, WeatherUse
from service.api.openapi import problems, request_body
from service.api.series_request import DAILY_VALUES, SeriesWarning, Time
from service.engine.reading import MAX_ID, InputSeries
from service.engine.serving import Serving
from service.engine.weather import InputWeather
from service.http.problems import ProtocolError, TimeSeriesError, title_of
from service.settings import Settings

STEPS: Final = {
    "second": "PT1S", "S": "PT1S", "minute": "PT1M", "T": "PT1M", "hour": "hour", "H": "hour", "day": "day", "D": "day",
    "week": "week", "W": "week", "month": "month", "M": "month",
}  # fmt: skip
"""The step of each frequency that can be forecast."""

Frequency = Literal[
    "second", "S", "minute", "T", "hour", "H", "day", "D", "week", "W", "month", "M", "quarter", "Q", "year", "Y"
]
Status = Literal["completed", "partial", "error"]


def _of_an_interval(quantile: float) -> float:
    # Not multiple_of: validators of JSON schemas disagree on which fractions are multiples.
    if not math.isclose(200 * quantile, round(200 * quantile), abs_tol=1e-6):
        raise PydanticCustomError("quantile", "expected a multiple of 0.005")
    return quantile


Quantile = Annotated[float, Field(gt=0, lt=1), AfterValidator(_of_an_interval)]

_UNIVARIATE: Final = "univariate_time_series"


_EITHER: Final = WithJsonSchema(
    {
        "anyOf": [
            {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
            {"type": "array", "minItems": 1, "items": {"type": "array", "items": {}}},
        ]
    }
)
"""Univariate values, or those of several variables, which are an error of their series."""


class _Extensible(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TimeSeriesInput(_Extensible):
    """A series to forecast."""

    type: Literal["univariate_time_series", "multivariate_time_series"] = Field(
        description="Only univariate series can be forecast."
    )
    name: str = Field(max_length=MAX_ID, description="Returned as given.")
    series: Annotated[list[Finite | None], _EITHER] = Field(
        min_length=1, fail_fast=True, description="SST, oldest first, with null for a missing value."
    )
    frequency: Frequency = Field(description="The step between values; at most a month can be forecast.")
    start_timestamp: InputTime | None = Field(
        default=None, description="The time of the first value, in ISO 8601. It is needed to forecast SST."
    )
    latitude: Annotated[Finite, Field(ge=-90, le=90)] | None = Field(
        default=None, description="Degrees north. With `longitude`, it gives the climatology of the place."
    )
    longitude: Annotated[Finite, Field(ge=-180, le=360)] | None = Field(default=None, description="Degrees east.")
    weather: InputWeather | None = Field(
        default=None, description="The covariates of the series, in the past and ahead, as in `POST /forecast`."
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_multivariate(cls, given: Any) -> Any:
        """Leave out values by variable, so that their series fails alone."""
        series = given.get("series") if isinstance(given, dict) else None
        if not series or not isinstance(series, list) or not all(isinstance(value, list) for value in series):
            return given
        kind = "multivariate_time_series" if given.get("type") == _UNIVARIATE else given.get("type")
        return {**given, "type": kind, "series": [None]}


class TimeSeriesOptions(_Extensible):
    """How to forecast."""

    horizon: Horizon = Field(strict=True, description="The number of steps to forecast.")
    quantiles: list[Quantile] | None = Field(
        default=None, max_length=32, fail_fast=True, description="Multiples of 0.005 between 0 and 1."
    )
    units: InputUnits = "celsius"
    as_of: InputTime | None = Field(
        default=None, description="The time that counts as now, in ISO 8601. Defaults to the time of the request."
    )


class TimeSeriesRequest(_Extensible):
    """A request for forecasts of one or thousands of series."""

    model: str = Field(description="`best`, `rnn`, `lstm`, `gru`, or the full name of a model, such as `nino12-gru`.")
    inputs: list[TimeSeriesInput] = Field(min_length=1, fail_fast=True, description="The series, at least one.")
    options: TimeSeriesOptions
    metadata: dict[str, Any] | None = Field(default=None, description="Returned as given.")


class TimeSeriesForecast(BaseModel):
    """The forecast of a series."""

    type: Literal["univariate_time_series"] = "univariate_time_series"
    name: str
    mean_forecast: list[float] = Field(description="`sst` of `POST /forecast`, one value for each step ahead.")
    frequency: Frequency
    start_timestamp: Time = Field(description="The time of the first value.")
    quantiles: dict[str, list[float]] | None = Field(description="By quantile, such as `0.9`; null if not asked for.")


class TimeSeriesOutput(BaseModel):
    """The outcome of one input: a forecast or an error. Outputs are in the order of the inputs."""

    type: Literal["time_series_forecast"] = "time_series_forecast"
    id: str
    status: Literal["completed", "error"]
    content: list[TimeSeriesForecast]
    error: ProtocolError | None = None
    model: str | None = Field(default=None, description="The network or reference that made the forecast.")
    version: str | None = Field(default=None, description="Of its release.")
    weather: WeatherUse | None = Field(default=None, description="As in `POST /forecast`; null without weather.")
    warnings: list[SeriesWarning] = Field(default=[], description="As in `POST /forecast`.")


class TimeSeriesResponse(BaseModel):
    """The forecasts of all inputs."""

    id: str
    created_at: int = Field(description="Unix seconds.")
    status: Status = Field(description="`partial` if some inputs cannot be forecast, `error` if none can.")
    error: ProtocolError | None = None
    model: str = Field(description="As in the request.")
    outputs: list[TimeSeriesOutput]
    metadata: dict[str, Any] | None = Field(default=None, description="As in the request.")


EXAMPLES: Final[dict[str, Any]] = {
    "daily": {
        "summary": "A daily series",
        "value": {
            "model": "best",
            "inputs": [
                {
                    "type": _UNIVARIATE,
                    "name": "pier",
                    "series": list(DAILY_VALUES),
                    "frequency": "D",
                    "start_timestamp": "2026-04-01T00:00:00Z",
                }
            ],
            "options": {"horizon": 7, "quantiles": [0.1, 0.5, 0.9]},
        },
    }
}
"""Examples of a JSON body, for OpenAPI."""


_MEDIAN: Final = 0.5

_FIELDS: Final = (
    (re.compile(r"^series\[(\d+)\]\.values"), r"inputs[\1].series"),
    (re.compile(r"^series"), "inputs"),
    (re.compile(r"^levels.*"), "options.quantiles"),
    (re.compile(r"^horizon"), "options.horizon"),
    (re.compile(r"^as_of"), "options.as_of"),
)
"""Fields of ``POST /forecast``, and what they are called here."""


async def _forecast_inputs(serving: Serving, settings: Settings, request: TimeSeriesRequest) -> TimeSeriesResponse:
    """Forecast each input; raise RequestError if the request asks for something that is not available."""
    if len(request.inputs) > settings.max_series:
        raise RequestError(
            f"{len(request.inputs)} inputs are too many: send at most {settings.max_series} in one request",
            field="inputs",
        )
    if request.model == ALL:
        raise RequestError("the protocol has one model for all inputs: name it, or send best", field="model")
    problems = {i: problem for i, given in enumerate(request.inputs) if (problem := _problem_of(given))}
    sent = [given for i, given in enumerate(request.inputs) if i not in problems]
    entries: list[dict[str, Any]] = []
    if sent:
        question = _question(request, sent)
        try:
            content = await forecast_series(serving, settings, question, strict=False)
        except RequestError as error:
            raise RequestError(str(error), field=_field(error.field)) from None
        entries = _entries(loads(content))
    return _response(request, problems, entries)


def _problem_of(given: TimeSeriesInput) -> str | None:
    """Return why a series cannot be forecast, before its values are looked at; None if it may be."""
    if given.type != "univariate_time_series":
        return "only univariate series can be forecast: send each variable as an input"
    if given.start_timestamp is None:
        return "start_timestamp is missing: SST depends on the time of year"
    if given.frequency not in STEPS:
        return f"the frequency {given.frequency!r} cannot be forecast: send second, minute, hour, day, week or month"
    return None


def _question(request: TimeSeriesRequest, sent: Sequence[TimeSeriesInput]) -> ForecastRequest:
    """Return the same request to ``POST /forecast``."""
    options = request.options
    return ForecastRequest.model_construct(
        model=request.model,
        horizon=options.horizon,
        levels=tuple(sorted({_level_of(quantile) for quantile in options.quantiles or ()} - {0})),
        units=options.units,
        as_of=options.as_of,
        series=[
            InputSeries.model_construct(
                id=given.name,
                values=given.series,
                start=given.start_timestamp,
                step=STEPS[given.frequency],
                latitude=given.latitude,
                longitude=given.longitude,
                weather=given.weather,
            )
            for given in sent
        ],
    )


def _level_of(quantile: float) -> int:
    """Return the level in percent of the interval that ends at a quantile; 0 for the median."""
    return round(100 * abs(1 - 2 * quantile))


def _entries(response: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of an response to ``POST /forecast``, each with its model and version."""
    common = {name: response[name] for name in ("model", "version") if name in response}
    return [common | entry for entry in response["forecasts"]]


def _response(
    request: TimeSeriesRequest, problems: Mapping[int, str], entries: Sequence[dict[str, Any]]
) -> TimeSeriesResponse:
    forecasts = iter(entries)
    outputs = [
        _failure(problems[i]) if i in problems else _output(given, next(forecasts), request.options)
        for i, given in enumerate(request.inputs)
    ]
    failed = sum(output.status == "error" for output in outputs)
    return TimeSeriesResponse(
        id=f"resp_{uuid4().hex}",
        created_at=int(time.time()),
        status="completed" if not failed else "error" if failed == len(outputs) else "partial",
        model=request.model,
        outputs=outputs,
        metadata=request.metadata,
    )


def _output(given: TimeSeriesInput, entry: dict[str, Any], options: TimeSeriesOptions) -> TimeSeriesOutput:
    if "error" in entry:
        return _failure(entry["error"])
    forecast = TimeSeriesForecast(
        name=given.name,
        mean_forecast=entry["sst"],
        frequency=given.frequency,
        start_timestamp=entry["timestamps"][0],
        quantiles=None if options.quantiles is None else _quantiles(entry, options.quantiles),
    )
    return TimeSeriesOutput(
        id=f"ts_{uuid4().hex}",
        status="completed",
        content=[forecast],
        model=entry["model"],
        version=entry["version"],
        weather=entry.get("weather"),
        warnings=entry["warnings"],
    )


def _quantiles(entry: dict[str, Any], quantiles: Sequence[float]) -> dict[str, list[float]]:
    bounds = {interval["level"]: interval for interval in entry["intervals"]}
    values = {}
    for quantile in quantiles:
        level = _level_of(quantile)
        side = "lower" if quantile < _MEDIAN else "upper"
        values[f"{quantile:g}"] = entry["sst"] if level == 0 else bounds[level][side]
    return values


def _failure(message: str) -> TimeSeriesOutput:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    error = ProtocolError(code=str(status.value), message=message, type=title_of(status))
    return TimeSeriesOutput(id=f"ts_{uuid4().hex}", status="error", content=[], error=error)


def _field(field: str) -> str:
    for pattern, name in _FIELDS:
        if pattern.match(field):
            return pattern.sub(name, field)
    return field


router = APIRouter(prefix="/v1/timeseries", tags=["time-series protocol"])


@router.post(
    "/forecast",
    operation_id="forecastTimeSeries",
    summary="Forecast time series",
    response_model=TimeSeriesResponse,
    responses=problems(400, 404, 413, 415, 422, 503, 504, model=TimeSeriesError),
    openapi_extra=request_body(TimeSeriesRequest, examples=EXAMPLES),
)
async def forecast(request: Request, lifecycle: LifecycleDep, settings: SettingsDep) -> Response:
    """Forecast what follows each of your series, by the time-series protocol of KServe.

    A series that cannot be forecast has an `error` in its place. With `best`, `rnn`, `lstm` or `gru`, the universal
    release of its step forecasts it.
    """
    # The protocol does not say which media type a request has, so any will do.
    serving, body = lifecycle.ready(), await request.body()
    question = await serving.read_json(TimeSeriesRequest, body, settings.max_series, settings.max_body_bytes)
    response = await _forecast_inputs(serving, settings, question)
    return Response(response.model_dump_json(), media_type="application/json")


@router.get(
    "/models",
    operation_id="listTimeSeriesModels",
    summary="List the models",
    responses=problems(503, model=TimeSeriesError),
)
def models(catalog: CatalogDep) -> list[str]:
    """Return the full names of the models."""
    return [*catalog.model_names]
