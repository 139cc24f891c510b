"""The forecasts of many requests at once: from series as they came over the wire to the entries of the answers."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from forecasting.errors import SeriesError
from forecasting.networks.forecaster import Forecaster, forecast_together
from forecasting.networks.forecasts import Forecasts
from forecasting.series.batch import SeriesBatch
from forecasting.series.observations import max_steps
from forecasting.series.times import YEAR
from forecasting.series.timestep import TimeStep
from service.engine.parsing import Errors, parse
from service.engine.series_schema import SeriesIn
from service.engine.statistics import ModelStatistics
from service.engine.writing import ForecastOptions, write
from service.telemetry.metrics import Metrics

Entries = list[bytes | SeriesError]
"""An entry a series, in their order, as :func:`~service.engine.writing.write` has it; or what is wrong with it."""


class ForecastJob(NamedTuple):
    """The forecasts that a request asks for; made by :meth:`of`.

    Attributes:
        forecasters: networks of one release, at least one.
        series: that each of them is to forecast, at least one.
        options: what each forecast is to contain.
        lengths: values that each series has on a regular grid, at most.
        steps: values that references are fitted to, at most, over all series and networks.
    """

    forecasters: Sequence[Forecaster]
    series: Sequence[SeriesIn]
    options: ForecastOptions
    lengths: Sequence[int]
    steps: int

    @classmethod
    def of(
        cls, forecasters: Sequence[Forecaster], series: Sequence[SeriesIn], options: ForecastOptions
    ) -> "ForecastJob":
        """A job whose lengths and steps are counted."""
        step = forecasters[0].step
        lengths = [
            len(one.values) if one.timestamps is None else _most(len(one.values), one.timestamps, step)
            for one in series
        ]
        return cls(forecasters, series, options, lengths, sum(lengths) * len(forecasters))

    def pieces(self, windows: int, steps: int) -> "Iterator[ForecastJob]":
        """The same with some of the series at a time, in order.

        Each piece has as many as give no more than so many ``windows`` over all networks and ``steps``, but one at
        least.
        """
        networks = len(self.forecasters)
        most, begin, counted = max(windows // networks, 1), 0, 0
        for i, length in enumerate(self.lengths):
            counted += length * networks
            if i > begin and (i - begin == most or counted > steps):
                yield self._part(begin, i)
                begin, counted = i, length * networks
        yield self._part(begin, len(self.series))

    def _part(self, begin: int, end: int) -> "ForecastJob":
        lengths = self.lengths[begin:end]
        steps = sum(lengths) * len(self.forecasters)
        return ForecastJob(self.forecasters, self.series[begin:end], self.options, lengths, steps)


def _most(n: int, times: Sequence[str], step: TimeStep) -> int:
    """How many values a series of ``n`` can have on a regular grid: its times may lie far apart."""
    if not times:
        return n
    try:
        # Each begins with its year, and so sorts as text.
        years = int(max(times)[:4]) - int(min(times)[:4]) + 1
    except ValueError:
        return n
    return max(n, min(years * YEAR // step.seconds, max_steps(n)))


class BatchForecaster:
    """Forecasts the series of many requests as one batch, whatever networks they ask for.

    Networks of one release share all but their weights, as a rule: reading, windows and references are then one
    piece of work, and each network is called once.
    """

    def __init__(self, statistics: Mapping[Forecaster, ModelStatistics], metrics: Metrics) -> None:
        """``statistics`` of all networks that may be asked for."""
        self._statistics = statistics
        self._metrics = metrics
        kinds = list(dict.fromkeys(one.alike for one in statistics))
        self._kind = {one: kinds.index(one.alike) for one in statistics}

    def run(self, jobs: Sequence[ForecastJob], waits: Sequence[float]) -> list[list[Entries]]:
        """For each of ``jobs``, the entries by each of its networks; ``waits`` are the seconds that it has waited."""
        begin = time.perf_counter()
        results: list[list[Entries]] = []
        batches: dict[tuple[int, int], _Batch] = {}
        waited: dict[Forecaster, list[float]] = {}
        for job, read, wait in zip(jobs, self._read(jobs), waits, strict=True):
            own = []
            for forecaster in job.forecasters:
                kind = read.kind, self._kind[forecaster]
                batch = batches.get(kind)
                if batch is None:
                    batch = batches[kind] = _Batch(read.series, read.errors)
                own.append(batch.add(read.begin, len(job.series), forecaster, job.options))
                waited.setdefault(forecaster, []).append(wait)
            results.append(own)
        # Counted only once all have run: where one fails, each job runs again.
        forecasts = [batch.run() for batch in batches.values() if batch.holds_any]
        self._count(forecasts, waited, time.perf_counter() - begin)
        return results

    def _read(self, jobs: Sequence[ForecastJob]) -> "list[_Read]":
        """The series of each job, read together with those for networks that are alike."""
        alike: dict[int, list[ForecastJob]] = {}
        kinds = [self._kind[job.forecasters[0]] for job in jobs]
        for kind, job in zip(kinds, jobs, strict=True):
            alike.setdefault(kind, []).append(job)
        found = {}
        for kind, some in alike.items():
            series = [one for job in some for one in job.series]
            units = [job.options.units for job in some for _ in job.series]
            found[kind] = parse(series, units, some[0].forecasters[0].step)
        begins, read = dict.fromkeys(alike, 0), []
        for kind, job in zip(kinds, jobs, strict=True):
            read.append(_Read(kind, *found[kind], begins[kind]))
            begins[kind] += len(job.series)
        return read

    def _count(
        self, forecasts: Iterable[Forecasts], waited: Mapping[Forecaster, Sequence[float]], seconds: float
    ) -> None:
        for one in forecasts:
            self._metrics.batches.add(one, waited)
            for network, rows, _ in one.by_network:
                n = len(one) if isinstance(rows, slice) else len(rows)
                self._statistics[network].batch(n, waited[network], seconds)


class _Read(NamedTuple):
    """Where a job's series are.

    Attributes:
        kind: that networks have which are alike.
        series: of all jobs for such networks.
        errors: what is wrong with some of them.
        begin: the job's first.
    """

    kind: int
    series: SeriesBatch
    errors: Errors
    begin: int


class _Batch:
    """Forecasts of some of ``series``, in lists that go side by side, by networks that are alike."""

    def __init__(self, series: SeriesBatch, errors: Errors) -> None:
        self._series = series
        self._errors = errors
        self._places: list[int] = []
        """Place of each row's series in ``series``."""
        self._networks: list[Forecaster] = []
        self._choices: list[int] = []
        """Each one's options, by their number in ``_numbers``."""
        self._answers: list[tuple[Entries, int]] = []
        self._numbers: dict[tuple[ForecastOptions, tuple[int, ...]], int] = {}
        """The number of each pair of options and the levels of intervals that they mean."""
        self._known: dict[tuple[Forecaster, ForecastOptions], int] = {}

    def add(self, begin: int, n: int, forecaster: Forecaster, options: ForecastOptions) -> Entries:
        """Have ``n`` series be forecast, the sound ones; the entries of all are complete once the batch has run."""
        choice = self._known.get((forecaster, options))
        if choice is None:
            meant = options, options.levels_of(forecaster.metadata.errors)
            choice = self._known[forecaster, options] = self._numbers.setdefault(meant, len(self._numbers))
        entries: Entries = []
        for place in range(begin, begin + n):
            if place in self._errors:
                entries.append(self._errors[place])
                continue
            self._places.append(place)
            self._networks.append(forecaster)
            self._choices.append(choice)
            self._answers.append((entries, len(entries)))
            entries.append(b"")
        return entries

    @property
    def holds_any(self) -> bool:
        """Whether there is a sound series."""
        return bool(self._places)

    def run(self) -> Forecasts:
        """Forecast all series that were added, and fill in their entries."""
        choices, series = list(self._numbers), self._series
        horizons = np.asarray([choices[choice][0].horizon for choice in self._choices])
        if self._places != list(range(len(series))):
            series = series.take(np.asarray(self._places))
        forecasts = forecast_together(series, horizons, self._networks)
        alike: list[list[int]] = [[] for _ in choices]
        rows = forecasts.row.tolist()
        for k, i in enumerate(rows):
            alike[self._choices[i]].append(k)
        for (options, levels), some in zip(choices, alike, strict=True):
            if not some:
                continue
            for k, entry in zip(some, write(forecasts, some, options, levels), strict=True):
                entries, place = self._answers[rows[k]]
                entries[place] = entry
        for i, error in forecasts.failures.items():
            entries, place = self._answers[i]
            entries[place] = error
        return forecasts
