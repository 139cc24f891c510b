"""A chunk of a table: some stations with all their rows, scored together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast_warning import DOUBTS
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.qartod import SUSPECT
from forecasting.series.batch import SeriesByStep
from forecasting.series.timestep import TimeStep
from scoring.errors import in_one_line, kind_of
from scoring.events import EvaluatedEvents, Place, evaluate_events
from scoring.job import Counts, Job, Part
from scoring.models.model import TableModel
from scoring.models.quality import Flags
from scoring.tables.reading.stage import Staged
from scoring.tables.reading.stations import ReadStations, read_stations
from scoring.tables.rows import TableForecasts, to_bytes

_PATHS: Final = 1_000
"""Sample paths that events are evaluated by."""


@dataclass(frozen=True)
class TableJob(Job):
    """The forecasts to make for the stations of a staged table.

    Attributes:
        horizon: number of leads.
        layout: of the staged table.
        resample: coarser step to average to.
        archived: whether the rows have the columns of an archive.
    """

    model: TableModel
    horizon: int
    layout: Staged
    resample: TimeStep | None
    archived: bool

    @property
    def bounds(self) -> tuple[int, ...]:
        """See :class:`~scoring.job.Job`."""
        return self.layout.bounds

    def score(self, chunk: int) -> Part:
        """Return the forecasts of a chunk: an Arrow stream of :func:`scoring.tables.rows.schema`."""
        folder, first = Path(self.staged), self.bounds[chunk]
        stations = read_stations(folder, chunk, first, self.layout.zones, self.model.reads_at, self.resample)
        scored = self._score(stations)
        counts = Counts(len(scored.names), len(scored.forecasts), releases=scored.releases)
        for codes in scored.warnings:
            counts.add(Counts(warnings=dict.fromkeys(codes, 1)))
        for sentence in scored.errors.values():
            kind = kind_of(sentence)
            counts.add(Counts(missing={kind: 1}, examples={kind: sentence}))
        counts.unjudged = scored.evaluated.unjudged(self.events)
        return Part(to_bytes(scored, self.events, archived=self.archived), counts)

    def _score(self, stations: ReadStations) -> TableForecasts:
        forecasts, flags, releases = self._forecast(stations)
        errors = stations.errors | {i: in_one_line(error) for i, error in forecasts.errors.items()}
        evaluated = self._evaluate(forecasts, stations)
        warnings = []
        quality = flags[forecasts.row]
        unplaced = set(stations.unplaced) if self.model.uses_positions else set()
        for i, station in enumerate(forecasts.row.tolist()):
            codes: list[str] = ["no_climatology"] if station in unplaced else []
            codes += [warning.code for warning in forecasts.warnings[i]]
            if quality[i] == SUSPECT and "reference_is_better" not in codes:
                codes.append("reference_is_better")
            if DOUBTS & set(codes):
                quality[i] = SUSPECT
            warnings.append([*codes, *sorted(evaluated.warnings[i])])
        return TableForecasts(stations.names, forecasts, quality, warnings, evaluated, errors, releases)

    def _forecast(self, stations: ReadStations) -> tuple[Forecasts, Flags, dict[str, int]]:
        """Return forecasts, the flag that the evidence supports for each station, and how many each release made."""
        options = ForecastOptions(self.horizon, self.levels)
        flags = np.zeros(len(stations.names), dtype=np.int8)
        releases: dict[str, int] = {}
        parts = [Forecasts.none(Columns(self.levels, (), ()), self.horizon, {})]
        valid = sorted(stations.series)
        positions = np.asarray([stations.positions.get(i, (np.nan, np.nan)) for i in valid]).reshape(-1, 2)
        for places, batch in SeriesByStep.of([stations.series[i] for i in valid], positions).batches:
            rows = np.asarray(valid, dtype=np.intp)[places]
            try:
                model = self.model.at(batch.step, self.horizon)
            except SeriesError as error:
                parts.append(Forecasts.none(parts[0].columns, self.horizon, dict.fromkeys(rows.tolist(), error)))
                continue
            part = model.forecast_batch(batch, options)
            flags[rows[part.row]] = self.model.evaluate(part, model)
            parts.append(part.for_rows(rows, {}))
            if self.model.reads_at is None and len(part):
                release = f"{model.dataset} {model.version}"
                releases[release] = releases.get(release, 0) + len(part)
        return Forecasts.joined(parts), flags, releases

    def _evaluate(self, forecasts: Forecasts, stations: ReadStations) -> EvaluatedEvents:
        """Judge the events of each forecast."""
        if not self.events:
            return EvaluatedEvents.none(self.events, len(forecasts), self.horizon)
        places = (
            Place(forecasts[i], stations.series[station], self.events.period, forecasts.coefficients[i])
            for i, station in enumerate(forecasts.row.tolist())
        )
        return evaluate_events(self.events, places, len(forecasts), self.horizon, self.events.paths or _PATHS)
