"""The JSON responses of ``/forecast``: forecasts of the caller's series, and of a dataset's own."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from orjson import dumps

from forecasting.errors import RequestError, SeriesError
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent
from forecasting.models.base import ALL
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.units import Units
from service.api.forecast.age import warn_if_late
from service.api.forecast.request import ForecastQuery, check_query, plan_forecast
from service.api.forecast.schemas import ForecastRequest
from service.api.series_request import check_horizon, refuse_failures, series_ids
from service.engine.forecasting import SLOW_PIECE, Column, Job, columns_of
from service.engine.options import RequestOptions
from service.engine.reading import sentence
from service.engine.serving import Serving
from service.settings import Settings
from service.telemetry.tracing import INFERENCE, WRITING, part
from service.worker.accounts import reserve

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


async def forecast_series(
    serving: Serving,
    settings: Settings,
    request: ForecastRequest,
    dataset: str | None,
    *,
    strict: bool,
) -> bytes:
    """Return the JSON of :class:`~service.api.forecast.schemas.ModelForecast` or ``AllForecasts``.

    For a large request, memory for the response is reserved.

    Raises:
        ForecastError: if the request asks for something that is not available, or the response would be too large.
        ProblemError: 422 if ``strict`` and a series could not be forecast.
    """
    job = plan_forecast(serving, settings, request, dataset)
    response = ForecastResponse(job, request.model, series_ids(request.series))
    if job.is_small:
        response.add(await serving.forecast(job))
    else:
        reserve(_estimate_bytes(job, settings))
        await serving.forecast_pieces(job, response.add)
    if len(job.series) <= SLOW_PIECE:
        with part(WRITING):
            return response.join(strict)
    return await serving.run_in_worker(response.join, strict, span=WRITING)


def forecast_dataset(catalog: Catalog, settings: Settings, query: ForecastQuery) -> bytes:
    """Return the forecast that follows a dataset's last observation, in the form of :func:`forecast_series`.

    Raises:
        ForecastError: if the query asks for something that is not available.
    """
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
        """Return the whole response.

        Raises:
            ProblemError: 422 if ``strict`` and a series could not be forecast.
        """
        pieces: list[bytes] = []
        for known, kinds, parts, failures in self._columns:
            if strict:
                refuse_failures(self._ids, failures)
            pieces += (_head(tuple(known.items()), frozenset(kinds), self._units), b",".join(parts), b"]}", b",")
        # Join once: a response may have many megabytes, and each copy costs time.
        around = (b'{"kind":"all","models":[', b"]}") if self._is_list else (b"", b"")
        return b"".join((around[0], *pieces[:-1], around[1]))


class _Written(NamedTuple):
    """What was written for one model, or for the best of each series.

    Attributes:
        known: the fields that the request fixes for all series.
        kinds: model, version and step of the forecasts.
        parts: JSON of some entries each.
        failures: the error of each series, None without one.
    """

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
    """Return an upper estimate of the size of the response.

    Raises:
        RequestError: if it would be over the limit; says how many series would not be.
    """
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
