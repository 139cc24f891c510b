"""The stations of a chunk, as series."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.readers.stations import average
from forecasting.readers.zones import AMBIGUOUS, localise
from forecasting.series.observations import choose_clock
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, short
from forecasting.series.timestep import TimeStep
from forecasting.series.units import sea_temperatures
from scoring.errors import in_one_line
from scoring.tables.reading.rows import ROW, UNSAID, Position
from scoring.tables.reading.stage import ChunkStations, rows_file


@dataclass(frozen=True)
class ReadStations:
    """The stations of a chunk.

    Attributes:
        names: the names of all stations.
        series: the series of each valid station, by index.
        errors: the errors of the others, by index.
        positions: degrees north and east, by index; only of stations that hardly move.
        unplaced: indices of stations with a position that is of no use.
    """

    names: list[str]
    series: dict[int, SstSeries]
    errors: dict[int, str]
    positions: dict[int, Position]
    unplaced: list[int]


def read_stations(
    folder: Path,
    chunk: int,
    first: int,
    zones: tuple[str, ...],
    step: TimeStep | None,
    resample: TimeStep | None = None,
) -> ReadStations:
    """Read the stations of a chunk.

    Args:
        folder: folder of the staged table.
        chunk: number of the chunk.
        first: number of its first station.
        zones: time zones of times without an offset.
        step: step of the model; None if the step of each station chooses it.
        resample: coarser step to average to.

    Raises:
        FileNotFoundError: if the folder does not exist on this machine.
    """
    try:
        known = ChunkStations.read(folder, chunk)
        rows = np.fromfile(rows_file(folder, chunk), dtype=ROW)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} does not exist here: OUTPUT must be on storage that all workers share"
        ) from None
    names, errors = known.names, known.errors
    series: dict[int, SstSeries] = {}
    for i, station in enumerate(_by_station(rows, first, len(names), zones)):
        if i not in errors:
            try:
                series[i] = _series(station, zones, step, resample)
            except SeriesError as error:
                files = f"; its rows come from {known.files[i]}" if i in known.files else ""
                errors[i] = in_one_line(error) + files
    return ReadStations(names, series, errors, known.positions, known.unplaced)


@dataclass(frozen=True)
class _StationRows:
    """The rows of a station.

    Attributes:
        utc: times in UTC; NaT where the change to winter time makes them ambiguous.
        written: times as written in the file.
        clock: number of the clock of each time.
        values: °C.
    """

    utc: Times
    written: Times
    clock: npt.NDArray[np.int16]
    values: Floats


def _by_station(rows: npt.NDArray[np.void], first: int, count: int, zones: tuple[str, ...]) -> list[_StationRows]:
    numbers = rows["station"]
    if (numbers[1:] < numbers[:-1]).any():
        rows = rows[np.argsort(numbers, kind="stable")]
    ends = np.searchsorted(rows["station"], np.arange(first, first + count + 1))
    written = np.ascontiguousarray(rows["time"]).astype("datetime64[s]")
    clock, values = np.ascontiguousarray(rows["clock"]), np.ascontiguousarray(rows["sst"])
    utc = written.copy() if zones else written
    # Hours that occur twice are left out here: only the order of a station's own rows tells them apart.
    for number, zone in enumerate(zones, UNSAID + 1):
        selected = clock == number
        utc[selected] = localise(written[selected], zone, in_order=False)
    return [_StationRows(utc[a:b], written[a:b], clock[a:b], values[a:b]) for a, b in pairwise(ends.tolist())]


def _series(
    station: _StationRows, zones: tuple[str, ...], step: TimeStep | None, resample: TimeStep | None
) -> SstSeries:
    """Return the series of a station, up to its last observation.

    Raises:
        SeriesError: if the rows are not a valid series.
    """
    times = station.utc
    if zones:
        times = _resolve_repeated_hours(station, zones)
        if resample is None and (step is None or step.calendar_month):
            times = choose_clock(times, station.written)
    regular = step is not None and _is_regular(times, step)
    if resample is not None:
        series = average(times, sea_temperatures(station.values, "celsius", _row), resample, _row)
    else:
        series = SstSeries.from_observations(times, station.values, step=step if regular else None)
    return series if np.isfinite(series.values[-1]) else series.until_last_observation()


def _is_regular(times: Times, step: TimeStep) -> bool:
    return len(times) > 0 and not np.isnat(times).any() and bool((times == step.range(times[0], len(times))).all())


def _row(index: int) -> str:
    return f"value {index}"


def _resolve_repeated_hours(station: _StationRows, zones: tuple[str, ...]) -> Times:
    """Return the times in UTC; hours that occur twice are told apart by the order of the rows."""
    if not np.isnat(station.utc).any():
        return station.utc
    times = station.utc.copy()
    for number, zone in enumerate(zones, UNSAID + 1):
        selected = np.flatnonzero(station.clock == number)
        times[selected] = localise(station.written[selected], zone)
        ambiguous = selected[np.isnat(times[selected])]
        if len(ambiguous):
            raise SeriesError(f"{short(station.written[ambiguous[0]])[:-1]} {AMBIGUOUS.format(zone)}")
    return times
