"""A table from its files to its output: chunks are some stations with all their rows, scored together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.events.baseline import Position
from forecasting.forecast_warning import DOUBTS
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import Model, ignoring_weather
from forecasting.models.universal.mixture import MIXTURE
from forecasting.qartod import SUSPECT
from forecasting.series.batch import SeriesBatch, SeriesByStep
from forecasting.series.timestep import TimeStep
from scoring.errors import in_one_line, kind_of
from scoring.events import EvaluatedEvents, evaluate_events
from scoring.job import WEATHER_IGNORED, Counts, Job, Part
from scoring.quality import Flags, flags_by_backtest, flags_by_past
from scoring.run import Input
from scoring.tables.output import TableForecasts, schema, to_bytes, without_forecasts, write_table
from scoring.tables.staging import ChunkStations, ReadStations, StagedTable, names_file, read_stations, stage_rows
from scoring.work import Plan, WorkFolder, read_json

_PATHS: Final = 1_000
"""Sample paths that events are evaluated by."""


@dataclass(frozen=True)
class TableJob(Job):
    """The forecasts to make for the stations of a staged table."""

    layout: StagedTable
    resample: TimeStep | None
    archived: bool

    def score(self, chunk: int) -> Part:
        """Return the forecasts of a chunk: an Arrow stream of :func:`scoring.tables.output.schema`."""
        stations = read_stations(self.folder, chunk, self.layout, self.model.reads_at, self.resample)
        scored = self._score(stations)
        counts = Counts(len(scored.names), len(scored.forecasts), releases=scored.releases)
        for codes in scored.warnings:
            counts.add(Counts(warnings=dict.fromkeys(codes, 1)))
        for station, sentence in stations.unweathered.items():
            counts.examples.setdefault(WEATHER_IGNORED, f"station {scored.names[station]!r}: {sentence}")
        for sentence in scored.errors.values():
            kind = kind_of(sentence)
            counts.add(Counts(missing={kind: 1}, examples={kind: sentence}))
        counts.unjudged = scored.evaluated.unjudged(self.events)
        weather = self.layout.weather
        return Part(to_bytes(scored, self.events, archived=self.archived, weather=weather), counts)

    def _score(self, stations: ReadStations) -> TableForecasts:
        forecasts, flags, releases = self._forecast(stations)
        errors = stations.known.errors | {i: in_one_line(error) for i, error in forecasts.errors.items()}
        evaluated = self._evaluate(forecasts, stations)
        warnings = []
        quality = flags[forecasts.row]
        unplaced = set(stations.known.unplaced) if self.model.is_universal else set()
        for i, station in enumerate(forecasts.row.tolist()):
            codes: list[str] = ["no_climatology"] if station in unplaced else []
            codes += [WEATHER_IGNORED] if station in stations.unweathered else []
            codes += [warning.code for warning in forecasts.warnings[i]]
            if quality[i] == SUSPECT and forecasts.model[i] != MIXTURE and "reference_is_better" not in codes:
                codes.append("reference_is_better")
            if DOUBTS & set(codes):
                quality[i] = SUSPECT
            warnings.append([*codes, *sorted(evaluated.warnings[i])])
        return TableForecasts(stations.known.names, forecasts, quality, warnings, evaluated, errors, releases)

    def _forecast(self, stations: ReadStations) -> tuple[Forecasts, Flags, dict[str, int]]:
        """Return forecasts, the flag that the evidence supports for each station, and how many each release made."""
        options = ForecastOptions(self.horizon, self.levels)
        flags = np.zeros(len(stations.known.names), dtype=np.int8)
        releases: dict[str, int] = {}
        parts = [Forecasts.none(Columns(self.levels, (), ()), self.horizon, {})]
        valid = sorted(stations.series)
        positions = np.asarray([stations.known.positions.get(i, (np.nan, np.nan)) for i in valid]).reshape(-1, 2)
        for places, batch in SeriesByStep.of([stations.series[i] for i in valid], positions).batches:
            rows = np.asarray(valid, dtype=np.intp)[places]
            try:
                model = self.model.at(batch.step, self.horizon)
            except SeriesError as error:
                parts.append(Forecasts.none(parts[0].columns, self.horizon, dict.fromkeys(rows.tolist(), error)))
                continue
            part = ignoring_weather(model, batch, partial(model.forecast_batch, options=options))
            flags[rows[part.row]] = self._flags(model, batch, part)
            parts.append(part.for_rows(rows, {}))
            if self.model.reads_at is None and len(part):
                release = f"{model.dataset} {model.version}"
                releases[release] = releases.get(release, 0) + len(part)
        return Forecasts.joined(parts), flags, releases

    def _flags(self, model: Model, batch: SeriesBatch, forecasts: Forecasts) -> Flags:
        """Return the flag that the evidence supports for each of ``forecasts``, which ``model`` made, ``(n,)``."""
        if self.model.is_universal:
            return flags_by_backtest(forecasts, self.model.universal_metadata(model.dataset), model.step)
        return flags_by_past(model, batch, forecasts, self.model.span.longest)

    def _evaluate(self, forecasts: Forecasts, stations: ReadStations) -> EvaluatedEvents:
        """Evaluate the events of each forecast."""
        places = [stations.known.positions.get(station, (np.nan, np.nan)) for station in forecasts.row.tolist()]
        paths = self.events.paths or _PATHS
        return evaluate_events(self.events, forecasts, [Position(*place) for place in places], paths)


_ROWS: Final = 250_000
"""Default number of rows that are forecast together."""


@dataclass(frozen=True)
class TableInput(Input):
    """A table whose rows are in one or more files."""

    unit = "stations"

    archived: bool = False

    @property
    def chunk_size(self) -> int:
        """See :class:`~scoring.run.Input`."""
        return _ROWS

    def stage(self, chunk: int, folder: Path, *, quiet: bool) -> None:
        """See :class:`~scoring.run.Input`."""
        stage_rows(self.files, self.options, chunk, folder)

    def job(self, folder: Path) -> TableJob:
        """See :class:`~scoring.run.Input`."""
        return TableJob(
            self.model, self.horizon, self.levels, self.events, folder.resolve(), StagedTable.read(folder),
            self.options.resample, self.archived,
        )  # fmt: skip

    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """See :class:`~scoring.run.Input`."""
        columns = schema(self.levels, self.events, weather=StagedTable.read(work.staged).weather)
        write_table(path, plan.output, columns, self.parts(work, failed))

    def parts(self, work: WorkFolder, failed: Mapping[int, str]) -> Iterator[bytes]:
        """Yield the rows of each chunk, as :func:`~scoring.tables.output.to_bytes` writes them."""
        staged = StagedTable.read(work.staged)
        for chunk in range(staged.chunks):
            if chunk in failed:
                names = read_json(ChunkStations, names_file(work.staged, chunk)).names
                weather = staged.weather and not self.archived
                yield without_forecasts(names, failed[chunk], self.levels, self.events, weather=weather)
            else:
                yield work.content(chunk)
