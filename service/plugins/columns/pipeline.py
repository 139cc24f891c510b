"""From the rows of a request by columns to the bytes of its response."""

import json
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing
from http import HTTPStatus
from itertools import pairwise
from typing import Final

from starlette.types import Receive

from forecasting.models.base import ALL
from service.engine.forecasting import PIECE, SLOW_PIECE, Job
from service.engine.reading import sentence
from service.engine.serving import Serving
from service.http.problems import Place, ProblemError
from service.middleware.deadlines import WholeContent
from service.plugins.columns.cutting import SeriesCutter
from service.plugins.columns.readers import ColumnReaders
from service.plugins.columns.rows import Rows
from service.plugins.columns.series_columns import SeriesColumns
from service.plugins.columns.spool import HeldResponse, SpoolSpace
from service.plugins.columns.writing import form_of, to_batch, writer_of

_MOST_WINDOWS: Final = 2 * PIECE
"""Windows that a place's networks forecast at once: here, fewer cost more for each."""

SLICE_ROWS: Final = 36 * _MOST_WINDOWS
"""Rows that are read at once: as many as so many series of three years of months have."""


class Pipeline:
    """Cuts, forecasts and writes the series of one request."""

    def __init__(self, serving: Serving, job: Job, media_type: str, max_values: int, *, strict: bool) -> None:
        """Answer ``job`` in the form of ``media_type``; series have at most ``max_values`` values."""
        self._serving = serving
        self._job = job
        self._strict = strict
        self._form = form_of(job)
        self._cutter = SeriesCutter(max_values)
        self._writer = writer_of(media_type, self._form)
        # The last series ends only with the body: what comes before it waits, so that it is not forecast alone.
        self._waiting: list[SeriesColumns] = []
        self._count = self._failed = 0
        self.has_ended = False
        selection = job.selection
        columns = selection.columns
        # What is known of a series without a forecast.
        self._known = [
            ({"model": name} if selection.name == ALL else {}) | selection.known_fields(place)
            for place, name in enumerate(columns)
        ]
        self._most = max((_MOST_WINDOWS if selection.is_quick else SLOW_PIECE) // len(columns), 1)
        """The most series that are forecast at once."""

    def steps(self, rows: Sequence[Rows], *, is_last: bool) -> Generator[bytes, None, None]:
        """Take the next rows in steps, between which other requests get their turn."""
        for part in self._parts():
            yield self._forecast(part)
        for i, each in enumerate(rows, 1):
            self._cutter.add(each, is_last=is_last and i == len(rows))
        self._wait(self._cutter.whole())
        if not self._waiting:
            yield b""
        if is_last:
            self._wait(self._cutter.end())
            parts = self._parts()
            for part in parts[:-1]:
                yield self._forecast(part)
            content = self._forecast(parts[-1]) if parts else b""
            content += self._writer.end(self._count, self._failed)
            self.has_ended = True
            yield content

    def abort(self, message: str) -> bytes:
        """Return the last piece of a response that cannot be finished."""
        return self._writer.abort(message)

    def _wait(self, series: SeriesColumns | None) -> None:
        if series is not None:
            self._waiting.append(series)

    def _parts(self) -> list[SeriesColumns]:
        """Return the series that wait, in parts that are forecast at once."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        series = SeriesColumns.joined(waiting)
        # Parts of the same size: one that is nearly empty would cost nearly as much as a full one.
        count = -(-len(series) // self._most)
        edges = [i * len(series) // count for i in range(count + 1)]
        return [series.part(begin, end) for begin, end in pairwise(edges)]

    def _forecast(self, series: SeriesColumns) -> bytes:
        results = self._serving.forecast_columns(self._job, series.read(self._job))
        failed = sorted({i for forecasts in results for i in forecasts.errors})
        if failed and self._strict:
            i = failed[0]
            error = next(forecasts.errors[i] for forecasts in results if i in forecasts.errors)
            message = f"series {series.ids[i].as_py()!r}: {sentence(error)}"
            place = Place(location=f"body.series[{self._count + i}]", message=message)
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message, [place])
        self._count += len(series)
        self._failed += len(failed)
        return self._writer.write(to_batch(series.ids, results, self._known, self._form))


class ColumnResponse:
    """The response to one request."""

    def __init__(self, serving: Serving, pipeline: Pipeline, space: SpoolSpace, readers: ColumnReaders) -> None:
        """Wire a response."""
        self._serving = serving
        self._pipeline = pipeline
        self._space = space
        self._readers = readers

    async def pieces(self, receive: Receive, caller: str) -> AsyncGenerator[bytes | WholeContent]:
        """Yield the response to ``caller``; an empty piece says that there is progress.

        The response waits for the end of the body: most clients read only then, and an invalid request is refused as a
        whole. If it takes more than the temporary files may, it leaves earlier, and the client has to read meanwhile.
        """
        reading = self._readers.read(receive, SLICE_ROWS, self._space.limit, caller)
        with HeldResponse(self._space) as held:
            async with aclosing(reading) as read:
                async for rows, is_last in read:
                    yield b""
                    if not rows and not is_last:
                        continue
                    steps = self._pipeline.steps(rows, is_last=is_last)
                    while not self._pipeline.has_ended:
                        content = await self._serving.worker.run(_next, steps)
                        if content is None:
                            break
                        for piece in held.add(content):
                            yield piece
                        yield b""
                    # What the last step worked on must not stay until the client has read the response.
                    steps.close()
            if held.is_in_memory:
                yield WholeContent(b"".join(held.end()))
            else:
                for piece in held.end():
                    yield piece

    def abort(self, problem: bytes) -> bytes:
        """Return the last piece of a response that cannot be finished."""
        return self._pipeline.abort(json.loads(problem)["detail"])


def _next(steps: Iterator[bytes]) -> bytes | None:
    """Take one of ``steps``; None after the last."""
    return next(steps, None)
