"""Reads the record batches of an Arrow stream from its messages."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from service.api.forecast.columns.reading.flatbuffer import RECORD_BATCH, invalid_stream
from service.api.forecast.columns.reading.layout import Layout
from service.api.forecast.columns.reading.messages import StreamMessage
from service.http.problems import ProblemError

MAX_ROWS = 2**27
"""Rows of one record batch: more than any body can hold with values."""

_MAX_SHOWN = 200
_MAX_CACHED = 4_096


class ArrowReader:
    """Decodes messages; it keeps the schema and the dictionaries.

    Attributes:
        layout: the columns; None before the schema.
    """

    def __init__(self) -> None:
        self.layout: Layout | None = None
        self._fed = _Fed()
        self._stream: pa.RecordBatchReader | None = None
        self._has_new_dictionary = True
        """Whether a dictionary may have come since the last record batch."""

    @staticmethod
    def check_schema(message: StreamMessage) -> None:
        """Check the first message, without reading it.

        Raises:
            ProblemError: 400 if it is no schema; 422 if its columns cannot be used.
        """
        with refusing_invalid():
            _layout_of(message)

    def read(self, messages: Iterable[StreamMessage]) -> list[pa.RecordBatch]:
        """Read the next messages, and return the record batches among them, validated.

        Raises:
            ProblemError: 400 if they are invalid; 422 if the columns are not those of a request.
        """
        with refusing_invalid():
            return [batch for message in messages if (batch := self._take(message)) is not None]

    def _take(self, message: StreamMessage) -> pa.RecordBatch | None:
        self._fed.pieces.extend(message.content)
        if self._stream is None:
            self._stream = pa.ipc.open_stream(pa.PythonFile(self._fed, mode="r"))
            self.layout = _layout_of(message)
            return None
        if message.kind != RECORD_BATCH:
            self._has_new_dictionary = True
            return None
        if not 0 <= message.rows <= MAX_ROWS:
            raise invalid_stream(f"a record batch has {message.rows} rows; the limit is {MAX_ROWS}")
        batch = self._stream.read_next_batch()
        if batch.num_rows > MAX_ROWS:
            raise invalid_stream("a record batch does not have the number of rows that it states")
        if self._has_new_dictionary:
            batch.validate(full=True)
            self._has_new_dictionary = False
        else:
            _validate_rows(batch)
        return batch


def _layout_of(message: StreamMessage) -> Layout:
    content = b"".join(message.content)
    return (_layout if len(content) <= _MAX_CACHED else _layout.__wrapped__)(content)


def _validate_rows(batch: pa.RecordBatch) -> None:
    """Validate a record batch whose dictionaries were validated with another: all of their entries take long."""
    batch.validate()
    for column in batch.columns:
        if not isinstance(column, pa.DictionaryArray):
            column.validate(full=True)
            continue
        column.indices.validate(full=True)
        least, greatest = pc.min_max(column.indices).as_py().values()
        if least is not None and not 0 <= least <= greatest < len(column.dictionary):
            raise invalid_stream("a record batch refers to an entry that its dictionary does not have")


@lru_cache(maxsize=64)
def _layout(schema_message: bytes) -> Layout:
    """Cached, because the bodies of one client have the same schema."""
    return Layout.of(pa.ipc.read_schema(pa.py_buffer(schema_message)))


@contextmanager
def refusing_invalid(refusal: Callable[[str], ProblemError] = invalid_stream) -> Iterator[None]:
    """Turn the errors of pyarrow into a ``refusal`` with the reason."""
    try:
        yield
    except (pa.ArrowException, OSError, MemoryError, StopIteration, ValueError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise refusal(reason[:_MAX_SHOWN]) from None


class _Fed:
    """A file that gives pyarrow what has been fed, without copying it."""

    closed = False

    def __init__(self) -> None:
        self.pieces = deque[bytes | memoryview]()

    def read(self, size: int = -1) -> bytes | memoryview:
        """Return the next ``size`` bytes, or fewer at the end of a piece; empty without pieces."""
        if size <= 0 or not self.pieces:
            return b""
        piece = memoryview(self.pieces[0])
        if size >= len(piece):
            self.pieces.popleft()
        else:
            self.pieces[0] = piece[size:]
        return piece[:size]

    def close(self) -> None:
        """Do nothing."""
