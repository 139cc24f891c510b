"""Answers a columnar request while its body arrives."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Final

from starlette.types import Receive

from service.api.forecast.columns.pipeline import SLICE_ROWS, Pipeline
from service.api.forecast.columns.reading.flatbuffer import RECORD_BATCH
from service.api.forecast.columns.reading.messages import Arrival, StreamMessage, read_messages, receive_pieces
from service.api.forecast.columns.reading.parquet_body import decoded, receive_file
from service.api.forecast.columns.spool import Spool, SpoolSpace
from service.api.forecast.columns.writing.held_answer import HeldAnswer
from service.engine.serving import Serving
from service.gate.call import WholeAnswer
from service.http.media import PARQUET_TYPE

_MAX_WAITING: Final = 2**16
"""Bytes of a schema and dictionaries that wait for the first series, and are read with them."""


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

    async def pieces(self, media_type: str, receive: Receive) -> AsyncGenerator[bytes | WholeAnswer]:
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
                waiting: list[StreamMessage] = []
                async for messages, is_last in arrivals:
                    yield b""
                    waiting += messages
                    if not is_last and _can_wait(waiting):
                        if messages:
                            self._pipeline.check_schema(waiting[0])
                        continue
                    steps, waiting = self._pipeline.steps(waiting, is_last=is_last), []
                    while not self._pipeline.has_ended:
                        content = await self._serving.run_in_worker(_next, steps)
                        if content is None:
                            break
                        for piece in held.add(content):
                            yield piece
                        yield b""
                    # What the last step worked on must not stay until the client has read the answer.
                    steps.close()
            if held.is_in_memory:
                yield WholeAnswer(held.whole())
            else:
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


def _can_wait(messages: Sequence[StreamMessage]) -> bool:
    """Whether messages need no turn of their own: there is nothing to forecast yet, and they are small."""
    is_small = sum(len(piece) for message in messages for piece in message.content) <= _MAX_WAITING
    return is_small and all(message.kind != RECORD_BATCH for message in messages)


def _next(steps: Iterator[bytes]) -> bytes | None:
    """Take one of ``steps``; None after the last."""
    return next(steps, None)
