"""A chunk of a table, forecast by universal releases."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecast_warning import DOUBTS
from forecasting.qartod import GOOD, SUSPECT
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep, in_words
from forecasting.universal.forecast import UniversalForecast
from forecasting.universal.steps.nearest import nearest_step
from scoring.errors import in_one_line
from scoring.events.judging import Coefficients
from scoring.models.quality import held_out_ratio, judge
from scoring.models.universal_model import UniversalFiles, UniversalModels
from scoring.tables.forecasts import Provenance, StationForecasts
from scoring.tables.job import TableJob
from scoring.tables.reading.positions import climatology_of
from scoring.tables.reading.stations import ReadStations

_Results = dict[int, tuple[UniversalForecast, UniversalFiles]]


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

    def _baselines(self, forecasts: list[UniversalForecast]) -> dict[str, npt.NDArray[np.float64]]:
        names = dict.fromkeys(name for forecast in forecasts for name in forecast.baselines)
        unknown = np.full(self.horizon, np.nan)
        return {name: self._rows([forecast.baselines.get(name, unknown) for forecast in forecasts]) for name in names}

    def _rows(self, rows: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        return np.asarray(rows, dtype=np.float64).reshape(len(rows), self.horizon)

    def _provenance_of(
        self, forecast: UniversalForecast, files: UniversalFiles, series: SstSeries, *, is_nowhere: bool
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

    def _judged(self, forecast: UniversalForecast, files: UniversalFiles, series: SstSeries) -> int:
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
