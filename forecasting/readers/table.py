"""A table of text cells, read from any format."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.flags import may_be_flags
from forecasting.readers.names import EVERY_UNIT, in_brackets, separate_words, split_names
from forecasting.remedies import Remedy
from forecasting.series.times import Bools, Floats
from forecasting.series.units import Units, parse_units
from forecasting.wording import listed

ABSENT: Final = ("", "nan", "na", "n/a", "null", "none", "-", "--", "mm")
"""Contents of cells without a number, in lower case."""
NO_NAMES: Final = frozenset(ABSENT) - {"", "mm"}
"""Those of them that never name a column."""
HEADER: Final = "the header"
"""Source of units in the name of a column."""
TIME_NAMES: Final = frozenset(("time", "date", "datetime", "timestamp", "date time"))
"""Names that appear in a header and not in a title."""
_UNIT_COLUMNS: Final = ("unit", "units", "uom")


@dataclass(frozen=True)
class Table:
    """Cells as text, so that errors can quote them."""

    format: str
    cells: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    units_place: str = "the unit row"
    sentinels: tuple[float, ...] = ()
    units_by_format: Units | None = None
    nameless: bool = False
    notes: tuple[str, ...] = ()
    remarked: Mapping[int, str] = field(default_factory=dict)
    is_csv: bool = True
    decimal_commas: bool = False

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns in their order."""
        return [str(name) for name in self.cells.columns]

    def column(self, name_given: str) -> str:
        """Return the column of this name, with or without the units in brackets."""
        if name_given in self.cells.columns:
            return name_given
        if self.nameless and f"column {name_given}" in self.cells.columns:
            return f"column {name_given}"
        for name in self.names:
            if self.short(name) == name_given:
                return name
        raise FileError(f"has no column {name_given!r}; its columns are {self.describe()}")

    def describe(self) -> str:
        """List the names of the first columns."""
        return listed(self.names)

    def named(self, usual: Iterable[str]) -> list[str]:
        """Return the columns that have a ``usual`` name, in the order of these names."""
        return [self.plain[name] for name in usual if name in self.plain]

    def short(self, name: str) -> str:
        """Return a column's name without the text in brackets behind it."""
        return name if self.nameless else in_brackets(name)[0]

    def stem(self, name: str) -> str:
        """Return a column's name without its units, which need not be in brackets."""
        return self._split[name][0]

    def first_of(self, usual: Sequence[str], among: Sequence[str]) -> str | None:
        """Find the column ``among`` some that has the first of the ``usual`` names, preferably without units."""
        stems: dict[str, str] = {}
        for name in among:
            stems.setdefault(_plain(separate_words(self.stem(name))), name)
        as_is = {_plain(separate_words(self.short(name))): name for name in among}
        return next((names[plain] for names in (as_is, stems) for plain in usual if plain in names), None)

    def unit(self, name: str) -> tuple[str, str] | None:
        """Return the units of a column from the row of units or the header, and which of the two."""
        if written := self.units.get(name):
            return written, self.units_place
        written = self._split[name][1]
        return (written, HEADER) if written else None

    def units_of_values(self, value: str, *, usual: bool) -> tuple[str, str] | None:
        """Return the units from a column of units, or otherwise from comments, and where they are from.

        If values have a ``usual`` name, a column of units that are not of temperature belongs to another column.
        """
        column = self.units_column(value) if usual else self._column_of_units(value)
        if column is not None:
            cells = self.cells[column]
            distinct = cells[~cells.str.lower().isin(ABSENT)].drop_duplicates()
            return _one_unit(dict(zip(distinct.index, distinct, strict=True)), f"column {column}")
        return _one_unit(self.remarked, "the comment above the header")

    def units_column(self, value: str) -> str | None:
        """Return the column with the unit of temperature of each value, if there is one."""
        column = self._column_of_units(value)
        if column is None or all(parse_units(unit) is None for unit in self.cells[column].unique()):
            return None
        return column

    def _column_of_units(self, value: str) -> str | None:
        specific = [
            f"{_plain(name)}_{unit}" for name in (self.short(value), self.stem(value)) for unit in _UNIT_COLUMNS
        ]
        return next(iter(self.named((*specific, *_UNIT_COLUMNS))), None)

    @cached_property
    def _split(self) -> dict[str, tuple[str, str | None]]:
        return {name: (name, None) for name in self.names} if self.nameless else split_names(self.names)

    @cached_property
    def plain(self) -> dict[str, str]:
        """The columns by their names in lower case without brackets."""
        return {_plain(self.short(name)): name for name in self.names}

    @cached_property
    def flag_names(self) -> dict[str, str]:
        """Columns that may hold quality flags, by their names without brackets."""
        plain = {self.short(name): name for name in self.names}
        return {short: name for short, name in plain.items() if may_be_flags(short.lower())}


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _one_unit(units: Mapping[int, str], place: str) -> tuple[str, str] | None:
    """Return the only unit in units by line number, and its place."""
    if not units:
        return None
    (first, unit), *others = units.items()
    for line, other in others:
        if parse_units(other) != parse_units(unit) or parse_units(unit) is None:
            raise FileError(
                f"line {first} gives the unit as {unit[:40]!r} and line {line} as {other[:40]!r}, in {place}",
                remedy=Remedy.of("; keep values in one unit only, or set {}", "units").offering(*EVERY_UNIT),
            )
    return unit, place


def one_line(text: str) -> str:
    """Replace control characters and line breaks with blanks, so that a terminal can show text from a file."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()


def refuse_columns(count: int, limit: int, line: int) -> None:
    """Refuse a line of more than ``limit`` columns."""
    if count > limit:
        raise FileError(f"line {line} has {count} columns, more than the limit of {limit}; write one value per line")


def refuse_first(bad: "Bools | pd.Series[bool]", cells: "pd.Series[str]", problem: Callable[[str], str]) -> None:
    """Refuse the first of the ``bad`` cells, with its line and the ``problem`` with its text."""
    if bad.any():
        i = int(bad.argmax())
        raise FileError(f"line {cells.index[i]}: {problem(cells.iloc[i][:40])}", index=i)


def numbers(column: "pd.Series[str]") -> Floats:
    """Convert a column to numbers, NaN where it is empty or says so."""
    converted = to_numbers(column)
    absent = column.str.lower().isin(ABSENT).to_numpy()
    refuse_first(np.isnan(converted) & ~absent, column, lambda cell: describe_bad_number(cell, str(column.name)))
    converted[absent] = np.nan
    return converted


def describe_bad_number(cell: str, column: str) -> str:
    """What is wrong with a cell in a column of numbers, and the remedy."""
    remedy = "write it with a decimal point" if "," in cell[:40] else "leave it empty if it is missing"
    return f"{cell[:40]!r} in column {column} is not a number; {remedy}"


def is_numeric(column: "pd.Series[str]") -> bool:
    """Return whether any cell is a number."""
    return bool(np.isfinite(to_numbers(column)).any())


def is_count(column: "pd.Series[str]") -> bool:
    """Return whether the cells of three or more rows count up by one, from any number."""
    # The first cells rule out most of what may be thousands of columns.
    if len(column) < 3 or not all(cell.isdecimal() for cell in column.iloc[:3]) or not column.str.isdecimal().all():
        return False
    return bool((np.diff(to_numbers(column)) == 1).all())


def is_empty(column: "pd.Series[str]") -> bool:
    """Return whether every cell is empty or says that it is."""
    return bool(column.str.lower().isin(ABSENT).all())


def to_numbers(column: "pd.Series[str]") -> Floats:
    """Convert a column to numbers, NaN where a cell is not a number."""
    converted = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array(converted, dtype=np.float64)
