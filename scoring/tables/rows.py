"""Rows of any table as station, time and °C, with the errors found in them, and the positions of stations."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.console import in_command_line
from forecasting.errors import FileError
from forecasting.readers.clock import clock_of
from forecasting.readers.flags import DROPPED
from forecasting.readers.options import ReadingOptions
from forecasting.readers.place import name_place
from forecasting.readers.table import ABSENT, Table, describe_bad_number
from forecasting.readers.zones import find_zone
from forecasting.series.observations import choose_clock
from forecasting.series.times import Floats, Times
from forecasting.series.units import parse_units, to_celsius
from forecasting.series.weather import COVARIATES
from scoring.source import bare_name
from scoring.tables.source import Batch

_FARTHEST_DEGREES: Final = 2.0
"""How far a station may move: farther, no position is its own."""

Position = tuple[float, float]
"""Degrees north and east."""


class StationPositions:
    """The last position of each station, and how far it moved."""

    def __init__(self) -> None:
        self._last = np.empty((0, 2))
        self._lowest = np.empty((0, 2))
        self._highest = np.empty((0, 2))

    def add(self, numbers: npt.NDArray[np.int32], latitudes: Floats, longitudes: Floats) -> None:
        """Add the positions of rows, which belong to the stations with these ``numbers``."""
        places = np.stack([latitudes, longitudes], axis=1)
        known = (numbers >= 0) & np.isfinite(places).all(axis=1)
        numbers, places = numbers[known], places[known]
        if not len(numbers):
            return
        self._grow(int(numbers.max()) + 1)
        np.minimum.at(self._lowest, numbers, places)
        np.maximum.at(self._highest, numbers, places)
        self._last[numbers] = places

    def of(self, number: int) -> Position | None:
        """Return the position of a station; None if it is not known."""
        if number >= len(self._last) or not np.isfinite(self._last[number]).all():
            return None
        north, east = self._last[number].tolist()
        return north, east

    def is_usable(self, number: int) -> bool:
        """Return whether a station hardly moves, and its position is in the range of degrees."""
        moved = (self._highest[number] - self._lowest[number]).max() > _FARTHEST_DEGREES
        north, east = self._last[number]
        return bool(not moved and abs(north) <= 90 and -180 <= east <= 360)

    def _grow(self, count: int) -> None:
        more = max(0, count - len(self._last))
        fills = {"_last": np.nan, "_lowest": np.inf, "_highest": -np.inf}
        for name, fill in fills.items():
            setattr(self, name, np.concatenate([getattr(self, name), np.full((more, 2), fill)]))


ROW: Final = np.dtype([("station", "<i4"), ("time", "<i8"), ("clock", "<i2"), ("sst", "<f8")])
"""A staged row: number of the station, Unix seconds, number of the clock, °C or NaN.

Rows of weather have the value of a covariate in place of SST, and :data:`WEATHER` added to their clock, once for the
first of :data:`~forecasting.series.weather.COVARIATES` and twice for the second.
"""
WEATHER: Final = 10_000
UTC: Final = 0
"""The clock of times with an offset."""
UNSAID: Final = 1
"""The clock of times without an offset where no time zone is given; the clocks of time zones follow."""

Rows = npt.NDArray[np.void]

_NOWHERE: Final = -1
_MAX_BAD_TIMES: Final = 1_000
_OFFSET: Final = r"T.*[+-]\d\d:?\d\d$"


@dataclass
class Stations:
    """The stations found so far, numbered in order of appearance."""

    names: list[str] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    zones: list[str] = field(default_factory=list)
    files: dict[int, list[Path]] = field(default_factory=dict)
    positions: StationPositions = field(default_factory=StationPositions)
    have_weather: bool = False
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """Return the number of the station called ``name``, adding it if it is new."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
        return number

    def number_of_file(self, file: Path) -> int:
        """Return the number of the station that is named after ``file``."""
        number = self.number(bare_name(file))
        files = self.files.setdefault(number, [])
        if file not in files[-1:]:
            files.append(file)
        return number

    def clock(self, timezone: str | None) -> int:
        """Return the clock of times without an offset in a file with this ``timezone``."""
        if timezone is None:
            return UNSAID
        if timezone not in self.zones:
            find_zone(timezone)
            self.zones.append(timezone)
        return UNSAID + 1 + self.zones.index(timezone)

    def fail(self, numbers: npt.NDArray[np.int32], reasons: list[str]) -> None:
        """Record errors by number of the station; only the first of each station is kept."""
        for number, reason in zip(numbers.tolist(), reasons, strict=True):
            self.errors.setdefault(number, reason)


def take_rows(batch: Batch, stations: Stations) -> Iterator[Rows]:
    """Yield the rows of ``batch``, once per column of temperatures, and of weather."""
    layout = batch.layout
    long: npt.NDArray[np.int32] | None = None
    if layout.station is not None:
        long = _numbers(batch.columns[layout.station], stations)
    elif layout.places is not None:
        long = _numbers_of_places(batch, layout.places, stations)
    times, naive, bad_times = _times(batch)
    clocks = np.where(naive, stations.clock(layout.timezone), UTC)
    for column, named in layout.values.items():
        if long is not None:
            numbers = long
        else:
            number = stations.number_of_file(batch.source) if named is None else stations.number(named)
            numbers = np.full(len(times), number, dtype=np.int32)
        if layout.positions is not None:
            latitudes, longitudes = (_floats(batch.columns[name])[0] for name in layout.positions)
            stations.positions.add(numbers, latitudes, longitudes)
        rows = np.empty(len(times), dtype=ROW)
        rows["station"], rows["time"], rows["clock"] = numbers, times.astype(np.int64), clocks
        rows["sst"] = _celsius(batch, column, numbers, stations)
        stations.fail(numbers[list(bad_times)], list(bad_times.values()))
        bad_units = _bad_units(batch, column)
        stations.fail(numbers[list(bad_units)], list(bad_units.values()))
        yield rows if layout.places is None else rows[numbers != _NOWHERE]
        stations.have_weather |= bool(layout.weather)
        for covariate in layout.weather:
            weather = rows.copy()
            weather["clock"] += WEATHER * (1 + COVARIATES.index(covariate.name))
            values = _without_marks(batch, covariate.column, _floats(batch.columns[covariate.column])[0])
            weather["sst"] = covariate.convert(values)
            yield weather if layout.places is None else weather[numbers != _NOWHERE]


def _numbers(column: pa.Array, stations: Stations) -> npt.NDArray[np.int32]:
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column.cast(pa.string()))
    names = encoded.dictionary.cast(pa.string()).to_pylist()
    codes = pc.fill_null(encoded.indices.cast(pa.int32()), len(names)).to_numpy(zero_copy_only=False)
    # In the order of the rows; the dictionary of a file may have another.
    first_met, at = np.unique(codes, return_index=True)
    number = np.zeros(len(names) + 1, dtype=np.int32)
    for code in first_met[np.argsort(at)].tolist():
        number[code] = stations.number((names[code] or "").strip() if code < len(names) else "")
    numbers: npt.NDArray[np.int32] = number[codes]
    return numbers


def _numbers_of_places(batch: Batch, columns: tuple[str, str], stations: Stations) -> npt.NDArray[np.int32]:
    lat, lon = (_floats(batch.columns[name])[0] for name in columns)
    somewhere = np.isfinite(lat) & np.isfinite(lon)
    points, first_met, code = np.unique((lat + 1j * lon)[somewhere], return_index=True, return_inverse=True)
    number = np.zeros(len(points), dtype=np.int32)
    for i in np.argsort(first_met).tolist():
        number[i] = stations.number(name_place((points[i].real, points[i].imag)))
    numbers = np.full(len(lat), _NOWHERE, dtype=np.int32)
    numbers[somewhere] = number[code]
    return numbers


def _celsius(batch: Batch, column: str, numbers: npt.NDArray[np.int32], stations: Stations) -> Floats:
    values, bad = _floats(batch.columns[column])
    if len(bad):
        cells = batch.columns[column].cast(pa.string()).take(pa.array(bad)).to_pylist()
        at = zip((bad + batch.first).tolist(), cells, strict=True)
        stations.fail(numbers[bad], [f"row {row}: {describe_bad_number(str(cell), column)}" for row, cell in at])
    values, layout = _without_marks(batch, column, values), batch.layout
    if column in layout.flags:
        flags, _ = _floats(batch.columns[layout.flags[column]])
        values[np.isin(flags, DROPPED)] = np.nan
    return to_celsius(values, layout.units[column])


def _without_marks(batch: Batch, column: str, values: Floats) -> Floats:
    """Return the values of a column, NaN in place of numbers that mark a missing one."""
    if batch.layout.sentinels:
        # -99.9 differs between single and double precision.
        precision = np.float32 if pa.types.is_float32(batch.columns[column].type) else np.float64
        values[np.isin(values, np.asarray(batch.layout.sentinels, dtype=precision))] = np.nan
    return values


def _bad_units(batch: Batch, column: str) -> dict[int, str]:
    """Return an error for each row whose unit differs from that of the first rows of the file."""
    name, units = batch.layout.units_column, batch.layout.units[column]
    if name is None:
        return {}
    cells = pd.Series(batch.columns[name].cast(pa.string()).to_pylist(), dtype=object)
    other = [cell for cell in cells.dropna().unique() if cell.lower() not in ABSENT and parse_units(cell) != units]
    rows = np.flatnonzero(cells.isin(other))
    remedy = f"but the first rows have {units}; keep the rows of one unit, or set --units"
    return {int(row): f"row {batch.first + int(row)}: column {name} has {cells[row][:40]!r}, {remedy}" for row in rows}


def _floats(column: pa.Array) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return a column as numbers, NaN where there is none, and the rows that are neither a number nor empty."""
    try:
        numbers = column.cast(pa.float64())
    except pa.ArrowInvalid:
        texts = pd.Series(column.cast(pa.string()).to_pylist(), dtype=object)
        coerced = np.array(pd.to_numeric(texts, errors="coerce"), dtype=np.float64)
        return coerced, np.flatnonzero(np.isnan(coerced) & texts.notna().to_numpy())
    return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64), np.empty(0, dtype=np.intp)


def _times(batch: Batch) -> tuple[Times, npt.NDArray[np.bool_], dict[int, str]]:
    """Return the times as written (UTC if they have an offset), which of them have no offset, and errors by row."""
    names = batch.layout.time
    plain = _plain_times(batch.columns[names[0]]) if len(names) == 1 else None
    if plain is None:
        return _written_times(batch)
    times, naive = plain
    return times, np.full(len(times), naive), _empty(np.isnat(times), batch)


def _empty(rows: npt.NDArray[np.bool_], batch: Batch) -> dict[int, str]:
    return {int(row): f"row {batch.first + int(row)}: the time is empty" for row in np.flatnonzero(rows)}


def _plain_times(column: pa.Array) -> tuple[Times, bool] | None:
    """Return the times that Arrow can parse, and whether they lack an offset; None if Arrow cannot parse them."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _of_arrow(column), getattr(column.type, "tz", None) is None
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    if pc.any(pc.match_substring_regex(column, _OFFSET)).as_py():
        return None
    for kind in (pa.timestamp("s"), pa.timestamp("s", "UTC")):
        try:
            return _to_seconds(column.cast(kind)), kind.tz is None
        except pa.ArrowInvalid:
            continue
    return None


def _of_arrow(column: pa.Array) -> Times:
    """Return Arrow timestamps in UTC; for monthly values, in local time."""
    utc = _to_seconds(column)
    zone = getattr(column.type, "tz", None)
    if zone in (None, "UTC"):
        return utc
    local = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(find_zone(zone)).tz_localize(None)
    return choose_clock(utc, local.to_numpy().astype("datetime64[s]"))


def _to_seconds(column: pa.Array) -> Times:
    tz = getattr(column.type, "tz", None)
    seconds = column.cast(pa.timestamp("s", tz), safe=False).cast(pa.int64())
    filled = pc.fill_null(seconds, np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
    times: Times = filled.astype("datetime64[s]")
    return times


def _written_times(batch: Batch) -> tuple[Times, npt.NDArray[np.bool_], dict[int, str]]:
    """Return the times in any other format that the readers know."""
    layout = batch.layout
    cells = pd.DataFrame({name: _strings(batch.columns[name]) for name in layout.time}, dtype=str)
    cells.index = pd.RangeIndex(batch.first, batch.first + len(cells))
    times, naive = np.full(len(cells), np.datetime64("NaT", "s")), np.ones(len(cells), dtype=np.bool_)
    kept: npt.NDArray[np.bool_] = np.array((cells != "").all(axis=1), dtype=np.bool_)
    bad = _empty(~kept, batch)
    known = ReadingOptions(time_column=layout.time[0] if len(layout.time) == 1 else None, dates=layout.date_order)
    failed = 0
    while kept.any():
        clock = clock_of(Table("table", cells.loc[kept], layout.time_units), known)
        try:
            times[kept], naive[kept] = clock.as_written(np.ones(int(kept.sum()), dtype=np.bool_))
            break
        except FileError as error:
            if error.index is None or failed >= _MAX_BAD_TIMES:
                raise
            row = int(np.flatnonzero(kept)[error.index])
            bad[row] = error.written(in_command_line).replace("line ", "row ", 1)
            kept[row] = False
            failed += 1
    return times, naive, bad


def _strings(column: pa.Array) -> list[str]:
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]
