"""CSV: a header and one line per row, separated by commas, semicolons or tabs; includes ERDDAP's dialects."""

import io
import re
from collections import Counter
from itertools import takewhile
from typing import Final

import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.flags import is_flag_name
from forecasting.readers.lines import (
    MAX_COMMENT_CHARS,
    Dialect,
    Row,
    dialect,
    find_body,
    find_separator,
    is_format_row,
    is_units_row,
    refuse_title,
    split_rows,
    starts_as_date,
    units_in_remarks,
)
from forecasting.readers.names import is_no_sst
from forecasting.readers.options import MAX_COLUMNS
from forecasting.readers.table import Table, one_line
from forecasting.series.units import unbracketed
from forecasting.wording import counted, listed

_FORMATS: Final[dict[Dialect | None, str]] = {
    None: "CSV",
    "csv": "ERDDAP .csv: names, then a row of units",
    "csvp": "ERDDAP .csvp: names with units in brackets",
    "csv0": "CSV without a header line, as ERDDAP's .csv0",
}

DECIMAL_COMMA: Final = r"^([+-]?\d+),(\d+)$"
"""A number with a decimal comma, in the syntax that all regex libraries share."""
_COMMA: Final = re.compile(DECIMAL_COMMA)
_POINT: Final = re.compile(r"[+-]?\d+\.\d+")
_MAX_COMMAS: Final = 150
"""Rows that are searched for decimal commas."""


def read_delimited(text: str, notes: tuple[str, ...] = (), max_columns: int = MAX_COLUMNS) -> Table:
    """Parse CSV, skipping blank lines, lines that begin with ``#``, and lines above the header.

    Raises:
        FileError: if the text is not a table, naming the line.
    """
    part = find_body(text, max_columns)
    rows = split_rows(part.text, max_columns)
    if not rows:
        raise _without_data(text)
    refuse_title(rows)
    if len(rows[0][1]) == 1 and len(rows) > 1 and all(len(row[0].split()) > 1 for _, row in rows[:2]):
        raise FileError(
            f"line {rows[0][0]} separates columns with spaces, and no header names that many columns; add a header, or "
            "separate columns with commas"
        )
    kind = dialect(rows[0][1], rows[1][1] if len(rows) > 1 else [])
    commas = find_separator(part.text) != "," and _has_decimal_commas(rows)
    if commas:
        notes = (*notes, "numbers have decimal commas")
    if kind == "csv0":
        names = [f"column {number}" for number in range(1, len(rows[0][1]) + 1)]
        return Table(_FORMATS[kind], _cells(names, rows, commas), nameless=True, notes=notes, decimal_commas=commas)
    (line, first), *body = rows
    names = _names(first, body)
    units, place = _take_units(names, body, kind)
    if not body:
        raise _without_data(text)
    names, repeated = _without_repeated(names)
    if part.is_below:
        notes = (*notes, f"ignored the lines above the header, which is line {line}")
    if repeated:
        notes = (*notes, f"ignored columns with the same name: {listed(repeated)}")
    return Table(
        _FORMATS[kind], _cells(names, body, commas), units, place, notes=notes, remarked=_units_above(text, line),
        is_csv=not part.is_spaced, decimal_commas=commas,
    )  # fmt: skip


def _without_data(text: str) -> FileError:
    """Return an error that shows the text, as it may be a message of a server."""
    content = one_line(" ".join(text.split()))
    shown = f", only {content[:MAX_COMMENT_CHARS]!r}" if content else ""
    return FileError(f"holds no data{shown}; it needs a header line and one line per value")


def _take_units(names: list[str], body: list[Row], kind: Dialect | None) -> tuple[dict[str, str], str]:
    """Return the units of columns and their place; removes the row of units, or of column widths, from ``body``."""
    if body and (kind == "csv" or is_units_row(body[0][1])):
        number, row = body.pop(0)
        units = {name: unbracketed(unit) for name, unit in zip(names, row, strict=False) if unit}
        return units, f"the unit row, line {number}"
    if body and is_format_row(body[0][1]):
        del body[0]
    return {}, ""


def _has_decimal_commas(body: list[Row]) -> bool:
    """Return whether numbers have commas and none has a point, so that commas do not separate thousands."""
    cells = [cell for _, row in body[:_MAX_COMMAS] for cell in row]
    return any(_COMMA.fullmatch(cell) for cell in cells) and not any(_POINT.fullmatch(cell) for cell in cells)


def _without_repeated(names: list[str]) -> tuple[list[str], list[str]]:
    """Blank out repeated names of columns that are not SST, such as ``ANOM``; also return these names."""
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    ignored = [name for name in repeated if is_no_sst(name) or is_flag_name(name)]
    return ["" if name in ignored else name for name in names], ignored


def _units_above(text: str, header: int) -> dict[int, str]:
    """Return the units of temperature in the lines above the header, by line number."""
    return units_in_remarks(takewhile(lambda line: line[0] < header, enumerate(io.StringIO(text, newline=None), 1)))


def header(text: str) -> tuple[list[str], str]:
    """Return the names of all columns, empty for columns without a name, and the separator.

    Raises:
        FileError: if the text is not CSV, naming the line.
    """
    text = find_body(text).text
    rows = split_rows(text)
    return _names(rows[0][1], rows[1:]) if rows else [], find_separator(text)


def _names(header: list[str], body: list[Row]) -> list[str]:
    """Return the names of columns; pandas and R write an index of dates without a name."""
    names = [one_line(name) for name in header]
    if body and not names[0] and starts_as_date(body[0][1][0]):
        names[0] = "column 1"
    return names


def _cells(header: list[str], body: list[Row], commas: bool) -> pd.DataFrame:
    """Return the cells of all columns that have a name, with decimal points."""
    cells = _frame(header, body)
    return cells.apply(lambda column: column.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)) if commas else cells


def _frame(header: list[str], body: list[Row]) -> pd.DataFrame:
    width = len(header)
    for number, row in body:
        if len(row) != width and (len(row) < width or any(row[width:])):
            raise FileError(
                f"line {number} has {counted(len(row), 'column')}, but the header has {width}; correct the line"
            )
    named = [i for i, name in enumerate(header) if name]
    if not named:
        raise FileError("has a header without names; add the names of the columns")
    if len({header[i] for i in named}) < len(named):
        raise FileError("has two columns with the same name; rename one")
    cells = {header[i]: [row[i] for _, row in body] for i in named}
    return pd.DataFrame(cells, index=[number for number, _ in body], dtype=str)
