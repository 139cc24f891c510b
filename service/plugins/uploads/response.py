"""Describe what was read from an uploaded file, with its series in the format of requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
from orjson import dumps

from forecasting.errors import FileError, SeriesError
from forecasting.evaluation.division import untrainable
from forecasting.forecasts.json import Json, listed, rounded
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.place.windows import last_windows
from forecasting.models.universal.checks import Check
from forecasting.readers import Reading, ReadStation, describe
from forecasting.readers.flags import Marked
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from forecasting.series.weather import COVARIATES
from service.engine.reading import MAX_ID
from service.engine.serving import Serving
from service.http.problems import Choice, Place, ProblemError, choices_of
from service.plugins.uploads.reading import in_query
from service.plugins.uploads.schemas import MAX_CHECKED, MAX_FLAGGED
from service.settings import Settings


@dataclass(frozen=True)
class StationSeries:
    """A station of a file, and its series if it can be sent."""

    name: str
    station: ReadStation
    series: SstSeries | None
    problem: str | None


def station_series(reading: Reading, settings: Settings) -> list[StationSeries]:
    """Return the stations of a reading with their series."""
    return [
        StationSeries(_name(i, station), station, *_sendable(station, settings))
        for i, station in enumerate(reading.stations)
    ]


def described(reading: Reading, catalog: Catalog, settings: Settings) -> Json:
    """Describe a reading as :class:`~service.plugins.uploads.schemas.FileReading`."""
    metadata = [
        forecaster.metadata for release in catalog.places.values() for forecaster in [*release.forecasters.values()][:1]
    ]
    stations = station_series(reading, settings)
    return {
        "format": reading.format,
        "problem": _problem(reading.error),
        "choices": _choices(reading.error),
        "stations": [_station(station, metadata, catalog) for station in stations],
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
    """Return the series of a described reading, one per line."""
    if not reading["series"]:
        failed = next((station for station in reading["stations"] if station["problem"]), reading)
        problem, choices = failed["problem"], [Choice(**choice) for choice in failed["choices"]]
        places = [Place(location="body", message=problem)]
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, problem, places, choices=choices)
    return b"".join(dumps(series) + b"\n" for series in reading["series"])


def _name(i: int, station: ReadStation) -> str:
    return str(i) if station.name is None else station.name[:MAX_ID]


def _sendable(station: ReadStation, settings: Settings) -> tuple[SstSeries | None, str | None]:
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


def _station(station: StationSeries, metadata: Sequence[CheckpointMetadata], catalog: Catalog) -> Json:
    description, series = describe(station.station), station.series
    summary = description.pop("series")
    response: Json = {"id": station.name} | description
    response |= {
        "problem": station.problem,
        "choices": _choices(station.station.error),
        "training": {"problem": station.problem if series is None else untrainable(series)},
        "forecast": [],
    }
    if series is not None:
        refusals = {checkpoint.dataset: _refusal(series, checkpoint) for checkpoint in metadata}
        refusals |= catalog.refusals(series, station.station.position)
        response["forecast"] = [
            {"dataset": dataset, "problem": None if error is None else str(error)}
            for dataset, error in refusals.items()
        ]
    return response if summary is None else response | {"summary": summary}


def _refusal(series: SstSeries, metadata: CheckpointMetadata) -> SeriesError | None:
    _, errors = last_windows(SeriesBatch.of([series], metadata.time_step), metadata, 1)
    return errors.get(0)


def _series_json(name: str, series: SstSeries, position: tuple[float, float] | None) -> Json:
    values = listed(series.values)
    response: Json = {"id": name, "start": iso(series.start), "step": str(series.step), "values": values}
    if series.weather is not None:
        columns = zip(COVARIATES, series.weather.values.T, strict=True)
        known = {name: listed(column) for name, column in columns if np.isfinite(column).any()}
        response["weather"] = {"start": iso(series.weather.start), **known}
    return response if position is None else response | {"latitude": position[0], "longitude": position[1]}


def _flagged(name: str, marked: Marked) -> Json:
    times, values, flags = marked.times[:MAX_FLAGGED], marked.values[:MAX_FLAGGED], marked.flags[:MAX_FLAGGED]
    return {"id": name, "timestamps": [*map(iso, times)], "sst": rounded(values).tolist(), "flags": flags.tolist()}


async def checks_of(reading: Reading, serving: Serving, settings: Settings) -> list[Json]:
    """Check each series of a file in worker threads."""
    stations = [station for station in station_series(reading, settings) if station.series is not None]
    last = MAX_CHECKED // max(len(stations), 1)
    return [await serving.worker.run(_checked, station, serving, last) for station in stations]


def _checked(station: StationSeries, serving: Serving, last: int) -> Json:
    assert station.series is not None
    try:
        check = serving.catalog.check_values(station.series, station.station.position, last)
    except SeriesError as error:
        return _described(station, Check.nothing(station.series), str(error))
    return _described(station, check, None)


def _described(station: StationSeries, check: Check, problem: str | None) -> Json:
    places = check.suspects
    columns = {"sst": check.series.values, "lower": check.lower, "upper": check.upper}
    suspects = {"timestamps": [*map(iso, check.series.times[places])]}
    suspects |= {name: rounded(values[places]).tolist() for name, values in columns.items()}
    return {"id": station.name, "problem": problem, "flags": check.flags.tolist(), "suspects": suspects}
