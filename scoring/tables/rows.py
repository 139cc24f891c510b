"""Rows of any table → station, time and °C, with what is wrong of some stations."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.errors import FileError
from forecasting.readers.clock import find_clock
from forecasting.readers.flags import DROPPED
from forecasting.readers.options import Options
from forecasting.readers.table import ABSENT, Table
from forecasting.readers.units import parse_units
from forecasting.series import to_celsius
from forecasting.timestep import Floats, Times
from scoring.tables.source import Batch

ROW: Final = np.dtype([("station", "<i4"), ("time", "<i8"), ("sst", "<f8")])
"""A row as it is staged: number of the station, Unix seconds, °C or NaN."""

Rows = npt.NDArray[np.void]

_BAD_TIMES: Final = 1_000
_OFFSET: Final = r"T.*[+-]\d\d:?\d\d$"


@dataclass
class Stations:
    """The stations met so far, numbered in the order in which they come.

    Attributes:
        names: of all.
        errors: what is wrong with the cells of some.
    """

    names: list[str] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """Of the station of this name."""
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self.names)
            self.names.append(name)
        return found

    def fail(self, numbers: npt.NDArray[np.int32], reasons: list[str]) -> None:
        """Keep the first that is wrong with each."""
        for number, reason in zip(numbers.tolist(), reasons, strict=True):
            self.errors.setdefault(number, reason)


def take_rows(batch: Batch, options: Options, stations: Stations) -> Iterator[Rows]:
    """The rows of ``batch``, once for each column of temperatures.

    Raises:
        FileError: if the times cannot be understood.
    """
    layout = batch.layout
    long = None if layout.station is None else _numbers(batch.columns[layout.station], stations)
    times, bad_times = _times(batch, options)
    for column, named in layout.values.items():
        if long is not None:
            numbers = long
        else:
            name = named if named is not None else batch.source.name.split(".")[0]
            numbers = np.full(len(times), stations.number(name), dtype=np.int32)
        rows = np.empty(len(times), dtype=ROW)
        rows["station"], rows["time"] = numbers, times.astype(np.int64)
        rows["sst"] = _celsius(batch, column, numbers, stations)
        stations.fail(numbers[list(bad_times)], list(bad_times.values()))
        bad_units = _bad_units(batch, column)
        stations.fail(numbers[list(bad_units)], list(bad_units.values()))
        yield rows


def _numbers(column: pa.Array, stations: Stations) -> npt.NDArray[np.int32]:
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column.cast(pa.string()))
    names = encoded.dictionary.cast(pa.string()).to_pylist()
    codes = pc.fill_null(encoded.indices.cast(pa.int32()), len(names)).to_numpy(zero_copy_only=False)
    # In the order of the rows, which the dictionary of a file need not have.
    first_met, at = np.unique(codes, return_index=True)
    number = np.zeros(len(names) + 1, dtype=np.int32)
    for code in first_met[np.argsort(at)].tolist():
        number[code] = stations.number((names[code] or "") if code < len(names) else "")
    numbers: npt.NDArray[np.int32] = number[codes]
    return numbers


def _celsius(batch: Batch, column: str, numbers: npt.NDArray[np.int32], stations: Stations) -> Floats:
    values, bad = _floats(batch.columns[column])
    if len(bad):
        cells = batch.columns[column].cast(pa.string()).take(pa.array(bad)).to_pylist()
        said = [
            f"{str(cell)[:40]!r} in column {column} is no number; leave it empty if it is missing" for cell in cells
        ]
        places = (bad + batch.first).tolist()
        stations.fail(numbers[bad], [f"row {row}: {what}" for row, what in zip(places, said, strict=True)])
    layout = batch.layout
    if layout.sentinels:
        # -99.9 is another number in single precision than in double.
        own = np.float32 if pa.types.is_float32(batch.columns[column].type) else np.float64
        values[np.isin(values, np.asarray(layout.sentinels, dtype=own))] = np.nan
    if column in layout.flags:
        flags, _ = _floats(batch.columns[layout.flags[column]])
        values[np.isin(flags, DROPPED)] = np.nan
    return to_celsius(values, layout.units[column])


def _bad_units(batch: Batch, column: str) -> dict[int, str]:
    """Rows whose unit is not that of the first rows of the file, and what to say of each."""
    name, units = batch.layout.units_column, batch.layout.units[column]
    if name is None:
        return {}
    cells = pd.Series(batch.columns[name].cast(pa.string()).to_pylist(), dtype=object)
    other = [cell for cell in cells.dropna().unique() if cell.lower() not in ABSENT and parse_units(cell) != units]
    rows = np.flatnonzero(cells.isin(other))
    said = f"where the first rows have {units}; keep the rows of one unit, or say --units"
    return {int(row): f"row {batch.first + int(row)}: column {name} has {cells[row][:40]!r} {said}" for row in rows}


def _floats(column: pa.Array) -> tuple[Floats, npt.NDArray[np.intp]]:
    """A column as numbers, NaN where there is none, and which cells are neither number nor empty."""
    try:
        numbers = column.cast(pa.float64())
    except pa.ArrowInvalid:
        texts = pd.Series(column.cast(pa.string()).to_pylist(), dtype=object)
        coerced = np.array(pd.to_numeric(texts, errors="coerce"), dtype=np.float64)
        return coerced, np.flatnonzero(np.isnan(coerced) & texts.notna().to_numpy())
    return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64), np.empty(0, dtype=np.intp)


def _times(batch: Batch, options: Options) -> tuple[Times, dict[int, str]]:
    """UTC, and what is wrong with those that are none, by row of the batch."""
    names = batch.layout.time
    found = _plain_times(batch.columns[names[0]]) if len(names) == 1 and batch.layout.timezone is None else None
    if found is None:
        return _written_times(batch, options)
    missing = np.flatnonzero(np.isnat(found))
    return found, {int(row): f"row {batch.first + int(row)}: the time is empty" for row in missing}


def _plain_times(column: pa.Array) -> Times | None:
    """Times that Arrow understands: its own, or ISO 8601 in full, all with an offset of zero or all without."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _to_seconds(column)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    if pc.any(pc.match_substring_regex(column, _OFFSET)).as_py():
        return None
    for kind in (pa.timestamp("s"), pa.timestamp("s", "UTC")):
        try:
            return _to_seconds(column.cast(kind))
        except pa.ArrowInvalid:
            continue
    return None


def _to_seconds(column: pa.Array) -> Times:
    tz = getattr(column.type, "tz", None)
    seconds = column.cast(pa.timestamp("s", tz), safe=False).cast(pa.int64())
    filled = pc.fill_null(seconds, np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
    times: Times = filled.astype("datetime64[s]")
    return times


def _written_times(batch: Batch, options: Options) -> tuple[Times, dict[int, str]]:
    """Times in any other way that readers know."""
    columns = {name: _strings(batch.columns[name]) for name in batch.layout.time}
    cells = pd.DataFrame(columns, dtype=str)
    cells.index = pd.RangeIndex(batch.first, batch.first + len(cells))
    bad: dict[int, str] = {}
    kept = np.ones(len(cells), dtype=np.bool_)
    while kept.any():
        clock = find_clock(Table("table", cells[kept], batch.layout.time_units), options)
        try:
            times = np.full(len(cells), np.datetime64("NaT", "s"))
            times[kept] = clock.times(np.ones(int(kept.sum()), dtype=np.bool_))
            return times, bad
        except FileError as error:
            if error.index is None or len(bad) >= _BAD_TIMES:
                raise
            row = int(np.flatnonzero(kept)[error.index])
            bad[row] = str(error).replace("line ", "row ", 1)
            kept[row] = False
    return np.full(len(cells), np.datetime64("NaT", "s")), bad


def _strings(column: pa.Array) -> list[str]:
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]
