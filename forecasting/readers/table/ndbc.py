"""NDBC's standard meteorological files, real-time and historical.

Columns separated by blanks. A first line of names begins with ``#YY`` (``YY`` or ``YYYY`` before 2007), perhaps after a
column of stations; since 2007 a second one holds units. Missing is ``MM`` (real time) or all nines (historical: 99.0,
999.0). Minutes came in 2005, years of four digits in 1999. Times are UTC. Files that were joined have a
header for each.
"""

import io
import re
from typing import Final

import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.base.table import Table, one_line

_HEADER: Final = re.compile(r"#?\s*(#?STN\s+)?#?(YY|YYYY)\s+MM\s+DD\s+hh(\s+mm)?\b")
_NINES: Final = (99.0, 999.0, 9999.0, 99.99, 999.99)
_TIME_NAMES: Final = {"YY": "year", "YYYY": "year", "MM": "month", "DD": "day", "hh": "hour", "mm": "minute"}


def is_ndbc(text: str) -> bool:
    """Whether a file's text begins as NDBC's do."""
    return _HEADER.match(text.lstrip()[:200]) is not None


def read_ndbc(text: str, notes: tuple[str, ...] = ()) -> Table:
    """The table in a standard meteorological file; its columns of time get the names year to minute.

    Raises:
        FileError: if it holds no table, naming the line.
    """
    if not is_ndbc(text):
        raise FileError("does not begin as an NDBC file does, with #YY MM DD hh")
    lines = [(number, line.split()) for number, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip()]
    (_, header), *rest = lines
    names = _names(header)
    units: dict[str, str] = {}
    if rest and rest[0][1][0].startswith("#"):
        units = dict(zip(names, [word.lstrip("#") for word in rest[0][1]], strict=False))
    again = [(number, row) for number, row in rest if not row[0][0].isdigit() and is_ndbc(" ".join(row))]
    for number, row in again:
        if _placed(_names(row)) != _placed(names):
            raise FileError(f"line {number} is another header, of other columns than the first; make a file of each")
    headers = {number for number, _ in again}
    body = [(number, row) for number, row in rest if number not in headers and not row[0].startswith("#")]
    if len(set(names)) < len(names):
        raise FileError("two columns have the same name in the header; rename one")
    if not body:
        raise FileError("holds no data: only header lines")
    for number, row in body:
        if len(row) != len(names):
            raise FileError(f"line {number} has {len(row)} columns where the header has {len(names)}")
    cells = pd.DataFrame([row for _, row in body], columns=names, index=[number for number, _ in body], dtype=str)
    cells["year"] = cells["year"].str.replace(r"^([7-9]\d)$", r"19\1", regex=True)
    kind = "NDBC standard meteorological"
    return Table(kind, cells, units, "the unit row", _NINES, "celsius", notes=notes, is_csv=False)


def _names(header: list[str]) -> list[str]:
    return [_TIME_NAMES.get(name, one_line(name)) for name in (word.lstrip("#") for word in header if word != "#")]


def _placed(names: list[str]) -> tuple[int, dict[str, int]]:
    """How many columns there are, and where those that are read; others were renamed over the years."""
    return len(names), {name: k for k, name in enumerate(names) if name in (*_TIME_NAMES.values(), "STN", "WTMP")}
