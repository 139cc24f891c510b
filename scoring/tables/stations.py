"""The stations of a chunk, as series."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.console import in_command_line
from forecasting.errors import SeriesError
from forecasting.readers.times.daylight import LOCAL, SET_ZONE, UNTOLD, falls_back, localise
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import Floats, Times, TimeStep, choose_clock, short
from scoring.tables.rows import ROW, UNSAID
from scoring.tables.stage import ChunkStations, rows_file


def read_stations(
    folder: Path, chunk: int, first: int, zones: tuple[str, ...], step: TimeStep
) -> tuple[list[str], dict[int, SstSeries], dict[int, str]]:
    """Names of the stations of a chunk, and the series of each or what is wrong with it, by their order in the chunk.

    Args:
        folder: that holds what was staged.
        chunk: its number.
        first: number of its first station.
        zones: whose clocks times without an offset go by.
        step: of series that are regular.

    Raises:
        FileNotFoundError: if the folder is not there.
    """
    try:
        known = ChunkStations.read(folder, chunk)
        rows = np.fromfile(rows_file(folder, chunk), dtype=ROW)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} is not there: the folder of OUTPUT has to be storage that all workers share"
        ) from None
    names, errors = known.names, known.errors
    series: dict[int, SstSeries] = {}
    for i, found in enumerate(_by_station(rows, first, len(names), zones)):
        if i not in errors:
            try:
                series[i] = _series(found, zones, step)
            except SeriesError as error:
                files = f"; its rows are those of {known.files[i]}" if i in known.files else ""
                errors[i] = in_one_line(error) + files
    return names, series, errors


@dataclass(frozen=True)
class _StationRows:
    """The rows of a station.

    Attributes:
        utc: times; none where the clock of their zone changes.
        written: as they stand in the file.
        clock: that they go by.
        values: °C.
    """

    utc: Times
    written: Times
    clock: npt.NDArray[np.int16]
    values: Floats

    def cells(self) -> pd.DataFrame:
        """What a row that is repeated would repeat."""
        return pd.DataFrame({"sst": self.values})


def _by_station(rows: npt.NDArray[np.void], first: int, count: int, zones: tuple[str, ...]) -> list[_StationRows]:
    numbers = rows["station"]
    if (numbers[1:] < numbers[:-1]).any():
        rows = rows[np.argsort(numbers, kind="stable")]
    ends = np.searchsorted(rows["station"], np.arange(first, first + count + 1))
    written = np.ascontiguousarray(rows["time"]).astype("datetime64[s]")
    clock, values = np.ascontiguousarray(rows["clock"]), np.ascontiguousarray(rows["sst"])
    utc = written.copy() if zones else written
    # All at once but for the hours that come twice, which only the order of a station's own rows tells apart.
    for number, zone in enumerate(zones, UNSAID + 1):
        these = clock == number
        utc[these] = localise(written[these], zone, in_order=False)
    return [_StationRows(utc[a:b], written[a:b], clock[a:b], values[a:b]) for a, b in pairwise(ends.tolist())]


def _series(found: _StationRows, zones: tuple[str, ...], step: TimeStep) -> SstSeries:
    """What a station holds, up to its last observation.

    Raises:
        SeriesError: if that is no valid series.
    """
    times = found.utc
    if zones:
        times = _by_its_clock(found, zones)
        if step.calendar_month:
            times = choose_clock(times, found.written)
    regular = len(times) > 0 and not np.isnat(times).any() and bool((times == step.range(times[0], len(times))).all())
    if not regular and (i := falls_back(times, found.clock == UNSAID, found.cells)) is not None:
        raise SeriesError(LOCAL.format(short(times[i])[:-1]), remedy=SET_ZONE)
    series = SstSeries.from_observations(times, found.values, step=step if regular else None)
    return series if np.isfinite(series.values[-1]) else series.until_last_observation()


def _by_its_clock(found: _StationRows, zones: tuple[str, ...]) -> Times:
    """Times in UTC, each hour that comes twice told by the order of the rows."""
    if not np.isnat(found.utc).any():
        return found.utc
    times = found.utc.copy()
    for number, zone in enumerate(zones, UNSAID + 1):
        these = np.flatnonzero(found.clock == number)
        times[these] = localise(found.written[these], zone)
        lost = these[np.isnat(times[these])]
        if len(lost):
            raise SeriesError(f"{short(found.written[lost[0]])[:-1]} {UNTOLD.format(zone)}")
    return times


def in_one_line(error: SeriesError) -> str:
    """What an error says."""
    return " ".join(error.written(in_command_line).split())
