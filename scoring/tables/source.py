"""CSV and Parquet tables, read in batches with Arrow."""

import codecs
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from forecasting.errors import FileError
from forecasting.readers.dates import UNAMBIGUOUS, AmbiguousOrderError
from forecasting.readers.delimited import DECIMAL_COMMA, header
from forecasting.readers.files import table_of
from forecasting.readers.options import DateOrder, ReadingOptions
from forecasting.readers.table import ABSENT, Table
from forecasting.readers.tabular import TableLayout, find_layout
from forecasting.readers.text import read_text
from forecasting.series.observations import are_repeated
from forecasting.wording import counted
from scoring.source import is_parquet


@dataclass
class Notes:
    """Sentences, each with the files that it is about."""

    _files: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, file: Path, sentence: str) -> None:
        """Add a sentence about a file."""
        self._files.setdefault(sentence, []).append(file)

    def add_all(self, file: Path, sentences: Iterable[str]) -> None:
        """Add sentences about a file."""
        for sentence in sentences:
            self.add(file, sentence)

    def sentences(self) -> tuple[str, ...]:
        """Return each sentence once, with the names of its files."""
        return tuple(f"{name_files(files)}: {sentence}" for sentence, files in self._files.items())


def name_files(files: list[Path]) -> str:
    """Return the name of the first file, and the number of others."""
    others = len(files) - 1
    return f"{files[0]}" + (f" and {counted(others, 'other file')}" if others else "")


BLOCK: Final = 2_000_000
"""Bytes per block; Arrow always reads up to 32 blocks ahead."""
_START: Final = 65_536
"""Bytes from which it is decided whether a file is text."""
_GZIP: Final = b"\x1f\x8b"


def _open(file: Path) -> gzip.GzipFile | io.BufferedReader:
    """Open a file, which may be compressed with gzip."""
    with file.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    return gzip.open(file) if packed else file.open("rb")


def _encoding_of(file: Path) -> str:
    """Return ``utf-8-sig``, or ``latin-1`` if the file is not valid UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _open(file) as content:
        block = content.read(_START)
        read_text(block)
        try:
            while block:
                decoder.decode(block)
                block = content.read(BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8-sig"


def _first_lines(file: Path, encoding: str) -> str:
    """Return the lines from which the columns are identified."""
    lines: list[str] = []
    rows = 0
    with io.TextIOWrapper(_open(file), encoding) as text:
        for line in text:
            lines.append(line)
            rows += bool(line.strip()) and not line.startswith("#")
            if rows == _HEAD:
                break
    return "".join(lines)


def _is_no_row(row: pacsv.InvalidRow) -> bool:
    """Return whether a line with another number of cells is blank or a comment."""
    text = (row.text or "").lstrip(' \t"')
    return not text.strip(',;\t" ') or text.startswith("#")


def _without_comments(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows that are neither blank nor comments, without their first column, which only tells that."""
    first, batch = batch.column(0), batch.select(range(1, batch.num_columns))
    if not pc.any(pc.match_substring_regex(pc.fill_null(first, ""), r"^\s*(#|$)")).as_py():
        return batch
    first, *columns = (pc.fill_null(pc.utf8_trim_whitespace(column), "") for column in (first, *batch.columns))
    is_comment = pc.and_(pc.starts_with(first, "#"), pc.not_equal(first, "#"))
    is_blank = reduce(pc.and_, [pc.equal(column, "") for column in columns])
    return batch.filter(pc.invert(pc.or_(is_comment, is_blank)))


_HEAD: Final = 200
"""Rows from which the columns are identified."""
_SEEN: Final = 1_000_000
"""Rows from which it is decided whether places are stations."""
_BATCH: Final = 131_072
"""Rows per batch of a Parquet file."""
_BUFFER: Final = 1 << 20
"""Bytes of a column of a Parquet file that are read at once; otherwise Arrow reads those of a whole row group."""
_NULLS: Final = sorted({variant for text in ABSENT for variant in (text, text.upper(), text.title(), "NaN")})


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of a file."""

    columns: dict[str, pa.Array]
    first: int
    source: Path
    layout: TableLayout


def read_batches(files: Sequence[Path], options: ReadingOptions, notes: Notes) -> Iterator[Batch]:
    """Yield the rows of all files, one file after another."""
    for file in files:
        try:
            yield from _read_parquet(file, options, notes) if is_parquet(file) else _read_csv(file, options, notes)
        except FileError as error:
            raise FileError.of(error, f"{file}: ") from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise FileError(f"{file}: damaged or truncated gzip file; download it again") from None
        except (pa.ArrowException, OSError) as error:
            raise FileError(f"{file}: cannot read it: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _read_parquet(file: Path, options: ReadingOptions, notes: Notes) -> Iterator[Batch]:
    # As a dataset, or read ahead, Arrow keeps the bytes of all row groups that it has read.
    with papq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False) as data:

        def read(names: Sequence[str], rows: int = _BATCH) -> Iterator[pa.RecordBatch]:
            for batch in data.iter_batches(rows, columns=names):
                yield batch.select(names)

        schema = data.schema_arrow
        repeated = [name for name, count in Counter(schema.names).items() if count > 1]
        if repeated:
            raise FileError(f"has several columns called {repeated[0]}; keep one of them")
        cells = _head(schema.names, read(schema.names, _HEAD))
        if cells.empty:
            return
        layout = _layout(Table("Parquet", cells), options, read)
        notes.add_all(file, layout.notes)
        first = 1
        names = _used(layout)
        for name in names:
            if pa.types.is_nested(schema.field(name).type):
                raise FileError(f"column {name} holds lists or structs; write one value per row")
        for batch in read(names):
            if batch.num_rows:
                yield Batch(dict(zip(names, batch.columns, strict=True)), first, file, layout)
            first += batch.num_rows


def _head(names: Sequence[str], batches: Iterator[pa.RecordBatch]) -> pd.DataFrame:
    """Return the first rows of a file as text; a batch may have few of them, since it ends with its row group."""
    texts: dict[str, list[str]] = {name: [] for name in names}
    count = 0
    for batch in batches:
        for name, column in zip(names, batch.columns, strict=True):
            texts[name] += texts_of(column)
        count += batch.num_rows
        if count >= _HEAD:
            break
    return pd.DataFrame(texts, dtype=str)


def texts_of(column: pa.Array) -> list[str]:
    """Return cells as they would be written in a CSV file."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s", getattr(column.type, "tz", None)), safe=False)
    return ["" if cell is None else _text(cell) for cell in column.to_pylist()]


def _text(cell: object) -> str:
    return pd.Timestamp(cell).isoformat() if isinstance(cell, pd.Timestamp) or hasattr(cell, "isoformat") else str(cell)  # type: ignore[arg-type]


def _used(layout: TableLayout) -> list[str]:
    single = [name for name in (layout.station, layout.units_column) if name is not None]
    return list(
        dict.fromkeys(
            [
                *layout.time,
                *single,
                *(layout.positions or ()),
                *layout.values,
                *layout.flags.values(),
                *(covariate.column for covariate in layout.weather),
            ]
        )
    )


def _read_csv(file: Path, options: ReadingOptions, notes: Notes) -> Iterator[Batch]:
    encoding = _encoding_of(file)
    head = _first_lines(file, encoding)
    table = table_of(head, options)
    if not table.is_csv:
        yield from _read_whole(file, options, notes)
        return
    names, separator = header(head)
    positions = {name: f"f{i}" for i, name in enumerate(table.names if table.nameless else names)}

    def read(names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        columns = ["f0", *(positions[name] for name in names)]
        above = int(table.cells.index[0]) - 1
        skipped, invalid = list[pacsv.InvalidRow](), list[pacsv.InvalidRow]()

        def handle(row: pacsv.InvalidRow) -> str:
            (skipped if _is_no_row(row) else invalid).append(row)
            return "error" if invalid else "skip"

        try:
            with _open(file) as content:
                batches = pacsv.open_csv(
                    content,
                    pacsv.ReadOptions(
                        block_size=BLOCK, autogenerate_column_names=True, use_threads=False,
                        skip_rows=above, encoding=encoding.removesuffix("-sig"),
                    ),
                    pacsv.ParseOptions(delimiter=separator, invalid_row_handler=handle),
                    pacsv.ConvertOptions(
                        column_types=dict.fromkeys(columns, pa.string()),
                        include_columns=columns,
                        null_values=_NULLS,
                        strings_can_be_null=True,
                    ),
                )  # fmt: skip
                rows = map(_without_comments, batches)
                yield from map(_with_points, rows) if table.decimal_commas else rows
        except pa.ArrowInvalid:
            if not invalid:
                raise
            raise FileError(_wrong_width(invalid[0], above + len(skipped))) from None

    layout = _layout(table, options, read)
    notes.add_all(file, (*table.notes, *layout.notes))
    wanted = _used(layout)
    first = 1
    for batch in read(wanted):
        yield Batch(dict(zip(wanted, batch.columns, strict=True)), first, file, layout)
        first += batch.num_rows
    if encoding == "latin-1":
        notes.add(file, "not valid UTF-8; read as Latin-1")


def _with_points(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Replace decimal commas by points."""
    columns = [pc.replace_substring_regex(column, DECIMAL_COMMA, r"\1.\2") for column in batch.columns]
    return pa.record_batch(columns, batch.schema.names)


def _read_whole(file: Path, options: ReadingOptions, notes: Notes) -> Iterator[Batch]:
    """Yield the rows of a file that is not CSV as one batch."""
    text, notes_on_text = read_text(file)
    table = table_of(text, options, notes_on_text)
    cells = {name: [None if cell.lower() in ABSENT else cell for cell in table.cells[name]] for name in table.names}
    columns = {name: pa.array(column, pa.string()) for name, column in cells.items()}
    layout = _layout(table, options, lambda names: [pa.record_batch([columns[name] for name in names], names)])
    notes.add_all(file, (*table.notes, *layout.notes))
    yield Batch({name: columns[name] for name in _used(layout)}, 1, file, layout)


def _wrong_width(row: pacsv.InvalidRow, above: int) -> str:
    place = f"row {row.number - above} ({row.text[:40]!r})"
    return f"{place} has {counted(row.actual_columns, 'column')}, but the first row has {row.expected_columns}; fix it"


def _layout(
    table: Table, options: ReadingOptions, read: Callable[[list[str]], Iterable[pa.RecordBatch]]
) -> TableLayout:
    """Return the meaning of the columns, by the first rows, or by later rows if those are ambiguous.

    ``read`` yields the named columns of all rows.
    """
    try:
        layout = find_layout(table, options)
    except AmbiguousOrderError:
        names = list(find_layout(table, replace(options, dates="dmy")).time)
        order = _order(read(names))
        if order is None:
            raise
        layout = find_layout(table, replace(options, dates=order))
    # A moving platform is one station.
    if layout.places is not None and not _repeat(read(list(layout.time))):
        layout = replace(layout, places=None)
    return layout


def _repeat(batches: Iterable[pa.RecordBatch]) -> bool:
    """Return whether times are repeated."""
    seen: list[pa.Array] = []
    for batch in batches:
        texts = [column.cast(pa.string()) for column in batch.columns]
        seen.append(pc.drop_null(pc.binary_join_element_wise(*texts, " ")))
        if sum(map(len, seen)) > _SEEN:
            break
    times = pa.chunked_array(seen, pa.string())
    return are_repeated(len(times) - pc.count_distinct(times).as_py(), len(times))


def _order(batches: Iterable[pa.RecordBatch]) -> DateOrder | None:
    """Return the order of day and month, by the first unambiguous date."""
    for column in (column for batch in batches for column in batch.columns):
        texts = column.cast(pa.string())
        for order, form in UNAMBIGUOUS.items():
            if pc.any(pc.match_substring_regex(texts, form)).as_py():
                return order
    return None
