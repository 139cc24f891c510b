"""Reads a Parquet body, which has to be whole before it can be read: it is kept in a temporary file meanwhile."""

import struct
from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as papq
from starlette.types import Receive

from service.api.forecast.columns.arrow_stream import refusing_invalid
from service.api.forecast.columns.layout import Layout
from service.api.forecast.columns.messages import receive_bytes
from service.api.forecast.columns.pages import check_pages, invalid_file
from service.api.forecast.columns.spool import Spool
from service.http.bodies import too_large

_MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_MAX_FOOTER: Final = 4 * 2**20
_MAX_ENTRIES: Final = 100_000
"""Entries of a list in the footer, such as columns and row groups."""


async def receive_file(receive: Receive, spool: Spool, limit: int) -> None:
    """Write a whole body to ``spool``.

    Raises:
        ProblemError: 400 if the client disconnects before; 413 above ``limit`` bytes; 503 if there is no space.
    """
    async for piece in receive_bytes(receive):
        if spool.size + len(piece) > limit:
            raise too_large(limit)
        spool.write(piece)


class ParquetReader:
    """Reads the rows of a file.

    Attributes:
        layout: the columns of the record batches.
    """

    def __init__(self, content: memoryview, rows: int) -> None:
        """Open a file whose ``rows`` are read so many at a time.

        Raises:
            ProblemError: 400 if it is not valid; 413 if a part of it is too large; 422 if the columns are others.
        """
        _check_footer(content)
        with refusing_invalid(invalid_file):
            file = papq.ParquetFile(
                pa.BufferReader(pa.py_buffer(content)),
                pre_buffer=False,
                thrift_string_size_limit=_MAX_FOOTER,
                thrift_container_size_limit=_MAX_ENTRIES,
            )
            schema = file.schema_arrow
            layout = Layout.of(schema)
            # In the order of the file, which is that of the record batches.
            names = [schema.field(place).name for place in sorted(place for place in layout if place is not None)]
            check_pages(content, file.metadata, frozenset(names))
            self.layout = Layout.of(pa.schema([schema.field(name) for name in names]))
            self._batches: Iterator[pa.RecordBatch] = file.iter_batches(rows, columns=names, use_threads=False)

    def read(self) -> pa.RecordBatch | None:
        """Return the next rows; None at the end.

        Raises:
            ProblemError: 400 if they are not valid.
        """
        with refusing_invalid(invalid_file):
            batch = next(self._batches, None)
            if batch is not None:
                batch.validate(full=True)
            return batch


def _check_footer(content: memoryview) -> None:
    """Refuse a body that does not begin and end as a file does, or has a large footer."""
    if not content:
        raise invalid_file("it is empty")
    if bytes(content[:4]) == _ENCRYPTED:
        raise invalid_file("it is encrypted")
    if bytes(content[:4]) != _MAGIC:
        raise invalid_file("it does not begin with PAR1")
    if len(content) < 12 or bytes(content[-4:]) != _MAGIC:
        raise invalid_file("it does not end with PAR1, and may be cut off")
    (size,) = struct.unpack("<I", content[-8:-4])
    if size > _MAX_FOOTER:
        raise invalid_file(f"its footer has {size} bytes; at most {_MAX_FOOTER} are taken: write larger row groups")
    if size > len(content) - 12:
        raise invalid_file("its footer is larger than the file")
