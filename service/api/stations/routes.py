"""``/stations``: create, list and delete stations."""

import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from forecasting.errors import RequestError
from forecasting.requests.model import ONE_LINE
from forecasting.series.timestep import TimeStep
from service.api.dependencies import BackgroundDep, ServingDep, SettingsDep, StationStoreDep, WriterDep
from service.api.openapi import problems, request_body
from service.api.stations.listing import (
    Selection,
    StationRow,
    find_station,
    page_json,
    station_detail,
)
from service.api.stations.schemas import (
    STATION_EXAMPLES,
    StationDetail,
    StationPage,
    StationRequest,
)
from service.api.stations.station_id import StationId
from service.api.stations.station_settings import stored_settings
from service.api.stations.storing import store_problems
from service.http.media import require_json
from service.stations.alerts.watching import put_watching_station
from service.stations.alerts.webhook_settings import InputWebhook
from service.stations.issuing.issuing import DEFAULT_HORIZON
from service.stations.issuing.model_choice import check_model
from service.store.stations import StationSettings, Writer, delete_station

router = APIRouter(prefix="/stations", tags=["stations"])

MAX_PAGE: Final = 1_000
"""Stations in one answer."""

MAX_RECENT: Final = 100
"""Stations in one answer with their recent past."""

Recent = Annotated[bool, Query(description="Return the last sixty days.")]


@router.put(
    "/{id}",
    operation_id="putStation",
    summary="Create or change a station",
    response_model=StationDetail,
    responses={
        201: {"model": StationDetail, "description": "The station is new."},
        **problems(400, 403, 404, 409, 413, 415, 422, 503, 504),
    },
    openapi_extra=request_body(StationRequest, examples=STATION_EXAMPLES),
)
async def put_station(
    request: Request,
    store: StationStoreDep,
    serving: ServingDep,
    settings: SettingsDep,
    background: BackgroundDep,
    writer: WriterDep,
    id: StationId,
    response: Response,
) -> StationDetail:
    """Create a station, or replace the settings of one. Its readings are kept.

    Where the service has keys, this call needs one with the role `station` or `admin`. A station belongs to the key
    that creates it: only this key and admin keys can change it.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(StationRequest, await request.body(), 0, settings.max_body_bytes)
    check_model(serving, body.model, TimeStep.parse(body.step), body.horizon or DEFAULT_HORIZON)
    stored = stored_settings(body, settings)
    with store_problems():
        created, row = await store.write(_store_station, id, stored, body.webhooks, writer)
    background.wake()
    response.status_code = HTTPStatus.CREATED if created else HTTPStatus.OK
    return station_detail(row)


@router.get(
    "",
    operation_id="listStations",
    summary="List the stations",
    response_model=StationPage,
    responses=problems(422, 503, 504),
)
async def get_stations(
    store: StationStoreDep,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="The most stations to return.")] = 100,
    after: Annotated[
        str, Query(max_length=64, pattern=ONE_LINE, description="Return stations that come after this ID.")
    ] = "",
    search: Annotated[
        str, Query(max_length=200, pattern=ONE_LINE, description="Return stations with this in their ID or name.")
    ] = "",
    recent: Recent = False,
) -> Response:
    """List stations in the order of their IDs, each with its newest observation and forecast."""
    if recent and limit > MAX_RECENT:
        raise RequestError(f"with recent, limit may be at most {MAX_RECENT}", field="limit")
    with store_problems():
        page = await store.read(page_json, Selection(limit, after, search, recent))
    return Response(page, media_type="application/json")


@router.get(
    "/{id}",
    operation_id="getStation",
    summary="Get a station",
    responses=problems(404, 422, 503, 504),
)
async def get_station(store: StationStoreDep, id: StationId, recent: Recent = False) -> StationDetail:
    """Get the settings of a station, its newest observation and forecast, and the state of its events."""
    with store_problems():
        return station_detail(await store.read(find_station, id, recent=recent))


@router.delete(
    "/{id}",
    operation_id="deleteStation",
    summary="Delete a station",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=problems(403, 404, 422, 503, 504),
)
async def remove_station(store: StationStoreDep, writer: WriterDep, id: StationId) -> Response:
    """Delete a station with all its readings. This cannot be undone.

    Where the service has keys, this call needs the one that created the station, or an admin key.
    """
    with store_problems():
        await store.write(delete_station, id, writer)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _store_station(
    connection: Connection, station: str, settings: StationSettings, webhooks: Sequence[InputWebhook], writer: Writer
) -> tuple[bool, StationRow]:
    is_new, _ = put_watching_station(connection, station, settings, webhooks, int(time.time()), writer)
    return is_new, find_station(connection, station)
