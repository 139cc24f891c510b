"""Find the columns of sea temperature in a table, and the stations in their names."""

import re
from collections.abc import Collection
from typing import Final

from forecasting.errors import FileError
from forecasting.readers.clock import Clock
from forecasting.readers.flags import is_flag_name
from forecasting.readers.names import STATIONS, is_at_screen, is_elsewhere, is_no_sst, is_of_water, places
from forecasting.readers.options import ReadingOptions
from forecasting.readers.table import HEADER, Table, is_count, is_empty, is_numeric, numbers
from forecasting.remedies import Remedy
from forecasting.series.units import parse_units

_USUAL: Final = ("sst", "sea_surface_temperature", "analysed_sst", "water_temperature", "sea_water_temperature",
                 "wtmp", "thetao", "tos")  # fmt: skip
_OTHERS: Final = ("sea_surface_temp", "water_temp", "sea_temp", "sea_water_temp", "seawater_temperature",
                  "seawater_temp", "sea_temperature", "sea_surf_temp", "sstp")  # fmt: skip
_BARE: Final = ("temperature", "temp")
"""Names that do not say where a temperature was measured."""
_CODED: Final = re.compile(r"(?:\d+_)?00010(?:_00003)?")
"""A column of the US Geological Survey: 00010 is water temperature, and 00003 a daily mean."""
_COORDINATES: Final = frozenset(("lat", "latitude", "lon", "longitude", "depth", "altitude", "zlev", "z", "elevation"))
_OTHER_UNITS: Final = frozenset(
    ("m", "cm", "m/s", "m s-1", "psu", "g/kg", "db", "dbar", "hpa", "mbar", "s", "%", "deg")
)
_MIN_WIDE: Final = 2

CHOOSE_VALUES: Final = Remedy.of("; choose one with {}", "value_column")
NAME_VALUES: Final = Remedy.of("; name the temperature column with {}", "value_column")
_AS_STATIONS: Final = Remedy.of(
    "; choose one with {} or, if each is a station, with {} or by ending all names with _sst",
    "value_column",
    "station",
)


def is_usual(table: Table, name: str) -> bool:
    """Return whether a column has a usual name of sea temperature."""
    return table.first_of((*_USUAL, *_OTHERS, *_BARE), [name]) is not None


def stations_of_columns(table: Table, clock: Clock) -> dict[str, str | None]:
    """Return the columns that are named after stations, if there are several and none has a usual name."""
    others = [name for name in table.names if name not in clock.names]
    if _usual(table, others) is not None:
        return {}
    # A column that is still empty is a station that begins later.
    cells = table.cells
    kept = [name for name in others if _is_free(table, name) and (is_numeric(cells[name]) or is_empty(cells[name]))]
    named = {name: _wide(table, name) or table.short(name) for name in _without_keys(table, kept)}
    stations = places(named.values())
    if len(stations) < _MIN_WIDE:
        return {}
    return {name: station for name, station in named.items() if station in stations}


def find_values(table: Table, clock: Clock, options: ReadingOptions) -> dict[str, str | None]:
    """Find the columns of sea temperature: chosen, with a usual name, the only candidate, or one per station.

    Returns the station in the name of each.
    """
    if options.value_column:
        return {table.column(options.value_column): None}
    others = [name for name in table.names if name not in clock.names]
    usual = _usual(table, others)
    if usual is not None:
        return {usual: None}
    candidates = _without_keys(table, [name for name in others if _may_hold_values(table, name)])
    stated = [name for name in candidates if is_temperature(table, name) and not is_no_sst(name)]
    if len(stated) == 1 or len(candidates) == 1:
        return {_require_sst((stated or candidates)[0]): None}
    wide = {name: station for name in candidates if (station := _wide(table, name))}
    chosen = [name for name, station in wide.items() if station == options.station]
    chosen += [name for name in candidates if name == options.station]
    if options.station is not None and chosen:
        return {chosen[0]: options.station}
    stations = places(wide.values())
    if len(stations) >= _MIN_WIDE:
        return {name: station for name, station in wide.items() if station in stations}
    if not others:
        raise FileError(f"has no columns other than {', '.join(clock.names)}; add a temperature column")
    shown = ", ".join(candidates or others)[:400]
    if not candidates:
        _refuse_decimal_commas(table, others)
        raise FileError(f"has no numeric column, only {shown}", remedy=NAME_VALUES)
    if all(map(is_no_sst, candidates)) and any(map(is_elsewhere, candidates)):
        message = f"has no SST column: according to their names, {shown} are something else"
        one_of_them = Remedy.of("; if one of them is SST, name it with {}", "value_column")
        raise FileError(message, remedy=one_of_them.offering_values("value_column", candidates))
    remedy = _AS_STATIONS if _may_be_stations(table, candidates) else CHOOSE_VALUES
    raise FileError(
        f"has {len(candidates)} columns that could be SST: {shown}",
        remedy=remedy.offering_values("value_column", candidates),
    )


def _usual(table: Table, others: list[str]) -> str | None:
    """Return the column with a usual name; a bare name counts only if no other column names the sea."""
    if (usual := table.first_of(_USUAL, others)) is not None:
        return usual
    if (usual := table.first_of(_OTHERS, others)) is not None:
        stations = [_wide(table, name) or "" for name in others if _may_hold_values(table, name)]
        return usual if len(places(stations)) < _MIN_WIDE else None
    bare = table.first_of(_BARE, [name for name in others if not is_elsewhere(name)])
    rivals = [name for name in others if is_of_water(table.stem(name)) and _may_hold_values(table, name)]
    if bare is not None and rivals:
        raise FileError(
            f"has {len(rivals) + 1} columns that could be SST: {', '.join([bare, *rivals])[:400]}",
            remedy=CHOOSE_VALUES.offering_values("value_column", [bare, *rivals]),
        )
    coded = [name for name in others if _CODED.fullmatch(name)]
    return coded[0] if bare is None and len(coded) == 1 else bare


def _may_be_stations(table: Table, candidates: list[str]) -> bool:
    """Return whether all columns could be named after places."""
    names = [table.short(name) for name in candidates]
    return not table.nameless and len(names) >= _MIN_WIDE and len(places(names)) == len(names)


def _require_sst(name: str) -> str:
    """Return the name of the only candidate."""
    if is_no_sst(name) or is_at_screen(name):
        message = f"has no SST column: according to its name, {name} is something else"
        remedy = Remedy.of("; if it is SST, name it with {}", "value_column")
        raise FileError(message, remedy=remedy.offering_values("value_column", [name]))
    return name


def ignored_columns(table: Table, clock: Clock, values: Collection[str]) -> list[str]:
    """Return the columns of temperatures that are not stations, if ``values`` are."""
    if len(values) < _MIN_WIDE:
        return []
    used = {*clock.names, *values}
    rest = [name for name in table.names if name not in used and _may_hold_values(table, name)]
    return [name for name in rest if _wide(table, name) or is_of_water(name)]


def _refuse_decimal_commas(table: Table, names: list[str]) -> None:
    """Raise the error of :func:`~forecasting.readers.table.numbers`, which names the line and the remedy."""
    for name in names:
        if _is_free(table, name) and table.cells[name].str.fullmatch(r"[+-]?\d+,\d+").any():
            numbers(table.cells[name])


def _without_keys(table: Table, names: list[str]) -> list[str]:
    """Drop columns of other units, station numbers and row numbers, unless that leaves none."""
    if len(names) < _MIN_WIDE:
        return names
    others = [name for name in names if not _is_of_another_unit(table, name)]
    others = [name for name in others if table.short(name).lower() not in STATIONS]
    return [name for name in others if is_temperature(table, name) or not is_count(table.cells[name])] or names


def _may_hold_values(table: Table, name: str) -> bool:
    return _is_free(table, name) and is_numeric(table.cells[name])


def _is_free(table: Table, name: str) -> bool:
    """Return whether the name allows for temperatures."""
    plain = table.short(name).lower()
    return plain not in _COORDINATES and not is_flag_name(plain)


def _wide(table: Table, name: str) -> str | None:
    """Return the station in the name of a column such as ``nino34_sst``, ``sst_pier`` or ``sst 46042``."""
    plain = table.stem(name)
    for usual in (*_USUAL, *_BARE):
        for mark in "_ .-":
            if plain.lower().endswith(mark + usual):
                return plain[: -len(usual) - 1]
            if plain.lower().startswith(usual + mark):
                return plain[len(usual) + 1 :]
    return None


def _is_of_another_unit(table: Table, name: str) -> bool:
    """Return whether the row of units or the header gives a column another unit than one of temperature."""
    unit = table.unit(name)
    if unit is None:
        return False
    return unit[0].lower() in _OTHER_UNITS if unit[1] == HEADER else parse_units(unit[0]) is None


def unit_of_column(table: Table, name: str) -> tuple[str, str] | None:
    """Return the unit of a column and its source: the row of units, or the header, of which other text is ignored."""
    unit = table.unit(name)
    return unit if unit is not None and (unit[1] != HEADER or parse_units(unit[0]) is not None) else None


def is_temperature(table: Table, name: str) -> bool:
    """Return whether the row of units or the header gives a column a unit of temperature."""
    unit = unit_of_column(table, name)
    return unit is not None and parse_units(unit[0]) is not None
