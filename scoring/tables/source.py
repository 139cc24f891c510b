"""Tables as Arrow reads them: CSV or Parquet, piece by piece."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads

from forecasting.errors import FileError
from forecasting.readers.delimited import header_line, read_delimited
from forecasting.readers.options import Options
from forecasting.readers.table import ABSENT, Table, one_line
from forecasting.readers.tabular import Layout, find_layout
from scoring.tables.notes import Notes
from scoring.tables.text import BLOCK, Text

_HEAD: Final = 200
"""Rows that tell what the columns of Parquet hold."""
_BATCH: Final = 131_072
"""Rows of Parquet that are."""
_NULLS: Final = sorted({one for text in ABSENT for one in (text, text.upper(), text.title(), "NaN")})


@dataclass(frozen=True)
class Batch:
    """Some rows.

    Attributes:
        columns: by name; only those that the layout names.
        first: number of the first row in its file, from 1.
        source: the file.
        layout: what the columns hold.
    """

    columns: dict[str, pa.Array]
    first: int
    source: Path
    layout: Layout


def read_batches(files: Sequence[Path], options: Options, notes: Notes) -> Iterator[Batch]:
    """The rows of all files, one file after another.

    Raises:
        FileError: naming the file, and what is wrong with it.
    """
    for file in files:
        try:
            yield from _read_parquet(file, options) if _is_parquet(file) else _read_csv(file, options, notes)
        except FileError as error:
            raise FileError(f"{file}: {error}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise FileError(f"{file}: is a gzip file that is damaged or cut short; fetch it again") from None
        except (pa.ArrowException, OSError) as error:
            raise FileError(f"{file}: cannot be read: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as head:
        return head.read(4) == b"PAR1"


def _read_parquet(file: Path, options: Options) -> Iterator[Batch]:
    data = pads.dataset(file, format="parquet")
    head = data.head(_HEAD, use_threads=False)
    if not head.num_rows:
        return
    cells = pd.DataFrame({name: _texts(head[name]) for name in head.column_names}, dtype=str)
    layout = find_layout(Table("Parquet", cells), options)
    first = 1
    names = _used(layout)
    for batch in data.to_batches(columns=names, batch_size=_BATCH, batch_readahead=2, fragment_readahead=1):
        if batch.num_rows:
            yield Batch(dict(zip(names, batch.columns, strict=True)), first, file, layout)
        first += batch.num_rows


def _texts(column: pa.ChunkedArray) -> list[str]:
    """Cells as a CSV file would have them."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s", getattr(column.type, "tz", None)), safe=False)
    return ["" if cell is None else _text(cell) for cell in column.to_pylist()]


def _text(cell: object) -> str:
    return pd.Timestamp(cell).isoformat() if isinstance(cell, pd.Timestamp) or hasattr(cell, "isoformat") else str(cell)  # type: ignore[arg-type]


def _used(layout: Layout) -> list[str]:
    single = [name for name in (layout.station, layout.units_column) if name is not None]
    return list(dict.fromkeys([*layout.time, *single, *layout.values, *layout.flags.values()]))


def _read_csv(file: Path, options: Options, notes: Notes) -> Iterator[Batch]:
    text = Text(file)
    head = text.head()
    table = read_delimited(head)
    layout = find_layout(table, options)
    header, separator = _header(head)
    positions = {name: k for k, name in enumerate(table.names if table.nameless else header)}
    wanted = {name: f"f{positions[name]}" for name in _used(layout)}
    reader = pacsv.open_csv(
        pa.PythonFile(text.below(int(table.cells.index[0]) - 1), mode="r"),
        pacsv.ReadOptions(block_size=BLOCK, autogenerate_column_names=True, use_threads=False),
        pacsv.ParseOptions(delimiter=separator),
        pacsv.ConvertOptions(
            column_types=dict.fromkeys(wanted.values(), pa.string()),
            include_columns=list(wanted.values()),
            null_values=_NULLS,
            strings_can_be_null=True,
        ),
    )
    first = 1
    for batch in reader:
        yield Batch(dict(zip(wanted, batch.columns, strict=True)), first, file, layout)
        first += batch.num_rows
    if text.is_latin:
        notes.add(file, "it is not UTF-8, and was read as Latin-1")


def _header(head: str) -> tuple[list[str], str]:
    """Names of all columns, and what separates them: as the reader of CSV takes them."""
    line, separator = header_line(head)
    return [one_line(cell.strip()) for cell in next(csv.reader([line], delimiter=separator))], separator
