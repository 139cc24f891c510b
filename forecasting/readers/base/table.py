"""A table of text cells, whatever format it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.base.flags import may_be_flags
from forecasting.readers.base.quantities import apart
from forecasting.readers.base.units import in_brackets, parse_units, split_names
from forecasting.series.times import Floats
from forecasting.series.units import Units
from forecasting.wording import listed

ABSENT: Final = ("", "nan", "na", "n/a", "null", "none", "-", "--", "mm")
"""What cells without a number say, in lower case."""
NO_NAMES: Final = frozenset(ABSENT) - {"", "mm"}
"""Those of them that no column is called."""
HEADER: Final = "the header"
"""Where a column's own name has its units."""
TIME_NAMES: Final = frozenset(("time", "date", "datetime", "timestamp", "date time"))
"""Names that a header has, and no title."""
_UNIT_COLUMNS: Final = ("unit", "units", "uom")


@dataclass(frozen=True)
class Table:
    """Cells as text, so that a bad one can be named.

    Attributes:
        format: in words.
        cells: by column; the index holds the number of each row's line in the file.
        units: of columns, as a row of units has them.
        units_place: where that stands.
        remarked: units that comments above the header name, by the number of the line.
        decimal_commas: whether numbers had commas in the file, for which the cells have points.
        is_csv: whether each row is a line of CSV, so that the file can be read piece by piece.
        sentinels: of columns: numbers that stand for a missing value.
        units_by_format: units that the format prescribes for temperatures where the file states none.
        nameless: whether the file has no header, so that the names are ``column 1`` and so on.
        notes: on how the file was read.
    """

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
        """Names of the columns, in order."""
        return [str(name) for name in self.cells.columns]

    def column(self, asked: str) -> str:
        """The column of this name, with or without the units in its brackets.

        Raises:
            FileError: if there is none.
        """
        if asked in self.cells.columns:
            return asked
        if self.nameless and f"column {asked}" in self.cells.columns:
            return f"column {asked}"
        for name in self.names:
            if self.short(name) == asked:
                return name
        raise FileError(f"has no column {asked!r}; its columns are {self.describe()}")

    def describe(self) -> str:
        """Names of the first columns."""
        return listed(self.names)

    def plain(self) -> dict[str, str]:
        """Column by its name in lower case, without what stands in brackets after it."""
        return self._plain

    def short(self, name: str) -> str:
        """A column's name without what stands in brackets after it."""
        return name if self.nameless else in_brackets(name)[0]

    def stem(self, name: str) -> str:
        """A column's name without its units, in brackets or not."""
        return self._split[name][0]

    def first_of(self, usual: Sequence[str], among: Sequence[str]) -> str | None:
        """The column, ``among`` some, that has the first of ``usual`` names, with its units or, rather, without."""
        stems: dict[str, str] = {}
        for name in among:
            stems.setdefault(_plain(apart(self.stem(name))), name)
        as_is = {_plain(apart(self.short(name))): name for name in among}
        return next((names[one] for names in (as_is, stems) for one in usual if one in names), None)

    def unit(self, name: str) -> tuple[str, str] | None:
        """The units of a column as its row of units or its header has them, and which of the two."""
        if written := self.units.get(name):
            return written, self.units_place
        written = self._split[name][1]
        return (written, HEADER) if written else None

    def units_of_values(self, value: str, *, usual: bool) -> tuple[str, str] | None:
        """Units that a column of units names, or else comments, for a column that names none; and where they stand.

        Beside values with a ``usual`` name a column that names no unit of temperature is one of something else.

        Raises:
            FileError: if they are several.
        """
        column = self.units_column(value) if usual else self._column_of_units(value)
        if column is not None:
            cells = self.cells[column]
            said = cells[~cells.str.lower().isin(ABSENT)].drop_duplicates()
            return _one_unit(dict(zip(said.index, said, strict=True)), f"column {column}")
        return _one_unit(self.remarked, "the comment above the header")

    def units_column(self, value: str) -> str | None:
        """The column that names the units of temperature of each row of another, if there is one."""
        found = self._column_of_units(value)
        if found is None or all(parse_units(said) is None for said in self.cells[found].unique()):
            return None
        return found

    def _column_of_units(self, value: str) -> str | None:
        own = [f"{_plain(name)}_{unit}" for name in (self.short(value), self.stem(value)) for unit in _UNIT_COLUMNS]
        return next((self._plain[name] for name in (*own, *_UNIT_COLUMNS) if name in self._plain), None)

    @cached_property
    def _split(self) -> dict[str, tuple[str, str | None]]:
        return {name: (name, None) for name in self.names} if self.nameless else split_names(self.names)

    @cached_property
    def _plain(self) -> dict[str, str]:
        return {_plain(self.short(name)): name for name in self.names}

    @cached_property
    def flag_names(self) -> dict[str, str]:
        """Columns that may be of quality flags, by their names without what stands in brackets."""
        plain = {self.short(name): name for name in self.names}
        return {short: name for short, name in plain.items() if may_be_flags(short.lower())}


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _one_unit(said: Mapping[int, str], place: str) -> tuple[str, str] | None:
    """The one unit that lines name, and its place."""
    if not said:
        return None
    (first, unit), *others = said.items()
    for line, other in others:
        if parse_units(other) != parse_units(unit) or parse_units(unit) is None:
            raise FileError(
                f"line {first} says that the unit is {unit[:40]!r} and line {line} {other[:40]!r}, by {place}; "
                "keep the values of one unit, or say --units"
            )
    return unit, place


def one_line(text: str) -> str:
    """A text from a file as a terminal can show it: control characters and ends of lines become blanks."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()


def numbers(column: "pd.Series[str]") -> Floats:
    """A column as numbers, NaN where it is empty or says so.

    Raises:
        FileError: naming the line of the first cell that is no number.
    """
    found = to_numbers(column)
    absent = column.str.lower().isin(ABSENT).to_numpy()
    bad = np.isnan(found) & ~absent
    if bad.any():
        i = int(bad.argmax())
        raise FileError(f"line {column.index[i]}: {no_number(column.iloc[i], str(column.name))}", index=i)
    found[absent] = np.nan
    return found


def no_number(cell: str, column: str) -> str:
    """What is wrong with a cell of a column of numbers, and the remedy."""
    remedy = "write it with a decimal point" if "," in cell[:40] else "leave it empty if it is missing"
    return f"{cell[:40]!r} in column {column} is no number; {remedy}"


def is_numeric(column: "pd.Series[str]") -> bool:
    """Whether any cell is a number."""
    return bool(np.isfinite(to_numbers(column)).any())


def is_count(column: "pd.Series[str]") -> bool:
    """Whether the cells of three rows or more are 0, 1, 2 and so on, from whatever number on."""
    # A look at the first cells is enough for most columns, of which there may be thousands.
    if len(column) < 3 or not all(cell.isdecimal() for cell in column.iloc[:3]) or not column.str.isdecimal().all():
        return False
    found = to_numbers(column)
    return bool((np.diff(found) == 1).all())


def is_empty(column: "pd.Series[str]") -> bool:
    """Whether every cell is empty, or says so."""
    return bool(column.str.lower().isin(ABSENT).all())


def to_numbers(column: "pd.Series[str]") -> Floats:
    """A column as numbers, NaN where a cell is none."""
    found = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array(found, dtype=np.float64)
