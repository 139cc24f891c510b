"""Staging a table of any size in bounded memory: the rows of each chunk's stations go to a file of their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError, SeriesError
from forecasting.readers.options import ReadingOptions
from forecasting.readers.reading import WeatherRows
from forecasting.readers.stations import average
from forecasting.readers.zones import AMBIGUOUS, localise
from forecasting.series.observations import choose_clock
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, short
from forecasting.series.timestep import TimeStep
from forecasting.series.units import sea_temperatures
from forecasting.series.weather import COVARIATES
from forecasting.wording import counted
from scoring.errors import in_one_line
from scoring.job import Staged
from scoring.source import as_text
from scoring.tables.rows import ROW, UNSAID, WEATHER, Position, Rows, Stations, take_rows
from scoring.tables.source import Batch, Notes, read_batches
from scoring.work import read_json, write_json

_LAYOUT: Final = "layout.json"
_BLOCK: Final = 500_000
"""Rows that are distributed to chunks at once."""


@dataclass(frozen=True)
class StagedTable(Staged):
    """The content of a staged table."""

    zones: tuple[str, ...]
    weather: bool = False

    @classmethod
    def read(cls, folder: Path) -> "StagedTable":
        """Read the layout of the staged rows in ``folder``."""
        return read_json(cls, folder / _LAYOUT)


def rows_file(folder: Path, chunk: int) -> Path:
    """Return the path of the rows of a chunk."""
    return folder / f"{chunk:06}.rows"


def names_file(folder: Path, chunk: int) -> Path:
    """Return the path of the names and errors of a chunk's stations."""
    return folder / f"{chunk:06}.json"


@dataclass(frozen=True)
class ChunkStations:
    """The stations of a chunk, apart from their rows."""

    names: list[str]
    errors: dict[int, str]
    files: dict[int, str]
    positions: dict[int, Position]
    unplaced: list[int]


def stage_rows(files: Sequence[Path], options: ReadingOptions, chunk: int, folder: Path) -> StagedTable:
    """Write the rows of ``files`` to ``folder``, all rows of a station in one chunk."""
    stations, notes, all_rows = Stations(), Notes(), folder / "every.rows"
    counts = _write_all(read_batches(files, options, notes), stations, all_rows)
    if not stations.names:
        raise FileError("contains no rows")
    joined = {number: files for number, files in stations.files.items() if len(files) > 1}
    for number, files in list(joined.items())[:1]:
        more = f"; so are the files of {counted(len(joined) - 1, 'other station')}" if len(joined) > 1 else ""
        notes.add(
            files[0],
            f"read as one station, {stations.names[number]}, together with {_others(files)} of the same name{more}",
        )
    bounds = _bounds(counts, chunk)
    if len(bounds) == 2:
        all_rows.rename(rows_file(folder, 0))
    else:
        _distribute(all_rows, bounds, folder)
        all_rows.unlink()
    for number_of_chunk, (begin, end) in enumerate(pairwise(bounds)):
        numbers = range(begin, end)
        positions = {i: place for i in numbers if (place := stations.positions.of(i)) is not None}
        unusable = [i for i in positions if not stations.positions.is_usable(i)]
        known = ChunkStations(
            names=stations.names[begin:end],
            errors={i - begin: stations.errors[i] for i in numbers if i in stations.errors},
            files={i - begin: _quote(joined[i]) for i in numbers if i in joined},
            positions={i - begin: place for i, place in positions.items() if i not in unusable},
            unplaced=[i - begin for i in unusable],
        )
        write_json(names_file(folder, number_of_chunk), known)
    staged = StagedTable(bounds, notes.sentences(), tuple(stations.zones), stations.have_weather)
    write_json(folder / _LAYOUT, staged)
    return staged


def _others(files: list[Path]) -> str:
    return as_text(files[1]) if len(files) == 2 else f"{len(files) - 1} other files"


def _quote(files: list[Path]) -> str:
    return f"'{as_text(files[0])}' and " + (f"'{as_text(files[1])}'" if len(files) == 2 else _others(files))


def _write_all(batches: Iterable[Batch], stations: Stations, into: Path) -> npt.NDArray[np.int64]:
    """Write all rows in order; return the number of rows of each station."""
    counts = np.zeros(0, dtype=np.int64)
    with into.open("wb") as every:
        for batch in batches:
            for rows in take_rows(batch, stations):
                every.write(np.ascontiguousarray(rows).data)
                counts = np.pad(counts, (0, len(stations.names) - len(counts)))
                counts += np.bincount(rows["station"], minlength=len(counts))
    return counts


def _bounds(counts: npt.NDArray[np.int64], chunk: int) -> tuple[int, ...]:
    """Return the bounds of the chunks: as many stations as have ``chunk`` rows together, and at least one."""
    ends, bounds = np.cumsum(counts), [0]
    while bounds[-1] < len(counts):
        before = int(ends[bounds[-1] - 1]) if bounds[-1] else 0
        end = int(np.searchsorted(ends, before + chunk, side="right"))
        bounds.append(max(end, bounds[-1] + 1))
    return tuple(bounds)


def _distribute(every: Path, bounds: Iterable[int], folder: Path) -> None:
    edges = np.asarray(list(bounds))
    with every.open("rb") as file:
        while len(rows := np.fromfile(file, dtype=ROW, count=_BLOCK)):
            chunk = np.searchsorted(edges, rows["station"], side="right") - 1
            order = np.argsort(chunk, kind="stable")
            numbers, first = np.unique(chunk[order], return_index=True)
            for number, rows_of_chunk in zip(numbers.tolist(), np.split(rows[order], first[1:]), strict=True):
                _append(rows_file(folder, number), rows_of_chunk)


def _append(path: Path, rows: Rows) -> None:
    with path.open("ab") as file:
        file.write(np.ascontiguousarray(rows).data)


class ReadStations(NamedTuple):
    """The series of a chunk's stations."""

    known: ChunkStations
    series: dict[int, SstSeries]
    unweathered: dict[int, str]


def read_stations(
    folder: Path,
    chunk: int,
    staged: StagedTable,
    step: TimeStep | None,
    resample: TimeStep | None = None,
) -> ReadStations:
    """Read the stations of a chunk."""
    try:
        known = read_json(ChunkStations, names_file(folder, chunk))
        rows = np.fromfile(rows_file(folder, chunk), dtype=ROW)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} does not exist here: OUTPUT must be on storage that all workers share"
        ) from None
    series: dict[int, SstSeries] = {}
    zones, unweathered = staged.zones, dict[int, str]()
    sst, *weather = (
        _by_station(own, staged.bounds[chunk], len(known.names), zones) if len(own) or not column else []
        for column, own in enumerate(_by_column(rows))
    )
    for i, station in enumerate(sst):
        if i in known.errors:
            continue
        try:
            series[i] = _series(station, zones, step, resample)
        except SeriesError as error:
            files = f"; its rows come from {known.files[i]}" if i in known.files else ""
            known.errors[i] = in_one_line(error) + files
            continue
        try:
            for rows_of_weather in _weather(i, weather, zones):
                series[i] = rows_of_weather.over(series[i])
        except SeriesError as error:
            unweathered[i] = in_one_line(error)
    return ReadStations(known, series, unweathered)


def _by_column(rows: Rows) -> list[Rows]:
    """Return the rows of SST, and of each covariate."""
    column = rows["clock"] // WEATHER
    if not column.any():
        return [rows, *[rows[:0]] * len(COVARIATES)]
    parts = [rows[column == number] for number in range(1 + len(COVARIATES))]
    for part in parts:
        part["clock"] %= WEATHER
    return parts


def _weather(i: int, weather: Sequence[Sequence["_StationRows"]], zones: tuple[str, ...]) -> list[WeatherRows]:
    """Return the weather of a station, from the rows of each covariate by station; nothing without any."""
    parts = [
        WeatherRows(_utc(stations[i], zones), {name: stations[i].values})
        for name, stations in zip(COVARIATES, weather, strict=True)
        if stations
    ]
    return [reduce(WeatherRows.joined, parts)] if parts else []


@dataclass(frozen=True)
class _StationRows:
    """The rows of a station."""

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
    """Return the series of a station, up to its last observation."""
    times = _utc(station, zones)
    if zones and resample is None and (step is None or step.calendar_month):
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


def _utc(station: _StationRows, zones: tuple[str, ...]) -> Times:
    """Return the times in UTC; hours that occur twice are told apart by the order of the rows."""
    if not zones or not np.isnat(station.utc).any():
        return station.utc
    times = station.utc.copy()
    for number, zone in enumerate(zones, UNSAID + 1):
        selected = np.flatnonzero(station.clock == number)
        times[selected] = localise(station.written[selected], zone)
        ambiguous = selected[np.isnat(times[selected])]
        if len(ambiguous):
            raise SeriesError(f"{short(station.written[ambiguous[0]])[:-1]} {AMBIGUOUS.format(zone)}")
    return times
