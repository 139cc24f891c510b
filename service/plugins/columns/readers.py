"""Columnar bodies, read by processes that are limited in memory and time, and reused while they meet no bad body."""

import asyncio
import json
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Receive

from service.http.bodies import part_of
from service.http.problems import Place, ProblemError
from service.plugins.columns.rows import INVALID, TOO_LARGE, Rows, rows_of
from service.worker.children import Child, Children

_MODULE: Final = "service.plugins.columns.process"

_AT_ONCE: Final = 4
"""Bodies that are read at once."""

_MAX_IDLE: Final = 2
"""Processes that wait for the next body."""

_REUSABLE: Final = 16 * 2**20
"""Bytes of a body after which a process is ended, as it may keep the memory."""

_MAX_COLLECTED: Final = 2**20
"""Bytes of a body that wait for the rest, so that a slow client holds no process."""

_MAX_ROWS_BYTES: Final = 2**26
"""Bytes of rows that are received at once: more than a process writes."""

_LENGTH: Final = struct.Struct("<I")
_END: Final = _LENGTH.pack(0)


class ReadRows(NamedTuple):
    """Rows that have been read."""

    parts: list[Rows]
    is_last: bool


_NOTHING: Final = ReadRows([], is_last=False)

_Piece = tuple[bytes, bool]
"""A piece of a body, and whether it is the last."""


class ColumnReaders(Children):
    """Reads columnar bodies, some at once, of which a caller may have a share."""

    def __init__(self, caller_share: float) -> None:
        super().__init__(("-m", _MODULE), at_once=_AT_ONCE, max_idle=_MAX_IDLE, caller_share=caller_share)

    async def read(self, receive: Receive, rows: int, limit: int, caller: str) -> AsyncGenerator[ReadRows]:
        """Yield the rows of a body as it comes in, about as many ``rows`` at a time; none when there is progress."""
        pieces = _pieces(receive)
        # Not a list of pieces: of tiny ones, it would take hundreds of times their size.
        begun, is_whole = bytearray(), False
        while not is_whole and len(begun) <= _MAX_COLLECTED:
            piece, is_whole = await anext(pieces)
            begun += piece
            yield _NOTHING
        async with self.lend(caller) as child:
            body = _Body(child, rows, limit)
            body.write(begun, is_last=is_whole)
            del begun
            async with aclosing(body.read_whole() if is_whole else body.read_on(pieces)) as read:
                async for each in read:
                    yield each


class _Body:
    """A body that a process reads."""

    def __init__(self, child: Child, rows: int, limit: int) -> None:
        """Begin the body; the arguments are those of :meth:`ColumnReaders.read`."""
        self._child = child
        self._written = 0
        self._is_whole = False
        """Whether all of the body has been written."""
        child.is_reusable = False
        child.stdin.write(json.dumps({"rows": rows, "limit": limit}).encode() + b"\n")

    def write(self, piece: bytes | bytearray, *, is_last: bool = False) -> None:
        """Pass on a piece of the body."""
        self._written += len(piece)
        # A process that has refused the body reads no more.
        if not self._child.stdin.is_closing():
            end = _END if is_last else b""
            self._child.stdin.writelines([_LENGTH.pack(len(piece)), piece, end] if piece else [end])

    async def read_on(self, body: AsyncIterator[_Piece]) -> AsyncGenerator[ReadRows]:
        """Yield the rows while the rest of the ``body`` comes in."""

        async def pass_on() -> bool:
            piece, is_last = await anext(body)
            self.write(piece, is_last=is_last)
            with suppress(ConnectionError):
                await self._child.stdin.drain()
            return is_last

        reading = asyncio.ensure_future(self._rows())
        writing: asyncio.Future[bool] | None = asyncio.ensure_future(pass_on())
        try:
            while True:
                await asyncio.wait([task for task in (reading, writing) if task], return_when=asyncio.FIRST_COMPLETED)
                if writing is not None and writing.done():
                    writing = None if writing.result() else asyncio.ensure_future(pass_on())
                if not reading.done():
                    yield _NOTHING
                    continue
                rows = reading.result()
                yield rows
                if rows.is_last:
                    return
                reading = asyncio.ensure_future(self._rows())
        finally:
            tasks = [task for task in (reading, writing) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def read_whole(self) -> AsyncGenerator[ReadRows]:
        """Yield the rows of a body that has been written."""
        rows, self._is_whole = _NOTHING, True
        while not rows.is_last:
            rows = await self._rows()
            yield rows

    async def _rows(self) -> ReadRows:
        with suppress(ValueError, LookupError, TypeError, EOFError):
            line = json.loads(await self._child.stdout.readline())
            if "refused" in line:
                self._child.is_reusable = self._is_whole and not line["is_end"]
                raise self._refusal(line["refused"], line["status"], line["column"])
            if line["bytes"] <= _MAX_ROWS_BYTES:
                parts = rows_of(line["sizes"], await self._child.stdout.readexactly(line["bytes"]))
                is_last = bool(line["is_last"])
                self._child.is_reusable = is_last and self._written <= _REUSABLE
                return ReadRows(parts, is_last)
        raise self._refusal("it is damaged, and cannot be decoded", INVALID)

    def _refusal(self, reason: str, status: int, column: str | None = None) -> ProblemError:
        if status == TOO_LARGE:
            headers = {"Connection": "close"}
            return ProblemError(HTTPStatus(status), reason, headers=headers, reason="body_too_large")
        if column is None:
            return ProblemError(HTTPStatus(status), f"the body is not a valid Arrow stream: {reason}")
        places = [Place(location=f"body.{column}", message=reason)]
        return ProblemError(HTTPStatus(status), reason, places)


async def _pieces(receive: Receive) -> AsyncGenerator[_Piece]:
    more = True
    while more:
        piece, more = part_of(await receive())
        yield piece, not more
