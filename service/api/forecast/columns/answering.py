"""Answers a columnar request while its body arrives."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from starlette.types import Receive

from service.api.forecast.columns.pipeline import SLICE_ROWS, Pipeline
from service.api.forecast.columns.reading.readers import ColumnReaders
from service.api.forecast.columns.spool import SpoolSpace
from service.api.forecast.columns.writing.held_answer import HeldAnswer
from service.engine.serving import Serving
from service.middleware.streaming import WholeContent


class ColumnAnswer:
    """The answer to one request."""

    def __init__(self, serving: Serving, pipeline: Pipeline, space: SpoolSpace, readers: ColumnReaders) -> None:
        """Wire an answer.

        Args:
            serving: runs the work in its threads.
            pipeline: does the work.
            space: the space for temporary files.
            readers: read the body.
        """
        self._serving = serving
        self._pipeline = pipeline
        self._space = space
        self._readers = readers

    async def pieces(self, media_type: str, receive: Receive, caller: str) -> AsyncGenerator[bytes | WholeContent]:
        """Yield the answer to ``caller``; an empty piece says that there is progress.

        The answer waits for the end of the body: most clients read only then, and an invalid request is refused as a
        whole. If it takes more than the temporary files may, it leaves earlier, and the client has to read meanwhile.

        Raises:
            ProblemError: if the body is invalid; with ``strict`` at the first series that could not be forecast.
        """
        reading = self._readers.read(receive, media_type, SLICE_ROWS, self._space.limit, caller)
        with HeldAnswer(self._space) as held:
            async with aclosing(reading) as read:
                async for rows, is_last in read:
                    yield b""
                    if not rows and not is_last:
                        continue
                    steps = self._pipeline.steps(rows, is_last=is_last)
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
                yield WholeContent(held.whole())
            else:
                for piece in held.end():
                    yield piece

    def abort(self, problem: bytes) -> bytes:
        """Return the last piece of an answer that cannot be finished."""
        return self._pipeline.abort(json.loads(problem)["detail"])


def _next(steps: Iterator[bytes]) -> bytes | None:
    """Take one of ``steps``; None after the last."""
    return next(steps, None)
