"""Answer the calls of KServe's time-series protocol with those of ``POST /forecast``."""

import re
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from orjson import loads

from forecasting.errors import RequestError
from forecasting.models.base import ALL
from service.api.dependencies import ready
from service.api.forecast.handler import forecast_series
from service.api.forecast.schemas import ForecastRequest
from service.api.timeseries.schemas import (
    STEPS,
    TimeSeriesForecast,
    TimeSeriesInput,
    TimeSeriesOptions,
    TimeSeriesOutput,
    TimeSeriesRequest,
    TimeSeriesResponse,
)
from service.engine.lifecycle import Lifecycle
from service.engine.reading.series_schema import InputSeries
from service.http.problems import ProtocolError, title_of
from service.http.query import read_query
from service.settings import Settings

_MEDIAN: Final = 0.5

_FIELDS: Final = (
    (re.compile(r"^series\[(\d+)\]\.values"), r"inputs[\1].series"),
    (re.compile(r"^series"), "inputs"),
    (re.compile(r"^levels.*"), "options.quantiles"),
    (re.compile(r"^horizon"), "options.horizon"),
    (re.compile(r"^as_of"), "options.as_of"),
)
"""Fields of ``POST /forecast``, and what they are called here."""


async def answer_timeseries(lifecycle: Lifecycle, settings: Settings, query_string: bytes, body: bytes) -> bytes:
    """Return the JSON that answers ``POST /v1/timeseries/forecast``.

    The protocol does not say which media type a request has, so any will do.

    Raises:
        ForecastError: if the request asks for something that is not available.
        ProblemError: if the service is not ready, or refuses the body.
        RequestValidationError: if the body is invalid, or there is a query.
    """
    if query_string:
        read_query(query_string, ())
    serving = ready(lifecycle)
    request = await serving.read_json(TimeSeriesRequest, body, settings.max_series, settings.max_body_bytes)
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
            answer = await forecast_series(serving, settings, question, None, strict=False)
        except RequestError as error:
            raise RequestError(str(error), field=_field(error.field)) from None
        entries = _entries(loads(answer))
    response = _response(request, problems, entries)
    return response.model_dump_json().encode()


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
        levels=sorted({_level_of(quantile) for quantile in options.quantiles or ()} - {0}),
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
            )
            for given in sent
        ],
    )


def _level_of(quantile: float) -> int:
    """Return the level in percent of the interval that ends at a quantile; 0 for the median."""
    return round(100 * abs(1 - 2 * quantile))


def _entries(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of an answer to ``POST /forecast``, each with its model and version."""
    common = {name: answer[name] for name in ("model", "version") if name in answer}
    return [common | entry for entry in answer["forecasts"]]


def _response(
    request: TimeSeriesRequest, problems: Mapping[int, str], entries: Sequence[dict[str, Any]]
) -> TimeSeriesResponse:
    answered = iter(entries)
    outputs = [
        _failure(problems[i]) if i in problems else _output(given, next(answered), request.options)
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
