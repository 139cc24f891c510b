"""``/stations/{id}/forecast`` and ``/stations/{id}/forecasts``: what was issued."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.dependencies import StationStoreDep
from service.api.openapi import problems
from service.api.stations.cursor import PAGE, After, PageSize
from service.api.stations.forecasts.forecast_schemas import ForecastArchive, NewestForecast
from service.api.stations.forecasts.forecasts import archive, newest_forecast
from service.api.stations.period import Period, TimeQuery
from service.api.stations.station_id import StationId

router = APIRouter(prefix="/stations/{id}", tags=["stations"])


@router.get(
    "/forecast",
    operation_id="getStationForecast",
    summary="Get the newest forecast of a station",
    responses=problems(404, 422, 503, 504),
)
async def get_newest(store: StationStoreDep, id: StationId) -> NewestForecast:
    """Get the forecast that was issued last, from the latest observation."""
    return await newest_forecast(store, id)


@router.get(
    "/forecasts",
    operation_id="listStationForecasts",
    summary="List the forecasts issued for a station",
    responses=problems(404, 422, 503, 504),
)
async def get_archive(
    store: StationStoreDep,
    id: StationId,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest `observed_until`, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest `observed_until`.")] = None,
    limit: PageSize = PAGE,
    after: After = "",
) -> ForecastArchive:
    """List forecasts as they were issued. Nothing changes them, whatever is observed later."""
    return await archive(store, id, Period.read(begin, to, revisions=False), after, limit)
