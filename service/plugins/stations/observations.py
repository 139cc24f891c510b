"""``/observations`` of stations: receive readings, correct them, and issue the forecasts that are due."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as PathParameter

from forecasting.errors import RequestError, SeriesError
from forecasting.forecasts.json import rounded
from forecasting.qartod import GOOD, MISSING
from forecasting.readers import Reading
from forecasting.requests import RequestModel
from forecasting.series.times import iso_of, seconds_of
from forecasting.series.timestep import TimeStep, length_of, not_of_station
from forecasting.series.units import from_celsius, sea_temperatures
from service.api.dependencies import ServingDep, SettingsDep
from service.api.openapi import BYTES, links, problems, request_body
from service.engine.reading import sentence
from service.http.bodies import is_json, require_json
from service.http.problems import MAX_CHOICES, Choice, Place, ProblemError, choices_of
from service.http.query import ReadingQuery
from service.middleware.deadlines import DEADLINE
from service.plugins.stations.health import receive, receive_correction
from service.plugins.stations.issue import issue_forecasts
from service.plugins.stations.parameters import (
    BackgroundDep,
    CallerDep,
    Period,
    StationId,
    StationStoreDep,
    TimeQuery,
    reading_links,
    stored_links,
)
from service.plugins.stations.readings import (
    Readings,
    count_readings,
    doubts_in_words,
    read_readings,
    readings_of,
)
from service.plugins.stations.responses import (
    observations,
    written,
)
from service.plugins.stations.schemas import (
    CORRECTION_EXAMPLES,
    MANY_EXAMPLES,
    READINGS_EXAMPLES,
    CorrectedReading,
    Correction,
    FileStored,
    ManyReadingsRequest,
    ManyStored,
    ObservationsAnswer,
    ReadingsRequest,
    StationFailure,
    StationReadings,
    StationStored,
    Stored,
)
from service.plugins.stations.store.database import StoreError, UnknownStationError
from service.plugins.stations.store.stations import StationSettings, settings_to_write
from service.plugins.uploads.reading import FileReaderDep, read_upload, unreadable_file
from service.plugins.uploads.response import station_series
from service.settings import Settings

router = APIRouter()

Body = TypeVar("Body", bound=RequestModel)


class Receiver:
    """Receives the readings of one request. The errors of its methods include those of the store."""

    def __init__(
        self,
        store: StationStoreDep,
        serving: ServingDep,
        settings: SettingsDep,
        background: BackgroundDep,
        caller: CallerDep,
    ) -> None:
        self.database, self.serving, self.settings = store, serving, settings
        self.caller, self._background = caller, background

    async def station(self, station: str) -> StationSettings:
        """Return the settings of a station that the caller may write."""
        found = (await self.database.read(settings_to_write, [station], self.caller))[station]
        if isinstance(found, StoreError):
            raise found
        return found

    async def read_json(self, request: Request, schema: type[Body], series: int = 1) -> Body:
        """Return the JSON body of a request, which holds so many series at most."""
        require_json(dict(request.scope["headers"]))
        return await self.serving.read_json(schema, await request.body(), series, self.settings.max_body_bytes)

    async def file(self, station: str, settings: StationSettings, reading: Reading) -> FileStored:
        """Store the values of a file that holds one series at the step of the station."""
        if reading.error is not None:
            raise unreadable_file(reading.error)
        (found, *others) = station_series(reading, self.settings)
        if others:
            names = [each.name for each in (found, *others[: MAX_CHOICES - 1])]
            raise _unusable(
                f"the file holds {1 + len(others)} stations ({', '.join(map(repr, names[:10]))}): choose one with "
                "station=",
                [Choice(option="station", value=name, label=name) for name in names],
            )
        if found.series is None:
            raise _unusable(str(found.problem), choices_of(found.station.error))
        step, given = TimeStep.parse(settings.step), found.series.step
        if given != step:
            mean = Choice(option="resample", value=str(step), label=f"the mean of each {length_of(str(step))}")
            raise _unusable(
                f"{not_of_station('the step of the file', given, step)}: send a file with this step, or "
                f"make it coarser with resample={step}",
                [mean],
            )
        readings = readings_of(found.series, int(time.time()), found.station.warnings)
        readings.location = "series."
        stored = await self.store_one(station, settings, readings)
        return FileStored(**dict(stored), units=found.station.units, units_from=found.station.units_from)

    async def correct(self, station: str, moment: str, correction: Correction | None) -> CorrectedReading:
        """Correct a reading, or take it back without a correction, and issue a forecast."""
        settings = await self.station(station)
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
        now, author = int(time.time()), self.caller.author
        reading, alerts = await self.database.write(
            receive_correction, station, time_of, now, author, value=value, flag=flag
        )
        if alerts:
            self._background.wake()
        issued = await issue_forecasts(self.database, self.serving, [station], self._background.wake)
        forecast = issued.get(station)
        return CorrectedReading(
            station=station,
            units=units,
            time=iso_of(reading.time),
            value=float(rounded(from_celsius(reading.value, units))),
            flag=reading.flag,
            tests=reading.failed,
            revision=reading.revision,
            received=iso_of(reading.received),
            forecast=None if forecast is None else written(forecast, units),
        )

    async def store_one(self, station: str, settings: StationSettings, readings: Readings) -> Stored:
        """Store the readings of a station, and issue a forecast."""
        stored = await self.store({station: settings}, {station: readings})
        if station not in stored:
            raise UnknownStationError(station)
        return stored[station]

    async def store(
        self,
        stations: Mapping[str, StationSettings],
        batches: Mapping[str, Readings],
        progressed: Callable[[], None] = lambda: None,
    ) -> dict[str, Stored]:
        """Store the readings of stations in one transaction, and issue forecasts; deleted stations are left out.

        ``progressed`` is called when the forecasts of a part of the stations are on disk.
        """
        outcomes, alerts = await self.database.write(receive, batches, int(time.time()), self.caller.author)
        if alerts:
            self._background.wake()
        count_readings(self.database.metrics, outcomes.values(), sum(len(batches[name].refused) for name in outcomes))
        issued = await issue_forecasts(self.database, self.serving, [*outcomes], self._background.wake, progressed)
        stored = {}
        for name, outcome in outcomes.items():
            batch, units, forecast = batches[name], stations[name].units, issued.get(name)
            stored[name] = Stored(
                **outcome._asdict(),
                refused=[
                    Place(location=f"{batch.location}{each.location}", message=each.message) for each in batch.refused
                ],
                warnings=[*batch.warnings, *doubts_in_words(batch.doubted, units)],
                forecast=None if forecast is None else written(forecast, units),
            )
        return stored


def _unusable(problem: str, choices: Sequence[Choice]) -> ProblemError:
    """Return the problem of a file that cannot be stored as it is, with what the caller may choose."""
    places = [Place(location="body", message=problem)]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, problem, places, choices=choices)


ReceiverDep = Annotated[Receiver, Depends()]


_BODY: Final[dict[str, Any]] = request_body(ReadingsRequest, examples=READINGS_EXAMPLES)
_BODY["requestBody"]["description"] = (
    "JSON, or a file as `POST /series` takes it: any media type will do, except those of forms."
)
_BODY["requestBody"]["content"] |= {
    "text/csv": {"schema": {"type": "string"}, "example": "time,sst\n2025-07-14,20.38\n2025-07-15,20.51\n"},
    "application/octet-stream": {"schema": BYTES},
}


@router.post(
    "/stations/{id}/observations",
    operation_id="sendReadings",
    summary="Send readings of a station",
    response_model=FileStored | Stored,
    responses={
        200: {"links": stored_links("$response.body#/forecast/observed_until")},
        **problems(400, 403, 404, 413, 415, 422, 503, 504),
    },
    openapi_extra=_BODY,
)
async def post_readings(
    request: Request,
    receiver: ReceiverDep,
    file_reader: FileReaderDep,
    id: StationId,
    query: Annotated[ReadingQuery, Query()],
) -> FileStored | Stored:
    """Store readings, and issue a forecast from the end of the series. Both are on disk when this answers.

    A reading that is sent twice is stored once. One that differs from what is stored for its time is a revision, and
    both are kept. A file that does not state the units of its temperatures is in those of the station. Where the
    service has keys, this call needs the one that created the station, or an admin key.

    Readings are a whole number of steps apart, within a tenth of a step; if most of a request are between steps, it is
    a 422. Readings are `refused`, and not stored, if the time is invalid, more than one step in the future or between
    two steps, or the temperature is outside the range of any sea. A forecast uses the last of several readings in one
    step.

    Each reading is tested as in IOOS QARTOD, and gets a `flag`: 1 good; 2 not evaluated, because it is one of the first
    ten; 3 suspect: stored and shown, but no forecast starts from it or is verified with it; 4 fail: the next readings
    contradict it, or a person says so; 9 taken back. Its `tests` are those that it fails:

    - `gross_range`: it is below −2 or above 36 °C, and the one before is not.
    - `rate_of_change`: it differs from the one before by more than 1 °C and eight times the mean change of the last 60.
    - `climatology`: it is 8 °C further from the climatology of the position than those before.
    - `forecast`: it differs by more than 1 °C and 2.5 mean changes, and is outside the central 99.9 % of the forecast
      issued before.
    - `flat_line`: it repeats a value at least 12 times, and four times as often as other values repeat.
    - `spike`: it was suspect, and the next reading is back where those before were.
    - `person`: a person has set its flag.

    The next readings confirm a suspect one if they agree with it: at least two in a row, over six hours at steps below
    a day. A forecast without it has the warning `suspect_value`, and an alert that rests on it is held.
    """
    headers = dict(request.scope["headers"])
    if is_json(headers):
        if request.query_params:
            name = min(request.query_params)
            raise RequestError(f"{name} applies to files, but the body is JSON: leave it out", field=name)
        body = await receiver.read_json(request, ReadingsRequest)
        _check_length(body, receiver.settings.max_values, "values")
        station = await receiver.station(id)
        return await receiver.store_one(id, station, _read_json(body, station, "body."))
    station = await receiver.station(id)
    options = replace(query.options(), step=TimeStep.parse(station.step), station_units=station.units)
    content, serving, settings = await request.body(), receiver.serving, receiver.settings
    reading = await read_upload(headers, content, options, file_reader, serving, settings)
    return await receiver.file(id, station, reading)


_Time = Annotated[
    str,
    PathParameter(
        alias="time", max_length=64, description="The time of the reading, in ISO 8601.", examples=["2025-07-14"]
    ),
]

_CORRECTED: Final = {"links": stored_links("$response.body#/time")}


@router.patch(
    "/stations/{id}/observations/{time}",
    operation_id="correctReading",
    summary="Correct a reading of a station",
    responses={200: _CORRECTED, **problems(400, 403, 404, 413, 415, 422, 503, 504)},
    openapi_extra=request_body(Correction, examples=CORRECTION_EXAMPLES),
)
async def patch_reading(request: Request, receiver: ReceiverDep, id: StationId, moment: _Time) -> CorrectedReading:
    """Give a reading another value, or the flag that you decide on, and issue a forecast.

    A reading with the flag 1 counts; with 3 or 4, nothing uses it. Later readings do not change your decision, and the
    value that you have replaced is not stored again when it is sent again.
    """
    return await receiver.correct(id, moment, await receiver.read_json(request, Correction))


@router.delete(
    "/stations/{id}/observations/{time}",
    operation_id="takeBackReading",
    summary="Take back a reading of a station",
    responses={200: _CORRECTED, **problems(403, 404, 422, 503, 504)},
)
async def delete_reading(receiver: ReceiverDep, id: StationId, moment: _Time) -> CorrectedReading:
    """Take back a reading, and issue a forecast without it.

    Only `GET /stations/{id}/observations?revisions=true` returns it then. The same value is not stored again when it is
    sent again.
    """
    return await receiver.correct(id, moment, None)


@router.post(
    "/observations",
    operation_id="sendAllReadings",
    summary="Send readings of several stations",
    response_model=ManyStored,
    responses={
        200: {
            "links": links(
                "getStation", "getObservations", "getStationForecast", id="$response.body#/stations/0/station"
            )
        },
        **problems(400, 403, 413, 415, 422, 503, 504),
    },
    openapi_extra=request_body(ManyReadingsRequest, examples=MANY_EXAMPLES),
)
async def post_many(request: Request, receiver: ReceiverDep) -> ManyStored:
    """Store readings of several stations in one transaction, by the rules for one station.

    A station that does not exist, or belongs to another key, gets an `error` in its place. Forecasts are stored in
    parts of some tens of stations, and each part has the time that a request may take.
    """
    bodies = (await receiver.read_json(request, ManyReadingsRequest, receiver.settings.max_series)).readings
    _check_many(bodies, receiver.settings)
    names = [body.station for body in bodies]
    found = await receiver.database.read(settings_to_write, names, receiver.caller)
    stations = {name: station for name, station in found.items() if isinstance(station, StationSettings)}
    results = await receiver.database.run(_read_all, bodies, found)
    batches = {name: read for name, read in results.items() if isinstance(read, Readings)}
    stored = await receiver.store(stations, batches, request.scope[DEADLINE].renew)
    listed: list[StationStored | StationFailure] = []
    for name, result in results.items():
        if name in stored:
            listed.append(StationStored(station=name, **dict(stored[name])))
        else:
            error = result if isinstance(result, SeriesError) else SeriesError(str(UnknownStationError(name)))
            listed.append(StationFailure(station=name, error=sentence(error)))
    return ManyStored(stations=listed)


@router.get(
    "/stations/{id}/observations",
    operation_id="getObservations",
    summary="Get the observations of a station",
    responses={200: {"links": reading_links("$response.body#/timestamps/0")}, **problems(404, 422, 503, 504)},
)
async def get_observations(
    store: StationStoreDep,
    settings: SettingsDep,
    caller: CallerDep,
    id: StationId,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest time, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest time.")] = None,
    revisions: Annotated[bool, Query(description="Return every revision, not only the latest of each time.")] = False,
) -> ObservationsAnswer:
    """Get what is stored, the latest revision of each time by default."""
    period = Period.read(begin, to)
    return await store.read(observations, id, caller, period, settings.max_values, revisions=revisions)


def _check_length(body: ReadingsRequest, most: int, field: str) -> None:
    if len(body.values) > most:
        raise RequestError(f"{len(body.values)} values are too many: send at most {most} of one station", field=field)


def _check_many(bodies: Sequence[StationReadings], settings: Settings) -> None:
    most, names = settings.max_series, set[str]()
    if len(bodies) > most:
        raise RequestError(f"{len(bodies)} stations are too many: send at most {most} in one request", field="readings")
    for i, body in enumerate(bodies):
        if body.station in names:
            raise RequestError(
                f"station {body.station!r} appears twice: send its readings together",
                field=f"readings[{i}].station",
            )
        names.add(body.station)
        _check_length(body, settings.max_values, f"readings[{i}].values")


def _read_all(
    bodies: Sequence[StationReadings], stations: Mapping[str, StationSettings | StoreError]
) -> dict[str, Readings | SeriesError]:
    """Return the readings of each station in the order of the bodies, or why they cannot be read."""
    results: dict[str, Readings | SeriesError] = {}
    for i, body in enumerate(bodies):
        station = stations[body.station]
        try:
            if isinstance(station, StoreError):
                raise SeriesError(str(station))
            results[body.station] = _read_json(body, station, f"body.readings[{i}].")
        except SeriesError as error:
            results[body.station] = error
    return results


def _read_json(body: ReadingsRequest, station: StationSettings, location: str) -> Readings:
    step = TimeStep.parse(station.step)
    if body.step is not None and (given := TimeStep.parse(body.step)) != step:
        raise SeriesError(not_of_station("the step", given, step))
    readings = read_readings(body.values, body.timestamps, body.start, station.units, step, int(time.time()))
    readings.location = location
    return readings
