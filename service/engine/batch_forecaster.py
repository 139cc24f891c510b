"""Forecasts many requests at once, from the series in their bodies to the entries of their answers."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from forecasting.errors import SeriesError
from forecasting.networks.forecaster import Forecaster, forecast_together
from forecasting.networks.forecasts import Forecasts
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.series.batch import SeriesBatch, future_errors
from forecasting.series.observations import max_steps
from forecasting.series.times import YEAR
from forecasting.series.timestep import TimeStep
from service.engine.options import ForecastOptions
from service.engine.reading.parsing import Errors, parse
from service.engine.reading.series_schema import InputSeries
from service.engine.writing import write
from service.telemetry.metrics import Metrics

Entries = list[bytes | SeriesError]
"""An entry for each series, in order, as :func:`~service.engine.writing.write` returns it, or the series' error."""


class ForecastJob(NamedTuple):
    """The forecasts that a request asks for. Create it with :meth:`of`.

    Attributes:
        forecasters: networks of one release, at least one.
        series: the series that each network forecasts, at least one.
        options: what each forecast contains.
        lengths: upper bound of the values of each series on a regular grid.
        steps: upper bound of the values that references are fitted to, over all series and networks.
    """

    forecasters: Sequence[Forecaster]
    series: Sequence[InputSeries]
    options: ForecastOptions
    lengths: Sequence[int]
    steps: int

    @classmethod
    def of(
        cls, forecasters: Sequence[Forecaster], series: Sequence[InputSeries], options: ForecastOptions
    ) -> "ForecastJob":
        """Create a job, and count its lengths and steps."""
        step = forecasters[0].step
        lengths = [
            len(given.values) if given.timestamps is None else _max_length(len(given.values), given.timestamps, step)
            for given in series
        ]
        return cls(forecasters, series, options, lengths, sum(lengths) * len(forecasters))

    def pieces(self, windows: int, steps: int) -> "Iterator[ForecastJob]":
        """Yield jobs with some of the series each, in order.

        A piece has at most ``windows`` windows over all networks and at most ``steps`` steps, but at least one series.
        """
        networks = len(self.forecasters)
        max_series, begin, total = max(windows // networks, 1), 0, 0
        for i, length in enumerate(self.lengths):
            total += length * networks
            if i > begin and (i - begin == max_series or total > steps):
                yield self._part(begin, i)
                begin, total = i, length * networks
        yield self._part(begin, len(self.series))

    def _part(self, begin: int, end: int) -> "ForecastJob":
        lengths = self.lengths[begin:end]
        steps = sum(lengths) * len(self.forecasters)
        return ForecastJob(self.forecasters, self.series[begin:end], self.options, lengths, steps)


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


class BatchForecaster:
    """Forecasts the series of many requests as one batch, whatever networks they ask for.

    Networks of one release usually share everything but their weights. Their series are then parsed together, windows
    and references are computed once, and each network is called once.
    """

    def __init__(
        self, networks: Iterable[Forecaster], metrics: Metrics, universal: UniversalCatalog | None = None
    ) -> None:
        """Forecast with any of ``networks``, and record each batch in ``metrics``.

        An error of a series at another step names the release among ``universal`` that forecasts it.
        """
        networks = list(networks)
        self._universal = universal
        self._metrics = metrics
        kinds = list(dict.fromkeys(network.alike for network in networks))
        self._kind = {network: kinds.index(network.alike) for network in networks}

    def run(self, jobs: Sequence[ForecastJob], waits: Sequence[float]) -> list[list[Entries]]:
        """Return the entries of each network of each job; ``waits`` are the seconds that each job has waited."""
        begin = time.perf_counter()
        results: list[list[Entries]] = []
        batches: dict[tuple[int, int], _Batch] = {}
        waited: dict[Forecaster, list[float]] = {}
        for job, read, wait in zip(jobs, self._read(jobs), waits, strict=True):
            entries = []
            for forecaster in job.forecasters:
                kind = read.kind, self._kind[forecaster]
                batch = batches.get(kind)
                if batch is None:
                    batch = batches[kind] = _Batch(read.series, read.errors)
                entries.append(batch.add(read.begin, len(job.series), forecaster, job.options))
                waited.setdefault(forecaster, []).append(wait)
            results.append(entries)
        # Recorded only after all have run: if one fails, each job runs again.
        forecasts = [batch.run() for batch in batches.values() if batch.holds_any]
        seconds = time.perf_counter() - begin
        for forecast in forecasts:
            self._metrics.batches.add(forecast, waited, seconds)
        return results

    def _read(self, jobs: Sequence[ForecastJob]) -> "list[_Read]":
        """Parse the series of all jobs, those for networks that are alike together."""
        alike: dict[int, list[ForecastJob]] = {}
        kinds = [self._kind[job.forecasters[0]] for job in jobs]
        for kind, job in zip(kinds, jobs, strict=True):
            alike.setdefault(kind, []).append(job)
        parsed = {}
        for kind, group in alike.items():
            series = [given for job in group for given in job.series]
            units = [job.options.units for job in group for _ in job.series]
            batch, errors = parse(series, units, group[0].forecasters[0].step, self._universal)
            as_of = [job.options.as_of for job in group for _ in job.series]
            for now in set(as_of):
                errors |= {i: error for i, error in future_errors(batch, now).items() if as_of[i] == now}
            parsed[kind] = batch, errors
        begins, read = dict.fromkeys(alike, 0), []
        for kind, job in zip(kinds, jobs, strict=True):
            read.append(_Read(kind, *parsed[kind], begins[kind]))
            begins[kind] += len(job.series)
        return read


class _Read(NamedTuple):
    """The parsed series of a job.

    Attributes:
        kind: number that networks which are alike share.
        series: series of all jobs for such networks.
        errors: errors of some of them.
        begin: place of the job's first series.
    """

    kind: int
    series: SeriesBatch
    errors: Errors
    begin: int


class _Batch:
    """Forecasts of some of ``series`` by networks that are alike. Its lists have an item for each row."""

    def __init__(self, series: SeriesBatch, errors: Errors) -> None:
        self._series = series
        self._errors = errors
        self._places: list[int] = []
        """Place of the row's series in ``series``."""
        self._networks: list[Forecaster] = []
        self._choices: list[int] = []
        """Number of the row's options in ``_numbers``."""
        self._answers: list[tuple[Entries, int]] = []
        self._numbers: dict[tuple[ForecastOptions, tuple[int, ...]], int] = {}
        """Number of each pair of options and resolved interval levels."""
        self._known: dict[tuple[Forecaster, ForecastOptions], int] = {}

    def add(self, begin: int, n: int, forecaster: Forecaster, options: ForecastOptions) -> Entries:
        """Add ``n`` series, without those with errors; return their entries, which :meth:`run` completes."""
        choice = self._known.get((forecaster, options))
        if choice is None:
            resolved = options, options.levels_of(forecaster.metadata.errors)
            choice = self._known[forecaster, options] = self._numbers.setdefault(resolved, len(self._numbers))
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
        """Whether there is a series without an error."""
        return bool(self._places)

    def run(self) -> Forecasts[Forecaster]:
        """Forecast all added series, and fill in their entries."""
        choices, series = list(self._numbers), self._series
        horizons = np.asarray([choices[choice][0].horizon for choice in self._choices])
        if self._places != list(range(len(series))):
            series = series.take(np.asarray(self._places))
        forecasts = forecast_together(series, horizons, self._networks)
        alike: list[list[int]] = [[] for _ in choices]
        rows = forecasts.row.tolist()
        for row, answer in enumerate(rows):
            alike[self._choices[answer]].append(row)
        for (options, levels), group in zip(choices, alike, strict=True):
            if not group:
                continue
            for row, entry in zip(group, write(forecasts, group, options, levels), strict=True):
                entries, place = self._answers[rows[row]]
                entries[place] = entry
        for i, error in forecasts.failures.items():
            entries, place = self._answers[i]
            entries[place] = error
        return forecasts
