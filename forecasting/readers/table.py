"""A table of text cells, whatever format it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.flags import may_be_flags
from forecasting.readers.units import in_brackets
from forecasting.series import Units
from forecasting.timestep import Floats

ABSENT: Final = ("", "nan", "na", "n/a", "null", "none", "-", "--", "mm")
"""What cells without a number say, in lower case."""


@dataclass(frozen=True)
class Table:
    """Cells as text, so that a bad one can be named.

    Attributes:
        format: in words.
        cells: by column; the index holds the number of each row's line in the file.
        units: of columns, as the file writes them.
        units_place: where it writes them.
        sentinels: of columns: numbers that stand for a missing value.
        units_by_format: units that the format prescribes for temperatures where the file states none.
        nameless: whether the file has no header, so that the names are ``column 1`` and so on.
        notes: on how the file was read.
    """

    format: str
    cells: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    units_place: str = "the header"
    sentinels: tuple[float, ...] = ()
    units_by_format: Units | None = None
    nameless: bool = False
    notes: tuple[str, ...] = ()

    @cached_property
    def names(self) -> list[str]:
        """Of the columns, in order."""
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
            if in_brackets(name)[0] == asked:
                return name
        raise FileError(f"has no column {asked!r}; its columns are {self.describe()}")

    def describe(self) -> str:
        """Names of the first columns."""
        names = self.names
        return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")

    def plain(self) -> dict[str, str]:
        """Column by its name in lower case, without units in brackets."""
        return self._plain

    @cached_property
    def _plain(self) -> dict[str, str]:
        return {in_brackets(name)[0].strip().lower().replace(" ", "_"): name for name in self.names}

    @cached_property
    def flag_names(self) -> dict[str, str]:
        """Columns that may be of quality flags, by their names without units in brackets."""
        plain = {in_brackets(name)[0]: name for name in self.names}
        return {short: name for short, name in plain.items() if may_be_flags(short.lower())}


def one_line(text: str) -> str:
    """A text from a file as a terminal can show it: control characters and ends of lines become blanks."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()


def numbers(column: "pd.Series[str]") -> Floats:
    """A column as numbers, NaN where it is empty or says so.

    Raises:
        FileError: naming the line of the first cell that is no number.
    """
    found = _to_numbers(column)
    absent = column.str.lower().isin(ABSENT).to_numpy()
    bad = np.isnan(found) & ~absent
    if bad.any():
        i = int(bad.argmax())
        cell = column.iloc[i][:40]
        remedy = "write it with a decimal point" if "," in cell else "leave it empty if it is missing"
        raise FileError(f"line {column.index[i]}: {cell!r} in column {column.name} is no number; {remedy}", index=i)
    found[absent] = np.nan
    return found


def is_numeric(column: "pd.Series[str]") -> bool:
    """Whether any cell is a number."""
    return bool(np.isfinite(_to_numbers(column)).any())


def is_empty(column: "pd.Series[str]") -> bool:
    """Whether every cell is empty, or says so."""
    return bool(column.str.lower().isin(ABSENT).all())


def _to_numbers(column: "pd.Series[str]") -> Floats:
    found = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array(found, dtype=np.float64)
