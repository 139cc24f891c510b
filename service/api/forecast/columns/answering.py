"""Answers a columnar request while its body arrives."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from http import HTTPStatus
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from starlette.types import Receive

from service.api.forecast.columns.reading.arrow_stream import ArrowReader, refusing_invalid
from service.api.forecast.columns.reading.cutting import SeriesCutter
from service.api.forecast.columns.reading.layout import Layout
from service.api.forecast.columns.reading.messages import read_messages, receive_bytes
from service.api.forecast.columns.reading.parquet_body import decoded, receive_file
from service.api.forecast.columns.reading.rows import read_rows
from service.api.forecast.columns.spool import Spool, SpoolSpace
from service.api.forecast.columns.writing.held_answer import HeldAnswer
from service.api.forecast.columns.writing.table import schema_of, to_batch
from service.api.forecast.columns.writing.writers import writer_of
from service.engine.columns.column_job import ColumnJob
from service.engine.columns.series_columns import SeriesColumns
from service.engine.reading.parsing import sentence
from service.engine.serving import PIECE, Serving
from service.engine.universal_forecaster import PIECE_SERIES
from service.http.media import PARQUET_TYPE
from service.http.problems import ProblemError
from service.http.validation import Place
from service.settings import Settings

_SLICE_ROWS: Final = 36 * PIECE
"""Rows that are read at once: as many as a piece of series of three years of months has."""


class ColumnAnswer:
    """The answer to one request."""

    def __init__(
        self,
        serving: Serving,
        settings: Settings,
        job: ColumnJob,
        media_type: str,
        parquet_turn: asyncio.Semaphore,
        *,
        strict: bool,
    ) -> None:
        self._serving = serving
        self._job = job
        self._strict = strict
        self._parquet_turn = parquet_turn
        self._schema = schema_of(job)
        self._writer = writer_of(media_type, self._schema)
        self._cutter = SeriesCutter(settings.max_values)
        self._layout: Layout | None = None
        self._count = self._failed = 0
        most = PIECE if job.universal is None else PIECE_SERIES
        self._most = max(most // job.networks, 1)
        """The most series that are forecast at once."""

    async def pieces(self, media_type: str, receive: Receive, space: SpoolSpace) -> AsyncGenerator[bytes]:
        """Yield the answer; an empty piece says that there is progress.

        The answer waits for the end of the body: most clients read only then, and an invalid request is refused as a
        whole. If it takes more than the temporary files may, it leaves earlier, and the client has to read meanwhile.

        Raises:
            ProblemError: if the body is invalid; with ``strict`` at the first series that could not be forecast.
        """
        with HeldAnswer(space) as held:
            async with aclosing(self._series(receive, space, media_type)) as parts:
                async for part in parts:
                    content = b"" if part is None else await self._serving.run_in_worker(self._forecast, part)
                    for piece in held.add(content):
                        yield piece
                    yield b""
            for piece in held.end(self._writer.end(self._count, self._failed)):
                yield piece

    async def _series(
        self, receive: Receive, space: SpoolSpace, media_type: str
    ) -> AsyncGenerator[SeriesColumns | None]:
        """Yield the series in parts that are forecast at once, and None while the body comes in."""
        is_parquet = media_type == PARQUET_TYPE
        source = self._parquet(receive, space) if is_parquet else self._arrow(receive_bytes(receive), space)
        # The last series ends only with the body: what comes before it waits, so that it is not forecast alone.
        waiting: list[SeriesColumns] = []
        async with aclosing(source) as batches:
            async for rows in batches:
                series = await self._serving.run_in_worker(self._cut, rows) if rows else None
                if series is None:
                    yield None
                    continue
                for part in self._parts(waiting):
                    yield part
                waiting = [series]
        if (last := self._cutter.end()) is not None:
            waiting.append(last)
        for part in self._parts(waiting):
            yield part

    async def _parquet(self, receive: Receive, space: SpoolSpace) -> AsyncGenerator[Sequence[pa.RecordBatch]]:
        """Yield the rows of a Parquet file, at most so many at a time."""
        with Spool(space) as spool:
            await receive_file(receive_bytes(receive), spool, space.limit)
            async with (
                self._parquet_turn,
                aclosing(decoded(spool, _SLICE_ROWS)) as pieces,
                aclosing(self._arrow(pieces, space)) as batches,
            ):
                async for rows in batches:
                    yield rows

    async def _arrow(self, body: AsyncIterator[bytes], space: SpoolSpace) -> AsyncGenerator[Sequence[pa.RecordBatch]]:
        """Yield the record batches of an Arrow stream, at most so many rows at a time, and none while it waits."""
        reader = ArrowReader()
        async for messages in read_messages(body, space):
            if not messages:
                yield []
                continue
            batches = await self._serving.run_in_worker(reader.take, messages)
            self._layout = reader.layout
            for some in batched(batches):
                yield some

    def _cut(self, batches: Iterable[pa.RecordBatch]) -> SeriesColumns | None:
        """Return the series that end in ``batches``."""
        assert self._layout is not None
        with refusing_invalid():
            for batch in batches:
                self._cutter.add(read_rows(batch, self._layout))
        return self._cutter.whole()

    def _parts(self, several: Sequence[SeriesColumns]) -> Iterator[SeriesColumns]:
        if not several:
            return
        series = SeriesColumns.joined(several)
        # Parts of the same size: one that is nearly empty would cost nearly as much as a full one.
        count = -(-len(series) // self._most)
        edges = np.linspace(0, len(series), count + 1).astype(int).tolist()
        for begin, end in pairwise(edges):
            yield series.part(begin, end)

    def _forecast(self, series: SeriesColumns) -> bytes:
        results = self._serving.forecast_columns(self._job, series)
        failed = sorted({i for forecasts in results for i in forecasts.errors})
        if failed and self._strict:
            i = failed[0]
            error = next(forecasts.errors[i] for forecasts in results if i in forecasts.errors)
            message = f"series {series.ids[i]!r}: {sentence(error)}"
            place = Place(location=f"body.series[{self._count + i}]", message=message)
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message, [place])
        self._count += len(series)
        self._failed += len(failed)
        return self._writer.write(to_batch(series.ids, results, self._schema))

    def break_off(self, problem: bytes) -> bytes:
        """Return the last piece of an answer that cannot be finished."""
        return self._writer.break_off(json.loads(problem)["detail"])


def batched(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Yield ``batches`` in lists that have about as many rows as are read at once; large ones are sliced."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        for begin in range(0, batch.num_rows, _SLICE_ROWS):
            part = batch.slice(begin, _SLICE_ROWS)
            if waiting and count + part.num_rows > _SLICE_ROWS:
                yield waiting
                waiting, count = [], 0
            waiting.append(part)
            count += part.num_rows
    if waiting:
        yield waiting
