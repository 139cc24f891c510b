"""Store readings, and read observations, for the calls about them."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.errors import RequestError, SeriesError
from forecasting.forecasts.json import rounded
from forecasting.qartod import GOOD, MISSING
from forecasting.readers import Reading
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso_of, seconds_of
from forecasting.series.timestep import TimeStep, not_of_station
from forecasting.series.units import from_celsius, sea_temperatures
from service.api.uploads.reading import unreadable_file
from service.api.uploads.response import station_series
from service.engine.reading.parsing import sentence
from service.engine.serving import Serving
from service.http.problems import ProblemError
from service.http.validation import Place
from service.settings import Settings
from service.stations.background import Background
from service.stations.ingestion import correct, count_readings, doubts_in_words, ingest
from service.stations.issue import issue_forecasts
from service.stations.parameters import Period, store_problems
from service.stations.reading_schemas import (
    CorrectedReading,
    Correction,
    FileStored,
    ManyStored,
    ObservationsAnswer,
    ReadingsRequest,
    StationFailure,
    StationReadings,
    StationStored,
    Stored,
)
from service.stations.readings import Readings, readings_at, readings_from, readings_of
from service.stations.responses import written
from service.stations.store.errors import StoreError, UnknownStationError
from service.stations.store.forecasts import IssuedForecast
from service.stations.store.observations import Observation, Outcome, get_observations
from service.stations.store.station_store import StationStore
from service.stations.store.stations import Station, StationSettings, Writer, get_station, settings_to_write


class Receiver(NamedTuple):
    """Where readings go, what forecasts from them, what delivers the alerts of the forecasts, and who writes.

    ``progressed`` is called when the forecasts of a part of many stations are on disk.
    """

    store: StationStore
    serving: Serving
    settings: Settings
    background: Background
    writer: Writer
    progressed: Callable[[], None] = lambda: None

    async def issue(self, stations: Sequence[str]) -> dict[str, IssuedForecast | str]:
        """Issue the forecasts that are due; by station, each of them, or why there is none."""
        with store_problems():
            return await issue_forecasts(self.store, self.serving, stations, self.background.wake, self.progressed)


async def store_readings(receiver: Receiver, station: str, body: ReadingsRequest) -> Stored:
    """Store the readings in a JSON body.

    Raises:
        ForecastError: if they cannot be read at the step of the station.
        ProblemError: 404 if there is no such station, 503 if the store cannot be used.
    """
    _check_length(body, "values", receiver.settings)
    settings = await _settings(receiver, station)
    return await _store_one(receiver, station, settings, _read_json(body, settings, _now()), "body.")


async def store_file(
    receiver: Receiver, station: str, read: Callable[[StationSettings], Awaitable[Reading]]
) -> FileStored:
    """Store the values of a file that holds one series at the step of the station.

    Args:
        receiver: where they go.
        station: its ID.
        read: reads the file, given the settings of the station.

    Raises:
        ProblemError: 422 if it holds no such series; otherwise as :func:`store_readings`.
    """
    settings = await _settings(receiver, station)
    step = TimeStep.parse(settings.step)
    reading = await read(settings)
    series, warnings = _only_series(reading, receiver.settings)
    if series.step != step:
        raise SeriesError(
            f"{not_of_station('the step of the file', series.step, step)}: send a file with this step, or make it "
            f"coarser with resample={step}"
        )
    stored = await _store_one(receiver, station, settings, readings_of(series, _now(), warnings), "series.")
    (found,) = reading.stations
    return FileStored(**dict(stored), units=found.units, units_from=found.units_from)


async def store_many(receiver: Receiver, bodies: Sequence[StationReadings]) -> ManyStored:
    """Store the readings of several stations in one transaction.

    Raises:
        RequestError: if there are too many, or a station appears twice.
        ProblemError: 503 if the store cannot be used.
    """
    store = receiver.store
    _check_many(bodies, receiver.settings)
    with store_problems():
        stations = await store.read(settings_to_write, [body.station for body in bodies], receiver.writer)
        results = await store.run(_read_all, bodies, stations, _now())
        accepted = {name: read for name, read in results.items() if isinstance(read, Readings)}
        outcomes = await store.write(ingest, accepted, int(time.time()))
    refused = sum(
        len(read.refused) for name, read in results.items() if isinstance(read, Readings) and name in outcomes
    )
    count_readings(store.metrics, outcomes.values(), refused)
    issued = await receiver.issue([*outcomes])
    answers: list[StationStored | StationFailure] = []
    for i, body in enumerate(bodies):
        station, result, outcome = stations[body.station], results[body.station], outcomes.get(body.station)
        if isinstance(result, SeriesError) or isinstance(station, StoreError) or outcome is None:
            error = result if isinstance(result, SeriesError) else SeriesError(str(UnknownStationError(body.station)))
            answers.append(StationFailure(station=body.station, error=sentence(error)))
            continue
        stored = _stored(outcome, result, f"body.readings[{i}].", issued.get(body.station), station)
        answers.append(StationStored(station=body.station, **stored))
    return ManyStored(stations=answers)


async def read_observations(
    store: StationStore, station: str, period: Period, settings: Settings
) -> ObservationsAnswer:
    """Return the observations of a period.

    Raises:
        RequestError: if there are more than an answer holds.
        ProblemError: 404 if there is no such station, 503 if the store cannot be used.
    """
    with store_problems():
        stored_station, rows = await store.read(_find, station, period, settings.max_values + 1)
    if len(rows) > settings.max_values:
        raise RequestError(
            f"there are more than {settings.max_values} observations: ask for a shorter period with from and to",
            field="from",
        )
    units = stored_station.settings.units
    return ObservationsAnswer(
        station=stored_station.id,
        units=units,
        timestamps=[iso_of(row.time) for row in rows],
        values=rounded(from_celsius([row.value for row in rows], units)).tolist(),
        revision=[row.revision for row in rows],
        received=[iso_of(row.received) for row in rows],
        flag=[row.flag for row in rows],
        tests=[_tests(row) for row in rows],
    )


async def correct_reading(
    receiver: Receiver, station: str, moment: str, correction: Correction | None
) -> CorrectedReading:
    """Correct a reading, or take it back without a correction, and issue a forecast.

    Raises:
        RequestError: if the time is invalid, or the value is that of no sea.
        ProblemError: 404 if there is no such station or reading, 503 if the store cannot be used.
    """
    settings = await _settings(receiver, station)
    units, step = settings.units, TimeStep.parse(settings.step)
    try:
        time_of = seconds_of(moment, local=step.calendar_month)
    except SeriesError as error:
        raise RequestError(str(error), field="time") from None
    value, flag = None, MISSING
    if correction is not None:
        flag = correction.flag or GOOD
        if correction.value is not None:
            sent = np.array([correction.value])
            value = float(rounded(sea_temperatures(sent, units, lambda _: "value")[0]))
    with store_problems():
        reading = await receiver.store.write(correct, station, time_of, int(time.time()), value=value, flag=flag)
    issued = (await receiver.issue([station])).get(station)
    return CorrectedReading(
        station=station,
        units=units,
        time=iso_of(reading.time),
        value=float(rounded(from_celsius(reading.value, units))),
        flag=reading.flag,
        tests=_tests(reading),
        revision=reading.revision,
        received=iso_of(reading.received),
        forecast=None if issued is None else written(issued, units),
    )


def _tests(observation: Observation) -> list[str]:
    return observation.tests.split(",") if observation.tests else []


def _find(connection: Connection, station: str, period: Period, limit: int) -> tuple[Station, list[Observation]]:
    stored_station = get_station(connection, station)
    begin, end, revisions = period
    return stored_station, get_observations(
        connection, stored_station.number, begin, end, limit=limit, revisions=revisions
    )


async def _settings(receiver: Receiver, station: str) -> StationSettings:
    with store_problems():
        found = (await receiver.store.read(settings_to_write, [station], receiver.writer))[station]
        if isinstance(found, StoreError):
            raise found
    return found


async def _store_one(
    receiver: Receiver, station: str, settings: StationSettings, readings: Readings, place: str
) -> Stored:
    with store_problems():
        outcomes = await receiver.store.write(ingest, {station: readings}, int(time.time()))
        if station not in outcomes:
            raise UnknownStationError(station)
    count_readings(receiver.store.metrics, outcomes.values(), len(readings.refused))
    issued = await receiver.issue([station])
    return Stored(**_stored(outcomes[station], readings, place, issued.get(station), settings))


def _stored(
    outcome: Outcome, readings: Readings, place: str, issued: IssuedForecast | str | None, station: StationSettings
) -> dict[str, Any]:
    return {
        **outcome._asdict(),
        "refused": _places(readings, place),
        "warnings": [*readings.warnings, *doubts_in_words(readings.doubted, station.units)],
        "forecast": None if issued is None else written(issued, station.units),
    }


def _read_all(
    bodies: Sequence[StationReadings], stations: Mapping[str, StationSettings | StoreError], now: np.datetime64
) -> dict[str, Readings | SeriesError]:
    """Return the readings of each station, or why they cannot be read."""
    results: dict[str, Readings | SeriesError] = {}
    for body in bodies:
        station = stations[body.station]
        try:
            if isinstance(station, StoreError):
                raise SeriesError(str(station))
            results[body.station] = _read_json(body, station, now)
        except SeriesError as error:
            results[body.station] = error
    return results


def _read_json(body: ReadingsRequest, station: StationSettings, now: np.datetime64) -> Readings:
    step = TimeStep.parse(station.step)
    if body.step is not None and (given := TimeStep.parse(body.step)) != step:
        raise SeriesError(not_of_station("the step", given, step))
    if body.timestamps is not None and body.start is None:
        return readings_at(body.values, body.timestamps, station.units, step, now)
    if body.start is not None and body.timestamps is None:
        return readings_from(body.values, body.start, station.units, step, now)
    raise SeriesError("give either start, or timestamps with one time for each value")


def _places(readings: Readings, place: str) -> list[Place]:
    return [Place(location=f"{place}{refused.place}", message=refused.message) for refused in readings.refused]


def _only_series(reading: Reading, settings: Settings) -> tuple[SstSeries, Sequence[str]]:
    """Return the series of a file, and the warnings about it."""
    if reading.error is not None:
        raise unreadable_file(reading.error)
    (station, *others) = station_series(reading, settings)
    if others:
        names = ", ".join(repr(other.name) for other in (station, *others[:9]))
        raise SeriesError(f"the file holds {1 + len(others)} stations ({names}): choose one with station=")
    if station.series is None:
        problem = str(station.problem)
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, problem, [Place(location="body", message=problem)])
    return station.series, station.station.warnings


def _check_many(bodies: Sequence[StationReadings], settings: Settings) -> None:
    if len(bodies) > settings.max_series:
        raise RequestError(
            f"{len(bodies)} stations are too many: send at most {settings.max_series} in one request", field="readings"
        )
    names: set[str] = set()
    for i, body in enumerate(bodies):
        if body.station in names:
            raise RequestError(
                f"station {body.station!r} appears twice: send its readings together", field=f"readings[{i}].station"
            )
        names.add(body.station)
        _check_length(body, f"readings[{i}].values", settings)


def _check_length(body: ReadingsRequest, field: str, settings: Settings) -> None:
    if len(body.values) > settings.max_values:
        raise RequestError(
            f"{len(body.values)} values are too many: send at most {settings.max_values} of one station", field=field
        )


def _now() -> np.datetime64:
    return np.datetime64("now", "s")
