"""Files as users have them: what was understood, and the series in them as requests take them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import numpy as np
from orjson import dumps

from forecasting.errors import FileError
from forecasting.evaluation.division import untrainable
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.windows import last_windows
from forecasting.readers import Options, Reading, Station, describe, read_content
from forecasting.readers.base.flags import Marked
from forecasting.readers.base.text import sniff_binary
from forecasting.releases.registry import Registry
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from service.api.uploads.schemas import MOST_FLAGGED
from service.engine.forecast_json import rounded
from service.engine.series_schema import MAX_ID
from service.engine.writing import Json
from service.http.problems import ProblemError
from service.http.validation import Place
from service.settings import Settings

_NOT_THE_FILE: Final = re.compile(rb"multipart/.*|application/(.*\+)?json", re.IGNORECASE | re.DOTALL)
_VALUE: Final = r"[A-Z\d]|-\d|(?:none|dmy|mdy|month|week|day|hour|celsius|kelvin|fahrenheit)\b"
"""How a value begins that a sentence gives an option; any other word goes on with the sentence."""
_OPTION: Final = re.compile(
    r"--(station|at|depth|time-column|value-column|flags|units|missing|dates|timezone|resample)\b(?: (?="
    + _VALUE
    + "))?"
)


def require_file(headers: Mapping[bytes, bytes], content: bytes) -> bool:
    """Whether a body can be a file, and if so, whether it is NetCDF; else it is text.

    Raises:
        ProblemError: 415 if it cannot, with what to send.
    """
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip()
    if _NOT_THE_FILE.fullmatch(media_type):
        raise _unsupported(f"{media_type.decode('latin-1')[:64]!r} is no file: send the file itself as the body")
    try:
        return sniff_binary(content) is not None
    except FileError as error:
        raise _unsupported(f"the file {error}") from None


def _unsupported(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def not_understood(error: FileError) -> ProblemError:
    """The answer to a file that is no series: 422, with where and what to do."""
    said = in_query(str(error))
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, said, [Place(location="body", message=said)])


def read_text_file(content: bytes, options: Options, settings: Settings) -> Reading:
    """What is understood of a file of text.

    Raises:
        FileError: if nothing is: where, and what to do.
    """
    return read_content(content, options, limit=settings.max_body_bytes)


def described(reading: Reading, registry: Registry, settings: Settings) -> Json:
    """As :class:`~service.api.uploads.schemas.FileReading`."""
    metadata = [one.metadata for release in registry.releases.values() for one in [*release.forecasters.values()][:1]]
    stations = [_Found(_name(i, one), one, *_sendable(one, settings)) for i, one in enumerate(reading.stations)]
    return {
        "format": reading.format,
        "problem": _told(reading.problem),
        "stations": [_station(found, metadata) for found in stations],
        "units": "celsius",
        "series": [_sent(found.name, found.series) for found in stations if found.series is not None],
        "flagged": [
            _flagged(found.name, one) for found in stations if (one := found.station.marked) and len(one.times)
        ],
    }


def series_lines(reading: Json) -> bytes:
    """The series of what :func:`described` answers, one a line.

    Raises:
        ProblemError: 422 if there are none: why.
    """
    if not reading["series"]:
        said = next(filter(None, (one["problem"] for one in reading["stations"])), reading["problem"])
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, said, [Place(location="body", message=said)])
    return b"".join(dumps(one) + b"\n" for one in reading["series"])


def in_query(text: str) -> str:
    """A sentence that names options of the command line, with the query's parameters in their place."""
    return _OPTION.sub(lambda found: found[1].replace("-", "_") + "=", text)


@dataclass(frozen=True)
class _Found:
    """A station of the file, and its series as far as it can be sent."""

    name: str
    station: Station
    series: SstSeries | None
    problem: str | None


def _name(i: int, station: Station) -> str:
    return str(i) if station.name is None else station.name[:MAX_ID]


def _sendable(station: Station, settings: Settings) -> tuple[SstSeries | None, str | None]:
    if station.series is None:
        return None, _told(station.problem)
    series = station.series.until_last_observation()
    if len(series) > settings.max_values:
        most = f"{len(series)} values are too many: a request takes {settings.max_values} in one series"
        return None, f"{most}; send a shorter time, or make the step coarser with resample="
    return series, None


def _told(problem: str | None) -> str | None:
    return None if problem is None else in_query(problem)


def _station(found: _Found, metadata: Sequence[CheckpointMetadata]) -> Json:
    said = describe(found.station)
    answer: Json = {
        "id": found.name,
        "name": said["name"],
        "columns": said["columns"],
        "units": said["units"],
        "units_from": said["units_from"],
        "flags": said["flags"],
        "warnings": said["warnings"],
        "problem": found.problem,
        "training": {"problem": found.problem if found.series is None else untrainable(found.series)},
        "forecast": [] if found.series is None else [_use(found.series, one) for one in metadata],
    }
    return answer if said["series"] is None else answer | {"summary": said["series"]}


def _use(series: SstSeries, metadata: CheckpointMetadata) -> Json:
    _, errors = last_windows(SeriesBatch.of([series], metadata.time_step), metadata, np.asarray([1]))
    return {"dataset": metadata.dataset, "problem": str(errors[0]) if errors else None}


def _sent(name: str, series: SstSeries) -> Json:
    values = [None if math.isnan(value) else value for value in rounded(series.values).tolist()]
    return {"id": name, "start": iso(series.start), "step": str(series.step), "values": values}


def _flagged(name: str, marked: Marked) -> Json:
    times, values, flags = marked.times[:MOST_FLAGGED], marked.values[:MOST_FLAGGED], marked.flags[:MOST_FLAGGED]
    return {"id": name, "timestamps": [*map(iso, times)], "sst": rounded(values).tolist(), "flags": flags.tolist()}
