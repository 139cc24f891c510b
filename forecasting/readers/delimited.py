"""CSV: a header and one line per row, separated by commas, semicolons or tabs; includes ERDDAP's dialects."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import Final, Literal, NamedTuple

import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.dates import is_date
from forecasting.readers.flags import is_flag_name
from forecasting.readers.names import in_brackets, is_anomaly, is_no_sst, unit_of_prose
from forecasting.readers.options import MAX_COLUMNS
from forecasting.readers.table import NO_NAMES, TIME_NAMES, Table, one_line, refuse_columns
from forecasting.readers.zones import names_zone
from forecasting.remedies import Remedy
from forecasting.series.units import parse_units, unbracketed
from forecasting.wording import counted, listed

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

Row = tuple[int, list[str]]
"""Number of a line, and its cells."""


class Body(NamedTuple):
    """The text of a table from its header on."""

    text: str
    is_below: bool = False
    is_spaced: bool = False


def find_body(text: str, max_columns: int = sys.maxsize) -> Body:
    """Find the table in a text; the whole text if the header is not clear."""
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
    """Return whether the row below the header holds widths and types of columns."""
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
    """Return whether a cell is a usual name of times."""
    return any(cell.lower() in TIME_NAMES for cell in cells)


def _is_header(line: str) -> bool:
    """Return whether a line of several cells names times."""
    mark = max(SEPARATORS, key=line.count)
    return mark in line and names_time(split_cells(line, mark))


def _separator(lines: list[str]) -> str:
    """Return the separator of some lines: the mark that is equally frequent in all, or otherwise spaces."""
    for mark in "\t;,":
        widths = {len(split_cells(line, mark)) for line in lines}
        if len(widths) == 1 and widths.pop() > 1:
            return mark
    return " " if not any(mark in line for line in lines for mark in SEPARATORS) else ","


def _header(rows: list[Row]) -> int | None:
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
    header = rows[at][0]
    for index, row in rows[:at]:
        title = " ".join(row)
        if names_zone(title):
            remedy = f"; remove the lines above line {header + 1}, and set {{}} to a zone such as Europe/Rome or +01:00"
            message = f"line {index + 1} ({title[:40]!r}) names a time zone"
            raise FileError(message, remedy=Remedy.of(remedy, "timezone"))
    return header


_LOGGERS_TITLE: Final = "Plot Title: "
"""Start of the first line of an export from an Onset logger."""
_NO_CELLS: Final = ("#", _LOGGERS_TITLE)
"""Begin the lines that may be comments or titles."""
_MAX_TITLE_LINES: Final = 20
"""Lines below a title that are searched for a header."""


def split_rows(text: str, max_columns: int = sys.maxsize) -> tuple[list[Row], str]:
    """Split a text into rows of cells, without comments and blank lines; also return the separator."""
    separator = find_separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[Row] = []
    try:
        for row in reader:
            # A comment may be as long as it likes.
            if len(row) > max_columns and not row[0].lstrip().startswith("#"):
                refuse_columns(len(row), max_columns, reader.line_num)
            cells = list(map(str.strip, row))
            if is_row(cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise FileError(f"is not CSV: line {reader.line_num}: {error}") from None
    declared = bool(rows) and SEPARATOR_LINE.fullmatch(separator.join(rows[0][1])) is not None
    return rows[declared:], separator


def is_row(cells: list[str]) -> bool:
    """Return whether a line is neither blank nor a comment.

    A single ``#`` can be a cell: Onset's loggers use it as the name of the column of line numbers.
    """
    if not any(cells):
        return False
    if not cells[0].startswith(_NO_CELLS):
        return True
    return cells[0] == "#" and len(cells) > 1 and all(cells)


def find_separator(text: str) -> str:
    """Return the separator that Excel's line declares, or the most frequent one in the first line of cells."""
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
    """Refuse a title above the header: lines of one cell, or of names and their explanations."""
    number, first = rows[0]
    line = _header_below(rows)
    if line is not None:
        shown = ", ".join(filter(None, first))[:40]
        raise FileError(
            f"line {number} ({shown!r}) is a title, and the header seems to be line {line}; remove the lines above it, "
            "or begin them with #"
        )


def _header_below(rows: list[Row]) -> int | None:
    """Return the line of the header if it is not the first."""
    (_, first), *others = rows[:_MAX_TITLE_LINES]
    if names_time(first):
        return None
    alone = sum(map(bool, first)) == 1 and not any(mark in cell for cell in first for mark in SEPARATORS)
    for (line, row), (_, below) in zip(others, [*others[1:], (0, [])], strict=False):
        parts = (part.strip() for cell in row for part in re.split(f"[{SEPARATORS}]", cell))
        cells = [part for part in parts if part]
        if len(cells) > 1 and alone:
            return None if any(kinds(cells)) else line
        if len(cells) > 1 and names_time(cells) and not any(kinds(cells)) and any(kinds(below)):
            return line
    return None


Dialect = Literal["csv", "csvp", "csv0"]

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}.*)?|\d{1,2}[/.]\d{1,2}[/.]\d{4}.*")


def dialect(first: list[str], second: list[str]) -> Dialect | None:
    """Return the dialect of a file with these first two rows; None for other CSV."""
    dated = [starts_as_date(cell) for cell in first]
    others = [cell for cell, date in zip(first, dated, strict=True) if not date]
    if any(dated) and any(_is_number(cell.replace(",", ".", 1)) or cell.lower() in NO_NAMES for cell in others):
        return "csv0"
    if "UTC" in map(unbracketed, second) and is_units_row(second):
        return "csv"
    return "csvp" if any(in_brackets(name) == ("time", "UTC") for name in first) else None


def starts_as_date(cell: str) -> bool:
    """Return whether a cell is a date, with or without a time."""
    return _DATE.fullmatch(cell) is not None or is_date(cell)


def kinds(row: list[str]) -> list[bool]:
    """Return which cells are dates or numbers."""
    return [starts_as_date(cell) or _is_number(cell) for cell in row]


def is_units_row(row: list[str]) -> bool:
    """Return whether the row below the header holds units, including those of time or temperature, and no data."""
    units = [unbracketed(cell) for cell in row if cell]
    if any(starts_as_date(unit) for unit in units):
        return False
    if "UTC" in units:  # other units may look like numbers: salinity is in 1e-3
        return True
    return not any(_is_number(unit) for unit in units) and any(" since " in unit or parse_units(unit) for unit in units)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


_UNIT: Final = re.compile(r"#?\s*units?\s*[:=,;\t]\s*([^,;\t]+)[,;\s]*", re.IGNORECASE)
"""A comment or title that names a unit, such as ``# units: degF``."""
MAX_COMMENT_CHARS: Final = 200
"""Longer comments are prose and ignored."""


def units_in_remarks(lines: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Return the units of temperature in numbered lines of prose, by line number."""
    comments = {number: line.strip() for number, line in lines if len(line) < MAX_COMMENT_CHARS}
    matches = ((number, _UNIT.fullmatch(line)) for number, line in comments.items())
    units = {number: match[1] for number, match in matches if match and parse_units(match[1]) is not None}
    if units:
        return units
    mentioned = {number: unit for number, line in comments.items() if (unit := _unit_of(line)) is not None}
    # Different units may belong to different columns.
    return mentioned if len({parse_units(unit) for unit in mentioned.values()}) == 1 else {}


def _unit_of(line: str) -> str | None:
    """Return the unit of temperature in a comment or a cell of a title."""
    parts = [line] if line.startswith("#") else [line, *split_cells(line, ","), *split_cells(line, ";")]
    return next((unit for unit in map(unit_of_prose, parts) if unit is not None), None)


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
    """Parse CSV, skipping blank lines, lines that begin with ``#``, and lines above the header."""
    part = find_body(text, max_columns)
    rows, separator = split_rows(part.text, max_columns)
    if not rows:
        raise _without_data(text)
    refuse_title(rows)
    if len(rows[0][1]) == 1 and len(rows) > 1 and all(len(row[0].split()) > 1 for _, row in rows[:2]):
        raise FileError(
            f"line {rows[0][0]} separates columns with spaces, and no header names that many columns; add a header, or "
            "separate columns with commas"
        )
    kind = dialect(rows[0][1], rows[1][1] if len(rows) > 1 else [])
    commas = separator != "," and _has_decimal_commas(rows)
    if commas:
        notes = (*notes, "numbers have decimal commas")
    if kind == "csv0":
        names = [f"column {number}" for number in range(1, len(rows[0][1]) + 1)]
        cells = _cells(names, rows, separator, commas)
        return Table(_FORMATS[kind], cells, nameless=True, notes=notes, decimal_commas=commas)
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
    above = takewhile(lambda numbered: numbered[0] < line, enumerate(io.StringIO(text, newline=None), 1))
    return Table(
        _FORMATS[kind], _cells(names, body, separator, commas), units, place, notes=notes,
        remarked=units_in_remarks(above), is_csv=not part.is_spaced, decimal_commas=commas,
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


def header(text: str) -> tuple[list[str], str]:
    """Return the names of all columns, empty for columns without a name, and the separator."""
    rows, separator = split_rows(find_body(text).text)
    return _names(rows[0][1], rows[1:]) if rows else [], separator


def _names(header: list[str], body: list[Row]) -> list[str]:
    """Return the names of columns; pandas and R write an index of dates without a name."""
    names = [one_line(name) for name in header]
    if body and not names[0] and starts_as_date(body[0][1][0]):
        names[0] = "column 1"
    return names


def _cells(header: list[str], body: list[Row], separator: str, commas: bool) -> pd.DataFrame:
    """Return the cells of all columns that have a name, with decimal points."""
    width = len(header)
    for number, row in body:
        if len(row) != width and (len(row) < width or any(row[width:])):
            has_commas = separator == "," and len(row) > width and all(cell.isdigit() for cell in row[width:])
            raise FileError(
                f"line {number} has {counted(len(row), 'column')}, but the header has {width}; correct the line"
                f"{': write decimals with a point, not a comma' if has_commas else ''}"
            )
    named = [i for i, name in enumerate(header) if name]
    if not named:
        raise FileError("has a header without names; add the names of the columns")
    if len({header[i] for i in named}) < len(named):
        raise FileError("has two columns with the same name; rename one")
    columns = {header[i]: [row[i] for _, row in body] for i in named}
    cells = pd.DataFrame(columns, index=[number for number, _ in body], dtype=str)
    return cells.apply(lambda column: column.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)) if commas else cells
