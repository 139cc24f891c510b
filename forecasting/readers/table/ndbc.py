"""NDBC's standard meteorological files, real-time and historical.

Columns are separated by blanks. The header begins with ``#YY`` (``YY`` or ``YYYY`` before 2007), possibly after a
column of stations; since 2007, a second line holds units. Missing values are ``MM`` (real time) or nines
(historical: 99.0, 999.0). Minutes were added in 2005, four-digit years in 1999. Times are UTC. Concatenated files have
several headers.
"""

import io
import re
from typing import Final

import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.base.options import MAX_COLUMNS
from forecasting.readers.base.table import Table, one_line, refuse_columns

_HEADER: Final = re.compile(r"#?\s*(#?STN\s+)?#?(YY|YYYY)\s+MM\s+DD\s+hh(\s+mm)?\b")
_NINES: Final = (99.0, 999.0, 9999.0, 99.99, 999.99)
_TIME_NAMES: Final = {"YY": "year", "YYYY": "year", "MM": "month", "DD": "day", "hh": "hour", "mm": "minute"}


def is_ndbc(text: str) -> bool:
    """Whether a text begins with the header of an NDBC file."""
    return _HEADER.match(text.lstrip()[:200]) is not None


def read_ndbc(text: str, notes: tuple[str, ...] = (), max_columns: int = MAX_COLUMNS) -> Table:
    """Parse a standard meteorological file; its columns of time are renamed year to minute.

    Raises:
        FileError: if the text is not such a file, naming the line.
    """
    if not is_ndbc(text):
        raise FileError("does not begin with #YY MM DD hh, as NDBC files do")
    before = len(text) - len(text.lstrip())
    refuse_columns(len(text[before:].partition("\n")[0].split()), max_columns, text.count("\n", 0, before) + 1)
    lines = [(number, line.split()) for number, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip()]
    (_, header), *rest = lines
    names = _names(header)
    units: dict[str, str] = {}
    if rest and rest[0][1][0].startswith("#"):
        units = dict(zip(names, [word.lstrip("#") for word in rest[0][1]], strict=False))
    repeated = [(number, row) for number, row in rest if not row[0][0].isdigit() and is_ndbc(" ".join(row))]
    for number, row in repeated:
        if _placed(_names(row)) != _placed(names):
            raise FileError(f"line {number} is a second header with different columns; split the file there")
    headers = {number for number, _ in repeated}
    body = [(number, row) for number, row in rest if number not in headers and not row[0].startswith("#")]
    if len(set(names)) < len(names):
        raise FileError("has two columns with the same name; rename one")
    if not body:
        raise FileError("holds only header lines and no data")
    for number, row in body:
        if len(row) != len(names):
            raise FileError(f"line {number} has {len(row)} columns, but the header has {len(names)}")
    cells = pd.DataFrame([row for _, row in body], columns=names, index=[number for number, _ in body], dtype=str)
    cells["year"] = cells["year"].str.replace(r"^([7-9]\d)$", r"19\1", regex=True)
    kind = "NDBC standard meteorological"
    return Table(kind, cells, units, "the unit row", _NINES, "celsius", notes=notes, is_csv=False)


def _names(header: list[str]) -> list[str]:
    return [_TIME_NAMES.get(name, one_line(name)) for name in (word.lstrip("#") for word in header if word != "#")]


def _placed(names: list[str]) -> tuple[int, dict[str, int]]:
    """The number of columns, and the positions of those that are read; others were renamed over the years."""
    return len(names), {
        name: position for position, name in enumerate(names) if name in (*_TIME_NAMES.values(), "STN", "WTMP")
    }
