"""A chunk of a table: some stations with all their rows, scored together."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.networks.windows import last_windows
from forecasting.series.batch import SeriesBatch
from scoring.models.window_forecasts import score
from scoring.tables.forecasts import StationForecasts, to_bytes
from scoring.tables.stations import in_one_line, read_stations
from scoring.work.job import Counts, Job, Part

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster


_PARTICULAR: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*(?<![,:;.])")


@dataclass(frozen=True)
class TableJob(Job):
    """The forecasts to make for the stations of a staged table.

    Attributes:
        horizon: number of leads.
        zones: time zones of times without an offset.
    """

    horizon: int
    zones: tuple[str, ...]

    def score(self, forecaster: "Forecaster", chunk: int) -> Part:
        """Return the forecasts of a chunk: an Arrow stream of :func:`scoring.tables.forecasts.schema`."""
        metadata = forecaster.metadata
        names, series, errors = read_stations(
            Path(self.staged), chunk, self.bounds[chunk], self.zones, metadata.time_step
        )
        valid = sorted(series)
        batch = SeriesBatch.of([series[i] for i in valid], metadata.time_step)
        windows, failures = last_windows(batch, metadata, np.full(len(valid), self.horizon))
        errors |= {valid[row]: in_one_line(error) for row, error in failures.items()}
        stations = np.asarray(valid, dtype=np.intp)[windows.row]
        times = windows.times if len(windows) else np.empty((0, self.horizon), dtype="datetime64[s]")
        scored = score(forecaster, windows.values, times, self.levels)
        issued = metadata.time_step.shift(times[:, 0], -1)
        codes: list[list[str]] = [[warning.code for warning in warnings] for warnings in windows.warnings]
        for row in np.flatnonzero(scored.unlike).tolist():
            codes[row].append("outside_training")
        forecasts = StationForecasts(names, stations, issued, times, scored.sst, scored.widths, codes, errors)
        counts = Counts(len(names), len(stations))
        for kinds in codes:
            counts.add(Counts(warnings=dict.fromkeys(kinds, 1)))
        for sentence in errors.values():
            counts.add(Counts(missing={_kind(sentence): 1}))
        return Part(to_bytes(forecasts, metadata.model, metadata.version), counts)


def _kind(sentence: str) -> str:
    """Return a sentence without its cells, numbers and names, so that equal kinds of errors can be counted."""
    return _PARTICULAR.sub("…", sentence)
