"""Reads a Parquet body, which has to be whole before it can be read: it waits in a temporary file."""

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from typing import Final

from service.api.forecast.columns.reading.messages import BodyPiece
from service.api.forecast.columns.reading.pages import FileRefusedError
from service.api.forecast.columns.reading.parquet_process import REFUSED, check_ends
from service.api.forecast.columns.spool import Spool
from service.api.uploads.grid_files import end_process, environment, limit_process
from service.http.bodies import too_large
from service.http.problems import ProblemError

_MODULE: Final = "service.api.forecast.columns.reading.parquet_process"
_PROCESSOR_SECONDS: Final = 120
"""Computing time for decoding one file."""

_PIECE: Final = 2**18
_MAX_REASON: Final = 4_096


async def receive_file(body: AsyncIterator[BodyPiece], spool: Spool, limit: int) -> None:
    """Write a whole body to ``spool``.

    Raises:
        ProblemError: 400 if it cannot be a Parquet file; 413 above ``limit`` bytes; 503 if there is no space.
    """
    begin = end = b""
    async for piece, _ in body:
        if spool.size + len(piece) > limit:
            raise too_large(limit)
        spool.write(piece)
        begin, end = (begin + piece)[:8] if len(begin) < 8 else begin, (end + piece[-8:])[-8:]
    try:
        check_ends(begin, end, spool.size)
    except FileRefusedError as error:
        raise _refusal(str(error), is_large=error.is_large) from None


async def decoded(spool: Spool, rows: int) -> AsyncGenerator[BodyPiece]:
    """Yield the rows of the file as an Arrow stream of ``rows`` at a time, which another process decodes.

    Raises:
        ProblemError: 400 if the file is not valid; 413 if a part of it is too large.
    """
    with tempfile.TemporaryDirectory(prefix="sst-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", _MODULE, str(rows), stdin=spool.fileno(), stdout=PIPE, stderr=PIPE,
            env=environment(), cwd=folder,
        )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    limit_process(process.pid, _PROCESSOR_SECONDS)
    try:
        while piece := await process.stdout.read(_PIECE):
            yield piece, False
        reason = await process.stderr.read(_MAX_REASON)
        status = await process.wait()
        if status == REFUSED:
            raise _refusal(**json.loads(reason))
        if status:
            raise _refusal("it is damaged, and cannot be decoded", is_large=False)
        yield b"", True
    finally:
        await end_process(process)


def _refusal(reason: str, *, is_large: bool) -> ProblemError:
    """Return the refusal of a body that is not a Parquet file, or is too large."""
    if is_large:
        detail = f"the Parquet file is too large: {reason}"
        return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, reason="body_too_large")
    return ProblemError(HTTPStatus.BAD_REQUEST, f"the body is not a valid Parquet file: {reason}")
