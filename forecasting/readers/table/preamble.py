"""What stands above the header of a table, as titles, metadata and comments of any style; and tables of spaces."""

import csv
import io
import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from forecasting.errors import FileError
from forecasting.readers.base.quantities import is_anomaly
from forecasting.readers.base.table import NO_NAMES, TIME_NAMES
from forecasting.readers.table.erddap import is_units_row, kinds, starts_as_date
from forecasting.readers.times.zones import names_zone

SEPARATORS: Final = ",;\t"
SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""What Excel writes above the header to say what separates columns."""
_HEAD: Final = 150
"""Lines by which it is told, without blank ones and comments."""
_MOST: Final = 2**22
"""Characters in which they are looked for."""
_MIN_DATA: Final = 3
"""Lines of data there are at least, so that what is above them can be told from them."""
_FORMAT: Final = re.compile(r"\d+[sdn]")
"""A column's width and kind, as the US Geological Survey has below the header."""

_Line = tuple[int, list[str]]
"""Where a line stands, from 0, and its cells."""


@dataclass(frozen=True)
class Body:
    """A table's text from its header on.

    Attributes:
        text: in which every line has the number that it had: blank ones stand in place of what was above the header,
            and tabs in place of spaces that kept columns apart.
        is_below: whether anything was.
        is_spaced: whether spaces did.
    """

    text: str
    is_below: bool = False
    is_spaced: bool = False


def find_body(text: str) -> Body:
    """The table in a text; the text as it came where the header is not clear.

    Raises:
        FileError: if what stands above the header names a clock that is not UTC.
    """
    lines = list(islice(io.StringIO(text[:_MOST], newline=""), 4 * _HEAD))
    head = [k for k, line in enumerate(lines) if line.strip() and not line.startswith("#")][:_HEAD]
    if not head or _is_header(lines[head[0]]) or SEPARATOR_LINE.fullmatch(lines[head[0]].rstrip("\r\n")):
        return Body(text)
    separator = _separator([lines[k] for k in head[-_MIN_DATA:]])
    header = _header([(k, split_cells(lines[k], separator)) for k in head])
    # Where nothing is above it, a long text is not copied.
    if header is None or (header == head[0] and separator != " "):
        return Body(text)
    below = text[sum(map(len, lines[:header])) :]
    if separator == " ":
        rest = io.StringIO(below, newline=None)
        below = "".join(line if line.startswith("#") else "\t".join(line.split()) + "\n" for line in rest)
    return Body("\n" * header + below, header > head[0], separator == " ")


def is_format_row(row: list[str]) -> bool:
    """Whether the row below the header says how wide columns are."""
    return all(_FORMAT.fullmatch(cell) for cell in row)


def split_cells(line: str, separator: str) -> list[str]:
    """The cells of one line."""
    if separator == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])]
    except csv.Error:
        return [line]


def names_time(cells: list[str]) -> bool:
    """Whether one of the cells is a usual name of times."""
    return any(cell.lower() in TIME_NAMES for cell in cells)


def _is_header(line: str) -> bool:
    """Whether a line of several cells has one that is named so."""
    mark = max(SEPARATORS, key=line.count)
    return mark in line and names_time(split_cells(line, mark))


def _separator(lines: list[str]) -> str:
    """What keeps the columns of some lines apart: the mark that all have as often, or else spaces."""
    for mark in "\t;,":
        widths = {len(split_cells(line, mark)) for line in lines}
        if len(widths) == 1 and widths.pop() > 1:
            return mark
    return " " if not any(mark in line for line in lines for mark in SEPARATORS) else ","


def _header(rows: list[_Line]) -> int | None:
    """Where the header stands, with data in as many cells below it; None where that is not clear."""
    first, width = len(rows), len(rows[-1][1])
    while first and len(rows[first - 1][1]) == width and any(kinds(rows[first - 1][1])):
        first -= 1
    if not first or len(rows) - first < _MIN_DATA:
        return None
    at = first - 1
    if at and (is_units_row(rows[at][1]) or is_format_row(rows[at][1])):
        at -= 1
    names = rows[at][1]
    if sum(map(bool, names)) < 2 or len(names) < width or any(names[width:]):
        return None
    if any(kinds(names)) or any(cell.lower() in NO_NAMES for cell in names):
        return None
    # What is above is no data, as where files were joined, and says of the values nothing that has to be heeded.
    data = kinds(rows[first][1])
    above = [row for _, row in rows[:at]]
    strange = any(row == names or kinds(row) == data or is_anomaly(" ".join(row)) for row in above)
    dated = sum(any(map(starts_as_date, row)) and sum(kinds(row)) > 1 for row in above)
    if strange or dated >= _MIN_DATA or 0 < len(above) <= 2 * dated:
        return None
    for k, row in rows[:at]:
        if names_zone(" ".join(row)):
            raise FileError(
                f"line {k + 1} ({' '.join(row)[:40]!r}) says whose clock the times go by: remove what stands above "
                f"line {rows[at][0] + 1}, and say --timezone, as Europe/Rome or +01:00"
            )
    return rows[at][0]
