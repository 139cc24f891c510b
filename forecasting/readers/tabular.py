"""From a table to the observations of each station."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.clock import Clock, find_clock
from forecasting.readers.covariates import Covariate, find_covariates
from forecasting.readers.dates import order_of
from forecasting.readers.flags import DROPPED, Flagged, apply_flags, describe_unused, flag_column, quality_column
from forecasting.readers.names import EVERY_UNIT, SCALES
from forecasting.readers.options import DateOrder, ReadingOptions, refuse_many, refuse_station
from forecasting.readers.place import Place, own_place
from forecasting.readers.reading import (
    OF_STATION,
    UNSAID,
    ColumnNames,
    ReadStation,
    StationObservations,
    WeatherRows,
    as_requested,
)
from forecasting.readers.split import StationRows, place_columns, split, station_column
from forecasting.readers.table import HEADER, Table, numbers, to_numbers
from forecasting.readers.values import find_values, ignored_columns, is_usual, stations_of_columns, unit_of_column
from forecasting.remedies import Remedy, Setting
from forecasting.series.times import Floats, Times
from forecasting.series.units import Units, parse_units
from forecasting.wording import counted, listed


@dataclass(frozen=True)
class TableLayout:
    """Which columns of a table hold what, according to some of its rows."""

    time: tuple[str, ...]
    time_units: dict[str, str]
    timezone: str | None
    values: dict[str, str | None]
    station: str | None
    places: tuple[str, str] | None
    positions: tuple[str, str] | None
    flags: dict[str, str]
    units: dict[str, Units]
    units_column: str | None
    sentinels: tuple[float, ...]
    date_order: DateOrder | None
    weather: tuple[Covariate, ...]
    notes: tuple[str, ...]


def find_layout(table: Table, options: ReadingOptions) -> TableLayout:
    """Find out which columns hold what; the table may be the head of a longer one.

    If there is neither a column of stations nor a usual name of temperatures, every column that may hold temperatures
    is a station, unless it is named after a variable or statistic.
    """
    clock = find_clock(table, options)
    order = options.dates or order_of(clock.shown)
    station = station_column(table, clock)
    values = stations_of_columns(table, clock) if station is None and options.value_column is None else {}
    values = values or find_values(table, clock, options)
    named = {value: name for value in values if (name := _flags(table, value, options)) is not None}
    foreign = {name: warning for name in named.values() for warning in _foreign_flags(table, name)}
    flags = {value: name for value, name in named.items() if name not in foreign}
    units = {value: units_of(table, value, options)[0] for value in values}
    without = [value for value in values if options.units is None and unit_of_column(table, value) is None]
    units_column = next((column for column in map(table.units_column, without) if column is not None), None)
    time_units = {name: written[0] for name in clock.names if (written := table.unit(name)) is not None}
    sentinels = (*table.sentinels, *options.missing)
    positions = place_columns(table) if set(values.values()) == {None} else None
    places = positions if station is None else None
    ignored = _note_ignored(ignored_columns(table, clock, values))
    weather, unknown = list[Covariate](), tuple[str, ...]()
    if len(values) == 1:
        weather, unknown = find_covariates(table, *next(iter(units.items())))
    return TableLayout(
        clock.names, time_units, clock.timezone, values, station, places, positions, flags, units, units_column,
        sentinels, order, tuple(weather), (*_note_zone(clock, options), *ignored, *foreign.values(), *unknown),
    )  # fmt: skip


def observations(table: Table, options: ReadingOptions) -> list[StationObservations]:
    """Read the observations of each station."""
    clock = find_clock(table, options)
    table = replace(table, notes=(*table.notes, *_note_zone(clock, options)))
    parts = list(split(table, clock, options))
    times = [clock.times(part.rows) for part in parts]
    values = find_values(table, clock, options)
    table = replace(table, notes=(*table.notes, *_note_ignored(ignored_columns(table, clock, values))))
    if options.station is None:
        refuse_many(len(values) * len(parts), "stations", Setting("station"), options)
    timed = list(zip(parts, times, strict=True))
    stations = [
        station
        for value, name in values.items()
        for station in _stations_of_column(table, clock.label, value, name, timed, options)
    ]
    _check_choice(stations, options)
    return stations


def _stations_of_column(
    table: Table,
    time: str,
    value: str,
    name: str | None,
    parts: list[tuple[StationRows, Times]],
    options: ReadingOptions,
) -> Iterator[StationObservations]:
    """Return the observations of each part in the column ``value``, which may be that of a station ``name``."""
    values = numbers(table.cells[value])
    flag_name = _flags(table, value, options)
    flags = None if flag_name is None else _flag_numbers(table, flag_name)
    quality = None if flag_name is not None else _unused_quality(table, value, options)
    unused = () if flag_name or quality or options.flags else _note_unused_flags(table, value)
    units, units_from, doubts = units_of(table, value, options)
    missing = (*table.sentinels, *options.missing)
    covariates, unknown = find_covariates(table, value, units)
    weather = {each.name: each.convert(to_numbers(table.cells[each.column]), missing) for each in covariates}
    names = tuple(each.column for each in covariates)
    lines = table.cells.index.to_numpy()
    for part, part_times in parts:
        observed = values[part.rows]
        observed[np.isin(observed, missing)] = np.nan
        flagged = Flagged(observed, {}, ())
        if flags is not None:
            flagged = apply_flags(observed, flags[part.rows], str(flag_name), part_times)
        elif quality is not None:
            doubt = describe_unused(observed, quality[1][part.rows], quality[0])
            flagged = Flagged(observed, {}, (doubt,))
        station = ReadStation(
            part.station if name is None else name,
            ColumnNames(time, value, part.column, flag_name, names or None),
            units, units_from, flagged.counts, (*doubts, *unknown, *flagged.warnings), flagged.marked,
            _position(table, part),
        )  # fmt: skip
        notes = (*table.notes, *part.notes, *_note_dropped(flagged.counts, flag_name), *unused)
        own = {name: column[part.rows] for name, column in weather.items()}
        rows = WeatherRows(part_times, own) if own else None
        yield StationObservations(station, part_times, flagged.values, partial(_line, lines[part.rows]), notes, rows)


def _line(lines: npt.NDArray[np.int64], i: int) -> str:
    return f"line {lines[i]}"


def _foreign_flags(table: Table, name: str) -> tuple[str, ...]:
    """Return a warning if a column holds flags of another scheme than QARTOD."""
    flags = to_numbers(table.cells[name])
    flagged = apply_flags(np.zeros(len(flags)), flags, name)
    return () if flagged.counts else flagged.warnings


def _note_zone(clock: Clock, options: ReadingOptions) -> tuple[str, ...]:
    stated = clock.timezone is not None and options.timezone is None
    return (f"times have the offset {clock.timezone} from UTC, according to {HEADER}",) if stated else ()


def _note_ignored(names: list[str]) -> tuple[str, ...]:
    return (f"ignored columns that are not named after a place: {listed(names)}",) if names else ()


def _note_unused_flags(table: Table, value: str) -> tuple[str, ...]:
    """Return a note on flags that were not used, and are not named after another column."""
    others = [table.short(name).lower() for name in table.names if name not in {value, *table.flag_names.values()}]
    unused = [name for short, name in table.flag_names.items() if not short.lower().startswith(tuple(others))]
    note = f"flags that were not used: {listed(unused)}; to use one for {value}, set flags to its name"
    return (note,) if unused else ()


def _check_choice(stations: list[StationObservations], options: ReadingOptions) -> None:
    """Refuse a choice that does not apply, so that no other series is mistaken for it."""
    if options.sample is not None:
        raise FileError("is a table, not a grid", remedy=Remedy.of("; remove {}", "sample"))
    if options.station is None:
        return
    names = [member.station.name for member in stations if member.station.name is not None]
    # A place or a depth may follow the name.
    if not any(name.startswith(f"{options.station} ") for name in names):
        refuse_station(names, options)


def _position(table: Table, part: StationRows) -> Place | None:
    """Return the position of a station, from the columns of latitude and longitude."""
    columns = place_columns(table)
    if columns is None:
        return None
    return own_place(np.stack([to_numbers(table.cells[name])[part.rows] for name in columns], axis=1))


def _note_dropped(counts: dict[int, int], name: str | None) -> Iterator[str]:
    if dropped := sum(counts.get(flag, 0) for flag in DROPPED):
        yield f"{counted(dropped, 'value')} flagged 4 or 9 by {name} set to missing"


def _flags(table: Table, value: str, options: ReadingOptions) -> str | None:
    if options.flags == "none":
        return None
    if options.flags:
        return table.column(options.flags)
    names = table.flag_names
    others = [plain for plain, name in names.items() if name != value]
    flags = flag_column(others, table.short(value)) or flag_column(others, table.stem(value))
    return None if flags is None else names[flags]


def _unused_quality(table: Table, value: str, options: ReadingOptions) -> tuple[str, Floats] | None:
    """Return the column of quality in an unsupported scheme, and its numbers."""
    if options.flags is not None:
        return None
    names = {table.short(name): name for name in table.names if name != value}
    quality = quality_column(names, table.short(value)) or quality_column(names, table.stem(value))
    return None if quality is None else (quality, to_numbers(table.cells[names[quality]]))


def _flag_numbers(table: Table, name: str) -> Floats:
    try:
        return numbers(table.cells[name])
    except FileError as error:
        remedy = Remedy.of(", or ignore the flags with {}", Setting("flags", "none", "Ignore the flags"))
        raise FileError(error.message, index=error.index, remedy=remedy) from None


def units_of(table: Table, value: str, options: ReadingOptions) -> tuple[Units, str, tuple[str, ...]]:
    """Return the units of a column, their source, and a warning if they contradict the file."""
    unit = unit_of_column(table, value)
    if options.units is not None:
        return as_requested(value, options.units, unit[0] if unit else "")
    unit = unit or table.units_of_values(value, usual=is_usual(table, value))
    if unit is not None:
        written, place = unit
        stated = parse_units(written)
        if stated is None:
            remedy = Remedy.of("; choose another column with {} or set {} to " + SCALES, "value_column", "units")
            raise FileError(
                f"column {value} is in {written[:40]!r}, according to {place}, not in a known unit of temperature",
                remedy=remedy.offering(*EVERY_UNIT),
            )
        return stated, f"by {place}", ()
    if table.units_by_format is not None:
        return table.units_by_format, "by the format", ()
    if options.station_units is not None:
        return options.station_units, OF_STATION, ()
    return "celsius", UNSAID, ()
