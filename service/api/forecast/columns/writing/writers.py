"""Write record batches as an Arrow stream or a Parquet file, piece by piece."""

from typing import Final, Protocol

import pyarrow as pa
import pyarrow.parquet as papq

from service.api.forecast.columns.writing.form import AnswerForm
from service.api.forecast.columns.writing.table import error_batch
from service.http.media import ARROW_TYPE

_GROUP_ROWS: Final = 65_536
"""Rows of a row group in Parquet."""


class Writer(Protocol):
    """Writes the record batches of one answer. Every method returns the bytes that are ready to be sent."""

    def write(self, batch: pa.RecordBatch) -> bytes:
        """Write a batch."""

    def end(self, series: int, failed: int) -> bytes:
        """End the answer, which says how many series it has, and how many of them failed."""

    def abort(self, message: str) -> bytes:
        """Leave the answer without its end, and say why as far as the form allows."""


class ArrowWriter:
    """Writes an Arrow stream, whose last record batch has no rows and the counts as metadata."""

    def __init__(self, form: AnswerForm) -> None:
        self._form = form
        self._has_begun = False

    def write(self, batch: pa.RecordBatch) -> bytes:
        """See :class:`Writer`."""
        return self._begun(batch.serialize())

    def end(self, series: int, failed: int) -> bytes:
        """See :class:`Writer`."""
        return self._begun(self._form.stream_end(series, failed))

    def abort(self, message: str) -> bytes:
        """See :class:`Writer`. The last row has no station, and the message as its error."""
        return self._begun(error_batch(message, self._form).serialize())

    def _begun(self, message: pa.Buffer | bytes) -> bytes:
        """Return ``message``, after the head if that is still missing."""
        head = b"" if self._has_begun else self._form.head
        self._has_begun = True
        return b"".join([head, message])


class ParquetWriter:
    """Writes a Parquet file, whose metadata has the counts."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = _Sink()
        self._file = papq.ParquetWriter(self._sink, schema)
        self._batches: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> bytes:
        """See :class:`Writer`. Batches wait until there are enough rows for a row group."""
        self._batches.append(batch)
        if sum(waiting.num_rows for waiting in self._batches) >= _GROUP_ROWS:
            self._write_group()
        return self._sink.drain()

    def end(self, series: int, failed: int) -> bytes:
        """See :class:`Writer`."""
        if self._batches:
            self._write_group()
        self._file.add_key_value_metadata({"series": str(series), "failed": str(failed)})
        self._file.close()
        return self._sink.drain()

    def abort(self, message: str) -> bytes:
        """See :class:`Writer`. A Parquet file without its end cannot be read."""
        return b""

    def _write_group(self) -> None:
        self._file.write_table(pa.Table.from_batches(self._batches, self._schema).combine_chunks())
        self._batches = []


def writer_of(media_type: str, form: AnswerForm) -> Writer:
    """Return the writer of an answer with these columns."""
    return ArrowWriter(form) if media_type == ARROW_TYPE else ParquetWriter(form.schema)


class _Sink:
    """A file that pyarrow writes to, from which the bytes are taken as they come."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, piece: "pa.Buffer | bytes") -> int:
        """Keep ``piece``."""
        content = bytes(piece)
        self._pieces.append(content)
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        """Return how many bytes have been written in all."""
        return self._size

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def drain(self) -> bytes:
        """Return what has been written since the last call."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
