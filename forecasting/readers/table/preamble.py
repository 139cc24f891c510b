"""Find the table in a text: skip titles, metadata and comments above its header, and convert spaces to tabs."""

import csv
import io
import re
import sys
from dataclasses import dataclass
from itertools import islice
from typing import Final

from forecasting.errors import FileError
from forecasting.readers.base.quantities import is_anomaly
from forecasting.readers.base.table import NO_NAMES, TIME_NAMES, refuse_columns
from forecasting.readers.table.erddap import is_units_row, kinds, starts_as_date
from forecasting.readers.times.zones import names_zone
from forecasting.remedies import Remedy

SEPARATORS: Final = ",;\t"
SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""Line above the header in which Excel declares the separator."""
_HEAD: Final = 150
"""Number of lines that are examined, without blank lines and comments."""
_MAX_CHARS: Final = 2**22
"""Number of characters that are examined."""
_MIN_DATA: Final = 3
"""Smallest number of lines of data by which the lines above can be distinguished."""
_FORMAT: Final = re.compile(r"\d+[sdn]")
"""Width and type of a column, below the header in files of the US Geological Survey."""

_Line = tuple[int, list[str]]
"""Index of a line, and its cells."""


@dataclass(frozen=True)
class Body:
    """The text of a table from its header on.

    Attributes:
        text: with unchanged line numbers: blank lines replace the lines above the header, and tabs replace spaces
            between columns.
        is_below: whether there were lines above the header.
        is_spaced: whether columns were separated by spaces.
    """

    text: str
    is_below: bool = False
    is_spaced: bool = False


def find_body(text: str, max_columns: int = sys.maxsize) -> Body:
    """Find the table in a text; the whole text if the header is not clear.

    Raises:
        FileError: if a line above the header names a time zone other than UTC, or a line has more than ``max_columns``.
    """
    lines = list(islice(io.StringIO(text[:_MAX_CHARS], newline=""), 4 * _HEAD))
    head = [index for index, line in enumerate(lines) if line.strip() and not line.startswith("#")][:_HEAD]
    for index in head:
        refuse_columns(max(map(lines[index].count, SEPARATORS)) + 1, max_columns, index + 1)
    if not head or _is_header(lines[head[0]]) or SEPARATOR_LINE.fullmatch(lines[head[0]].rstrip("\r\n")):
        return Body(text)
    separator = _separator([lines[index] for index in head[-_MIN_DATA:]])
    header = _header([(index, split_cells(lines[index], separator, max_columns)) for index in head])
    # A long text is not copied if nothing is above the header.
    if header is None or (header == head[0] and separator != " "):
        return Body(text)
    below = text[sum(map(len, lines[:header])) :]
    if separator == " ":
        rest = io.StringIO(below, newline=None)
        below = "".join(line if line.startswith("#") else "\t".join(line.split()) + "\n" for line in rest)
    return Body("\n" * header + below, header > head[0], separator == " ")


def is_format_row(row: list[str]) -> bool:
    """Whether the row below the header holds widths and types of columns."""
    return all(_FORMAT.fullmatch(cell) for cell in row)


def split_cells(line: str, separator: str, most: int = sys.maxsize) -> list[str]:
    """Split a line into cells; of one separated by spaces, at ``most`` spaces."""
    if separator == " ":
        return line.split(None, most)
    try:
        return [cell.strip() for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])]
    except csv.Error:
        return [line]


def names_time(cells: list[str]) -> bool:
    """Whether a cell is a usual name of times."""
    return any(cell.lower() in TIME_NAMES for cell in cells)


def _is_header(line: str) -> bool:
    """Whether a line of several cells names times."""
    mark = max(SEPARATORS, key=line.count)
    return mark in line and names_time(split_cells(line, mark))


def _separator(lines: list[str]) -> str:
    """The separator of some lines: the mark that is equally frequent in all, or otherwise spaces."""
    for mark in "\t;,":
        widths = {len(split_cells(line, mark)) for line in lines}
        if len(widths) == 1 and widths.pop() > 1:
            return mark
    return " " if not any(mark in line for line in lines for mark in SEPARATORS) else ","


def _header(rows: list[_Line]) -> int | None:
    """Index of the header, with as many cells of data below it; None if that is not clear."""
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
    # Lines above are not data of concatenated files, and do not say that the values are anomalies.
    data = kinds(rows[first][1])
    above = [row for _, row in rows[:at]]
    unclear = any(row == names or kinds(row) == data or is_anomaly(" ".join(row)) for row in above)
    dated = sum(any(map(starts_as_date, row)) and sum(kinds(row)) > 1 for row in above)
    if unclear or dated >= _MIN_DATA or 0 < len(above) <= 2 * dated:
        return None
    for index, row in rows[:at]:
        if names_zone(" ".join(row)):
            remedy = (
                f"; remove the lines above line {rows[at][0] + 1}, and set {{}} to a zone such as Europe/Rome or +01:00"
            )
            raise FileError(
                f"line {index + 1} ({' '.join(row)[:40]!r}) names a time zone", remedy=Remedy.of(remedy, "timezone")
            )
    return rows[at][0]
