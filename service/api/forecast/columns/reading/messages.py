"""Cuts an Arrow stream into its messages as it arrives, with bounded memory."""

import struct
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Receive

from service.api.forecast.columns.reading.flatbuffer import (
    DICTIONARY,
    RECORD_BATCH,
    SCHEMA,
    MessageHead,
    invalid_stream,
    plain_size,
    read_head,
)
from service.api.forecast.columns.spool import Spool, SpoolSpace
from service.http.bodies import part_of
from service.http.problems import ProblemError

MAX_METADATA: Final = 2**20
"""Bytes of the metadata of one message."""

MAX_PLAIN: Final = 16 * 2**20
"""Bytes of one compressed message once it is decompressed, and of all dictionaries together."""

_MAX_IN_MEMORY: Final = 2**20
"""Bytes of a message; a larger one goes into a temporary file."""

_CONTINUATION: Final = b"\xff\xff\xff\xff"
_FILE_MAGIC: Final = b"ARROW1"
_PARQUET_MAGIC: Final = b"PAR1"


class StreamMessage(NamedTuple):
    """A whole message of the stream.

    Attributes:
        kind: schema, dictionary or record batch.
        rows: of a record batch.
        content: the message with its prefix, in one piece or two.
        plain_size: bytes of its body once it is decompressed.
    """

    kind: int
    rows: int
    content: tuple[bytes | memoryview, ...]
    plain_size: int


class Arrival(NamedTuple):
    """Messages that have arrived together, perhaps none.

    Attributes:
        messages: whole ones, in order.
        is_last: whether the stream has ended with them.
    """

    messages: list[StreamMessage]
    is_last: bool


BodyPiece = tuple[bytes, bool]
"""A piece of a body, and whether it is the last."""


async def receive_pieces(receive: Receive) -> AsyncIterator[BodyPiece]:
    """Yield the body piece by piece.

    Raises:
        ProblemError: 400 if the client disconnects before sending the whole body.
    """
    more = True
    while more:
        piece, more = part_of(await receive())
        yield piece, not more


async def read_messages(body: AsyncIterator[BodyPiece], space: SpoolSpace) -> AsyncGenerator[Arrival]:
    """Yield the messages of a stream as soon as they have arrived.

    Nothing is received while a message is processed, so a client that sends too fast has to wait. Messages that arrive
    together have little more than :data:`MAX_PLAIN` bytes, since they are decompressed together.

    Raises:
        ProblemError: 400 if the body is not a whole Arrow stream; 413 if a message is too large.
    """
    cutter = _Cutter(space)
    try:
        async for piece, is_last in body:
            messages: list[StreamMessage] = []
            size = 0
            for message in cutter.cut(piece):
                messages.append(message)
                size += message.plain_size
                if cutter.holds_file or size > MAX_PLAIN:
                    yield Arrival(messages, is_last=False)
                    messages, size = [], 0
            if is_last:
                cutter.end()
            yield Arrival(messages, is_last)
    finally:
        cutter.close()


class _Cutter:
    """Cuts pieces of a body into messages."""

    def __init__(self, space: SpoolSpace) -> None:
        self._space = space
        self._begun = bytearray()
        """The prefix and metadata of the message that is arriving."""
        # Not a list of pieces: of tiny ones, it would take hundreds of times their size.
        self._body = bytearray()
        """What has arrived of its body, if that is small."""
        self._body_size = 0
        self._head: MessageHead | None = None
        self._metadata_end = 0
        self._spool: Spool | None = None
        self._is_ended = False
        self._kinds = 0
        self._dictionaries: dict[int, int] = {}

    def cut(self, piece: bytes) -> Iterator[StreamMessage]:
        """Yield the messages that end in ``piece``."""
        rest = memoryview(piece)
        while rest:
            if self._is_ended:
                raise invalid_stream("there is data after its end: send one stream")
            missing = self._missing()
            part, rest = rest[:missing], rest[missing:]
            self._keep(part)
            if len(part) == missing:
                message = self._advance()
                if message is not None:
                    yield message
                    del message
                    self.close()

    def _keep(self, part: memoryview) -> None:
        if self._head is None:
            self._begun += part
            return
        self._body_size += len(part)
        if self._spool is None:
            self._body += part
        else:
            self._spool.write(part)

    def _missing(self) -> int:
        """Return how many bytes are missing until the next decision."""
        if self._head is not None:
            return self._head.body_size - self._body_size
        return (8 if len(self._begun) < 8 else self._metadata_end) - len(self._begun)

    def _advance(self) -> StreamMessage | None:
        """Decide what follows after the bytes so far; return a message if it is whole."""
        if self._head is None and len(self._begun) == 8:
            self._begin()
            return None
        if self._head is None:
            self._head = read_head(bytes(self._begun[8:]))
            self._check(self._head)
            if self._head.body_size > _MAX_IN_MEMORY:
                self._spool = Spool(self._space)
            if self._head.body_size:
                return None
        return self._end_message(self._head)

    def _begin(self) -> None:
        """Read the prefix of a message."""
        if self._begun[:6] == _FILE_MAGIC:
            raise invalid_stream("it is an Arrow file; write it as a stream (pyarrow.ipc.new_stream, write_ipc_stream)")
        if self._begun[:4] == _PARQUET_MAGIC:
            raise invalid_stream("it is a Parquet file; send it with Content-Type: application/vnd.apache.parquet")
        if self._begun[:4] != _CONTINUATION:
            raise invalid_stream("a message does not begin with the continuation marker 0xFFFFFFFF")
        (size,) = struct.unpack_from("<i", self._begun, 4)
        if size == 0:
            self._is_ended = True
            if not self._kinds:
                raise invalid_stream("it has no schema")
        elif size < 0 or size > MAX_METADATA:
            raise invalid_stream(f"the metadata of a message has {size} bytes; the limit is {MAX_METADATA}")
        self._metadata_end = 8 + size
        if self._is_ended:
            self._begun.clear()

    def _check(self, head: MessageHead) -> None:
        """Refuse a message that is out of place or too large."""
        if head.kind not in (SCHEMA, DICTIONARY, RECORD_BATCH):
            raise invalid_stream("it holds a message that is not a schema, a dictionary or a record batch")
        if (head.kind == SCHEMA) != (self._kinds == 0):
            raise invalid_stream("it must begin with exactly one schema")
        self._kinds += 1
        if head.kind == SCHEMA and head.body_size:
            raise invalid_stream("the schema has a body")
        if head.kind == DICTIONARY:
            self._refuse_large(head.body_size, MAX_PLAIN, "dictionary")
        self._refuse_large(head.body_size, self._space.limit, "record batch")

    def _refuse_large(self, size: int, limit: int, kind: str) -> None:
        if size > limit:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a {kind} of the Arrow stream has {size} bytes; the limit is {limit}: write smaller record "
                "batches, such as write_table(table, max_chunksize=65536)",
                headers={"Connection": "close"},
                reason="body_too_large",
            )

    def _end_message(self, head: MessageHead) -> StreamMessage:
        # The message keeps the bytes: the next body goes into others.
        body = memoryview(self._body) if self._spool is None else self._spool.map()
        plain = plain_size(head, body) if head.buffers else head.body_size
        if head.buffers:
            self._refuse_large(plain, MAX_PLAIN, "decompressed message")
        if head.dictionary is not None:
            before = self._dictionaries.get(head.dictionary, 0) if head.is_delta else 0
            self._dictionaries[head.dictionary] = before + plain
            self._refuse_large(sum(self._dictionaries.values()), MAX_PLAIN, "set of dictionaries")
        if head.kind != RECORD_BATCH and self._spool is not None:
            # A dictionary is used until the end of the stream, when its temporary file is gone.
            body = memoryview(bytes(body))
        content = (bytes(self._begun), body) if len(body) else (bytes(self._begun),)
        self._begun.clear()
        self._body = bytearray()
        self._body_size = 0
        self._head = None
        return StreamMessage(head.kind, head.rows, content, plain)

    def end(self) -> None:
        """Refuse a body that has ended too early."""
        if not self._is_ended:
            reason = "it is empty" if not self._kinds and not self._begun else "it ends too early and may be truncated"
            remedy = "" if not self._kinds else ": close the writer before you send the stream, so that it is complete"
            raise invalid_stream(f"{reason}{remedy}")

    @property
    def holds_file(self) -> bool:
        """Whether the last message is in a temporary file."""
        return self._spool is not None

    def close(self) -> None:
        """Delete the temporary file of the last message."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
