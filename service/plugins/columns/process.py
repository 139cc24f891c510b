"""Reads columnar bodies in a process of its own: a damaged one can end the process that decodes it.

    python -m service.plugins.columns.process

reads one body after another from standard input: a line of JSON with the arguments of :func:`read_body`, and then the
pieces of the body, each after its length in four bytes; the length 0 ends it. It writes the rows to standard output as
:func:`~service.plugins.columns.rows.write_rows` does, or a line with the reason why a body is refused. If
pyarrow has refused it, the process ends.
"""

import json
import os
import struct
from collections.abc import Iterator
from io import BufferedReader, FileIO
from typing import BinaryIO, Final

import pyarrow as pa

from forecasting.process_limits import limit_memory, limit_time, take_output
from service.plugins.columns.rows import (
    TOO_LARGE,
    RefusedError,
    Rows,
    check_columns,
    read_rows,
    write_rows,
)

MAX_PLAIN: Final = 16 * 2**20
"""Bytes of a compressed record batch once it is decompressed, and of the categories of IDs."""

_MEMORY: Final = 2**30
"""Bytes that decoding may take."""

_PROCESSOR_SECONDS: Final = 120
"""Computing time for one body."""

_MAX_PARTS: Final = 512
"""Record batches whose rows are written together."""

_MAX_REASON: Final = 200
_START: Final = 8
_CONTINUATION: Final = b"\xff\xff\xff\xff"


class _Body:
    """A body that comes in piece by piece; pyarrow reads from it as from a file."""

    closed = False

    def __init__(self, source: "BufferedReader[FileIO]", limit: int) -> None:
        self._source = source
        self._limit = limit
        self._left: int | None = None
        """Bytes of the current piece that have not been read; None at the end of the body."""
        self._returned = b""
        self.taken = 0
        self.is_begun = False
        self._next_piece()

    def _next_piece(self) -> None:
        (size,) = struct.unpack("<I", self._source.read(4))
        self._left = size or None

    @property
    def is_over(self) -> bool:
        """Whether everything has been read."""
        return self._left is None and not self._returned

    def read(self, size: int = -1) -> bytes | bytearray:
        """Return the next ``size`` bytes."""
        if self._returned:
            returned, self._returned = self._returned[:size], self._returned[size:]
            return returned
        if size > self._limit:
            raise _too_large("record batch", size, self._limit)
        view = memoryview(content := bytearray(size))
        while view:
            if self._left is None:
                remedy = ": close the writer before you send the stream, so that it is complete" * self.is_begun
                raise RefusedError(f"it ends too early and may be truncated{remedy}")
            view = view[self._read_into(view) :]
        self.taken += size
        return content

    def _read_into(self, view: memoryview) -> int:
        assert self._left is not None
        count = self._source.readinto(view[: self._left])
        self._left -= count
        if not self._left:
            self._next_piece()
        return count

    def give_back(self, content: bytes | bytearray) -> None:
        """Have the next bytes read once more."""
        self._returned = bytes(content)

    def skip(self) -> None:
        """Leave out the rest."""
        while self._left is not None:
            self._source.read(self._left)
            self._next_piece()

    def close(self) -> None:
        """Do nothing."""


def read_body(body: _Body, rows: int) -> Iterator[list[Rows]]:
    """Yield the rows of a body in lists of about as many ``rows``; large record batches are divided."""
    waiting: list[Rows] = []
    count = 0
    for batch in _batches(body):
        batch.validate(full=True)
        for begin in range(0, batch.num_rows, rows):
            part = batch.slice(begin, rows)
            if waiting and (count + part.num_rows > rows or len(waiting) == _MAX_PARTS):
                yield waiting
                waiting, count = [], 0
            waiting.append(_checked(read_rows(part)))
            count += part.num_rows
    if waiting:
        yield waiting


def _checked(rows: Rows) -> Rows:
    if rows.ids.nbytes > MAX_PLAIN:
        raise RefusedError(f"the ids of a record batch have {rows.ids.nbytes} bytes: send shorter ones", TOO_LARGE)
    return rows


def _batches(body: _Body) -> Iterator[pa.RecordBatch]:
    if body.is_over:
        raise RefusedError("it is empty")
    start = body.read(_START)
    if start.startswith(b"ARROW1"):
        raise RefusedError("it is an Arrow file; write it as a stream (pyarrow.ipc.new_stream, write_ipc_stream)")
    if start.startswith(b"PAR1"):
        raise RefusedError("it is a Parquet file; read it and send an Arrow stream, or forecast it with sst score")
    if not start.startswith(_CONTINUATION):
        raise RefusedError("a message does not begin with the continuation marker 0xFFFFFFFF")
    if not any(start[4:]):
        raise RefusedError("it has no schema")
    body.give_back(start)
    stream = pa.ipc.open_stream(pa.PythonFile(body, mode="r"), options=pa.ipc.IpcReadOptions(use_threads=False))
    body.is_begun = True
    check_columns(stream.schema)
    before = body.taken
    for batch in stream:
        _check_size(batch, body.taken - before)
        yield batch
        before = body.taken
    if not body.is_over:
        raise RefusedError("there is data after its end: send one stream")


def _check_size(batch: pa.RecordBatch, stored: int) -> None:
    """Refuse a record batch of ``stored`` bytes that is too large once it is decompressed."""
    # pyarrow 23 cannot tell the nbytes of string views.
    dictionaries = (column.dictionary for column in batch.columns if isinstance(column, pa.DictionaryArray))
    entries = sum(entries.get_total_buffer_size() for entries in dictionaries)
    arrays = (column.indices if isinstance(column, pa.DictionaryArray) else column for column in batch.columns)
    plain = sum(array.get_total_buffer_size() for array in arrays)
    for size, kind in ((entries, "set of dictionaries"), (plain if plain > stored else 0, "decompressed message")):
        if size > MAX_PLAIN:
            raise _too_large(kind, size, MAX_PLAIN)


def _too_large(kind: str, size: int, limit: int) -> RefusedError:
    return RefusedError(
        f"a {kind} of the Arrow stream has {size} bytes; the limit is {limit}: write smaller record batches, such as "
        "write_table(table, max_chunksize=65536)",
        TOO_LARGE,
    )


def _respond(body: _Body, rows: int, out: BinaryIO) -> None:
    """Write the rows of a body; the arguments are those of :func:`read_body`."""
    waiting: list[Rows] = []
    for parts in read_body(body, rows):
        if waiting:
            write_rows(waiting, out, is_last=False)
        waiting = parts
    write_rows(waiting, out, is_last=True)


def _refusal_of(error: Exception) -> RefusedError:
    """Return the refusal of a body that pyarrow could not read."""
    if isinstance(error, MemoryError):
        return RefusedError(
            f"the body is too large: decoding takes more than {_MEMORY // 2**20} MiB of memory: write smaller "
            "record batches",
            TOO_LARGE,
        )
    return RefusedError((" ".join(str(error).split()) or type(error).__name__)[:_MAX_REASON])


def _refuse(error: RefusedError, out: BinaryIO, *, is_end: bool) -> None:
    refusal = {"refused": str(error), "status": error.status, "column": error.column, "is_end": is_end}
    out.write(json.dumps(refusal).encode() + b"\n")
    out.flush()


def main() -> None:
    """Read bodies until there are no more, or one is refused."""
    out = take_output()
    limit_memory(_MEMORY)
    source = BufferedReader(FileIO(0))
    while request := source.readline():
        limit_time(_PROCESSOR_SECONDS)
        arguments = json.loads(request)
        body = _Body(source, arguments["limit"])
        try:
            _respond(body, arguments["rows"], out)
        except RefusedError as error:
            _refuse(error, out, is_end=False)
            body.skip()
        except (pa.ArrowException, OSError, MemoryError, ValueError, TypeError, LookupError) as error:
            _refuse(_refusal_of(error), out, is_end=True)
            os._exit(0)


if __name__ == "__main__":
    main()
