"""JSON requests to ``/forecast``, and their responses: forecasts of the caller's series, and of a dataset's own."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import parse_qs

import numpy as np
from fastapi.exceptions import RequestValidationError
from orjson import dumps
from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema

from forecasting.errors import RequestError, SeriesError
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent
from forecasting.events.event_schema import InputEvent, parse_events
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.options import (
    SINGULAR,
    DatasetForecastFields,
    ForecastFields,
    ForecastOptions,
    Levels,
    Thresholds,
)
from forecasting.models.base import ALL, Model
from forecasting.releases.catalog import Catalog, Selection
from forecasting.requests import UnknownFieldsError, invalid_json
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import short
from forecasting.series.units import Units
from forecasting.wording import age_in_words
from service.api.forecast.schemas import ForecastRequest
from service.api.series_request import refuse_failures
from service.engine.forecasting import SLOW_PIECE, Column, Job, RequestOptions, columns_of
from service.engine.reading import check_horizon, check_limits, refuse_missing_steps, sentence, series_ids
from service.engine.serving import Serving
from service.http.problems import errors_of
from service.http.query import merge_query_and_body
from service.settings import Settings
from service.telemetry.tracing import INFERENCE, WRITING, part
from service.worker.accounts import reserve

MAX_STEPS_AGE: Final = 2
"""Steps after which the last observation is late.

A value has the time at which its step begins, so it is complete one step later. One more step leaves time for delivery.
"""


def warn_if_late(series: SstSeries, horizon: int, now: np.datetime64) -> tuple[ForecastWarning, ...]:
    """Return the warning ``late`` if the last observation is more than two steps old; otherwise nothing."""
    last = series.times[-1]
    if now <= series.step.shift(last, MAX_STEPS_AGE):
        return ()
    ahead = series.step.shift(last, np.arange(1, horizon + 1))
    passed = int((ahead <= now).sum())
    if passed == horizon:
        covered = "all forecast times have passed"
    else:
        covered = f"{passed} of {horizon} forecast times have passed"
    age = age_in_words(int((now - last).astype("timedelta64[s]").astype(np.int64)))
    sentence = (
        f"the last observation, from {short(last)}, is {age} old, so {covered}; send newer values to POST /forecast"
    )
    return (ForecastWarning("late", sentence),)


_MAX_CACHED_BYTES: Final = 256
_EVENTS_SCHEMA: Final = {"type": "string", "examples": ['[{"name": "warm", "above": 24.0}]']}


def _drop_blanks(value: Iterable[object]) -> object:
    """Drop empty strings from the values of a repeatable parameter, so that ``level=`` asks for no levels."""
    return [text for text in value if text != ""] if isinstance(value, list) else value


def read_events(text: str) -> tuple[InputEvent, ...]:
    """Read the events in a query; there are none in an empty text."""
    if not text:
        return ()
    try:
        return parse_events(text)
    except (ValidationError, UnknownFieldsError) as error:
        raise RequestValidationError([_in_query(each) for each in errors_of(text.encode(), error)]) from None


def _in_query(error: dict[str, Any]) -> dict[str, Any]:
    """Return an error of the events as one of the query; the body may well be JSON."""
    if error["type"] == "json_invalid":
        error = {"type": "events", "loc": (), "msg": f"send a JSON array: {invalid_json(error['ctx']['error'])}"}
    return {**error, "loc": ("query", "events", *error["loc"])}


class ForecastQuery(DatasetForecastFields):
    """The options of a forecast as query parameters: text, with repeated parameters instead of lists."""

    dataset: str | None = Field(
        default=None,
        description="The dataset whose models to use. Defaults to the service's default dataset.",
        examples=["nino12"],
    )
    levels: Annotated[Levels | None, BeforeValidator(_drop_blanks)] = Field(
        default=None,
        alias=SINGULAR["levels"],
        description="The level of a prediction interval, in percent. Repeat it for several levels; leave it empty for "
        "no intervals. Defaults to 80 and 95.",
    )
    thresholds: Thresholds = Field(
        default=(),
        alias=SINGULAR["thresholds"],
        description="A temperature for which to return the probability of exceedance. Repeat it for several.",
    )
    # FastAPI would take several values of a tuple, and these are one text.
    events: Annotated[Any, BeforeValidator(read_events), WithJsonSchema(_EVENTS_SCHEMA)] = Field(
        default=None,
        description="The events to forecast, as a JSON array in the form of `events` of `ForecastRequest`, "
        "URL-encoded.",
    )


class LinesQuery(ForecastQuery, ForecastFields, frozen=True):
    """The options of an NDJSON request, which has no place for them in its body: each line is a series."""

    strict: bool = False

    @classmethod
    def read(cls, query_string: bytes) -> "LinesQuery":
        """Read the query of a request, whose names the route has checked."""
        # Requests of one client have the same query. Long ones must not fill the cache.
        return (_read_lines if len(query_string) <= _MAX_CACHED_BYTES else _read_lines.__wrapped__)(query_string)


@lru_cache(maxsize=256)
def _read_lines(query_string: bytes) -> LinesQuery:
    parameters = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    try:
        return LinesQuery.model_validate(
            {name: values if name in SINGULAR.values() else values[-1] for name, values in parameters.items()}
        )
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**entry, "loc": ("query", *entry["loc"])} for entry in errors]) from None


def merge(request: ForecastRequest, query: LinesQuery) -> ForecastRequest:
    """Return the request with what the query says and the body does not."""
    update: dict[str, object] = {}
    for field in query.model_fields_set - {"dataset", "strict"}:
        value = getattr(query, field)
        if field not in request.model_fields_set:
            update[field] = value
        elif getattr(request, field) != value:
            name = SINGULAR.get(field, field)
            message = f"{name} in the query contradicts {field} in the body: send only one of them"
            raise RequestValidationError([{"type": "contradiction", "loc": ("query", name), "msg": message}])
    update["dataset"] = merge_query_and_body("dataset", query.dataset or None, request.dataset)
    return request.model_copy(update=update)


def select_models(serving: Serving, query: LinesQuery) -> Selection:
    """Return the models that a query means, for series that come in after it."""
    selection = serving.select(query.model, query.dataset or None)
    for model in selection.named:
        check_query(model, query.forecast_options)
    return selection


def check_query(model: Model, options: ForecastOptions) -> None:
    """Raise RequestError if a model does not offer what a query asks for.

    The error names the query parameter ``level``, where the body has ``levels``.
    """
    try:
        model.check(options)
    except RequestError as error:
        raise RequestError(str(error), field=error.field.replace("levels", "level")) from None


_REFERENCES: Final = 6
"""References in one entry, at most."""
_BYTES_PER_NUMBER: Final = 10
_BYTES_PER_ROUNDED: Final = 9
"""Bytes of a number with four decimals."""
_BYTES_PER_TIME: Final = 23
_BYTES_PER_LABEL: Final = 70
"""Bytes around the numbers of one interval level or threshold."""
_BYTES_PER_SERIES: Final = 680
_LISTS_OF_EVENT: Final[dict[type[EventDefinition], int]] = {ThresholdEvent: 2, MarineEvent: 9, HeatStress: 11}
"""Lists with a number for each lead, at most."""
_BYTES_PER_EVENT: Final = 1_000
"""Bytes around the numbers of one event, with warnings."""

_FIELDS: Final = ("model", "version", "step")


def job_of(serving: Serving, settings: Settings, request: ForecastRequest) -> Job:
    """Return the forecasts that a request asks for, or refuse it; for a large one, memory for them is reserved."""
    check_limits(request.series, settings)
    check_horizon(request.horizon, settings)
    options = RequestOptions.of(request, request.baseline)
    selection = serving.select(request.model, request.dataset)
    if selection.release is None:
        refuse_missing_steps(request.series)
    selection.check(options.forecast)
    if selection.weather_refusal:
        for i, given in enumerate(request.series):
            if given.weather is not None:
                raise RequestError(selection.weather_refusal, field=f"series[{i}].weather")
    job = Job(selection, request.series, options)
    if not job.is_small:
        reserve(_estimate_bytes(job, settings))
    return job


async def forecast_series(serving: Serving, settings: Settings, request: ForecastRequest, *, strict: bool) -> bytes:
    """Return the JSON of :class:`~service.api.forecast.schemas.ModelForecast` or ``AllForecasts``."""
    job = job_of(serving, settings, request)
    response = ForecastResponse(job, request.model, series_ids(request.series))
    await serving.forecast(job, response.add)
    if len(job.series) <= SLOW_PIECE:
        with part(WRITING):
            return response.join(strict)
    return await serving.worker.run(response.join, strict, span=WRITING)


def forecast_dataset(catalog: Catalog, settings: Settings, query: ForecastQuery) -> bytes:
    """Return the forecast that follows a dataset's last observation, in the form of :func:`forecast_series`."""
    check_horizon(query.horizon, settings)
    release, forecasters = catalog.resolve(query.model, query.dataset)
    options = RequestOptions.of(query)
    job = Job(catalog.select(query.model, release.dataset), (), options)
    response = ForecastResponse(job, query.model, [release.dataset])
    now = np.datetime64("now") if options.as_of is None else np.datetime64(options.as_of, "s")
    late = warn_if_late(release.recent, options.forecast.horizon, now)
    batch, columns = SeriesBatch.of([release.recent], release.step), []
    for forecaster in forecasters:
        check_query(forecaster, options.forecast)
        with part(INFERENCE):
            forecasts = forecaster.forecast_batch(batch, options.forecast, release.baselines)
        forecasts = replace(forecasts, warnings=[(*late, *warnings) for warnings in forecasts.warnings])
        columns += columns_of(forecasts, [0, 1], options.events, [None])
    response.add(columns)
    with part(WRITING):
        return response.join(strict=False)


def with_ids(ids: Sequence[str], entries: Sequence[bytes | SeriesError]) -> bytes:
    """Return the entries or errors as JSON, each with its ``id``, separated by commas."""
    return b",".join(
        [
            b'{"id":%s,"error":%s}' % (dumps(name), dumps(sentence(entry)))
            if isinstance(entry, SeriesError)
            else b'{"id":%s,%s' % (dumps(name), entry)
            for name, entry in zip(ids, entries, strict=True)
        ]
    )


class ForecastResponse:
    """The JSON of a response, written piece by piece: entries take several times the memory of their JSON."""

    def __init__(self, job: Job, model: str, ids: Sequence[str]) -> None:
        """Respond to ``job``, whose request asks for ``model``; its series have these ``ids``."""
        self._is_list = model == ALL
        self._units = job.options.forecast.units
        self._ids = ids
        self._columns = [
            _Written(job.selection.known_fields(i), set(), [], []) for i in range(len(job.selection.columns))
        ]

    def add(self, columns: Sequence[Column]) -> None:
        """Write the entries of the next series."""
        for column, written in zip(columns, self._columns, strict=True):
            begin = len(written.failures)
            written.failures.extend([entry if isinstance(entry, SeriesError) else None for entry in column.entries])
            written.kinds.update(column.kinds)
            written.parts.append(with_ids(self._ids[begin : len(written.failures)], column.entries))

    def join(self, strict: bool) -> bytes:
        """Return the whole response."""
        pieces: list[bytes] = []
        for known, kinds, parts, failures in self._columns:
            if strict:
                refuse_failures(self._ids, failures)
            pieces += (_head(tuple(known.items()), frozenset(kinds), self._units), b",".join(parts), b"]}", b",")
        # Join once: a response may have many megabytes, and each copy costs time.
        around = (b'{"kind":"all","models":[', b"]}") if self._is_list else (b"", b"")
        return b"".join((around[0], *pieces[:-1], around[1]))


class _Written(NamedTuple):
    """What was written for one model, or for the best of each series."""

    known: dict[str, str]
    kinds: set[tuple[str, str, str]]
    parts: list[bytes]
    failures: list[SeriesError | None]


@lru_cache(maxsize=256)
def _head(known: tuple[tuple[str, str], ...], kinds: frozenset[tuple[str, str, str]], units: Units) -> bytes:
    """Return the begin of a model's JSON, with the model, the version and the step where all entries share them."""
    fields = [*known, *(pair for kind in kinds for pair in zip(_FIELDS, kind, strict=True))]
    values = {name: {value for other, value in fields if other == name} for name in _FIELDS}
    shared = {name: some.pop() for name, some in values.items() if len(some) == 1}
    return dumps({"kind": "one"} | shared | {"units": units, "forecasts": []})[: -len(b"]}")]


def _estimate_bytes(job: Job, settings: Settings) -> int:
    """Return an upper estimate of the size of the response."""
    levels = len(job.selection.levels(job.options.forecast))
    per_series = len(job.selection.columns) * bytes_of_entry(job.options, levels, _REFERENCES)
    limit = settings.max_answer_bytes // per_series
    if len(job.series) > limit:
        raise RequestError(
            f"the response for {len(job.series)} series would be larger than {settings.max_answer_bytes} bytes: send "
            f"at most {limit} in one request, or ask for fewer models, steps, levels, thresholds, events or paths; "
            "NDJSON has no such limit",
            field="series",
        )
    return len(job.series) * per_series


def bytes_of_entry(options: RequestOptions, levels: int, references: int) -> int:
    """Return an upper estimate of the size of one entry with so many interval levels and references."""
    horizon, thresholds = options.forecast.horizon, len(options.forecast.thresholds)
    columns = 1 + 2 * levels + thresholds + references
    per_lead = _BYTES_PER_TIME + columns * _BYTES_PER_NUMBER
    size = _BYTES_PER_SERIES + (levels + thresholds) * _BYTES_PER_LABEL + horizon * per_lead
    if options.events is None:
        return size
    lists = options.events.paths
    for definition in options.events.definitions:
        lists += _LISTS_OF_EVENT[type(definition)]
        size += _BYTES_PER_EVENT + len(definition.name)
    return size + lists * horizon * _BYTES_PER_ROUNDED
