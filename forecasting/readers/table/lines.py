"""Lines of a CSV file: separator, rows of cells, and titles above the header."""

import csv
import io
import re
import sys
from collections.abc import Iterator
from typing import Final

from forecasting.errors import FileError
from forecasting.readers.base.table import refuse_columns
from forecasting.readers.table.erddap import holds_data
from forecasting.readers.table.preamble import SEPARATOR_LINE, SEPARATORS, names_time

Row = tuple[int, list[str]]
"""Number of a line, and its cells."""

_LOGGERS_TITLE: Final = "Plot Title: "
"""Start of the first line of an export from an Onset logger."""
_NO_CELLS: Final = ("#", _LOGGERS_TITLE)
"""Begin the lines that may be comments or titles."""
_MAX_TITLE_LINES: Final = 20
"""Lines below a title that are searched for a header."""


def split_rows(text: str, max_columns: int = sys.maxsize) -> list[Row]:
    """Split a text into rows of cells, without comments and blank lines.

    Raises:
        FileError: if the text is not CSV, or a row has more than ``max_columns``, naming the line.
    """
    separator = find_separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)

    def stripped() -> Iterator[Row]:
        for row in reader:
            # A comment may be as long as it likes.
            if len(row) > max_columns and not row[0].lstrip().startswith("#"):
                refuse_columns(len(row), max_columns, reader.line_num)
            yield reader.line_num, list(map(str.strip, row))

    try:
        # Blank lines are dropped one by one, as millions of them would fill the memory.
        rows = [(number, row) for number, row in stripped() if is_row(row)]
    except csv.Error as error:
        raise FileError(f"is not CSV: line {reader.line_num}: {error}") from None
    return rows[1:] if rows and SEPARATOR_LINE.fullmatch(separator.join(rows[0][1])) else rows


def is_row(cells: list[str]) -> bool:
    """Whether a line is neither blank nor a comment.

    A single ``#`` can be a cell: Onset's loggers use it as the name of the column of line numbers.
    """
    if not any(cells):
        return False
    if not cells[0].startswith(_NO_CELLS):
        return True
    return cells[0] == "#" and len(cells) > 1 and all(cells)


def find_separator(text: str) -> str:
    """The separator that Excel's line declares, or the most frequent one in the first line of cells."""
    declared: str | None = None
    for line in io.StringIO(text, newline=None):
        if not line.strip() or line.startswith("#") or line.lstrip('"').startswith(_LOGGERS_TITLE):
            continue
        if declared is None and (match := SEPARATOR_LINE.fullmatch(line.rstrip("\n"))):
            declared = match[1]
            continue
        return declared or _most_frequent(line)
    return declared or ","


def _most_frequent(line: str) -> str:
    mark = max(SEPARATORS, key=line.count)
    # The comma in 31.12.2010;15,3 is a decimal one.
    first = line.partition(",")[0]
    return next((other for other in SEPARATORS if other in first and line.count(other) == line.count(mark)), mark)


def refuse_title(rows: list[Row]) -> None:
    """Refuse a title above the header: lines of one cell, or of names and their explanations.

    Raises:
        FileError: naming the lines of the title and the header.
    """
    number, first = rows[0]
    line = _header_below(rows)
    if line is not None:
        shown = ", ".join(filter(None, first))[:40]
        raise FileError(
            f"line {number} ({shown!r}) is a title, and the header seems to be line {line}; remove the lines above it, "
            "or begin them with #"
        )


def _header_below(rows: list[Row]) -> int | None:
    """The line of the header if it is not the first."""
    (_, first), *others = rows[:_MAX_TITLE_LINES]
    if names_time(first):
        return None
    alone = sum(map(bool, first)) == 1 and not any(mark in cell for cell in first for mark in SEPARATORS)
    for (line, row), (_, below) in zip(others, [*others[1:], (0, [])], strict=False):
        parts = (part.strip() for cell in row for part in re.split(f"[{SEPARATORS}]", cell))
        cells = [part for part in parts if part]
        if len(cells) > 1 and alone:
            return None if holds_data(cells) else line
        if len(cells) > 1 and names_time(cells) and not holds_data(cells) and holds_data(below):
            return line
    return None
