"""Many requests at once: from series as they came over the wire to the entries of the answers."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast import Forecasts
from forecasting.forecaster import Forecaster, forecast_together
from forecasting.series import SstSeries, Units, most_steps
from forecasting.timestep import YEAR, TimeStep
from service.metrics import Metrics
from service.parsing import parse_all
from service.schemas import SeriesIn
from service.statistics import ModelStatistics
from service.writing import Json, Wanted, write

Entries = list[Json | SeriesError]
"""An entry a series, in their order; or what is wrong with it."""


class Asked(NamedTuple):
    """What a request asks for; made by :meth:`of`.

    Attributes:
        forecasters: networks of one release, at least one.
        series: that each of them is to forecast, at least one.
        wanted: of each forecast.
        steps: values that references are fitted to, at most, over all networks.
    """

    forecasters: Sequence[Forecaster]
    series: Sequence[SeriesIn]
    wanted: Wanted
    steps: int

    @classmethod
    def of(cls, forecasters: Sequence[Forecaster], series: Sequence[SeriesIn], wanted: Wanted) -> "Asked":
        """With its steps counted."""
        steps, step = 0, forecasters[0].step
        for one in series:
            steps += len(one.values) if one.timestamps is None else most_values(one, step)
        return cls(forecasters, series, wanted, steps * len(forecasters))


def most_values(series: SeriesIn, step: TimeStep) -> int:
    """How many values ``series`` can have on a regular grid: its times may lie far apart."""
    n, times = len(series.values), series.timestamps
    if not times:
        return n
    try:
        # Each begins with its year, and so sorts as text.
        years = int(max(times)[:4]) - int(min(times)[:4]) + 1
    except ValueError:
        return n
    return max(n, min(years * YEAR // step.seconds, most_steps(n)))


class Together:
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

    def run(self, jobs: Sequence[Asked], waits: Sequence[float]) -> list[list[Entries]]:
        """For each of ``jobs``, the entries by each of its networks; ``waits`` are the seconds that it has waited."""
        begin = time.perf_counter()
        results: list[list[Entries]] = []
        batches: dict[int, _Batch] = {}
        waited: dict[Forecaster, list[float]] = {}
        for (forecasters, _, wanted, _), parsed, wait in zip(jobs, self._parse_each(jobs), waits, strict=True):
            own = []
            for forecaster in forecasters:
                kind = self._kind[forecaster]
                batch = batches.get(kind)
                if batch is None:
                    batch = batches[kind] = _Batch()
                own.append(batch.add(parsed, forecaster, wanted))
                waited.setdefault(forecaster, []).append(wait)
            results.append(own)
        # Counted only once all have run: where one fails, each job runs again.
        forecasts = [batch.run() for batch in batches.values() if batch.holds_any]
        self._count(forecasts, waited, time.perf_counter() - begin)
        return results

    def _parse_each(self, jobs: Sequence[Asked]) -> list[list[SstSeries | SeriesError]]:
        """The series of each job; those in the same units, for networks that are alike, are looked at together."""
        alike: dict[tuple[int, Units], list[int]] = {}
        for i, (forecasters, _, wanted, _) in enumerate(jobs):
            alike.setdefault((self._kind[forecasters[0]], wanted.units), []).append(i)
        parsed: list[list[SstSeries | SeriesError]] = [[] for _ in jobs]
        for (_, units), some in alike.items():
            series = [one for i in some for one in jobs[i].series]
            found = parse_all(series, units, jobs[some[0]].forecasters[0].step)
            end = 0
            for i in some:
                begin, end = end, end + len(jobs[i].series)
                parsed[i] = found[begin:end]
        return parsed

    def _count(
        self, forecasts: Iterable[Forecasts], waited: Mapping[Forecaster, Sequence[float]], seconds: float
    ) -> None:
        for one in forecasts:
            self._metrics.batches.add(one, waited)
            for network, rows, _ in one.by_network:
                n = len(one) if isinstance(rows, slice) else len(rows)
                self._statistics[network].batch(n, waited[network], seconds)


class _Batch:
    """Series for networks that are alike, in lists that go side by side."""

    def __init__(self) -> None:
        self._series: list[SstSeries] = []
        self._kinds: dict[tuple[Forecaster, Wanted], int] = {}
        self._kind: list[int] = []
        self._places: list[tuple[Entries, int]] = []

    def add(self, parsed: Iterable[SstSeries | SeriesError], forecaster: Forecaster, wanted: Wanted) -> Entries:
        """Take in the sound ones; the entries of all are complete once the batch has run."""
        entries: Entries = []
        kind = self._kinds.setdefault((forecaster, wanted), len(self._kinds))
        for one in parsed:
            if isinstance(one, SstSeries):
                self._series.append(one)
                self._kind.append(kind)
                self._places.append((entries, len(entries)))
                entries.append({})
            else:
                entries.append(one)
        return entries

    @property
    def holds_any(self) -> bool:
        """Whether there is a sound series."""
        return bool(self._series)

    def run(self) -> Forecasts:
        """Forecast, and fill in the entries."""
        kinds, kind, places = list(self._kinds), self._kind, self._places
        horizons = np.asarray([kinds[one][1].horizon for one in kind])
        forecasts = forecast_together(self._series, horizons, [kinds[one][0] for one in kind])
        alike: list[list[int]] = [[] for _ in kinds]
        rows = forecasts.row.tolist()
        for k, i in enumerate(rows):
            alike[kind[i]].append(k)
        for (forecaster, wanted), some in zip(kinds, alike, strict=True):
            if not some:
                continue
            for k, entry in zip(some, write(forecasts, some, forecaster.metadata.errors, wanted), strict=True):
                entries, place = places[rows[k]]
                entries[place] = entry
        for i, error in forecasts.failures.items():
            entries, place = places[i]
            entries[place] = error
        return forecasts
