"""CSV: a header line and one line a row, separated by comma, semicolon or tab; ERDDAP's dialects with it."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile
from typing import Final

import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.base.flags import is_flag_name
from forecasting.readers.base.options import MOST_COLUMNS
from forecasting.readers.base.quantities import is_no_sst
from forecasting.readers.base.table import Table, one_line
from forecasting.readers.base.units import parse_units, unbracketed, unit_of_prose
from forecasting.readers.table.erddap import Dialect, dialect, holds_data, is_units_row, starts_as_date
from forecasting.readers.table.preamble import (
    SEPARATOR_LINE,
    SEPARATORS,
    find_body,
    is_format_row,
    names_time,
    split_cells,
)
from forecasting.wording import counted, listed

_LOGGERS_TITLE: Final = "Plot Title: "
"""How the first line of an Onset logger's export begins."""
_MAX_TITLE_LINES: Final = 20
"""Lines in which a header is looked for below a title."""
_REMARK: Final = re.compile(r"#?\s*units?\s*[:=,;\t]\s*([^,;\t]+)[,;\s]*", re.IGNORECASE)
"""A comment or title that names a unit, as ``# units: degF``."""
_MAX_COMMENT_CHARS: Final = 200
"""Characters of a comment that is looked at: a longer one is prose."""
_FORMATS: Final[dict[Dialect | None, str]] = {
    None: "CSV",
    "csv": "ERDDAP .csv: names, then a row of units",
    "csvp": "ERDDAP .csvp: names with units in brackets",
    "csv0": "CSV without a header line, as ERDDAP's .csv0",
}

DECIMAL_COMMA: Final = r"^([+-]?\d+),(\d+)$"
"""A number with a decimal comma, as an expression that any library understands."""
_COMMA: Final = re.compile(DECIMAL_COMMA)
_POINT: Final = re.compile(r"[+-]?\d+\.\d+")
_MAX_COMMAS: Final = 150
"""Rows in which decimal commas are looked for."""

_Row = tuple[int, list[str]]
"""Number of a line, and its cells."""


def read_delimited(text: str, notes: tuple[str, ...] = (), most_columns: int = MOST_COLUMNS) -> Table:
    """The table in a CSV file; blank lines, those that begin with ``#`` and what stands above the header are skipped.

    Raises:
        FileError: if it holds no table, naming the line.
    """
    found = find_body(text)
    rows = _rows(found.text)
    if not rows:
        raise _without_data(text)
    if (width := len(rows[0][1])) > most_columns:
        raise FileError(f"has {width} columns, and at most {most_columns} are taken; write one line a value")
    _refuse_title(rows)
    if width == 1 and len(rows) > 1 and all(len(row[0].split()) > 1 for _, row in rows[:2]):
        raise FileError(
            f"line {rows[0][0]} keeps its columns apart by spaces, and no header names as many as lines have; "
            "write commas in their place, and a header"
        )
    kind = dialect(rows[0][1], rows[1][1] if len(rows) > 1 else [])
    if kind == "csv0":
        names = [f"column {k}" for k in range(1, len(rows[0][1]) + 1)]
        return Table(_FORMATS[kind], _frame(names, rows), nameless=True, notes=notes)
    (line, first), *body = rows
    names = _names(first, body)
    commas = _separator(found.text) != "," and _has_decimal_commas(body)
    units, place = _take_units(names, body, kind)
    if not body:
        raise _without_data(text)
    names, repeated = _without_repeated(names)
    if found.is_below:
        notes = (*notes, f"the header is line {line}; what stands above it was left aside")
    if repeated:
        notes = (*notes, f"several columns have one name, and were left aside: {listed(repeated)}")
    cells = _frame(names, body)
    if commas:
        cells = cells.apply(lambda column: column.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True))
        notes = (*notes, "numbers are written with decimal commas")
    return Table(
        _FORMATS[kind], cells, units, place, notes=notes, remarked=_remarked(text, line), is_csv=not found.is_spaced,
        decimal_commas=commas,
    )  # fmt: skip


def _without_data(text: str) -> FileError:
    """An error that shows what a short file says, as a server does in place of data."""
    said = one_line(" ".join(text.split()))
    shown = f", but {said[:_MAX_COMMENT_CHARS]!r}" if said else ""
    return FileError(f"holds no data{shown}: a header line and one line a value are needed")


def _take_units(names: list[str], body: list[_Row], kind: Dialect | None) -> tuple[dict[str, str], str]:
    """Units of columns, and where they stand; the row below the header that has them, or widths, goes from ``body``."""
    if body and (kind == "csv" or is_units_row(body[0][1])):
        number, row = body.pop(0)
        units = {name: unbracketed(unit) for name, unit in zip(names, row, strict=False) if unit}
        return units, f"the unit row, line {number}"
    if body and is_format_row(body[0][1]):
        del body[0]
    return {}, ""


def _has_decimal_commas(body: list[_Row]) -> bool:
    """Whether numbers have commas, and none a point, so that the commas keep no thousands apart."""
    some = [cell for _, row in body[:_MAX_COMMAS] for cell in row]
    return any(_COMMA.fullmatch(cell) for cell in some) and not any(_POINT.fullmatch(cell) for cell in some)


def _without_repeated(names: list[str]) -> tuple[list[str], list[str]]:
    """The names without those of several columns each that hold no SST, as ``ANOM``, and these."""
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    aside = [name for name in repeated if is_no_sst(name) or is_flag_name(name)]
    return ["" if name in aside else name for name in names], aside


def _remarked(text: str, header: int) -> dict[int, str]:
    """Units of temperature that the lines above the header name, by the number of the line."""
    return remarked(takewhile(lambda line: line[0] < header, enumerate(io.StringIO(text, newline=None), 1)))


def remarked(lines: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Units of temperature that numbered lines of prose name, by the number of the line."""
    comments = {number: line.strip() for number, line in lines if len(line) < _MAX_COMMENT_CHARS}
    found = ((number, _REMARK.fullmatch(line)) for number, line in comments.items())
    units = {number: match[1] for number, match in found if match and parse_units(match[1]) is not None}
    if units:
        return units
    said = {number: unit for number, line in comments.items() if (unit := _unit_of(line)) is not None}
    # Of several that differ each may be of a column of its own.
    return said if len({parse_units(unit) for unit in said.values()}) == 1 else {}


def _unit_of(line: str) -> str | None:
    """The unit of temperature that a comment names, or a cell of a title."""
    parts = [line] if line.startswith("#") else [line, *split_cells(line, ","), *split_cells(line, ";")]
    return next((unit for unit in map(unit_of_prose, parts) if unit is not None), None)


def header(text: str) -> tuple[list[str], str]:
    """The names of all columns, also of those that have none, and what separates columns.

    Raises:
        FileError: if the text is not CSV, naming the line.
    """
    text = find_body(text).text
    rows = _rows(text)
    return _names(rows[0][1], rows[1:]) if rows else [], _separator(text)


def _names(header: list[str], body: list[_Row]) -> list[str]:
    """Names of columns; the first may be an index of dates, which has none where pandas or R wrote the file."""
    names = [one_line(name) for name in header]
    if body and not names[0] and starts_as_date(body[0][1][0]):
        names[0] = "column 1"
    return names


def _separator(text: str) -> str:
    """What Excel's line says, or else the commonest mark of the first line that is neither blank, comment nor title."""
    said: str | None = None
    for line in io.StringIO(text, newline=None):
        if not line.strip() or line.startswith("#") or line.lstrip('"').startswith(_LOGGERS_TITLE):
            continue
        if said is None and (match := SEPARATOR_LINE.fullmatch(line.rstrip("\n"))):
            said = match[1]
            continue
        return said or max(SEPARATORS, key=line.count)
    return said or ","


def _refuse_title(rows: list[_Row]) -> None:
    """Refuse lines above the header: of one cell, which may be padded, or of names and what they are."""
    number, first = rows[0]
    line = _header_below(rows)
    if line is not None:
        said = ", ".join(filter(None, first))[:40]
        raise FileError(
            f"line {number} ({said!r}) is a title, and the header seems to be line {line}: remove what stands above "
            "that, or begin those lines with #"
        )


def _header_below(rows: list[_Row]) -> int | None:
    """The line of the header, where that is not the first."""
    (_, first), *others = rows[:_MAX_TITLE_LINES]
    if names_time(first):
        return None
    alone = sum(map(bool, first)) == 1 and not any(mark in cell for cell in first for mark in SEPARATORS)
    for (line, row), (_, below) in zip(others, [*others[1:], (0, [])], strict=False):
        cells = [cell.strip() for one in row for cell in re.split(f"[{SEPARATORS}]", one) if cell.strip()]
        if len(cells) > 1 and alone:
            return None if holds_data(cells) else line
        if len(cells) > 1 and names_time(cells) and not holds_data(cells) and holds_data(below):
            return line
    return None


def _rows(text: str) -> list[_Row]:
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        stripped = ((reader.line_num, [cell.strip() for cell in row]) for row in reader)
        # Blank lines are left out as they come: millions of them would fill the memory.
        rows = [(number, row) for number, row in stripped if is_row(row)]
    except csv.Error as error:
        raise FileError(f"is not CSV: line {reader.line_num}: {error}") from None
    return rows[1:] if rows and SEPARATOR_LINE.fullmatch(separator.join(rows[0][1])) else rows


def is_row(cells: list[str]) -> bool:
    """Whether a line holds anything, and is no comment.

    ``#`` is what Onset's loggers call the column of their lines' numbers.
    """
    if not any(cells):
        return False
    remark = cells[0].startswith("#") and (cells[0] != "#" or len(cells) == 1 or not all(cells))
    return not remark and not cells[0].startswith(_LOGGERS_TITLE)


def _frame(header: list[str], body: list[_Row]) -> pd.DataFrame:
    width = len(header)
    for number, row in body:
        if len(row) < width or any(row[width:]):
            raise FileError(
                f"line {number} has {counted(len(row), 'column')} where the header has {width}; correct that line"
            )
    named = [k for k, name in enumerate(header) if name]
    if not named:
        raise FileError("has a header line without a name; write the names of the columns there")
    if len({header[k] for k in named}) < len(named):
        raise FileError("two columns have the same name in the header; rename one")
    cells = [[row[k] for k in named] for _, row in body]
    return pd.DataFrame(cells, columns=[header[k] for k in named], index=[number for number, _ in body], dtype=str)
