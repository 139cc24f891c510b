"""The JSON that answers ``POST /forecast`` where universal networks forecast: each entry says which."""

from collections.abc import Sequence

from orjson import dumps

from forecasting.errors import SeriesError
from forecasting.releases.registry import ALL
from service.api.forecast.answer import bytes_of_entry, limited_bytes
from service.api.forecast.schemas import ForecastRequest
from service.api.series_request import refuse_failures, series_ids
from service.engine.options import DEFAULT_LEVELS
from service.engine.universal.entries import UniversalEntries, UniversalEntry
from service.engine.universal.job import UniversalJob
from service.engine.writing import Json, whole_answer, with_ids
from service.settings import Settings

_REFERENCES = 6
"""Baselines in one entry, at most."""

_BYTES_OF_CHOICE = 400
_END = b"]}"


class UniversalAnswer:
    """The answer to a request, written piece by piece."""

    def __init__(self, request: ForecastRequest, job: UniversalJob) -> None:
        self._request = request
        self._ids = series_ids(request.series)
        self._columns = [_Column(job.known_fields(column)) for column in job.columns]

    def add(self, results: Sequence[UniversalEntries]) -> None:
        """Write the entries of the next series, one list of entries for each column of the job."""
        for column, entries in zip(self._columns, results, strict=True):
            column.add(self._ids, entries)

    def join(self, strict: bool) -> bytes:
        """Return the whole answer as JSON.

        Raises:
            ProblemError: 422 if ``strict`` and a series could not be forecast.
        """
        if strict:
            for column in self._columns:
                refuse_failures(self._ids, column.failures)
        models = [column.written({"units": self._request.units}) for column in self._columns]
        return whole_answer(models, is_list=self._request.model == ALL)


class _Column:
    """The entries of one network, or of the best for each series."""

    def __init__(self, known: dict[str, str]) -> None:
        """Begin with the fields that are ``known`` whatever the series."""
        self.failures: list[SeriesError | None] = []
        self._parts: list[bytes] = []
        self._shared = {name: {known[name]} if name in known else set() for name in ("model", "version", "step")}

    def add(self, ids: Sequence[str], entries: UniversalEntries) -> None:
        begin = len(self.failures)
        self.failures += [entry if isinstance(entry, SeriesError) else None for entry in entries]
        for entry in entries:
            if isinstance(entry, UniversalEntry):
                for name, values in self._shared.items():
                    values.add(getattr(entry, name))
        contents = [entry if isinstance(entry, SeriesError) else entry.content for entry in entries]
        self._parts.append(with_ids(ids[begin : len(self.failures)], contents))

    def written(self, fields: Json) -> list[bytes]:
        """Return the JSON in pieces; ``model``, ``version`` and ``step`` are there where all entries share them."""
        shared = {name: values.copy().pop() for name, values in self._shared.items() if len(values) == 1}
        around = dumps({"kind": "one"} | shared | fields | {"forecasts": []})
        pieces = [around[: -len(_END)]]
        for part in self._parts:
            pieces += (part, b",")
        pieces[-1] = _END
        return pieces


def estimate_universal_bytes(job: UniversalJob, settings: Settings) -> int:
    """Return an upper estimate of the size of the answer.

    Raises:
        RequestError: if the answer would be over the limit; says how many series would not be.
    """
    options = job.options
    levels = len(DEFAULT_LEVELS if options.levels is None else options.levels)
    entry = bytes_of_entry(options, levels, _REFERENCES) + _BYTES_OF_CHOICE
    return limited_bytes(len(job.series), len(job.columns) * entry, settings)
