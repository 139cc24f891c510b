"""A chunk of a table, forecast by a network of one place."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Usual
from forecasting.networks.windows import Windows, last_windows
from forecasting.qartod import SUSPECT
from forecasting.references.from_past import references_from_past
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from forecasting.series.timestep import TimeStep
from scoring.errors import in_one_line
from scoring.models.place_model import PlaceModel
from scoring.models.window_forecasts import forecast_windows, joint_forecasts
from scoring.tables.forecasts import Provenance, StationForecasts
from scoring.tables.job import TableJob
from scoring.tables.reading.positions import climatology_of
from scoring.tables.reading.stations import ReadStations

if TYPE_CHECKING:
    from forecasting.universal.contexts.contexts import Contexts


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
        windows, failures = last_windows(batch, metadata, np.full(len(valid), self.horizon))
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
        return references, [usual.at(i) for i in range(len(series))]

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
