"""The JSON response of ``POST /forecast``: joined from the entries of each model, and how large it will be."""

from collections.abc import Sequence
from typing import Any, Final

from orjson import dumps

from forecasting.errors import RequestError, SeriesError
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent
from forecasting.models.base import ALL
from service.api.series_request import refuse_failures
from service.engine.forecasting import Column, Job
from service.engine.options import RequestOptions
from service.engine.reading import sentence
from service.settings import Settings

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
    """The response to a request, written piece by piece: entries take several times the memory of their JSON."""

    def __init__(self, job: Job, model: str, ids: Sequence[str]) -> None:
        """Respond to ``job``, whose request asks for ``model``; its series have these ``ids``."""
        self._is_list = model == ALL
        self._units = job.options.forecast.units
        self._ids = ids
        self._models = [_Model(job.selection.known_fields(place)) for place in range(len(job.selection.columns))]

    def add(self, columns: Sequence[Column]) -> None:
        """Write the entries of the next series."""
        for model, column in zip(self._models, columns, strict=True):
            model.add(self._ids, column)

    def join(self, strict: bool) -> bytes:
        """Return the whole response as JSON.

        Raises:
            ProblemError: 422 if ``strict`` and a series could not be forecast.
        """
        if strict:
            for model in self._models:
                refuse_failures(self._ids, model.failures)
        # Join once: a response may have many megabytes, and each copy costs time.
        models = [model.written({"units": self._units}) for model in self._models]
        if not self._is_list:
            return b"".join(models[0])
        pieces = [piece for model in models for piece in (b",", *model)]
        return b"".join((b'{"kind":"all","models":[', *pieces[1:], b"]}"))


class _Model:
    """The entries of one model, or of the best for each series."""

    def __init__(self, known: dict[str, str]) -> None:
        """Begin with the fields that are ``known`` whatever the series."""
        self.failures: list[SeriesError | None] = []
        self._parts: list[bytes] = []
        self._shared = {name: {known[name]} if name in known else set() for name in _FIELDS}

    def add(self, ids: Sequence[str], column: Column) -> None:
        begin = len(self.failures)
        self.failures += [entry if isinstance(entry, SeriesError) else None for entry in column.entries]
        for kind in column.kinds:
            for name, value in zip(_FIELDS, kind, strict=True):
                self._shared[name].add(value)
        self._parts.append(with_ids(ids[begin : len(self.failures)], column.entries))

    def written(self, fields: dict[str, Any]) -> list[bytes]:
        """Return the JSON in pieces; ``model``, ``version`` and ``step`` are there where all entries share them."""
        shared = {name: next(iter(values)) for name, values in self._shared.items() if len(values) == 1}
        around = dumps({"kind": "one"} | shared | fields | {"forecasts": []})
        pieces = [around[: -len(b"]}")]]
        for part in self._parts:
            pieces += (part, b",")
        pieces[-1] = b"]}"
        return pieces


def estimate_bytes(job: Job, settings: Settings) -> int:
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
