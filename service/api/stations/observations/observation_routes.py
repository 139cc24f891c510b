"""``/observations`` and ``/stations/{id}/observations``: readings in, observations out."""

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter

from forecasting.errors import RequestError
from forecasting.readers import Reading
from forecasting.series.timestep import TimeStep
from service.api.dependencies import BackgroundDep, ServingDep, SettingsDep, StationStoreDep, WriterDep
from service.api.openapi import BYTES, problems, request_body
from service.api.stations.observations.observation_schemas import (
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
    Stored,
)
from service.api.stations.observations.observing import (
    Receiver,
    correct_reading,
    read_observations,
    store_file,
    store_many,
    store_readings,
)
from service.api.stations.period import Period, TimeQuery
from service.api.stations.station_id import StationId
from service.api.uploads.upload import GridFilesDep, read_upload
from service.gate.call import RENEW_DEADLINE
from service.http.media import is_json, require_json
from service.http.reading_query import ReadingQuery
from service.store.stations import StationSettings

router = APIRouter(tags=["stations"])

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
    responses=problems(400, 403, 404, 413, 415, 422, 503, 504),
    openapi_extra=_BODY,
)
async def post_readings(
    request: Request,
    store: StationStoreDep,
    serving: ServingDep,
    settings: SettingsDep,
    grid_files: GridFilesDep,
    background: BackgroundDep,
    writer: WriterDep,
    id: StationId,
    query: Annotated[ReadingQuery, Query()],
) -> FileStored | Stored:
    """Store readings, and issue a forecast from the end of the series. Both are on disk when this answers.

    A reading that is sent twice is stored once. One that differs from what is stored for its time is a revision, and
    both are kept. A file that does not state the units of its temperatures is in those of the station. Where the
    service has keys, this call needs the one that created the station, or an admin key.
    """
    receiver = Receiver(store, serving, settings, background, writer)
    headers, content = dict(request.scope["headers"]), await request.body()
    if is_json(headers):
        if request.query_params:
            name = min(request.query_params)
            raise RequestError(f"{name} applies to files, but the body is JSON: leave it out", field=name)
        body = await serving.read_json(ReadingsRequest, content, 1, settings.max_body_bytes)
        return await store_readings(receiver, id, body)

    async def read(station: StationSettings) -> Reading:
        step = TimeStep.parse(station.step)
        options = replace(query.options(), step=step, station_units=station.units)
        return await read_upload(headers, content, options, grid_files, serving, settings)

    return await store_file(receiver, id, read)


_Time = Annotated[
    str,
    PathParameter(
        alias="time", max_length=64, description="The time of the reading, in ISO 8601.", examples=["2025-07-14"]
    ),
]


@router.patch(
    "/stations/{id}/observations/{time}",
    operation_id="correctReading",
    summary="Correct a reading of a station",
    responses=problems(400, 403, 404, 413, 415, 422, 503, 504),
    openapi_extra=request_body(Correction, examples=CORRECTION_EXAMPLES),
)
async def patch_reading(
    request: Request,
    store: StationStoreDep,
    serving: ServingDep,
    settings: SettingsDep,
    background: BackgroundDep,
    writer: WriterDep,
    id: StationId,
    moment: _Time,
) -> CorrectedReading:
    """Give a reading another value, or the flag that you decide on, and issue a forecast.

    A reading with the flag 1 counts; with 3 or 4, nothing uses it. Later readings do not change your decision, and the
    value that you have replaced is not stored again when it is sent again.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(Correction, await request.body(), 1, settings.max_body_bytes)
    return await correct_reading(Receiver(store, serving, settings, background, writer), id, moment, body)


@router.delete(
    "/stations/{id}/observations/{time}",
    operation_id="takeBackReading",
    summary="Take back a reading of a station",
    responses=problems(403, 404, 422, 503, 504),
)
async def delete_reading(
    store: StationStoreDep,
    serving: ServingDep,
    settings: SettingsDep,
    background: BackgroundDep,
    writer: WriterDep,
    id: StationId,
    moment: _Time,
) -> CorrectedReading:
    """Take back a reading, and issue a forecast without it.

    Only `GET /stations/{id}/observations?revisions=true` returns it then. The same value is not stored again when it is
    sent again.
    """
    return await correct_reading(Receiver(store, serving, settings, background, writer), id, moment, None)


@router.post(
    "/observations",
    operation_id="sendAllReadings",
    summary="Send readings of several stations",
    response_model=ManyStored,
    responses=problems(400, 403, 413, 415, 422, 503, 504),
    openapi_extra=request_body(ManyReadingsRequest, examples=MANY_EXAMPLES),
)
async def post_many(
    request: Request,
    store: StationStoreDep,
    serving: ServingDep,
    settings: SettingsDep,
    background: BackgroundDep,
    writer: WriterDep,
) -> ManyStored:
    """Store readings of several stations in one transaction, by the rules for one station.

    A station that does not exist, or belongs to another key, gets an `error` in its place. Forecasts are stored in
    parts of some tens of stations, and each part has the time that a request may take.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(
        ManyReadingsRequest, await request.body(), settings.max_series, settings.max_body_bytes
    )
    receiver = Receiver(store, serving, settings, background, writer, request.scope[RENEW_DEADLINE])
    return await store_many(receiver, body.readings)


@router.get(
    "/stations/{id}/observations",
    operation_id="getObservations",
    summary="Get the observations of a station",
    responses=problems(404, 422, 503, 504),
)
async def get_observations(
    store: StationStoreDep,
    settings: SettingsDep,
    id: StationId,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest time, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest time.")] = None,
    revisions: Annotated[bool, Query(description="Return every revision, not only the latest of each time.")] = False,
) -> ObservationsAnswer:
    """Get what is stored, the latest revision of each time by default."""
    return await read_observations(store, id, Period.read(begin, to, revisions=revisions), settings)
