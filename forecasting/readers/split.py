"""Split a table into parts of one station, place and depth."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.clock import Clock
from forecasting.readers.names import ANYTHING, DEPTHS, LATITUDES, LONGITUDES, PLACES, STATIONS
from forecasting.readers.options import AT, ReadingOptions, refuse_many, refuse_station
from forecasting.readers.place import (
    choose_depth,
    describe_depths,
    distance_km,
    fixed_places,
    name_place,
    nearest_depth,
)
from forecasting.readers.table import Table, numbers, one_line, to_numbers
from forecasting.remedies import Remedy, Setting
from forecasting.series.observations import are_repeated
from forecasting.series.times import Floats
from forecasting.wording import listed

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class StationRows:
    """The rows of one station.

    Attributes:
        station: its name, if it has one.
        column: the column that distinguishes it from others.
        rows: mask of its rows, ``(n,)``.
    """

    station: str | None
    column: str | None
    rows: Rows
    notes: tuple[str, ...] = ()


def split(table: Table, clock: Clock, options: ReadingOptions) -> Iterator[StationRows]:
    """Split a table into one part per station, or select the chosen station.

    Stations are distinguished by their column. Places and depths split them only if times would otherwise be repeated,
    or if there are a few distant places: a buoy that drifts or is redeployed nearby is one station.
    """
    column = station_column(table, clock)
    parts = [StationRows(None, None, np.ones(len(table.cells), dtype=np.bool_))]
    # A column of places may only name that of a single series.
    if column is not None and (column in table.named(STATIONS) or table.cells[column].nunique() > 1):
        codes, names = pd.factorize(table.cells[column])
        if options.station is None:
            refuse_many(len(names), "stations", Setting("station"), options)
        parts = [StationRows(one_line(str(name)), column, codes == code) for code, name in enumerate(names)]
        refuse_station([part.station or "" for part in parts], options)
        parts = [part for part in parts if options.station in (None, part.station)]
    for part in parts:
        for place in _places(table, clock, part, options):
            yield _depth(table, clock, place, options)


def station_column(table: Table, clock: Clock) -> str | None:
    """Return the column of station names, if there is one."""
    plain = table.plain
    for name in (*STATIONS, *PLACES, *ANYTHING):
        if name in plain and (name in STATIONS or _names_stations(table.cells[plain[name]], name, clock)):
            return plain[name]
    return None


def _names_stations(column: "pd.Series[str]", name: str, clock: Clock) -> bool:
    """Return whether a column with few names distinguishes stations; general names must change rarely or with time."""
    if 2 * column.nunique() > len(column) or (column == "").all():
        return False
    runs = int((column != column.shift()).sum())
    return name in PLACES or runs == column.nunique() or _repeats(clock, np.ones(len(column), dtype=np.bool_))


def _repeats(clock: Clock, rows: Rows) -> bool:
    texts = clock.texts[rows]
    return are_repeated(int(texts.duplicated().sum()), len(texts))


def place_columns(table: Table) -> tuple[str, str] | None:
    """Return the columns of latitude and longitude, if both exist."""
    lats, lons = table.named(LATITUDES), table.named(LONGITUDES)
    return (lats[0], lons[0]) if lats and lons else None


def _places(table: Table, clock: Clock, part: StationRows, options: ReadingOptions) -> Iterator[StationRows]:
    columns = place_columns(table)
    points = None if columns is None else _points(table, clock, part, columns)
    if columns is None or points is None:
        if options.at is not None:
            held = "no columns of latitude and longitude" if columns is None else "only one place, or one that moves"
            raise FileError(f"has {held}", remedy=Remedy.of("; remove {}", "at"))
        yield part
        return
    lat, lon = columns
    distinct = np.unique(points[part.rows], axis=0)
    distinct = distinct[np.isfinite(distinct).all(axis=1)]
    if options.at is None:
        refuse_many(len(distinct), "places", AT, options)
    elif len(distinct):
        km = distance_km(options.at, distinct[:, 0], distinct[:, 1])
        chosen = distinct[int(km.argmin())]
        note = f"the nearest place to {name_place(options.at)} is {name_place(chosen)}, {km.min():.1f} km away"
        yield StationRows(part.station, part.column, part.rows & (points == chosen).all(axis=1), (note,))
        return
    for point in distinct:
        name = name_place(point)
        if options.station is None or part.station is not None or name == options.station:
            where = name if part.station is None else f"{part.station} {name}"
            yield StationRows(where, f"{lat} and {lon}", part.rows & (points == point).all(axis=1))


def _points(table: Table, clock: Clock, part: StationRows, columns: tuple[str, str]) -> Floats | None:
    """Return the latitude and longitude of each row ``(n, 2)``, if they distinguish several places in a part."""
    cells = [table.cells[name] for name in columns]
    if _repeats(clock, part.rows):
        return np.stack([numbers(column) for column in cells], axis=1)
    if part.station is None:  # a name takes precedence over places
        return fixed_places(np.stack([to_numbers(column) for column in cells], axis=1), part.rows)
    return None


def _depth(table: Table, clock: Clock, part: StationRows, options: ReadingOptions) -> StationRows:
    column = next(iter(table.named(DEPTHS)), None)
    if column is None and options.depth is not None:
        raise FileError("has no column of depths", remedy=Remedy.of("; remove {}", "depth"))
    if column is None:
        return part
    if options.depth is None and not _repeats(clock, part.rows):
        warnings = describe_depths(to_numbers(table.cells[column])[part.rows], f"column {column}")
        return replace(part, notes=(*part.notes, *warnings))
    depths = numbers(table.cells[column])
    distinct = np.unique(depths[part.rows & np.isfinite(depths)])
    if len(distinct) < 2:
        return part
    if options.depth is None:
        shown = listed(f"{depth:g}" for depth in distinct)
        message = f"holds several depths in column {column}: {shown}"
        raise FileError(message, remedy=choose_depth(distinct))
    chosen = nearest_depth(distinct, options.depth)
    note = f"{column} {chosen:g} of {len(distinct)} depths"
    return StationRows(part.station, part.column, part.rows & (depths == chosen), (*part.notes, note))
