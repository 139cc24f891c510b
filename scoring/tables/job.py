"""A chunk of a table: some stations with all their rows, scored together."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.events.outlook import JointForecast
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from scoring.events.judging import Coefficients, Judged, Place, judge_places
from scoring.models.reasons import kind_of
from scoring.tables.forecasts import StationForecasts, to_bytes
from scoring.tables.reading.stations import ReadStations, read_stations
from scoring.work.job import Counts, Job, Part

_PATHS: Final = 1_000
"""Sample paths that events are judged by."""


@dataclass(frozen=True)
class TableJob(Job):
    """The forecasts to make for the stations of a staged table.

    Attributes:
        horizon: number of leads.
        zones: time zones of times without an offset.
        resample: coarser step to average to.
        archived: whether the rows have the columns of an archive.
    """

    horizon: int
    zones: tuple[str, ...]
    resample: TimeStep | None
    archived: bool

    def score(self, chunk: int) -> Part:
        """Return the forecasts of a chunk: an Arrow stream of :func:`scoring.tables.forecasts.schema`."""
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
        return read_stations(Path(self.staged), chunk, self.bounds[chunk], self.zones, self.step, self.resample)
