"""From the series of requests to the entries of their responses: reads, forecasts and writes many at once."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, pairwise
from typing import Final, NamedTuple, Self

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.json import entries_of
from forecasting.forecasts.options import DatasetForecastFields, ForecastOptions
from forecasting.models.base import Model
from forecasting.releases.catalog import Run, Selection
from forecasting.series.batch import SeriesBatch, SeriesByStep
from forecasting.series.observations import max_steps
from forecasting.series.times import YEAR, Floats
from forecasting.series.timestep import TimeStep
from service.engine.events import EventOptions, event_options, with_events
from service.engine.reading import AnyBaseline, InputSeries, parse, read_each
from service.telemetry.metrics import Metrics

SMALL: Final = 64
"""Forecasts (series × models × leads) up to which a request to quick models is batched on the event loop."""

SMALL_VALUES: Final = 20_000
"""Values (once for each model) up to which a request is batched, since references are fitted to all of them.

A batch holds no more values than this, either.
"""

PIECE: Final = 512
"""Forecasts in each piece of a large request to quick models, so that several large requests advance side by side."""

SLOW_PIECE: Final = 8
SLOW_PIECE_VALUES: Final = 20_000
"""The same for other models: series, and values."""


class RequestOptions(NamedTuple):
    """The options of a request: those of each forecast, and the time that counts as now."""

    forecast: ForecastOptions
    events: EventOptions | None = None
    as_of: int | None = None

    @classmethod
    def of(cls, asked: DatasetForecastFields, baseline: AnyBaseline | None = None) -> Self:
        """Return what ``asked`` asks for, with the ``baseline`` of series without their own."""
        events = None
        if asked.events or asked.paths:
            events = event_options(asked.events or (), asked.paths, baseline, asked.horizon, asked.units)
        return cls(asked.forecast_options, events, asked.now)


class Column(NamedTuple):
    """The entries of one model, or of the best for each series, in the order of the series."""

    entries: list[bytes | SeriesError]
    kinds: set[tuple[str, str, str]]


@dataclass(eq=False)
class Job:
    """The forecasts that a request asks for, or some of them."""

    selection: Selection
    series: Sequence[InputSeries]
    options: RequestOptions

    @cached_property
    def is_small(self) -> bool:
        """Whether the request is small enough to be answered on the event loop."""
        selection, options = self.selection, self.options
        if not selection.is_quick or options.events is not None:
            return False
        forecasts = len(self.series) * len(selection.columns) * options.forecast.horizon
        return forecasts <= SMALL and self.weight <= SMALL_VALUES

    @cached_property
    def weight(self) -> int:
        """Upper bound of the values that references are fitted to, over all series and models."""
        return sum(self.lengths()) * len(self.selection.columns)

    def parts(self, lengths: Sequence[int]) -> Iterator[slice]:
        """Yield the parts of series with so many values that are forecast together, in order."""
        columns, events = len(self.selection.columns), self.options.events
        most, values = SLOW_PIECE, SLOW_PIECE_VALUES
        if self.selection.is_quick:
            most, values = max(PIECE // columns, 1), SMALL_VALUES // columns
        if events is not None:
            most = events.piece(most, self.options.forecast.horizon)
        begin, total = 0, 0
        for i, length in enumerate(lengths):
            total += length
            if i > begin and (i - begin == most or total > values):
                yield slice(begin, i)
                begin, total = i, length
        yield slice(begin, len(lengths))

    def lengths(self) -> list[int]:
        """Return an upper bound of the values of each series on a regular grid."""
        step = self.selection.reads_at
        return [
            len(given.values)
            if step is None or given.timestamps is None
            else _max_length(len(given.values), given.timestamps, step)
            for given in self.series
        ]


def _max_length(n: int, times: Sequence[str], step: TimeStep) -> int:
    """Return an upper bound of the values that a series of ``n`` has on a regular grid: its times may be far apart."""
    if not times:
        return n
    try:
        # ISO 8601 times begin with the year, and sort as text.
        years = int(max(times)[:4]) - int(min(times)[:4]) + 1
    except ValueError:
        return n
    return max(n, min(years * YEAR // step.seconds, max_steps(n)))


def forecast_jobs(jobs: Sequence[Job], waits: Sequence[float], metrics: Metrics) -> list[list[Column]]:
    """Return the columns of each of ``jobs``. Those with the same models and options are forecast together."""
    alike: dict[tuple[int, RequestOptions], list[int]] = {}
    for i, job in enumerate(jobs):
        alike.setdefault((id(job.selection), job.options), []).append(i)
    results: list[list[Column]] = [[] for _ in jobs]
    for group in alike.values():
        first, edges = jobs[group[0]], [0, *accumulate(len(jobs[i].series) for i in group)]
        series = first.series if len(group) == 1 else [given for i in group for given in jobs[i].series]
        job, run = Job(first.selection, series, first.options), timed(metrics, [waits[i] for i in group])
        for forecasts in job.selection.forecast(read_series(job), job.options.forecast, run):
            for i, column in zip(group, columns_of(forecasts, edges, job.options.events, series), strict=True):
                results[i].append(column)
    return results


def columns_of(
    forecasts: Forecasts,
    edges: Sequence[int],
    events: EventOptions | None,
    given: Sequence[InputSeries | None],
) -> list[Column]:
    """Return the entries of the series between each of ``edges`` and the next, with the requested events."""
    entries: list[bytes | SeriesError] = [b""] * edges[-1]
    for i, (row, entry) in enumerate(zip(forecasts.row.tolist(), entries_of(forecasts), strict=True)):
        entries[row] = entry if events is None else with_events(entry, forecasts, i, given[row], events)
    for row, error in forecasts.errors.items():
        entries[row] = error
    kinds = [*zip(forecasts.model, forecasts.version, forecasts.step, strict=True)]
    rows = np.searchsorted(forecasts.row, edges).tolist()
    return [
        Column(entries[begin:end], set(kinds[first:last]))
        for (begin, end), (first, last) in zip(pairwise(edges), pairwise(rows), strict=True)
    ]


def read_series(job: Job) -> SeriesByStep:
    """Read the series of a job: at the step of its models, or each at its own."""
    selection, series, (asked, _, as_of) = job.selection, job.series, job.options
    if selection.reads_at is not None:
        read = SeriesByStep.at_one_step(*parse(series, asked.units, selection.reads_at, selection.catalog))
    else:
        refusal = partial(selection.refusal, horizon=asked.horizon)
        read = read_each(series, asked.units, selection.default_step, asked.horizon, refusal)
    return read.complete(positions_of(series), as_of)


def positions_of(series: Sequence[InputSeries]) -> Floats:
    """Return degrees north and east of each series, ``(n, 2)``; NaN where they are not known."""
    pairs = [(given.latitude, given.longitude) for given in series]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def timed(metrics: Metrics, waits: list[float]) -> Run:
    """Return a function that forecasts a batch and records it in ``metrics``."""

    def run(model: Model, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
        begin = time.perf_counter()
        forecasts = model.forecast_batch(batch, options)
        metrics.batches.add(model, forecasts, waits, time.perf_counter() - begin)
        return forecasts

    return run
