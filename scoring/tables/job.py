"""A chunk of a table: some stations with all of their rows, scored at once."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.networks.windows import last_windows
from forecasting.series.batch import SeriesBatch
from scoring.job import Counts, Job, Part
from scoring.score import score
from scoring.tables.forecasts import StationForecasts, to_bytes
from scoring.tables.stations import in_one_line, read_stations

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster


_PARTICULAR: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*(?<![,:;.])")


@dataclass(frozen=True)
class TableJob(Job):
    """Forecasts for the stations of a staged table.

    Attributes:
        horizon: leads.
        zones: whose clocks times without an offset go by.
    """

    horizon: int
    zones: tuple[str, ...]

    def score(self, forecaster: "Forecaster", chunk: int) -> Part:
        """The forecasts of a chunk: an Arrow stream of :func:`scoring.tables.forecasts.schema`."""
        metadata = forecaster.metadata
        names, series, errors = read_stations(
            Path(self.staged), chunk, self.bounds[chunk], self.zones, metadata.time_step
        )
        kept = sorted(series)
        batch = SeriesBatch.of([series[i] for i in kept], metadata.time_step)
        windows, refused = last_windows(batch, metadata, np.full(len(kept), self.horizon))
        errors |= {kept[k]: in_one_line(error) for k, error in refused.items()}
        stations = np.asarray(kept, dtype=np.intp)[windows.row]
        times = windows.times if len(windows) else np.empty((0, self.horizon), dtype="datetime64[s]")
        scored = score(forecaster, windows.values, times, self.levels)
        issued = metadata.time_step.shift(times[:, 0], -1)
        warned: list[list[str]] = [[one.code for one in said] for said in windows.warnings]
        for k in np.flatnonzero(scored.unlike).tolist():
            warned[k].append("outside_training")
        found = StationForecasts(names, stations, issued, times, scored.sst, scored.widths, warned, errors)
        counts = Counts(len(names), len(stations))
        for kinds in warned:
            counts.add(Counts(warnings=dict.fromkeys(kinds, 1)))
        for sentence in errors.values():
            counts.add(Counts(missing={_kind(sentence): 1}))
        return Part(to_bytes(found, metadata.model, metadata.version), counts)


def _kind(sentence: str) -> str:
    """What sentences about many stations have in common: all but cells, numbers and names."""
    return _PARTICULAR.sub("…", sentence)
