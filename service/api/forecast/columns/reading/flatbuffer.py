"""Reads the head of an Arrow message, before the message itself is trusted: its kind and the sizes of its body.

The layout is that of FlatBuffers, with the tables of Arrow's ``Message.fbs``.
"""

import struct
from http import HTTPStatus
from typing import Final, NamedTuple

from service.http.problems import ProblemError

SCHEMA: Final = 1
DICTIONARY: Final = 2
RECORD_BATCH: Final = 3
"""Kinds of messages."""

_UNCOMPRESSED: Final = -1
"""In place of the size of a buffer that is stored as it is, among others that are compressed."""


class MessageHead(NamedTuple):
    """What the metadata of a message says.

    Attributes:
        kind: of the message; see :data:`SCHEMA` and the others.
        body_size: bytes of its body.
        rows: of a record batch or a dictionary.
        dictionary: number of the dictionary; None for another kind.
        is_delta: whether it continues a dictionary.
        buffers: offset and size of each compressed buffer in the body; empty if the body is not compressed.
    """

    kind: int
    body_size: int
    rows: int = 0
    dictionary: int | None = None
    is_delta: bool = False
    buffers: tuple[tuple[int, int], ...] = ()


def invalid_stream(reason: str) -> ProblemError:
    """Return the refusal of a body that is not an Arrow stream."""
    return ProblemError(HTTPStatus.BAD_REQUEST, f"the body is not a valid Arrow stream: {reason}")


def read_head(metadata: bytes) -> MessageHead:
    """Read the metadata of a message.

    Raises:
        ProblemError: 400 if it cannot be read.
    """
    try:
        return _head(metadata)
    except (struct.error, ValueError):
        raise invalid_stream("the metadata of a message is corrupt") from None


def _head(metadata: bytes) -> MessageHead:
    message = _Table(metadata, _at("<I", metadata, 0))
    kind, body_size = message.number(1, "<B"), message.number(3, "<q")
    if body_size < 0:
        raise ValueError
    if kind == RECORD_BATCH:
        batch = message.table(2)
        return MessageHead(kind, body_size, batch.number(0, "<q"), buffers=_compressed(batch))
    if kind == DICTIONARY:
        dictionary = message.table(2)
        batch = dictionary.table(1)
        rows, number, is_delta = batch.number(0, "<q"), dictionary.number(0, "<q"), dictionary.number(2, "<B")
        return MessageHead(kind, body_size, rows, number, bool(is_delta), _compressed(batch))
    return MessageHead(kind, body_size)


def _compressed(batch: "_Table") -> tuple[tuple[int, int], ...]:
    if not batch.has(3):
        return ()
    return batch.pairs(2)


def plain_size(head: MessageHead, body: bytes | memoryview) -> int:
    """Return the bytes that the compressed buffers of a message take once they are decompressed.

    Raises:
        ProblemError: 400 if a buffer is not inside the body.
    """
    total = 0
    for offset, size in head.buffers:
        if offset < 0 or size < 0 or offset + size > len(body):
            raise invalid_stream("a buffer is outside its message")
        if size >= 8:
            (plain,) = struct.unpack_from("<q", body, offset)
            total += size if plain == _UNCOMPRESSED else max(plain, 0)
    return total


def _at(form: str, data: bytes, at: int) -> int:
    if at < 0:
        raise ValueError
    value: int = struct.unpack_from(form, data, at)[0]
    return value


class _Table:
    """A table in a buffer."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._fields = at - _at("<i", data, at)
        self._size = _at("<H", data, self._fields)

    def _place(self, field: int) -> int | None:
        """Return where the value of a field is; None if the field is not there."""
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return None
        offset = _at("<H", self._data, self._fields + entry)
        return self._at + offset if offset else None

    def has(self, field: int) -> bool:
        """Whether a field is there."""
        return self._place(field) is not None

    def number(self, field: int, form: str) -> int:
        """Return the number in a field; 0 if it is not there."""
        place = self._place(field)
        return 0 if place is None else _at(form, self._data, place)

    def table(self, field: int) -> "_Table":
        """Return the table that a field refers to."""
        place = self._place(field)
        if place is None:
            raise ValueError
        return _Table(self._data, place + _at("<I", self._data, place))

    def pairs(self, field: int) -> tuple[tuple[int, int], ...]:
        """Return the pairs of long integers in the vector that a field refers to."""
        place = self._place(field)
        if place is None:
            return ()
        begin = place + _at("<I", self._data, place)
        count = _at("<I", self._data, begin)
        if begin + 4 + 16 * count > len(self._data):
            raise ValueError
        numbers = struct.unpack_from(f"<{2 * count}q", self._data, begin + 4)
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))
