"""Answers a columnar request while its body arrives."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from starlette.types import Receive

from service.api.forecast.columns.pipeline import SLICE_ROWS, Pipeline
from service.api.forecast.columns.reading.messages import Arrival, read_messages, receive_pieces
from service.api.forecast.columns.reading.parquet_body import decoded, receive_file
from service.api.forecast.columns.spool import Spool, SpoolSpace
from service.api.forecast.columns.writing.held_answer import HeldAnswer
from service.engine.serving import Serving
from service.http.media import PARQUET_TYPE


class ColumnAnswer:
    """The answer to one request."""

    def __init__(
        self, serving: Serving, pipeline: Pipeline, space: SpoolSpace, parquet_turn: asyncio.Semaphore
    ) -> None:
        """Wire an answer.

        Args:
            serving: runs the work in its threads.
            pipeline: does the work.
            space: for temporary files.
            parquet_turn: admits a Parquet file to be decoded.
        """
        self._serving = serving
        self._pipeline = pipeline
        self._space = space
        self._parquet_turn = parquet_turn

    async def pieces(self, media_type: str, receive: Receive) -> AsyncGenerator[bytes]:
        """Yield the answer; an empty piece says that there is progress.

        The answer waits for the end of the body: most clients read only then, and an invalid request is refused as a
        whole. If it takes more than the temporary files may, it leaves earlier, and the client has to read meanwhile.

        Raises:
            ProblemError: if the body is invalid; with ``strict`` at the first series that could not be forecast.
        """
        is_parquet = media_type == PARQUET_TYPE
        source = self._parquet(receive) if is_parquet else read_messages(receive_pieces(receive), self._space)
        with HeldAnswer(self._space) as held:
            async with aclosing(source) as arrivals:
                async for messages, is_last in arrivals:
                    yield b""
                    if not messages and not is_last:
                        continue
                    steps = self._pipeline.steps(messages, is_last=is_last)
                    while (content := await self._serving.run_in_worker(_next, steps)) is not None:
                        for piece in held.add(content):
                            yield piece
                        yield b""
            for piece in held.end():
                yield piece

    async def _parquet(self, receive: Receive) -> AsyncGenerator[Arrival]:
        """Yield the rows of a Parquet file as messages of an Arrow stream."""
        with Spool(self._space) as spool:
            await receive_file(receive_pieces(receive), spool, self._space.limit)
            async with (
                self._parquet_turn,
                aclosing(decoded(spool, SLICE_ROWS)) as pieces,
                aclosing(read_messages(pieces, self._space)) as arrivals,
            ):
                async for arrival in arrivals:
                    yield arrival

    def abort(self, problem: bytes) -> bytes:
        """Return the last piece of an answer that cannot be finished."""
        return self._pipeline.abort(json.loads(problem)["detail"])


def _next(steps: Iterator[bytes]) -> bytes | None:
    """Take one of ``steps``; None after the last."""
    return next(steps, None)
