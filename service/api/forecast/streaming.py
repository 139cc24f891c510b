"""Answer NDJSON to ``POST /forecast``: series arrive line by line, and their forecasts leave the same way."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

from fastapi import Request
from orjson import dumps
from pydantic import ValidationError
from starlette.types import Receive

from forecasting.errors import SeriesError
from forecasting.models.base import ALL
from forecasting.models.metadata import CELLS
from forecasting.requests import UnknownFieldsError
from service.api.forecast.handler import LinesQuery, bytes_of_entry, select_models, with_ids
from service.engine.forecasting import Column, Job, RequestOptions
from service.engine.reading import InputSeries, check_horizon, sentence, too_many_values
from service.engine.serving import Lifecycle, Serving
from service.http.bodies import BATCH, NDJSON_TYPE, Line, read_lines, refuse_compression
from service.http.problems import Place, ProblemError, errors_of, first_error
from service.middleware.deadlines import StreamedResponse
from service.settings import Settings
from service.worker.json_bodies import refuse_costly

_ANSWER_BYTES: Final = 2**20
"""Events and paths that are answered at once."""

_SMALL_BATCH_BYTES: Final = 8_192
"""Up to this size, a batch of lines is parsed on the event loop."""

_validate_json = InputSeries.__pydantic_validator__.validate_json


class _ParsedLine(NamedTuple):
    """A line of the request, parsed."""

    number: int
    id: str
    series: InputSeries | SeriesError


class _AnswerLine(NamedTuple):
    """A line of the answer."""

    number: int
    content: bytes
    error: str | None = None


def stream_forecast(request: Request) -> StreamedResponse:
    """Answer ``POST /forecast`` with an NDJSON body.

    With ``strict``, the pieces end with a 422 at the first line that could not be forecast.
    """
    lifecycle: Lifecycle = request.app.state.lifecycle
    settings: Settings = request.app.state.settings
    refuse_compression(dict(request.scope["headers"]), "NDJSON")
    forecaster = _LineForecaster(lifecycle.ready(), settings, LinesQuery.read(request.scope["query_string"]))
    pieces = _forecast_lines(forecaster, settings, request.receive)
    return StreamedResponse(pieces, NDJSON_TYPE, lambda problem: problem + b"\n")


async def _forecast_lines(forecaster: "_LineForecaster", settings: Settings, receive: Receive) -> AsyncGenerator[bytes]:
    """Yield one line for each line of the body, up to a few hundred at a time."""
    async for lines in _parts(read_lines(receive, settings.max_line_bytes), forecaster.most_lines):
        answers = await forecaster.answer(lines)
        failed = (
            next((i for i, line in enumerate(answers) if line.error is not None), None) if forecaster.strict else None
        )
        if answered := answers[:failed]:
            yield b"".join([line.content + b"\n" for line in answered])
        if failed is not None:
            number, error = answers[failed].number, str(answers[failed].error)
            places = [Place(location=f"body.line[{number}]", message=error)]
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"line {number}: {error}", places)


async def _parts(batches: AsyncIterator[list[Line]], limit: int) -> AsyncGenerator[list[Line]]:
    """Yield the lines of ``batches``, at most ``most`` at a time."""
    async for lines in batches:
        for begin in range(0, len(lines), limit):
            yield lines[begin : begin + limit]


class _LineForecaster:
    """Forecasts the lines of one request, all with the same networks and options."""

    def __init__(self, serving: Serving, settings: Settings, query: LinesQuery) -> None:
        self._settings = settings
        self._query = query
        self._serving = serving
        check_horizon(query.horizon, settings)
        self.strict = query.strict
        self._options = RequestOptions.of(query)
        self._selection = select_models(serving, query)
        self._count = 0

    @property
    def most_lines(self) -> int:
        """The most lines to answer at once: with events and paths, an answer may be large."""
        if self._options.events is None:
            return BATCH
        size = bytes_of_entry(self._options, 0, 0) * max(len(self._selection.columns), len(CELLS))
        return max(1, min(BATCH, _ANSWER_BYTES // size))

    async def answer(self, lines: Sequence[Line]) -> list[_AnswerLine]:
        is_large = sum(len(line.content or b"") for line in lines) > _SMALL_BATCH_BYTES
        parsed = await self._serving.worker.run(self._parse_all, lines) if is_large else self._parse_all(lines)
        valid = [line.series for line in parsed if isinstance(line.series, InputSeries)]
        columns: list[list[bytes | SeriesError]] = [[] for _ in self._selection.columns]

        def keep(piece: Sequence[Column]) -> None:
            for entries, column in zip(columns, piece, strict=True):
                entries += column.entries

        if valid:
            await self._serving.forecast(Job(self._selection, valid, self._options), keep)
        entries = zip(*columns, strict=True)
        return [
            self._write(line, next(entries))
            if isinstance(line.series, InputSeries)
            else _write_failure(line, line.series)
            for line in parsed
        ]

    def _parse_all(self, lines: Sequence[Line]) -> list[_ParsedLine]:
        return [self._parse(line) for line in lines]

    def _parse(self, line: Line) -> _ParsedLine:
        position = str(self._count)
        self._count += 1
        if line.content is None:
            limit = self._settings.max_line_bytes
            return _ParsedLine(line.number, position, SeriesError(f"the line is too long: send at most {limit} bytes"))
        try:
            refuse_costly(line.content, 1, self._settings.max_body_bytes)
            series = _validate_json(line.content, context=[])
        except ProblemError as error:
            return _ParsedLine(line.number, position, SeriesError(error.detail))
        except (ValidationError, UnknownFieldsError) as error:
            message = first_error(errors_of(line.content, error), "the line")
            return _ParsedLine(line.number, position, SeriesError(message))
        series_id = position if series.id is None else series.id
        if excess := too_many_values(series, self._settings):
            return _ParsedLine(line.number, series_id, SeriesError(excess))
        return _ParsedLine(line.number, series_id, series)

    def _write(self, line: _ParsedLine, entries: Sequence[bytes | SeriesError]) -> _AnswerLine:
        if self._query.model != ALL:
            (entry,) = entries
            if isinstance(entry, SeriesError):
                return _write_failure(line, entry)
            return _AnswerLine(line.number, with_ids([line.id], [entry]))
        models = [
            dumps({"model": name} | self._selection.known_fields(place) | {"error": sentence(entry)})
            if isinstance(entry, SeriesError)
            else b"{" + entry
            for place, (name, entry) in enumerate(zip(self._selection.columns, entries, strict=True))
        ]
        error = next((entry for entry in entries if isinstance(entry, SeriesError)), None)
        head = _AnswerLine(line.number, dumps({"id": line.id})) if error is None else _write_failure(line, error)
        return head._replace(content=head.content[:-1] + b',"models":[' + b",".join(models) + b"]}")


def _write_failure(line: _ParsedLine, error: SeriesError) -> _AnswerLine:
    message = sentence(error)
    return _AnswerLine(line.number, dumps({"id": line.id, "line": line.number, "error": message}), message)
