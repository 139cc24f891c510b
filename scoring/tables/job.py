"""A chunk of a table: some stations with all their rows, scored together."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Usual
from forecasting.events.outlook import JointForecast
from forecasting.networks.windows import Windows, last_windows
from forecasting.qartod import SUSPECT
from forecasting.references.from_past import references_from_past
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from forecasting.series.timestep import TimeStep
from scoring.errors import in_one_line, kind_of
from scoring.events import Coefficients, Judged, Place, judge_places
from scoring.job import Counts, Job, Part
from scoring.models.catalog import PlaceModel
from scoring.models.window_forecasts import forecast_windows, joint_forecasts
from scoring.tables.reading.rows import climatology_of
from scoring.tables.reading.stage import Staged
from scoring.tables.reading.stations import ReadStations, read_stations
from scoring.tables.rows import Provenance, StationForecasts, to_bytes

if TYPE_CHECKING:
    from forecasting.universal.contexts.contexts import Contexts
from collections import defaultdict

from forecasting.errors import SeriesError
from forecasting.forecast_warning import DOUBTS
from forecasting.forecasts.forecast import Forecast
from forecasting.qartod import GOOD
from forecasting.series.timestep import in_words
from forecasting.universal.distribution import Quantiles
from forecasting.universal.steps.nearest import nearest_step
from scoring.models.catalog import UniversalFiles, UniversalModels
from scoring.models.quality import held_out_ratio, judge

_PATHS: Final = 1_000
"""Sample paths that events are judged by."""


@dataclass(frozen=True)
class TableJob(Job):
    """The forecasts to make for the stations of a staged table.

    Attributes:
        horizon: number of leads.
        layout: of the staged table.
        resample: coarser step to average to.
        archived: whether the rows have the columns of an archive.
    """

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
        forecasts = self.forecast(self._read(chunk))
        counts = Counts(len(forecasts.names), len(forecasts.station))
        for provenance in forecasts.provenance:
            releases = {} if provenance.release is None else {provenance.release: 1}
            counts.add(Counts(warnings=dict.fromkeys(provenance.warnings, 1), releases=releases))
        for sentence in forecasts.errors.values():
            kind = kind_of(sentence)
            counts.add(Counts(missing={kind: 1}, examples={kind: sentence}))
        counts.unjudged = forecasts.judged.unjudged(self.events)
        return Part(to_bytes(forecasts, self.events, archived=self.archived), counts)

    def judge(
        self, forecasts: Sequence[JointForecast], series: Sequence[SstSeries], coefficients: Coefficients
    ) -> Judged:
        """Judge the events of ``forecasts``, which were made from ``series`` at positions with ``coefficients``."""
        if not self.events:
            return Judged.none(self.events, len(series), self.horizon)
        places = (
            Place(forecast, past, self.events.period, climatology)
            for forecast, past, climatology in zip(forecasts, series, coefficients, strict=True)
        )
        return judge_places(self.events, places, len(forecasts), self.horizon, self.events.paths or _PATHS)

    @abstractmethod
    def forecast(self, stations: ReadStations) -> StationForecasts:
        """Forecast the stations of a chunk."""

    @property
    def step(self) -> TimeStep | None:
        """The step that all series must have; None if it chooses the model."""
        return None

    def _read(self, chunk: int) -> ReadStations:
        return read_stations(Path(self.staged), chunk, self.bounds[chunk], self.layout.zones, self.step, self.resample)


@dataclass(frozen=True)
class PlaceTableJob(TableJob):
    """The forecasts of a network of one place for the stations of a staged table."""

    model: PlaceModel

    @property
    def step(self) -> TimeStep:
        """See :class:`~scoring.tables.job.TableJob`."""
        return self.model.metadata.time_step

    def forecast(self, stations: ReadStations) -> StationForecasts:
        """See :class:`~scoring.tables.job.TableJob`."""
        place, metadata = self.model.load(), self.model.metadata
        valid, errors = sorted(stations.series), dict(stations.errors)
        batch = SeriesBatch.of([stations.series[i] for i in valid], metadata.time_step)
        windows, failures = last_windows(batch, metadata, self.horizon)
        errors |= {valid[row]: in_one_line(error) for row, error in failures.items()}
        forecast = np.asarray(valid, dtype=np.intp)[windows.row]
        times = windows.times if len(windows) else np.empty((0, self.horizon), dtype="datetime64[s]")
        scored = forecast_windows(place.forecaster, windows.values, times, self.levels)
        issued = metadata.time_step.shift(times[:, 0], -1)
        contexts = self._contexts(stations, forecast, issued)
        supported = place.judged(contexts, self.horizon)
        provenance = [
            Provenance(
                model=self.model.name,
                version=self.model.version,
                chosen=None,
                quality=SUSPECT if scored.unlike[i] else int(supported[i]),
                warnings=[
                    *(warning.code for warning in windows.warnings[i]),
                    *(["outside_training"] if scored.unlike[i] else []),
                    *(["reference_is_better"] if supported[i] == SUSPECT else []),
                ],
            )
            for i in range(len(windows))
        ]
        bounds = {level: (scored.sst - width, scored.sst + width) for level, width in scored.widths.items()}
        series = [stations.series[i] for i in forecast.tolist()]
        joint = joint_forecasts(place.forecaster, scored, windows.values, times) if self.events else []
        judged = self.judge(joint, series, contexts.coefficients)
        for entry, kinds in zip(provenance, judged.warnings, strict=True):
            entry.warnings.extend(sorted(kinds))
        baselines, usual = self._baselines(batch, windows) if self.archived and len(windows) else ({}, [])
        return StationForecasts(
            names=stations.names,
            station=forecast,
            issued=issued,
            times=times,
            sst=scored.sst,
            bounds=bounds,
            provenance=provenance,
            errors=errors,
            judged=judged,
            steps=[str(self.step)] * len(forecast),
            baselines=baselines,
            usual=usual,
        )

    def _baselines(self, batch: SeriesBatch, windows: Windows) -> tuple[dict[str, Floats], list[Usual | None]]:
        """Return the forecasts of references fitted to the past of each series, and what climatologies rest on."""
        series, fill_limit = batch.take(windows.row), self.model.metadata.fill_limit
        references, _, usual = references_from_past(
            series, windows.values, windows.times[:, 0], self.horizon, fill_limit
        )
        return references, usual.listed()

    def _contexts(self, stations: ReadStations, forecast: npt.NDArray[np.intp], issued: Times) -> "Contexts":
        """Return the ends of the series with a forecast, in one array."""
        from forecasting.universal.contexts.contexts import Contexts

        positions = [stations.positions.get(i) for i in forecast.tolist()]
        values = _ends([stations.series[i] for i in forecast.tolist()], self.model.span().longest)
        n = len(forecast)
        return Contexts(self.step, np.arange(n), values, issued, np.zeros(n, dtype=np.int64), climatology_of(positions))


def _ends(series: list[SstSeries], longest: int) -> Floats:
    """Return the last values of several series, ``(n, longest)``; NaN before shorter ones."""
    ends = np.full((len(series), longest), np.nan)
    for row, member in zip(ends, series, strict=True):
        values = member.values[-longest:]
        row[longest - len(values) :] = values
    return ends


_Results = dict[int, tuple[Forecast[Quantiles], UniversalFiles]]


@dataclass(frozen=True)
class UniversalTableJob(TableJob):
    """The forecasts of universal networks for the stations of a staged table."""

    model: UniversalModels

    def forecast(self, stations: ReadStations) -> StationForecasts:
        """See :class:`~scoring.tables.job.TableJob`."""
        from forecasting.universal.steps.any_step import forecast_at_any_step  # imports torch

        errors = dict(stations.errors)
        positions = [stations.positions.get(i) for i in range(len(stations.names))]
        coefficients = climatology_of(positions)
        results: _Results = {}
        for step, members in _by_step(stations.series).items():
            try:
                files = self._release_at(step)
            except SeriesError as error:
                errors |= dict.fromkeys(members, in_one_line(error))
                continue
            forecasts = forecast_at_any_step(
                files.load(self.model.device),
                [stations.series[i] for i in members],
                self.horizon,
                coefficients=coefficients[members],
                model=self.model.cell,
            )
            for i, forecast in zip(members, forecasts, strict=True):
                if isinstance(forecast, SeriesError):
                    errors[i] = in_one_line(forecast)
                else:
                    results[i] = (forecast, files)
        nowhere = {i for i in results if i in stations.positions and np.isnan(coefficients[i, 0])}
        return self._written(stations, results, nowhere | set(stations.unplaced), errors, coefficients)

    def _release_at(self, step: TimeStep) -> UniversalFiles:
        """Return the release for series at ``step``, or the nearest step.

        Raises:
            SeriesError: if there is none, or it lacks the network that the user named.
        """
        by_step = {files.step: files for files in self.model.releases}
        if self.model.named and step not in by_step:
            (files,) = self.model.releases
            raise SeriesError(
                f"its step is {in_words(str(step))}, but {files.name} forecasts steps of {in_words(str(files.step))}; "
                "leave out --dataset to let the step choose the release"
            )
        horizons = {other: files.any_metadata.horizon for other, files in by_step.items()}
        nearest = nearest_step(step, horizons, self.horizon)
        if nearest is None:
            known = ", ".join(in_words(str(other)) for other in by_step)
            raise SeriesError(
                f"no universal release forecasts steps of {in_words(str(step))}, only of {known}; average it with "
                "--resample"
            )
        files = by_step[nearest]
        if self.model.cell not in ("best", *files.metadata):
            raise SeriesError(f"{files.name} has no network {self.model.cell}; it has {', '.join(files.metadata)}")
        return files

    def _written(
        self,
        stations: ReadStations,
        results: _Results,
        nowhere: set[int],
        errors: dict[int, str],
        coefficients: Coefficients,
    ) -> StationForecasts:
        station = sorted(results)
        forecasts = [results[i][0] for i in station]
        provenance = [self._provenance_of(*results[i], stations.series[i], is_nowhere=i in nowhere) for i in station]
        issued = [stations.series[i].times[-1] for i in station]
        intervals = {level: [forecast.interval(level) for forecast in forecasts] for level in self.levels}
        bounds = {
            level: (self._rows([low for low, _ in pairs]), self._rows([high for _, high in pairs]))
            for level, pairs in intervals.items()
        }
        times = [forecast.times for forecast in forecasts]
        judged = self.judge(forecasts, [stations.series[i] for i in station], coefficients[station])
        for entry, kinds in zip(provenance, judged.warnings, strict=True):
            entry.warnings.extend(sorted(kinds))
        return StationForecasts(
            names=stations.names,
            station=np.asarray(station, dtype=np.intp),
            issued=np.asarray(issued, dtype="datetime64[s]"),
            times=np.asarray(times, dtype="datetime64[s]").reshape(len(station), self.horizon),
            sst=self._rows([forecast.sst for forecast in forecasts]),
            bounds=bounds,
            provenance=provenance,
            errors=errors,
            judged=judged,
            steps=[str(stations.series[i].step) for i in station],
            baselines=self._baselines(forecasts) if self.archived else {},
            usual=[forecast.usual for forecast in forecasts],
        )

    def _baselines(self, forecasts: list[Forecast[Quantiles]]) -> dict[str, npt.NDArray[np.float64]]:
        names = dict.fromkeys(name for forecast in forecasts for name in forecast.baselines)
        unknown = np.full(self.horizon, np.nan)
        return {name: self._rows([forecast.baselines.get(name, unknown) for forecast in forecasts]) for name in names}

    def _rows(self, rows: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        return np.asarray(rows, dtype=np.float64).reshape(len(rows), self.horizon)

    def _provenance_of(
        self, forecast: Forecast[Quantiles], files: UniversalFiles, series: SstSeries, *, is_nowhere: bool
    ) -> Provenance:
        codes: list[str] = [warning.code for warning in forecast.warnings]
        if is_nowhere:
            codes.insert(0, "no_climatology")
        chosen = None if forecast.chosen is None else forecast.chosen.by
        quality = self._judged(forecast, files, series)
        if quality == SUSPECT and "reference_is_better" not in codes:
            codes.append("reference_is_better")
        quality = SUSPECT if DOUBTS & set(codes) else quality
        return Provenance(forecast.model, files.version, chosen, quality, codes, f"{files.name} {files.version}")

    def _judged(self, forecast: Forecast[Quantiles], files: UniversalFiles, series: SstSeries) -> int:
        """Return the flag that the record on the own past and the held-out seas support."""
        cell = forecast.model.removeprefix(f"{files.name}-")
        if cell not in files.metadata:
            return GOOD  # a reference, which only the record on the own past can choose
        ratio = series.step.seconds / files.step.seconds
        leads = min(max(round(self.horizon * ratio), 1), files.any_metadata.horizon)
        count = np.asarray([round(np.isfinite(series.values).sum() * min(ratio, 1.0))])
        held_out = held_out_ratio(files.metadata[cell], count, leads)
        relative, independent = np.nan, 0.0
        if forecast.past is not None and forecast.model in forecast.past.relative_rmse:
            known = forecast.past.relative_rmse
            better = min(known.get(name, 1.0) for name in ("persistence", "usual_change"))
            relative, independent = known[forecast.model] / better, forecast.past.independent
        # Whether another reference is better by more than chance has been tested when the model was chosen.
        return int(judge(np.asarray([relative]), np.asarray([np.nan]), np.asarray([independent]), held_out)[0])


def _by_step(series: dict[int, SstSeries]) -> dict[TimeStep, list[int]]:
    """Return the indices of series by their step."""
    members: dict[TimeStep, list[int]] = defaultdict(list)
    for i in sorted(series):
        members[series[i].step].append(i)
    return members
