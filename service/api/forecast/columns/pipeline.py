"""From the messages of a request by columns to the bytes of its answer, without waiting."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Final, TypeVar

import pyarrow as pa

from service.api.forecast.columns.reading.arrow_stream import ArrowReader, refusing_invalid
from service.api.forecast.columns.reading.cutting import SeriesCutter
from service.api.forecast.columns.reading.messages import StreamMessage
from service.api.forecast.columns.reading.rows import read_rows
from service.api.forecast.columns.writing.form import form_of
from service.api.forecast.columns.writing.table import to_batch
from service.api.forecast.columns.writing.writers import writer_of
from service.engine.columns.column_job import ColumnJob
from service.engine.columns.series_columns import SeriesColumns
from service.engine.reading.parsing import sentence
from service.engine.serving import PIECE, Serving
from service.engine.universal.forecaster import PIECE_SERIES
from service.http.problems import ProblemError
from service.http.validation import Place

_MOST_WINDOWS: Final = 2 * PIECE
"""Windows that a place's networks forecast at once: here, fewer cost more for each."""

Item = TypeVar("Item")

SLICE_ROWS: Final = 36 * _MOST_WINDOWS
"""Rows that are read at once: as many as so many series of three years of months have."""


class Pipeline:
    """Reads, forecasts and writes the series of one request.

    Attributes:
        has_ended: whether the last step has been taken.
    """

    def __init__(self, serving: Serving, job: ColumnJob, media_type: str, max_values: int, *, strict: bool) -> None:
        """Answer ``job`` in the form of ``media_type``; series have at most ``max_values`` values."""
        self._serving = serving
        self._job = job
        self._strict = strict
        self._form = form_of(job)
        self._reader = ArrowReader()
        self._cutter = SeriesCutter(max_values)
        self._writer = writer_of(media_type, self._form)
        # The last series ends only with the body: what comes before it waits, so that it is not forecast alone.
        self._waiting: list[SeriesColumns] = []
        self._count = self._failed = 0
        self.has_ended = False
        most = _MOST_WINDOWS if job.universal is None else PIECE_SERIES
        self._most = max(most // job.networks, 1)
        """The most series that are forecast at once."""

    def steps(self, messages: Sequence[StreamMessage], *, is_last: bool) -> Generator[bytes, None, None]:
        """Take the next messages in steps, between which other requests get their turn.

        Args:
            messages: whole ones, in order.
            is_last: whether the body ends with them.

        Yields:
            What each step adds to the answer.

        Raises:
            ProblemError: 400 or 422 if the body is invalid; with ``strict`` at the first series that could not be
                forecast.
        """
        for rows, is_end in _with_last(batched(self._reader.read(messages))):
            for part in self._parts():
                yield self._forecast(part)
            self._cut(rows, is_last=is_last and is_end)
            if not self._waiting:
                yield b""
        if is_last:
            with refusing_invalid():
                self._wait(self._cutter.end())
            parts = self._parts()
            for part in parts[:-1]:
                yield self._forecast(part)
            content = self._forecast(parts[-1]) if parts else b""
            content += self._writer.end(self._count, self._failed)
            self.has_ended = True
            yield content

    def check_schema(self, message: StreamMessage) -> None:
        """Check the first message before its turn, so that a wrong schema is refused before any rows arrive.

        Raises:
            ProblemError: 400 or 422 if no series can be read with it.
        """
        self._reader.check_schema(message)

    def abort(self, message: str) -> bytes:
        """Return the last piece of an answer that cannot be finished."""
        return self._writer.abort(message)

    def _cut(self, batches: Sequence[pa.RecordBatch], *, is_last: bool) -> None:
        """Let the series wait that end in ``batches``."""
        assert self._reader.layout is not None
        with refusing_invalid():
            for batch, is_end in _with_last(batches):
                self._cutter.add(read_rows(batch, self._reader.layout), is_last=is_last and is_end)
        self._wait(self._cutter.whole())

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
        results = self._serving.forecast_columns(self._job, series)
        failed = sorted({i for forecasts in results for i in forecasts.errors})
        if failed and self._strict:
            i = failed[0]
            error = next(forecasts.errors[i] for forecasts in results if i in forecasts.errors)
            message = f"series {series.ids[i].as_py()!r}: {sentence(error)}"
            place = Place(location=f"body.series[{self._count + i}]", message=message)
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message, [place])
        self._count += len(series)
        self._failed += len(failed)
        return self._writer.write(to_batch(series.ids, results, self._form))


def batched(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Yield ``batches`` in lists that have about as many rows as are read at once; large ones are sliced."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        for begin in range(0, batch.num_rows, SLICE_ROWS):
            part = batch.slice(begin, SLICE_ROWS)
            if waiting and count + part.num_rows > SLICE_ROWS:
                yield waiting
                waiting, count = [], 0
            waiting.append(part)
            count += part.num_rows
    if waiting:
        yield waiting


def _with_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Yield each of ``items``, and whether it is the last."""
    iterator = iter(items)
    for item in iterator:
        for following in iterator:
            yield item, False
            item = following
        yield item, True
