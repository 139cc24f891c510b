"""``/stations/{id}/verification``: how good the issued forecasts were."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from service.api.dependencies import StationStoreDep
from service.api.openapi import problems
from service.api.stations.period import Period, TimeQuery
from service.api.stations.station_id import StationId
from service.api.stations.storing import store_problems
from service.api.stations.verification.verification_schemas import StationVerification
from service.api.stations.verification.verifying import Form, verification
from service.stations.record.verification import Selection

router = APIRouter(prefix="/stations/{id}", tags=["stations"])

_MEDIA_TYPES: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
_CSV: dict[str, Any] = {"content": {"text/csv": {"schema": {"type": "string"}}}}


@router.get(
    "/verification",
    operation_id="verifyStation",
    summary="Verify the forecasts of a station",
    response_model=StationVerification,
    responses={200: _CSV, **problems(404, 422, 503, 504)},
)
async def get_verification(
    store: StationStoreDep,
    id: StationId,
    lead: Annotated[
        int | None, Query(ge=1, le=10_000, description="The number of steps ahead. Defaults to all.")
    ] = None,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest `observed_until`, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest `observed_until`.")] = None,
    by: Annotated[Literal["month"] | None, Query(description="Score each month too.")] = None,
    replayed: Annotated[
        bool | None, Query(description="Score only replayed forecasts, or only the others. Defaults to both.")
    ] = None,
    format: Annotated[Literal["json", "csv"], Query(description="The format of the response.")] = "json",
    table: Annotated[
        Literal["forecasts", "events"], Query(description="Whether CSV has the forecasts or the events; JSON has both.")
    ] = "forecasts",
) -> Response:
    """Compare the issued forecasts and their baselines with the latest revision of the observations."""
    period = Period.read(begin, to, revisions=False)
    selection = Selection(period.begin, period.end, lead, replayed)
    with store_problems():
        form: Form = "events_csv" if format == "csv" and table == "events" else format
        answer = await store.read_long(verification, id, selection, form, by_month=by is not None)
    return Response(answer, media_type=_MEDIA_TYPES[format])
