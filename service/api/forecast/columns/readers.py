"""Columnar bodies, read by processes that are limited in memory and time, and reused while they meet no bad body."""

import asyncio
import json
import os
import struct
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from http import HTTPStatus
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from starlette.types import Receive

from service.api.forecast.columns.rows import INVALID, TOO_LARGE, Rows, rows_of
from service.api.uploads.reading import end_process, environment
from service.http.bodies import PARQUET_TYPE, part_of
from service.http.problems import Place, ProblemError

_MODULE: Final = "service.api.forecast.columns.process"

_PROCESSES: Final = 4
"""Bodies that are read at once."""

_MAX_IDLE: Final = 2
"""Processes that wait for the next body."""

_REUSABLE: Final = 16 * 2**20
"""Bytes of a body after which a process is ended, as it may keep the memory."""

_MAX_COLLECTED: Final = 2**20
"""Bytes of a body that wait for the rest, so that a slow client holds no process."""

_MAX_ROWS_BYTES: Final = 2**26
"""Bytes of rows that are received at once: more than a process writes."""

_BUFFER: Final = 2**20
"""Bytes of rows that are received ahead."""

_LENGTH: Final = struct.Struct("<I")
_END: Final = _LENGTH.pack(0)


class ReadRows(NamedTuple):
    """Rows that have been read.

    Attributes:
        parts: some of them, perhaps none; each continues the one before.
        is_last: whether the body ends with them.
    """

    parts: list[Rows]
    is_last: bool


_NOTHING: Final = ReadRows([], is_last=False)

_Piece = tuple[bytes, bool]
"""A piece of a body, and whether it is the last."""


class ColumnReaders:
    """Reads columnar bodies, some at once, of which a caller may have a share."""

    def __init__(self, caller_share: float) -> None:
        self._share = max(1, int(_PROCESSES * caller_share))
        self._turns = asyncio.Semaphore(_PROCESSES)
        # A caller's lives as long as one of its requests.
        self._turns_of_callers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._idle: list[_Reader] = []

    async def read(
        self, receive: Receive, media_type: str, rows: int, limit: int, caller: str
    ) -> AsyncGenerator[ReadRows]:
        """Yield the rows of a body as it comes in, about as many ``rows`` at a time; none when there is progress.

        Args:
            receive: gives the body.
            media_type: the media type of the body.
            rows: the rows to yield at a time.
            limit: bytes of a Parquet file, or of a record batch.
            caller: who sends it.

        Raises:
            ProblemError: 400, 413 or 422 if the body is not valid, too large, or has other columns.
        """
        body = _pieces(receive)
        # Not a list of pieces: of tiny ones, it would take hundreds of times their size.
        begun, is_whole = bytearray(), False
        while not is_whole and len(begun) <= _MAX_COLLECTED:
            piece, is_whole = await anext(body)
            begun += piece
            yield _NOTHING
        async with self._reader(caller) as reader:
            reader.begin(media_type, rows, limit)
            reader.write(begun, is_last=is_whole)
            del begun
            async with aclosing(reader.read_whole() if is_whole else reader.read_on(body)) as read:
                async for each in read:
                    yield each

    @asynccontextmanager
    async def _reader(self, caller: str) -> AsyncGenerator["_Reader"]:
        """Lend a process."""
        turns = self._turns_of_callers.get(caller)
        if turns is None:
            turns = self._turns_of_callers[caller] = asyncio.Semaphore(self._share)
        async with turns, self._turns:
            # When memory is short, the kernel ends these processes first.
            self._idle = [reader for reader in self._idle if reader.is_alive]
            reader = self._idle.pop() if self._idle else await _Reader.start()
            try:
                yield reader
            finally:
                if reader.is_reusable and len(self._idle) < _MAX_IDLE:
                    self._idle.append(reader)
                else:
                    await reader.close()

    async def close(self) -> None:
        """End the processes that wait."""
        while self._idle:
            await self._idle.pop().close()


class _Reader:
    """A process that reads bodies, one after another.

    Attributes:
        is_reusable: whether it waits for the next body.
    """

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._kind = ""
        self._written = 0
        self._is_whole = False
        """Whether all of the body has been written."""
        self.is_reusable = True

    @classmethod
    async def start(cls) -> "_Reader":
        """Start a process with an empty folder, no settings and no secrets."""
        # The usual pool of pyarrow reserves a gigabyte, which would count.
        variables = environment() | {"ARROW_DEFAULT_MEMORY_POOL": "system"}
        with tempfile.TemporaryDirectory(prefix="sst-") as folder:
            return cls(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-P", "-m", _MODULE, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=variables,
                    cwd=folder, limit=_BUFFER,
                )
            )  # fmt: skip

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        # asyncio learns of the end only in a later turn of the loop.
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def begin(self, media_type: str, rows: int, limit: int) -> None:
        """Begin a body; the arguments are those of :meth:`ColumnReaders.read`."""
        kind = "parquet" if media_type == PARQUET_TYPE else "arrow"
        self.is_reusable, self._is_whole, self._kind, self._written = False, False, kind, 0
        self._stdin.write(json.dumps({"kind": kind, "rows": rows, "limit": limit}).encode() + b"\n")

    def write(self, piece: bytes | bytearray, *, is_last: bool = False) -> None:
        """Pass on a piece of the body."""
        self._written += len(piece)
        # A process that has refused the body reads no more.
        if not self._stdin.is_closing():
            end = _END if is_last else b""
            self._stdin.writelines([_LENGTH.pack(len(piece)), piece, end] if piece else [end])

    async def read_on(self, body: AsyncIterator[_Piece]) -> AsyncGenerator[ReadRows]:
        """Yield the rows while the rest of the ``body`` comes in.

        Raises:
            ProblemError: if the body is refused, or the client disconnects.
        """

        async def pass_on() -> bool:
            piece, is_last = await anext(body)
            self.write(piece, is_last=is_last)
            with suppress(ConnectionError):
                await self._stdin.drain()
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
        """Yield the rows of a body that has been written.

        Raises:
            ProblemError: if the body is refused.
        """
        rows, self._is_whole = _NOTHING, True
        while not rows.is_last:
            rows = await self._rows()
            yield rows

    async def _rows(self) -> ReadRows:
        with suppress(ValueError, LookupError, TypeError, EOFError):
            line = json.loads(await self._stdout.readline())
            if "refused" in line:
                self.is_reusable = self._is_whole and not line["is_end"]
                raise self._refusal(line["refused"], line["status"], line["column"])
            if line["bytes"] <= _MAX_ROWS_BYTES:
                parts = rows_of(line["sizes"], await self._stdout.readexactly(line["bytes"]))
                is_last = bool(line["is_last"])
                self.is_reusable = is_last and self._written <= _REUSABLE
                return ReadRows(parts, is_last)
        raise self._refusal("it is damaged, and cannot be decoded", INVALID)

    def _refusal(self, reason: str, status: int, column: str | None = None) -> ProblemError:
        name = "Parquet file" if self._kind == "parquet" else "Arrow stream"
        if status == TOO_LARGE:
            headers = {"Connection": "close"}
            return ProblemError(HTTPStatus(status), reason, headers=headers, reason="body_too_large")
        if column is None:
            return ProblemError(HTTPStatus(status), f"the body is not a valid {name}: {reason}")
        places = [Place(location=f"body.{column}", message=reason)]
        return ProblemError(HTTPStatus(status), reason, places)

    async def close(self) -> None:
        """End the process."""
        self._stdin.close()
        await end_process(self._process)


async def _pieces(receive: Receive) -> AsyncGenerator[_Piece]:
    more = True
    while more:
        piece, more = part_of(await receive())
        yield piece, not more
