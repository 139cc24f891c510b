"""Forecasts for series that come in line by line, and go out so."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

from orjson import dumps
from pydantic import ValidationError
from starlette.types import Receive

from forecasting.errors import SeriesError
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import ALL
from service.api.forecast.answer import check_horizon, check_query
from service.api.forecast.query import LinesQuery
from service.engine.batch_forecaster import ForecastJob
from service.engine.series_schema import SeriesIn
from service.engine.serving import Serving
from service.engine.writing import sentence, with_ids
from service.http.bodies import refuse_costly
from service.http.ndjson import Line, read_lines
from service.http.problems import Place, ProblemError, found_in, invalid
from service.http.request_model import UnknownFieldsError
from service.settings import Settings

_SMALL: Final = 8_192
"""Bytes up to which a batch is read on the event loop."""

_read = SeriesIn.__pydantic_validator__.validate_json


class _ParsedLine(NamedTuple):
    """A line, and what was understood of it."""

    number: int
    id: str
    series: SeriesIn | SeriesError


class _AnswerLine(NamedTuple):
    """What is answered to a line.

    Attributes:
        number: of the line.
        content: JSON.
        error: why it could not be forecast from; None where it could.
    """

    number: int
    content: bytes
    error: str | None = None


async def forecast_lines(
    serving: Serving, settings: Settings, query: LinesQuery, receive: Receive
) -> AsyncGenerator[bytes]:
    """A line of the answer for each line of the body, some hundred at once.

    Raises:
        ForecastError: before the first, if what is asked for is not offered.
        ProblemError: if the client leaves; with ``strict`` 422 behind the lines before the first that has an error.
    """
    stream = _Stream(serving, settings, query)
    async for lines in read_lines(receive, settings.max_line_bytes):
        answers = await stream.answer(lines)
        bad = next((k for k, one in enumerate(answers) if one.error is not None), None) if query.strict else None
        if good := answers[:bad]:
            yield b"".join([one.content + b"\n" for one in good])
        if bad is not None:
            said = f"line {answers[bad].number}: {answers[bad].error}"
            places = [Place(location=f"body.line[{answers[bad].number}]", message=str(answers[bad].error))]
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, said, places)


class _Stream:
    """What is the same for all lines of a request."""

    def __init__(self, serving: Serving, settings: Settings, query: LinesQuery) -> None:
        self._settings = settings
        self._query = query
        self._serving = serving
        check_horizon(query.horizon, settings)
        _, self._forecasters = serving.registry.resolve(query.model, query.dataset or None)
        self._options = query.options
        for forecaster in self._forecasters:
            check_query(forecaster, self._options)
        self._seen = 0

    async def answer(self, lines: Sequence[Line]) -> list[_AnswerLine]:
        large = sum(len(line.content or b"") for line in lines) > _SMALL
        places = await asyncio.to_thread(self._read_all, lines) if large else self._read_all(lines)
        sound = [place.series for place in places if isinstance(place.series, SeriesIn)]
        job = ForecastJob.of(self._forecasters, sound, self._options)
        by_model = await self._serving.forecast(job) if sound else []
        following = zip(*by_model, strict=True)
        return [
            self._line(place, next(following)) if isinstance(place.series, SeriesIn) else _failure(place, place.series)
            for place in places
        ]

    def _read_all(self, lines: Sequence[Line]) -> list[_ParsedLine]:
        return [self._read(line) for line in lines]

    def _read(self, line: Line) -> _ParsedLine:
        name = str(self._seen)
        self._seen += 1
        if line.content is None:
            limit = self._settings.max_line_bytes
            return _ParsedLine(line.number, name, SeriesError(f"the line is too long: send at most {limit} bytes"))
        try:
            refuse_costly(line.content, 1, self._settings.max_body_bytes)
            series = _read(line.content, context=[])
        except ProblemError as error:
            return _ParsedLine(line.number, name, SeriesError(error.detail))
        except (ValidationError, UnknownFieldsError) as error:
            return _ParsedLine(line.number, name, SeriesError(invalid(found_in(line.content, error), "the line")))
        name = name if series.id is None else series.id
        most = self._settings.max_values
        if len(series.values) > most:
            said = f"{len(series.values)} values are too many: send at most {most} in one series"
            return _ParsedLine(line.number, name, SeriesError(said))
        return _ParsedLine(line.number, name, series)

    def _line(self, place: _ParsedLine, entries: Sequence[bytes | SeriesError]) -> _AnswerLine:
        if self._query.model != ALL:
            (entry,) = entries
            if isinstance(entry, SeriesError):
                return _failure(place, entry)
            of_model = dumps(_named(self._forecasters[0]))[1:]
            return _AnswerLine(place.number, with_ids([place.id], [entry])[:-1] + b"," + of_model)
        answers = [
            dumps(_named(forecaster) | {"error": sentence(entry)})
            if isinstance(entry, SeriesError)
            else dumps(_named(forecaster))[:-1] + b"," + entry
            for forecaster, entry in zip(self._forecasters, entries, strict=True)
        ]
        failed = next((entry for entry in entries if isinstance(entry, SeriesError)), None)
        line = _AnswerLine(place.number, dumps({"id": place.id})) if failed is None else _failure(place, failed)
        return line._replace(content=line.content[:-1] + b',"models":[' + b",".join(answers) + b"]}")


def _failure(place: _ParsedLine, error: SeriesError) -> _AnswerLine:
    said = sentence(error)
    return _AnswerLine(place.number, dumps({"id": place.id, "line": place.number, "error": said}), said)


def _named(forecaster: Forecaster) -> dict[str, str]:
    return {"model": forecaster.metadata.model, "version": forecaster.metadata.version}
