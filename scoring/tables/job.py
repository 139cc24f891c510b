"""A chunk of a table: some stations with all of their rows, scored at once."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from forecasting.batch import SeriesBatch
from forecasting.errors import SeriesError
from forecasting.series import SstSeries
from forecasting.timestep import Floats, Times, TimeStep
from forecasting.windows import last_windows
from scoring.job import Counts, Part
from scoring.model import ModelFile
from scoring.score import score
from scoring.tables.forecasts import StationForecasts, to_bytes
from scoring.tables.rows import ROW
from scoring.tables.stage import read_names, rows_file

if TYPE_CHECKING:
    from forecasting.forecaster import Forecaster


_PARTICULAR: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*(?<![,:;.])")


@dataclass(frozen=True)
class TableJob:
    """Forecasts for the stations of a staged table.

    Attributes:
        model: whose forecasts.
        levels: of intervals, percent.
        horizon: leads.
        staged: path of the folder.
        bounds: number of the first station of each chunk, and of the end of the last.
    """

    model: ModelFile
    levels: tuple[int, ...]
    horizon: int
    staged: str
    bounds: tuple[int, ...]

    @property
    def chunks(self) -> int:
        """How many there are."""
        return len(self.bounds) - 1

    def places(self, chunk: int) -> int:
        """Stations of a chunk."""
        return self.bounds[chunk + 1] - self.bounds[chunk]

    def score(self, forecaster: "Forecaster", chunk: int) -> Part:
        """The forecasts of a chunk: an Arrow stream of :func:`scoring.tables.forecasts.schema`."""
        metadata = forecaster.metadata
        names, series, errors = self._read(chunk, metadata.time_step)
        kept = sorted(series)
        batch = SeriesBatch.of([series[i] for i in kept], metadata.time_step)
        windows, refused = last_windows(batch, metadata, np.full(len(kept), self.horizon))
        errors |= {kept[k]: _sentence(error) for k, error in refused.items()}
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

    def _read(self, chunk: int, step: TimeStep) -> tuple[list[str], dict[int, SstSeries], dict[int, str]]:
        """Names of the stations, and the series of each or what is wrong with it, by their order in the chunk."""
        folder = Path(self.staged)
        try:
            names, errors = read_names(folder, chunk)
            rows = np.fromfile(rows_file(folder, chunk), dtype=ROW)
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{folder} is not there: the folder of OUTPUT has to be storage that all workers share"
            ) from None
        series: dict[int, SstSeries] = {}
        for i, (times, values) in enumerate(_by_station(rows, self.bounds[chunk], len(names))):
            if i not in errors:
                try:
                    series[i] = _series(times, values, step)
                except SeriesError as error:
                    errors[i] = _sentence(error)
        return names, series, errors


def _by_station(rows: npt.NDArray[np.void], first: int, count: int) -> list[tuple[Times, Floats]]:
    numbers = rows["station"]
    if (numbers[1:] < numbers[:-1]).any():
        rows = rows[np.argsort(numbers, kind="stable")]
    ends = np.searchsorted(rows["station"], np.arange(first, first + count + 1))
    times = np.ascontiguousarray(rows["time"]).astype("datetime64[s]")
    values = np.ascontiguousarray(rows["sst"])
    return [(times[a:b], values[a:b]) for a, b in pairwise(ends.tolist())]


def _series(times: Times, values: Floats, step: TimeStep) -> SstSeries:
    """What a station holds, up to its last observation.

    Raises:
        SeriesError: if that is no valid series.
    """
    regular = len(times) > 0 and not np.isnat(times).any() and bool((times == step.range(times[0], len(times))).all())
    series = SstSeries.from_observations(times, values, step=step if regular else None)
    return series if np.isfinite(series.values[-1]) else series.until_last_observation()


def _sentence(error: SeriesError) -> str:
    return " ".join(str(error).split())


def _kind(sentence: str) -> str:
    """What sentences about many stations have in common: all but cells, numbers and names."""
    return _PARTICULAR.sub("…", sentence)
