"""``/stations/{id}/alerts``: what happened to the events of a station."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.dependencies import StationStoreDep
from service.api.openapi import problems
from service.api.stations.cursor import PAGE, After, PageSize
from service.api.stations.events.event_answers import station_alerts
from service.api.stations.events.event_schemas import AlertList
from service.api.stations.period import Period, TimeQuery
from service.api.stations.station_id import StationId

router = APIRouter(prefix="/stations/{id}", tags=["stations"])


@router.get(
    "/alerts",
    operation_id="listStationAlerts",
    summary="List the alerts of a station",
    responses=problems(404, 422, 503, 504),
)
async def get_alerts(
    store: StationStoreDep,
    id: StationId,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest `raised`, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest `raised`.")] = None,
    limit: PageSize = PAGE,
    after: After = "",
) -> AlertList:
    """List events that began, changed their category, ended or are expected, with what became of each delivery."""
    return await station_alerts(store, id, Period.read(begin, to, revisions=False), after, limit)
