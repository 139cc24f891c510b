"""Receive readings: store them, and issue the forecasts that are due."""

import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

import numpy as np
from fastapi import Depends

from forecasting.errors import RequestError, SeriesError
from forecasting.forecasts.json import rounded
from forecasting.qartod import GOOD, MISSING
from forecasting.readers import Reading
from forecasting.series.times import iso_of, seconds_of
from forecasting.series.timestep import TimeStep, not_of_station
from forecasting.series.units import from_celsius, sea_temperatures
from service.api.dependencies import ServingDep, SettingsDep
from service.api.uploads.reading import unreadable_file
from service.api.uploads.response import station_series
from service.engine.reading import sentence
from service.http.problems import ProblemError
from service.http.validation import Place
from service.stations.issue import issue_forecasts
from service.stations.parameters import BackgroundDep, StationStoreDep, WriterDep
from service.stations.readings import (
    Readings,
    correct,
    count_readings,
    doubts_in_words,
    ingest,
    read_readings,
    readings_of,
)
from service.stations.responses import written
from service.stations.schemas import (
    CorrectedReading,
    Correction,
    FileStored,
    ManyStored,
    ReadingsRequest,
    StationFailure,
    StationReadings,
    StationStored,
    Stored,
)
from service.stations.store.database import StoreError, UnknownStationError
from service.stations.store.forecasts import IssuedForecast
from service.stations.store.observations import Outcome
from service.stations.store.stations import StationSettings, settings_to_write


class Receiver:
    """Receives the readings of one request. The errors of its methods include those of the store."""

    def __init__(
        self,
        store: StationStoreDep,
        serving: ServingDep,
        settings: SettingsDep,
        background: BackgroundDep,
        writer: WriterDep,
    ) -> None:
        self._store = store
        self._serving = serving
        self._settings = settings
        self._background = background
        self._writer = writer

    async def station(self, station: str) -> StationSettings:
        """Return the settings of a station that the caller may write."""
        found = (await self._store.read(settings_to_write, [station], self._writer))[station]
        if isinstance(found, StoreError):
            raise found
        return found

    async def readings(self, station: str, body: ReadingsRequest) -> Stored:
        """Store the readings in a JSON body.

        Raises:
            ForecastError: if they cannot be read at the step of the station.
        """
        self._check_length(body, "values")
        settings = await self.station(station)
        return await self._store_one(station, settings, _read_json(body, settings, _now()), "body.")

    async def file(self, station: str, settings: StationSettings, reading: Reading) -> FileStored:
        """Store the values of a file that holds one series at the step of the station.

        Raises:
            ProblemError: 422 if it holds no such series.
        """
        if reading.error is not None:
            raise unreadable_file(reading.error)
        (found, *others) = station_series(reading, self._settings)
        if others:
            names = ", ".join(repr(other.name) for other in (found, *others[:9]))
            raise SeriesError(f"the file holds {1 + len(others)} stations ({names}): choose one with station=")
        if found.series is None:
            problem = str(found.problem)
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, problem, [Place(location="body", message=problem)])
        step = TimeStep.parse(settings.step)
        if found.series.step != step:
            raise SeriesError(
                f"{not_of_station('the step of the file', found.series.step, step)}: send a file with this step, or "
                f"make it coarser with resample={step}"
            )
        readings = readings_of(found.series, _now(), found.station.warnings)
        stored = await self._store_one(station, settings, readings, "series.")
        return FileStored(**dict(stored), units=found.station.units, units_from=found.station.units_from)

    async def many(self, bodies: Sequence[StationReadings], progressed: Callable[[], None]) -> ManyStored:
        """Store the readings of several stations in one transaction.

        Args:
            bodies: the readings of each station.
            progressed: called when the forecasts of a part of the stations are on disk.

        Raises:
            RequestError: if there are too many, or a station appears twice.
        """
        self._check_many(bodies)
        stations = await self._store.read(settings_to_write, [body.station for body in bodies], self._writer)
        results = await self._store.run(_read_all, bodies, stations, _now())
        accepted = {name: read for name, read in results.items() if isinstance(read, Readings)}
        outcomes = await self._store.write(ingest, accepted, int(time.time()))
        refused = sum(len(read.refused) for name, read in accepted.items() if name in outcomes)
        count_readings(self._store.metrics, outcomes.values(), refused)
        issued = await self._issue([*outcomes], progressed)
        listed: list[StationStored | StationFailure] = []
        for i, body in enumerate(bodies):
            name, result = body.station, results[body.station]
            station, outcome = stations[name], outcomes.get(name)
            if isinstance(result, SeriesError) or isinstance(station, StoreError) or outcome is None:
                error = result if isinstance(result, SeriesError) else SeriesError(str(UnknownStationError(name)))
                listed.append(StationFailure(station=name, error=sentence(error)))
                continue
            stored = _stored(outcome, result, f"body.readings[{i}].", issued.get(name), station)
            listed.append(StationStored(station=name, **dict(stored)))
        return ManyStored(stations=listed)

    async def correct(self, station: str, moment: str, correction: Correction | None) -> CorrectedReading:
        """Correct a reading, or take it back without a correction, and issue a forecast.

        Raises:
            RequestError: if the time is invalid, or the value is that of no sea.
        """
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
        reading = await self._store.write(correct, station, time_of, int(time.time()), value=value, flag=flag)
        issued = (await self._issue([station])).get(station)
        return CorrectedReading(
            station=station,
            units=units,
            time=iso_of(reading.time),
            value=float(rounded(from_celsius(reading.value, units))),
            flag=reading.flag,
            tests=reading.failed,
            revision=reading.revision,
            received=iso_of(reading.received),
            forecast=None if issued is None else written(issued, units),
        )

    async def _store_one(self, station: str, settings: StationSettings, readings: Readings, prefix: str) -> Stored:
        outcomes = await self._store.write(ingest, {station: readings}, int(time.time()))
        if station not in outcomes:
            raise UnknownStationError(station)
        count_readings(self._store.metrics, outcomes.values(), len(readings.refused))
        issued = await self._issue([station])
        return _stored(outcomes[station], readings, prefix, issued.get(station), settings)

    async def _issue(
        self, stations: Sequence[str], progressed: Callable[[], None] = lambda: None
    ) -> dict[str, IssuedForecast | str]:
        """Issue the forecasts that are due; by station, each of them, or why there is none."""
        return await issue_forecasts(self._store, self._serving, stations, self._background.wake, progressed)

    def _check_many(self, bodies: Sequence[StationReadings]) -> None:
        most, names = self._settings.max_series, set[str]()
        if len(bodies) > most:
            raise RequestError(
                f"{len(bodies)} stations are too many: send at most {most} in one request", field="readings"
            )
        for i, body in enumerate(bodies):
            if body.station in names:
                raise RequestError(
                    f"station {body.station!r} appears twice: send its readings together",
                    field=f"readings[{i}].station",
                )
            names.add(body.station)
            self._check_length(body, f"readings[{i}].values")

    def _check_length(self, body: ReadingsRequest, field: str) -> None:
        most = self._settings.max_values
        if len(body.values) > most:
            raise RequestError(
                f"{len(body.values)} values are too many: send at most {most} of one station", field=field
            )


ReceiverDep = Annotated[Receiver, Depends()]


def _stored(
    outcome: Outcome, readings: Readings, prefix: str, issued: IssuedForecast | str | None, station: StationSettings
) -> Stored:
    return Stored(
        **outcome._asdict(),
        refused=[Place(location=f"{prefix}{each.location}", message=each.message) for each in readings.refused],
        warnings=[*readings.warnings, *doubts_in_words(readings.doubted, station.units)],
        forecast=None if issued is None else written(issued, station.units),
    )


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
    return read_readings(body.values, body.timestamps, body.start, station.units, step, now)


def _now() -> np.datetime64:
    return np.datetime64("now", "s")
