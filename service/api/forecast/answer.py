"""The JSON that answers ``POST /forecast``: joined from the entries of each network, and how large it will be."""

from collections.abc import Sequence
from typing import Final

from forecasting.errors import RequestError, SeriesError
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent
from forecasting.references.baselines import BASELINES
from forecasting.releases.registry import ALL
from service.api.forecast.schemas import ForecastRequest
from service.api.series_request import refuse_failures, series_ids
from service.engine.batch_forecaster import Entries, ForecastJob
from service.engine.options import ForecastOptions
from service.engine.writing import model_forecast, whole_answer, with_ids
from service.settings import Settings

_BYTES_PER_NUMBER: Final = 10
_BYTES_PER_ROUNDED: Final = 9
"""Bytes of a number with four decimals."""
_BYTES_PER_TIME: Final = 23
_BYTES_PER_LABEL: Final = 70
"""Bytes around the numbers of one interval level or threshold."""
_BYTES_PER_SERIES: Final = 280
_LISTS_OF_EVENT: Final[dict[type[EventDefinition], int]] = {ThresholdEvent: 2, MarineEvent: 9, HeatStress: 11}
"""Lists with a number for each lead, at most."""
_BYTES_PER_EVENT: Final = 1_000
"""Bytes around the numbers of one event, with warnings."""


def write_answer(request: ForecastRequest, job: ForecastJob, results: Sequence[Entries], strict: bool) -> bytes:
    """Return the answer as JSON, from the entries of each network.

    Raises:
        ProblemError: 422 if ``strict`` and a series could not be forecast.
    """
    ids = series_ids(request.series)
    if strict:
        for entries in results:
            refuse_failures(ids, entries)
    return _join(request, job, [[with_ids(ids, entries)] for entries in results])


class PiecewiseAnswer:
    """The answer to a large request, written piece by piece: entries take several times the memory of their JSON."""

    def __init__(self, request: ForecastRequest, job: ForecastJob) -> None:
        self._request = request
        self._job = job
        self._ids = series_ids(request.series)
        self._parts: list[list[bytes]] = [[] for _ in job.forecasters]
        self._failures: list[list[SeriesError | None]] = [[] for _ in job.forecasters]

    def add(self, results: Sequence[Entries]) -> None:
        """Write the entries of the next series, one sequence of entries for each network."""
        for parts, failures, entries in zip(self._parts, self._failures, results, strict=True):
            begin = len(failures)
            failures += [entry if isinstance(entry, SeriesError) else None for entry in entries]
            parts.append(with_ids(self._ids[begin : len(failures)], entries))

    def join(self, strict: bool) -> bytes:
        """Return the whole answer as JSON.

        Raises:
            ProblemError: 422 if ``strict`` and a series could not be forecast.
        """
        if strict:
            for failures in self._failures:
                refuse_failures(self._ids, failures)
        return _join(self._request, self._job, self._parts)


def _join(request: ForecastRequest, job: ForecastJob, parts: Sequence[Sequence[bytes]]) -> bytes:
    """Join what :func:`~service.engine.writing.with_ids` returned for each network."""
    models = [
        model_forecast(forecaster, request.units, entries)
        for forecaster, entries in zip(job.forecasters, parts, strict=True)
    ]
    return whole_answer(models, is_list=request.model == ALL)


def estimate_bytes(job: ForecastJob, settings: Settings) -> int:
    """Return an upper estimate of the size of the answer.

    Raises:
        RequestError: if the answer would be over the limit; says how many series would not be.
    """
    options = job.options
    levels = max(len(options.levels_of(forecaster.metadata.errors)) for forecaster in job.forecasters)
    per_entry = bytes_of_entry(options, levels, len(BASELINES))
    return limited_bytes(len(job.series), len(job.forecasters) * per_entry, settings)


def bytes_of_entry(options: ForecastOptions, levels: int, references: int) -> int:
    """Return an upper estimate of the size of one entry with so many interval levels and references."""
    horizon, thresholds = options.horizon, len(options.thresholds)
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


def limited_bytes(n: int, per_series: int, settings: Settings) -> int:
    """Return the size of an answer for ``n`` series.

    Raises:
        RequestError: if it would be over the limit; says how many series would not be.
    """
    limit = settings.max_answer_bytes // per_series
    if n > limit:
        raise RequestError(
            f"the response for {n} series would be larger than {settings.max_answer_bytes} bytes: send at most {limit} "
            "in one request, or ask for fewer models, steps, levels, thresholds, events or paths; NDJSON has no such "
            "limit",
            field="series",
        )
    return n * per_series
