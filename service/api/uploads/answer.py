"""Read uploaded files, and answer with their series in the format of requests."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import numpy as np
from orjson import dumps

from forecasting.errors import FileError, SeriesError
from forecasting.evaluation.division import untrainable
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.windows import last_windows
from forecasting.readers import Reading, ReadingOptions, Station, describe, read_content
from forecasting.readers.flags import Marked
from forecasting.readers.text import is_longer, sniff_binary
from forecasting.releases.registry import Registry
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.remedies import Setting
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from service.api.uploads.schemas import MAX_FLAGGED
from service.engine.forecast_json import rounded
from service.engine.reading.series_schema import MAX_ID
from service.engine.writing import Json
from service.http.choices import Choice, choices_of
from service.http.problems import ProblemError
from service.http.validation import Place
from service.settings import Settings

SHORT_TEXT: Final = 5 * 2**20
"""Bytes of text up to which a file is read in a thread. It takes a second or so, and a process as long to start.

A thread cannot be stopped, so that longer files are read in a process.
"""

_NOT_THE_FILE: Final = re.compile(rb"multipart/.*|application/(.*\+)?json", re.IGNORECASE | re.DOTALL)


def require_file(headers: Mapping[bytes, bytes], content: bytes) -> bool:
    """Whether a body is NetCDF instead of text.

    Raises:
        ProblemError: 415 if it is not a file of either kind, with what to send.
    """
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip()
    if _NOT_THE_FILE.fullmatch(media_type):
        raise _unsupported(
            f"{media_type.decode('latin-1')[:64]!r} is not the media type of a file; send the file itself as the body"
        )
    try:
        return sniff_binary(content) is not None
    except FileError as error:
        raise _unsupported(f"the file {error}") from None


def _unsupported(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def unreadable_file(error: FileError) -> ProblemError:
    """The problem of a file that cannot be read: 422, with the place and the remedy."""
    message = error.written(in_query)
    places = [Place(location="body", message=message)]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message, places, choices=choices_of(error))


def read_short_text(content: bytes, options: ReadingOptions, settings: Settings) -> Reading | None:
    """Read a text file; None if it is longer than :data:`SHORT_TEXT`.

    Raises:
        FileError: if it cannot be read: where, and what to do.
    """
    if is_longer(content, SHORT_TEXT):
        return None
    return read_content(content, options, limit=settings.max_body_bytes)


@dataclass(frozen=True)
class StationSeries:
    """A station of a file, and its series if it can be sent.

    Attributes:
        name: ID of the series.
        station: what was read.
        series: up to its last observation; None if there is a problem.
        problem: why there is no series; None if there is one.
    """

    name: str
    station: Station
    series: SstSeries | None
    problem: str | None


def station_series(reading: Reading, settings: Settings) -> list[StationSeries]:
    """Return the stations of a reading with their series."""
    return [
        StationSeries(_name(i, station), station, *_sendable(station, settings))
        for i, station in enumerate(reading.stations)
    ]


def described(reading: Reading, registry: Registry, settings: Settings) -> Json:
    """Describe a reading as :class:`~service.api.uploads.schemas.FileReading`."""
    metadata = [
        forecaster.metadata
        for release in registry.releases.values()
        for forecaster in [*release.forecasters.values()][:1]
    ]
    stations = station_series(reading, settings)
    return {
        "format": reading.format,
        "problem": _problem(reading.error),
        "choices": _choices(reading.error),
        "stations": [_station(station, metadata, registry.universal) for station in stations],
        "units": "celsius",
        "series": [
            _series_json(station.name, station.series, station.station.position)
            for station in stations
            if station.series is not None
        ],
        "flagged": [
            _flagged(station.name, marked)
            for station in stations
            if (marked := station.station.marked) and len(marked.times)
        ],
    }


def series_lines(reading: Json) -> bytes:
    """The series of a described reading, one per line.

    Raises:
        ProblemError: 422 if there are none, with the reason.
    """
    if not reading["series"]:
        failed = next((station for station in reading["stations"] if station["problem"]), reading)
        problem, choices = failed["problem"], [Choice(**choice) for choice in failed["choices"]]
        places = [Place(location="body", message=problem)]
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, problem, places, choices=choices)
    return b"".join(dumps(series) + b"\n" for series in reading["series"])


def in_query(setting: Setting) -> str:
    """Write an option of reading as a query parameter: ``units=kelvin``."""
    return f"{setting.option}={setting.text}"


def _name(i: int, station: Station) -> str:
    return str(i) if station.name is None else station.name[:MAX_ID]


def _sendable(station: Station, settings: Settings) -> tuple[SstSeries | None, str | None]:
    if station.series is None:
        return None, _problem(station.error)
    series = station.series.until_last_observation()
    if len(series) > settings.max_values:
        excess = f"{len(series)} values are too many: a request takes {settings.max_values} in one series"
        return None, f"{excess}; send a shorter period, or make the step coarser with resample="
    return series, None


def _problem(error: FileError | None) -> str | None:
    return None if error is None else error.written(in_query)


def _choices(error: FileError | None) -> list[Json]:
    return [choice.model_dump() for choice in choices_of(error)]


def _station(station: StationSeries, metadata: Sequence[CheckpointMetadata], universal: UniversalCatalog) -> Json:
    description, series = describe(station.station), station.series
    answer: Json = {
        "id": station.name,
        "name": description["name"],
        "columns": description["columns"],
        "units": description["units"],
        "units_from": description["units_from"],
        "flags": description["flags"],
        "warnings": description["warnings"],
        "problem": station.problem,
        "choices": _choices(station.station.error),
        "training": {"problem": station.problem if series is None else untrainable(series)},
        "forecast": [],
    }
    if series is not None:
        refusals = {checkpoint.dataset: _refusal(series, checkpoint) for checkpoint in metadata}
        refusals |= universal.refusals(series, station.station.position)
        answer["forecast"] = [
            {"dataset": dataset, "problem": None if error is None else str(error)}
            for dataset, error in refusals.items()
        ]
    return answer if description["series"] is None else answer | {"summary": description["series"]}


def _refusal(series: SstSeries, metadata: CheckpointMetadata) -> SeriesError | None:
    _, errors = last_windows(SeriesBatch.of([series], metadata.time_step), metadata, np.asarray([1]))
    return errors.get(0)


def _series_json(name: str, series: SstSeries, position: tuple[float, float] | None) -> Json:
    values = [None if math.isnan(value) else value for value in rounded(series.values).tolist()]
    answer: Json = {"id": name, "start": iso(series.start), "step": str(series.step), "values": values}
    return answer if position is None else answer | {"latitude": position[0], "longitude": position[1]}


def _flagged(name: str, marked: Marked) -> Json:
    times, values, flags = marked.times[:MAX_FLAGGED], marked.values[:MAX_FLAGGED], marked.flags[:MAX_FLAGGED]
    return {"id": name, "timestamps": [*map(iso, times)], "sst": rounded(values).tolist(), "flags": flags.tolist()}
