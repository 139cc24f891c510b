"""A table → the observations of each station in it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.base.flags import Marked, flag_column, heed, quality_column, unheeded
from forecasting.readers.base.options import DateOrder, Options, refuse_many
from forecasting.readers.base.table import HEADER, Table, numbers, to_numbers
from forecasting.readers.base.units import parse_units
from forecasting.readers.result.reading import UNSAID, Columns, Observations
from forecasting.readers.table.split import Part, place_columns, split, station_column
from forecasting.readers.table.values import Choice, find_values, is_usual, left_aside, own_unit, stations_of_columns
from forecasting.readers.times.clock import Clock, find_clock
from forecasting.readers.times.dates import order_of
from forecasting.series.times import Floats, Times
from forecasting.series.units import UNITS, Units
from forecasting.wording import listed


@dataclass(frozen=True)
class Layout:
    """Which columns of a table hold what, as some of its rows tell.

    Attributes:
        time: columns that make a time together.
        time_units: of those that name any.
        timezone: whose clock they go by; None where UTC, or where each says so.
        values: columns of temperatures, with the station that each is of where the header names them.
        station: column that tells stations apart.
        places: columns of latitude and longitude, which may do so where nothing else does.
        flags: column of QARTOD flags, by column of temperatures.
        units: by column of temperatures.
        units_column: column that says so of each row; None where it is said of all.
        sentinels: numbers that stand for a missing value.
        date_order: of dates as 03/04/2010, where they are written so.
        notes: on what was chosen.
    """

    time: tuple[str, ...]
    time_units: dict[str, str]
    timezone: str | None
    values: dict[str, str | None]
    station: str | None
    places: tuple[str, str] | None
    flags: dict[str, str]
    units: dict[str, Units]
    units_column: str | None
    sentinels: tuple[float, ...]
    date_order: DateOrder | None
    notes: tuple[str, ...]


def find_layout(table: Table, options: Options) -> Layout:
    """Which columns hold what; the table may be the head of a longer one.

    Where there is no column of stations and none with a usual name, every column that may hold temperatures is a
    station, but for those whose names are of variables or statistics.

    Raises:
        FileError: naming the column, and the remedy; :class:`~forecasting.readers.times.dates.UntoldOrderError` where
            these rows do not tell the order of dates.
    """
    clock = find_clock(table, options)
    order = options.date_order or order_of(clock.shown)
    station = station_column(table, clock)
    values = stations_of_columns(table, clock) if station is None and options.value_column is None else {}
    if not values:
        values = {choice.value: choice.station for choice in find_values(table, clock, options)}
    named = {value: name for value in values for name in [_flags(table, value, options)] if name is not None}
    strange = {name: said for name in named.values() for said in _foreign(table, name)}
    flags = {value: name for value, name in named.items() if name not in strange}
    units = {value: _units(table, value, options)[0] for value in values}
    without = [value for value in values if options.units is None and own_unit(table, value) is None]
    units_column = next((found for found in map(table.units_column, without) if found is not None), None)
    time_units = {name: written[0] for name in clock.names if (written := table.unit(name)) is not None}
    sentinels = (*table.sentinels, *options.missing)
    apart = place_columns(table) if station is None and set(values.values()) == {None} else None
    aside = _say_aside(left_aside(table, clock, [Choice(value, name) for value, name in values.items()]))
    return Layout(
        clock.names, time_units, clock.timezone, values, station, apart, flags, units, units_column, sentinels, order,
        (*_say_zone(clock, options), *aside, *strange.values()),
    )  # fmt: skip


def observations(table: Table, options: Options) -> list[Observations]:
    """What the table holds, one entry a station.

    Raises:
        FileError: naming the line or the column, and the remedy.
    """
    clock = find_clock(table, options)
    table = replace(table, notes=(*table.notes, *_say_zone(clock, options)))
    found: list[Observations] = []
    parts = list(split(table, clock, options))
    times = [clock.times(part.rows) for part in parts]
    choices = find_values(table, clock, options)
    table = replace(table, notes=(*table.notes, *_say_aside(left_aside(table, clock, choices))))
    if options.station is None:
        refuse_many(len(choices) * len(parts), "stations", "station", options)
    for choice in choices:
        values = numbers(table.cells[choice.value])
        flag_name = _flags(table, choice.value, options)
        flags = None if flag_name is None else _flag_numbers(table, flag_name)
        quality = None if flag_name is not None else _unheeded(table, choice.value, options)
        idle = () if flag_name or quality or options.flag_column else _say_idle(table, choice.value)
        for part, at in zip(parts, times, strict=True):
            name = part.station if choice.station is None else choice.station
            columns = Columns(clock.label, choice.value, part.column, flag_name)
            one = _take(table, part, at, values, flags, name, columns, options)
            one = replace(one, notes=(*one.notes, *idle))
            doubts = () if quality is None else (unheeded(one.values, quality[1][part.rows], quality[0]),)
            found.append(replace(one, warnings=(*one.warnings, *doubts)))
    _check_choice(found, options)
    return found


def _foreign(table: Table, name: str) -> tuple[str, ...]:
    """What is to be said of flags of another scheme than QARTOD's."""
    flags = to_numbers(table.cells[name])
    flagged = heed(np.zeros(len(flags)), flags, name)
    return () if flagged.counts else flagged.warnings


def _say_zone(clock: Clock, options: Options) -> tuple[str, ...]:
    said = clock.timezone is not None and options.timezone is None
    return (f"times are {clock.timezone} from UTC, as {HEADER} says",) if said else ()


def _say_aside(names: list[str]) -> tuple[str, ...]:
    return (f"not of a place by their names, and left aside: {listed(names)}",) if names else ()


def _say_idle(table: Table, value: str) -> tuple[str, ...]:
    """What is to be said of flags that belong to no other column by their names, and were not used."""
    others = [table.short(name).lower() for name in table.names if name not in {value, *table.flag_names.values()}]
    idle = [name for short, name in table.flag_names.items() if not short.lower().startswith(tuple(others))]
    return (f"flags that were not used: {listed(idle)}; --flags names those of {value}",) if idle else ()


def _check_choice(found: list[Observations], options: Options) -> None:
    """Refuse what was asked for and has no meaning here, lest another series be taken for it."""
    if options.sample is not None:
        raise FileError("is a table, and --sample draws cells of a grid; leave it away")
    if options.station is None:
        return
    names = [one.station for one in found if one.station is not None]
    if not names:
        raise FileError("holds one series without a name, so --station has nothing to choose from; leave it away")
    if not any(name == options.station or name.startswith(f"{options.station} ") for name in names):
        raise FileError(f"has no station {options.station!r}; it has {listed(names)}")


def _take(
    table: Table,
    part: Part,
    times: Times,
    values: Floats,
    flags: Floats | None,
    station: str | None,
    columns: Columns,
    options: Options,
) -> Observations:
    taken = values[part.rows]
    taken[np.isin(taken, (*table.sentinels, *options.missing))] = np.nan
    counts: dict[int, int] = {}
    warnings: tuple[str, ...] = ()
    marked: Marked | None = None
    if flags is not None:
        flagged = heed(taken, flags[part.rows], str(columns.flags))
        marked = Marked.among(times, taken, flags[part.rows]) if flagged.counts else None
        taken, counts, warnings = flagged.values, flagged.counts, flagged.warnings
    units, units_from, doubt = _units(table, columns.value, options)
    lines = table.cells.index.to_numpy()[part.rows]
    said = (*table.notes, *part.notes, *_count(counts, columns.flags))
    return Observations(
        station, times, taken, lambda i: f"line {lines[i]}", columns, units, units_from, counts, said,
        (*doubt, *warnings), marked,
    )  # fmt: skip


def _count(counts: dict[int, int], name: str | None) -> Iterator[str]:
    dropped = sum(counts.get(flag, 0) for flag in (4, 9))
    if dropped:
        yield f"{dropped} value{'s' if dropped > 1 else ''} flagged 4 or 9 by {name} count as missing"


def _flags(table: Table, value: str, options: Options) -> str | None:
    if options.flag_column == "none":
        return None
    if options.flag_column:
        return table.column(options.flag_column)
    names = table.flag_names
    others = [plain for plain, name in names.items() if name != value]
    found = flag_column(others, table.short(value)) or flag_column(others, table.stem(value))
    return None if found is None else names[found]


def _unheeded(table: Table, value: str, options: Options) -> tuple[str, Floats] | None:
    """A column that tells the quality of another in a scheme that is not used, and its levels where it has any."""
    if options.flag_column is not None:
        return None
    names = {table.short(name): name for name in table.names if name != value}
    found = quality_column(names, table.short(value)) or quality_column(names, table.stem(value))
    if found is None:
        return None
    return found, to_numbers(table.cells[names[found]])


def _flag_numbers(table: Table, name: str) -> Floats:
    column = table.cells[name]
    try:
        return numbers(column)
    except FileError as error:
        raise FileError(f"{error}, or read without flags: --flags none", index=error.index) from None


def _units(table: Table, value: str, options: Options) -> tuple[Units, str, tuple[str, ...]]:
    """Units of a column, what says so, and a doubt where there is one."""
    own = own_unit(table, value)
    if options.units is not None:
        stated = parse_units(own[0]) if own else None
        doubt = f"the file says that {value} is in {own[0] if own else ''}; it was read in {options.units}, as asked"
        return options.units, "as asked", (doubt,) if stated not in (None, options.units) else ()
    own = own or table.units_of_values(value, usual=is_usual(table, value))
    if own is not None:
        written, place = own
        stated = parse_units(written)
        if stated is None:
            raise FileError(
                f"column {value} is in {written[:40]!r} by {place}, which is no unit of temperature known here; "
                f"name another with --value-column, or say --units, one of {', '.join(UNITS)}"
            )
        return stated, f"by {place}", ()
    if table.units_by_format is not None:
        return table.units_by_format, "by the format", ()
    return "celsius", UNSAID, ()
