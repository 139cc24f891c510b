"""Which columns of a table hold temperatures of the sea, and the station that each is of by its name."""

import re
from dataclasses import dataclass
from typing import Final

from forecasting.errors import FileError
from forecasting.readers.base.flags import is_flag_name
from forecasting.readers.base.keys import STATIONS
from forecasting.readers.base.options import Options
from forecasting.readers.base.quantities import is_elsewhere, is_no_sst, is_of_water, places
from forecasting.readers.base.table import HEADER, Table, is_count, is_empty, is_numeric, numbers
from forecasting.readers.base.units import parse_units
from forecasting.readers.times.clock import Clock

_USUAL: Final = ("sst", "sea_surface_temperature", "analysed_sst", "water_temperature", "sea_water_temperature",
                 "wtmp", "thetao", "tos")  # fmt: skip
_OTHERS: Final = ("sea_surface_temp", "water_temp", "sea_temp", "sea_water_temp", "seawater_temperature",
                  "seawater_temp", "sea_temperature", "sea_surf_temp", "sstp")  # fmt: skip
_BARE: Final = ("temperature", "temp")
"""Names that say nothing of where a temperature was taken."""
_CODED: Final = re.compile(r"(?:\d+_)?00010(?:_00003)?")
"""A column of the US Geological Survey: 00010 is the temperature of water, and 00003 the mean of a day."""
_COORDINATES: Final = frozenset(("lat", "latitude", "lon", "longitude", "depth", "altitude", "zlev", "z", "elevation"))
_OTHER_UNITS: Final = frozenset(
    ("m", "cm", "m/s", "m s-1", "psu", "g/kg", "db", "dbar", "hpa", "mbar", "s", "%", "deg")
)
_MIN_WIDE: Final = 2


@dataclass(frozen=True)
class Choice:
    """A value column, and the station that the header names by it."""

    value: str
    station: str | None = None


def is_usual(table: Table, name: str) -> bool:
    """Whether a column is named as temperatures of the sea usually are."""
    return table.first_of((*_USUAL, *_OTHERS, *_BARE), [name]) is not None


def stations_of_columns(table: Table, clock: Clock) -> dict[str, str | None]:
    """Columns that their names make stations, where there are several and none with a usual name.

    Raises:
        FileError: if a column may be of the air, and another of the sea.
    """
    others = [name for name in table.names if name not in clock.names]
    if _usual(table, others) is not None:
        return {}
    # One that is empty so far is a station that begins later.
    kept = [
        name
        for name in others
        if _may_hold_values(table, name) or (_is_free(table, name) and is_empty(table.cells[name]))
    ]
    named = {name: _wide(table, name) or table.short(name) for name in _without_keys(table, kept)}
    apart = places(named.values())
    return {name: station for name, station in named.items() if station in apart} if len(apart) >= _MIN_WIDE else {}


def find_values(table: Table, clock: Clock, options: Options) -> list[Choice]:
    """The columns that hold temperatures of the sea: asked for, of a usual name, the only one, or one a station.

    Raises:
        FileError: if there is none, or several and no telling which.
    """
    if options.value_column:
        return [Choice(table.column(options.value_column))]
    others = [name for name in table.names if name not in clock.names]
    usual = _usual(table, others)
    if usual is not None:
        return [Choice(usual)]
    candidates = _without_keys(table, [name for name in others if _may_hold_values(table, name)])
    stated = [name for name in candidates if is_temperature(table, name) and not is_no_sst(name)]
    if len(stated) == 1 or len(candidates) == 1:
        return [Choice(_sea((stated or candidates)[0]))]
    wide = [Choice(name, station) for name in candidates for station in [_wide(table, name)] if station]
    asked = [choice for choice in wide if choice.station == options.station]
    asked += [Choice(name, name) for name in candidates if name == options.station]
    if options.station is not None and asked:
        return asked[:1]
    apart = places(choice.station or "" for choice in wide)
    if len(apart) >= _MIN_WIDE:
        return [choice for choice in wide if choice.station in apart]
    if not others:
        raise FileError(f"has no column besides {', '.join(clock.names)}; bring one of temperatures, too")
    if not candidates:
        _refuse_decimal_commas(table, others)
    several = f"has {len(candidates)} columns that could be SST" if candidates else "has no column of numbers"
    remedy = f"name it with --value-column, one of {', '.join(candidates or others)[:400]}"
    raise FileError(f"{several}; {remedy}{_as_stations(table, candidates)}")


def _usual(table: Table, others: list[str]) -> str | None:
    """The column with a usual name; a bare one is taken for the sea's where no other column says that it is."""
    if (found := table.first_of(_USUAL, others)) is not None:
        return found
    if (found := table.first_of(_OTHERS, others)) is not None:
        stations = [_wide(table, name) or "" for name in others if _may_hold_values(table, name)]
        return found if len(places(stations)) < _MIN_WIDE else None
    bare = table.first_of(_BARE, [name for name in others if not is_elsewhere(name)])
    rivals = [name for name in others if is_of_water(table.stem(name)) and _may_hold_values(table, name)]
    if bare is not None and rivals:
        raise FileError(
            f"has {len(rivals) + 1} columns that could be SST; name it with --value-column, one of "
            f"{', '.join([bare, *rivals])[:400]}"
        )
    coded = [name for name in others if _CODED.fullmatch(name)]
    return coded[0] if bare is None and len(coded) == 1 else bare


def _as_stations(table: Table, candidates: list[str]) -> str:
    """What makes a panel of columns that are named after nothing but places."""
    names = [table.short(name) for name in candidates]
    if table.nameless or len(names) < _MIN_WIDE or len(places(names)) < len(names):
        return ""
    return (
        f"; where each is a station, choose one with --station, or name them {names[0]}_sst, {names[1]}_sst and so on"
    )


def _sea(name: str) -> str:
    """A column that is the only one.

    Raises:
        FileError: if its name says that it is no SST.
    """
    if is_no_sst(name):
        raise FileError(f"has no column of SST: {name} is something else by its name; say --value-column if it is SST")
    return name


def left_aside(table: Table, clock: Clock, choices: list[Choice]) -> list[str]:
    """Columns of temperatures that are no stations beside those that are."""
    if len(choices) < _MIN_WIDE:
        return []
    used = {*clock.names, *(choice.value for choice in choices)}
    rest = [name for name in table.names if name not in used and _may_hold_values(table, name)]
    return [name for name in rest if _wide(table, name) or is_of_water(name)]


def _refuse_decimal_commas(table: Table, names: list[str]) -> None:
    """As :func:`~forecasting.readers.base.table.numbers` does: it names the line and the remedy."""
    for name in names:
        if _is_free(table, name) and table.cells[name].str.fullmatch(r"[+-]?\d+,\d+").any():
            numbers(table.cells[name])


def _without_keys(table: Table, names: list[str]) -> list[str]:
    """Of several columns those of no other unit that neither number stations nor count rows; all where none is."""
    if len(names) < _MIN_WIDE:
        return names
    kept = [name for name in names if not _is_of_another_unit(table, name) and not _is_key(table, name)]
    return kept or names


def _is_key(table: Table, name: str) -> bool:
    return table.short(name).lower() in STATIONS or (not is_temperature(table, name) and is_count(table.cells[name]))


def _may_hold_values(table: Table, name: str) -> bool:
    return _is_free(table, name) and is_numeric(table.cells[name])


def _is_free(table: Table, name: str) -> bool:
    """Whether the name does not say that the column holds something else."""
    plain = table.short(name).lower()
    return plain not in _COORDINATES and not is_flag_name(plain)


def _wide(table: Table, name: str) -> str | None:
    """The station in the name of a column: ``nino34_sst``, ``sst_pier``, ``sst 46042``."""
    plain = table.stem(name)
    for usual in (*_USUAL, *_BARE):
        for mark in "_ .-":
            if plain.lower().endswith(mark + usual):
                return plain[: -len(usual) - 1]
            if plain.lower().startswith(usual + mark):
                return plain[len(usual) + 1 :]
    return None


def _is_of_another_unit(table: Table, name: str) -> bool:
    """Whether the row of units, or the header, says that a column holds no temperatures."""
    own = table.unit(name)
    if own is None:
        return False
    return own[0].lower() in _OTHER_UNITS if own[1] == HEADER else parse_units(own[0]) is None


def own_unit(table: Table, name: str) -> tuple[str, str] | None:
    """The unit that a row of units or the header names for a column, and which; a header may have a remark there."""
    own = table.unit(name)
    return own if own is not None and (own[1] != HEADER or parse_units(own[0]) is not None) else None


def is_temperature(table: Table, name: str) -> bool:
    """Whether the row of units or the header says that a column holds temperatures."""
    own = own_unit(table, name)
    return own is not None and parse_units(own[0]) is not None
